"""How likely observations of trials are under predictions: robust to outlying trials, intervals as they are.

Numbers y of a group and class of observable (density or marker) deviate from their predictions m in part
together, y = m + l tau (b + a) + m w (c + d) + e: l the scale, b and c of the whole trial, a and d of the
observation (who stayed, who took the drug, what the model gets wrong of this arm), all normal, b and c with
the variance rho, a and d with 1 - rho, e with the printed standard errors s. What deviates by tau is there
where nothing is done, too; what deviates by a share w of the change is not, but a trial of a drug that fills
bone by 20 % comes out by several points from another of the same drug. Were all of it of the trial (rho = 1),
the model would answer for the difference of two arms to the last digit of a small standard error. With b and
c integrated out the covariance is C = diag(v) + A A^T, v = s^2 + (1 - rho) (l^2 tau^2 + m^2 w^2) and
A = sqrt(rho) [l tau, m w], whose inverse and determinant are closed (Woodbury 1950), r = y - m:

    K = 1 + A^T diag(v)^-1 A, two by two ; p = A^T diag(v)^-1 r
    d^2 = r^T C^-1 r = sum r^2 / v - p^T K^-1 p
    ln det C = sum ln v + ln det K

Robust: the density of a group is a multivariate Student t with 4 degrees of freedom and the scale matrix C,
so that a trial far off all others pulls with a force that falls as 1 / d (Lange, Little and Taylor 1989).
An interval has the probability that a number with its mean and variance falls inside: of [low, high] with
both ends, or of one side. Several intervals of a group are taken as independent.
"""

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln, log_ndtr
from jax.typing import ArrayLike

from ._observation_table import ObservationTable

SHARED = 0.5
"""Share rho of the variance between trials that all numbers of a trial have in common (assumed)."""
FREEDOM = 4.0
"""Degrees of freedom of the robust likelihood (assumed; 4 is customary, Lange, Little and Taylor 1989)."""
_TAIL = -1.0
"""Argument below which 1 + t / sqrt(4 + t^2) would cancel."""


def log_likelihood(
    prediction: jax.Array,
    table: ObservationTable,
    mask: jax.Array,
    between_trials: jax.Array,
    *,
    robust: bool = True,
) -> jax.Array:
    """Log likelihood of the observations that a mask lets count.

    Args:
      prediction: of every observation in its unit, (observations,).
      table: observations.
      mask: 1 counts, 0 does not, (observations,); an array, so that all folds share one program.
      between_trials: deviations between trials, of BETWEEN_TRIALS, (3,).
      robust: Student t with 4 degrees of freedom instead of normal; static.

    Returns:
      log likelihood, ().
    """
    mask = mask.astype(prediction.dtype)
    numbers = _blocks(prediction, table, mask * (1.0 - table.interval), between_trials, robust)
    inside = interval_log_probability(prediction, table, between_trials, robust=robust)
    return jnp.sum(numbers) + jnp.sum(mask * table.interval * inside)


def _blocks(prediction, table, mask, between_trials, robust: bool) -> jax.Array:
    """Log density of the numbers of each group and class, (blocks,)."""

    def total(values: jax.Array) -> jax.Array:
        return jax.ops.segment_sum(values, table.block, num_segments=table.blocks)

    residual = table.value - prediction
    alone, with_change = deviations_of(prediction, table, between_trials)
    own = table.standard_error**2 + (1.0 - SHARED) * (alone**2 + with_change**2)
    certain = mask / own
    first, second = math.sqrt(SHARED) * alone, math.sqrt(SHARED) * with_change
    k11, k22 = 1.0 + total(certain * first**2), 1.0 + total(certain * second**2)
    k12 = total(certain * first * second)
    p1, p2 = total(certain * first * residual), total(certain * second * residual)
    determinant = k11 * k22 - k12**2
    explained = (k22 * p1**2 - 2.0 * k12 * p1 * p2 + k11 * p2**2) / determinant
    distance = total(certain * residual**2) - explained
    count = total(mask)
    log_determinant = total(mask * jnp.log(own)) + jnp.log(determinant)
    if not robust:
        return -0.5 * (distance + log_determinant + count * math.log(2.0 * math.pi))
    half = 0.5 * (FREEDOM + count)
    constant = gammaln(half) - gammaln(0.5 * FREEDOM) - 0.5 * count * math.log(FREEDOM * math.pi)
    return constant - 0.5 * log_determinant - half * jnp.log1p(distance / FREEDOM)


