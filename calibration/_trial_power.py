"""Power of a trial of two parallel arms: by the noncentral t distribution, and by running many trials."""

from dataclasses import dataclass

import numpy as np
from scipy import special

ALPHA = 0.05
"""Two-sided level of the test."""
MOST_PERSONS = 1_000_000
"""Largest number of persons in an arm that `needed_persons` looks at."""
_NODES = 64
"""Nodes of the mean over the standard deviation that a trial finds."""
_MOST_AT_ONCE = 2_000_000
"""Persons of an arm that are simulated at once: what bounds memory."""


def welch_power(
    difference: np.ndarray | float,
    sd: np.ndarray | float,
    reference_sd: np.ndarray | float,
    persons: np.ndarray | float,
    *,
    alpha: float = ALPHA,
) -> np.ndarray:
    """Chance that Welch's t test of two arms of equal size finds a difference, in either direction.

    Args:
      difference: true difference between the means; arguments broadcast.
      sd, reference_sd: standard deviation of a person's value in the two arms, positive.
      persons: persons measured in each arm, at least 2, need not be whole.
      alpha: two-sided level.

    Reference: Welch 1938; noncentral t with Satterthwaite's degrees of freedom.
    """
    difference, sd, reference_sd, persons = np.broadcast_arrays(difference, sd, reference_sd, persons)
    first, second = sd**2 / persons, reference_sd**2 / persons
    freedom = (first + second) ** 2 * (persons - 1) / (first**2 + second**2)
    critical = special.stdtrit(freedom, 1 - 0.5 * alpha)
    shift = difference / np.sqrt(first + second)
    # P(|Z + shift| > critical s) in the mean over s^2, chi-squared over its degrees of freedom: series of the
    # noncentral t distribution fail at large shifts. Within 1e-5.
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    s = np.sqrt(special.chdtri(freedom[..., None], 0.5 * (1 - nodes)) / freedom[..., None])
    ends = critical[..., None] * s
    found = special.ndtr(shift[..., None] - ends) + special.ndtr(-shift[..., None] - ends)
    return found @ (0.5 * weights)


def needed_persons(
    power: float, difference: float, sd: float, reference_sd: float, *, alpha: float = ALPHA
) -> int | None:
    """Fewest persons measured in each arm for a power; None where `MOST_PERSONS` do not suffice.

    Args:
      power: wanted chance, above `alpha` and below 1.
      difference, sd, reference_sd, alpha: as for `welch_power`.

    Raises:
      ValueError: a power out of range.
    """
    if not alpha < power < 1:
        raise ValueError(f"`power` must be above {alpha:g} and below 1, got {power}")

    def suffice(persons: int) -> bool:
        return float(welch_power(difference, sd, reference_sd, persons, alpha=alpha)) >= power

    low, high = 2, MOST_PERSONS
    if not suffice(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if suffice(middle) else (middle + 1, high)
    return low


@dataclass(frozen=True)
class SimulatedTrials:
    """What many trials of one size found."""

    power: float
    "share of the trials that found a difference"
    power_error: float
    "standard error of that share"
    difference: np.ndarray
    "difference between the arms of each trial, unit of the values, (trials,)"
    persons: float
    "mean number of persons measured in an arm"


def simulate_trials(
    generator: np.random.Generator,
    values: np.ndarray,
    reference_values: np.ndarray,
    *,
    noise_sd: float,
    persons: int,
    trials: int = 2000,
    stay: float = 1.0,
    alpha: float = ALPHA,
) -> SimulatedTrials:
    """Trials of persons drawn from a cohort, each with an error of their own, tested by Welch's t test.

    Persons are drawn with replacement, others in each arm. Who leaves is not measured, in both arms alike.

    Args:
      generator: of the random numbers.
      values: value of everybody in the cohort under treatment, (cohort,).
      reference_values: the same under the reference, (cohort,).
      noise_sd: standard deviation of what measurement and other causes add to a person's value.
      persons: persons who start in each arm.
      trials: number of trials.
      stay: chance that a person is measured at the end.
      alpha: two-sided level.

    Raises:
      ValueError: a number or a chance out of range.
    """
    if persons < 2 or trials < 1:
        raise ValueError(f"`persons` must be at least 2 and `trials` at least 1, got {persons} and {trials}")
    if not 0 < stay <= 1:
        raise ValueError(f"`stay` must be above 0 and at most 1, got {stay}")
    at_once = max(1, _MOST_AT_ONCE // persons)
    pieces = [min(at_once, trials - done) for done in range(0, trials, at_once)]
    found, differences, counts = [], [], []
    for piece in pieces:
        arms = [
            _measured_arm(generator, np.asarray(arm), noise_sd, (piece, persons), stay)
            for arm in (values, reference_values)
        ]
        (mean, error, count), (reference_mean, reference_error, reference_count) = arms
        difference = mean - reference_mean
        with np.errstate(invalid="ignore", divide="ignore"):
            freedom = (error + reference_error) ** 2 / (
                error**2 / (count - 1) + reference_error**2 / (reference_count - 1)
            )
            statistic = np.abs(difference) / np.sqrt(error + reference_error)
            # an arm of fewer than two persons cannot be tested: nothing is found
            found.append(statistic > special.stdtrit(freedom, 1 - 0.5 * alpha))
        differences.append(difference)
        counts += [count, reference_count]
    power = float(np.concatenate(found).mean())
    return SimulatedTrials(
        power=power,
        power_error=float(np.sqrt(power * (1 - power) / trials)),
        difference=np.concatenate(differences),
        persons=float(np.concatenate(counts).mean()),
    )


def _measured_arm(
    generator: np.random.Generator, values: np.ndarray, noise_sd: float, shape: tuple[int, int], stay: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, its squared standard error and the persons measured in one arm of every trial, (trials,) each."""
    who = generator.integers(len(values), size=shape)
    seen = values[who] + noise_sd * generator.standard_normal(shape)
    there = generator.random(shape) < stay
    count = there.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, seen, 0.0).sum(axis=1) / count
        variance = np.where(there, (seen - mean[:, None]) ** 2, 0.0).sum(axis=1) / (count - 1)
        return mean, variance / count, count
