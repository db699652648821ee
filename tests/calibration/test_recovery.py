"""Simulated trials follow the likelihood, and fits to them find the parameters that made them."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import calibration
from calibration import _trial_fit

GROUPS = (
    "ttrials-2017", "katznelson-1996", "burnett-bowie-2009", "smith-2001", "ultra-2004", "tts-1989",
    "hope-2002", "bex-2002", "gh-1996",
)  # fmt: skip
"""Trials of testosterone, estradiol, their withdrawal and growth hormone, within two years."""
MONTHS = 24
NAMES = (
    "estradiol_balance", "estradiol_resorption", "testosterone_balance", "igf1_balance", "igf1_resorption",
    "resorption_rate",
)  # fmt: skip
DRAWS = 20_000
SIGMAS = 5.0
"""Standard errors within which means over draws must be."""


def two_trials():
    """Three densities of one trial, a rate among them, two of another, and three intervals."""
    index, share = jnp.zeros((8, 2), int), jnp.zeros((8, 2))
    inf = jnp.inf
    return calibration.ObservationTable(
        person=index, person_share=share, reference=index, reference_share=share, quantity=jnp.zeros(8, int),
        row=index, way=share,
        scale=jnp.asarray([1.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5]),
        value=jnp.zeros(8),
        low=jnp.asarray([-inf, -inf, -inf, -inf, -inf, 0.0, -inf, -1.0]),
        high=jnp.asarray([inf, inf, inf, inf, inf, inf, 10.0, 1.0]),
        standard_error=jnp.asarray([0.5, 0.3, 2.0, 1.0, 0.2, 5.0, 20.0, 0.8]),
        interval=jnp.asarray([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
        marker=jnp.asarray([0, 0, 0, 0, 0, 1, 1, 0]),
        block=jnp.asarray([0, 0, 0, 1, 1, 2, 2, 1]),
        blocks=3,
    )  # fmt: skip


PREDICTION = jnp.asarray([1.0, -2.0, 4.0, 0.5, 3.0, 8.0, -5.0, 0.4])
BETWEEN = jnp.asarray([1.2, 11.0, 0.3])


@pytest.mark.slow
def test_simulated_observations_follow_the_likelihood(key):
    """Bartlett's identities of its logarithm l at the truth by m and ln (tau, w), over 20,000 draws:
    E[l'] = 0 and E[l' l'^T + l''] = 0, which means, scales or correlations of another kind break."""
    table = two_trials()

    def log_likelihood(values, drawn):
        prediction, between = values[:8], jnp.exp(values[8:])
        return calibration.log_likelihood(prediction, drawn, jnp.ones(8), between)

    truth = jnp.concatenate([PREDICTION, jnp.log(BETWEEN)])

    def identities(key):
        drawn = calibration.simulate_observations(key, PREDICTION, table, BETWEEN)
        slope = jax.grad(log_likelihood)(truth, drawn)
        return slope, jnp.outer(slope, slope) + jax.hessian(log_likelihood)(truth, drawn)

    for found in jax.jit(jax.vmap(identities))(jax.random.split(key, DRAWS)):
        error = np.std(found, axis=0) / np.sqrt(DRAWS)
        assert (np.abs(np.mean(found, axis=0)) <= SIGMAS * error + 1e-12).all()


def test_simulated_intervals_are_parts_that_the_printed_ends_make(key):
    """[0, inf) or (-inf, 0]; (-inf, 10] or [10, inf); (-inf, -1], [-1, 1] or [1, inf); numbers have none."""
    run = jax.vmap(calibration.simulate_observations, in_axes=(0, None, None, None))
    drawn = run(jax.random.split(key, 500), PREDICTION, two_trials(), BETWEEN)
    inf = np.inf
    parts = {5: {(0, inf), (-inf, 0)}, 6: {(-inf, 10), (10, inf)}, 7: {(-inf, -1), (-1, 1), (1, inf)}}
    for row in range(8):
        ends = set(zip(drawn.low[:, row].tolist(), drawn.high[:, row].tolist(), strict=True))
        assert ends == parts.get(row, {(-inf, inf)})
    assert np.ptp(drawn.value[:, :5], axis=0).min() > 0
    assert not drawn.value[:, 5:].any()


def trials_of_two_years():
    """The problem: tables of the package, a vertebra of three classes, six parameters and the deviations."""
    trials = calibration.read_trials()
    kept = tuple(
        seen
        for seen in trials.observations
        if trials.arms[seen.arm].group in GROUPS and seen.end_month is not None and seen.end_month <= MONTHS
    )
    vertebra = calibration.make_builtin_vertebra(trabecular_classes=1, cortical_classes=1)
    return calibration.make_trial_problem(
        replace(trials, observations=kept), names=NAMES, months=MONTHS, vertebra=vertebra
    )[0]


def replicates(key, problem, count):
    """Truth, mode, 2.5 and 97.5 % of the draws of x in fits to simulated trials, (count, 4, names).

    Every replicate has its truth from the prior and starts at its median. A fit that does not end in a
    minimum has no interval, which covers nothing.
    """
    of_truth, of_trials = jax.random.split(key)
    of_draws = jax.random.fold_in(key, 2)
    median = calibration.begin_fit(np.zeros(len(problem.names)), problem)
    simulate = jax.jit(calibration.simulate_observations)
    rows = []
    for number, truth in enumerate(jax.random.normal(of_truth, (count, len(problem.names)))):
        prediction = calibration.begin_fit(truth, problem).prediction
        _, between = calibration.with_learned(calibration.log_values(truth, problem), problem.fixed)
        drawn = simulate(jax.random.fold_in(of_trials, number), prediction, problem.table, between)
        simulated = replace(problem, table=drawn)
        start = calibration.restarted(median, simulated, simulated.mask)
        found = calibration.fit_trials(start, simulated, most_evaluations=100)
        ends = np.full((2, len(truth)), np.nan)
        if bool(found.converged):
            draws, _ = calibration.trial_draws(jax.random.fold_in(of_draws, number), found, simulated)
            ends = np.quantile(np.asarray(draws), [0.025, 0.975], axis=0)
        rows.append(np.stack([truth, found.x, *ends]))
    return np.array(rows)


@pytest.mark.slow
def test_fits_to_simulated_trials_cover_the_truth(key):
    """200 truths from the prior: 95 % intervals of biological parameters hold 90 to 98 %, modes go with
    the truths as closely as the intervals promise, 99 % of the fits end in a minimum, all share one program.
    """
    problem = trials_of_two_years()
    compiled = _trial_fit._evaluate._cache_size()
    truth, mode, lowest, highest = np.moveaxis(replicates(key, problem, 200), 1, 0)
    assert _trial_fit._evaluate._cache_size() == compiled + 1
    ended = np.isfinite(lowest[:, 0])
    # What a fit that did not end covers is nothing: half of its misses count on either side.
    below = np.where(np.isfinite(lowest), truth < lowest, truth < mode)
    above = np.where(np.isfinite(highest), truth > highest, truth >= mode)
    width = (highest - lowest)[ended]
    together = [np.corrcoef(*pair)[0, 1] for pair in zip(truth.T, mode.T, strict=True)]
    biological = [problem.names.index(name) for name in NAMES]
    rows = {name: [row] for row, name in enumerate(problem.names)} | {"biological": biological}
    print("\nparameter | % covered | % below | % above | median width | correlation of mode and truth")
    for name, row in rows.items():
        low, high = 100 * below[:, row].mean(), 100 * above[:, row].mean()
        print(
            f"{name} | {100 - low - high:.1f} | {low:.1f} | {high:.1f} | {np.median(width[:, row]):.2f} | "
            f"{np.mean([together[one] for one in row]):.2f}"
        )
    covered = 1.0 - (below | above)[:, biological].mean(1)
    print(f"standard error {100 * covered.std() / np.sqrt(covered.size):.1f}, minima {ended.sum()}")
    assert ended.mean() >= 0.99
    # Normal and linear, truth and mode correlate by sqrt(1 - sd^2) of a posterior in units of the prior.
    sd = np.sqrt(np.mean((width / 3.92) ** 2, axis=0))
    promised = np.sqrt(np.maximum(1.0 - sd**2, 0.0))
    assert np.abs(np.array(together) - promised)[biological].max() < 0.2
    assert 0.90 <= covered.mean() <= 0.98
