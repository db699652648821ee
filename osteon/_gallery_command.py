"""`osteon gallery`: several studies in one process, side by side in one table and one report."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from ._errors import UserError
from ._gallery_figures import CHANGES, agreement_figure, overview_figure, study_figure
from ._machine import prepare_jax
from ._output import answer_folder
from ._prepared import Prepared, prepare
from ._progress import PartOf, Progress, progress_bar
from ._quantities import BY_NAME, QUANTITIES
from ._report import RESEARCH_USE, embedded_pictures, template
from ._run_command import run_study
from ._runfolder import RunFolder, csv_text, fresh_path, require_fresh, run_folder, slug, versions
from ._study import read_study
from ._trial_points import agreement

_HORMONES = tuple(quantity for quantity in QUANTITIES if quantity.group == "hormone")


def gallery_command(arguments: argparse.Namespace) -> None:
    """Run every study into its own folder and write what compares them; prints the path of the report."""
    paths = study_paths(arguments.studies)
    out = arguments.out or fresh_path(Path("runs"), "gallery")
    require_fresh(out)
    studies = [read_study(path, overrides=arguments.overrides, data_dir=arguments.data_dir) for path in paths]
    prepare_jax(cache=not arguments.no_cache)
    with progress_bar("reading", forced=arguments.progress, quiet=arguments.quiet) as progress:
        # Everything is read before anything is solved: a mistake in the last study costs nothing.
        prepared = {slug(path.stem): prepare(study) for path, study in zip(paths, studies, strict=True)}
        with run_folder(out) as folder:
            write_gallery(prepared, folder, progress, memory_gb=arguments.memory_gb, maps=arguments.maps)
    answer_folder(arguments, out, "gallery.html")


def study_paths(given: list[Path]) -> list[Path]:
    """Study files in the order given, a folder standing for its *.toml files.

    Raises:
      UserError: a folder without studies, or two studies of one name.
    """
    paths: list[Path] = []
    for path in given:
        inside = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not inside:
            raise UserError(f"the folder '{path}' holds no study (*.toml); give study files or their folder")
        paths += inside
    names = [slug(path.stem) for path in paths]
    for name in names:
        if names.count(name) > 1:
            raise UserError(
                f"two studies are called '{name}', and each needs its own folder; rename one of the files"
            )
    return paths


def write_gallery(
    prepared: dict[str, Prepared],
    folder: RunFolder,
    progress: Progress,
    *,
    memory_gb: float | None = None,
    maps: bool = False,
) -> None:
    """Run the studies and fill the folder: one run folder a study, tables, figures, gallery.html."""
    begin = time.perf_counter()
    shown: list[dict[str, Any]] = []
    for name, one in prepared.items():
        inner = RunFolder(folder.folder(name))
        start = time.perf_counter()
        part = PartOf(progress, 1 / len(prepared), name)
        rows, summary = run_study(one, inner, part, memory_gb=memory_gb, maps=maps)
        inner.write_log()
        seconds = time.perf_counter() - start
        folder.log(f"{name}: {seconds:.1f} s")
        shown.append({"name": name, "seconds": seconds, "summary": summary, "rows": rows})
    progress.stage("drawing")
    found = [{"study": one["name"], **point} for one in shown for point in one["summary"]["trials"]]
    points = [{"number": number, **point} for number, point in enumerate(found, start=1)]
    for one in shown:
        folder.write_bytes(f"figures/{one['name']}.png", study_figure(one["rows"], one["summary"]))
    folder.write_bytes("figures/overview.png", overview_figure(shown))
    if points:
        folder.write_bytes("figures/agreement.png", agreement_figure(points))
    table = gallery_rows(shown)
    folder.write_text("gallery.csv", csv_text(table))
    folder.write_text("trials.csv", csv_text(points))
    folder.write_json("versions.json", versions())
    folder.write_json(
        "summary.json",
        {
            "format": "osteon-gallery/1",
            "research_use_only": RESEARCH_USE,
            "studies": [
                {"name": one["name"], "title": one["summary"]["title"], "seconds": one["seconds"]}
                for one in shown
            ],
            "results": table,
            "trials": points,
            "agreement": agreement(points),
            "seconds": time.perf_counter() - begin,
        },
    )
    folder.write_text("gallery.html", _html(folder.path, shown, points))


def _html(folder: Path, shown: list[dict[str, Any]], points: list[dict[str, Any]]) -> str:
    """The report: one file, pictures inside."""
    months = sorted({row["month"] for one in shown for row in one["summary"]["results"]} & {12, 24, 36})
    return template("gallery.html.j2").render(
        studies=shown,
        arms=[arm for one in shown for arm in _arm_lines(one, months)],
        months=months,
        changes=[BY_NAME[name] for name in CHANGES],
        points=points,
        agreement=agreement(points),
        pictures=embedded_pictures(folder),
        research_use_only=RESEARCH_USE,
    )


def _arm_lines(one: dict[str, Any], months: list[int]) -> list[dict[str, Any]]:
    """One line of the table per arm: % changes at the given months, None where not reported."""
    lines = {}
    for row in gallery_rows([one]):
        line = lines.setdefault((row["level"], row["arm"]), {"study": one, "arm": row["arm"], "at": {}})
        line["at"][row["month"]] = row
    return [
        {
            **line,
            "cells": [
                [line["at"][month][f"{name}_change"] if month in line["at"] else None for month in months]
                for name in CHANGES
            ],
        }
        for line in lines.values()
    ]


def gallery_rows(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per study, level, arm and reported month: hormone levels, and % change of `CHANGES`."""
    made = []
    for one in shown:
        first: dict[tuple[str, str], dict[str, Any]] = {}
        for row in one["summary"]["results"]:
            base = first.setdefault((row["level"], row["arm"]), row)
            made.append(
                {
                    "study": one["name"],
                    "level": row["level"],
                    "arm": row["arm"],
                    "month": row["month"],
                    **{hormone.name: row[hormone.name] for hormone in _HORMONES},
                    **{f"{name}_change": 100 * (row[name] / base[name] - 1) for name in CHANGES},
                }
            )
    return made
