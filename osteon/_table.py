"""A table in memory: columns as NumPy arrays, shown as HTML in a notebook."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._errors import UserError

if TYPE_CHECKING:
    import numpy as np

_SHOWN_ROWS = 12


@dataclass(frozen=True, repr=False)
class Table:
    """Columns of equal length, by name; a missing number is NaN.

    `table["value"]` is a column, `table.where(arm="weekly")` the rows that match, `len(table)` their number.
    """

    columns: dict[str, np.ndarray]
    "columns in order, each (rows,): numbers as float64 or integers, texts as object"

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.columns:
            raise UserError(f"the table has no column {name!r}; it has {', '.join(self.columns)}")
        return self.columns[name]

    def where(self, **values: Any) -> Table:
        """Rows whose columns equal the given values.

        Args:
          values: one value a column, e.g. `where(level="L3", month=24)`.

        Raises:
          UserError: a column that is not there.
        """
        import numpy as np

        chosen = np.ones(len(self), dtype=bool)
        for name, value in values.items():
            chosen &= np.asarray(self[name] == value, dtype=bool)
        return Table({name: column[chosen] for name, column in self.columns.items()})

    def rows(self) -> list[dict[str, Any]]:
        """One dict a row with plain Python values."""
        lists = [column.tolist() for column in self.columns.values()]
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*lists, strict=True)]

    def to_pandas(self) -> Any:
        """The table as `pandas.DataFrame`.

        Raises:
          UserError: pandas is not installed; osteon does not need it otherwise.
        """
        try:
            import pandas  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise UserError(
                "to_pandas needs pandas, which is not installed; pip install pandas, or use table.columns"
            ) from error
        return pandas.DataFrame(self.columns)

    def __repr__(self) -> str:
        return f"Table({len(self)} rows: {', '.join(self.columns)})"

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        shown = self.rows()[:_SHOWN_ROWS]
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_cell(value))}</td>" for value in row.values()) + "</tr>"
            for row in shown
        )
        more = len(self) - len(shown)
        tail = f"<p>and {more} more row{'s' if more > 1 else ''}</p>" if more else ""
        table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
        return f'<div style="overflow-x: auto">{table}</div>{tail}'


def make_table(rows: list[dict[str, Any]]) -> Table:
    """A table of rows that share the keys of the first; None becomes NaN in a column of numbers."""
    import numpy as np

    columns = {}
    for name in rows[0] if rows else ():
        values = [row[name] for row in rows]
        text = any(isinstance(value, str) for value in values)
        if text or all(isinstance(value, int) for value in values):
            columns[name] = np.array(values, dtype=object if text else None)
        else:
            columns[name] = np.array([np.nan if value is None else value for value in values], float)
    return Table(columns)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.5g}"
    return str(value)
