"""First-order followers of a signal that is constant within each step."""

import jax
import jax.numpy as jnp
from jax import lax


def follow(
    target: jax.Array, times: jax.Array, step_days: jax.Array | float, start: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
    """y' = (target - y) / time, exactly: mean of y over each step, and y at the end.

    Args:
      target: signal in each step, (steps, k).
      times: time constants, days, (k,).
      step_days: length of a step, days, ().
      start: y at the start, (k,); 0 if None.

    Returns:
      means (steps, k), end (k,).
    """
    gone = -jnp.expm1(-step_days / times)
    mean_left = gone * times / step_days

    def step(y, target):
        return y + gone * (target - y), target + mean_left * (y - target)

    first = jnp.zeros_like(target[0]) if start is None else start
    end, mean = lax.scan(step, first, target)
    return mean, end
