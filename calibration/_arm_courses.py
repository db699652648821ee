"""What the bone of every trial arm sees: hormones of the years before, and of every month of the trial."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import remodeling

from ._arm_people import PersonSex, levels_reached, menopause_of, person_before, person_of, sexes_of
from ._trials import TrialArm

MONTH_DAYS = 365.25 / 12
"""Length of a month, days, which is a step of a course."""
INTERVALS_PER_MONTH = 30
"""Intervals of the fine grid of doses in a month."""
HISTORY_STEPS = 40
"""Steps of a history, short near month 0 and long far back."""
HISTORY_SCALE_YEARS = 2.0
"""Time before month 0 from which the steps of a history grow in proportion to it."""
BEFORE_MENOPAUSE_YEARS = 3.0
"""Years before the final menstrual period at which the history of a woman starts: estradiol falls from 2."""
LONGEST_HISTORY_YEARS = 20.0
"""Length of the longest history; who is longer past menopause is taken for 17 years past it (assumed)."""
STEADY_YEARS = 1.0
"""Length of the history of a person whose hormones have long been those of month 0; any does."""
_POINTS = 5
"""Points of the mean of estradiol over a step of a history."""
ARMS_AT_ONCE = 8
"""Arms whose doses are followed at once: what bounds memory."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ArmBatch:
    """People of trial arms in one shape; an arm of both sexes is two people."""

    course: remodeling.HormoneCourse
    "hormones of every month from month 0, levels (people, months), baseline and step (people,)"
    history: remodeling.HormoneCourse
    "hormones of the years before month 0, each once: levels and step (histories, 40), baseline (histories,)"
    history_of: jax.Array
    "row of the history of each person, integer, (people,)"
    history_female: jax.Array
    "1 women, 0 men, (histories,)"
    female: jax.Array
    "1 women, 0 men, (people,)"
    load_factor: jax.Array
    "load of every month over the habitual one, (people, months)"
    arms: tuple[str, ...] = field(metadata={"static": True})
    "identifier of the arm of each person"
    months: int = field(metadata={"static": True})
    "months of the courses"


def make_arm_batch(arms: Sequence[TrialArm], *, months: int, dtype: Any = None) -> ArmBatch:
    """Hormone courses of trial arms, from people and doses or levels; on the host, in compiled pieces.

    Untreated hormones, doses and the body's feedback are those of `remodeling.course_of_exposure`. Levels
    that were printed or assumed for the treatment replace those of the doses: within the first month in a
    straight line, and back within a month after `treatment_months`. The courses do not depend on bone.

    Args:
      arms: arms that can be told to the model (`levels_source` is not None).
      months: length of the courses, in months of 365.25/12 days.
      dtype: floating type; jax's default unless given.

    Raises:
      ValueError: no arm, `months` below 1, an arm that cannot be told to the model or twice, or a person
        that `remodeling.make_person` refuses (names the arm).
    """
    if months < 1:
        raise ValueError(f"`months` must be at least 1, got {months}")
    if not arms:
        raise ValueError("`arms` must hold at least one arm, got none; select_observations may be too narrow")
    names = [arm.name for arm in arms]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"`arms` must differ, got {len(twice)} of them twice, first {twice[0]!r}")
    unknown = [arm.name for arm in arms if arm.levels_source is None]
    if unknown:
        raise ValueError(
            f"`arms` must be ones that can be told to the model, got {len(unknown)} others, first "
            f"{unknown[0]!r}; leave out those whose `levels_source` is None"
        )
    rows: list[tuple[TrialArm, PersonSex]] = [(arm, sex) for arm in arms for sex in sexes_of(arm)]
    people, before = [], []
    for arm, sex in rows:
        try:
            people.append(person_of(arm, sex, dtype=dtype))
            before.append(person_before(arm, sex, dtype=dtype))
        except ValueError as error:
            raise ValueError(f"`arms` needs people within range, got arm {arm.name!r}: {error}") from error
    days = months * MONTH_DAYS
    doses = [[dose for dose in arm.doses if dose.start_day < days] for arm, _ in rows]
    protocols = remodeling.stack_protocols(
        [remodeling.make_protocol(lines, duration_days=days, dtype=dtype) for lines in doses]
    )
    batch = remodeling.stack_people(people)
    course = _compiled_courses(batch, protocols, months=months)
    reached = [levels_reached(arm, person) for (arm, _), person in zip(rows, people, strict=True)]
    ends = [arm.treatment_months for arm, _ in rows]
    loads = [
        arm.load_factor ** treated_share(months, end, 0.0) for (arm, _), end in zip(rows, ends, strict=True)
    ]
    course = replace(course, levels=_on_treatment(course, reached, ends))
    young = _compiled_untreated(remodeling.stack_people(before))
    years = np.array([_history_years(arm, sex) for arm, sex in rows])
    history, first, history_of = _each_once(_histories(rows, young, course.baseline, years), batch.female)
    return ArmBatch(
        course=course,
        history=history,
        history_of=history_of,
        history_female=batch.female[first],
        female=batch.female,
        load_factor=jnp.asarray(np.stack(loads), batch.female.dtype),
        arms=tuple(arm.name for arm, _ in rows),
        months=months,
    )


