"""Run as a program of its own by `_scanco`: one AIM file through py_aimio into an .npz file.

The library behind py_aimio is C++ that on some damaged files loops for ever, asks for all memory or prints;
here that ends a child and not the program. Arguments: file, unit (native, hu or density), target, voxels that
the file can hold at most.
"""

import math
import sys

import numpy as np

DAMAGED, UNCALIBRATED, TOO_LARGE, NO_LIBRARY = 3, 4, 5, 6
"""Exit codes."""


def main(path: str, unit: str, target: str, most: int) -> int:
    """Read and convert; the exit code."""
    try:
        import py_aimio
    except ImportError:
        return NO_LIBRARY
    _limit_memory(2**31 + 16 * most)
    try:
        if math.prod(int(n) for n in py_aimio.aim_info(path)["dimensions"]) > most:
            return TOO_LARGE
        values, header = py_aimio.read_aim(path)
    except Exception:
        return DAMAGED
    if unit != "native":
        log = str(header.get("processing_log_raw", ""))
        equations = {"hu": py_aimio.get_aim_hu_equation, "density": py_aimio.get_aim_density_equation}
        try:
            slope, intercept = equations[unit](log)
        except Exception:
            return UNCALIBRATED
        values = slope * values.astype(np.float64) + intercept
    np.savez(target, values=values, spacing=header["spacing"], origin=header["origin"])
    return 0


def _limit_memory(size: int) -> None:
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
