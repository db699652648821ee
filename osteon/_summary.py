"""Numbers of a run: tidy time courses and summary.json."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ._activities import describe_day
from ._arm_draws import COLUMNS, WITH_INTERVALS, ArmDraws, DrawsOf, value_intervals
from ._assumptions import assumptions
from ._cases import DIGITS
from ._evidence_range import beyond_evidence
from ._prepared import Prepared
from ._quantities import BY_NAME, QUANTITIES
from ._report import RESEARCH_USE
from ._run_draws import describe_draws
from ._run_strength import strength_rows
from ._runfolder import csv_text
from ._simulation import ArmResult
from ._study_tables import Study

_HORMONES = tuple(quantity.name for quantity in QUANTITIES if quantity.group == "hormone")


def timecourse_rows(prepared: Prepared, results: list[ArmResult], draws: DrawsOf) -> list[dict[str, Any]]:
    """Tidy rows: subject, arm, level, month, quantity, value, unit, and the ends of both intervals or None.

    Densities by compartment, turnover, cells and hormones are given every month, everything else at the
    reported months. Turnover, RANKL over OPG and hormones at month m are the mean over the month that ends
    there; at month 0 they are those before treatment.
    """
    rows: list[dict[str, Any]] = []
    levels = {level.name: level for level in prepared.levels}
    for result in results:
        per_month = prepared.study.time.steps_per_month
        mine = draws[result.level, result.arm]
        monthly = _densities(result, levels[result.level], mine, per_month)
        found = {name: value_intervals(mine, name, monthly[name]) for name in WITH_INTERVALS}
        monthly |= _turnover(result, per_month)
        monthly |= _cells(result, _untreated(results, result.level), per_month)
        monthly |= hormone_months(prepared.courses[result.arm], prepared.study)
        for name, values in monthly.items():
            rows.extend(
                _row(result, month, name, value)
                | {column: float(ends[month]) for column, ends in found.get(name, {}).items()}
                for month, value in enumerate(values)
            )
        reported = _reported(result, levels[result.level], daily_force(prepared))
        for name, values in reported.items():
            rows.extend(
                _row(result, month, name, value) for month, value in zip(result.months, values, strict=True)
            )
    return [{"subject": prepared.study.subject.id, **row} for row in rows]


def _row(result: ArmResult, month: int, name: str, value: float) -> dict[str, Any]:
    return {
        "arm": result.arm,
        "level": result.level,
        "month": month,
        "quantity": name,
        "value": float(value),
        "unit": BY_NAME[name].unit,
        **dict.fromkeys(COLUMNS),
    }


def _densities(result: ArmResult, level: Any, draws: ArmDraws, per_month: int) -> dict[str, np.ndarray]:
    """Compartment vBMD at the end of every month, mg/cm3, and what DXA and QCT of the spine make of it, %."""
    import jax.numpy as jnp

    import calibration

    monthly = 1000 * result.density_mean[::per_month]
    counts = np.array(
        [(level.compartments == code).sum() for code in (calibration.TRABECULAR, calibration.CORTICAL)]
    )
    shares = counts / counts.sum()
    integral = monthly @ shares
    read = calibration.spine_qct_percent(
        jnp.asarray(integral), jnp.asarray(monthly[:, 0]), float(shares[0]), jnp.asarray(draws.marrow_fat)
    )
    return {
        "trabecular_vbmd_mg_cm3": monthly[:, 0],
        "cortical_vbmd_mg_cm3": monthly[:, 1],
        "integral_vbmd_mg_cm3": integral,
        "spine_dxa_percent": np.asarray(
            calibration.spine_dxa_percent(jnp.asarray(integral), jnp.asarray(draws.posterior_elements))
        ),
        "trabecular_qct_percent": np.asarray(read[0]),
        "integral_qct_percent": np.asarray(read[1]),
    }


def _turnover(result: ArmResult, per_month: int) -> dict[str, np.ndarray]:
    return {
        "resorption_percent": month_means(result.resorption[1:], 100.0, per_month),
        "formation_percent": month_means(result.formation[1:], 100.0, per_month),
    }


def _untreated(results: list[ArmResult], level: str) -> ArmResult:
    """The arm without treatment, which is the first."""
    return next(result for result in results if result.level == level)


def _cells(result: ArmResult, untreated: ArmResult, per_month: int) -> dict[str, np.ndarray]:
    """Cells at the end of every month; RANKL over OPG before treatment is that of the untreated at first."""
    ratio = month_means(result.rankl_over_opg, float(untreated.rankl_over_opg[0]), per_month)
    return {name: pool[::per_month] for name, pool in result.cells.items()} | {"rankl_over_opg": ratio}


def month_means(steps: Any, before: float, per_month: int) -> np.ndarray:
    """Mean of the steps of every month, after the value before treatment."""
    return np.concatenate([[before], np.asarray(steps).reshape(-1, per_month).mean(axis=1)])


def hormone_months(course: Any, study: Study) -> dict[str, np.ndarray]:
    """Hormone levels of an arm: before treatment, then the mean of every month."""
    per_month = study.time.steps_per_month
    return {
        name: month_means(getattr(course.levels, name), float(getattr(course.baseline, name)), per_month)
        for name in _HORMONES
    }


def daily_force(prepared: Prepared) -> float:
    """Largest axial compression of daily life, N: the habitual force, or that of the heaviest activity."""
    import fem

    if prepared.day is None:
        return prepared.study.mechanics.habitual_force_n
    return max(
        (
            abs(force)
            for activity in prepared.day.activities
            for name, force in activity.forces.items()
            if fem.LOAD_CASES[name].motion == "z"
        ),
        default=float("nan"),
    )


def _reported(result: ArmResult, level: Any, force_n: float) -> dict[str, np.ndarray]:
    """Quantities that need a field or a load test, at the reported months."""
    import jax.numpy as jnp

    import calibration

    record = calibration.densitometry(
        jnp.asarray(result.density),
        jnp.asarray(np.argwhere(level.bone)),
        jnp.asarray(level.compartments),
        level.voxel_mm,
    )
    return {
        "bmc_mg": np.asarray(record.bmc_mg),
        "ap_abmd_g_cm2": np.asarray(record.abmd_g_cm2),
        "stiffness_n_per_mm": result.stiffness,
        "strength_pistoia_n": result.strength_pistoia,
        "strength_crawford_n": result.strength_crawford,
        "load_to_strength": force_n / result.strength_pistoia,
    }


def timecourse_csv(rows: list[dict[str, Any]]) -> str:
    """CSV text of the tidy rows."""
    return csv_text(rows, digits=DIGITS)


def run_summary(
    prepared: Prepared,
    results: list[ArmResult],
    rows: list[dict[str, Any]],
    points: list[dict[str, Any]],
) -> dict[str, Any]:
    """Everything the report needs, and one flat row per level, arm and reported month under `results`."""
    import fem
    import remodeling

    study = prepared.study
    law = fem.density_law(study.mechanics.law)
    load = fem.load_case(study.mechanics.load, strain=study.mechanics.strain)
    return {
        "format": "osteon-run/1",
        "title": study.title,
        "research_use_only": RESEARCH_USE,
        "in_one_sentence": in_one_sentence(prepared, results),
        "warnings": warnings(prepared, results),
        "subject": dataclasses.asdict(study.subject),
        "image": prepared.image.sentence + ".",
        "calibration": prepared.image.calibration,
        "months": study.time.months,
        "steps_per_month": study.time.steps_per_month,
        "arms": [
            {
                "name": arm.name,
                "doses": [
                    {**dataclasses.asdict(row), "unit": remodeling.DRUGS[row.drug].dose_unit}
                    for row in arm.dose
                ],
            }
            for arm in prepared.arms
        ],
        "levels": [_level_entry(level, results) for level in prepared.levels],
        "load_case": fem.describe_load(load),
        "law": {"name": law.name, "density_type": law.density_type, "citation": law.citation},
        "habitual_force_n": study.mechanics.habitual_force_n if prepared.day is None else None,
        "daily_loading": None if prepared.day is None else describe_day(prepared.day),
        "activities": [
            {"level": result.level, "arm": result.arm, **row}
            for result in results
            for row in result.activities
        ],
        "nonlinear_strength": strength_rows(results),
        "solver": [result.solver for result in results],
        "relies_on": [
            {"level": result.level, "arm": result.arm, **row}
            for result in results
            for row in result.relies_on
        ],
        "trials": points,
        "assumptions": assumptions(study, prepared.day),
        "parameters": parameter_table(prepared.parameters),
        "results": summary_rows(results, rows),
        "intervals": interval_rows(results, rows),
        "interval_method": describe_draws(study),
    }


def _level_entry(level: Any, results: list[ArmResult]) -> dict[str, Any]:
    import calibration

    held = max(int(result.held.sum()) for result in results if result.level == level.name)
    sentence = level.sentence
    if held:
        sentence += (
            f" {held} voxels have a density that no remodeling bone has (marrow, or bone without room to "
            "turn over) and keep it."
        )
    return {
        "name": level.name,
        "voxel_mm": level.voxel_mm,
        "tilt_degrees": None if level.endplates is None else level.endplates.tilt_degrees,
        "wedge_degrees": None if level.endplates is None else level.endplates.wedge_degrees,
        "turned_upright": level.turned,
        "bone_voxels": int(level.bone.sum()),
        "trabecular_voxels": int((level.compartments == calibration.TRABECULAR).sum()),
        "cortical_voxels": int((level.compartments == calibration.CORTICAL).sum()),
        "held_voxels": held,
        "notes": list(level.notes),
        "sentence": sentence,
    }


def summary_rows(results: list[ArmResult], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per level, arm and reported month with a column a quantity."""
    found = {(row["level"], row["arm"], row["month"], row["quantity"]): row["value"] for row in rows}
    return [
        {
            "level": result.level,
            "arm": result.arm,
            "month": month,
            **{
                quantity.name: found[result.level, result.arm, month, quantity.name]
                for quantity in QUANTITIES
            },
        }
        for result in results
        for month in result.months
    ]


