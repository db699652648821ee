"""Writers: what is written is read back, by other means where there are any."""

import struct
import xml.etree.ElementTree as ElementTree

import meshio
import nibabel
import numpy as np
import pytest

from meshes import (
    affine_of,
    make_image,
    onto_source,
    read_image,
    read_labels,
    read_unstructured,
    to_ras,
    voxel_mesh,
    write_nifti,
    write_vti,
    write_vtu,
)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_carries_its_affine_twice_in_mm(tmp_path, rng, suffix):
    """sform and qform are both set, agree, and the unit is mm."""
    image = make_image(
        rng.random((3, 4, 5)), (0.5, 0.6, 0.7), origin=(-7.0, 8.5, 12.25), direction=np.diag([-1, -1, 1]),
        quantity="field",
    )  # fmt: skip
    path = tmp_path / f"a{suffix}"
    write_nifti(path, image)
    stored = nibabel.load(path)
    np.testing.assert_allclose(stored.get_sform(), affine_of(image), atol=1e-6)
    np.testing.assert_allclose(stored.get_qform(), affine_of(image), atol=1e-5)
    assert stored.header.get_xyzt_units()[0] == "mm"
    assert (int(stored.header["sform_code"]), int(stored.header["qform_code"])) == (1, 1)


def test_density_is_written_in_mg_with_its_type(tmp_path):
    """File = 1000 x image; the description names mg/cm3 and the type; reading gives the image back."""
    image = make_image(np.full((2, 2, 2), 0.125), 1.0, quantity="density", density_type="k2hpo4")
    write_nifti(tmp_path / "a.nii", image, description="month 24")
    stored = nibabel.load(tmp_path / "a.nii")
    np.testing.assert_array_equal(stored.get_fdata(), 125.0)
    assert bytes(stored.header["descrip"]).rstrip(b"\0") == b"density mg/cm3 k2hpo4 month 24"
    back = read_image(tmp_path / "a.nii", quantity="density", density_type="k2hpo4")
    np.testing.assert_allclose(back.values, image.values)


@pytest.mark.parametrize(
    ("quantity", "values", "kind"),
    [
        ("mask", [0, 1], "uint8"),
        ("label", [0, 22], "uint8"),
        ("label", [-1, 300], "int16"),
        ("label", [0, 70000], "int32"),
        ("hu", [-1024, 3071], "int16"),
        ("hu", [0.5, 2.0], "float32"),
        ("field", [np.nan, 2.0], "float32"),
    ],
)
def test_voxels_are_stored_in_the_smallest_fitting_type(tmp_path, quantity, values, kind):
    """Nothing is lost and nothing is larger than it need be."""
    image = make_image(np.array([[values]]), 1.0, quantity=quantity)
    write_nifti(tmp_path / "a.nii.gz", image)
    stored = nibabel.load(tmp_path / "a.nii.gz")
    assert stored.get_data_dtype() == np.dtype(kind)
    np.testing.assert_array_equal(np.asarray(stored.dataobj), image.values)


