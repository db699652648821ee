"""Groups and arms of trials: columns of their tables, and what a line must say."""

import re
from pathlib import Path
from typing import Any, get_args

import remodeling

from ._table_rows import Row, read_rows
from ._trials import (
    BaselineSource,
    Defaults,
    HormoneLevel,
    LevelsSource,
    PersonsSource,
    Role,
    Sex,
    TrialArm,
    TrialGroup,
)

GROUP_COLUMNS = ("groupId", "role", "defaults", "reason")
ARM_COLUMNS = (
    "conditionId",
    "groupId",
    "conditionName",
    "referenceConditionId",
    "sex",
    "age",
    "persons",
    "personsSource",
    "population",
    "yearsSinceMenopause",
    "yearsDeficient",
    "baselineLevels",
    "baselineSource",
    "protocol",
    "treatmentLevels",
    "treatmentLevelsSource",
    "loadFactor",
    "treatmentMonths",
    "citation",
    "doi",
    "pmid",
    "url",
    "note",
)
HORMONE_UNITS = {
    ("testosterone", "ng/dL"): (1.0, 1500.0),
    ("testosterone", "nmol/L"): (0.05, 50.0),
    ("estradiol", "pg/mL"): (0.5, 400.0),
    ("estradiol", "pmol/L"): (2.0, 1500.0),
    ("igf1", "ng/mL"): (20.0, 800.0),
    ("igf1", "% change"): (-60.0, 400.0),
    ("free_t4", "ng/dL"): (0.1, 12.0),
}
"""Units of hormone levels, and the least and largest plausible level in each."""

_NAME = r"[a-z0-9]+(-[a-z0-9]+)*"
_DOSE = re.compile(
    r"(?P<drug>\S+) (?P<amount>\d+(\.\d+)?)( every (?P<every>\d+(\.\d+)?))?"
    r"( from (?P<start>-?\d+(\.\d+)?))?( until (?P<stop>\d+(\.\d+)?))?"
)
_LEVEL = re.compile(r"(?P<hormone>\S+) (?P<value>\d+(\.\d+)?) (?P<unit>.+)")


def read_groups(folder: Path, problems: list[str]) -> dict[str, TrialGroup]:
    """Groups of `groups.tsv` by identifier."""
    groups: dict[str, TrialGroup] = {}
    for row in read_rows(folder / "groups.tsv", GROUP_COLUMNS, problems):
        name = _new_name(row, "groupId", groups)
        values: dict[str, Any] = {
            "role": row.one_of("role", get_args(Role)),
            "defaults": row.one_of("defaults", get_args(Defaults)),
            "reason": row.text("reason", required=True),
        }
        groups[name] = TrialGroup(name=name, **values)
    return groups


def read_arms(folder: Path, groups: dict[str, TrialGroup], problems: list[str]) -> dict[str, TrialArm]:
    """Arms of `arms.tsv` by identifier."""
    arms: dict[str, TrialArm] = {}
    rows = list(read_rows(folder / "arms.tsv", ARM_COLUMNS, problems))
    names = {row.cells["conditionId"] for row in rows}
    for row in rows:
        name = _new_name(row, "conditionId", arms)
        arms[name] = _arm(row, name, groups, names)
    return arms


def _new_name(row: Row, column: str, known: dict[str, Any]) -> str:
    name = row.matching(column, _NAME, "small letters and digits joined by hyphens", required=True) or ""
    if name in known:
        row.wrong(column, "the only one of its name")
    return name


