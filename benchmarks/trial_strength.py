"""Strength of the vertebra of the T Trials men by finite elements, beside what was printed.

    python -m benchmarks.trial_strength                     # all, into benchmarks/results/trial_strength.json
    python -m benchmarks.trial_strength --parts prediction  # without the checks of voxel size and density

The parameters saw the densities of the trial, and no strength of any trial: docs/trial_strength.md.
"""

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import calibration
import remodeling
from benchmarks._parts import begun, write_report
from benchmarks._strength_body import (
    Bone,
    Capped,
    cap,
    count_out_of_range,
    coupled,
    make_bone,
    push,
    stiffness_and_strength,
)

FILE = Path(__file__).resolve().parent / "results" / "trial_strength.json"
PLACEBO, TREATED = "ttrials-2017-placebo", "ttrials-2017-testosterone"
DIFFERENCE = "difference"
MONTHS = 12
VOXEL_MM = 2.0
TRABECULAR_MG_CM3 = 95.2
"""Trabecular density before treatment, mg HA/cm3: of untreated hypogonadal men (Behre 1997, J Clin Endocrinol
Metab 82:2386); assumed for the men of the T Trials, whose own was not seen."""
CHECKS = ((3.0, TRABECULAR_MG_CM3), (VOXEL_MM, 120.0), (1.0, TRABECULAR_MG_CM3))
"""Voxel edge, mm, and trabecular density, mg HA/cm3, at which the prediction is repeated."""
READINGS = ("of_density", "of_remodeled_bone")
"""Strength at the end: of the density that a second scan would see, by the law of the first, as finite
elements of CT read a trial; and of the remodeled bone, whose modulus follows bone and mineral at a kept yield
strain."""


class Printed(NamedTuple):
    """A change in % of the start after 12 months, with its 95 % confidence interval."""

    value: float
    low: float
    high: float


STRENGTH = {
    TREATED: Printed(10.8, 7.4, 14.3),
    PLACEBO: Printed(2.4, -1.0, 5.7),
    DIFFERENCE: Printed(8.5, 6.0, 10.9),
}
"""Strength of the trabecular bone of the spine by finite elements of CT (Snyder 2017, JAMA Intern Med 177,
471, abstract; the upper limit of placebo and the difference as quoted by endocrinologyadvisor.com). It is in
no table of the fit. Whole and peripheral bone are in a figure only."""


