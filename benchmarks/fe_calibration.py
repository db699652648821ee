"""The four parameters of load learned through finite elements in reverse mode, with time and memory.

    python -m benchmarks.fe_calibration                  # all, into benchmarks/results/fe_calibration.json
    python -m benchmarks.fe_calibration --parts cost     # time, memory and check of the gradient alone

Data: densities of `spaceflight-flight`, and scans that the model made with parameters that are known. What is
found here are no defaults: docs/fe_calibration.md.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import calibration
import remodeling
from benchmarks._load_fit import ARM, Problem, shown, told
from benchmarks._load_study import (
    COLUMNS,
    LOADED,
    MONTHS,
    OPTIONS,
    RTOL,
    Body,
    Scans,
    loss,
    make_body,
    residuals,
    scans_of_trial,
    simulated_scans,
)
from benchmarks._measure import peak_memory_mb, repeated, timed
from benchmarks._parts import begun, write_report
from benchmarks._strength_body import make_bone

FILE = Path(__file__).resolve().parent / "results" / "fe_calibration.json"
PARTS = ("cost", "trial", "recovery")
VOXEL_MM, TRABECULAR_MG_CM3 = 3.0, 120.0
"""Edge of a voxel, mm, and mean trabecular density, mg HA/cm3 (that of the built-in L3; assumed)."""
OTHER_LOADS = (0.1, 0.5)
"""Loads in flight over the habitual one besides that of the tables, to see what it matters."""
TRUTH = dict(zip(LOADED, (0.09, 0.03, 0.2, 0.5), strict=True))
"""Parameters of the simulated scans (assumed; none is at its prior median or default)."""
RECOVERY_LOAD = (1.5,) * 6 + (0.5,) * 6
"""Load of each month of the simulated scans: overload, then disuse."""
RECOVERY_ERROR, SEED = 0.2, 0
"""Standard error of the simulated scans, % of the start (assumed), and seed of their errors."""
REPEATS, DIFFERENCE = 5, 1e-3
"""Warm runs of a median, and step of the differences in ln p."""


def main(arguments: list[str] | None = None) -> int:
    """Run the parts asked for and write the file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fe_calibration", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--voxel-mm", type=float, default=VOXEL_MM)
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    report = begun(options.out)
    body = make_body(make_bone(options.voxel_mm, TRABECULAR_MG_CM3))
    flight = scans_of_trial(calibration.read_trials(), ARM)
    report["body"] = describe(body, options.voxel_mm, flight)
    problem = Problem()
    work = {
        "cost": lambda: cost(body, flight, problem.prior),
        "trial": lambda: learn_from_trial(problem, body, flight),
        "recovery": lambda: recover(problem, body),
    }
    for part in options.parts:
        before = peak_memory_mb()
        report[part], spent = timed(work[part])
        memory = {"peak_memory_mb_before": before, "peak_memory_mb": peak_memory_mb()}
        report[part]["whole_part"] = {**spent, **memory}
        write_report(rounded(report), options.out)
    print(json.dumps(rounded(report), indent=1))
    return 0


def describe(body: Body, voxel_mm: float, flight: Scans) -> dict[str, Any]:
    """Size of the problem."""
    plan = body.mechanics.plan
    return {
        "voxel_mm": voxel_mm,
        "trabecular_mg_cm3": TRABECULAR_MG_CM3,
        "voxels": int(body.density.size),
        "elements": int(plan.connectivity.shape[0]),
        "dofs": 3 * int(plan.nodes.shape[0]),
        "months": MONTHS,
        "finite_element_solves_of_a_simulation": 1 + MONTHS // OPTIONS.solve_every,
        "rtol": RTOL,
        "flight_load": float(flight.load[0]),
    }


def cost(body: Body, scans: Scans, prior: calibration.LogNormalPrior) -> dict[str, Any]:
    """Compilation, time and memory of the loss and of its gradient, and the gradient beside differences."""
    start = dict(prior.median)
    rows: dict[str, Any] = {}
    programs = {}
    for name, function in (("value", loss), ("value_and_gradient", jax.value_and_grad(loss))):
        lowered, trace = timed(lambda function=function: jax.jit(function).lower(start, (body, scans), prior))
        program, compilation = timed(lowered.compile)
        _, warm = repeated(lambda program=program: program(start, (body, scans), prior), REPEATS)
        programs[name] = program
        rows[name] = {
            "trace": trace,
            "compile": compilation,
            "warm": warm,
            "temporary_mb": program.memory_analysis().temp_size_in_bytes / 2**20,
            "peak_memory_mb": peak_memory_mb(),
        }
    rows["gradient_over_value_cpu"] = (
        rows["value_and_gradient"]["warm"]["cpu_s"] / rows["value"]["warm"]["cpu_s"]
    )
    rows["gradient_check"] = check_gradient(programs, start, (body, scans), prior)
    return rows


