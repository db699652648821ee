"""MetaImage (.mha, .mhd) through SimpleITK."""

import math
from pathlib import Path

import numpy as np

from ._files import data_file_beside, require_room
from ._itk import read_itk

META_SUFFIXES = (".mha", ".mhd")
_BYTES = {"CHAR": 1, "UCHAR": 1, "SHORT": 2, "USHORT": 2, "INT": 4, "UINT": 4, "FLOAT": 4}


def read_metaimage(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Values (nx, ny, nz) and affine (4, 4) in RAS mm; the file's own coordinates are LPS.

    Raises:
      ImportError: SimpleITK is missing.
      ValueError: not a MetaImage, not three axes, header larger than the file, voxel size zero, a data file
        outside of the header's folder.
    """
    return read_itk(path, "MetaImage", check=_check_header)


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


def _check_header(path: Path) -> None:
    """Shape, spacing and size judged on the text header: ITK allocates first and repairs silently."""
    fields, offset = _fields(path)
    if not {"DimSize", "ElementType", "ElementDataFile"} <= fields.keys():
        raise ValueError(f"{str(path)!r} is no MetaImage: DimSize, ElementType or ElementDataFile missing.")
    shape = _numbers(path, fields, "DimSize")
    if len(shape) != 3:
        raise ValueError(f"{str(path)!r}: an image needs 3 axes; DimSize is {fields['DimSize']!r}.")
    key = "ElementSpacing" if "ElementSpacing" in fields else "ElementSize"
    spacing = _numbers(path, fields, key) if key in fields else []
    if len(spacing) != 3 or not all(math.isfinite(h) and h > 0 for h in spacing):
        raise ValueError(
            f"{str(path)!r}: voxel size must be three positive numbers (mm); {key} is {fields.get(key)!r}."
        )
    place = [_numbers(path, fields, name) for name in ("Offset", "TransformMatrix") if name in fields]
    if not all(math.isfinite(number) for numbers in place for number in numbers):
        raise ValueError(f"{str(path)!r}: Offset or TransformMatrix holds NaN or infinity.")
    data = path
    available = path.stat().st_size - offset
    if fields["ElementDataFile"] != "LOCAL":
        data = data_file_beside(path, fields["ElementDataFile"])
        available = data.stat().st_size
    kind = fields["ElementType"].removeprefix("MET_")
    packed = fields.get("CompressedData", "False").lower() == "true"
    require_room(path, tuple(int(n) for n in shape), _BYTES.get(kind, 8), available, packed=packed)


def _numbers(path: Path, fields: dict[str, str], key: str) -> list[float]:
    try:
        return [float(word) for word in fields[key].split()]
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {key} must hold numbers; it holds {fields[key]!r}.") from error
