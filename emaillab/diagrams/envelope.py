"""What does SMTP say of a letter, and what does the letter say of itself? The envelope beside the sheet that is in it.

>>> from emaillab.world import Internet
>>> with Internet.textbook(network="memory") as net:
...     letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hi", "Bonjour\\n", bcc="eve@example.org")
...     _ = net.submit(letter)
>>> print(draw_envelope(net.journey(letter["Message-ID"]).stops[0]))
Envelope and message at crepes.fr: 3 addresses outside, 2 of them inside too
MAIL FROM:<alice@crepes.fr>, in the field From
RCPT TO:<bob@hamburger.edu>, in the field To
RCPT TO:<eve@example.org>, in no field
header: From, To, Subject, Date, Message-ID and 4 more fields
body: 9 octets
"""

from __future__ import annotations

from dataclasses import dataclass

from emaillab.diagrams.svg import BLUE, GREY, ORANGE, VERMILLION, Canvas, Diagram, cut, wrap
from emaillab.host.custody import Custody
from emaillab.message.header.fields import Header, parse_addresses
from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.part import Part

WIDTH, ROW, TOP = 880.0, 34.0, 84.0
OUTSIDE_X, OUTSIDE_WIDTH, SHEET_X, SHEET_WIDTH = 10.0, 370.0, 500.0, 370.0
SHOWN = ("From", "Sender", "To", "Cc", "Subject", "Date", "Message-ID")
ADDRESS_FIELDS = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc")


@dataclass(frozen=True, slots=True)
class Path:
    """One address of the envelope, and the first field of the header that names it too, if there is one."""

    command: str
    address: str
    field: str

    @property
    def spelt(self) -> str:
        """The command as SMTP says it."""
        return f"{self.command}:<{self.address}>"


def draw_envelope(stop: Custody) -> Diagram:
    """Draw a letter as one host took it: left the envelope, right the message; lines join what is on both."""
    message = dissect(stop.raw)
    paths = [_path("MAIL FROM", stop.envelope.reverse_path, message.header)]
    paths += [_path("RCPT TO", address, message.header) for address in stop.envelope.forward_paths]
    fields = [name for name in SHOWN if message.header.get(name)]
    rows = max(len(paths), len(fields) + 2)
    canvas = Canvas(WIDTH, TOP + rows * ROW + 24)
    _outside(canvas, stop, paths, rows)
    _sheet(canvas, message.header, fields, _gist(message), rows)
    for row, path in enumerate(paths):
        _join(canvas, row, path, fields)
    inside = sum(bool(path.field) for path in paths)
    title = f"Envelope and message at {stop.host}: {len(paths)} addresses outside, {inside} of them inside too"
    told = [f"{path.spelt}, {f'in the field {path.field}' if path.field else 'in no field'}" for path in paths]
    more = len(message.header) - len(fields)
    told.append(f"header: {', '.join(fields)} and {more} more field{'' if more == 1 else 's'}")
    told.append(f"body: {len(message.raw) - message.body_span[0]} octets")
    return canvas.finish(title, told)


def _path(command: str, address: str, header: Header) -> Path:
    found = (
        name
        for name in ADDRESS_FIELDS
        for field in header.all(name)
        if any(one.addr_spec.casefold() == address.casefold() for one in parse_addresses(field.body))
    )
    return Path(command, address, next(found, ""))


def _gist(message: Part) -> str:
    """Return how the first text of a message begins; without any, its type."""
    texts = (part.text for part in message.walk() if part.content_type.startswith("text/"))
    return " ".join(next(texts, f"({message.content_type})")[:200].split())


def _outside(canvas: Canvas, stop: Custody, paths: list[Path], rows: int) -> None:
    """Draw the envelope: a box with a flap, and on it what SMTP said."""
    height = rows * ROW + 44
    canvas.text(OUTSIDE_X, 22, "Envelope: what SMTP says", bold=True, size=14)
    canvas.text(OUTSIDE_X, 40, cut(f"kept by {stop.host} beside the letter", 48), size=12, faint=True)
    canvas.box(OUTSIDE_X, 52, OUTSIDE_WIDTH, height, fill=ORANGE, stroke="currentColor", behind=True)
    flap = [(OUTSIDE_X, 52.0), (OUTSIDE_X + OUTSIDE_WIDTH / 2, 74.0), (OUTSIDE_X + OUTSIDE_WIDTH, 52.0)]
    canvas.line(flap, "currentColor", width=1)
    for row, path in enumerate(paths):
        canvas.text(OUTSIDE_X + 14, _y(row), cut(path.spelt, 44), mono=True, size=13, bold=not path.field)


def _sheet(canvas: Canvas, header: Header, fields: list[str], gist: str, rows: int) -> None:
    """Draw the message: a sheet with its header, a line, and how its body begins."""
    canvas.text(SHEET_X, 22, "Message: what the letter says of itself", bold=True, size=14)
    canvas.text(SHEET_X, 40, "header, blank line, body; no server on the way asks it", size=12, faint=True)
    canvas.box(SHEET_X, 52, SHEET_WIDTH, rows * ROW + 44, fill=GREY, opacity=0.08, stroke="currentColor", behind=True)
    for row, name in enumerate(fields):
        canvas.text(SHEET_X + 14, _y(row), cut(f"{name}: {header.text(name)}", 44), mono=True, size=13)
    y = _y(len(fields)) - 12
    canvas.line([(SHEET_X + 14, y), (SHEET_X + SHEET_WIDTH - 14, y)], GREY, dashed=True)
    for row, line in enumerate(wrap(gist.split(" "), 42, " ")[:2]):
        canvas.text(SHEET_X + 14, y + 24 + 20 * row, cut(line, 44), mono=True, size=13)


def _join(canvas: Canvas, row: int, path: Path, fields: list[str]) -> None:
    """Draw the line from an address outside to the field that names it too, or say that there is none."""
    start = OUTSIDE_X + OUTSIDE_WIDTH, _y(row) - 4
    if path.field in fields:
        canvas.line([start, (SHEET_X, _y(fields.index(path.field)) - 4)], BLUE)
        canvas.dot(*start, 3, BLUE)
        canvas.dot(SHEET_X, _y(fields.index(path.field)) - 4, 3, BLUE)
    else:
        words = f"in {path.field}" if path.field else "in no field"
        canvas.line([start, (start[0] + 26, start[1])], VERMILLION, dashed=True)
        canvas.text(start[0] + 32, start[1] + 4, words, size=12, bold=True)


def _y(row: int) -> float:
    return TOP + ROW * row + 16
