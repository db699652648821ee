"""Typed tables: a TOML document against frozen dataclasses, all complaints at once.

A field's type says what TOML value it takes; its metadata (made by `key`) says the limits. The only types
are str, bool, int, float, a tuple of one of them, another table, a tuple of tables, a free table (dict of
numbers), and each of them or None where the key may be absent.
"""

import dataclasses
import difflib
import re
import types
import typing
from typing import Any

from ._errors import Problem

_HEADER = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\-\"' ]+?)\s*\]\]?\s*(#.*)?$")
_ASSIGNMENT = re.compile(r"^\s*([A-Za-z0-9_\-\"'.]+)\s*=")


def key(
    default: Any = dataclasses.MISSING,
    *,
    low: float | None = None,
    high: float | None = None,
    allowed: tuple[Any, ...] | None = None,
    unit: str = "",
) -> Any:
    """A field of a table with its limits (both included), allowed values and unit."""
    metadata = {"low": low, "high": high, "allowed": allowed, "unit": unit}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def key_lines(text: str) -> dict[str, int]:
    """Line number (from 1) of every key and table header, by dotted path such as `arm[0].dose[1].drug`."""
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    prefix = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header:
            prefix = _header_path(header.group(2), header.group(1) == "[[", counts)
            lines.setdefault(prefix, number)
            continue
        assignment = _ASSIGNMENT.match(line)
        if assignment:
            name = assignment.group(1).replace('"', "").replace("'", "")
            lines.setdefault(f"{prefix}.{name}" if prefix else name, number)
    return lines


def _header_path(dotted: str, is_array: bool, counts: dict[str, int]) -> str:
    """Path of a header, with the running number of every array of tables on the way."""
    path = ""
    parts = [part.strip().strip("\"'") for part in dotted.split(".")]
    for position, part in enumerate(parts):
        path = f"{path}.{part}" if path else part
        last = position == len(parts) - 1
        if last and is_array:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = f"{path}[{counts[path]}]"
    return path


def line_of(path: str, lines: dict[str, int]) -> int | None:
    """Line of a key, or of the nearest table around it that has one."""
    while path not in lines and "." in path:
        path = path.rpartition(".")[0]
    return lines.get(path, lines.get(re.sub(r"\[\d+\]$", "", path)))


class Binder:
    """Binds one parsed document to a dataclass and collects every complaint with its line."""

    def __init__(self, lines: dict[str, int] | None = None):
        self.lines = lines or {}
        self.problems: list[Problem] = []

    def complain(self, path: str, text: str) -> None:
        """Record a complaint about the key at `path`."""
        self.problems.append(Problem(f"`{path}` {text}", path, line_of(path, self.lines)))

    def table(self, cls: type, data: Any, path: str) -> Any:
        """An instance of `cls` from the TOML table `data`; None when a required key is missing or wrong."""
        if not isinstance(data, dict):
            self.complain(path, f"must be a table, not {_kind(data)}; write [{path}]")
            return None
        hints = typing.get_type_hints(cls)
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name in data:
            if name not in fields:
                self._unknown(_join(path, name), name, list(fields))
        values: dict[str, Any] = {}
        before = len(self.problems)
        for name, field in fields.items():
            if name in data:
                values[name] = self._value(hints[name], field.metadata, data[name], _join(path, name))
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                self.complain(
                    _join(path, name), f"is missing; add {_example(name, hints[name], field.metadata)}"
                )
        return None if len(self.problems) > before else cls(**values)

    def _unknown(self, path: str, name: str, known: list[str]) -> None:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f"did you mean `{close[0]}`?" if close else f"known here: {', '.join(known)}"
        self.complain(path, f"is not a known key; {hint}")

    def _value(self, hint: Any, limits: Any, value: Any, path: str) -> Any:
        if typing.get_origin(hint) in (types.UnionType, typing.Union):
            hint = next(option for option in typing.get_args(hint) if option is not type(None))
        origin = typing.get_origin(hint)
        if origin is tuple:
            inner = typing.get_args(hint)[0]
            if not isinstance(value, list):
                shape = f"[[{path}]]" if dataclasses.is_dataclass(inner) else "a list, e.g. [1, 2]"
                self.complain(path, f"must be {shape}, not {_kind(value)}")
                return None
            return tuple(self._value(inner, limits, item, f"{path}[{i}]") for i, item in enumerate(value))
        if origin is dict:
            return self._free_table(value, path)
        if dataclasses.is_dataclass(hint):
            return self.table(typing.cast(type, hint), value, path)
        return self._scalar(hint, limits, value, path)

    def _free_table(self, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            self.complain(path, f"must be a table, not {_kind(value)}")
            return None
        return {name: self._scalar(float, {}, item, _join(path, name)) for name, item in value.items()}

    def _scalar(self, hint: Any, limits: Any, value: Any, path: str) -> Any:
        if hint is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        good = isinstance(value, hint) and not (hint is not bool and isinstance(value, bool))
        if hint is float and isinstance(value, int) and not isinstance(value, bool):
            value, good = float(value), True
        if not good:
            self.complain(path, f"must be {_type_name(hint)}, not {_kind(value)} {value!r}")
            return None
        if hint is float and not abs(value) < float("inf"):
            self.complain(path, f"must be a finite number, not {value!r}")
            return None
        allowed = limits.get("allowed")
        if allowed is not None and value not in allowed:
            close = difflib.get_close_matches(str(value), [str(a) for a in allowed], n=1)
            hint_text = f"; did you mean {close[0]!r}?" if close else ""
            self.complain(path, f"is {value!r}; allowed: {', '.join(map(repr, allowed))}{hint_text}")
        low, high, unit = limits.get("low"), limits.get("high"), limits.get("unit", "")
        if (low is not None and value < low) or (high is not None and value > high):
            span = (
                f"between {low:g} and {high:g}"
                if None not in (low, high)
                else (f"at least {low:g}" if low is not None else f"at most {high:g}")
            )
            self.complain(path, f"is {value!r}; it must be {span}{' ' + unit if unit else ''}")
        return value


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _kind(value: Any) -> str:
    names = {
        bool: "the truth value",
        int: "the whole number",
        float: "the number",
        str: "the text",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), type(value).__name__)


def _type_name(hint: Any) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text in quotes"}[hint]


def _example(name: str, hint: Any, metadata: Any) -> str:
    if typing.get_origin(hint) is tuple and dataclasses.is_dataclass(typing.get_args(hint)[0]):
        return f"[[{name}]]"
    if dataclasses.is_dataclass(hint):
        return f"[{name}]"
    if metadata.get("allowed"):
        return f"{name} = {metadata['allowed'][0]!r}"
    unit = metadata.get("unit")
    return f"{name} = ..." + (f" ({unit})" if unit else "")
