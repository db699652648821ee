"""What a load case does work on, and whether its reactions balance: from the nodal forces of a solve."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ._plan import Plan

FORCE_AGREEMENT = 1e-3
"""Largest relative imbalance of the reactions of a solve that counts as converged."""


class Balance(NamedTuple):
    """Forces of a solve; the fields of `SolveInfo` after the residual, in its order."""

    reaction_n: jax.Array
    "force of the load case along z, N"
    bottom_n: jax.Array
    "force of the platen on z = 0 along z, N"
    top_n: jax.Array
    "force of the platen on z = nz along z, N"
    mismatch: jax.Array
    "how far reactions and loads are from balance, -"
    displacement: jax.Array
    "generalised displacement, shape () or (6,)"
    force: jax.Array
    "generalised force, shape () or (6,)"


def judge_balance(plan: Plan, displacement, internal, force, residual, given=None) -> Balance:
    """Reactions of a solve.

    Args:
      plan: the plan.
      displacement: mm, shape (nn, 3).
      internal: K u, N, shape (nn, 3).
      force: applied forces, N, shape (nn, 3).
      residual: force - internal at free components, zero where held, N, shape (nn, 3).
      given: prescribed displacements in place of those of the load case, mm, shape (nn, 3), or None.
    """
    dtype = displacement.dtype
    smallest = jnp.finfo(dtype).tiny
    reaction = internal - force
    bottom = jnp.sum(jnp.where(plan.bottom, reaction[:, 2], 0))
    top = jnp.sum(jnp.where(plan.top, reaction[:, 2], 0))
    size, conjugate = _generalised(plan, displacement, internal, force, given)
    if plan.load.definition.motion == "z" and given is None:
        largest = jnp.maximum(jnp.abs(bottom), jnp.abs(top))
        mismatch = jnp.abs(bottom + top + jnp.sum(force[:, 2])) / jnp.maximum(largest, smallest)
        return Balance(conjugate, bottom, top, mismatch, size, conjugate)
    # K u sums to zero over all nodes: what held nodes and loads lack is the residual of the free ones
    place = _position(plan, dtype)
    acting = jnp.sqrt(jnp.sum((reaction + residual) ** 2, axis=1) + jnp.sum(force**2, axis=1))
    arms = jnp.sqrt(jnp.sum(place**2, axis=1))
    unbalanced = jnp.linalg.norm(jnp.sum(residual, axis=0))
    turning = jnp.linalg.norm(jnp.sum(jnp.cross(place, residual), axis=0))
    mismatch = jnp.maximum(
        2 * unbalanced / jnp.maximum(jnp.sum(acting), smallest),
        2 * turning / jnp.maximum(jnp.sum(acting * arms), smallest),
    )
    return Balance(-bottom, bottom, top, mismatch, size, conjugate)


def is_converged(relative_residual, mismatch, rtol):
    """Whether a solve is as asked; float32 may miss `rtol` by ten times."""
    slack = 1.01 if relative_residual.dtype == jnp.float64 else 10.0
    return (relative_residual <= slack * rtol) & (mismatch <= FORCE_AGREEMENT)


def load_size(plan: Plan, dtype):
    """Size of the load as `generalised_displacement` has it: mm, rad or strains, shape () or (6,).

    Not for loads by force, whose displacement is an answer.
    """
    sizes = jnp.stack([jnp.asarray(value, dtype) for value in plan.load.size])
    if len(plan.load.size) > 1:
        return sizes
    if plan.load.quantity == "strain" and plan.load.definition.motion in ("x", "y", "z"):
        return sizes[0] * plan.shape[2] * plan.voxel_mm.astype(dtype)
    return sizes[0]


def mean_stress(internal, plan: Plan):
    """Stress averaged over the box (void counts as zero), MPa, shape (6,), order xx yy zz yz xz xy.

    The first moment of the nodal forces over the volume: by virtual work with a linear displacement this is
    the volume mean of the element stresses exactly, converged or not.
    """
    moment = internal.T @ _position(plan, internal.dtype)
    stress = (moment + moment.T) / (2 * _volume(plan, internal.dtype))
    return jnp.stack([stress[i, j] for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))])


def macroscopic_displacement(strain, plan: Plan):
    """Displacement u = strain (x - centre of the box) of every node, mm, shape (nn, 3).

    Args:
      strain: xx yy zz yz xz xy with engineering shear, -, shape (6,).
      plan: the plan, of which the nodes are used.
    """
    xx, yy, zz, yz, xz, xy = strain * jnp.asarray([1, 1, 1, 0.5, 0.5, 0.5], strain.dtype)
    tensor = jnp.stack([jnp.stack(row) for row in ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))])
    return _position(plan, strain.dtype) @ tensor


def _generalised(plan, displacement, internal, force, given):
    dtype = displacement.dtype
    motion = plan.load.definition.motion
    reaction = internal - force
    if motion in ("affine", "periodic"):
        size = load_size(plan, dtype)
        if given is not None:
            size = jnp.full_like(size, jnp.nan)
        return size, mean_stress(internal, plan)
    if motion in ("force", "pressure"):
        own = plan.applied.astype(dtype)
        total = jnp.linalg.norm(jnp.sum(own, axis=0))
        return jnp.vdot(own, displacement) / total, total
    size = load_size(plan, dtype)
    volume = _volume(plan, dtype) if motion.startswith("shear-") else jnp.ones((), dtype)
    if given is None:
        return size, jnp.vdot(displacement, reaction) / (size * volume)
    pattern = plan.prescribed.astype(dtype) / size
    along = jnp.vdot(pattern, given) / jnp.vdot(pattern, pattern)
    return along, jnp.vdot(pattern, reaction) / volume


def _position(plan, dtype):
    """Nodes from the centre of the box, mm, shape (nn, 3)."""
    return (plan.nodes.astype(dtype) - jnp.asarray(plan.shape, dtype) / 2) * plan.voxel_mm.astype(dtype)


def _volume(plan, dtype):
    nx, ny, nz = plan.shape
    return nx * ny * nz * plan.voxel_mm.astype(dtype) ** 3
