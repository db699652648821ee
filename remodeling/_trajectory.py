"""What a simulation returns: the course of the bone, and the record of its solves."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from ._cells import CellPools
from ._mechanisms import Mechanisms
from ._state import BoneState


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Trajectory:
    """Course of a simulation; row 0 is the start."""

    day: jax.Array
    "days since the start, (steps + 1,)"
    density_mean: jax.Array
    "mean density of each compartment, g/cm3, (steps + 1, compartments)"
    resorption_index: jax.Array
    "resorbed volume of each compartment, % of the untreated rate, (steps + 1, compartments)"
    formation_index: jax.Array
    "formed volume of each compartment, % of the untreated rate, (steps + 1, compartments)"
    resorption_total: jax.Array
    "resorbed volume of the whole bone, % of the untreated rate, (steps + 1,)"
    formation_total: jax.Array
    "formed volume of the whole bone, % of the untreated rate, (steps + 1,)"
    cells: CellPools
    "cells of each compartment, % of the start, fields (steps + 1, compartments)"
    mechanisms: Mechanisms
    "contribution of each mechanism to log resorption and log balance in each step, at the mean stimulus of "
    "the compartment and before the bounds of `cell_drives`, fields (steps, compartments)"
    rankl_over_opg: jax.Array
    "RANKL over OPG that the tissue makes, 1 at the young reference, (steps, compartments)"
    osteoclast_lifespan: jax.Array
    "working life of an osteoclast over that of the young reference, (steps, compartments)"
    report_day: jax.Array
    "days of the recorded fields, (reports + 1,)"
    density: jax.Array
    "density, g/cm3, (reports + 1, nb)"
    bone_fraction: jax.Array
    "bone volume fraction, (reports + 1, nb)"
    mineral_deficit: jax.Array
    "mineral deficit, (reports + 1, nb)"
    log_stimulus: jax.Array
    "ln(stimulus / set point) at habitual load, (reports + 1, nb); the set point is that of the start, or of "
    "the time before the history"
    memory: Any
    "what the strategy kept, first axis (reports + 1): of finite elements a `FiniteElementMemory` with the "
    "displacement; nothing of the surrogate"
    solve_day: jax.Array
    "days of the mechanical solves, (solves + 1,)"
    force_n: jax.Array
    "force at the displacement of the load case, N, (solves + 1,): its ratio to the first is relative "
    "stiffness"
    start: BoneState
    "state at the start, fields (nb,)"
    end: BoneState
    "state at the end, fields (nb,)"
    activity: jax.Array
    "1 remodels, 0 held fixed, (nb,)"


class SimulationInfo(NamedTuple):
    """Record of the solves of a simulation, all traced."""

    converged: jax.Array
    "whether every solve converged, ()"
    solve_converged: jax.Array
    "each solve, (solves + 1,)"
    iterations: jax.Array
    "iterations of each solve, (solves + 1,)"
    relative_residual: jax.Array
    "true relative residual of each solve, (solves + 1,)"
    voxels_held: jax.Array
    "voxels held fixed because no remodeling bone has their density, ()"
