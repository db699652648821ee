"""The parts of a simulation: its beginning, one report period, and the course made of them. All traced.

`simulate` joins them in one scan; `simulate_checked` can also run them one by one, so that each can be kept.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ._baseline import baseline_state
from ._bone import bone_rates, bone_step, surface_rate
from ._bone_drugs import drug_modeling
from ._cells import CellPools, cell_pools, osteoclast_lifespan, rankl_over_opg
from ._drives import cell_drives
from ._history import PastBone
from ._hormones import HormoneCourse, HormoneLevels
from ._igf1_memory import igf1_memory
from ._mechanics import Mechanics, SolveRecord
from ._mechanisms import Igf1Memory, bone_mechanisms
from ._options import SimulationOptions
from ._parameters import BoneParameters
from ._state import BoneState, vbmd
from ._trajectory import SimulationInfo, Trajectory


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Model:
    """What stays the same from the first step to the last."""

    mechanics: Mechanics
    "strategy for the stimulus"
    parameters: BoneParameters
    "biological parameters"
    labels: jax.Array
    "compartment of each voxel, (nb,)"
    female: jax.Array
    "1 for a woman, 0 for a man, ()"
    compact: jax.Array
    "1 where the bone is compact, 0 where trabecular, (nb,) or ()"
    before: HormoneLevels
    "hormones that the balance is measured against, fields ()"
    step_days: jax.Array
    "length of a step of the course, days, ()"


class Carry(NamedTuple):
    """What passes from one report period to the next."""

    state: BoneState
    "bone, fields (nb,)"
    shift: jax.Array
    "move of the set point, (nb,)"
    memory: Any
    "what the mechanics keeps from solve to solve"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Beginning:
    """Bone and mechanics at the start."""

    carry: Carry
    "what the first report period begins with"
    activity: jax.Array
    "1 remodels, 0 held fixed, (nb,)"
    reference: Any
    "what the stimulus is measured against, of `Mechanics.begin`"
    record: SolveRecord
    "record of the first solve"
    log_stimulus: jax.Array
    "ln(stimulus / set point) of the start, (nb,)"
    igf1: Igf1Memory
    "memory of IGF-1 in every step, fields (steps,)"
    resorbed: jax.Array
    "resorption of each voxel before anything changes, per tissue volume and day, (nb,)"
    formed: jax.Array
    "formation of each voxel before anything changes, per tissue volume and day, (nb,)"
    pools: CellPools
    "cells of each compartment, fields (compartments,)"


class Period(NamedTuple):
    """One report period: its steps, its solves, and the fields at its end."""

    rows: Any
    "density, resorbed, formed and stimulus summed over each compartment, and pools, (steps, compartments)"
    records: SolveRecord
    "record of its solves, fields (solves,)"
    fields: Any
    "bone fraction, mineral deficit and log stimulus at its end, (nb,)"


def make_model(
    density: jax.Array,
    mechanics: Mechanics,
    course: HormoneCourse,
    parameters: BoneParameters,
    *,
    compartments: jax.Array | None,
    female: jax.Array | float,
    compact: jax.Array | float,
    history: PastBone | None,
) -> Model:
    """What stays the same in a simulation of `density`, (nb,); see `simulate`."""
    return Model(
        mechanics=mechanics,
        parameters=parameters,
        labels=jnp.zeros(density.shape, jnp.int32) if compartments is None else compartments,
        female=jnp.asarray(female, density.dtype),
        compact=jnp.asarray(compact, density.dtype) if history is None else history.compact,
        before=course.baseline if history is None else history.before,
        step_days=course.step_days,
    )


def begin(
    density: jax.Array,
    model: Model,
    course: HormoneCourse,
    history: PastBone | None,
    options: SimulationOptions,
) -> Beginning:
    """Bone at the start and the solve of it.

    Args:
      density: mineral per tissue volume, g/cm3 hydroxyapatite, (nb,).
      model: of `make_model`.
      course: hormones.
      history: bone of `start_from_history`, or None for the steady state.
      options: static choices.
    """
    parameters = model.parameters
    if history is None:
        start, activity = baseline_state(density, course.baseline, parameters, model.compact)
        shift, remembered = jnp.zeros_like(density), None
    else:
        start, activity = history.state, history.activity
        # The mechanics begins at the present bone; its set point is that of the bone before the history.
        shift, remembered = -history.log_stimulus, history.igf1_memory
    memories, _ = igf1_memory(replace(course, baseline=model.before), parameters, remembered)
    reference, memory, record = model.mechanics.begin(start, activity)
    resorbed = surface_rate(start.bone_fraction, parameters, activity, model.compact) * start.osteoclasts
    formed = start.formation_cavities / parameters.formation_time
    if history is not None:
        at_start = cell_drives(
            history.now,
            history.before,
            history.log_stimulus,
            parameters,
            female=model.female,
            memory=history.igf1_memory,
        )
        formed = bone_rates(start, at_start, parameters, activity, model.compact).bone_fraction + resorbed
    now = course.baseline if history is None else history.now
    zero = jnp.zeros((), density.dtype)
    z = model.mechanics.log_stimulus(reference, memory, start.bone_fraction, zero)
    return Beginning(
        carry=Carry(start, shift, memory),
        activity=activity,
        reference=reference,
        record=record,
        log_stimulus=z - shift,
        igf1=memories,
        resorbed=resorbed,
        formed=formed,
        pools=_pools(start, drug_modeling(now, parameters), model, activity, options),
    )


def period_inputs(
    beginning: Beginning,
    course: HormoneCourse,
    load_factor: jax.Array | None,
    options: SimulationOptions,
) -> Any:
    """Hormones, memory of IGF-1 and load of every step, fields (reports, blocks, steps of a block)."""
    steps = course.levels.testosterone_ng_dl.shape[0]
    dtype = beginning.log_stimulus.dtype
    load = jnp.ones(steps, dtype) if load_factor is None else load_factor
    blocks = options.report_every // options.solve_every
    shape = (steps // options.report_every, blocks, options.solve_every)
    return jax.tree.map(
        lambda array: array.reshape(*shape, *array.shape[1:]), (course.levels, beginning.igf1, load)
    )


def run_period(
    carry: Carry, inputs: Any, beginning: Beginning, model: Model, options: SimulationOptions
) -> tuple[Carry, Period]:
    """One report period: a scan over solves, steps and bone steps.

    Args:
      carry: what the period before left.
      inputs: one row of `period_inputs`.
      beginning: of `begin`.
      model: of `make_model`.
      options: static choices.
    """
    mechanics, parameters = model.mechanics, model.parameters
    activity, compact, reference = beginning.activity, model.compact, beginning.reference
    dtype = beginning.log_stimulus.dtype
    dt = model.step_days / options.substeps

    def drives_at(levels, remembered, z):
        return cell_drives(levels, model.before, z, parameters, female=model.female, memory=remembered)

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
        row = tuple(_by_compartment(v, model, options) for v in (density, resorbed, formed, z))
        pools = _pools(state, drug_modeling(levels, parameters), model, activity, options)
        return (state, shift), (*row, pools)

    def block(carry, inputs):
        state, shift, memory = carry
        within = jnp.arange(options.solve_every, dtype=dtype)
        run = kept(lambda c, x: step(c, x, memory), options)
        (state, shift), rows = lax.scan(run, (state, shift), (*inputs, within))
        memory, record = mechanics.update(reference, memory, state)
        return Carry(state, shift, memory), (rows, record)

    carry, (rows, records) = lax.scan(kept(block, options), carry, inputs)
    state, _, memory = carry
    z = mechanics.log_stimulus(reference, memory, state.bone_fraction, jnp.zeros((), dtype))
    fields = (state.bone_fraction, state.mineral_deficit, z - beginning.carry.shift)
    rows = jax.tree.map(lambda row: row.reshape(options.report_every, options.compartments), rows)
    return carry, Period(rows, records, fields)


def finish(
    beginning: Beginning,
    end: Carry,
    periods: Period,
    memories: Any,
    course: HormoneCourse,
    model: Model,
    options: SimulationOptions,
) -> tuple[Trajectory, SimulationInfo]:
    """The course made of its parts.

    Args:
      beginning: of `begin`.
      end: what the last period left.
      periods: all periods, stacked: a first axis (reports).
      memories: what the mechanics kept at the end of each, stacked.
      course: hormones.
      model: of `make_model`.
      options: static choices.
    """
    steps = course.levels.testosterone_ng_dl.shape[0]
    solves = steps // options.solve_every
    parameters, start = model.parameters, beginning.carry.state
    dtype = beginning.log_stimulus.dtype
    count = jnp.maximum(_by_compartment(jnp.ones_like(beginning.log_stimulus), model, options), 1.0)
    density, resorbed, formed, stimulus, pools = jax.tree.map(
        lambda row: row.reshape(steps, options.compartments), periods.rows
    )
    mechanisms = bone_mechanisms(
        jax.tree.map(lambda level: level[:, None], course.levels),
        model.before,
        stimulus / count,
        parameters,
        female=model.female,
        memory=jax.tree.map(lambda m: m[:, None], beginning.igf1),
    )
    mechanisms = jax.tree.map(lambda term: jnp.broadcast_to(term, stimulus.shape), mechanisms)
    records = SolveRecord(
        *(_prepend(a, b.reshape(-1)) for a, b in zip(beginning.record, periods.records, strict=True))
    )
    first = (start.bone_fraction, start.mineral_deficit, beginning.log_stimulus)
    fraction, deficit, z = jax.tree.map(_prepend, first, periods.fields)
    flux = _by_compartment(beginning.resorbed, model, options) * model.step_days
    formed_before = _by_compartment(beginning.formed, model, options) * model.step_days
    density0 = _by_compartment(vbmd(start, parameters.mineral_maximum), model, options)
    step_days = model.step_days
    trajectory = Trajectory(
        day=jnp.arange(steps + 1, dtype=dtype) * step_days,
        density_mean=_prepend(density0, density) / count,
        resorption_index=_percent(resorbed, flux),
        formation_index=_percent(formed, formed_before),
        resorption_total=_percent(jnp.sum(resorbed, axis=1), jnp.sum(flux)),
        formation_total=_percent(jnp.sum(formed, axis=1), jnp.sum(formed_before)),
        cells=jax.tree.map(_percent, pools, beginning.pools),
        mechanisms=mechanisms,
        rankl_over_opg=rankl_over_opg(mechanisms.resorption, parameters),
        osteoclast_lifespan=jnp.broadcast_to(
            osteoclast_lifespan(mechanisms.resorption, parameters), stimulus.shape
        ),
        report_day=jnp.arange(steps // options.report_every + 1, dtype=dtype)
        * (step_days * options.report_every),
        density=parameters.mineral_maximum * (fraction - deficit),
        bone_fraction=fraction,
        mineral_deficit=deficit,
        log_stimulus=z,
        memory=jax.tree.map(_prepend, beginning.carry.memory, memories),
        solve_day=jnp.arange(solves + 1, dtype=dtype) * (step_days * options.solve_every),
        force_n=records.force_n,
        start=start,
        end=end.state,
        activity=beginning.activity,
    )
    info = SimulationInfo(
        converged=jnp.all(records.converged),
        solve_converged=records.converged,
        iterations=records.iterations,
        relative_residual=records.relative_residual,
        voxels_held=jnp.sum(1.0 - beginning.activity),
    )
    return trajectory, info


def kept(function: Any, options: SimulationOptions) -> Any:
    """The function, recomputed in the reverse pass where the options say so."""
    return jax.checkpoint(function) if options.checkpoint else function


def _pools(state, modeling, model: Model, activity, options: SimulationOptions) -> CellPools:
    pools = cell_pools(state, model.parameters, activity, model.compact, modeling)
    return jax.tree.map(lambda pool: _by_compartment(pool, model, options), pools)


def _by_compartment(values, model: Model, options: SimulationOptions):
    return jax.ops.segment_sum(values, model.labels, num_segments=options.compartments)


def _prepend(first, rest):
    return jnp.concatenate([jnp.asarray(first)[None], rest])


def _percent(flux, untreated):
    """Flux over the untreated one, %, with 100 as row 0; a compartment without turnover stays at 100."""
    moving = untreated > 0
    rows = jnp.where(moving, 100.0 * flux / jnp.where(moving, untreated, 1.0), 100.0)
    return _prepend(jnp.full(rows.shape[1:], 100.0, rows.dtype), rows)
