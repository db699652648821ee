"""The voxels behind a text header: plain or deflated numbers, x fastest.

NumPy and zlib read them, and not ITK, which ends the whole process on some damaged files.
"""

import zlib
from pathlib import Path

import numpy as np

from ._files import reason_of, require_room

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
"Turns the patient coordinates of ITK and DICOM (left, posterior, superior) into RAS."


def read_raw_voxels(
    header: Path, data: Path, offset: int, shape: tuple[int, ...], kind: np.dtype, *, packed: bool
) -> np.ndarray:
    """Values, shape (nx, ny, nz).

    Args:
      header: file of the header, for the sentences.
      data: file of the voxels.
      offset: byte of it where they begin; negative: they are its last bytes.
      shape: of the image, three numbers.
      kind: type and byte order of a number.
      packed: whether they are a zlib or gzip stream.

    Raises:
      ValueError: fewer voxels than promised, a damaged stream, sizes below 1.
    """
    size = data.stat().st_size
    require_room(header, shape, kind.itemsize, size if offset < 0 else max(size - offset, 0), packed=packed)
    count = shape[0] * shape[1] * shape[2]
    wanted = count * kind.itemsize
    with data.open("rb") as stream:
        stream.seek(size - wanted if offset < 0 else offset)
        content = stream.read() if packed else stream.read(wanted)
    if packed:
        try:
            content = zlib.decompressobj(47).decompress(content, wanted)
        except zlib.error as error:
            raise ValueError(
                f"{str(header)!r}: the voxels cannot be unpacked, the file is damaged: {reason_of(error)}"
            ) from error
    if len(content) != wanted:
        raise ValueError(
            f"{str(header)!r}: {len(content)} bytes of voxels where {list(shape)} of {kind} need {wanted}; "
            "the file is cut short."
        )
    values = np.frombuffer(content, kind).reshape(shape[::-1]).transpose(2, 1, 0)
    return np.ascontiguousarray(values, dtype=kind.newbyteorder("="))
