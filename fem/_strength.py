"""Strength estimates from one linear solve; none of them is a clinical measurement."""

from typing import Literal

import jax
import jax.numpy as jnp

from ._fields import ElementFields, effective_strain

PISTOIA_VOLUME_SHARE = 0.02
"Share of the bone volume that may exceed the critical strain, - (Pistoia 2002)."
PISTOIA_CRITICAL_STRAIN = 0.007
"Critical effective strain, - (Pistoia 2002)."
CRAWFORD_STRAIN = 0.0068
"""Apparent strain at which a vertebra fails, -.

Strength = 0.0068 x stiffness x height is quoted in the later literature as the regression of Crawford 2003;
the number could not be checked against the original here: take it as assumed."""


def strength_pistoia(
    fields: ElementFields | jax.Array,
    modulus: jax.Array,
    reaction_n: jax.Array | float,
    *,
    volume_share: float = PISTOIA_VOLUME_SHARE,
    critical_strain: float = PISTOIA_CRITICAL_STRAIN,
    bone: jax.Array | None = None,
    energy: Literal["centroid", "mean"] = "centroid",
) -> jax.Array:
    """Load at which a share of the bone volume exceeds a critical effective strain, by linear scaling.

    Args:
      fields: fields of the solve, or strain energy densities, MPa, shape (ne,).
      modulus: axial modulus, MPa, shape (ne,).
      reaction_n: force of the loaded face in that solve, N; its sign does not matter.
      volume_share: share of the bone volume, between 0 and 1.
      critical_strain: critical effective strain, -.
      bone: integer positions of the elements that are bone, shape (nb,); None for all. Caps must be left out.
      energy: which strain energy density of the fields: that at the centroid of an element, with which the
        published thresholds were tuned, or its mean over the element, which is 9 to 15 % larger in thin
        struts and gives the lower strength. Without effect on densities that are given as an array.

    Returns:
      strength, N, scalar; differentiable except where two elements tie at the quantile.

    Raises:
      ValueError: unknown `energy`.

    Limits: the criterion was tuned at the distal radius with a homogeneous tissue modulus at a voxel of 0.165
      mm; at CT resolution it ranks, it does not predict.

    Reference: Pistoia et al. 2002, Bone 30:842.
    """
    if energy not in ("centroid", "mean"):
        raise ValueError(f'`energy` must be "centroid" or "mean", got {energy!r}')
    if isinstance(fields, ElementFields):
        sed = fields.sed_centroid if energy == "centroid" else fields.sed_mean
    else:
        sed = fields
    if bone is not None:
        sed, modulus = sed[bone], modulus[bone]
    strain = jnp.quantile(effective_strain(sed, modulus), 1.0 - volume_share)
    return jnp.abs(reaction_n) * critical_strain / strain


def strength_crawford(
    stiffness_n_per_mm: jax.Array | float,
    height_mm: jax.Array | float,
    *,
    failure_strain: float = CRAWFORD_STRAIN,
) -> jax.Array:
    """Strength in N of a vertebral body from its axial stiffness: failure strain x stiffness x height.

    Args:
      stiffness_n_per_mm: axial stiffness, N/mm.
      height_mm: height of the body, mm.
      failure_strain: see CRAWFORD_STRAIN (assumed).

    Reference: Crawford, Cann, Keaveny 2003, Bone 33:744.

    >>> round(float(strength_crawford(11000.0, 26.0)), 1)
    1944.8
    """
    return jnp.asarray(failure_strain * stiffness_n_per_mm * height_mm)


def minimum_axial_rigidity(modulus: jax.Array, layer: jax.Array, layers: int, voxel_mm: float) -> jax.Array:
    """Smallest axial rigidity E A of the layers across the load, N: the cheap baseline for a strength.

    Args:
      modulus: axial modulus, MPa, shape (ne,).
      layer: index of the layer along z of each element, shape (ne,), such as elements[:, 2] of a plan.
      layers: number of layers; every one must hold bone, or the answer is zero. Leave caps out of both.
      voxel_mm: edge of a voxel, mm.

    Reference: Buckley, Loo, Motherway 2007, Bone 40:767 ((EA)min against measured strength, R2 0.81).
    """
    rigidity = jax.ops.segment_sum(modulus, layer, num_segments=layers) * voxel_mm**2
    return jnp.min(rigidity)