def main(arguments: list[str] | None = None) -> int:
    """Run the parts asked for and write the file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.trial_strength", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--parts", nargs="+", choices=("prediction", "checks"), default=["prediction", "checks"]
    )
    parser.add_argument("--voxel-mm", type=float, default=VOXEL_MM)
    parser.add_argument("--trabecular-mg-cm3", type=float, default=TRABECULAR_MG_CM3)
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    report = begun(options.out)
    trials = calibration.read_trials()
    report["fitted_trials"] = parameters_and_trials(trials)[1]
    report["strengths_answered_by_the_fit"] = [
        seen.arm for seen in calibration.answered(trials) if "strength" in seen.observable
    ]
    if "prediction" in options.parts:
        report["prediction"] = predict(options.voxel_mm, options.trabecular_mg_cm3)
        report["comparison"] = compare(report["prediction"], trials)
        write_report(report, options.out)
    if "checks" in options.parts:
        report["checks"] = []
        for voxel_mm, density in CHECKS:
            report["checks"].append(predict(voxel_mm, density))
            write_report(report, options.out)
    print(json.dumps(report, indent=1))
    return 0


def parameters_and_trials(trials: calibration.Trials) -> tuple[remodeling.BoneParameters, list[str]]:
    """Parameters of the prediction, and the groups of trials that they were fitted to."""
    fitted = [group.name for group in trials.groups.values() if group.defaults == "fitted"]
    return remodeling.default_parameters(), fitted


def predict(voxel_mm: float, trabecular_mg_cm3: float) -> dict[str, Any]:
    """Density and strength before and after, of the whole body and of its core, in both arms.

    The hormones are those that the fit sees. Neither arm has a history: the bone starts at rest.

    Args:
      voxel_mm: edge of a voxel, mm.
      trabecular_mg_cm3: mean trabecular density before treatment, mg HA/cm3.
    """
    trials = calibration.read_trials()
    parameters, _ = parameters_and_trials(trials)
    batch = calibration.make_arm_batch([trials.arms[name] for name in (PLACEBO, TREATED)], months=MONTHS)
    bone = make_bone(voxel_mm, trabecular_mg_cm3)
    modulus, strong = stiffness_and_strength(bone.density)
    tests = {"whole": (cap(bone, bone.body), np.ones(len(bone.density), bool))}
    tests["trabecular"] = (cap(bone, bone.core), bone.in_core)
    before = {part: push(test, modulus[own], strong[own]) for part, (test, own) in tests.items()}
    arms = {}
    for row, name in enumerate(batch.arms):
        course, female = jax.tree.map(lambda leaf, row=row: leaf[row], (batch.course, batch.female))
        density, ratio = remodeled(bone, tests["whole"][0], modulus, course, female, parameters)
        after = dict(
            zip(READINGS, (stiffness_and_strength(density), (modulus * ratio, strong * ratio)), strict=True)
        )
        arms[name] = {
            "density_change_percent": {
                part: _percent(density[own].mean(), bone.density[own].mean())
                for part, (_, own) in tests.items()
            },
            **{
                part: {
                    reading: _changes(push(test, stiff[own], limit[own]), before[part])
                    for reading, (stiff, limit) in after.items()
                }
                for part, (test, own) in tests.items()
            },
        }
    return {
        "voxel_mm": voxel_mm,
        "trabecular_mg_cm3": trabecular_mg_cm3,
        "voxels": {part: int(own.sum()) for part, (_, own) in tests.items()},
        "voxels_outside_the_range_of_the_law": {
            part: count_out_of_range(bone.density[own]) for part, (_, own) in tests.items()
        },
        "mean_density_mg_cm3": {
            part: round(1000 * float(bone.density[own].mean()), 2) for part, (_, own) in tests.items()
        },
        "before": before,
        "arms": arms,
    }


def remodeled(
    bone: Bone,
    test: Capped,
    modulus: np.ndarray,
    course: remodeling.HormoneCourse,
    female: Any,
    parameters: remodeling.BoneParameters,
) -> tuple[np.ndarray, np.ndarray]:
    """Density (g/cm3) at the end of an arm, and the modulus over that of the start, (nb,) each.

    Args:
      bone: the body.
      test: the whole body between caps.
      modulus: of its voxels at the start, MPa, (nb,).
      course: hormones of MONTHS months.
      female: 1 a woman, 0 a man.
      parameters: biological parameters.
    """
    mechanics = coupled(test, modulus)
    trajectory, _ = remodeling.simulate_checked(
        bone.density,
        mechanics,
        course,
        parameters,
        female=female,
        compact=(np.asarray(bone.compartments) == calibration.CORTICAL).astype(float),
        options=remodeling.make_options(substeps=2, solve_every=3, report_every=MONTHS),
    )
    end = mechanics.modulus(trajectory.end, trajectory.start, trajectory.activity)
    return np.asarray(trajectory.density[-1]), np.asarray(end[mechanics.bone_elements]) / modulus


def compare(prediction: dict[str, Any], trials: calibration.Trials) -> list[dict[str, Any]]:
    """Change of density and of strength of the trabecular core, printed and predicted, arm by arm."""
    seen = [row for row in trials.observations if row.observable == "spine_trabecular_vbmd"]
    rows = []
    for name, strength in STRENGTH.items():
        kind, arm = ("difference", TREATED) if name == DIFFERENCE else ("change", name)
        density = next(row for row in seen if row.arm == arm and row.kind == kind)
        found = _predicted(prediction["arms"], name)
        rows.append(
            {
                "arm": name,
                "density": {
                    "observed": [density.value, density.low, density.high],
                    "predicted": found["density"],
                    "in_the_fit": True,
                },
                "strength": {
                    "observed": strength,
                    "in_the_fit": False,
                    **{
                        reading: {
                            "predicted": found[reading],
                            "within_95": strength.low <= found[reading] <= strength.high,
                        }
                        for reading in READINGS
                    },
                },
                "strength_over_density": {
                    "observed": round(strength.value / density.value, 2),
                    **{
                        reading: round(found[reading] / found["density"], 2)
                        for reading in READINGS
                        if found["density"] != 0
                    },
                },
            }
        )
    return rows


def _predicted(arms: dict[str, Any], name: str) -> dict[str, float]:
    """Changes of the core in an arm, or of the treated arm less those of the other."""
    if name == DIFFERENCE:
        treated, other = (_predicted(arms, arm) for arm in (TREATED, PLACEBO))
        return {key: round(treated[key] - other[key], 3) for key in treated}
    return {
        "density": arms[name]["density_change_percent"]["trabecular"],
        **{reading: arms[name]["trabecular"][reading]["yield_n"] for reading in READINGS},
    }


def _changes(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    return {key: _percent(after[key], before[key]) for key in before}


def _percent(after: float, before: float) -> float:
    # the sum turns a negative zero into zero
    return round(100 * (float(after) / float(before) - 1), 3) + 0.0


if __name__ == "__main__":
    raise SystemExit(main())
