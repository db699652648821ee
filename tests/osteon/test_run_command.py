"""`osteon run` and `osteon check`: from image to report on a small vertebra, and bad input."""

import csv
import json
import tomllib
from pathlib import Path

import nibabel
import numpy as np
import pytest

import calibration
import meshes
from osteon import main
from osteon._arm_draws import COLUMNS, WITH_INTERVALS
from osteon._cases import case_columns
from osteon._map_figures import percent_change
from osteon._quantities import QUANTITIES, select
from osteon._run_command import portable
from osteon._simulation import steps_of_report
from osteon._study import parse_study
from osteon._study_tables import Time
from osteon._viewer_volumes import read_volumes
from tests.nifti_files import save_nifti

SENTINEL = "doe-john-1950"

STUDY = """\
title = "A small study"
[subject]
sex = "male"
age_years = 60
testosterone_ng_dl = 200
estradiol_pg_ml = 15
[image]
path = "{name}_ct.nii.gz"
mask = "{name}_mask.nii.gz"
subregions = "{name}_parts.nii.gz"
[image.calibration]
slope = 0.75
intercept = 5.0
density_type = "ha"
[[levels]]
name = "L3"
label = 22
trabecular_labels = [1]
cortical_labels = [2]
[mechanics]
fe_every_months = 6
[time]
months = 24
report_months = [12]
[[arm]]
name = "weekly"
[[arm.dose]]
drug = "testosterone-cypionate"
amount_mg = 100
every_days = 7
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """A synthetic CT with turned axes (P, I, R), its mask and its parts, under a patient's name."""
    folder = tmp_path_factory.mktemp(SENTINEL)
    vertebra = meshes.make_vertebra(3.0)
    affine = np.array([[0, 0, 3.0, -40.0], [-3.0, 0, 0, 55.0], [0, -3.0, 0, 90.0], [0, 0, 0, 1]])

    def save(values, name):
        turned = np.transpose(values, (1, 2, 0))[::-1, ::-1]
        save_nifti(np.ascontiguousarray(turned), affine, folder / name)

    labels = np.asarray(vertebra.labels.values)
    save(np.asarray(vertebra.hu.values), f"{SENTINEL}_ct.nii.gz")
    save(np.where(labels > 0, 22, 0).astype(np.uint8), f"{SENTINEL}_mask.nii.gz")
    save(np.where(labels < 3, labels, 0).astype(np.uint8), f"{SENTINEL}_parts.nii.gz")
    (folder / "study.toml").write_text(STUDY.format(name=SENTINEL))
    return folder


