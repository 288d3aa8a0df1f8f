"""Which piece does this octet belong to, and which octets does this piece have? Tree and octets, side by side.

>>> from emaillab.message.mime.dissect import dissect
>>> inspector = MessageInspector(dissect(b"Subject: Hi\\r\\n\\r\\nBonjour\\r\\n"))
>>> print(inspector.table())
Pieces of message text/plain
piece               octets  how many  first octets
message text/plain    0-24        24
  Subject             0-13        13  Subject: Hi..
  empty line         13-15         2  ..
  body               15-24         9  Bonjour..
>>> inspector.unit_at(14).label
'  empty line'
>>> print(inspector.told(14))
octet 14 (0A, LF): empty line that ends the header, header of the message (RFC 5322 §2.1)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from emaillab.charts.table import Column, Table, plain
from emaillab.diagrams.part_map import KINDS
from emaillab.diagrams.svg import GREY
from emaillab.message.mime.part import Part
from emaillab.message.octets.defects import Span
from emaillab.widgets.kept import Kept

PER_LINE = 16
LINES = 13
MOST_UNITS = 2_000
FIRST_OCTETS = 48


@dataclass(frozen=True, slots=True)
class Unit:
    """A line of the tree: a part, or one of its pieces, a header taken field by field."""

    label: str
    """Indented by its depth in the tree."""
    kind: str
    """ "part", or the kind of piece as in `Part.tiles`."""
    span: Span

    @property
    def size(self) -> int:
        """Count the octets."""
        return self.span[1] - self.span[0]


def units_of(part: Part) -> list[Unit]:
    """List a part, all parts below it, and their pieces, as a tree in the order of their octets."""
    found: list[Unit] = []
    depths: dict[int, int] = {}
    for one in part.walk():
        depths[id(one)] = 0 if one is part or one.parent is None else depths[id(one.parent)] + 1
    waiting = list(part.walk())[::-1]
    for kind, span, owner in part.tiles_of_parts():
        while any(owner is one for one in waiting):
            one = waiting.pop()
            found.append(_part_unit(one, depths[id(one)]))
        indent = "  " * (depths[id(owner)] + 1)
        found += _fields(owner, indent) if kind == "header" else [Unit(indent + kind, kind, span)]
        if len(found) >= MOST_UNITS:
            break
    return [*found, *(_part_unit(one, depths[id(one)]) for one in reversed(waiting))][:MOST_UNITS]


def _part_unit(part: Part, depth: int) -> Unit:
    return Unit(f"{'  ' * depth}{part.number or 'message'} {plain(part.content_type)}", "part", part.span)


def _fields(part: Part, indent: str) -> Iterator[Unit]:
    """Cut a header into its fields, lines that are none, and the empty line."""
    start, end = part.header_span
    lines = [(field.span, plain(field.name)) for field in part.header]
    lines += [(span, "no field") for span in part.header.stray]
    for span, name in sorted(lines):
        yield Unit(indent + name, "header", span)
    last = max((span[1] for span, _ in lines), default=start)
    if last < end:
        yield Unit(f"{indent}empty line", "header", (last, end))


class MessageInspector(Kept):
    """A message as a tree beside its octets: select in one, and the other follows; a table where nothing is live."""

    run_me = "Tree and octets side by side. Run this cell to select."

    def __init__(self, part: Part) -> None:
        self.part = part
        self.units = tuple(units_of(part))

    def unit_at(self, offset: int) -> Unit:
        """Return the smallest piece that has the octet at `offset`. Raises: IndexError when none has."""
        around = [unit for unit in self.units if unit.span[0] <= offset < unit.span[1]]
        if not around:
            start, end = self.part.span
            raise IndexError(f"the octets go from {start} to {end - 1}; there is no {offset}")
        return min(around, key=lambda unit: (unit.size, unit.kind == "part"))

    def told(self, offset: int) -> str:
        """Tell what the octet at `offset` is."""
        return str(self.part.explain(offset))

    def table(self) -> Table:
        """Return the tree with the octets of every piece."""
        columns = (Column("piece"), Column("octets", "", 0), Column("how many", "", 0), Column("first octets"))
        rows = [
            (unit.label, f"{unit.span[0]}-{unit.span[1]}", unit.size, "" if unit.kind == "part" else self._begin(unit))
            for unit in self.units
        ]
        return Table(f"Pieces of {self.units[0].label}", columns, tuple(rows))

    def _begin(self, unit: Unit) -> str:
        start, end = unit.span
        shown = self.part.raw[start : min(end, start + FIRST_OCTETS)]
        return "".join(map(_letter, shown)) + ("…" if unit.size > FIRST_OCTETS else "")

    # How it is shown

    def view(self, offset: int, unit: Unit | None = None) -> str:
        """Return the octets around `offset` as HTML, those of a piece marked, and what that octet is."""
        unit = unit or self.unit_at(offset)
        start, end = self.part.span
        line = (offset - start) // PER_LINE
        last = (end - start - 1) // PER_LINE
        first = max(0, min(line - LINES // 2, last - LINES + 1))
        lines = range(first, min(last, first + LINES - 1) + 1)
        rows = "\n".join(self._line(start + PER_LINE * number, offset, unit) for number in lines)
        where = f"{unit.label.strip()}: octets {unit.span[0]} to {unit.span[1]}, {unit.size} in all"
        return (
            f'<pre style="line-height:1.45;font-size:12.5px;margin:0;overflow-x:auto">{rows}</pre>'
            f'<div role="status"><p style="margin:6px 0 0;line-height:1.35"><b>{escape(where)}</b><br>'
            f"{escape(self.told(offset))}</p></div>"
        )

    def _line(self, at: int, chosen: int, unit: Unit) -> str:
        offsets = range(at, min(at + PER_LINE, self.part.span[1]))
        octets = self.part.raw[at : offsets.stop]
        pairs = zip(offsets, octets, strict=True)
        hexadecimal, letters = [], []
        for offset, octet in pairs:
            style = self._style(offset, chosen, unit)
            hexadecimal.append(f"<span{style}>{octet:02x}</span>")
            letters.append(f"<span{style}>{escape(_letter(octet))}</span>")
        space = " " * (3 * (PER_LINE - len(octets)))
        return f"{at:6}  {' '.join(hexadecimal)}{space}  {''.join(letters)}"

    def _style(self, offset: int, chosen: int, unit: Unit) -> str:
        if not unit.span[0] <= offset < unit.span[1]:
            return ""
        colour = KINDS.get(unit.kind, GREY)
        if offset == chosen:
            return f' style="background:{colour};color:#fff;font-weight:bold"'
        return f' style="background:{colour}33;box-shadow:0 1px {colour}"'

    def _build(self) -> Any:
        import ipywidgets as widgets

        start, end = self.part.span
        labels = [unit.label.replace("  ", "\N{NO-BREAK SPACE}" * 3) for unit in self.units]
        tree = widgets.Select(
            options=list(zip(labels, range(len(labels)), strict=True)),
            rows=19,
            description="Piece",
            layout={"width": "330px"},
            style={"description_width": "40px"},
        )
        slider = widgets.IntSlider(start, start, max(start, end - 1), description="Octet", layout={"width": "560px"})
        view = widgets.HTML()

        def choose(place: int, offset: int) -> None:
            """Bring tree, slider and octets together; what they then tell of themselves is no choice of a person."""
            tree.unobserve_all("value")
            slider.unobserve_all("value")
            tree.value, slider.value = place, offset
            view.value = self.view(offset, self.units[place]) if end > start else "<p>There is no octet.</p>"
            tree.observe(lambda change: choose(change.new, min(self.units[change.new].span[0], end - 1)), "value")
            slider.observe(lambda change: choose(self._place(change.new), change.new), "value")

        choose(0, start)
        return widgets.HBox([tree, widgets.VBox([slider, view])])

    def _place(self, offset: int) -> int:
        return self.units.index(self.unit_at(offset))

    def __str__(self) -> str:
        return str(self.table())

    def __repr__(self) -> str:
        return f"<MessageInspector {self.units[0].label}, {len(self.units)} pieces>"

    @property
    def html(self) -> str:
        """All pieces as a table, folded: what a saved notebook keeps."""
        summary = f'<summary style="cursor:pointer">All {len(self.units)} pieces and their octets</summary>'
        rows = "".join(map(self._row, self.units))
        names = ("piece", "octets", "hexadecimal", "text")
        heads = "".join(f'<th scope="col" style="text-align:left">{name}</th>' for name in names)
        caption = f'<caption style="text-align:left">Pieces of {escape(self.units[0].label)}</caption>'
        return (
            f"<details>{summary}<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></details>"
        )

    def _row(self, unit: Unit) -> str:
        start, end = unit.span
        shown = b"" if unit.kind == "part" else self.part.raw[start : min(end, start + PER_LINE)]
        more = " …" if shown and unit.size > PER_LINE else ""
        weight = "bold" if unit.kind == "part" else "normal"
        edge = f"border-left:5px solid {KINDS.get(unit.kind, 'transparent')}"
        style = "padding:1px 12px 1px 6px;text-align:left"
        label = f'<th scope="row" style="{style};{edge};font-weight:{weight};white-space:pre">{escape(unit.label)}</th>'
        cells = (f"{start}-{end}", shown.hex(" ") + more, "".join(map(_letter, shown)) + more)
        mono = f"{style};font-family:monospace;white-space:pre"
        return f"<tr>{label}" + "".join(f'<td style="{mono}">{escape(cell)}</td>' for cell in cells) + "</tr>"


def _letter(octet: int) -> str:
    """Write an octet as its ASCII character, others as a dot."""
    return chr(octet) if 32 <= octet < 127 else "."
