"""Measure one body with this project's solver; runs in a process of its own, prints one JSON object."""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp

import fem
from benchmarks._cases import MODULUS_MPA, POISSON, STRAIN, read_case


def measure(name: str, data: Path, rtol: float, repeats: int) -> dict[str, Any]:
    """Cost of set-up, compilation, solve and gradient of one case, seconds and MiB."""
    jax.config.update("jax_enable_x64", True)
    jax.block_until_ready(jnp.zeros(1) + 1)
    memory_at_start = peak_memory_mb()
    mask, voxel_mm = read_case(name, data)
    load = fem.load_case("axial", strain=STRAIN)

    plan, plan_cost = timed(lambda: fem.make_plan(mask, voxel_mm, load, material=fem.isotropic(POISSON)))
    modulus = jnp.full(plan.connectivity.shape[0], MODULUS_MPA)
    dofs = 3 * plan.nodes.shape[0]

    forward, compile_cost = timed(
        lambda: jax.jit(lambda m, p: fem.solve(m, p, rtol=rtol)).lower(modulus, plan).compile()
    )
    (_, info), solve_cost = repeated(lambda: forward(modulus, plan), repeats)
    memory_solve = peak_memory_mb() - memory_at_start

    gradient_of_energy = jax.value_and_grad(lambda m, p: fem.strain_energy(m, p, rtol=rtol), has_aux=True)
    backward, compile_gradient_cost = timed(
        lambda: jax.jit(gradient_of_energy).lower(modulus, plan).compile()
    )
    ((energy, _), gradient), gradient_cost = repeated(lambda: backward(modulus, plan), repeats)
    memory_gradient = peak_memory_mb() - memory_at_start

    # a scalar that is not the energy: its derivative takes an adjoint solve
    adjoint = jax.value_and_grad(lambda m, p: jnp.sum(fem.solve(m, p, rtol=rtol)[0] ** 2))
    with_adjoint = jax.jit(adjoint).lower(modulus, plan).compile()
    _, adjoint_cost = repeated(lambda: with_adjoint(modulus, plan), repeats)
    temporary = forward.memory_analysis().temp_size_in_bytes
    return {
        "case": name,
        "program": "osteon",
        "device": jax.devices()[0].device_kind,
        "shape": list(mask.shape),
        "elements": int(modulus.size),
        "dofs": int(dofs),
        "converged": bool(info.converged),
        "iterations": int(info.iterations),
        "relative_residual": float(info.relative_residual),
        "force_n": float(info.reaction_n),
        "strain_energy_nmm": float(energy),
        # Euler: the energy is linear in the moduli at a prescribed displacement, so E . dU/dE = U.
        "gradient_euler_error": float(abs(jnp.vdot(gradient, modulus) / energy - 1)),
        "plan": plan_cost,
        "compile": compile_cost,
        "solve": solve_cost,
        "compile_gradient": compile_gradient_cost,
        "gradient": gradient_cost,
        "gradient_of_square_displacement": adjoint_cost,
        "solve_cpu_ns_per_dof": 1e9 * solve_cost["cpu_s"] / dofs,
        "temporary_bytes_per_dof": temporary / dofs,
        "peak_memory_solve_mb": memory_solve,
        "peak_memory_gradient_mb": memory_gradient,
    }


def timed(task: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Result of a task with its wall time and the CPU time of all threads, s."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = task()
    return result, {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def repeated(task: Callable[[], Any], repeats: int) -> tuple[Any, dict[str, float]]:
    """Median cost of a warm task: one run to warm up, then `repeats` measured ones."""
    jax.block_until_ready(task())
    runs = [timed(lambda: jax.block_until_ready(task())) for _ in range(repeats)]
    costs = [cost for _, cost in runs]
    summary = {key: median(cost[key] for cost in costs) for key in ("wall_s", "cpu_s")}
    return runs[-1][0], summary | {"fastest_cpu_s": min(cost["cpu_s"] for cost in costs), "repeats": repeats}


def peak_memory_mb() -> float:
    """Largest resident set of this process so far, MiB (Linux counts KiB, macOS bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    case, folder, tolerance, count = sys.argv[1:]
    print(json.dumps(measure(case, Path(folder), float(tolerance), int(count))))
