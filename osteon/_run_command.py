"""`osteon run`: a study file in, a run folder with maps, curves, numbers and a report out."""

import argparse
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ._arm_draws import DrawsOf
from ._cases import run_csv
from ._checkpoints import ArmParts, Checkpoints
from ._errors import NotConvergedError
from ._load_test import make_load_test
from ._machine import prepare_jax
from ._output import answer_folder
from ._overrides import to_toml
from ._prepared import Prepared, prepare
from ._progress import Progress, progress_bar
from ._report import write_report
from ._run_draws import run_draws
from ._run_memory import require_run_memory
from ._runfolder import (
    RunFolder,
    finite,
    numbered_paths,
    peak_memory_mb,
    require_fresh,
    sources_sha256,
    versions,
)
from ._simulation import (
    ArmResult,
    LevelModel,
    make_level_model,
    past_bone,
    simulate_arm,
    steps_of_report,
)
from ._study import read_study
from ._study_tables import Study
from ._summary import run_summary, timecourse_csv, timecourse_rows
from ._trial_points import trial_points
from ._working_folder import WorkingFolder, filled, new_working_folder


def run_command(arguments: argparse.Namespace) -> None:
    """Run a study and print the path of its report."""
    study = read_study(arguments.study, overrides=arguments.overrides, data_dir=arguments.data_dir)
    if arguments.out is not None:
        require_fresh(arguments.out)
    prepare_jax(cache=not arguments.no_cache)
    candidates = [arguments.out] if arguments.out else numbered_paths(Path("runs"), arguments.study.stem)
    with (
        progress_bar("reading", forced=arguments.progress, quiet=arguments.quiet) as progress,
        new_working_folder(candidates) as working,
    ):
        fill_run(study, working, progress, memory_gb=arguments.memory_gb)
    answer_folder(arguments, working.out, "report.html")


def fill_run(study: Study, working: WorkingFolder, progress: Progress, *, memory_gb: float | None) -> None:
    """Run a study in its working folder, or go on with it there, and give the run its name.

    Raises:
      InterruptedRun: cut off with something kept.
      UserError: begun by another program, on another kind of machine or with other input files.
    """
    with filled(working) as folder:
        keep_asked(working, study, memory_gb)
        prepared = prepare(study)
        working.require_same(fingerprint(prepared))
        run_study(prepared, folder, progress, memory_gb=memory_gb, checkpoints=working.checkpoints())


def keep_asked(working: WorkingFolder, study: Study, memory_gb: float | None) -> None:
    """Keep what `osteon resume` starts from: the study with the places of its files, and the memory limit."""
    whole = dataclasses.asdict(study)
    whole["image"]["folder"] = str(Path(study.image.folder).absolute())
    working.keep("study.toml", to_toml(whole))
    working.keep("memory_gb.json", json.dumps(memory_gb))


def fingerprint(prepared: Prepared) -> dict[str, Any]:
    """What a resumed run must share with the run that was begun: program, machine kind and input files."""
    return {**versions(), "sources_sha256": sources_sha256(), "inputs_sha256": prepared.hashes}


