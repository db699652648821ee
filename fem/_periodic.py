"""Solves of a periodic body: a macroscopic strain and a displacement that repeats."""

import jax
import jax.numpy as jnp

from ._reactions import is_converged, mean_stress


def solve_periodic(solve, nodal_forces, modulus, plan, *, start, nodal_force, prescribed, **options):
    """`solve` for a plan of the periodic load case.

    The macroscopic part of the displacement loads the tied body with the forces -K u, summed over tied nodes;
    what repeats is the answer of the plan's `cell`, whose nodes are the independent ones.

    Args:
      solve, nodal_forces: the functions of this name.
      modulus, plan, start, nodal_force, prescribed, options: as in `solve`; `prescribed` is the macroscopic
        part of the displacement at all nodes, mm, shape (nn, 3).
    """
    dtype = modulus.dtype
    own = prescribed is None
    macroscopic = (plan.prescribed if own else prescribed).astype(dtype)
    count = plan.cell.nodes.shape[0]
    force = -nodal_forces(macroscopic, modulus, plan)
    if nodal_force is not None:
        force = force + nodal_force.astype(dtype)
    inside = jnp.zeros((count, 3), dtype).at[plan.tie].add(force)
    guess = None
    if start is not None:
        repeating = start.astype(dtype) - macroscopic
        guess = jnp.zeros((count, 3), dtype).at[plan.tie].set(repeating)
    repeating, info = solve(modulus, plan.cell, start=guess, nodal_force=inside, **options)
    displacement = macroscopic + repeating[plan.tie]

    frozen = jax.lax.stop_gradient(modulus)
    internal = nodal_forces(jax.lax.stop_gradient(displacement), frozen, plan)
    outside = 0.0 if nodal_force is None else jax.lax.stop_gradient(nodal_force.astype(dtype))
    # forces on each of two opposite faces are large; tied together they cancel but for the residual
    residual = jnp.zeros((count, 3), dtype).at[plan.tie].add(outside - internal)
    load = _size(jax.lax.stop_gradient(inside))
    relative = _size(residual) / jnp.maximum(load, 1e-3 * _size(internal))
    acting = jnp.sum(jnp.linalg.norm(internal, axis=1))
    mismatch = jnp.sum(jnp.linalg.norm(residual, axis=1)) / jnp.maximum(acting, jnp.finfo(dtype).tiny)
    bottom = jnp.sum(jnp.where(plan.bottom, internal[:, 2], 0))
    top = jnp.sum(jnp.where(plan.top, internal[:, 2], 0))
    strain = jnp.stack([jnp.asarray(value, dtype) for value in plan.load.size])
    info = info._replace(
        converged=is_converged(relative, mismatch, options["rtol"]),
        relative_residual=relative,
        reaction_n=-bottom,
        force_bottom_n=bottom,
        force_top_n=top,
        force_mismatch=mismatch,
        generalised_displacement=strain if own else jnp.full_like(strain, jnp.nan),
        generalised_force=mean_stress(internal, plan),
    )
    return displacement, info


def _size(vector):
    return jnp.sqrt(jnp.vdot(vector, vector))
