"""How does a table look in fixed-width text, when a Chinese character takes two columns?

>>> print(fixed_width(["word", "octets"], [["你好", 6], ["hi", 2]]))
word  octets
你好       6
hi         2
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

Cell = str | int | float


def fixed_width(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Write rows below their headings; columns of numbers stand to the right. Returns: lines without a final one."""
    body = list(rows)
    numeric = [all(not isinstance(row[place], str) for row in body) for place in range(len(head))] if body else []
    table = [list(head), *([_text(cell) for cell in row] for row in body)]
    widths = [max(width(row[place]) for row in table) for place in range(len(head))]
    return "\n".join(_line(row, widths, numeric) for row in table)


def _line(row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    cells = []
    for place, (text, wide) in enumerate(zip(row, widths, strict=True)):
        space = " " * (wide - width(text))
        cells.append(space + text if numeric and numeric[place] else text + space)
    return "  ".join(cells).rstrip()


def _text(cell: Cell) -> str:
    return printable(cell) if isinstance(cell, str) else f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def printable(text: str) -> str:
    """Show what does not print: CR, LF and their like by their symbols, the rest as a replacement mark."""
    return "".join(_symbol(character) for character in text)


def _symbol(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    return (
        chr(0x2400 + code) if code < 0x20 else "\N{SYMBOL FOR DELETE}" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"
    )


def width(text: str) -> int:
    """Count the columns that a text takes in a fixed-width font."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
