"""Assembled stiffness of an unstructured mesh on the host, for the set-up of a hierarchy only."""

from dataclasses import replace

import jax
import numpy as np
import scipy.sparse as sparse

from meshes import ELEMENTS

from ._mesh_operator import matrices_of_block, point_moduli
from ._mesh_plan import MeshPlan

ENTRIES_AT_ONCE = 2**24
"""Entries of element matrices in memory at a time."""


def assemble_stiffness(modulus, plan: MeshPlan) -> sparse.bsr_array:
    """Stiffness with held components left out, N/mm, BSR of 3 x 3 blocks.

    A held component keeps the mean of the other diagonal entries as its only entry.
    """
    count = plan.points.shape[0]
    free = np.asarray(plan.free)
    connectivity = [np.asarray(block.flat(block.connectivity), np.int64) for block in plan.blocks]
    keys = [(nodes[:, :, None] * count + nodes[:, None, :]).ravel() for nodes in connectivity]
    used = np.unique(np.concatenate(keys))
    data = np.zeros((len(used), 9))
    moduli = point_moduli(modulus, plan)
    matrices = jax.jit(matrices_of_block)
    for block, nodes, scale in zip(plan.blocks, connectivity, moduli, strict=True):
        size = block.constitution.shape[1]
        entries = (3 * nodes.shape[1]) ** 2
        step = max(1, ENTRIES_AT_ONCE // (size * entries))
        for first in range(0, block.constitution.shape[0], step):
            window = slice(first, first + step)
            chosen = nodes[first * size : (first + step) * size]
            part = replace(
                block,
                connectivity=block.connectivity[window],
                inverse=block.inverse[:, :, window],
                weight=block.weight[window],
                constitution=block.constitution[window],
                count=len(chosen),
            )
            local = np.asarray(matrices(part, scale[window], plan.constitutions), np.float64)
            local = local.reshape(len(chosen), nodes.shape[1], 3, nodes.shape[1], 3)
            local = local * free[chosen][:, :, :, None, None] * free[chosen][:, None, None]
            local = local.transpose(0, 1, 3, 2, 4).reshape(-1, 9)
            place = np.searchsorted(used, (chosen[:, :, None] * count + chosen[:, None, :]).ravel())
            for entry in range(9):
                data[:, entry] += np.bincount(place, weights=local[:, entry], minlength=len(used))
    pointers = np.searchsorted(used // count, np.arange(count + 1))
    shape = (3 * count, 3 * count)
    matrix = sparse.bsr_array((data.reshape(-1, 3, 3), used % count, pointers), shape=shape)
    return with_unit_rows(matrix, ~free.ravel())


def with_unit_rows(matrix: sparse.bsr_array, empty: np.ndarray) -> sparse.bsr_array:
    """The matrix with the mean of its diagonal in rows that are empty."""
    diagonal = matrix.diagonal()
    lift = np.where(empty, diagonal[~empty].mean(), 0.0)
    return sparse.bsr_array(sparse.bsr_array(sparse.diags_array(lift), blocksize=(3, 3)) + matrix)


def corner_interpolation(plan: MeshPlan) -> tuple[sparse.bsr_array, np.ndarray] | None:
    """Values of all nodes from those of the corners of elements; None if every node is a corner.

    A node in the middle of an edge takes the mean of the two ends (straight edges of first order). Held
    components are left out on both sides.

    Returns:
      BSR matrix of 3 x 3 blocks, and the nodes that are corners.
    """
    is_corner = np.zeros(plan.points.shape[0], bool)
    ends = {}
    for block in plan.blocks:
        element, nodes = ELEMENTS[block.name], np.asarray(block.flat(block.connectivity))
        is_corner[nodes[:, : element.corners]] = True
        if element.order == 2:
            pairs = nodes[:, np.array(element.edges)].reshape(-1, 2)
            ends[block.name] = (nodes[:, element.corners :].ravel(), pairs)
    if is_corner.all():
        return None
    corners = np.flatnonzero(is_corner)
    number = np.cumsum(is_corner) - 1
    middle, pairs = (np.concatenate([part[k] for part in ends.values()]) for k in (0, 1))
    middle, first = np.unique(middle, return_index=True)
    keep = ~is_corner[middle]
    middle, pairs = middle[keep], pairs[first[keep]]
    rows = np.concatenate([corners, middle, middle])
    columns = np.concatenate([number[corners], number[pairs[:, 0]], number[pairs[:, 1]]])
    weights = np.concatenate([np.ones(len(corners)), np.full(2 * len(middle), 0.5)])
    scalar = sparse.csr_array((weights, (rows, columns)), shape=(len(is_corner), len(corners)))
    free = np.asarray(plan.free, float)
    whole = sparse.kron(scalar, sparse.eye_array(3))
    masked = sparse.diags_array(free.ravel()) @ whole @ sparse.diags_array(free[corners].ravel())
    # products drop nothing: entries of held components stay as zeros, so that the blocks are whole
    return sparse.bsr_array(masked, blocksize=(3, 3)), corners
