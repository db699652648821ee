"""Smooth random fields that are functions of position, so that every voxel size sees the same bone."""

from typing import Any

import numpy as np

_MODES = 160


def random_field(
    axes: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    seed: int,
    stream: int,
    wavelengths_mm: tuple[float, float],
    voxel_mm: float = 0.0,
) -> np.ndarray:
    """Gaussian-like field of zero mean and unit variance on a rectangular grid, band-limited in space.

    A sum of 160 plane waves of random direction, phase and wavelength (Shinozuka and Deodatis 1991, Appl Mech
    Rev 44:191: the spectral representation). The field depends on position, `seed` and `stream` only, not on
    the grid.

    Args:
      axes: coordinates of the voxel centres along x, y and z, mm.
      seed: chooses the specimen.
      stream: chooses one of several independent fields of a specimen.
      wavelengths_mm: shortest and longest wavelength, mm; wave numbers are uniform in between.
      voxel_mm: average over cubes of this edge (exactly: a sinc per axis) instead of sampling.

    Returns:
      Field, float64, shape (len(x), len(y), len(z)).
    """
    rng = np.random.default_rng([seed, stream])
    directions = rng.normal(size=(_MODES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    short, long = wavelengths_mm
    # Stratified wave numbers: every seed gets the whole band.
    strata = (np.arange(_MODES) + rng.random(_MODES)) / _MODES
    wave_number = 2 * np.pi * (1 / long + (1 / short - 1 / long) * strata)
    waves = directions * wave_number[:, None]
    amplitude = np.sqrt(2 / _MODES) * np.exp(1j * rng.uniform(0, 2 * np.pi, _MODES))
    amplitude = amplitude * np.prod(np.sinc(waves * voxel_mm / (2 * np.pi)), axis=1)
    phases: Any = [np.exp(1j * np.outer(axis, waves[:, i])) for i, axis in enumerate(axes)]
    x, y, z = phases
    plane: Any = (x[:, None, :] * y[None, :, :] * amplitude).reshape(-1, _MODES)
    # Re(plane @ z^T) as two real products: half the work of the complex one.
    field = plane.real @ z.real.T - plane.imag @ z.imag.T
    return field.reshape(len(axes[0]), len(axes[1]), len(axes[2]))
