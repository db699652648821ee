"""Fabric of a bone mask by mean intercept length: how its struts and plates are oriented."""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import ndimage

# voxels at a time: the products of all directions with so many stay in cache
_CHUNK = 4096


class Fabric(NamedTuple):
    """Fabric tensor of a mask."""

    tensor: np.ndarray
    "fabric tensor, trace 3, shape (3, 3)"
    eigenvalues: np.ndarray
    "m1 <= m2 <= m3, sum 3, -; the mean intercept lengths along the axes over their mean, shape (3,)"
    axes: np.ndarray
    "unit eigenvectors as rows in the order of the eigenvalues, right-handed, shape (3, 3)"
    degree_of_anisotropy: float
    "m3 / m1, -; 1 for an isotropic structure"
    mean_intercept_length_mm: np.ndarray
    "mean intercept lengths along the axes (length of line per intercept with bone), mm, shape (3,)"


def mil_fabric(
    mask: np.ndarray, voxel_mm: float, *, smoothing_voxels: float = 1.0, directions: int = 400
) -> Fabric:
    """Fabric tensor of a mask from its mean intercept length in many directions.

    The mean intercept length along n is the length of test lines over the number of intercepts with bone,
    half the number of surfaces that they cross. All lines at once: the crossings per
    length are the integral of |n . grad f| over the volume, f the mask smoothed by a Gaussian (coarea
    formula, the mean over all levels of f), which frees the count of the staircase of voxels. An ellipsoid is
    fitted to the lengths, 1 / MIL(n)^2 = n . M n, and the fabric is M^(-1/2) at trace 3.

    Args:
      mask: bone, boolean, shape (nx, ny, nz).
      voxel_mm: edge of a voxel, mm.
      smoothing_voxels: standard deviation of the Gaussian, voxels, 0.5 or more. Less keeps the staircase,
        which looks more isotropic than it is; more blurs thin struts, so that lengths in mm come out too long
        where struts are thinner than about three of these. On real bone of struts of 4 voxels (LHDL 3155 at
        39 um) m3 / m1 is 1.32, 1.42 and 1.49 at 0.5, 1 and 2 voxels: compare specimens at one setting.
      directions: number of directions on the half sphere.

    Raises:
      ValueError: not a 3-D mask with bone and marrow, or an argument out of range.

    Reference: Harrigan and Mann 1984, J. Mater. Sci. 19, 761 (ellipsoid); Cowin 1985, Mech. Mater. 4, 137
      (fabric M^(-1/2)); Odgaard 1997, Bone 20, 315.
    """
    mask = np.asarray(mask, dtype=bool)
    if mask.ndim != 3 or min(mask.shape) < 4:
        raise ValueError(f"`mask` must have three axes of 4 voxels or more, got shape {mask.shape}")
    if mask.all() or not mask.any():
        raise ValueError(
            f"`mask` must hold bone and marrow, got {'bone' if mask.all() else 'marrow'} only; "
            "without a surface there is no fabric"
        )
    if not (np.isfinite(voxel_mm) and voxel_mm > 0):
        raise ValueError(f"`voxel_mm` must be a positive number of mm, got {voxel_mm!r}")
    if not 0.5 <= smoothing_voxels <= 10:
        raise ValueError(f"`smoothing_voxels` must be 0.5 to 10, got {smoothing_voxels}")
    if directions < 20:
        raise ValueError(f"`directions` must be 20 or more, got {directions}")
    sharp = mask.astype(np.float32)
    slope = partial(ndimage.gaussian_filter1d, sigma=smoothing_voxels, mode="nearest")
    parts = []
    for axis in range(3):
        part = sharp
        for other in range(3):
            part = slope(part, axis=other, order=int(other == axis))
        parts.append(part.ravel())
    gradient = np.stack(parts)
    gradient = gradient[:, (gradient != 0).any(axis=0)] / voxel_mm
    lines = _half_sphere(directions)
    crossings = np.zeros(directions)
    for start in range(0, gradient.shape[1], _CHUNK):
        crossings += np.abs(lines @ gradient[:, start : start + _CHUNK]).sum(axis=1, dtype=np.float64)
    crossings /= mask.size
    inverse_square = (crossings / 2) ** 2
    x, y, z = lines.T.astype(np.float64)
    columns = np.stack([x * x, y * y, z * z, 2 * y * z, 2 * x * z, 2 * x * y], axis=1)
    # relative errors count: the lengths of a strongly oriented structure differ by much
    weight = 1 / inverse_square
    xx, yy, zz, yz, xz, xy = np.linalg.lstsq(columns * weight[:, None], inverse_square * weight, rcond=None)[
        0
    ]
    squares, vectors = np.linalg.eigh(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    if squares[0] <= 0:
        raise ValueError(
            "`mask` has no surface that crosses some direction, so its mean intercept length there is "
            "infinite; the specimen is a stack of plates or rods without an end"
        )
    lengths, axes = (1 / np.sqrt(squares))[::-1], vectors.T[::-1]
    if np.linalg.det(axes) < 0:
        axes = axes * np.array([-1.0, 1.0, 1.0])[:, None]
    values = 3 * lengths / lengths.sum()
    tensor = axes.T @ (values[:, None] * axes)
    return Fabric(tensor, values, axes, float(values[2] / values[0]), lengths)


def _half_sphere(count: int) -> np.ndarray:
    """Directions spread evenly by the golden angle, float32, shape (count, 3)."""
    height = (np.arange(count) + 0.5) / count
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), height], axis=1).astype(np.float32)
