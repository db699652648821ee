"""Traps that readers let pass, each with a file made for it: one sentence, and nothing read.

The rows are those of docs/inputs.md. Series of slices, other formats and meshes have more in
test_meshes_dicom.py, test_meshes_formats.py and test_mesh_files.py.
"""

import gzip
import io
import tracemalloc
import zipfile

import meshio
import nibabel
import numpy as np
import pytest

from meshes import (
    components,
    largest_component,
    make_box_mesh,
    make_image,
    read_image,
    read_labels,
    read_mask,
    read_mesh,
    read_surface,
    require_same_grid,
    write_mesh,
    write_nifti,
    write_vtu,
)
from tests.nifti_files import save_nifti

AFFINE = np.diag([1.5, 1.5, 2.0, 1.0])


def nifti(folder, change, values=None):
    """A file whose header was changed behind nibabel's back."""
    data = np.ones((4, 5, 6), np.int16) if values is None else values
    path = save_nifti(data, AFFINE, folder / "a.nii")
    raw = bytearray(path.read_bytes())
    header = nibabel.Nifti1Header(bytes(raw[:348]), check=False)
    change(header)
    raw[:348] = header.binaryblock
    path.write_bytes(raw)
    return path


def with_fields(**fields):
    """A maker of a file with other header fields; a number behind a name, as in pixdim_3, is its entry."""

    def make(folder):
        def change(header):
            for name, value in fields.items():
                field, _, entry = name.rpartition("_") if name[-1].isdigit() else (name, "", "")
                if entry:
                    header[field][int(entry)] = value
                else:
                    header[name] = value

        return nifti(folder, change)

    return make


def converter_bug(folder):
    """The qform says slices of 1.5 mm, the sform 2 mm: z is 33 % wrong in one of them."""
    return nifti(folder, lambda header: header.set_qform(np.diag([1.5, 1.5, 1.5, 1.0]), code=1))


def claims(folder):
    """30000^3 voxels in 352 bytes."""
    path = nifti(folder, lambda header: header["dim"].__setitem__(slice(1, 4), 30000))
    path.write_bytes(path.read_bytes()[:352])
    return path


def gzip_bomb(folder):
    """2.2 GB of zeros in 2.2 MB: one packed block, 70 times."""
    path = nifti(folder, lambda header: header["dim"].__setitem__(slice(1, 4), (1300, 1300, 650)))
    block = gzip.compress(bytes(2**25), 9)
    path.with_suffix(".nii.gz").write_bytes(gzip.compress(path.read_bytes()[:352]) + 70 * block)
    return path.with_suffix(".nii.gz")


