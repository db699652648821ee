"""NRRD, TIFF stacks and Scanco's AIM and ISQ: round trips by other writers, and a file for every refusal."""

import builtins
import gzip
import struct

import numpy as np
import pytest

from meshes import affine_of, image_files, read_image, read_mask

NRRD = (
    "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 4 5 6\n"
    "space directions: (0.5,0,0) (0,0.6,0) (0,0,0.7)\nkinds: domain domain domain\nendian: little\n"
    "encoding: raw\nspace origin: (10,20,30)\n"
)
LPS_AFFINE = np.array([[-0.5, 0, 0, -10], [0, -0.6, 0, -20], [0, 0, 0.7, 30], [0, 0, 0, 1]])


@pytest.fixture
def hu(rng):
    return rng.integers(-1000, 1500, (4, 5, 6)).astype(np.int16)


def nrrd(path, values, header=NRRD):
    """An NRRD file written by the published format alone."""
    raw = np.asarray(values, "<i2").tobytes(order="F")
    path.write_bytes(header.encode() + b"\n" + (gzip.compress(raw) if "gzip" in header else raw))
    return path


@pytest.mark.parametrize(
    ("old", "new", "affine"),
    [
        ("", "", LPS_AFFINE),
        ("encoding: raw", "encoding: gzip", LPS_AFFINE),
        ("left-posterior-superior", "RAS", np.diag([-1, -1, 1, 1]) @ LPS_AFFINE),
        ("left-posterior-superior", "left-anterior-superior", np.diag([1, -1, 1, 1]) @ LPS_AFFINE),
        ("sizes", 'space units: "um" "um" "um"\nsizes', np.diag([1e-3, 1e-3, 1e-3, 1]) @ LPS_AFFINE),
        (
            "(0.5,0,0) (0,0.6,0) (0,0,0.7)",
            "(0,0.5,0) (0,0,0.6) (0.7,0,0)",
            [[0, 0, -0.7, -10], [-0.5, 0, 0, -20], [0, 0.6, 0, 30], [0, 0, 0, 1]],
        ),
    ],
    ids=["lps", "gzip", "ras", "las", "micrometres", "turned"],
)
def test_nrrd_is_turned_to_ras_and_mm(tmp_path, hu, old, new, affine):
    """values[i, j, k] in the order of the file; affine = unit * turn * space directions, by the format."""
    pytest.importorskip("SimpleITK")
    image = read_image(nrrd(tmp_path / "a.nrrd", hu, NRRD.replace(old, new) if old else NRRD))
    np.testing.assert_array_equal(image.values, hu)
    np.testing.assert_allclose(affine_of(image), affine, atol=1e-9)


def test_nrrd_of_itk_comes_back(tmp_path, hu):
    """What SimpleITK wrote, whole or as a header with data beside it, has its values and place."""
    sitk = pytest.importorskip("SimpleITK")
    written = sitk.GetImageFromArray(hu.transpose(2, 1, 0))
    written.SetSpacing((0.5, 0.6, 0.7))
    written.SetOrigin((10.0, 20.0, 30.0))
    for name in ("a.nrrd", "a.nhdr"):
        sitk.WriteImage(written, str(tmp_path / name), useCompression=name == "a.nrrd")
        image = read_image(tmp_path / name)
        np.testing.assert_array_equal(image.values, hu)
        np.testing.assert_allclose(affine_of(image), LPS_AFFINE, atol=1e-9)
    assert sorted(file.suffix for file in image_files(tmp_path / "a.nhdr")) == [".nhdr", ".raw"]


