"""Classes of therapy, naive predictions, and groups predicted by fits that never saw them."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

import calibration
from calibration import _trial_fit
from tests.calibration.test_trial_fit import curved, problem

TRIALS = calibration.read_trials()


def areal(arm):
    """The areal density of an arm that is a number of its own."""
    return next(
        seen
        for seen in TRIALS.observations
        if seen.arm == arm
        and seen.observable == "spine_areal_bmd"
        and calibration.percent_change(seen) is not None
    )


@pytest.mark.parametrize(
    ("arm", "name"),
    [
        ("snyder-2000-testosterone", "testosterone"),
        ("wang-2001-gel-100", "testosterone"),
        ("smith-2001-leuprolide", "testosterone withdrawn"),
        ("burnett-bowie-2009-anastrozole", "aromatase inhibitor"),
        ("burnett-bowie-2009-placebo", "untreated men"),
        ("pepi-cee", "estrogen"),
        ("pepi-cee-mpa", "estrogen and progestogen"),
        ("liu-2005-progesterone", "progestogen"),
        ("tts-1989-patch", "estrogen"),
        ("women-testosterone-2014-testosterone", "testosterone in women"),
        ("bex-2002-men", "growth hormone"),
        ("murphy-2001-mk677", "secretagogue"),
        ("thyrotoxicosis-recovery-cured", "thyroid"),
        ("freedom-denosumab", "denosumab"),
        ("grey-2017-5", "bisphosphonate"),
        ("arch-romosozumab-alendronate", "anabolic"),
        ("swan-menopause", "untreated women"),
    ],
)
def test_arms_have_the_class_of_their_therapy(arm, name):
    """By drugs where they are in the tables, by the levels reached where only these are."""
    assert calibration.therapy_class(TRIALS.arms[arm]) == name


def test_what_follows_a_therapy_is_a_class_of_its_own():
    """The year after estrogen is not one on it."""
    assert calibration.observation_class(TRIALS.arms["pepi-stopped-1y"], areal("pepi-stopped-1y")) == (
        "after estrogen"
    )


def test_rates_are_changes_over_their_years():
    """1.4 %/year over 36 months is 4.2 %; a difference against a reference is no change of one arm."""
    assert calibration.percent_change(areal("pepi-cee")) == pytest.approx(4.2)
    different = next(seen for seen in TRIALS.observations if seen.kind == "difference")
    assert calibration.percent_change(different) is None


def test_naive_predictions_know_the_other_groups_alone():
    """Their mean and the curve of two points by hand; values of the own group do not matter."""
    seen = areal("snyder-2000-testosterone")
    one, other = (
        replace(areal("amory-2004-testosterone"), end_month=month, value=value)
        for month, value in ((12.0, 3.0), (36.0, 6.0))
    )
    own = replace(seen, value=99.0)
    naive = calibration.naive_predictions(TRIALS, [one, other, own], replace(seen, end_month=36.0))
    assert naive.observed == seen.value
    assert naive.others == 2
    assert naive.class_mean == pytest.approx(4.5)
    assert naive.exponential == pytest.approx(6.0, abs=0.15)


def test_without_other_groups_nothing_changes():
    """No trial of the class: 0, and told so."""
    naive = calibration.naive_predictions(TRIALS, [], areal("snyder-2000-testosterone"))
    assert (naive.class_mean, naive.exponential, naive.others) == (0.0, 0.0, 0)


def test_a_group_left_out_is_predicted_without_its_values(monkeypatch):
    """Values of a group moved far: its own prediction stays bit for bit, those of the others move."""
    monkeypatch.setattr(_trial_fit, "_evaluate", curved)
    arms = ["snyder-2000-testosterone", "pepi-cee", "bex-2002-men", "swan-menopause"]
    seen = [areal(arm) for arm in arms for _ in range(3)]
    found = []
    for shift in (0.0, 3.0):
        p = problem()
        p = replace(p, table=replace(p.table, value=p.table.value.at[:3].add(shift)))
        state = calibration.fit_trials(calibration.begin_fit(np.zeros(5), p), p, gradient_tolerance=1e-8)
        start = calibration.begin_fit(np.full(5, 0.1), p)
        ends = calibration.leave_one_group_out(start, p, TRIALS, seen)
        assert [end.group for end in ends] == ["bex-2002", "pepi", "snyder-2000", "swan"]
        assert sum(end.rows.size for end in ends) == 12
        assert bool(state.converged)
        found.append(ends)
    np.testing.assert_array_equal(found[0][2].prediction, found[1][2].prediction)
    assert np.abs(found[0][0].prediction - found[1][0].prediction).max() > 1e-3


def test_a_restarted_fit_knows_its_loss_without_the_model():
    """Loss and gradient under another mask are those of a start there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_trial_fit, "_evaluate", curved)
        p, mask = problem(), jnp.asarray(np.arange(12) % 2, float)
        state = calibration.begin_fit(np.full(5, 0.1), p)
        again = calibration.restarted(state, p, mask)
        direct = calibration.begin_fit(np.full(5, 0.1), p, mask=mask)
    np.testing.assert_allclose(again.loss, direct.loss)
    np.testing.assert_allclose(again.gradient, direct.gradient)
    assert int(again.evaluations) == 0