def npz(folder, name, header_shape, payload):
    """An archive with one packed array whose header promises a shape."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|u1", "fortran_order": False, "shape": header_shape}
    )
    path = folder / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, stream.getvalue() + payload)
    return path


def npz_bomb(folder):
    """2.1 MB that would unpack to 2.1 GB (its bytes are noise: it is refused before they are looked at)."""
    return npz(folder, "mask.npy", (1290, 1290, 1290), np.random.default_rng(1).bytes(2_200_000))


def climbing_name(folder):
    """A member that an unpacking program would write into the folder above."""
    return npz(folder, "../mask.npy", (2, 2, 2), bytes(8))


def climbing_data_file(folder):
    """A header whose voxels lie outside of its folder."""
    pytest.importorskip("SimpleITK")
    (folder / "in").mkdir()
    (folder / "secret.raw").write_bytes(bytes(64))
    header = "ObjectType = Image\nNDims = 3\nElementSpacing = 1 1 1\nDimSize = 4 4 4\n"
    (folder / "in" / "a.mhd").write_text(
        header + "ElementType = MET_UCHAR\nElementDataFile = ../secret.raw\n"
    )
    return folder / "in" / "a.mhd"


def gantry(folder):
    """Slices sheared by 15 degrees."""
    affine = AFFINE.copy()
    affine[1, 2] = 2.0 * np.tan(np.deg2rad(15))
    return save_nifti(np.ones((4, 5, 6), np.int16), affine, folder / "a.nii")


def nan_voxel(folder):
    """One voxel of 24 is NaN."""
    values = np.full((2, 3, 4), 50.0, np.float32)
    values[1, 2, 3] = np.nan
    return save_nifti(values, AFFINE, folder / "a.nii")


def float_labels(folder):
    """Labels resampled by a spline."""
    return save_nifti(np.full((2, 3, 4), 21.5, np.float32), AFFINE, folder / "a.nii")


TRAPS = {
    "NaN in the affine": (with_fields(srow_x_0=np.nan), read_image, "affine holds NaN"),
    "NaN slope of the values": (with_fields(scl_slope=np.nan), read_image, r"scl_slope` nan.*save the image"),
    "NaN intercept": (with_fields(scl_inter=np.nan), read_image, "invalid intercept nan"),
    "infinite slope": (with_fields(scl_slope=np.inf), read_image, "scaling of its values is not finite"),
    "zero voxel size": (with_fields(pixdim_3=0.0), read_image, "voxel size must be positive"),
    "unknown unit": (with_fields(xyzt_units=0), read_image, "states no unit of length.*assume-units mm"),
    "unit of no meaning": (with_fields(xyzt_units=5), read_image, "unknown length unit 5"),
    "sform and qform disagree": (converter_bug, read_image, "sform and qform disagree by up to 2.5"),
    "sform and pixdim disagree": (with_fields(pixdim_3=1.5), read_image, r"x 2 and `pixdim` of .* x 1\.5"),
    "a header that claims too much": (claims, read_image, r"promises \(30000, 30000, 30000\)"),
    "a bomb in gzip": (gzip_bomb, read_image, "save it without compression"),
    "a bomb in an archive": (npz_bomb, read_mask, "save it without compression"),
    "a member that climbs": (climbing_name, read_mask, "1 of its members have a path"),
    "a data file that climbs": (climbing_data_file, read_image, "outside of its folder"),
    "sheared axes": (gantry, read_image, "sheared.*tilted gantry"),
    "NaN voxels": (nan_voxel, read_image, r"1 of 24 voxels that are NaN.*\(1, 2, 3\)"),
    "float labels": (float_labels, read_labels, "24 voxels hold a fraction, first 21.5"),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_one_sentence_before_memory_is_asked_for(tmp_path, trap):
    """Refused with the reason, in one line, below 100 MB of Python's memory."""
    make, read, words = TRAPS[trap]
    path = make(tmp_path)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=words) as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)


def test_a_person_may_say_that_an_unstated_unit_is_mm(tmp_path):
    """assume_units="mm" reads what is refused without it, and changes nothing where a unit stands."""
    bare = with_fields(xyzt_units=0)(tmp_path)
    np.testing.assert_allclose(read_image(bare, assume_units="mm").spacing, [1.5, 1.5, 2.0])
    np.testing.assert_allclose(read_mask(bare, voxel_mm=0.1).spacing, 0.1)
    metres = with_fields(xyzt_units=1)(tmp_path)
    np.testing.assert_allclose(read_image(metres, assume_units="mm").spacing, [1500, 1500, 2000])
    with pytest.raises(ValueError, match="can only be 'mm'; got 'inch'"):
        read_image(bare, assume_units="inch")


def test_a_slope_of_zero_means_no_scaling(tmp_path):
    """The standard says so; the intercept is then without meaning."""
    image = read_image(with_fields(scl_slope=0.0, scl_inter=np.nan)(tmp_path))
    np.testing.assert_array_equal(image.values, 1)


def test_an_honest_sparse_mask_is_no_bomb(tmp_path):
    """67 MB of zeros in 0.3 MB, as single-structure masks of whole bodies are, is read."""
    values = np.zeros((512, 512, 256), np.uint8)
    values[5, 5, 5] = 1
    path = save_nifti(values, AFFINE, tmp_path / "a.nii.gz")
    assert path.stat().st_size * 200 < values.size
    assert read_mask(path).values.sum() == 1


def test_a_mask_on_another_grid_is_refused(tmp_path):
    """What differs is named with its numbers."""
    ct = make_image(np.zeros((4, 4, 4)), 1.0, quantity="hu")
    mask = make_image(np.ones((4, 4, 4), bool), 1.0, origin=(0.0, 0.5, 0.0), quantity="mask")
    with pytest.raises(ValueError, match=r"one grid; origin .*corners lie up to 0.5 mm apart"):
        require_same_grid(ct, mask)


def test_density_files_of_one_type_are_not_read_as_another(tmp_path):
    """What this program wrote says its type: HU, another type or none are refused."""
    density = make_image(np.full((2, 2, 2), 0.1), 1.0, quantity="density", density_type="k2hpo4")
    write_nifti(tmp_path / "a.nii.gz", density)
    assert read_image(tmp_path / "a.nii.gz", quantity="density", density_type="k2hpo4").values.mean() > 0
    with pytest.raises(ValueError, match="was written as k2hpo4-equivalent density and is read as ha"):
        read_image(tmp_path / "a.nii.gz", quantity="density", density_type="ha")
    with pytest.raises(ValueError, match="and is read as HU"):
        read_image(tmp_path / "a.nii.gz")
    with pytest.raises(ValueError, match="is read as None"):
        read_image(tmp_path / "a.nii.gz", quantity="density")


