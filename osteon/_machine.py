"""The machine a command runs on: precision, compilation cache, memory."""

import os
from types import MappingProxyType

from ._errors import MemoryRefused
from ._memory import memory_limit_gb, physical_memory_gb
from ._program_cache import cache_folder


def prepare_jax(*, cache: bool = True) -> None:
    """Switch double precision on and keep compiled programs in the user's cache folder (XDG).

    Precision is the program's choice, so it is made here and never by the library.
    """
    # A cached program makes XLA print pages about pseudo features of the processor (prefer-no-gather) that
    # change nothing; what fails for real is raised as an exception.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import jax

    jax.config.update("jax_enable_x64", True)
    folder = cache_folder() if cache else None
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            # A read-only home only costs the time of compiling again.
            folder = None
    jax.config.update("jax_compilation_cache_dir", str(folder) if folder is not None else None)
    if folder is not None:
        # most programs of a run are small ones, and together they take as long as the large ones
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def memory_of_machine_gb() -> float:
    """Physical memory, or the limit of the container where that is less, GB (2^30 bytes)."""
    limit = memory_limit_gb()
    return physical_memory_gb() if limit is None else min(limit, physical_memory_gb())


_MEMORY = MappingProxyType(
    {"solve": (0.466, 0.914e3), "run": (1.2, 2.5e3), "push": (1.2, 8e3), "cohort": (1.6, 8e3)}
)
"""GB of a process, and bytes per element on top, for every task.

"solve": one load case, fitted to the four `osteon solve` runs with an empty cache in
benchmarks/results/solver.json (29,270 to 1,820,744 elements, trabecular and solid), which it meets within
5 %. "run": an upper estimate, to which `memory_plan_gb` adds what grows with load cases and recorded
months; runs of 156,860 elements took 1.28 GB (one load case, 5 rows of fields) to 1.93 GB (three, 25 rows).
"push": beyond yield, with history and tangent of eight points per element; an upper estimate from what is
stored, 29,270 elements took 1.16 GB, and 156,860 took 1.98 GB in a run. "cohort": persons times arms in place
of elements, an upper estimate to which `osteon cohort` adds what grows with months.
"""


_PER_LOAD, _PER_ROW, _PER_ROW_AND_LOAD = 400.0, 48.0, 54.0
"""Bytes per element of a run: a load case beyond the first; a recorded month (six fields of the voxels); its
displacement under each load case, once recorded and once picked for the report."""


def memory_plan_gb(elements: int, *, task: str = "run", loads: int = 1, rows: int = 5) -> float:
    """Estimate of the memory of a task ("solve", "run" or "push"), GB, for so many bone and cap voxels.

    Args:
      elements: bone and cap voxels.
      task: what is done.
      loads: load cases that a run solves.
      rows: months of which a run records fields, the start included.
    """
    process, per_element = _MEMORY[task]
    if task == "run":
        per_element += _PER_LOAD * (loads - 1) + rows * (_PER_ROW + _PER_ROW_AND_LOAD * loads)
    return process + per_element * elements / 2**30


def require_memory(
    elements: int, limit_gb: float | None, *, task: str = "run", loads: int = 1, rows: int = 5
) -> float:
    """The memory plan of `memory_plan_gb`, GB, or a refusal before anything is allocated.

    Raises:
      MemoryRefused: the plan is above `limit_gb` (by default 90 % of the machine's memory).
    """
    plan = memory_plan_gb(elements, task=task, loads=loads, rows=rows)
    advice = "use larger voxels (mechanics.voxel_mm), a smaller region"
    return require_plan(plan, elements, limit_gb, advice=advice)


def require_plan(
    plan_gb: float, elements: int, limit_gb: float | None, *, advice: str, things: str = "elements"
) -> float:
    """A memory plan, GB, or its refusal.

    Args:
      plan_gb: the plan.
      elements: what it is for.
      limit_gb: the limit; None: 90 % of the machine's memory.
      advice: how to need less.
      things: what is counted.

    Raises:
      MemoryRefused: the plan is above the limit.
    """
    limit = 0.9 * memory_of_machine_gb() if limit_gb is None else limit_gb
    if plan_gb > limit:
        raise MemoryRefused(
            f"the memory plan for {elements} {things} is {plan_gb:.3g} GB and the limit is {limit:.3g} GB; "
            f"{advice}, or raise --memory-gb"
        )
    return plan_gb
