"""NumPy files as images: .npy, and .npz with one array, `mask`, or packed bits."""

import json
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from ._files import reason_of, require_room

NUMPY_SUFFIXES = (".npy", ".npz")
_SPACING_KEYS = ("voxel_mm", "spacing")
# What zipfile, zlib and NumPy's header parser raise on damaged bytes, besides ValueError.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
    EOFError,
    OSError,
    KeyError,
    SyntaxError,
    RuntimeError,
    OverflowError,
    MemoryError,
)
_NOT_VALUES = {*_SPACING_KEYS, "meta", "shape", "origin", "direction"}


def read_numpy(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Values [x, y, z] and the spacing that the file states (mm, one number or three), or None.

    .npz: the array `mask`, else packed `bits` with `shape`, else the only array that is no spacing. Packed
    bits have axes z, y, x unless a JSON text `meta` says `"axes": "x,y,z"`. Nothing is unpickled.

    Raises:
      ValueError: not NumPy's format, objects inside, header larger than the file, no array or several.
    """
    try:
        if path.suffix.lower() == ".npy":
            with path.open("rb") as stream:
                return _read_array(path, stream, path.stat().st_size, packed=False), None
        return _read_archive(path)
    except _DAMAGE as error:
        raise ValueError(f"{str(path)!r} cannot be read as a NumPy file: {reason_of(error)}") from error


def _read_archive(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    with zipfile.ZipFile(path) as archive:
        strange = [name for name in archive.namelist() if set("/\\:") & set(name) or name.startswith("..")]
        if strange:
            raise ValueError(
                f"{str(path)!r}: {len(strange)} of its members have a path for a name, as a file made to "
                "write outside of its folder does; save plain arrays with numpy.savez."
            )
        members = {
            Path(info.filename).stem: info for info in archive.infolist() if info.filename.endswith(".npy")
        }

        def member(name: str) -> np.ndarray:
            info = members[name]
            packed = info.compress_type != zipfile.ZIP_STORED
            with archive.open(info) as stream:
                return _read_array(path, stream, info.compress_size, packed=packed)

        spacing = next((np.asarray(member(key), float) for key in _SPACING_KEYS if key in members), None)
        if "mask" in members:
            return member("mask"), spacing
        if {"bits", "shape"} <= members.keys():
            axes = json.loads(str(member("meta"))).get("axes", "z,y,x") if "meta" in members else "z,y,x"
            return _unpack(path, member("bits"), member("shape"), axes), spacing
        names = sorted(members.keys() - _NOT_VALUES)
        if len(names) != 1:
            raise ValueError(
                f"{str(path)!r}: expected `mask`, or `bits` with `shape`, or one array; found {names}."
            )
        return member(names[0]), spacing


def _read_array(path: Path, stream: Any, available: int, *, packed: bool) -> np.ndarray:
    """Header first, so that an absurd shape is refused before memory is asked for."""
    try:
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read_header(stream)
    except ValueError as error:
        raise ValueError(f"{str(path)!r} cannot be read as a NumPy array: {reason_of(error)}") from error
    if dtype.hasobject:
        raise ValueError(f"{str(path)!r} holds Python objects, which are not read; save plain numbers.")
    require_room(path, shape, dtype.itemsize, available, packed=packed)
    count = int(np.prod(shape, dtype=np.int64))
    data = stream.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise ValueError(f"{str(path)!r}: {len(data)} bytes of voxels where {shape} of {dtype} are promised.")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C").copy()


def _unpack(path: Path, bits: np.ndarray, shape: np.ndarray, axes: str) -> np.ndarray:
    lengths = tuple(int(n) for n in np.ravel(shape))
    count = int(np.prod(lengths))
    if len(lengths) != 3 or min(lengths) < 1 or bits.dtype != np.uint8 or count > 8 * bits.size:
        raise ValueError(
            f"{str(path)!r}: `bits` holds {8 * bits.size} voxels ({bits.dtype}), `shape` asks for {lengths}."
        )
    mask = np.unpackbits(bits.ravel())[:count].reshape(lengths).astype(bool)
    if axes == "x,y,z":
        return mask
    if axes == "z,y,x":
        return np.ascontiguousarray(mask.transpose(2, 1, 0))
    raise ValueError(f"{str(path)!r}: `meta` gives axes {axes!r}; expected 'z,y,x' or 'x,y,z'.")
