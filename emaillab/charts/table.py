"""What are the numbers behind a picture? A table that can be read, printed, copied and compared.

>>> from emaillab.charts.table import Column, Table
>>> print(Table("Octets of two letters", (Column("letter"), Column("size", "octets", 0)), (("甲", 1200), ("b", None))))
Octets of two letters
letter  size (octets)
甲               1200
b                   –
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

Cell = str | int | float | None
UNKNOWN = "–"
LONGEST = 400  # letters of a cell
_CAPTION = "text-align:left;font-weight:bold;color:inherit;caption-side:top"


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading, with the unit of its numbers; `digits` after the point, None for a column of words."""

    name: str
    unit: str = ""
    digits: int | None = None
    signed: bool = False  # whether a plus is written

    @property
    def heading(self) -> str:
        """The name with the unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def text(self, cell: Cell) -> str:
        """Return a cell as it is shown; a value that is not known is a dash."""
        if cell is None:
            return UNKNOWN
        if isinstance(cell, str) or self.digits is None:
            return plain(str(cell), LONGEST)
        zero = round(cell, self.digits) == 0
        return f"{abs(cell) if zero else cell:{'+' if self.signed and not zero else ''}.{self.digits}f}"


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers with their units; the first column names the row."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def column(self, name: str) -> list[Cell]:
        """Return one column's values. Raises: KeyError for a name that the table does not have."""
        for place, column in enumerate(self.columns):
            if column.name == name:
                return [row[place] for row in self.rows]
        raise KeyError(f"the table has no column {name!r}, only {', '.join(c.name for c in self.columns)}")

    def texts(self) -> list[list[str]]:
        """Return all cells as they are shown."""
        return [[column.text(cell) for column, cell in zip(self.columns, row, strict=True)] for row in self.rows]

    def __str__(self) -> str:
        rows = [[column.heading for column in self.columns], *self.texts()]
        widths = [max(width(row[place]) for row in rows) for place in range(len(self.columns))]
        lines = [self._line(row, widths) for row in rows]
        return "\n".join([self.title, *lines, *([self.note] if self.note else [])])

    def _line(self, row: Sequence[str], widths: Sequence[int]) -> str:
        cells = []
        for column, text, wide in zip(self.columns, row, widths, strict=True):
            space = " " * (wide - width(text))
            cells.append(text + space if column.digits is None else space + text)
        return "  ".join(cells).rstrip()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.html()}

    def html(self) -> str:
        """Return an accessible HTML table: caption, headings with their scope."""
        return "".join(self._html())

    def _html(self) -> Iterator[str]:
        yield f'<table><caption style="{_CAPTION}">{escape(self.title)}</caption><thead><tr>'
        for column in self.columns:
            yield f'<th scope="col" style="text-align:{_side(column)}">{escape(column.heading)}</th>'
        yield "</tr></thead><tbody>"
        for row in self.texts():
            first, *rest = zip(self.columns, row, strict=True)
            yield f'<tr><th scope="row" style="text-align:{_side(first[0])}">{escape(first[1])}</th>'
            yield from (f'<td style="text-align:{_side(column)}">{escape(text)}</td>' for column, text in rest)
            yield "</tr>"
        yield "</tbody></table>"
        if self.note:
            yield f"<p>{escape(self.note)}</p>"


def _side(column: Column) -> str:
    return "left" if column.digits is None else "right"


def width(text: str) -> int:
    """Count the columns that a text takes in a fixed-width font: a Chinese character takes two."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def plain(text: str, longest: int = 40) -> str:
    """Return a name from a letter as one short printable line: anybody can write anything into a header."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
