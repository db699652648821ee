"""Likelihood of trials: deviations between trials integrated out, robust tails, intervals."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import calibration

ROBUST = pytest.mark.parametrize("robust", [True, False], ids=["student", "normal"])


def make_table(rng, *, numbers: int = 7, blocks: int = 3, **columns) -> calibration.ObservationTable:
    """Observations of made-up trials; the last block holds markers."""
    block = np.sort(rng.integers(0, blocks, numbers))
    whole = jnp.zeros((numbers, 2), jnp.int32)
    share = jnp.zeros((numbers, 2))
    given = {
        "value": rng.normal(2.0, 3.0, numbers),
        "low": np.full(numbers, -np.inf),
        "high": np.full(numbers, np.inf),
        "standard_error": rng.uniform(0.3, 2.0, numbers),
        "scale": rng.choice([1.0, 0.5, 1 / 3], numbers),
        "interval": np.zeros(numbers),
    } | columns
    return calibration.ObservationTable(
        person=whole,
        person_share=share,
        reference=whole,
        reference_share=share,
        quantity=jnp.zeros(numbers, jnp.int32),
        row=whole,
        way=share,
        marker=jnp.asarray(block == blocks - 1, jnp.int32),
        block=jnp.asarray(block),
        blocks=blocks,
        **{name: jnp.asarray(column) for name, column in given.items()},
    )


BETWEEN = jnp.asarray([1.5, 12.0, 0.3])


@ROBUST
def test_numbers_of_a_trial_have_the_dense_covariance(rng, robust):
    """ln N(r; 0, C) or ln t_4(r; 0, C) of each block without masked rows,
    C = diag(s^2 + (tau^2 l^2 + w^2 m^2) / 2) + (tau^2 l l^T + w^2 m m^T) / 2, m the prediction.
    """
    table = make_table(rng, numbers=9)
    mask = np.array([1, 1, 0, 1, 1, 1, 1, 0, 1.0])
    prediction = rng.normal(1.0, 2.0, 9)
    found = calibration.log_likelihood(
        jnp.asarray(prediction), table, jnp.asarray(mask), BETWEEN, robust=robust
    )
    expected = 0.0
    for number in range(table.blocks):
        rows = np.flatnonzero((np.asarray(table.block) == number) & (mask > 0))
        if rows.size:
            scale = np.asarray(table.scale)[rows]
            tau = float(BETWEEN[int(table.marker[rows[0]])])
            alone, with_change = tau * scale, float(BETWEEN[2]) * prediction[rows]
            own = np.asarray(table.standard_error)[rows] ** 2 + 0.5 * (alone**2 + with_change**2)
            dense = np.diag(own) + 0.5 * (np.outer(alone, alone) + np.outer(with_change, with_change))
            residual = np.asarray(table.value)[rows] - prediction[rows]
            law = scipy.stats.multivariate_t(np.zeros(rows.size), dense, df=4) if robust else None
            law = law or scipy.stats.multivariate_normal(np.zeros(rows.size), dense)
            expected += law.logpdf(residual)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_an_outlying_trial_pulls_less_the_farther_it_is(rng):
    """d(-ln t_4)/d prediction falls as 1 / r; of a normal law it grows as r."""
    table = make_table(rng, numbers=1, blocks=2)

    def pull(away, robust):
        seen = replace(table, value=jnp.asarray([away]))
        value = lambda x: calibration.log_likelihood(x[None], seen, jnp.ones(1), BETWEEN, robust=robust)  # noqa: E731
        return abs(float(jax.grad(value)(jnp.asarray(0.0))))

    assert pull(400.0, True) == pytest.approx(pull(200.0, True) / 2, rel=0.02)
    assert pull(400.0, False) == pytest.approx(2 * pull(200.0, False), rel=1e-6)


@ROBUST
@pytest.mark.parametrize(("low", "high"), [(-1.0, 2.0), (-np.inf, 0.5), (0.5, np.inf), (3.0, 3.5)], ids=str)
def test_an_interval_has_the_probability_of_its_law(rng, robust, low, high):
    """P(low < y < high), y of mean m and scale sqrt(s^2 + tau^2 l^2 + w^2 m^2), in both tails."""
    predictions = np.array([-40.0, -6.0, -1.0, 0.0, 0.7, 5.0, 40.0])
    table = make_table(rng, low=np.full(7, low), high=np.full(7, high), interval=np.ones(7))
    found = calibration.interval_log_probability(jnp.asarray(predictions), table, BETWEEN, robust=robust)
    spread = np.asarray(calibration.error_of_prediction(jnp.asarray(predictions), table, BETWEEN))
    tau = np.asarray(BETWEEN)[np.asarray(table.marker)] * np.asarray(table.scale)
    squares = np.asarray(table.standard_error) ** 2 + tau**2 + (0.3 * predictions) ** 2
    np.testing.assert_allclose(spread, np.sqrt(squares), rtol=1e-12)
    law = scipy.stats.t(4) if robust else scipy.stats.norm()
    a, b = (low - predictions) / spread, (high - predictions) / spread
    mirrored = np.where(a + b > 0, law.cdf(-a) - law.cdf(-b), law.cdf(b) - law.cdf(a))
    seen = mirrored > 1e-12
    assert seen.sum() >= 3
    np.testing.assert_allclose(np.asarray(found)[seen], np.log(mirrored[seen]), rtol=1e-6, atol=1e-9)


@ROBUST
def test_intervals_end_in_certainty_and_keep_a_slope_far_away(rng, robust):
    """ln P -> 0 inside a wide interval; far outside finite and rising towards it."""
    ends = {"low": np.full(7, -1e4), "high": np.full(7, 1e4), "interval": np.ones(7)}
    wide = make_table(rng, **ends)
    inside = calibration.interval_log_probability(jnp.zeros(7), wide, BETWEEN, robust=robust)
    np.testing.assert_allclose(inside, 0.0, atol=1e-4)
    one_sided = make_table(rng, low=np.full(7, -np.inf), high=np.zeros(7), interval=np.ones(7))

    def total(prediction):
        return jnp.sum(calibration.interval_log_probability(prediction, one_sided, BETWEEN, robust=robust))

    slope = jax.grad(total)(jnp.full(7, 300.0))
    assert np.isfinite(total(jnp.full(7, 300.0)))
    assert np.all(np.isfinite(slope))
    assert np.all(np.asarray(slope) < 0)


@ROBUST
def test_derivatives_equal_finite_differences(rng, robust):
    """d ln L / d (prediction, tau, w), numbers and intervals, central differences, to 1e-6."""
    interval = np.array([0, 0, 1, 0, 1, 0, 1.0])
    low = np.where(interval > 0, [0, 0, -1, 0, -np.inf, 0, 2], -np.inf)
    high = np.where(interval > 0, [0, 0, 1, 0, 3, 0, np.inf], np.inf)
    table = make_table(rng, interval=interval, low=low, high=high)
    mask = jnp.asarray([1, 0, 1, 1, 1, 1, 1.0])

    def value(both):
        return calibration.log_likelihood(both[:7], table, mask, both[7:], robust=robust)

    at = jnp.concatenate([jnp.asarray(rng.normal(1.0, 2.0, 7)), BETWEEN])
    gradient = jax.grad(value)(at)
    steps = 1e-5 * np.eye(10)
    numeric = [(value(at + step) - value(at - step)) / 2e-5 for step in steps]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-8)
    assert float(gradient[1]) == 0.0


def test_single_precision_follows(rng):
    """float32 in, float32 out, near the float64 value."""
    table = make_table(rng, interval=np.array([0, 1, 0, 0, 1, 0, 0.0]), high=np.full(7, 4.0))
    half = jax.tree.map(lambda x: x.astype(jnp.float32) if x.dtype == jnp.float64 else x, table)
    prediction = rng.normal(1.0, 2.0, 7)
    exact = calibration.log_likelihood(jnp.asarray(prediction), table, jnp.ones(7), BETWEEN)
    found = calibration.log_likelihood(
        jnp.asarray(prediction, jnp.float32), half, jnp.ones(7, jnp.float32), BETWEEN.astype(jnp.float32)
    )
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, exact, rtol=1e-5)
