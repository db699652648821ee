"""MetaImage (.mha, and .mhd with its voxels in a file beside it).

Format: ITK, "MetaIO/Documentation", itk.org/Wiki/MetaIO/Documentation.
"""

import math
from pathlib import Path

import numpy as np

from ._files import data_file_beside
from ._raw_voxels import LPS_TO_RAS, read_raw_voxels

META_SUFFIXES = (".mha", ".mhd")
# Long has 4 bytes in MetaIO on every machine.
_TYPES = {
    "CHAR": "i1", "UCHAR": "u1", "SHORT": "i2", "USHORT": "u2", "INT": "i4", "UINT": "u4", "LONG": "i4",
    "ULONG": "u4", "LONG_LONG": "i8", "ULONG_LONG": "u8", "FLOAT": "f4", "DOUBLE": "f8",
}  # fmt: skip


def read_metaimage(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Values (nx, ny, nz) and affine (4, 4) in RAS mm; the file's own coordinates are LPS.

    Raises:
      ValueError: not a MetaImage, not three axes, several numbers per voxel, header larger than the file,
        voxel size zero, a type or form of the voxels that is not read, a data file in another folder.
    """
    fields, offset = _fields(path)
    missing = {"DimSize", "ElementType", "ElementDataFile"} - fields.keys()
    if missing:
        raise ValueError(f"{str(path)!r} is no MetaImage: {', '.join(sorted(missing))} missing.")
    shape = _numbers(path, fields, "DimSize")
    if len(shape) != 3 or not all(n.is_integer() for n in shape):
        raise ValueError(f"{str(path)!r}: an image needs 3 axes; DimSize is {fields['DimSize']!r}.")
    kind = _TYPES.get(fields["ElementType"].removeprefix("MET_").upper())
    if kind is None:
        raise ValueError(
            f"{str(path)!r}: ElementType must be one of {', '.join(_TYPES)}; it is {fields['ElementType']!r}."
        )
    if fields.get("ElementNumberOfChannels", "1") != "1":
        raise ValueError(f"{str(path)!r}: needs one number per voxel; the file has several (colour).")
    if not _is_true(fields, "BinaryData", default=True):
        raise ValueError(f"{str(path)!r}: its voxels are written as text; save it as binary.")
    big = _is_true(fields, "BinaryDataByteOrderMSB") or _is_true(fields, "ElementByteOrderMSB")
    data = path
    if fields["ElementDataFile"] != "LOCAL":
        data, offset = data_file_beside(path, fields["ElementDataFile"]), 0
        skipped = fields.get("HeaderSize", "0")
        if skipped not in ("0", "-1"):
            raise ValueError(f"{str(path)!r}: HeaderSize must be 0 or -1; it is {skipped!r}.")
        offset = int(skipped)
    values = read_raw_voxels(
        path,
        data,
        offset,
        tuple(int(n) for n in shape),
        np.dtype((">" if big else "<") + kind),
        packed=_is_true(fields, "CompressedData"),
    )
    return values, _affine(path, fields)


def _affine(path: Path, fields: dict[str, str]) -> np.ndarray:
    key = "ElementSpacing" if "ElementSpacing" in fields else "ElementSize"
    spacing = _numbers(path, fields, key) if key in fields else []
    if len(spacing) != 3 or not all(math.isfinite(h) and h > 0 for h in spacing):
        raise ValueError(
            f"{str(path)!r}: voxel size must be three positive numbers (mm); {key} is {fields.get(key)!r}."
        )
    rows = _first(path, fields, ("TransformMatrix", "Rotation", "Orientation"), np.eye(3).ravel())
    origin = _first(path, fields, ("Offset", "Position", "Origin"), np.zeros(3))
    affine = np.eye(4)
    # A row of the matrix is the direction of an axis of the array.
    affine[:3, :3] = LPS_TO_RAS @ rows.reshape(3, 3).T * np.array(spacing)
    affine[:3, 3] = LPS_TO_RAS @ origin
    return affine


def _first(path: Path, fields: dict[str, str], names: tuple[str, ...], default: np.ndarray) -> np.ndarray:
    """Numbers of the first of several names of one field."""
    for name in names:
        if name in fields:
            numbers = np.array(_numbers(path, fields, name))
            if numbers.size != default.size or not np.isfinite(numbers).all():
                raise ValueError(
                    f"{str(path)!r}: {name} must hold {default.size} finite numbers; it is {fields[name]!r}."
                )
            return numbers
    return default


def _is_true(fields: dict[str, str], key: str, *, default: bool = False) -> bool:
    return fields.get(key, str(default)).lower() in ("true", "1")


def metaimage_data_file(path: Path) -> str | None:
    """Name of the file with the voxels; None where they follow the header."""
    name = _fields(path)[0].get("ElementDataFile")
    return None if name in (None, "LOCAL") else name


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """Fields of the text header, and the byte where it ends."""
    with path.open("rb") as stream:
        start = stream.read(65536)
    fields: dict[str, str] = {}
    offset = 0
    for line in start.split(b"\n"):
        offset += len(line) + 1
        key, found, value = line.partition(b"=")
        if not found:
            break
        fields[key.decode("latin-1").strip()] = value.decode("latin-1").strip()
        if "ElementDataFile" in fields:
            break
    return fields, offset


def _numbers(path: Path, fields: dict[str, str], key: str) -> list[float]:
    try:
        return [float(word) for word in fields[key].split()]
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {key} must hold numbers; it holds {fields[key]!r}.") from error
