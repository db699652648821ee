"""The virtual people of a study and what every arm does to them, block by block, on every device at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ._checkpoints import Checkpoints
from ._cohort_names import DEFAULT_SPREADS, ENDPOINTS, LEVELS
from ._errors import input_errors
from ._prepared import Prepared
from ._simulation import HISTORY_STEP_DAYS, HISTORY_STEPS, doses_of, make_person
from ._study_tables import CohortSettings, SpreadRow, Study, Subject

BLOCK = 64
"""People of a block, one program whatever the size of the cohort; a part of a cohort is whole blocks."""
STEADY_YEARS, STEADY_STEPS = 1.0, 12
"""Length and steps of the history of people whose hormones have long been theirs; any does."""
DRAWS, SEED = 200, 0
"""Draws of the posterior for the assurance of a trial, and their seed."""
_DENSITIES = MappingProxyType(
    {"trabecular_vbmd_mg_cm3": "trabecular_density", "cortical_vbmd_mg_cm3": "cortical_density"}
)
_DENSITY_FACTORS = (0.2, 3.0)
"""Limits of a density over that of the levels."""


@dataclass(frozen=True)
class CohortModel:
    """A study as virtual people."""

    cohort: Any
    "`calibration.Cohort`"
    settings: CohortSettings
    "of the study, or the defaults"
    arms: tuple[str, ...]
    "names, the untreated arm first"
    means: dict[str, float]
    "mean of every property of DEFAULT_SPREADS before limits, in its unit"
    spreads: list[dict[str, Any]]
    "how every property spreads, for tables: property, mean, sd, low, high, source"


@dataclass(frozen=True)
class Outcomes:
    """What came of a range of people; the first axis is people."""

    numbers: np.ndarray
    "number of every person, from 0"
    people: dict[str, np.ndarray]
    "properties in the units of the tables"
    change: np.ndarray
    "change of the endpoints of ENDPOINTS at the month, % of the start, (people, arms, endpoints)"
    course: np.ndarray
    "the study's endpoint in % of the start, (people, arms, months + 1)"
    levels: np.ndarray
    "hormones of LEVELS of the last month, (people, arms, 3)"


def settings_of(study: Study) -> CohortSettings:
    """The study's table, or the defaults of every key."""
    return study.cohort or CohortSettings()


def month_of(study: Study) -> int:
    """Month of the measurement."""
    return settings_of(study).month or study.time.months


def make_cohort(prepared: Prepared) -> CohortModel:
    """What a study's virtual people are drawn from and treated with.

    Raises:
      UserError: a spread that cannot be drawn from.
    """
    import jax.numpy as jnp

    import calibration
    import remodeling
    from calibration import CORTICAL, TRABECULAR

    study = prepared.study
    settings, months = settings_of(study), month_of(study)
    spine = calibration.make_fast_vertebra(
        np.concatenate([level.density_ha for level in prepared.levels]),
        np.concatenate([level.compartments for level in prepared.levels]),
    )
    weight, kinds = np.asarray(spine.weight), np.asarray(spine.compartments)
    person = make_person(study.subject)
    means = {name: float(getattr(person, name)) for name in DEFAULT_SPREADS if name not in _DENSITIES}
    for name, code in zip(_DENSITIES, (TRABECULAR, CORTICAL), strict=True):
        inside = weight * (kinds == code)
        means[name] = 1000 * float(np.asarray(spine.density) @ inside / inside.sum())
    spreads, told = {}, []
    rows = {row.of: row for row in settings.spread}
    for name, mean in means.items():
        row, source = _row(name, mean, rows.get(name))
        low, high = _limits(name, mean, row)
        unit = mean if name in _DENSITIES else 1.0
        with input_errors(f"[[cohort.spread]] of {name}"):
            spreads[_DENSITIES.get(name, name)] = calibration.make_spread(
                mean / unit, row.sd / unit, low=low / unit, high=high / unit
            )
        told.append({"of": name, "mean": mean, "sd": row.sd, "low": low, "high": high, "source": source})
    days = months * 365.25 / 12
    protocols = [
        remodeling.make_protocol(
            [dose for dose in doses_of(arm) if dose.start_day < days], duration_days=days
        )
        for arm in prepared.arms
    ]
    history = study.subject.history
    years = STEADY_YEARS if history is None else history.years
    cohort = calibration.Cohort(
        seed=jnp.asarray(settings.seed),
        person=person,
        spreads=spreads,
        response_log_sd=jnp.asarray(float(np.sqrt(np.log1p(settings.response_cv**2)))),
        doses_taken=jnp.asarray(settings.doses_taken),
        protocols=remodeling.stack_protocols(protocols),
        vertebra=spine,
        parameters=prepared.parameters,
        before=None if prepared.history is None else prepared.history.baseline,
        history_years=jnp.asarray(years),
        onset_years=jnp.asarray(0.0 if history is None else history.onset_years),
        varied=calibration.LEARNED,
        own_igf1=history is not None and history.igf1_ng_ml is None,
        months=months,
        history_steps=STEADY_STEPS if history is None else _history_steps(years, told[0]["sd"]),
    )
    return CohortModel(cohort, settings, tuple(arm.name for arm in prepared.arms), means, told)


