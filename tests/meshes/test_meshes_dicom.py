"""DICOM series: what a good one becomes, and a series made for every refusal."""

import builtins
import logging

import numpy as np
import pytest

from meshes import affine_of, image_files, read_image, read_labels
from tests.dicom_series import SENTINEL, write_series

pydicom = pytest.importorskip("pydicom")


@pytest.fixture
def hu(rng):
    """Even numbers, so that every slice's own slope and intercept give them back whole."""
    values = 2 * rng.integers(-500, 700, (6, 5, 8))
    return values + np.arange(8) % 2 * (np.arange(8) % 2)


def test_a_series_is_one_volume_in_ras(tmp_path, hu):
    """values[x, y, z] = slope stored + intercept of each slice, by position; RAS = diag(-1, -1, 1) LPS."""
    image = read_image(write_series(tmp_path / "a", hu))
    np.testing.assert_array_equal(image.values, hu)
    assert image.values.dtype == np.int16
    expected = np.array([[-0.5, 0, 0, -5], [0, -0.75, 0, -7], [0, 0, 2, -10], [0, 0, 0, 1.0]])
    np.testing.assert_allclose(affine_of(image), expected, atol=1e-9)


def test_simpleitk_reads_the_same_volume(tmp_path, hu):
    """Values and place agree with ITK's own reader of series."""
    sitk = pytest.importorskip("SimpleITK")
    folder = write_series(tmp_path / "a", hu)
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    theirs = sitk.ReadImage(names)
    image = read_image(folder)
    np.testing.assert_array_equal(image.values, sitk.GetArrayFromImage(theirs).transpose(2, 1, 0))
    np.testing.assert_allclose(affine_of(image)[:3, 3], np.diag([-1, -1, 1]) @ theirs.GetOrigin())
    np.testing.assert_allclose(image.spacing, theirs.GetSpacing())


def test_an_oblique_series_that_runs_downward_keeps_its_place(tmp_path, hu):
    """A voxel's world position is that of its own image: position + column step i + row step j."""
    tilt = np.deg2rad(20)
    row, column = np.array([0.0, 1, 0]), np.array([np.sin(tilt), 0, -np.cos(tilt)])
    normal = np.cross(row, column)

    def change(data, index):
        data.ImageOrientationPatient = [float(f"{x:.8f}") for x in (*row, *column)]
        data.ImagePositionPatient = [float(f"{x:.6f}") for x in 3.0 - 1.7 * index * normal]

    image = read_image(write_series(tmp_path / "a", hu, change=change))
    np.testing.assert_array_equal(image.values, hu[:, :, ::-1])
    point = affine_of(image) @ [2, 3, 7 - 5, 1]
    expected = 3.0 - 1.7 * 5 * normal + 2 * 0.5 * row + 3 * 0.75 * column
    np.testing.assert_allclose(point[:3], np.diag([-1, -1, 1]) @ expected, atol=1e-4)


def test_one_file_names_its_series_and_leaves_others_out(tmp_path, hu):
    """A folder of two series is read by one file of the wanted one; reports beside them do not matter."""
    folder = write_series(tmp_path / "a", hu, name="A")
    write_series(folder, hu[:, :, :4] + 2, series=2, name="B")
    (folder / "notes.txt").write_text(SENTINEL)
    np.testing.assert_array_equal(read_image(folder / "B000.dcm").values, hu[:, :, :4] + 2)
    assert {file.name[0] for file in image_files(folder / "A000.dcm")} == {"A"}
    assert len(image_files(folder / "A000.dcm")) == 8
    bare = folder / "A000"
    (folder / "A000.dcm").rename(bare)
    np.testing.assert_array_equal(read_image(bare).values, hu)


def test_run_lengths_and_big_endian_hold_the_same_values(tmp_path, hu):
    """What pydicom unpacks itself: RLE, and numbers in the other byte order."""
    folder = write_series(tmp_path / "a", hu)
    for file in list(folder.iterdir()):
        data = pydicom.dcmread(file)
        data.compress(pydicom.uid.RLELossless)
        data.save_as(file)
    np.testing.assert_array_equal(read_image(folder).values, hu)

    def swap(data, at):
        data.PixelData = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
        data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian

    np.testing.assert_array_equal(read_image(write_series(tmp_path / "b", hu, change=swap)).values, hu)


def one(index, **fields):
    """A change of the fields of one slice."""

    def change(data, at):
        if at == index:
            for name, value in fields.items():
                setattr(data, name, value)

    return change


def every(**fields):
    """A change of the fields of every slice."""

    def change(data, at):
        for name, value in fields.items():
            setattr(data, name, value)

    return change


def without(name):
    """A slice lacks a field."""

    def change(data, at):
        if at == 3:
            delattr(data, name)

    return change


def sideways(data, at):
    """Slices of a gantry tilted by 15 degrees: 2 tan 15 = 0.536 mm sideways each."""
    data.ImagePositionPatient = [5.0, 7.0 + round(2 * np.tan(np.deg2rad(15)) * at, 4), -10.0 + 2.0 * at]


