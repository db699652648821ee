"""Keeping the parts of a simulation, so that one that was cut off can go on."""

from typing import Any, Protocol


class Parts(Protocol):
    """Keeper of the parts of one simulation: 0 is its beginning, 1, 2, ... are its report periods."""

    def load(self, index: int, like: Any) -> Any | None:
        """The part kept under `index`, a pytree with the structure, shapes and types of `like`, or None."""
        ...

    def save(self, index: int, part: Any) -> None:
        """Keep a part; called once for each that was computed, in order."""
        ...