def test_nrrd_without_a_space_is_mm_only_if_someone_says_so(tmp_path, hu):
    """Spacings alone, as micro-CT programs write: refused, or taken as mm along the axes of the array."""
    pytest.importorskip("SimpleITK")
    header = "NRRD0004\ntype: short\ndimension: 3\nsizes: 4 5 6\nspacings: 0.5 0.6 0.7\nencoding: raw\n"
    header += "endian: little\n"
    path = nrrd(tmp_path / "a.nrrd", hu, header)
    with pytest.raises(ValueError, match=r'states no unit of length .*assume_units="mm"'):
        read_image(path)
    image = read_image(path, assume_units="mm")
    np.testing.assert_allclose(affine_of(image), np.diag([0.5, 0.6, 0.7, 1.0]))
    np.testing.assert_allclose(read_image(path, spacing_mm=0.1).spacing, 0.1)
    units = nrrd(tmp_path / "b.nrrd", hu, header + 'units: "mm" "mm" "mm"\n')
    np.testing.assert_allclose(read_image(units).spacing, [0.5, 0.6, 0.7])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sizes: 4 5 6", "sizes: 30000 30000 30000", "promises"),
        ("(0,0.6,0)", "(0.3,0.6,0)", "sheared"),
        ("(0,0.6,0)", "(0,0,0)", "voxel size"),
        ("(0,0.6,0)", "(0,nan,0)", "three finite numbers"),
        ("(10,20,30)", "(10,inf,30)", "three finite numbers"),
        ("(10,20,30)", "none", "holds no numbers"),
        ("sizes: 4 5 6", "sizes: 4 5 6 1", "needs 3 axes"),
        ("sizes: 4 5 6", "sizes: four 5 6", "must hold numbers"),
        ("dimension: 3\n", "", "dimension missing"),
        ("space directions: (0.5,0,0) (0,0.6,0) (0,0,0.7)\n", "", "no voxel size"),
        ("encoding: raw", "encoding: bzip2", "neither raw nor gzip"),
        ("encoding: raw", "encoding: raw\nbyte skip: 10", "skipped"),
        ("encoding: raw", "encoding: raw\ndata file: ../a.raw", "outside of its folder"),
        ("encoding: raw", "encoding: raw\ndata file: /etc/passwd", "outside of its folder"),
        ("encoding: raw", "encoding: raw\ndata file: b.raw", "is missing"),
        ("encoding: raw", "encoding: raw\ndata file: a%03d.raw 1 9 1", "several files"),
        ("encoding: raw", "encoding: raw\ndata file: LIST", "several files"),
        ("sizes", 'space units: "furlong" "furlong" "furlong"\nsizes', "must be one of m, cm, mm"),
        ("NRRD0004", "NRRX0004", "cannot be read as NRRD"),
    ],
)
def test_nrrd_with_an_impossible_header_is_refused(tmp_path, hu, old, new, words):
    """Judged on the text header, before ITK repairs, follows or allocates."""
    pytest.importorskip("SimpleITK")
    (tmp_path / "in").mkdir()
    (tmp_path / "a.raw").write_bytes(hu.tobytes())
    assert old in NRRD
    path = nrrd(tmp_path / "in" / "a.nrrd", hu, NRRD.replace(old, new))
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        read_image(path)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path, hu):
    """The data file of .nhdr and .mhd is judged by where it lies, not by its name."""
    pytest.importorskip("SimpleITK")
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "a.raw").write_bytes(hu.tobytes(order="F"))
    (folder / "b.raw").symlink_to(tmp_path / "a.raw")
    (folder / "a.nhdr").write_text(NRRD + "data file: b.raw\n\n")
    with pytest.raises(ValueError, match="outside of its folder"):
        read_image(folder / "a.nhdr")


def test_tiff_pages_are_slices_along_z(tmp_path, hu):
    """values[x, y, z] = page z, row y, column x; packed or not; the voxel size is asked for."""
    tifffile = pytest.importorskip("tifffile")
    pages = hu.transpose(2, 1, 0)
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    tifffile.imwrite(tmp_path / "b.tiff", pages, photometric="minisblack", compression="zlib")
    for name in ("a.tif", "b.tiff"):
        image = read_image(tmp_path / name, spacing_mm=(0.5, 0.6, 0.7))
        np.testing.assert_array_equal(image.values, hu)
        np.testing.assert_allclose(affine_of(image), np.diag([0.5, 0.6, 0.7, 1]))
        with pytest.raises(ValueError, match="states no voxel size"):
            read_image(tmp_path / name)


def test_a_folder_of_tiff_pages_is_sorted_as_people_count(tmp_path, rng):
    """slice_2 comes before slice_10."""
    tifffile = pytest.importorskip("tifffile")
    mask = rng.random((3, 4, 12)) < 0.5
    for z in range(12):
        tifffile.imwrite(tmp_path / f"rec8_{z + 1}.TIF", 255 * mask[:, :, z].T.astype(np.uint8))
    (tmp_path / "rec8.log").write_text("scan")
    np.testing.assert_array_equal(read_mask(tmp_path, voxel_mm=0.05).values, mask)
    assert [file.stem for file in image_files(tmp_path)] == [f"rec8_{z + 1}" for z in range(12)]
    (tmp_path / "rec8_5.TIF").unlink()
    with pytest.raises(ValueError, match="11 pages are numbered 1 to 12 and number 5 is missing"):
        read_mask(tmp_path, voxel_mm=0.05)


