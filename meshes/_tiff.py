"""TIFF stacks: one file of many pages, or a folder of single pages in the natural order of their names."""

import contextlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ._files import require_room

TIFF_SUFFIXES = (".tif", ".tiff")
# none, LZW, deflate (both codes) and PackBits: what micro-CT programs write.
_PACKED = {5: True, 8: True, 32946: True, 32773: True, 1: False}


def read_tiff(path: Path) -> np.ndarray:
    """Values [x, y, z] of a stack: x along the rows of a page, y down its columns, z from page to page.

    Resolution tags are not read: they are per page, often left at 72 dpi, and say nothing of z.

    Args:
      path: .tif or .tiff with pages of one shape, or a folder of them with one page each.

    Raises:
      ImportError: tifffile is missing.
      ValueError: not TIFF, colour, pages of several shapes or types, more voxels promised than the file
        holds, one page alone, a number missing in the names of a folder.
    """
    try:
        import tifffile
    except ImportError as error:
        raise ImportError(
            f"{str(path)!r}: reading TIFF needs tifffile; install it with `pip install 'osteon[readers]'`."
        ) from error
    if path.is_dir():
        pages = [_pages(tifffile, page, single=True)[0] for page in tiff_pages(path)]
    else:
        pages = _pages(tifffile, path, single=False)
    kinds = {(page.shape, page.dtype) for page in pages}
    if len(kinds) > 1:
        raise ValueError(
            f"{str(path)!r}: its {len(pages)} pages have {len(kinds)} different shapes or types."
        )
    if len(pages) < 2:
        raise ValueError(f"{str(path)!r} holds one page; a volume needs two or more.")
    return np.ascontiguousarray(np.stack(pages).transpose(2, 1, 0))


def tiff_pages(folder: Path) -> list[Path]:
    """TIFF files of a folder in natural order, slice_2 before slice_10.

    Raises:
      ValueError: their names end in numbers and one of these is missing or there twice.
    """
    found = [file for file in folder.iterdir() if file.suffix.lower() in TIFF_SUFFIXES and file.is_file()]
    found.sort(key=lambda file: [(int(part), "") if part.isdigit() else (-1, part) for part in _parts(file)])
    parts = [_parts(file) for file in found]
    ends = [next((part for part in reversed(row) if part.isdigit()), None) for row in parts]
    # Numbers count pages only where they are the one thing that differs between the names.
    if len(found) > 1 and all(ends) and len({tuple(_without_last_number(row)) for row in parts}) == 1:
        numbers = [int(str(end)) for end in ends]
        absent = sorted(set(range(min(numbers), max(numbers) + 1)) - set(numbers))
        if absent or len(set(numbers)) < len(numbers):
            what = f"number {absent[0]} is missing" if absent else "a number is there twice"
            more = f" ({len(absent)} in all)" if len(absent) > 1 else ""
            raise ValueError(
                f"{str(folder)!r}: its {len(found)} pages are numbered {min(numbers)} to {max(numbers)} and "
                f"{what}{more}; complete the stack."
            )
    return found


def _parts(file: Path) -> list[str]:
    return [part for part in re.split(r"(\d+)", file.stem.lower()) if part]


def _without_last_number(parts: list[str]) -> list[str]:
    last = max(index for index, part in enumerate(parts) if part.isdigit())
    return [*parts[:last], "#", *parts[last + 1 :]]


def _pages(tifffile: Any, path: Path, *, single: bool) -> list[np.ndarray]:
    where = str(path)
    try:
        with _quiet(), tifffile.TiffFile(path) as file:
            pages = list(file.pages)
            if single and len(pages) != 1:
                raise _Refused(f"{where!r} holds {len(pages)} pages; a folder needs files of one page each.")
            _check(path, pages)
            return [np.array(page.asarray()) for page in pages]
    except _Refused as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # tifffile raises many kinds, down to struct.error, on damaged bytes
        reason = "its pages cannot be decoded" if isinstance(error, MemoryError | KeyError) else error
        raise ValueError(f"{where!r} cannot be read as TIFF: {reason}") from error


class _Refused(Exception):
    pass


def _check(path: Path, pages: list[Any]) -> None:
    needed, held, packed = 0, 0, False
    for page in pages:
        if len(page.shape) != 2 or page.dtype is None or page.dtype.kind not in "buif":
            raise _Refused(f"{str(path)!r}: needs one real number per voxel; a page has shape {page.shape}.")
        if int(page.compression) not in _PACKED:
            raise _Refused(
                f"{str(path)!r}: compression {int(page.compression)} is not read; save it without, or as "
                "LZW, deflate or PackBits."
            )
        packed = packed or _PACKED[int(page.compression)]
        needed += page.shape[0] * page.shape[1] * page.dtype.itemsize
        held += sum(page.databytecounts)
    held = min(held, path.stat().st_size)
    try:
        require_room(path, (needed,), 1, held, packed=packed)
    except ValueError as error:
        raise _Refused(str(error)) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """tifffile logs what it finds odd in a file; here oddities are sentences or nothing."""
    logger = logging.getLogger("tifffile")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
