"""Strain energy of a solve on an unstructured mesh, with the derivative that needs no second solve."""

from functools import partial

import jax
import jax.numpy as jnp

from ._energy import zero_tangents
from ._mesh_operator import mesh_product, point_moduli
from ._mesh_plan import MeshPlan
from ._mesh_solve import MeshSolveInfo, Preconditioner, solve_mesh


def mesh_strain_energy(
    modulus, plan: MeshPlan, *, preconditioner: Preconditioner, rtol=1e-6, max_iterations=2000, start=None
):
    """Strain energy of a mesh under prescribed displacements alone.

    The displacement minimises the energy: dW/dE_e = u_e^T K_e(1) u_e / 2 (Rayleigh-Ritz), so that the value
    and its gradient with respect to all moduli cost one solve. Second derivatives go through `solve_mesh`.

    Args:
      modulus, plan, preconditioner, rtol, max_iterations, start: as in `solve_mesh`.

    Returns:
      energy: N mm, scalar.
      info: `MeshSolveInfo`.
    """
    plan, preconditioner, start = jax.lax.stop_gradient((plan, preconditioner, start))
    return _energy(rtol, max_iterations, modulus, plan, preconditioner, start)


def _quadratic(displacement, modulus, plan):
    return jnp.vdot(displacement, mesh_product(point_moduli(modulus, plan), plan, displacement)) / 2


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _energy(rtol, max_iterations, modulus, plan, preconditioner, start) -> tuple[jax.Array, MeshSolveInfo]:
    displacement, info = solve_mesh(
        modulus, plan, preconditioner=preconditioner, rtol=rtol, max_iterations=max_iterations, start=start
    )
    return _quadratic(displacement, modulus, plan), info


@_energy.defjvp
def _energy_jvp(rtol, max_iterations, primals, tangents):
    modulus, plan, preconditioner, start = primals
    displacement, info = solve_mesh(
        modulus, plan, preconditioner=preconditioner, rtol=rtol, max_iterations=max_iterations, start=start
    )
    energy = _quadratic(displacement, modulus, plan)
    change = _quadratic(displacement, tangents[0], plan)
    return (energy, info), (change, zero_tangents(info))
