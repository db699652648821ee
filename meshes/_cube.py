"""Synthetic trabecular cubes that are connected at the bone volume fractions of vertebrae."""

import numpy as np

from ._components import components
from ._random_field import random_field

CUBE_KINDS = ("plates", "rods")

# Share of the largest part that a specimen needs before cleaning, and how many specimens are drawn for it.
_CONNECTED_SHARE = 0.99
_DRAWS = 48
# Period x BV/TV in voxels that makes sheets about 1.4 voxels thick: face-connected, still slender.
_PERIOD_TIMES_BV_TV = 3.2
# |g| below this many standard deviations is kept on a sheet of rods: a net, as the holes stay islands.
_NET_HALF_WIDTH = 0.8
_BAND = (0.85, 1.2)


def make_trabecular_cube(
    n: int,
    *,
    bv_tv: float,
    voxel_mm: float = 0.05,
    kind: str = "plates",
    seed: int = 0,
    period: float | None = None,
) -> np.ndarray:
    """Connected trabecular cube of a stated bone volume fraction.

    Plates are the sheet |f| < t of even thickness t around the zero level of a smooth random field f (the
    distance to the level is |f| / |grad f|). Rods are the part |g| < 0.8 of that sheet, g a second field: a
    sheet perforated into a net. Both stay connected where a thresholded field f > t falls apart. A seed names
    a series of fields; the first whose largest face-connected part holds 99 % of its bone is taken, and the
    rest of the bone removed.

    Args:
      n: voxels along each edge, 16 or more.
      bv_tv: bone volume fraction of the result, 0.06 to 0.5, met within 2 %.
      voxel_mm: voxel edge, mm.
      kind: "plates" or "rods".
      seed: chooses the specimen.
      period: mean wavelength of the fields, mm; None takes the one at which the sheets are about 1.4 voxels
        thick, at most 1.5 n voxels (plates) or n voxels (rods).

    Returns:
      mask: boolean, shape (n, n, n), one face-connected part that touches all six faces.

    Raises:
      ValueError: arguments out of range, or no connected specimen at this resolution (0.06 needs
        about n = 32).
    """
    if not 16 <= int(n) <= 1024:
        raise ValueError(f"`n` must be 16 to 1024 voxels; got {n}.")
    if not 0.06 <= bv_tv <= 0.5:
        raise ValueError(f"`bv_tv` must be 0.06 to 0.5; got {bv_tv}.")
    if kind not in CUBE_KINDS:
        raise ValueError(f"`kind` must be one of {', '.join(CUBE_KINDS)}; got {kind!r}.")
    if not voxel_mm > 0:
        raise ValueError(f"`voxel_mm` must be positive; got {voxel_mm}.")
    if period is None:
        widest = n * (1.5 if kind == "plates" else 1.0)
        period = voxel_mm * min(_PERIOD_TIMES_BV_TV / bv_tv, widest)
    elif not period >= 6 * voxel_mm:
        raise ValueError(f"`period` must be 6 voxels ({6 * voxel_mm:.3g} mm) or more; got {period} mm.")
    best = 0.0
    for draw in range(_DRAWS):
        distance = _distance(int(n), voxel_mm, kind, seed, draw, period)
        mask, share = _cut(distance, bv_tv)
        best = max(best, share)
        connected = share >= _CONNECTED_SHARE and _touches_all_faces(mask)
        if connected and abs(mask.mean() / bv_tv - 1) <= 0.02:
            return mask
    raise ValueError(
        f"no connected cube of {kind} in {_DRAWS} draws at `n` = {n}, `bv_tv` = {bv_tv}, `period` = "
        f"{period:.3g} mm (best part holds {best:.0%}); raise `n` or `bv_tv`, or leave `period` out."
    )


def _distance(n: int, voxel_mm: float, kind: str, seed: int, draw: int, period: float) -> np.ndarray:
    """Distance to the middle of the bone, mm, infinite where no bone may be; shape (n, n, n)."""
    axis = (np.arange(n) + 0.5) * voxel_mm
    band = (_BAND[0] * period, _BAND[1] * period)
    field = random_field((axis, axis, axis), seed=seed, stream=2 * draw, wavelengths_mm=band)
    slope = sum(part**2 for part in np.gradient(field, voxel_mm))
    # A tenth of the mean square slope keeps saddles of the field from becoming solid blocks.
    distance = np.abs(field) / np.sqrt(slope + 0.1 * (2 * np.pi / period) ** 2)
    if kind == "rods":
        second = random_field((axis, axis, axis), seed=seed, stream=2 * draw + 1, wavelengths_mm=band)
        distance = np.where(np.abs(second) < _NET_HALF_WIDTH, distance, np.inf)
    return distance


def _cut(distance: np.ndarray, bv_tv: float) -> tuple[np.ndarray, float]:
    """Largest part of {distance < t} with t found by bisection on its volume, and its share of that set."""
    reachable = np.isfinite(distance).mean()
    low, high = bv_tv, min(1.3 * bv_tv, float(reachable))
    ordered = np.sort(distance, axis=None)
    mask, share = np.zeros(distance.shape, bool), 0.0
    # First try the plain quantile: nearly always one part already, and a hopeless draw ends at once.
    fraction = low
    for _ in range(14):
        count = min(round(fraction * distance.size), distance.size - 1)
        labels, sizes = components(distance < ordered[count])
        mask, share = labels == 1, float(sizes[0] / sizes.sum())
        excess = mask.mean() / bv_tv - 1
        if share < 0.9 or abs(excess) < 2e-3:
            break
        low, high = (fraction, high) if excess < 0 else (low, fraction)
        fraction = 0.5 * (low + high)
    return mask, share


def _touches_all_faces(mask: np.ndarray) -> bool:
    return all(bool(mask.take(end, axis).any()) for axis in range(3) for end in (0, -1))
