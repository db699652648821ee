"""`osteon qualify`: how well a posterior predicts trials, those it was fitted to and those it never saw."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from ._errors import UserError, input_errors
from ._fit_command import MONTHS
from ._fit_tables import observation_rows
from ._machine import prepare_jax
from ._output import answer_folder
from ._progress import Progress, progress_bar
from ._qualification import add_percent, qualification_text, summaries
from ._report import RESEARCH_USE
from ._runfolder import RunFolder, csv_text, fresh_path, require_fresh, run_folder, versions


def qualify_command(arguments: argparse.Namespace) -> None:
    """Write the qualification of a posterior and print the path of its text."""
    out = arguments.out or fresh_path(Path("runs"), "qualify")
    require_fresh(out)
    prepare_jax(cache=not arguments.no_cache)
    with (
        progress_bar("reading trials", forced=arguments.progress, quiet=arguments.quiet) as progress,
        run_folder(out) as folder,
    ):
        write_qualification(arguments, folder, progress)
    answer_folder(arguments, out, "qualification.md")


def write_qualification(arguments: argparse.Namespace, folder: RunFolder, progress: Progress) -> None:
    """Fill the folder: qualification.md, observations.csv, left_out.csv, summary.json, figures.

    Raises:
      UserError: a posterior that cannot be read, or is of other trial tables.
    """
    import calibration

    begin = time.perf_counter()
    with input_errors("the posterior"):
        posterior, provenance = calibration.read_posterior(arguments.posterior)
    with input_errors("the trial tables"):
        trials = calibration.read_trials(arguments.trials)
    tables = calibration.trial_tables_hash(arguments.trials)
    if provenance.get("trial_tables_sha256") != tables:
        raise UserError(
            f"'{arguments.posterior}' was fitted to other trial tables than these; fit again with "
            "`osteon fit`"
        )
    names = tuple(provenance["learned"])
    progress.stage("compiling", 0.05)
    problem, seen = calibration.make_trial_problem(
        trials, names=names, roles=("calibration", "validation"), months=MONTHS
    )
    state = _at_mode(posterior, problem)
    spread = calibration.error_of_prediction(state.prediction, problem.table, posterior.between_trials)
    half = calibration.predictive_half_width(state.slopes, posterior.covariance_of(problem), spread)
    used = np.asarray(calibration.heard(problem)).max(axis=1) > 0
    rows = observation_rows(seen, trials, state.prediction, half, used)
    add_percent(rows, seen, trials, posterior.between_trials)
    left_out = [] if arguments.no_folds else _left_out(posterior, trials, names, progress, folder)
    progress.stage("drawing", 0.05)
    folder.write_text("observations.csv", csv_text(rows))
    if left_out:
        folder.write_text("left_out.csv", csv_text(left_out))
    found = summaries(rows, left_out)
    from ._fit_figures import agreement_figure, observation_figure

    validation = [row for row in rows if row["role"] == "validation"]
    for name, some in (("never_seen", validation), ("left_out", left_out)):
        if some:
            folder.write_bytes(f"figures/{name}.png", observation_figure(some))
            folder.write_bytes(f"figures/{name}_agreement.png", agreement_figure(some))
    folder.write_text("qualification.md", qualification_text(found, rows, left_out, provenance))
    folder.write_json(
        "summary.json",
        {
            "format": "osteon-qualification/1",
            "research_use_only": RESEARCH_USE,
            "posterior": provenance,
            "versions": versions(),
            "summaries": found,
            "seconds": time.perf_counter() - begin,
        },
    )


def _at_mode(posterior: Any, problem: Any) -> Any:
    """Predictions and slopes at the mode of a posterior."""
    import calibration

    values = {name: np.exp(value) for name, value in posterior.log_values.items()}
    return calibration.begin_fit(calibration.vector_of(values, problem), problem)


def _left_out(
    posterior: Any, trials: Any, names: tuple[str, ...], progress: Progress, folder: RunFolder
) -> list[dict[str, Any]]:
    """Rows of the observations of every group, predicted by a fit without it."""
    import calibration

    problem, seen = calibration.make_trial_problem(trials, names=names, months=MONTHS)
    state = _at_mode(posterior, problem)
    counted = np.asarray(problem.mask) > 0
    groups = {trials.arms[item.arm].group for item, counts in zip(seen, counted, strict=True) if counts}

    def told(group: str) -> None:
        folder.log(f"without {group}")
        progress.stage(f"without {group}", 0.85 / len(groups))

    ends = calibration.leave_one_group_out(
        state,
        problem,
        trials,
        seen,
        told=told,
    )
    rows = []
    for end in ends:
        some = [seen[row] for row in end.rows]
        rows += observation_rows(some, trials, end.prediction, end.half_width, np.zeros(len(some), bool))
    left_out = [seen[row] for end in ends for row in end.rows]
    add_percent(rows, left_out, trials, posterior.between_trials)
    return rows
