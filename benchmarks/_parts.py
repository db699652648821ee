"""A report that is written part by part: the parts that are not measured again stay as they were."""

import json
import os
import platform
from pathlib import Path
from typing import Any

import jax


def begun(path: Path) -> dict[str, Any]:
    """The report of an earlier run, if any, with the machine of this one; switches double precision on."""
    jax.config.update("jax_enable_x64", True)
    report = json.loads(path.read_text()) if path.exists() else {}
    report["machine"] = {
        "processor": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "jax": jax.__version__,
    }
    return report


def write_report(report: dict[str, Any], path: Path) -> None:
    """The report as it is so far into its file, whose folder is made."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