def test_failed_writing_leaves_nothing_behind(tmp_path, monkeypatch):
    """An error while saving keeps the old file and removes the partial one."""
    image = make_image(np.ones((2, 2, 2)), 1.0, quantity="field")
    path = tmp_path / "a.nii"
    path.write_bytes(b"old")

    def fail(stored, place):
        place.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(nibabel, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        write_nifti(path, image)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.nii"]
    assert path.read_bytes() == b"old"


def test_writers_refuse_other_suffixes_and_missing_folders(tmp_path):
    """The suffix names the format; folders are not made silently."""
    image = make_image(np.ones((2, 2, 2)), 1.0, quantity="field")
    with pytest.raises(ValueError, match=r"\.nii"):
        write_nifti(tmp_path / "a.mha", image)
    with pytest.raises(ValueError, match=r"\.vti"):
        write_vti(tmp_path / "a.vtk", 1.0, (0, 0, 0), {"a": image.values})
    with pytest.raises(ValueError, match=r"\.vtu"):
        write_vtu(tmp_path / "a.stl", voxel_mesh(image.values > 0, 1.0))
    with pytest.raises(FileNotFoundError, match="folder"):
        write_nifti(tmp_path / "none" / "a.nii", image)


def test_real_ct_and_labels_survive_the_round_trip(shared_data, tmp_path):
    """Read, turn to RAS, turn back, write: values and affine of the source file, exactly."""
    for name, read in (
        ("l3_ct1p5mm_tptbox_label-22_ct.nii.gz", read_image),
        ("l3_ct1p5mm_tptbox_seg-vert_label-22_msk.nii.gz", read_labels),
        ("lumbar_ct3mm_totalseg_ct.nii.gz", read_image),
    ):
        source = read(shared_data / name, assume_units="mm")
        write_nifti(tmp_path / "a.nii.gz", onto_source(to_ras(source), source))
        wanted, got = nibabel.load(shared_data / name), nibabel.load(tmp_path / "a.nii.gz")
        np.testing.assert_array_equal(np.asarray(got.dataobj), np.asarray(wanted.dataobj))
        np.testing.assert_array_equal(got.affine, wanted.affine)


def decode_vti(path):
    """Fields of a VTI file by the published format alone: XML head, raw appended blocks after '_'."""
    raw = path.read_bytes()
    start = raw.index(b'<AppendedData encoding="raw">')
    mark = raw.index(b"_", start) + 1
    head = ElementTree.fromstring(raw[:start] + b"</VTKFile>")
    assert head.attrib["header_type"] == "UInt64"
    grid = head.find("ImageData")
    extent = [int(word) for word in grid.attrib["WholeExtent"].split()]
    shape = tuple(extent[2 * i + 1] - extent[2 * i] for i in range(3))
    kinds = {"Float32": "f4", "Float64": "f8", "UInt8": "u1", "Int16": "i2", "Int32": "i4"}
    fields = {}
    for entry in grid.iter("DataArray"):
        place = mark + int(entry.attrib["offset"])
        (size,) = struct.unpack_from("=Q", raw, place)
        flat = np.frombuffer(raw[place + 8 : place + 8 + size], kinds[entry.attrib["type"]])
        parts = int(entry.attrib["NumberOfComponents"])
        block = flat.reshape(*shape[::-1], parts).transpose(2, 1, 0, 3)
        fields[entry.attrib["Name"]] = block[..., 0] if parts == 1 else block
    return grid.attrib, fields


def test_vti_decodes_to_what_was_written(tmp_path, rng):
    """Every type and shape comes back bit for bit; VTK's origin is the corner of voxel [0, 0, 0]."""
    fields = {
        "SED (MPa)": rng.random((3, 4, 5)),
        "mask": rng.random((3, 4, 5)) < 0.5,
        "label": rng.integers(0, 50, (3, 4, 5)).astype(np.int16),
        'a "quoted" <name>': rng.random((3, 4, 5, 3)).astype(np.float32),
    }
    axes = np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]])
    write_vti(tmp_path / "a.vti", (1.0, 2.0, 3.0), (10.0, 20.0, 30.0), fields, direction=axes)
    attributes, decoded = decode_vti(tmp_path / "a.vti")
    assert set(decoded) == set(fields)
    for name, values in fields.items():
        np.testing.assert_array_equal(decoded[name], values)
    origin = np.array(attributes["Origin"].split(), float)
    np.testing.assert_allclose(origin, np.array([10, 20, 30]) - axes @ [0.5, 1.0, 1.5])
    np.testing.assert_array_equal(np.array(attributes["Direction"].split(), float).reshape(3, 3), axes)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "empty"),
        ({"a": np.zeros((2, 2))}, "'a' needs shape"),
        ({"a": np.zeros((2, 2, 2)), "b": np.zeros((2, 2, 3))}, "one shape"),
        ({"a": np.zeros((2, 2, 2), complex)}, "VTK cannot store"),
    ],
)
def test_vti_refuses_what_vtk_cannot_hold(tmp_path, fields, word):
    """No file is left behind."""
    with pytest.raises(ValueError, match=word):
        write_vti(tmp_path / "a.vti", 1.0, (0, 0, 0), fields)
    assert not list(tmp_path.iterdir())


