"""`osteon cohort`: a small cohort, whole, in parts and cut off, and what is refused."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import osteon
from osteon import main
from osteon._cohort_command import Part, cohort_memory_gb
from osteon._errors import UserError
from osteon._working_folder import partial_path
from tests.report_browser import needs_chromium, require_quiet_page_for_every_screen
from tests.short_study import STUDY

ROOT = Path(__file__).resolve().parents[2]
COHORT = """
[cohort]
people = 150
endpoint = "spine_trabecular_vbmd"
month = 3
persons = [10, 40]
trials = 400
[[cohort.spread]]
of = "age_years"
sd = 5
low = 50
high = 70
"""
MEASURED = json.loads((ROOT / "benchmarks" / "results" / "cohort.json").read_text())["rows"]
OWN_TIMES = ("log.txt", "timing.json", "manifest.json")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """150 men, three blocks of people."""
    path = tmp_path_factory.mktemp("study") / "men.toml"
    path.write_text(STUDY + COHORT)
    return path


@pytest.fixture(scope="module")
def whole(study, tmp_path_factory) -> Path:
    """The cohort in one go."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert main(["cohort", str(study), "--out", str(out), "--quiet"]) == 0
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in OWN_TIMES
    }


def rows(file: Path) -> list[dict[str, str]]:
    with file.open() as stream:
        return list(csv.DictReader(stream))


def test_the_folder_holds_everybody(whole):
    """Each person once, each under both arms, between the limits; the folder is what its manifest says."""
    people, outcomes = rows(whole / "people.csv"), rows(whole / "outcomes.csv")
    assert [row["person"] for row in people] == [str(number) for number in range(1, 151)]
    assert [(row["person"], row["arm"]) for row in outcomes[:3]] == [
        ("1", "no treatment"), ("1", "weekly"), ("2", "no treatment")
    ]  # fmt: skip
    assert len(outcomes) == 300
    assert all(50 <= float(row["age_years"]) <= 70 for row in people)
    assert main(["verify", str(whole)]) == 0


def test_tables_are_of_the_same_people(whole):
    """Means and spreads of arms.csv, the end of courses.csv and the difference are those of outcomes.csv."""
    outcomes, arms = rows(whole / "outcomes.csv"), rows(whole / "arms.csv")
    treated, untreated = (
        np.array([float(row["spine_trabecular_vbmd_change"]) for row in outcomes if row["arm"] == arm])
        for arm in ("weekly", "no treatment")
    )
    # bone of the untreated stays, and tomography reads that their marrow gains fat
    assert np.all((untreated < 0.0) & (untreated > -1.0))
    arm = next(row for row in arms if (row["arm"], row["endpoint"]) == ("weekly", "spine_trabecular_vbmd"))
    assert float(arm["mean_change"]) == pytest.approx(treated.mean(), rel=1e-6)
    assert float(arm["sd_true"]) == pytest.approx(treated.std(ddof=1), rel=1e-6)
    assert float(arm["sd_measured"]) == pytest.approx(
        np.sqrt(treated.var(ddof=1) + 2 * 3**2 + 12**2), rel=1e-6
    )
    last = [row for row in rows(whole / "courses.csv") if row["arm"] == "weekly"][-1]
    assert (last["month"], float(last["mean_change"])) == ("3", pytest.approx(treated.mean(), rel=1e-6))
    result = json.loads((whole / "summary.json").read_text())["results"][0]
    difference = treated.mean() - untreated.mean()
    assert result["difference_percent"] == pytest.approx(difference, rel=1e-6)
    assert result["difference_low"] < result["difference_percent"] < result["difference_high"]