def _row(name: str, mean: float, given: SpreadRow | None) -> tuple[SpreadRow, str]:
    if given is not None:
        return given, "the study"
    default = DEFAULT_SPREADS[name]
    return SpreadRow(of=name, sd=default.sd * (mean if default.relative else 1.0)), default.source


def _limits(name: str, mean: float, row: SpreadRow) -> tuple[float, float]:
    """Limits of a property: those of its row, within what the program accepts of a subject."""
    if name in _DENSITIES:
        low, high = (factor * mean for factor in _DENSITY_FACTORS)
    else:
        limits = Subject.__dataclass_fields__[name].metadata
        low, high = float(limits["low"]), float(limits["high"])
    return max(low, row.low or 0.0), min(high, high if row.high is None else row.high)


def _history_steps(years: float, age_sd: float) -> int:
    """Steps of the longest history: menopause is as much longer ago as a woman is older."""
    needed = (years + 4 * age_sd) * 365.25 / HISTORY_STEP_DAYS
    return next((steps for steps in HISTORY_STEPS if needed <= steps), HISTORY_STEPS[-1])


@functools.cache
def _programs() -> tuple[Any, Any, int]:
    """Drawing of people, their outcomes on every device at once, and the number of devices."""
    import jax
    from jax.sharding import Mesh, PartitionSpec

    import calibration

    devices = jax.devices()
    mesh = Mesh(np.array(devices), ("people",))
    # Every device runs the program of one block, so that a person's numbers do not depend on their number.
    outcomes = jax.jit(
        jax.shard_map(
            calibration.cohort_outcomes,
            mesh=mesh,
            in_specs=(PartitionSpec("people"), PartitionSpec()),
            out_specs=PartitionSpec("people"),
            check_vma=False,
        )
    )
    return jax.jit(calibration.draw_people), outcomes, len(devices)


