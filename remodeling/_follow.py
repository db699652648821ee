"""First-order followers of signals constant within each interval: exact exponential steps in a scan."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def advance(y: jax.Array, goal: jax.Array, rate: jax.Array, length: jax.Array) -> tuple[jax.Array, jax.Array]:
    """y' = rate (goal - y) over one interval: y at its end, and its mean.

    y decays to the goal by exp(-rate dt); the mean is goal + (y - goal) (1 - exp(-rate dt)) / (rate dt).
    """
    away = y - goal
    end = goal + away * jnp.exp(-rate * length)
    return end, goal + away * -jnp.expm1(-rate * length) / (rate * length)


def relax(start: Any, target: Any, rate_per_day: Any, days: jax.Array) -> tuple[Any, Any]:
    """y' = rate (target - y), rate and target constant in each interval; exact for any length of interval.

    Args:
      start: y at the first edge, any tree of arrays.
      target, rate_per_day: the same tree, arrays (intervals, ...); rates positive.
      days: length of the intervals, (intervals,).

    Returns:
      means over the intervals, the same tree, (intervals, ...), and y at the end, as `start`.
    """

    def step(state, inputs):
        goals, rates, length = inputs
        moved = jax.tree.map(lambda y, goal, rate: advance(y, goal, rate, length), state, goals, rates)
        return jax.tree.transpose(jax.tree.structure(state), jax.tree.structure((0, 0)), moved)

    end, means = lax.scan(step, start, (target, rate_per_day, days))
    return means, end


def follow(
    target: jax.Array, times: jax.Array, step_days: jax.Array | float, start: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
    """`relax` with fixed time constants.

    Args:
      target: signal in each step, (steps, k).
      times: time constants, days, (k,).
      step_days: length of the steps, days, () or (steps,).
      start: y at the start, (k,); 0 if None.

    Returns:
      means (steps, k), end (k,).
    """
    first = jnp.zeros_like(target[0]) if start is None else start
    days = jnp.broadcast_to(step_days, target.shape[:1]).astype(target.dtype)
    return relax(first, target, jnp.broadcast_to(1.0 / times, target.shape), days)
