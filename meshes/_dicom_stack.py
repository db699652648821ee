"""Single slices into a stack: order, distance and affine from their positions, and what forbids a stack."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ._raw_voxels import LPS_TO_RAS

# Positions are decimal texts of at most 16 characters, rounded by scanners to 0.001 to 0.01 mm.
_ROUNDING_MM = 0.02
# Share of the step by which one distance between slices may differ from the others.
_UNEVEN = 0.02
_TILT_DEGREES = 0.1


@dataclass(frozen=True)
class Slice:
    """What one image of a series says of itself."""

    shape: tuple[int, int]
    "rows, columns"
    position: np.ndarray
    "centre of the first pixel, LPS mm, (3,)"
    orientation: np.ndarray
    "direction of a row, then of a column, LPS, (6,)"
    pixel_spacing: np.ndarray
    "distance of rows, then of columns, mm, (2,)"
    tilt: float
    "stated tilt of the gantry, degrees"
    slope: float
    "HU, or whatever the values are, per stored number"
    intercept: float
    "value of the stored number 0"


def stack_of(slices: Sequence[Slice], *, where: str) -> tuple[list[int], np.ndarray]:
    """Order of the slices along their normal, and the affine (4, 4) of the volume in RAS mm.

    Axes of the volume: along a row, along a column, along the normal (their cross product).

    Args:
      slices: at least two.
      where: the folder, for the sentences.

    Raises:
      ValueError: other shapes, directions or pixel sizes, a tilted gantry, slices that are doubled, missing
        or unevenly spaced; says where along the normal, in mm.
    """
    first = slices[0]
    count = len(slices)
    shapes = {image.shape for image in slices}
    if len(shapes) > 1:
        listed = ", ".join(f"{rows} x {columns}" for rows, columns in sorted(shapes)[:4])
        raise ValueError(
            f"{where!r}: its {count} images have {len(shapes)} sizes ({listed}); keep one series."
        )
    for name, tolerance, what in (
        ("orientation", 1e-3, "lie in other directions"),
        ("pixel_spacing", 1e-3 * float(np.abs(first.pixel_spacing).max()), "have pixels of another size"),
    ):
        off = [
            image for image in slices if np.abs(getattr(image, name) - getattr(first, name)).max() > tolerance
        ]
        if off:
            raise ValueError(
                f"{where!r}: {len(off)} of its {count} images {what} than the others; keep one series."
            )
    row, column = first.orientation[:3], first.orientation[3:]
    if max(abs(row @ row - 1), abs(column @ column - 1), abs(row @ column)) > 1e-3:
        raise ValueError(
            f"{where!r}: the directions of its rows and columns are no unit vectors at right angles."
        )
    if (first.pixel_spacing <= 0).any():
        raise ValueError(f"{where!r}: pixel size must be positive; it is {first.pixel_spacing.tolist()} mm.")
    tilt = max(abs(image.tilt) for image in slices)
    if tilt > _TILT_DEGREES:
        raise ValueError(
            f"{where!r}: scanned with a gantry tilted by {tilt:.3g} degrees; export a series resampled to a "
            "rectangular grid."
        )
    normal = np.cross(row, column)
    positions = np.array([image.position for image in slices])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    step = _even_step(along[order], where)
    drift = (positions[order[-1]] - positions[order[0]]) - (along[order[-1]] - along[order[0]]) * normal
    aside = positions - np.outer(along, normal)
    spread = float(np.linalg.norm(aside - aside[order[0]], axis=1).max())
    if spread > max(_ROUNDING_MM, 0.02 * float(first.pixel_spacing.min())):
        angle = np.degrees(np.arctan2(np.linalg.norm(drift), abs(along[order[-1]] - along[order[0]])))
        raise ValueError(
            f"{where!r}: its images shift sideways by up to {spread:.3g} mm from slice to slice (sheared by "
            f"{angle:.3g} degrees), as after a tilted gantry; export a series on a rectangular grid."
        )
    affine = np.eye(4)
    columns = np.stack([row * first.pixel_spacing[1], column * first.pixel_spacing[0], normal * step], axis=1)
    affine[:3, :3] = LPS_TO_RAS @ columns
    affine[:3, 3] = LPS_TO_RAS @ positions[order[0]]
    return order.tolist(), affine


def _even_step(along: np.ndarray, where: str) -> float:
    """Distance between sorted slices, mm."""
    steps = np.diff(along)
    twice = np.flatnonzero(steps < _ROUNDING_MM)
    if len(twice):
        raise ValueError(
            f"{where!r}: {len(twice)} of its {len(along)} images lie where another does, the first at "
            f"{along[twice[0]]:.4g} mm along the stack; keep one phase or reconstruction."
        )
    step = float(np.median(steps))
    uneven = np.flatnonzero(np.abs(steps - step) > max(_UNEVEN * step, _ROUNDING_MM))
    if len(uneven):
        at = int(uneven[0])
        missing = int(sum(max(0, round(steps[index] / step) - 1) for index in uneven))
        what = f"{missing} missing" if missing else "unevenly spaced"
        raise ValueError(
            f"{where!r}: its slices are {step:.4g} mm apart, but {steps[at]:.4g} mm between {along[at]:.4g} "
            f"and {along[at + 1]:.4g} mm along the stack (places like this: {len(uneven)}; {what}); "
            "complete the series."
        )
    return float((along[-1] - along[0]) / (len(along) - 1))
