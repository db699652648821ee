"""From a person and the exposure to drugs to hormone levels on the fine time grid: all axes together.

Slow states (GnRH receptors, tachyphylaxis, SHBG, free T4; then IGF-1; then the memory of the gonadotropes)
step along the grid in scans with exponential steps. The gonadal axis is solved at once in all intervals in
between.

The gonadotropes remember: d = 5 tanh([ln(L_b / L)]+ / 5) is how far LH lies below the person's own, m its
running mean over tau_g, and LH is held back by exp(-[m - d]+). Suppression shows at once and is not deepened;
its end is followed only over months.
"""

import jax
import jax.numpy as jnp

from ._axes import AxisLevels, MatchedAxis, gonadal_levels, match_axis, solve_axis
from ._axis_binding import free_estradiol_pg_ml
from ._axis_gh import growth_levels, match_growth, tachyphylaxis_target
from ._axis_insulin import insulin_at_start, insulin_over_time
from ._axis_ovary import ovaries_over_time
from ._axis_parameters import AxisParameters
from ._axis_pituitary import pituitary_inputs, receptor_relaxation
from ._axis_shbg import shbg_target
from ._axis_thyroid import (
    ThyroidLevels,
    thyroid_at_start,
    thyroid_levels,
    thyroid_start_ratio,
    thyroxine_target,
)
from ._exposure import Exposure
from ._follow import relax
from ._hormones import OF_DRUGS, HormoneLevels
from ._person import Person
from ._response import bounded, one_sided
from ._units import testosterone_ng_dl_from_nmol_l, testosterone_nmol_l

DEEPEST_SILENCE = 5.0
"""Bound of the suppression that gonadotropes remember, ln: 0.03 IU/L in a normal man is silence (assumed)."""
LOWEST_AROMATASE = 0.01
"""Share of aromatase activity that no inhibitor takes away (assumed)."""


def untreated_levels(person: Person, constants: AxisParameters) -> HormoneLevels:
    """Levels of the person at day 0 without treatment, fields ()."""
    zero, one = jnp.zeros_like(constants.lh), jnp.ones_like(constants.lh)
    matched = match_axis(person, constants)
    axis = solve_axis(person, matched, constants, exogenous_testosterone_ng_dl=zero, aromatase=one)
    growth = match_growth(person, constants)
    return _levels(
        axis,
        person,
        constants,
        aromatase=one,
        shbg=person.shbg_nmol_l,
        gh=growth.gh_ng_ml,
        igf1=person.igf1_ng_ml,
        thyroid=thyroid_at_start(person, constants),
        insulin=insulin_at_start(person),
        progestogen=zero,
    )


def hormone_levels(
    person: Person, exposure: Exposure, edges: jax.Array, constants: AxisParameters
) -> HormoneLevels:
    """Mean levels in each interval under the drugs.

    Before day 0 the person is untreated and in steady state. Without drugs, menopause and dated conditions
    every level is that of `untreated_levels` throughout. Differentiable in exposure, person and constants;
    `jax.vmap` takes people (men and women together) and arms in one compilation.

    Args:
      person: before treatment, fields ().
      exposure: drugs, means over the intervals, (intervals,).
      edges: ends of the intervals, days, increasing, (intervals + 1,); of about a day.
      constants: of the axes.

    Returns:
      levels, (intervals,); those of drugs that act on bone itself are zero here.
    """
    days = jnp.diff(edges)
    receptor_target, receptor_rate = receptor_relaxation(exposure, constants)
    one = jnp.ones_like(days)
    start = {
        "receptors": jnp.ones_like(constants.lh),
        "tachyphylaxis": jnp.zeros_like(constants.lh),
        "shbg": person.shbg_nmol_l,
        "free_t4": thyroid_start_ratio(person),
    }
    target = {
        "receptors": receptor_target,
        "tachyphylaxis": tachyphylaxis_target(exposure, constants),
        "shbg": shbg_target(person, exposure, constants),
        "free_t4": thyroxine_target(person, exposure, edges, constants),
    }
    rate = {
        "receptors": receptor_rate,
        "tachyphylaxis": one / constants.tachyphylaxis_days,
        "shbg": one / constants.shbg_days,
        "free_t4": one / constants.thyroxine_days,
    }
    slow, _ = relax(start, target, rate, days)
    gh, igf1 = growth_levels(person, exposure, slow["tachyphylaxis"], days, constants)
    inhibition = jnp.where(
        person.female > 0.5, exposure.aromatase_inhibition_women, exposure.aromatase_inhibition_men
    )
    aromatase = jnp.maximum(1.0 - inhibition, LOWEST_AROMATASE)
    axis = _gonads(
        person,
        exposure,
        edges,
        constants,
        receptors=slow["receptors"],
        shbg=slow["shbg"],
        aromatase=aromatase,
    )
    return _levels(
        axis,
        person,
        constants,
        aromatase=aromatase,
        shbg=slow["shbg"],
        gh=gh,
        igf1=igf1,
        thyroid=thyroid_levels(slow["free_t4"], person, constants),
        insulin=insulin_over_time(person, exposure, edges),
        progestogen=exposure.progestogen,
    )


