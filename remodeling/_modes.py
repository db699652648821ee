"""Doses as jumps of exponential modes: levels, their exact means over a time grid, inflow into blood.

Every linear drug is a sum of exponentials (Bateman 1910), so after any doses its level between two doses is
sum_k S_k e^(-k t). A dose adds its weights to the modes S_k; an even release over D days is a step up and,
D days later, a step down, each a constant mode less exponentials. All in one form: events with a time and a
jump per mode.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._drug import Phase
from ._pharmacokinetics import exponential_weights


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Modes:
    """Jumps of exponential modes."""

    day: jax.Array
    "times of the events, days, (events,)"
    jump: jax.Array
    "what each event adds to each mode, (events, modes)"
    rate: jax.Array
    "decay of the modes, 1/day, (modes,); 0 for constant modes"


def dose_modes(phase: Phase, day: jax.Array, dose: jax.Array) -> Modes:
    """Amount in blood after doses, as modes.

    Args:
      phase: a chain; its share of the dose enters.
      day: days of the doses, (doses,).
      dose: what enters the chains, (doses,); for releases, in all.
    """
    weights = phase.share * exponential_weights(phase.rates_per_day)
    rate = np.asarray(phase.rates_per_day)
    events = [(day, 1.0)]
    if phase.release_days > 0:
        # Response to a unit rate for ever: sum_i a_i / k_i (1 - e^(-k_i t)).
        step = weights / rate / phase.release_days
        weights, rate = np.append(-step, step.sum()), np.append(rate, 0.0)
        events.append((day + phase.release_days, -1.0))
    jump = dose[:, None] * jnp.asarray(weights, dose.dtype)
    return Modes(
        day=jnp.concatenate([at for at, _ in events]),
        jump=jnp.concatenate([sign * jump for _, sign in events]),
        rate=jnp.asarray(rate, dose.dtype),
    )


def scaled(modes: Modes, factor: jax.Array | float) -> Modes:
    """The same with all jumps times a factor."""
    return Modes(day=modes.day, jump=modes.jump * factor, rate=modes.rate)


def joined(parts: Sequence[Modes]) -> Modes:
    """Sum of several: events after each other, modes side by side."""
    sizes = [part.rate.shape[0] for part in parts]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    jumps = [
        jnp.zeros((part.jump.shape[0], int(starts[-1])), part.jump.dtype)
        .at[:, starts[n] : starts[n + 1]]
        .set(part.jump)
        for n, part in enumerate(parts)
    ]
    return Modes(
        day=jnp.concatenate([part.day for part in parts]),
        jump=jnp.concatenate(jumps),
        rate=jnp.concatenate([part.rate for part in parts]),
    )


def decay_integral(rate: jax.Array, time: jax.Array) -> jax.Array:
    """int_0^t e^(-k s) ds, for any k >= 0."""
    slow = rate * time < 1e-8
    return jnp.where(slow, time, -jnp.expm1(-rate * time) / jnp.where(rate > 0, rate, 1.0))


def mean_level(modes: Modes, edges: jax.Array) -> jax.Array:
    """Mean of the sum of the modes over each interval, exact, (intervals,)."""
    return integrals(modes, edges, decay_integral) / jnp.diff(edges)


def integrals(
    modes: Modes, edges: jax.Array, weigh: Callable[[jax.Array, jax.Array], jax.Array]
) -> jax.Array:
    """Integrals over each interval of the decaying modes, summed over them, (intervals,).

    Work grows with doses plus intervals: each event is put into its interval, the modes are carried from
    interval to interval. Events after the last edge are ignored, events before the first count.

    Args:
      modes: events.
      edges: ends of the intervals, days, increasing, (intervals + 1,).
      weigh: integral for a mode of given rate that is 1 at a given time before the end of the interval.
    """
    intervals = edges.shape[0] - 1
    place = jnp.searchsorted(edges, modes.day, side="right") - 1
    before = (place < 0)[:, None]
    inside = ((place >= 0) & (place < intervals))[:, None]
    slot = jnp.clip(place, 0, intervals - 1)
    since_start = jnp.where(before, edges[0] - modes.day[:, None], 0.0)
    start = jnp.sum(jnp.where(before, modes.jump * jnp.exp(-modes.rate * since_start), 0.0), axis=0)
    rest = jnp.where(inside, edges[slot + 1][:, None] - modes.day[:, None], 0.0)
    new = jnp.where(inside, modes.jump * jnp.exp(-modes.rate * rest), 0.0)
    part = jnp.where(inside, modes.jump * weigh(modes.rate, rest), 0.0)
    size = (intervals, modes.rate.shape[0])
    new = jnp.zeros(size, new.dtype).at[slot].add(new)
    part = jnp.zeros(size, part.dtype).at[slot].add(part)
    length = jnp.diff(edges)[:, None]
    kept = jnp.exp(-modes.rate * length)
    area = weigh(modes.rate, length)

    def step(state, inputs):
        kept, area, new, part = inputs
        return state * kept + new, jnp.sum(state * area + part)

    return lax.scan(step, start, (kept, area, new, part))[1]
