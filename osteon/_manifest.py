"""The manifest of a run folder: size and hash of every file, and the check against it."""

import json
from pathlib import Path
from typing import Any

from ._errors import UserError
from ._runfolder import sha256, write_atomic

NAME = "manifest.json"
_FORMAT = "osteon-manifest/1"


def write_manifest(folder: Path) -> None:
    """Write manifest.json: size and SHA-256 of every other file of the folder."""
    _write(folder, {name: _entry(folder / name) for name in _names(folder)})


def update_manifest(folder: Path, name: str) -> None:
    """Enter one file that was written anew; a folder without a manifest stays without."""
    if (folder / NAME).is_file():
        files = read_manifest(folder)
        _write(folder, {**files, name: _entry(folder / name)})


def read_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and hash of every file, by its path in the folder.

    Raises:
      UserError: no manifest, or a damaged one.
    """
    try:
        manifest = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if manifest["format"] != _FORMAT:
            raise ValueError(manifest["format"])
        return {
            str(name): {"bytes": int(e["bytes"]), "sha256": str(e["sha256"])}
            for name, e in manifest["files"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"'{folder}' has no readable {NAME}; give the folder of a finished run that `osteon run` printed"
        ) from error


def differences(folder: Path) -> list[str]:
    """What is not as the manifest says: files that are missing, changed or not in it; empty if all is well.

    Raises:
      UserError: no manifest, or a damaged one.
    """
    files, found = read_manifest(folder), _names(folder)
    missing = [f"{name} is missing" for name in files if name not in found]
    changed = [
        f"{name} has changed"
        for name, entry in files.items()
        if name in found and _entry(folder / name) != entry
    ]
    strange = [f"{name} is not in the manifest" for name in found if name not in files]
    return missing + changed + strange


def _names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path != folder / NAME
    )


def _entry(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def _write(folder: Path, files: dict[str, Any]) -> None:
    text = json.dumps({"format": _FORMAT, "files": dict(sorted(files.items()))}, indent=1)
    write_atomic(folder / NAME, (text + "\n").encode("utf-8"))
