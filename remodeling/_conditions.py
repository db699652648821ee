"""Conditions of a person that begin and end at dates: thyrotoxicosis and lack of insulin."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

NEVER_DAY = 1e9
"""A day that no simulation reaches; stands for "since ever" (negative) and "for good"."""


@dataclass(frozen=True)
class Thyrotoxicosis:
    """Thyroid hormone made without control of TSH (Graves' disease, autonomous nodules)."""

    free_t4_ng_dl: float = 3.5
    "free T4 while it lasts, ng/dL; default assumed, about three times the reference"
    start_day: float = -math.inf
    "first day, from the start of the simulation; negative: it is there at the start"
    end_day: float = math.inf
    "day of the cure; 0: it is there at the start and ends at once"


@dataclass(frozen=True)
class InsulinDeficiency:
    """Loss of insulin secretion (type 1 diabetes, late type 2)."""

    remaining: float = 0.1
    "share of the normal secretion that is left; default assumed"
    start_day: float = -math.inf
    "first day, from the start of the simulation; negative: it is there at the start"
    end_day: float = math.inf
    "last day; 0: it is there at the start and ends at once"


def finite_day(day: float) -> float:
    """An endless date as a number that arithmetic survives."""
    return float(min(max(day, -NEVER_DAY), NEVER_DAY))


def share_before(edges: jax.Array, day: jax.Array) -> jax.Array:
    """Share of each interval that lies before a day, (intervals,); piecewise linear in the day."""
    length = jnp.diff(edges)
    return jnp.clip((day - edges[:-1]) / length, 0.0, 1.0)


def share_within(edges: jax.Array, start_day: jax.Array, end_day: jax.Array) -> jax.Array:
    """Share of each interval between two days, (intervals,)."""
    return share_before(edges, end_day) - share_before(edges, jnp.minimum(start_day, end_day))


def present_at_start(start_day: jax.Array, end_day: jax.Array) -> jax.Array:
    """1 where a condition is there just before day 0 (it may end on that day), else 0."""
    return jnp.where((start_day < 0) & (end_day >= 0), 1.0, 0.0).astype(start_day.dtype)
