"""Compare ways to solve the coarse problems of thin bone: `python -m benchmarks.cycles`.

Every variant has the same fine grid, the same Chebyshev smoother of degree 2 and Galerkin coarse operators,
all as assembled matrices, so that only the coarse spaces and the visits to them differ. Iterations of
flexible conjugate gradients to 1e-6. Smoothed aggregation with rigid motions needs PyAMG (extra
`unstructured`) and is left out without it.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from benchmarks._cases import CASES, read_case
from benchmarks.others._common import internal_force, make_body, rigid_modes
from benchmarks.others.pyamg import assemble as assemble_free
from fem._hierarchy import INTERPOLATION, coarsen

RANGE = 8.0
"Ratio of the eigenvalues that the smoother damps."
CYCLES = {
    "V": lambda level: "V",
    "W below level 1": lambda level: "V" if level == 0 else "W",
    "W": lambda level: "W",
    "K below level 1": lambda level: "V" if level == 0 else "K",
    "K": lambda level: "K",
}
"How the coarse problem of a level is solved: one cycle, two, or two with Krylov steps."


@dataclass
class Level:
    """Operator of a level and the way down."""

    matrix: sp.csr_matrix
    "stiffness on free degrees of freedom"
    inverse_diagonal: np.ndarray
    "of the matrix"
    largest: float
    "bound on the eigenvalues of the diagonally scaled matrix"
    prolongation: sp.csr_matrix | None
    "from the next coarser level; None on the coarsest"
    factor: tuple | None
    "Cholesky factor of the coarsest matrix"


def main() -> None:
    """Print a table of iterations, one line per specimen and hierarchy."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cycles", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=["lhdl_50", "thin_50"])
    options = parser.parse_args()
    print("| specimen | coarse spaces | " + " | ".join(CYCLES) + " |")
    print("|---" * (2 + len(CYCLES)) + "|")
    for case in options.cases:
        mask, _ = read_case(case, options.data)
        matrix, right, steps, coordinates = assemble(mask)
        hierarchies = {"trilinear, split": steps}
        for kept in (1, 2):
            aggregated = _aggregation(matrix, steps[:kept], coordinates[kept])
            if aggregated is not None:
                hierarchies[f"trilinear to level {kept}, smoothed aggregation below"] = aggregated
        for name, prolongations in hierarchies.items():
            levels = build(matrix, prolongations)
            counts = [iterations(levels, right, cycle) for cycle in CYCLES.values()]
            print(f"| {case} | {name} | " + " | ".join(map(str, counts)) + " |", flush=True)


def assemble(mask):
    """Stiffness and load of axial compression on free nodes, prolongations, coordinates of every level."""
    body = make_body(mask, 1.0)
    nodes, connectivity, held = body.nodes, body.elements, body.held
    # corner 0 of a voxel has its coordinates
    elements = nodes[connectivity[:, 0]]
    matrix = assemble_free(body, ~held).tocsr()
    right = -internal_force(body, body.value)[~held].ravel()
    steps, coordinates = [], [nodes[~held].astype(float)]
    fixed, here = np.repeat(held[:, None], 3, axis=1), ~held
    while len(nodes) > 200 and elements.max() > 0:
        cells, coarse, coarse_nodes, coarse_fixed, _, _, rows, owner = coarsen(
            elements, connectivity, fixed, first=not steps
        )
        row, position = np.nonzero(rows >= 0)
        columns = coarse[owner[row]]
        entries = (np.repeat(rows[row, position], 8), columns.ravel())
        scalar = sp.coo_matrix((INTERPOLATION[position].ravel(), entries), (len(nodes), len(coarse_nodes)))
        below = ~coarse_fixed.all(axis=1)
        scalar = scalar.tocsr()[here][:, below]
        scalar.eliminate_zeros()
        steps.append(sp.kron(scalar, sp.eye(3)).tocsr())
        elements, connectivity, nodes, fixed, here = cells, coarse, coarse_nodes, coarse_fixed, below
        coordinates.append(nodes[below] * 2.0 ** len(steps))
    return matrix, right, steps, coordinates


