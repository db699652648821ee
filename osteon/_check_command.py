"""`osteon check`: a study and its images, looked at but not solved; everything wrong is told at once."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ._activities import sentence_of
from ._errors import MemoryRefused, OsteonError, Problem, error_of
from ._gather import gather, in_order
from ._levels import LevelBone
from ._machine import memory_of_machine_gb, prepare_jax
from ._output import answer
from ._plan import LevelPlan, Plan, level_plans, make_plan, plan_object
from ._prepared import Prepared
from ._runfolder import fresh_path, require_fresh, run_folder, slug
from ._schema import Binder, line_of
from ._study import Document, bind_study, read_document
from ._study_tables import Study


def check_command(arguments: argparse.Namespace) -> None:
    """Tell all problems of a study, or what would be modelled; a picture per level unless told otherwise.

    Raises:
      UserError: anything in the study or its files that cannot be used, all of it.
      MemoryRefused: only the memory plan is in the way.
    """
    document = read_document(arguments.study, overrides=arguments.overrides, data_dir=arguments.data_dir)
    if arguments.out is not None:
        require_fresh(arguments.out)
    prepare_jax(cache=not arguments.no_cache)
    prepared, plan = _checked(document, arguments.memory_gb)
    folder = None
    if not arguments.no_picture:
        folder = arguments.out or fresh_path(Path("runs"), f"{arguments.study.stem}-check")
        _draw(folder, prepared, plan)
    data = {**check_object(prepared, plan), "folder": None if folder is None else str(folder)}
    answer(arguments, check_text(prepared, plan, folder), data)


def _checked(document: Document, memory_gb: float | None) -> tuple[Prepared, Plan]:
    """The study ready to run and its plan, or every problem of keys, names, files, doses and bodies."""
    study, problems = bind_study(document)
    part, unread, kept = (study, frozenset(), {}) if study else readable_part(document, problems)
    found = gather(part, unread=unread, lines=document.lines)
    problems = [*problems, *(_at_home(problem, kept, document.lines) for problem in found.problems)]
    plans: list[LevelPlan] = []
    refusals: list[OsteonError] = []
    if not unread & {"mechanics", "time"}:
        plans, refusals = level_plans(part, found.levels, found.day, memory_gb)
    if found.prepared is not None and all(isinstance(error, MemoryRefused) for error in refusals):
        if refusals:
            raise MemoryRefused("; ".join(dict.fromkeys(map(str, refusals))))
        return found.prepared, make_plan(found.prepared, plans)
    line = line_of("levels", document.lines)
    problems = in_order([*problems, *(Problem(str(error), "levels", line) for error in refusals)])
    raise error_of(problems, f"study file '{document.name}'")


def _at_home(problem: Problem, kept: dict[str, list[int]], lines: dict[str, int]) -> Problem:
    """A problem of a part of a list with the number that its item has in the whole list."""
    match = re.match(r"(\w+)\[(\d+)\](.*)", problem.key)
    if match is None or match[1] not in kept:
        return problem
    key = f"{match[1]}[{kept[match[1]][int(match[2])]}]{match[3]}"
    return Problem(problem.text, key, line_of(key, lines))


def readable_part(
    document: Document, problems: Sequence[Problem]
) -> tuple[Study, frozenset[str], dict[str, list[int]]]:
    """What can still be looked at of a study whose tables are partly wrong.

    Args:
      document: the file.
      problems: complaints about its tables, each with its key.

    Returns:
      study: the tables and list items without complaint; stand-ins for a subject and an image that are wrong.
      unread: names of the tables left out.
      kept: of lists with items left out, the numbers of those that are left.
    """
    wrong = {problem.key for problem in problems}
    names = [field.name for field in fields(Study)]
    data = {name: document.data[name] for name in names if name in document.data}
    unread: set[str] = set()
    kept: dict[str, list[int]] = {}
    for name in names:
        value = data.get(name)
        here = [key for key in wrong if key == name or key.startswith((f"{name}.", f"{name}["))]
        items = [key for key in here if key.startswith(f"{name}[")]
        if here and len(items) == len(here) and isinstance(value, list):
            spoiled = {key.partition("]")[0] for key in items}
            kept[name] = [at for at in range(len(value)) if f"{name}[{at}" not in spoiled]
            data[name] = [value[at] for at in kept[name]]
            if not data[name]:
                unread.add(name)
        elif here:
            data.pop(name, None)
            unread.add(name)
    stand_in = {"subject": {"sex": "male", "age_years": 60}, "image": {"builtin": "l3", "voxel_mm": 3}}
    data = {**{name: value for name, value in stand_in.items() if name not in data}, **data}
    return Binder().table(Study, data, ""), frozenset(unread), kept


def check_text(prepared: Prepared, plan: Plan, folder: Path | None) -> str:
    """What would be modelled and what a run takes, as lines."""
    lines = [
        prepared.study.title,
        f"  {prepared.image.sentence}.",
        f"  {prepared.image.calibration['sentence']}",
    ]
    for item in plan.levels:
        level = item.level
        lines.append(f"  {level.name}: {level.sentence}")
        lines += [f"    {note}" for note in level.notes]
        lines.append(
            f"    {item.elements} elements, memory plan {item.memory_gb:.1f} of {memory_of_machine_gb():.1f} "
            f"GB, mean density {1000 * level.density_ha.mean():.1f} mg/cm3"
        )
    if prepared.day is not None:
        day = prepared.day
        lines.append(f"  loaded by {len(day.activities)} activities from {len(day.loads)} solves:")
        lines += [f"    {sentence_of(activity)}" for activity in day.activities]
    for name, mean in _testosterone(prepared).items():
        lines.append(f"  arm '{name}': mean testosterone {mean:.0f} ng/dL")
    beyond = f" and {plan.curves} force-displacement curves beyond yield" if plan.curves else ""
    maps = sum(name.startswith("maps/") for name in plan.files)
    lines.append(
        f"  A run takes {plan.solves} linear solves{beyond}, and writes report.html, tables, figures and "
        f"{maps} maps."
    )
    return "\n".join([*lines, "no problems", *([] if folder is None else [str(folder)])])


def _testosterone(prepared: Prepared) -> dict[str, float]:
    return {
        arm.name: float(np.asarray(prepared.courses[arm.name].testosterone_ng_dl).mean())
        for arm in prepared.arms
    }


def check_object(prepared: Prepared, plan: Plan) -> dict[str, Any]:
    """The same for machines."""
    return {
        "format": "osteon-check/1",
        "title": prepared.study.title,
        "problems": [],
        "image": prepared.image.sentence,
        "calibration": prepared.image.calibration,
        "arms": [
            {"name": name, "mean_testosterone_ng_dl": mean} for name, mean in _testosterone(prepared).items()
        ],
        "activities": []
        if prepared.day is None
        else [sentence_of(activity) for activity in prepared.day.activities],
        "plan": plan_object(plan),
    }


def _draw(path: Path, prepared: Prepared, plan: Plan) -> None:
    """A picture per level, and the answer for machines, in a new folder."""
    with run_folder(path) as folder:
        for level in prepared.levels:
            folder.write_bytes(f"{slug(level.name)}.png", level_picture(level))
        folder.write_json("check.json", check_object(prepared, plan))


def level_picture(level: LevelBone) -> bytes:
    """PNG of three slices of the density around a level with the outline of what would be modelled."""
    from ._figures import png_bytes
    from ._map_figures import overlay_figure

    spacing = tuple(float(edge) for edge in np.asarray(level.grid.spacing))
    title = f"{level.name}: density around the body, outline of the {int(level.bone.sum())} voxels modelled"
    values = 1000 * np.asarray(level.grid.values)
    return png_bytes(overlay_figure(values, level.bone, spacing, title=title))
