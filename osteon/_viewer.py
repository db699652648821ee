"""What makes report.html move: scripts, styles and data of a run inside the file, and its security policy."""

from __future__ import annotations

import base64
import csv
import functools
import gzip
import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from ._errors import UserError
from ._quantities import BY_NAME, QUANTITIES, unique

MODULES = ("data.js", "colours.js", "slices.js", "scene.js", "courses.js", "report.js")
"""Our scripts, in the order in which they follow each other."""
MAIN_QUANTITIES = (
    "trabecular_vbmd_mg_cm3",
    "trabecular_qct_percent",
    "spine_dxa_percent",
    "strength_pistoia_n",
    "resorption_percent",
    "formation_percent",
)
_GROUPS = (
    ("main", "Density, strength and turnover"),
    ("density", "All densities"),
    ("strength", "Stiffness and strength"),
    ("cells", "Turnover and bone cells"),
    ("hormone", "Hormones"),
)
_COLUMNS = ("value", "parameters_low", "parameters_high", "new_trial_low", "new_trial_high")
_PALETTES = {"density": "cividis", "energy": "magma", "change": "RdBu"}


@dataclass(frozen=True)
class Viewer:
    """The moving parts of a report, ready for its template."""

    style: str
    "CSS of the page"
    script: str
    "our script; empty: the page stands still"
    data: str
    "run's data, gzip in base64"
    libraries: dict[str, str]
    "libraries by name, gzip in base64"
    policy: str
    "Content-Security-Policy of the page"
    has_volumes: bool
    "whether there are slices to show"
    credits: dict[str, str]
    "version and licence of the libraries by their package's name"


def still_viewer() -> Viewer:
    """A page without script: tables and pictures."""
    return Viewer(text_of("report.css"), "", "", {}, _policy([]), False, {})


def viewer_of(folder: Path, summary: dict[str, Any]) -> Viewer:
    """The moving parts of a run folder: time courses, and slices where it has maps/viewer.npz.

    Raises:
      UserError: timecourse.csv or viewer.npz is damaged.
    """
    table, volumes = folder / "timecourse.csv", folder / "maps" / "viewer.npz"
    if not table.is_file():
        return still_viewer()
    index: dict[str, Any] = {"courses": courses(table, summary), "trials": _points(summary), "volumes": None}
    parts: list[bytes] = []
    names = ["uPlot"]
    if volumes.is_file():
        from ._viewer_volumes import read_volumes

        index["volumes"], parts = read_volumes(volumes)
        index["colours"] = _colour_tables()
        names.append("vtk")
    script = _script()
    used = [library(name) for name in names]
    sources = {entry["name"]: text_of(entry["file"]) for entry in used}
    return Viewer(
        style=text_of("report.css") + text_of("uPlot.min.css"),
        script=script,
        data=_packed(_blob(index, parts)),
        libraries={name: _packed(source.encode("utf-8")) for name, source in sources.items()},
        policy=_policy([script, *sources.values()]),
        has_volumes=bool(parts),
        credits={entry["package"]: f"{entry['version']} ({entry['licence']})" for entry in used},
    )


def text_of(name: str) -> str:
    """Text of a file in osteon/viewer."""
    return (files("osteon") / "viewer" / name).read_text(encoding="utf-8")


def libraries() -> list[dict[str, Any]]:
    """Libraries that are shipped, with version, licence, source and hash (osteon/viewer/libraries.json)."""
    return json.loads(text_of("libraries.json"))


def library(name: str) -> dict[str, Any]:
    """One of `libraries`."""
    return next(entry for entry in libraries() if entry["name"] == name)


def courses(table: Path, summary: dict[str, Any]) -> dict[str, Any]:
    """timecourse.csv for the charts: values with their intervals by level, arm and quantity.

    Raises:
      UserError: the table is damaged.
    """
    try:
        with table.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        series: dict[str, Any] = {}
        for row in rows:
            place = series.setdefault(row["level"], {}).setdefault(row["arm"], {})
            found = place.setdefault(row["quantity"], {"month": [], **{name: [] for name in _COLUMNS}})
            found["month"].append(float(row["month"]))
            for name in _COLUMNS:
                cell = row.get(name)
                found[name].append(float(cell) if cell else None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"'timecourse.csv' of the run is damaged ({error}); run the study again") from error
    for arms in series.values():
        for quantities in arms.values():
            for found in quantities.values():
                if all(value is None for value in found["parameters_low"]):
                    for name in _COLUMNS[1:]:
                        del found[name]
    shown = set(unique(rows, "quantity"))
    return {
        "levels": [level["name"] for level in summary["levels"] if level["name"] in series],
        "arms": [arm["name"] for arm in summary["arms"]],
        "series": series,
        "quantities": {
            name: {"label": BY_NAME[name].label, "unit": BY_NAME[name].unit, "group": BY_NAME[name].group}
            for name in BY_NAME
            if name in shown
        },
        "groups": [
            {"title": title, "names": names}
            for key, title in _GROUPS
            if (names := [name for name in _members(key) if name in shown])
        ],
        "palette": _arm_palette(),
    }


def _members(group: str) -> list[str]:
    if group == "main":
        return list(MAIN_QUANTITIES)
    groups = ("turnover", "cells") if group == "cells" else (group,)
    return [quantity.name for quantity in QUANTITIES if quantity.group in groups]


def _arm_palette() -> list[str]:
    from ._figures import PALETTE

    return list(PALETTE)


def _points(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Results of trials as the charts draw them."""
    names = ("level", "arm", "quantity", "month", "shown", "shown_low", "shown_high", "trial", "defaults")
    return [{name: point.get(name) for name in names} for point in summary.get("trials", [])]


@functools.cache
def _colour_tables() -> dict[str, str]:
    """256 colours of each map of matplotlib that is used, RGB bytes in base64."""
    from matplotlib import colormaps

    return {
        name: base64.b64encode(colormaps[source](range(256), bytes=True)[:, :3].tobytes()).decode("ascii")
        for name, source in _PALETTES.items()
    }


@functools.cache
def _script() -> str:
    body = "\n".join(text_of(name) for name in MODULES)
    return f'"use strict";\n(() => {{\n{body}\n}})();\n'


def _blob(index: dict[str, Any], parts: list[bytes]) -> bytes:
    """Length of the JSON (4 bytes, little-endian), the JSON, and the fields behind it."""
    head = json.dumps(index, separators=(",", ":"), allow_nan=False).encode("utf-8")
    return b"".join([len(head).to_bytes(4, "little"), head, *parts])


def _packed(content: bytes) -> str:
    # Without a time inside, the same run gives the same file.
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode("ascii")


def _policy(scripts: list[str]) -> str:
    """No network, and no script but those given: a name that slipped past escaping could still not run."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode('utf-8')).digest()).decode('ascii')}'"
        for script in scripts
    )
    return (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
        f"script-src {hashes or chr(39) + 'none' + chr(39)}; base-uri 'none'; form-action 'none'"
    )