def interval_log_probability(
    prediction: jax.Array, table: ObservationTable, between_trials: jax.Array, *, robust: bool = True
) -> jax.Array:
    """Log probability that each observation lies in its interval; 0 of numbers, (observations,)."""
    spread = error_of_prediction(prediction, table, between_trials)
    has_low, has_high = jnp.isfinite(table.low), jnp.isfinite(table.high)
    low = (jnp.where(has_low, table.low, 0.0) - prediction) / spread
    high = (jnp.where(has_high, table.high, 0.0) - prediction) / spread
    both = has_low & has_high
    below, between = (_t_log_below, _t_log_between) if robust else (log_ndtr, _normal_log_between)
    # Every branch gets arguments it is smooth at, so that none puts NaN into a derivative of the others.
    within = between(jnp.where(both, low, -1.0), jnp.where(both, high, 1.0))
    one_sided = jnp.where(has_high, below(high), jnp.where(has_low, below(-low), 0.0))
    return jnp.where(both, within, one_sided)


def error_of_prediction(
    prediction: jax.Array, table: ObservationTable, between_trials: jax.Array
) -> jax.Array:
    """Standard deviation of observation less prediction, (observations,).

    sqrt(s^2 + (tau l)^2 + (w m)^2): standard error s, scale l, prediction m (module's text).

    Args:
      prediction: of every observation in its unit, (observations,).
      table: observations.
      between_trials: deviations between trials, of BETWEEN_TRIALS, (3,).
    """
    alone, with_change = deviations_of(prediction, table, between_trials)
    return jnp.sqrt(table.standard_error**2 + alone**2 + with_change**2)


def deviation_between_trials(change: ArrayLike, between_trials: ArrayLike) -> jax.Array:
    """Standard deviation of a change of density from one trial to another, sqrt(tau^2 + (w m)^2), %.

    Args:
      change: m, predicted, %, any shape.
      between_trials: deviations between trials, of BETWEEN_TRIALS, (3,).
    """
    spread = jnp.asarray(between_trials)
    return jnp.sqrt(spread[0] ** 2 + (spread[2] * jnp.asarray(change)) ** 2)


def deviations_of(prediction, table, between_trials) -> tuple[jax.Array, jax.Array]:
    """What deviates whatever the change, and with it, in the units of observations, (observations,)."""
    return between_trials[table.marker] * table.scale, between_trials[2] * prediction


def _t_weight(t: jax.Array) -> jax.Array:
    """1 + t / sqrt(4 + t^2), without cancellation in the lower tail."""
    far = jnp.minimum(t, _TAIL)
    root = jnp.sqrt(4.0 + far**2)
    return jnp.where(t < _TAIL, 4.0 / (root * (root - far)), 1.0 + t / jnp.sqrt(4.0 + t**2))


def _t_log_below(t: jax.Array) -> jax.Array:
    """ln P(T < t), Student t with 4 degrees of freedom: P = w^2 (3 - w) / 4, w = 1 + t / sqrt(4 + t^2)."""
    w = _t_weight(t)
    return 2.0 * jnp.log(w) + jnp.log(3.0 - w) - math.log(4.0)


def _t_log_between(low: jax.Array, high: jax.Array) -> jax.Array:
    """ln P(low < T < high) of the same, for low < high."""
    low, high = _mirrored(low, high)
    a, b = _t_weight(low), _t_weight(high)
    return jnp.log(b - a) + jnp.log(3.0 * (a + b) - (a**2 + a * b + b**2)) - math.log(4.0)


def _normal_log_between(low: jax.Array, high: jax.Array) -> jax.Array:
    """ln P(low < X < high) of a standard normal number, for low < high."""
    low, high = _mirrored(low, high)
    upper = log_ndtr(high)
    return upper + jnp.log(-jnp.expm1(log_ndtr(low) - upper))


def _mirrored(low: jax.Array, high: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The interval in the lower half of a symmetric distribution, where probabilities keep their digits."""
    upper_half = low + high > 0.0
    return jnp.where(upper_half, -high, low), jnp.where(upper_half, -low, high)
