"""Growth hormone and IGF-1.

    I'  = (1 - i_o f) (Kin + Emax GH / (EC50 + GH)) - k_out I            (Papathanasiou et al. 2021, table 3)
    GH  = GH0 (1 + a_R r + a_S s (1 - D) + a_RS r s (1 - D)) (I / I0)^-g_I + GH_exo
    D'  = (D_max s / (s + K_D) - D) / tau_D

r and s are the mean effects of GHRH analogs and of ghrelin-receptor agonists on secretion, 0 to 1, f that of
oral estrogen on the liver. A short pulse has a small mean effect, a drug that is there all day a large one:
that is how the same agonist raises IGF-1 or not. Tachyphylaxis D follows the receptor already at a small
mean effect. GH0 and Kin are matched to the person's IGF-1, so GH falls with age as IGF-1 does.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from ._axis_parameters import AxisParameters
from ._axis_shbg import oral_effect
from ._exposure import Exposure
from ._follow import advance
from ._person import Person
from ._response import share

LOWEST_GH_SHARE, HIGHEST_GH_SHARE = 0.02, 0.9
"""Bounds of the part of the largest GH-driven production that a person's own GH drives (assumed)."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MatchedGrowth:
    """What makes the growth axis of one person reproduce the untreated IGF-1, scalars ()."""

    gh_ng_ml: jax.Array
    "GH0, 24-hour mean, ng/mL"
    basal: jax.Array
    "Kin, IGF-1 production without GH, ng/mL/day"
    half_gh: jax.Array
    "EC50 of the person, ng/mL"


def match_growth(person: Person, constants: AxisParameters) -> MatchedGrowth:
    """GH0 from IGF-1 in steady state; at the bounds of GH0 the production without GH takes the rest."""
    production = constants.igf1_elimination * person.igf1_ng_ml
    part = jnp.clip(
        (production - constants.igf1_basal) / constants.igf1_maximum, LOWEST_GH_SHARE, HIGHEST_GH_SHARE
    )
    half = constants.igf1_half_gh * jnp.where(person.female > 0.5, constants.women_gh_resistance, 1.0)
    return MatchedGrowth(
        gh_ng_ml=half * part / (1.0 - part),
        basal=production - constants.igf1_maximum * part,
        half_gh=half,
    )


def tachyphylaxis_target(exposure: Exposure, constants: AxisParameters) -> jax.Array:
    """Share of the answer to ghrelin-receptor agonists that is lost in the end, (intervals,)."""
    effect = share(exposure.ghs_drive)
    return constants.tachyphylaxis * effect / (effect + constants.tachyphylaxis_half)


def growth_levels(
    person: Person,
    exposure: Exposure,
    tachyphylaxis: jax.Array,
    days: jax.Array,
    constants: AxisParameters,
) -> tuple[jax.Array, jax.Array]:
    """Mean GH (ng/mL) and IGF-1 (ng/mL) in each interval, (intervals,) each.

    IGF-1 takes exact exponential steps; the feedback and the answer of the liver see IGF-1 at the start of
    the interval (k_out is 0.63 /day, so intervals of a day follow it).

    Args:
      person: before treatment.
      exposure: drugs, (intervals,).
      tachyphylaxis: D, mean over each interval, (intervals,).
      days: length of the intervals, (intervals,).
      constants: of the axes.
    """
    matched = match_growth(person, constants)
    ghrh = share(exposure.ghrh_drive)
    ghs = share(exposure.ghs_drive) * (1.0 - tachyphylaxis)
    secretion = (
        1.0 + constants.ghrh_gain * ghrh + constants.ghs_gain * ghs + constants.synergy_gain * ghrh * ghs
    )
    liver = 1.0 - constants.oral_igf1 * oral_effect(exposure, constants)
    rate = constants.igf1_elimination

    def step(igf1, inputs):
        secretion, exogenous, liver, length = inputs
        gh = matched.gh_ng_ml * secretion * (igf1 / person.igf1_ng_ml) ** -constants.gh_feedback + exogenous
        goal = liver * (matched.basal + constants.igf1_maximum * gh / (matched.half_gh + gh)) / rate
        end, mean = advance(igf1, goal, rate, length)
        return end, (gh, mean)

    inputs = (secretion, exposure.gh_ng_ml, liver, days)
    return lax.scan(step, person.igf1_ng_ml, inputs)[1]
