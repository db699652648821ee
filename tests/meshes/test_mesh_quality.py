"""Quality of elements, and images on elements."""

import numpy as np
import pytest

from meshes import (
    ELEMENTS,
    UnstructuredMesh,
    make_box_mesh,
    make_image,
    make_mesh,
    mesh_quality,
    sample_image,
    sample_on_elements,
)


def test_ideal_elements_have_measure_one():
    """Cube and regular tetrahedron: scaled Jacobian, mean ratio, Jacobian ratio and edge ratio are 1."""
    regular = make_mesh([[1, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1]], {"tet4": [[0, 1, 2, 3]]})
    for mesh in (make_box_mesh(2, 3.0, "hex8"), make_box_mesh(1, 3.0, "hex20"), regular):
        quality = mesh_quality(mesh)
        for name in ("scaled_jacobian", "mean_ratio", "jacobian_ratio", "aspect"):
            assert np.allclose(getattr(quality, name), 1.0, rtol=0, atol=1e-12), name
        assert len(quality.inverted) == 0


def test_measures_of_a_stretched_box_are_those_of_the_formulas():
    """Edges 1, 1, s: mean ratio 3 s^(2/3) / (2 + s^2), edge ratio s, scaled Jacobian 1."""
    quality = mesh_quality(make_box_mesh(1, (1.0, 1.0, 4.0)))
    assert quality.mean_ratio == pytest.approx(3 * 4 ** (2 / 3) / 18)
    assert quality.aspect == pytest.approx(4.0)
    assert quality.scaled_jacobian == pytest.approx(1.0)
    assert quality.volume == pytest.approx(4.0)


def test_measures_do_not_depend_on_size_and_place(rng):
    """Scaled by 7 and moved: the same numbers."""
    mesh = make_box_mesh(2, 1.0, "tet10")
    bent = make_mesh(mesh.points + 0.02 * rng.standard_normal(mesh.points.shape), mesh.cells)
    moved = make_mesh(7.0 * bent.points + [1.0, 2.0, 3.0], bent.cells)
    for name in ("scaled_jacobian", "mean_ratio", "jacobian_ratio", "aspect"):
        assert np.allclose(getattr(mesh_quality(bent), name), getattr(mesh_quality(moved), name), rtol=1e-9)


@pytest.mark.parametrize("kind", ["tet4", "hex8"])
def test_inverted_elements_are_named_with_type_and_place(kind):
    """Elements 2 and 3 mirrored: two sentences with index, type and centre, one of them left to the count."""
    mesh = make_box_mesh((1, 1, 4), (1.0, 1.0, 4.0), kind)
    nodes = mesh.cells[kind].copy()
    mirror = [1, 0, 2, 3] if kind == "tet4" else [1, 0, 3, 2, 5, 4, 7, 6]
    nodes[2:4] = nodes[2:4, mirror]
    quality = mesh_quality(UnstructuredMesh(mesh.points, {kind: nodes}, {}, {}, {}, {}), list_at_most=1)
    assert quality.inverted.tolist() == [2, 3]
    assert (quality.scaled_jacobian[2:4] < 0).all()
    assert (quality.mean_ratio[2:4] < 0).all()
    place = ", ".join(f"{x:.4g}" for x in mesh.points[nodes[2, : ELEMENTS[kind].corners]].mean(axis=0))
    assert any(f"element 2 ({kind}) around ({place}) mm" in line for line in quality.report)
    assert quality.report[-1] == "and 1 more inverted elements"


def linear_image():
    """1 + 2 x - y + 3 z on turned axes with unequal spacing."""
    direction = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    spacing, origin = np.array([0.5, 0.7, 0.9]), np.array([3.0, -1.0, -1.0])
    index = np.argwhere(np.ones((12, 9, 8), bool))
    world = origin + (index * spacing) @ direction.T
    values = (1 + world @ [2.0, -1.0, 3.0]).reshape(12, 9, 8)
    return make_image(values, spacing, origin=origin, direction=direction, quantity="field")


def test_linear_images_are_sampled_exactly(rng):
    """Trilinear values of a linear field are the field."""
    points = rng.uniform([-2.0, -0.5, -0.5], [2.5, 4.0, 5.0], (50, 3))
    assert np.allclose(
        sample_image(linear_image(), points), 1 + points @ [2.0, -1.0, 3.0], rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("kind", ELEMENTS)
def test_means_over_elements_are_those_of_the_field(kind):
    """The mean of a linear field over an element with straight edges is its value at the centroid."""
    box = make_box_mesh(2, 2.0, kind)
    means, values = sample_on_elements(linear_image(), box, degree=2)
    corner = box.points[box.cells[kind][:, : ELEMENTS[kind].corners]]
    centre = corner.mean(axis=1)
    assert np.allclose(means, 1 + centre @ [2.0, -1.0, 3.0], rtol=0, atol=1e-12)
    per_point = sample_on_elements(linear_image(), box)[1][kind]
    assert per_point.shape == (len(means), len(ELEMENTS[kind].quadrature[1]))
    assert values[kind].shape[0] == len(means)


def test_points_outside_the_image_are_an_error_unless_filled():
    """The first of them is named; with `fill` they take it; the outer half voxel has the outer value."""
    image = make_image(np.full((3, 3, 3), 5.0), 1.0, quantity="field")
    assert sample_image(image, [2.4, 0.0, 0.0]) == 5.0
    with pytest.raises(ValueError, match=r"1 of 2 points outside the image, the first at \[4.0, 0.0, 0.0\]"):
        sample_image(image, [[0.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
    assert sample_image(image, [[0.0, 0.0, 0.0], [4.0, 0.0, 0.0]], fill=-1.0).tolist() == [5.0, -1.0]
    hole = make_image(np.array([[[np.nan, 1.0]]]), 1.0, quantity="field")
    with pytest.raises(ValueError, match="1 voxels that are not finite"):
        sample_image(hole, [0.0, 0.0, 0.0])
