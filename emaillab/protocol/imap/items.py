"""What does a FETCH ask for, and what is the answer? Items: each knows how it is read, and how it is answered.

A part of a server declares the items that it adds, by name, as functions that read what follows the name and return
the item. An item reads the message itself only if its answer needs it: it asks for `message.letter` then.

>>> items = parse_items(Cursor(b"(FLAGS body.peek[2.header.fields (Date From)]<0.100>)"))
>>> [bytes(item) for item in items]
[b'FLAGS', b'BODY.PEEK[2.HEADER.FIELDS (Date From)]<0.100>']
>>> items[1].label, items[1].section.part
(b'BODY[2.HEADER.FIELDS (Date From)]<0>', (2,))
>>> [item.name for item in parse_items(Cursor(b"FAST"))]
['FLAGS', 'INTERNALDATE', 'RFC822.SIZE']
>>> parse_items(Cursor(b"(UID XMOOD)"), BASIC_ITEMS | {"XMOOD": fetch_item(lambda message: [b"good"])})[1].render(None)
[b'good']
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from emaillab.protocol.imap.grammar import Cursor, date_time, flag_list
from emaillab.protocol.imap.letter import Octets, StoredMessage
from emaillab.protocol.imap.section import Section, parse_section
from emaillab.protocol.imap.structure import envelope, structure

Render = Callable[[StoredMessage], list[Octets]]
"""Returns an item's value for one message, in pieces; large ones are views of the message, not copies."""

# fetch-att       = "ENVELOPE" / "FLAGS" / "INTERNALDATE" / "RFC822" [".HEADER" / ".SIZE" / ".TEXT"] / "UID" /
#                   "BODY" ["STRUCTURE"] / "BODY" section ["<" number "." nz-number ">"] /
#                   "BODY.PEEK" section ["<" number "." nz-number ">"]                         RFC 3501 §9
_NAME = re.compile(rb"[A-Z0-9.\-]+(?=[ )\[]|\Z)", re.IGNORECASE)
_MACRO = re.compile(rb"(ALL|FAST|FULL)\Z", re.IGNORECASE)
_PARTIAL = re.compile(rb"<(\d{1,19})\.([1-9]\d{0,18})>")

_AT_HAND = frozenset(("FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE"))
_FAST = ("FLAGS", "INTERNALDATE", "RFC822.SIZE")
MACROS = {"FAST": _FAST, "ALL": (*_FAST, "ENVELOPE"), "FULL": (*_FAST, "ENVELOPE", "BODY")}

_EXPECTED = "an item to fetch, such as FLAGS, UID, ENVELOPE or BODY[]"


def _unread(message: StoredMessage) -> list[Octets]:
    raise TypeError("only an item that was read from a command knows its answer")


@dataclass(frozen=True, slots=True)
class FetchItem:
    """One thing that FETCH asks for."""

    name: str  # "FLAGS", "UID" …; "BODY" with a section for BODY[…]
    section: Section | None = None
    peek: bool = False
    partial: tuple[int, int] | None = None  # first octet, number of octets
    render: Render = field(default=_unread, compare=False, repr=False)
    label: bytes = field(init=False, compare=False, repr=False)
    """The item's name in the answer: without PEEK, and of a partial only where it begins."""

    def __post_init__(self) -> None:
        label = self._written(b"", b"<%d>" % self.partial[0] if self.partial else b"")
        object.__setattr__(self, "label", label)

    @property
    def takes_apart(self) -> bool:
        """True when a letter must be taken apart for it; flags, dates, sizes and the whole letter are at hand."""
        if self.section is None:
            return self.name not in _AT_HAND
        return self.section != Section()

    @property
    def marks_seen(self) -> bool:
        """True when asking for it sets the flag \\Seen."""
        return self.section is not None and not self.peek

    def __bytes__(self) -> bytes:
        return self._written(b".PEEK" if self.peek else b"", b"<%d.%d>" % self.partial if self.partial else b"")

    def _written(self, peek: bytes, partial: bytes) -> bytes:
        """Write the item; rev1's names of whole sections stand alone."""
        name = self.name.encode()
        if self.section is None or self.name.startswith("RFC822"):
            return name
        return b"%b%b[%b]%b" % (name, peek, bytes(self.section), partial)


