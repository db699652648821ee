"""What every reader and writer of files needs: paths that exist, sizes that can be true, atomic writing."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Deflate packs at most 1032 bytes into one (zlib's technical notes), so a compressed file cannot hold more.
LARGEST_DEFLATE_RATIO = 1032

# A mask of a whole body is mostly zeros and does pack 500 to 1, but is below 1 GiB; what unpacks to more from
# so little is taken for a bomb (assumed limits). Stored without compression it is read.
_BOMB_BYTES = 2**30
_BOMB_RATIO = 250


def existing_file(path: str | os.PathLike[str], *, name: str = "path") -> Path:
    """The path, if a file is there.

    Raises:
      FileNotFoundError: nothing is there.
      ValueError: a folder, or a file without a byte.
    """
    place = Path(path)
    if not place.exists():
        raise FileNotFoundError(f"`{name}`: no file {str(place)!r}; check the spelling and the folder.")
    if not place.is_file():
        raise ValueError(f"`{name}`: {str(place)!r} is not a file; give the image file itself.")
    if place.stat().st_size == 0:
        raise ValueError(f"`{name}`: {str(place)!r} is empty (0 bytes); copy it again.")
    return place


def suffix_of(path: Path) -> str:
    """Suffix in lower case, with .nii.gz as one."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def reason_of(error: BaseException) -> str:
    """Kind and text of an error on one line of at most 300 characters: some hold the whole file."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def require_room(path: Path, shape: tuple[int, ...], itemsize: int, available: int, *, packed: bool) -> None:
    """An error if the header promises more voxels than the file can hold.

    Args:
      path: the file, for the sentence.
      shape: array shape of the header.
      itemsize: bytes of a voxel.
      available: bytes in the file after the header.
      packed: whether those bytes are compressed by deflate.

    Raises:
      ValueError: a length below 1, more voxels than the file can hold, or a compressed file that unpacks to
        more than 1 GiB and 250 times its size.
    """
    if any(int(n) < 1 for n in shape):
        raise ValueError(f"{str(path)!r}: every axis needs at least one voxel; the header says {shape}.")
    needed = itemsize
    for length in shape:
        needed *= int(length)
    most = available * LARGEST_DEFLATE_RATIO if packed else available
    if needed > most:
        raise ValueError(
            f"{str(path)!r}: the header promises {shape} voxels ({needed} bytes), but the file has only "
            f"{available} bytes of {'compressed ' if packed else ''}data; it is cut short or its header lies."
        )
    if packed and needed > _BOMB_BYTES and needed > _BOMB_RATIO * available:
        raise ValueError(
            f"{str(path)!r}: {available} bytes would unpack to {needed}, {needed // max(available, 1)} times "
            "as many, as a file made to fill the memory does; if it is honest, save it without compression."
        )


def data_file_beside(path: Path, name: str) -> Path:
    """The file of voxels that a header names, which must lie in the header's folder or below it.

    Raises:
      ValueError: a list or pattern of files, an absolute name, or one that leads out of the folder.
      FileNotFoundError: no such file.
    """
    first = name.split()[0] if name.split() else ""
    if first in ("LIST", "") or "%" in name:
        raise ValueError(f"{str(path)!r}: voxels spread over several files are not read; join them into one.")
    folder = path.parent.resolve()
    place = (folder / name).resolve()
    if Path(name).is_absolute() or "\\" in name or not place.is_relative_to(folder):
        raise ValueError(
            f"{str(path)!r}: its data file lies outside of its folder, which is not followed; put both into "
            "one folder and let the header name the file alone."
        )
    if not place.is_file():
        raise FileNotFoundError(f"{str(path)!r}: data file {name!r} is missing.")
    return place


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path in the target's folder; renamed to `path` if the block ends well, removed otherwise.

    The suffix is kept because writers choose their format by it. A crash never leaves half a file under the
    wanted name.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"`path`: no folder {str(target.parent)!r}; make it first.")
    handle, name = tempfile.mkstemp(prefix=".partial-", suffix=suffix_of(target), dir=target.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        # mkstemp makes the file private; what a person asked to be written follows the usual mode.
        mask = os.umask(0)
        os.umask(mask)
        partial.chmod(0o666 & ~mask)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
