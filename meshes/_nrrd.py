"""NRRD (.nrrd, and .nhdr with its voxels in a file beside it).

Format: Kindlmann, "Definition of NRRD File Format", teem.sourceforge.net/nrrd/format.html.
"""

import math
import re
from pathlib import Path

import numpy as np

from ._files import data_file_beside
from ._image import geometry_of
from ._raw_voxels import read_raw_voxels

NRRD_SUFFIXES = (".nrrd", ".nhdr")
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_MM_PER_UNIT = {"m": 1000.0, "cm": 10.0, "mm": 1.0, "um": 0.001, "micron": 0.001, "nm": 1e-6}
# Axes of RAS in the spaces of the format whose unit is mm by the habit of every program that writes them.
_SPACES = {
    "right-anterior-superior": (1.0, 1.0, 1.0),
    "ras": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "las": (-1.0, 1.0, 1.0),
    "left-posterior-superior": (-1.0, -1.0, 1.0),
    "lps": (-1.0, -1.0, 1.0),
}
_LONGEST_HEADER = 1 << 20


def read_nrrd(path: Path, *, assume_units: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Values (nx, ny, nz) and affine (4, 4) in RAS mm.

    Args:
      path: .nrrd or .nhdr; voxels raw or packed by gzip.
      assume_units: "mm": what lengths are in that name neither a unit nor an anatomical space.

    Raises:
      ValueError: not NRRD, not three axes, header larger than the file, voxels outside of the header's folder
        or in several files, an encoding that is not read, voxel size zero or missing, sheared axes, no unit.
    """
    fields, offset = _fields(path)
    affine = _affine(path, fields, assume_units)
    return _voxels(path, fields, offset), affine


def nrrd_data_file(path: Path) -> str | None:
    """Name of the file with the voxels; None where they follow the header."""
    return _fields(path)[0].get("datafile")


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """Fields of the header by name, and the byte where it ends."""
    with path.open("rb") as stream:
        start = stream.read(_LONGEST_HEADER)
    if not start.startswith(b"NRRD000"):
        raise ValueError(f"{str(path)!r} cannot be read as NRRD: it does not begin with NRRD000.")
    head, blank, _ = start.partition(b"\n\n")
    if not blank:
        head, blank, _ = start.partition(b"\r\n\r\n")
    fields: dict[str, str] = {}
    for line in head.decode("latin-1").splitlines()[1:]:
        key, found, value = line.partition(":")
        if found and not line.startswith("#") and not value.startswith("="):
            fields[key.strip().lower().replace("data file", "datafile")] = value.strip()
    return fields, len(head) + len(blank)


def _voxels(path: Path, fields: dict[str, str], offset: int) -> np.ndarray:
    missing = {"dimension", "sizes", "type", "encoding"} - fields.keys()
    if missing:
        raise ValueError(f"{str(path)!r} cannot be read as NRRD: {', '.join(sorted(missing))} missing.")
    sizes = _numbers(path, fields, "sizes")
    if fields["dimension"] != "3" or len(sizes) != 3 or not all(n.is_integer() for n in sizes):
        raise ValueError(
            f"{str(path)!r}: an image needs 3 axes; the header has {len(sizes)}. Take one volume out first."
        )
    if fields["encoding"] not in ("raw", "gzip", "gz"):
        raise ValueError(f"{str(path)!r}: its encoding is neither raw nor gzip; save it as one of them.")
    if any(fields.get(key, "0") != "0" for key in ("line skip", "lineskip", "byte skip", "byteskip")):
        raise ValueError(f"{str(path)!r}: voxels that begin after skipped lines or bytes are not read.")
    kind = next((code for code, names in _TYPES.items() if fields["type"].lower() in names), None)
    if kind is None:
        raise ValueError(f"{str(path)!r}: voxels of type {fields['type']!r} are not read; save real numbers.")
    if kind[1] != "1" and fields.get("endian") not in ("little", "big"):
        raise ValueError(f"{str(path)!r}: `endian` must be little or big; it is {fields.get('endian')!r}.")
    data = path
    if "datafile" in fields:
        data, offset = data_file_beside(path, fields["datafile"]), 0
    elif path.suffix.lower() == ".nhdr":
        raise ValueError(f"{str(path)!r}: the header names no data file.")
    order = ">" if fields.get("endian") == "big" else "<"
    shape = tuple(int(n) for n in sizes)
    packed = fields["encoding"] != "raw"
    return read_raw_voxels(path, data, offset, shape, np.dtype(order + kind), packed=packed)


def _affine(path: Path, fields: dict[str, str], assume_units: str | None) -> np.ndarray:
    where = str(path)
    space = fields.get("space", "").lower()
    axes = _SPACES.get(space)
    if "space directions" in fields:
        columns = [_vector(path, text) for text in _vectors(fields["space directions"])]
        if len(columns) != 3:
            raise ValueError(f"{where!r}: `space directions` must hold three vectors of three numbers.")
        matrix = np.array(columns).T
    elif "spacings" in fields:
        spacings = _numbers(path, fields, "spacings")
        if len(spacings) != 3:
            raise ValueError(f"{where!r}: `spacings` must hold three numbers; it holds {len(spacings)}.")
        matrix = np.diag(spacings)
    else:
        raise ValueError(
            f"{where!r} states no voxel size (`space directions` or `spacings`); save it with one."
        )
    if not np.isfinite(matrix).all() or (np.abs(matrix).sum(axis=0) == 0).any():
        raise ValueError(f"{where!r}: voxel size must be positive and finite; `space directions` is not.")
    origin = np.zeros(3)
    if "space origin" in fields:
        origin = np.array(_vector(path, fields["space origin"]))
    # In a space without anatomy the axes are taken as they stand, as in a micro-CT scan.
    turn = np.diag((1.0, 1.0, 1.0) if axes is None else axes)
    scale = _mm_per_unit(path, fields, assume_units, anatomical=axes is not None)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = scale * turn @ matrix, scale * turn @ origin
    geometry_of(affine, name=f"affine of {path.name}")
    return affine


def _mm_per_unit(path: Path, fields: dict[str, str], assume_units: str | None, *, anatomical: bool) -> float:
    stated = re.findall(r'"([^"]*)"', fields.get("space units", fields.get("units", "")))
    stated = [unit for unit in stated if unit]
    if stated:
        if len(set(stated)) > 1 or stated[0].lower() not in _MM_PER_UNIT:
            raise ValueError(
                f"{str(path)!r}: its unit of length must be one of {', '.join(_MM_PER_UNIT)} for all axes."
            )
        return _MM_PER_UNIT[stated[0].lower()]
    if not anatomical and assume_units is None:
        raise ValueError(
            f"{str(path)!r} states no unit of length and no anatomical space; if its lengths are mm, say so: "
            'assume_units="mm" from Python, `image.assume_units = "mm"` in a study, `--assume-units mm`.'
        )
    return 1.0


def _vectors(text: str) -> list[str]:
    return re.findall(r"\(([^)]*)\)", text)


def _vector(path: Path, text: str) -> list[float]:
    try:
        numbers = [float(word) for word in text.strip().strip("()").split(",")]
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: a vector of its header holds no numbers.") from error
    if len(numbers) != 3 or not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"{str(path)!r}: a vector of its header needs three finite numbers.")
    return numbers


def _numbers(path: Path, fields: dict[str, str], key: str) -> list[float]:
    try:
        numbers = [float(word) for word in fields[key].split()]
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: `{key}` must hold numbers.") from error
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"{str(path)!r}: `{key}` must hold finite numbers (voxel size, shape).")
    return numbers
