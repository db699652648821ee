"""Bone at the end of a history: years of deficiency before treatment, so that a measured bone still loses.

A person whose ovaries stopped five years ago is not in a steady state: cavities are open, turnover is high
and each unit refills too little, against the balance of the years before. The start of the history is a
steady state of the hormones then; its density is not known. It is found per voxel so that the end of the
history has the measured density: mineral(end of history(f0)) = measured. Mechanics on the way is the 0-D
surrogate, z = -q ln(f / f0), so that every voxel answers for itself and the map is a scalar function of f0.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._baseline import FRACTION_RANGE, ROOM_LEFT, steady_state
from ._bone import bone_step
from ._drives import cell_drives
from ._hormones import HormoneCourse, HormoneLevels
from ._igf1_memory import igf1_memory
from ._mechanisms import Igf1Memory
from ._parameters import BoneParameters
from ._state import BoneState, room, vbmd
from ._surface import clipped_fraction

SEARCH_RANGE = (0.01, 0.98)
"""Bone fractions that the search looks at; outside FRACTION_RANGE a voxel is held fixed anyhow."""
MOST_SEARCH_STEPS = 30
"""Most secant steps from the measured density to the start of the history; the map is close to linear, and
six or seven suffice."""
SEARCH_EPSILONS = 64.0
"""Error of the density at which the search ends, in rounding errors of the densest bone."""
LONGEST_STEP_DAYS = 31.0
"""Longest bone step of a history, days, as in a simulation."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PastBone:
    """Bone at the end of a history, and what a simulation must remember of it."""

    state: BoneState
    "state now, fields (nb,); its density is the measured one"
    activity: jax.Array
    "1 remodels, 0 held fixed, (nb,)"
    compact: jax.Array
    "1 compact bone, 0 trabecular, (nb,)"
    log_stimulus: jax.Array
    "ln(stimulus / set point) now under habitual load, (nb,): above 0 where bone was lost"
    before: HormoneLevels
    "hormones before the history, fields (): the balance is measured against them"
    now: HormoneLevels
    "hormones at the end of the history, fields ()"
    igf1_memory: Igf1Memory
    "what bone remembers of IGF-1 now, fields ()"
    start_fraction: jax.Array
    "bone volume fraction at the start of the history, (nb,)"
    density_error: jax.Array
    "density now less the measured one, g/cm3, (nb,)"


def history_course(
    before: HormoneLevels,
    now: HormoneLevels,
    *,
    years: jax.Array | float,
    onset_years: jax.Array | float = 0.0,
    steps: int = 120,
) -> HormoneCourse:
    """Hormones of the years before treatment: from `before` exponentially to `now`.

    Traced in everything but `steps`, so that one program serves persons with different years.

    Args:
      before, now: levels before the deficiency and at its end, fields ().
      years: length of the history.
      onset_years: time constant of the fall; 0 is a sudden one (surgery, castration).
      steps: steps of the course (static); keep years * 365.25 / steps at or below 62 days.

    Returns:
      course of means over each step; its baseline is `before`.
    """
    step_days = jnp.asarray(years, before.aromatase.dtype) * 365.25 / steps
    # A fall within a hundredth of a step is sudden to any digit that matters, and divides by no zero.
    ratio = step_days / jnp.maximum(jnp.asarray(onset_years) * 365.25, 0.01 * step_days)
    edge = jnp.exp(-ratio * jnp.arange(steps + 1, dtype=step_days.dtype))
    left = (edge[:-1] - edge[1:]) / ratio
    levels = jax.tree.map(lambda a, b: b + (a - b) * left, before, now)
    return HormoneCourse(levels=levels, baseline=before, step_days=step_days)


def make_history(
    before: HormoneLevels, now: HormoneLevels, *, years: float, onset_years: float = 0.0, steps: int = 120
) -> HormoneCourse:
    """Checked `history_course`.

    Raises:
      ValueError: years or onset out of range, or too few steps for the years.
    """
    if not 0 < years <= 60:
        raise ValueError(f"`years` must be above 0 and at most 60, got {years}")
    if not 0 <= onset_years <= years:
        raise ValueError(f"`onset_years` must be between 0 and `years` {years:g}, got {onset_years}")
    longest = 2 * LONGEST_STEP_DAYS
    if years * 365.25 / steps > longest:
        raise ValueError(
            f"`steps` must be at least {int(np.ceil(years * 365.25 / longest))} for {years:g} years, got "
            f"{steps}"
        )
    return history_course(before, now, years=years, onset_years=onset_years, steps=steps)


