"""Unstructured meshes through files: round trips, sets, and what meshio does badly."""

import io
from contextlib import redirect_stdout
from dataclasses import replace

import meshio
import numpy as np
import pytest

from meshes import (
    ELEMENTS,
    from_meshio,
    make_box_mesh,
    make_mesh,
    read_mesh,
    to_meshio,
    write_mesh,
)


def example(kind):
    """A box of a kind with every sort of set and two fields."""
    box = make_box_mesh((1, 2, 2), (1.0, 2.0, 3.0), kind)
    count = len(box.cells[kind])
    return make_mesh(
        box.points,
        box.cells,
        node_sets={"bottom": box.node_sets["z-"], "pin": [0]},
        element_sets={"soft": np.arange(count // 2), "last": [count - 1]},
        face_sets={"top": box.face_sets["z+"], "side": box.face_sets["x-"]},
        fields={"modulus": np.linspace(1.0, 2.0, count), "label": np.arange(count)},
    )


def mixed():
    """A cube beside a tetrahedron."""
    points = [*((np.array(ELEMENTS["hex8"].nodes) + 1) / 2), [2.0, 0.5, 0.5]]
    return make_mesh(
        points,
        {"tet4": [[1, 2, 6, 8]], "hex8": [list(range(8))]},
        element_sets={"cube": [0], "tip": [1]},
        fields={"modulus": [10.0, 20.0]},
    )


def require_equal(found, expected, *, names=lambda name: name, fields=True, faces=True):
    """Points, cells, sets and fields of two meshes."""
    assert np.allclose(found.points, expected.points, rtol=0, atol=1e-12)
    assert found.cells.keys() == expected.cells.keys()
    for kind, nodes in expected.cells.items():
        assert np.array_equal(found.cells[kind], nodes)
    for attribute in ("node_sets", "element_sets"):
        for name, members in getattr(expected, attribute).items():
            assert np.array_equal(getattr(found, attribute)[names(name)], members), name
    if fields:
        assert found.fields.keys() == expected.fields.keys()
        for name, values in expected.fields.items():
            assert np.array_equal(found.fields[name], values)
    if faces:
        for name, parts in expected.face_sets.items():
            for kind, nodes in parts.items():
                wanted, got = (
                    sorted(map(tuple, np.sort(n, axis=1)))
                    for n in (nodes, found.face_sets[names(name)][kind])
                )
                assert wanted == got


@pytest.mark.parametrize("suffix", [".vtu", ".vtk"])
@pytest.mark.parametrize("kind", ELEMENTS)
def test_a_mesh_comes_back_from_a_file_as_it_was(kind, suffix, tmp_path):
    """Points, nodes of elements, sets of nodes, elements and faces, fields; the unit is scaled when asked."""
    mesh = example(kind)
    write_mesh(tmp_path / f"a{suffix}", mesh)
    require_equal(read_mesh(tmp_path / f"a{suffix}", scale_mm=1.0), mesh)
    metres = read_mesh(tmp_path / f"a{suffix}", scale_mm=1000.0)
    assert np.allclose(metres.points, 1000.0 * mesh.points)


@pytest.mark.parametrize("kind", ELEMENTS)
def test_inp_keeps_types_sets_and_surfaces(kind, tmp_path):
    """C3D4, C3D8, C3D10 and C3D20 by name (meshio writes C3D8RH), sets and surfaces of our own writer."""
    mesh = replace(example(kind), fields={})
    write_mesh(tmp_path / "a.inp", mesh)
    assert f"TYPE=C3D{len(ELEMENTS[kind].nodes)}\n" in (tmp_path / "a.inp").read_text()
    require_equal(read_mesh(tmp_path / "a.inp", scale_mm=1.0), mesh, names=str.upper, fields=False)


def test_inp_refuses_fields_instead_of_dropping_them(tmp_path):
    """meshio drops cell data without a word."""
    with pytest.raises(ValueError, match="fields modulus, label, which INP cannot hold"):
        write_mesh(tmp_path / "a.inp", example("hex8"))
    with pytest.raises(ValueError, match="do not fit into INP"):
        write_mesh(tmp_path / "a.inp", replace(example("hex8"), fields={}), element_fields={"a": np.ones(4)})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".vtu", ".vtk"])
def test_elements_of_two_types_keep_their_numbers(suffix, tmp_path):
    """Fields and sets of a mesh of hexahedra and tetrahedra."""
    write_mesh(tmp_path / f"a{suffix}", mixed())
    require_equal(read_mesh(tmp_path / f"a{suffix}", scale_mm=1.0), mixed())