ItemParser = Callable[[Cursor, str], FetchItem]
"""Consumes what follows an item's name, which it gets in capitals, and returns the item. Parts declare these."""


def fetch_item(render: Render) -> ItemParser:
    """Return the parser of an item that is a name alone."""
    return lambda cursor, name: FetchItem(name, render=render)


def _old_item(section: Section, *, peek: bool = False) -> ItemParser:
    """Return the parser of one of rev1's names of sections: RFC 3501 §6.4.5."""
    return lambda cursor, name: FetchItem(name, section, peek, render=lambda message: _section(message, section, None))


def _parse_body(cursor: Cursor, name: str) -> FetchItem:
    """Consume BODY's section and partial; BODY alone asks for the structure."""
    if not cursor.sees(b"["):
        return FetchItem(name, render=lambda message: [structure(message.letter.part, extended=False)])
    return _parse_section_item(cursor, "BODY", peek=False)


def _parse_peek(cursor: Cursor, name: str) -> FetchItem:
    """Consume the section and partial of BODY.PEEK."""
    if not cursor.sees(b"["):
        cursor.after(-len(name)).fail(_EXPECTED)
    return _parse_section_item(cursor, "BODY", peek=True)


def _parse_section_item(cursor: Cursor, name: str, *, peek: bool) -> FetchItem:
    section, partial = parse_section(cursor), None
    if cursor.sees(b"<"):
        found = cursor.match(_PARTIAL, "a partial such as <0.1024>")
        partial = (int(found[1]), int(found[2]))
    return FetchItem(name, section, peek, partial, lambda message: _section(message, section, partial))


def _section(message: StoredMessage, section: Section, partial: tuple[int, int] | None) -> list[Octets]:
    """Return a section, or the part of it that was asked for, as a literal.

    Source: RFC 9051 §6.4.5: a partial beyond the end is cut short, down to nothing.
    """
    octets = message.letter.section(section)
    if octets is None:
        return [b"NIL"]
    if partial:
        start, count = partial
        octets = memoryview(octets)[start : start + count]
    return [b"{%d}\r\n" % len(octets), octets]  # QUIRK: a literal even when empty, since imaplib's users expect one


FLAGS = FetchItem("FLAGS", render=lambda message: [flag_list(message.entry.flags)])
UID = FetchItem("UID", render=lambda message: [b"%d" % message.entry.uid])

BASIC_ITEMS: Mapping[str, ItemParser] = {
    "FLAGS": lambda cursor, name: FLAGS,
    "UID": lambda cursor, name: UID,
    "INTERNALDATE": fetch_item(lambda message: [date_time(message.entry.internal_date)]),
    "RFC822.SIZE": fetch_item(lambda message: [b"%d" % message.entry.size]),
    "ENVELOPE": fetch_item(lambda message: [envelope(message.letter.header)]),
    "BODYSTRUCTURE": fetch_item(lambda message: [structure(message.letter.part, extended=True)]),
    "BODY": _parse_body,
    "BODY.PEEK": _parse_peek,
    "RFC822": _old_item(Section()),
    "RFC822.HEADER": _old_item(Section(text="HEADER"), peek=True),
    "RFC822.TEXT": _old_item(Section(text="TEXT")),
}
"""The items that every server knows: RFC 3501 §6.4.5, RFC 9051 §6.4.5."""


def parse_items(cursor: Cursor, known: Mapping[str, ItemParser] = BASIC_ITEMS) -> tuple[FetchItem, ...]:
    """Consume a macro, one item, or items in parentheses; each is kept once. Source: RFC 9051 §6.4.5."""
    macro = _MACRO.match(cursor.data, cursor.at)
    if macro:
        cursor.at = macro.end()
        return tuple(known[name](cursor, name) for name in MACROS[macro[1].decode().upper()])
    if not cursor.sees(b"("):
        return (_parse_item(cursor, known),)
    items = cursor.items(lambda: _parse_item(cursor, known))
    if not items:
        cursor.after(-1).fail("at least one item to fetch")
    return tuple(dict.fromkeys(items))


def _parse_item(cursor: Cursor, known: Mapping[str, ItemParser]) -> FetchItem:
    start = cursor.at
    name = cursor.match(_NAME, _EXPECTED)[0].decode().upper()
    if name not in known:
        cursor.at = start
        cursor.fail(_EXPECTED)
    return known[name](cursor, name)
