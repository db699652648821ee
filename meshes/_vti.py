"""VTI (VTK XML image data) for ParaView."""

import os
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import ArrayLike

from ._files import atomic_path, suffix_of

_VTK_TYPES = {
    "f4": "Float32", "f8": "Float64", "i1": "Int8", "i2": "Int16", "i4": "Int32", "i8": "Int64",
    "u1": "UInt8", "u2": "UInt16", "u4": "UInt32", "u8": "UInt64",
}  # fmt: skip


def write_vti(
    path: str | os.PathLike[str],
    spacing: ArrayLike,
    origin: ArrayLike,
    fields: Mapping[str, ArrayLike],
    *,
    direction: ArrayLike | None = None,
) -> None:
    """Write voxel fields as VTK image data: one cell per voxel, raw appended binary, whole or not at all.

    Args:
      path: target ending in .vti; replaced if it exists.
      spacing: voxel edges, mm, one number or three.
      origin: centre of voxel [0, 0, 0], mm, shape (3,), as in `Image`; VTK's own origin is its corner and
        is worked out here.
      fields: name to array, shape (nx, ny, nz) for scalars or (nx, ny, nz, components), all on one grid.
      direction: axes as columns, shape (3, 3); identity if left out. ParaView 5.8 and later obey it.

    Raises:
      ValueError: another suffix, no field, shapes that differ, numbers VTK has no type for.
      FileNotFoundError: the folder does not exist.

    Reference: VTK file formats, "XML file formats", ImageData, version 1.0 with UInt64 headers.
    """
    target = Path(path)
    if suffix_of(target) != ".vti":
        raise ValueError(f"`path` must end in .vti; got {target.name!r}.")
    arrays = {name: _plain(name, values) for name, values in fields.items()}
    if not arrays:
        raise ValueError("`fields` is empty; give at least one array [x, y, z].")
    shapes = {name: array.shape[:3] for name, array in arrays.items()}
    shape = next(iter(shapes.values()))
    different = {name: found for name, found in shapes.items() if found != shape}
    if different:
        raise ValueError(f"`fields` must have one shape; expected {shape}, got {different}.")
    step = np.broadcast_to(np.asarray(spacing, float).ravel(), (3,))
    axes = np.eye(3) if direction is None else np.asarray(direction, float)
    corner = np.asarray(origin, float) - axes @ (0.5 * step)
    extent = " ".join(f"0 {n}" for n in shape)
    order = "LittleEndian" if sys.byteorder == "little" else "BigEndian"
    head = [
        '<?xml version="1.0"?>',
        f'<VTKFile type="ImageData" version="1.0" byte_order="{order}" header_type="UInt64">',
        f'<ImageData WholeExtent="{extent}" Origin="{_text(corner)}" Spacing="{_text(step)}" '
        f'Direction="{_text(axes.ravel())}">',
        f'<Piece Extent="{extent}">',
        f"<CellData Scalars={quoteattr(next(iter(arrays)))}>",
    ]
    blocks, offset = [], 0
    for name, array in arrays.items():
        # VTK runs x fastest; components of one cell lie together.
        data = np.ascontiguousarray(np.moveaxis(array, (0, 1, 2), (2, 1, 0)))
        parts = 1 if array.ndim == 3 else array.shape[3]
        head.append(
            f'<DataArray type="{_VTK_TYPES[array.dtype.str[1:]]}" Name={quoteattr(name)} '
            f'NumberOfComponents="{parts}" format="appended" offset="{offset}"/>'
        )
        blocks.append(data)
        offset += 8 + data.nbytes
    head += ["</CellData>", "</Piece>", "</ImageData>", '<AppendedData encoding="raw">', "_"]
    with atomic_path(target) as partial, partial.open("wb") as stream:
        stream.write("\n".join(head).encode())
        for data in blocks:
            stream.write(struct.pack("=Q", data.nbytes))
            stream.write(data.tobytes())
        stream.write(b"\n</AppendedData>\n</VTKFile>\n")


def _plain(name: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim not in (3, 4) or array.size == 0:
        raise ValueError(
            f"`fields`: {name!r} needs shape (nx, ny, nz) or (nx, ny, nz, c); got {array.shape}."
        )
    if array.dtype == bool:
        array = array.astype(np.uint8)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.str[1:] not in _VTK_TYPES:
        raise ValueError(f"`fields`: {name!r} has type {array.dtype}, which VTK cannot store; use float32.")
    return array


def _text(numbers: np.ndarray) -> str:
    return " ".join(repr(float(number)) for number in numbers)
