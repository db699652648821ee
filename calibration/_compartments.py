"""Volumetric mineral density and mineral mass, as quantitative CT reports them."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from ._voxel import voxel_edges

TRABECULAR = 1
"""Code of the trabecular compartment in a vector of compartments."""

CORTICAL = 2
"""Code of the cortical compartment (shell and endplates). Others lie outside the vertebral body."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CompartmentDensity:
    """Volume means of mineral density, mg/cm3."""

    trabecular: jax.Array
    """mean over the trabecular voxels, mg/cm3, shape (...)"""
    cortical: jax.Array
    """mean over the cortical voxels, mg/cm3, shape (...)"""
    integral: jax.Array
    """mean over both compartments, mg/cm3, shape (...)"""


def compartment_density(
    density: jax.Array,
    compartments: jax.Array,
    *,
    trabecular: int = TRABECULAR,
    cortical: int = CORTICAL,
) -> CompartmentDensity:
    """Volumetric bone mineral density (vBMD) of the compartments of a vertebral body.

    The volume mean of the mineral density, marrow and vessels included: the quantity of quantitative CT.
    All voxels are of one size, so the mean needs no volumes. A scanner's blur is not
    modelled, and marrow fat is `single_energy_density`'s.

    Args:
      density: mineral mass per voxel volume, g/cm3, shape (..., nb); leading axes are times or persons.
      compartments: compartment code of each voxel, integer, shape (nb,).
      trabecular: code of the trabecular voxels.
      cortical: code of the cortical voxels; voxels of any third code are left out of all three means.

    Returns:
      means in mg/cm3, shape (...); NaN where a compartment has no voxel, with a zero gradient.

    >>> import jax.numpy as jnp
    >>> found = compartment_density(jnp.array([0.1, 0.2, 0.6]), jnp.array([TRABECULAR, TRABECULAR, CORTICAL]))
    >>> round(float(found.trabecular)), round(float(found.cortical)), round(float(found.integral))
    (150, 600, 300)
    """
    in_trabecular = compartments == trabecular
    in_cortical = compartments == cortical
    return CompartmentDensity(
        trabecular=_mean_mg_cm3(density, in_trabecular),
        cortical=_mean_mg_cm3(density, in_cortical),
        integral=_mean_mg_cm3(density, in_trabecular | in_cortical),
    )


def bone_mineral_content(
    density: jax.Array, voxel_mm: jax.Array | float, *, include: jax.Array | None = None
) -> jax.Array:
    """Bone mineral content (BMC): the mineral mass of the voxels, mg.

    Args:
      density: mineral mass per voxel volume, g/cm3 (= mg/mm3), shape (..., nb).
      voxel_mm: voxel edge, mm, scalar or shape (3,).
      include: share of each voxel that counts, 0 to 1 or bool, shape (nb,); all of them when None.

    Returns:
      mineral mass in mg, shape (...).
    """
    counted = density if include is None else density * include.astype(density.dtype)
    return jnp.sum(counted, axis=-1) * jnp.prod(voxel_edges(voxel_mm, density.dtype))


def _mean_mg_cm3(density: jax.Array, inside: jax.Array) -> jax.Array:
    """Mean over the voxels of a mask, converted from g/cm3 to mg/cm3."""
    count = jnp.sum(inside)
    # The division is safe on both sides of `where`: a NaN there would leak into the gradient.
    mean = jnp.sum(jnp.where(inside, density, 0), axis=-1) / jnp.maximum(count, 1).astype(density.dtype)
    return jnp.where(count > 0, 1000 * mean, jnp.nan)
