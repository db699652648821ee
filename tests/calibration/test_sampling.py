"""The no-U-turn sampler against posteriors in closed form."""

import sys
from importlib.util import find_spec

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import calibration
from tests.inference_problems import (
    GAIN_TRUTH,
    exact_gain_data,
    gain_residuals,
    linear_problem,
    linear_residuals,
)

needs_blackjax = pytest.mark.skipif(
    find_spec("blackjax") is None, reason="blackjax is not installed; it comes with the extra `sampling`"
)


@needs_blackjax
def test_a_linear_problem_has_the_exact_mean_and_covariance(key):
    """Mean and covariance of ln p within five standard errors of the effective number of draws."""
    problem = linear_problem()
    first, second = jax.random.split(key)
    starts = calibration.draw_starts(problem.prior, first, 4)
    draws, info = calibration.sample(
        linear_residuals, starts, second, data=problem.data, prior=problem.prior, warmup=300, draws=1000
    )
    assert info.converged
    assert info.names == ("a", "b[0]", "b[1]")
    assert draws["b"].shape == (4, 1000, 2)
    assert info.divergences.sum() == 0
    assert jnp.all((info.acceptance > 0.6) & (info.acceptance < 0.99))
    logs = np.log(np.concatenate([np.asarray(draws["a"])[..., None], draws["b"]], axis=-1)).reshape(-1, 3)
    sd = np.sqrt(np.diag(problem.covariance))
    size = np.minimum(np.asarray(info.effective_size), 4000)
    assert size.min() > 1000
    assert np.all(np.abs(logs.mean(axis=0) - problem.log_mode) < 5 * sd / np.sqrt(size))
    # Squares mix more slowly than the draws themselves: half the effective number.
    error = np.abs(np.cov(logs.T) - problem.covariance)
    assert np.all(error < 5 * np.sqrt(2 / (size.min() / 2)) * np.outer(sd, sd))


@needs_blackjax
def test_any_density_can_be_sampled_and_new_data_do_not_trace_again(key):
    """x normal with mean m and sd s, as data; the log density is traced once for two data sets."""
    traces = []

    def log_density(x, data):
        traces.append(1)
        return -0.5 * ((x - data["mean"]) / data["sd"]) ** 2

    starts = jnp.array([-1.0, 1.0])
    options = {"warmup": 200, "draws": 500}
    calibration.sample_density(log_density, starts, key, data={"mean": 0.0, "sd": 1.0}, **options)
    first = len(traces)
    x, info = calibration.sample_density(log_density, starts, key, data={"mean": 5.0, "sd": 0.1}, **options)
    assert len(traces) == first
    size = float(info.effective_size[0])
    assert abs(float(x.mean()) - 5.0) < 5 * 0.1 / np.sqrt(size)
    np.testing.assert_allclose(x.std(), 0.1, rtol=5 / np.sqrt(size))


@needs_blackjax
def test_wrong_arguments_are_named(key):
    """Counts, chains, precision."""
    starts = {name: np.full(2, value) for name, value in GAIN_TRUTH.items()}
    options = {"data": exact_gain_data()}
    with pytest.raises(ValueError, match="`draws` must be at least 4, came 1"):
        calibration.sample(gain_residuals, starts, key, draws=1, **options)
    with pytest.raises(ValueError, match=r"`starts`\['gain'\] must be float64, came float32"):
        calibration.sample(
            gain_residuals, {name: np.float32(value) for name, value in starts.items()}, key, **options
        )
    with pytest.raises(ValueError, match=r"leading axis of at least 2 chains, came the shape \(1,\)"):
        calibration.sample(gain_residuals, {n: v[:1] for n, v in starts.items()}, key, **options)
    with pytest.raises(ValueError, match=r"`starts` must be positive .*\['rate'\]\[0\] is -1"):
        calibration.sample(gain_residuals, starts | {"rate": -np.ones(2)}, key, **options)


def test_without_blackjax_the_error_says_what_to_install(monkeypatch, key):
    """A package that cannot be found."""
    monkeypatch.setitem(sys.modules, "blackjax", None)
    with pytest.raises(ImportError, match=r"pip install 'osteon\[sampling\]'"):
        calibration.sample_density(lambda x, d: -(x**2), jnp.ones(2), key)


def test_the_log_posterior_is_minus_the_loss_of_the_fit():
    """-(1/2 sum r^2 + prior penalty), and its gradient against a central difference."""
    prior = calibration.make_prior({"gain": 5.0, "rate": 0.2}, 0.5)
    data = exact_gain_data()
    logs = {"gain": jnp.log(6.0), "rate": jnp.log(0.15)}
    density = calibration.LogPosterior(gain_residuals)
    loss = 0.5 * jnp.sum(gain_residuals(jax.tree.map(jnp.exp, logs), data) ** 2)
    penalty = calibration.prior_penalty(logs, prior)
    np.testing.assert_allclose(density(logs, (data, prior)), -(loss + penalty), rtol=1e-12)
    gradient = jax.grad(density)(logs, (data, prior))
    for name in logs:
        ends = [density(logs | {name: logs[name] + step}, (data, prior)) for step in (1e-5, -1e-5)]
        np.testing.assert_allclose(gradient[name], (ends[0] - ends[1]) / 2e-5, rtol=1e-6)


def test_split_r_hat_sees_chains_apart_and_chains_that_drift(key):
    """1 for independent draws; for half chains with means at +-1 and variance 1, sqrt(1 + B / W)."""
    noise = jax.random.normal(key, (4, 1000, 1))
    assert abs(float(calibration.split_r_hat(noise)[0]) - 1) < 0.01
    # eight half chains, four at -1 and four at +1: B = 8 / 7, W = 1
    expected = np.sqrt(1 + 8 / 7)
    apart = noise + jnp.array([-1.0, -1.0, 1.0, 1.0])[:, None, None]
    drift = noise + jnp.where(jnp.arange(1000) < 500, -1.0, 1.0)[:, None]
    np.testing.assert_allclose(calibration.split_r_hat(apart), expected, rtol=0.03)
    np.testing.assert_allclose(calibration.split_r_hat(drift), expected, rtol=0.03)