def monthly_course(
    person: remodeling.Person, protocol: remodeling.Protocol, *, months: int
) -> remodeling.HormoneCourse:
    """Course of one person under a prescription, a step a month."""
    edges = jnp.arange(months * INTERVALS_PER_MONTH + 1, dtype=person.weight_kg.dtype)
    edges = edges * (MONTH_DAYS / INTERVALS_PER_MONTH)
    given = remodeling.exposure(protocol, person.weight_kg, edges)
    return remodeling.course_of_exposure(person, given, step_days=MONTH_DAYS, per_step=INTERVALS_PER_MONTH)


def _courses(people: remodeling.Person, protocols: remodeling.Protocol, *, months: int):
    """Course of each person under the prescription alone."""

    def one(row):
        return monthly_course(*row, months=months)

    # A last batch of another size would be a second program, which takes long to compile.
    count = people.weight_kg.shape[0]
    filled = -(-count // ARMS_AT_ONCE) * ARMS_AT_ONCE
    rows = jnp.minimum(jnp.arange(filled), count - 1)
    everyone = jax.tree.map(lambda leaf: leaf[rows], (people, protocols))
    followed = jax.lax.map(one, everyone, batch_size=ARMS_AT_ONCE)
    return jax.tree.map(lambda leaf: leaf[:count], followed)


_compiled_courses = jax.jit(_courses, static_argnames="months")


@jax.jit
def _compiled_untreated(people: remodeling.Person) -> remodeling.HormoneLevels:
    constants = remodeling.make_axis_parameters(dtype=people.weight_kg.dtype)
    return jax.vmap(lambda person: remodeling.untreated_levels(person, constants))(people)


def treated_share(months: int, end: float | None, rise: float = 1.0) -> np.ndarray:
    """Mean over each month of how far levels are those on treatment: up in a month, and back, (months,).

    Args:
      months: months.
      end: month at which treatment ends; None: it lasts.
      rise: months in which levels go up, and back; 0: at once, as load does.
    """

    def ramp(month: np.ndarray) -> np.ndarray:
        """Integral of clip(t / rise, 0, 1) up to each month."""
        after = np.maximum(month, 0.0)
        if rise == 0.0:
            return after
        return np.where(after > rise, after - 0.5 * rise, 0.5 * after**2 / rise)

    edges = np.arange(months + 1.0)
    up = np.diff(ramp(edges))
    return up if end is None else up - np.diff(ramp(edges - end))


def _on_treatment(
    course: remodeling.HormoneCourse, reached: list[dict[str, float]], ends: list[float | None]
) -> remodeling.HormoneLevels:
    """Levels of the courses, led to those printed or assumed on treatment."""
    months = course.levels.aromatase.shape[1]
    shares = np.stack([treated_share(months, end) for end in ends])
    levels = {}
    for item in fields(remodeling.HormoneLevels):
        name = item.name
        drawn = np.array(getattr(course.levels, name))
        for row, given in enumerate(reached):
            if name in given:
                drawn[row] += shares[row] * (given[name] - drawn[row])
        levels[name] = jnp.asarray(drawn)
    return remodeling.HormoneLevels(**levels)


def _history_years(arm: TrialArm, sex: PersonSex) -> float:
    """Length of the history; 0: the hormones of month 0 have long been there."""
    if arm.years_deficient:
        return min(arm.years_deficient, LONGEST_HISTORY_YEARS)
    menopause = menopause_of(arm) if sex == "female" else None
    if menopause is None or menopause.years is None:
        return 0.0
    if menopause.status == "surgical":
        return float(np.clip(menopause.years, 0.0, LONGEST_HISTORY_YEARS))
    return float(np.clip(menopause.years + BEFORE_MENOPAUSE_YEARS, 0.0, LONGEST_HISTORY_YEARS))


def _histories(
    rows: list[tuple[TrialArm, PersonSex]],
    young: remodeling.HormoneLevels,
    now: remodeling.HormoneLevels,
    years: np.ndarray,
) -> remodeling.HormoneCourse:
    """Course of each history: from the young levels to those of month 0, as estradiol falls in menopause."""
    left = np.stack([_young_left(*row, length) for row, length in zip(rows, years, strict=True)])
    # Without a history the levels before are those of month 0, whose steady state no time moves.
    start = jax.tree.map(lambda a, b: np.where(years > 0, a, b), young, now)
    start = replace(start, igf1_ng_ml=_unless_deficient(rows, start.igf1_ng_ml, now.igf1_ng_ml))
    start = jax.tree.map(jnp.asarray, start)
    lengths = [length if length > 0 else STEADY_YEARS for length in years]
    days = -365.25 * np.diff(np.stack([_years_before(length) for length in lengths]), axis=1)
    return remodeling.HormoneCourse(
        levels=jax.tree.map(
            lambda a, b: b[:, None] + (a - b)[:, None] * jnp.asarray(left, a.dtype), start, now
        ),
        baseline=start,
        step_days=jnp.asarray(days, now.aromatase.dtype),
    )


def _each_once(
    histories: remodeling.HormoneCourse, female: jax.Array
) -> tuple[remodeling.HormoneCourse, np.ndarray, jax.Array]:
    """Histories that differ, the first person of each, and the history of everybody."""
    leaves = [np.asarray(leaf) for leaf in (*jax.tree.leaves(histories), female)]
    flat = np.concatenate([leaf.reshape(leaf.shape[0], -1) for leaf in leaves], axis=1)
    _, first, row = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    return jax.tree.map(lambda leaf: leaf[first], histories), first, jnp.asarray(row.ravel(), jnp.int32)


def _years_before(years: float) -> np.ndarray:
    """Edges of the steps of a history, years before month 0, falling to 0, (41,)."""
    back = np.linspace(1.0, 0.0, HISTORY_STEPS + 1)
    return HISTORY_SCALE_YEARS * np.expm1(back * np.log1p(years / HISTORY_SCALE_YEARS))


def _unless_deficient(rows: list[tuple[TrialArm, PersonSex]], before: Any, now: Any) -> np.ndarray:
    """IGF-1 before: that of month 0, but for a printed deficiency."""
    deficient = np.array([bool(arm.years_deficient) for arm, _ in rows])
    return np.where(deficient, before, now)


def _young_left(arm: TrialArm, sex: PersonSex, years: float) -> np.ndarray:
    """Share of the young levels that is left in each step of the history, a mean over it, (40,)."""
    menopause = menopause_of(arm) if sex == "female" else None
    if years == 0.0 or arm.years_deficient or menopause is None or menopause.status == "surgical":
        return np.zeros(HISTORY_STEPS)
    end = years - BEFORE_MENOPAUSE_YEARS
    edges = end - _years_before(years)
    inside = (np.arange(_POINTS) + 0.5) / _POINTS
    years_since = edges[:-1, None] + np.diff(edges)[:, None] * inside
    estradiol = np.vectorize(_natural_estradiol)(years_since).mean(axis=1)
    last, first = _natural_estradiol(end), _natural_estradiol(-2.0 * BEFORE_MENOPAUSE_YEARS)
    return (estradiol - last) / (first - last)


def _natural_estradiol(years: float) -> float:
    """Typical estradiol around a natural menopause, pg/mL."""
    return remodeling.typical_levels(
        sex="female", age_years=51.0, menopause="natural", years_since_menopause=years
    ).estradiol_pg_ml
