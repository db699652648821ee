"""The ovaries over time: what is left of their estradiol and of their testosterone.

Natural menopause: the estradiol of the ovaries falls as 1 / (1 + exp((y - y_m) / w_m)), y years since the
final menstrual period (Sowers et al. 2008: stable to -2 years, -67 % from -2 to +2; Randolph et al. 2011:
steepest at the period, stable 2.2 years after). Their testosterone goes on (Laughlin et al. 2000). Removal
of the ovaries ends both at once; hormones in blood follow within a day.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from ._axis_parameters import AxisParameters
from ._conditions import share_before
from ._person import Person

DAYS_PER_YEAR = 365.25


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Ovaries:
    """What is left of the ovaries, 1 full, (intervals,) or ()."""

    estradiol: jax.Array
    "capacity for estradiol"
    testosterone: jax.Array
    "capacity for testosterone"


def _ovaries(person: Person, years: jax.Array, in_place: jax.Array, constants: AxisParameters) -> Ovaries:
    since = (years - constants.transition_middle_years) / constants.transition_width_years
    natural = jax.nn.sigmoid(-since)
    surgical = person.surgical
    return Ovaries(
        estradiol=surgical * in_place + (1.0 - surgical) * natural,
        testosterone=surgical * in_place + (1.0 - surgical),
    )


def ovaries_at_start(person: Person, constants: AxisParameters) -> Ovaries:
    """At day 0; an operation on day 0 has not been done yet."""
    in_place = jnp.where(person.years_since_menopause > 0, 0.0, 1.0).astype(person.surgical.dtype)
    return _ovaries(person, person.years_since_menopause, in_place, constants)


def ovaries_over_time(person: Person, edges: jax.Array, constants: AxisParameters) -> Ovaries:
    """In the intervals between edges (days), (intervals,)."""
    middle = 0.5 * (edges[1:] + edges[:-1])
    operation_day = -person.years_since_menopause * DAYS_PER_YEAR
    years = person.years_since_menopause + middle / DAYS_PER_YEAR
    return _ovaries(person, years, share_before(edges, operation_day), constants)