def test_tiffs_that_are_no_volume_are_refused(tmp_path, hu):
    """One page, colour, pages of two sizes, several pages in a folder's file, absurd size, cut short."""
    tifffile = pytest.importorskip("tifffile")
    pages = hu.transpose(2, 1, 0)

    def refused(words, path):
        with pytest.raises(ValueError, match=words):
            read_image(path, spacing_mm=1.0)

    tifffile.imwrite(tmp_path / "one.tif", pages[0])
    refused("holds one page", tmp_path / "one.tif")
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((8, 8, 3), np.uint8), photometric="rgb")
    refused("one real number per voxel", tmp_path / "rgb.tif")
    with tifffile.TiffWriter(tmp_path / "two.tif") as writer:
        writer.write(pages[0])
        writer.write(pages[1, :3])
    refused("2 different shapes", tmp_path / "two.tif")
    folder = tmp_path / "folder"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", pages, photometric="minisblack")
    refused("files of one page each", folder)
    raw = (tmp_path / "one.tif").read_bytes()
    wide = raw.replace(struct.pack("<HHII", 256, 4, 1, 4), struct.pack("<HHII", 256, 4, 1, 30000))
    assert wide != raw
    (tmp_path / "wide.tif").write_bytes(wide)
    refused("promises", tmp_path / "wide.tif")
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    (tmp_path / "cut.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-60])
    refused(r"promises|cannot be read", tmp_path / "cut.tif")


@pytest.mark.parametrize("name", ["a.tif", "a.nrrd", "a.aim", "a.isq", "a.dcm"])
def test_noise_and_flipped_bytes_end_in_a_sentence(tmp_path, rng, name, caplog):
    """Random bytes under any suffix, and spoiled good files: an image or a ValueError, no other error."""
    path = tmp_path / name
    whole = b""
    if name == "a.tif":
        tifffile = pytest.importorskip("tifffile")
        tifffile.imwrite(path, rng.integers(0, 2, (4, 5, 6)).astype(np.uint8), photometric="minisblack")
        whole = path.read_bytes()
    elif name == "a.nrrd":
        pytest.importorskip("SimpleITK")
        whole = nrrd(path, rng.integers(0, 2, (4, 5, 6))).read_bytes()
    elif name in ("a.aim", "a.isq"):
        pytest.importorskip("py_aimio")
    path.write_bytes(rng.bytes(3000))
    with pytest.raises(ValueError, match=name):
        read_image(path, spacing_mm=1.0)
    for _ in range(120 if whole else 0):
        raw = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 400), rng.integers(1, 5)):
            raw[place] = rng.integers(0, 256)
        path.write_bytes(raw[: rng.integers(1, len(raw))] if rng.random() < 0.1 else raw)
        try:
            assert (read_image(path, quantity="field", spacing_mm=1.0).spacing > 0).all()
        except (ValueError, FileNotFoundError):
            continue
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("a.tif", "tifffile", "readers"), ("a.isq", "py_aimio", "scanco")],
)
def test_a_missing_reader_names_its_extra(tmp_path, monkeypatch, name, package, extra):
    """One sentence with the command to install."""
    real = builtins.__import__

    def without(wanted, *arguments, **keywords):
        if wanted == package:
            raise ImportError(wanted)
        return real(wanted, *arguments, **keywords)

    (tmp_path / name).write_bytes(b"anything")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=rf"pip install 'osteon\[{extra}\]'"):
        read_image(tmp_path / name, spacing_mm=1.0)


LOG = """
Mu_Scaling                                      4096
HU: mu water                                 0.24090
Density: unit                               mg HA/ccm
Density: slope                         1.60000000e+03
Density: intercept                    -3.80000000e+02
Patient Name                             DOE^JOHN-1950
"""


@pytest.fixture
def aim(tmp_path, rng):
    """A file of py_aimio's own writer with a calibration in its log."""
    py_aimio = pytest.importorskip("py_aimio")
    stored = rng.integers(0, 8000, (6, 5, 4)).astype(np.int16)
    path = tmp_path / "a.aim"
    py_aimio.write_aim(
        str(path), stored, {"element_size": (0.0607,) * 3, "position": (10, 20, 30), "processing_log": LOG}
    )
    return path, stored.transpose(2, 1, 0).astype(float)


