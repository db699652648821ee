"""Measure one body with ParOSol through parosol-py; runs in a process of its own, prints one JSON object.

Needs numpy and parosol-py only, so that it may run under another interpreter than the project's.
The solver itself is a child of this process: its CPU time is that of the children, its memory the
high-water mark the kernel keeps for each of them (Linux), read every few milliseconds while they run.
"""

import json
import os
import re
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from parosol_py import solve

from benchmarks._cases import MODULUS_MPA, POISSON, STRAIN, read_case


def measure(name: str, data: Path, rtol: float, ranks: int) -> dict[str, Any]:
    """Cost of one ParOSol run on the same mask, material, load and tolerance, seconds and MiB.

    One run is the program from start to end, with its own reading and preconditioner set-up; `solving_s`
    is what the program itself prints for the iterations alone.
    """
    mask, voxel_mm = read_case(name, data)
    with tempfile.TemporaryDirectory() as folder:
        before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        with _MemoryWatch() as memory:
            result = solve(
                material=np.where(mask, np.float32(MODULUS_MPA), np.float32(0)),
                spacing=(voxel_mm,) * 3,
                array_order="xyz",
                material_unit="MPa",
                poisson_ratio=POISSON,
                strain=STRAIN,
                outputs=("sed",),
                tolerance=rtol,
                mpi_processes=ranks,
                work_dir=folder,
            )
        wall = time.perf_counter() - wall
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    nodes = re.search(r"global nodes: (\d+)", result.stdout)
    solving = re.search(r"#\s+Solving:\s+([-+0-9.eE]+)", result.stdout)
    run = result.summary.run
    return {
        "case": name,
        "program": "parosol-py",
        "ranks": ranks,
        "shape": list(mask.shape),
        "elements": int(mask.sum()),
        "dofs": 3 * int(nodes.group(1)) if nodes else None,
        "iterations": run.iterations if run else None,
        "relative_residual": run.relative_residual if run else None,
        "force_n": result.diagnostics["mechanics"]["reaction_force"]["z"],
        "solve": {
            "wall_s": wall,
            "cpu_s": (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime),
            "solving_s": float(solving.group(1)) if solving else None,
        },
        "peak_memory_mb": memory.total_mb(),
    }


class _MemoryWatch:
    """Peak resident memory of the solver's processes; `ru_maxrss` of a child starts at this process' own."""

    def __enter__(self) -> "_MemoryWatch":
        self._peaks: dict[int, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def total_mb(self) -> float | None:
        """Sum over the ranks, MiB; None where the system tells nothing."""
        return sum(self._peaks.values()) / 2**10 if self._peaks else None

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            for process in _descendants(os.getpid()):
                try:
                    status = Path(f"/proc/{process}/status").read_text()
                except OSError:
                    continue
                peak = re.search(r"VmHWM:\s+(\d+) kB", status)
                if peak and status.startswith("Name:\tparosol\n"):
                    self._peaks[process] = int(peak.group(1))


def _descendants(process: int) -> list[int]:
    """Children, grandchildren and so on of a process; empty where /proc does not tell."""
    found: list[int] = []
    for listing in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = [int(child) for child in listing.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found


if __name__ == "__main__":
    case, folder_name, tolerance, count = sys.argv[1:]
    print(json.dumps(measure(case, Path(folder_name), float(tolerance), int(count))))
