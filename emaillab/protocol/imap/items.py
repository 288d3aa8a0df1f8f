"""What does a FETCH ask for? Items, sections of a message, and parts of sections.

>>> items = parse_items(Cursor(b"(FLAGS body.peek[2.header.fields (Date From)]<0.100>)"))
>>> [bytes(item) for item in items]
[b'FLAGS', b'BODY.PEEK[2.HEADER.FIELDS (Date From)]<0.100>']
>>> items[1].label, items[1].section.part
(b'BODY[2.HEADER.FIELDS (Date From)]<0>', (2,))
>>> [item.name for item in parse_items(Cursor(b"FAST"))]
['FLAGS', 'INTERNALDATE', 'RFC822.SIZE']
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from emaillab.message.patterns import compiled
from emaillab.protocol.imap.grammar import Cursor, astring

# fetch-att       = "ENVELOPE" / "FLAGS" / "INTERNALDATE" / "RFC822" [".HEADER" / ".SIZE" / ".TEXT"] / "UID" /
#                   "BODY" ["STRUCTURE"] / "BODY" section ["<" number "." nz-number ">"] /
#                   "BODY.PEEK" section ["<" number "." nz-number ">"]                         RFC 3501 §9
_NAME = re.compile(
    rb"(?:BODY\.PEEK(?=\[)|BODY(?:STRUCTURE)?|ENVELOPE|FLAGS|INTERNALDATE|RFC822(?:\.(?:SIZE|HEADER|TEXT))?|UID)"
    rb"(?=[ )\[]|\Z)",
    re.IGNORECASE,
)
_MACRO = re.compile(rb"(ALL|FAST|FULL)\Z", re.IGNORECASE)
# section-spec    = section-msgtext / (section-part ["." section-text])
# section-part    = nz-number *("." nz-number)       section-text = section-msgtext / "MIME"
_PART = compiled(rb"[1-9]\d{0,8}(?:\.[1-9]\d{0,8})*+")
# section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
_TEXT = re.compile(rb"(HEADER(?:\.FIELDS(?:\.NOT)?)?|TEXT|MIME)(?=[ \]])", re.IGNORECASE)
_PARTIAL = re.compile(rb"<(\d{1,19})\.([1-9]\d{0,18})>")

_FAST = ("FLAGS", "INTERNALDATE", "RFC822.SIZE")
MACROS = {"FAST": _FAST, "ALL": (*_FAST, "ENVELOPE"), "FULL": (*_FAST, "ENVELOPE", "BODY")}


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a message: a part's number, what of that part, and which fields."""

    part: tuple[int, ...] = ()
    text: str = ""  # "", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT" or "MIME"
    fields: tuple[bytes, ...] = ()

    def __bytes__(self) -> bytes:
        spec = ".".join([*map(str, self.part), *([self.text] if self.text else [])]).encode()
        return spec + (b" (" + b" ".join(map(astring, self.fields)) + b")" if self.fields else b"")


@dataclass(frozen=True, slots=True)
class FetchItem:
    """One thing that FETCH asks for."""

    name: str  # "FLAGS", "UID" …; "BODY" with a section for BODY[…]
    section: Section | None = None
    peek: bool = False
    partial: tuple[int, int] | None = None  # first octet, number of octets

    @property
    def label(self) -> bytes:
        """The item's name in the answer: without PEEK, and of a partial only where it begins."""
        if self.section is None or self.name != "BODY":
            return self.name.encode()
        return b"BODY[%b]%b" % (bytes(self.section), b"<%d>" % self.partial[0] if self.partial else b"")

    @property
    def marks_seen(self) -> bool:
        """True when asking for it sets the flag \\Seen."""
        return self.section is not None and not self.peek

    def __bytes__(self) -> bytes:
        if self.section is None or self.name != "BODY":
            return self.name.encode()
        partial = b"<%d.%d>" % self.partial if self.partial else b""
        return b"BODY%b[%b]%b" % (b".PEEK" if self.peek else b"", bytes(self.section), partial)


# The rev1 names, and the sections they are: RFC 3501 §6.4.5
_OLD_NAMES = {
    "RFC822": FetchItem("RFC822", Section()),
    "RFC822.HEADER": FetchItem("RFC822.HEADER", Section(text="HEADER"), peek=True),
    "RFC822.TEXT": FetchItem("RFC822.TEXT", Section(text="TEXT")),
}


def parse_items(cursor: Cursor) -> tuple[FetchItem, ...]:
    """Consume a macro, one item, or items in parentheses; each is kept once. Source: RFC 9051 §6.4.5."""
    macro = _MACRO.match(cursor.data, cursor.at)
    if macro:
        cursor.at = macro.end()
        return tuple(FetchItem(name) for name in MACROS[macro[1].decode().upper()])
    if not cursor.sees(b"("):
        return (parse_item(cursor),)
    items = cursor.items(lambda: parse_item(cursor))
    if not items:
        cursor.after(-1).fail("at least one item to fetch")
    return tuple(dict.fromkeys(items))


def parse_item(cursor: Cursor) -> FetchItem:
    """Consume one item."""
    name = cursor.match(_NAME, "an item to fetch, such as FLAGS, UID, ENVELOPE or BODY[]")[0].decode().upper()
    if name in _OLD_NAMES:
        return _OLD_NAMES[name]
    if not name.startswith("BODY") or not cursor.sees(b"["):
        return FetchItem(name)
    section = parse_section(cursor)
    partial = None
    if cursor.sees(b"<"):
        found = cursor.match(_PARTIAL, "a partial such as <0.1024>")
        partial = (int(found[1]), int(found[2]))
    return FetchItem("BODY", section, name == "BODY.PEEK", partial)


def parse_section(cursor: Cursor) -> Section:
    """Consume a section in its brackets. Source: RFC 9051 §6.4.5.1."""
    cursor.expect(b"[")
    if cursor.skips(b"]"):
        return Section()
    numbers = _PART.match(cursor.data, cursor.at)
    part: tuple[int, ...] = ()
    if numbers:
        part = tuple(int(number) for number in numbers[0].split(b"."))
        cursor.at = numbers.end()
        if cursor.skips(b"]"):
            return Section(part)
        cursor.expect(b".")
    start = cursor.at
    expected = f"HEADER, HEADER.FIELDS, TEXT{', MIME' if part else ' or a part number'} and a closing bracket"
    text = cursor.match(_TEXT, expected)[0].decode().upper()
    if text == "MIME" and not part:
        cursor.at = start
        cursor.fail("a part number before MIME")
    fields: tuple[bytes, ...] = ()
    if text.startswith("HEADER.FIELDS"):
        cursor.space()
        fields = tuple(cursor.items(lambda: cursor.astring("a field name")))
        if not fields:
            cursor.after(-1).fail("at least one field name")
    cursor.expect(b"]")
    return Section(part, text, fields)
