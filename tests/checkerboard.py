"""How much of a field alternates from voxel to voxel: the mark of an unstable remodeling law."""

import numpy as np


def alternating_share(field: np.ndarray, bone: np.ndarray) -> float:
    """Size of the part of a bone vector that alternates from voxel to voxel over that of its variation.

    Args:
      field: one value per voxel, in the order of np.argwhere(bone), shape (nb,).
      bone: voxels, boolean, shape (nx, ny, nz); only cubes of eight bone voxels are judged.
    """
    grid = np.full(bone.shape, np.nan)
    grid[bone] = field - field.mean()
    signs = (-1.0) ** np.indices((2, 2, 2)).sum(axis=0)
    nx, ny, nz = bone.shape
    cells = [
        signs[i, j, k] * grid[i : nx - 1 + i, j : ny - 1 + j, k : nz - 1 + k]
        for i in (0, 1)
        for j in (0, 1)
        for k in (0, 1)
    ]
    alternating = np.sum(cells, axis=0) / 8
    return float(np.sqrt(np.nanmean(alternating**2)) / field.std())
