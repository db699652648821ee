"""The machine a command runs on: precision, compilation cache, memory."""

import os
from pathlib import Path

from ._errors import MemoryRefused


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
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def cache_folder() -> Path:
    """Folder of compiled programs: $XDG_CACHE_HOME/osteon/jax, or ~/.cache/osteon/jax."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(root) if root else Path.home() / ".cache") / "osteon" / "jax"


def memory_of_machine_gb() -> float:
    """Physical memory, GB (2^30 bytes)."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def memory_plan_gb(elements: int, *, nonlinear: bool = False) -> float:
    """Upper estimate of the memory of one solve, GB.

    Args:
      elements: bone and cap voxels.
      nonlinear: whether the body is pushed beyond yield: history and tangent of eight points per element.

    Returns:
      1.2 GB for the runtime, the compiled programs and the pictures, plus 3 kB per element. Measured on one
      machine: a solve of 29,270 elements took 0.58 GB in all, one of 229,616 elements 0.76 GB (0.9 kB per
      element), a run of 17,351 elements 1.04 GB. With `nonlinear` 5 kB more, from what is stored; 29,270
      elements took 1.16 GB.
    """
    return 1.2 + (8e3 if nonlinear else 3e3) * elements / 2**30


def require_memory(elements: int, limit_gb: float | None, *, nonlinear: bool = False) -> float:
    """The memory plan, GB, or a refusal before anything is allocated.

    Raises:
      MemoryRefused: the plan is above `limit_gb` (by default 90 % of the machine's memory).
    """
    limit = 0.9 * memory_of_machine_gb() if limit_gb is None else limit_gb
    plan = memory_plan_gb(elements, nonlinear=nonlinear)
    if plan > limit:
        raise MemoryRefused(
            f"the memory plan for {elements} elements is {plan:.3g} GB and the limit is {limit:.3g} GB; use "
            "larger voxels (mechanics.voxel_mm), a smaller region, or raise --memory-gb"
        )
    return plan
