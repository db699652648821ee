"""People of trial arms and the hormones their bone sees."""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

import calibration
import remodeling
from calibration._arm_courses import treated_share
from tests.calibration_arms import ARMS, MONTHS, batch

TRIALS = calibration.read_trials()


def _rows(name: str) -> list[int]:
    return [row for row, arm in enumerate(batch().arms) if arm == name]


@pytest.mark.slow
def test_an_arm_of_both_sexes_is_a_man_and_a_woman():
    """Every other arm is one person."""
    assert [float(batch().female[row]) for row in _rows("gh-1996-placebo")] == [0.0, 1.0]
    assert all(len(_rows(name)) == 1 for name in ARMS if name != "gh-1996-placebo")


def test_levels_on_treatment_are_reached_within_a_month():
    """Smith 2001: castrate levels from the second month on, half way in the mean of the first."""
    row = _rows("smith-2001-leuprolide")[0]
    course = batch().course
    before = float(course.baseline.testosterone_ng_dl[row])
    months = np.asarray(course.testosterone_ng_dl[row])
    np.testing.assert_allclose(months[0], (before + 20.0) / 2, rtol=1e-6)
    np.testing.assert_allclose(months[1:], 20.0, rtol=1e-6)
    np.testing.assert_allclose(course.estradiol_pg_ml[row, 1:], 4.0, rtol=1e-6)


@pytest.mark.parametrize("end", [None, 0.4, 3.0, 9.3])
@pytest.mark.parametrize("rise", [0.0, 1.0, 1.7])
def test_the_treated_share_is_the_mean_of_a_ramp_up_and_down(end, rise):
    """Means over months of clip(t / rise, 0, 1) - clip((t - end) / rise, 0, 1), by midpoint sums."""
    found = treated_share(12, end, rise)
    fine = (np.arange(12 * 2000) + 0.5) / 2000
    steep = 1e9 if rise == 0.0 else 1.0 / rise
    ramp = np.clip(steep * fine, 0, 1) - (0.0 if end is None else np.clip(steep * (fine - end), 0, 1))
    np.testing.assert_allclose(found, ramp.reshape(12, -1).mean(axis=1), atol=1e-6)


@pytest.mark.slow
def test_load_changes_at_once_and_comes_back():
    """A fifth of the habitual load in flight; a flight of 2.5 months ends in the middle of the third."""
    arm = replace(TRIALS.arms["spaceflight-flight"], treatment_months=2.5)
    made = calibration.make_arm_batch([arm], months=4)
    np.testing.assert_allclose(made.load_factor, [[0.2, 0.2, 0.2**0.5, 1.0]] * 2, rtol=1e-6)
    assert np.all(np.asarray(batch().load_factor) == 1.0)


def test_a_mans_estradiol_follows_his_testosterone_where_none_is_printed():
    """T Trials: 229.6 to 500 ng/dL; his aromatase makes more estradiol, less than in proportion."""
    course = batch().course
    row = _rows("ttrials-2017-testosterone")[0]
    start, end = float(course.baseline.estradiol_pg_ml[row]), float(course.estradiol_pg_ml[row, -1])
    np.testing.assert_allclose(start, 20.5, rtol=1e-6)
    assert start < end < start * 500.0 / 229.6


def _history(row):
    return jax.tree.map(lambda leaf: leaf[batch().history_of[row]], batch().history)


def test_people_with_the_same_years_before_share_them():
    """Arms of one trial have one history; every history is somebody's, and none stands twice."""
    first, second = (_rows(f"tts-1989-{name}")[0] for name in ("untreated", "patch"))
    assert batch().history_of[first] == batch().history_of[second]
    used = np.unique(np.asarray(batch().history_of))
    np.testing.assert_array_equal(used, np.arange(batch().history.step_days.shape[0]))
    assert used.size < len(batch().arms)


def test_without_a_history_the_years_before_are_those_of_month_0():
    """Men and women before menopause: constant levels, whatever the years."""
    for name in ("smith-2001-leuprolide", "gh-1996-placebo"):
        for row in _rows(name):
            past = _history(row).levels.estradiol_pg_ml
            np.testing.assert_allclose(past, float(batch().course.baseline.estradiol_pg_ml[row]), rtol=1e-12)


