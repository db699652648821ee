"""The steady state a person starts from, and the bone fraction behind a measured density."""

import jax
import jax.numpy as jnp
from jax import lax

from ._bone import surface_rate
from ._drives import cell_drives
from ._hormones import HormoneLevels
from ._parameters import BoneParameters
from ._state import BoneState, room
from ._surface import clipped_fraction

FRACTION_RANGE = (0.02, 0.95)
"""Bone fractions that remodel; voxels outside are held fixed (marrow, and bone without room to turn over)."""
ROOM_LEFT = 0.01
"""Free volume that the baseline must leave for a voxel to remodel (assumed)."""
NEWTON_STEPS = 12
"""Newton steps from density to bone fraction; the map is close to linear and five suffice."""


def steady_state(
    bone_fraction: jax.Array,
    hormones: HormoneLevels,
    parameters: BoneParameters,
    activity: jax.Array | float = 1.0,
    compact: jax.Array | float = 0.0,
) -> BoneState:
    """The state in which nothing moves under habitual load and the person's own hormones.

    c = exp(Lam_R(h0)), rho = k_s Sv(f) c, u = rho tau_u, w = rho tau_w, D = rho dmu / (kappa + rho / f).

    Args:
      bone_fraction: BV/TV, (nb,) or ().
      hormones: levels before treatment, fields ().
      parameters: biological parameters.
      activity: 1 where bone remodels, 0 where a voxel is held fixed, (nb,).
      compact: 1 where the bone is compact, 0 where trabecular, (nb,) or ().
    """
    osteoclasts = _osteoclasts(hormones, parameters, bone_fraction.dtype)
    return _state_of(bone_fraction, osteoclasts, parameters, activity, compact)


def _osteoclasts(hormones: HormoneLevels, parameters: BoneParameters, dtype) -> jax.Array:
    """Osteoclasts under habitual load and a person's own hormones, (); the same in every voxel."""
    drives = cell_drives(hormones, hormones, jnp.zeros((), dtype), parameters)
    return jnp.exp(drives.log_resorption)


def _state_of(
    bone_fraction: jax.Array,
    osteoclasts: jax.Array,
    parameters: BoneParameters,
    activity: jax.Array | float,
    compact: jax.Array | float,
) -> BoneState:
    """The steady state with so many osteoclasts, ()."""
    p = parameters
    osteoclasts = osteoclasts * jnp.ones_like(bone_fraction)
    rho = surface_rate(bone_fraction, p, activity, compact) * osteoclasts
    turnover = rho / clipped_fraction(bone_fraction)
    return BoneState(
        osteoclasts=osteoclasts,
        resorption_cavities=rho * p.reversal_time,
        formation_cavities=rho * p.formation_time,
        bone_fraction=bone_fraction,
        mineral_deficit=rho * p.primary_deficit / (p.mineralization_rate + turnover),
    )


def bone_fraction_from_vbmd(
    density: jax.Array,
    hormones: HormoneLevels,
    parameters: BoneParameters,
    compact: jax.Array | float = 0.0,
) -> jax.Array:
    """Bone fraction f whose steady state has the measured mineral density: mu_max (f - D(f)) = density.

    Newton, a fixed number of steps; differentiable. Densities that no remodeling voxel can have (not
    positive, or too high) give a value outside (0.02, 0.95); see `remodeling_voxels`.

    Args:
      density: mineral per tissue volume, g/cm3 hydroxyapatite, (nb,) or ().
      hormones: levels before treatment, fields ().
      parameters: biological parameters.
      compact: 1 where the bone is compact, 0 where trabecular, (nb,) or ().
    """
    p = parameters
    osteoclasts = _osteoclasts(hormones, p, density.dtype)

    def mineral(f):
        return p.mineral_maximum * (f - _state_of(f, osteoclasts, p, 1.0, compact).mineral_deficit)

    def newton(_, f):
        value, slope = jax.jvp(mineral, (f,), (jnp.ones_like(f),))
        # Near f = 0 the surface law bends sharply: without the floor a step could leave the domain.
        return f - (value - density) / jnp.maximum(slope, 0.3 * p.mineral_maximum)

    # a loop, so that the step is compiled once
    return lax.fori_loop(0, NEWTON_STEPS, newton, density / p.mineral_maximum)


def remodeling_voxels(
    bone_fraction: jax.Array,
    hormones: HormoneLevels,
    parameters: BoneParameters,
    compact: jax.Array | float = 0.0,
) -> jax.Array:
    """1 where a voxel can remodel, 0 where it is held fixed, (nb,).

    Held fixed: bone fraction outside (0.02, 0.95), or a baseline whose bone and open cavities leave less than
    1 % of the volume free.
    """
    low, high = FRACTION_RANGE
    state = steady_state(bone_fraction, hormones, parameters, compact=compact)
    good = (bone_fraction >= low) & (bone_fraction <= high) & (room(state) >= ROOM_LEFT)
    return good.astype(bone_fraction.dtype)


def baseline_state(
    density: jax.Array,
    hormones: HormoneLevels,
    parameters: BoneParameters,
    compact: jax.Array | float = 0.0,
) -> tuple[BoneState, jax.Array]:
    """Steady state with a measured density map, and the activity mask.

    A voxel held fixed keeps f = density / mu_max and no deficit, so its density is kept exactly.

    Args:
      density: g/cm3 hydroxyapatite, (nb,).
      hormones: levels before treatment, fields ().
      parameters: biological parameters.
      compact: 1 where the bone is compact, 0 where trabecular, (nb,) or ().

    Returns:
      the state, and the activity (nb,): 1 remodels, 0 held fixed.
    """
    fraction = bone_fraction_from_vbmd(density, hormones, parameters, compact)
    activity = remodeling_voxels(fraction, hormones, parameters, compact)
    fraction = jnp.where(activity > 0, fraction, density / parameters.mineral_maximum)
    return steady_state(fraction, hormones, parameters, activity, compact), activity
