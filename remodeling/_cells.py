"""Cells and signals that a biologist can read, from the states of the model.

The model carries volumes and an activity, not counts. In a remodeling unit a cell serves a volume, so that
numbers are proportional to states and only ratios to the start mean anything:

    osteoclasts      Sv(f) c                    resorbing surface of the tissue
    preosteoblasts   u / tau_u                  volume per day that reaches the end of reversal
    osteoblasts      w + tau_w G M k_s Sv(f)    volume under formation, and formation on quiescent surface
    osteocytes       f                          one lacuna per volume of matrix
    RANKL over OPG   exp of the terms of log resorption that go by RANKL and OPG, against the young reference

Assumed: constant volume per cell, constant lacunar density (osteocyte death is not modeled), all terms but
the lifespan of osteoclasts and the drugs by RANKL and OPG. The ratio is what the tissue makes: RANKL bound by
denosumab is not subtracted.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from ._bone import room_gate, surface_rate
from ._mechanisms import ResorptionMechanisms
from ._parameters import BoneParameters
from ._state import BoneState


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CellPools:
    """Pools of bone cells: of `cell_pools` per tissue volume in volumes they serve, (nb,); in a trajectory in
    % of the start, (steps + 1, compartments).
    """

    osteoclasts: jax.Array
    "resorbing osteoclasts"
    preosteoblasts: jax.Array
    "precursors of osteoblasts, in reversal"
    osteoblasts: jax.Array
    "active osteoblasts"
    osteocytes: jax.Array
    "osteocytes in the matrix"


def cell_pools(
    state: BoneState,
    parameters: BoneParameters,
    activity: jax.Array | float = 1.0,
    compact: jax.Array | float = 0.0,
    modeling: jax.Array | float = 0.0,
) -> CellPools:
    """Pools of bone cells of a state, per tissue volume; equations at the head of this file.

    Args:
      state: bone, fields (nb,).
      parameters: biological parameters.
      activity: 1 remodels, 0 held fixed, (nb,).
      compact: 1 where the bone is compact, 0 where trabecular, (nb,).
      modeling: formation on quiescent surface, M of `Drives`.
    """
    p = parameters
    rate = surface_rate(state.bone_fraction, p, activity, compact)
    return CellPools(
        osteoclasts=rate * state.osteoclasts,
        preosteoblasts=state.resorption_cavities / p.reversal_time,
        osteoblasts=state.formation_cavities + p.formation_time * room_gate(state) * modeling * rate,
        osteocytes=state.bone_fraction,
    )


def rankl_over_opg(resorption: ResorptionMechanisms, parameters: BoneParameters) -> jax.Array:
    """RANKL over OPG that the tissue makes, 1 at the young reference under habitual load, any shape."""
    r = resorption
    by_rankl = 1.0 - parameters.estradiol_lifespan_share
    return jnp.exp(
        r.estrogen_rankl
        + by_rankl * r.bone_aromatase
        + r.androgen_receptor
        + r.igf1
        + r.thyroid
        + r.disuse
        + r.overload
    )


def osteoclast_lifespan(resorption: ResorptionMechanisms, parameters: BoneParameters) -> jax.Array:
    """Working life of an osteoclast over that of the young reference, by estrogen, any shape."""
    return jnp.exp(
        resorption.estrogen_lifespan + parameters.estradiol_lifespan_share * resorption.bone_aromatase
    )
