"""Virtual people: who they are, drawn about one person, and what each arm of a trial does to each of them.

Everybody is followed under every arm. A person is drawn from the seed and the person's own number, so that
any part of a cohort can be computed anywhere and is the same people.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import ndtr, ndtri

import remodeling

from ._arm_courses import monthly_course
from ._arm_curves import person_curves
from ._compartments import CORTICAL, TRABECULAR
from ._density_draws import scaled_parameters
from ._fast_vertebra import FastVertebra, compact_classes

DRAWN = (
    "age_years",
    "weight_kg",
    "testosterone_ng_dl",
    "estradiol_pg_ml",
    "shbg_nmol_l",
    "igf1_ng_ml",
    "trabecular_density",
    "cortical_density",
)
"""What differs between virtual people beside their response: fields of `remodeling.Person`, and the densities
of the two compartments over those of the vertebra."""
SHARE_CONCENTRATION = 8.0
"""Sum of the two shapes of the beta distribution of the share of doses that a person takes (assumed): a mean
of 0.8 comes with a standard deviation of 0.13."""
_LEAST_INSIDE = 1e-4
"""Least share of a distribution that its limits must leave."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Spread:
    """A lognormal distribution between limits."""

    log_median: jax.Array
    "mean of the logarithm, ()"
    log_sd: jax.Array
    "standard deviation of the logarithm, ()"
    low_share: jax.Array
    "share of the distribution below the lower limit, ()"
    high_share: jax.Array
    "share below the upper limit, ()"


def make_spread(
    mean: float, sd: float, *, low: float = 0.0, high: float = math.inf, dtype: Any = None
) -> Spread:
    """A lognormal distribution of a given mean and standard deviation, cut off at limits.

    Args:
      mean: mean before the cut, positive.
      sd: standard deviation before the cut; 0: everybody has the mean.
      low, high: limits, such as those of a trial's inclusion.
      dtype: floating type; jax's default unless given.

    Raises:
      ValueError: a mean or a deviation out of range, or limits that leave less than one in 10,000.

    >>> spread = make_spread(230.0, 65.0, high=275.0)
    >>> round(float(jnp.exp(spread.log_median))), round(float(spread.high_share), 2)
    (221, 0.78)
    """
    if not (math.isfinite(mean) and mean > 0):
        raise ValueError(f"`mean` must be positive and finite, got {mean}")
    if not (math.isfinite(sd) and sd >= 0):
        raise ValueError(f"`sd` must be finite and not negative, got {sd}")
    if not 0 <= low < high:
        raise ValueError(f"`low` must be at least 0 and below `high`, got {low:g} and {high:g}")
    log_sd = math.sqrt(math.log1p((sd / mean) ** 2))
    log_median = math.log(mean) - 0.5 * log_sd**2
    shares = [0.0, 1.0]
    if sd > 0:
        ends = [-math.inf if low == 0 else math.log(low), math.log(high)]
        shares = [float(ndtr((end - log_median) / log_sd)) for end in ends]
    elif not low <= mean <= high:
        raise ValueError(
            f"`low` and `high` must hold the mean {mean:g} where `sd` is 0, got {low:g}, {high:g}"
        )
    if shares[1] - shares[0] < _LEAST_INSIDE:
        raise ValueError(
            f"`low` and `high` must leave at least {_LEAST_INSIDE:g} of the distribution of mean {mean:g} "
            f"and standard deviation {sd:g}, got {low:g} and {high:g}, which leave "
            f"{shares[1] - shares[0]:.2g}"
        )
    return Spread(*(jnp.asarray(value, dtype or float) for value in (log_median, log_sd, *shares)))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Cohort:
    """What virtual people are drawn from and treated with."""

    seed: jax.Array
    "seed of everything drawn, integer, ()"
    person: remodeling.Person
    "the person about whom is drawn, fields ()"
    spreads: dict[str, Spread]
    "distributions by name of DRAWN; of those left out everybody has the value of `person`"
    response_log_sd: jax.Array
    "standard deviation of the logarithm of every parameter of `varied` between people, ()"
    doses_taken: jax.Array
    "mean share of the doses that a person takes, above 0 and at most 1, ()"
    protocols: remodeling.Protocol
    "prescriptions of the arms, of `remodeling.stack_protocols`, (arms, doses)"
    vertebra: FastVertebra
    "the spine of `person`"
    parameters: remodeling.BoneParameters
    "biological parameters of `person`"
    before: remodeling.HormoneLevels | None
    "hormones before the history, fields (); None: bone is in the steady state of everybody's own levels"
    history_years: jax.Array
    "length of the history, years, ()"
    onset_years: jax.Array
    "time constant of the change from `before`, years, ()"
    varied: tuple[str, ...] = field(metadata={"static": True})
    "parameters that differ between people"
    own_igf1: bool = field(metadata={"static": True})
    "whether IGF-1 before the history was that of now"
    months: int = field(metadata={"static": True})
    "months of the trial"
    history_steps: int = field(metadata={"static": True})
    "steps of the history"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class VirtualPeople:
    """People of a cohort."""

    person: remodeling.Person
    "before treatment, fields (people,)"
    trabecular_density: jax.Array
    "density of trabecular bone over that of the cohort's vertebra, (people,)"
    cortical_density: jax.Array
    "density of compact bone over that of the cohort's vertebra, (people,)"
    share_taken: jax.Array
    "share of the doses taken, (people,)"
    log_response: jax.Array
    "ln of each parameter of `Cohort.varied` over the cohort's, (people, parameters)"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CohortOutcomes:
    """What every arm does to everybody."""

    curves: jax.Array
    "percent of month 0 in the order of QUANTITIES, true values, (people, arms, 6, months + 1)"
    testosterone_ng_dl: jax.Array
    "mean total testosterone of the last month, ng/dL, (people, arms)"
    estradiol_pg_ml: jax.Array
    "mean estradiol of the last month, pg/mL, (people, arms)"
    igf1_ng_ml: jax.Array
    "mean IGF-1 of the last month, ng/mL, (people, arms)"


