"""Inputs of a study and of `osteon solve` that are not as they should be: refused, or mended and counted."""

import json
import re
import sys

import numpy as np
import pytest

import meshes
from osteon import UserError, main
from osteon._calibration_figure import calibration_figure
from osteon._clean_density import DENSEST_BONE, without_foreign, without_negative
from osteon._density_image import read_density
from osteon._figures import png_bytes
from osteon._input_files import file_hash
from osteon._levels import read_levels
from osteon._run_command import portable
from osteon._study import parse_study
from osteon._study_tables import ImageSource
from tests.dicom_series import SENTINEL, write_series
from tests.nifti_files import save_nifti

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


@pytest.fixture(scope="module")
def vertebra():
    return meshes.make_vertebra(3.0)


@pytest.fixture
def folder(tmp_path, vertebra):
    """CT, mask (22) and rods (10 to 13) of the built-in vertebra as files."""
    labels = np.asarray(vertebra.labels.values)
    tissues = np.asarray(vertebra.tissues.values)
    save_nifti(np.asarray(vertebra.hu.values).astype(np.float32), AFFINE, tmp_path / "ct.nii.gz")
    save_nifti(np.where(labels > 0, 22, 0).astype(np.uint8), AFFINE, tmp_path / "mask.nii.gz")
    save_nifti(np.where(tissues >= 10, tissues, 0).astype(np.uint8), AFFINE, tmp_path / "rods.nii.gz")
    return tmp_path


LINEAR = {"slope": 0.8, "intercept": 0.0, "density_type": "ha"}
RODS = {
    "method": "phantom",
    "rods": "rods.nii.gz",
    "rod_labels": [10, 11, 12, 13],
    "rod_mg_cm3": [0.0, 50.0, 100.0, 200.0],
    "density_type": "ha",
}


def study_of(folder, calibration=None, levels=({"name": "L3", "label": 22},), **image):
    """A study of the files in a folder."""
    tables = {"path": "ct.nii.gz", "mask": "mask.nii.gz", "calibration": calibration or LINEAR} | image
    subject = {"sex": "male", "age_years": 60}
    return parse_study({"subject": subject, "image": tables, "levels": list(levels)}, data_dir=folder)


def read(study):
    """Density image and levels."""
    import fem

    image = read_density(study.image)
    return image, read_levels(study, image, fem.density_law("kopperdahl-2002"))[0]


def rewrite(path, change):
    """A file with other values or another affine."""
    import nibabel

    image = nibabel.Nifti1Image.from_filename(path)
    values, affine = change(np.asarray(image.dataobj).copy(), image.affine.copy())
    save_nifti(values, affine, path)


def bare(path):
    """The unit of length taken out of a file."""
    import nibabel

    image = nibabel.Nifti1Image.from_filename(path)
    copy = nibabel.Nifti1Image(np.asarray(image.dataobj), image.affine)
    copy.header["xyzt_units"] = 0
    nibabel.save(copy, path)


def test_unknown_units_are_refused_and_may_be_assumed(folder):
    """image.assume_units = "mm" holds for every file of a study."""
    for name in ("ct.nii.gz", "mask.nii.gz"):
        bare(folder / name)
    with pytest.raises(UserError, match=r'image\.path .*image\.assume_units = "mm"'):
        read(study_of(folder))
    _, levels = read(study_of(folder, assume_units="mm"))
    assert levels[0].voxel_mm == 3.0


def test_a_mask_on_another_grid_is_refused_or_resampled_and_noted(folder):
    """Half a voxel aside: nearest neighbour keeps the volume within a few per cent, and the log says it."""
    rewrite(folder / "mask.nii.gz", lambda values, affine: (values, affine + 1.4 * np.eye(4, k=3)))
    with pytest.raises(UserError, match=r"corners lie up to .*image\.resample_mask = true"):
        read(study_of(folder))
    _, levels = read(study_of(folder, resample_mask=True))
    assert any("brought onto that of the CT by nearest neighbour" in note for note in levels[0].notes)
    rewrite(folder / "mask.nii.gz", lambda values, affine: (values, affine + 60 * np.eye(4, k=3)))
    with pytest.raises(UserError, match="of its volume is left on the grid of the CT"):
        read(study_of(folder, resample_mask=True))


def test_a_missing_label_names_those_that_are_there(folder):
    """Level 21 of a mask that holds 22."""
    with pytest.raises(UserError, match="label 21 does not occur in the mask; found: 22"):
        read(study_of(folder, levels=[{"name": "L2", "label": 21}]))


