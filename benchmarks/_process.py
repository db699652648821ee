"""A process as a user starts it: wall and CPU seconds."""

import os
import resource
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path


def timed(words: Sequence[str], folder: Path, *, cache: Path) -> dict[str, float]:
    """Seconds of a command from its start to its end; CPU seconds are those of all threads.

    Args:
      words: the command, which must succeed.
      folder: where it runs.
      cache: where compiled programs are kept.
    """
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    subprocess.run(words, cwd=folder, env=environment, check=True, capture_output=True)
    wall = time.perf_counter() - wall
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "wall_s": wall,
        "cpu_s": (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime),
    }
