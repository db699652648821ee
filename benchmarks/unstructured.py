"""Solves of unstructured meshes over element type and size: iterations, CPU seconds, rate per unknown.

    python -m benchmarks.unstructured --out table.md

A unit cube between two held faces, moduli random over three decades from element to element, to a true
residual of 1e-8; smoothed aggregation (extra `unstructured`) beside Jacobi.
"""

import argparse
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import fem
import meshes

CASES = {"hex8": (8, 16, 32), "tet4": (8, 16, 32), "hex20": (4, 8, 16), "tet10": (4, 8, 16)}
CONTRAST = 1000.0
RTOL = 1e-8


def measure(kind, count, preconditioner_of):
    """Iterations and CPU seconds of set-up, compilation and one warm solve."""
    mesh = meshes.make_box_mesh(count, 1.0, kind)
    plan = fem.make_mesh_plan(mesh, [fem.Held("z-", 0.0, 0.0, 0.0), fem.Held("z+", 0.0, 0.0, -0.01)])
    modulus = jnp.asarray(CONTRAST ** np.random.default_rng(0).random(plan.element_count))
    times = [time.process_time()]
    preconditioner = preconditioner_of(modulus, plan)
    times.append(time.process_time())

    def run(modulus, plan, preconditioner):
        return fem.solve_mesh(modulus, plan, preconditioner=preconditioner, rtol=RTOL)

    program = jax.jit(run).lower(modulus, plan, preconditioner).compile()
    times.append(time.process_time())
    _, info = jax.block_until_ready(program(modulus, plan, preconditioner))
    times.append(time.process_time())
    return {
        "unknowns": 3 * len(mesh.points),
        "elements": plan.element_count,
        "iterations": int(info.iterations) if bool(info.converged) else f"> {int(info.iterations)}",
        "seconds": np.diff(times),
    }


def main():
    """Table over element types and sizes."""
    jax.config.update("jax_enable_x64", True)
    parser = argparse.ArgumentParser(description="solves of unstructured meshes")
    parser.add_argument("--out", type=Path, help="file for the table; printed if left out")
    arguments = parser.parse_args()
    lines = [
        "| element | elements | unknowns | iterations | Jacobi | set-up CPU s | compile CPU s | solve CPU s "
        "| us per unknown | Jacobi solve CPU s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for kind, counts in CASES.items():
        for count in counts:
            jacobi = measure(kind, count, lambda modulus, plan: fem.Jacobi())
            found = measure(kind, count, fem.make_aggregation)
            setup, compiled, solve = found["seconds"]
            lines.append(
                f"| {kind} | {found['elements']} | {found['unknowns']} | {found['iterations']} "
                f"| {jacobi['iterations']} | {setup:.1f} | {compiled:.1f} | {solve:.2f} "
                f"| {1e6 * solve / found['unknowns']:.1f} | {jacobi['seconds'][2]:.2f} |"
            )
    table = "\n".join(lines)
    if arguments.out is None:
        print(table)
    else:
        arguments.out.write_text(table + "\n")


if __name__ == "__main__":
    main()
