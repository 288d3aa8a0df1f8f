"""What is a reader shown of a letter, and what can be saved from it?

>>> letter = read(b"From: Alice <alice@crepes.fr>\\r\\nSubject: =?utf-8?B?5L2g5aW9?=\\r\\n"
...               b"Content-Type: multipart/mixed; boundary=b\\r\\n\\r\\n--b\\r\\n\\r\\nDear Bob\\r\\n"
...               b"--b\\r\\nContent-Type: image/png; name=crepe.png\\r\\n\\r\\nPNG\\r\\n--b--\\r\\n")
>>> letter.subject, letter.text, [(file.name, file.content_type, file.is_picture) for file in letter.files]
('你好', 'Dear Bob', [('crepe.png', 'image/png', True)])
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from emaillab.host.webmail.markup import read_html
from emaillab.message.addresses import parse_addresses
from emaillab.message.choices import preferred_alternative
from emaillab.message.dissect import dissect
from emaillab.message.fields import Header, parse_header
from emaillab.message.part import Part

PICTURES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp"))
"""Media types that a browser may show: they hold no scripts."""
READABLE = ("message/delivery-status", "message/disposition-notification")
MOST_TEXT = 200_000  # characters of one part that are shown
MOST_FIELDS = 100

_CONTROLS = [*range(9), *range(10, 32), *range(127, 160), 0x2028, 0x2029]
_BLANKS = dict.fromkeys(_CONTROLS, " ")
_MARKS = dict.fromkeys(_CONTROLS, "\N{REPLACEMENT CHARACTER}")


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
    text: str
    is_cut: bool  # the text is longer
    was_html: bool
    remote: tuple[str, ...]  # what HTML wanted to load from elsewhere
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A letter as a line in a list."""

    subject: str
    from_: str
    to: str


def summarise(raw: bytes) -> Summary:
    """Read what a list shows."""
    header = parse_header(raw)
    return Summary(_line(header, "Subject"), _people(header, "From"), _people(header, "To"))


def read(raw: bytes) -> Letter:
    """Read a letter; no letter makes it fail."""
    message = dissect(raw)
    shown = list(_shown(message))
    texts: list[str] = []
    remote: dict[str, None] = {}
    is_cut = False
    for part in shown:
        text = part.text
        is_cut |= len(text) > MOST_TEXT
        if part.content_type == "text/html":
            page = read_html(text[:MOST_TEXT])
            text = page.text
            remote |= dict.fromkeys(page.remote)
        texts.append("\n".join(_printable(line) for line in text[:MOST_TEXT].splitlines()).strip("\n"))
    header = message.header
    return Letter(
        _line(header, "Subject"),
        _line(header, "From"),
        _line(header, "To"),
        _line(header, "Cc"),
        _line(header, "Date"),
        tuple((field.name, _printable(field.text)) for field in [*header][:MOST_FIELDS]),
        "\n\n".join(texts),
        is_cut,
        any(part.content_type == "text/html" for part in shown),
        tuple(remote),
        tuple(_files(message, shown)),
    )


def part_at(raw: bytes, index: int) -> Part | None:
    """Find the part of a `File`."""
    parts = list(dissect(raw).walk())
    return parts[index] if index < len(parts) else None


def file_of(part: Part, index: int) -> File:
    """Describe a part that can be saved."""
    ending = {"message/rfc822": ".eml", "text/html": ".html", "text/plain": ".txt"}.get(part.content_type, "")
    return File(index, part.filename or f"part-{index}{ending}", part.content_type, len(part.decoded))


def _shown(part: Part) -> Iterator[Part]:
    """Give the parts that are read as text: of alternatives one, and nothing of enclosed messages and files."""
    if part.content_type == "multipart/alternative":
        chosen = preferred_alternative(part, ["text/plain"]) or preferred_alternative(part, ["text/*", "multipart/*"])
        if chosen is not None:
            yield from _shown(chosen)
    elif part.content_type.startswith("multipart/"):
        for child in part.children:
            yield from _shown(child)
    elif part.disposition != "attachment" and _is_readable(part):
        yield part


def _is_readable(part: Part) -> bool:
    return part.content_type.startswith("text/") or part.content_type in READABLE


def _files(message: Part, shown: list[Part]) -> Iterator[File]:
    """Give what is not shown as text; what lies in an enclosed message comes with that."""
    waiting = {id(part): index for index, part in enumerate(message.walk())}
    todo = [message]
    while todo:
        part = todo.pop()
        if part.content_type.startswith("multipart/") and part.children:
            todo.extend(reversed(part.children))
        elif not any(part is one for one in shown) and part.body_span[0] < part.body_span[1]:
            yield file_of(part, waiting[id(part)])


def _line(header: Header, name: str) -> str:
    """Return a field as one line of text."""
    return " ".join(header.text(name).translate(_BLANKS).split())


def _people(header: Header, name: str) -> str:
    """Return the names, or else the addresses, in a field."""
    field = header.get(name)
    found = parse_addresses(field.body) if field else []
    return ", ".join(" ".join((one.name or one.addr_spec).split()) for one in found) or _line(header, name)


def _printable(text: str) -> str:
    """Replace control characters, which mean nothing to a reader."""
    return text.translate(_MARKS)