def test_voxel_mesh_shares_nodes_and_keeps_volume(rng):
    """Sum of the hexahedra's signed volumes = voxels x spacing^3; nodes are shared; order is argwhere's."""
    mask = rng.random((4, 5, 6)) < 0.4
    mesh = voxel_mesh(
        mask, (0.5, 0.6, 0.7), origin=(1.0, 2.0, 3.0), cell_fields={"f": np.cumsum(mask).reshape(mask.shape)}
    )
    cells = mesh.points[mesh.cells_dict["hexahedron"]]
    edges = cells[:, [1, 3, 4]] - cells[:, [0]]
    np.testing.assert_allclose(np.linalg.det(edges), 0.5 * 0.6 * 0.7)
    expected = (np.argwhere(mask) - 0.5) * [0.5, 0.6, 0.7] + [1.0, 2.0, 3.0]
    np.testing.assert_allclose(cells[:, 0], expected)
    np.testing.assert_array_equal(mesh.cell_data["f"][0], np.arange(1, mask.sum() + 1))
    assert len(np.unique(mesh.points.round(9), axis=0)) == len(mesh.points)


def test_hexahedra_lie_around_the_voxels_of_the_image(rng):
    """Mean of a cell's corners = world position of its voxel, for turned axes too."""
    axes = np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]])
    image = make_image(
        rng.random((3, 4, 5)) < 0.5, (1, 2, 3), origin=(5, 6, 7), direction=axes, quantity="mask"
    )
    mesh = voxel_mesh(image.values, image.spacing, image.origin, direction=image.direction)
    centres = mesh.points[mesh.cells_dict["hexahedron"]].mean(axis=1)
    affine = affine_of(image)
    np.testing.assert_allclose(centres, np.argwhere(image.values) @ affine[:3, :3].T + affine[:3, 3])


def test_vtu_round_trip_leaves_the_mesh_as_it_was(tmp_path, rng):
    """write_vtu copies: types and values of the mesh stay; reading gives it back."""
    mesh = voxel_mesh(rng.random((3, 3, 3)) < 0.6, 1.0)
    mesh.cell_data["bool"] = [np.ones(len(mesh.cells[0].data), np.int8)]
    mesh.points = mesh.points.astype(">f8")
    write_vtu(tmp_path / "a.vtu", mesh)
    assert mesh.points.dtype == np.dtype(">f8")
    back = read_unstructured(tmp_path / "a.vtu")
    np.testing.assert_array_equal(back.points, mesh.points)
    np.testing.assert_array_equal(back.cells_dict["hexahedron"], mesh.cells_dict["hexahedron"])


@pytest.mark.parametrize("name", ["a.vtu", "a.stl", "a.obj", "a.msh", "a.unknown"])
def test_bad_mesh_files_never_end_the_program(tmp_path, rng, name):
    """meshio's SystemExit and its kin are ValueErrors here."""
    (tmp_path / name).write_bytes(rng.bytes(400))
    with pytest.raises(ValueError, match=name):
        read_unstructured(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_unstructured(tmp_path / f"missing-{name}")


def test_voxel_mesh_refuses_what_is_no_mask():
    """Empty masks, numbers instead of booleans, fields of another length."""
    with pytest.raises(ValueError, match="voxel set"):
        voxel_mesh(np.zeros((2, 2, 2), bool), 1.0)
    with pytest.raises(TypeError, match="boolean"):
        voxel_mesh(np.ones((2, 2, 2)), 1.0)
    with pytest.raises(ValueError, match="needs 8 elements"):
        voxel_mesh(np.ones((2, 2, 2), bool), 1.0, cell_fields={"a": np.zeros(7)})


def test_visible_human_l3_is_as_large_as_the_synthetic_one_claims(shared_data):
    """Width, depth and height of the Visible Human L3 body are those of a lumbar vertebra in mm."""
    mesh = read_unstructured(shared_data / "l3_visiblehuman_artisynth_body.stl")
    assert isinstance(mesh, meshio.Mesh)
    sizes = np.sort(np.ptp(mesh.points, axis=0))
    assert 24 < sizes[0] < 40
    assert 40 < sizes[2] < 65
