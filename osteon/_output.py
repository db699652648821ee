"""What a command prints: text for people, or with `--json` one object for machines.

The object goes to standard output and is the only thing there, also when the command fails; sentences,
progress and log lines go to standard error.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ._errors import (
    EXIT_BAD_INPUT,
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_MEMORY,
    EXIT_NOT_CONVERGED,
    EXIT_OK,
    Problem,
    UserError,
    one_sentence,
)

KINDS = {
    EXIT_BUG: "bug",
    EXIT_BAD_INPUT: "bad input",
    EXIT_NOT_CONVERGED: "not converged",
    EXIT_MEMORY: "refused by the memory plan",
    EXIT_INTERRUPTED: "interrupted",
}
"""What an exit code other than 0 means."""


def answer(arguments: argparse.Namespace, text: str, data: dict[str, Any]) -> None:
    """Print the result of a command.

    Args:
      arguments: of the command; `json` chooses the form.
      text: for people.
      data: the same for machines; `command` and `exit_code` are added.
    """
    if getattr(arguments, "json", False):
        print_object({"command": arguments.command, "exit_code": EXIT_OK, **data})
    else:
        print(text)


def print_object(data: dict[str, Any]) -> None:
    """One JSON object on standard output; NaN and infinity become null, as JSON has neither."""
    from ._runfolder import finite

    print(json.dumps(finite(data), indent=2, ensure_ascii=False))


def error_object(command: str | None, exit_code: int, error: BaseException | str) -> dict[str, Any]:
    """What `--json` prints of a command that failed.

    Args:
      command: name of the command; None where the command line names none.
      exit_code: exit code.
      error: the exception, or its sentence.
    """
    text = error if isinstance(error, str) else one_sentence(error)
    if isinstance(error, UserError) and len(error.problems) > 1:
        text = str(error).partition("\n")[0].rstrip(":")
    found: dict[str, Any] = {"kind": KINDS[exit_code], "text": text}
    if isinstance(error, UserError):
        found["problems"] = problem_objects(error.problems or [Problem(text)])
    return {"command": command, "exit_code": exit_code, "error": found}


def problem_objects(problems: Any) -> list[dict[str, Any]]:
    """Problems as JSON has them."""
    return [{"line": item.line, "key": item.key or None, "text": item.text} for item in problems]


class _StandardError(logging.Handler):
    """Writes to what standard error is now: a progress bar puts itself in its place for a while."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


@contextmanager
def log_shown(verbose: bool) -> Iterator[None]:
    """With `verbose`, the lines of a run's log appear on standard error as they are written."""
    if not verbose:
        yield
        return
    logger, handler = logging.getLogger("osteon"), _StandardError()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


_KEY_NUMBERS = (
    "format", "title", "results", "agreement", "parameters", "summaries", "seconds", "run_seconds",
    "peak_memory_mb",
)  # fmt: skip
"""Entries of summary.json that the answer of a command repeats; the rest is in the file."""


def answer_folder(arguments: argparse.Namespace, folder: Path, page: str) -> None:
    """Print where the result of a command lies; for machines, its key numbers too.

    Args:
      arguments: of the command.
      folder: the finished folder.
      page: name of the file in it that a person opens first.
    """
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    timing = folder / "timing.json"
    if timing.is_file():
        summary |= json.loads(timing.read_text(encoding="utf-8"))
    numbers = {name: summary[name] for name in _KEY_NUMBERS if name in summary}
    answer(arguments, str(folder / page), {"folder": str(folder), "page": str(folder / page), **numbers})


def aligned(columns: Sequence[tuple[str, str]]) -> str:
    """Heads over values, right-aligned."""
    widths = [max(len(head), len(value)) for head, value in columns]
    heads = "  ".join(head.rjust(width) for (head, _), width in zip(columns, widths, strict=True))
    values = "  ".join(value.rjust(width) for (_, value), width in zip(columns, widths, strict=True))
    return f"{heads}\n{values}"
