"""What every script beside another program shares: the body, the load, the judgement, the row of numbers.

Needs numpy and scipy only, so that a script runs under whatever interpreter has its program.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._cases import MODULUS_MPA as MODULUS_MPA
from benchmarks._cases import POISSON as POISSON
from benchmarks._cases import STRAIN as STRAIN
from benchmarks._cases import read_case

CORNERS = np.array(list(product((0, 1), repeat=3)))
"""Corner k = 4 i + 2 j + m of an element at (i, j, m)."""
VTK_CORNERS = np.array([0, 4, 6, 2, 1, 5, 7, 3])
"""The same corners in the order most programs take: lower face counter-clockwise, then the upper one."""


@dataclass(frozen=True)
class Body:
    """A voxel body under one percent of axial compression between platens glued to it."""

    shape: tuple[int, ...]
    "voxels of the box"
    voxel_mm: float
    "edge of a voxel, mm"
    nodes: np.ndarray
    "grid coordinates of the nodes, (nn, 3)"
    elements: np.ndarray
    "nodes of the elements, corner k = 4 i + 2 j + m, (ne, 8)"
    held: np.ndarray
    "held nodes, all three components, boolean, (nn,)"
    value: np.ndarray
    "prescribed displacement, mm, zero where free, (nn, 3)"


@dataclass
class Solution:
    """What a program answered and what it took."""

    displacement: np.ndarray
    "mm, (nn, 3)"
    iterations: int | None
    "of the linear solver; None for a direct one"
    setup: dict[str, float]
    "seconds before the iteration: assembly, preconditioner"
    solve: dict[str, float]
    "seconds of the iteration"
    method: str
    "solver and preconditioner in words"
    extra: dict[str, Any] = field(default_factory=dict)
    "further entries of the row"


def run(program: str, package: str, solve: Callable[[Body, float], Solution]) -> None:
    """Measure one case, named on the command line (CASE DATA RTOL), and print one JSON object."""
    name, data, rtol = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    body = read_body(name, data)
    memory_at_start = peak_memory_mb()
    solution = solve(body, rtol)
    peak = peak_memory_mb() - memory_at_start
    residual, force = judge(body, np.asarray(solution.displacement, float))
    print(
        json.dumps(
            {
                "case": name,
                "program": program,
                "version": version(package),
                "method": solution.method,
                "shape": list(body.shape),
                "elements": len(body.elements),
                "dofs": 3 * len(body.nodes),
                "converged": bool(residual <= 1.01 * rtol),
                "iterations": solution.iterations,
                "relative_residual": residual,
                "force_n": force,
                "setup": solution.setup,
                "solve": solution.solve,
                "peak_memory_mb": peak,
                **solution.extra,
            }
        )
    )


def read_body(name: str, data: Path) -> Body:
    """The body of a case."""
    return make_body(*read_case(name, data))


def make_body(mask: np.ndarray, voxel_mm: float) -> Body:
    """The body of a mask."""
    lattice = tuple(n + 1 for n in mask.shape)
    corner = np.argwhere(mask)[:, None, :] + CORNERS
    used, elements = np.unique(
        np.ravel_multi_index(tuple(np.moveaxis(corner, 2, 0)), lattice), return_inverse=True
    )
    nodes = np.stack(np.unravel_index(used, lattice), axis=1)
    top = nodes[:, 2] == mask.shape[2]
    value = np.zeros(nodes.shape)
    value[top, 2] = STRAIN * mask.shape[2] * voxel_mm
    held = top | (nodes[:, 2] == 0)
    return Body(mask.shape, voxel_mm, nodes, elements.reshape(-1, 8), held, value)


def lame() -> tuple[float, float]:
    """Lame's constants, MPa."""
    return MODULUS_MPA * POISSON / ((1 + POISSON) * (1 - 2 * POISSON)), MODULUS_MPA / (2 * (1 + POISSON))


def element_stiffness(voxel_mm: float) -> np.ndarray:
    """Stiffness of an element, N/mm, (24, 24), degree of freedom 3 k + axis, by two Gauss points an axis."""
    first, shear = lame()
    total = np.zeros((24, 24))
    for point in 0.5 + (CORNERS - 0.5) / np.sqrt(3):
        factor = np.where(CORNERS == 1, point, 1 - point)
        sign = 2.0 * CORNERS - 1
        slope = np.stack(
            [sign[:, a] * np.delete(factor, a, axis=1).prod(axis=1) / voxel_mm for a in range(3)], axis=1
        )
        gradient = np.einsum("ki,ac->kaic", slope, np.eye(3)).reshape(24, 3, 3)
        strain = 0.5 * (gradient + gradient.transpose(0, 2, 1))
        trace = np.trace(strain, axis1=1, axis2=2)
        total += 2 * shear * np.einsum("pij,qij->pq", strain, strain) + first * np.outer(trace, trace)
    return total * voxel_mm**3 / 8


def internal_force(body: Body, displacement: np.ndarray) -> np.ndarray:
    """K u, N, (nn, 3)."""
    local = displacement[body.elements].reshape(-1, 24) @ element_stiffness(body.voxel_mm)
    number = body.elements.ravel()
    parts = local.reshape(-1, 3)
    return np.stack([np.bincount(number, parts[:, axis], len(body.nodes)) for axis in range(3)], axis=1)


def judge(body: Body, displacement: np.ndarray) -> tuple[float, float]:
    """True residual |f - K u| / |f_0| on the free nodes, f_0 = -K u_D, and the force of the top, N."""
    free = ~body.held
    wrong = np.abs(displacement[body.held] - body.value[body.held]).max()
    if wrong > 1e-9 * np.abs(body.value).max():
        raise SystemExit(f"the prescribed displacements are missed by {wrong:.3g} mm")
    force = internal_force(body, displacement)
    start = internal_force(body, body.value)
    top = body.nodes[:, 2] == body.shape[2]
    return float(np.linalg.norm(force[free]) / np.linalg.norm(start[free])), float(force[top, 2].sum())


def rigid_modes(places: np.ndarray) -> np.ndarray:
    """Translations and rotations as columns, places (n, 3), result (3 n, 6)."""
    place = places - places.mean(axis=0)
    modes = np.zeros((len(place), 3, 6))
    for axis in range(3):
        modes[:, axis, axis] = 1
        modes[:, :, 3 + axis] = np.cross(np.eye(3)[axis], place)
    return modes.reshape(-1, 6)


class Clock:
    """Wall and CPU seconds (all threads) of a block, as `with Clock() as clock: ...`; read `clock.cost`."""

    def __enter__(self) -> "Clock":
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.cost = {
            "wall_s": time.perf_counter() - self._wall,
            "cpu_s": time.process_time() - self._cpu,
        }


def peak_memory_mb() -> float:
    """Largest resident set of this process so far, MiB (Linux counts KiB, macOS bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
