"""Small questions about voxels: the box of a mask, the edge of a cube, the voxels of a label."""

from typing import Any

import numpy as np

from ._errors import UserError


def bounding_box(mask: np.ndarray) -> tuple[slice, ...]:
    """Smallest box of a mask."""
    where = np.argwhere(mask)
    return tuple(slice(int(a), int(b) + 1) for a, b in zip(where.min(axis=0), where.max(axis=0), strict=True))


def set_aside(mask: np.ndarray, kept: np.ndarray) -> str | None:
    """What was dropped from a mask when its largest part was kept, in words; None when nothing was."""
    dropped = int(mask.sum() - kept.sum())
    if not dropped:
        return None
    return f"{dropped} of {int(mask.sum())} voxels hang on no face of the largest part and were set aside"


def cubic_edge(image: Any, *, tolerance: float = 1e-3) -> float:
    """Edge of cubic voxels, mm.

    Raises:
      ValueError: the edges differ by more than `tolerance` of their mean.
    """
    spacing = np.asarray(image.spacing, dtype=float)
    mean = float(spacing.mean())
    if np.abs(spacing - mean).max() > tolerance * mean:
        edges = " x ".join(f"{edge:g}" for edge in spacing)
        raise ValueError(f"voxels of {edges} mm are not cubes; resample the image to one edge first")
    return mean


def label_mask(labels: Any, label: int, where: str) -> np.ndarray:
    """Voxels of a label, in RAS order.

    Raises:
      UserError: the label is not in the image; names the ones that are.
    """
    import meshes

    values = np.asarray(meshes.to_ras(labels).values)
    mask = values == label
    if not mask.any():
        found = [int(item) for item in np.unique(values) if item != 0]
        listed = ", ".join(map(str, found[:20])) + (", ..." if len(found) > 20 else "")
        raise UserError(f"{where} {label} does not occur in the mask; found: {listed}")
    return mask
