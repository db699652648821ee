"""Readers: real files, round trips, and a file made for every refusal."""

import gzip

import nibabel
import numpy as np
import pytest

from meshes import affine_of, read_image, read_labels, read_mask, require_same_grid


def save_nifti(path, values, affine=None, *, change=None):
    image = nibabel.Nifti1Image(values, np.diag([1.5, 1.5, 2.0, 1.0]) if affine is None else affine)
    image.header.set_xyzt_units("mm")
    if change:
        change(image.header)
    nibabel.save(image, path)
    return path


@pytest.fixture
def hu(rng):
    return rng.integers(-1000, 1500, (4, 5, 6)).astype(np.int16)


def test_nifti_is_read_as_nibabel_reads_it(tmp_path, hu):
    """Values and affine agree with nibabel's own."""
    affine = np.array([[0, 0, 1.5, -78], [-1.5, 0, 0, -135], [0, -1.5, 0, -34], [0, 0, 0, 1.0]])
    image = read_image(save_nifti(tmp_path / "a.nii.gz", hu, affine))
    np.testing.assert_array_equal(image.values, hu)
    np.testing.assert_allclose(affine_of(image), affine, atol=1e-12)


def test_nifti_scaling_is_applied(tmp_path, hu):
    """value = slope stored + intercept."""

    def change(header):
        header.set_slope_inter(2.0, -1024.0)

    path = save_nifti(tmp_path / "a.nii", hu.astype(np.int16), change=change)
    stored = np.asarray(nibabel.load(path).dataobj)
    np.testing.assert_array_equal(read_image(path).values, stored)


def test_single_volume_series_is_an_image(tmp_path, hu):
    """A fourth axis of length one is dropped."""
    assert read_image(save_nifti(tmp_path / "a.nii", hu[..., None])).values.shape == hu.shape


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000.0), ("mm", 1.0), ("micron", 0.001)])
def test_nifti_lengths_are_turned_into_mm(tmp_path, hu, unit, factor):
    """Spacing (mm) = pixdim times the unit of xyzt_units."""
    path = save_nifti(tmp_path / "a.nii", hu, change=lambda header: header.set_xyzt_units(unit))
    np.testing.assert_allclose(read_image(path).spacing, factor * np.array([1.5, 1.5, 2.0]), rtol=1e-6)


def test_density_files_are_mg_and_become_g(tmp_path):
    """g/cm3 = mg/cm3 / 1000."""
    path = save_nifti(tmp_path / "a.nii", np.full((2, 2, 2), 120.0))
    image = read_image(path, quantity="density", density_type="ha")
    np.testing.assert_allclose(image.values, 0.12)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "packed.npz", "float.npz"])
def test_numpy_masks_keep_their_axes(tmp_path, rng, name):
    """mask[x, y, z] comes back; packed bits are stored z, y, x."""
    mask = rng.random((5, 6, 7)) < 0.4
    path = tmp_path / name
    given = {"voxel_mm": 0.05}
    if name == "a.npy":
        np.save(path, mask)
    elif name == "a.npz":
        np.savez_compressed(path, mask=mask.astype(np.uint8), voxel_mm=0.05)
        given = {}
    elif name == "packed.npz":
        np.savez(
            path, bits=np.packbits(mask.transpose(2, 1, 0)), shape=np.array([7, 6, 5]), spacing=[0.05] * 3
        )
        given = {}
    else:
        np.savez(path, anything=255.0 * mask)
    image = read_mask(path, **given)
    np.testing.assert_array_equal(image.values, mask)
    np.testing.assert_allclose(image.spacing, 0.05)


def test_stated_voxel_size_wins(tmp_path):
    """`voxel_mm` replaces the one in the file, for every format."""
    np.savez(tmp_path / "a.npz", mask=np.ones((2, 2, 2), bool), voxel_mm=0.05)
    save_nifti(tmp_path / "a.nii", np.ones((2, 2, 2), np.uint8))
    for name in ("a.npz", "a.nii"):
        np.testing.assert_allclose(read_mask(tmp_path / name, voxel_mm=0.02).spacing, 0.02)


