"""How is a table written so that every page, light or dark, and every reader can read it?

>>> shown = Shown("1 letter", table("Letters", ["no."], [["1"]]))
>>> shown
1 letter
>>> "<th scope=\\"col\\">no.</th>" in shown.html
True
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from emaillab.diagrams.svg import BLUE, GREY, ORANGE, PURPLE, SKY, VERMILLION, clean

# Colours are borders and tints, never text.
_CSS = f"""
table{{border-collapse:collapse;margin:0 0 4px;table-layout:auto;font-size:13px;color:inherit}}
caption{{caption-side:top;text-align:left;font-weight:bold;padding:2px 0;color:inherit}}
thead tr,tbody tr{{background:none}}
td,th{{text-align:left;vertical-align:top;padding:1px 10px;border:0;border-bottom:1px solid {GREY}44;max-width:none}}
td.number{{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}}
code,pre{{font-family:monospace;font-size:12.5px;background:none;color:inherit;padding:0;margin:0;\
white-space:pre-wrap;overflow-wrap:anywhere}}
abbr{{text-decoration:none;cursor:help}}
summary{{cursor:pointer}}
mark{{background:{ORANGE}44;color:inherit;border-radius:3px;padding:0 2px;margin:0 1px;font-size:11px}}
.session td,.session th{{border-bottom:0}}
.session tr.client .side{{border-left:4px solid {BLUE}}}
.session tr.server .side{{border-left:4px solid {VERMILLION}}}
.session tr.server{{background:{VERMILLION}12}}
.session tr.phase th{{padding-top:5px;background:{SKY}33}}
.session tr.even th{{background:{PURPLE}33}}"""

# The class is named three times so that it outweighs what JupyterLab says of tables and code.
_OURS = ".emaillab.emaillab.emaillab "
STYLE = "".join(
    [
        "<style>",
        *(
            ",".join(_OURS + selector for selector in selectors.split(",")) + "{" + declarations
            for selectors, _, declarations in (rule.partition("{") for rule in _CSS.splitlines() if rule)
        ),
        "</style>",
    ]
)
RIGHT = ' class="number"'


@dataclass(frozen=True, slots=True)
class Shown:
    """How a thing looks: as text for a terminal, as HTML for a notebook; shown by itself at the end of a cell."""

    text: str
    html: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}


def page(*pieces: str) -> str:
    """Return pieces of HTML under the one style."""
    return f'<div class="emaillab">{STYLE}{"".join(pieces)}</div>'


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[str] = ()) -> str:
    """Return an HTML table of plain text. Args: numbers: the columns that stand at the right."""
    heads = "".join(f'<th scope="col">{clean(name)}</th>' for name in head)
    lines = []
    for row in rows:
        cells = (
            f"<td{RIGHT if name in numbers else ''}>{clean(cell)}</td>" for name, cell in zip(head, row, strict=True)
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f"<table><caption>{clean(caption)}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the same table as text in columns."""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows])
    return "\n".join(line.rstrip() for line in lines)


def both(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str] = ()) -> Shown:
    """Return a table in both forms."""
    return Shown(f"{caption}\n{columns(head, rows)}", page(table(caption, head, rows, numbers)))
