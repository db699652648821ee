"""The folder of a run that is not done yet: `NAME.partial`, locked by the process that works in it.

    NAME.partial/lock              held (flock) while a process works here; the system frees it when that dies
    NAME.partial/study.toml        the study with the paths of its files, what `osteon resume` starts from
    NAME.partial/memory_gb.json    limit of the memory plan that was asked for
    NAME.partial/fingerprint.json  versions of the program, kind of machine, hashes of the input files
    NAME.partial/parts/            checkpoints
    NAME.partial/files/            what becomes NAME; written anew whenever the run goes on

Nothing of it but `files` reaches the finished run, whose name appears in one step when everything is in it.
"""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._checkpoints import DiskCheckpoints
from ._errors import InterruptedRun, NotConvergedError, UserError
from ._manifest import write_manifest
from ._runfolder import RunFolder, finite, give_name, write_atomic

SUFFIX = ".partial"
"What the name of a run ends with until it is done."
_FINGERPRINT = "fingerprint.json"


@dataclass(frozen=True)
class WorkingFolder:
    """A locked working folder."""

    path: Path
    "NAME.partial"
    out: Path
    "NAME, where the finished run will be"

    @property
    def files(self) -> Path:
        """Folder that becomes the run."""
        return self.path / "files"

    @property
    def parts(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "parts"

    def checkpoints(self) -> DiskCheckpoints:
        """The checkpoints of the run."""
        return DiskCheckpoints(self.parts)

    def has_parts(self) -> bool:
        """Whether anything was computed that `osteon resume` could use."""
        return self.parts.is_dir() and any(not path.name.startswith(".") for path in self.parts.iterdir())

    def keep(self, name: str, text: str) -> None:
        """Keep a text for a resumed run, unless it is there."""
        if not (self.path / name).exists():
            write_atomic(self.path / name, text.encode("utf-8"))

    def kept(self, name: str) -> str:
        """A text kept before.

        Raises:
          UserError: it is not there, since the run was cut off before it had begun.
        """
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"'{self.path}' holds nothing to go on from ({name} is missing); remove it and begin anew "
                "with `osteon run`"
            ) from error

    def require_same(self, fingerprint: dict[str, Any]) -> None:
        """Keep the fingerprint of a run, or compare it with the one kept when the run was begun.

        Raises:
          UserError: a resumed run would not be the run that was begun; says what has changed.
        """
        self.keep(_FINGERPRINT, json.dumps(finite(fingerprint), indent=1))
        begun, now = json.loads(self.kept(_FINGERPRINT)), finite(fingerprint)
        changed = [name for name in begun if now.get(name) != begun[name]]
        if changed:
            told = "; ".join(
                f"{name} was {_short(begun[name])}, is {_short(now.get(name))}" for name in changed
            )
            raise UserError(
                f"'{self.out}' cannot go on as it was begun, since something has changed: {told}; bring it "
                f"back, or remove '{self.path}' and begin anew"
            )


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(part)}" for name, part in value.items()) or "nothing"
    text = str(value)
    return f"{text[:12]}..." if len(text) > 24 else text


def partial_path(out: Path) -> Path:
    """Working folder of a run."""
    return out.with_name(out.name + SUFFIX)


def finished_path(folder: Path) -> Path:
    """The run's own path, whether it or its working folder was given."""
    return folder.with_name(folder.name.removesuffix(SUFFIX))


@contextlib.contextmanager
def new_working_folder(candidates: Iterable[Path]) -> Iterator[WorkingFolder]:
    """Make and lock the working folder of a new run.

    Args:
      candidates: paths of the run in order of preference; one whose working folder another run has made
        meanwhile is passed over if there is another.

    Raises:
      UserError: the run was begun before, or its parent cannot be written.
    """
    begun: Path | None = None
    for out in candidates:
        path = partial_path(out)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir()
        except FileExistsError:
            begun = out
            continue
        except OSError as error:
            raise UserError(
                f"--out '{out}' cannot be made ({error.strerror}); name a folder you may write to"
            ) from error
        with _locked(WorkingFolder(path, out)) as folder:
            yield folder
        return
    raise UserError(
        f"--out '{begun}' was begun before and is not done ('{begun}{SUFFIX}' exists); go on with `osteon "
        f"resume {begun}`, or remove '{begun}{SUFFIX}' to start anew"
    )


@contextlib.contextmanager
def old_working_folder(folder: Path) -> Iterator[WorkingFolder]:
    """Lock the working folder of a run that was cut off.

    Args:
      folder: the run, or its working folder.

    Raises:
      UserError: there is none, or another process works in it.
    """
    out = finished_path(folder)
    path = partial_path(out)
    if not path.is_dir():
        state = "is finished" if out.is_dir() else "was never begun or was removed"
        raise UserError(f"'{out}' {state}: there is no '{path}' to resume; runs are begun with `osteon run`")
    with _locked(WorkingFolder(path, out)) as folder_:
        yield folder_


@contextlib.contextmanager
def _locked(folder: WorkingFolder) -> Iterator[WorkingFolder]:
    with (folder.path / "lock").open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.seek(0)
            owner = stream.read().strip() or "another process"
            raise UserError(
                f"'{folder.path}' is being worked in by {owner}; wait for it to end, or stop it first"
            ) from error
        stream.truncate(0)
        stream.write(f"process {os.getpid()}\n")
        stream.flush()
        yield folder


@contextlib.contextmanager
def filled(folder: WorkingFolder) -> Iterator[RunFolder]:
    """Fill `files` and give the run its name, or say what is kept and how to go on.

    Raises:
      InterruptedRun: the block was interrupted or could not write, and something is kept.
      NotConvergedError: as raised in the block, with the place of what is kept.
      BaseException: whatever else the block raises; without checkpoints the working folder is removed.
    """
    go_on = f"go on with `osteon resume {folder.out}`"
    try:
        shutil.rmtree(folder.files, ignore_errors=True)
        folder.files.mkdir()
        run = RunFolder(folder.files)
        yield run
        run.write_log()
        write_manifest(folder.files)
        give_name(folder.files, folder.out)
    except KeyboardInterrupt as stop:
        if not folder.has_parts():
            discard(folder)
            raise
        raise InterruptedRun(f"interrupted; what was computed is kept: {go_on}") from stop
    except NotConvergedError as error:
        raise NotConvergedError(
            f"{error}; the months before are kept in '{folder.path}', maps in it are marked INVALID"
        ) from error
    except OSError as error:
        if not folder.has_parts():
            discard(folder)
            raise UserError(
                f"--out '{folder.out}': writing failed ({error.strerror or error}); make room, or name a "
                "folder you may write to"
            ) from error
        raise InterruptedRun(
            f"writing '{folder.out}' failed ({error.strerror or error}); what was computed is kept: make "
            f"room and {go_on}"
        ) from error
    except BaseException:
        if not folder.has_parts():
            discard(folder)
        raise
    discard(folder)


def discard(folder: WorkingFolder) -> None:
    """Remove the working folder."""
    shutil.rmtree(folder.path, ignore_errors=True)
