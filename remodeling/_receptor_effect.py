"""Mean saturating effect of drugs at a receptor, for drugs that live minutes to months.

    m = 1/h int_0^h x / (1 + x) dt,  x(t) = sum over drugs of concentration / concentration of half effect

The effect of the mean concentration would overrate short-lived peptides many times over: 2 mg of tesamorelin
keeps the receptor busy for hours of the day, however high the peak. Between two doses x is a sum of
exponentials; the integral from the dose on is taken by Gauss-Legendre in u with t = a (e^(L u) - 1), which
resolves minutes and months at once. Doses may overlap; agonists of one receptor share it (their x add).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._modes import Modes

NODES = 48
"""Nodes of the quadrature between two doses; error below 2e-6 of the mean effect over a day."""
_FINEST_DAYS = 2e-3
"""Time after a dose from which the nodes spread geometrically, days (3 minutes)."""


def _effect_integral(state: jax.Array, rate: jax.Array, time: jax.Array) -> jax.Array:
    """int_0^t x / (1 + x) ds after the states (n, modes), times (n,)."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    u = jnp.asarray(0.5 * (x + 1.0), state.dtype)
    weight = jnp.asarray(0.5 * w, state.dtype)

    def one(state, time):
        span = jnp.log1p(time / _FINEST_DAYS)
        grown = jnp.exp(span * u)
        at = _FINEST_DAYS * jnp.expm1(span * u)
        # Bateman's weights cancel at the dose; rounding must not give a negative level.
        level = jnp.maximum(jnp.exp(-at[:, None] * rate) @ state, 0.0)
        return jnp.sum(weight * grown * level / (1.0 + level)) * _FINEST_DAYS * span

    return jax.vmap(one)(state, time)


def mean_effect(modes: Modes, edges: jax.Array) -> jax.Array:
    """Mean effect over each interval, 0 to 1, (intervals,).

    Args:
      modes: events of x, concentration over the one of half effect.
      edges: ends of the intervals, days, increasing, (intervals + 1,).
    """
    order = jnp.argsort(modes.day)
    day, jump = modes.day[order], modes.jump[order]
    # Events and edges beyond the last event's segment are bounded: an empty first segment, an open last one.
    gap = jnp.concatenate([jnp.zeros(1, day.dtype), jnp.diff(day)])

    def step(state, inputs):
        gap, jump = inputs
        state = state * jnp.exp(-modes.rate * gap) + jump
        return state, state

    states = lax.scan(step, jnp.zeros(modes.rate.shape, jump.dtype), (gap, jump))[1]
    whole = _effect_integral(states[:-1], modes.rate, gap[1:])
    before = jnp.concatenate([jnp.zeros(1, whole.dtype), jnp.cumsum(whole)])
    place = jnp.searchsorted(day, edges, side="right") - 1
    slot = jnp.maximum(place, 0)
    since = jnp.maximum(edges - day[slot], 0.0)
    state = jnp.where((place >= 0)[:, None], states[slot], 0.0)
    total = before[slot] + _effect_integral(state, modes.rate, since)
    # Two integrals agree to the error of the quadrature; where nothing acts the rest must not be negative.
    return jnp.maximum(jnp.diff(total) / jnp.diff(edges), 0.0)