def follow_blocks(
    model: CohortModel,
    blocks: range,
    checkpoints: Checkpoints,
    done: Callable[[int], None],
) -> Outcomes:
    """Everybody in a range of blocks under every arm; blocks that are kept are not computed again.

    Args:
      model: of `make_cohort`.
      blocks: numbers of blocks; block k holds the people from k BLOCK on.
      checkpoints: where blocks are kept and found.
      done: called with the number of blocks that are new after each step.
    """
    import jax
    import jax.numpy as jnp

    draw, _, devices = _programs()
    cohort = model.cohort
    place, month = _curve_of(model.settings.endpoint), cohort.months
    curves = [_curve_of(name) for name in ENDPOINTS]

    def followed(numbers: Any) -> dict[str, Any]:
        people = draw(numbers, cohort)
        found = outcomes_of(people, cohort)
        return {
            "people": _properties(people, model),
            "change": found.curves[:, :, jnp.asarray(curves), month] - 100.0,
            "course": found.curves[:, :, place],
            "levels": jnp.stack([getattr(found, name) for name in LEVELS], -1),
        }

    like = jax.eval_shape(followed, jnp.arange(BLOCK * devices))
    like = jax.tree.map(lambda leaf: np.zeros((BLOCK, *leaf.shape[1:]), leaf.dtype), like)
    kept: dict[int, Any] = {}
    for block in blocks:
        part = checkpoints.load(block_name(block), like)
        if part is not None:
            kept[block] = jax.tree.map(np.asarray, part)
    done(len(kept))
    missing = [block for block in blocks if block not in kept]
    for first in range(0, len(missing), devices):
        now = missing[first : first + devices]
        # a device without a block of its own repeats the last one
        asked = [*now, *[now[-1]] * (devices - len(now))]
        numbers = np.concatenate([block * BLOCK + np.arange(BLOCK) for block in asked])
        found = jax.tree.map(np.asarray, followed(jnp.asarray(numbers)))
        for position, block in enumerate(now):
            rows = slice(position * BLOCK, (position + 1) * BLOCK)
            kept[block] = jax.tree.map(lambda leaf, rows=rows: leaf[rows], found)
            checkpoints.save(block_name(block), kept[block])
        done(len(now))
    whole = jax.tree.map(lambda *parts: np.concatenate(parts), *(kept[block] for block in blocks))
    numbers = np.concatenate([block * BLOCK + np.arange(BLOCK) for block in blocks])
    inside = numbers < model.settings.people
    whole = jax.tree.map(lambda leaf: leaf[inside], whole)
    # what nothing moves is 0, not a rounding error
    for name in ("change", "course"):
        whole[name] = np.round(whole[name], 9) + 0.0
    return Outcomes(numbers=numbers[inside], **whole)


def block_name(block: int) -> str:
    """Name of a block's checkpoint."""
    return f"block-{block:05d}"


def outcomes_of(people: Any, cohort: Any) -> Any:
    """`calibration.cohort_outcomes` of as many blocks as there are devices."""
    return _programs()[1](people, cohort)


def posterior_changes(model: CohortModel, held: tuple[str, ...]) -> np.ndarray:
    """Change of the endpoint at the month in the middle person under draws of the posterior, row 0 none.

    Args:
      model: of `make_cohort`.
      held: parameters that the study gives, which are not drawn.

    Returns:
      % of the start, (draws + 1, arms).
    """
    import jax
    import jax.numpy as jnp

    import calibration

    cohort = model.cohort
    posterior, _ = calibration.shipped_posterior()
    drawn = calibration.posterior_deviations(posterior, jax.random.key(SEED), DRAWS, held=held)
    zero = jnp.zeros(DRAWS + 1)
    moved = jnp.stack([drawn.get(name, zero) for name in cohort.varied], axis=1)
    step = BLOCK * _programs()[2]
    found = []
    for first in range(0, DRAWS + 1, step):
        rows = jnp.minimum(jnp.arange(first, first + step), DRAWS)
        ones = jnp.ones(step)
        people = calibration.VirtualPeople(
            person=jax.tree.map(lambda leaf: jnp.full(step, leaf, leaf.dtype), cohort.person),
            trabecular_density=ones,
            cortical_density=ones,
            share_taken=ones * cohort.doses_taken,
            log_response=moved[rows],
        )
        curves = outcomes_of(people, cohort).curves
        found.append(np.asarray(curves[:, :, _curve_of(model.settings.endpoint), -1]) - 100.0)
    return np.concatenate(found)[: DRAWS + 1]


def _curve_of(endpoint: str) -> int:
    import calibration

    return calibration.QUANTITIES.index(ENDPOINTS[endpoint].curve)


def _properties(people: Any, model: CohortModel) -> dict[str, Any]:
    """Properties of people in the units of the tables."""
    names = [name for name in DEFAULT_SPREADS if name not in _DENSITIES]
    found = {name: getattr(people.person, name) for name in names}
    if float(model.cohort.person.female) > 0.5:
        found["years_since_menopause"] = people.person.years_since_menopause
    for name, factor in _DENSITIES.items():
        found[name] = model.means[name] * getattr(people, factor)
    return {**found, "share_of_doses_taken": people.share_taken}