@pytest.mark.parametrize(
    ("hu", "few", "words", "note"),
    [
        (4000.0, 5, "denser than any bone", r"5 of .* denser than any bone .* set to 1600 mg/cm3"),
        (-3024.0, 5, "outside of the scanner's field", r"5 of .*below -1024 HU\), set to 0 mg/cm3"),
        (-500.0, 5, "of negative density", "5 of .* of negative density, set to 0 mg/cm3"),
    ],
    ids=["metal", "padding", "negative"],
)
def test_values_that_no_bone_has_are_clamped_and_counted_and_many_refused(folder, hu, few, words, note):
    """Metal, padding and negative density inside the mask; outside of it they do not matter."""
    import nibabel

    mask = np.asarray(nibabel.Nifti1Image.from_filename(folder / "mask.nii.gz").dataobj) > 0
    spots = np.argwhere(mask)

    def put(count):
        def change(values, affine):
            values[tuple(spots[:: max(1, len(spots) // count)][:count].T)] = hu
            values[0, 0, 0] = hu
            return values, affine

        return change

    rewrite(folder / "ct.nii.gz", put(few))
    _, levels = read(study_of(folder))
    assert any(re.search(note, text) for text in levels[0].notes), levels[0].notes
    assert levels[0].density_ha.min() >= 0
    assert levels[0].density_ha.max() <= DENSEST_BONE
    rewrite(folder / "ct.nii.gz", put(int(0.7 * len(spots))))
    with pytest.raises(UserError, match=rf"levels 'L3': .* % of its voxels are {words}"):
        read(study_of(folder))


def test_clean_bone_is_left_alone(rng):
    """No note, no change."""
    density = rng.uniform(0, 1.2, 50)
    for clean in (without_foreign, without_negative):
        values, notes = clean(density, "here")
        assert notes == []
        np.testing.assert_array_equal(values, density)


def test_nan_inside_or_outside_of_the_mask_is_refused(folder):
    """A NaN has no density; the first place is named."""

    def change(values, affine):
        values[3, 4, 5] = np.nan
        return values, affine

    rewrite(folder / "ct.nii.gz", change)
    with pytest.raises(UserError, match=r"1 of .* voxels that are NaN .*\(3, 4, 5\)"):
        read(study_of(folder))


def test_rods_in_the_scan_calibrate_it(folder):
    """The line through the rods' cores is that of the built-in phantom within its noise."""
    image, _ = read(study_of(folder, RODS))
    record = image.calibration
    assert record["method"] == "phantom"
    assert record["r2"] > 0.999
    assert list(record["residuals_mg_cm3"]) == ["rod 10", "rod 11", "rod 12", "rod 13"]
    builtin = read_density(ImageSource(builtin="l3", voxel_mm=3.0)).calibration
    assert record["slope_mg_cm3_per_hu"] == pytest.approx(builtin["slope_mg_cm3_per_hu"], rel=0.02)
    assert record["intercept_mg_cm3"] == pytest.approx(builtin["intercept_mg_cm3"], abs=3)
    assert set(image.hashes) == {"image", "image.calibration.rods"}
    assert png_bytes(calibration_figure(record)).startswith(b"\x89PNG")


def test_the_core_of_a_rod_is_not_pulled_by_its_rim():
    """Rods whose outer layer is half air keep their line; the mean over the label would be off by a third."""
    labels, hu = np.zeros((40, 12, 8), np.uint8), np.full((40, 12, 8), -1000.0)
    for position, density in enumerate((0.0, 100.0, 200.0)):
        box = (slice(12 * position + 2, 12 * position + 10), slice(2, 10))
        labels[box] = position + 1
        hu[box] = -500.0
        hu[12 * position + 3 : 12 * position + 9, 3:9] = density / 0.8
    rods = meshes.make_image(labels, 1.0, quantity="label")
    image = meshes.make_image(hu, 1.0, quantity="hu")
    calibration, fit = meshes.calibrate_phantom(image, rods, {1: 0.0, 2: 100.0, 3: 200.0}, "k2hpo4")
    assert float(calibration.slope) == pytest.approx(0.8e-3)
    assert calibration.density_type == "k2hpo4"
    assert fit.r2 == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"rod_mg_cm3": [0.0, 100.0, 50.0, 200.0]},
            r"r2 is 0\.\d+, at least 0.99 is needed, and rod 1. is off",
        ),
        (
            {"rod_labels": [10, 11, 12, 14]},
            "rod 14 does not occur in the rod mask; labels found: 10, 11, 12, 13",
        ),
        (
            {"rod_labels": [10, 11, 12], "rod_mg_cm3": [0.0, 50.0, 100.0]},
            "label 13 of the rod mask has no stated",
        ),
        ({"rod_labels": [10, 11], "rod_mg_cm3": [0.0, 50.0]}, "needs 3 rods or more; 2 stated"),
        ({"rods": "none.nii.gz"}, "no file"),
    ],
)
def test_a_phantom_that_does_not_fit_is_refused(folder, change, words):
    """Order of the densities, labels, number of rods, the file."""
    with pytest.raises(UserError, match=words):
        read(study_of(folder, RODS | change))


