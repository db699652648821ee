"""`osteon doctor`: what this installation stands on, what is missing, and what installs it."""

import argparse
import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._machine import memory_of_machine_gb, prepare_jax
from ._memory import memory_available_gb, memory_limit_gb, physical_memory_gb
from ._output import answer
from ._program_cache import cache_folder
from ._runfolder import versions


@dataclass(frozen=True)
class Extra:
    """A package that the program does without until something needs it."""

    module: str
    "name that Python imports"
    requirement: str
    "what pip is asked for, as in pyproject.toml"
    purpose: str
    "what needs it"


OPTIONAL = (
    Extra("pydicom", "pydicom>=3.0.1", "reads DICOM series"),
    Extra("tifffile", "tifffile>=2024.8", "reads TIFF stacks"),
    Extra("py_aimio", "aimio-py>=0.4.1", "reads Scanco's AIM and ISQ"),
    Extra("h5py", "h5py>=3.12", "`osteon solve --export parosol` writes HDF5 with it"),
    Extra("pyamg", "pyamg>=5.2", "multigrid on unstructured meshes (`fem`)"),
    Extra("wildmeshing", "wildmeshing>=0.4.1", "tetrahedra from a closed surface (`meshes`)"),
    Extra("blackjax", "blackjax>=1.5", "no-U-turn sampling of a posterior (`calibration`)"),
)
"""Packages of the extras of pyproject.toml, those for developers left out."""


def doctor_report() -> dict[str, Any]:
    """Versions, backend, precision (checked), compiled solver, memory, cache, optional packages, problems."""
    prepare_jax(cache=False)
    import jax
    import jax.numpy as jnp

    import fem

    total = float(jax.jit(lambda x: x + 1.0 - x)(jnp.asarray(1e9)))
    cache, limit, available = cache_folder(), memory_limit_gb(), memory_available_gb()
    report: dict[str, Any] = {
        **versions(),
        "double_precision_works": total == 1.0 and jnp.asarray(1.0).dtype == jnp.float64,
        "compiled_solver": fem.compiled_solver(),
        "memory_gb": round(memory_of_machine_gb(), 1),
        "physical_memory_gb": round(physical_memory_gb(), 1),
        "memory_limit_gb": None if limit is None else round(limit, 1),
        "memory_available_gb": None if available is None else round(available, 1),
        "free_disk_gb": round(shutil.disk_usage(Path.cwd()).free / 2**30, 1),
        "compilation_cache_exists": cache.is_dir(),
        "compilation_cache_mb": round(folder_mb(cache), 1),
        "optional": [_optional(item) for item in OPTIONAL],
    }
    return {**report, "problems": problems(report, gpu_driver=Path("/proc/driver/nvidia/version").exists())}


def _optional(item: Extra) -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    found = None
    if importlib.util.find_spec(item.module) is not None:
        try:
            found = version(item.module)
        except PackageNotFoundError:
            found = "unknown version"
    return {
        "package": item.module,
        "version": found,
        "purpose": item.purpose,
        "install": f'python -m pip install "{item.requirement}"',
    }


def folder_mb(folder: Path) -> float:
    """Size of the files of a folder, MB (2^20 bytes); 0 where there is none."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            # another process may remove a file of the cache meanwhile
            continue
    return total / 2**20


def problems(report: dict[str, Any], *, gpu_driver: bool) -> list[str]:
    """What is not as it should be, one sentence each; nothing that stops a run from starting is fatal here.

    Args:
      report: entries of `doctor_report`.
      gpu_driver: whether a driver of an NVIDIA GPU is loaded.
    """
    found = []
    if not report["double_precision_works"]:
        found.append(
            "double precision does not work on this backend, and results would be wrong; set the environment "
            "variable JAX_PLATFORMS=cpu"
        )
    if report["jax_backend"] == "cpu" and report["compiled_solver"] is None:
        found.append(
            "the compiled solver is absent and plain JAX takes about twice the time; install a C++ compiler "
            "and then osteon again"
        )
    if report["jax_backend"] == "cpu" and gpu_driver:
        found.append(
            'there is an NVIDIA GPU and JAX does not use it; python -m pip install "jax[cuda12]>=0.10"'
        )
    available = report["memory_available_gb"]
    if available is not None and available < 2:
        found.append(
            f"{available:g} GB of memory are available and the demo takes about 2; end other programs, or "
            "use larger voxels (mechanics.voxel_mm)"
        )
    if report["free_disk_gb"] < 1:
        found.append(
            f"{report['free_disk_gb']:g} GB of disk are free in this folder and a run may write some hundred "
            "MB; work in another folder or make room"
        )
    return found


def doctor_command(arguments: argparse.Namespace) -> None:
    """Print the report; what is missing is told and is no failure."""
    report = doctor_report()
    answer(arguments, doctor_text(report), report)


def doctor_text(report: dict[str, Any]) -> str:
    """The report as lines: numbers, optional packages, problems."""
    lines = []
    for name, value in report.items():
        if name in ("optional", "problems"):
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        absent = "none" if "memory" in name or name == "compiled_solver" else "not installed"
        lines.append(f"{name:26s} {absent if value is None else shown}")
    lines += ["", "optional packages:"]
    for item in report["optional"]:
        state = item["version"] or f"not installed; {item['install']}"
        lines.append(f"  {item['package']:12s} {item['purpose']}: {state}")
    lines.append("  a browser    shows report.html; any will do, none is needed to write it")
    told = report["problems"]
    lines += ["", "problems:" if told else "no problems"]
    lines += [f"  {text}" for text in told]
    return "\n".join(lines)
