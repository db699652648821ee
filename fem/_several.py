"""Several displacements on the same held components of one body: one set of coarse operators, one program."""

import jax
import jax.numpy as jnp
from jax import lax

from ._multigrid import build_values
from ._plan import Plan
from ._solve import nodal_forces, solve


def solve_several(modulus, plan: Plan, prescribed, *, rtol=1e-6, max_iterations=400, start=None):
    """Displacements under several loads of the same held components, one after the other.

    Args:
      modulus: axial modulus of the elements, MPa, shape (ne,).
      plan: the plan; of its own load only what is held matters.
      prescribed: displacements of the held components, mm, shape (loads, nn, 3), for example of
        `with_load(plan, load).prescribed`.
      rtol, max_iterations: as in `solve`.
      start: displacements to start from, mm, shape (loads, nn, 3), or None.

    Returns:
      displacement: mm, shape (loads, nn, 3).
      info: `SolveInfo` with a leading axis of loads.
    """
    coarse = build_values(lax.stop_gradient(modulus), plan if plan.cell is None else plan.cell)

    def one(arguments):
        moved, begin = arguments
        return solve(
            modulus,
            plan,
            rtol=rtol,
            max_iterations=max_iterations,
            prescribed=moved,
            start=begin,
            coarse=coarse,
        )

    return lax.map(one, (prescribed, start))


def mutual_energy(displacement, modulus, plan: Plan) -> jax.Array:
    """u_k . K u_l of several displacements, N mm, shape (loads, loads): twice their mutual strain energy.

    Per unit sizes of the loads it is the stiffness that couples them: generalised forces = matrix @ sizes.

    Args:
      displacement: mm, shape (loads, nn, 3).
      modulus: axial modulus of the elements, MPa, shape (ne,).
      plan: the plan.
    """
    rows = displacement.reshape(displacement.shape[0], -1)
    return lax.map(lambda u: rows @ jnp.ravel(nodal_forces(u, modulus, plan)), displacement)
