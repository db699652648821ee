"""What the tables of a study say about themselves: type, limits, default and meaning of every key.

The meaning of a key is the string under its field, read from the source, so that the comments of `osteon
init` and the JSON Schema for editors cannot say something else than the program.
"""

import ast
import dataclasses
import functools
import inspect
import itertools
import sys
import types
import typing
from dataclasses import dataclass
from typing import Any

from ._study_tables import ActivityLoad, DoseRow, MechanicsSettings


@dataclass(frozen=True)
class Key:
    """One key of a table."""

    name: str
    "name"
    kind: Any
    "str, bool, int, float, a dataclass (a table), or dict (a free table of numbers)"
    many: bool
    "whether it is a list of that kind"
    required: bool
    "whether it must be there"
    default: Any
    "value where it is absent; None: nothing"
    low: float | None
    "least value"
    high: float | None
    "largest value"
    allowed: tuple[Any, ...] | None
    "the only values"
    unit: str
    "unit"
    meaning: str
    "the string under the field"

    @property
    def is_table(self) -> bool:
        """Whether its value is a table, or a list of them."""
        return dataclasses.is_dataclass(self.kind) or self.kind is dict


@functools.cache
def keys_of(table: type) -> tuple[Key, ...]:
    """The keys of a table in the order of its fields."""
    hints, words = typing.get_type_hints(table), field_words(table)
    return tuple(_key(field, hints[field.name], words[field.name]) for field in dataclasses.fields(table))


def _key(field: Any, hint: Any, meaning: str) -> Key:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    origin = typing.get_origin(hint)
    many = origin is tuple
    kind = typing.get_args(hint)[0] if many else dict if origin is dict else hint
    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    limits = field.metadata
    return Key(
        name=field.name,
        kind=kind,
        many=many,
        required=required,
        default=None if field.default is dataclasses.MISSING else field.default,
        low=limits.get("low"),
        high=limits.get("high"),
        allowed=limits.get("allowed"),
        unit=limits.get("unit", ""),
        meaning=meaning,
    )


@functools.cache
def field_words(table: type) -> dict[str, str]:
    """The string under each field of a dataclass.

    Raises:
      ValueError: a field without one.
    """
    tree = ast.parse(inspect.getsource(sys.modules[table.__module__]))
    body = next(
        node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == table.__name__
    )
    words = {}
    for node, following in itertools.pairwise(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            value = following.value if isinstance(following, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                words[node.target.id] = " ".join(value.value.split())
    missing = [field.name for field in dataclasses.fields(table) if field.name not in words]
    if missing:
        raise ValueError(f"`{table.__name__}` has no string under {', '.join(missing)}")
    return words


def table_words(table: type) -> str:
    """First sentence of a table's docstring."""
    return " ".join((table.__doc__ or "").split()).partition(". ")[0].rstrip(".") + "."


@functools.cache
def known_names() -> dict[tuple[type, str], tuple[str, ...]]:
    """Names that a key may hold because a library knows them, by table and key."""
    import fem
    import remodeling

    loads = tuple(fem.LOAD_CASES)
    return {
        (DoseRow, "drug"): tuple(remodeling.DRUGS),
        (MechanicsSettings, "law"): tuple(fem.DENSITY_LAWS),
        (MechanicsSettings, "load"): tuple(name for name in loads if fem.LOAD_CASES[name].motion == "z"),
        (ActivityLoad, "case"): loads,
    }


def parameter_names() -> list[str]:
    """Names of the biological parameters."""
    import remodeling

    return [entry.name for entry in remodeling.PARAMETERS]


def limits_text(key: Key, known: tuple[str, ...] | None = None) -> str:
    """Limits or allowed values in words; empty without any. `known`: names that a library knows."""
    allowed = key.allowed or known
    if allowed is not None:
        return "one of " + ", ".join(_quoted(value) for value in allowed)
    unit = f" {key.unit}" if key.unit else ""
    if key.low is not None and key.high is not None:
        return f"{key.low:g} to {key.high:g}{unit}"
    if key.low is not None:
        return f"at least {key.low:g}{unit}"
    if key.high is not None:
        return f"at most {key.high:g}{unit}"
    return f"in {key.unit}" if key.unit else ""


def default_text(key: Key) -> str:
    """What holds where the key is absent; empty where its meaning says so or nothing does."""
    if key.required:
        return "required"
    if key.default is None or key.is_table or key.default == ():
        return ""
    shown = list(key.default) if isinstance(key.default, tuple) else key.default
    return f"default {_quoted(shown)}"


def _quoted(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:g}" if isinstance(value, float) else str(value)