def interval_rows(results: list[ArmResult], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Change from the start with both intervals, %, by level, arm, reported month and quantity."""
    found = {(row["level"], row["arm"], row["quantity"], row["month"]): row for row in rows}
    made = []
    for result in results:
        for month in result.months[1:]:
            for name in WITH_INTERVALS:
                where = result.level, result.arm, name
                base, row = found[*where, 0]["value"], found[*where, month]
                made.append(
                    {
                        "level": result.level,
                        "arm": result.arm,
                        "month": month,
                        "quantity": name,
                        **{
                            f"{column}_percent": 100 * (row[key] / base - 1)
                            for column, key in (("change", "value"), *zip(COLUMNS, COLUMNS, strict=True))
                        },
                    }
                )
    return made


def in_one_sentence(prepared: Prepared, results: list[ArmResult]) -> str:
    """The main result in words."""
    months = prepared.study.time.months
    parts = []
    for result in results:
        change = 100 * (result.density_mean[-1, 0] / result.density_mean[0, 0] - 1)
        # Round-off of an arm that does not move carries no sign.
        text = f"{change:+.1f}" if abs(change) >= 0.05 else "0.0"
        parts.append(f"{result.level}, {result.arm}: {text} %")
    return f"Change of trabecular vBMD in {months} months: " + "; ".join(parts) + "."


def warnings(prepared: Prepared, results: list[ArmResult]) -> list[str]:
    """Banners: where a result rests on less than the rest does."""
    texts = []
    for level in prepared.levels:
        held = max(int(result.held.sum()) for result in results if result.level == level.name)
        share = held / level.bone.sum()
        if share > 0.1:
            texts.append(
                f"{level.name}: {100 * share:.0f} % of the voxels are held fixed because no remodeling bone "
                "has their density; check mask and calibration."
            )
    if prepared.image.calibration["method"] == "phantomless":
        texts.append("Calibrated without a phantom: absolute densities and strengths carry that uncertainty.")
    texts += _overloads(results)
    texts += _cautions(prepared)
    texts += beyond_evidence(prepared.study)
    texts += _weak_evidence(results)
    if prepared.study.biology:
        names = ", ".join(prepared.study.biology)
        texts.append(f"Biological parameters were set away from their defaults: {names}.")
    return texts


def _cautions(prepared: Prepared) -> list[str]:
    """What the registry wants said of the drugs that are given."""
    import remodeling

    given = dict.fromkeys(row.drug for arm in prepared.arms for row in arm.dose)
    texts = [(name, remodeling.DRUGS[name].caution) for name in given]
    # some of them begin with the name of the drug themselves
    return [
        f"{text if text.lower().startswith(name[:6]) else f'{name}: {text}'}." for name, text in texts if text
    ]


def _weak_evidence(results: list[ArmResult]) -> list[str]:
    """A sentence for every arm that sets a mechanism to work whose parameters are all assumed."""
    texts = []
    untreated = {row["mechanism"] for row in results[0].relies_on}
    for arm in dict.fromkeys(result.arm for result in results[1:]):
        rows = next(result.relies_on for result in results if result.arm == arm)
        weak = [
            f"{row['mechanism']} ({row['evidence'].rstrip('.')})"
            for row in rows
            if row["mechanism"] not in untreated
            and row["statuses"]["assumed"] == sum(row["statuses"].values())
        ]
        if weak:
            texts.append(f"Arm '{arm}' relies on assumed numbers alone for: {'; '.join(weak)}.")
    return texts


def _overloads(results: list[ArmResult]) -> list[str]:
    """A sentence for every level whose bone an activity would break by Pistoia's criterion at baseline."""
    import fem

    share, strain = fem.PISTOIA_VOLUME_SHARE, fem.PISTOIA_CRITICAL_STRAIN
    texts = []
    for level in dict.fromkeys(result.level for result in results):
        rows = next(result.activities for result in results if result.level == level)
        over = [
            row for row in rows if row["month"] == 0 and row["overloaded_share"] > fem.PISTOIA_VOLUME_SHARE
        ]
        if over:
            shares = ", ".join(f"{row['activity']} {100 * row['overloaded_share']:.1f} %" for row in over)
            texts.append(
                f"{level}: daily activities strain more than {100 * share:g} % of the bone beyond "
                f"{100 * strain:g} % effective strain ({shares}): more than this bone can carry "
                "every day. The model is linear in the forces, and only their ratios act on remodeling."
            )
    return texts


def parameter_table(parameters: Any) -> list[dict[str, Any]]:
    """Every biological parameter with the value used."""
    import remodeling

    return [
        {
            "name": row.name,
            "symbol": row.symbol,
            "value": float(getattr(parameters, row.name)),
            "unit": row.unit,
            "status": row.status,
            "source": row.source,
            "meaning": row.meaning,
        }
        for row in remodeling.PARAMETERS
    ]
