"""Which part of a letter does `BODY[2.HEADER.FIELDS (Date)]` mean? A section: a part's number, and what of that part.

>>> section = parse_section(Cursor(b"[2.1.header.fields (Date From)]"))
>>> section.part, section.text, bytes(section)
((2, 1), 'HEADER.FIELDS', b'2.1.HEADER.FIELDS (Date From)')
>>> parse_section(Cursor(b"[]")) == Section()
True
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from emaillab.message.octets.patterns import compiled
from emaillab.protocol.imap.grammar import Cursor, astring

# section-spec    = section-msgtext / (section-part ["." section-text])                           RFC 9051 §9
# section-part    = nz-number *("." nz-number)       section-text = section-msgtext / "MIME"
_PART = compiled(rb"[1-9]\d{0,8}(?:\.[1-9]\d{0,8})*+")
# section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
_TEXT = re.compile(rb"(HEADER(?:\.FIELDS(?:\.NOT)?)?|TEXT|MIME)(?=[ \]])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a message: a part's number, what of that part, and which fields."""

    part: tuple[int, ...] = ()
    text: str = ""  # "", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT" or "MIME"
    fields: tuple[bytes, ...] = ()

    def __bytes__(self) -> bytes:
        spec = ".".join([*map(str, self.part), *([self.text] if self.text else [])]).encode()
        return spec + (b" (" + b" ".join(map(astring, self.fields)) + b")" if self.fields else b"")


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
