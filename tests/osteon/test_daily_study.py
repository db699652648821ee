"""A study driven by the activities of a day: what is chosen, refused, solved, described and planned for."""

import json
import tomllib

import nibabel
import numpy as np
import pytest

from osteon import UserError, main
from osteon._activities import PRESETS, chosen_day, describe_day, usable_cases
from osteon._load_test import make_load_test
from osteon._machine import memory_plan_gb
from osteon._prepared import prepare
from osteon._run_memory import require_run_memory
from osteon._simulation import LevelModel, make_level_model, simulate_arm
from osteon._study import parse_study
from osteon._study_tables import DailySettings, MechanicsSettings
from tests.short_study import STUDY

PRESET = "[mechanics.daily]\npreset = 'lumbar'\n"


def activity(name: str, cycles: str, *loads: str) -> str:
    """A table of an activity; loads are lines of TOML."""
    rows = "".join(f"[[mechanics.daily.activity.load]]\n{load}\n" for load in loads)
    return f"[[mechanics.daily.activity]]\nname = '{name}'\ncycles_per_day = {cycles}\n{rows}"


STANDING = activity("standing", "1000", "case = 'pmma-axial'\nforce_n = -800")


def study_text(extra: str, mechanics: str = "") -> str:
    return STUDY.replace("[mechanics]\n", f"[mechanics]\n{mechanics}") + extra


def study(extra: str, mechanics: str = ""):
    return parse_study(tomllib.loads(study_text(extra, mechanics)))


def treated(extra: str):
    """`ArmResult` of the treated arm, without files and pictures."""
    prepared = prepare(study(extra))
    level = prepared.levels[0]
    model = make_level_model(level, prepared.study.mechanics, prepared.day)
    course = prepared.courses["weekly"]
    return simulate_arm(level, model, course, prepared.parameters, prepared.study, "weekly", make_load_test())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run of the preset."""
    path = tmp_path_factory.mktemp("daily")
    (path / "day.toml").write_text(study_text(PRESET))
    assert main(["run", str(path / "day.toml"), "--out", str(path / "day")]) == 0
    return path


@pytest.fixture(scope="module")
def day(folder) -> dict:
    return json.loads((folder / "day" / "summary.json").read_text())


@pytest.fixture(scope="module")
def axial():
    """The treated arm without a day."""
    return treated("")


def test_the_heaviest_activity_is_the_load_of_the_load_to_strength_ratio(day):
    """Extension presses with 1490 N, more than standing and flexion."""
    for row in day["results"]:
        assert row["load_to_strength"] == pytest.approx(1490.0 / row["strength_pistoia_n"])


def test_the_summary_names_forces_moments_cycles_exponent_and_sources(day):
    """what PRESETS states is what summary.json says, by the names of the load cases"""
    told = day["daily_loading"]
    assert (told["preset"], told["exponent"]) == ("lumbar", 4.0)
    assert [case["name"] for case in told["load_cases"]] == ["pmma-axial", "pmma-bending-x"]
    names = {"z": "pmma-axial", "turn-x": "pmma-bending-x"}
    assert sum(row["share_of_cycles"] for row in told["activities"]) == pytest.approx(1.0)
    for row, known in zip(told["activities"], PRESETS["lumbar"], strict=True):
        assert (row["name"], row["cycles_per_day"]) == (known.name, known.cycles_per_day)
        assert [(load["case"], load["value"]) for load in row["loads"]] == [
            (names[motion], size) for motion, size in known.sizes
        ]
        assert "assumed" in row["source"]
    assert "flexion: compression 1370 N with flexion 4200 N mm" in told["activities"][1]["sentence"]
    assert day["habitual_force_n"] is None


def test_the_report_says_how_the_day_loads_the_bone(folder, day):
    """every activity's sentence, the exponent, the formula and the picture of the activities"""
    html = (folder / "day" / "report.html").read_text()
    for row in day["daily_loading"]["activities"]:
        assert row["sentence"] in html
    for words in ("Exponent 4; preset", "pmma-bending-x (version 1)", "Beaupre, Orr"):
        assert words in html
    assert (folder / "day" / "figures" / "l3_activities.png").read_bytes().startswith(b"\x89PNG")


def test_the_resolved_study_of_a_day_reads_the_same(folder, day):
    """parse(study.toml).mechanics = that of the study"""
    again = parse_study(tomllib.loads((folder / "day" / "study.toml").read_text()))
    assert again.mechanics == study(PRESET).mechanics


def test_standing_moves_the_platen_by_its_force_over_the_stiffness(day):
    """a = -550 N / K, and bending is held; flexion turns the platens forward, extension backward"""
    rows = {row["activity"]: row for row in day["activities"] if row["month"] == 0 and row["arm"] == "weekly"}
    stiffness = day["results"][0]["stiffness_n_per_mm"]
    moved = rows["standing"]["moved"]
    assert moved["pmma-axial"]["value"] == pytest.approx(-550 / stiffness, rel=1e-6)
    assert list(moved) == ["pmma-axial"]
    assert rows["flexion"]["moved"]["pmma-bending-x"]["value"] < 0
    assert rows["extension"]["moved"]["pmma-bending-x"]["value"] > 0
    assert sum(row["stimulus_share"] for row in rows.values()) == pytest.approx(1.0)


