"""Conjugate gradients with the multigrid preconditioner, differentiable by the implicit function theorem."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from . import _native
from ._multigrid import SETTINGS, build_values, flat_levels, free_modes, precondition
from ._operator import apply_scaled, from_padded, to_padded, unit_stiffness
from ._periodic import solve_periodic
from ._plan import Plan
from ._reactions import is_converged, judge_balance


class SolveInfo(NamedTuple):
    """Record of a solve, all traced; read `converged` before using the displacement."""

    converged: jax.Array
    """Whether the true residual and the agreement of the two face forces are as asked, boolean."""
    iterations: jax.Array
    """Iterations of conjugate gradients."""
    relative_residual: jax.Array
    """|f - K u| / |f_0| recomputed at the end in the outer precision, f_0 the load of the start, or a
    thousandth of the nodal forces at the end where that is more (f_0 may vanish in a uniform body)."""
    reaction_n: jax.Array
    """Force of the load case along z, N, negative in compression. Where the top moves along z it is the work
    of the load over that displacement, with an error of the order of the residual squared, that of the two
    below of the residual; in other cases it is the force of the bottom face, turned round."""
    force_bottom_n: jax.Array
    """Force of the platen on the face z = 0 along z, N."""
    force_top_n: jax.Array
    """Force of the platen on the face z = nz along z, N; negative in compression."""
    force_mismatch: jax.Array
    """How far the reactions and the loads are from balance, -. Where the top moves along z:
    |bottom + top + loads| / the larger of the two; in other cases the larger of |sum of reactions and loads|
    / half the sum of their sizes and the same of their moments; of a periodic load what remains of the forces
    of opposite faces on each other, over their sizes."""
    generalised_displacement: jax.Array
    """Size of the load: displacement of the top in mm, angle in rad, strains; of a force or a pressure the
    mean displacement of the loaded face along it, mm. Shape (), or (6,) for a macroscopic strain, which is
    nan when `prescribed` was given."""
    generalised_force: jax.Array
    """What does work on that size: force in N, moment in N mm, mean (shear) stress over the box in MPa, by
    the work of the load; shape (), or (6,) for a macroscopic strain. See `describe_load`."""


class NotConvergedError(RuntimeError):
    """A solve that did not reach what was asked of it."""


def _coefficient(modulus, plan):
    shape = plan.levels[0].connectivity.shape[:2]
    padded = jnp.zeros(shape[0] * shape[1], modulus.dtype).at[: modulus.shape[0]].set(modulus)
    return (padded * plan.voxel_mm.astype(modulus.dtype)).reshape(shape)


def stiffness_product(modulus, plan, vector):
    """K u without constraints, padded form; compiled where possible, its derivatives plain."""
    return _product(_chosen_product, modulus, plan, vector)


def _plain_product(modulus, plan, vector):
    """The same, linear for every transformation of JAX."""
    return _product(_apply_scaled, modulus, plan, vector)


def _product(apply, modulus, plan, vector):
    unit = unit_stiffness(plan.material, vector.dtype)
    level = plan.levels[0]
    return apply(_coefficient(modulus, plan), vector, (level.connectivity, level.run, level.reach), unit)


def _apply_scaled(coefficient, vector, elements, unit):
    return apply_scaled(coefficient, vector, elements[0], unit)


@jax.custom_jvp
def _chosen_product(coefficient, vector, elements, unit):
    arguments = (coefficient, vector, elements, unit)
    return _native.choose(*arguments, compiled=_native.product, plain=_apply_scaled)


@_chosen_product.defjvp
def _chosen_product_jvp(primals, tangents):
    coefficient, vector, elements, unit = primals
    value = _chosen_product(*primals)
    by_coefficient = _apply_scaled(tangents[0], vector, elements, unit)
    return value, by_coefficient + _apply_scaled(coefficient, tangents[1], elements, unit)


def _conjugate_gradients(matrix, approximate_inverse, right, start, size, rtol, max_iterations):
    """Flexible (Polak-Ribiere) preconditioned conjugate gradients: the float32 cycle is not quite linear."""

    def norm(vector):
        return jnp.sqrt(jnp.vdot(vector, vector))

    def go_on(state):
        _, residual, _, _, _, iteration = state
        return (norm(residual) > rtol * size) & (iteration < max_iterations)

    def step(state):
        solution, residual, direction, rho, change, iteration = state
        scaled = approximate_inverse(residual)
        rho_new = jnp.vdot(residual, scaled)
        # z.(r - r_before) equals z.r for a linear inverse; single precision holds the difference well enough
        beta = jnp.where(iteration == 0, 0, size * jnp.vdot(change.astype(scaled.dtype), scaled) / rho)
        direction = scaled + beta * direction
        product = matrix(direction)
        alpha = rho_new / jnp.vdot(direction, product)
        return (
            solution + alpha * direction,
            residual - alpha * product,
            direction,
            rho_new,
            (-alpha / size * product).astype(change.dtype),
            iteration + 1,
        )

    residual = right if start is None else right - matrix(start)
    zero = jnp.zeros_like(right)
    one = jnp.ones((), right.dtype)
    small = jnp.zeros(right.shape, jnp.float32)
    first = (zero if start is None else start, residual, zero, one, small, jnp.zeros((), jnp.int32))
    solution, *_, iterations = lax.while_loop(go_on, step, first)
    return solution, iterations


def solve(
    modulus,
    plan: Plan,
    *,
    rtol=1e-6,
    max_iterations=400,
    start=None,
    nodal_force=None,
    prescribed=None,
    coarse=None,
):
    """Displacement of a voxel body under the load case of its plan.

    Args:
      modulus: axial Young's modulus of the elements, MPa, positive, shape (ne,). Its dtype is that of the
        outer iteration; the preconditioner runs in float32.
      plan: the plan of `make_plan`.
      rtol: stop when |f - K u| <= rtol |f_0|, f_0 the nodal forces of the prescribed displacements alone
        plus `nodal_force`. At 1e-6 the reaction of porous bone is good to about 1e-5. In float32 nothing
        below about 1e-6 is reachable, and a true residual of ten times `rtol` still counts as converged.
      max_iterations: bound on the iterations.
      start: displacement to start from, mm, shape (nn, 3), for example that of the previous month. It does
        not change the answer beyond `rtol` and carries no derivative.
      nodal_force: forces on the nodes beside the load case, N, shape (nn, 3).
      prescribed: displacements of the held components in place of those of the load case, mm, shape (nn, 3);
        entries of free components are ignored. What is held stays as it is, so that one plan serves many
        loads; `info` then measures its generalised force on the pattern of the plan's own load.
      coarse: what `build_values` made of these or similar moduli, to be shared by several solves.

    Returns:
      displacement: mm, shape (nn, 3). Without in-plane hold (`uniaxial`) it is the one without mean
        translation and turn in the plane; of a periodic load the one whose repeating part has no mean.
      info: `SolveInfo`.

    Differentiable in `modulus`, `nodal_force` and `prescribed`, forward and reverse, at the cost of one more
    solve each.

    Reference: multigrid-preconditioned conjugate gradients, Tatebe 1993; implicit derivatives,
    Christianson 1994, Optim. Methods Softw. 3, 311.

    A bar of 4 x 4 x 8 mm and 1000 MPa, shortened by 1 % between smooth platens, pushes back with 160 N:

    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> import fem
    >>> plan = fem.make_plan(np.ones((4, 4, 8), bool), 1.0, fem.load_case("uniaxial", strain=-0.01))
    >>> displacement, info = fem.solve(jnp.full(128, 1000.0), plan)
    >>> bool(info.converged), round(float(info.reaction_n), 2), displacement.shape
    (True, -160.0, (225, 3))
    """
    if plan.cell is not None:
        return solve_periodic(
            solve,
            nodal_forces,
            modulus,
            plan,
            rtol=rtol,
            max_iterations=max_iterations,
            start=start,
            nodal_force=nodal_force,
            prescribed=prescribed,
            coarse=coarse,
        )
    dtype = modulus.dtype
    level = plan.levels[0]
    free = level.free
    own = prescribed is None
    prescribed = to_padded((plan.prescribed if own else prescribed).astype(dtype))
    prescribed = jnp.where(free, 0, prescribed)
    force = jnp.zeros_like(prescribed) if nodal_force is None else to_padded(nodal_force.astype(dtype))
    if plan.applied is not None:
        force = force + to_padded(plan.applied.astype(dtype))
    load = jnp.where(free, force - stiffness_product(modulus, plan, prescribed), 0)
    frozen = lax.stop_gradient(modulus)
    values, inverse = lax.stop_gradient(build_values(frozen, plan) if coarse is None else coarse)
    modes = free_modes(plan, level, dtype) if plan.free_motions else None

    def constrained(vector):
        product = _plain_product(modulus, plan, jnp.where(free, vector, 0))
        # the identity where prescribed keeps the adjoint problem regular for any cotangent
        return jnp.where(free, product, vector)

    def approximate_inverse(residual):
        size = jnp.maximum(jnp.sqrt(jnp.vdot(residual, residual)), jnp.finfo(dtype).tiny)
        cycle = precondition(plan, values, inverse, (residual / size).astype(jnp.float32))
        return without(modes, size * cycle.astype(dtype))

    guess = None if start is None else jnp.where(free, to_padded(lax.stop_gradient(start).astype(dtype)), 0)

    def run(_, right):
        # an adjoint load has another solution: it starts from zero
        begin = None if guess is None else jnp.where(jnp.all(right == lax.stop_gradient(load)), guess, 0)
        compilable = len(plan.levels) > 1
        return _native.choose(right, begin, compiled=run_compiled, plain=run_plain, when=compilable)

    def run_plain(right, begin):
        inside = without(modes, jnp.where(free, right, 0))
        size = jnp.sqrt(jnp.vdot(inside, inside))
        solution, iterations = _conjugate_gradients(
            lambda v: jnp.where(free, _plain_product(frozen, plan, v), 0),
            approximate_inverse,
            inside,
            begin,
            size,
            rtol,
            max_iterations,
        )
        return jnp.where(free, solution, right), iterations

    def run_compiled(right, begin):
        return _native.conjugate_gradients(
            _coefficient(frozen, plan),
            right,
            begin,
            modes,
            rtol,
            unit_stiffness(plan.material, dtype),
            flat_levels(plan, values, inverse),
            SETTINGS,
            max_iterations,
        )

    solution, iterations = lax.custom_linear_solve(constrained, load, run, symmetric=True, has_aux=True)
    solution = without(modes, jnp.where(free, solution, 0))
    displacement = solution + prescribed
    given = None if own else lax.stop_gradient(prescribed)
    info = _judge(lax.stop_gradient(displacement), frozen, plan, force, load, rtol, iterations, given)
    return from_padded(displacement, plan.nodes.shape[0]), info


def without(modes, vector):
    """The part of a nodal vector that is orthogonal to rigid motions which cost no energy."""
    if modes is None:
        return vector
    return vector - jnp.einsum("m,man->an", jnp.einsum("man,an->m", modes, vector), modes)


def _judge(displacement, modulus, plan, force, load, rtol, iterations, given=None):
    load, force = lax.stop_gradient(load), lax.stop_gradient(force)
    internal = stiffness_product(modulus, plan, displacement)
    residual = jnp.where(plan.levels[0].free, force - internal, 0)
    smallest = jnp.finfo(modulus.dtype).tiny
    reference = jnp.maximum(jnp.vdot(load, load), 1e-6 * jnp.vdot(internal, internal))
    relative = jnp.sqrt(jnp.vdot(residual, residual) / jnp.maximum(reference, smallest))
    vectors = (displacement, internal, force, residual, given)
    nodes = plan.nodes.shape[0]
    balance = judge_balance(plan, *(None if v is None else from_padded(v, nodes) for v in vectors))
    converged = is_converged(relative, balance.mismatch, rtol)
    return SolveInfo(converged, iterations, relative, *balance)


def top_displacement(plan: Plan):
    """Mean displacement of the top along z that the load case prescribes, mm, negative in compression."""
    return jnp.sum(jnp.where(plan.top, plan.prescribed[:, 2], 0)) / jnp.sum(plan.top)


def nodal_forces(displacement, modulus, plan: Plan):
    """Internal forces K u of the nodes, N, shape (nn, 3): zero inside, the reactions where held."""
    return from_padded(_plain_product(modulus, plan, to_padded(displacement)), displacement.shape[0])


def face_forces(displacement, modulus, plan: Plan):
    """Forces of the platens on the faces z = 0 and z = nz, N, two arrays of shape (3,)."""
    force = nodal_forces(displacement, modulus, plan)
    bottom = jnp.sum(jnp.where(plan.bottom[:, None], force, 0), axis=0)
    top = jnp.sum(jnp.where(plan.top[:, None], force, 0), axis=0)
    return bottom, top


def require_converged(info: SolveInfo, *, rtol: float) -> None:
    """Raise `NotConvergedError` with what was reached and what to try, unless the solve converged."""
    if bool(info.converged):
        return
    raise NotConvergedError(
        f"the solve stopped after {int(info.iterations)} iterations at a true relative residual of "
        f"{float(info.relative_residual):.2e} (asked {rtol:.1e}) with face forces of "
        f"{float(info.force_bottom_n):.6g} and {float(info.force_top_n):.6g} N along z and reactions out of "
        f"balance by {float(info.force_mismatch):.1e}; allow more iterations, loosen `rtol`, use float64, or "
        "check the mask for parts that hang by an edge"
    )


def require_element_values(name: str, values: jax.Array, plan: Plan) -> None:
    """Raise `ValueError` unless `values` are one positive finite number per element of the plan."""
    count = plan.elements.shape[0]
    if values.shape != (count,):
        raise ValueError(
            f"`{name}` must hold one value per element, shape ({count},), got {values.shape}; "
            "a grid becomes an element vector by grid[mask]"
        )
    wrong = ~(jnp.isfinite(values) & (values > 0))
    if bool(wrong.any()):
        first = int(jnp.argmax(wrong))
        raise ValueError(
            f"`{name}` must be positive and finite, got {int(wrong.sum())} other values, the first "
            f"{float(values[first])} at element {first}, voxel {plan.elements[first].tolist()}; "
            "leave empty voxels out of the mask"
        )


_jitted_solve = jax.jit(solve, static_argnames=("max_iterations",))


def solve_checked(
    modulus,
    plan: Plan,
    *,
    rtol=1e-6,
    max_iterations=400,
    start=None,
    nodal_force=None,
    prescribed=None,
):
    """`solve`, compiled and checked on the host.

    Raises:
      ValueError: `modulus` has another shape than the plan's elements, or entries that are not positive.
      NotConvergedError: the true residual or the agreement of the face forces was not reached.
    """
    modulus = jnp.asarray(modulus)
    require_element_values("modulus", modulus, plan)
    displacement, info = _jitted_solve(
        modulus,
        plan,
        rtol=rtol,
        max_iterations=max_iterations,
        start=start,
        nodal_force=nodal_force,
        prescribed=prescribed,
    )
    require_converged(info, rtol=rtol)
    return displacement, info
