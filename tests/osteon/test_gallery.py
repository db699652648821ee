"""`osteon gallery`: several studies, one table, one report; and the studies of examples/gallery."""

import contextlib
import csv
import io
import json
from pathlib import Path

import pytest

import remodeling
from osteon._cli import main
from osteon._gallery_figures import moving_hormones
from osteon._study import read_study
from osteon._trial_points import trials_of_arms
from tests.report_browser import needs_chromium, require_quiet_page_for_every_screen
from tests.short_study import STUDY

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "gallery"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory) -> Path:
    """Two studies of one man: with injections, and with nothing."""
    folder = tmp_path_factory.mktemp("gallery")
    # as long as each other, so that both run the same programs
    year = STUDY.replace("months = 6", "months = 12").replace("months = [3]", "months = [6, 12]")
    (folder / "injections.toml").write_text(
        'untreated_trials = ["ttrials-2017-placebo"]\n'
        + year.replace('name = "weekly"', 'name = "weekly"\ntrials = ["ttrials-2017-testosterone"]')
    )
    (folder / "nothing.toml").write_text(year[: year.index("[[arm]]")])
    out = folder / "out"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(["gallery", str(folder), "--out", str(out), "--quiet", "--json"]) == 0
    (folder / "answer.json").write_text(printed.getvalue())
    return out


def test_the_answer_for_machines_has_the_table(gallery):
    """--json: where the report lies, and the rows of gallery.csv"""
    told = json.loads((gallery.parent / "answer.json").read_text())
    assert (told["command"], told["exit_code"], told["page"]) == ("gallery", 0, str(gallery / "gallery.html"))
    assert told["results"] == json.loads((gallery / "summary.json").read_text())["results"]


def test_every_study_has_a_run_folder_of_its_own(gallery):
    """Each inner folder is what `osteon run` writes; the report of the whole embeds its pictures."""
    for name in ("injections", "nothing"):
        assert (gallery / name / "report.html").is_file()
        assert (gallery / name / "log.txt").is_file()
        assert json.loads((gallery / name / "summary.json").read_text())["format"] == "osteon-run/1"
    html = (gallery / "gallery.html").read_text()
    assert html.count("data:image/png;base64,") == 4  # overview, agreement, two studies
    assert "http://" not in html
    assert "https://" not in html


@needs_chromium
def test_the_page_opens_from_disk_and_fits_a_phone(gallery):
    """No error, no request but for the file itself, no scrolling sideways."""
    require_quiet_page_for_every_screen(gallery / "gallery.html")


def test_the_table_holds_what_the_runs_found(gallery):
    """Changes in gallery.csv are 100 (value / baseline - 1) of the runs; levels are copied."""
    with (gallery / "gallery.csv").open() as stream:
        table = list(csv.DictReader(stream))
    results = json.loads((gallery / "injections" / "summary.json").read_text())["results"]
    base, last = (
        next(row for row in results if row["arm"] == "weekly" and row["month"] == month) for month in (0, 12)
    )
    row = next(row for row in table if (row["arm"], row["month"]) == ("weekly", "12"))
    change = 100 * (last["trabecular_qct_percent"] / base["trabecular_qct_percent"] - 1)
    assert float(row["trabecular_qct_percent_change"]) == pytest.approx(change, rel=1e-6)
    assert float(row["testosterone_ng_dl"]) == pytest.approx(last["testosterone_ng_dl"], rel=1e-6)
    assert {line["study"] for line in table} == {"injections", "nothing"}


def test_trials_are_told_from_predictions(gallery):
    """Three results of the T Trials, used for the defaults, with the model's number, in table and report."""
    with (gallery / "trials.csv").open() as stream:
        points = list(csv.DictReader(stream))
    assert [point["trial"] for point in points] == ["ttrials-2017-placebo"] + 2 * [
        "ttrials-2017-testosterone"
    ]
    assert {point["defaults"] for point in points} == {"fitted"}
    placebo, *treated = (float(point["model"]) for point in points)
    assert -1 < placebo < 0 < min(treated)  # bone of the untreated stays, and their marrow gains fat
    assert "Beside published trials" in (gallery / "injections" / "report.html").read_text()
    assert "Beside published trials" not in (gallery / "nothing" / "report.html").read_text()


def test_the_hormones_that_move_are_shown():
    """Most moved first, those that stay left out."""
    rows = [
        {"level": "L3", "arm": "a", "month": month, "quantity": name, "value": value}
        for name, values in {
            "testosterone_ng_dl": (200.0, 600.0),
            "estradiol_pg_ml": (20.0, 25.0),
            "igf1_ng_ml": (180.0, 180.0),
            "lh_iu_l": (5.0, 0.5),
        }.items()
        for month, value in enumerate(values)
    ]
    whole = rows + [
        {"level": "L3", "arm": "a", "month": 0, "quantity": name, "value": 1.0}
        for name in ("shbg_nmol_l", "thyroid_index", "insulin_index", "progestogen")
    ]
    assert moving_hormones(whole, "L3") == ["lh_iu_l", "testosterone_ng_dl"]


def test_a_mistake_in_one_study_stops_before_anything_runs(tmp_path, capsys):
    """Exit 2, one sentence, no folder."""
    (tmp_path / "a.toml").write_text(STUDY)
    (tmp_path / "b.toml").write_text(STUDY.replace("testosterone-cypionate", "testosteron-cypionate"))
    assert main(["gallery", str(tmp_path), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert "testosteron-cypionate" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_without_studies_is_refused(tmp_path, capsys):
    """Exit 2 and what to give."""
    assert main(["gallery", str(tmp_path), "--quiet"]) == 2
    assert "holds no study" in capsys.readouterr().err


def test_two_studies_of_one_name_are_refused(tmp_path, capsys):
    """Each needs a folder of its own."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.toml").write_text(STUDY)
    assert main(["gallery", str(tmp_path / "one"), str(tmp_path / "two"), "--quiet"]) == 2
    assert "two studies are called 'a'" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_studies_of_the_gallery_are_good(path):
    """Readable, 36 months, with doses in range and known trials."""
    study = read_study(path)
    assert study.time.months == 36
    trials_of_arms(study)
    for arm in study.arm:
        doses = [
            remodeling.Dose(row.drug, row.amount_mg, row.every_days, row.start_day, row.stop_day)
            for row in arm.dose
        ]
        protocol = remodeling.make_protocol(doses, duration_days=1096.0)
        assert all(len(days) > 0 for days in protocol.dose_day)


def test_the_gallery_gives_every_drug_of_the_mission():
    """Every drug of the registry but those that stand for another form of the same."""
    given = {row.drug for path in EXAMPLES.glob("*.toml") for arm in read_study(path).arm for row in arm.dose}
    other_forms = {"gonadorelin-continuous", "hcg-subcutaneous", "degarelix", "letrozole"}
    assert set(remodeling.DRUGS) - given == other_forms
