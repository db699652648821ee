"""Antibodies that their target clears: nonlinear kinetics by an exponential step.

    C' = J(t) / V - (k + Vm / (Km + C)) C,  J from the depot in closed form

Over an interval the rate r = k + Vm / (Km + C) is held at its value at the middle (found by a half step), the
inflow at its exact mean, and the linear equation is solved exactly: positive and stable for any length,
second order in it, exact where elimination is linear (as in the exponential midpoint rule, Hochbruck and
Ostermann 2010).
"""

import jax
import jax.numpy as jnp
from jax import lax

from ._drug import Phase, Saturable
from ._modes import decay_integral, dose_modes, mean_level

HISTORY = 200
"""Steps over doses before the first edge; all of a length, however far back they reach."""


def _advance(level, inflow, length, kinetics: Saturable):
    """Level at the end and integral over a step of `length` with a total inflow, both ng/mL."""

    def solve(rate, time, inflow):
        area = decay_integral(rate, time)
        per_day = inflow / jnp.where(time > 0, time, 1.0)
        # Integral of the answer to an even inflow: (t - area) / rate.
        return level * jnp.exp(-rate * time) + per_day * area, level * area + per_day * (time - area) / rate

    def rate_at(c):
        return kinetics.elimination_per_day + kinetics.maximum_ng_ml_day / (kinetics.half_ng_ml + c)

    middle, _ = solve(rate_at(level), 0.5 * length, 0.5 * inflow)
    return solve(rate_at(middle), length, inflow)


def _run(level, inflow, lengths, kinetics: Saturable):
    def step(level, inputs):
        end, area = _advance(level, *inputs, kinetics)
        return end, area

    return lax.scan(step, level, (inflow, lengths))


def mean_saturable_level(
    kinetics: Saturable, day: jax.Array, dose_mg: jax.Array, weight_kg: jax.Array, edges: jax.Array
) -> jax.Array:
    """Mean concentration over each interval, ng/mL, (intervals,).

    Args:
      kinetics: constants.
      day: days of the doses, (doses,); those before the first edge are followed from the first dose on.
      dose_mg: amounts, mg, (doses,).
      weight_kg: body weight, kg, ().
      edges: ends of the intervals, days, (intervals + 1,); a day is short enough for 1e-3.
    """
    volume_l = kinetics.volume_l_per_kg * weight_kg
    depot = dose_modes([Phase(1.0, (kinetics.absorption_per_day,))], day, dose_mg)

    def inflow(edges):
        lengths = jnp.diff(edges)
        return 1000.0 / volume_l * kinetics.absorption_per_day * mean_level(depot, edges) * lengths, lengths

    first = jnp.minimum(jnp.min(day), edges[0] - 1.0)
    history = first + (edges[0] - first) * jnp.linspace(0.0, 1.0, HISTORY + 1, dtype=edges.dtype)
    start, _ = _run(jnp.zeros((), dose_mg.dtype), *inflow(history), kinetics)
    amounts, lengths = inflow(edges)
    _, area = _run(start, amounts, lengths, kinetics)
    return area / lengths