def build(matrix, prolongations) -> list[Level]:
    """Galerkin levels with their eigenvalue bounds and the factor of the coarsest."""
    levels = []
    for prolongation in (*prolongations, None):
        diagonal = matrix.diagonal()
        inverse = 1 / np.where(diagonal > 0, diagonal, 1)
        factor = None
        if prolongation is None:
            dense = matrix.toarray()
            factor = scipy.linalg.cho_factor(
                dense + 1e-10 * np.trace(dense) / len(dense) * np.eye(len(dense))
            )
        levels.append(Level(matrix, inverse, 1.1 * _power(matrix, inverse), prolongation, factor))
        if prolongation is not None:
            matrix = (prolongation.T @ (matrix @ prolongation)).tocsr()
    return levels


def _power(matrix, inverse, steps=20):
    vector = np.random.default_rng(1).standard_normal(len(inverse))
    size = 1.0
    for _ in range(steps):
        vector = inverse * (matrix @ (vector / np.linalg.norm(vector)))
        size = np.linalg.norm(vector)
    return size


def _aggregation(matrix, kept, coordinates):
    """Prolongations that go on with PyAMG's smoothed aggregation below the levels kept."""
    try:
        import pyamg
    except ImportError:
        return None
    for prolongation in kept:
        matrix = prolongation.T @ (matrix @ prolongation)
    solver = pyamg.smoothed_aggregation_solver(
        matrix.tobsr((3, 3)),
        B=rigid_modes(coordinates),
        strength=("symmetric", {"theta": 0.0}),
        max_coarse=100,
    )
    return [*kept, *(level.P.tocsr() for level in solver.levels[:-1])]


def iterations(levels: list[Level], right: np.ndarray, cycle: Callable, *, rtol=1e-6, most=500) -> int:
    """Iterations of flexible conjugate gradients to a residual of `rtol`."""
    residual, direction, rho = right.copy(), np.zeros_like(right), 1.0
    change, count = np.zeros_like(right), 0
    while np.linalg.norm(residual) > rtol * np.linalg.norm(right) and count < most:
        scaled = _cycle(levels, 0, residual, cycle)
        direction = scaled + (scaled @ change) / rho * direction
        image = levels[0].matrix @ direction
        rho = residual @ scaled
        change = -rho / (direction @ image) * image
        residual = residual + change
        count += 1
    return count


def _cycle(levels, number, right, cycle):
    level = levels[number]
    if level.prolongation is None:
        return scipy.linalg.cho_solve(level.factor, right)
    vector = _smooth(level, None, right)
    coarse = level.prolongation.T @ (right - level.matrix @ vector)
    vector = vector + level.prolongation @ _coarse(levels, number + 1, coarse, cycle, cycle(number))
    return _smooth(level, vector, right)


def _coarse(levels, number, right, cycle, kind):
    """Solution of a coarse problem by one visit, two visits, or two with Krylov steps."""
    first = _cycle(levels, number, right, cycle)
    if kind == "V" or levels[number].prolongation is None:
        return first
    matrix = levels[number].matrix
    image = matrix @ first
    energy = first @ image
    length = (first @ right) / energy if kind == "K" else 1.0
    rest = right - length * image
    second = _cycle(levels, number, rest, cycle)
    if kind == "W":
        return first + second
    second = second - (second @ image) / energy * first
    return length * first + (second @ rest) / (second @ (matrix @ second)) * second


def _smooth(level, vector, right):
    theta, delta = level.largest * (1 + 1 / RANGE) / 2, level.largest * (1 - 1 / RANGE) / 2
    residual = right if vector is None else right - level.matrix @ vector
    change = level.inverse_diagonal * residual / theta
    vector = change if vector is None else vector + change
    residual = right - level.matrix @ vector
    rho = 1 / (2 * theta / delta - delta / theta)
    change = rho * delta / theta * change + 2 * rho / delta * level.inverse_diagonal * residual
    return vector + change


if __name__ == "__main__":
    main()
