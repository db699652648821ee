"""Euler number and connectivity of a voxel body as a union of closed cubes."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage


def euler_number(mask: ArrayLike, *, window: bool = False) -> float:
    """Euler number of the union of the closed cubes: corners - edges + faces - cubes.

    It is parts - tunnels + cavities where cubes that share a corner hang together (26 neighbours).

    Args:
      mask: boolean, shape (nx, ny, nz).
      window: take the image for a window onto a body that goes on beyond it. The window ends in the middle of
        the outermost voxels, and what lies in its border counts half for each border plane it lies in: the
        numbers of windows that share one layer of voxels add up to that of their union.

    Reference: Odgaard, Gundersen 1993, Bone 14:173 (correction for the border).
    """
    body = np.asarray(mask, bool)
    weights = []
    for axis in range(3):
        cells = np.moveaxis(body, axis, 0)
        lattice = np.zeros((2 * len(cells) + 1, *cells.shape[1:]), bool)
        lattice[1::2] = cells
        lattice[:-1:2] = cells
        lattice[2::2] |= cells
        # the dimension of a cell is its number of odd coordinates
        weight = np.where(np.arange(len(lattice)) % 2, -1.0, 1.0)
        if window:
            lattice, weight = lattice[1:-1], weight[1:-1]
            weight[0] /= 2
            weight[-1] /= 2
        body = np.moveaxis(lattice, 0, axis)
        weights.append(weight)
    x, y, z = weights
    return float(sum(factor * (y @ (layer @ z)) for factor, layer in zip(x, body, strict=True)))


def connectivity_density(mask: ArrayLike, voxel_mm: float) -> float:
    """Struts per volume that can be cut before the bone falls apart, (1 - Euler number) / TV, 1/mm3.

    Of the largest part (26 neighbours) with its cavities filled, corrected for the border: bone that leaves
    the image counts as going on. TV is the volume between the centres of the outermost voxels.

    Args:
      mask: bone, boolean, shape (nx, ny, nz), at least two voxels along each axis.
      voxel_mm: edge of a voxel, mm.

    Raises:
      ValueError: no voxel is set, or an image of one layer.

    Reference: Odgaard, Gundersen 1993, Bone 14:173.
    """
    solid = np.asarray(mask, bool)
    if solid.ndim != 3 or min(solid.shape) < 2 or not solid.any():
        raise ValueError(
            f"`mask` needs bone and at least two voxels along three axes; got shape {solid.shape} with "
            f"{int(solid.sum())} voxels set"
        )
    label = np.zeros(solid.shape, np.int32)
    ndimage.label(solid, structure=np.ones((3, 3, 3)), output=label)
    largest = label == 1 + np.argmax(np.bincount(label.ravel())[1:])
    number = euler_number(np.asarray(ndimage.binary_fill_holes(largest)), window=True)
    return (1.0 - number) / float(np.prod((np.array(solid.shape) - 1) * voxel_mm))
