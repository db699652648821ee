"""`--set a.b=c` and writing a study back as TOML."""

import itertools
import re
import tomllib
from typing import Any

from ._errors import UserError

_BARE = re.compile(r"^[A-Za-z0-9_-]+$")
_PART = re.compile(r"^([A-Za-z0-9_-]+)((?:\[\d+\])*)$")


def parse_override(text: str) -> tuple[str, Any]:
    """Path and value of "a.b[0].c=value"; a value that is not TOML is taken as text.

    Raises:
      UserError: no equals sign, or a path that is not a dotted name.
    """
    path, equals, value = text.partition("=")
    path = path.strip()
    if not equals or not path or not all(_PART.match(part) for part in path.split(".")):
        raise UserError(f"--set got {text!r}; write it as table.key=value, e.g. --set time.months=12")
    try:
        return path, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return path, value.strip()


def apply_override(data: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a dotted path, making tables on the way.

    Raises:
      UserError: the path goes through something that is not a table, or past the end of a list.
    """
    steps: list[str | int] = []
    for part in path.split("."):
        match = _PART.match(part)
        if match is None:
            raise UserError(f"--set {path}: {part!r} is not a key name")
        steps.append(match.group(1))
        steps.extend(int(index) for index in re.findall(r"\d+", match.group(2)))
    target: Any = data
    for step, following in itertools.pairwise(steps):
        if isinstance(step, str) and isinstance(target, dict):
            target = target.setdefault(step, [] if isinstance(following, int) else {})
        else:
            target = _item(target, step, path)
    last = steps[-1]
    if isinstance(last, str) and isinstance(target, dict):
        target[last] = value
    else:
        _item(target, last, path)
        target[last] = value


def _item(target: Any, step: str | int, path: str) -> Any:
    if not isinstance(target, list) or not isinstance(step, int) or step >= len(target):
        count = f"a list of {len(target)}" if isinstance(target, list) else "not a list"
        raise UserError(f"--set {path}: [{step}] does not exist there ({count}); positions count from 0")
    return target[step]


def to_toml(data: dict[str, Any]) -> str:
    """TOML text of nested tables, lists of tables, and scalars; None is left out."""
    lines: list[str] = []
    _write_table(data, "", lines)
    return "\n".join(lines).strip() + "\n"


def _write_table(table: dict[str, Any], path: str, lines: list[str]) -> None:
    later: list[tuple[str, Any]] = []
    for name, value in table.items():
        if value is None or value == {}:
            continue
        if isinstance(value, dict) or (
            isinstance(value, (list, tuple)) and value and isinstance(value[0], dict)
        ):
            later.append((name, value))
        else:
            lines.append(f"{toml_key(name)} = {toml_value(value)}")
    for name, value in later:
        inner = f"{path}.{toml_key(name)}" if path else toml_key(name)
        if isinstance(value, dict):
            lines.extend(["", f"[{inner}]"])
            _write_table(value, inner, lines)
        else:
            for item in value:
                lines.extend(["", f"[[{inner}]]"])
                _write_table(item, inner, lines)


def toml_key(name: str) -> str:
    """A key, in quotes where TOML wants them."""
    return name if _BARE.match(name) else toml_value(name)


def toml_value(value: Any) -> str:
    """A text, number, truth value or list of them as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    escaped = "".join(_escape(character) for character in str(value))
    return f'"{escaped}"'


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if ord(character) < 32 or ord(character) == 127:
        return f"\\u{ord(character):04x}"
    return character
