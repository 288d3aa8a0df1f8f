"""What are the octets of `BODY[2.HEADER]`? A stored message, taken apart only as far as somebody asks.

>>> letter = Letter(lambda: b"Subject: hi\\r\\nTo: bob\\r\\n\\r\\nHello\\r\\n")
>>> letter.section(Section(text="HEADER.FIELDS", fields=(b"SUBJECT",)))
b'Subject: hi\\r\\n\\r\\n'
>>> bytes(letter.section(Section(text="TEXT")))
b'Hello\\r\\n'
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from emaillab.message.header.fields import Header, parse_header
from emaillab.protocol.backend import Entry
from emaillab.protocol.imap.section import Section

if TYPE_CHECKING:
    from emaillab.message.mime.dissect import Part

Octets = bytes | memoryview
MOST_PARTS = 20_000
"""How many parts of a message are numbered; SIMPLIFIED: what follows is part of BODY[] and of no part."""


class Letter:
    """One message; its octets are read from the store when first needed, and kept as long as this object."""

    def __init__(self, load: Callable[[], bytes]) -> None:
        self._load = load

    @cached_property
    def raw(self) -> bytes:
        """The message's octets."""
        return self._load()

    @cached_property
    def header(self) -> Header:
        """The message's own header; the body is not looked at."""
        return parse_header(self.raw)

    @cached_property
    def part(self) -> Part:
        """The whole message as a tree of parts."""
        from emaillab.message.mime.dissect import dissect  # most sessions only list: they never pay for this

        return dissect(self.raw, max_parts=MOST_PARTS)

    def section(self, section: Section) -> Octets | None:
        """Return the octets of a section, None when there is no such part.

        Source: RFC 9051 §6.4.5.1.
        """
        if section.fields:
            return self._chosen_fields(section)
        if section.part:
            return self.part.section(bytes(section).decode("ascii"))
        body_at = self.header.span[1] if section.text else 0
        if section.text == "HEADER":
            return memoryview(self.raw)[:body_at]
        return memoryview(self.raw)[body_at:]

    def _chosen_fields(self, section: Section) -> bytes | None:
        """Return the fields asked for, as they are, in their own order, with the blank line that ends a header."""
        header = self.header
        if section.part:
            octets = self.part.section(".".join(map(str, section.part)) + ".HEADER")
            if octets is None:
                return None
            header = parse_header(octets, 0, len(octets))
        named = {name.decode("latin-1").lower() for name in section.fields}
        wanted = section.text == "HEADER.FIELDS"
        chosen = [field.raw for field in header if (field.name.lower() in named) is wanted]
        return b"".join(raw if raw.endswith(b"\n") else raw + b"\r\n" for raw in chosen) + b"\r\n"


class StoredMessage(NamedTuple):
    """A message of the selected mailbox, as FETCH and SEARCH ask about it: made by the thousand, so a tuple."""

    number: int  # its message sequence number, as the client was told
    entry: Entry
    letter: Letter  # its octets are read only if somebody asks
    uids: Sequence[int]  # of all messages that the client was told of
