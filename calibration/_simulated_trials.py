"""Observations as trials would print them if the model and its likelihood were true: for checks of a fit."""

from dataclasses import replace

import jax
import jax.numpy as jnp

from ._likelihood import FREEDOM, SHARED, deviations_of, error_of_prediction
from ._observation_table import ObservationTable


def simulate_observations(
    key: jax.Array, prediction: jax.Array, table: ObservationTable, between_trials: jax.Array
) -> ObservationTable:
    """A table drawn from the robust `log_likelihood` of predictions; the same trials, other outcomes.

    Numbers of a block are m + (l tau (b + a) + m w (c + d) + e) / sqrt(u): m the prediction, l the scale, b
    and c of the block, a and d of the number normal, each with its part of the variance between trials, e
    normal with the printed standard errors, u of the block chi-squared of 4 degrees of freedom over 4. An
    interval is told as a paper that had set its ends beforehand would: a number is drawn for it alone, t of 4
    degrees of freedom with the scale of `error_of_prediction`, and of the two or three parts into which the
    printed ends cut the line it becomes the one where the number lies.

    Args:
      key: of `jax.random`.
      prediction: of every observation in its unit, (observations,).
      table: who is observed, with which standard errors and ends; its values are not read.
      between_trials: deviations between trials, of BETWEEN_TRIALS, (3,).

    Returns:
      table with other values and ends.
    """
    of_trial, of_tail, of_mean, of_interval, of_share = jax.random.split(key, 5)
    dtype, shape = prediction.dtype, prediction.shape

    def of_blocks(key: jax.Array) -> jax.Array:
        return jnp.sqrt(SHARED) * jax.random.normal(key, (table.blocks,), dtype)[table.block]

    alone, with_change = deviations_of(prediction, table, between_trials)
    shared = alone * of_blocks(of_trial) + with_change * of_blocks(of_share)
    own = jnp.sqrt(table.standard_error**2 + (1.0 - SHARED) * (alone**2 + with_change**2))
    own = own * jax.random.normal(of_mean, shape, dtype)
    tail = jax.random.chisquare(of_tail, FREEDOM, (table.blocks,), dtype)[table.block] / FREEDOM
    spread = error_of_prediction(prediction, table, between_trials)
    single = spread * jax.random.t(of_interval, FREEDOM, shape, dtype)
    inside = table.interval > 0
    drawn = prediction + jnp.where(inside, single, (shared + own) / jnp.sqrt(tail))
    below, above = drawn < table.low, drawn > table.high
    return replace(
        table,
        value=jnp.where(inside, 0.0, drawn),
        low=jnp.where(below, -jnp.inf, jnp.where(above, table.high, table.low)),
        high=jnp.where(below, table.low, jnp.where(above, jnp.inf, table.high)),
    )
