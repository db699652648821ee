"""JSON Schema (draft 2020-12) of study files, for editors; made from the tables that the program itself uses.

The schema says what a key may hold. Rules between keys (exactly one of `builtin` and `path`, ...) and
everything about files is for `osteon check`. It holds the names of drugs, laws, load cases and parameters as
well, so that an editor can complete them.
"""

import dataclasses
from typing import Any, cast

from ._study_tables import Level, Study
from ._table_words import Key, keys_of, known_names, table_words

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The dialect; nothing is used that draft 4 lacks but its `$defs`, so that older editors read it too."""

_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}


def study_schema() -> dict[str, Any]:
    """The schema as JSON has it."""
    tables: dict[str, Any] = {}
    root = _table(Study, tables)
    _add_names(tables, root)
    # `levels = [20, 21]` and `levels = ["L1", "L2"]` are short for a table for each
    properties = root["properties"]
    label, name = (next(key for key in keys_of(Level) if key.name == word) for word in ("label", "name"))
    properties["levels"] = {
        "description": properties["levels"]["description"],
        "anyOf": [
            {"type": "array", "items": properties["levels"]["items"]},
            {"type": "array", "items": _scalar(label), "minItems": 1},
            {"type": "array", "items": _scalar(name), "minItems": 1},
        ],
    }
    return {"$schema": DIALECT, "title": "osteon study", **root, "$defs": dict(sorted(tables.items()))}


def _table(table: type, tables: dict[str, Any]) -> dict[str, Any]:
    keys = keys_of(table)
    made: dict[str, Any] = {
        "type": "object",
        "description": table_words(table),
        "properties": {key.name: _property(key, tables) for key in keys},
        "additionalProperties": False,
    }
    required = [key.name for key in keys if key.required]
    return {**made, "required": required} if required else made


def _property(key: Key, tables: dict[str, Any]) -> dict[str, Any]:
    if key.kind is dict:
        made: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "number"}}
    elif dataclasses.is_dataclass(key.kind):
        table = cast(type, key.kind)
        if table.__name__ not in tables:
            tables[table.__name__] = {}
            tables[table.__name__] = _table(table, tables)
        made = {"$ref": f"#/$defs/{table.__name__}"}
    else:
        made = _scalar(key)
    if key.many:
        made = {"type": "array", "items": made}
    made["description"] = key.meaning + (f" Unit: {key.unit}." if key.unit else "")
    if key.default is not None and not key.is_table:
        made["default"] = list(key.default) if isinstance(key.default, tuple) else key.default
    return made


def _scalar(key: Key) -> dict[str, Any]:
    made: dict[str, Any] = {"type": _TYPES[key.kind]}
    if key.allowed is not None:
        made["enum"] = list(key.allowed)
    if key.low is not None:
        made["minimum"] = key.low
    if key.high is not None:
        made["maximum"] = key.high
    return made


def _add_names(tables: dict[str, Any], root: dict[str, Any]) -> None:
    """The names that `osteon check` looks up in the libraries."""
    import remodeling

    for (table, name), known in known_names().items():
        tables[table.__name__]["properties"][name]["enum"] = list(known)
    root["properties"]["biology"] = {
        "type": "object",
        "description": root["properties"]["biology"]["description"],
        "properties": {
            entry.name: {
                "type": "number",
                "description": f"{entry.meaning} ({entry.unit}; {entry.status})",
                "default": entry.default,
            }
            for entry in remodeling.PARAMETERS
        },
        "additionalProperties": False,
    }
