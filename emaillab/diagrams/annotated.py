"""What is each line of a letter? The lines as they are, and beside them what they are.

>>> print(draw_annotated(b"From: a@crepes.fr\\r\\nSubject: Do you\\r\\n like crepes?\\r\\n\\r\\nDo you?\\r\\n"))
Annotated letter: 2 fields, 7 octets of text in 1 line
From: a@crepes.fr ← field From
Subject: Do you ← field Subject
 like crepes? ← Subject goes on
⟨empty line⟩ ← the header ends
Do you? ← body
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from emaillab.diagrams.svg import BLUE, GREEN, GREY, PURPLE, SKY, VERMILLION, Canvas, Diagram, cut, plural
from emaillab.message.header.fields import Header, parse_header
from emaillab.message.octets.charsets import decode_raw

TRACE = frozenset(("received", "return-path", "delivered-to", "authentication-results", "dkim-signature"))
LETTERS = 74  # shown of a line
ROW, TOP, LEFT, NOTES, WIDTH = 19.0, 34, 14, 640, 940
MOST_LINES = 60
TAB = "⇥   "


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a letter, and what it is."""

    text: str
    note: str
    group: str
    first: bool  # of its field, or of the body
    colour: str


def lines_of(raw: bytes) -> list[Line]:
    """Cut a letter into its lines and say what each of them is."""
    header = parse_header(raw)
    end = header.span[1]
    found = list(_header_lines(raw, header))
    body = raw[end:].splitlines()
    found += [Line(_readable(line), "body" if n == 0 else "", "body", n == 0, GREEN) for n, line in enumerate(body)]
    return found


def _readable(line: bytes) -> str:
    return decode_raw(line).replace("\t", TAB)


def _header_lines(raw: bytes, header: Header) -> Iterator[Line]:
    pieces = [(field.span, field.name) for field in header] + [(span, "") for span in header.stray]
    last = header.span[0]
    for (start, end), name in sorted(pieces):
        group = "stamp of a server" if name.lower() in TRACE else "field of the author" if name else "no field"
        colour = PURPLE if name.lower() in TRACE else BLUE if name else VERMILLION
        for n, line in enumerate(raw[start:end].splitlines()):
            fold = f"{name} goes on" if name else ""
            yield Line(
                _readable(line), (f"field {name}" if name else "no field") if n == 0 else fold, group, n == 0, colour
            )
        last = max(last, end)
    if last < header.span[1]:
        yield Line("⟨empty line⟩", "the header ends", "empty line", True, VERMILLION)


def draw_annotated(raw: bytes) -> Diagram:
    """Draw a letter line by line: fields, folds, the empty line, the body."""
    lines = lines_of(raw)
    shown = lines[:MOST_LINES]
    height = TOP + ROW * len(shown) + (ROW if len(lines) > len(shown) else 0) + 12
    canvas = Canvas(WIDTH, height)
    canvas.text(LEFT, 20, "the letter, line by line", bold=True)
    canvas.text(NOTES, 20, "what it is", bold=True)
    for row, line in enumerate(shown):
        _draw_line(canvas, line, TOP + ROW * row)
    if len(lines) > len(shown):
        canvas.text(LEFT, TOP + ROW * len(shown) + 14, f"… {len(lines) - len(shown)} more lines", faint=True)
    _draw_groups(canvas, shown)
    header = parse_header(raw)
    body = raw[header.span[1] :].splitlines()
    octets = sum(map(len, body))
    title = f"Annotated letter: {plural(len(header), 'field')}, {octets} octets of text in {plural(len(body), 'line')}"
    return canvas.finish(title, (f"{line.text} ← {line.note}" if line.note else line.text for line in shown))


def _draw_line(canvas: Canvas, line: Line, y: float) -> None:
    middle = y + 14
    faint = line.group == "empty line"
    canvas.text(LEFT, middle, cut(line.text, LETTERS), size=12, mono=True, faint=faint)
    canvas.box(LEFT - 8, y + 1, NOTES - LEFT - 6, ROW - 1, fill=line.colour, opacity=0.14, behind=True)
    canvas.box(LEFT - 10, y + 1, 3, ROW - 1, fill=line.colour, opacity=1)
    if line.note:
        canvas.line([(NOTES - 16, y + ROW / 2), (NOTES - 6, y + ROW / 2)], line.colour if line.first else GREY)
        canvas.text(NOTES, middle, cut(line.note, 34), size=12, faint=not line.first)


def _draw_groups(canvas: Canvas, lines: list[Line]) -> None:
    """Bracket the lines that belong together, at the right edge."""
    begin = 0
    for row in range(1, len(lines) + 1):
        if row < len(lines) and lines[row].group == lines[begin].group:
            continue
        top, bottom = TOP + ROW * begin + 3, TOP + ROW * row - 3
        colour = lines[begin].colour
        x = WIDTH - 26
        if lines[begin].group in ("stamp of a server", "field of the author", "body"):
            canvas.line([(x - 5, top), (x, top), (x, bottom), (x - 5, bottom)], colour if colour != SKY else BLUE)
            name = {"stamp of a server": "stamps", "field of the author": "author", "body": "body"}[lines[begin].group]
            if bottom - top > 40:
                canvas.text(x + 14, (top + bottom) / 2, name, size=12, anchor="middle", turn=-90)
        begin = row
