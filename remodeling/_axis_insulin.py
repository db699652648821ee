"""Insulin as an index: ln of insulin over the reference.

    insulin = (c [1 - x]+ + x) / sensitivity

c is the share of secretion that is left (1 but for insulin deficiency with its dates), x insulin given over
the need of the person; own secretion makes room for what is given. Resistance raises insulin as its inverse
(as in the homeostasis model of Matthews et al. 1985, glucose constant). In quasi-steady state.
"""

import jax
import jax.numpy as jnp

from ._conditions import present_at_start, share_within
from ._exposure import Exposure
from ._person import Person


def _index(secretion: jax.Array, given: jax.Array, person: Person) -> jax.Array:
    insulin = secretion * jnp.maximum(1.0 - given, 0.0) + given
    return jnp.log(insulin / person.insulin_sensitivity)


def insulin_at_start(person: Person) -> jax.Array:
    """Untreated index at day 0, ()."""
    present = present_at_start(person.insulin_start_day, person.insulin_end_day)
    secretion = 1.0 - present * (1.0 - person.insulin_remaining)
    return _index(secretion, jnp.zeros_like(secretion), person)


def insulin_over_time(person: Person, exposure: Exposure, edges: jax.Array) -> jax.Array:
    """Index in each interval, (intervals,)."""
    present = share_within(edges, person.insulin_start_day, person.insulin_end_day)
    secretion = 1.0 - present * (1.0 - person.insulin_remaining)
    return _index(secretion, exposure.insulin_index, person)
