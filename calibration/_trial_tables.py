"""Reads the tables of trials, checks every line, and names all mistakes at once."""

from pathlib import Path
from typing import Any, get_args

from ._observables import OBSERVABLES, plausible_range
from ._table_rows import Row, read_rows
from ._trial_arms import read_arms, read_groups
from ._trials import Observation, Reading, SourceLevel, TrialArm, TrialGroup, Trials, Uncertainty

TRIALS = Path(__file__).parent / "trials"
"""Folder of the tables that come with the package."""

OBSERVATION_COLUMNS = (
    "simulationConditionId",
    "observableId",
    "kind",
    "unit",
    "startTime",
    "time",
    "measurement",
    "low",
    "high",
    "noiseParameters",
    "persons",
    "uncertainty",
    "reading",
    "sourceLevel",
    "url",
    "note",
)
UNITS = {
    "change": ("%",),
    "difference": ("%",),
    "annual_rate": ("%/year",),
    "rate_difference": ("%/year",),
    "interval": ("%", "%/year", "% difference"),
    "absolute": ("g/cm2 change", "g/cm2 difference", "g/cm2/year", "ng/L difference", "Z-score"),
}
"""Kinds of observations and the units of each."""


def read_trials(folder: str | Path | None = None) -> Trials:
    """The trials of a folder with `groups.tsv`, `arms.tsv` and `observations.tsv` (docs/trials.md).

    Args:
      folder: where the tables are; None: those that come with the package.

    Raises:
      ValueError: names every mistake in the tables, each with file, line, column, what is allowed and what
        was found.

    >>> trials = read_trials()
    >>> sorted({group.role for group in trials.groups.values()})
    ['calibration', 'context', 'validation']
    """
    folder = TRIALS if folder is None else Path(folder)
    problems: list[str] = []
    groups = read_groups(folder, problems)
    arms = read_arms(folder, groups, problems)
    observations = _observations(folder, groups, arms, problems)
    if problems:
        raise ValueError(f"`folder` has {len(problems)} mistakes to mend:\n" + "\n".join(problems))
    return Trials(groups, arms, observations)


def _observations(
    folder: Path, groups: dict[str, TrialGroup], arms: dict[str, TrialArm], problems: list[str]
) -> tuple[Observation, ...]:
    observations, lines = [], {}
    for row in read_rows(folder / "observations.tsv", OBSERVATION_COLUMNS, problems):
        key = tuple(
            row.text(c) for c in ("simulationConditionId", "observableId", "kind", "startTime", "time")
        )
        if key in lines:
            row.wrong("simulationConditionId", f"observed once; line {lines[key]} is the same observation")
        lines[key] = row.line
        observations.append(_observation(row, groups, arms))
    return tuple(observations)


def _observation(row: Row, groups: dict[str, TrialGroup], arms: dict[str, TrialArm]) -> Observation:
    arm, kind, unit = row.text("simulationConditionId"), row.text("kind"), row.text("unit")
    if arm not in arms:
        row.wrong("simulationConditionId", "a `conditionId` of arms.tsv")
    observable = row.one_of("observableId", OBSERVABLES)
    row.one_of("kind", UNITS)
    row.one_of("unit", UNITS.get(kind, [u for units in UNITS.values() for u in units]))
    compared = kind in ("difference", "rate_difference") or unit.endswith(" difference")
    if compared and arm in arms and arms[arm].reference is None:
        row.wrong("kind", "no difference where the arm has no `referenceConditionId`")
    context = arm in arms and arms[arm].group in groups and groups[arms[arm].group].role == "context"
    low, high = plausible_range(observable, unit) if observable in OBSERVABLES else (-1e6, 1e6)
    values = {column: row.number(column, low, high) for column in ("measurement", "low", "high")}
    error = row.number("noiseParameters", 0.0, high - low, required=kind != "absolute")
    if error == 0.0:
        row.wrong("noiseParameters", "above 0")
    _check_values(row, kind, values)
    start, end = _times(row, optional=context or kind == "absolute")
    persons = row.matching("persons", r"[1-9]\d*", "a whole number above 0 or empty") or ""
    words: dict[str, Any] = {
        "uncertainty": row.one_of(
            "uncertainty", get_args(Uncertainty), optional=not row.text("noiseParameters")
        ),
        "reading": row.one_of("reading", get_args(Reading)),
        "source_level": row.one_of("sourceLevel", get_args(SourceLevel)),
        "kind": kind,
    }
    return Observation(
        arm=arm,
        observable=observable or "",
        unit=unit,
        start_month=start,
        end_month=end,
        value=values["measurement"],
        low=values["low"],
        high=values["high"],
        standard_error=error,
        persons=int(persons) if persons.isdecimal() else None,
        url=row.matching("url", r"https?://\S+", "an address that starts with http"),
        note=row.text("note"),
        **words,
    )


def _check_values(row: Row, kind: str, values: dict[str, float | None]) -> None:
    """An interval has ends and no mean; everything else has a mean, within its limits."""
    mean, low, high = values["measurement"], values["low"], values["high"]
    if kind == "interval":
        if row.text("measurement"):
            row.wrong("measurement", "empty for an interval")
        if not (row.text("low") or row.text("high")):
            row.wrong("low", "filled in for an interval, or `high`")
    elif not row.text("measurement"):
        row.wrong("measurement", f"filled in for the kind {kind}")
    if low is not None and high is not None and low > high:
        row.wrong("low", f"at most `high`, {high:g}")
    elif mean is not None and not (low is None or low <= mean) & (high is None or mean <= high):
        row.wrong("measurement", "between `low` and `high`")


def _times(row: Row, *, optional: bool) -> tuple[float | None, float | None]:
    start = row.number("startTime", 0.0, 600.0, required=not optional)
    end = row.number("time", 0.0, 600.0, required=not optional)
    if start is not None and end is not None and end <= start:
        row.wrong("time", f"after `startTime`, {start:g}")
    return start, end
