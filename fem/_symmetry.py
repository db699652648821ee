"""Orthotropic symmetry axes of a measured stiffness."""

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from ._tensors import _SCALE, MANDEL_BASIS, mandel_rotation

_OFF = np.ones((6, 6), bool)
_OFF[:3, :3] = False
_OFF[[3, 4, 5], [3, 4, 5]] = False


class OrthotropicFit(NamedTuple):
    """Best orthotropic approximation of a stiffness."""

    axes: np.ndarray
    "symmetry axes as rows, right-handed, the stiffest (C33) last, shape (3, 3)"
    stiffness: np.ndarray
    "orthotropic stiffness along these axes, Voigt form, MPa, shape (6, 6)"
    off_orthotropic: float
    "share of the tensor norm that is left out, -"


def orthotropic_axes(stiffness: Any) -> OrthotropicFit:
    """Axes along which a stiffness is closest to orthotropic, and what it is there.

    Of an orthotropic tensor the eigenvectors of the dilatational tensor C_ijkk and of the Voigt tensor C_ikjk
    are the symmetry axes. Of a measured one the eigenvectors of both and of their sum, and the coordinate
    axes, are the starts of a minimisation of the norm of the twelve components that orthotropy forbids, over
    rotations. In that frame the best orthotropic tensor is what is left when they are dropped.

    Args:
      stiffness: Voigt form, symmetric, MPa, shape (6, 6).

    Raises:
      ValueError: another shape, or entries that are not finite.

    Reference: Cowin and Mehrabadi 1987, Q. J. Mech. Appl. Math. 40, 451; the optimisation as in Van
      Rietbergen, Odgaard, Kabel, Huiskes 1996, J. Biomech. 29, 1653.
    """
    stiffness = np.asarray(stiffness, dtype=np.float64)
    if stiffness.shape != (6, 6) or not np.isfinite(stiffness).all():
        raise ValueError(f"`stiffness` must be a finite (6, 6) matrix, got shape {stiffness.shape}")
    mandel = stiffness * np.outer(_SCALE, _SCALE)
    mandel = (mandel + mandel.T) / 2
    norm = np.linalg.norm(mandel)

    def off(vector, start):
        turn = mandel_rotation(Rotation.from_rotvec(vector).as_matrix() @ start, np)
        return float(np.sum((turn @ mandel @ turn.T)[_OFF] ** 2)) / norm**2

    tensor = np.einsum("IJ,Iij,Jkl->ijkl", mandel, MANDEL_BASIS, MANDEL_BASIS)
    dilatational, voigt = np.einsum("ijkk->ij", tensor), np.einsum("ikjk->ij", tensor)
    starts = [np.eye(3)]
    starts += [np.linalg.eigh(both)[1].T for both in (dilatational, voigt, dilatational + voigt)]
    found = []
    for start in starts:
        result = minimize(off, np.zeros(3), args=(start,), method="BFGS", options={"gtol": 1e-14})
        found.append((off(result.x, start), Rotation.from_rotvec(result.x).as_matrix() @ start))
    # the first of equals, so that a tensor with more symmetry keeps axes near the coordinate axes
    best = min(range(len(found)), key=lambda i: round(found[i][0], 12))
    share, axes = found[best]
    turned = mandel_rotation(axes, np) @ mandel @ mandel_rotation(axes, np).T
    order = np.argsort(np.round(np.diagonal(turned)[:3] / norm, 9), kind="stable")
    axes = _right_handed(axes[order])
    turned = mandel_rotation(axes, np) @ mandel @ mandel_rotation(axes, np).T
    kept = np.where(_OFF, 0.0, turned) / np.outer(_SCALE, _SCALE)
    return OrthotropicFit(axes, kept, float(np.sqrt(share)))


def _right_handed(axes):
    """The same axes, the largest component of each positive, the first turned round for handedness."""
    axes = axes * np.sign(axes[np.arange(3), np.abs(axes).argmax(axis=1)])[:, None]
    if np.linalg.det(axes) < 0:
        axes = axes * np.array([-1.0, 1.0, 1.0])[:, None]
    return axes
