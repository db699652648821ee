"""Quadrature on the reference shapes of elements and of their faces (host, float64).

Triangle and tetrahedron: the unit simplex with a corner at the origin. Quadrilateral and hexahedron:
[-1, 1] along each axis.
"""

from functools import cache

import numpy as np
from scipy.special import roots_jacobi

SHAPES = {"triangle": 2, "quadrilateral": 2, "tetrahedron": 3, "hexahedron": 3}
"""Reference shapes and their dimensions."""

_SIMPLICES = ("triangle", "tetrahedron")


@cache
def quadrature(shape: str, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """A rule that integrates every polynomial of a degree exactly.

    Args:
      shape: "triangle", "quadrilateral", "tetrahedron" or "hexahedron".
      degree: total degree on simplices, degree along each axis on the others; 0 or more.

    Returns:
      points: (q, dimension), inside the shape.
      weights: (q,), positive; their sum is the volume of the shape.

    Raises:
      ValueError: unknown shape or negative degree.

    Reference: the symmetric three- and four-point rules of degree 2, Hammer and Stroud 1956, Math. Tables
      Aids Comput. 10:137; conical products of Gauss-Jacobi rules for simplices, Stroud 1971, Approximate
      Calculation of Multiple Integrals, 2.4.
    """
    if shape not in SHAPES:
        raise ValueError(f"`shape` must be one of {', '.join(SHAPES)}; got {shape!r}.")
    if int(degree) != degree or degree < 0:
        raise ValueError(f"`degree` must be an integer of 0 or more; got {degree!r}.")
    dimension = SHAPES[shape]
    count = int(degree) // 2 + 1
    if shape in _SIMPLICES:
        points, weights = _simplex(dimension, int(degree), count)
    else:
        line, weight = np.polynomial.legendre.leggauss(count)
        points, weights = _tensor([line] * dimension, [weight] * dimension)
    points.flags.writeable = weights.flags.writeable = False
    return points, weights


def _simplex(dimension, degree, count):
    volume = 1.0 / (2.0 if dimension == 2 else 6.0)
    if degree <= 1:
        return np.full((1, dimension), 1.0 / (dimension + 1)), np.array([volume])
    if degree == 2:
        # one point near each corner, at barycentric coordinate 1 - n a
        inner = 1.0 / 6.0 if dimension == 2 else (5.0 - np.sqrt(5.0)) / 20.0
        points = np.full((dimension + 1, dimension), inner)
        points[np.arange(1, dimension + 1), np.arange(dimension)] = 1.0 - dimension * inner
        return points, np.full(dimension + 1, volume / (dimension + 1))
    lines, weights = [], []
    for axis in range(dimension):
        # collapsing the cube onto the simplex leaves a factor (1 - t)^k for the Jacobi weight
        power = dimension - 1 - axis
        line, weight = roots_jacobi(count, power, 0)
        lines.append(0.5 * (1.0 + line))
        weights.append(weight / 2.0 ** (power + 1))
    cube, weight = _tensor(lines, weights)
    points = np.empty_like(cube)
    rest = np.ones(len(cube))
    for axis in range(dimension):
        points[:, axis] = rest * cube[:, axis]
        rest = rest * (1.0 - cube[:, axis])
    return points, weight


def _tensor(lines, weights):
    points = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, len(lines))
    product = np.prod(np.stack(np.meshgrid(*weights, indexing="ij"), axis=-1), axis=-1)
    return points, product.ravel()
