"""Doses from an event table with the columns that NONMEM users know.

    ID    subject; the rows of one are taken (`events_id`, or the only one there is)
    TIME  days (or hours, `events_time`) since the start, not decreasing within a subject
    EVID  0 an observation, passed over; 1 a dose; absent: a dose where AMT is above 0
    AMT   amount, mg or the unit of the drug
    CMT   name of the drug, as in `drug`
    II    days (or hours) between the doses that ADDL adds
    ADDL  further doses
    RATE, SS  0: infusions and steady states are not written here
    DV    passed over, as every other column

Empty cells and "." are missing. Lines that start with "#" are passed over.
"""

import csv
import dataclasses
import math
from pathlib import Path

from ._schema import Binder
from ._study_tables import Arm, DoseRow, Study

MOST_BYTES = 4_000_000
"Largest table that is read."
_NEEDED = ("TIME", "AMT", "CMT")
_HOURS = 24.0


def with_event_tables(study: Study, binder: Binder, base: Path) -> Study:
    """The study with the doses of every event table written out; complaints go to `binder`.

    Args:
      study: checked but for its tables.
      binder: takes the complaints.
      base: folder that the paths of the tables start from.
    """
    arms = tuple(_with_table(arm, f"arm[{index}]", binder, base) for index, arm in enumerate(study.arm))
    return dataclasses.replace(study, arm=arms)


def _with_table(arm: Arm, where: str, binder: Binder, base: Path) -> Arm:
    if arm.events is None:
        for name in ("events_id", "events_time"):
            if getattr(arm, name) is not None:
                binder.complain(f"{where}.{name}", 'is given without a table; add events = "FILE.csv"')
        return arm
    problems: list[str] = []
    rows = _rows(base / arm.events, arm, problems)
    for problem in problems:
        binder.complain(f"{where}.events", f"'{arm.events}': {problem}")
    return dataclasses.replace(arm, dose=arm.dose + rows, events=None, events_id=None, events_time=None)


def _rows(path: Path, arm: Arm, problems: list[str]) -> tuple[DoseRow, ...]:
    try:
        if path.stat().st_size > MOST_BYTES:
            problems.append(f"has {path.stat().st_size} bytes; at most {MOST_BYTES} are read")
            return ()
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"cannot be read as text ({getattr(error, 'strerror', None) or error})")
        return ()
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    lines = [(number, line) for number, line in lines if not line.startswith("#")]
    if not lines:
        problems.append("is empty; its first line must name the columns")
        return ()
    try:
        cells = list(csv.reader([line for _, line in lines], strict=True))
    except csv.Error as error:
        problems.append(f"is no table of cells between commas ({error})")
        return ()
    head = [name.strip().upper() for name in cells[0]]
    for name in _NEEDED:
        if name not in head:
            problems.append(f"has no column {name}; it has {', '.join(head)}")
    for name in {name for name in head if head.count(name) > 1}:
        problems.append(f"has the column {name} twice")
    if problems:
        return ()
    scale = 1.0 / _HOURS if arm.events_time == "hours" else 1.0
    events = []
    for (number, _), row in zip(lines[1:], cells[1:], strict=True):
        if len(row) != len(head):
            problems.append(f"line {number} has {len(row)} cells, the first line has {len(head)}")
            continue
        named = {name: cell.strip() for name, cell in zip(head, row, strict=True)}
        events.append((number, {name: "" if cell == "." else cell for name, cell in named.items()}))
    chosen = _of_subject(events, arm, problems)
    doses, before = [], -math.inf
    for number, row in chosen:
        dose = _dose(number, row, scale, problems)
        if dose is not None:
            if dose.start_day < before:
                problems.append(f"line {number}: TIME goes back; sort the rows of a subject by TIME")
            before = dose.start_day
            doses.append(dose)
    if not problems and not doses:
        problems.append("holds no dose of this subject (EVID 1, AMT above 0)")
    return () if problems else _joined(doses)


