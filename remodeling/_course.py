"""From a person and a prescription to the course of hormones that bone sees."""

from dataclasses import fields, replace

import jax
import jax.numpy as jnp
import numpy as np

from ._axis_levels import hormone_levels, untreated_levels
from ._axis_parameters import AxisParameters, make_axis_parameters
from ._bone_drugs import DrugEffectParameters, drug_signals
from ._exposure import Exposure
from ._exposure import exposure as exposure_of
from ._hormones import HormoneCourse
from ._person import Person
from ._protocol import Protocol

HIGHEST_TESTOSTERONE_NG_DL = 5000.0
"""Mean testosterone above which a course is refused as a likely typing error (assumed)."""

# Compiled once for each number of intervals and doses; inside a traced caller they are part of its program.
_compiled_exposure = jax.jit(exposure_of)
_compiled_levels = jax.jit(hormone_levels)
_compiled_untreated = jax.jit(untreated_levels)
_compiled_signals = jax.jit(drug_signals)


def hormone_course(
    person: Person,
    protocol: Protocol,
    *,
    steps: int,
    step_days: float,
    per_step: int | None = None,
    axis_parameters: AxisParameters | None = None,
) -> HormoneCourse:
    """Mean hormone levels in each step under a prescription, with the body's own feedback.

    Amounts in blood are exact means over intervals of about a day; the axes answer to those means (assumed:
    the feedback answers to daily means, not to peaks). Untreated, the person's measured levels are
    reproduced. Differentiable in doses, person and constants.

    Args:
      person: before treatment.
      protocol: doses (times from the start of the simulation).
      steps: number of steps (static).
      step_days: length of a step, days.
      per_step: intervals of the fine grid in a step (static); None: of about a day, which needs `step_days`
        to be a number.
      axis_parameters: constants of the axes; defaults if None.

    >>> import remodeling
    >>> man = remodeling.make_person(sex="male", age_years=60, testosterone_ng_dl=200)
    >>> weekly = remodeling.Dose(drug="testosterone-cypionate", amount_mg=100, every_days=7)
    >>> protocol = remodeling.make_protocol([weekly], duration_days=28)
    >>> course = hormone_course(man, protocol, steps=4, step_days=7.0)
    >>> [round(float(level)) for level in course.testosterone_ng_dl]
    [461, 615, 642, 645]
    """
    count = intervals_per_step(step_days, per_step)
    dtype = person.testosterone_ng_dl.dtype
    edges = jnp.arange(steps * count + 1, dtype=dtype) * (step_days / count)
    exposure = _compiled_exposure(protocol, person.weight_kg, edges)
    return course_of_exposure(
        person, exposure, step_days=step_days, per_step=count, axis_parameters=axis_parameters
    )


def course_of_exposure(
    person: Person,
    exposure: Exposure,
    *,
    step_days: jax.Array | float,
    per_step: int,
    axis_parameters: AxisParameters | None = None,
    drug_parameters: DrugEffectParameters | None = None,
) -> HormoneCourse:
    """Mean hormone levels in each step for drugs given as an exposure; the part that `jax.vmap` batches.

    Args:
      person: before treatment, fields ().
      exposure: drugs, means over the fine intervals, (steps * per_step,).
      step_days: length of a step, days.
      per_step: fine intervals in a step (static).
      axis_parameters: constants of the axes; defaults if None.
      drug_parameters: constants of the drugs that act on bone directly; defaults if None.

    Raises:
      ValueError: a number of intervals that is not a multiple of `per_step`.
    """
    dtype = person.testosterone_ng_dl.dtype
    constants = make_axis_parameters(dtype=dtype) if axis_parameters is None else axis_parameters
    intervals = exposure.testosterone_ng_dl.shape[0]
    steps, rest = divmod(intervals, per_step)
    if rest or steps < 1:
        raise ValueError(
            f"`exposure` needs a number of intervals that is a multiple of `per_step` {per_step}, got "
            f"{intervals}"
        )
    edges = jnp.arange(intervals + 1, dtype=dtype) * (step_days / per_step)
    fine = _compiled_levels(person, exposure, edges, constants)
    signals = _compiled_signals(exposure, step_days / per_step, drug_parameters)
    fine = replace(fine, **{item.name: getattr(signals, item.name) for item in fields(signals)})
    return HormoneCourse(
        levels=jax.tree.map(lambda values: values.reshape(steps, per_step).mean(axis=1), fine),
        baseline=_compiled_untreated(person, constants),
        step_days=jnp.asarray(step_days, dtype),
    )


def intervals_per_step(step_days: jax.Array | float, per_step: int | None = None) -> int:
    """Intervals of the fine grid in a step: `per_step`, or of about a day; on the host.

    Raises:
      ValueError: `per_step` below 1, or not given where `step_days` is traced.
    """
    if per_step is not None:
        if per_step < 1:
            raise ValueError(f"`per_step` must be at least 1, got {per_step}")
        return int(per_step)
    try:
        days = float(step_days)
    except jax.errors.ConcretizationTypeError as error:
        raise ValueError(
            "`per_step` must be given where `step_days` is traced, got None; 30 suits a month"
        ) from error
    return max(1, round(days))


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