def test_blocks_of_one_type_become_one_and_loose_points_go():
    """Two blocks of tetrahedra with a triangle between: numbering, fields and sets follow the blocks."""
    points = np.array([[9, 9, 9], [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1.0]])
    mesh = meshio.Mesh(
        points,
        [
            ("tetra", np.array([[1, 2, 3, 4]])),
            ("triangle", np.array([[1, 2, 3]])),
            ("tetra", np.array([[1, 3, 2, 5]])),
        ],
        cell_data={"E": [np.array([1.0]), np.array([0.0]), np.array([2.0])]},
        point_sets={"tip": np.array([0, 4])},
        cell_sets={
            "lower": [np.array([], int), np.array([], int), np.array([0])],
            "cut": [np.array([], int), np.array([0]), np.array([], int)],
        },
    )
    found = from_meshio(mesh, scale_mm=2.0)
    assert np.array_equal(found.points, 2.0 * points[1:])
    assert found.cells["tet4"].tolist() == [[0, 1, 2, 3], [0, 2, 1, 4]]
    assert found.fields["E"].tolist() == [1.0, 2.0]
    assert found.element_sets["lower"].tolist() == [1]
    assert found.node_sets["tip"].tolist() == [3]
    assert found.node_sets["cut"].tolist() == [0, 1, 2]
    assert found.face_sets["cut"]["tri3"].tolist() == [[0, 1, 2]]


GMSH = """$MeshFormat
2.2 0 8
$EndMeshFormat
$PhysicalNames
3
0 9 "pin"
2 7 "bottom"
3 1 "bone"
$EndPhysicalNames
$Nodes
5
1 0 0 0
2 1 0 0
3 0 1 0
4 0 0 1
9 5 5 5
$EndNodes
$Elements
3
1 15 2 9 1 1
2 2 2 7 1 1 3 2
3 4 2 1 1 1 2 3 4
$EndElements
"""


def test_physical_names_of_gmsh_are_sets(tmp_path):
    """Names of volumes are element sets, those of surfaces face and node sets, those of points node sets."""
    (tmp_path / "a.msh").write_text(GMSH)
    mesh = read_mesh(tmp_path / "a.msh", scale_mm=1.0)
    assert len(mesh.points) == 4
    assert mesh.element_sets["bone"].tolist() == [0]
    assert mesh.face_sets["bottom"]["tri3"].tolist() == [[0, 2, 1]]
    assert mesh.node_sets["bottom"].tolist() == [0, 1, 2]
    assert mesh.node_sets["pin"].tolist() == [0]
    assert mesh.fields == {}


GMSH_4 = """$MeshFormat
4.1 0 8
$EndMeshFormat
$PhysicalNames
2
2 7 "bottom"
3 1 "bone"
$EndPhysicalNames
$Entities
0 0 1 1
1 0 0 0 1 1 0 1 7 0
1 0 0 0 1 1 1 1 1 1 1
$EndEntities
$Nodes
1 4 1 4
3 1 0 4
1
2
3
4
0 0 0
1 0 0
0 1 0
0 0 1
$EndNodes
$Elements
2 2 1 2
2 1 2 1
1 1 3 2
3 1 4 1
2 1 2 3 4
$EndElements
"""


