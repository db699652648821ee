"""Antibodies that their target clears: nonlinear kinetics by an exponential step.

    C' = J(t) / V - (k + Vm / (Km + C)) C,  J from the depot in closed form

Over an interval the rate r = k + Vm / (Km + C) is held at its value at the middle (found by a half step); the
inflow enters at once at its centroid, both from exact integrals; the linear equation is solved exactly. The
level is positive and stable for any length of interval and exact to second order, also where a dose is given
within the interval (exponential midpoint rule, Hochbruck and Ostermann 2010).
"""

import jax
import jax.numpy as jnp
from jax import lax

from ._drug import Phase, Saturable
from ._modes import decay_integral, dose_modes, integrals

HISTORY = 200
"""Steps over doses before the first edge; all of a length, however far back they reach."""


def _advance(level, inflow, before_end, length, kinetics: Saturable):
    """Level at the end and integral over a step, for an inflow (ng/mL) some time before its end."""

    def rate_at(c):
        return kinetics.elimination_per_day + kinetics.maximum_ng_ml_day / (kinetics.half_ng_ml + c)

    early = before_end / jnp.where(length > 0, length, 1.0)
    middle = level * jnp.exp(-0.5 * rate_at(level) * length) + early * inflow
    rate = rate_at(middle)
    end = level * jnp.exp(-rate * length) + inflow * jnp.exp(-rate * before_end)
    area = level * decay_integral(rate, length) + inflow * decay_integral(rate, before_end)
    return end, area


def _run(level, inputs, kinetics: Saturable):
    def step(level, inputs):
        inflow, before_end, length = inputs
        return _advance(level, inflow, before_end, length, kinetics)

    return lax.scan(step, level, inputs)


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
    depot = dose_modes(Phase(1.0, (kinetics.absorption_per_day,)), day, dose_mg)

    def inflow(edges):
        """Inflow, its centroid before the end, length, of each interval."""
        rate = kinetics.absorption_per_day
        amount = rate * integrals(depot, edges, decay_integral)
        lever = integrals(depot, edges, lambda rate, time: time - decay_integral(rate, time))
        some = amount > 0
        before_end = jnp.where(some, lever / jnp.where(some, amount, 1.0), 0.0)
        return 1000.0 / volume_l * amount, before_end, jnp.diff(edges)

    first = jnp.minimum(jnp.min(day), edges[0] - 1.0)
    history = first + (edges[0] - first) * jnp.linspace(0.0, 1.0, HISTORY + 1, dtype=edges.dtype)
    start, _ = _run(jnp.zeros((), dose_mg.dtype), inflow(history), kinetics)
    _, area = _run(start, inflow(edges), kinetics)
    return area / jnp.diff(edges)
