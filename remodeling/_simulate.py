"""The simulation: hormones drive bone, bone changes stiffness, stiffness changes the stimulus."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import fem

from ._baseline import baseline_state
from ._bone import bone_rates, bone_step, surface_rate
from ._cells import CellPools, cell_pools, osteoclast_lifespan, rankl_over_opg
from ._drives import cell_drives
from ._history import PastBone
from ._hormones import HormoneCourse
from ._igf1_memory import igf1_memory
from ._mechanics import FiniteElementMechanics, Mechanics, SolveRecord
from ._mechanisms import Mechanisms, bone_mechanisms
from ._parameters import BoneParameters
from ._state import BoneState, vbmd

LONGEST_SUBSTEP_DAYS = 31.0
"""Longest bone step that is accepted, days: the error of the step is near 1e-3 there."""


@dataclass(frozen=True)
class SimulationOptions:
    """Static choices of a simulation."""

    substeps: int = 2
    "bone steps in a step of the hormone course"
    solve_every: int = 3
    "steps between finite element solves"
    report_every: int = 6
    "steps between recorded fields; a multiple of `solve_every`"
    compartments: int = 1
    "number of compartments in the labels"
    checkpoint: bool = True
    "recompute inside reports, solves and steps in the reverse pass: memory of a square root of the steps"


def make_options(
    *,
    substeps: int = 2,
    solve_every: int = 3,
    report_every: int = 6,
    compartments: int = 1,
    checkpoint: bool = True,
) -> SimulationOptions:
    """Checked options.

    Raises:
      ValueError: a count below 1, or `report_every` not a multiple of `solve_every`.
    """
    for name, value in (
        ("substeps", substeps),
        ("solve_every", solve_every),
        ("report_every", report_every),
        ("compartments", compartments),
    ):
        if int(value) != value or value < 1:
            raise ValueError(f"`{name}` must be a whole number of at least 1, got {value}")
    if report_every % solve_every:
        raise ValueError(
            f"`report_every` must be a multiple of `solve_every` {solve_every}, got {report_every}"
        )
    return SimulationOptions(
        int(substeps), int(solve_every), int(report_every), int(compartments), checkpoint
    )


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


def simulate(
    initial_density: jax.Array,
    mechanics: Mechanics,
    course: HormoneCourse,
    parameters: BoneParameters,
    *,
    compartments: jax.Array | None = None,
    load_factor: jax.Array | None = None,
    female: jax.Array | float = 0.0,
    compact: jax.Array | float = 0.0,
    history: PastBone | None = None,
    options: SimulationOptions,
) -> tuple[Trajectory, SimulationInfo]:
    """Bone density under a course of hormones.

    One scan over reports, solves, steps and bone steps; one compilation for the whole run. Without `history`
    the person starts in the steady state of the measured density and the untreated hormones, so nothing
    moves until something changes; with it the bone goes on as the history left it.

    Args:
      initial_density: mineral per tissue volume, g/cm3 hydroxyapatite, (nb,), in the order of
        `np.argwhere(bone)`.
      mechanics: strategy for the stimulus.
      course: hormones, `steps` a multiple of `options.report_every`.
      parameters: biological parameters.
      compartments: label of each voxel, 0 .. options.compartments - 1, (nb,); all 0 if None.
      load_factor: load of each step over the habitual one, (steps,); 1 if None.
      female: 1 for a woman, 0 for a man, ().
      compact: 1 where the bone is compact, 0 where trabecular, (nb,) or (); not used with `history`.
      history: bone of `start_from_history` of the same density; the balance is then measured against the
        hormones before the history, and `course.baseline` is not used.
      options: static choices.

    Returns:
      trajectory, and the record of the solves: read `info.converged` before using the trajectory.

    Raises:
      ValueError: steps that do not divide into reports.
    """
    steps = course.levels.testosterone_ng_dl.shape[0]
    reports, rest = divmod(steps, options.report_every)
    if rest or reports < 1:
        raise ValueError(
            f"`course` needs a number of steps that is a multiple of `options.report_every` "
            f"{options.report_every}, got {steps}"
        )
    dtype = initial_density.dtype
    blocks = options.report_every // options.solve_every
    labels = jnp.zeros(initial_density.shape, jnp.int32) if compartments is None else compartments
    count = _by_compartment(jnp.ones_like(initial_density), labels, options.compartments)
    load = jnp.ones(steps, dtype) if load_factor is None else load_factor

    if history is None:
        start, activity = baseline_state(initial_density, course.baseline, parameters, compact)
        set_point_shift, remembered = jnp.zeros_like(initial_density), None
    else:
        start, activity, compact = history.state, history.activity, history.compact
        # The mechanics begins at the present bone; its set point is that of the bone before the history.
        set_point_shift, remembered = -history.log_stimulus, history.igf1_memory
        course = replace(course, baseline=history.before)
    memories, _ = igf1_memory(course, parameters, remembered)
    reference, memory, first_record = mechanics.begin(start, activity)
    dt = course.step_days / options.substeps
    baseline_flux = surface_rate(start.bone_fraction, parameters, activity, compact) * start.osteoclasts
    formed_flux = start.formation_cavities / parameters.formation_time
    if history is not None:
        at_start = cell_drives(
            history.now,
            history.before,
            history.log_stimulus,
            parameters,
            female=female,
            memory=history.igf1_memory,
        )
        formed_flux = bone_rates(start, at_start, parameters, activity, compact).bone_fraction + baseline_flux

    def drives_at(levels, remembered, z):
        return cell_drives(levels, course.baseline, z, parameters, female=female, memory=remembered)

    def pools_of(state, modeling):
        pools = cell_pools(state, parameters, activity, compact, modeling)
        return jax.tree.map(lambda pool: _by_compartment(pool, labels, options.compartments), pools)

    def substep(carry, at, levels, remembered, log_load, memory):
        state, shift = carry

        def stimulus(bone_fraction):
            z = mechanics.log_stimulus(reference, memory, bone_fraction, at)
            return z + log_load

        z = stimulus(state.bone_fraction)
        if mechanics.depends_on_bone:
            # The stimulus of the middle of the step keeps the scheme second order.
            half, _ = bone_step(
                state, drives_at(levels, remembered, z - shift), parameters, 0.5 * dt, activity, compact
            )
            z = stimulus(half.bone_fraction)
        state, flux = bone_step(
            state, drives_at(levels, remembered, z - shift), parameters, dt, activity, compact
        )
        renewed = flux.resorbed / jnp.maximum(state.bone_fraction, 1e-4)
        shift = shift - (z - shift) * jnp.expm1(-parameters.set_point_reset * renewed)
        return (state, shift), flux

    def step(carry, inputs, memory):
        levels, remembered, load, within = inputs
        log_load = 2.0 * jnp.log(load)

        def one(carry, number):
            at = (within + (number + 0.5) / options.substeps) / options.solve_every
            return substep(carry, at, levels, remembered, log_load, memory)

        (state, shift), flux = lax.scan(one, carry, jnp.arange(options.substeps, dtype=dtype))
        resorbed, formed = jnp.sum(flux.resorbed, axis=0), jnp.sum(flux.formed, axis=0)
        density = vbmd(state, parameters.mineral_maximum)
        at = (within + 1.0) / options.solve_every
        z = mechanics.log_stimulus(reference, memory, state.bone_fraction, at) + log_load - shift
        row = tuple(_by_compartment(v, labels, options.compartments) for v in (density, resorbed, formed, z))
        return (state, shift), (*row, pools_of(state, levels.drug_modeling))

    def block(carry, inputs):
        state, shift, memory = carry
        within = jnp.arange(options.solve_every, dtype=dtype)
        run = _kept(lambda c, x: step(c, x, memory), options.checkpoint)
        (state, shift), rows = lax.scan(run, (state, shift), (*inputs, within))
        memory, record = mechanics.update(reference, memory, state)
        return (state, shift, memory), (rows, record)

    def report(carry, inputs):
        carry, (rows, records) = lax.scan(_kept(block, options.checkpoint), carry, inputs)
        state, _, memory = carry
        z = mechanics.log_stimulus(reference, memory, state.bone_fraction, jnp.zeros((), dtype))
        kept = (state.bone_fraction, state.mineral_deficit, z - set_point_shift, memory)
        return carry, (rows, records, kept)

    def fold(array):
        return array.reshape((reports, blocks, options.solve_every, *array.shape[1:]))

    inputs = jax.tree.map(fold, (course.levels, memories, load))
    carry = (start, set_point_shift, memory)
    z_start = mechanics.log_stimulus(reference, memory, start.bone_fraction, jnp.zeros((), dtype))
    carry, (rows, records, reported) = lax.scan(_kept(report, options.checkpoint), carry, inputs)

    density, resorbed, formed, stimulus, pools = jax.tree.map(
        lambda row: row.reshape(steps, options.compartments), rows
    )
    before = history.now if history is not None else course.baseline
    first_pools = pools_of(start, before.drug_modeling)
    mechanisms = bone_mechanisms(
        jax.tree.map(lambda level: level[:, None], course.levels),
        course.baseline,
        stimulus / jnp.maximum(count, 1.0),
        parameters,
        female=female,
        memory=jax.tree.map(lambda m: m[:, None], memories),
    )
    mechanisms = jax.tree.map(lambda term: jnp.broadcast_to(term, stimulus.shape), mechanisms)
    records = SolveRecord(*(_prepend(a, b.reshape(-1)) for a, b in zip(first_record, records, strict=True)))
    first = (start.bone_fraction, start.mineral_deficit, z_start - set_point_shift, memory)
    fraction, deficit, z, kept = jax.tree.map(_prepend, first, reported)
    flux = _by_compartment(baseline_flux, labels, options.compartments) * course.step_days
    formed_before = _by_compartment(formed_flux, labels, options.compartments) * course.step_days
    density0 = _by_compartment(vbmd(start, parameters.mineral_maximum), labels, options.compartments)
    step_days = course.step_days
    trajectory = Trajectory(
        day=jnp.arange(steps + 1, dtype=dtype) * step_days,
        density_mean=_prepend(density0, density) / jnp.maximum(count, 1.0),
        resorption_index=_percent(resorbed, flux),
        formation_index=_percent(formed, formed_before),
        resorption_total=_percent(jnp.sum(resorbed, axis=1), jnp.sum(flux)),
        formation_total=_percent(jnp.sum(formed, axis=1), jnp.sum(formed_before)),
        cells=jax.tree.map(_percent, pools, first_pools),
        mechanisms=mechanisms,
        rankl_over_opg=rankl_over_opg(mechanisms.resorption, parameters),
        osteoclast_lifespan=jnp.broadcast_to(
            osteoclast_lifespan(mechanisms.resorption, parameters), stimulus.shape
        ),
        report_day=jnp.arange(reports + 1, dtype=dtype) * (step_days * options.report_every),
        density=parameters.mineral_maximum * (fraction - deficit),
        bone_fraction=fraction,
        mineral_deficit=deficit,
        log_stimulus=z,
        memory=kept,
        solve_day=jnp.arange(reports * blocks + 1, dtype=dtype) * (step_days * options.solve_every),
        force_n=records.force_n,
        start=start,
        end=carry[0],
        activity=activity,
    )
    info = SimulationInfo(
        converged=jnp.all(records.converged),
        solve_converged=records.converged,
        iterations=records.iterations,
        relative_residual=records.relative_residual,
        voxels_held=jnp.sum(1.0 - activity),
    )
    return trajectory, info


def _kept(function, checkpoint: bool):
    return jax.checkpoint(function) if checkpoint else function


def _by_compartment(values, labels, compartments: int):
    return jax.ops.segment_sum(values, labels, num_segments=compartments)


def _prepend(first, rest):
    return jnp.concatenate([jnp.asarray(first)[None], rest])


def _percent(flux, untreated):
    """Flux over the untreated one, %, with 100 as row 0; a compartment without turnover stays at 100."""
    moving = untreated > 0
    rows = jnp.where(moving, 100.0 * flux / jnp.where(moving, untreated, 1.0), 100.0)
    return _prepend(jnp.full(rows.shape[1:], 100.0, rows.dtype), rows)


_jitted_simulate = jax.jit(simulate, static_argnames=("options",))


def simulate_checked(
    initial_density: Any,
    mechanics: Mechanics,
    course: HormoneCourse,
    parameters: BoneParameters,
    *,
    compartments: Any = None,
    load_factor: Any = None,
    female: Any = 0.0,
    compact: Any = 0.0,
    history: PastBone | None = None,
    options: SimulationOptions,
) -> tuple[Trajectory, SimulationInfo]:
    """`simulate`, compiled, with arguments and solves checked on the host.

    Raises:
      ValueError: a density that is not finite, wrong shapes or labels, a load that is not positive, too
      long a step.
      fem.NotConvergedError: a finite element solve did not converge (names which and what to try).
    """
    density = jnp.asarray(initial_density)
    _require_finite(density, "initial_density")
    if isinstance(mechanics, FiniteElementMechanics) and density.shape != mechanics.bone_elements.shape:
        raise ValueError(
            f"`initial_density` must have shape {mechanics.bone_elements.shape} (the bone voxels), "
            f"got {density.shape}"
        )
    steps = course.levels.testosterone_ng_dl.shape[0]
    substep_days = float(course.step_days) / options.substeps
    if not substep_days <= LONGEST_SUBSTEP_DAYS:
        raise ValueError(
            f"`options.substeps` must give bone steps of at most {LONGEST_SUBSTEP_DAYS:g} days, "
            f"got {substep_days:.4g}"
        )
    if compartments is not None:
        labels = np.asarray(compartments)
        wrong = (labels < 0) | (labels >= options.compartments)
        if labels.shape != density.shape or wrong.any():
            raise ValueError(
                f"`compartments` needs one label from 0 to {options.compartments - 1} for each of the "
                f"{density.shape[0]} voxels, got shape {labels.shape} with {int(wrong.sum())} labels outside"
            )
        compartments = jnp.asarray(labels, jnp.int32)
    if load_factor is not None:
        load_factor = jnp.asarray(load_factor, density.dtype)
        if load_factor.shape != (steps,) or not bool((load_factor > 0).all()):
            raise ValueError(
                f"`load_factor` needs {steps} positive numbers, got shape {load_factor.shape}, "
                f"smallest {float(load_factor.min()):g}"
            )
    if history is not None:
        _require_history_of(density, history, parameters)
    if float(female) not in (0.0, 1.0):
        raise ValueError(f"`female` must be 0 or 1, got {female}")
    trajectory, info = _jitted_simulate(
        density,
        mechanics,
        course,
        parameters,
        compartments=compartments,
        load_factor=load_factor,
        female=jnp.asarray(female, density.dtype),
        compact=_compact(compact, density),
        history=history,
        options=options,
    )
    if not bool(info.converged):
        failed = np.flatnonzero(~np.asarray(info.solve_converged))
        residual = float(info.relative_residual[failed[0]])
        raise fem.NotConvergedError(
            f"{len(failed)} of {len(info.solve_converged)} finite element solves did not converge, first "
            f"at day {float(trajectory.solve_day[failed[0]]):.0f} with relative residual {residual:.2e}; "
            "raise `max_iterations`, loosen `rtol`, or check the bone for loose parts"
        )
    return trajectory, info


def _compact(compact: Any, density) -> jax.Array:
    values = jnp.asarray(compact, density.dtype)
    if values.shape not in ((), density.shape) or not bool(((values == 0.0) | (values == 1.0)).all()):
        raise ValueError(
            f"`compact` must be 0 or 1, one or {density.shape[0]} numbers, got shape {values.shape} with "
            f"values from {float(values.min()):g} to {float(values.max()):g}"
        )
    return values


def _require_history_of(density, history: PastBone, parameters: BoneParameters) -> None:
    if history.activity.shape != density.shape:
        raise ValueError(
            f"`history` needs the {density.shape[0]} voxels of `initial_density`, got "
            f"{history.activity.shape[0]}"
        )
    error = np.abs(np.asarray(vbmd(history.state, parameters.mineral_maximum) - density))
    wrong = error > 1e-3 * np.maximum(np.abs(np.asarray(density)), 0.01)
    if wrong.any():
        raise ValueError(
            f"`history` must end at `initial_density`, got {int(wrong.sum())} voxels that differ, first at "
            f"voxel {int(np.argmax(wrong))} by {error[np.argmax(wrong)]:.3g} g/cm3; use the same density and "
            "parameters"
        )


def _require_finite(density, name: str) -> None:
    if density.ndim != 1:
        raise ValueError(f"`{name}` must be a vector over the bone voxels, got shape {density.shape}")
    bad = ~np.isfinite(np.asarray(density))
    if bad.any():
        raise ValueError(
            f"`{name}` must be finite, got {int(bad.sum())} other values, first at voxel "
            f"{int(np.argmax(bad))}"
        )