def start_from_history(
    density: jax.Array,
    course: HormoneCourse,
    parameters: BoneParameters,
    *,
    exponent: jax.Array | float = 3.0,
    female: jax.Array | float = 0.0,
    load_factor: jax.Array | None = None,
    compact: jax.Array | float = 0.0,
    checkpoint: bool = True,
) -> PastBone:
    """The bone whose measured density is the end of a history.

    Differentiable by the implicit function theorem in density, course and parameters; two bone steps in a
    step of the course.

    Args:
      density: measured now, g/cm3 hydroxyapatite, (nb,).
      course: hormones of the history, `baseline` those before it; its steps may differ in length, step_days
        (steps,): long ones far back cost little of the answer and spare most of the work.
      parameters: biological parameters.
      exponent: q of the surrogate mechanics.
      female: 1 for a woman, 0 for a man, ().
      load_factor: load of each step of the history over the habitual one, (steps,); 1 if None.
      compact: 1 where the bone is compact, 0 where trabecular, (nb,) or ().
      checkpoint: derivatives repeat the steps instead of keeping them all in memory; static.

    Returns:
      state, activity and memory for `simulate(..., history=)`. Voxels whose density no history ends at (too
      dense, marrow, no room) are held fixed at their density.
    """
    p = parameters
    memory, memory_end = igf1_memory(course, p)
    steps = course.levels.aromatase.shape[0]
    load = jnp.ones(steps, density.dtype) if load_factor is None else load_factor
    dt = jnp.broadcast_to(0.5 * course.step_days, (steps,)).astype(density.dtype)

    def run(fraction, activity):
        start = steady_state(fraction, course.baseline, p, activity, compact)

        def substep(carry, levels, remembered, log_load, dt):
            state, shift = carry

            def stimulus(state):
                ratio = clipped_fraction(state.bone_fraction) / clipped_fraction(fraction)
                return log_load - exponent * jnp.log(ratio)

            def drives(z):
                return cell_drives(levels, course.baseline, z, p, female=female, memory=remembered)

            half, _ = bone_step(state, drives(stimulus(state) - shift), p, 0.5 * dt, activity, compact)
            z = stimulus(half)
            state, flux = bone_step(state, drives(z - shift), p, dt, activity, compact)
            renewed = flux.resorbed / jnp.maximum(state.bone_fraction, 1e-4)
            return state, shift - (z - shift) * jnp.expm1(-p.set_point_reset * renewed)

        def step(carry, inputs):
            levels, remembered, load, dt = inputs
            carry = lax.fori_loop(
                0, 2, lambda _, c: substep(c, levels, remembered, 2.0 * jnp.log(load), dt), carry
            )
            return carry, None

        carry, _ = lax.scan(
            jax.checkpoint(step) if checkpoint else step,
            (start, jnp.zeros_like(fraction)),
            (course.levels, memory, load, dt),
        )
        return carry

    def mineral(fraction):
        return vbmd(run(fraction, 1.0)[0], p.mineral_maximum)

    def secant(residual, fraction):
        tolerance = SEARCH_EPSILONS * jnp.finfo(density.dtype).eps * p.mineral_maximum

        def searching(carry):
            number, _, step, value, _ = carry
            # A voxel that no step moves any more (at an edge of the range) is as good as it gets.
            unfinished = (jnp.abs(value) > tolerance) & (step != 0.0)
            return (number < MOST_SEARCH_STEPS) & jnp.any(unfinished)

        def improved(carry):
            number, fraction, step, before, slope = carry
            value = residual(fraction)
            known = (number > 0) & (step != 0.0)
            slope = jnp.where(known, (value - before) / jnp.where(known, step, 1.0), slope)
            target = fraction - value / jnp.maximum(slope, 0.2 * p.mineral_maximum)
            target = jnp.clip(target, *SEARCH_RANGE)
            return number + 1, target, target - fraction, value, slope

        ones = jnp.ones_like(fraction)
        start = (jnp.zeros((), jnp.int32), fraction, ones, jnp.inf * ones, p.mineral_maximum * ones)
        return lax.while_loop(searching, improved, start)[1]

    fraction = lax.custom_root(
        lambda f: mineral(f) - density,
        jnp.clip(density / p.mineral_maximum, *SEARCH_RANGE),
        secant,
        lambda linear, y: y / linear(jnp.ones_like(y)),
    )
    low, high = FRACTION_RANGE
    open_start = room(steady_state(fraction, course.baseline, p, compact=compact)) >= ROOM_LEFT
    reachable = (fraction >= low) & (fraction <= high) & open_start
    activity = reachable.astype(density.dtype)
    fraction = jnp.where(reachable, fraction, density / p.mineral_maximum)
    state, shift = run(fraction, activity)
    ratio = clipped_fraction(state.bone_fraction) / clipped_fraction(fraction)
    z = 2.0 * jnp.log(load[-1]) - exponent * jnp.log(ratio) - shift
    return PastBone(
        state=state,
        activity=activity,
        compact=compact * jnp.ones_like(density),
        log_stimulus=z * activity,
        before=course.baseline,
        now=jax.tree.map(lambda level: level[-1], course.levels),
        igf1_memory=memory_end,
        start_fraction=fraction,
        density_error=vbmd(state, p.mineral_maximum) - density,
    )
