"""From HU to density by a straight line."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np

from ._image import DENSITY_TYPES, Image


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Calibration:
    """Density (g/cm3) = slope HU + intercept; make one with `make_calibration` or a fit."""

    slope: Any
    "g/cm3 per HU, scalar."
    intercept: Any
    "g/cm3, scalar."
    density_type: str = field(metadata={"static": True})
    "k2hpo4, ha, ash or apparent; static."


@dataclass(frozen=True)
class CalibrationFit:
    """What a fitted calibration rests on; for reports."""

    materials: tuple[str, ...]
    "Names of the reference materials, (n,)."
    hu: np.ndarray
    "Measured CT numbers, HU, (n,)."
    density_mg_cm3: np.ndarray
    "Stated densities, mg/cm3, (n,)."
    residuals_mg_cm3: np.ndarray
    "Stated minus fitted density, mg/cm3, (n,)."
    r2: float
    "Share of the variance of the stated densities that the line explains; 1 with two materials."
    source: str
    "Whence the stated densities come."


def make_calibration(
    slope_mg_cm3_per_hu: float, intercept_mg_cm3: float, density_type: str = "k2hpo4"
) -> Calibration:
    """Calibration from the numbers of a phantom report.

    Args:
      slope_mg_cm3_per_hu: mg/cm3 per HU, positive.
      intercept_mg_cm3: mg/cm3 at 0 HU.
      density_type: what the phantom's rods are made of: "k2hpo4" or "ha"; or "ash", "apparent".

    Raises:
      ValueError: slope not positive (a frequent swap: HU per mg/cm3 is about 1.2, mg/cm3 per HU about 0.8),
        numbers not finite, unknown density type.
    """
    if not (np.isfinite(slope_mg_cm3_per_hu) and slope_mg_cm3_per_hu > 0):
        raise ValueError(f"`slope_mg_cm3_per_hu` must be positive; got {slope_mg_cm3_per_hu}.")
    if not np.isfinite(intercept_mg_cm3):
        raise ValueError(f"`intercept_mg_cm3` must be finite; got {intercept_mg_cm3}.")
    if density_type not in DENSITY_TYPES:
        raise ValueError(f"`density_type` must be one of {', '.join(DENSITY_TYPES)}; got {density_type!r}.")
    return Calibration(
        slope=float(slope_mg_cm3_per_hu) / 1000,
        intercept=float(intercept_mg_cm3) / 1000,
        density_type=density_type,
    )


def calibrate_from_pairs(
    hu: Sequence[float] | np.ndarray,
    density_mg_cm3: Sequence[float] | np.ndarray,
    density_type: str,
    *,
    materials: Sequence[str] | None = None,
    source: str = "stated by the user",
) -> tuple[Calibration, CalibrationFit]:
    """Least-squares line through stated pairs of CT number and density, such as phantom rods.

    Args:
      hu: measured CT numbers, HU, (n,), n >= 2.
      density_mg_cm3: their densities, mg/cm3, (n,).
      density_type: "k2hpo4", "ha", "ash" or "apparent".
      materials: names for the report, (n,).
      source: whence the densities come, for the report.

    Returns:
      calibration, and the fit with residuals and r2.

    Raises:
      ValueError: fewer than two pairs, values not finite, all HU alike, density that falls with HU.
    """
    x, y = np.asarray(hu, float).ravel(), np.asarray(density_mg_cm3, float).ravel()
    if len(x) != len(y) or len(x) < 2:
        raise ValueError(
            f"`hu` and `density_mg_cm3` need the same 2 or more entries; got {len(x)} and {len(y)}."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("`hu` and `density_mg_cm3` must be finite; look for a missing measurement.")
    if np.ptp(x) < 10:
        raise ValueError(f"`hu` spans only {np.ptp(x):.3g} HU; a line needs materials at least 10 HU apart.")
    slope, intercept = np.polyfit(x, y, 1)
    if not slope > 0:
        raise ValueError(
            f"density must rise with HU; the pairs give {slope:.3g} mg/cm3 per HU. Check their order."
        )
    residuals = y - (slope * x + intercept)
    spread = float(((y - y.mean()) ** 2).sum())
    names = tuple(materials) if materials is not None else tuple(f"material {i + 1}" for i in range(len(x)))
    if len(names) != len(x):
        raise ValueError(f"`materials` needs {len(x)} names; got {len(names)}.")
    fit = CalibrationFit(
        materials=names,
        hu=x,
        density_mg_cm3=y,
        residuals_mg_cm3=residuals,
        r2=1.0 - float((residuals**2).sum()) / spread,
        source=source,
    )
    return make_calibration(slope, intercept, density_type), fit


def apply_calibration(image: Image, calibration: Calibration) -> Image:
    """Density image, g/cm3, of an image in HU; negative densities (fat, air) are kept.

    Raises:
      ValueError: the image is not in HU.

    >>> import numpy as np
    >>> from meshes import make_image
    >>> image = make_image(np.full((2, 2, 2), 150.0), 1.5, quantity="hu")
    >>> density = apply_calibration(image, make_calibration(0.75, 1.0, "ha"))
    >>> density.density_type, round(1000 * float(density.values[0, 0, 0]), 1)
    ('ha', 113.5)
    """
    if image.quantity != "hu":
        raise ValueError(f"`image` must be in HU; it holds {image.quantity!r}. It may be calibrated already.")
    values = image.values if np.asarray(image.values).dtype.kind == "f" else np.asarray(image.values, float)
    return replace(
        image,
        values=calibration.slope * values + calibration.intercept,
        quantity="density",
        density_type=calibration.density_type,
    )