def _arm(row: Row, name: str, groups: dict[str, TrialGroup], names: set[str]) -> TrialArm:
    group = row.text("groupId")
    if group not in groups:
        row.wrong("groupId", "a `groupId` of groups.tsv")
    reference = row.text("referenceConditionId") or None
    if reference is not None and (reference not in names or reference == name):
        row.wrong("referenceConditionId", "another `conditionId` of arms.tsv or empty")
    baseline, doses, levels = _levels(row, "baselineLevels"), _doses(row), _levels(row, "treatmentLevels")
    baseline_source = row.one_of("baselineSource", get_args(BaselineSource), optional=True)
    if bool(row.text("baselineLevels")) != (baseline_source is not None):
        row.wrong("baselineSource", "filled in exactly where `baselineLevels` is")
    source = row.one_of("treatmentLevelsSource", get_args(LevelsSource), optional=True)
    if bool(row.text("treatmentLevels")) != (source in ("paper", "assumed")):
        row.wrong("treatmentLevelsSource", "paper or assumed exactly where `treatmentLevels` is filled in")
    if source == "model" and not row.text("protocol"):
        row.wrong("treatmentLevelsSource", "model only where `protocol` is filled in")
    if source in (None, "untreated") and row.text("protocol"):
        row.wrong("treatmentLevelsSource", "paper, model or assumed where `protocol` is filled in")
    if not (row.text("doi") or row.text("pmid") or row.text("url")):
        row.wrong("url", "filled in where there is neither `doi` nor `pmid`: every arm has a source")
    load_factor = row.number("loadFactor", 0.05, 3.0)
    if load_factor is not None and source is None:
        row.wrong("loadFactor", "empty where `treatmentLevelsSource` is: the arm is not simulated")
    persons = row.matching("persons", r"[1-9]\d*", "a whole number above 0", required=True) or ""
    values: dict[str, Any] = {
        "sex": row.one_of("sex", get_args(Sex)),
        "persons_source": row.one_of("personsSource", get_args(PersonsSource)),
        "baseline_source": baseline_source,
        "levels_source": source,
    }
    return TrialArm(
        name=name,
        group=group,
        treatment=row.text("conditionName", required=True),
        reference=reference,
        age_years=row.number("age", 15.0, 100.0),
        persons=int(persons) if persons.isdecimal() else 0,
        population=row.text("population", required=True),
        years_since_menopause=row.number("yearsSinceMenopause", -20.0, 50.0),
        years_deficient=row.number("yearsDeficient", 0.0, 60.0),
        baseline=baseline,
        doses=doses,
        on_treatment=levels,
        load_factor=1.0 if load_factor is None else load_factor,
        treatment_months=row.number("treatmentMonths", 0.1, 600.0),
        citation=row.text("citation", required=True),
        doi=row.matching("doi", r"10\.\d{4,9}/\S+", "of the form 10.1210/jc.2003-031110"),
        pmid=row.matching("pmid", r"[1-9]\d*", "a number"),
        url=row.matching("url", r"https?://\S+", "an address that starts with http"),
        note=row.text("note"),
        **values,
    )


def _levels(row: Row, column: str) -> tuple[HormoneLevel, ...]:
    """Levels such as `testosterone 229.6 ng/dL; estradiol 20.5 pg/mL`."""
    levels = []
    for part in filter(None, row.text(column).split("; ")):
        found = _LEVEL.fullmatch(part)
        if found is None:
            row.wrong(column, "levels such as 'testosterone 229.6 ng/dL; estradiol 20.5 pg/mL' or empty")
            continue
        hormone, value, unit = found["hormone"], float(found["value"]), found["unit"]
        if (hormone, unit) not in HORMONE_UNITS:
            known = ", ".join(" in ".join(pair) for pair in HORMONE_UNITS)
            row.wrong(column, f"in known hormones and units ({known})")
            continue
        low, high = HORMONE_UNITS[hormone, unit]
        if not low <= value <= high:
            row.wrong(column, f"between {low:g} and {high:g} {unit} for {hormone}")
        levels.append(HormoneLevel(hormone, value, unit))
    return tuple(levels)


def _doses(row: Row) -> tuple[remodeling.Dose, ...]:
    """Doses such as `testosterone-enanthate 200 every 14 until 1096; anastrozole 1 every 1`."""
    doses = []
    for part in filter(None, row.text("protocol").split("; ")):
        found = _DOSE.fullmatch(part)
        if found is None:
            row.wrong("protocol", "doses such as 'testosterone-enanthate 200 every 14 until 1096' or empty")
            continue
        if found["drug"] not in remodeling.DRUGS:
            row.wrong("protocol", f"of drugs in remodeling.DRUGS ({', '.join(sorted(remodeling.DRUGS))})")
            continue
        drug, amount = remodeling.DRUGS[found["drug"]], float(found["amount"])
        low, high = drug.dose_range_mg
        every, start, stop = (
            None if found[k] is None else float(found[k]) for k in ("every", "start", "stop")
        )
        if not low <= amount <= high:
            row.wrong("protocol", f"between {low:g} and {high:g} {drug.dose_unit} of {drug.name}")
        if every == 0.0 or (stop is not None and stop <= (start or 0.0)):
            row.wrong("protocol", "with days between doses above 0, and an end after the start")
        doses.append(remodeling.Dose(drug.name, amount, every, start or 0.0, stop))
    return tuple(doses)
