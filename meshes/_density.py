"""Density types and bone volume fraction."""

from dataclasses import replace
from typing import Any

import numpy as np

from ._image import DENSITY_TYPES, Image

# Mineral of fully mineralised bone matrix, g HA per cm3 of bone (assumed default: 1.2 g/cm3 is what HR-pQCT
# takes for compact bone; Laib, Häuselmann and Rüegsegger 1998, Technol Health Care 6:329).
MATRIX_DENSITY_G_CM3 = 1.2

# Ash over apparent density (Schileo et al. 2008, J Biomech 41:2483; Knowles et al. 2016, J Exp Orthop 3:36).
_ASH_OVER_APPARENT = 0.6
# Ash over HA-equivalent QCT density, g/cm3 (Schileo et al. 2008, femora, HA phantom).
_ASH_OF_HA = (0.877, 0.079)
# Ash over K2HPO4-equivalent QCT density, g/cm3 (Les 1994, used by Trabelsi 2011; Knowles 2016, table 1).
_ASH_OF_K2HPO4 = (1.22, 0.0523)
# K2HPO4- over HA-equivalent density, intercept about 0 (Goodsitt 1992, Bone Miner 19:145): kVp and slope.
_K2HPO4_OVER_HA = ((80.0, 0.86), (140.0, 0.81))


def convert_density(image: Image, density_type: str, *, tube_kv: float = 120.0) -> Image:
    """The same bone in another density type, by published linear relations.

    HA to ash: 0.877 rho + 0.079 (Schileo 2008). K2HPO4 to ash: 1.22 rho + 0.0523 (Les 1994). Ash to
    apparent: rho / 0.6 (Schileo 2008). HA to K2HPO4: slope 0.86 at 80 kVp and 0.81 at 140 kVp (Goodsitt
    1992), linear in between (assumed). The first two were measured on bone: their intercepts give a voxel
    without mineral an ash density above zero, so convert bone only.

    Args:
      image: density, g/cm3.
      density_type: wanted type: "k2hpo4", "ha", "ash" or "apparent".
      tube_kv: tube voltage of the scan, kV, 80 to 140; only HA to K2HPO4 and back depends on it.

    Returns:
      Image of the wanted type, g/cm3.

    Raises:
      ValueError: not a density, an unknown type, or a tube voltage for which no relation is published.
    """
    if image.quantity != "density" or image.density_type not in DENSITY_TYPES:
        raise ValueError(
            f"`image` must be a density of known type; got {image.quantity!r}, {image.density_type!r}. "
            "Calibrate HU first with `apply_calibration`."
        )
    if density_type not in DENSITY_TYPES:
        raise ValueError(
            f"`density_type` must be one of {', '.join(DENSITY_TYPES)}; none to {density_type!r} is known."
        )
    slope, intercept = _relation(image.density_type, density_type, tube_kv)
    return replace(image, values=slope * image.values + intercept, density_type=density_type)


def k2hpo4_over_ha(tube_kv: float = 120.0) -> float:
    """K2HPO4-equivalent over HA-equivalent density of the same bone (Goodsitt 1992, Bone Miner 19:145).

    Args:
      tube_kv: tube voltage, kV, 80 to 140; between the two measured voltages linear (assumed).

    Raises:
      ValueError: a voltage outside 80 to 140 kV, where nothing is published.
    """
    (low, slope_low), (high, slope_high) = _K2HPO4_OVER_HA
    if not low <= tube_kv <= high:
        raise ValueError(
            f"`tube_kv` must be {low:g} to {high:g} kV, where K2HPO4 and HA phantoms were compared; "
            f"got {tube_kv}."
        )
    return float(np.interp(tube_kv, (low, high), (slope_low, slope_high)))


def _relation(source: str | None, wanted: str, tube_kv: float) -> tuple[float, float]:
    """Slope and intercept (g/cm3) from one type to another, through ash unless both are phantom's."""
    if source == wanted:
        return 1.0, 0.0
    if {source, wanted} == {"ha", "k2hpo4"}:
        ratio = k2hpo4_over_ha(tube_kv)
        return (ratio, 0.0) if wanted == "k2hpo4" else (1 / ratio, 0.0)
    to_ash: dict[str | None, tuple[float, float]] = {
        "ash": (1.0, 0.0),
        "ha": _ASH_OF_HA,
        "k2hpo4": _ASH_OF_K2HPO4,
        "apparent": (_ASH_OVER_APPARENT, 0.0),
    }
    slope_in, intercept_in = to_ash[source]
    slope_out, intercept_out = to_ash[wanted]
    return slope_in / slope_out, (intercept_in - intercept_out) / slope_out


def bv_tv_from_density(density: Any, *, matrix_density: float = MATRIX_DENSITY_G_CM3) -> Any:
    """Bone volume fraction of an HA density: density / matrix density; no clipping.

    Args:
      density: mineral density of the voxel, g HA/cm3, any shape, NumPy or JAX.
      matrix_density: mineral of the bone matrix itself, g HA/cm3; 1.2 is assumed.

    Returns:
      Bone volume fraction, same shape; negative or above one where the density is.
    """
    return density / matrix_density


def density_from_bv_tv(bv_tv: Any, *, matrix_density: float = MATRIX_DENSITY_G_CM3) -> Any:
    """HA density of a bone volume fraction, g/cm3; the inverse of `bv_tv_from_density`."""
    return bv_tv * matrix_density