def test_a_rod_of_few_voxels_is_refused(folder):
    """Six voxels of a rod."""

    def change(values, affine):
        values[tuple(np.argwhere(values == 12)[6:].T)] = 0
        return values, affine

    rewrite(folder / "rods.nii.gz", change)
    with pytest.raises(UserError, match=r"rod 12 has \d+ voxels inside its outer layer"):
        read(study_of(folder, RODS))


@pytest.mark.parametrize(
    ("calibration", "image", "words"),
    [
        ({"method": "phantom", "density_type": "ha"}, {}, "a phantom calibration needs rods, rod_mg_cm3 and"),
        (RODS | {"density_type": "water"}, {}, "allowed: 'ha', 'k2hpo4', 'ash', 'apparent'"),
        (RODS | {"slope": 0.8}, {}, 'belongs to method = "linear" and not to "phantom"'),
        (LINEAR | {"fat_hu": -100.0}, {}, 'belongs to method = "phantomless" and not to "linear"'),
        ({"method": "phantomless", "density_type": "ash"}, {}, "without a phantom density is ha- or k2hpo4"),
        (LINEAR, {"density_type": "ha"}, "state the type of a calibration under"),
        (RODS | {"rod_labels": [10]}, {}, "has 1 numbers for the 4 of rod_mg_cm3"),
        (LINEAR, {"spacing_mm": [1.0, 2.0]}, "has 2 numbers; give one or three"),
    ],
)
def test_calibrations_and_density_types_are_not_mixed(folder, calibration, image, words):
    """Keys that would be ignored are refused, and a type is stated once."""
    with pytest.raises(UserError, match=words):
        study_of(folder, calibration, **image)


def test_a_study_hides_the_names_of_its_rods(folder):
    """study.toml of a run holds roles in place of file names."""
    data = portable(study_of(folder, RODS, bodies="doe_bodies.nii.gz"))
    assert data["image"]["calibration"]["rods"] == "rods.nii.gz"
    assert data["image"]["bodies"] == "bodies.nii.gz"


def test_a_level_is_found_by_its_name(folder):
    """One label alone may be L3 of VerSe (22) or L1 of TotalSegmentator 1: the name decides."""
    _, levels = read(study_of(folder, levels=[{"name": "L3"}]))
    assert any("label 22 of the mask is taken as the vertebral body" in note for note in levels[0].notes)
    with pytest.raises(UserError, match=r"labels found \(22\) are not L4 .*Set image\.labels"):
        read(study_of(folder, levels=[{"name": "L4"}]))
    with pytest.raises(UserError, match="no L3"):
        read(study_of(folder, levels=[{"name": "L3"}], labels="totalsegmentator"))


def test_single_masks_of_totalsegmentator_are_found_by_their_names(folder):
    """A folder with vertebrae_L3.nii.gz is a mask; a file of another vertebra is refused."""
    (folder / "segmentations").mkdir()
    single = folder / "segmentations" / "vertebrae_L3.nii.gz"
    (folder / "mask.nii.gz").rename(single)
    rewrite(single, lambda values, affine: ((values > 0).astype(np.uint8), affine))
    by_name = [{"name": "L3"}]
    for mask in ("segmentations", "segmentations/vertebrae_L3.nii.gz"):
        _, levels = read(study_of(folder, levels=by_name, mask=mask))
        assert levels[0].bone.sum() > 100
    with pytest.raises(UserError, match="no vertebrae_L2; found: L3"):
        read(study_of(folder, levels=[{"name": "L2"}], mask="segmentations"))
    with pytest.raises(UserError, match="its mask is vertebrae_L3; give that of vertebrae_L2"):
        read(study_of(folder, levels=[{"name": "L2"}], mask="segmentations/vertebrae_L3.nii.gz"))


