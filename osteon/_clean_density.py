"""Values inside a mask that no bone has: clamped and counted, and refused where they are many."""

from typing import Any

import numpy as np

from ._errors import UserError

MOST_NEGATIVE_SHARE = 0.5
"Share of a body's voxels with negative density above which the calibration is refused (assumed)."
MOST_METAL_SHARE = 0.02
"Share of a body's voxels denser than any bone above which it is refused (assumed)."
MOST_PADDING_SHARE = 0.01
"Share of a body's voxels outside of the scanner's field above which it is refused (assumed)."
DENSEST_BONE = 1.6
"""HA-equivalent density that no voxel of bone exceeds, g/cm3 (assumed): compact bone reaches about 1.2 in a
voxel without pores; metal, cement with barium and their streaks lie above."""
LOWEST_HU = -1024.0
"HU below which a voxel is padding: air is -1000, and the scale of 12 bits ends here."


def without_foreign(density: np.ndarray, where: str, padding: Any = None) -> tuple[np.ndarray, list[str]]:
    """Padding set to 0 and metal to `DENSEST_BONE`, and a sentence with the count of each.

    Args:
      density: HA-equivalent, g/cm3, of the bone voxels, (nb,).
      where: what to name in an error, e.g. "levels 'L3'".
      padding: voxels that the scanner did not see, boolean, (nb,), or None.

    Raises:
      UserError: more than `MOST_PADDING_SHARE` or `MOST_METAL_SHARE` of the voxels.
    """
    unseen = np.zeros(density.shape, bool) if padding is None else np.asarray(padding, bool)
    metal = density > DENSEST_BONE
    notes = [
        *_judged(
            unseen,
            MOST_PADDING_SHARE,
            where,
            f"outside of the scanner's field (below {LOWEST_HU:g} HU)",
            "the mask reaches out of the image",
            "0 mg/cm3",
        ),
        *_judged(
            metal,
            MOST_METAL_SHARE,
            where,
            f"denser than any bone (above {1000 * DENSEST_BONE:g} mg/cm3), as metal is",
            "leave this body out or check the calibration",
            f"{1000 * DENSEST_BONE:g} mg/cm3",
        ),
    ]
    return np.where(unseen, 0.0, np.minimum(density, DENSEST_BONE)), notes


def without_negative(density: np.ndarray, where: str) -> tuple[np.ndarray, list[str]]:
    """Negative densities set to 0, and a sentence with their count; arguments as `without_foreign`.

    Raises:
      UserError: more than `MOST_NEGATIVE_SHARE` of the voxels.
    """
    notes = _judged(
        density < 0,
        MOST_NEGATIVE_SHARE,
        where,
        "of negative density",
        "check the calibration and that the mask lies on bone",
        "0 mg/cm3",
    )
    return np.maximum(density, 0.0), notes


def _judged(wrong: np.ndarray, most: float, where: str, what: str, advice: str, done: str) -> list[str]:
    count, total = int(wrong.sum()), wrong.size
    if count > most * total:
        raise UserError(
            f"{where}: {100 * count / total:.3g} % of its voxels are {what}; at most {100 * most:g} % may "
            f"be, {advice}"
        )
    return [f"{count} of {total} voxels were {what}, set to {done}"] if count else []
