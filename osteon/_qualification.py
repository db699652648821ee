"""What a qualification says in numbers and words: coverage, errors by class of therapy, naive predictions."""

from collections.abc import Sequence
from typing import Any

import numpy as np

_DENSITIES = ("spine_areal_bmd", "spine_trabecular_vbmd", "spine_integral_vbmd", "spine_cortical_vbmd")
_LEFT_OUT, _UNSEEN = "left out, one group at a time", "validation groups that no default saw"
_WITHOUT = ", without drugs that act on bone"
_SPINE_MONTHS = (12.0, 24.0)
"""Months of the spine changes whose error is stated."""


_IN_PERCENT = (
    "percent_observed",
    "percent_predicted",
    "percent_standard_error",
    "percent_spread",
    "percent_class_mean",
    "percent_exponential",
)
"""Columns of `add_percent`."""


def add_percent(rows: list[dict[str, Any]], seen: Any, trials: Any, between_trials: Any) -> None:
    """Add to rows of density changes in %, else None: seen, predicted, naive predictions, scales of error.

    Args:
      rows: of `observation_rows`.
      seen: their observations.
      trials: the tables.
      between_trials: deviations between trials, in the order of `calibration.BETWEEN_TRIALS`, (3,).
    """
    import calibration

    everything = [
        item
        for item in calibration.answered(trials)
        if trials.groups[trials.arms[item.arm].group].role != "context"
    ]
    for row, item in zip(rows, seen, strict=True):
        row |= dict.fromkeys(_IN_PERCENT)
        naive = calibration.naive_predictions(trials, everything, item)
        if naive is None:
            continue
        years = (float(item.end_month) - float(item.start_month)) / 12.0 if "year" in item.unit else 1.0
        predicted, error = row["predicted"] * years, item.standard_error * years
        spread = np.hypot(error, calibration.deviation_between_trials(predicted, between_trials))
        of_others = (naive.class_mean, naive.exponential) if naive.others else (None, None)
        values = (naive.observed, predicted, error, float(spread), *of_others)
        row |= dict(zip(_IN_PERCENT, values, strict=True))


