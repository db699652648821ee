"""What someone without a model would say: nothing changes, the mean of other trials, a curve through them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ._observation_table import MEASURED_BY, is_compared
from ._therapy_classes import observation_class
from ._trials import Observation, Trials

_TIMES = np.geomspace(3.0, 60.0, 30)
"""Time constants tried, months."""


@dataclass(frozen=True)
class NaivePredictions:
    """Changes of an observation in % that a model must beat."""

    observed: float
    "change seen, %; of a rate, over its years"
    class_mean: float
    "mean of the other trial groups of its class of therapy and quantity; 0 without any"
    exponential: float
    "A (1 - e^(-t / T)) through the changes of these groups, least squares; 0 without any"
    others: int
    "observations that these two are made of"


def naive_predictions(
    trials: Trials, observations: Sequence[Observation], which: Observation
) -> NaivePredictions | None:
    """Naive predictions of a density change; None for what is no number of one arm in %.

    Args:
      trials: the tables.
      observations: what may be learned from; those of the same group are not.
      which: the observation to be predicted.
    """
    change = percent_change(which)
    if change is None:
        return None
    group, kind = trials.arms[which.arm].group, _kind(trials, which)
    others = [
        (float(seen.end_month or 0.0) - float(seen.start_month or 0.0), value)
        for seen in observations
        if trials.arms[seen.arm].group != group and _kind(trials, seen) == kind
        for value in [percent_change(seen)]
        if value is not None
    ]
    months = float(which.end_month or 0.0) - float(which.start_month or 0.0)
    if not others:
        return NaivePredictions(change, 0.0, 0.0, 0)
    times, values = np.array(others).T
    return NaivePredictions(
        observed=change,
        class_mean=float(values.mean()),
        exponential=_exponential(times, values, months),
        others=len(others),
    )


def percent_change(seen: Observation) -> float | None:
    """Change of an arm in % over the time of an observation; None where it is not one of density."""
    quantity = MEASURED_BY.get(seen.observable)
    usable = quantity in ("areal", "trabecular", "integral", "cortical") and not is_compared(seen)
    if not usable or seen.value is None or not seen.unit.startswith("%"):
        return None
    years = (float(seen.end_month or 0.0) - float(seen.start_month or 0.0)) / 12.0
    return seen.value * years if "year" in seen.unit else seen.value


def _kind(trials: Trials, seen: Observation) -> tuple[str, str | None]:
    return observation_class(trials.arms[seen.arm], seen), MEASURED_BY.get(seen.observable)


def _exponential(times: np.ndarray, values: np.ndarray, months: float) -> float:
    """Least squares over the amplitude, and over the time constant by search."""
    shapes = 1.0 - np.exp(-times[None, :] / _TIMES[:, None])
    amplitudes = (shapes @ values) / np.sum(shapes**2, axis=1)
    errors = np.sum((values - amplitudes[:, None] * shapes) ** 2, axis=1)
    best = int(np.argmin(errors))
    return float(amplitudes[best] * (1.0 - np.exp(-months / _TIMES[best])))
