"""Rigid motions of a set of nodes, on the host."""

import numpy as np


def rigid_modes(points: np.ndarray) -> np.ndarray:
    """Rigid motions of nodes: three translations, three rotations about their centre, shape (nn, 3, 6).

    Rotations are scaled by the largest distance from the centre.
    """
    centred = points - points.mean(axis=0)
    x, y, z = (centred / max(np.abs(centred).max(), 1e-300)).T
    modes = np.zeros((len(points), 3, 6))
    modes[:, [0, 1, 2], [0, 1, 2]] = 1.0
    modes[:, 1, 3], modes[:, 2, 3] = -z, y
    modes[:, 2, 4], modes[:, 0, 4] = -x, z
    modes[:, 0, 5], modes[:, 1, 5] = -y, x
    return modes
