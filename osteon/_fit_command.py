"""`osteon fit`: biological parameters from published trials, with what they leave open, into a run folder."""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ._errors import NotConvergedError, UserError, input_errors
from ._fit_tables import observation_rows, parameter_rows
from ._machine import prepare_jax
from ._output import answer_folder
from ._progress import Progress, progress_bar
from ._report import RESEARCH_USE
from ._runfolder import RunFolder, csv_text, fresh_path, require_fresh, run_folder, versions, write_atomic

MONTHS = 120
"""Months of the arms: the longest observation."""
_USUAL_EVALUATIONS = 12
"""Evaluations that a fit usually takes; for the progress bar alone."""


def fit_command(arguments: argparse.Namespace) -> None:
    """Fit the parameters and print the path of the posterior; a fit that was cut off goes on."""
    out = arguments.out or fresh_path(Path("runs"), "fit")
    require_fresh(out)
    state_file = arguments.state or out.parent / f"{out.name}.state.npz"
    if arguments.evaluations < 1:
        raise UserError(
            f"--evaluations must be at least 1, got {arguments.evaluations}; 40 suffice as a rule"
        )
    prepare_jax(cache=not arguments.no_cache)
    with (
        progress_bar("reading trials", forced=arguments.progress, quiet=arguments.quiet) as progress,
        run_folder(out) as folder,
    ):
        write_fit(arguments, folder, progress, state_file)
    state_file.unlink(missing_ok=True)
    answer_folder(arguments, out, "posterior.json")


def write_fit(arguments: argparse.Namespace, folder: RunFolder, progress: Progress, state_file: Path) -> None:
    """Fit and fill the folder: posterior.json, parameters.csv, observations.csv, history.csv, figures.

    Raises:
      UserError: trial tables or names of parameters that cannot be used, or a state of another fit.
      NotConvergedError: derivatives that are left after the evaluations allowed; the state is kept.
    """
    import jax

    import calibration
    import remodeling

    begin = time.perf_counter()
    with input_errors("the fit"):
        trials = calibration.read_trials(arguments.trials)
        names = tuple(arguments.learn) if arguments.learn else calibration.LEARNED
        problem, seen = calibration.make_trial_problem(trials, names=names, months=MONTHS)
    counted = np.asarray(calibration.heard(problem)).max(axis=1) > 0
    used = [item for item, counts in zip(seen, counted, strict=True) if counts]
    groups = sorted({trials.arms[item.arm].group for item in used})
    origin = {
        "trial_tables_sha256": calibration.trial_tables_hash(arguments.trials),
        "parameters_sha256": calibration.fit_settings_hash(problem),
    }
    folder.log(f"{len(problem.batch.arms)} people, {len(used)} observations of {len(groups)} trial groups")
    history: list[dict[str, Any]] = []

    def told(state: Any) -> None:
        count = int(state.evaluations)
        steepest = float(np.abs(state.gradient).max())
        history.append(
            {
                "evaluation": count,
                "loss": float(state.loss),
                "steepest": steepest,
                "damping": float(state.damping),
            }
        )
        write_atomic(state_file, _state_bytes(state, origin))
        progress.stage(f"fit: loss {float(state.loss):.3f}, slope {steepest:.1e}", 0.8 / _USUAL_EVALUATIONS)

    progress.stage("compiling", 0.05)
    kept = _kept_state(state_file, origin)
    if kept is not None:
        folder.log(f"goes on from {state_file.name}")
    defaults = remodeling.default_parameters()
    if kept is None:
        x = calibration.vector_of({name: getattr(defaults, name) for name in names}, problem)
        state = calibration.begin_fit(x, problem)
    else:
        state = calibration.begin_fit(kept["x"], problem, damping=kept["damping"])
    state = calibration.fit_trials(state, problem, most_evaluations=arguments.evaluations, told=told)
    if not bool(state.converged):
        raise NotConvergedError(
            f"the fit has a slope of {float(np.abs(state.gradient).max()):.2e} left after "
            f"{int(state.evaluations)} evaluations, needed 1e-3; run the same command with "
            f"--state {state_file} and more --evaluations"
        )
    with input_errors("the fit"):
        posterior = calibration.posterior_of(state, problem)
        draws, quality = calibration.trial_draws(jax.random.key(0), state, problem)
    drawn = bool(quality.usable)
    if not drawn:
        folder.log("draws of the posterior disagree: intervals of parameters are those of its curvature")
    progress.stage("drawing", 0.05)
    provenance: Mapping[str, Any] = {
        **origin,
        "versions": versions(),
        "learned": list(names),
        "fitted_to": groups,
        "observations": len(used),
        "loss": float(state.loss),
        "evaluations": int(state.evaluations),
        "approximation": "Laplace at the mode: likelihood exact, model linear (Gauss-Newton)",
    }
    folder.write_text("posterior.json", calibration.posterior_to_json(posterior, provenance))
    parameters = parameter_rows(posterior, problem, state, seen, trials, draws if drawn else None)
    spread = calibration.error_of_prediction(state.prediction, problem.table, posterior.between_trials)
    half = calibration.predictive_half_width(state.slopes, posterior.covariance_of(problem), spread)
    observations = observation_rows(seen, trials, state.prediction, half, counted)
    folder.write_text("parameters.csv", csv_text(parameters))
    folder.write_text("observations.csv", csv_text(observations))
    folder.write_text("history.csv", csv_text(history))
    from ._fit_figures import observation_figure, parameter_figure

    folder.write_bytes("figures/parameters.png", parameter_figure(parameters))
    folder.write_bytes("figures/observations.png", observation_figure(observations))
    seconds = time.perf_counter() - begin
    folder.log(f"{int(state.evaluations)} evaluations, {seconds:.0f} s in all")
    folder.write_json(
        "summary.json",
        {
            "format": "osteon-fit/1",
            "research_use_only": RESEARCH_USE,
            "provenance": provenance,
            "parameters": parameters,
            "parameter_intervals": {
                "by": "draws of the posterior" if drawn else "curvature at the mode",
                "acceptance": float(quality.acceptance),
                "r_hat": float(quality.r_hat),
            },
            "seconds": seconds,
        },
    )


def _state_bytes(state: Any, origin: dict[str, str]) -> bytes:
    """What a fit needs to go on, as the bytes of an .npz file."""
    stream = io.BytesIO()
    numbers: dict[str, Any] = {"x": np.asarray(state.x), "damping": np.asarray(state.damping), **origin}
    np.savez(stream, **numbers)
    return stream.getvalue()


def _kept_state(path: Path, origin: dict[str, str]) -> dict[str, Any] | None:
    """Point and damping of a fit that was cut off; None without a file.

    Raises:
      UserError: the file is not a state, or of other tables or parameters.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            kept = {name: arrays[name] for name in ("x", "damping", *origin)}
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"--state '{path}' is no state of a fit ({error}); remove it to start anew"
        ) from error
    for name, value in origin.items():
        if str(kept[name]) != value:
            raise UserError(
                f"--state '{path}' is of a fit to other {name.removesuffix('_sha256').replace('_', ' ')}; "
                "remove it to start anew"
            )
    return kept
