"""Stiffness products on unstructured meshes without a matrix: gather, strain, stress, scatter-add.

A block of elements at a time: the nodal values of its elements are multiplied by the shape function
derivatives on the reference shape (one matrix product), turned into strain and stress at the points of
integration with the elements along the last axis, and multiplied back. On CPU this form took half the time of
unrolled components and of elements along the first axis.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from meshes import ELEMENTS

from ._mesh_plan import MeshBlock, MeshPlan

_PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Axes of the components of strain and stress xx yy zz yz xz xy."""
_SYMMETRIC = np.zeros((6, 3, 3))
"""Strain from the gradient d u_i / d x_j at [i, j]; its transpose spreads stress over nine places."""
for _row, (_a, _b) in enumerate(_PAIRS):
    _SYMMETRIC[_row, _a, _b] = _SYMMETRIC[_row, _b, _a] = 1.0
_SYMMETRIC = _SYMMETRIC.reshape(6, 9)


def point_moduli(modulus, plan: MeshPlan):
    """Moduli in blocks, by type of element, shape (blocks, 1 or q, block) each.

    Args:
      modulus: MPa, one per element (ne,), or by type of element one per point of integration, (n, q).
    """
    if isinstance(modulus, Mapping):
        return tuple(block.in_blocks(modulus[block.name]).swapaxes(1, 2) for block in plan.blocks)
    parts, start = [], 0
    for block in plan.blocks:
        parts.append(block.in_blocks(modulus[start : start + block.count])[:, None])
        start += block.count
    return tuple(parts)


def modulus_dtype(modulus):
    """Precision of the moduli, which is that of a solve."""
    return jnp.result_type(*jax.tree.leaves(modulus))


def _reference_gradients(name):
    """Derivatives of the shape functions as one matrix (k, 3 q), columns [i, point]."""
    element = ELEMENTS[name]
    gradients = element.gradients_at(element.quadrature[0])
    return np.ascontiguousarray(gradients.transpose(1, 2, 0).reshape(len(element.nodes), -1))


def mesh_product(moduli, plan: MeshPlan, vector):
    """K u without constraints, N, shape (nn, 3); linear in `moduli` (of `point_moduli`) and in `vector`."""
    total = jnp.zeros_like(vector)
    for block, modulus in zip(plan.blocks, moduli, strict=True):
        total = _block_product(block, modulus, plan, vector, total)
    return total


def _inputs(block: MeshBlock, modulus):
    """What a step over one block of elements reads."""
    inverse = jnp.moveaxis(block.inverse, 2, 0)
    return block.connectivity, inverse, block.weight, block.constitution, modulus


def _block_product(block: MeshBlock, modulus, plan, vector, total):
    dtype = vector.dtype
    table = jnp.asarray(_reference_gradients(block.name), dtype)
    symmetric = jnp.asarray(_SYMMETRIC, dtype)
    constitutions = plan.constitutions.astype(dtype)
    whole = symmetric.T @ constitutions[0] @ symmetric

    # rematerialised in the reverse pass, which keeps its memory that of the forward pass
    @jax.checkpoint
    def step(total, inputs):
        nodes, inverse, weight, which, scale = inputs
        inverse = inverse.astype(dtype)
        points = weight.shape[0]
        local = vector.at[nodes].get(mode="promise_in_bounds")
        reference = jnp.einsum("km,nkc->cmn", table, local).reshape(3, 3, points, -1)
        # [c, i] by [i, j]: d u_c / d x_j
        gradient = jnp.sum(reference[:, :, None] * inverse[None], axis=1).reshape(9, -1)
        if constitutions.shape[0] == 1:
            stress = whole @ gradient
        else:
            strain = (symmetric @ gradient).reshape(6, points, -1)
            own = jnp.moveaxis(constitutions[which], 0, -1)[:, :, None]
            stress = symmetric.T @ jnp.sum(own * strain[None], axis=1).reshape(6, -1)
        stress = stress.reshape(3, 3, points, -1) * (scale.astype(dtype) * weight.astype(dtype))
        back = jnp.sum(stress[:, None] * inverse[None], axis=2).reshape(3, 3 * points, -1)
        force = jnp.einsum("km,cmn->nkc", table, back)
        return total.at[nodes].add(force, mode="promise_in_bounds"), None

    return lax.scan(step, total, _inputs(block, modulus))[0]


def block_diagonal(moduli, plan: MeshPlan, dtype):
    """Diagonal blocks of K, N/mm, shape (nn, 3, 3)."""
    symmetric = jnp.asarray(_SYMMETRIC, dtype)
    tensors = (symmetric.T @ plan.constitutions.astype(dtype) @ symmetric).reshape(-1, 3, 3, 3, 3)
    total = jnp.zeros((plan.points.shape[0], 3, 3), dtype)
    for block, modulus in zip(plan.blocks, moduli, strict=True):
        table = jnp.asarray(_reference_gradients(block.name), dtype)

        def step(total, inputs, table=table):
            nodes, inverse, weight, which, scale = inputs
            points = weight.shape[0]
            reference = table.reshape(-1, 3, 1, points, 1)
            slope = jnp.sum(reference * inverse.astype(dtype)[None], axis=1)
            factor = scale.astype(dtype) * weight.astype(dtype)
            pairs = jnp.sum(slope[:, :, None] * slope[:, None] * factor, axis=3)
            if tensors.shape[0] == 1:
                values = jnp.einsum("ajcl,kjln->nkac", tensors[0], pairs)
            else:
                values = jnp.einsum("najcl,kjln->nkac", tensors[which], pairs)
            return total.at[nodes].add(values, mode="promise_in_bounds"), None

        total = lax.scan(step, total, _inputs(block, modulus))[0]
    return total


def element_matrices(modulus, plan: MeshPlan) -> dict[str, jax.Array]:
    """Stiffness matrices by type of element, N/mm, shape (n, 3 k, 3 k), degree of freedom 3 node + axis.

    For assembly and tests; a product is cheaper without them. `modulus` as in `solve_mesh`.
    """
    moduli = point_moduli(modulus, plan)
    return {
        block.name: matrices_of_block(block, part, plan.constitutions)
        for block, part in zip(plan.blocks, moduli, strict=True)
    }


def matrices_of_block(block: MeshBlock, moduli, constitutions):
    """Stiffness matrices of the elements of one type, N/mm, shape (n, 3 k, 3 k)."""
    dtype = moduli.dtype
    element = ELEMENTS[block.name]
    gradients = jnp.asarray(element.gradients_at(element.quadrature[0]), dtype)

    def step(_, inputs):
        inverse, weight, which, scale = inputs
        slope = jnp.einsum("qki,ijqn->nqkj", gradients, inverse.astype(dtype))
        strain = jnp.zeros((*slope.shape[:2], 6, len(element.nodes), 3), dtype)
        for row, (a, b) in enumerate(_PAIRS):
            strain = strain.at[:, :, row, :, a].add(slope[..., b])
            if a != b:
                strain = strain.at[:, :, row, :, b].add(slope[..., a])
        strain = strain.reshape(*slope.shape[:2], 6, -1)
        stress = jnp.einsum("nij,nqjb->nqib", constitutions.astype(dtype)[which], strain)
        factor = (scale * weight.astype(dtype)).T
        return None, jnp.einsum("nqia,nqib->nab", strain, factor[..., None, None] * stress)

    return block.flat(lax.scan(step, None, _inputs(block, moduli)[1:])[1])