def _of_subject(events, arm: Arm, problems: list[str]):
    found = sorted({row.get("ID", "") for _, row in events})
    if arm.events_id is None:
        if len(found) > 1:
            shown = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
            problems.append(f"holds {len(found)} subjects ({shown}); choose one with events_id")
        return events
    if arm.events_id not in found:
        problems.append(f"holds no subject {arm.events_id!r} in its column ID; it has {', '.join(found[:5])}")
    return [(number, row) for number, row in events if row.get("ID", "") == arm.events_id]


def _dose(number: int, row: dict[str, str], scale: float, problems: list[str]) -> DoseRow | None:
    """The dose of a row; None for an observation or a complaint."""

    def value(name: str, default: float) -> float:
        text = row.get(name, "")
        try:
            parsed = float(text) if text else default
        except ValueError:
            parsed = math.nan
        if not math.isfinite(parsed):
            problems.append(f"line {number}: {name} is {text!r}; it must be a finite number")
            return math.nan
        return parsed

    before = len(problems)
    amount = value("AMT", 0.0)
    kind = value("EVID", float(amount > 0))
    if kind == 0 or len(problems) > before:
        return None
    if kind != 1:
        problems.append(f"line {number}: EVID is {kind:g}; only 0 (observation) and 1 (dose) are known")
        return None
    for name, advice in (
        ("RATE", "no infusion; a patch or pump is a drug of its own, dosed in mg/day"),
        ("SS", "no steady state; begin with the doses that lead to it"),
    ):
        if value(name, 0.0) != 0:
            problems.append(f"line {number}: {name} is {row[name]}; only 0 is known: {advice}")
    time, interval, more = value("TIME", math.nan), value("II", 0.0) * scale, value("ADDL", 0.0)
    if not row["CMT"]:
        problems.append(f"line {number}: CMT is empty; it must name the drug of the dose")
    if amount <= 0:
        problems.append(f"line {number}: AMT is {amount:g}; a dose needs an amount above 0")
    if time < 0:
        problems.append(f"line {number}: TIME is {time:g}; a dose can be given from 0 on")
    if more < 0 or more != int(more if math.isfinite(more) else 0) or (more > 0 and not interval > 0):
        problems.append(
            f"line {number}: ADDL is {more:g} with II {row.get('II') or 0}; further doses need a whole "
            "number and an interval above 0"
        )
    if len(problems) > before:
        return None
    start = time * scale
    if more == 0:
        return DoseRow(drug=row["CMT"], amount_mg=amount, start_day=start)
    stop = start + (more + 0.5) * interval
    return DoseRow(drug=row["CMT"], amount_mg=amount, every_days=interval, start_day=start, stop_day=stop)


def _joined(doses: list[DoseRow]) -> tuple[DoseRow, ...]:
    """Single doses of one drug and amount at even distances as one line, so that the model stays small."""
    joined: list[DoseRow] = []
    ends: list[float] = []
    for dose in doses:
        last = next(
            (
                index
                for index in reversed(range(len(joined)))
                if (joined[index].drug, joined[index].amount_mg) == (dose.drug, dose.amount_mg)
            ),
            None,
        )
        if last is not None and dose.every_days is None and _continues(joined[last], ends[last], dose):
            gap = joined[last].every_days or dose.start_day - ends[last]
            joined[last] = dataclasses.replace(
                joined[last], every_days=gap, stop_day=dose.start_day + 0.5 * gap
            )
            ends[last] = dose.start_day
            continue
        joined.append(dose)
        ends.append(
            dose.start_day if dose.stop_day is None else dose.stop_day - 0.5 * (dose.every_days or 0.0)
        )
    return tuple(joined)


def _continues(line: DoseRow, end: float, dose: DoseRow) -> bool:
    gap = dose.start_day - end
    return gap > 0 and (line.every_days is None or math.isclose(gap, line.every_days, rel_tol=1e-6))
