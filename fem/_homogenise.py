"""Apparent stiffness of a box of bone from six load cases, with a derivative that needs no further solve."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from ._energy import zero_tangents
from ._plan import Plan
from ._reactions import macroscopic_displacement
from ._several import mutual_energy, solve_several
from ._solve import SolveInfo


def homogenise(modulus, plan: Plan, *, rtol=1e-6, max_iterations=400):
    """Stiffness that a box of bone shows, void counted as part of the box.

    Six solves under unit macroscopic strains, one after the other in one program and with one set of coarse
    operators. C_kl = u_k . K u_l / V, twice the mutual strain energy, which by Hill's condition is also the
    mean stress per macroscopic strain; its error is of the order of the residual squared.

    Args:
      modulus: axial modulus of the elements, MPa, shape (ne,).
      plan: plan of a "kinematic-uniform" or a "periodic" load case, whose size does not matter here.
        Kinematic boundary conditions give an upper bound of the stiffness, the tighter the larger the box;
        periodic ones are exact for a periodic structure.
      rtol, max_iterations: as in `solve`.

    Returns:
      stiffness: Voigt form (xx yy zz yz xz xy, engineering shear), symmetric, MPa, shape (6, 6).
      info: `SolveInfo` of the six cases, every field with a leading axis of 6.

    Differentiable in `modulus`: as each displacement is in equilibrium, dC_kl = u_k . dK u_l / V, at no
    further solve (second derivatives go through `solve`).

    Raises:
      ValueError: the plan is of another load case.

    Reference: Hill 1963, J. Mech. Phys. Solids 11, 357; Huet 1990, J. Mech. Phys. Solids 38, 813 (bounds);
      Pahr and Zysset 2008, Biomech. Model. Mechanobiol. 7, 463 (boundary conditions for trabecular bone).
    """
    if plan.load.definition.motion not in ("affine", "periodic"):
        raise ValueError(
            '`plan` must be of the load case "kinematic-uniform" or "periodic" to homogenise, got '
            f"{plan.load.name!r}"
        )
    return _stiffness(rtol, max_iterations, modulus, lax.stop_gradient(plan))


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _stiffness(rtol, max_iterations, modulus, plan) -> tuple[jax.Array, SolveInfo]:
    displacement, info = _displacements(modulus, plan, rtol, max_iterations)
    return _mean_energy(displacement, modulus, plan), info


@_stiffness.defjvp
def _stiffness_jvp(rtol, max_iterations, primals, tangents):
    modulus, plan = primals
    displacement, info = _displacements(modulus, plan, rtol, max_iterations)
    stiffness = _mean_energy(displacement, modulus, plan)
    change = _mean_energy(displacement, tangents[0], plan)
    return (stiffness, info), (change, zero_tangents(info))


def _displacements(modulus, plan, rtol, max_iterations):
    """Displacements under the six unit strains, mm, shape (6, nn, 3)."""
    strains = jnp.eye(6, dtype=modulus.dtype)
    prescribed = jax.vmap(lambda strain: macroscopic_displacement(strain, plan))(strains)
    return solve_several(modulus, plan, prescribed, rtol=rtol, max_iterations=max_iterations)


def _mean_energy(displacement, modulus, plan):
    nx, ny, nz = plan.shape
    return mutual_energy(displacement, modulus, plan) / (
        nx * ny * nz * plan.voxel_mm.astype(modulus.dtype) ** 3
    )
