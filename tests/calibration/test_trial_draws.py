"""Draws of a fit to trials against the posterior itself, weighted from the prior."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import calibration
from calibration import _trial_draws, _trial_fit, _trial_problem
from tests.trial_problems import SLOPES, problem

SPREAD = np.array([1.3, 0.8, 0.6, 1.0, 1.2])


@jax.jit
def proportional(x, problem):
    """A model proportional to the parameters, less its value at their prior medians."""
    spread = jnp.stack([problem.prior.log_sd[name] for name in problem.names])

    def run(x):
        return jnp.asarray(SLOPES) @ (jnp.expm1(spread * x) / spread)

    return run(x), jax.jacfwd(run)(x)


@pytest.fixture(autouse=True)
def proportional_model(monkeypatch):
    monkeypatch.setattr(_trial_fit, "_evaluate", proportional)


def skewed():
    """The problem of twelve changes with wide priors, so that ln p has a long lower tail."""
    p = problem()
    spread = dict(zip(p.names, map(jnp.asarray, SPREAD), strict=True))
    return replace(p, prior=replace(p.prior, log_sd=spread))


def fitted(p):
    return calibration.fit_trials(calibration.begin_fit(np.zeros(5), p), p, gradient_tolerance=1e-6)


def weighted_quantiles(values, weights, shares):
    """Quantiles of each column of values that are drawn with weights."""
    found = []
    for column in values.T:
        order = np.argsort(column)
        found.append(np.interp(shares, np.cumsum(weights[order]), column[order]))
    return np.array(found).T


@pytest.mark.slow
def test_draws_are_those_of_the_posterior(key):
    """Median and ends of the 95 % intervals: as of 400,000 draws from the prior, weighted by the likelihood,
    to a tenth of a standard deviation; the ends of the Laplace approximation are farther off.
    """
    p = skewed()
    state = fitted(p)
    draws, info = calibration.trial_draws(key, state, p, per_chain=256)
    assert bool(info.usable)
    x = jax.random.normal(jax.random.key(1), (400_000, 5))

    def likelihood(x):
        return 0.5 * jnp.sum(x**2) - _trial_problem.objective_of(proportional(x, p)[0], x, p.mask, p)

    log_weight = np.asarray(jax.jit(jax.vmap(likelihood))(x))
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    assert 1 / np.sum(weight**2) > 4000
    shares = [0.025, 0.5, 0.975]
    exact = weighted_quantiles(np.asarray(x), weight, shares)
    sd = np.sqrt(np.cov(np.asarray(x).T, aweights=weight).diagonal())
    found = np.quantile(np.asarray(draws), shares, axis=0)
    assert np.abs((found - exact) / sd).max() < 0.12
    laplace = np.sqrt(np.diag(calibration.posterior_of(state, p).covariance_of(p)))
    ends = np.asarray(state.x) + 1.96 * np.outer([-1.0, 1.0], laplace)
    assert np.abs((ends - exact[[0, 2]]) / sd).max() > 0.3


def test_a_model_proportional_to_its_parameters_is_met_exactly():
    """The predictions that the draws are made with, far from the mode."""
    p = skewed()
    state = fitted(p)
    for x in np.random.default_rng(0).normal(size=(5, 5)):
        np.testing.assert_allclose(
            _trial_draws.linear_in_parameters(jnp.asarray(x), state, p), proportional(x, p)[0], rtol=1e-9
        )


@pytest.mark.slow
def test_draws_do_not_compile_anew_for_other_data(key):
    """Another table and fold, the same program."""
    p = skewed()
    calibration.trial_draws(key, fitted(p), p)
    before = _trial_draws._drawn._cache_size()
    other = replace(p, table=replace(p.table, value=p.table.value + 0.3))
    calibration.trial_draws(key, fitted(other), other)
    assert _trial_draws._drawn._cache_size() == before


def test_draws_need_a_minimum(key):
    """In the tails of Student's t the second derivatives are negative: the sentence says so."""
    p = skewed()
    state = fitted(p)
    steep = 100.0 * jnp.asarray(SLOPES)
    away = replace(state, prediction=p.table.value + steep[:, 3], slopes=steep)
    with pytest.raises(ValueError, match="must be a minimum"):
        calibration.trial_draws(key, away, p)
