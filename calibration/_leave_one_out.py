"""Every trial group predicted by a fit that never saw it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ._likelihood import error_of_prediction
from ._trial_fit import TrialFit, fit_trials, restarted
from ._trial_posterior import posterior_of, predictive_half_width
from ._trial_problem import TrialProblem
from ._trials import Observation, Trials


@dataclass(frozen=True)
class LeftOutPrediction:
    """Predictions of the observations of a group by a fit to all others."""

    group: str
    "the group left out"
    rows: np.ndarray
    "its observations among those of the problem, integer, (n,)"
    prediction: np.ndarray
    "in the unit of the observation, (n,)"
    half_width: np.ndarray
    "half of the 95 % predictive interval, (n,)"
    evaluations: int
    "evaluations of the model"


def leave_one_group_out(
    state: TrialFit,
    problem: TrialProblem,
    trials: Trials,
    seen: Sequence[Observation],
    *,
    told: Callable[[str], None] | None = None,
) -> list[LeftOutPrediction]:
    """Fits without one group after the other, each from the end of the fit to all.

    Args:
      state: end of the fit to all groups.
      problem: that fit.
      trials: the tables.
      seen: observations of the problem in their order.
      told: called with the name of each group before its fit.

    Raises:
      ValueError: a fit that does not converge (names the group).
    """
    groups = np.array([trials.arms[item.arm].group for item in seen])
    counted = np.asarray(problem.mask)
    found = []
    for group in sorted(set(groups[counted > 0])):
        if told is not None:
            told(group)
        mask = np.where(groups == group, 0.0, counted)
        late = problem.late is not None and bool(np.asarray(problem.late)[groups == group].any())
        end = fit_trials(restarted(state, problem, mask), problem, mask=mask, most_stages=2 if late else 1)
        try:
            posterior = posterior_of(end, problem, mask)
        except ValueError as error:
            raise ValueError(f"`state` without the group {group!r}: {error}") from error
        spread = error_of_prediction(end.prediction, problem.table, posterior.between_trials)
        half = predictive_half_width(end.slopes, posterior.covariance_of(problem), spread)
        rows = np.flatnonzero((groups == group) & (counted > 0))
        found.append(
            LeftOutPrediction(
                group=str(group),
                rows=rows,
                prediction=np.asarray(end.prediction)[rows],
                half_width=np.asarray(half)[rows],
                evaluations=int(end.evaluations),
            )
        )
    return found
