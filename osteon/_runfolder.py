"""A run's folder: made aside, filled, and given its name only when complete."""

import contextlib
import csv
import functools
import hashlib
import io
import itertools
import json
import logging
import math
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

from ._errors import UserError

_PACKAGES = (
    "osteon",
    "jax",
    "jaxlib",
    "numpy",
    "scipy",
    "nibabel",
    "meshio",
    "matplotlib",
    "jinja2",
    "optax",
)


class RunFolder:
    """Where one command writes; lives beside its final place under a hidden name until it is done."""

    def __init__(self, path: Path):
        self.path = path
        self._log: list[str] = []
        self._start = time.perf_counter()

    def write_text(self, name: str, text: str) -> Path:
        """Write a text file whole or not at all."""
        return self.write_bytes(name, text.encode("utf-8"))

    def write_bytes(self, name: str, content: bytes) -> Path:
        """Write a file whole or not at all."""
        return write_atomic(self.path / name, content)

    def write_json(self, name: str, data: Any) -> Path:
        """Write JSON; NaN and infinity become null, as JSON has neither."""
        return self.write_text(name, json.dumps(finite(data), indent=2, ensure_ascii=False) + "\n")

    def folder(self, name: str) -> Path:
        """A folder inside, made when needed."""
        inner = self.path / name
        inner.mkdir(parents=True, exist_ok=True)
        return inner

    def log(self, text: str) -> None:
        """A line of the log, with seconds since the start; `--verbose` shows it at once."""
        line = f"{time.perf_counter() - self._start:9.2f} s  {text}"
        self._log.append(line)
        logging.getLogger("osteon").info(line)

    def write_log(self) -> None:
        """Write log.txt."""
        self.write_text("log.txt", "\n".join(self._log) + "\n")


def write_atomic(path: Path, content: bytes) -> Path:
    """Write a file under a temporary name in its folder, then rename it."""
    with atomic_stream(path) as stream:
        stream.write(content)
    return path


@contextlib.contextmanager
def atomic_stream(path: Path, *, to_disk: bool = False) -> Iterator[BinaryIO]:
    """A stream into a temporary file beside `path`, which gets that name when the block ends well.

    Args:
      path: the file.
      to_disk: push the content to the disk before the file gets its name: it survives a power failure.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".partial-")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            if to_disk:
                stream.flush()
                os.fsync(stream.fileno())
        # mkstemp makes files private; a result is as readable as the person's other files.
        Path(temporary).chmod(0o666 & ~umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def umask() -> int:
    """The file mode bits that the person takes away from new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def slug(name: str) -> str:
    """A name as part of a file name: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"


def numbered_paths(parent: Path, stem: str) -> Iterator[Path]:
    """Those of `stem-001`, `stem-002`, ... that do not exist in `parent`."""
    for number in itertools.count(1):
        path = parent / f"{stem}-{number:03d}"
        if not path.exists():
            yield path


def fresh_path(parent: Path, stem: str) -> Path:
    """The first of `stem-001`, `stem-002`, ... that does not exist in `parent`."""
    return next(numbered_paths(parent, stem))


def require_fresh(path: Path) -> None:
    """Refuse a folder that already holds something.

    Raises:
      UserError: `path` is a file or a folder that is not empty.
    """
    if path.is_dir() and not any(path.iterdir()):
        return
    if path.exists():
        raise UserError(
            f"--out '{path}' already exists and a run never overwrites; name a new folder or remove it"
        )


@contextlib.contextmanager
def run_folder(path: Path) -> Iterator[RunFolder]:
    """A run folder that appears at `path` only when the block ends well.

    Raises:
      UserError: `path` exists already, or its parent cannot be written.
    """
    require_fresh(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.partial-"))
    except OSError as error:
        raise UserError(
            f"--out '{path}' cannot be made ({error.strerror}); name a folder you may write to"
        ) from error
    try:
        folder = RunFolder(temporary)
        yield folder
        folder.write_log()
        give_name(temporary, path)
        folder.path = path
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def give_name(folder: Path, path: Path) -> None:
    """Turn a complete folder into `path`, in one step; an empty folder there gives way."""
    folder.chmod(0o777 & ~umask())
    if path.is_dir():
        path.rmdir()
    folder.replace(path)


def finite(data: Any) -> Any:
    """The same nest of dicts, lists and numbers with NumPy numbers made plain and non-finite ones None."""
    if isinstance(data, dict):
        return {str(name): finite(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [finite(value) for value in data]
    if hasattr(data, "tolist"):
        return finite(data.tolist())
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


def csv_text(rows: list[dict[str, Any]], columns: Sequence[str] = (), *, digits: int = 8) -> str:
    """Rows as CSV; no rows, no text.

    Args:
      rows: one dict a row; a column that it lacks is empty.
      columns: the head; the keys of the first row if left out.
      digits: of numbers that are no integers.
    """
    stream = io.StringIO()
    if rows:
        writer = csv.DictWriter(stream, columns or list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: f"{cell:.{digits}g}" if isinstance(cell, float) else cell for name, cell in row.items()}
            for row in rows
        )
    return stream.getvalue()


def sha256(path: Path) -> str:
    """Hash of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@functools.cache
def sources_sha256() -> str:
    """Hash of the program's own source files and tables: tells apart what one version number covers.

    Taken once: what runs was loaded at the start, whatever happens to the files later.
    """
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for package in ("meshes", "fem", "remodeling", "calibration", "osteon"):
        for path in sorted((root / package).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.relative_to(root).as_posix().encode() + b"\0")
                digest.update(path.read_bytes())
    return digest.hexdigest()


def versions() -> dict[str, Any]:
    """Versions of the program and what it stands on, and the kind of machine; no names of host or user."""
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
    }
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    if "jax" in sys.modules:
        import jax

        found["jax_backend"] = jax.default_backend()
        found["jax_devices"] = [device.device_kind for device in jax.devices()]
        found["default_float"] = jax.numpy.zeros(()).dtype.name
    return found


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, MB (2^20 bytes)."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
