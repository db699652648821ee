"""Published trials beside a run: which of their results are shown, and what the model says of the same."""

import pytest

import calibration
from osteon._errors import UserError
from osteon._study import UNTREATED, parse_study
from osteon._trial_points import MEASURED_BY, trial_points, trials_of_arms
from tests.osteon_trials import DOSE, SUBJECT, rows, study


def points(given, slopes, **more):
    return {point["trial"]: point for point in trial_points(given, rows(slopes, **more), "L3")}


def test_a_change_is_compared_with_the_change():
    """PEPI placebo, -1.8 % over 36 months; model 100 to 96.4: -3.6 %; the point lies at -1.8 %."""
    found = points(study(untreated=["pepi-placebo"]), {UNTREATED: -0.1, "treated": 0.1})["pepi-placebo"]
    assert found["model"] == pytest.approx(-3.6)
    assert found["observed"] == -1.8
    assert found["shown"] == pytest.approx(-1.8)
    assert found["low"] < -1.8 < found["high"]
    assert (found["arm"], found["reference"], found["defaults"]) == (UNTREATED, None, "fitted")


def test_a_rate_is_compared_with_the_mean_rate():
    """HOPE, 1.2 %/year over 24 months: model 100 to 103.6 is 1.8 %/year; the point lies at 2.4 %."""
    found = points(study(trials=["hope-2002-cee-0625"]), {UNTREATED: 0.0, "treated": 0.15})
    found = found["hope-2002-cee-0625"]
    assert found["model"] == pytest.approx(1.8)
    assert found["shown"] == pytest.approx(2.4)


def test_a_difference_is_against_the_untreated_arm():
    """Wells 2002, 6.76 % over control at 24 months: model 104.8 less 97.6; the point is 6.76 above that."""
    found = points(study(trials=["wells-2002-hormones"]), {UNTREATED: -0.1, "treated": 0.2})
    found = found["wells-2002-hormones"]
    assert found["model"] == pytest.approx(7.2)
    assert found["shown"] == pytest.approx(6.76 - 2.4)


def test_a_difference_is_against_the_arm_beside_the_trials_reference():
    """FRAME, +9.3 % at 24 months over denosumab alone: model 104.8 less 102.4, whatever the untreated do."""
    arms = {"both": ["frame-romosozumab-denosumab"], "denosumab": ["frame-denosumab"]}
    given = parse_study(
        {
            "subject": SUBJECT,
            "image": {"builtin": "l3"},
            "arm": [{"name": name, "dose": [DOSE], "trials": trials} for name, trials in arms.items()],
            "time": {"months": 36},
        }
    )
    seen = trial_points(given, rows({UNTREATED: -0.1, "both": 0.2, "denosumab": 0.1}), "L3")
    found = next(point for point in seen if point["kind"] == "difference")
    assert found["reference"] == "denosumab"
    assert found["model"] == pytest.approx(2.4)
    assert found["shown"] == pytest.approx(9.3 + 2.4)


def test_a_study_may_begin_in_the_middle_of_a_trial():
    """SWAN, -7.38 % from month 48 to 84; a study from month 48 has it from 0 to 36, and no more."""
    found = trial_points(
        study(untreated=["swan-menopause"], from_month=48), rows({UNTREATED: -0.2, "treated": 0.0}), "L3"
    )
    assert [(point["start_month"], point["month"]) for point in found] == [(0, 36)]
    assert found[0]["observed"] == -7.38


def test_what_lies_beyond_the_run_is_left_out():
    """Twelve months of model say nothing of a trial's 36."""
    assert (
        points(study(months=12, untreated=["pepi-placebo"]), {UNTREATED: 0.0, "treated": 0.0}, months=12)
        == {}
    )


def test_without_named_trials_the_table_is_not_read(monkeypatch):
    """A study without trials costs nothing."""
    monkeypatch.setattr("osteon._trial_points.shipped_trials", lambda: pytest.fail("read"))
    assert trial_points(study(), [], "L3") == []


def test_an_unknown_trial_is_named_with_the_nearest():
    """The sentence names arm, name and nearest name."""
    with pytest.raises(UserError, match=r"'treated' names the trial arm 'pepi-ce'.*nearest: pepi-cee"):
        trials_of_arms(study(trials=["pepi-ce"]))


def test_every_quantity_of_a_run_that_trials_measure_exists():
    """MEASURED_BY: known observables on the left, known quantities on the right."""
    from osteon._quantities import BY_NAME

    assert set(MEASURED_BY) <= set(calibration.OBSERVABLES)
    assert set(MEASURED_BY.values()) <= set(BY_NAME)
