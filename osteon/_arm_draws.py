"""What draws of the posterior make of one arm at one level, and the 95 % intervals that follow."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

WITH_INTERVALS = (
    "trabecular_vbmd_mg_cm3",
    "cortical_vbmd_mg_cm3",
    "integral_vbmd_mg_cm3",
    "spine_dxa_percent",
    "trabecular_qct_percent",
    "integral_qct_percent",
)
"""Quantities that carry intervals."""
COLUMNS = ("parameters_low", "parameters_high", "new_trial_low", "new_trial_high")
"""Ends of the two intervals: what the posterior leaves open, and that with the deviation between trials."""
PROBABILITY = 0.95
"""Probability inside each interval."""
DrawsOf = Mapping[tuple[str, str], "ArmDraws"]
"""Draws by level and arm."""


@dataclass(frozen=True)
class ArmDraws:
    """Densities of one arm at one level under the run's own parameters (row 0) and under draws about them."""

    ratios: dict[str, np.ndarray]
    "mean over that at the start by name of WITH_INTERVALS, 0-D mechanics, (draws + 1, months + 1)"
    posterior_elements: np.ndarray
    "density of the posterior elements over that at the start, (months + 1,)"
    marrow_fat: np.ndarray
    "share of fat in the marrow, (months + 1,)"
    voxel_low: np.ndarray
    "lower end of the deviation of a voxel from its result, % of its density at the start, (reports, nb)"
    voxel_high: np.ndarray
    "upper end, same shape"
    between_trials: np.ndarray
    "deviations between trials, in the order of `calibration.BETWEEN_TRIALS`, (3,)"


def ends(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of the deviation of draws from row 0, (draws + 1, ...) to (...) each."""
    deviation = draws[1:] - draws[0]
    tail = 0.5 * (1 - PROBABILITY)
    low, high = np.quantile(deviation, [tail, 1 - tail], axis=0)
    return low, high


def intervals(
    value: np.ndarray, low: np.ndarray, high: np.ndarray, spread: np.ndarray | float
) -> dict[str, np.ndarray]:
    """Both intervals about results, by name of COLUMNS.

    Args:
      value: results.
      low: lower ends of their deviation, of `ends`, in the unit of the results.
      high: upper ends.
      spread: scale of the deviation of a trial in the same unit; on each side it is added as squares.
    """
    import jax.numpy as jnp

    import calibration

    wide_low, wide_high = (
        np.asarray(calibration.new_trial_half_width(jnp.asarray(side), jnp.asarray(spread)))
        for side in (low, high)
    )
    return dict(zip(COLUMNS, (value + low, value + high, value - wide_low, value + wide_high), strict=True))


def value_intervals(draws: ArmDraws, name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Intervals of a quantity month by month in its own unit; a start is measured and has no width.

    Args:
      draws: of the arm.
      name: of WITH_INTERVALS.
      values: results, (months + 1,).
    """
    started = np.arange(len(values)) > 0
    low, high = (values[0] * end for end in ends(draws.ratios[name]))
    spread = trial_deviation(100 * (values / values[0] - 1), draws)
    return intervals(values, low, high, 0.01 * spread * values[0] * started)


def trial_deviation(change: np.ndarray | float, draws: ArmDraws) -> np.ndarray:
    """Scale of the deviation of a trial from a change of density, %."""
    import calibration

    return np.asarray(calibration.deviation_between_trials(np.asarray(change), draws.between_trials))


def change_ends(
    own: ArmDraws, reference: ArmDraws | None, name: str, start: float, end: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the deviation of a change between two months, %, or of its difference from another arm's.

    Args:
      own: draws of the arm.
      reference: the same draws of the arm that is taken off; None for none.
      name: of WITH_INTERVALS.
      start, end: months, also between whole ones.
    """

    def change(draws: ArmDraws) -> np.ndarray:
        before, after = (_at(draws.ratios[name], month) for month in (start, end))
        return 100 * (after / before - 1)

    return ends(change(own) - (0.0 if reference is None else change(reference)))


def _at(ratios: np.ndarray, month: float) -> np.ndarray:
    low = min(int(month), ratios.shape[1] - 2)
    return ratios[:, low] + (month - low) * (ratios[:, low + 1] - ratios[:, low])
