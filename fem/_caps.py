"""Bone-cement caps over the endplates of a vertebral body, as in compression experiments."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

PMMA_MODULUS_MPA = 2500.0
"""Modulus of bone cement (PMMA), MPa, as customary in voxel models of vertebral compression, e.g. the open
spine model of Bonelab Ogo. Its Poisson ratio there is 0.3; here a cap has the Poisson ratio of the plan's
material."""


class Capped(NamedTuple):
    """A body with caps on the extended grid."""

    mask: np.ndarray
    "bone and caps, bool, shape (nx, ny, nz extended)"
    is_cap: np.ndarray
    "which elements are cap, bool, shape (ne,), elements in the order of np.argwhere(mask)"
    offset: np.ndarray
    "index of the first voxel of the original array in the extended one, shape (3,); may be negative along z"
    bone: np.ndarray
    "positions of the original bone voxels among the elements, in their original order, shape (nb,)"


def add_caps(
    mask: np.ndarray,
    voxel_mm: float,
    *,
    thickness_mm: float = 5.0,
    intrusion_mm: float = 6.0,
    footprint: np.ndarray | None = None,
) -> Capped:
    """Embed both endplates of a vertebral body in cement with flat outer faces.

    In every column of the endplate's outline the gap between the outermost bone and a flat plane is filled,
    so the concavity is filled as well. The plane lies `thickness_mm` beyond the outermost bone of the body
    (at least one voxel), and one voxel beyond anything else in the mask, so that posterior elements touch no
    platen. The box ends at the planes.

    Args:
      mask: bone, bool, shape (nx, ny, nz), load along z.
      voxel_mm: edge of a voxel, mm.
      thickness_mm: thickness of the cement over the outermost point of the endplate, mm (5 mm assumed; 10 mm
        is also in use).
      intrusion_mm: a column belongs to the endplate if its outermost bone lies at most this far below the
        outermost bone of the body, mm. It must exceed the depth of the concavity.
      footprint: bone that the cement may touch, bool, the same shape; by default all of `mask`. Give the body
        alone when the mask holds posterior elements.

    Raises:
      ValueError: shapes differ, nothing to cap, or a size that is not positive.
    """
    mask = np.asarray(mask, dtype=bool)
    body = mask if footprint is None else np.asarray(footprint, dtype=bool)
    if mask.ndim != 3 or body.shape != mask.shape:
        raise ValueError(
            f"`mask` and `footprint` must be of the same shape (nx, ny, nz), got "
            f"{mask.shape} and {body.shape}"
        )
    for argument, size in (
        ("voxel_mm", voxel_mm),
        ("thickness_mm", thickness_mm),
        ("intrusion_mm", intrusion_mm),
    ):
        if not (np.isfinite(size) and size > 0.0):
            raise ValueError(f"`{argument}` must be a positive length in mm, got {size}")
    body = body & mask
    if not body.any():
        raise ValueError("`footprint` must share voxels with `mask`, got none; nothing can be capped")
    thickness = max(1, round(thickness_mm / voxel_mm))
    lowest, highest = _span(mask)
    column_bottom, column_top, outline = _columns(body)
    body_bottom, body_top = int(column_bottom[outline].min()), int(column_top[outline].max())
    plane_bottom, plane_top = body_bottom - thickness, body_top + thickness
    if lowest < body_bottom:
        plane_bottom = min(plane_bottom, lowest - 1)
    if highest > body_top:
        plane_top = max(plane_top, highest + 1)

    bone = np.zeros((*mask.shape[:2], plane_top - plane_bottom), dtype=bool)
    bone[:, :, lowest - plane_bottom : highest - plane_bottom] = mask[:, :, lowest:highest]
    level = np.arange(plane_bottom, plane_top)
    upper = outline & (column_top >= body_top - intrusion_mm / voxel_mm)
    lower = outline & (column_bottom <= body_bottom + intrusion_mm / voxel_mm)
    # a column inside the outline but without bone near the endplate is covered from the outermost bone on
    upper_start = np.where(upper, column_top, body_top)[:, :, None]
    lower_start = np.where(lower, column_bottom, body_bottom)[:, :, None]
    cap = _without_holes(upper)[:, :, None] & (level >= upper_start)
    cap |= _without_holes(lower)[:, :, None] & (level < lower_start)
    cap &= ~bone
    whole = bone | cap
    is_cap = cap[whole]
    return Capped(whole, is_cap, np.array([0, 0, -plane_bottom]), np.flatnonzero(~is_cap))


def capped_modulus(
    bone_modulus: jax.Array, capped: Capped, *, cap_modulus_mpa: float = PMMA_MODULUS_MPA
) -> jax.Array:
    """Moduli (ne,) in MPa of a body with caps from those of its bone voxels (nb,) in MPa."""
    full = jnp.full(capped.is_cap.shape, cap_modulus_mpa, dtype=bone_modulus.dtype)
    return full.at[capped.bone].set(bone_modulus)


def _span(mask: np.ndarray) -> tuple[int, int]:
    """First layer that holds bone and the one after the last."""
    layers = np.flatnonzero(mask.any(axis=(0, 1)))
    return int(layers[0]), int(layers[-1]) + 1


def _columns(body: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per column (nx, ny): lowest voxel, one above the highest voxel, and whether there is any."""
    bottom = body.argmax(axis=2)
    top = body.shape[2] - body[:, :, ::-1].argmax(axis=2)
    return bottom, top, np.asarray(body.any(axis=2))


def _without_holes(outline: np.ndarray) -> np.ndarray:
    return np.asarray(ndimage.binary_fill_holes(outline), dtype=bool)
