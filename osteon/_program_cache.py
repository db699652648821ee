"""The user's folder of compiled programs, and what a kill or a full disk leaves in it."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

_NOT_READ = "Error reading persistent compilation cache entry"
_NOT_WRITTEN = "Error writing persistent compilation cache entry"


def cache_folder() -> Path:
    """Folder of compiled programs: $XDG_CACHE_HOME/osteon/jax, or ~/.cache/osteon/jax."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(root) if root else Path.home() / ".cache") / "osteon" / "jax"


@contextmanager
def cache_mended() -> Iterator[None]:
    """While a command runs, what jax warns of in the cache is told in one sentence and mended.

    jax writes a program in place and never writes over one that exists, so that what was cut off while it was
    written would be found damaged, and be compiled again, by every later run. The folder is emptied instead.
    """
    told = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        kind = next((kind for kind in (_NOT_READ, _NOT_WRITTEN) if str(message).startswith(kind)), None)
        if kind is None:
            usual(message, category, filename, lineno, file, line)
            return
        emptied = _empty(cache_folder())
        if kind not in told:
            told.add(kind)
            print(f"osteon: {_sentence(kind, str(message), emptied)}", file=sys.stderr)

    with warnings.catch_warnings():
        usual, warnings.showwarning = warnings.showwarning, show
        for kind in (_NOT_READ, _NOT_WRITTEN):
            # each time, not once: every one of them leaves something to remove
            warnings.filterwarnings("always", message=kind)
        yield


def _sentence(kind: str, message: str, emptied: bool) -> str:
    if kind == _NOT_WRITTEN:
        reason = message.rpartition("': ")[2]
        return f"a compiled program could not be kept for later runs ({reason}); this run is not affected"
    done = "the cache was emptied" if emptied else f"remove '{cache_folder()}' to be rid of it"
    return f"a kept compiled program was damaged and is compiled again; {done}"


def _empty(folder: Path) -> bool:
    """Remove the programs; whether none is left."""
    for path in folder.glob("*-cache"):
        with suppress(OSError):
            path.unlink()
    return not any(folder.glob("*-cache"))
