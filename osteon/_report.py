"""report.html: one file that opens without a network, made from a run folder alone."""

import argparse
import base64
import json
from pathlib import Path
from typing import Any

from ._errors import UserError
from ._manifest import update_manifest
from ._output import answer_folder
from ._quantities import BY_NAME, QUANTITIES, select, unique
from ._runfolder import write_atomic
from ._viewer import Viewer, still_viewer, viewer_of

RESEARCH_USE = (
    "Research use only, not a medical device. This is a simulation of the lumbar spine; it predicts no "
    "single patient and replaces no examination."
)


def report_command(arguments: argparse.Namespace) -> None:
    """Write the report of a run folder again and print its path."""
    write_report(arguments.folder)
    answer_folder(arguments, arguments.folder, "report.html")


def write_report(folder: Path) -> Path:
    """Write report.html of a finished run.

    Args:
      folder: run folder with summary.json, versions.json and figures.json.

    Returns:
      Path of the report.

    Raises:
      UserError: the folder is not one of a finished run.
    """
    summary = _load(folder, "summary.json")
    if not str(summary.get("format", "")).startswith("osteon-run/"):
        raise UserError(f"'{folder}' holds no run; summary.json must come from `osteon run`")
    html = render_report(
        summary,
        _load(folder, "versions.json"),
        _figures(folder, _load(folder, "figures.json")),
        viewer_of(folder, summary),
    )
    report = write_atomic(folder / "report.html", html.encode("utf-8"))
    update_manifest(folder, report.name)
    return report


def render_report(
    summary: dict[str, Any],
    versions: dict[str, Any],
    figures: list[dict[str, Any]],
    viewer: Viewer | None = None,
) -> str:
    """The report's HTML; every text is escaped.

    Args:
      summary: content of summary.json.
      versions: content of versions.json.
      figures: dicts with level (or None), caption, base64 and, as `moves`, the moving part that shows
        the same (courses, slices or None).
      viewer: moving parts; None: the page stands still.
    """
    return template("report.html.j2").render(
        summary=summary,
        versions=versions,
        figures=figures,
        viewer=viewer or still_viewer(),
        tables=tables(summary),
        cards=cards(summary),
        interval_tables=interval_tables(summary),
    )


def embedded_pictures(folder: Path) -> dict[str, str]:
    """Every picture of a folder's figures/ in base64, by name, for a page of one file."""
    return {
        path.stem: base64.b64encode(path.read_bytes()).decode("ascii")
        for path in sorted((folder / "figures").glob("*.png"))
    }


def template(name: str) -> Any:
    """A page of this package, every text of which is escaped, with the filters for its numbers."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("osteon", ""), autoescape=True, undefined=StrictUndefined)
    environment.filters.update(
        words=_words, plain=_plain, power=_power, short=_short, whole=_whole, percent=_percent, signed=_signed
    )
    return environment.get_template(name)


_TABLES = (
    ("densities and strength", ("density", "strength")),
    ("turnover and bone cells", ("turnover", "cells")),
    ("hormones", ("hormone",)),
)


def tables(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Tables of numbers per level and arm, ready to print: value and, below it, % change from baseline."""
    made = []
    for level in summary["levels"]:
        for arm in summary["arms"]:
            rows = select(summary["results"], level=level["name"], arm=arm["name"])
            for title, groups in _TABLES:
                heads = [
                    quantity
                    for quantity in QUANTITIES
                    if quantity.group in groups and rows and rows[0].get(quantity.name) is not None
                ]
                body = [
                    {"month": row["month"], "cells": [_cell(row, rows[0], head.name) for head in heads]}
                    for row in rows
                ]
                if heads:
                    text = f"{level['name']}, {arm['name']}: {title}"
                    made.append({"level": level["name"], "title": text, "heads": heads, "rows": body})
    return made


