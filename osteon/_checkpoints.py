"""Checkpoints of a run: every part of every simulation in a file of its own, whole or absent."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ._runfolder import atomic_stream

_DAMAGE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile)


class Checkpoints:
    """Where a run keeps its parts; the base class keeps nothing, for a run that cannot be resumed."""

    def load(self, name: str, like: Any) -> Any | None:
        """The pytree kept under `name`, if it is whole and has the structure of `like`; else None."""
        return None

    def save(self, name: str, tree: Any) -> None:
        """Keep a pytree of arrays."""

    def load_json(self, name: str) -> Any | None:
        """The record kept under `name`, or None."""
        return None

    def save_json(self, name: str, data: Any) -> None:
        """Keep a record of plain JSON types."""


class DiskCheckpoints(Checkpoints):
    """Checkpoints in a folder. None is ever overwritten by another state, so a damaged one costs only itself.

    Arrays are written with their bits (NumPy's format, no pickle) into a file under another name, which gets
    its own when it is complete and on the disk. The zip file has a checksum for each array; a part that fails
    it, or that has another shape or type than the run needs, counts as absent and is computed again.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def load(self, name: str, like: Any) -> Any | None:
        """See `Checkpoints.load`."""
        import jax
        import jax.numpy as jnp

        leaves, structure = jax.tree.flatten(like)
        try:
            with (
                (self.folder / f"{name}.npz").open("rb") as stream,
                np.load(stream, allow_pickle=False) as stored,
            ):
                arrays = [stored[f"array_{number}"] for number in range(len(leaves))]
        except _DAMAGE:
            return None
        same = all(
            array.shape == wanted.shape and array.dtype == wanted.dtype
            for array, wanted in zip(arrays, leaves, strict=True)
        )
        return jax.tree.unflatten(structure, [jnp.asarray(array) for array in arrays]) if same else None

    def save(self, name: str, tree: Any) -> None:
        """See `Checkpoints.save`."""
        import jax

        arrays: dict[str, Any] = {
            f"array_{number}": np.asarray(leaf) for number, leaf in enumerate(jax.tree.leaves(tree))
        }
        with atomic_stream(self.folder / f"{name}.npz", to_disk=True) as stream:
            np.savez(stream, **arrays)

    def load_json(self, name: str) -> Any | None:
        """See `Checkpoints.load_json`."""
        try:
            return json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def save_json(self, name: str, data: Any) -> None:
        """See `Checkpoints.save_json`."""
        with atomic_stream(self.folder / f"{name}.json", to_disk=True) as stream:
            stream.write(json.dumps(data).encode("utf-8"))


@dataclass
class ArmParts:
    """`remodeling.Parts` of one arm of one level."""

    checkpoints: Checkpoints
    "where they are kept"
    name: str
    "name of the arm's parts, without the number"
    done: Callable[[int], None]
    "called after every part with its number"
    known: list[int] = field(default_factory=list)
    "numbers of the parts that were not computed again"
    last: Any = None
    "the last part that is complete; None before the first"
    last_index: int = 0
    "its number"

    def load(self, index: int, like: Any) -> Any | None:
        """The part kept before, or None."""
        part = self.checkpoints.load(self._name(index), like)
        if part is not None:
            self.known.append(index)
            self._complete(index, part)
        return part

    def save(self, index: int, part: Any) -> None:
        """Keep a part."""
        self.checkpoints.save(self._name(index), part)
        self._complete(index, part)

    def _complete(self, index: int, part: Any) -> None:
        self.last, self.last_index = part, index
        self.done(index)

    def _name(self, index: int) -> str:
        return f"{self.name}-part-{index:04d}"