def _gonads(person, exposure, edges, constants, *, receptors, shbg, aromatase) -> AxisLevels:
    """The axis at once in all intervals, then LH held back by what the gonadotropes remember."""
    matched: MatchedAxis = match_axis(person, constants)
    drugs = {
        "exogenous_testosterone_ng_dl": exposure.testosterone_ng_dl,
        "exogenous_estradiol_pg_ml": exposure.estradiol_pg_ml,
        "aromatase": aromatase,
        "hcg_lh_iu_l": exposure.hcg_lh_iu_l,
        "shbg_nmol_l": shbg,
        "ovaries": ovaries_over_time(person, edges, constants),
    }
    pituitary = pituitary_inputs(exposure, receptors, constants)
    prompt = solve_axis(person, matched, constants, pituitary=pituitary, **drugs)
    depth = bounded(one_sided(jnp.log(matched.lh_iu_l / prompt.lh_iu_l)), DEEPEST_SILENCE)
    rate = jnp.ones_like(depth) / constants.gonadotrope_memory_days
    memory, _ = relax(jnp.zeros_like(constants.lh), depth, rate, jnp.diff(edges))
    lh = prompt.lh_iu_l * jnp.exp(-one_sided(memory - depth))
    t, e, free = gonadal_levels(lh, person, matched, constants, **drugs)
    return AxisLevels(
        testosterone_ng_dl=t,
        estradiol_pg_ml=e,
        free_testosterone_ng_dl=testosterone_ng_dl_from_nmol_l(free),
        lh_iu_l=lh,
        residual=prompt.residual,
    )


def _levels(
    axis: AxisLevels,
    person: Person,
    constants: AxisParameters,
    *,
    aromatase,
    shbg,
    gh,
    igf1,
    thyroid: ThyroidLevels,
    insulin,
    progestogen,
) -> HormoneLevels:
    zeros = jnp.zeros_like(axis.lh_iu_l)
    free_estradiol = free_estradiol_pg_ml(
        axis.estradiol_pg_ml,
        testosterone_nmol_l(axis.free_testosterone_ng_dl),
        shbg,
        person.albumin_g_l,
        constants,
    )
    return HormoneLevels(
        testosterone_ng_dl=axis.testosterone_ng_dl,
        estradiol_pg_ml=axis.estradiol_pg_ml,
        free_testosterone_ng_dl=axis.free_testosterone_ng_dl,
        lh_iu_l=axis.lh_iu_l,
        igf1_ng_ml=igf1,
        progestogen=progestogen,
        thyroid_index=thyroid.index,
        insulin_index=insulin,
        aromatase=zeros + aromatase,
        shbg_nmol_l=shbg,
        free_estradiol_pg_ml=free_estradiol,
        gh_ng_ml=gh,
        free_t4_ng_dl=thyroid.free_t4_ng_dl,
        tsh_miu_l=thyroid.tsh_miu_l,
        **dict.fromkeys(OF_DRUGS, zeros),
    )
