"""Measure one product with the stiffness against the bandwidth of a copy; one JSON object.

The bound counts what any product must move: the vector in, the vector out, the modulus of every element.
"""

import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import fem
from benchmarks._cases import POISSON, STRAIN, read_case
from benchmarks._measure import repeated
from fem._operator import to_padded
from fem._solve import stiffness_product

PRODUCTS = 20
"""Products in one compiled loop, so that a call costs nothing."""


def measure(name: str, data: Path) -> dict[str, Any]:
    """Wall milliseconds of a product in both precisions, and what a copy of the same bytes would take."""
    jax.config.update("jax_enable_x64", True)
    mask, voxel_mm = read_case(name, data)
    load = fem.load_case("axial", strain=STRAIN)
    plan = fem.make_plan(mask, voxel_mm, load, material=fem.isotropic(POISSON))
    bandwidth = copy_bandwidth()
    elements, nodes = plan.elements.shape[0], plan.nodes.shape[0]
    row: dict[str, Any] = {
        "case": name,
        "program": "osteon operator",
        "compiled_solver": fem.compiled_solver(),
        "elements": elements,
        "dofs": 3 * nodes,
        "copy_bytes_per_s": bandwidth,
    }
    for dtype in (jnp.float32, jnp.float64):
        # so soft that a product of a product stays in range
        modulus = jnp.full(elements, 1 / voxel_mm, dtype)
        vector = to_padded(jnp.asarray(np.random.default_rng(0).standard_normal((nodes, 3)), dtype))

        @jax.jit
        def products(vector, modulus, plan):
            return jax.lax.fori_loop(0, PRODUCTS, lambda _, v: stiffness_product(modulus, plan, v), vector)

        seconds = _wall(lambda p=products, v=vector, m=modulus: p(v, m, plan))
        size = np.dtype(dtype).itemsize
        bound = size * (6 * nodes + elements) / bandwidth
        row[np.dtype(dtype).name] = {"ms": 1e3 * seconds / PRODUCTS, "bound_ms": 1e3 * bound}
    return row


def copy_bandwidth(megabytes: int = 256) -> float:
    """Bytes read and written a second by a copy on every processor at once."""
    threads = _usable_processors()
    size = megabytes * 2**20 // threads // 8
    pairs = [(np.ones(size), np.empty(size)) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        seconds = _wall(lambda: list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), pairs)))
    return 2 * 8 * size * threads / seconds


def _wall(task: Callable[[], Any]) -> float:
    return repeated(task, 7)[1]["wall_s"]


def _usable_processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