def test_physical_names_of_the_newer_gmsh_format_are_sets(tmp_path):
    """Format 4.1, where names hang on the entities that elements belong to."""
    (tmp_path / "a.msh").write_text(GMSH_4)
    mesh = read_mesh(tmp_path / "a.msh", scale_mm=1.0)
    assert mesh.element_sets["bone"].tolist() == [0]
    assert mesh.face_sets["bottom"]["tri3"].tolist() == [[0, 2, 1]]
    assert mesh.node_sets["bottom"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(("suffix", "form"), [("msh", "gmsh22"), ("msh", "gmsh"), ("ugrid", "ugrid")])
def test_text_files_that_meshio_spoils_are_refused_with_a_sentence(suffix, form, tmp_path):
    """Under NumPy 2 meshio writes "np.float64(1.0)" into ASCII files, which are refused."""
    data = {"modulus": [np.array([5.0])]} if suffix == "msh" else {}
    mesh = meshio.Mesh(np.eye(4)[:, :3], [("tetra", np.array([[3, 0, 1, 2]]))], cell_data=data)
    path = tmp_path / f"a.{suffix}"
    options = {"binary": False} if suffix == "msh" else {}
    with redirect_stdout(io.StringIO()):
        meshio.write(path, mesh, file_format=form, **options)
    if "np.float64" not in path.read_text():
        # a meshio that writes numbers
        assert len(read_mesh(path, scale_mm=1.0).points) == 4
        return
    with pytest.raises(ValueError, match="cannot be handled as a mesh"):
        read_mesh(path, scale_mm=1.0)


@pytest.mark.parametrize("name", ["a.vtu", "a.vtk", "a.msh", "a.inp", "a.stl"])
def test_a_bad_file_is_an_error_and_ends_nothing(name, tmp_path):
    """meshio calls sys.exit(1); here it is a ValueError."""
    (tmp_path / name).write_text("*NODE\nnot a mesh\n")
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        read_mesh(tmp_path / name, scale_mm=1.0)
    with pytest.raises(FileNotFoundError):
        read_mesh(tmp_path / "none.vtu", scale_mm=1.0)


@pytest.mark.parametrize("suffix", [".vtu", ".vtk"])
def test_writing_leaves_the_mesh_alone(suffix, tmp_path):
    """meshio's writers change types and byte order of the mesh they get; ours get a copy."""
    mesh = example("tet4")
    arrays = [mesh.points, mesh.cells["tet4"], *mesh.fields.values(), *mesh.node_sets.values()]
    before = [(array.copy(), array.dtype) for array in arrays]
    shown = to_meshio(mesh)
    write_mesh(tmp_path / f"a{suffix}", mesh, point_fields={"u": np.zeros((len(mesh.points), 3))})
    for array, (values, dtype) in zip(arrays, before, strict=True):
        assert array.dtype == dtype
        assert np.array_equal(array, values)
    assert shown.cells[0].data.dtype == mesh.cells["tet4"].dtype


INP = """*HEADING
** two parts of one body
*NODE, NSET=ALL
1, 0., 0., 0.
2, 1., 0., 0.
3, 0., 1., 0.
4, 0., 0., 1.
5, 0., 0., -1.
8, 7., 7., 7.
*ELEMENT, TYPE=S3
90, 1, 2, 3
*Element, type=C3D4
10, 1, 2, 3, 4
*ELEMENT, TYPE=C3D4, ELSET=Lower
20, 1, 3, 2,
5
*NSET, NSET=A
1, 2,
*NSET, NSET=B
A, 5
*NSET, NSET=C, GENERATE
1, 5, 2
*ELSET, ELSET=D
Lower, 10
*SURFACE, TYPE=ELEMENT, NAME=TOP
10, S3
Lower, S2
"""


def test_inp_sets_inside_sets_and_elements_without_one(tmp_path):
    """What meshio's reader mixes up: a set of the second of two element blocks, names inside sets."""
    (tmp_path / "a.inp").write_text(INP)
    mesh = read_mesh(tmp_path / "a.inp", scale_mm=1.0)
    assert mesh.cells["tet4"].tolist() == [[0, 1, 2, 3], [0, 2, 1, 4]]
    sets = {name: members.tolist() for name, members in mesh.node_sets.items()}
    assert sets == {"ALL": [0, 1, 2, 3, 4], "A": [0, 1], "B": [0, 1, 4], "C": [0, 2, 4]}
    assert {k: v.tolist() for k, v in mesh.element_sets.items()} == {"LOWER": [1], "D": [0, 1]}
    faces = [set(face) for face in mesh.face_sets["TOP"]["tri3"].tolist()]
    # S3 of a tetrahedron is 2-4-3, S2 is 1-4-2 in its own nodes
    assert faces == [{1, 3, 2}, {0, 4, 2}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("*NODE\n1, 0, 0, 0\n", "at least one solid element"),
        ("*ELEMENT, TYPE=C3D4\n1, 1, 2, 3, 4\n", "4 nodes without a position, the first is 1"),
        ("*ELEMENT, TYPE=C3D6\n1, 1, 2, 3, 4, 5, 6\n", "C3D6 are not supported"),
        ("*ELEMENT, TYPE=C3D4\n1, 1, 2, 3\n", "has 3 nodes"),
        ("*INCLUDE, INPUT=other.inp\n", "put the included file into this one"),
        ("*PART, NAME=A\n*PART, NAME=B\n", "more than one part"),
        ("*NSET, NSET=A\nnone\n", "cannot be read"),
    ],
)
def test_inp_that_cannot_be_meant_is_refused(text, words, tmp_path):
    """Each with the reason."""
    (tmp_path / "a.inp").write_text(text)
    with pytest.raises(ValueError, match=words):
        read_mesh(tmp_path / "a.inp", scale_mm=1.0)


def test_what_no_mesh_of_solids_is_is_refused(tmp_path):
    """Surfaces, wedges, inverted elements, a wrong scale, an unknown suffix."""
    points = np.eye(4)[:, :3]
    surface = meshio.Mesh(points, [("triangle", np.array([[0, 1, 2]]))])
    with pytest.raises(ValueError, match=r"must hold solids .* got triangle"):
        from_meshio(surface, scale_mm=1.0)
    wedge = meshio.Mesh(np.zeros((6, 3)), [("wedge", np.arange(6)[None])])
    with pytest.raises(ValueError, match="solids of type wedge"):
        from_meshio(wedge, scale_mm=1.0)
    mirrored = meshio.Mesh(points, [("tetra", np.array([[3, 1, 0, 2]]))])
    with pytest.raises(ValueError, match="holds 1 inverted"):
        from_meshio(mirrored, scale_mm=1.0)
    write_mesh(tmp_path / "a.vtu", example("tet4"))
    with pytest.raises(ValueError, match="`scale_mm` must be positive"):
        read_mesh(tmp_path / "a.vtu", scale_mm=0.0)
    with pytest.raises(ValueError, match=r"must end in \.vtu"):
        write_mesh(tmp_path / "a.stl", example("tet4"))
    with pytest.raises(ValueError, match="needs 24 values"):
        to_meshio(example("tet4"), element_fields={"a": np.ones(3)})
    with pytest.raises(ValueError, match="`point_fields"):
        to_meshio(example("tet4"), point_fields={"a": np.ones(3)})
