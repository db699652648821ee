"""cases.csv: one row a case, with column names that stay, so that the tables of many runs stack."""

from typing import Any

from ._arm_draws import COLUMNS, WITH_INTERVALS
from ._quantities import QUANTITIES, select
from ._runfolder import csv_text

DIGITS = 10
"""Digits of the numbers in the tables of a run."""

SOLVE_COLUMNS = (
    "elements", "dofs", "bv_tv", "iterations", "relative_residual", "reaction_n", "stiffness_n_per_mm",
    "apparent_modulus_mpa", "strength_pistoia_n", "strength_pistoia_mean_energy_n",
)  # fmt: skip
"""Numbers of `osteon solve` that make a row."""
_BODY = ("voxel_mm", "bone_voxels", "tilt_degrees")
_SOLVED = ("elements", "solves", "iterations_max", "relative_residual_max")


def case_columns() -> list[str]:
    """Columns of cases.csv of a run; names of quantities end in their unit, as everywhere."""
    names = ["subject", "level", "arm", "months"]
    for quantity in QUANTITIES:
        names += [f"{quantity.name}_start", f"{quantity.name}_end"]
    for name in WITH_INTERVALS:
        names.append(f"{name}_change_percent")
        names += [f"{name}_change_percent_{end}" for end in COLUMNS]
    return [*names, *_BODY, *_SOLVED]


def case_rows(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a level and arm of a run: first and last report, changes of the densities, body and solver.

    Args:
      summary: content of summary.json of a run.
    """
    rows = []
    for level in summary["levels"]:
        for arm in summary["arms"]:
            where = {"level": level["name"], "arm": arm["name"]}
            reported = select(summary["results"], **where)
            first, last = reported[0], reported[-1]
            row: dict[str, Any] = {"subject": summary["subject"]["id"], **where, "months": last["month"]}
            for quantity in QUANTITIES:
                row[f"{quantity.name}_start"] = first[quantity.name]
                row[f"{quantity.name}_end"] = last[quantity.name]
            for change in select(summary["intervals"], month=last["month"], **where):
                name = f"{change['quantity']}_change_percent"
                row[name] = change["change_percent"]
                row |= {f"{name}_{end}": change[f"{end}_percent"] for end in COLUMNS}
            row |= {name: level[name] for name in _BODY}
            solver = next(item for item in summary["solver"] if item.items() >= where.items())
            rows.append(row | {name: solver[name] for name in _SOLVED})
    return rows


def solve_csv(load: str, summary: dict[str, Any]) -> str:
    """cases.csv of `osteon solve`: one row.

    Args:
      load: name of the load case.
      summary: content of summary.json; what a mesh does not have is empty.
    """
    row = {"load": load, **{name: summary.get(name) for name in ("voxel_mm", *SOLVE_COLUMNS)}}
    return csv_text([row], digits=DIGITS)


def run_csv(summary: dict[str, Any]) -> str:
    """cases.csv of a run.

    Args:
      summary: content of summary.json.
    """
    return csv_text(case_rows(summary), case_columns(), digits=DIGITS)