@pytest.mark.parametrize("suffix", [".mha", ".mhd"])
def test_metaimage_is_turned_from_lps_to_ras(tmp_path, hu, suffix):
    """RAS = diag(-1, -1, 1) LPS for origin and axes; arrays [x, y, z]."""
    sitk = pytest.importorskip("SimpleITK")
    image = sitk.GetImageFromArray(hu.transpose(2, 1, 0))
    image.SetSpacing((0.5, 0.6, 0.7))
    image.SetOrigin((10.0, 20.0, 30.0))
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(image, str(path))
    read = read_image(path)
    np.testing.assert_array_equal(read.values, hu)
    expected = np.array([[-0.5, 0, 0, -10], [0, -0.6, 0, -20], [0, 0, 0.7, 30], [0, 0, 0, 1]])
    np.testing.assert_allclose(affine_of(read), expected, atol=1e-9)


def nan_affine(header):
    header["srow_x"][0] = np.nan


def sheared(header):
    header["srow_x"][1] = 0.4


def no_codes(header):
    header["sform_code"] = 0
    header["qform_code"] = 0


def zero_pixdim(header):
    header["pixdim"][2] = 0.0


def third_wrong(header):
    header.set_qform(np.diag([1.5, 1.5, 1.5, 1.0]), code=1)
    header.set_sform(np.diag([1.5, 1.5, 2.0, 1.0]), code=1)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (nan_affine, "NaN"),
        (sheared, "sheared"),
        (no_codes, "both 0"),
        (zero_pixdim, "voxel size"),
        (third_wrong, "disagree"),
    ],
)
def test_nifti_with_an_impossible_place_is_refused(tmp_path, hu, change, word):
    """NaN, shear, no code, zero voxels and contradiction each have their sentence."""
    path = save_nifti(tmp_path / "a.nii", hu)
    raw = bytearray(path.read_bytes())
    header = nibabel.Nifti1Header(raw[:348], check=False)
    change(header)
    raw[:348] = header.binaryblock
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=word):
        read_image(path)


def test_nifti_that_promises_more_than_it_holds_is_refused_before_reading(tmp_path, hu):
    """30000^3 voxels in a file of 600 bytes: refused from the header, plain and compressed."""
    path = save_nifti(tmp_path / "a.nii", hu)
    raw = bytearray(path.read_bytes())
    header = nibabel.Nifti1Header(raw[:348], check=False)
    header["dim"][1:4] = 30000
    raw[:348] = header.binaryblock
    path.write_bytes(raw)
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(bytes(raw)))
    for name in ("a.nii", "b.nii.gz"):
        with pytest.raises(ValueError, match="promises"):
            read_image(tmp_path / name)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_truncated_nifti_is_refused(tmp_path, hu, name):
    """Half a file is a ValueError, never half an image."""
    path = save_nifti(tmp_path / name, hu)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(ValueError, match=r"damaged|cannot be read|promises"):
        read_image(path)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.npy", "a.npz", "a.mha", "a.mhd"])
def test_noise_is_never_an_image(tmp_path, rng, name):
    """Random bytes under any suffix end in a ValueError."""
    path = tmp_path / name
    path.write_bytes(rng.bytes(3000))
    with pytest.raises(ValueError, match=name):
        read_image(path, spacing_mm=1.0)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.npy", "a.npz", "packed.npz", "a.mha"])
def test_a_fuzzed_file_is_read_or_refused(tmp_path, rng, name):
    """Flipped and cut bytes give an image or a ValueError: no other error, no warning, no hang."""
    mask = rng.random((6, 7, 8)) < 0.5
    path = tmp_path / name
    if ".nii" in name:
        save_nifti(path, mask.astype(np.uint8))
    elif name == "a.npy":
        np.save(path, mask)
    elif name.endswith(".npz"):
        (np.savez_compressed if name == "packed.npz" else np.savez)(path, mask=mask, voxel_mm=0.1)
    else:
        sitk = pytest.importorskip("SimpleITK")
        sitk.WriteImage(sitk.GetImageFromArray(mask.astype(np.uint8)), str(path))
    whole = path.read_bytes()
    read = 0
    for _ in range(120):
        bytes_ = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 400), rng.integers(1, 5)):
            bytes_[place] = rng.integers(0, 256)
        if rng.random() < 0.1:
            bytes_ = bytes_[: rng.integers(1, len(bytes_))]
        path.write_bytes(bytes_)
        try:
            image = read_mask(path, voxel_mm=1.0 if name == "a.npy" else None)
        except (ValueError, FileNotFoundError):
            continue
        read += 1
        assert image.values.dtype == bool
        assert (image.spacing > 0).all()
    assert read < 120