def test_a_womans_history_falls_from_young_levels_to_those_of_month_0():
    """Two years after menopause: 5 years that start at 90 pg/mL and end at the level of month 0."""
    row = _rows("tts-1989-untreated")[0]
    history, course = _history(row), batch().course
    past, days = np.asarray(history.levels.estradiol_pg_ml), np.asarray(history.step_days)
    np.testing.assert_allclose(days.sum() / 365.25, 5.0, rtol=1e-9)
    assert np.all(np.diff(days) < 0)
    np.testing.assert_allclose(past[0], 90.0, rtol=0.01)
    np.testing.assert_allclose(past[-1], float(course.baseline.estradiol_pg_ml[row]), rtol=0.02)
    assert np.all(np.diff(past) < 0)
    middle = (np.cumsum(days) - 0.5 * days) / 365.25
    assert abs(np.interp(-48.5, -past, middle) - 3.0) < 0.1


def test_years_of_deficiency_are_lived_through():
    """The printed level for the printed years, typical ones before; the steady levels without them."""
    arm = replace(TRIALS.arms["snyder-2000-testosterone"], years_deficient=4.0)
    made = calibration.make_arm_batch([arm], months=2)
    assert float(made.history.step_days[0].sum()) == pytest.approx(4.0 * 365.25)
    np.testing.assert_allclose(made.history.levels.testosterone_ng_dl[0], 78.0, rtol=1e-6)
    assert float(made.history.baseline.testosterone_ng_dl[0]) > 400.0


def test_everyone_who_can_be_told_to_the_model_has_a_menopause():
    """No observation is left out for want of the years since it."""
    assert not [item for item in calibration.unanswered(TRIALS) if "menopause" in item.reason]
    assert set(calibration.ASSUMED_MENOPAUSE) <= set(TRIALS.groups)


def test_thyrotoxicosis_is_there_before_its_cure():
    """Free T4 of 3.5 ng/dL untreated and 1.2 on treatment: an index above 0 at month 0, near 0 later."""
    arm = TRIALS.arms["thyrotoxicosis-recovery-cured"]
    made = calibration.make_arm_batch([arm], months=6)
    assert float(made.course.baseline.thyroid_index[0]) > 0.9
    assert abs(float(made.course.levels.thyroid_index[0, -1])) < 0.05


@pytest.mark.parametrize(
    ("arms", "months", "word"),
    [
        ([], 12, "`arms`"),
        (["smith-2001-leuprolide"], 0, "`months`"),
        (["smith-2001-leuprolide", "smith-2001-leuprolide"], 12, "twice"),
        (["smith-2001-pamidronate"], 12, "told to the model"),
    ],
)
def test_wrong_arms_are_named(arms, months, word):
    """The message has the argument and what is wrong."""
    with pytest.raises(ValueError, match=word):
        calibration.make_arm_batch([TRIALS.arms[name] for name in arms], months=months)


def test_a_person_out_of_range_is_named_with_the_arm():
    """A baseline that `remodeling.make_person` refuses."""
    level = calibration.HormoneLevel("testosterone", 1.0, "ng/dL")
    arm = replace(TRIALS.arms["smith-2001-leuprolide"], baseline=(level,))
    with pytest.raises(ValueError, match=r"smith-2001-leuprolide.*testosterone_ng_dl"):
        calibration.make_arm_batch([arm], months=3)


def test_the_batch_covers_the_months_asked_for():
    """Monthly steps of 365.25 / 12 days."""
    course = batch().course
    assert course.testosterone_ng_dl.shape == (len(batch().arms), MONTHS)
    np.testing.assert_allclose(course.step_days, 365.25 / 12)
    assert isinstance(course, remodeling.HormoneCourse)


def test_the_page_lists_every_assumed_menopause():
    """docs/calibration.md has group, years and reason of each."""
    page = (Path(__file__).parents[2] / "docs" / "calibration.md").read_text()
    for group, assumed in calibration.ASSUMED_MENOPAUSE.items():
        line = next(line for line in page.splitlines() if line.startswith(f"| {group} |"))
        words = {"premenopausal": "before menopause", "surgical": "operation"}
        years = words.get(assumed.status) or f"{assumed.years:g}"
        assert years in line
        assert assumed.reason in line
