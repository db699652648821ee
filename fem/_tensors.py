"""Fourth-order stiffness as a 6 x 6 matrix: Voigt and Mandel forms, rotation, engineering constants.

Voigt: strain xx yy zz yz xz xy with engineering shear, stress = matrix @ strain. Mandel: shear components of
stress and strain times sqrt 2, so that the matrix is a tensor in an orthonormal basis: norms, eigenvalues and
rotations are those of the tensor (Mehrabadi and Cowin 1990, Q. J. Mech. Appl. Math. 43, 15).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Axes of the six components xx yy zz yz xz xy."""

_SCALE = np.array([1.0, 1.0, 1.0, np.sqrt(2.0), np.sqrt(2.0), np.sqrt(2.0)])


def _basis() -> np.ndarray:
    basis = np.zeros((6, 3, 3))
    for row, (i, j) in enumerate(PAIRS):
        basis[row, i, j] = basis[row, j, i] = 1.0 if i == j else np.sqrt(0.5)
    return basis


MANDEL_BASIS = _basis()
"""Orthonormal symmetric tensors of the Mandel components, shape (6, 3, 3)."""


class EngineeringConstants(NamedTuple):
    """Elastic constants along the axes 1, 2, 3 of a stiffness."""

    young_mpa: jax.Array
    "E1, E2, E3, MPa, shape (..., 3)"
    shear_mpa: jax.Array
    "G23, G13, G12, MPa, shape (..., 3)"
    poisson: jax.Array
    "nu[i, j]: contraction along j per stretch along i under a stress along i, diagonal 0, (..., 3, 3)"


def to_mandel(stiffness: ArrayLike) -> jax.Array:
    """Mandel form of a Voigt stiffness, MPa, shape (..., 6, 6)."""
    scale = jnp.asarray(np.outer(_SCALE, _SCALE), jnp.result_type(stiffness))
    return jnp.asarray(stiffness) * scale


def from_mandel(stiffness: ArrayLike) -> jax.Array:
    """Voigt form of a Mandel stiffness, MPa, shape (..., 6, 6)."""
    scale = jnp.asarray(np.outer(_SCALE, _SCALE), jnp.result_type(stiffness))
    return jnp.asarray(stiffness) / scale


def mandel_rotation(axes, xp=jnp):
    """Orthogonal (6, 6) matrix that takes Mandel components to other axes; `axes` are their rows, (3, 3)."""
    basis = xp.asarray(MANDEL_BASIS, axes.dtype)
    return xp.einsum("Iij,ik,jl,Jkl->IJ", basis, axes, axes, basis)


def rotate_stiffness(stiffness: ArrayLike, axes: ArrayLike) -> jax.Array:
    """Voigt stiffness seen along other axes.

    Args:
      stiffness: Voigt form, MPa, shape (6, 6).
      axes: the new axes in the old ones as rows, orthonormal, shape (3, 3).

    Returns:
      Voigt form along the new axes, MPa, shape (6, 6).
    """
    stiffness = jnp.asarray(stiffness)
    turn = mandel_rotation(jnp.asarray(axes, stiffness.dtype))
    return from_mandel(turn @ to_mandel(stiffness) @ turn.T)


def engineering_constants(stiffness: ArrayLike) -> EngineeringConstants:
    """Constants along the coordinate axes from the compliance, whatever the symmetry.

    Args:
      stiffness: Voigt form, positive definite, MPa, shape (..., 6, 6).
    """
    compliance = jnp.linalg.inv(stiffness)
    normal = compliance[..., :3, :3]
    young = 1.0 / jnp.diagonal(normal, axis1=-2, axis2=-1)
    shear = 1.0 / jnp.diagonal(compliance, axis1=-2, axis2=-1)[..., 3:]
    poisson = -jnp.swapaxes(normal, -1, -2) * young[..., None]
    return EngineeringConstants(young, shear, poisson * (1 - jnp.eye(3, dtype=poisson.dtype)))
