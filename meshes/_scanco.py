"""Scanco's AIM and ISQ through py_aimio (the Python bindings of Numerics88's AimIO, MIT)."""

import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ._aim_child import NO_LIBRARY, TOO_LARGE, UNCALIBRATED
from ._files import LARGEST_DEFLATE_RATIO, require_room

SCANCO_SUFFIXES = (".aim", ".isq")
# Seconds that unpacking may take: a start of Python, and 2 MB of file a second.
_LEAST_SECONDS, _BYTES_PER_SECOND = 30, 2e6


def read_scanco(path: Path, *, quantity: str, density_type: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Values [x, y, z] and affine (4, 4), mm, of an AIM or ISQ file.

    HU and density are made by the calibration in the file's own log; masks and labels are the stored numbers.
    The axes are those of the scanner, without a patient's directions: they are taken as they stand. No text
    of the log reaches a sentence, as it holds names.

    Args:
      path: .aim or .isq.
      quantity: "hu", "density" (mg/cm3 of hydroxyapatite, which Scanco calibrates to), "label", "mask" or
        "field".
      density_type: of a density: must be "ha".

    Raises:
      ImportError: py_aimio is missing.
      ValueError: not AIM or ISQ, more voxels promised than the file holds, no calibration, voxel size zero,
        a density type other than "ha".
    """
    if quantity == "density" and density_type != "ha":
        raise ValueError(
            f"{str(path)!r}: Scanco's density is that of hydroxyapatite; `density_type` must be 'ha', not "
            f"{density_type!r}."
        )
    unit = quantity if quantity in ("hu", "density") else "native"
    values, spacing, origin = (_isq if path.suffix.lower() == ".isq" else _aim)(path, unit)
    affine = np.eye(4)
    # Lengths are float32 in the file: 0.06 must not become 0.05999999865.
    edges = np.array([float(f"{edge:.7g}") for edge in spacing])
    if not np.isfinite(edges).all() or (edges <= 0).any():
        raise ValueError(
            f"{str(path)!r}: voxel size must be positive and finite (mm); it is {edges.tolist()}."
        )
    affine[:3, :3] = np.diag(edges)
    affine[:3, 3] = [float(f"{place:.7g}") for place in origin]
    return np.ascontiguousarray(values), affine


def _aim(path: Path, unit: str) -> tuple[np.ndarray, Any, Any]:
    """By a process of its own, see `_aim_child`."""
    size = path.stat().st_size
    # Some types are packed by runs, so that few bytes stand for many voxels.
    most = size * LARGEST_DEFLATE_RATIO
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "values.npz"
        child = Path(__file__).with_name("_aim_child.py")
        command = [sys.executable, "-P", str(child), str(path.resolve()), unit, str(target), str(most)]
        try:
            code = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_LEAST_SECONDS + size / _BYTES_PER_SECOND,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
        if code == NO_LIBRARY:
            raise _no_library(path)
        if code == UNCALIBRATED:
            raise _uncalibrated(path)
        if code == TOO_LARGE:
            raise ValueError(f"{str(path)!r}: the header promises more voxels than {size} bytes can hold.")
        if code != 0 or not target.is_file():
            raise _damaged(path)
        with np.load(target, allow_pickle=False) as stored:
            return stored["values"].transpose(2, 1, 0), stored["spacing"], stored["origin"]


def _isq(path: Path, unit: str) -> tuple[np.ndarray, Any, Any]:
    """Voxels by NumPy: py_aimio takes their number of bytes from 32 bits, and gives the spacing in um."""
    try:
        import py_aimio
    except ImportError as error:
        raise _no_library(path) from error
    try:
        header = py_aimio.isq_info(str(path))
        shape = tuple(int(n) for n in header["dimensions"])
        lengths = np.asarray(header["dimensions_um"], float)
        offset = int(header["data_offset"])
    except Exception:
        raise _damaged(path) from None
    require_room(path, shape, 2, path.stat().st_size - offset if offset > 0 else 0, packed=False)
    stored = np.fromfile(path, "<i2", count=math.prod(shape), offset=offset).reshape(shape, order="F")
    spacing = 0.001 * lengths / shape
    if unit == "native":
        return stored, spacing, np.zeros(3)
    equations = {"hu": py_aimio.get_isq_hu_equation, "density": py_aimio.get_isq_density_equation}
    try:
        slope, intercept = equations[unit](header)
    except Exception:
        raise _uncalibrated(path) from None
    return slope * stored.astype(float) + intercept, spacing, np.zeros(3)


def _damaged(path: Path) -> ValueError:
    return ValueError(f"{str(path)!r} cannot be read as AIM or ISQ: it is damaged or of another format.")


def _uncalibrated(path: Path) -> ValueError:
    return ValueError(
        f"{str(path)!r} has no calibration to HU or density in its log; export it with one, or use its "
        "stored numbers as a mask."
    )


def _no_library(path: Path) -> ImportError:
    return ImportError(
        f"{str(path)!r}: reading AIM and ISQ needs py_aimio; install it with `pip install 'osteon[scanco]'`."
    )
