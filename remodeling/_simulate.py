"""The simulation: hormones drive bone, bone changes stiffness, stiffness changes the stimulus."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import fem

from ._history import PastBone
from ._hormones import HormoneCourse
from ._loop import Beginning, begin, finish, kept, make_model, period_inputs, run_period
from ._mechanics import FiniteElementMechanics, Mechanics
from ._options import SimulationOptions
from ._parameters import BoneParameters
from ._parts import Parts
from ._state import vbmd
from ._trajectory import SimulationInfo, Trajectory

LONGEST_SUBSTEP_DAYS = 31.0
"""Longest bone step that is accepted, days: the error of the step is near 1e-3 there."""


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
    _report_count(course, options)
    model = make_model(
        initial_density,
        mechanics,
        course,
        parameters,
        compartments=compartments,
        female=female,
        compact=compact,
        history=history,
    )
    beginning = begin(initial_density, model, course, history, options)

    def period(carry, inputs):
        carry, done = run_period(carry, inputs, beginning, model, options)
        return carry, (done, carry.memory)

    inputs = period_inputs(beginning, course, load_factor, options)
    end, (periods, memories) = lax.scan(kept(period, options), beginning.carry, inputs)
    return finish(beginning, end, periods, memories, course, model, options)


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
    parts: Parts | None = None,
) -> tuple[Trajectory, SimulationInfo]:
    """`simulate`, compiled, with arguments and solves checked on the host.

    Args:
      parts: keeper of the parts. With one, the beginning and every report period are run one by one, each by
        the same compiled program, and handed over when done; those that it already has are not run again. The
        result is bitwise the same whether parts were kept or not, and differs from the single scan of
        `parts=None` by rounding. A solve that does not converge ends the simulation at its period.
      others: as `simulate`.

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
    compact, female = _compact(compact, density), jnp.asarray(female, density.dtype)
    fixed = {"compartments": compartments, "female": female, "compact": compact, "history": history}
    if parts is not None:
        return _simulate_parts(density, mechanics, course, parameters, load_factor, fixed, options, parts)
    trajectory, info = _jitted_simulate(
        density, mechanics, course, parameters, load_factor=load_factor, options=options, **fixed
    )
    _require_converged(info.solve_converged, info.relative_residual, trajectory.solve_day)
    return trajectory, info


_jitted_simulate = jax.jit(simulate, static_argnames=("options",))
_jitted_begin = jax.jit(begin, static_argnames=("options",))
_jitted_period = jax.jit(run_period, static_argnames=("options",))
_jitted_finish = jax.jit(finish, static_argnames=("options",))


def _simulate_parts(
    density: jax.Array,
    mechanics: Mechanics,
    course: HormoneCourse,
    parameters: BoneParameters,
    load_factor: jax.Array | None,
    fixed: dict[str, Any],
    options: SimulationOptions,
    parts: Parts,
) -> tuple[Trajectory, SimulationInfo]:
    """The simulation part by part; parts that are known are not computed."""
    reports = _report_count(course, options)
    model = make_model(density, mechanics, course, parameters, **fixed)
    first = (density, model, course, fixed["history"])
    # of the compiled functions, so that what is traced for shapes is not traced again to run
    known = parts.load(0, _jitted_begin.eval_shape(*first, options=options))
    beginning = known if isinstance(known, Beginning) else _jitted_begin(*first, options=options)
    if known is None:
        _require_converged(beginning.record.converged, beginning.record.relative_residual, 0.0)
        parts.save(0, beginning)
    carry, periods = beginning.carry, []
    inputs = period_inputs(beginning, course, load_factor, options)
    solved = options.solve_every * (1 + np.arange(options.report_every // options.solve_every))
    like = None
    for number in range(reports):
        given = jax.tree.map(lambda array, row=number: array[row], inputs)
        if like is None:
            like = _jitted_period.eval_shape(carry, given, beginning, model, options=options)
        part = parts.load(number + 1, like)
        if part is None:
            part = _jitted_period(carry, given, beginning, model, options=options)
            records = part[1].records
            days = float(course.step_days) * (number * options.report_every + solved)
            _require_converged(records.converged, records.relative_residual, days)
            parts.save(number + 1, part)
        carry, period = part
        periods.append((period, carry.memory))
    stacked = jax.tree.map(lambda *rows: jnp.stack(rows), *periods)
    return _jitted_finish(beginning, carry, *stacked, course, model, options=options)


def _report_count(course: HormoneCourse, options: SimulationOptions) -> int:
    """Number of report periods.

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
    return reports


def _require_converged(converged: Any, residual: Any, days: Any) -> None:
    converged, residual, days = (np.atleast_1d(np.asarray(a)) for a in (converged, residual, days))
    failed = np.flatnonzero(~converged)
    if failed.size:
        raise fem.NotConvergedError(
            f"{failed.size} of {converged.size} finite element solves did not converge, first "
            f"at day {days[failed[0]]:.0f} with relative residual {residual[failed[0]]:.2e}; "
            "raise `max_iterations`, loosen `rtol`, or check the bone for loose parts"
        )


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
