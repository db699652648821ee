"""Slow states of the hormone axes on the fine grid: exact exponential steps in a scan."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

SUPPRESSION_WIDTH = 0.05
"""Rounding of one-sided answers, in units of a logarithm (assumed)."""


def relax(start: Any, target: Any, rate_per_day: Any, days: jax.Array) -> Any:
    """Means over the intervals of y' = rate (target - y), rate and target constant in each interval.

    Exact for such input, any length of interval: y decays to the target by exp(-rate dt), and the mean over
    the interval is target + (y - target) (1 - exp(-rate dt)) / (rate dt).

    Args:
      start: y at the first edge, any tree of scalars.
      target, rate_per_day: the same tree, arrays (intervals,); rates positive.
      days: length of the intervals, (intervals,).

    Returns:
      the same tree, (intervals,).
    """

    def step(state, inputs):
        goals, rates, length = inputs

        def end(y, goal, rate):
            return goal + (y - goal) * jnp.exp(-rate * length)

        def mean(y, goal, rate):
            return goal + (y - goal) * -jnp.expm1(-rate * length) / (rate * length)

        return jax.tree.map(end, state, goals, rates), jax.tree.map(mean, state, goals, rates)

    return lax.scan(step, start, (target, rate_per_day, days))[1]


def one_sided(x: jax.Array) -> jax.Array:
    """x^2 / (x + w) for x > 0, else 0: exactly zero with zero slope up to 0, x - w for x >> w."""
    positive = jnp.maximum(x, 0.0)
    return positive**2 / (positive + SUPPRESSION_WIDTH)