def draw_people(numbers: jax.Array, cohort: Cohort) -> VirtualPeople:
    """Virtual people by their numbers; a number is the same person whichever others are asked for.

    What differs is independent but for three bonds: years since menopause move with age, a man's estradiol
    follows his testosterone by the aromatase of `cohort.person` before it spreads
    (`remodeling.estradiol_from_testosterone`), and doses per kg follow weight.

    Args:
      numbers: numbers of the people, integer, (people,).
      cohort: what they are drawn from.
    """
    people = jax.vmap(lambda number: _draw_one(number, cohort))(numbers)
    # A weak type of a mean that a Python number was would be another program for what follows.
    return jax.tree.map(lambda leaf: lax.convert_element_type(leaf, leaf.dtype), people)


def cohort_outcomes(people: VirtualPeople, cohort: Cohort) -> CohortOutcomes:
    """Density and turnover of everybody under every arm, with the fast model (`person_curves`).

    Args:
      people: of `draw_people` of the same cohort.
      cohort: arms, spine, parameters.
    """
    return jax.vmap(lambda one: _outcome(one, cohort))(people)


def _draw_one(number: jax.Array, cohort: Cohort) -> VirtualPeople:
    mean = cohort.person
    dtype = mean.weight_kg.dtype
    keys = jax.random.split(jax.random.fold_in(jax.random.key(cohort.seed), number), len(DRAWN) + 2)
    one = jnp.ones((), dtype)
    drawn = {name: getattr(mean, name, one) for name in DRAWN}
    for name, key in zip(DRAWN, keys[:-2], strict=True):
        if name in cohort.spreads:
            drawn[name] = _quantile(cohort.spreads[name], jax.random.uniform(key, (), dtype))
    followed = remodeling.estradiol_from_testosterone(
        drawn["testosterone_ng_dl"],
        mean.testosterone_ng_dl,
        mean.estradiol_pg_ml,
        drawn["shbg_nmol_l"],
        mean.albumin_g_l,
        remodeling.make_axis_parameters(dtype=dtype),
    )
    follows = jnp.where(mean.female > 0.5, 1.0, followed / mean.estradiol_pg_ml)
    person = replace(
        mean,
        **{name: value for name, value in drawn.items() if hasattr(mean, name)}
        | {
            "estradiol_pg_ml": drawn["estradiol_pg_ml"] * follows,
            "years_since_menopause": _years_since(mean, drawn["age_years"]),
        },
    )
    taken = cohort.doses_taken
    share = jax.random.beta(
        keys[-2],
        SHARE_CONCENTRATION * taken,
        SHARE_CONCENTRATION * jnp.maximum(1.0 - taken, 1e-3),
        dtype=dtype,
    )
    return VirtualPeople(
        person=person,
        trabecular_density=drawn["trabecular_density"],
        cortical_density=drawn["cortical_density"],
        share_taken=jnp.where(taken < 1.0, share, 1.0),
        log_response=cohort.response_log_sd * jax.random.normal(keys[-1], (len(cohort.varied),), dtype),
    )