def summaries(rows: list[dict[str, Any]], left_out: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Numbers of what the fit used, of what was left out in turn, and of what it never saw."""
    from calibration import AT_BONE

    validation = [row for row in rows if row["role"] == "validation"]
    unseen = [row for row in validation if row["seen_by_defaults"] == "none"]
    sets = {
        "used in the fit": [row for row in rows if row["used_in_fit"]],
        _LEFT_OUT: left_out,
        _LEFT_OUT + _WITHOUT: [row for row in left_out if row["class"] not in AT_BONE],
        "validation groups": validation,
        _UNSEEN: unseen,
        _UNSEEN + _WITHOUT: [row for row in unseen if row["class"] not in AT_BONE],
    }
    return {name: _summary(some) for name, some in sets.items() if some}


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Coverage by class of observable, errors in %, and by class of therapy."""
    densities = [row for row in rows if row["observable"] in _DENSITIES]
    spine = [
        row
        for row in densities
        if row["observable"] == "spine_areal_bmd"
        and row["percent_observed"] is not None
        and _SPINE_MONTHS[0] <= row["end_month"] - row["start_month"] <= _SPINE_MONTHS[1]
    ]
    classes = sorted({row["class"] for row in densities})
    return {
        "groups": len({row["group"] for row in rows}),
        "observations": len(rows),
        "densities": len(densities),
        "densities_inside": sum(row["inside"] for row in densities),
        "markers": len(rows) - len(densities),
        "markers_inside": sum(row["inside"] for row in rows) - sum(row["inside"] for row in densities),
        "spine_12_to_24_months": _errors(spine),
        "all_density_changes": _errors(densities),
        "by_class": {name: _errors([row for row in densities if row["class"] == name]) for name in classes},
    }


def _errors(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Median absolute errors in %; naive ones only beside the model on the same observations.

    And those of a prediction that knows every population: by standard errors alone (normal), and with the
    deviation between trials of the fit (Student's t of the likelihood).
    """
    import calibration

    changes = [row for row in rows if row["percent_observed"] is not None]
    if not changes:
        return {"changes": 0}
    with_others = [row for row in changes if row["percent_class_mean"] is not None]

    def median(some: list[dict[str, Any]], name: str | None) -> float | None:
        off = [abs((row[name] if name else 0.0) - row["percent_observed"]) for row in some]
        return float(np.median(off)) if off else None

    return {
        "changes": len(changes),
        "model": median(changes, "percent_predicted"),
        "no_change": median(changes, None),
        "standard_errors": least_median_error([row["percent_standard_error"] for row in changes]),
        "with_deviation": least_median_error([row["percent_spread"] for row in changes], calibration.FREEDOM),
        "with_other_trials": len(with_others),
        "model_there": median(with_others, "percent_predicted"),
        "class_mean": median(with_others, "percent_class_mean"),
        "exponential": median(with_others, "percent_exponential"),
    }


def least_median_error(scales: Sequence[float], freedom: float | None = None) -> float:
    """The median absolute error that is expected of predictions that are right but for chance.

    The number m with mean P(|e| < m) = 1/2 over observations, e normal or Student's t of its own scale.

    Args:
      scales: of the observations, positive.
      freedom: degrees of freedom of Student's t; None: normal.
    """
    from scipy import optimize, stats

    law = stats.norm() if freedom is None else stats.t(freedom)
    scale = np.asarray(scales, float)

    def beyond_half(error: float) -> float:
        return float(np.mean(1.0 - 2.0 * law.sf(error / scale))) - 0.5

    widest = 2.0 * float(law.ppf(0.75)) * float(scale.max())
    return float(optimize.root_scalar(beyond_half, bracket=(0.0, widest)).root)


def qualification_text(
    found: dict[str, dict[str, Any]],
    rows: list[dict[str, Any]],
    left_out: list[dict[str, Any]],
    provenance: dict[str, Any],
) -> str:
    """The qualification as Markdown: how it was made, coverage, errors, what lies farthest off."""
    fitted = ", ".join(provenance["fitted_to"])
    parts = [
        "# Qualification",
        "Written by `osteon qualify`. Research use only, not a medical device.",
        f"Fitted to {provenance['observations']} observations of {len(provenance['fitted_to'])} trial "
        f"groups: {fitted}. Learned: {len(provenance['learned'])} parameters. The fit used nothing else; "
        "which other constants were set beside a group is in docs/trials.md.",
        "An observation is inside where its value (or a part of its interval) lies in the 95 % predictive "
        "interval: uncertainty of parameters, standard error, deviation between trials.",
        _coverage_table(found),
        "## Spine areal density over 12 to 24 months",
        "Median absolute error in %. A prediction that is right for every population would still err by what "
        "standard errors alone make (by chance), and by the next column with the deviation between trials "
        "that was fitted. The last four columns are of the changes for which other trial groups of the same "
        "class of therapy and quantity exist.",
        _error_table({name: one["spine_12_to_24_months"] for name, one in found.items()}, "set"),
        "## Trabecular over areal density of the spine",
        "Ratio of the two changes where a trial measured both in the same persons over the same months. The "
        "model has no ratio of its own: both are read from one vertebra.",
        _ratio_table(trabecular_over_areal(rows)),
    ]
    for name, one in found.items():
        if not name.endswith(_WITHOUT):
            parts += [f"## By class of therapy: {name}", _error_table(one["by_class"], "class")]
    for name, some in (("never used by the fit", rows), ("left out, one group at a time", left_out)):
        outside = [row for row in some if not row["used_in_fit"] and not row["inside"]]
        if some:
            parts += [f"## Outside of the interval: {name}", _outside_table(outside)]
    return "\n\n".join(parts) + "\n"


def trabecular_over_areal(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Change of trabecular over that of areal density, observed and predicted, by arm and months."""

    def place_of(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in ("arm", "class", "kind", "unit", "start_month", "end_month"))

    areal = {place_of(row): row for row in rows if row["observable"] == "spine_areal_bmd" and row["observed"]}
    found = []
    for row in rows:
        other = areal.get(place_of(row))
        if row["observable"] != "spine_trabecular_vbmd" or row["observed"] is None or other is None:
            continue
        found.append(
            {
                **{name: row[name] for name in ("arm", "class", "unit", "start_month", "end_month")},
                "used_in_fit": row["used_in_fit"] or other["used_in_fit"],
                "observed": row["observed"] / other["observed"],
                "predicted": row["predicted"] / other["predicted"] if other["predicted"] else None,
                "trabecular_predicted": row["predicted"],
                "areal_predicted": other["predicted"],
            }
        )
    return found


def _ratio_table(found: list[dict[str, Any]]) -> str:
    if not found:
        return "None."
    lines = [
        "| arm | class | months | used in the fit | observed | predicted | from trabecular and areal |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['arm']} | {row['class']} | {row['start_month']:g} to {row['end_month']:g} | "
        f"{'yes' if row['used_in_fit'] else 'no'} | {row['observed']:.2f} | {_cell(row['predicted'])} | "
        f"{row['trabecular_predicted']:.2f} and {row['areal_predicted']:.2f} {row['unit']} |"
        for row in found
    ]
    return "\n".join(lines)


def _coverage_table(found: dict[str, dict[str, Any]]) -> str:
    lines = ["| set | groups | densities inside | markers inside |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {one['groups']} | {one['densities_inside']} of {one['densities']} | "
        f"{one['markers_inside']} of {one['markers']} |"
        for name, one in found.items()
    ]
    return "\n".join(lines)


def _error_table(found: dict[str, dict[str, Any]], head: str) -> str:
    lines = [
        f"| {head} | changes | model | no change | by chance | by chance, between trials | "
        "with other trials | model there | class mean | exponential |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        if one["changes"]:
            cells = [
                one[key]
                for key in (
                    "changes", "model", "no_change", "standard_errors", "with_deviation", "with_other_trials",
                    "model_there", "class_mean", "exponential",
                )
            ]  # fmt: skip
            lines.append(f"| {name} | " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(lines)


def _cell(value: float | int | None) -> str:
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.2f}"


def _outside_table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "None."
    lines = ["| arm | observable | months | observed | predicted |", "|---|---|---|---|---|"]
    for row in rows:
        seen = (
            f"{row['observed']:g}"
            if row["observed"] is not None
            else f"{_end(row['observed_low'])} to {_end(row['observed_high'])}"
        )
        lines.append(
            f"| {row['arm']} | {row['observable']} ({row['unit']}) | {row['start_month']:g} to "
            f"{row['end_month']:g} | {seen} | {row['predicted']:.2f} ({row['lower']:.2f} to "
            f"{row['upper']:.2f}) |"
        )
    return "\n".join(lines)


def _end(value: float | None) -> str:
    return "open" if value is None else f"{value:g}"
