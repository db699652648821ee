"""Tables of a fit to trials: every parameter with what told it, every observation with its prediction."""

import math
from typing import Any

import numpy as np

TOLD_LEAST = 0.1
"""Share of the variance of the prior that data must take away for a parameter to count as told by them."""


def parameter_rows(
    posterior: Any, problem: Any, state: Any, seen: Any, trials: Any, draws: Any = None
) -> list[dict[str, Any]]:
    """Prior, value and 95 % interval of every learned value, and the trial groups that inform it most.

    The interval is that of `draws` of x, (draws, names), or of the Laplace approximation without any.
    """
    import calibration
    import remodeling

    units = {row.name: row.unit for row in remodeling.PARAMETERS} | calibration.BETWEEN_TRIALS
    spread = calibration.error_of_prediction(state.prediction, problem.table, posterior.between_trials)
    groups = [trials.arms[item.arm].group for item in seen]
    slopes = np.asarray(state.slopes) * np.asarray(calibration.heard(problem))
    told = calibration.information_by_group(slopes, spread, problem.mask, groups)
    rows = []
    for row, name in enumerate(posterior.names):
        value = float(np.exp(posterior.log_values[name]))
        sd = float(np.sqrt(posterior.log_covariance[row, row]))
        prior_sd = float(problem.prior.log_sd[name])
        if draws is None:
            lower, upper = (value * float(np.exp(side * 1.96 * sd)) for side in (-1.0, 1.0))
        else:
            median = float(problem.prior.median[name])
            ends = np.quantile(np.asarray(draws)[:, row], [0.025, 0.975])
            lower, upper = (median * float(np.exp(prior_sd * end)) for end in ends)
        ranked = sorted(((float(amount[row]), group) for group, amount in told.items()), reverse=True)
        shrinkage = 1.0 - (sd / prior_sd) ** 2
        rows.append(
            {
                "name": name,
                "unit": units[name],
                "prior_median": float(problem.prior.median[name]),
                "prior_log_sd": prior_sd,
                "value": value,
                "lower": lower,
                "upper": upper,
                "shrinkage": shrinkage,
                "told_by": "data" if shrinkage >= TOLD_LEAST else "prior alone",
                "most_informed_by": "; ".join(group for amount, group in ranked[:3] if amount >= TOLD_LEAST),
            }
        )
    return rows


def observation_rows(
    seen: Any, trials: Any, prediction: Any, half_width: Any, used: Any
) -> list[dict[str, Any]]:
    """What was seen and what the model says, with its 95 % predictive interval.

    Args:
      seen: observations.
      trials: the tables.
      prediction: of each, in its unit, (observations,).
      half_width: half of its predictive interval, (observations,).
      used: whether the fit saw it, (observations,).
    """
    import calibration

    rows = []
    for item, value, width, in_fit in zip(seen, prediction, half_width, used, strict=True):
        arm = trials.arms[item.arm]
        group, middle, reach = trials.groups[arm.group], float(value), float(width)
        ends = (item.low, item.high) if item.value is None else (item.value, item.value)
        low, high = (
            open_end if end is None else end
            for end, open_end in zip(ends, (-math.inf, math.inf), strict=True)
        )
        rows.append(
            {
                "group": group.name,
                "class": calibration.observation_class(arm, item),
                "arm": item.arm,
                "observable": item.observable,
                "kind": item.kind,
                "unit": item.unit,
                "start_month": item.start_month,
                "end_month": item.end_month,
                "role": group.role,
                "seen_by_defaults": group.defaults,
                "used_in_fit": bool(in_fit),
                "observed": item.value,
                "observed_low": item.low if item.value is None else None,
                "observed_high": item.high if item.value is None else None,
                "standard_error": item.standard_error,
                "predicted": middle,
                "lower": middle - reach,
                "upper": middle + reach,
                "inside": low <= middle + reach and high >= middle - reach,
            }
        )
    return rows
