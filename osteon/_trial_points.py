"""What published trials saw, beside what a run says of the same quantity over the same time."""

from __future__ import annotations

import difflib
import functools
from typing import Any

import numpy as np

from ._arm_draws import COLUMNS, DrawsOf, change_ends, intervals, trial_deviation
from ._errors import UserError
from ._quantities import select
from ._study import UNTREATED
from ._study_tables import Study

_RESORPTION = ("ctx", "ntx", "ictp", "pyridinoline", "deoxypyridinoline", "hydroxyproline")
_FORMATION = ("p1np", "picp", "bsap", "alp", "osteocalcin")
MEASURED_BY = {
    "spine_areal_bmd": "spine_dxa_percent",
    "spine_trabecular_vbmd": "trabecular_qct_percent",
    "spine_integral_vbmd": "integral_qct_percent",
    "spine_cortical_vbmd": "cortical_vbmd_mg_cm3",
    "spine_strength": "strength_pistoia_n",
    **dict.fromkeys(_RESORPTION, "resorption_percent"),
    **dict.fromkeys(_FORMATION, "formation_percent"),
}
"""Quantity of a run by the observable of a trial (`calibration.OBSERVABLES`)."""


@functools.cache
def shipped_trials() -> Any:
    """The trial table of the package, `calibration.Trials`, read and checked once in a process."""
    import calibration

    return calibration.read_trials()


def trials_of_arms(study: Study) -> dict[str, tuple[str, ...]]:
    """Arms of the trial table that each arm of the study is shown beside.

    Raises:
      UserError: names that the table lacks.
    """
    named = {UNTREATED: study.untreated_trials, **{arm.name: arm.trials for arm in study.arm}}
    known = shipped_trials().arms if any(named.values()) else {}
    wrong = []
    for arm, names in named.items():
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f" (nearest: {near[0]})" if near else ""
                wrong.append(f"arm '{arm}' names the trial arm '{name}', which the table lacks{hint}")
    if wrong:
        raise UserError(f"{'; '.join(wrong)}; docs/trials.md lists them")
    return named


def trial_points(
    study: Study, rows: list[dict[str, Any]], level: str, draws: DrawsOf | None = None
) -> list[dict[str, Any]]:
    """Every observation of the named trials that a run can answer, with the run's answer.

    Differences between arms are taken against the arm of the study that is shown beside the trial's
    reference arm, or else the untreated one.

    Args:
      study: the study.
      rows: tidy time courses of the run.
      level: vertebra that stands for the lumbar spine.
      draws: of the run, for the intervals of the model's number; None: it has none.

    Returns:
      dicts with arm, trial, citation, quantity, kind, unit, start and end month, what was observed (value or
      None, with its 95 % interval, or the interval alone), the model's number with both of its intervals
      (None where the quantity has none; of a difference from the same draws of both arms), where the point
      lies on a graph of % change (shown, shown_low, shown_high), and what the trial did for the default
      parameters.
    """
    named = trials_of_arms(study)
    if not any(named.values()):
        return []
    trials = shipped_trials()
    homes: dict[str, list[str]] = {}
    for arm, names in named.items():
        for name in names:
            homes.setdefault(name, []).append(arm)
    made = []
    for seen in trials.observations:
        if MEASURED_BY.get(seen.observable) is None or not seen.unit.startswith("%"):
            continue
        if seen.start_month is None or seen.end_month is None:
            continue
        span = (seen.start_month - study.trials_from_month, seen.end_month - study.trials_from_month)
        if span[0] < 0 or span[1] > study.time.months:
            continue
        trial = trials.arms[seen.arm]
        compared = "difference" in seen.unit or seen.kind in ("difference", "rate_difference")
        reference = homes.get(trial.reference or "", [UNTREATED])[0] if compared else None
        for arm in homes.get(seen.arm, []):
            made.append(
                {
                    "level": level,
                    "arm": arm,
                    "trial": seen.arm,
                    "citation": trial.citation,
                    "defaults": trials.groups[trial.group].defaults,
                    "role": trials.groups[trial.group].role,
                    "reference": reference,
                    **_point(seen, span, rows, level, arm, reference, draws or {}),
                }
            )
    return made


