"""`osteon run`: a study file in, a run folder with maps, curves, numbers and a report out."""

import argparse
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ._arm_draws import DrawsOf
from ._load_test import make_load_test
from ._machine import prepare_jax
from ._overrides import to_toml
from ._prepared import Prepared, prepare
from ._progress import Progress, progress_bar
from ._report import write_report
from ._run_draws import run_draws
from ._run_memory import require_run_memory
from ._runfolder import RunFolder, finite, fresh_path, peak_memory_mb, require_fresh, run_folder, versions
from ._simulation import ArmResult, LevelModel, make_level_model, past_bone, simulate_arm
from ._study import read_study
from ._study_tables import Study
from ._summary import run_summary, timecourse_csv, timecourse_rows
from ._trial_points import trial_points


def run_command(arguments: argparse.Namespace) -> None:
    """Run a study and print the path of its report."""
    study = read_study(arguments.study, overrides=arguments.overrides, data_dir=arguments.data_dir)
    out = arguments.out or fresh_path(Path("runs"), arguments.study.stem)
    require_fresh(out)
    prepare_jax(cache=not arguments.no_cache)
    with progress_bar("reading", forced=arguments.progress, quiet=arguments.quiet) as progress:
        prepared = prepare(study)
        with run_folder(out) as folder:
            run_study(prepared, folder, progress, memory_gb=arguments.memory_gb)
    print(out / "report.html")


