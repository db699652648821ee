"""Solves on unstructured meshes: conjugate gradients with a chosen preconditioner, implicit derivatives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import lax

from ._mesh_operator import block_diagonal, mesh_product, modulus_dtype, point_moduli
from ._mesh_plan import MeshPlan
from ._solve import NotConvergedError, _conjugate_gradients


class Preconditioner(Protocol):
    """Strategy of a solve on a mesh, a pytree: `Jacobi` or the hierarchy of `make_aggregation`."""

    def approximate_inverse(self, moduli: Any, plan: MeshPlan) -> Callable[[jax.Array], jax.Array]:
        """A symmetric positive map of residuals (nn, 3), float32, zero where held."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Jacobi:
    """Inverse of the diagonal 3 x 3 blocks: no set-up; iterations grow with the elements along an edge."""

    def approximate_inverse(self, moduli, plan: MeshPlan):
        """Inverse diagonal blocks, with the held components left out."""
        single = jnp.float32
        diagonal = block_diagonal(tuple(part.astype(single) for part in moduli), plan, single)
        inverse = inverse_blocks(diagonal, plan.free)
        return lambda residual: jnp.einsum("nij,nj->ni", inverse, residual)


def inverse_blocks(diagonal, free):
    """Inverses of symmetric 3 x 3 blocks restricted to the free components, by cofactors, shape (n, 3, 3)."""
    both = free[:, :, None] & free[:, None, :]
    block = jnp.where(both, diagonal, 0) + jnp.where(free, 0, 1)[:, :, None] * jnp.eye(
        3, dtype=diagonal.dtype
    )
    (a, b, c), (_, d, e), (_, _, f) = (tuple(block[:, i, j] for j in range(3)) for i in range(3))
    cofactors = [
        [d * f - e * e, c * e - b * f, b * e - c * d],
        [c * e - b * f, a * f - c * c, b * c - a * e],
        [b * e - c * d, b * c - a * e, a * d - b * b],
    ]
    determinant = a * cofactors[0][0] + b * cofactors[0][1] + c * cofactors[0][2]
    inverse = jnp.stack([jnp.stack(row, -1) for row in cofactors], -2) / determinant[:, None, None]
    return jnp.where(both, inverse, 0)


class MeshSolveInfo(NamedTuple):
    """Record of a solve on a mesh, all traced; read `converged` before using the displacement."""

    converged: jax.Array
    """Whether the true residual is as asked, boolean."""
    iterations: jax.Array
    """Iterations of conjugate gradients."""
    relative_residual: jax.Array
    """|f - K u| / |f_0| recomputed at the end in the outer precision, f_0 the load of a start from zero."""
    energy: jax.Array
    """Strain energy u . K u / 2, N mm."""


def solve_mesh(
    modulus,
    plan: MeshPlan,
    *,
    preconditioner: Preconditioner,
    rtol=1e-6,
    max_iterations=2000,
    start=None,
    nodal_force=None,
):
    """Displacement of an unstructured mesh under the prescribed displacements of its plan and nodal forces.

    Args:
      modulus: axial Young's modulus, MPa, positive: one per element (ne,), or by type of element one per
        point of integration, {type: (n, q)}. Its dtype is that of the outer iteration.
      plan: the plan of `make_mesh_plan`.
      preconditioner: `Jacobi()` or a hierarchy of `make_aggregation`; carries no derivative and need not
        belong to these moduli.
      rtol: stop when |f - K u| <= rtol |f_0|, f_0 the forces of the prescribed displacements plus
        `nodal_force` on free components. In float32 nothing below about 1e-6 is reachable, and a true
        residual of ten times `rtol` still counts as converged.
      max_iterations: bound on the iterations.
      start: displacement to start from, mm, shape (nn, 3); carries no derivative.
      nodal_force: forces on the nodes, N, shape (nn, 3), for example of `traction_force`.

    Returns:
      displacement: mm, shape (nn, 3).
      info: `MeshSolveInfo`.

    Differentiable in `modulus` and `nodal_force`, forward and reverse, at the cost of one more solve each.

    Reference: implicit derivatives, Christianson 1994, Optim. Methods Softw. 3, 311.
    """
    dtype = modulus_dtype(modulus)
    free = plan.free
    moduli = point_moduli(modulus, plan)
    frozen = lax.stop_gradient(moduli)
    prescribed = plan.prescribed.astype(dtype)
    force = jnp.zeros_like(prescribed) if nodal_force is None else nodal_force.astype(dtype)
    load = jnp.where(free, force - mesh_product(moduli, plan, prescribed), 0)
    inverse = preconditioner.approximate_inverse(frozen, plan)

    def constrained(vector):
        product = mesh_product(moduli, plan, jnp.where(free, vector, 0))
        # the identity where prescribed keeps the adjoint problem regular for any cotangent
        return jnp.where(free, product, vector)

    def approximate_inverse(residual):
        size = jnp.maximum(jnp.sqrt(jnp.vdot(residual, residual)), jnp.finfo(dtype).tiny)
        return size * jnp.where(free, inverse((residual / size).astype(jnp.float32)), 0).astype(dtype)

    guess = None if start is None else jnp.where(free, lax.stop_gradient(start).astype(dtype) - prescribed, 0)

    def run(_, right):
        inside = jnp.where(free, right, 0)
        # an adjoint load has another solution: it starts from zero
        begin = None if guess is None else jnp.where(jnp.all(right == lax.stop_gradient(load)), guess, 0)
        solution, iterations = _conjugate_gradients(
            lambda v: jnp.where(free, mesh_product(frozen, plan, v), 0),
            approximate_inverse,
            inside,
            begin,
            jnp.sqrt(jnp.vdot(inside, inside)),
            rtol,
            max_iterations,
        )
        return jnp.where(free, solution, right), iterations

    solution, iterations = lax.custom_linear_solve(constrained, load, run, symmetric=True, has_aux=True)
    displacement = jnp.where(free, solution, 0) + prescribed
    return displacement, _judge(displacement, frozen, plan, force, load, rtol, iterations)


