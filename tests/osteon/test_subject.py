"""Who is treated: women, units, conditions and history of a study file."""

import json

import numpy as np
import pytest

from osteon._cli import main
from osteon._simulation import make_courses, make_history, make_person
from osteon._study import read_study
from osteon._study_tables import Arm

STUDY = """
[subject]
sex = "female"
age_years = 56
menopause = "natural"
years_since_menopause = 5

[subject.history]
years = 5
onset_years = 1

[image]
builtin = "l3"
voxel_mm = 3.0

[time]
months = 12
steps_per_month = 1
report_months = [12]
"""


def study(tmp_path, text=STUDY):
    path = tmp_path / "study.toml"
    path.write_text(text)
    return read_study(path)


def test_a_woman_has_typical_levels_where_none_are_given(tmp_path):
    """Five years after menopause: estradiol near 7 pg/mL, testosterone 20.8 ng/dL."""
    person = make_person(study(tmp_path).subject)
    assert float(person.female) == 1
    assert float(person.estradiol_pg_ml) == pytest.approx(7.0, abs=0.1)
    assert float(person.testosterone_ng_dl) == pytest.approx(20.8, abs=0.1)


def test_a_level_may_be_given_in_either_unit(tmp_path):
    """10 pmol/L of estradiol are 2.7238 pg/mL."""
    text = STUDY.replace("age_years = 56", "age_years = 56\nestradiol_pmol_l = 10")
    assert float(make_person(study(tmp_path, text).subject).estradiol_pg_ml) == pytest.approx(2.7238)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("age_years = 56", "age_years = 56\nestradiol_pmol_l = 10\nestradiol_pg_ml = 3", "two units"),
        ('"female"', '"male"', "menopause"),
        ("years = 5\nonset_years = 1", "years = 5\nonset_years = 9", "onset_years"),
        ("years = 5\nonset_years = 1", "years = 0", "years"),
        ('"natural"', '"late"', "menopause"),
    ],
)
def test_one_mistake_about_the_subject_gives_one_sentence(tmp_path, capsys, old, new, expected):
    """Exit code 2, what is wrong, no folder."""
    path = tmp_path / "study.toml"
    path.write_text(STUDY.replace(old, new))
    assert main(["run", str(path), "--out", str(tmp_path / "run")]) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_condition_begins_and_ends_at_its_dates(tmp_path):
    """Thyrotoxicosis of 3.5 ng/dL cured on day 180: index ln(3.5 / 1.2) before, near 0 a year later."""
    text = STUDY + "\n[subject.thyrotoxicosis]\nfree_t4_ng_dl = 3.5\nend_day = 180\n"
    courses, exposures = make_courses(study(tmp_path, text), [Arm(name="untreated")])
    index = np.asarray(courses["untreated"].levels.thyroid_index)
    assert index[0] == pytest.approx(np.log(3.5 / 1.2), rel=0.02)
    assert abs(index[-1]) < 0.05
    assert float(np.abs(np.asarray(exposures["untreated"].testosterone_ng_dl)).max()) == 0


def test_the_history_falls_from_the_levels_before_to_those_of_the_subject(tmp_path):
    """Estradiol of the cycle first, of the subject at the end."""
    course = make_history(study(tmp_path))
    estradiol = np.asarray(course.levels.estradiol_pg_ml)
    assert float(course.baseline.estradiol_pg_ml) == pytest.approx(90, rel=0.05)
    assert np.all(np.diff(estradiol) < 0)
    assert estradiol[-1] == pytest.approx(7.0, abs=1.5)


@pytest.mark.slow
def test_bone_with_a_history_starts_as_measured_and_goes_on_losing(tmp_path):
    """Untreated, five years after menopause: -1 to -4 % of trabecular density in a year, and why."""
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    assert main(["run", str(path), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    start, end = (row["trabecular_vbmd_mg_cm3"] for row in summary["results"])
    assert -4 < 100 * (end / start - 1) < -1
    assert any("5 years" in text for text in summary["assumptions"])
    relied = {row["mechanism"] for row in summary["relies_on"]}
    assert {"remodeling", "estrogen"} <= relied
    report = (tmp_path / "run" / "report.html").read_text()
    assert "mechanism by mechanism" in report