def interval_tables(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Changes with their intervals per level and arm, ready to print; none of a run that has none."""
    made = []
    for level in summary["levels"]:
        for arm in summary["arms"]:
            rows = select(summary.get("intervals", []), level=level["name"], arm=arm["name"])
            if rows:
                body = [
                    {
                        "label": BY_NAME[name].label,
                        "month": row["month"],
                        "change": _signed(row["change_percent"]),
                        "parameters": _range(row, "parameters"),
                        "new_trial": _range(row, "new_trial"),
                    }
                    for name in unique(rows, "quantity")
                    for row in select(rows, quantity=name)
                ]
                made.append(
                    {
                        "level": level["name"],
                        "title": f"{level['name']}, {arm['name']}: change from baseline with its intervals",
                        "rows": body,
                    }
                )
    return made


def _range(row: dict[str, Any], kind: str) -> str:
    return f"{_signed(row[f'{kind}_low_percent'])} to {_signed(row[f'{kind}_high_percent'])}"


def cards(summary: dict[str, Any]) -> list[dict[str, str]]:
    """The few numbers a reader wants first: trabecular change at the end, per level and arm."""
    made = []
    name = "trabecular_vbmd_mg_cm3"
    for level in summary["levels"]:
        for arm in summary["arms"]:
            rows = select(summary["results"], level=level["name"], arm=arm["name"])
            if len(rows) > 1 and rows[0].get(name):
                change = 100 * (rows[-1][name] / rows[0][name] - 1)
                label = f"{level['name']} trabecular vBMD at month {rows[-1]['month']}, {arm['name']}"
                known = select(
                    summary.get("intervals", []), level=level["name"], arm=arm["name"], quantity=name
                )
                if known:
                    label += (
                        f"; 95 % intervals: parameters {_range(known[-1], 'parameters')} %, new trial "
                        f"{_range(known[-1], 'new_trial')} %"
                    )
                made.append({"value": f"{_signed(change)} %", "label": label})
    return made


def _cell(row: dict[str, Any], base: dict[str, Any], name: str) -> dict[str, str]:
    value, first = row.get(name), base.get(name)
    if value is None:
        return {"value": "", "change": ""}
    quantity = BY_NAME[name]
    relative = quantity.group in ("density", "strength") and row is not base and bool(first)
    change = f"{_signed(100 * (value / first - 1))} %" if relative else ""
    return {"value": f"{value:.{quantity.digits}f}", "change": change}


def _signed(value: float | None) -> str:
    """Two decimals with a sign; what rounds to zero carries none."""
    if value is None:
        return ""
    text = f"{value:+.2f}"
    return "0.00" if float(text) == 0 else text


def _load(folder: Path, name: str) -> Any:
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"'{folder}' is not the folder of a finished run ({name} is missing or damaged); give the folder "
            "that `osteon run` printed"
        ) from error


_MOVING = {"change": "courses", "density": "slices", "energy": "slices"}
"""Moving part that shows the same as a picture, by the end of the picture's name."""


def _figures(folder: Path, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    made = []
    for figure in listed:
        # Only names inside figures/ are followed, whatever the list says.
        path = folder / "figures" / Path(figure["file"]).name
        if not path.is_file():
            raise UserError(f"'{folder}' lacks the picture figures/{path.name}; run the study again")
        picture = base64.b64encode(path.read_bytes()).decode("ascii")
        made.append({**figure, "base64": picture, "moves": _MOVING.get(path.stem.rpartition("_")[2])})
    return made


_NAMES = {
    "age_years": "age (years)",
    "weight_kg": "weight (kg)",
    "testosterone_ng_dl": "testosterone (ng/dL)",
    "estradiol_pg_ml": "estradiol (pg/mL)",
    "testosterone_nmol_l": "testosterone (nmol/L)",
    "estradiol_pmol_l": "estradiol (pmol/L)",
    "shbg_nmol_l": "SHBG (nmol/L)",
    "albumin_g_l": "albumin (g/L)",
    "lh_iu_l": "LH (IU/L)",
    "igf1_ng_ml": "IGF-1 (ng/mL)",
    "igf1_nmol_l": "IGF-1 (nmol/L)",
    "free_t4_ng_dl": "free T4 (ng/dL)",
    "free_t4_pmol_l": "free T4 (pmol/L)",
    "tsh_miu_l": "TSH (mIU/L)",
}


def _words(name: str) -> str:
    return _NAMES.get(name, name.replace("_", " "))


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        parts = (f"{_words(name)} {_plain(part)}" for name, part in value.items() if part is not None)
        return f"({', '.join(parts)})"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _power(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"


def _whole(value: float | None) -> str:
    return "not reached" if value is None else f"{value:.0f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
