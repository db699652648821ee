"""Load stepping of an elastoplastic voxel body: Newton's method with multigrid-preconditioned inner solves.

Every increment minimises a convex potential (see `_yield.py`), so that Newton's method with a line search
finds its one minimum from anywhere. The start is the straight continuation of the two increments before,
which meets the new prescribed displacements by itself.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ._multigrid import build_values, free_modes, precondition
from ._operator import from_padded, to_padded
from ._plan import Plan
from ._plastic_body import (
    advance_history,
    history_of_elements,
    internal_force,
    make_blocks,
    no_history,
    to_elements,
    yielded_points,
)
from ._reactions import load_size
from ._solve import NotConvergedError, nodal_forces, require_element_values, solve, without
from ._yield import YieldSurface

LOOSEST_INNER = 0.1
"""Largest relative residual at which an inner solve stops (Eisenstat, Walker 1996, choice 2)."""
DERIVATIVE_RTOL = 1e-7
"""Largest relative residual at which the linear solve of a derivative stops."""
LINE_SEARCH_STEPS = 6
"""Most cuts of a Newton step."""
OVERSHOOT = 0.5
"""A step is cut while the slope along it, beyond the minimum, is more than this part of that at its start."""


class StepInfo(NamedTuple):
    """Record of the increments, all traced, shape (steps,) each; read `converged` before using the curve."""

    converged: jax.Array
    "whether the true residual is as asked, boolean"
    newton_iterations: jax.Array
    "Newton iterations"
    linear_iterations: jax.Array
    "iterations of conjugate gradients, all Newton iterations together"
    relative_residual: jax.Array
    "|internal forces where free| / |internal forces where held|, at the end of the increment"
    residual_history: jax.Array
    "the same before every Newton iteration and at the end, NaN after it, shape (steps, max_newton + 1)"


class FailureCurve(NamedTuple):
    """Force over displacement of a body under growing load, from the unloaded state (not listed)."""

    displacement_mm: jax.Array
    """displacement of the top along z, mm, negative in compression, shape (steps,); in other load cases the
    size of the load, mm or rad"""
    force_n: jax.Array
    """force of the platen on the top along z, N, negative in compression, shape (steps,); in other load cases
    what does work on that size, N or N mm"""
    stiffness_n_per_mm: jax.Array
    "stiffness of the body before anything yields, N/mm, scalar; else in the units of the two above"
    yielded_share: jax.Array
    "share of the volume of every element that has flown at the end, -, shape (ne,)"
    yielded_volume: jax.Array
    "share of the volume of the body that has flown, -, shape (steps,); caps count as body"
    stored_n_mm: jax.Array
    "energy of elastic strain and of hardening, N mm, shape (steps,)"
    dissipated_n_mm: jax.Array
    "energy dissipated since the start, N mm, shape (steps,)"
    displacement: jax.Array
    "nodal displacement at the end, mm, shape (nn, 3)"
    history: jax.Array
    """plastic strain, order xx yy zz yz xz xy, and accumulated plastic strain at the eight Gauss points of
    every element at the end, shape (ne, 8, 7)"""


def _require_moved(plan: Plan) -> None:
    if plan.applied is not None or plan.cell is not None or len(plan.load.size) > 1:
        raise ValueError(
            f"`plan` must move the body by one displacement or angle, got the load case {plan.load.name!r}; "
            "push with displacements, as beyond yield a force may have no answer"
        )


def _norm(vector):
    return jnp.sqrt(jnp.vdot(vector, vector))


def free_components(plan: Plan):
    """Components of the nodes that are not prescribed, boolean, shape (nn, 3)."""
    return from_padded(plan.levels[0].free, plan.nodes.shape[0])


def _preconditioner(coarse, plan, dtype):
    """Approximate inverse of the elastic stiffness on nodal vectors (nn, 3), and removal of free motions."""
    values, inverse = coarse
    modes = free_modes(plan, plan.levels[0], dtype) if plan.free_motions else None

    def apply(residual):
        size = jnp.maximum(_norm(residual), jnp.finfo(dtype).tiny)
        cycle = precondition(plan, values, inverse, to_padded((residual / size).astype(jnp.float32)))
        return without_rigid(size * from_padded(cycle, residual.shape[0]).astype(dtype))

    def without_rigid(vector):
        return from_padded(without(modes, to_padded(vector)), vector.shape[0])

    return apply, without_rigid


def _conjugate_gradients(product, approximate_inverse, right, target, max_iterations):
    """Flexible preconditioned conjugate gradients from zero until |residual| <= target."""

    def go_on(state):
        _, residual, _, _, _, iteration = state
        return (_norm(residual) > target) & (iteration < max_iterations)

    def step(state):
        solution, residual, direction, rho, change, iteration = state
        scaled = approximate_inverse(residual)
        beta = jnp.where(iteration == 0, 0, jnp.vdot(change, scaled) / rho)
        direction = scaled + beta * direction
        image = product(direction)
        rho = jnp.vdot(residual, scaled)
        alpha = rho / jnp.vdot(direction, image)
        return (
            solution + alpha * direction,
            residual - alpha * image,
            direction,
            rho,
            -alpha * image,
            iteration + 1,
        )

    zero = jnp.zeros_like(right)
    first = (zero, right, zero, jnp.ones((), right.dtype), zero, jnp.zeros((), jnp.int32))
    solution, *_, iterations = lax.while_loop(go_on, step, first)
    return solution, iterations


def _equilibrium(force, free, approximate_inverse, without_rigid, start, rtol, max_newton, max_iterations):
    """Displacement, zero where held, whose internal forces vanish where free, and the `StepInfo`."""

    def residual_of(displacement):
        internal = force(displacement)
        held = _norm(jnp.where(free, 0, internal))
        return -jnp.where(free, internal, 0), jnp.maximum(held, jnp.finfo(start.dtype).tiny)

    def go_on(state):
        _, residual, held, _, count, *_ = state
        return (_norm(residual) > rtol * held) & (count < max_newton)

    def newton(state):
        displacement, residual, held, before, count, linear, history = state
        size = _norm(residual)
        # no tighter than the next residual can use: quadratic convergence at the least work
        forcing = jnp.where(count == 0, LOOSEST_INNER, 0.9 * (size / before) ** 2)
        target = jnp.maximum(jnp.minimum(LOOSEST_INNER, forcing) * size, 0.3 * rtol * held)
        product = jax.linearize(force, displacement)[1]
        change, iterations = _conjugate_gradients(
            lambda v: jnp.where(free, product(v), 0),
            approximate_inverse,
            residual,
            target,
            max_iterations,
        )
        displacement, residual, held = _line_search(residual_of, displacement, residual, change)
        history = history.at[count + 1].set(_norm(residual) / held)
        return displacement, residual, held, size, count + 1, linear + iterations, history

    residual, held = residual_of(start)
    zero = jnp.zeros((), jnp.int32)
    history = jnp.full((max_newton + 1,), jnp.nan, start.dtype).at[0].set(_norm(residual) / held)
    first = (start, residual, held, _norm(residual), zero, zero, history)
    displacement, residual, held, _, count, linear, history = lax.while_loop(go_on, newton, first)
    relative = _norm(residual) / held
    slack = 1.01 if start.dtype == jnp.float64 else 10.0
    return without_rigid(displacement), StepInfo(relative <= slack * rtol, count, linear, relative, history)


def _line_search(residual_of, displacement, residual, change):
    """The step along `change` at which the slope of the potential no longer points far back."""
    slope = jnp.vdot(residual, change)

    def go_on(state):
        _, _, _, beyond, tries = state
        return (tries == 0) | ((beyond < -OVERSHOOT * slope) & (tries <= LINE_SEARCH_STEPS))

    def attempt(state):
        length, _, _, beyond, tries = state
        # zero of the straight line between the slopes at the start and at the last attempt
        length = jnp.where(tries == 0, 1, length * jnp.clip(slope / (slope - beyond), 0.1, 0.9))
        trial, held = residual_of(displacement + length * change)
        return length, trial, held, jnp.vdot(trial, change), tries + 1

    one = jnp.ones((), change.dtype)
    first = (one, residual, one, -slope, jnp.zeros((), jnp.int32))
    length, trial, held, *_ = lax.while_loop(go_on, attempt, first)
    return displacement + length * change, trial, held


def force_displacement(
    modulus,
    yield_stress,
    plan: Plan,
    surface: YieldSurface,
    factors,
    *,
    rtol=1e-6,
    max_newton: int = 30,
    max_iterations: int = 1000,
) -> tuple[FailureCurve, StepInfo]:
    """Force of an elastoplastic body while the displacements of its load case grow.

    Args:
      modulus: axial modulus of the elements, MPa, positive, shape (ne,).
      yield_stress: uniaxial compressive yield stress of the elements, MPa, positive, shape (ne,); for tissue,
        yield strain x modulus. An element with a very large one stays elastic (cement caps).
      plan: the plan; its material is the elastic one. Its load case must prescribe displacements of one size.
      surface: shape of the elastic domain and hardening.
      factors: multiples of the load case of the plan, one per increment, shape (steps,). They may fall again:
        unloading is elastic.
      rtol: an increment ends when the norm of the internal forces where free is at most `rtol` times that
        where held. In float32 nothing below about 1e-5 is reachable.
      max_newton: bound on the Newton iterations of an increment.
      max_iterations: bound on the iterations of one inner solve.

    Returns:
      curve: `FailureCurve`.
      info: `StepInfo`.

    Raises:
      ValueError: a load case by force, periodic or of six strains.

    Differentiable in `modulus`, `yield_stress` and `factors`, forward and reverse, through the whole history
    by the implicit function theorem: one linear solve with the consistent tangent per increment.

    Limits: small strains, no contact between trabeculae, no softening: with hardening the force grows as long
      as the displacement does.

    Reference: Simo, Taylor 1985, Comput Methods Appl Mech Eng 48:101 (consistent tangent).
    """
    _require_moved(plan)
    dtype = modulus.dtype
    factors = jnp.asarray(factors, dtype)
    free = free_components(plan)
    prescribed = plan.prescribed.astype(dtype)
    coarse = build_values(lax.stop_gradient(modulus), plan)
    elastic, elastic_info = solve(
        modulus, plan, rtol=0.1 * rtol, max_iterations=max_iterations, coarse=coarse
    )
    approximate_inverse, without_rigid = _preconditioner(coarse, plan, dtype)
    blocks = make_blocks(modulus, yield_stress, plan)
    derivative_rtol = jnp.minimum(0.1 * rtol, DERIVATIVE_RTOL).astype(dtype)

    def increment(carry, factor):
        displacement, before, history, spent, factor_now, factor_before = carry
        ratio = (factor - factor_now) / (factor_now - factor_before)
        start = lax.stop_gradient(displacement + ratio * (displacement - before))

        def force_of(unknown):
            whole = jnp.where(free, unknown, factor * prescribed)
            return internal_force(whole, blocks, history, plan, surface)

        def equation(unknown):
            # the identity where held keeps the adjoint problem regular for any cotangent
            return jnp.where(free, force_of(unknown), unknown)

        def find(_, guess):
            solution, info = _equilibrium(
                force_of, free, approximate_inverse, without_rigid, guess, rtol, max_newton, max_iterations
            )
            # custom_root gives integers beside the root a tangent that jax then refuses
            return solution, jax.tree.map(lambda value: value.astype(dtype), info)

        def tangent_solve(tangent, right):
            def run(matrix, right):
                inside = without_rigid(jnp.where(free, right, 0))
                solution, _ = _conjugate_gradients(
                    matrix, approximate_inverse, inside, derivative_rtol * _norm(inside), max_iterations
                )
                return jnp.where(free, without_rigid(solution), right)

            return lax.custom_linear_solve(tangent, right, run, symmetric=True)

        inside = jnp.where(free, start, 0)
        reached, info = lax.custom_root(equation, inside, find, tangent_solve, has_aux=True)
        reached = jnp.where(free, reached, factor * prescribed)
        force, history, energies = advance_history(reached, blocks, history, plan, surface)
        spent = spent + energies.dissipated
        # held or not, only what the load case moves counts: its pattern is zero elsewhere
        reaction = jnp.vdot(jnp.where(free, 0, prescribed), force) / size
        flown = jnp.sum(yielded_points(history, blocks)) / modulus.shape[0]
        carry = (reached, displacement, history, spent, factor, factor_now)
        return carry, (reaction, flown, energies.stored, spent, info)

    zero = jnp.zeros((), dtype)
    # as if the body had come from the elastic answer to minus one time the load
    start = (jnp.zeros_like(elastic), -lax.stop_gradient(elastic), no_history(blocks), zero, zero, zero - 1)
    size = load_size(plan, dtype)
    (reached, _, history, *_), rows = lax.scan(increment, start, factors)
    force, flown, stored, spent, info = rows
    info = info._replace(
        converged=(info.converged > 0) & (elastic_info.relative_residual <= 10 * rtol),
        newton_iterations=info.newton_iterations.astype(jnp.int32),
        linear_iterations=info.linear_iterations.astype(jnp.int32),
    )
    work = jnp.vdot(elastic, nodal_forces(elastic, modulus, plan))
    curve = FailureCurve(
        displacement_mm=factors * size,
        force_n=force,
        stiffness_n_per_mm=work / size**2,
        yielded_share=to_elements(yielded_points(history, blocks), plan),
        yielded_volume=flown,
        stored_n_mm=stored,
        dissipated_n_mm=spent,
        displacement=reached,
        history=history_of_elements(history, plan, surface),
    )
    return curve, info


def _tell(info: StepInfo, factors, rtol) -> str:
    step = int(jnp.argmin(info.converged))
    return (
        f"increment {step + 1} of {len(factors)}, at {float(factors[step]):.4g} times the load case, stopped "
        f"after {int(info.newton_iterations[step])} Newton iterations with "
        f"{int(info.linear_iterations[step])} iterations of conjugate gradients at a residual of "
        f"{float(info.relative_residual[step]):.2e} (asked {rtol:.1e}); take smaller increments, allow more "
        "iterations, loosen `rtol`, use float64, or raise the hardening of the surface"
    )


_jitted = jax.jit(force_displacement, static_argnames=("surface", "max_newton", "max_iterations"))


def force_displacement_checked(
    modulus,
    yield_stress,
    plan: Plan,
    surface: YieldSurface,
    factors,
    *,
    rtol=1e-6,
    max_newton: int = 30,
    max_iterations: int = 1000,
) -> tuple[FailureCurve, StepInfo]:
    """`force_displacement`, compiled and checked on the host.

    Raises:
      ValueError: `modulus` or `yield_stress` have another shape than the plan's elements or entries that are
        not positive, or `factors` are not a row of finite numbers that begins with one other than zero.
      NotConvergedError: an increment that did not reach `rtol`.
    """
    modulus, yield_stress = jnp.asarray(modulus), jnp.asarray(yield_stress)
    for name, values in (("modulus", modulus), ("yield_stress", yield_stress)):
        require_element_values(name, values, plan)
    factors = jnp.asarray(factors, modulus.dtype)
    steps = jnp.diff(factors, prepend=0)
    if factors.ndim != 1 or factors.size == 0 or not bool(jnp.all(jnp.isfinite(factors) & (steps != 0))):
        raise ValueError(
            "`factors` must be a row of finite multiples of the load case, each other than the one before "
            f"and the first other than zero, got {factors.tolist()}; for example linspace(0, 1, 21)[1:]"
        )
    curve, info = _jitted(
        modulus,
        yield_stress,
        plan,
        surface,
        factors,
        rtol=rtol,
        max_newton=max_newton,
        max_iterations=max_iterations,
    )
    if not bool(info.converged.all()):
        raise NotConvergedError(_tell(info, factors, rtol))
    return curve, info
