"""PyAMG: assembled stiffness, smoothed aggregation with rigid-body modes, conjugate gradients."""

import numpy as np
from scipy.sparse import bsr_matrix

from benchmarks.others._common import (
    Body,
    Clock,
    Solution,
    element_stiffness,
    internal_force,
    rigid_modes,
    run,
)


def solve(body: Body, rtol: float) -> Solution:
    """Free nodes only; the right-hand side is minus the force of the prescribed displacements."""
    import pyamg

    free = ~body.held
    right = -internal_force(body, body.value)[free].ravel()
    with Clock() as setup:
        stiffness = assemble(body, free)
        hierarchy = pyamg.smoothed_aggregation_solver(
            stiffness, B=rigid_modes(body.nodes[free].astype(float)), max_coarse=100
        )
    residuals: list[float] = []
    with Clock() as solving:
        found = hierarchy.solve(right, tol=rtol, maxiter=2000, accel="cg", residuals=residuals)
    displacement = body.value.copy()
    displacement[free] = found.reshape(-1, 3)
    return Solution(
        displacement,
        len(residuals) - 1,
        setup.cost,
        solving.cost,
        "conjugate gradients, smoothed aggregation with six rigid-body modes, 3 x 3 blocks",
        {"levels": len(hierarchy.levels), "operator_complexity": float(hierarchy.operator_complexity())},
    )


def assemble(body: Body, free: np.ndarray) -> bsr_matrix:
    """Stiffness of the free nodes in 3 x 3 blocks; a node has at most 27 neighbours, itself among them."""
    block = element_stiffness(body.voxel_mm).reshape(8, 3, 8, 3).transpose(0, 2, 1, 3)
    number = np.where(free, np.cumsum(free) - 1, -1)
    count = int(free.sum())
    corner = number[body.elements]
    place = body.nodes[body.elements]
    values = np.zeros((count * 27, 3, 3))
    columns = np.full(count * 27, -1)
    for a in range(8):
        for b in range(8):
            both = (corner[:, a] >= 0) & (corner[:, b] >= 0)
            apart = (place[both, b] - place[both, a] + 1) @ [9, 3, 1]
            slot = corner[both, a] * 27 + apart
            # within one pair of corners no two elements share a slot
            values[slot] += block[a, b]
            columns[slot] = corner[both, b]
    used = columns >= 0
    pointers = np.concatenate([[0], np.cumsum(used.reshape(count, 27).sum(axis=1))])
    return bsr_matrix((values[used], columns[used], pointers), shape=(3 * count, 3 * count))


if __name__ == "__main__":
    run("pyamg", "pyamg", solve)