REFUSED = {
    "a slice missing": (lambda data, at: at != 3, r"4 mm between -6 and -2 mm along .*1 missing"),
    "two gaps": (lambda data, at: at not in (2, 5), r"places like this: 2; 2 missing"),
    "uneven": (one(3, ImagePositionPatient=[5.0, 7.0, -3.5]), "unevenly spaced"),
    "a slice twice": (one(3, ImagePositionPatient=[5.0, 7.0, -6.0]), "1 of its 8 images lie .* at -6 mm"),
    "sheared": (sideways, r"sideways by up to 3\.75 mm .*sheared by 15 degrees"),
    "stated tilt": (every(GantryDetectorTilt=12.5), "gantry tilted by 12.5 degrees"),
    "another direction": (
        one(2, ImageOrientationPatient=[0, 1, 0, 1, 0, 0]),
        "1 of its 8 images lie in other",
    ),
    "no right angles": (every(ImageOrientationPatient=[1, 0, 0, 0.5, 1, 0]), "right angles"),
    "other pixels": (one(2, PixelSpacing=[0.8, 0.5]), "pixels of another size"),
    "zero pixels": (every(PixelSpacing=[0.0, 0.5]), "must be positive"),
    "another size": (one(2, Rows=4), r"2 sizes \(4 x 6, 5 x 6\)"),
    "no position": (without("ImagePositionPatient"), "does not state its position"),
    "NaN position": (one(2, ImagePositionPatient=[5.0, float("nan"), 0.0]), "does not state its position"),
    "no pixel size": (without("PixelSpacing"), "does not state the size of its pixels"),
    "frames": (one(0, NumberOfFrames=4), "has 4 frames"),
    "magnetic resonance": (every(Modality="MR"), "modality MR"),
    "a name for a modality": (every(Modality="DOE JOHN"), "modality unknown"),
    "colour": (every(SamplesPerPixel=3), "in colour or inverted"),
    "inverted": (every(PhotometricInterpretation="MONOCHROME1"), "in colour or inverted"),
    "no slope": (without("RescaleSlope"), "cannot become HU"),
    "slope 0": (one(4, RescaleSlope=0), "cannot become HU"),
    "slope NaN": (one(4, RescaleSlope=float("nan")), "cannot become HU"),
    "scaled to another unit": (every(RescaleType="MGML"), "something else than HU"),
    "more rows than bytes": (every(Rows=30000, Columns=30000), "promises"),
    "pixels cut short": (one(1, PixelData=b"\0\0"), r"cannot be unpacked|promises"),
    "one slice": (lambda data, at: at == 0, "one image here"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_series_that_is_no_volume_is_refused_in_one_sentence_without_text_of_the_header(
    tmp_path, hu, case, capfd, recwarn, caplog
):
    """Each refusal names what and where; no field of text reaches it, a warning or the log."""
    change, words = REFUSED[case]
    folder = write_series(tmp_path / "a", hu, change=change)
    with caplog.at_level(logging.DEBUG), pytest.raises(ValueError, match=words) as caught:
        read_image(folder)
    said = str(caught.value) + "".join(capfd.readouterr()) + caplog.text
    said += "".join(str(warning.message) for warning in recwarn)
    assert "\n" not in str(caught.value)
    assert "DOE" not in said


def test_two_series_are_counted_and_not_described(tmp_path, hu):
    """Number of images and size of each, and the way out."""
    folder = write_series(tmp_path / "a", hu, name="A")
    write_series(folder, hu[:4, :, :2], series=2, name="B")
    with pytest.raises(ValueError, match=r"2 series \(8 of 6 x 5; 2 of 4 x 5\); give a file") as caught:
        read_image(folder)
    assert "DOE" not in str(caught.value)


def test_labels_may_come_as_images_of_another_modality(tmp_path, hu):
    """Only HU ask for CT; a label series may lack a scaling."""
    labels = np.zeros_like(hu)
    labels[2:4] = 20

    def change(data, at):
        data.Modality = "OT"
        del data.RescaleSlope, data.RescaleIntercept
        data.PixelData = labels[:, :, at].T.astype("<u2").tobytes()

    np.testing.assert_array_equal(read_labels(write_series(tmp_path / "a", hu, change=change)).values, labels)


@pytest.mark.parametrize("place", [(0, 132), (132, 400), (400, 900)])
def test_a_damaged_slice_is_read_or_refused(tmp_path, rng, hu, place):
    """Flipped and cut bytes in one file give a volume or a ValueError, without text of the header."""
    folder = write_series(tmp_path / "a", hu)
    file = folder / "IM003.dcm"
    whole = file.read_bytes()
    refused = []
    for _ in range(60):
        raw = bytearray(whole)
        for at in rng.integers(*place, rng.integers(1, 6)):
            raw[min(at, len(raw) - 1)] = rng.integers(0, 256)
        file.write_bytes(raw[: rng.integers(1, len(raw))] if rng.random() < 0.2 else raw)
        try:
            read_image(folder)
        except ValueError as error:
            refused.append(str(error))
    assert refused
    assert not any("DOE" in sentence for sentence in refused)


def test_a_deflated_data_set_is_not_unpacked(tmp_path, hu):
    """It could grow a thousandfold before anything is known of it."""
    folder = write_series(tmp_path / "a", hu)
    file = folder / "IM000.dcm"
    data = pydicom.dcmread(file)
    data.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    data.save_as(file)
    with pytest.raises(ValueError, match="deflated"):
        read_image(folder)


def test_an_unknown_compression_says_what_to_do(tmp_path, hu):
    """JPEG lossless needs a package that is not installed, or the bytes are no JPEG."""
    folder = write_series(tmp_path / "a", hu)
    file = folder / "IM000.dcm"
    data = pydicom.dcmread(file)
    data.PixelData = pydicom.encaps.encapsulate([data.PixelData])
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLosslessSV1
    data.save_as(file)
    with pytest.raises(ValueError, match=r"python-gdcm.*without compression"):
        read_image(folder)


def test_missing_pydicom_names_the_extra(tmp_path, hu, monkeypatch):
    """Without pydicom the sentence says what to install."""
    folder = write_series(tmp_path / "a", hu)
    real = builtins.__import__

    def without_it(name, *arguments, **keywords):
        if name.startswith("pydicom"):
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_it)
    with pytest.raises(ImportError, match=r"osteon\[readers\]"):
        read_image(folder)
