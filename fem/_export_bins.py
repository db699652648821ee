"""Moduli sorted into classes, for formats that know materials and not a modulus per element (host)."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Binning:
    """Moduli of a body in classes of equal relative width."""

    modulus: np.ndarray
    """modulus of each class, the mean of its members, MPa, ascending, shape (classes,)"""
    index: np.ndarray
    """class of every element, int64, shape (ne,)"""
    width: float
    """largest over smallest modulus that a class may hold, -; 1 where every modulus has its own class"""
    largest_error: float
    """largest |class / element - 1| of the moduli, -"""
    rms_error: float
    """root mean square of class / element - 1, -"""


def bin_moduli(modulus: Any, bins: int) -> Binning:
    """Sort moduli into at most `bins` classes of equal width in the logarithm; empty ones are left out.

    The energy at prescribed displacements is the minimum over the free ones of a sum that is linear in the
    moduli, so moduli within a factor 1 +- d keep energy, stiffness and force by work within 1 +- d:
    `largest_error` bounds the error of the force. Within a class errors of both signs cancel, so the error
    met is much smaller.

    Args:
      modulus: positive moduli, MPa, shape (ne,).
      bins: largest number of classes. With no more distinct moduli than that, each is its own class and
        nothing is lost.

    Raises:
      ValueError: `bins` below 1, or `modulus` empty, not one-dimensional, or not positive.
    """
    values = np.asarray(modulus, np.float64)
    if bins < 1:
        raise ValueError(f"`bins` must be at least 1, got {bins}")
    if values.ndim != 1 or values.size == 0 or not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(f"`modulus` must be a vector of positive numbers, got shape {values.shape}")
    distinct, index = np.unique(values, return_inverse=True)
    if len(distinct) <= bins:
        return Binning(distinct, index, 1.0, 0.0, 0.0)
    ratio = distinct[-1] / distinct[0]
    place = np.floor(bins * np.log(values / distinct[0]) / np.log(ratio)).astype(np.int64)
    used, index = np.unique(np.clip(place, 0, bins - 1), return_inverse=True)
    mean = np.bincount(index, values) / np.bincount(index, minlength=len(used))
    error = mean[index] / values - 1.0
    return Binning(
        mean,
        index,
        float(ratio ** (1.0 / bins)),
        float(np.abs(error).max()),
        float(np.sqrt(np.mean(error**2))),
    )
