"""A vertebra as a few voxels: classes of density with their share of the body, and its posterior elements.

Every voxel of a simulation with the 0-D mechanics answers for itself, so a vertebra is the distribution of
its densities. Classes between quantiles keep the mean density of each compartment exactly; the change of
density, a curved function of it, is that of the class mean.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import meshes

from ._compartments import CORTICAL, TRABECULAR
from ._spine_dxa import POSTERIOR_DENSITY

POSTERIOR = 3
"""Code of the voxel that stands for the posterior elements, which are outside the body."""
TRABECULAR_CLASSES, CORTICAL_CLASSES = 3, 3
"""Classes of the two compartments; docs/calibration.md has the error of this and other numbers."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FastVertebra:
    """Classes of bone that stand for a vertebra, the last one for its posterior elements."""

    density: jax.Array
    "mineral per tissue volume, g/cm3 hydroxyapatite, (classes,)"
    weight: jax.Array
    "share of the volume of the vertebral body, sum 1; 0 of the posterior elements, (classes,)"
    compartments: jax.Array
    "TRABECULAR, CORTICAL or POSTERIOR, integer, (classes,)"


def make_fast_vertebra(
    density: Any,
    compartments: Any,
    *,
    trabecular_classes: int = TRABECULAR_CLASSES,
    cortical_classes: int = CORTICAL_CLASSES,
    dtype: Any = None,
) -> FastVertebra:
    """Classes of a density map between quantiles of each compartment, as many voxels in each as can be.

    Args:
      density: density of every voxel of the body, g/cm3 hydroxyapatite, (nb,).
      compartments: TRABECULAR or CORTICAL of every voxel, others are left out, (nb,).
      trabecular_classes: classes of trabecular bone.
      cortical_classes: classes of cortical bone.
      dtype: floating type; jax's default unless given.

    Raises:
      ValueError: shapes that differ, a density that is negative or not finite, a number of classes below 1
        or above the voxels of the compartment.
    """
    values, codes = np.asarray(density, float), np.asarray(compartments)
    if values.ndim != 1 or codes.shape != values.shape:
        raise ValueError(
            f"`density` and `compartments` must be vectors of one length, got shapes {values.shape} and "
            f"{codes.shape}"
        )
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(
            f"`density` must be finite and not negative, got {int(bad.sum())} other values, first "
            f"{values[first]} at voxel {first}"
        )
    body = np.isin(codes, (TRABECULAR, CORTICAL)).sum()
    means, weights, kinds = [], [], []
    for name, code, count in (
        ("trabecular_classes", TRABECULAR, trabecular_classes),
        ("cortical_classes", CORTICAL, cortical_classes),
    ):
        inside = np.sort(values[codes == code])
        if not 1 <= count <= inside.size:
            raise ValueError(
                f"`{name}` must be between 1 and the {inside.size} voxels of code {code} in `compartments`, "
                f"got {count}"
            )
        parts = np.array_split(inside, count)
        means += [part.mean() for part in parts]
        weights += [part.size / body for part in parts]
        kinds += [code] * count
    return FastVertebra(
        density=jnp.asarray([*means, POSTERIOR_DENSITY], dtype or float),
        weight=jnp.asarray([*weights, 0.0], dtype or float),
        compartments=jnp.asarray([*kinds, POSTERIOR], jnp.int32),
    )


def compact_classes(vertebra: FastVertebra) -> jax.Array:
    """1 of compact bone (shell, endplates, posterior elements), 0 of trabecular, (classes,)."""
    return (vertebra.compartments != TRABECULAR).astype(vertebra.density.dtype)


def make_builtin_vertebra(
    *,
    voxel_mm: float = 1.5,
    seed: int = 0,
    trabecular_classes: int = TRABECULAR_CLASSES,
    cortical_classes: int = CORTICAL_CLASSES,
    dtype: Any = None,
) -> FastVertebra:
    """`make_fast_vertebra` of the built-in L3: true density of the body of `meshes.make_vertebra`."""
    made = meshes.make_vertebra(voxel_mm, seed=seed)
    labels = np.asarray(made.labels.values)
    body = np.isin(labels, (TRABECULAR, CORTICAL))
    return make_fast_vertebra(
        np.asarray(made.density.values)[body],
        labels[body],
        trabecular_classes=trabecular_classes,
        cortical_classes=cortical_classes,
        dtype=dtype,
    )
