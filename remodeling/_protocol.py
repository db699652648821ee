"""A prescription: what is given, how much, when, and until when."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from ._drugs import DRUGS

MOST_DOSES = 20_000
"""Doses one line of a prescription may expand to."""


@dataclass(frozen=True)
class Dose:
    """One line of a prescription."""

    drug: str
    "name in DRUGS"
    amount_mg: float
    """single dose, mg (of the ester for esters, of testosterone for gel), or in the unit of the drug: IU
    of hCG, U of insulin, mg/day delivered by a patch or a pump"""
    every_days: float | None = None
    "interval, days; None: one dose"
    start_day: float = 0.0
    "day of the first dose, from the start of the simulation; negative: before it"
    stop_day: float | None = None
    "no dose at or after this day; None: to the end"
    route: str | None = None
    "route; None: the drug's default"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Protocol:
    """A prescription written out dose by dose; amounts and days may be differentiated."""

    dose_day: tuple[jax.Array, ...]
    "days of the doses of each line, (doses,)"
    dose_mg: tuple[jax.Array, ...]
    "amounts of each line, mg or the dose unit of the drug, (doses,)"
    drugs: tuple[str, ...] = field(metadata={"static": True})
    "drug of each line"


def make_protocol(
    doses: Sequence[Dose], *, duration_days: float, missed_days: Sequence[float] = (), dtype=None
) -> Protocol:
    """A checked prescription over the duration of a simulation.

    Args:
      doses: lines of the prescription; none: no treatment.
      duration_days: length of the simulation, days.
      missed_days: doses whose day (floor) is listed here are not given.

    Raises:
      ValueError: unknown drug or route, an amount or time out of range.

    >>> weekly = Dose(drug="testosterone-cypionate", amount_mg=100, every_days=7)
    >>> protocol = make_protocol([weekly], duration_days=28)
    >>> protocol.drugs, protocol.dose_day[0].tolist()
    (('testosterone-cypionate',), [0.0, 7.0, 14.0, 21.0])
    """
    if not (math.isfinite(duration_days) and duration_days > 0):
        raise ValueError(f"`duration_days` must be positive and finite, got {duration_days}")
    days, amounts = [], []
    for line, dose in enumerate(doses):
        times = _times(dose, line, duration_days)
        times = times[~np.isin(np.floor(times), np.floor(np.asarray(missed_days, float)))]
        days.append(jnp.asarray(times, dtype or float))
        amounts.append(jnp.full(times.shape, dose.amount_mg, dtype or float))
    return Protocol(dose_day=tuple(days), dose_mg=tuple(amounts), drugs=tuple(dose.drug for dose in doses))


def _times(dose: Dose, line: int, duration_days: float) -> np.ndarray:
    where = f"line {line} of `doses`"
    if dose.drug not in DRUGS:
        raise ValueError(f"`drug` must be one of {sorted(DRUGS)}, got {dose.drug!r} in {where}")
    drug = DRUGS[dose.drug]
    if dose.route is not None and dose.route not in drug.routes:
        raise ValueError(
            f"`route` of {drug.name} must be one of {drug.routes}, got {dose.route!r} in {where}"
        )
    low, high = drug.dose_range_mg
    if not low <= dose.amount_mg <= high:
        raise ValueError(
            f"`amount_mg` of {drug.name} must be between {low:g} and {high:g} {drug.dose_unit}, got "
            f"{dose.amount_mg} in {where}"
        )
    if not math.isfinite(dose.start_day):
        raise ValueError(f"`start_day` must be finite, got {dose.start_day} in {where}")
    if dose.start_day >= duration_days:
        raise ValueError(
            f"`start_day` must lie before the end of the simulation ({duration_days:g} days), "
            f"got {dose.start_day} in {where}"
        )
    if dose.stop_day is not None and not dose.stop_day > dose.start_day:
        raise ValueError(
            f"`stop_day` must lie after `start_day` {dose.start_day}, got {dose.stop_day} in {where}"
        )
    end = duration_days if dose.stop_day is None else min(dose.stop_day, duration_days)
    if dose.every_days is None:
        return np.array([dose.start_day])
    if not (math.isfinite(dose.every_days) and dose.every_days > 0):
        raise ValueError(f"`every_days` must be positive, got {dose.every_days} in {where}")
    count = math.ceil((end - dose.start_day) / dose.every_days - 1e-9)
    if count > MOST_DOSES:
        raise ValueError(
            f"`every_days` {dose.every_days} gives {count} doses in {where}; at most {MOST_DOSES}"
        )
    return dose.start_day + dose.every_days * np.arange(max(count, 0))