def run_study(
    prepared: Prepared,
    folder: RunFolder,
    progress: Progress,
    *,
    memory_gb: float | None = None,
    maps: bool = True,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Simulate every level and arm and fill the run folder; without `maps`, no maps and no slices drawn.

    Returns:
      rows of timecourse.csv, and the content of summary.json.
    """
    begin = time.perf_counter()
    results = simulate_study(prepared, folder.log, progress, memory_gb=memory_gb)
    answers = study_answers(prepared, results, folder.log, progress)
    summary = write_run(folder, prepared, results, answers, progress, maps=maps, begin=begin)
    return answers.rows, summary


def simulate_study(
    prepared: Prepared, log: Callable[[str], None], progress: Progress, *, memory_gb: float | None = None
) -> list[ArmResult]:
    """Every arm of every level, simulated; nothing is written.

    Args:
      prepared: the study.
      log: takes a line of the log.
      progress: what is being done.
      memory_gb: refuse above this memory plan; None: the machine's.
    """
    study = prepared.study
    log(prepared.image.sentence)
    log(prepared.image.calibration["sentence"])
    load_test = make_load_test()
    results: list[ArmResult] = []
    share = 0.9 / (len(prepared.levels) * len(prepared.arms))
    for level in prepared.levels:
        for note in level.notes:
            log(note)
        progress.stage(f"{level.name}: mesh")
        model = make_level_model(level, study.mechanics, prepared.day)
        require_run_memory(model, study, memory_gb)
        log(f"{level.name}: {model.elements} elements")
        past = past_bone(level, prepared.history, prepared.parameters, study)
        for arm in prepared.arms:
            progress.stage(f"{level.name}: {arm.name}")
            result = simulate_arm(
                level,
                model,
                prepared.courses[arm.name],
                prepared.parameters,
                study,
                arm.name,
                load_test,
                past,
                prepared.exposures[arm.name],
            )
            if study.mechanics.strength == "nonlinear":
                result = _pushed(result, model, level.name, study, progress, results)
                entry = result.nonlinear[-1]
                log(
                    f"{level.name}, {arm.name}: {entry['yield_force_n']:.0f} N at 0.2 % offset in month "
                    f"{entry['month']}, {entry['newton_iterations']} Newton iterations, "
                    f"{entry['seconds']:.1f} s"
                )
            results.append(result)
            progress.stage(f"{level.name}: {arm.name}", advance=share)
            log(
                f"{level.name}, {arm.name}: {result.solver['solves']} solves, at most "
                f"{result.solver['iterations_max']} iterations, residual at most "
                f"{result.solver['relative_residual_max']:.1e}, {result.solver['seconds']:.1f} s"
            )
    return results


@dataclasses.dataclass(frozen=True)
class StudyAnswers:
    """What is read off the results of all arms."""

    draws: DrawsOf
    "draws of the posterior by level and arm"
    rows: list[dict[str, Any]]
    "rows of timecourse.csv"
    points: list[dict[str, Any]]
    "results of trials beside them"


def study_answers(
    prepared: Prepared, results: list[ArmResult], log: Callable[[str], None], progress: Progress
) -> StudyAnswers:
    """Intervals, time courses and the trials beside them; nothing is written."""
    progress.stage("intervals")
    drawn = time.perf_counter()
    draws = run_draws(prepared, results)
    log(f"intervals of all arms, {time.perf_counter() - drawn:.1f} s")
    progress.stage("tables")
    rows = timecourse_rows(prepared, results, draws)
    study, levels = prepared.study, prepared.levels
    points = [point for level in levels for point in trial_points(study, rows, level.name, draws)]
    return StudyAnswers(draws, rows, points)


def write_run(
    folder: RunFolder,
    prepared: Prepared,
    results: list[ArmResult],
    answers: StudyAnswers,
    progress: Progress,
    *,
    maps: bool = True,
    begin: float,
) -> dict[str, Any]:
    """Fill the folder of a simulated study.

    Args:
      folder: where to.
      prepared, results, answers: the study and what came of it.
      progress: what is being done.
      maps: write maps and draw slices.
      begin: `time.perf_counter` at the start of the run.

    Returns:
      content of summary.json.
    """
    # Figures pull in matplotlib, which `solve` and `check` of a study do without.
    from ._run_outputs import write_figures, write_maps

    draws, rows, points = answers.draws, answers.rows, answers.points
    folder.write_text("timecourse.csv", timecourse_csv(rows))
    folder.write_text("study.toml", to_toml(portable(prepared.study)))
    if maps:
        progress.stage("writing maps", advance=0.02)
        write_maps(folder, prepared, results, draws)
    progress.stage("drawing", advance=0.03)
    folder.write_json("figures.json", write_figures(folder, prepared, results, draws, rows, points, maps))
    folder.write_json("versions.json", {**versions(), "inputs_sha256": prepared.hashes})
    timing = {"run_seconds": time.perf_counter() - begin, "peak_memory_mb": peak_memory_mb()}
    summary = finite({**run_summary(prepared, results, rows, points), **timing})
    folder.write_json("summary.json", summary)
    progress.stage("writing the report", advance=0.05)
    write_report(folder.path)
    folder.log(f"done, peak memory {timing['peak_memory_mb']:.0f} MB")
    return summary


def _pushed(
    result: ArmResult,
    model: LevelModel,
    level: str,
    study: Study,
    progress: Progress,
    before: list[ArmResult],
) -> ArmResult:
    """A result with its strength beyond yield; that before treatment is the same in every arm of a level."""
    from ._run_strength import push_level

    def strength(modulus: Any, month: int) -> dict[str, Any]:
        progress.stage(f"{level}: {result.arm}, strength at month {month}")
        where = f"level '{level}', arm '{result.arm}', month {month}, mechanics.strength"
        return {"month": month, **push_level(model, modulus, study.mechanics, where=where)}

    known = [other.nonlinear[0] for other in before if other.level == level]
    first = known[0] if known else strength(np.asarray(model.mechanics.baseline_modulus), 0)
    last = strength(result.end_modulus, result.months[-1])
    return dataclasses.replace(result, nonlinear=[first, last])


def portable(study: Study) -> dict[str, Any]:
    """The resolved study without paths: file names can name patients, so each becomes its role."""
    data = dataclasses.asdict(study)
    image = data["image"]
    image["folder"] = None
    for table, roles in (
        (image, ("path", "mask", "subregions")),
        *((row, ("mask", "subregions")) for row in data["levels"]),
    ):
        for role in roles:
            if table.get(role) is not None:
                table[role] = f"{role}.nii.gz"
    return data
