"""Which published observations the fast model answers, and these as arrays for one program."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._arm_courses import ArmBatch
from ._arm_curves import FIRST_MARKER, QUANTITIES, row_of_month
from ._arm_people import menopause_of
from ._trials import Observation, TrialArm, Trials

MEASURED_BY = {
    "spine_areal_bmd": "areal",
    "spine_bmc": "areal",
    "spine_trabecular_vbmd": "trabecular",
    "spine_integral_vbmd": "integral",
    "spine_cortical_vbmd": "cortical",
    **dict.fromkeys(
        ("ctx", "ntx", "ictp", "pyridinoline", "deoxypyridinoline", "hydroxyproline"), "resorption"
    ),
    **dict.fromkeys(("p1np", "picp", "bsap", "alp", "osteocalcin"), "formation"),
}
"""Curve of the fast model (QUANTITIES) that answers an observable. Mineral content of the spine is its areal
density, as the projected area stays."""
BASELINE_AREAL_DENSITY = 1.05
"""Areal density of the spine before treatment, g/cm2, where a change is printed in g/cm2 (assumed: a young
adult; makers of scanners differ by a tenth)."""
_COMPARED = ("difference", "rate_difference")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ObservationTable:
    """Observations as arrays; a prediction is scale times a change in %, less that of the reference."""

    person: jax.Array
    "rows of the people of the arm in the batch, integer, (observations, 2)"
    person_share: jax.Array
    "share of each in the mean of the arm, (observations, 2)"
    reference: jax.Array
    "the same of the reference arm, (observations, 2)"
    reference_share: jax.Array
    "its shares; 0 where the observation is not against it, (observations, 2)"
    quantity: jax.Array
    "curve in QUANTITIES, integer, (observations,)"
    row: jax.Array
    "rows of the curve just before the start and the end of the change, integer, (observations, 2)"
    way: jax.Array
    "share of the way from there to the next row, (observations, 2)"
    scale: jax.Array
    "unit of the observation over %: 1, 1 / years of a rate, g/cm2 per % of an absolute one, (observations,)"
    value: jax.Array
    "measured, in the unit of the observation; of an interval 0, (observations,)"
    low: jax.Array
    "lower end of an interval, -inf where open; of a number -inf, (observations,)"
    high: jax.Array
    "upper end of an interval, inf where open; of a number inf, (observations,)"
    standard_error: jax.Array
    "of the mean, or softness of the ends, in the unit of the observation, (observations,)"
    interval: jax.Array
    "1 an interval, 0 a number, (observations,)"
    marker: jax.Array
    "1 a turnover marker, 0 a density, integer, (observations,)"
    block: jax.Array
    "number of its group and class, which share a deviation of the trial, integer, (observations,)"
    blocks: int = field(metadata={"static": True})
    "number of blocks"


@dataclass(frozen=True)
class LeftOut:
    """An observation that the fast model does not answer."""

    observation: Observation
    "what was observed"
    reason: str
    "why it is left out"


def unanswered(trials: Trials) -> tuple[LeftOut, ...]:
    """Observations of the tables that the fast model cannot answer, each with the reason."""
    found = []
    for seen in trials.observations:
        reason = _reason(trials, seen)
        if reason is not None:
            found.append(LeftOut(seen, reason))
    return tuple(found)


def answered(trials: Trials, observations: Sequence[Observation] | None = None) -> tuple[Observation, ...]:
    """Those among observations (all if None) that the fast model can answer."""
    asked = trials.observations if observations is None else observations
    return tuple(seen for seen in asked if _reason(trials, seen) is None)


def arms_of(trials: Trials, observations: Sequence[Observation]) -> tuple[TrialArm, ...]:
    """Arms that observations are of or against, each once, in the order of the table."""
    names = {seen.arm for seen in observations} | {
        str(trials.arms[seen.arm].reference) for seen in observations if is_compared(seen)
    }
    return tuple(arm for name, arm in trials.arms.items() if name in names)


def is_compared(seen: Observation) -> bool:
    """Whether an observation is against the reference arm."""
    return seen.kind in _COMPARED or "difference" in seen.unit


def _reason(trials: Trials, seen: Observation) -> str | None:
    """Why an observation is left out; None: it is not."""
    arm = trials.arms[seen.arm]
    if seen.observable not in MEASURED_BY:
        return "not a density of the spine or a turnover marker"
    if seen.start_month is None or seen.end_month is None:
        return "no months printed"
    if not (seen.unit.startswith("%") or seen.unit in ("g/cm2 change", "g/cm2 difference")):
        return f"its unit, {seen.unit}, is against no level before treatment"
    if seen.standard_error is None:
        return "no standard error"
    needed = [arm]
    if is_compared(seen):
        if arm.reference is None:
            return "no reference arm in the table"
        needed.append(trials.arms[arm.reference])
    for one in needed:
        whose = "the arm" if one is arm else "its reference arm"
        if one.levels_source is None:
            return f"what was done to {whose} cannot be told to the model"
        if one.sex != "male" and menopause_of(one) is None:
            return f"years since menopause of {whose} are not known"
    return None


def make_observation_table(
    trials: Trials, observations: Sequence[Observation], batch: ArmBatch, *, dtype: Any = None
) -> ObservationTable:
    """Observations as arrays for the people of a batch.

    Args:
      trials: the tables.
      observations: of `answered`.
      batch: hormone courses of their arms (`arms_of`).
      dtype: floating type; jax's default unless given.

    Raises:
      ValueError: no observation, one that the fast model cannot answer, an arm that the batch lacks, or a
        month after its end.
    """
    if not observations:
        raise ValueError("`observations` must hold at least one, got none")
    for seen in observations:
        reason = _reason(trials, seen)
        if reason is not None:
            raise ValueError(
                f"`observations` must be ones the fast model answers, got {seen.observable} of {seen.arm!r}: "
                f"{reason}; choose with `answered`"
            )
        if not 0.0 <= float(seen.start_month or 0.0) <= float(seen.end_month or 0.0) <= batch.months:
            raise ValueError(
                f"`observations` must lie within the {batch.months} months of `batch`, got {seen.arm!r} "
                f"from {seen.start_month} to {seen.end_month}"
            )
    blocks: dict[tuple[str, int], int] = {}
    rows = [_row(trials, seen, batch, blocks) for seen in observations]
    whole = {"person", "reference", "quantity", "row", "marker", "block"}
    columns: dict[str, Any] = {
        name: jnp.asarray(
            np.array([row[name] for row in rows]), jnp.int32 if name in whole else dtype or float
        )
        for name in rows[0]
    }
    return ObservationTable(**columns, blocks=len(blocks))


def _row(
    trials: Trials, seen: Observation, batch: ArmBatch, blocks: dict[tuple[str, int], int]
) -> dict[str, Any]:
    """One observation by field of ObservationTable."""
    arm = trials.arms[seen.arm]
    quantity = QUANTITIES.index(MEASURED_BY[seen.observable])
    marker = quantity >= FIRST_MARKER
    start, end = float(seen.start_month or 0.0), float(seen.end_month or 0.0)
    places = [row_of_month(month, marker=marker, months=batch.months) for month in (start, end)]
    person, share = _people(arm.name, batch)
    against = _people(str(arm.reference), batch) if is_compared(seen) else ((0, 0), (0.0, 0.0))
    interval = seen.value is None
    return {
        "person": person,
        "person_share": share,
        "reference": against[0],
        "reference_share": against[1],
        "quantity": quantity,
        "row": [low for low, _ in places],
        "way": [way for _, way in places],
        "scale": _scale(seen, end - start),
        "value": 0.0 if seen.value is None else seen.value,
        "low": -np.inf if seen.low is None or not interval else seen.low,
        "high": np.inf if seen.high is None or not interval else seen.high,
        "standard_error": seen.standard_error,
        "interval": float(interval),
        "marker": int(marker),
        "block": blocks.setdefault((arm.group, int(marker)), len(blocks)),
    }


def _people(name: str, batch: ArmBatch) -> tuple[tuple[int, int], tuple[float, float]]:
    """Rows of an arm in the batch, and their shares."""
    rows = [row for row, arm in enumerate(batch.arms) if arm == name]
    if not rows:
        raise ValueError(f"`batch` needs the arm {name!r}, got {len(set(batch.arms))} others; see `arms_of`")
    return (rows[0], rows[-1]), (0.5, 0.5)


def _scale(seen: Observation, months: float) -> float:
    """Unit of an observation over %."""
    if seen.unit.startswith("g/cm2"):
        return BASELINE_AREAL_DENSITY / 100.0
    return 12.0 / months if "year" in seen.unit else 1.0
