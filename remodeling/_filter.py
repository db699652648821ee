"""The Helmholtz filter that spreads the mechanical stimulus over neighbouring bone voxels."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

_OFFSETS = np.array([[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]])


def neighbour_table(mask: np.ndarray) -> np.ndarray:
    """Face neighbours of the voxels of a mask, in the order of `np.argwhere(mask)`, (nb, 6) int32.

    Where a neighbour is missing the voxel itself stands, which makes the flux through that face zero.

    Raises:
      ValueError: a mask that is not three-dimensional, or empty.
    """
    mask = np.asarray(mask, bool)
    if mask.ndim != 3 or not mask.any():
        raise ValueError(
            f"`mask` must be a 3-D array with bone in it, got shape {mask.shape}, {mask.sum()} voxels"
        )
    padded = np.full(np.array(mask.shape) + 2, -1, np.int64)
    where = np.argwhere(mask) + 1
    padded[tuple(where.T)] = np.arange(len(where))
    table = np.stack([padded[tuple((where + offset).T)] for offset in _OFFSETS], axis=1)
    own = np.arange(len(where))[:, None]
    return np.where(table < 0, own, table).astype(np.int32)


def filter_iterations(length_voxels: float, tolerance: float = 1e-11) -> int:
    """Chebyshev iterations that bring the filter's error below `tolerance`: ln(2/tol) / ln((sqrt k+1)/(sqrt
    k-1)).

    k = 1 + 12 (length / voxel)^2 bounds the condition number.
    """
    root = math.sqrt(1.0 + 12.0 * length_voxels**2)
    if root == 1.0:
        return 1
    return max(1, math.ceil(math.log(2.0 / tolerance) / math.log((root + 1.0) / (root - 1.0))))


def helmholtz_filter(
    values: jax.Array, neighbours: jax.Array, length_voxels: jax.Array, *, iterations: int
) -> jax.Array:
    """Solution of (1 - length^2 Laplacian) y = values with zero flux at the surface of the bone.

    Symmetric, positive definite, keeps the sum and the sign of the values. Solved by Chebyshev iteration in
    the known interval [1, 1 + 12 length^2]; the derivative is one more solve.

    Args:
      values: (nb,).
      neighbours: of `neighbour_table`, (nb, 6).
      length_voxels: filter length over voxel size, ().
      iterations: of `filter_iterations`, static.

    Reference: Lazarov and Sigmund 2011, Int. J. Numer. Meth. Eng. 86, 765 (Helmholtz filter).
    """
    strength = jnp.asarray(length_voxels, values.dtype) ** 2

    def operator(y):
        return y + strength * jnp.sum(y[:, None] - y[neighbours], axis=1)

    bound = lax.stop_gradient(12.0 * strength)

    def frozen(y):
        return y + bound / 12.0 * jnp.sum(y[:, None] - y[neighbours], axis=1)

    def chebyshev(_, right):
        # Saad 2003, Iterative Methods for Sparse Linear Systems, algorithm 12.1.
        theta = 1.0 + 0.5 * bound
        delta = jnp.maximum(0.5 * bound, 1e-6)
        sigma = theta / delta
        residual = right
        direction = residual / theta

        def step(_, carry):
            y, residual, direction, rho = carry
            y = y + direction
            residual = residual - frozen(direction)
            rho_new = 1.0 / (2.0 * sigma - rho)
            direction = rho_new * rho * direction + 2.0 * rho_new / delta * residual
            return y, residual, direction, rho_new

        start = (jnp.zeros_like(right), residual, direction, 1.0 / sigma)
        return lax.fori_loop(0, iterations, step, start)[0]

    return lax.custom_linear_solve(operator, values, chebyshev, symmetric=True)