def test_bodies_cut_the_arch_off(folder, vertebra):
    """A level is the part of its label inside image.bodies."""
    whole = np.asarray(vertebra.labels.values) > 0
    half = whole.copy()
    half[:, : whole.shape[1] // 2] = False
    save_nifti(half.astype(np.uint8), AFFINE, folder / "bodies.nii.gz")
    _, levels = read(study_of(folder, bodies="bodies.nii.gz"))
    assert levels[0].bone.sum() == meshes.largest_component(half & whole).sum()
    save_nifti((~whole).astype(np.uint8), AFFINE, folder / "bodies.nii.gz")
    with pytest.raises(UserError, match="none of its voxels is a vertebral body"):
        read(study_of(folder, bodies="bodies.nii.gz"))


def test_a_series_is_the_image_of_a_study(tmp_path, vertebra):
    """A DICOM series and a mask in NIfTI meet on one grid; no name comes along, into the hash neither."""
    pytest.importorskip("pydicom")
    hu = np.round(np.asarray(vertebra.hu.values) / 2) * 2

    def change(data, index):
        data.RescaleSlope, data.RescaleIntercept = 2, -1024
        data.ImagePositionPatient = [0.0, 0.0, 3.0 * index]
        data.PixelSpacing = [3.0, 3.0]
        data.PixelData = np.round((hu[:, :, index].T + 1024) / 2).astype("<u2").tobytes()

    write_series(tmp_path / "ct", hu, change=change)
    turned = np.diag([-3.0, -3.0, 3.0, 1.0])
    mask = (np.asarray(vertebra.labels.values) > 0).astype(np.uint8)
    save_nifti(mask, turned, tmp_path / "mask.nii.gz")
    image, levels = read(study_of(tmp_path, levels=[{"name": "L3", "label": 1}], path="ct"))
    assert levels[0].bone.sum() == meshes.largest_component(mask > 0).sum()
    np.testing.assert_allclose(np.asarray(image.source.values), 0.8e-3 * hu, atol=1e-6)
    assert SENTINEL not in repr((image.sentence, image.calibration, image.hashes, levels[0].notes))
    before = file_hash(tmp_path / "ct")
    for place, file in enumerate(sorted((tmp_path / "ct").iterdir())):
        file.rename(file.with_name(f"{SENTINEL}_{place:02d}.dcm"))
    assert file_hash(tmp_path / "ct") == before == image.hashes["image"]


def test_pages_need_the_voxel_size_of_the_study(tmp_path, vertebra):
    """image.spacing_mm holds for every image."""
    tifffile = pytest.importorskip("tifffile")
    pages = np.asarray(vertebra.hu.values).astype(np.int16).transpose(2, 1, 0)
    mask = (np.asarray(vertebra.labels.values) > 0).astype(np.uint8).transpose(2, 1, 0)
    tifffile.imwrite(tmp_path / "ct.tif", pages, photometric="minisblack")
    tifffile.imwrite(tmp_path / "mask.tif", mask, photometric="minisblack")
    names = {"path": "ct.tif", "mask": "mask.tif", "levels": [{"name": "L3", "label": 1}]}
    with pytest.raises(UserError, match="states no voxel size"):
        read(study_of(tmp_path, **names))
    _, levels = read(study_of(tmp_path, **names, spacing_mm=[3.0]))
    assert levels[0].voxel_mm == 3.0


def test_a_missing_reader_is_bad_input_that_names_its_extra(folder, monkeypatch):
    """Not a bug with a traceback."""
    monkeypatch.setitem(sys.modules, "tifffile", None)
    (folder / "ct.tif").write_bytes(b"II*")
    with pytest.raises(UserError, match=r"pip install 'osteon\[readers\]'"):
        read(study_of(folder, path="ct.tif", spacing_mm=[3.0]))


def solve(folder, *arguments):
    """Exit code of `osteon solve` on a density image."""
    law = ("--law", "kopperdahl-2002", "--density-type", "k2hpo4", "--label", "22")
    return main(
        [
            "solve",
            str(folder / "d.nii.gz"),
            "--mask",
            str(folder / "m.nii.gz"),
            *law,
            *arguments,
        ]
    )


@pytest.fixture
def density(tmp_path):
    """A block of 6^3 voxels of 200 mg/cm3 with one of metal and one below zero, as files without a unit."""
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[2:8, 2:8, 2:8] = 22
    values = np.full(labels.shape, 200.0, np.float32)
    values[4, 4, 4], values[5, 5, 5] = 9000.0, -50.0
    for name, data in (("d.nii.gz", values), ("m.nii.gz", labels)):
        save_nifti(data, np.eye(4), tmp_path / name)
        bare(tmp_path / name)
    return tmp_path


def test_solve_asks_for_units_and_grid_and_counts_what_it_clamps(density, tmp_path, capsys):
    """--assume-units mm, --resample-mask; metal and negative density are in the notes of summary.json."""
    rewrite(density / "m.nii.gz", lambda values, affine: (values, affine + 0.3 * np.eye(4, k=3)))
    assert solve(density) == 2
    assert "--assume-units mm" in capsys.readouterr().err
    assert solve(density, "--assume-units", "mm") == 2
    assert "--resample-mask" in capsys.readouterr().err
    options = ("--assume-units", "mm", "--resample-mask")
    assert solve(density, *options, "--out", str(tmp_path / "out")) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    for words in ("nearest neighbour", "1 of 216 voxels were denser", "1 of 216 voxels were of negative"):
        assert any(words in note for note in summary["notes"]), words
    assert summary["negative_energies_clipped"] == 0