def test_power_of_both_kinds_agrees_and_grows(whole):
    """Within four standard errors; the persons told for 80 % have it."""
    import calibration

    few, many = rows(whole / "power.csv")
    for row in (few, many):
        assert float(row["power_simulated"]) == pytest.approx(
            float(row["power"]), abs=4 * float(row["power_simulated_se"]) + 0.01
        )
        assert float(row["persons_measured"]) == pytest.approx(float(row["persons"]) * 0.9**0.25)
    assert 0.05 < float(few["power"]) < float(many["power"]) < 1
    result = json.loads((whole / "summary.json").read_text())["results"][0]
    needed = result["persons_measured_for_power"]["80"]
    spreads = result["sd_measured"], result["sd_measured_reference"]
    assert calibration.welch_power(result["difference_percent"], *spreads, needed) >= 0.8
    assert result["persons_started_for_power"]["80"] >= needed / 0.9**0.25


def test_the_page_stands_alone(whole):
    """Pictures inside, no script, no address, and the sentence that it is for research."""
    page = (whole / "cohort.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "<script" not in page
    assert "http" not in page
    assert "Research use only" in page


@needs_chromium
def test_the_page_opens_from_disk_and_fits_a_phone(whole):
    """No error, no request but for the file itself, no scrolling sideways."""
    require_quiet_page_for_every_screen(whole / "cohort.html")


def test_parts_joined_are_the_cohort_to_the_bit(study, whole, tmp_path, capsys):
    """Two parts of whole blocks; a missing, a damaged and a foreign part are refused and leave nothing."""
    parts = [tmp_path / "1", tmp_path / "2"]
    for number, part in enumerate(parts, start=1):
        command = ["cohort", str(study), "--part", f"{number}/2", "--out", str(part), "--quiet"]
        assert main(command) == 0
        assert main(["verify", str(part)]) == 0
    join = ["cohort", str(study), "--quiet", "--out", str(tmp_path / "joined"), "--join"]
    capsys.readouterr()
    assert main([*join, str(parts[1])]) == 2
    assert "1 of 3 blocks are in none of the 1 parts, first that of person 1" in capsys.readouterr().err
    assert main([*join, *map(str, parts)]) == 0
    assert content(tmp_path / "joined") == content(whole)
    other = [*join[:4], str(tmp_path / "other"), "--set", "cohort.seed=1", "--join"]
    assert main([*other, *map(str, parts)]) == 2
    assert "is a part of another cohort or program: study differ" in capsys.readouterr().err
    assert main([*join[:4], str(tmp_path / "third"), "--join", str(whole)]) == 2
    assert "is no finished part" in capsys.readouterr().err
    block = parts[0] / "blocks" / "block-00000.npz"
    block.write_bytes(block.read_bytes()[:-100])
    assert main([*join[:4], str(tmp_path / "fourth"), "--join", *map(str, parts)]) == 2
    assert "is damaged; run its part again" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "joined"]


def test_a_cohort_that_was_cut_off_goes_on_to_the_same_bits(study, whole, tmp_path, monkeypatch):
    """Interrupted after its first block; resumed, the first block is not computed again."""
    from osteon import _cohort_model

    out, follow = tmp_path / "out", _cohort_model.outcomes_of
    calls = []

    def interrupted(people, cohort):
        calls.append(None)
        if len(calls) == 3:  # the first is abstract, for shapes
            raise KeyboardInterrupt
        return follow(people, cohort)

    monkeypatch.setattr(_cohort_model, "outcomes_of", interrupted)
    assert main(["cohort", str(study), "--out", str(out), "--quiet"]) == 5
    assert not out.exists()
    assert len(list((partial_path(out) / "parts").glob("block-*.npz"))) == 1
    monkeypatch.setattr(_cohort_model, "outcomes_of", follow)
    assert main(["resume", str(out), "--quiet"]) == 0
    assert content(out) == content(whole)


