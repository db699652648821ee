"""Runs of the hormone axes for the tests of each axis."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import remodeling as r

_levels = jax.jit(r.hormone_levels)


def exposure(days: int, **given: Any) -> r.Exposure:
    """An exposure by daily means: numbers, or one value a day."""
    levels = {name: jnp.asarray(np.broadcast_to(value, days), float) for name, value in given.items()}
    return dataclasses.replace(r.no_exposure(days), **levels)


def daily(
    person: r.Person, days: int, constants: r.AxisParameters | None = None, **given: Any
) -> r.HormoneLevels:
    """Daily levels of a person under drugs given as daily means."""
    constants = r.make_axis_parameters() if constants is None else constants
    return _levels(person, exposure(days, **given), jnp.arange(days + 1.0), constants)


def for_days(value: float, until: int, days: int) -> np.ndarray:
    """A drug given from day 0 to `until`."""
    return np.where(np.arange(days) < until, value, 0.0)
