"""Strain energy of a solve, with the derivative that needs no second solve."""

from functools import partial

import jax
import jax.numpy as jnp

from ._plan import Plan
from ._solve import SolveInfo, nodal_forces, solve


def strain_energy(modulus, plan: Plan, *, rtol=1e-6, max_iterations=400, start=None):
    """Strain energy of a body under its load case.

    The displacement minimises the potential, so its own change drops out of the derivative:
    dW/dE_e = u_e^T K_e(1) u_e / 2 under prescribed displacements, and minus that under forces
    (Rayleigh-Ritz). Value and gradient with respect to all moduli cost one solve; second
    derivatives go through `solve` and are exact.

    Args:
      modulus: axial modulus of the elements, MPa, shape (ne,).
      plan: the plan; no derivative is taken with respect to it.
      rtol, max_iterations, start: as in `solve`.

    Returns:
      energy: N mm, scalar.
      info: `SolveInfo`.

    Energy is linear in the modulus of a uniform body, so that the gradient sums to energy over modulus:

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> import fem
    >>> plan = fem.make_plan(np.ones((4, 4, 8), bool), 1.0, fem.load_case("uniaxial", strain=-0.01))
    >>> modulus = jnp.full(128, 1000.0)
    >>> (energy, info), gradient = jax.value_and_grad(strain_energy, has_aux=True)(modulus, plan)
    >>> round(float(energy), 4), round(1000 * float(gradient.sum()), 4)
    (6.4, 6.4)
    """
    plan = jax.lax.stop_gradient(plan)
    if start is not None:
        start = jax.lax.stop_gradient(start)
    return _energy(rtol, max_iterations, modulus, plan, start)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _energy(rtol, max_iterations, modulus, plan, start) -> tuple[jax.Array, SolveInfo]:
    displacement, info = solve(modulus, plan, rtol=rtol, max_iterations=max_iterations, start=start)
    return _quadratic(displacement, modulus, plan), info


def _quadratic(displacement, modulus, plan):
    return jnp.vdot(displacement, nodal_forces(displacement, modulus, plan)) / 2


@_energy.defjvp
def _energy_jvp(rtol, max_iterations, primals, tangents):
    modulus, plan, start = primals
    displacement, info = solve(modulus, plan, rtol=rtol, max_iterations=max_iterations, start=start)
    # the energy is linear in the moduli at a given displacement, which does not move it to first order
    energy = _quadratic(displacement, modulus, plan)
    change = _quadratic(displacement, tangents[0], plan)
    if plan.applied is not None:
        # stiffer bone stores less under a force: W = f.u / 2, and loads by force prescribe nothing but zero
        change = -change
    return (energy, info), (change, zero_tangents(info))


def zero_tangents(record):
    """Tangents of a record that carries no derivative: zeros, of JAX's float0 for integers and booleans."""
    return jax.tree.map(_zero_tangent, record)


def _zero_tangent(value):
    if jnp.issubdtype(value.dtype, jnp.inexact):
        return jnp.zeros_like(value)
    return jnp.zeros(value.shape, jax.dtypes.float0)
