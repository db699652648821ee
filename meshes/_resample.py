"""Other grids: an isotropic one, or that of another image."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
from scipy import ndimage

from ._image import Image, affine_of

_DISCRETE = ("label", "mask")


def resample(image: Image, spacing_mm: float, *, order: int | None = None) -> Image:
    """The image on an isotropic grid of the same axes, centred on the same box.

    Coarser grids average over sub-points of each new voxel, so that means are kept; labels and masks take the
    nearest voxel.

    Args:
      image: finite values, shape (nx, ny, nz).
      spacing_mm: new voxel edge, mm.
      order: spline order 0 to 3; None is 1, and 0 for labels and masks.

    Returns:
      Image of the same kind; each axis has round(extent / spacing) voxels, at least one.

    Raises:
      ValueError: spacing not positive, an order other than 0 for labels and masks, NaN in a field.
    """
    if not (np.isfinite(spacing_mm) and spacing_mm > 0):
        raise ValueError(f"`spacing_mm` must be positive and finite; got {spacing_mm}.")
    order = _order(image, order)
    values = _samples(image)
    old = np.asarray(image.spacing, float)
    shape = np.maximum(1, np.round(np.array(values.shape) * old / spacing_mm)).astype(int)
    parts = np.ones(3, int)
    if image.quantity not in _DISCRETE and order > 0:
        parts = np.maximum(1, np.ceil(spacing_mm / old - 1e-6)).astype(int)
    step = spacing_mm / parts / old
    first = (np.array(values.shape) - 1) / 2 - (shape * parts - 1) / 2 * step
    fine = ndimage.affine_transform(
        values, step, offset=cast(Any, first), output_shape=tuple(shape * parts), order=order, mode="nearest"
    )
    blocks = fine.reshape(shape[0], parts[0], shape[1], parts[1], shape[2], parts[2])
    result = fine if (parts == 1).all() else blocks.mean(axis=(1, 3, 5))
    affine = affine_of(image)
    centre = (np.array(values.shape) - 1) / 2 - (shape - 1) / 2 * spacing_mm / old
    return replace(
        image,
        values=_typed(result, image),
        spacing=np.full(3, float(spacing_mm)),
        origin=affine[:3, :3] @ centre + affine[:3, 3],
    )


def resample_onto(image: Image, target: Image, *, order: int | None = None, fill: float = np.nan) -> Image:
    """The image sampled at the voxel centres of another grid.

    Args:
      image: finite values.
      target: image whose grid is wanted; any axes, spacing and place.
      order: spline order 0 to 3; None is 1, and 0 for labels and masks.
      fill: value outside the box of `image`; labels and masks take 0 when this is NaN.

    Returns:
      Image on the grid of `target` with the quantity of `image`.

    Raises:
      ValueError: an order other than 0 for labels and masks, NaN in a field.
    """
    order = _order(image, order)
    values = _samples(image)
    shape = np.shape(target.values)
    matrix = np.linalg.solve(affine_of(image), affine_of(target))
    result = ndimage.affine_transform(
        values,
        matrix[:3, :3],
        offset=cast(Any, matrix[:3, 3]),
        output_shape=shape,
        order=order,
        mode="nearest",
    )
    outside = np.zeros(shape, bool)
    for axis in range(3):
        i, j, k = (matrix[axis, m] * np.arange(shape[m]) for m in range(3))
        place = i[:, None, None] + j[None, :, None] + k[None, None, :] + matrix[axis, 3]
        # Half a voxel beyond the outer centres is still inside the outer voxel; the margin is rounding.
        outside |= (place < -0.5 - 1e-6) | (place > values.shape[axis] - 0.5 + 1e-6)
    if outside.any():
        discrete = image.quantity in _DISCRETE
        result[outside] = 0 if discrete and np.isnan(fill) else fill
    return replace(
        image,
        values=_typed(result, image),
        spacing=target.spacing,
        origin=target.origin,
        direction=target.direction,
    )


def _order(image: Image, order: int | None) -> int:
    discrete = image.quantity in _DISCRETE
    if order is None:
        return 0 if discrete else 1
    if discrete and order != 0:
        raise ValueError(f"`order` must be 0 for a {image.quantity} (labels cannot be mixed); got {order}.")
    if order not in (0, 1, 2, 3):
        raise ValueError(f"`order` must be 0, 1, 2 or 3; got {order}.")
    return order


def _samples(image: Image) -> np.ndarray:
    values = np.asarray(image.values)
    if image.quantity == "mask":
        return values.astype(np.uint8)
    if image.quantity == "label":
        return values
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise ValueError(f"`image` holds {bad} voxels that are not finite and would spread. Fill them first.")
    return values if values.dtype.kind == "f" else values.astype(float)


def _typed(result: np.ndarray, image: Image) -> np.ndarray:
    return result.astype(bool) if image.quantity == "mask" else result