@pytest.fixture(scope="module")
def run(images, tmp_path_factory) -> Path:
    """One finished run that the tests look at."""
    out = tmp_path_factory.mktemp("runs") / "run"
    assert main(["run", str(images / "study.toml"), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def summary(run) -> dict:
    return json.loads((run / "summary.json").read_text())


@pytest.fixture(scope="module")
def courses(run) -> list[dict]:
    with (run / "timecourse.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{**row, "month": int(row["month"]), "value": float(row["value"])} for row in rows]


def values(courses, arm: str, quantity: str) -> np.ndarray:
    return np.array([row["value"] for row in select(courses, arm=arm, quantity=quantity)])


def test_the_folder_holds_everything_promised(run):
    """Study, versions, log, summary, time courses, maps, figures, report, and nothing hidden."""
    names = {path.name for path in run.iterdir()}
    assert names == {
        "study.toml", "versions.json", "log.txt", "summary.json", "cases.csv", "timecourse.csv", "maps",
        "figures", "figures.json", "report.html", "timing.json", "manifest.json",
    }  # fmt: skip
    assert [path.name for path in run.parent.iterdir()] == ["run"]


def test_every_picture_is_there_as_lines_and_words_too(run):
    """An SVG beside every PNG, without time, program or path in it."""
    pictures = sorted(path.stem for path in (run / "figures").glob("*.png"))
    assert pictures
    assert sorted(path.stem for path in (run / "figures").glob("*.svg")) == pictures
    text = (run / "figures" / "l3_change.svg").read_text()
    assert "change from baseline (%)" in text
    assert "dc:date" not in text
    assert "Matplotlib" not in text


def test_a_case_is_a_row(run, summary):
    """One row a level and arm with the columns that every run has; its numbers are those of the summary."""
    with (run / "cases.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["subject"], row["level"], row["arm"]) for row in rows] == [
        ("1", "L3", "no treatment"),
        ("1", "L3", "weekly"),
    ]
    assert list(rows[0]) == case_columns()
    last = next(row for row in summary["results"] if row["arm"] == "weekly" and row["month"] == 24)
    for quantity in QUANTITIES:
        assert float(rows[1][f"{quantity.name}_end"]) == pytest.approx(last[quantity.name], rel=1e-9)
    low, change, high = (
        float(rows[1][f"trabecular_vbmd_mg_cm3_change_percent{end}"])
        for end in ("_parameters_low", "", "_parameters_high")
    )
    assert low < change < high
    first = float(rows[1]["trabecular_vbmd_mg_cm3_start"])
    assert change == pytest.approx(100 * (last["trabecular_vbmd_mg_cm3"] / first - 1))
    assert not [name for name, cell in rows[1].items() if cell == ""]


def test_load_to_strength_is_the_force_of_daily_life_over_strength(summary):
    """800 N of habitual force over what the bone bears; gains make it smaller."""
    rows = [row for row in summary["results"] if row["arm"] == "weekly"]
    for row in rows:
        assert row["load_to_strength"] == pytest.approx(800.0 / row["strength_pistoia_n"])
    assert rows[-1]["load_to_strength"] < rows[0]["load_to_strength"]


def test_the_summary_has_a_row_per_arm_and_reported_month(summary):
    """Every quantity of the registry at 0, 12 and 24 months in both arms, all finite."""
    keys = [(row["arm"], row["month"]) for row in summary["results"]]
    assert keys == [(arm, month) for arm in ("no treatment", "weekly") for month in (0, 12, 24)]
    for row in summary["results"]:
        for quantity in QUANTITIES:
            assert np.isfinite(row[quantity.name])
    assert summary["solver"][0]["relative_residual_max"] <= 1.01e-6


def test_the_untreated_arm_does_not_move(courses):
    """Nothing changed, nothing moves: below 1e-6 % in 24 months."""
    density = values(courses, "no treatment", "trabecular_vbmd_mg_cm3")
    assert density == pytest.approx(density[0], rel=1e-8)
    assert values(courses, "no treatment", "resorption_percent") == pytest.approx(100.0, rel=1e-8)


def test_the_trabecular_gain_is_concave(courses):
    """Treated bone gains, more than half of it in the first year."""
    density = values(courses, "weekly", "trabecular_vbmd_mg_cm3")
    assert len(density) == 25
    gain = density - density[0]
    assert gain[24] > 0.01 * density[0]
    assert gain[12] > 0.5 * gain[24]


def test_bone_that_turns_over_more_gains_more(run, summary):
    """Trabecular bone gains a larger share than cortical bone."""
    first, last = (
        next(row for row in summary["results"] if row["arm"] == "weekly" and row["month"] == month)
        for month in (0, 24)
    )
    trabecular = last["trabecular_vbmd_mg_cm3"] / first["trabecular_vbmd_mg_cm3"]
    cortical = last["cortical_vbmd_mg_cm3"] / first["cortical_vbmd_mg_cm3"]
    assert trabecular > cortical > 1


def test_strength_and_stiffness_follow_density(summary):
    """More bone is stiffer and stronger, by both estimates."""
    rows = [row for row in summary["results"] if row["arm"] == "weekly"]
    for name in (
        "stiffness_n_per_mm",
        "strength_pistoia_n",
        "strength_crawford_n",
        "bmc_mg",
        "ap_abmd_g_cm2",
        "spine_dxa_percent",
    ):
        assert rows[0][name] < rows[1][name] < rows[2][name]


def test_cells_are_reported_as_a_biologist_reads_them(summary):
    """On testosterone RANKL over OPG and osteoclasts fall within a year (less strain brings RANKL back),
    osteocytes rise; without it nothing moves."""
    names = ("rankl_over_opg", "osteoclasts_percent", "preosteoblasts_percent", "osteoblasts_percent")
    rows = {(row["arm"], row["month"]): row for row in summary["results"]}
    for name in names:
        assert rows["weekly", 12][name] < 0.99 * rows["weekly", 0][name]
    for name in names[1:]:
        assert rows["weekly", 24][name] < rows["weekly", 0][name]
    assert rows["weekly", 24]["osteocytes_percent"] > 100
    for name in (*names, "osteocytes_percent"):
        assert rows["no treatment", 24][name] == pytest.approx(rows["no treatment", 0][name], rel=1e-6)


def test_rankl_over_opg_stays_low_for_two_years(summary):
    """On testosterone, at 24 months below the start."""
    rows = {(row["arm"], row["month"]): row for row in summary["results"]}
    assert rows["weekly", 24]["rankl_over_opg"] < rows["weekly", 0]["rankl_over_opg"]


def test_maps_lie_on_the_grid_of_the_ct(run, images):
    """Same affine and shape as the CT; baseline equals slope * HU + intercept in every voxel of the body."""
    ct = nibabel.Nifti1Image.from_filename(images / f"{SENTINEL}_ct.nii.gz")
    parts = nibabel.Nifti1Image.from_filename(images / f"{SENTINEL}_parts.nii.gz").get_fdata() > 0
    maps = sorted((run / "maps").glob("*.nii.gz"))
    assert len(maps) == 3 + 2 * 5
    for path in maps:
        image = nibabel.Nifti1Image.from_filename(path)
        assert image.affine == pytest.approx(ct.affine)
        assert image.shape == ct.shape
        assert (image.get_fdata()[~parts] == 0).all()
    baseline = nibabel.Nifti1Image.from_filename(run / "maps" / "baseline_vbmd_mg_cm3.nii.gz").get_fdata()
    expected = np.maximum(0.75 * ct.get_fdata() + 5.0, 0.0)
    assert baseline[parts] == pytest.approx(expected[parts], rel=1e-5, abs=1e-3)


def test_the_slices_of_the_report_are_those_of_the_maps(run, summary):
    """Voxel by voxel in RAS order: density, its difference and energy; means are integral densities."""
    index, parts = read_volumes(run / "maps" / "viewer.npz")
    content, (level,) = b"".join(parts), index["levels"]
    bone = np.frombuffer(content, np.uint8, -(-int(np.prod(level["shape"])) // 8), level["bone"])
    bone = np.unpackbits(bone, count=int(np.prod(level["shape"]))).reshape(level["shape"]).astype(bool)
    assert index["arms"] == ["no treatment", "weekly"]
    assert index["months"] == [0, 12, 24]

    def shown(kind, arm=None, month=0):
        (field,) = [
            field
            for field in index["fields"]
            if (field["kind"], field["arm"], field["month"]) == (kind, arm, month)
        ]
        low, high = (
            np.frombuffer(content, np.uint8, 2 * bone.sum(), field["begin"]).reshape(2, -1).astype(float)
        )
        numbers = field["low"] + field["step"] * (low + 256 * high)
        return 10**numbers if field["power"] else numbers

    def mapped(name):
        image = nibabel.Nifti1Image.from_filename(run / "maps" / f"{name}.nii.gz")
        values = nibabel.funcs.as_closest_canonical(image).get_fdata()
        sed = nibabel.Nifti1Image.from_filename(run / "maps" / "baseline_sed_mpa.nii.gz")
        inside = np.argwhere(nibabel.funcs.as_closest_canonical(sed).get_fdata() > 0)
        first = inside.min(axis=0) - np.argwhere(bone).min(axis=0)
        (x, y, z), (nx, ny, nz) = first, bone.shape
        return values[x : x + nx, y : y + ny, z : z + nz][bone]

    before, difference = shown("density"), shown("difference", 1, 24)
    np.testing.assert_allclose(before, mapped("baseline_vbmd_mg_cm3"), atol=0.05)
    np.testing.assert_allclose(before + difference, mapped("weekly_month24_vbmd_mg_cm3"), atol=0.05)
    np.testing.assert_allclose(shown("energy", 1, 24), mapped("weekly_month24_sed_mpa"), rtol=1e-3)
    width = mapped("weekly_month24_change_half_width_percent")
    np.testing.assert_allclose(shown("half_width", 1, 24), width, atol=0.01)
    for month in (12, 24):
        (row,) = [row for row in summary["results"] if (row["arm"], row["month"]) == ("weekly", month)]
        mean = (before + shown("difference", 1, month)).mean()
        assert mean == pytest.approx(row["integral_vbmd_mg_cm3"], rel=1e-3)


def test_the_change_map_is_that_of_the_density_maps(run):
    """100 (after - before) / before, and its trabecular mean is positive."""

    def read(name):
        return nibabel.Nifti1Image.from_filename(run / "maps" / f"{name}.nii.gz").get_fdata()

    before, after = read("baseline_vbmd_mg_cm3"), read("weekly_month24_vbmd_mg_cm3")
    change = read("weekly_month24_change_percent")
    assert change == pytest.approx(percent_change(before, after), abs=1e-3)
    assert np.abs(read("no-treatment_month24_change_percent")).max() < 1e-4


def test_densities_carry_two_intervals_about_the_result(courses):
    """parameters_low < value < parameters_high, inside the interval of a new trial; none at the start."""
    for quantity in WITH_INTERVALS:
        for row in select(courses, arm="weekly", quantity=quantity):
            low, high, wide_low, wide_high = (float(row[column]) for column in COLUMNS)
            if row["month"] == 0:
                assert (low, high, wide_low, wide_high) == pytest.approx((row["value"],) * 4)
            else:
                assert wide_low < low < row["value"] < high < wide_high
    assert all(row["parameters_low"] == "" for row in courses if row["quantity"] not in WITH_INTERVALS)


def test_untreated_bone_in_a_steady_state_has_no_width_but_that_of_a_trial(courses):
    """No change under any draw; a new trial deviates by 2.776 times the scale between trials."""
    scale = float(calibration.shipped_posterior()[0].between_trials[0])
    for row in select(courses, arm="no treatment", quantity="integral_vbmd_mg_cm3")[1:]:
        value = row["value"]
        assert float(row["parameters_high"]) - float(row["parameters_low"]) < 1e-6 * value
        half = 0.5 * (float(row["new_trial_high"]) - float(row["new_trial_low"])) / value
        assert half == pytest.approx(0.01 * 2.7764451 * scale, rel=1e-4)


def test_the_summary_gives_the_intervals_of_the_table_in_per_cent(summary, courses):
    """100 (end / start - 1) at every reported month, and what the intervals are."""
    assert {row["quantity"] for row in summary["intervals"]} == set(WITH_INTERVALS)
    for row in summary["intervals"]:
        where = {name: row[name] for name in ("arm", "level", "quantity")}
        start = select(courses, month=0, **where)[0]["value"]
        end = float(select(courses, month=row["month"], **where)[0]["new_trial_high"])
        assert row["new_trial_high_percent"] == pytest.approx(100 * (end / start - 1), abs=1e-6)
    assert len(summary["intervals"]) == 2 * 2 * len(WITH_INTERVALS)
    assert "0-D mechanics" in summary["interval_method"]["limits"]


def test_the_map_of_half_widths_agrees_with_the_interval_of_the_mean(run, images, summary):
    """Voxels of a compartment move together: their mean half width is that of their mean within 5 %."""

    def read(path):
        return nibabel.Nifti1Image.from_filename(path).get_fdata()

    density = read(run / "maps" / "baseline_vbmd_mg_cm3.nii.gz")
    width = read(run / "maps" / "weekly_month24_change_half_width_percent.nii.gz")
    parts = read(images / f"{SENTINEL}_parts.nii.gz")
    for code, quantity in ((1, "trabecular_vbmd_mg_cm3"), (2, "cortical_vbmd_mg_cm3")):
        row = select(summary["intervals"], arm="weekly", month=24, quantity=quantity)[0]
        half = 0.5 * (row["parameters_high_percent"] - row["parameters_low_percent"])
        mean = np.average(width[parts == code], weights=density[parts == code])
        assert mean == pytest.approx(half, rel=0.05)
    assert read(run / "maps" / "no-treatment_month24_change_half_width_percent.nii.gz").max() < 1e-6


def test_the_report_tells_the_two_intervals_apart(run):
    """A column each."""
    html = (run / "report.html").read_text()
    assert "95 % interval: parameters" in html
    assert "95 % interval: new trial" in html


def test_mineral_content_is_the_sum_of_the_map(run, summary):
    """BMC = sum of vBMD times the volume of a voxel (27 mm3)."""
    baseline = nibabel.Nifti1Image.from_filename(run / "maps" / "baseline_vbmd_mg_cm3.nii.gz").get_fdata()
    assert summary["results"][0]["bmc_mg"] == pytest.approx(baseline.sum() * 27 / 1000, rel=1e-5)


def test_the_resolved_study_is_a_study_without_paths(run):
    """study.toml passes the schema and holds the defaults."""
    data = tomllib.loads((run / "study.toml").read_text())
    assert data["image"]["path"] == "path.nii.gz"
    assert data["time"]["steps_per_month"] == 2
    study = parse_study(data)
    assert study.mechanics.law == "kopperdahl-2002"
    again = portable(study)["mechanics"]
    assert {name: value for name, value in again.items() if value is not None} == data["mechanics"]


def test_inputs_are_recorded_by_their_hashes(run):
    """Three files read, three SHA-256."""
    hashes = json.loads((run / "versions.json").read_text())["inputs_sha256"]
    assert sorted(len(value) for value in hashes.values()) == [64, 64, 64]


def test_report_again_gives_the_same_file(run):
    """`osteon report` needs nothing but the folder."""
    before = (run / "report.html").read_bytes()
    assert main(["report", str(run)]) == 0
    assert (run / "report.html").read_bytes() == before
    assert b"Research use only, not a medical device" in before


def test_a_run_is_never_overwritten(run, images, capsys):
    """The same --out again is bad input and changes nothing."""
    before = (run / "summary.json").read_bytes()
    assert main(["run", str(images / "study.toml"), "--out", str(run)]) == 2
    assert "never overwrites" in capsys.readouterr().err
    assert (run / "summary.json").read_bytes() == before


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["image.path=none.nii.gz"], "none.nii.gz"),
        (["levels[0].label=7"], "found: 22"),
        (["levels[0].cortical_labels=[9]"], "found there: 1, 2"),
        (["mechanics.law=koperdahl"], "kopperdahl-2002"),
        (["mechanics.load=axail"], "pmma-axial"),
        (["mechanics.load=shear-x"], "a study is loaded along z, by one of axial"),
        (["arm[0].dose[0].drug=testosteron"], "testosterone-cypionate"),
        (["arm[0].dose[0].amount_mg=9999"], "amount_mg"),
        (["biology.ks=1"], "remodeling.PARAMETERS"),
        (["image.calibration.slope=0.01", "image.calibration.intercept=-400"], "negative density"),
        ([f"image.path={SENTINEL}_mask.nii.gz"], "no Hounsfield units"),
        ([f"image.mask={SENTINEL}_shifted.nii.gz"], "the mask"),
    ],
)
def test_bad_input_is_one_sentence_and_no_folder(images, tmp_path, capsys, overrides, words):
    """Exit code 2; nothing is left where the run would have been."""
    shifted = images / f"{SENTINEL}_shifted.nii.gz"
    if not shifted.exists():
        mask = nibabel.Nifti1Image.from_filename(images / f"{SENTINEL}_mask.nii.gz")
        affine = mask.affine.copy()
        affine[2, 3] += 1.5
        save_nifti(np.asarray(mask.dataobj), affine, shifted)
    out = tmp_path / "run"
    arguments = [item for override in overrides for item in ("--set", override)]
    code = main(["run", str(images / "study.toml"), "--out", str(out), *arguments])
    captured = capsys.readouterr()
    assert code == 2, captured.err
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_run_above_the_memory_limit_is_refused(images, tmp_path, capsys):
    """Code 4, no folder."""
    out = tmp_path / "run"
    arguments = ["run", str(images / "study.toml"), "--out", str(out), "--memory-gb", "0.01"]
    assert main(arguments) == 4
    assert "memory plan" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_check_says_what_would_be_modelled(images, tmp_path, capsys):
    """Voxels, calibration, memory plan, arms, and a picture."""
    out = tmp_path / "check"
    assert main(["check", str(images / "study.toml"), "--out", str(out)]) == 0
    text = capsys.readouterr().out
    for words in ("Stated line", "trabecular", "memory plan", "weekly"):
        assert words in text
    assert (out / "l3.png").read_bytes().startswith(b"\x89PNG")


def test_check_reads_the_built_in_vertebra(capsys):
    """The demo's study; the rods of its phantom calibrate it."""
    study = Path(__file__).resolve().parents[2] / "examples" / "l3_builtin.toml"
    assert main(["check", str(study), "--set", "image.voxel_mm=3", "--no-picture"]) == 0
    assert "phantom" in capsys.readouterr().out


def test_resampled_models_write_maps_on_the_ct(images):
    """A 4 mm model of a 3 mm CT still gives every voxel of the body a value of its neighbourhood."""
    import fem
    from osteon._density_image import read_density
    from osteon._levels import read_levels, to_source
    from osteon._study import read_study

    study = read_study(images / "study.toml", overrides=["mechanics.voxel_mm=4"])
    image = read_density(study.image)
    levels, _ = read_levels(study, image, fem.density_law("kopperdahl-2002"))
    field = to_source(levels[0], levels[0].density_ha + 1.0)
    assert levels[0].voxel_mm == pytest.approx(4.0)
    assert ((field > 0) == levels[0].source_bone).all()
    assert any("resampled to 4 mm" in note for note in levels[0].notes)


def test_solves_fall_on_a_divisor_of_the_reports():
    """Reports every 12 months of 2 steps: a solve every 5 months (10 steps) becomes every 4 (8 steps)."""
    assert steps_of_report(Time(months=24, report_months=(12,)), 5.0) == (24, 8)
    assert steps_of_report(Time(months=24, report_months=(12,)), 100.0) == (24, 24)
    assert steps_of_report(Time(months=7, report_months=()), 3.0)[0] == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "levels"), [("l3_ct.toml", ["L3"]), ("lumbar_ct.toml", ["T12", "L1", "L2", "L3", "L4", "L5"])]
)
def test_real_cts_run_from_their_example(example, levels, shared_data, tmp_path):
    """Issue: maps on the source grid, concave gain, untreated flat, a table per level."""
    study = Path(__file__).resolve().parents[2] / "examples" / example
    out = tmp_path / "run"
    assert main(["run", str(study), "--data-dir", str(shared_data), "--out", str(out)]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert [level["name"] for level in summary["levels"]] == levels
    for level in levels:
        rows = {
            (row["arm"], row["month"]): row["trabecular_vbmd_mg_cm3"]
            for row in summary["results"]
            if row["level"] == level
        }
        arm = "cypionate 100 mg weekly"
        assert rows["no treatment", 24] == pytest.approx(rows["no treatment", 0], rel=1e-8)
        year, end = rows[arm, 12] - rows[arm, 0], rows[arm, 24] - rows[arm, 0]
        assert end > year > 0.5 * end
