"""The fast model beside published trials: predictions with default parameters, error of the few voxels, time.

    python -m benchmarks.trials                               # all, into benchmarks/results/trials.json
    python -m benchmarks.trials --parts predictions classes   # these alone; the others stay as they were
    python -m benchmarks.trials --parts classes --run FOLDER  # beside a run of examples/l3_builtin.toml

CPU seconds are those of all threads: on a shared machine they repeat better than wall time.
"""

import argparse
import csv
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import calibration
import meshes
import remodeling
from benchmarks._parts import begun, write_report

FILE = Path(__file__).resolve().parent / "results" / "trials.json"
MONTHS = 120
MONTH_DAYS = 365.25 / 12
BETWEEN_TRIALS = (1.0, 15.0, 0.15)
"Deviations between trials of densities and of markers, %, and as a share of the change: prior medians."
CLASSES = ((1, 1), (2, 2), (3, 3), (4, 4), (8, 8))
PROBED_ARMS = ("smith-2001-leuprolide", "pepi-cee", "freedom-denosumab")
"Arms on which the number of classes is judged, beside the study of `--run`."
STUDY = "examples/l3_builtin.toml"


def main(arguments: list[str] | None = None) -> int:
    """Run the parts asked for and write the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trials", description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--run", type=Path, help=f"folder of `osteon run {STUDY}`")
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    report = begun(options.out)
    for part in options.parts:
        report[part] = PARTS[part](options)
        write_report(report, options.out)
        print(json.dumps({part: report[part]}, indent=1)[:4000], flush=True)
    return 0


def predictions(options: argparse.Namespace) -> dict[str, Any]:
    """Every prediction with default parameters, and how far they are from what was seen, by class."""
    trials = calibration.read_trials()
    seen = calibration.answered(trials)
    batch = calibration.make_arm_batch(calibration.arms_of(trials, seen), months=MONTHS)
    table = calibration.make_observation_table(trials, seen, batch)
    run = jax.jit(calibration.predict)
    found = np.asarray(
        run(remodeling.default_parameters(), batch, calibration.make_builtin_vertebra(), table)
    )
    spread = np.asarray(calibration.error_of_prediction(found, table, jnp.asarray(BETWEEN_TRIALS)))
    low = np.where(table.interval > 0, table.low, table.value)
    high = np.where(table.interval > 0, table.high, table.value)
    outside = np.maximum(low - found, 0.0) + np.maximum(found - high, 0.0)
    rows = []
    for number, item in enumerate(seen):
        group = trials.groups[trials.arms[item.arm].group]
        rows.append(
            {
                "arm": item.arm,
                "observable": item.observable,
                "kind": item.kind,
                "unit": item.unit,
                "months": [item.start_month, item.end_month],
                "role": group.role,
                "defaults": group.defaults,
                "observed": item.value,
                "low": item.low,
                "high": item.high,
                "predicted": round(float(found[number]), 3),
                "outside": round(float(outside[number]), 3),
                "spread": round(float(spread[number]), 3),
                "marker": bool(table.marker[number]),
            }
        )
    return {
        "between_trials": BETWEEN_TRIALS,
        "left_out": _counted([item.reason for item in calibration.unanswered(trials)]),
        "summary": _summary(rows),
        "rows": rows,
    }


def _counted(reasons: list[str]) -> dict[str, int]:
    return {reason: reasons.count(reason) for reason in sorted(set(reasons))}


def _summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Median error and share within 95 % by role, class and form of the observation."""
    made = []
    for role in ("calibration", "validation"):
        for marker in (False, True):
            for form in ("% or %/year", "interval"):
                part = [
                    row
                    for row in rows
                    if row["role"] == role
                    and row["marker"] == marker
                    and (row["kind"] == "interval") == (form == "interval")
                    and row["unit"].startswith("%")
                ]
                if part:
                    made.append(
                        {
                            "role": role,
                            "class": "marker" if marker else "density",
                            "form": form,
                            "observations": len(part),
                            "median_outside": round(float(np.median([row["outside"] for row in part])), 2),
                            "within_95": sum(row["outside"] <= 1.96 * row["spread"] for row in part),
                        }
                    )
    return made


def classes(options: argparse.Namespace) -> dict[str, Any]:
    """Error of few classes against all voxels of the built-in L3, and of both against finite elements."""
    density, codes = _measured_l3()
    trials = calibration.read_trials()
    batch = calibration.make_arm_batch([trials.arms[name] for name in PROBED_ARMS], months=MONTHS)
    history = jax.tree.map(lambda leaf: leaf[batch.history_of], batch.history)
    people = jax.tree.map(
        lambda a, b: jnp.concatenate([a, b[None]]), (batch.course, history, batch.female), _study()
    )
    names = [*PROBED_ARMS, STUDY]

    @jax.jit
    def run(people, parameters, vertebra):
        def one(person):
            course, history, female = person
            past = remodeling.start_from_history(
                vertebra.density,
                history,
                parameters,
                female=female,
                compact=calibration.compact_classes(vertebra),
            )
            return calibration.person_curves(course, past, female, parameters, vertebra)

        return jax.lax.map(one, people)

    def curves(trabecular: int, cortical: int) -> np.ndarray:
        vertebra = calibration.make_fast_vertebra(
            density, codes, trabecular_classes=trabecular, cortical_classes=cortical
        )
        return np.asarray(run(people, remodeling.default_parameters(), vertebra))

    counts = [int((codes == code).sum()) for code in (calibration.TRABECULAR, calibration.CORTICAL)]
    exact = curves(counts[0], counts[1])
    errors = []
    for trabecular, cortical in CLASSES:
        worst = np.abs(curves(trabecular, cortical) - exact).max(axis=2)
        errors.append(
            {
                "trabecular_classes": trabecular,
                "cortical_classes": cortical,
                "largest_error_percent_points": {
                    name: dict(zip(calibration.QUANTITIES, np.round(row, 4).tolist(), strict=True))
                    for name, row in zip(names, worst, strict=True)
                },
            }
        )
    made: dict[str, Any] = {"voxels": counts, "months": MONTHS, "errors": errors}
    made["all_voxels_change_percent"] = {
        name: {
            quantity: {month: round(float(curve[month] - 100), 3) for month in (6, 12, 24, 60, 120)}
            for quantity, curve in zip(calibration.QUANTITIES, rows, strict=True)
        }
        for name, rows in zip(names, exact, strict=True)
    }
    if options.run is not None:
        made["finite_elements"] = _finite_elements(options.run, exact[-1], curves(3, 3)[-1])
    return made