def test_aim_is_hu_density_or_stored_numbers(aim):
    """density = slope / 4096 stored + intercept, HU = 1000 stored / (4096 mu) - 1000, by the file's log."""
    path, stored = aim
    density = read_image(path, quantity="density", density_type="ha")
    np.testing.assert_allclose(density.values, (1600 / 4096 * stored - 380) / 1000, rtol=1e-6, atol=1e-7)
    hu = read_image(path)
    np.testing.assert_allclose(hu.values, 1000 * stored / 4096 / 0.2409 - 1000, rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(read_image(path, quantity="field").values, stored)
    np.testing.assert_allclose(hu.spacing, 0.0607)
    np.testing.assert_allclose(hu.origin, np.array([10, 20, 30]) * 0.0607, rtol=1e-6)


def test_density_types_of_scanco_are_not_mixed(aim):
    """Its scanners are calibrated to hydroxyapatite."""
    with pytest.raises(ValueError, match="must be 'ha', not 'k2hpo4'"):
        read_image(aim[0], quantity="density", density_type="k2hpo4")


def test_scanco_masks_are_0_and_127(tmp_path, rng):
    """What Scanco's own segmentation writes."""
    py_aimio = pytest.importorskip("py_aimio")
    mask = rng.random((6, 5, 4)) < 0.5
    py_aimio.write_aim(str(tmp_path / "a.aim"), (127 * mask).astype(np.int8), {"element_size": (0.06,) * 3})
    np.testing.assert_array_equal(read_mask(tmp_path / "a.aim").values, mask.transpose(2, 1, 0))
    with pytest.raises(ValueError, match="no calibration"):
        read_image(tmp_path / "a.aim")


def test_a_spoiled_aim_is_a_sentence_without_its_log(aim, rng):
    """An absurd size, half a file, spoiled bytes of the log; no name from the log in the sentence."""
    path, _ = aim
    whole = path.read_bytes()
    assert struct.pack("<qqq", 4, 5, 6) in whole
    for raw in (
        whole.replace(struct.pack("<qqq", 4, 5, 6), struct.pack("<qqq", 30000, 30000, 30000)),
        whole[: len(whole) // 2],
        whole.replace(b"Mu_Scaling", b"Mu_Scalong"),
    ):
        path.write_bytes(raw)
        with pytest.raises(ValueError, match=r"a\.aim") as caught:
            read_image(path)
        assert "DOE" not in str(caught.value)


def isq(values, *, edge_um=82):
    """ISQ by the layout of its first block of 512 bytes, as in IsqIO.cxx of Numerics88's AimIO."""
    shape = values.shape
    head = bytearray(512)
    head[:16] = b"CTDATA-HEADER_V1"
    struct.pack_into("<3i", head, 16, 3, 0, 2)
    struct.pack_into("<3i", head, 44, *shape)
    struct.pack_into("<3i", head, 56, *(edge_um * n for n in shape))
    struct.pack_into("<i", head, 88, 4096)
    head[128:141] = b"DOE^JOHN-1950"
    return bytes(head) + values.astype("<i2").tobytes(order="F")


def test_isq_is_read_by_its_header(tmp_path, rng):
    """Stored numbers, [x, y, z]; voxel = physical size / number of voxels."""
    pytest.importorskip("py_aimio")
    stored = rng.integers(0, 8000, (4, 5, 6)).astype(np.int16)
    path = tmp_path / "a.isq"
    path.write_bytes(isq(stored))
    image = read_image(path, quantity="field")
    np.testing.assert_array_equal(image.values, stored)
    np.testing.assert_allclose(image.spacing, 0.082, rtol=1e-6)
    with pytest.raises(ValueError, match="no calibration") as caught:
        read_image(path)
    assert "DOE" not in str(caught.value)
    path.write_bytes(isq(stored)[:-100])
    with pytest.raises(ValueError, match="promises"):
        read_image(path, quantity="field")


_KINDS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("suffix", [".mha", ".mhd", ".nrrd"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_type_is_read_as_itk_reads_it(tmp_path, rng, kind, suffix, packed):
    """Values, and place with turned axes, of what SimpleITK wrote are those that SimpleITK reads."""
    sitk = pytest.importorskip("SimpleITK")
    values = rng.uniform(0, 100, (3, 4, 5)).astype(kind)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.5, 0.6, 0.7))
    image.SetOrigin((-10.0, 20.0, 30.0))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    image.SetDirection((turn * np.sign(np.linalg.det(turn))).ravel())
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(image, str(path), packed)
    read, theirs = read_image(path), sitk.ReadImage(str(path))
    np.testing.assert_array_equal(read.values, sitk.GetArrayFromImage(theirs).transpose(2, 1, 0))
    assert np.asarray(read.values).dtype == np.dtype(kind)
    for corner in ((0, 0, 0), (4, 3, 2), (4, 0, 0), (0, 3, 0)):
        place = np.array(theirs.TransformIndexToPhysicalPoint(corner)) * (-1, -1, 1)
        np.testing.assert_allclose((affine_of(read) @ (*corner, 1))[:3], place, atol=1e-5)


@pytest.mark.parametrize("suffix", [".mha", ".nrrd"])
def test_big_endian_voxels(tmp_path, suffix):
    """Their order is that of the header."""
    values = np.arange(24, dtype=">i2").reshape(2, 3, 4)
    meta = (
        b"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = True\nDimSize = 4 3 2\n"
        b"ElementSpacing = 1 1 1\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    )
    nrrd = (
        b"NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 4 3 2\n"
        b"space directions: (1,0,0) (0,1,0) (0,0,1)\nendian: big\nencoding: raw\nspace origin: (0,0,0)\n\n"
    )
    path = tmp_path / f"a{suffix}"
    path.write_bytes((meta if suffix == ".mha" else nrrd) + values.tobytes())
    np.testing.assert_array_equal(read_image(path).values, values.transpose(2, 1, 0))