def _quantile(spread: Spread, share: jax.Array) -> jax.Array:
    inside = spread.low_share + share * (spread.high_share - spread.low_share)
    # a share of 0 or 1 has no finite normal number
    tiny = 10.0 * jnp.finfo(inside.dtype).eps
    return jnp.exp(spread.log_median + spread.log_sd * ndtri(jnp.clip(inside, tiny, 1.0 - tiny)))


def _years_since(mean: remodeling.Person, age_years: jax.Array) -> jax.Array:
    """Years since menopause of a woman of another age: who is past it stays so, and so does who is not."""
    since = mean.years_since_menopause
    moved = since + age_years - mean.age_years
    past = jnp.where(since > 0, jnp.maximum(moved, 0.1), jnp.minimum(moved, -0.1))
    return jnp.where((mean.female > 0.5) & (mean.surgical < 0.5), past, since)


def _outcome(one: VirtualPeople, cohort: Cohort) -> CohortOutcomes:
    parameters = scaled_parameters(dict(zip(cohort.varied, one.log_response, strict=True)), cohort.parameters)
    kinds = cohort.vertebra.compartments
    factor = jnp.where(kinds == TRABECULAR, one.trabecular_density, 1.0)
    factor = jnp.where(kinds == CORTICAL, one.cortical_density, factor)
    vertebra = replace(cohort.vertebra, density=cohort.vertebra.density * factor)
    female = one.person.female
    now = remodeling.untreated_levels(
        one.person, remodeling.make_axis_parameters(dtype=one.share_taken.dtype)
    )
    past = remodeling.start_from_history(
        vertebra.density,
        _history(one.person, now, cohort),
        parameters,
        female=female,
        compact=compact_classes(vertebra),
        checkpoint=False,
    )

    def under(protocol: remodeling.Protocol) -> CohortOutcomes:
        taken = replace(protocol, dose_mg=tuple(dose * one.share_taken for dose in protocol.dose_mg))
        course = monthly_course(one.person, taken, months=cohort.months)
        return CohortOutcomes(
            curves=person_curves(course, past, female, parameters, vertebra),
            testosterone_ng_dl=course.levels.testosterone_ng_dl[-1],
            estradiol_pg_ml=course.levels.estradiol_pg_ml[-1],
            igf1_ng_ml=course.levels.igf1_ng_ml[-1],
        )

    return jax.vmap(under)(cohort.protocols)


def _history(
    person: remodeling.Person, now: remodeling.HormoneLevels, cohort: Cohort
) -> remodeling.HormoneCourse:
    """The years before; those of a woman past menopause are as much longer as her menopause is longer ago."""
    years, steps = cohort.history_years, cohort.history_steps
    if cohort.before is None:
        return remodeling.history_course(now, now, years=years, steps=steps)
    before = replace(cohort.before, igf1_ng_ml=now.igf1_ng_ml) if cohort.own_igf1 else cohort.before
    longer = person.years_since_menopause - cohort.person.years_since_menopause
    years = jnp.maximum(years + longer * (person.years_since_menopause > 0), 0.1)
    return remodeling.history_course(
        before, now, years=years, onset_years=jnp.minimum(cohort.onset_years, years), steps=steps
    )
