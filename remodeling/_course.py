"""From a person and a prescription to the course of hormones that bone sees."""

import jax.numpy as jnp
import numpy as np

from ._axes import AxisLevels, AxisParameters, make_axis_parameters, match_axis, solve_axis
from ._exposure import exposure
from ._hormones import HormoneCourse, HormoneLevels
from ._person import Person
from ._pharmacokinetics import gonadorelin_drive
from ._protocol import Protocol

HIGHEST_TESTOSTERONE_NG_DL = 5000.0
"""Mean testosterone above which a course is refused as a likely typing error (assumed)."""


def hormone_course(
    person: Person,
    protocol: Protocol,
    *,
    steps: int,
    step_days: float,
    axis_parameters: AxisParameters | None = None,
) -> HormoneCourse:
    """Mean hormone levels in each step under a prescription, with the body's own feedback.

    Amounts in blood are exact means over each step; the axis is then solved at those means (assumed: the
    feedback answers to mean levels, not to peaks). Untreated, the person's measured levels are reproduced.
    Differentiable in doses, person and constants.

    Args:
      person: the man before treatment.
      protocol: doses (times from the start of the simulation).
      steps: number of steps (static).
      step_days: length of a step, days.
      axis_parameters: constants of the axis; defaults if None.
    """
    dtype = person.testosterone_ng_dl.dtype
    constants = make_axis_parameters(dtype=dtype) if axis_parameters is None else axis_parameters
    edges = jnp.arange(steps + 1, dtype=dtype) * step_days
    given = exposure(protocol, person.weight_kg, edges)
    matched = match_axis(person, constants)
    aromatase = 1.0 - given.aromatase_inhibition
    share = gonadorelin_drive(given.gonadorelin_mg_per_day)
    treated = solve_axis(
        person,
        matched,
        constants,
        exogenous_testosterone_ng_dl=given.testosterone_ng_dl,
        aromatase=aromatase,
        gnrh_share=share,
    )
    zero = jnp.zeros((), dtype)
    one = jnp.ones((), dtype)
    untreated = solve_axis(
        person, matched, constants, exogenous_testosterone_ng_dl=zero, aromatase=one, gnrh_share=zero
    )
    return HormoneCourse(
        levels=_levels(treated, aromatase, person),
        baseline=_levels(untreated, one, person),
        step_days=jnp.asarray(step_days, dtype),
    )


def _levels(axis: AxisLevels, aromatase, person: Person) -> HormoneLevels:
    zeros = jnp.zeros_like(axis.lh_iu_l)
    return HormoneLevels(
        testosterone_ng_dl=axis.testosterone_ng_dl,
        estradiol_pg_ml=axis.estradiol_pg_ml,
        free_testosterone_ng_dl=axis.free_testosterone_ng_dl,
        lh_iu_l=axis.lh_iu_l,
        igf1_ng_ml=zeros + person.igf1_ng_ml,
        progestogen=zeros,
        thyroid_index=zeros,
        insulin_index=zeros,
        aromatase=zeros + aromatase,
        shbg_nmol_l=zeros + person.shbg_nmol_l,
        free_estradiol_pg_ml=zeros + 0.02 * axis.estradiol_pg_ml,
        gh_ng_ml=zeros + 1.0,
        drug_resorption=zeros,
        drug_balance=zeros,
        drug_modeling=zeros,
    )


def require_plausible_levels(course: HormoneCourse) -> None:
    """Refuse a course with levels that no prescription aims at; on the host.

    Raises:
      ValueError: a level that is not finite, or mean testosterone above 5000 ng/dL.
    """
    testosterone = np.asarray(course.testosterone_ng_dl)
    bad = ~np.isfinite(testosterone) | (testosterone > HIGHEST_TESTOSTERONE_NG_DL)
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(
            f"`course` needs a mean testosterone of at most {HIGHEST_TESTOSTERONE_NG_DL:g} ng/dL, got "
            f"{testosterone[first]:.4g} in step {first} ({int(bad.sum())} such steps); check amount and "
            "interval"
        )