@pytest.mark.slow
def test_devices_share_the_people_and_change_no_digit(study, whole, tmp_path):
    """Three devices of the host, a block each, in a process of its own."""
    environment = {
        **os.environ,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=3",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(ROOT),
    }
    command = [
        sys.executable,
        "-m",
        "osteon",
        "cohort",
        str(study),
        "--out",
        str(tmp_path / "out"),
        "--quiet",
    ]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    for name in ("people.csv", "outcomes.csv", "power.csv", "courses.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (whole / name).read_bytes(), name


def test_python_returns_what_the_command_writes(study, whole):
    """Tables, summary, figures."""
    found = osteon.cohort(study)
    assert found.summary == json.loads((whole / "summary.json").read_text())
    for name in ("people", "outcomes", "arms", "courses", "power"):
        assert len(getattr(found, name)) == len(rows(whole / f"{name}.csv"))
    assert found.figure("response").axes
    assert found.figure("power").axes
    with pytest.raises(UserError, match="figures response, power, got 'density'"):
        found.figure("density")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("cohort.reference='weekyl'", "is 'weekyl', which is no arm; there are 'no treatment', 'weekly'"),
        ("cohort.month=7", "is 7, after the end of the study (6 months)"),
        ("cohort.spread[0].high=40", "is 40, not above low 50"),
        ("cohort.people=5", "10"),
        ("cohort.endpoint='hip'", "spine_areal_bmd"),
    ],
)
def test_settings_that_make_no_cohort_are_refused(study, tmp_path, capsys, change, words):
    """By a sentence, exit code 2, and no folder."""
    out = tmp_path / "out"
    assert main(["cohort", str(study), "--set", change, "--out", str(out), "--quiet"]) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_commands_that_make_no_sense_are_refused(study, tmp_path, capsys):
    """Parts that are none, too many of them, and a study without arms."""
    for part, words in (
        ("4", "--part must be K/N with K from 1 to N"),
        ("5/4", "--part must be K/N with K from 1 to N"),
        ("1/9", "150 people are 3 blocks of 64, so there can be at most 3 parts"),
    ):
        assert main(["cohort", str(study), "--part", part, "--out", str(tmp_path / "out"), "--quiet"]) == 2
        assert words in capsys.readouterr().err
    command = [
        "cohort",
        str(study),
        "--part",
        "1/2",
        "--join",
        "x",
        "--out",
        str(tmp_path / "out"),
        "--quiet",
    ]
    assert main(command) == 2
    assert "--part and --join exclude each other" in capsys.readouterr().err
    alone = tmp_path / "alone.toml"
    alone.write_text(STUDY.partition("[[arm]]")[0])
    assert main(["cohort", str(alone), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert "no arm to compare with 'no treatment'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_memory_plan_refuses_before_anybody_is_followed(study, tmp_path, capsys):
    """Exit code 4, the plan, the limit and what to change; people and months are counted."""
    command = ["cohort", str(study), "--out", str(tmp_path / "out"), "--quiet", "--memory-gb", "1"]
    assert main(command) == 4
    told = capsys.readouterr().err
    assert "for 300 persons and arms is 1.6 GB and the limit is 1 GB; follow fewer people" in told
    assert list(tmp_path.iterdir()) == []

    def plan(*changes: str) -> float:
        return cohort_memory_gb(osteon.read_study(study, overrides=changes))

    assert (
        plan()
        < plan("cohort.people=10000")
        < plan("cohort.people=10000", "time.months=12", "cohort.month=12")
    )


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: f"{row['people']}-{row['months']}")
def test_the_memory_plan_is_above_what_was_measured(row):
    """In every row of the benchmark, with and without compilation, and by less than 1.2 GB."""
    changes = [f"cohort.people={row['people']}", f"cohort.month={row['months']}"]
    changes += [f"time.months={row['months']}", f"time.report_months=[{row['months']}]"]
    plan = cohort_memory_gb(osteon.read_study(ROOT / row["study"], overrides=changes))
    peaks = [row[run]["peak_memory_gb"] for run in ("empty_cache", "filled_cache")]
    assert max(peaks) < plan < min(peaks) + 1.2


def test_parts_hold_every_block_once():
    """Whatever their number."""
    for parts in (1, 2, 5, 16):
        blocks = [block for part in range(1, parts + 1) for block in Part(part, parts).blocks(1000)]
        assert blocks == list(range(16))
