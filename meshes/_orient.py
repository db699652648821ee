"""Array axes along Right, Anterior, Superior, and back: permutations and flips, no interpolation."""

from dataclasses import replace

import numpy as np

from ._image import Image, affine_of, geometry_of, require_same_grid


def to_ras(image: Image) -> Image:
    """The same image with array axes nearest to Right, Anterior and Superior.

    Axes are permuted and flipped only: every value keeps its world position and nothing is interpolated. An
    oblique image stays oblique.

    Args:
      image: any image, shape (nx, ny, nz).

    Returns:
      Image whose direction matrix has its largest entries, all positive, on the diagonal.
    """
    order, flipped = _axes_to_ras(np.asarray(image.direction, float))
    values = np.transpose(np.asarray(image.values), order)
    affine = affine_of(image)
    count = np.shape(image.values)
    columns = affine[:3, list(order)]
    start = affine[:3, 3].copy()
    for axis, (source, flip) in enumerate(zip(order, flipped, strict=True)):
        if flip:
            values = np.flip(values, axis)
            start = start + columns[:, axis] * (count[source] - 1)
            columns[:, axis] *= -1.0
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = columns, start
    spacing, origin, direction = geometry_of(matrix)
    return replace(
        image, values=np.ascontiguousarray(values), spacing=spacing, origin=origin, direction=direction
    )


def onto_source(image: Image, source: Image) -> Image:
    """An image on the RAS grid of `source`, brought back to the axes of `source` without interpolation.

    Args:
      image: image on the grid of `to_ras(source)`; any quantity.
      source: image as it was read.

    Returns:
      `image` with the array axes, spacing, origin and direction of `source`, exactly.

    Raises:
      ValueError: `image` is not on the grid of `to_ras(source)`; use `resample_onto` then.
    """
    require_same_grid(image, to_ras(source), names=("image", "to_ras(source)"))
    order, flipped = _axes_to_ras(np.asarray(source.direction, float))
    values = np.asarray(image.values)
    for axis, flip in enumerate(flipped):
        if flip:
            values = np.flip(values, axis)
    values = np.transpose(values, np.argsort(order))
    return replace(
        image,
        values=np.ascontiguousarray(values),
        spacing=source.spacing,
        origin=source.origin,
        direction=source.direction,
    )


def _axes_to_ras(direction: np.ndarray) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Array axis nearest to each of R, A, S, and whether it runs the other way.

    The permutation with the largest sum of |cosines| is taken among all six: the largest entry per row can
    give one axis twice at 45 degrees.
    """
    strength = np.abs(direction)
    permutations = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    order = max(permutations, key=lambda p: sum(strength[world, p[world]] for world in range(3)))
    return order, tuple(bool(direction[world, order[world]] < 0) for world in range(3))