def _measured_l3() -> tuple[np.ndarray, np.ndarray]:
    """Density and compartments of the built-in L3 as the program measures it, by the rods of its phantom."""
    made = meshes.make_vertebra(1.5)
    tissues, values = np.asarray(made.tissues.values), np.asarray(made.hu.values)
    rods = 1000 * np.asarray(made.phantom)
    numbers = [
        float(values[tissues == meshes.TISSUE_LABELS[f"rod {rod}"]].mean()) for rod in range(len(rods))
    ]
    scale, _ = meshes.calibrate_from_pairs(numbers, rods, "ha")
    labels = np.asarray(made.labels.values)
    body = np.isin(labels, (calibration.TRABECULAR, calibration.CORTICAL))
    density = np.asarray(meshes.apply_calibration(made.hu, scale).values)
    return np.maximum(density[body], 0.0), labels[body]


def _study() -> tuple[Any, Any, Any]:
    """Course, history and sex of the man of STUDY, over MONTHS."""
    person = remodeling.make_person(
        age_years=60.0, weight_kg=82.0, testosterone_ng_dl=200.0, estradiol_pg_ml=15.0, shbg_nmol_l=40.0,
        axis="primary",
    )  # fmt: skip
    dose = remodeling.Dose("testosterone-cypionate", 100.0, every_days=7.0)
    protocol = remodeling.make_protocol([dose], duration_days=MONTHS * MONTH_DAYS)
    course = remodeling.hormone_course(person, protocol, steps=MONTHS, step_days=MONTH_DAYS)
    steps = calibration.HISTORY_STEPS
    steady = remodeling.history_course(course.baseline, course.baseline, years=1.0, steps=steps)
    steady = replace(steady, step_days=jnp.full(steps, steady.step_days))
    return course, steady, person.female


def _finite_elements(folder: Path, exact: np.ndarray, fast: np.ndarray) -> dict[str, Any]:
    """Changes of a run of STUDY by finite elements, of all voxels and of the classes without them."""
    named = {
        "areal": "spine_dxa_percent",
        "trabecular": "trabecular_qct_percent",
        "integral": "integral_qct_percent",
        "cortical": "cortical_vbmd_mg_cm3",
    }
    with (folder / "timecourse.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["arm"] != "no treatment"]
    made = {}
    for quantity, column in named.items():
        place = calibration.QUANTITIES.index(quantity)
        course = {float(row["month"]): float(row["value"]) for row in rows if row["quantity"] == column}
        made[quantity] = {
            month: {
                "finite_elements": round(100 * (course[month] / course[0] - 1), 3),
                "all_voxels": round(float(exact[place, month] - 100), 3),
                "classes": round(float(fast[place, month] - 100), 3),
            }
            for month in (6, 12, 24)
        }
    return made


def timing(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds to compile and to evaluate the objective of all calibration groups and its gradient."""
    trials = calibration.read_trials()
    seen = calibration.answered(trials, calibration.select_observations(trials, roles=["calibration"]))
    begin = time.perf_counter(), time.process_time()
    batch = calibration.make_arm_batch(calibration.arms_of(trials, seen), months=MONTHS)
    made: dict[str, Any] = {"courses": _since(begin), "people": len(batch.arms), "observations": len(seen)}
    table = calibration.make_observation_table(trials, seen, batch)
    fixed = remodeling.default_parameters()
    prior = calibration.make_parameter_prior(calibration.LEARNED)
    values = {
        name: jnp.log(jnp.asarray(getattr(fixed, name, median))) for name, median in prior.median.items()
    }
    made["parameters"] = len(values)
    arguments = (
        values, prior, fixed, batch, calibration.make_builtin_vertebra(), table,
        calibration.fold_mask(trials, seen),
    )  # fmt: skip
    objective = calibration.negative_log_posterior
    for name, function in (
        ("value", objective),
        ("reverse", jax.value_and_grad(objective)),
        ("forward", jax.jacfwd(objective)),
    ):
        begin = time.perf_counter(), time.process_time()
        program = jax.jit(function).lower(*arguments).compile()
        made[name] = {"compile": _since(begin)}
        jax.block_until_ready(program(*arguments))
        begin = time.perf_counter(), time.process_time()
        jax.block_until_ready(program(*arguments))
        made[name]["evaluate"] = _since(begin)
        print(name, made[name], flush=True)
    return made


def _since(begin: tuple[float, float]) -> dict[str, float]:
    """Wall and CPU seconds since a moment."""
    return {
        "wall_s": round(time.perf_counter() - begin[0], 2),
        "cpu_s": round(time.process_time() - begin[1], 2),
    }


PARTS = {"predictions": predictions, "classes": classes, "timing": timing}


if __name__ == "__main__":
    raise SystemExit(main())