@pytest.mark.slow
def test_stiffness_and_linear_strength_are_those_of_the_axial_test(day, axial):
    """the load test is the load case of the study, whatever drives remodeling; the courses differ"""
    first, last = day["results"][-3], day["results"][-1]
    assert first["stiffness_n_per_mm"] == pytest.approx(axial.stiffness[0], rel=1e-6)
    assert first["strength_pistoia_n"] == pytest.approx(axial.strength_pistoia[0], rel=1e-6)
    assert first["strength_crawford_n"] == pytest.approx(axial.strength_crawford[0], rel=1e-6)
    assert last["stiffness_n_per_mm"] != pytest.approx(axial.stiffness[-1], rel=1e-7)


def test_the_untreated_arm_of_a_day_does_not_move(day):
    """nothing changed, nothing moves: below 1e-6 %"""
    rows = [row for row in day["results"] if row["arm"] == "no treatment"]
    assert rows[-1]["trabecular_vbmd_mg_cm3"] == pytest.approx(rows[0]["trabecular_vbmd_mg_cm3"], rel=1e-8)


@pytest.mark.slow
def test_one_axial_activity_at_the_habitual_force_is_the_study_without_a_day(axial):
    """same densities, strengths and energy as the default, which is 800 N every day"""
    alone = treated(STANDING)
    for name in ("density", "stiffness", "strength_pistoia", "strength_crawford", "resorption"):
        assert getattr(alone, name) == pytest.approx(getattr(axial, name), rel=1e-6)
    assert alone.energy == pytest.approx(axial.energy, rel=1e-4, abs=1e-9)
    assert (axial.activities, axial.activity_energy) == ([], None)


def test_flexion_loads_the_front_and_extension_the_back(folder, day):
    """U(front third) / U(back third) is above 1 in flexion, below in extension, in RAS axes"""

    def ratio(name):
        path = folder / "day" / "maps" / f"baseline_{name}_sed_mpa.nii.gz"
        image = nibabel.as_closest_canonical(nibabel.Nifti1Image.from_filename(path))
        energy = image.get_fdata()
        place = np.argwhere(energy > 0)[:, 1]
        low, high = np.quantile(place, [1 / 3, 2 / 3])
        values = energy[energy > 0]
        return values[place > high].mean() / values[place < low].mean()

    assert ratio("flexion") > 2 * ratio("standing") > 4 * ratio("extension")


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        ("pmma-axial", ["pmma-axial", "pmma-bending-x", "pmma-bending-y", "shear-x", "shear-y", "torsion"]),
        ("axial", ["axial", "bending-x", "bending-y", "shear-x", "shear-y", "torsion"]),
        ("uniaxial", ["uniaxial", "uniaxial-bending-x", "uniaxial-bending-y"]),
        ("confined", ["confined"]),
    ],
)
def test_the_load_cases_of_a_day_hold_what_the_load_test_holds(load, expected):
    """one name per motion of the platen, those for caps where there are caps"""
    assert sorted(usable_cases(load).values()) == expected


def test_lateral_bending_torsion_and_free_turning_have_words():
    """signs follow RAS axes; a moment of 0 lets the platen turn"""
    text = activity(
        "asymmetric", "10",
        "case = 'pmma-axial'\nforce_n = -900", "case = 'pmma-bending-y'\nmoment_n_mm = 3000",
        "case = 'torsion'\nmoment_n_mm = -500", "case = 'pmma-bending-x'\nmoment_n_mm = 0",
        "case = 'shear-y'\nforce_n = 90",
    )  # fmt: skip
    chosen = chosen_day(study(text).mechanics)
    assert chosen is not None
    assert [load.name for load in chosen.loads] == [
        "pmma-axial", "pmma-bending-y", "torsion", "pmma-bending-x", "shear-y",
    ]  # fmt: skip
    (row,) = describe_day(chosen)["activities"]
    assert row["sentence"] == (
        "asymmetric: compression 900 N with bending to the right 3000 N mm with turning to the right "
        "500 N mm with free to turn (pmma-bending-x) with shear forward 90 N, 10 cycles a day"
    )


AXIAL_LOAD = "case = 'pmma-axial'\nforce_n = -800"


