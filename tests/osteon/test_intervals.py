"""Intervals of a run: what is drawn, what stays as a study gives it, and intervals of differences."""

import tomllib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import calibration
from osteon._arm_draws import COLUMNS, WITH_INTERVALS, ArmDraws, change_ends, intervals, value_intervals
from osteon._prepared import prepare
from osteon._run_draws import describe_draws, run_draws
from osteon._study import UNTREATED, parse_study
from osteon._trial_points import trial_points
from tests.osteon_trials import rows, study
from tests.short_study import STUDY


def draws_of(biology: dict) -> tuple[ArmDraws, dict]:
    """Draws of the treated arm of a study with some parameters given, without solving anything."""
    given = parse_study(tomllib.loads(STUDY) | {"biology": biology})
    prepared = prepare(given)
    held = np.zeros(prepared.levels[0].density_ha.size, bool)
    held[:5] = True
    results = [
        SimpleNamespace(level="L3", arm=arm.name, months=(0, 3, 6), held=held) for arm in prepared.arms
    ]
    return run_draws(prepared, results)["L3", "weekly"], describe_draws(given)


def test_what_a_study_gives_is_the_same_in_every_draw():
    """All learned parameters given: no draw deviates; the described list of held ones is theirs."""
    posterior, _ = calibration.shipped_posterior()
    names = [name for name in posterior.names if name not in calibration.BETWEEN_TRIALS]
    mode = {name: float(np.exp(posterior.log_values[name])) for name in names}
    draws, described = draws_of(mode)
    for name in WITH_INTERVALS:
        assert np.ptp(draws.ratios[name], axis=0) == pytest.approx(0, abs=1e-12)
        assert draws.ratios[name][0, -1] > 1.001
    assert (described["held"], described["drawn"]) == (sorted(mode), [])


def test_voxels_that_are_held_have_no_width_and_others_have():
    """The first five voxels are held; the rest deviates to both sides of the result."""
    draws, described = draws_of({"testosterone_balance": 0.1})
    assert (draws.voxel_low[:, :5] == 0).all()
    assert (draws.voxel_high[:, :5] == 0).all()
    assert (draws.voxel_low[-1, 5:] < 0).all()
    assert (draws.voxel_high[-1, 5:] > 0).all()
    assert described["held"] == ["testosterone_balance"]
    assert "testosterone_balance" not in described["drawn"]


def made_up(rng, gain: float, shared: np.ndarray) -> ArmDraws:
    """Straight courses of 36 months with the slope of a draw, and the same course of every quantity."""
    months = np.arange(37)
    slope = np.concatenate([[gain], gain + 0.2 * gain * shared + 0.01 * gain * rng.normal(size=shared.size)])
    ratio = 1 + slope[:, None] * months / 3600
    none = np.zeros((1, 1))
    return ArmDraws(
        dict.fromkeys(WITH_INTERVALS, ratio), ratio[0], none[0], none, none, np.array([1.5, 12.0, 0.3])
    )


def test_an_interval_of_a_difference_is_that_of_the_same_draws(rng):
    """Draws that both arms share cancel: the difference of two arms of one gain is nearly certain."""
    shared = rng.normal(size=400)
    treated, control = made_up(rng, 6.0, shared), made_up(rng, 6.0, shared)
    name = "spine_dxa_percent"
    alone = change_ends(treated, None, name, 0, 24)
    difference = change_ends(treated, control, name, 0, 24)
    assert alone[1] - alone[0] == pytest.approx(2 * 1.96 * 0.2 * 4, rel=0.15)
    assert difference[1] - difference[0] == pytest.approx(2 * 1.96 * 0.01 * np.sqrt(2) * 4, rel=0.15)


def test_a_new_trial_adds_its_deviation_as_squares():
    """value -+ sqrt(half^2 + (2.776 spread)^2), each side by its own half."""
    found = intervals(np.asarray(5.0), np.asarray(-1.0), np.asarray(2.0), 1.5)
    wide = 2.7764451 * 1.5
    expected = (4.0, 7.0, 5 - np.hypot(1, wide), 5 + np.hypot(2, wide))
    assert tuple(float(found[name]) for name in COLUMNS) == pytest.approx(expected)


def test_a_measured_start_has_no_width(rng):
    """Month 0 is the image; later both intervals have the unit of the quantity: 1.5 % and 0.3 of 6 %."""
    draws = made_up(rng, 6.0, rng.normal(size=100))
    values = 120.0 * draws.ratios["integral_vbmd_mg_cm3"][0]
    found = value_intervals(draws, "integral_vbmd_mg_cm3", values)
    assert all(found[name][0] == pytest.approx(120.0) for name in COLUMNS)
    assert found["new_trial_high"][1] - values[1] == pytest.approx(1.2 * 2.7764 * 1.5, rel=1e-2)
    half = np.hypot(found["parameters_high"][36] - values[36], 1.2 * 2.7764451 * np.hypot(1.5, 0.3 * 6.0))
    assert found["new_trial_high"][36] - values[36] == pytest.approx(half)


def test_trials_beside_a_run_get_the_interval_of_the_models_number(rng):
    """Of a difference by the same draws of both arms, of a rate per year, of a marker none."""
    shared = rng.normal(size=200)
    draws = {("L3", "treated"): made_up(rng, 5.0, shared), ("L3", UNTREATED): made_up(rng, -3.0, -shared)}
    given = study(trials=["wells-2002-hormones"])
    courses = rows({UNTREATED: -0.1, "treated": 0.2})
    found = trial_points(given, courses, "L3", draws)[0]
    low, high = change_ends(draws["L3", "treated"], draws["L3", UNTREATED], "spine_dxa_percent", 0, 24)
    assert found["model_parameters_low"] == pytest.approx(7.2 + low)
    assert found["model_new_trial_high"] == pytest.approx(
        7.2 + np.hypot(high, 2.7764451 * np.hypot(1.5, 0.3 * 7.2))
    )
    rate = trial_points(study(trials=["hope-2002-cee-0625"]), courses, "L3", draws)[0]
    low, _ = change_ends(draws["L3", "treated"], None, "spine_dxa_percent", 0, 24)
    assert rate["model_parameters_low"] == pytest.approx(rate["model"] + low / 2)
    bare = {key: replace(one, ratios={}) for key, one in draws.items()}
    assert trial_points(given, courses, "L3", bare)[0]["model_parameters_low"] is None
