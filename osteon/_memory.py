"""How much memory this process may use: that of the machine, or of the container it runs in."""

import os
from pathlib import Path

GB = 2**30
"""Bytes of a GB as the program counts them."""


def physical_memory_gb() -> float:
    """Physical memory of the machine, GB."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GB


def memory_limit_gb(
    root: Path = Path("/sys/fs/cgroup"), groups: Path = Path("/proc/self/cgroup")
) -> float | None:
    """Least limit that a container, a service or a batch system set on this process, GB; None without one.

    Args:
      root: where control groups are mounted.
      groups: file that names those of this process (version 2: `0::/path`; version 1: `5:memory:/path`).
    """
    limits = [
        value for folder, names in _folders(root, groups) if (value := _number(folder / names[0])) is not None
    ]
    least = min(limits, default=None)
    # version 1 writes "no limit" as a number near 2^63
    return None if least is None or least > 2**60 else least / GB


def memory_available_gb(
    root: Path = Path("/sys/fs/cgroup"),
    groups: Path = Path("/proc/self/cgroup"),
    meminfo: Path = Path("/proc/meminfo"),
) -> float | None:
    """What can be allocated now without swapping, GB, under every limit; None where that is unknown."""
    found = []
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        found.append(1024 * float(lines["MemAvailable"].split()[0]))
    except (OSError, KeyError, ValueError):
        pass
    for folder, (limit_name, used_name) in _folders(root, groups):
        limit, used = _number(folder / limit_name), _number(folder / used_name)
        if limit is not None and used is not None and limit < 2**60:
            # the page cache counts as used and is given back when needed
            found.append(max(0.0, limit - used + (_file_cache(folder) or 0)))
    return min(found) / GB if found else None


def _folders(root: Path, groups: Path) -> list[tuple[Path, tuple[str, str]]]:
    """Folders of the memory control groups of this process, inner to outer, and their files' names."""
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return []
    found: list[tuple[Path, tuple[str, str]]] = []
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            base, names = root, ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            base, names = root / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        # inside a container the path may be that of the host: the mounted root is then the group itself
        parts = [part for part in path.split("/") if part not in ("", "..")]
        found += [(base.joinpath(*parts[:count]), names) for count in range(len(parts), -1, -1)]
    return found


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None


def _file_cache(folder: Path) -> float | None:
    try:
        lines = dict(line.split(None, 1) for line in (folder / "memory.stat").read_text().splitlines())
        return float(lines.get("inactive_file", lines.get("total_inactive_file", "0")))
    except (OSError, ValueError):
        return None