def check_gradient(programs: Mapping[str, Any], at: Mapping[str, Any], *rest: Any) -> dict[str, Any]:
    """d loss / d ln p in reverse mode beside central differences of the loss; under overload too.

    The data of a flight say nothing of overload, so the same is done where the load grows.
    """
    (body, scans), prior = rest
    heavier = scans._replace(load=jnp.asarray(RECOVERY_LOAD, scans.load.dtype))
    table: dict[str, Any] = {}
    for case, seen in (("flight", scans), ("overload_then_disuse", heavier)):
        _, gradient = programs["value_and_gradient"](dict(at), (body, seen), prior)
        table[case] = {}
        for name in LOADED:
            ends = [
                float(programs["value"]({**at, name: at[name] * jnp.exp(step)}, (body, seen), prior))
                for step in (DIFFERENCE, -DIFFERENCE)
            ]
            reverse, difference = float(gradient[name] * at[name]), (ends[0] - ends[1]) / (2 * DIFFERENCE)
            table[case][name] = {"reverse": reverse, "central_difference": difference}
        rows = table[case].values()
        largest = max(abs(row["reverse"]) for row in rows)
        table[case]["largest_error_over_largest_derivative"] = (
            max(abs(row["reverse"] - row["central_difference"]) for row in rows) / largest
        )
    return table


def learn_from_trial(problem: Problem, body: Body, flight: Scans) -> dict[str, Any]:
    """The four parameters from the densities of a flight, what the data tell of them, and the surrogate's."""
    found, cold = problem.fit(body, flight)
    _, warm = problem.fit(body, flight)
    again, other_start = problem.fit(body, flight, start=problem.defaults)
    apart = max(abs(float(jnp.log(again[name] / found[name]))) for name in LOADED)
    surrogate = replace(body, mechanics=remodeling.make_surrogate())
    (without, least), seconds = timed(
        lambda: calibration.least_squares(
            residuals, problem.start, data=(surrogate, flight), prior=problem.prior
        )
    )
    loads = {}
    for load in OTHER_LOADS:
        values, _ = problem.fit(body, flight._replace(load=jnp.full(MONTHS, load)))
        loads[str(load)] = {name: float(values[name]) for name in LOADED}
    return {
        "fit": {"cold": cold, "warm": warm},
        "from_defaults": {**other_start, "largest_difference_of_ln_p": apart},
        "parameters": told(problem, found, (body, flight), problem.prior),
        "at_other_flight_loads": loads,
        "predictions": {
            "prior_medians": shown(problem.start, body, flight),
            "defaults": shown(problem.defaults, body, flight),
            "fitted": shown(found, body, flight),
        },
        "surrogate": {
            "converged": bool(least.converged),
            "evaluations": int(least.evaluations),
            "loss": float(least.loss),
            **seconds,
            "parameters": told(problem, without, (surrogate, flight), problem.prior),
            "predictions": shown(without, surrogate, flight),
            "its_values_through_finite_elements": shown(without, body, flight),
        },
    }


def recover(problem: Problem, body: Body) -> dict[str, Any]:
    """Parameters found from scans that the model made itself: exact ones without a prior, and scattered."""
    exact = simulated_scans(TRUTH, body, RECOVERY_LOAD, standard_error=RECOVERY_ERROR)
    scattered = simulated_scans(TRUTH, body, RECOVERY_LOAD, standard_error=RECOVERY_ERROR, seed=SEED)
    found, record = problem.fit(body, exact, prior=problem.no_prior)
    likely, second = problem.fit(body, scattered)
    known = told(problem, likely, (body, scattered), problem.prior)
    return {
        "load": RECOVERY_LOAD,
        "months": np.asarray(exact.month).tolist(),
        "standard_error_percent": RECOVERY_ERROR,
        "change_percent": dict(zip(COLUMNS, np.asarray(exact.change).T.tolist(), strict=True)),
        "exact_without_prior": {
            "fit": record,
            "parameters": {
                name: {
                    "truth": TRUTH[name],
                    "value": float(found[name]),
                    "relative_error": float(found[name]) / TRUTH[name] - 1.0,
                }
                for name in LOADED
            },
        },
        "scattered_with_prior": {
            "fit": second,
            "parameters": {
                name: {
                    "truth": TRUTH[name],
                    **row,
                    "truth_in_interval": bool(row["interval_95"][0] <= TRUTH[name] <= row["interval_95"][1]),
                }
                for name, row in known.items()
            },
        },
    }


def rounded(tree: Any) -> Any:
    """The same with six digits of every number."""
    if isinstance(tree, dict):
        return {key: rounded(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [rounded(value) for value in tree]
    return float(f"{tree:.6g}") if isinstance(tree, float) else tree


if __name__ == "__main__":
    raise SystemExit(main())
