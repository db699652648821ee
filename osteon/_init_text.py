"""Text of a study file that teaches: keys in use, and every other key in a comment with what it means.

A line `#key = value` or `#[table]` is a setting that can be taken into use by removing its `#`; a line that
begins with `# ` explains.
"""

import dataclasses
import textwrap
from typing import Any, cast

from ._init_templates import EXAMPLES
from ._overrides import toml_key, toml_value
from ._study_tables import Study
from ._table_words import Key, default_text, keys_of, known_names, limits_text, parameter_names, table_words

WIDTH = 100
"""Characters of a line of a comment."""

HEAD = """\
Study file of osteon. `osteon check FILE` tells what is wrong with it and what would be modelled;
`osteon run FILE` simulates it. Lines that begin with `#` and a space explain the key below them. To use
a key or a table in a comment, remove its `#`; the table of a key goes first. Research use only, not a
medical device."""

SCHEMA_HINT = """\
For completion and checks while you type (editors with Taplo, such as VS Code with Even Better TOML): write
study.schema.json beside this file with `osteon init --schema` and make this the first line:"""

DIRECTIVE = "#:schema ./study.schema.json"
"""First line that tells editors with Taplo where the schema is."""


def study_text(data: dict[str, Any], *, short: bool = False, schema: bool = False) -> str:
    """A study file.

    Args:
      data: keys in use, as a parsed study.
      short: only these.
      schema: whether study.schema.json lies beside the file.
    """
    lines = [DIRECTIVE, ""] if schema else []
    if not short:
        lines += _prose(HEAD)
        if not schema:
            lines += ["#", *_prose(SCHEMA_HINT), f"#   {DIRECTIVE}"]
        lines.append("")
    _write_table(Study, data, "", lines, active=True, short=short)
    return "\n".join(lines).rstrip() + "\n"


def _write_table(
    table: type, data: dict[str, Any], path: str, lines: list[str], *, active: bool, short: bool
) -> None:
    """The keys of a table, then the tables inside it: TOML wants them in this order."""
    keys = keys_of(table)
    # of a list of tables only the short form `levels = [20, 21]` is a plain key
    plain = [key for key in keys if not key.is_table or _is_plain(data.get(key.name))]
    for key in plain:
        used = active and data.get(key.name) is not None
        if used or not short:
            lines += [] if short else _key_comment(key, known_names().get((table, key.name)))
            value = data[key.name] if used else example(key)
            lines.append(f"{'' if used else '#'}{toml_key(key.name)} = {toml_value(value)}")
    for key in keys:
        if key not in plain:
            _write_inner(
                key, data.get(key.name), f"{path}.{key.name}" if path else key.name, lines, active, short
            )


def _is_plain(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and not isinstance(value[0], dict)


def _write_inner(key: Key, value: Any, path: str, lines: list[str], active: bool, short: bool) -> None:
    """A table inside another, a list of tables, or a free table; in comments where it is not in use."""
    used = active and bool(value)
    if short and not used:
        return
    items = (value if key.many else [value]) if used else [{}]
    for position, item in enumerate(items):
        lines.append("")
        if position == 0 and not short:
            lines += _prose(_table_comment(key))
        header = f"[[{path}]]" if key.many else f"[{path}]"
        lines.append(f"{'' if used else '#'}{header}")
        # further items of a list are as the first: their other keys are explained there
        inner_short = short or position > 0
        if key.kind is dict:
            entries = item if used else EXAMPLES.get(key.name, {})
            lines += [
                f"{'' if used else '#'}{toml_key(name)} = {toml_value(number)}"
                for name, number in entries.items()
            ]
        else:
            _write_table(cast(type, key.kind), item, path, lines, active=used, short=inner_short)


def _table_comment(key: Key) -> str:
    words = [key.meaning]
    if dataclasses.is_dataclass(key.kind):
        about = table_words(cast(type, key.kind))
        words = [about] if about.startswith(key.meaning.rstrip(".")) else [key.meaning, about]
    if key.many:
        words.append("Repeat the table for each.")
    if key.kind is dict:
        words.append(f"Names: {', '.join(parameter_names())}.")
    return " ".join(words)


def _key_comment(key: Key, known: tuple[str, ...] | None) -> list[str]:
    facts = "; ".join(part for part in (limits_text(key, known), default_text(key)) if part)
    return _prose(key.meaning + (f" ({facts})" if facts else ""))


def _prose(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), WIDTH - 2, break_on_hyphens=False)]


def example(key: Key) -> Any:
    """A value that a comment shows: the default, else a named example, else something between the limits."""
    if key.default is not None and key.default != ():
        return _written(key.default)
    if key.name in EXAMPLES:
        return _written(EXAMPLES[key.name])
    value: Any
    if key.allowed:
        value = key.allowed[0]
    elif key.kind is str:
        value = "..."
    elif key.kind is bool:
        value = True
    else:
        low = key.low if key.low is not None else min(0.0, key.high or 0.0)
        middle = low if key.high is None else (low + key.high) / 2
        value = round(middle) if key.kind is int else float(f"{middle:.2g}")
    return [_written(value)] if key.many else _written(value)


def _written(value: Any) -> Any:
    """A value as people write it: 24, not 24.0; a list for a tuple."""
    if isinstance(value, (tuple, list)):
        return [_written(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
