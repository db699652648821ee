"""Thyroid: free T4 under levothyroxine and thyrotoxicosis, TSH as an index, and the index of bone turnover.

    q = e + c q^-p in the long run,   q = free T4 / reference,   tau_4 q' = (long run) - q
    TSH = TSH0 (fT4 / fT4_0)^-b,   turnover index = ln q

e is thyroxine from outside the control of TSH (absorbed levothyroxine and autonomous production) over the
need of the person, N body weight; c is the capacity of the thyroid, 1 normal, matched to the measured free
T4. Own output falls as free T4 rises, so levothyroxine adds little until it replaces the thyroid.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from ._axis_parameters import AxisParameters
from ._conditions import present_at_start, share_within
from ._exposure import Exposure
from ._person import REFERENCE_FREE_T4_NG_DL, Person

NEWTON_STEPS = 12
"""Steps to the root of q = e + c q^-p; from the left they converge without overshoot (q - c q^-p is
concave)."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ThyroidLevels:
    """Levels of the thyroid axis, (intervals,) or ()."""

    free_t4_ng_dl: jax.Array
    "free T4, ng/dL"
    tsh_miu_l: jax.Array
    "TSH, mIU/L; an index"
    index: jax.Array
    "ln(free T4 / reference)"


def _long_run(outside: jax.Array, capacity: jax.Array, exponent: jax.Array) -> jax.Array:
    """Root q of q = e + c q^-p."""

    def newton(q):
        own = capacity * q**-exponent
        return q - (q - outside - own) / (1.0 + exponent * own / q)

    start = jnp.maximum(outside, capacity ** (1.0 / (1.0 + exponent)))
    q = lax.stop_gradient(lax.fori_loop(0, NEWTON_STEPS, lambda _, q: newton(q), start))
    # From the root one step more has the derivative of the implicit function.
    return newton(q)


def thyroid_levels(ratio: jax.Array, person: Person, constants: AxisParameters) -> ThyroidLevels:
    """Levels of a free T4 over the reference, shape as `ratio`."""
    free_t4 = ratio * REFERENCE_FREE_T4_NG_DL
    return ThyroidLevels(
        free_t4_ng_dl=free_t4,
        tsh_miu_l=person.tsh_miu_l * (free_t4 / person.free_t4_ng_dl) ** -constants.tsh_exponent,
        index=jnp.log(ratio),
    )


def thyroid_start_ratio(person: Person) -> jax.Array:
    """Free T4 over the reference at day 0, the start of its slow state."""
    toxic = present_at_start(person.toxic_start_day, person.toxic_end_day)
    return (
        toxic * person.toxic_free_t4_ng_dl + (1.0 - toxic) * person.free_t4_ng_dl
    ) / REFERENCE_FREE_T4_NG_DL


def thyroid_at_start(person: Person, constants: AxisParameters) -> ThyroidLevels:
    """Untreated levels at day 0."""
    return thyroid_levels(thyroid_start_ratio(person), person, constants)


def thyroxine_target(
    person: Person, exposure: Exposure, edges: jax.Array, constants: AxisParameters
) -> jax.Array:
    """Free T4 over the reference in the long run of each interval, (intervals,)."""
    p = constants.thyroid_feedback
    own = person.free_t4_ng_dl / REFERENCE_FREE_T4_NG_DL
    toxic = person.toxic_free_t4_ng_dl / REFERENCE_FREE_T4_NG_DL
    capacity = own ** (1.0 + p)
    autonomous = toxic - capacity * toxic**-p
    present = share_within(edges, person.toxic_start_day, person.toxic_end_day)
    need = constants.thyroxine_need_ug_kg * person.weight_kg
    return _long_run(exposure.thyroxine_ug_per_day / need + autonomous * present, capacity, p)
