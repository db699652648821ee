"""The trilinear cube: its corners, its strain matrices and its stiffness (host, float64).

Corner k = 4 i + 2 j + m sits at (i, j, m), i, j, m in {0, 1}; degree of freedom 3 k + axis.
Every matrix is for an edge of 1 mm: strain matrices scale with 1 / h, the stiffness with E h.
"""

from itertools import product

import numpy as np

from ._materials import Material, stiffness_matrix


def corner_offsets() -> np.ndarray:
    """Integer positions (8, 3) of the corners within their element."""
    return np.array(list(product((0, 1), repeat=3)), dtype=np.int64)


def centroid_strain_matrix() -> np.ndarray:
    """Strain at the centroid per nodal displacement, 1/mm, shape (6, 24), for an edge of 1 mm."""
    return _strain_matrix(np.full(3, 0.5))


def gauss_strain_matrices() -> np.ndarray:
    """Strain at the 2 x 2 x 2 Gauss points per nodal displacement, 1/mm, shape (8, 6, 24), edge 1 mm.

    Each point stands for an eighth of the volume; the points follow the order of the corners nearest to them.
    """
    inset = 0.5 / np.sqrt(3.0)
    points = 0.5 + inset * (2.0 * corner_offsets() - 1.0)
    return np.stack([_strain_matrix(point) for point in points])


def element_stiffness(material: Material) -> np.ndarray:
    """Stiffness (24, 24) in N/mm of a cube of edge 1 mm with an axial modulus of 1 MPa.

    The integrand is quadratic along each axis, so two Gauss points an axis are exact. Multiply by E h
    for edge h and modulus E.
    """
    strain = gauss_strain_matrices()
    stiffness = np.einsum("gia,ij,gjb->ab", strain, stiffness_matrix(material), strain) / 8.0
    return 0.5 * (stiffness + stiffness.T)


def _strain_matrix(point: np.ndarray) -> np.ndarray:
    """Strain-displacement matrix (6, 24) at a point (3,) of the unit cube; rows xx yy zz yz xz xy."""
    offsets = corner_offsets()
    factors = np.where(offsets == 1, point, 1.0 - point)
    signs = 2.0 * offsets - 1.0
    gradient = np.empty((8, 3))
    for axis in range(3):
        first, second = (other for other in range(3) if other != axis)
        gradient[:, axis] = signs[:, axis] * factors[:, first] * factors[:, second]
    matrix = np.zeros((6, 8, 3))
    for axis in range(3):
        matrix[axis, :, axis] = gradient[:, axis]
    for row, (first, second) in zip((3, 4, 5), ((1, 2), (0, 2), (0, 1)), strict=True):
        matrix[row, :, first] = gradient[:, second]
        matrix[row, :, second] = gradient[:, first]
    return matrix.reshape(6, 24)