@pytest.mark.parametrize(
    ("extra", "mechanics", "words"),
    [
        ("[mechanics.daily]\n", "", "it has neither"),
        (PRESET + STANDING, "", "it has both, remove one"),
        ("[mechanics.daily]\npreset = 'lumber'\n", "", "allowed: 'lumbar'; did you mean 'lumbar'?"),
        ("[mechanics.daily]\npreset = 'lumbar'\nexponent = 0.5\n", "", "it must be between 1 and 20"),
        (PRESET, "habitual_force_n = 900\n", "states the forces of the day"),
        (activity("a", "0", AXIAL_LOAD), "", "is 0.0; it must be between 0.01 and 1e+06 cycles a day"),
        (activity("a", "-3", AXIAL_LOAD), "", "is -3.0; it must be between 0.01"),
        (STANDING + STANDING, "", "activity[1].name` is 'standing', whose letters"),
        (activity("a", "1"), "", "`mechanics.daily.activity[0].load` is missing"),
        (
            activity("a", "1", "case = 'pmma-axial'"),
            "",
            "exactly one of force_n and moment_n_mm, got neither",
        ),
        (activity("a", "1", AXIAL_LOAD + "\nmoment_n_mm = 1"), "", "force_n and moment_n_mm, got both"),
        (activity("a", "1", "case = 'pmma-axial'\nforce_n = 0"), "", "no size other than 0"),
        (activity("a", "1", "case = 'pmma-axial'\nforce_n = 1e9"), "", "between -20000 and 20000 N"),
        (activity("a", "1", AXIAL_LOAD, AXIAL_LOAD), "", "load[1].case: 'pmma-axial' is there a second time"),
        (
            activity("a", "1", "case = 'flexion'\nmoment_n_mm = -1"),
            "",
            "'flexion' is not a load case; with this mechanics.load it must be one of pmma-axial, pmma-bend",
        ),
        (activity("a", "1", "case = 'periodic'\nforce_n = 1"), "", "'periodic' moves no platen"),
        (activity("a", "1", "case = 'bending-x'\nmoment_n_mm = 1"), "", "another name here, pmma-bending-x"),
        (
            activity("a", "1", "case = 'bending-x'\nmoment_n_mm = 1"),
            "load = 'confined'\n",
            "'bending-x' holds other components than mechanics.load 'confined'",
        ),
        (
            activity("a", "1", "case = 'pmma-bending-x'\nforce_n = 5"),
            "",
            "'pmma-bending-x' takes moment_n_mm, got force_n = 5.0; write moment_n_mm",
        ),
        (activity("a", "1", "case = 'shear-x'\nmoment_n_mm = 5"), "", "'shear-x' takes force_n, got moment"),
        (PRESET, "load = 'confined'\n", "its activity 'flexion' bends the body"),
    ],
)
def test_a_day_that_cannot_be_is_one_sentence_and_no_folder(extra, mechanics, words, tmp_path, capsys):
    """exit code 2 from run and check, one line, nothing left behind"""
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    path = inputs / "study.toml"
    path.write_text(study_text(extra, mechanics))
    out = tmp_path / "run"
    for command in ("run", "check"):
        assert main([command, str(path), "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
    assert [item.name for item in tmp_path.iterdir()] == ["inputs"]


def test_check_names_the_activities_and_what_is_solved(tmp_path, capsys):
    """three activities of the preset come from two solves"""
    path = tmp_path / "study.toml"
    path.write_text(study_text(PRESET))
    assert main(["check", str(path), "--no-picture"]) == 0
    text = capsys.readouterr().out
    assert "loaded by 3 activities from 2 solves" in text
    assert "extension: compression 1490 N with extension 4200 N mm, 60 cycles a day" in text


def test_an_unknown_load_case_of_the_study_comes_before_its_activities():
    """mechanics.load is judged first, so that the list of allowed cases belongs to a load that exists"""
    with pytest.raises(UserError, match=r"mechanics\.load, mechanics\.strain"):
        prepare(study(PRESET, "load = 'axail'\n"))


@pytest.mark.parametrize(
    ("loads", "rows", "peak_mb"),
    [(1, 5, 1311), (3, 5, 1433), (1, 25, 1475), (3, 25, 1978)],
)
def test_the_memory_plan_of_a_run_covers_what_was_measured(loads, rows, peak_mb):
    """above the peak of runs of 156,860 elements with an empty cache, by at most 40 %"""
    plan = 1024 * memory_plan_gb(156860, loads=loads, rows=rows)
    assert peak_mb < plan < 1.4 * peak_mb


def test_the_memory_plan_of_a_study_counts_loads_months_and_strength():
    """more load cases, more recorded months, strength beyond yield: more memory each"""

    def plan(extra, mechanics="", months="[3]"):
        chosen = parse_study(tomllib.loads(study_text(extra, mechanics).replace("[3]", months)))
        model = LevelModel(None, 27.0, 0.3, 10**6, None, chosen_day(chosen.mechanics))
        return require_run_memory(model, chosen, 1e6)

    plain = plan("")
    assert plan(PRESET) > plain
    assert plan("", months="[1]") > plain
    assert plan("", "strength = 'nonlinear'\n") > plain


def test_the_preset_needs_no_other_table():
    """DailySettings(preset) of the defaults gives the same day as the study file"""
    settings = MechanicsSettings(daily=DailySettings(preset="lumbar"))
    assert chosen_day(settings) == chosen_day(study(PRESET).mechanics)
    assert chosen_day(MechanicsSettings()) is None
