"""Compare what to store of a grid: bone alone, bricks that hold bone, or the whole box.

    python -m benchmarks.stores          # prints a table, writes benchmarks/results/stores.json

All three are measured with the same compiled product, which takes the elements of a column together: bricks
and boxes are bodies whose empty voxels have no stiffness. Time is that of one product, per element of bone.
Memory is what a solve must hold per degree of freedom of bone: four vectors in double and four in single
precision, the modulus in both, and what finds the nodes of an element: eight numbers where bone alone is
stored, one for each brick, none in a box. Coarse grids, which are the same for all, are left out.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median

import jax
import jax.numpy as jnp
import numpy as np

import fem
import meshes
from fem._operator import to_padded
from fem._solve import stiffness_product

FRACTIONS = (1.0, 0.3, 0.15, 0.07)
"Bone volume over total volume."
STORES = {"bone": 1, "bricks of 4": 4, "bricks of 8": 8, "box": 0}
"Edge of the bricks, voxels; 0 for one brick around everything."
PRODUCTS = 10


def main() -> None:
    """Measure every bone volume fraction in every store."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stores", description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=64, help="voxels along an edge, a multiple of 8 (64)")
    parser.add_argument("--repeats", type=int, default=9, help="runs of which the median is taken (9)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "stores.json")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    rows = []
    print("| BV/TV | stored | elements stored per one of bone | float32 ns | float64 ns | B/DOF |")
    print("|---|---|---|---|---|---|")
    for fraction in FRACTIONS:
        mask = specimen(options.size, fraction)
        for name, edge in STORES.items():
            rows.append({"bv_tv": float(mask.mean()), "store": name} | measure(mask, edge, options.repeats))
            row = rows[-1]
            times = f"{row['float32_ns']:.1f} | {row['float64_ns']:.1f} | {row['bytes_per_dof']:.0f}"
            print(f"| {row['bv_tv']:.2f} | {name} | {row['stored_per_element']:.2f} | {times} |", flush=True)
    report = {"size": options.size, "compiled_solver": fem.compiled_solver(), "results": rows}
    options.out.write_text(json.dumps(report, indent=1) + "\n")


def specimen(size: int, fraction: float) -> np.ndarray:
    """A solid cube, or trabecular bone of rods of the given fraction."""
    if fraction == 1:
        return np.ones((size,) * 3, bool)
    mask = meshes.make_trabecular_cube(size, bv_tv=fraction, kind="rods")
    return meshes.largest_component(mask)


def stored(mask: np.ndarray, edge: int) -> np.ndarray:
    """Voxels of the bricks that hold bone; edge 0 is the whole box."""
    if edge == 0:
        return np.ones_like(mask)
    cells = tuple(n // edge for n in mask.shape)
    bricks = mask.reshape(cells[0], edge, cells[1], edge, cells[2], edge).any(axis=(1, 3, 5))
    return bricks.repeat(edge, 0).repeat(edge, 1).repeat(edge, 2)


def measure(mask: np.ndarray, edge: int, repeats: int) -> dict[str, float]:
    """Time of a product per element of bone, and bytes of a solve per degree of freedom of bone."""
    body = stored(mask, edge)
    plan = fem.make_plan(body, 1.0, fem.load_case("axial", strain=-0.01))
    bone, elements, nodes = int(mask.sum()), int(body.sum()), plan.nodes.shape[0]
    # nodes that bone touches
    touched = np.unique(np.asarray(plan.connectivity)[mask[body]]).size
    index = {0: 0, 1: 8 * elements}.get(edge, elements // max(edge, 1) ** 3)
    size = 3 * nodes * (4 * 8 + 4 * 4) + elements * (8 + 4) + 4 * index
    row = {"stored_per_element": elements / bone, "bytes_per_dof": size / (3 * touched)}
    for dtype in (jnp.float32, jnp.float64):
        modulus = jnp.asarray(mask[body], dtype)
        vector = to_padded(jnp.asarray(np.random.default_rng(0).standard_normal((nodes, 3)), dtype))

        @jax.jit
        def products(modulus, vector, plan):
            step = lambda _, v: stiffness_product(modulus, plan, v)  # noqa: E731
            return jax.lax.fori_loop(0, PRODUCTS, step, vector)

        jax.block_until_ready(products(modulus, vector, plan))
        seconds = []
        for _ in range(repeats):
            start = time.process_time()
            jax.block_until_ready(products(modulus, vector, plan))
            seconds.append(time.process_time() - start)
        row[f"{np.dtype(dtype).name}_ns"] = 1e9 * median(seconds) / PRODUCTS / bone
    return row


if __name__ == "__main__":
    main()
