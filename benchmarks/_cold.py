"""Measure `osteon solve` as a user starts it, from the start of the process to summary.json; one JSON object.

Once with an empty compilation cache and once more with what the first run left in it.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._cases import MODULUS_MPA, POISSON, STRAIN, read_case
from benchmarks._process import timed


def measure(name: str, data: Path, rtol: float) -> dict[str, Any]:
    """Wall and CPU seconds of a first and a second run, with what the program says of its own steps."""
    mask, voxel_mm = read_case(name, data)
    row: dict[str, Any] = {"case": name, "program": "osteon solve"}
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "mask.npy"), mask.astype(np.uint8))
        for run in ("empty_cache", "filled_cache"):
            words = [sys.executable, "-m", "osteon", "solve", "mask.npy", "--voxel-mm", str(voxel_mm)]
            words += ["--modulus-mpa", str(MODULUS_MPA), "--poisson", str(POISSON), "--load", "axial"]
            words += ["--strain", str(STRAIN), "--rtol", str(rtol), "--out", run]
            taken = timed(words, Path(folder), cache=Path(folder))
            summary = json.loads(Path(folder, run, "summary.json").read_text())
            row[run] = {
                **taken,
                **{key: summary[key] for key in ("plan_seconds", "compile_seconds", "solve_seconds")},
                "peak_memory_mb": summary["peak_memory_mb"],
            }
        row |= {key: summary[key] for key in ("dofs", "iterations", "converged")}
        row |= {"force_n": summary["reaction_n"], "solve": row["empty_cache"]}
    return row


if __name__ == "__main__":
    case, folder_name, tolerance = sys.argv[1:]
    print(json.dumps(measure(case, Path(folder_name), float(tolerance))))