def _point(
    seen: Any,
    span: tuple[float, float],
    rows: list[dict[str, Any]],
    level: str,
    arm: str,
    reference: str | None,
    draws: DrawsOf,
) -> dict[str, Any]:
    """One observation with the model's answer; `span`: its months in the time of the study."""
    quantity = MEASURED_BY[seen.observable]
    own = _changes(rows, level, arm, quantity, *span)
    base = 0.0 if reference is None else _changes(rows, level, reference, quantity, *span)[1]
    years = years_of(seen.unit, *span)
    low, high = seen.low, seen.high
    if seen.value is not None and (low is None or high is None) and seen.standard_error is not None:
        low, high = (seen.value + sign * 1.96 * seen.standard_error for sign in (-1, 1))

    def shown(value: float | None) -> float | None:
        """As % change from month 0, where a graph of the run has its lines."""
        if value is None:
            return None
        return 100 * ((1 + own[0] / 100) * (1 + (value * years + base) / 100) - 1)

    return {
        "observable": seen.observable,
        "quantity": quantity,
        "kind": seen.kind,
        "unit": seen.unit,
        "start_month": span[0],
        "month": span[1],
        "observed": seen.value,
        "low": low,
        "high": high,
        "uncertainty": seen.uncertainty,
        "model": (own[1] - base) / years,
        **{
            f"model_{name}": end
            for name, end in _model_intervals(
                (own[1] - base) / years, years, quantity, span, draws, level, arm, reference
            ).items()
        },
        "shown": shown(seen.value),
        "shown_low": shown(low),
        "shown_high": shown(high),
    }


def _model_intervals(
    value: float,
    years: float,
    quantity: str,
    span: tuple[float, float],
    draws: DrawsOf,
    level: str,
    arm: str,
    reference: str | None,
) -> dict[str, float | None]:
    """Intervals of the model's number by name of COLUMNS, None without draws of the quantity."""
    own = draws.get((level, arm))
    if own is None or quantity not in own.ratios:
        return dict.fromkeys(COLUMNS)
    base = None if reference is None else draws[level, reference]
    low, high = (end / years for end in change_ends(own, base, quantity, *span))
    found = intervals(np.asarray(value), low, high, trial_deviation(value * years, own) / years)
    return {name: float(end) for name, end in found.items()}


def _changes(
    rows: list[dict[str, Any]], level: str, arm: str, quantity: str, start: float, end: float
) -> tuple[float, float]:
    """% change from month 0 to the start, and from the start to the end."""
    course = select(rows, level=level, arm=arm, quantity=quantity)
    months = [row["month"] for row in course]
    values = [row["value"] for row in course]
    before, after = np.interp([start, end], months, values)
    return float(100 * (before / values[0] - 1)), float(100 * (after / before - 1))


GROUPS = {
    "spine DXA": ("spine_dxa_percent",),
    "trabecular QCT": ("trabecular_qct_percent",),
    "turnover markers": ("resorption_percent", "formation_percent"),
}
"""Quantities that are told apart when model and trials are counted."""


def agreement(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How far the model is from the trials, by kind of measurement and by use for the defaults.

    Args:
      points: of `trial_points`.

    Returns:
      dicts with group, whether the trials were used for the defaults, number of results, how many the model
      meets (inside the 95 % interval, or inside a stated range), and the median distance of those with a
      value, in % of baseline (rates as the change over their time).
    """
    made = []
    for group, quantities in GROUPS.items():
        for used in (True, False):
            mine = [
                point
                for point in points
                if point["quantity"] in quantities and (point["defaults"] != "none") == used
            ]
            if not mine:
                continue
            far = [
                abs(point["model"] - point["observed"])
                * years_of(point["unit"], point["start_month"], point["month"])
                for point in mine
                if point["observed"] is not None
            ]
            made.append(
                {
                    "group": group,
                    "used": used,
                    "results": len(mine),
                    "met": sum(is_met(point) for point in mine),
                    "median_distance": float(np.median(far)) if far else None,
                }
            )
    return made


def years_of(unit: str, start_month: float, month: float) -> float:
    """Years that turn a trial's number into a change: those of a rate, 1 for a change."""
    return (month - start_month) / 12 if "year" in unit else 1.0


def is_met(point: dict[str, Any]) -> bool:
    """Whether the model lies inside the interval of a trial's result."""
    low, high = point["low"], point["high"]
    return (low is None or point["model"] >= low) and (high is None or point["model"] <= high)
