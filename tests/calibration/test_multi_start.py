"""Fits from several starts: which minimum, how many find it, and going on from a saved state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import calibration
from tests.inference_problems import (
    GAIN_TRUTH,
    PRODUCT_DATA,
    exact_gain_data,
    gain_residuals,
    product_residuals,
)


def two_wells(parameters, data):
    """1/2 sum r^2 = 1/2 ((x^2 - 1)^2 + (0.3 (x + 1))^2) with x = ln p: minima at -1 and, higher, near 1."""
    x = jnp.log(parameters["x"])
    return {"wells": (x**2 - 1) * data, "tilt": 0.3 * (x + 1) * data}


WELLS_PRIOR = calibration.LogNormalPrior({"x": 1.0}, {"x": np.inf})
WELL_STARTS = {"x": np.exp([-1.6, -0.7, 0.8, 1.5])}
ONE = np.ones(1)


@pytest.mark.parametrize(
    ("together", "optimiser", "steps"), [(True, calibration.LBFGS(), 12), (False, calibration.Adam(), 150)]
)
def test_the_lower_of_two_minima_is_found_and_the_agreement_counted(together, optimiser, steps):
    """Two starts fall into each well; the best is x = -1 with a loss of zero."""
    options = {"rounds": 3, "steps": steps, "gradient_tolerance": 1e-4, "together": together}
    found, info, state = calibration.multi_start(
        two_wells, WELL_STARTS, data=ONE, prior=WELLS_PRIOR, optimiser=optimiser, **options
    )
    np.testing.assert_allclose(np.log(found["x"]), -1.0, atol=1e-4)
    np.testing.assert_array_equal(info.agreeing, [True, True, False, False])
    np.testing.assert_allclose(info.loss, 0, atol=1e-8)
    assert info.converged
    assert state.stopped.all()
    assert info.sentence().startswith("2 of 4 searches end at the best point")
    assert np.log(state.parameters["x"])[2] > 0.9
    assert state.loss_history.shape[0] == 4
    at_start = sum(jnp.sum(r**2) for r in two_wells({"x": WELL_STARTS["x"][0]}, ONE).values()) / 2
    np.testing.assert_allclose(state.loss_history[0, 0], at_start, rtol=1e-12)


def test_a_search_saved_and_continued_ends_where_the_uninterrupted_one_does(tmp_path):
    """Two rounds, a file, two rounds: the same bits as four rounds, histories included."""
    starts = {"gain": np.array([2.0, 20.0]), "rate": np.array([0.5, 0.02])}
    options = {"data": exact_gain_data(), "steps": 3, "optimiser": calibration.Adam()}
    _, whole_info, whole = calibration.multi_start(gain_residuals, starts, rounds=4, **options)
    _, _, half = calibration.multi_start(gain_residuals, starts, rounds=2, **options)
    np.savez(tmp_path / "state.npz", **calibration.state_to_arrays(half))
    with np.load(tmp_path / "state.npz") as saved:
        read = calibration.state_from_arrays(saved, starts)
    _, info, joined = calibration.multi_start(gain_residuals, starts, rounds=2, resume=read, **options)
    assert not half.stopped.all()
    assert joined.loss_history.shape == (2, 12)
    assert jax.tree.structure(joined) == jax.tree.structure(whole)
    for one, other in zip(jax.tree.leaves((joined, info)), jax.tree.leaves((whole, whole_info)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_ends_of_one_loss_at_other_parameters_show_a_flat_direction():
    """Only p q is seen: every search reaches a loss of zero, each elsewhere on p q = 6."""
    starts = {"p": np.array([1.0, 4.0]), "q": np.array([4.0, 1.0]), "r": np.array([2.0, 0.5])}
    _, info, state = calibration.multi_start(product_residuals, starts, data=PRODUCT_DATA, rounds=2, steps=20)
    assert info.same_loss.all()
    assert info.agreeing.sum() == 1
    assert info.spread["p"] > 0.1
    assert info.spread["r"] < 1e-4
    np.testing.assert_allclose(state.parameters["p"] * state.parameters["q"], 6.0, rtol=1e-4)
    assert "1 more reach its loss with other parameters: a direction is flat" in info.sentence()


def test_a_start_that_is_not_finite_is_left_behind():
    """ln(p - 1) is not a number at p = 0.5; the other search finds p = 2."""

    def residuals(parameters, data):
        return jnp.log(parameters - 1) - data

    starts, options = np.array([0.5, 3.0]), {"data": np.zeros(1), "optimiser": calibration.Adam()}
    found, info, state = calibration.multi_start(residuals, starts, rounds=2, steps=100, **options)
    np.testing.assert_allclose(found, 2.0, rtol=1e-4)
    np.testing.assert_array_equal(info.agreeing, [False, True])
    assert state.loss[0] == np.inf
    assert state.stopped[0]
    with pytest.raises(ValueError, match="no finite loss at any of the 1 `starts`"):
        calibration.multi_start(residuals, starts[:1], rounds=1, steps=2, **options)


def test_starts_drawn_from_the_prior_have_its_spread(key):
    """ln p over 4000 draws: mean ln median and sd log_sd, within five standard errors."""
    prior = calibration.make_prior({"gain": 5.0, "rates": np.array([0.1, 0.2])}, 0.5)
    starts = calibration.draw_starts(prior, key, 4000)
    again = calibration.draw_starts(prior, key, 4000)
    assert starts["rates"].shape == (4000, 2)
    logs = np.log(starts["rates"])
    assert np.all(np.abs(logs.mean(axis=0) - np.log([0.1, 0.2])) < 5 * 0.5 / np.sqrt(4000))
    assert np.all(np.abs(logs.std(axis=0) - 0.5) < 5 * 0.5 / np.sqrt(8000))
    np.testing.assert_array_equal(starts["gain"], again["gain"])
    with pytest.raises(ValueError, match=r"`prior.log_sd` must be positive and finite: \['x'\] is inf"):
        calibration.draw_starts(WELLS_PRIOR, key, 3)
    with pytest.raises(ValueError, match="`count` must be at least 1, came 0"):
        calibration.draw_starts(prior, key, 0)


def test_rounds_and_data_do_not_trace_again():
    """One program for every round, data set and resumed state."""
    traces = []

    def residuals(parameters, data):
        traces.append(1)
        return two_wells(parameters, data)

    def go(data, **options):
        options |= {"rounds": 1, "steps": 2, "optimiser": calibration.Adam()}
        return calibration.multi_start(residuals, WELL_STARTS, data=data, **options)[2]

    state = go(ONE)
    first = len(traces)
    go(2 * ONE, resume=go(ONE, resume=state))
    assert len(traces) == first


def test_precision_follows_the_starts_and_whole_numbers_are_numbers():
    """float32 throughout ends as float32; starts of integers end as float64."""
    options = {"rounds": 1, "steps": 2, "optimiser": calibration.Adam()}
    for dtype, expected in ((np.float32, jnp.float32), (np.int64, jnp.float64)):
        starts = {"x": np.array([2, 3], dtype)}
        found, _, state = calibration.multi_start(two_wells, starts, data=ONE.astype(dtype), **options)
        assert found["x"].dtype == expected
        assert state.loss.dtype == expected


def test_wrong_arguments_are_named():
    """Counts, axes, structures."""
    data = exact_gain_data()
    good = {name: np.full(2, value) for name, value in GAIN_TRUTH.items()}
    with pytest.raises(ValueError, match="`rounds` must be at least 1, came 0"):
        calibration.multi_start(gain_residuals, good, data=data, rounds=0)
    with pytest.raises(ValueError, match=r"`starts` must have one leading axis .*\(2,\), \(3,\)"):
        calibration.multi_start(gain_residuals, good | {"rate": np.ones(3)}, data=data)
    with pytest.raises(ValueError, match=r"`starts` must be positive .*\['rate'\]\[1\] is -1"):
        calibration.multi_start(gain_residuals, good | {"rate": np.array([1.0, -1.0])}, data=data)
    with pytest.raises(ValueError, match=r"`prior.median` must be a pytree like `starts\[0\]`"):
        calibration.multi_start(gain_residuals, good, data=data, prior=WELLS_PRIOR)
    with pytest.raises(ValueError, match=r"`arrays` must hold parameters.gain \(8 missing\)"):
        calibration.state_from_arrays({}, good)
    options = {"rounds": 1, "steps": 2, "optimiser": calibration.Adam()}
    other = calibration.multi_start(two_wells, WELL_STARTS, data=ONE, **options)[2]
    with pytest.raises(ValueError, match=r"`resume.parameters` must be a pytree like `starts`"):
        calibration.multi_start(gain_residuals, good, data=data, resume=other)