def _judge(displacement, moduli, plan, force, load, rtol, iterations):
    displacement, force, load = lax.stop_gradient((displacement, force, load))
    internal = mesh_product(moduli, plan, displacement)
    residual = jnp.where(plan.free, force - internal, 0)
    smallest = jnp.finfo(displacement.dtype).tiny
    relative = jnp.sqrt(jnp.vdot(residual, residual) / jnp.maximum(jnp.vdot(load, load), smallest))
    slack = 1.01 if displacement.dtype == jnp.float64 else 10.0
    return MeshSolveInfo(relative <= slack * rtol, iterations, relative, jnp.vdot(displacement, internal) / 2)


_jitted_solve = jax.jit(solve_mesh, static_argnames=("max_iterations",))


def solve_mesh_checked(
    modulus,
    plan: MeshPlan,
    *,
    preconditioner: Preconditioner,
    rtol=1e-6,
    max_iterations=2000,
    start=None,
    nodal_force=None,
):
    """`solve_mesh`, compiled and checked on the host.

    Raises:
      ValueError: moduli of another shape than the plan's elements, or that are not positive.
      NotConvergedError: the true residual was not reached.
    """
    modulus = jax.tree.map(jnp.asarray, modulus)
    _require_moduli(modulus, plan)
    displacement, info = _jitted_solve(
        modulus,
        plan,
        preconditioner=preconditioner,
        rtol=rtol,
        max_iterations=max_iterations,
        start=start,
        nodal_force=nodal_force,
    )
    if not bool(info.converged):
        raise NotConvergedError(
            f"the solve stopped after {int(info.iterations)} iterations at a true relative residual of "
            f"{float(info.relative_residual):.2e} (asked {rtol:.1e}); allow more iterations, loosen `rtol`, "
            "use float64, a hierarchy of fem.make_aggregation made for these moduli, or check the mesh for "
            "parts that hang by a node or an edge"
        )
    return displacement, info


def _require_moduli(modulus, plan):
    if isinstance(modulus, dict):
        expected = {block.name: (block.count, block.weight.shape[1]) for block in plan.blocks}
    else:
        modulus, expected = {"": modulus}, {"": (plan.element_count,)}
    if set(modulus) != set(expected):
        raise ValueError(
            f"`modulus` must have an entry for {sorted(expected)}, one array per type of element; got "
            f"{sorted(modulus)}."
        )
    for name, shape in expected.items():
        label = f"modulus[{name!r}]" if name else "modulus"
        if modulus[name].shape != shape:
            raise ValueError(f"`{label}` must have shape {shape}; got {modulus[name].shape}.")
        wrong = ~(jnp.isfinite(modulus[name]) & (modulus[name] > 0))
        if bool(wrong.any()):
            first = tuple(int(i) for i in jnp.argwhere(wrong)[0])
            raise ValueError(
                f"`{label}` must be positive and finite, MPa; got {int(wrong.sum())} other values, the first "
                f"{float(modulus[name][first])} at {first}; give empty elements a small modulus or leave "
                "them out of the mesh."
            )


def mesh_nodal_forces(displacement, modulus, plan: MeshPlan):
    """Internal forces K u of the nodes, N, shape (nn, 3): the applied forces where free, with the reactions
    where held."""
    return mesh_product(point_moduli(modulus, plan), plan, displacement)


def mesh_reaction(displacement, modulus, plan: MeshPlan, nodes, *, nodal_force=None):
    """Total force of what holds some nodes, N, shape (3,).

    Args:
      displacement: mm, shape (nn, 3).
      modulus: as in `solve_mesh`.
      plan: the plan.
      nodes: indices of the nodes, shape (m,), or one boolean per node, shape (nn,).
      nodal_force: the applied forces of the solve, N, shape (nn, 3), which are taken off.
    """
    force = mesh_nodal_forces(displacement, modulus, plan)
    if nodal_force is not None:
        force = force - nodal_force
    force = jnp.where(plan.free, 0, force)
    nodes = jnp.asarray(nodes)
    if nodes.dtype == bool:
        return jnp.sum(jnp.where(nodes[:, None], force, 0), axis=0)
    return jnp.sum(force[nodes], axis=0)
