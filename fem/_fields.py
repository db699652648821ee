"""Strain, stress and strain energy density of the elements from a displacement."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import jax
import jax.numpy as jnp

from ._hex8 import centroid_strain_matrix, element_stiffness
from ._materials import stiffness_matrix

if TYPE_CHECKING:
    from ._plan import Plan

_SMALL = 1e-30
"Added under the root of the effective strain, so that the gradient of an unloaded element is finite."


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ElementFields:
    """Fields of the elements, in the order of the elements of the plan."""

    strain: jax.Array
    "strain at the centroid, order xx yy zz yz xz xy, engineering shear, -, shape (ne, 6)"
    stress: jax.Array
    "stress at the centroid in the same order, MPa, shape (ne, 6)"
    sed_mean: jax.Array
    "strain energy density, mean over the volume of the element, MPa, shape (ne,)"
    sed_centroid: jax.Array
    "strain energy density at the centroid, MPa, shape (ne,); never above the mean in the trilinear cube"
    effective_strain: jax.Array
    "sqrt(2 SED / E), -, shape (ne,)"
    clipped: jax.Array | None = None
    "whether rounding made an energy of the element negative, which is then 0, boolean, shape (ne,)"


def element_fields(
    displacement: jax.Array,
    modulus: jax.Array,
    plan: "Plan",
    *,
    effective: Literal["centroid", "mean"] = "centroid",
) -> ElementFields:
    """Fields of every element.

    Args:
      displacement: nodal displacement, mm, shape (nn, 3).
      modulus: axial modulus, MPa, shape (ne,).
      plan: plan of the same model; its connectivity, material and voxel size are used.
      effective: which strain energy density the effective strain is made of; thresholds of Pistoia 2002 were
        tuned with one value per element, at the centroid.

    Returns:
      fields; dtype follows `displacement`.

    Raises:
      ValueError: unknown `effective`.

    Reference: Pistoia et al. 2002, Bone 30:842 (effective strain).
    """
    if effective not in ("centroid", "mean"):
        raise ValueError(f'`effective` must be "centroid" or "mean", got {effective!r}')
    dtype = displacement.dtype
    size = jnp.asarray(plan.voxel_mm, dtype)
    corner = displacement[plan.connectivity].reshape(-1, 24)
    strain = corner @ jnp.asarray(centroid_strain_matrix().T, dtype) / size
    stress = modulus[:, None] * (strain @ jnp.asarray(stiffness_matrix(plan.material), dtype))
    sed_centroid = 0.5 * jnp.sum(stress * strain, axis=1)
    # u^T K u E h / (2 h^3): the unit stiffness is for an edge of 1 mm
    energy = jnp.sum(corner * (corner @ jnp.asarray(element_stiffness(plan.material), dtype)), axis=1)
    sed_mean = 0.5 * modulus * energy / size**2
    return fields_of(strain, stress, sed_mean, sed_centroid, modulus, effective)


def fields_of(
    strain: jax.Array,
    stress: jax.Array,
    sed_mean: jax.Array,
    sed_centroid: jax.Array,
    modulus: jax.Array,
    effective: Literal["centroid", "mean"],
) -> ElementFields:
    """Fields with both energies at 0 or above: a sum of products cancels to less in an element at rest."""
    clipped = (sed_mean < 0) | (sed_centroid < 0)
    sed_mean, sed_centroid = jnp.maximum(sed_mean, 0), jnp.maximum(sed_centroid, 0)
    chosen = sed_centroid if effective == "centroid" else sed_mean
    return ElementFields(strain, stress, sed_mean, sed_centroid, effective_strain(chosen, modulus), clipped)


def effective_strain(sed: jax.Array, modulus: jax.Array) -> jax.Array:
    """Effective strain sqrt(2 SED / E), -; `sed` in MPa and `modulus` in MPa of the same shape.

    An energy that rounding made negative counts as 0; the root would be NaN.
    """
    return jnp.sqrt(2.0 * jnp.maximum(sed, 0) / modulus + _SMALL)
