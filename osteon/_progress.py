"""Progress on standard error: only at a terminal, or when forced."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol


class Progress(Protocol):
    """What a command tells about its way."""

    def stage(self, text: str, advance: float = 0.0) -> None:
        """Name what is being done now and add `advance` of the whole (0 to 1) as done."""
        ...


@dataclass(frozen=True)
class PartOf:
    """Progress of one part of a whole."""

    whole: Progress
    "progress of the whole"
    share: float
    "share of the part in the whole, 0 to 1"
    name: str
    "name of the part, shown before its stages"

    def stage(self, text: str, advance: float = 0.0) -> None:
        """As `Progress.stage`, of the part."""
        self.whole.stage(f"{self.name}: {text}", advance * self.share)


class _Silent:
    def stage(self, text: str, advance: float = 0.0) -> None:
        return None


@contextmanager
def progress_bar(total_text: str, *, forced: bool = False, quiet: bool = False) -> Iterator[Progress]:
    """A bar with elapsed and remaining time; silent where standard error is not a terminal.

    Args:
      total_text: first text shown.
      forced: show it even where standard error is not a terminal.
      quiet: never show it.
    """
    if quiet or not (forced or sys.stderr.isatty()):
        yield _Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    console = Console(stderr=True, force_terminal=True if forced else None)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=console, transient=False) as bar:
        task = bar.add_task(total_text, total=1.0)

        class _Shown:
            def stage(self, text: str, advance: float = 0.0) -> None:
                bar.update(task, description=text, advance=advance)

        yield _Shown()
        bar.update(task, completed=1.0, description="done")