def test_four_axes_are_refused(tmp_path, rng):
    """A series is not an image."""
    path = save_nifti(tmp_path / "a.nii", rng.random((3, 3, 3, 4)))
    with pytest.raises(ValueError, match="3 axes"):
        read_image(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_counted(tmp_path, bad):
    """One bad voxel is named with its place."""
    values = np.zeros((3, 3, 3), np.float32)
    values[1, 2, 0] = bad
    path = save_nifti(tmp_path / "a.nii", values)
    with pytest.raises(ValueError, match=r"1 of 27 voxels.*\(1, 2, 0\)"):
        read_image(path)


def test_missing_empty_and_unknown_files_are_told_apart(tmp_path):
    """No file, a file of no bytes, a folder and an unknown suffix have four sentences."""
    (tmp_path / "empty.nii").touch()
    (tmp_path / "image.png").write_bytes(b"x")
    with pytest.raises(FileNotFoundError, match="no file"):
        read_image(tmp_path / "none.nii")
    with pytest.raises(ValueError, match="0 bytes"):
        read_image(tmp_path / "empty.nii")
    with pytest.raises(ValueError, match="folder without DICOM images or TIFF pages"):
        read_image(tmp_path)
    with pytest.raises(ValueError, match=r"unknown suffix '\.png'"):
        read_image(tmp_path / "image.png")


def test_numpy_files_that_cannot_be_images_are_refused(tmp_path):
    """No spacing, zero spacing, objects, several arrays, wrong bits, too large a header."""
    np.save(tmp_path / "a.npy", np.ones((2, 2, 2)))
    with pytest.raises(ValueError, match="no voxel size"):
        read_image(tmp_path / "a.npy")
    with pytest.raises(ValueError, match="positive"):
        read_image(tmp_path / "a.npy", spacing_mm=0.0)
    np.save(tmp_path / "o.npy", np.array([[[{}]]], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="objects"):
        read_image(tmp_path / "o.npy", spacing_mm=1.0)
    np.savez(tmp_path / "two.npz", a=np.ones((2, 2, 2)), b=np.ones((2, 2, 2)))
    with pytest.raises(ValueError, match=r"found \['a', 'b'\]"):
        read_image(tmp_path / "two.npz", spacing_mm=1.0)
    np.savez(tmp_path / "bits.npz", bits=np.zeros(2, np.uint8), shape=np.array([9, 9, 9]))
    with pytest.raises(ValueError, match="`bits` holds 16"):
        read_mask(tmp_path / "bits.npz", voxel_mm=1.0)
    raw = (tmp_path / "a.npy").read_bytes().replace(b"(2, 2, 2)", b"(9999999, 9999999, 9999999)")
    length = int.from_bytes(raw[8:10], "little") + len(b"(9999999, 9999999, 9999999)") - len(b"(2, 2, 2)")
    (tmp_path / "big.npy").write_bytes(raw[:8] + length.to_bytes(2, "little") + raw[10:])
    with pytest.raises(ValueError, match="promises"):
        read_image(tmp_path / "big.npy", spacing_mm=1.0)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (b"ElementSpacing = 1 1 1", b"ElementSpacing = 0 1 1", "voxel size"),
        (b"DimSize = 4 4 4", b"DimSize = 9000 9000 9000", "promises"),
        (b"TransformMatrix = 1 0 0 0 1 0 0 0 1", b"TransformMatrix = nan 0 0 0 1 0 0 0 1", "finite"),
        (b"TransformMatrix = 1 0 0 0 1 0 0 0 1", b"TransformMatrix = 1 0 0 0.5 1 0 0 0 1", "a.mha"),
        (b"ElementDataFile = LOCAL", b"ElementDataFile = none.raw", "none.raw"),
        (b"NDims = 3", b"NDims = 3\nElementNumberOfChannels = 3", "a.mha"),
    ],
)
def test_metaimages_with_impossible_headers_are_refused(tmp_path, old, new, word):
    """Judged on the text header, before ITK repairs or allocates."""
    pytest.importorskip("SimpleITK")
    header = (
        b"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        b"CompressedData = False\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\n"
        b"ElementSpacing = 1 1 1\nDimSize = 4 4 4\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    )
    path = tmp_path / "a.mha"
    path.write_bytes(header + bytes(64))
    assert read_image(path).values.shape == (4, 4, 4)
    path.write_bytes(header.replace(old, new) + bytes(64))
    with pytest.raises((ValueError, FileNotFoundError), match=word):
        read_image(path)


def test_labels_are_whole_numbers_and_not_all_zero(tmp_path):
    """Whole floats pass; fractions and emptiness do not."""
    whole = save_nifti(tmp_path / "a.nii", np.array([[[0.0, 22.0]]]))
    assert read_labels(whole).values.dtype.kind == "i"
    with pytest.raises(ValueError, match="integers"):
        read_labels(save_nifti(tmp_path / "b.nii", np.array([[[0.0, 1.5]]])))
    with pytest.raises(ValueError, match="no label"):
        read_labels(save_nifti(tmp_path / "c.nii", np.zeros((1, 1, 2), np.uint8)))


@pytest.mark.parametrize("high", [1, 255, True])
def test_masks_are_zero_and_one_or_255(tmp_path, high):
    """0/1, 0/255 and booleans mean the same."""
    values = np.array([[[0, high, 0]]]).astype(bool if high is True else np.uint8)
    np.save(tmp_path / "a.npy", values)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.npy", voxel_mm=1).values, [[[False, True, False]]])


def test_label_images_and_empty_masks_are_no_masks(tmp_path):
    """Three values, or none set, are refused."""
    np.save(tmp_path / "a.npy", np.array([[[0, 1, 2]]]))
    with pytest.raises(ValueError, match=r"0, 1, 2"):
        read_mask(tmp_path / "a.npy", voxel_mm=1)
    np.save(tmp_path / "b.npy", np.zeros((2, 2, 2), bool))
    with pytest.raises(ValueError, match="empty mask"):
        read_mask(tmp_path / "b.npy", voxel_mm=1)


@pytest.mark.parametrize(
    ("name", "count", "voxel"),
    [
        ("trab_human_lhdl3155_mask_50.npz", 29270, 0.078),
        ("trab_human_lhdl3155_mask_100.npz", 229616, 0.039),
        ("trab_human_lhdl3155_ciclope_ex01_bin_100_39um.npz", 247062, 0.039),
        ("trab_human_lhdl3155_bin_100_39um.mha", 229914, 0.039),
    ],
)
def test_published_masks_hold_their_published_voxels(shared_data, name, count, voxel):
    """Voxel counts as stated with the data."""
    if name.endswith(".mha"):
        pytest.importorskip("SimpleITK")
    mask = read_mask(shared_data / name)
    assert int(mask.values.sum()) == count
    np.testing.assert_allclose(mask.spacing, voxel)


def test_real_ct_and_its_labels_lie_on_one_grid(shared_data):
    """The L3 CT carries vertebra labels 21 to 23 and sub-regions 41 to 50 on its own grid."""
    ct = read_image(shared_data / "l3_ct1p5mm_tptbox_label-22_ct.nii.gz")
    vertebrae = read_labels(shared_data / "l3_ct1p5mm_tptbox_seg-vert_label-22_msk.nii.gz")
    regions = read_labels(shared_data / "l3_ct1p5mm_tptbox_seg-subreg_label-22_msk.nii.gz")
    require_same_grid(ct, vertebrae)
    require_same_grid(ct, regions)
    assert set(np.unique(vertebrae.values)) == {0, 21, 22, 23}
    assert set(np.unique(regions.values)) == {0, *range(41, 51)}