def run_study(
    prepared: Prepared,
    folder: RunFolder,
    progress: Progress,
    *,
    memory_gb: float | None = None,
    maps: bool = True,
    checkpoints: Checkpoints | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Simulate every level and arm and fill the run folder; without `maps`, no maps and no slices drawn.

    Args:
      prepared: the study.
      folder: where to write.
      progress: what is told meanwhile.
      memory_gb: limit of the memory plan.
      maps: whether to write maps and draw slices.
      checkpoints: where parts are kept and found; by default nowhere.

    Returns:
      rows of timecourse.csv, and the content of summary.json.
    """
    begin = time.perf_counter()
    results, seconds = simulate_study(
        prepared,
        folder.log,
        progress,
        memory_gb=memory_gb,
        checkpoints=checkpoints,
        invalid_to=folder.path.parent,
    )
    answers = study_answers(prepared, results, folder.log, progress)
    summary = write_run(folder, prepared, results, answers, progress, maps=maps, begin=begin, seconds=seconds)
    return answers.rows, summary


def simulate_study(
    prepared: Prepared,
    log: Callable[[str], None],
    progress: Progress,
    *,
    memory_gb: float | None = None,
    checkpoints: Checkpoints | None = None,
    invalid_to: Path | None = None,
) -> tuple[list[ArmResult], list[dict[str, Any]]]:
    """Every arm of every level, simulated; nothing is written but checkpoints.

    Args:
      prepared: the study.
      log: takes a line of the log.
      progress: what is told meanwhile.
      memory_gb: limit of the memory plan; None: the machine's.
      checkpoints: where parts are kept and found; by default nowhere.
      invalid_to: folder for the last good density of an arm that does not converge; None: none is written.

    Returns:
      results, and the seconds of each.
    """
    checkpoints = checkpoints or Checkpoints()
    study = prepared.study
    log(prepared.image.sentence)
    log(prepared.image.calibration["sentence"])
    load_test = make_load_test()
    results: list[ArmResult] = []
    seconds: list[dict[str, Any]] = []
    rhythm, _ = steps_of_report(study.time, study.mechanics.fe_every_months)
    reports = study.time.months * study.time.steps_per_month // rhythm
    share = 0.9 / (len(prepared.levels) * len(prepared.arms))
    for position, level in enumerate(prepared.levels):
        for note in level.notes:
            log(note)
        progress.stage(f"{level.name}: mesh")
        model = make_level_model(level, study.mechanics, prepared.day)
        require_run_memory(model, study, memory_gb)
        log(f"{level.name}: {model.elements} elements")
        past = past_bone(level, prepared.history, prepared.parameters, study)
        for number, arm in enumerate(prepared.arms):
            progress.stage(f"{level.name}: {arm.name}")
            started = time.perf_counter()
            parts = ArmParts(
                checkpoints,
                f"level-{position}-arm-{number}",
                lambda index, arm=arm, level=level: progress.stage(
                    f"{level.name}: {arm.name}, month {index * rhythm / study.time.steps_per_month:g}",
                    advance=share / (reports + 1),
                ),
            )
            try:
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
                    parts,
                )
            except NotConvergedError:
                if parts.last is not None and invalid_to is not None:
                    from ._run_outputs import write_invalid

                    month = parts.last_index * rhythm // study.time.steps_per_month
                    write_invalid(invalid_to, level, arm.name, month, parts.last, prepared.parameters)
                raise
            if parts.known:
                log(f"{level.name}, {arm.name}: {len(parts.known)} parts were computed before")
            if study.mechanics.strength == "nonlinear":
                result = _pushed(result, model, level.name, study, progress, results, checkpoints, parts.name)
                entry = result.nonlinear[-1]
                log(
                    f"{level.name}, {arm.name}: {entry['yield_force_n']:.0f} N at 0.2 % offset in month "
                    f"{entry['month']}, {entry['newton_iterations']} Newton iterations"
                )
            spent = time.perf_counter() - started
            results.append(result)
            seconds.append({"level": level.name, "arm": arm.name, "seconds": spent})
            log(
                f"{level.name}, {arm.name}: {result.solver['solves']} solves, at most "
                f"{result.solver['iterations_max']} iterations, residual at most "
                f"{result.solver['relative_residual_max']:.1e}, {spent:.1f} s"
            )
    return results, seconds


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
    seconds: list[dict[str, Any]],
) -> dict[str, Any]:
    """Fill the folder of a simulated study.

    Args:
      folder: where to.
      prepared, results, answers: the study and what came of it.
      progress: what is being done.
      maps: write maps and draw slices.
      begin: `time.perf_counter` at the start of the run.
      seconds: of every arm, for timing.json.

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
    folder.write_json("versions.json", fingerprint(prepared))
    summary = finite(run_summary(prepared, results, rows, points))
    folder.write_json("summary.json", summary)
    folder.write_text("cases.csv", run_csv(summary))
    progress.stage("writing the report", advance=0.05)
    write_report(folder.path)
    # Apart from everything else, which is the same to the bit whenever the same is run.
    timing = {"run_seconds": time.perf_counter() - begin, "peak_memory_mb": peak_memory_mb(), "arms": seconds}
    folder.write_json("timing.json", timing)
    folder.log(f"done, peak memory {timing['peak_memory_mb']:.0f} MB")
    return summary


def _pushed(
    result: ArmResult,
    model: LevelModel,
    level: str,
    study: Study,
    progress: Progress,
    before: list[ArmResult],
    checkpoints: Checkpoints,
    name: str,
) -> ArmResult:
    """A result with its strength beyond yield; that before treatment is the same in every arm of a level."""
    from ._run_strength import push_level

    def strength(modulus: Any, month: int) -> dict[str, Any]:
        progress.stage(f"{level}: {result.arm}, strength at month {month}")
        kept = checkpoints.load_json(f"{name}-strength-{month}")
        if kept is not None:
            return kept
        where = f"level '{level}', arm '{result.arm}', month {month}, mechanics.strength"
        pushed = push_level(model, modulus, study.mechanics, where=where)
        record = {"month": month, **{key: value for key, value in pushed.items() if key != "seconds"}}
        checkpoints.save_json(f"{name}-strength-{month}", record)
        return record

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
        (image, ("path", "mask", "subregions", "bodies")),
        *(() if image["calibration"] is None else ((image["calibration"], ("rods",)),)),
        *((row, ("mask", "subregions")) for row in data["levels"]),
    ):
        for role in roles:
            if table.get(role) is not None:
                table[role] = f"{role}.nii.gz"
    return data
