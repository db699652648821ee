"""`osteon doctor`: what this installation stands on."""

import argparse
import json

from ._machine import cache_folder, memory_of_machine_gb, prepare_jax
from ._runfolder import versions


def doctor_report() -> dict[str, object]:
    """Versions, backend, precision (checked), compiled solver, memory and cache."""
    prepare_jax(cache=False)
    import jax
    import jax.numpy as jnp

    import fem

    total = float(jax.jit(lambda x: x + 1.0 - x)(jnp.asarray(1e9)))
    return {
        **versions(),
        "double_precision_works": total == 1.0 and jnp.asarray(1.0).dtype == jnp.float64,
        "compiled_solver": fem.compiled_solver(),
        "memory_gb": round(memory_of_machine_gb(), 1),
        "compilation_cache_exists": cache_folder().is_dir(),
    }


def doctor_command(arguments: argparse.Namespace) -> None:
    """Print the report as lines or as JSON."""
    report = doctor_report()
    if arguments.json:
        print(json.dumps(report, indent=2))
        return
    for name, value in report.items():
        print(f"{name:26s} {'not installed' if value is None else value}")
