"""Rows of a table of tab-separated text, read cell by cell; every mistake is kept, none is raised."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")


@dataclass(frozen=True)
class Row:
    """One line of a table; the methods return what a cell says and note in `problems` what is wrong."""

    file: str
    "name of the file"
    line: int
    "line of the file, from 1"
    cells: dict[str, str]
    "cells by column"
    problems: list[str]
    "mistakes of all tables"

    def wrong(self, column: str, needed: str) -> None:
        """Notes that a cell is not what is needed."""
        got = self.cells[column]
        self.problems.append(f"{self.file} line {self.line}: `{column}` must be {needed}, got {got!r}")

    def text(self, column: str, *, required: bool = False) -> str:
        """The text of a cell."""
        if required and not self.cells[column]:
            self.wrong(column, "filled in")
        return self.cells[column]

    def one_of(self, column: str, allowed: Collection[str], *, optional: bool = False) -> str | None:
        """A word of a vocabulary, None if empty."""
        word = self.cells[column]
        if not word and optional:
            return None
        if word not in allowed:
            self.wrong(column, f"one of {', '.join(sorted(allowed))}" + (" or empty" if optional else ""))
        return word

    def number(self, column: str, low: float, high: float, *, required: bool = False) -> float | None:
        """A number written in decimals within [low, high], None if empty."""
        text = self.cells[column]
        if not text and not required:
            return None
        if not _NUMBER.fullmatch(text):
            self.wrong(column, "a number in decimals" + ("" if required else " or empty"))
            return None
        if not low <= float(text) <= high:
            self.wrong(column, f"between {low:g} and {high:g}")
            return None
        return float(text)

    def matching(self, column: str, pattern: str, needed: str, *, required: bool = False) -> str | None:
        """A text of a given form, None if empty."""
        text = self.cells[column]
        if not text and not required:
            return None
        if not re.fullmatch(pattern, text):
            self.wrong(column, needed)
        return text


def read_rows(path: Path, columns: Sequence[str], problems: list[str]) -> Iterator[Row]:
    """Rows of a file whose first line names exactly `columns`; a file that is not like that has none."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{path.name}: cannot be read in {path.parent} ({error.__class__.__name__})")
        return
    header = lines[0].split("\t")
    if header != list(columns):
        for name in [c for c in columns if c not in header]:
            problems.append(f"{path.name} line 1: the column `{name}` is missing")
        for name in [c for c in header if c not in columns]:
            problems.append(f"{path.name} line 1: no column is called {name!r}")
        if set(header) == set(columns):
            problems.append(f"{path.name} line 1: the columns must be in the order {', '.join(columns)}")
        return
    for line, text in enumerate(lines[1:], 2):
        if not text and line == len(lines):
            break
        cells = text.split("\t")
        if len(cells) != len(columns):
            problems.append(
                f"{path.name} line {line}: must have {len(columns)} cells between tabs, got {len(cells)}"
            )
            continue
        yield Row(path.name, line, dict(zip(columns, cells, strict=True)), problems)
