"""What is a reader shown of a letter, and what can be saved from it?

>>> letter = read(b"From: Alice <alice@crepes.fr>\\r\\nSubject: =?utf-8?B?5L2g5aW9?=\\r\\n"
...               b"Content-Type: multipart/mixed; boundary=b\\r\\n\\r\\n--b\\r\\n\\r\\nDear Bob\\r\\n"
...               b"--b\\r\\nContent-Type: image/png; name=crepe.png\\r\\n\\r\\nPNG\\r\\n--b--\\r\\n")
>>> letter.subject, letter.text, [(file.name, file.content_type, file.is_picture) for file in letter.files]
('你好', 'Dear Bob', [('crepe.png', 'image/png', True)])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from emaillab.host.webmail.markup import read_html
from emaillab.message.header.addresses import parse_addresses
from emaillab.message.header.fields import Field, Header, decode_text_of, parse_header
from emaillab.message.mime.choices import preferred_alternative
from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.part import Part

PICTURES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp"))
"""Media types that a browser may show: they hold no scripts."""
READABLE = ("message/delivery-status", "message/disposition-notification")
# A page shows so much of a letter and then says that there is more; the letter's source has all of it.
MOST_TEXT = 200_000  # characters
MOST_PARTS = 10_000
MOST_FILES = 500
MOST_FIELDS = 100
MOST_OF_A_FIELD = 20_000  # octets
MOST_OF_A_HEADER = 1 << 18  # octets
# A list shows less still, since it shows many letters at once.
MOST_HEADER = 1 << 16  # octets in which the fields of a list are looked for
MOST_OF_A_LINE = 1_000  # octets of a field

_CONTROLS = [*range(9), *range(10, 32), *range(127, 160), 0x2028, 0x2029]
_BLANKS = dict.fromkeys(_CONTROLS, " ")
_MARKS = dict.fromkeys(_CONTROLS, "\N{REPLACEMENT CHARACTER}")
_MARKS_IN_LINES = {code: mark for code, mark in _MARKS.items() if code != 10}
_MORE = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True, slots=True)
class File:
    """A part that can be saved."""

    index: int  # its place in `Part.walk()`
    name: str
    content_type: str
    size: int  # octets, decoded

    @property
    def is_picture(self) -> bool:
        """True when a browser can show it without harm."""
        return self.content_type in PICTURES


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as a page shows it."""

    subject: str
    from_: str
    to: str
    cc: str
    date: str
    fields: tuple[tuple[str, str], ...]
    has_more_fields: bool
    text: str
    is_cut: bool  # the text is longer
    was_html: bool
    remote: tuple[str, ...]  # what HTML wanted to load from elsewhere
    files: tuple[File, ...]
    more_files: int  # how many are not listed
    is_crowded: bool  # it has more parts than `MOST_PARTS`, of which no more was looked at


@dataclass(frozen=True, slots=True)
class Summary:
    """A letter as a line in a list."""

    subject: str
    from_: str
    to: str
    date: str


def summarise(raw: bytes) -> Summary:
    """Read what a list shows, and the head of a quotation."""
    header = parse_header(raw[:MOST_HEADER])
    subject, date = (_line(header, name, MOST_OF_A_LINE) for name in ("Subject", "Date"))
    return Summary(subject, _people(header, "From"), _people(header, "To"), date)


def read(raw: bytes) -> Letter:
    """Read a letter, as much of it as a page shows; no letter makes it fail."""
    message = dissect(raw, max_parts=MOST_PARTS + 1)
    shown = list(_shown(message))
    page = _Page(shown)
    start, end = message.header_span
    header = Header(raw, (start, min(end, start + MOST_OF_A_HEADER)))
    files, more_files = _files(message, shown)
    return Letter(
        _line(header, "Subject"),
        _line(header, "From"),
        _line(header, "To"),
        _line(header, "Cc"),
        _line(header, "Date"),
        tuple((field.name, _printable(_text(field))) for field in header[:MOST_FIELDS]),
        len(header) > MOST_FIELDS or header.span[1] < end,
        page.text,
        page.is_cut,
        page.was_html,
        tuple(page.remote),
        files,
        more_files,
        sum(1 for _ in message.walk()) > MOST_PARTS,
    )


