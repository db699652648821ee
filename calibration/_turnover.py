"""Turnover indices: what serum CTX and P1NP follow, in percent of baseline."""

import jax
import jax.numpy as jnp

from ._compartments import CORTICAL, TRABECULAR

SKELETAL_WEIGHTS = (0.2, 0.8)
"""Trabecular and cortical share of the skeleton's bone: the customary one fifth and four fifths (assumed)."""


def turnover_index(flux: jax.Array, baseline_flux: jax.Array) -> jax.Array:
    """Total flux of the simulated bone in percent of its baseline.

    Resorbed volume per day gives the CTX-like index, formed volume per day the P1NP-like one: serum markers
    are taken as proportional to the whole flux, without clearance, circadian rhythm or assay error.

    Args:
      flux: resorption or formation, bone volume per tissue volume per day, shape (..., nb).
      baseline_flux: the same before treatment, shape (nb,), with a positive sum.

    Returns:
      percent of baseline (100 is unchanged), shape (...); NaN where the baseline does not turn over.
    """
    total = jnp.sum(baseline_flux, axis=-1)
    safe = jnp.where(total > 0, total, 1)
    return jnp.where(total > 0, 100 * jnp.sum(flux, axis=-1) / safe, jnp.nan)


def skeletal_turnover_index(
    flux: jax.Array,
    bone_fraction: jax.Array,
    baseline_flux: jax.Array,
    baseline_bone_fraction: jax.Array,
    compartments: jax.Array,
    *,
    weights: tuple[float, float] = SKELETAL_WEIGHTS,
) -> jax.Array:
    """Turnover of a whole skeleton made of this bone's two compartments, percent of baseline.

    A serum marker comes from the whole skeleton, of which four fifths are cortical, not from one vertebra.
    The specific turnover of each compartment, sum(flux) / sum(bone fraction), is weighted by the share of
    the compartment in the skeleton. That both compartments turn over as the vertebra's do is assumed.

    Args:
      flux: resorption or formation, bone volume per tissue volume per day, shape (..., nb).
      bone_fraction: bone volume per tissue volume, shape (..., nb).
      baseline_flux: `flux` before treatment, shape (nb,).
      baseline_bone_fraction: `bone_fraction` before treatment, shape (nb,).
      compartments: TRABECULAR or CORTICAL for each voxel, others are left out, integer, shape (nb,); both
        compartments must be present.
      weights: share of trabecular and of cortical bone in the skeleton.

    Returns:
      percent of baseline, shape (...).
    """

    def specific(flux, fraction):
        """Bone volume turned over per bone volume and day, weighted over the compartments."""
        parts = [
            weight
            * jnp.sum(jnp.where(compartments == code, flux, 0), axis=-1)
            / jnp.sum(jnp.where(compartments == code, fraction, 0), axis=-1)
            for weight, code in zip(weights, (TRABECULAR, CORTICAL), strict=True)
        ]
        return parts[0] + parts[1]

    return 100 * specific(flux, bone_fraction) / specific(baseline_flux, baseline_bone_fraction)
