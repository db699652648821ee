"""Closed surfaces: cut, made into voxels and into tetrahedra."""

import sys
from importlib.util import find_spec

import meshio
import numpy as np
import pytest

from meshes import (
    boundary_faces,
    cut_surface,
    make_box_mesh,
    mesh_quality,
    read_surface,
    require_closed,
    surface_volume,
    tetrahedralize,
    voxelize_surface,
)

needs_mesher = pytest.mark.skipif(
    find_spec("wildmeshing") is None, reason="wildmeshing is not installed (extra `mesher`)"
)


def ball(radius=5.0, count=12):
    """Surface of a cube of tetrahedra blown up to a ball."""
    box = make_box_mesh(count, 2.0, "tet4")
    points = box.points - 1.0
    size = np.linalg.norm(points, axis=1, keepdims=True)
    largest = np.abs(points).max(axis=1, keepdims=True)
    round_points = radius * points * largest / np.maximum(size, 1e-12)
    faces = boundary_faces(box)["tri3"]
    used, inverse = np.unique(faces, return_inverse=True)
    return round_points[used] + [0.3, -0.2, 0.1], inverse.reshape(faces.shape)


def test_a_surface_file_is_read_with_its_vertices_merged(tmp_path):
    """STL repeats every vertex; metres become mm."""
    points, triangles = ball(count=4)
    meshio.write(
        tmp_path / "a.stl",
        meshio.Mesh(
            points[triangles].reshape(-1, 3).astype(np.float32),
            [("triangle", np.arange(triangles.size).reshape(-1, 3))],
        ),
        file_format="stl",
        binary=True,
    )
    found, faces = read_surface(tmp_path / "a.stl", scale_mm=1000.0)
    assert len(found) == len(points)
    require_closed(faces)
    assert surface_volume(found, faces) == pytest.approx(1e9 * surface_volume(points, triangles), rel=1e-5)
    with pytest.raises(ValueError, match="`scale_mm` must be positive"):
        read_surface(tmp_path / "a.stl", scale_mm=-1.0)


def test_an_open_surface_is_refused():
    """One triangle less leaves three open edges."""
    points, triangles = ball(count=3)
    for function in (
        lambda: require_closed(triangles[1:]),
        lambda: voxelize_surface(points, triangles[1:], 1.0),
    ):
        with pytest.raises(ValueError, match="3 edges have one triangle only"):
            function()


def test_a_cut_surface_is_closed_and_has_the_volume_between_the_planes():
    """Cutting a cube between z = 0.25 and z = 0.7 leaves 0.45; cutting again in a vertex plane works."""
    box = make_box_mesh(4, 1.0, "tet4")
    faces = boundary_faces(box)["tri3"]
    used, inverse = np.unique(faces, return_inverse=True)
    cube = box.points[used], inverse.reshape(faces.shape)
    points, triangles = cut_surface(*cube, 0.25, 0.7)
    require_closed(triangles)
    assert surface_volume(points, triangles) == pytest.approx(0.45, rel=1e-6)
    assert points[:, 2].min() == pytest.approx(0.25)
    assert points[:, 2].max() == pytest.approx(0.7)
    with pytest.raises(ValueError, match=r"must lie in this order between 0\.000 and 1\.000"):
        cut_surface(*cube, 0.5, 0.4)


def test_voxels_of_a_ball_have_its_volume_and_its_places():
    """Centres within the radius are set; the volume tends to that of the surface."""
    points, triangles = ball(count=24)
    image = voxelize_surface(points, triangles, 0.37)
    centres = np.argwhere(image.values) * 0.37 + image.origin
    distance = np.linalg.norm(centres - [0.3, -0.2, 0.1], axis=1)
    assert distance.max() <= 5.0
    assert image.values.sum() * 0.37**3 == pytest.approx(surface_volume(points, triangles), rel=0.01)
    outside = np.argwhere(~image.values) * 0.37 + image.origin
    assert np.linalg.norm(outside - [0.3, -0.2, 0.1], axis=1).min() >= 4.85


def test_voxels_of_a_cube_in_the_grid_are_all_set():
    """A surface that coincides with the grid: every voxel of it and none more."""
    box = make_box_mesh(3, 3.0, "tet4")
    faces = boundary_faces(box)["tri3"]
    image = voxelize_surface(box.points, faces, 0.5, low_mm=[-1.0, -1, -1], high_mm=[4.0, 4, 4])
    expected = np.zeros((10, 10, 10), bool)
    expected[2:8, 2:8, 2:8] = True
    assert np.array_equal(image.values, expected)


@needs_mesher
def test_tetrahedra_fill_the_ball_between_two_planes(capfd, tmp_path, monkeypatch):
    """Volume within 2 %, flat ends with the area of the cut, no inverted element, no trace elsewhere."""
    monkeypatch.chdir(tmp_path)
    points, triangles = cut_surface(*ball(), -2.9, 3.1)
    mesh = tetrahedralize(points, triangles, 2.0, flat_ends=True)
    assert capfd.readouterr().out == ""
    assert not list(tmp_path.iterdir())
    quality = mesh_quality(mesh)
    assert len(quality.inverted) == 0
    assert quality.scaled_jacobian.min() > 0.01
    assert quality.volume.sum() == pytest.approx(surface_volume(points, triangles), rel=0.02)
    for name, plane in (("z-", -2.9), ("z+", 3.1)):
        corner = mesh.points[mesh.face_sets[name]["tri3"]]
        assert np.allclose(corner[..., 2], plane, rtol=0, atol=1e-9)
        flat = triangles[np.isclose(points[triangles][..., 2], plane).all(axis=1)]
        wanted, found = (
            np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1).sum() / 2
            for t in (points[flat], corner)
        )
        assert found == pytest.approx(wanted, rel=0.02)


def test_without_the_mesher_a_sentence_says_what_to_do(monkeypatch):
    """The extra to install."""
    monkeypatch.setitem(sys.modules, "wildmeshing", None)
    with pytest.raises(ModuleNotFoundError, match=r"osteon\[mesher\]"):
        tetrahedralize(*ball(count=3), 2.0)
