"""Stiffness products on unstructured meshes without a matrix: gather, strain, stress, scatter-add.

A block of elements at a time: the nodal values of its elements are multiplied by the shape function
derivatives on the reference shape (one matrix product), turned into strain and stress at the points of
integration component by component, with the elements along the last axis, and multiplied back.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from meshes import ELEMENTS

from ._mesh_plan import MeshBlock, MeshPlan

# place of the components of strain and stress xx yy zz yz xz xy in the gradient
_PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
_SLOT = {(0, 0): 0, (1, 1): 1, (2, 2): 2, (1, 2): 3, (2, 1): 3, (0, 2): 4, (2, 0): 4, (0, 1): 5, (1, 0): 5}


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


def _gradient(local, inverse, table):
    """d u_c / d x_j at the points of integration, a 3 x 3 list of arrays (q, block)."""
    points = inverse.shape[2]
    # (block, k, 3) -> (3 c, 3 i, q, block)
    reference = jnp.einsum("km,nkc->cmn", table, local).reshape(3, 3, points, -1)
    return [[sum(reference[c, i] * inverse[i, j] for i in range(3)) for j in range(3)] for c in range(3)]


def _strain(gradient):
    return [gradient[a][b] if a == b else gradient[a][b] + gradient[b][a] for a, b in _PAIRS]


def _stress(strain, constitution):
    """Stress for an axial modulus of 1 MPa; `constitution` (6, 6) or (6, 6, block)."""
    return [sum(constitution[i, j] * strain[j] for j in range(6)) for i in range(6)]


def _constitution_of(plan, which, dtype):
    """(6, 6) where the body has one, else (6, 6, block)."""
    table = plan.constitutions.astype(dtype)
    if table.shape[0] == 1:
        return table[0]
    return jnp.moveaxis(table[which], 0, -1)


def mesh_product(moduli, plan: MeshPlan, vector):
    """K u without constraints, N, shape (nn, 3); linear in `moduli` (of `point_moduli`) and in `vector`."""
    total = jnp.zeros_like(vector)
    for block, modulus in zip(plan.blocks, moduli, strict=True):
        total = _block_product(block, modulus, plan, vector, total)
    return total


def _block_product(block: MeshBlock, modulus, plan, vector, total):
    dtype = vector.dtype
    table = jnp.asarray(_reference_gradients(block.name), dtype)

    @jax.checkpoint
    def step(total, inputs):
        nodes, inverse, weight, which, scale = inputs
        inverse = inverse.astype(dtype)
        local = vector.at[nodes].get(mode="promise_in_bounds")
        stress = _stress(_strain(_gradient(local, inverse, table)), _constitution_of(plan, which, dtype))
        factor = scale.astype(dtype) * weight.astype(dtype)
        stress = [factor * part for part in stress]
        back = jnp.stack(
            [
                jnp.stack([sum(stress[_SLOT[c, j]] * inverse[i, j] for j in range(3)) for i in range(3)])
                for c in range(3)
            ]
        )
        force = jnp.einsum("km,cmn->nkc", table, back.reshape(3, table.shape[1], -1))
        return total.at[nodes].add(force, mode="promise_in_bounds"), None

    inputs = (
        block.connectivity,
        jnp.moveaxis(block.inverse, 2, 0),
        block.weight,
        block.constitution,
        modulus,
    )
    return lax.scan(step, total, inputs)[0]


def block_diagonal(moduli, plan: MeshPlan, dtype):
    """Diagonal blocks of K, N/mm, shape (nn, 3, 3)."""
    total = jnp.zeros((plan.points.shape[0], 3, 3), dtype)
    for block, modulus in zip(plan.blocks, moduli, strict=True):
        table = jnp.asarray(_reference_gradients(block.name), dtype)
        count = table.shape[0]

        def step(total, inputs, table=table, count=count):
            nodes, inverse, weight, which, scale = inputs
            inverse = inverse.astype(dtype)
            constitution = _constitution_of(plan, which, dtype)
            factor = scale.astype(dtype) * weight.astype(dtype)
            points = weight.shape[0]
            reference = table.reshape(count, 3, points, 1)
            # derivative of each shape function along x_j: (k, q, block)
            slope = [sum(reference[:, i] * inverse[i, j] for i in range(3)) for j in range(3)]
            rows = []
            for a in range(3):
                # strain of a unit displacement along a
                one = _strain(
                    [[slope[j] if c == a else jnp.zeros_like(slope[0]) for j in range(3)] for c in range(3)]
                )
                stress = _stress(one, constitution)
                rows.append(
                    [
                        jnp.sum(factor * sum(stress[_SLOT[c, j]] * slope[j] for j in range(3)), axis=1)
                        for c in range(3)
                    ]
                )
            values = jnp.stack(
                [jnp.stack(row, -1) for row in rows], -2
            )
            return total.at[nodes.T].add(values, mode="promise_in_bounds"), None

        inputs = (
            block.connectivity,
            jnp.moveaxis(block.inverse, 2, 0),
            block.weight,
            block.constitution,
            modulus,
        )
        total = lax.scan(step, total, inputs)[0]
    return total


def element_matrices(modulus, plan: MeshPlan) -> dict[str, jax.Array]:
    """Stiffness matrices by type of element, N/mm, shape (n, 3 k, 3 k), degree of freedom 3 node + axis.

    For assembly and tests; a product is cheaper without them. `modulus` as in `solve_mesh`.
    """
    moduli = point_moduli(modulus, plan)
    return {
        block.name: _matrices(block, part, plan.constitutions)
        for block, part in zip(plan.blocks, moduli, strict=True)
    }


def _matrices(block, moduli, constitutions):
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

    inputs = (jnp.moveaxis(block.inverse, 2, 0), block.weight, block.constitution, moduli)
    return block.flat(lax.scan(step, None, inputs)[1])
