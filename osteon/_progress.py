"""Progress on standard error: only at a terminal, or when forced."""

import logging
import sys
import time
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
    """No bar; with `--verbose` the stages are lines on standard error all the same."""

    def __init__(self) -> None:
        self.text = ""

    def stage(self, text: str, advance: float = 0.0) -> None:
        if text != self.text:
            logging.getLogger("osteon").info(text)
            self.text = text


def seconds_left(done: float, at: float, now: float) -> float | None:
    """What is left of a task of even speed, s; None while too little is done to say.

    A moving average over the last seconds, as bars have it, says nothing of steps that take minutes each.

    Args:
      done: share that was done when it last grew, 0 to 1.
      at: seconds from the start to then.
      now: seconds from the start.

    Returns:
      at (1 - done) / done less what has passed since; 0 when that is used up.
    """
    if done < 0.02:
        return None
    return max(0.0, at * (1 - done) / done - (now - at))


def time_left_text(seconds: float | None) -> str:
    """Time left as people say it."""
    if seconds is None:
        return ""
    if seconds < 1:
        return "nearly done"
    if seconds < 90:
        return f"about {seconds:.0f} s left"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min left"
    return f"about {seconds / 3600:.1f} h left"


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
    from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress
    from rich.text import Text

    class _TimeLeft(ProgressColumn):
        """Text of `seconds_left`."""

        def render(self, task: Task) -> Text:
            now = time.perf_counter() - begin
            left = None if task.finished else seconds_left(task.completed, task.fields["grown"], now)
            return Text(time_left_text(left))

    console = Console(stderr=True, force_terminal=True if forced else None)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        _TimeLeft(),
    )
    begin = time.perf_counter()
    with RichProgress(*columns, console=console, transient=False) as bar:
        task = bar.add_task(total_text, total=1.0, grown=0.0)

        class _Shown:
            def stage(self, text: str, advance: float = 0.0) -> None:
                if advance:
                    bar.update(task, grown=time.perf_counter() - begin)
                bar.update(task, description=text, advance=advance, refresh=True)

        yield _Shown()
        bar.update(task, completed=1.0, description="done")
