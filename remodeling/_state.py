"""What a bone voxel remembers, and what crosses between its pools in a step."""

from dataclasses import dataclass

import jax


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BoneState:
    """State of the bone voxels; every field has shape (nb,), or () for a single voxel."""

    osteoclasts: jax.Array
    "osteoclast activity c on the bone surface, 1 = young eugonadal reference, dimensionless"
    resorption_cavities: jax.Array
    "volume u of cavities being resorbed or in reversal, per tissue volume"
    formation_cavities: jax.Array
    "volume w of cavities assigned to osteoblasts, per tissue volume"
    bone_fraction: jax.Array
    "bone matrix volume fraction f (BV/TV)"
    mineral_deficit: jax.Array
    "mineral missing against full mineralization D, per tissue volume, in units of the mineral maximum"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Fluxes:
    """Volumes that crossed between the pools during a step, per tissue volume, shape (nb,)."""

    resorbed: jax.Array
    "bone removed by osteoclasts"
    formed: jax.Array
    "bone matrix laid down by osteoblasts"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Drives:
    """Logarithmic drives of the cells, bounded, shape (nb,) or ()."""

    log_resorption: jax.Array
    "logarithm of the osteoclast activity that the surface is driven to"
    log_balance: jax.Array
    "logarithm of formed over resorbed volume in a remodeling unit with room to fill"
    modeling: jax.Array | float = 0.0
    "formation on quiescent surface, in units of the resorption rate at reference hormones; not negative"
    log_mineralization: jax.Array | float = 0.0
    "logarithm of the rate of secondary mineralization over its reference"


def room(state: BoneState) -> jax.Array:
    """Tissue volume taken neither by bone nor by open cavities, 1 - f - u - w, shape (nb,)."""
    return 1.0 - state.bone_fraction - state.resorption_cavities - state.formation_cavities


def vbmd(state: BoneState, mineral_maximum: jax.Array) -> jax.Array:
    """Mineral per tissue volume, g/cm3 hydroxyapatite: mu_max (f - D), shape (nb,)."""
    return mineral_maximum * (state.bone_fraction - state.mineral_deficit)