@pytest.mark.parametrize("contact", ["edge", "corner", "island"])
def test_parts_without_a_common_face_are_no_one_body(contact):
    """Only faces carry load: two cubes that touch at an edge or a corner, or not at all, are two parts."""
    mask = np.zeros((6, 6, 6), bool)
    mask[:3, :3, :3] = True
    start = {"edge": (3, 3, 1), "corner": (3, 3, 3), "island": (4, 4, 4)}[contact]
    mask[tuple(slice(at, at + 2) for at in start)] = True
    sizes = components(mask)[1]
    assert sizes.tolist() == [27, 8]
    assert largest_component(mask).sum() == 27


class TestMeshio:
    """Quirks of meshio behind the one adapter; formats and sets: test_mesh_files.py."""

    def test_a_bad_file_does_not_end_the_program(self, tmp_path):
        """meshio calls sys.exit(1)."""
        (tmp_path / "a.vtu").write_text("<VTKFile type='UnstructuredGrid'>")
        with pytest.raises(ValueError, match="cannot be handled as a mesh"):
            read_mesh(tmp_path / "a.vtu", scale_mm=1.0)

    def test_writing_changes_nothing(self, tmp_path):
        """meshio's VTU writer turns arrays around in place; big-endian ones come back as they were."""
        mesh = meshio.Mesh(np.eye(4)[:, :3].astype(">f8"), [("tetra", np.array([[3, 0, 1, 2]], ">i8"))])
        before = mesh.points.copy(), mesh.points.dtype, mesh.cells[0].data.dtype
        write_vtu(tmp_path / "a.vtu", mesh)
        assert np.array_equal(mesh.points, before[0])
        assert (mesh.points.dtype, mesh.cells[0].data.dtype) == before[1:]

    def test_inp_keeps_its_element_type_and_drops_no_field(self, tmp_path):
        """meshio writes C3D8RH and loses cell data without a word."""
        cube = np.array([[x, y, z] for z in (0.0, 1.0) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))])
        written = meshio.Mesh(cube, [("hexahedron", np.arange(8)[None])], cell_data={"E": [np.array([5.0])]})
        meshio.write(tmp_path / "theirs.vtu", written)
        mesh = read_mesh(tmp_path / "theirs.vtu", scale_mm=1.0)
        with pytest.raises(ValueError, match="fields E, which INP cannot hold"):
            write_mesh(tmp_path / "ours.inp", mesh)

    def test_text_gmsh_of_meshio_under_numpy_2_is_refused(self, tmp_path):
        """It holds "np.float64(5.0)" where a number belongs."""
        (tmp_path / "a.msh").write_text(
            "$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n1\n1 np.float64(0.0) 0 0\n$EndNodes\n"
        )
        with pytest.raises(ValueError, match="cannot be handled as a mesh"):
            read_mesh(tmp_path / "a.msh", scale_mm=1.0)


def test_entities_in_xml_are_refused(tmp_path):
    """A mesh with a document type, be it one that grows to gigabytes, is not parsed."""
    path = tmp_path / "mesh.vtu"
    write_mesh(path, make_box_mesh(1, 1.0))
    bomb = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>\n<VTKFile'
    path.write_bytes(path.read_bytes().replace(b"<VTKFile", bomb, 1))
    with pytest.raises(ValueError, match="declares a document type or entities"):
        read_mesh(path, scale_mm=1.0)


def test_a_ply_that_ends_within_its_header_is_refused(tmp_path):
    """meshio would read on at the end of the file for ever."""
    path = tmp_path / "surface.ply"
    path.write_bytes(b"ply\nformat binary_little_endian 1.0\ncomment Created by m")
    with pytest.raises(ValueError, match="ends within its header"):
        read_surface(path, scale_mm=1.0)


def test_points_too_far_for_an_integer_are_refused(tmp_path):
    """NumPy keeps a number of twenty digits as an object, which indexes nothing."""
    path = tmp_path / "surface.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 99999999999999999999 3 2\n")
    with pytest.raises(ValueError, match="too large or no integers"):
        read_surface(path, scale_mm=1.0)