def read_text(raw: bytes) -> str:
    """Read a letter's text, as a page shows it."""
    return _Page(_shown(dissect(raw, max_parts=MOST_PARTS + 1))).text


class _Page:
    """Collects the texts of a letter up to what a page holds."""

    def __init__(self, shown: Iterable[Part]) -> None:
        self.texts: list[str] = []
        self.room = MOST_TEXT
        self.is_cut = self.was_html = False
        self.remote: dict[str, None] = {}
        for part in shown:
            self.add(part)

    @property
    def text(self) -> str:
        """The texts, one below the other."""
        return "\n\n".join(self.texts)

    def add(self, part: Part) -> None:
        """Add a part's text, or what there is room for."""
        is_html = part.content_type == "text/html"
        self.was_html |= is_html
        if not self.room:
            self.is_cut |= part.body_span[0] < part.body_span[1]
            return
        text = part.text
        self.is_cut |= len(text) > self.room
        text = text[: self.room]
        self.room -= len(text)
        if is_html:
            page = read_html(text)
            text = page.text
            self.remote |= dict.fromkeys(page.remote)
        self.texts.append(_printable("\n".join(text.splitlines()), lines=True).strip("\n"))


def part_at(raw: bytes, index: int) -> Part | None:
    """Find the part of a `File`, among as many as a page looks at."""
    return next(islice(dissect(raw, max_parts=MOST_PARTS + 1).walk(), index, None), None)


def file_of(part: Part, index: int) -> File:
    """Describe a part that can be saved."""
    ending = {"message/rfc822": ".eml", "text/html": ".html", "text/plain": ".txt"}.get(part.content_type, "")
    return File(index, part.filename or f"part-{index}{ending}", part.content_type, len(part.decoded))


def _shown(message: Part) -> Iterator[Part]:
    """Give the parts that are read as text: of alternatives one, and nothing of enclosed messages and files."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        kind = part.content_type
        if kind == "multipart/alternative":
            chosen = preferred_alternative(part, ["text/plain"]) or preferred_alternative(
                part, ["text/*", "multipart/*"]
            )
            waiting += [chosen] if chosen is not None else []
        elif kind.startswith("multipart/"):
            waiting.extend(reversed(part.children))
        elif part.disposition != "attachment" and _is_readable(kind):
            yield part


def _is_readable(kind: str) -> bool:
    return kind.startswith("text/") or kind in READABLE


def _files(message: Part, shown: list[Part]) -> tuple[tuple[File, ...], int]:
    """Find what is not shown as text; what lies in an enclosed message comes with that.

    Returns: what is listed of it, and how many more there are.
    """
    index = {id(part): place for place, part in enumerate(message.walk())}
    known = {id(part) for part in shown}
    found: list[Part] = []
    waiting = [message]
    while waiting:
        part = waiting.pop()
        if part.children and part.content_type.startswith("multipart/"):
            waiting.extend(reversed(part.children))
        elif id(part) not in known and part.body_span[0] < part.body_span[1]:
            found.append(part)
    listed = tuple(file_of(part, index[id(part)]) for part in found[:MOST_FILES])
    return listed, len(found) - len(listed)


def _text(field: Field, most: int = MOST_OF_A_FIELD) -> str:
    """Decode a field for people, as much of it as is shown."""
    body = field.body
    return decode_text_of(field.name, body[:most]) + (_MORE if len(body) > most else "")


def _line(header: Header, name: str, most: int = MOST_OF_A_FIELD) -> str:
    """Return a field as one line of text."""
    field = header.get(name)
    return "" if field is None else " ".join(_text(field, most).translate(_BLANKS).split())


def _people(header: Header, name: str) -> str:
    """Return the names, or else the addresses, in a field, as far as a list shows it."""
    field = header.get(name)
    if field is None:
        return ""
    body = field.body
    found = parse_addresses(body[:MOST_OF_A_LINE])
    names = [" ".join((one.name or one.addr_spec).split()) for one in found]
    if len(body) > MOST_OF_A_LINE and len(names) > 1:
        names[-1] = _MORE  # where the field was cut
    return ", ".join(names) or _line(header, name, MOST_OF_A_LINE)


def _printable(text: str, *, lines: bool = False) -> str:
    """Replace control characters, which mean nothing to a reader; line breaks stay where `lines` are wanted."""
    return text.translate(_MARKS_IN_LINES if lines else _MARKS)
