"""Strength of the T Trials men: it follows density, rises more, and no fit sees it."""

from types import SimpleNamespace

import pytest

import calibration
import remodeling
from benchmarks import trial_strength

TESTOSTERONE, ESTRADIOL = (229.6, 500.0), (20.5, 44.6)
"""ng/dL and pg/mL before and on treatment, as in the treated arm of the trial."""


@pytest.fixture(scope="module")
def treated() -> SimpleNamespace:
    """The trabecular core of a coarse vertebra before and after a year of testosterone."""
    bone = trial_strength.make_bone(4.0, trial_strength.TRABECULAR_MG_CM3)
    modulus, strong = trial_strength.stiffness_and_strength(bone.density)
    course = remodeling.make_hormone_course(
        remodeling.make_hormone_levels(testosterone_ng_dl=TESTOSTERONE[0], estradiol_pg_ml=ESTRADIOL[0]),
        steps=trial_strength.MONTHS,
        step_days=365.25 / 12,
        testosterone_ng_dl=TESTOSTERONE[1],
        estradiol_pg_ml=ESTRADIOL[1],
    )
    parameters, _ = trial_strength.parameters_and_trials(calibration.read_trials())
    whole = trial_strength.cap(bone, bone.body)
    density, ratio = trial_strength.remodeled(bone, whole, modulus, course, 0.0, parameters)
    after = {
        "of_density": trial_strength.stiffness_and_strength(density),
        "of_remodeled_bone": (modulus * ratio, strong * ratio),
    }
    core, own = trial_strength.cap(bone, bone.core), bone.in_core
    before = trial_strength.push(core, modulus[own], strong[own])
    return SimpleNamespace(
        before=before,
        density=density[own].mean() / bone.density[own].mean() - 1,
        after={name: trial_strength.push(core, e[own], y[own]) for name, (e, y) in after.items()},
    )


@pytest.mark.parametrize("reading", trial_strength.READINGS)
@pytest.mark.parametrize("quantity", ["yield_n", "stated_strain_n", "stiffness_n_per_mm"])
def test_strength_rises_more_than_density(treated, reading, quantity):
    """0 < density change < change of strength and of stiffness: the laws are steeper than density"""
    change = treated.after[reading][quantity] / treated.before[quantity] - 1
    assert treated.density > 0.005
    assert change > treated.density


def test_no_strength_is_answered_by_the_fast_model():
    """the tables hold strengths of the spine, and every one is left out of fits"""
    trials = calibration.read_trials()
    held = [seen for seen in trials.observations if "strength" in seen.observable]
    assert held
    assert not set(held) & set(calibration.answered(trials))
    assert set(held) <= {left.observation for left in calibration.unanswered(trials)}


def test_the_comparison_reads_both_arms_and_their_difference():
    """printed density from the tables; difference = treated - placebo; inside the interval or not"""

    def arm(density: float, strength: float) -> dict:
        changes = {reading: {"yield_n": strength} for reading in trial_strength.READINGS}
        return {"density_change_percent": {"trabecular": density}, "trabecular": changes}

    arms = {trial_strength.PLACEBO: arm(0.0, 0.0), trial_strength.TREATED: arm(4.0, 7.0)}
    rows = {row["arm"]: row for row in trial_strength.compare({"arms": arms}, calibration.read_trials())}
    treated, difference = rows[trial_strength.TREATED], rows[trial_strength.DIFFERENCE]
    assert treated["density"]["observed"] == [7.5, 4.8, 10.3]
    assert difference["density"]["observed"] == [6.8, 4.8, 8.7]
    assert not treated["strength"]["of_density"]["within_95"]
    assert difference["strength"]["of_density"] == {"predicted": 7.0, "within_95": True}
    assert treated["strength_over_density"] == {
        "observed": 1.44,
        "of_density": 1.75,
        "of_remodeled_bone": 1.75,
    }
    assert list(rows[trial_strength.PLACEBO]["strength_over_density"]) == ["observed"]


def test_the_core_is_the_body_less_its_surface():
    """depth above 2 mm at every voxel size: a share of the volume that hardly depends on it"""
    shares = []
    for voxel_mm in (1.0, 2.0):
        bone = trial_strength.make_bone(voxel_mm, 100.0)
        assert bone.body[bone.core].all()
        shares.append(bone.in_core.mean())
    assert shares[0] == pytest.approx(shares[1], abs=0.06)
