"""Calibration by the rods of a phantom that was scanned with the patient."""

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from ._calibration import Calibration, CalibrationFit, calibrate_from_pairs
from ._image import Image, require_same_grid

LEAST_R2 = 0.99
"""Share of variance that the line through the rods must explain (assumed; phantoms on scanners in order reach
0.999)."""
LEAST_RODS = 3
"""Two rods always lie on a line, so that nothing could be judged."""
LEAST_CORE_VOXELS = 20
"""Voxels in the core of a rod, below which its median is noise (assumed)."""


def calibrate_phantom(
    image: Image,
    rods: Image,
    rod_mg_cm3: Mapping[int, float],
    density_type: str,
    *,
    least_r2: float = LEAST_R2,
) -> tuple[Calibration, CalibrationFit]:
    """Least-squares line through the stated densities of rods and their CT numbers.

    A rod's number is the median of its core, the labelled voxels less their outer layer: voxels at the rim
    are part holder or air and would pull a mean towards them by tens of HU, and the median stands bubbles and
    streaks. The layer is taken along axes on which a rod is three voxels thick or more, so that a label of a
    single slice keeps its slice.

    The rods' stated densities must be equivalents in one substance in water. Phantoms whose report gives a
    water density *and* a K2HPO4 density for each rod (Mindways) need their own two-step formula; make the
    line by it and state slope and intercept.

    Args:
      image: CT in HU.
      rods: label image on its grid; every label is one rod.
      rod_mg_cm3: density by label, mg/cm3, three rods or more.
      density_type: what the rods' densities are equivalents of: "ha", "k2hpo4", "ash" or "apparent".
      least_r2: refuse a worse line.

    Returns:
      calibration, and the fit with HU, densities, residuals and r2 by rod.

    Raises:
      ValueError: another grid, too few rods, a rod that is missing or has too few voxels, a label without a
        density, a line with a lower r2 (names the worst rod), density that falls with HU.
    """
    if image.quantity != "hu":
        raise ValueError(f"`image` must be in HU; it holds {image.quantity!r}.")
    if len(rod_mg_cm3) < LEAST_RODS:
        raise ValueError(f"a phantom needs {LEAST_RODS} rods or more; {len(rod_mg_cm3)} stated.")
    require_same_grid(image, rods, names=("image", "rods"))
    values, labels = np.asarray(image.values), np.asarray(rods.values)
    found = [int(label) for label in np.unique(labels) if label != 0]
    listed = ", ".join(map(str, found[:20])) or "none"
    missing = [label for label in rod_mg_cm3 if label not in found]
    if missing:
        raise ValueError(f"rod {missing[0]} does not occur in the rod mask; labels found: {listed}.")
    unstated = [label for label in found if label not in rod_mg_cm3]
    if unstated:
        raise ValueError(
            f"label {unstated[0]} of the rod mask has no stated density; labels found: {listed}, densities "
            f"stated for {', '.join(map(str, rod_mg_cm3))}."
        )
    numbers = {label: _core_hu(values, labels == label, label) for label in rod_mg_cm3}
    calibration, fit = calibrate_from_pairs(
        list(numbers.values()),
        [float(value) for value in rod_mg_cm3.values()],
        density_type,
        materials=[f"rod {label}" for label in rod_mg_cm3],
        source="rods of the phantom in the scan",
    )
    if fit.r2 < least_r2:
        worst = int(np.abs(fit.residuals_mg_cm3).argmax())
        raise ValueError(
            f"the rods do not lie on a line: r2 is {fit.r2:.4f}, at least {least_r2:g} is needed, and "
            f"{fit.materials[worst]} is off by {fit.residuals_mg_cm3[worst]:.0f} mg/cm3; check the order "
            "of the densities and that each label lies inside its rod."
        )
    return calibration, fit


def _core_hu(values: np.ndarray, rod: np.ndarray, label: int) -> float:
    """Median of the rod without its outer layer, HU."""
    where = np.argwhere(rod)
    thick = np.ptp(where, axis=0) >= 2
    structure = np.zeros((3, 3, 3), bool)
    structure[1, 1, 1] = True
    for axis in np.flatnonzero(thick):
        for side in (0, 2):
            place = [1, 1, 1]
            place[int(axis)] = side
            structure[tuple(place)] = True
    core = np.asarray(ndimage.binary_erosion(rod, structure, border_value=1), bool)
    if core.sum() < LEAST_CORE_VOXELS:
        raise ValueError(
            f"rod {label} has {int(core.sum())} voxels inside its outer layer ({int(rod.sum())} labelled); "
            f"{LEAST_CORE_VOXELS} are needed. Label more slices of it."
        )
    return float(np.median(values[core]))
