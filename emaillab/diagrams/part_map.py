"""What does a message consist of, and where does each piece stand? The tree on the left, the octets on the right.

>>> from emaillab.message.mime.dissect import dissect
>>> print(draw_part(dissect(b"Subject: Hi\\r\\n\\r\\nBonjour\\r\\n")))
Part map of message text/plain: 1 part in 24 octets, 2 pieces
message text/plain 7bit
  header 0-15, 15 octets
  body 15-24, 9 octets
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from emaillab.diagrams.svg import BLUE, GREEN, GREY, PURPLE, SKY, VERMILLION, Canvas, Diagram, cut, plural
from emaillab.message.mime.declared import IDENTITY_ENCODINGS
from emaillab.message.mime.part import Part
from emaillab.message.octets.defects import Defect, Span

KINDS = {
    "header": BLUE,
    "body": GREEN,
    "delimiter": VERMILLION,
    "close-delimiter": VERMILLION,
    "preamble": GREY,
    "epilogue": GREY,
    "mbox-line": PURPLE,
}
TREE_X, KIND_X, MAP_X, MAP_WIDTH, WIDTH = 10, 330, 545, 320, 880
ROW, INDENT = 21.0, 14
MOST_ROWS = 80


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the map: a piece of a part; `span` is None for a part that has no octet."""

    part: Part
    depth: int
    first: bool  # the first piece of its part
    kind: str
    span: Span | None
    defects: tuple[Defect, ...]


def rows(root: Part) -> Iterator[Row]:
    """Cut a part into its pieces, in the order of their octets; a defect stands with the piece that it is in."""
    depths: dict[int, int] = {}
    for part in root.walk():
        depths[id(part)] = 0 if part is root or part.parent is None else depths[id(part.parent)] + 1
    pieces = root.tiles_of_parts()
    wrong = _defects_by_piece(pieces)
    waiting = list(root.walk())[::-1]
    for place, (kind, span, part) in enumerate(pieces):
        first = any(part is other for other in waiting)
        while first:
            other = waiting.pop()
            if other is part:
                break
            yield Row(other, depths[id(other)], True, "", None, other.defects)
        yield Row(part, depths[id(part)], first, kind, span, tuple(wrong.get(place, ())))
    for other in reversed(waiting):
        yield Row(other, depths[id(other)], True, "", None, other.defects)


def _defects_by_piece(pieces: list[tuple[str, Span, Part]]) -> dict[int, list[Defect]]:
    """Put each defect with the piece that it stands in, whosever it is; one at the very end with the last piece."""
    ends = [end for _, (_, end), _ in pieces]
    found: dict[int, list[Defect]] = {}
    for part in {id(part): part for _, _, part in pieces}.values():
        for defect in part.defects:
            found.setdefault(min(bisect_right(ends, defect.at), len(ends) - 1), []).append(defect)
    return found


def draw_part(part: Part) -> Diagram:
    """Draw a part's tree beside a map of its octets; what is wrong is marked where it is."""
    found = list(rows(part))
    shown = found[:MOST_ROWS]
    heights = [ROW + (15 if row.defects else 0) for row in shown]
    canvas = Canvas(WIDTH, 62 + sum(heights) + (22 if len(found) > len(shown) else 0))
    start, end = part.span
    scale = MAP_WIDTH / max(1, end - start)
    _axis(canvas, start, end)
    y = 48.0
    for row, height in zip(shown, heights, strict=True):
        _draw_row(canvas, row, y, start, scale)
        y += height
    if len(found) > len(shown):
        canvas.text(TREE_X, y + 16, f"… and {len(found) - len(shown)} more pieces", faint=True)
    parts, pieces = sum(row.first for row in found), sum(row.span is not None for row in found)
    title = f"Part map of {_name(part)}: {plural(parts, 'part')} in {end - start} octets, {plural(pieces, 'piece')}"
    return canvas.finish(title, _words(shown, len(found)), f"{plural(pieces, 'piece')} and their offsets, told below.")


def _name(part: Part) -> str:
    return f"{part.number or 'message'} {cut(part.content_type, 40)}"


def _axis(canvas: Canvas, start: int, end: int) -> None:
    canvas.text(TREE_X, 18, "part", bold=True)
    canvas.text(KIND_X, 18, "piece", bold=True)
    canvas.text(MAP_X, 18, f"octets {start} to {end}", bold=True)
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = MAP_X + MAP_WIDTH * share
        canvas.line([(x, 36), (x, canvas.height - 8)], "currentColor", width=0.3)
        if share in (0, 0.5, 1):
            canvas.text(x, 33, f"{round(start + (end - start) * share)}", size=11, anchor="middle", faint=True)


def _draw_row(canvas: Canvas, row: Row, y: float, start: int, scale: float) -> None:
    middle = y + ROW / 2 + 4.5
    if row.first:
        if row.depth:
            knee = TREE_X + INDENT * (row.depth - 1) + 5
            canvas.line([(knee, y), (knee, y + ROW / 2), (knee + 8, y + ROW / 2)], GREY, width=1)
        text = f"{_name(row.part)}"
        room = int((KIND_X - TREE_X - INDENT * row.depth) / 7.6)
        canvas.text(TREE_X + INDENT * row.depth, middle, cut(text, max(8, room)), bold=True)
    if row.span is None:
        canvas.text(KIND_X, middle, "no octets", size=12, faint=True)
    else:
        a, b = row.span
        colour = KINDS.get(row.kind, SKY)
        canvas.text(KIND_X, middle, row.kind, size=12)
        canvas.text(MAP_X - 14, middle, f"{a}-{b}", size=12, anchor="end", mono=True)
        canvas.box(
            MAP_X + (a - start) * scale,
            y + 3,
            max(2.5, (b - a) * scale),
            ROW - 6,
            fill=colour,
            opacity=0.55,
            stroke=colour,
            line_width=0.8,
        )
    for defect in row.defects:
        x = MAP_X + min(MAP_WIDTH, max(0, defect.at - start) * scale)
        canvas.line([(x, y + 1), (x, y + ROW - 1)], VERMILLION, width=2)
    if row.defects:
        canvas.text(KIND_X, middle + 16, "! " + cut(_defects(row.defects), 70), size=12, bold=True)


def _defects(defects: tuple[Defect, ...]) -> str:
    """Name defects with their offsets; of many of one kind the first."""
    kinds: dict[str, list[int]] = {}
    for defect in defects:
        kinds.setdefault(defect.kind, []).append(defect.at)
    return ", ".join(
        f"{kind} at {at[0]}" + (f" and {len(at) - 1} more" if len(at) > 1 else "") for kind, at in kinds.items()
    )


def _words(shown: list[Row], total: int) -> list[str]:
    told = []
    for row in shown:
        lead = "  " * row.depth
        if row.first:
            facts = [_name(row.part), row.part.encoding]
            if row.part.filename is not None:
                facts.append(repr(row.part.filename))
            if not row.part.children and row.part.acting_encoding not in IDENTITY_ENCODINGS:
                facts.append(f"{len(row.part.decoded)} octets decoded")
            told.append(lead + " ".join(facts))
        if row.span is not None:
            a, b = row.span
            told.append(f"{lead}  {row.kind} {a}-{b}, {b - a} octets")
        if row.defects:
            told.append(f"{lead}  ! {_defects(row.defects)}")
    return [*told, f"… and {total - len(shown)} more pieces"] if total > len(shown) else told
