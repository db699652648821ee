"""Maps and figures of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ._activities import ChosenDay
from ._arm_draws import ArmDraws, DrawsOf
from ._calibration_figure import calibration_figure
from ._errors import UserError
from ._figures import change_figure, hormone_figure, level_figure, write_figure
from ._levels import LevelBone, to_source
from ._map_figures import (
    MOST_ACTIVITIES,
    activities_figure,
    density_figure,
    energy_figure,
    percent_change,
    width_figure,
)
from ._prepared import Prepared
from ._quantities import QUANTITIES
from ._run_strength import strength_figure
from ._runfolder import RunFolder, slug
from ._simulation import ArmResult
from ._viewer import MAIN_QUANTITIES
from ._viewer_volumes import write_volumes


def fields_of(result: ArmResult, draws: ArmDraws, month_index: int) -> dict[str, np.ndarray]:
    """Fields of the bone voxels at one reported month, by name with unit."""
    density = 1000 * result.density
    return {
        "vbmd_mg_cm3": density[month_index],
        "change_percent": percent_change(density[0], density[month_index]),
        "sed_mpa": result.energy[month_index],
        "effective_strain": result.effective_strain[month_index],
        "change_half_width_percent": half_width(draws, month_index),
    }


def half_width(draws: ArmDraws, month_index: int) -> np.ndarray:
    """Half of the 95 % interval that the parameters leave to the change of each voxel, %, (nb,)."""
    return 0.5 * (draws.voxel_high - draws.voxel_low)[month_index]


def write_maps(folder: RunFolder, prepared: Prepared, results: list[ArmResult], draws: DrawsOf) -> None:
    """NIfTI on the grid of the CT (all levels in one file), and VTI per level.

    NIfTI: baseline_NAME and ARM_monthM_NAME with NAME one of vbmd_mg_cm3, change_percent and
    change_half_width_percent (follow-up only), sed_mpa and effective_strain; baseline_ACTIVITY_sed_mpa for
    every activity of a day.
    VTI: the same fields of every arm on the level's own grid.
    viewer.npz: what the slices of the report show.
    """
    levels = {level.name: level for level in prepared.levels}

    def fields(result: ArmResult, month_index: int) -> dict[str, np.ndarray]:
        return fields_of(result, draws[result.level, result.arm], month_index)

    untreated = [result for result in results if result.arm == prepared.arms[0].name]
    baseline = {
        name: [(levels[r.level], fields(r, 0)[name]) for r in untreated]
        for name in ("vbmd_mg_cm3", "sed_mpa", "effective_strain")
    }
    for position, activity in enumerate(prepared.day.activities if prepared.day else ()):
        baseline[f"{slug(activity.name)}_sed_mpa"] = [
            (levels[r.level], r.activity_energy[position]) for r in untreated if r.activity_energy is not None
        ]
    for name, parts in baseline.items():
        _write_nifti(folder, f"baseline_{name}", parts)
    for arm in prepared.arms:
        chosen = [result for result in results if result.arm == arm.name]
        month = chosen[0].months[-1]
        for name in fields(chosen[0], -1):
            parts = [(levels[result.level], fields(result, -1)[name]) for result in chosen]
            _write_nifti(folder, f"{slug(arm.name)}_month{month}_{name}", parts)
    for level in prepared.levels:
        _write_vti(folder, level, [result for result in results if result.level == level.name], fields)
    write_volumes(folder, prepared, results, draws)


def _write_nifti(folder: RunFolder, name: str, parts: list[tuple[LevelBone, np.ndarray]]) -> None:
    import meshes

    source = parts[0][0].source
    values = np.sum([to_source(level, field) for level, field in parts], axis=0)
    image = meshes.make_image(
        values, source.spacing, origin=source.origin, direction=source.direction, quantity="field"
    )
    meshes.write_nifti(folder.folder("maps") / f"{name}.nii.gz", image, description=name)


def _write_vti(
    folder: RunFolder,
    level: LevelBone,
    results: list[ArmResult],
    fields: Callable[[ArmResult, int], dict[str, np.ndarray]],
) -> None:
    import meshes

    grids: dict[str, np.ndarray] = {}

    def add(name: str, values: np.ndarray) -> None:
        grid = np.zeros(level.bone.shape, np.float32)
        grid[level.bone] = values
        grids[name] = grid

    add("bone", np.ones(int(level.bone.sum())))
    add("compartment", level.compartments)
    for name in ("vbmd_mg_cm3", "sed_mpa", "effective_strain"):
        add(f"baseline_{name}", fields(results[0], 0)[name])
    for result in results:
        for name, values in fields(result, -1).items():
            add(f"{slug(result.arm)}_month{result.months[-1]}_{name}", values)
    meshes.write_vti(
        folder.folder("maps") / f"{slug(level.name)}.vti",
        np.asarray(level.grid.spacing),
        np.asarray(level.grid.origin),
        grids,
        direction=np.asarray(level.grid.direction),
    )


def write_invalid(folder: Path, level: LevelBone, arm: str, month: int, part: Any, parameters: Any) -> None:
    """Density of an arm that did not converge, at its last good month; file and fields say INVALID.

    Args:
      folder: where to write.
      level: the body.
      arm: name of the arm.
      month: of the part.
      part: the last complete part of the simulation, see `remodeling.Parts`.
      parameters: biological parameters.
    """
    import meshes
    import remodeling

    carry = part[0] if isinstance(part, tuple) else part.carry
    density = np.zeros(level.bone.shape, np.float32)
    density[level.bone] = 1000 * np.asarray(remodeling.vbmd(carry.state, parameters.mineral_maximum))
    meshes.write_vti(
        folder / f"INVALID_{slug(level.name)}_{slug(arm)}_month{month}.vti",
        np.asarray(level.grid.spacing),
        np.asarray(level.grid.origin),
        {"INVALID_vbmd_mg_cm3": density},
        direction=np.asarray(level.grid.direction),
    )


def write_figures(
    folder: RunFolder,
    prepared: Prepared,
    results: list[ArmResult],
    draws: DrawsOf,
    rows: list[dict[str, Any]],
    points: list[dict[str, Any]],
    maps: bool,
) -> list[dict[str, Any]]:
    """PNG and SVG files under figures/ and the captions of the PNG; without `maps`, no slices of the bone."""
    listed: list[dict[str, Any]] = []

    def keep(name: str, figure: Any, level: str | None, caption: str) -> None:
        write_figure(folder.folder("figures") / name, figure)
        listed.append({"file": f"{name}.png", "level": level, "caption": caption})

    for level in prepared.levels:
        mine = [result for result in results if result.level == level.name]
        keep(
            f"{slug(level.name)}_change",
            draw_changes(rows, level.name, points),
            level.name,
            f"{level.name}: time courses by arm, change from baseline. Shaded: 95 % interval that the "
            "parameters leave open. Bars right of the last month: 95 % interval of a new trial."
            + (" Diamonds: published trials with their 95 % intervals, listed below." if points else ""),
        )
        if maps and prepared.day is not None:
            _keep_activities(keep, level, mine[0], prepared.day)
        for result in (mine[1:] or mine) if maps else ():
            _keep_maps(keep, level, result, prepared.day)
            _keep_width(keep, level, result, draws[level.name, result.arm])
        if mine[0].nonlinear:
            keep(
                f"{slug(level.name)}_strength",
                draw_strength(mine),
                level.name,
                f"{level.name}: force over overall strain of the elastoplastic body at the end of every arm; "
                "the untreated one is as before treatment. Diamonds: 0.2 % offset.",
            )
    hormones = draw_hormones(prepared, results)
    keep("hormones", hormones, None, "Hormone levels by arm, mean of each step.")
    calibrated = prepared.image.calibration
    if "residuals_mg_cm3" in calibrated:
        keep(
            "calibration",
            calibration_figure(calibrated),
            None,
            f"Calibration. {calibrated['sentence']} Left: the line; right: what it leaves over.",
        )
    if len(prepared.levels) > 1:
        keep("levels", draw_levels(rows), None, "Trabecular vBMD of every level, change from baseline.")
    return listed


def draw_changes(rows: list[dict[str, Any]], level: str, points: list[dict[str, Any]]) -> Any:
    """Figure of the time courses of a level."""
    return change_figure(rows, level, MAIN_QUANTITIES, points)


def draw_levels(rows: list[dict[str, Any]]) -> Any:
    """Figure of the trabecular density of all levels."""
    return level_figure(rows, "trabecular_vbmd_mg_cm3")


def draw_hormones(prepared: Prepared, results: list[ArmResult]) -> Any:
    """Figure of the hormone levels of all arms."""
    courses = _shown_levels({arm.name: prepared.courses[arm.name] for arm in prepared.arms})
    return hormone_figure(courses, results[0].step_days[1:].tolist())


def draw_strength(results: list[ArmResult]) -> Any:
    """Figure of the curves beyond yield of one level, whose results these are."""
    title = f"{results[0].level}: pushed beyond yield at month {results[0].months[-1]}"
    return strength_figure(results, title)


def draw_activities(level: LevelBone, result: ArmResult, day: ChosenDay) -> Any:
    """Figure of the strain energy density of the activities of a day before treatment."""
    shown = dict(list(_activity_fields(level, result, day).items())[:MOST_ACTIVITIES])
    return activities_figure(
        shown | {"the day": _grid(level, result.energy[0])},
        level.bone,
        _spacing(level),
        title=f"{level.name}: strain energy density at baseline",
    )


def draw_density(level: LevelBone, result: ArmResult) -> Any:
    """Figure of the density before and after an arm and of their difference."""
    density, month = 1000 * result.density, result.months[-1]
    return density_figure(
        _grid(level, density[0]),
        _grid(level, density[-1]),
        level.bone,
        _spacing(level),
        held=_grid(level, result.held) > 0,
        title=f"{level.name}, {result.arm}: vBMD at baseline and month {month}",
        month=month,
    )


def draw_energy(level: LevelBone, result: ArmResult, day: ChosenDay | None) -> Any:
    """Figure of the strain energy density at the end of an arm."""
    loaded = _loaded(day)
    return energy_figure(
        _grid(level, result.energy[-1]),
        level.bone,
        _spacing(level),
        title=f"{level.name}, {result.arm}: strain energy density {loaded}, month {result.months[-1]}",
    )


def draw_width(level: LevelBone, result: ArmResult, draws: ArmDraws) -> Any:
    """Figure of half of the 95 % interval of the change of every voxel."""
    return width_figure(
        _grid(level, half_width(draws, -1)),
        level.bone,
        _spacing(level),
        title=f"{level.name}, {result.arm}: half of the 95 % interval of the change, "
        f"month {result.months[-1]}",
    )


def _loaded(day: ChosenDay | None) -> str:
    return "of the day" if day else "at the habitual force"


def _activity_fields(level: LevelBone, result: ArmResult, day: ChosenDay) -> dict[str, np.ndarray]:
    energies = () if result.activity_energy is None else result.activity_energy
    return {
        activity.name: _grid(level, energy) for activity, energy in zip(day.activities, energies, strict=True)
    }


def _keep_activities(keep: Any, level: LevelBone, result: ArmResult, day: ChosenDay) -> None:
    all_shown = len(day.activities) <= MOST_ACTIVITIES
    keep(
        f"{slug(level.name)}_activities",
        draw_activities(level, result, day),
        level.name,
        f"{level.name}: strain energy density (mean of each voxel) before treatment in every activity"
        f"{'' if all_shown else f' (the first {MOST_ACTIVITIES})'} and what stands for "
        "the day, which drives remodeling; sagittal and coronal slices through the middle of the body.",
    )


def _spacing(level: LevelBone) -> tuple[float, ...]:
    return tuple(float(edge) for edge in np.asarray(level.grid.spacing))


def _grid(level: LevelBone, values: np.ndarray) -> np.ndarray:
    full = np.zeros(level.bone.shape)
    full[level.bone] = values
    return full


def _keep_maps(keep: Any, level: LevelBone, result: ArmResult, day: ChosenDay | None) -> None:
    keep(
        f"{slug(level.name)}_{slug(result.arm)}_density",
        draw_density(level, result),
        level.name,
        f"{level.name}, {result.arm}: slices through the middle of the body at baseline and month "
        f"{result.months[-1]}, "
        "and the change in per cent (blue: gain, red: loss, white: unchanged, dark grey: held fixed, being "
        "marrow or bone without room to turn over). Orange: outline of the body.",
    )
    keep(
        f"{slug(level.name)}_{slug(result.arm)}_energy",
        draw_energy(level, result, day),
        level.name,
        f"{level.name}, {result.arm}: strain energy density (mean of each voxel) {_loaded(day)}.",
    )


def _keep_width(keep: Any, level: LevelBone, result: ArmResult, draws: ArmDraws) -> None:
    keep(
        f"{slug(level.name)}_{slug(result.arm)}_interval",
        draw_width(level, result, draws),
        level.name,
        f"{level.name}, {result.arm}: half of the 95 % interval that the parameters leave to the change of "
        f"each voxel in {result.months[-1]} months, % of its density at baseline.",
    )


_ALWAYS_SHOWN = ("testosterone_ng_dl", "free_testosterone_ng_dl", "estradiol_pg_ml", "lh_iu_l")


def _shown_levels(courses: dict[str, Any]) -> dict[str, dict[str, list[float]]]:
    """Means of every step by arm: sex hormones, and others that move or differ between arms."""
    hormones = [quantity.name for quantity in QUANTITIES if quantity.group == "hormone"]
    levels = {
        arm: {name: np.asarray(getattr(course.levels, name)) for name in hormones}
        for arm, course in courses.items()
    }

    def moves(name: str) -> bool:
        values = np.concatenate([levels[arm][name] for arm in levels])
        return np.ptp(values) > 1e-3 * max(1.0, float(np.abs(values).max()))

    shown = [name for name in hormones if name in _ALWAYS_SHOWN or moves(name)]
    return {arm: {name: values[name].tolist() for name in shown} for arm, values in levels.items()}


def draw_run_figure(name: str, level: str, arm: str, run: Any) -> Any:
    """One figure of a run by its name.

    Args:
      name: of `FIGURES` of a run result.
      level, arm: whose; some figures show all.
      run: `RunInside`.

    Raises:
      UserError: a figure that the study does not have.
    """
    prepared, answers = run.prepared, run.answers
    body = next(item for item in prepared.levels if item.name == level)
    mine = [result for result in run.results if result.level == level]
    result = next(item for item in mine if item.arm == arm)
    if name == "change":
        return draw_changes(answers.rows, level, answers.points)
    if name == "levels":
        return draw_levels(answers.rows)
    if name == "hormones":
        return draw_hormones(prepared, run.results)
    if name == "density":
        return draw_density(body, result)
    if name == "energy":
        return draw_energy(body, result, prepared.day)
    if name == "interval":
        return draw_width(body, result, answers.draws[level, arm])
    if name == "strength":
        if not mine[0].nonlinear:
            raise UserError('there are no curves beyond yield; set mechanics.strength to "nonlinear"')
        return draw_strength(mine)
    if prepared.day is None:
        raise UserError("the study has one load and no activities; give it a table mechanics.daily")
    return draw_activities(body, mine[0], prepared.day)
