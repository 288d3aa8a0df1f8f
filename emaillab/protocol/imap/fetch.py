"""What does a FETCH answer look like? Items in parentheses, small ones as text, sections as literals.

>>> from datetime import UTC, datetime
>>> from emaillab.protocol.imap.grammar import Cursor
>>> from emaillab.protocol.imap.items import parse_items
>>> entry = Entry(7, 24, datetime(2026, 3, 1, tzinfo=UTC), frozenset({"\\\\Seen"}))
>>> letter = Letter(lambda: b"Subject: hi\\r\\n\\r\\nHello you\\r\\n")
>>> asked = parse_items(Cursor(b"(UID BODY.PEEK[TEXT]<6.99> FLAGS)"))
>>> b"".join(fetch_answer(1, entry, letter, asked))
b'* 1 FETCH (UID 7 BODY[TEXT]<6> {5}\\r\\nyou\\r\\n FLAGS (\\\\Seen))\\r\\n'
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from emaillab.protocol.backend import Entry
from emaillab.protocol.imap.grammar import date_time, flag_list
from emaillab.protocol.imap.items import FetchItem
from emaillab.protocol.imap.letter import Letter, Octets
from emaillab.protocol.imap.structure import envelope, structure

CHUNK = 65536  # octets handed out at once
UID, FLAGS = FetchItem("UID"), FetchItem("FLAGS")


def fetch_answer(number: int, entry: Entry, letter: Letter, items: Sequence[FetchItem]) -> list[Octets]:
    """Return one message's answer in pieces; large ones are views of the message, not copies."""
    pieces: list[Octets] = [b"* %d FETCH (" % number]
    for item in items:
        pieces += [item.label, b" ", *_value(item, entry, letter), b" "]
    pieces[-1] = b")\r\n"
    return pieces


def _value(item: FetchItem, entry: Entry, letter: Letter) -> list[Octets]:
    if item.section is not None:
        return _section(item, letter)
    if item.name == "FLAGS":
        return [flag_list(entry.flags)]
    if item.name == "INTERNALDATE":
        return [date_time(entry.internal_date)]
    if item.name == "ENVELOPE":
        return [envelope(letter.header)]
    if item.name in {"BODY", "BODYSTRUCTURE"}:
        return [structure(letter.part, extended=item.name == "BODYSTRUCTURE")]
    return [b"%d" % (entry.uid if item.name == "UID" else entry.size)]


def _section(item: FetchItem, letter: Letter) -> list[Octets]:
    """Return a section, or the part of it that was asked for, as a literal.

    Source: RFC 9051 §6.4.5: a partial beyond the end is cut short, down to nothing.
    """
    assert item.section is not None
    octets = letter.section(item.section)
    if octets is None:
        return [b"NIL"]
    if item.partial:
        start, count = item.partial
        octets = memoryview(octets)[start : start + count]
    return [b"{%d}\r\n" % len(octets), octets]  # QUIRK: a literal even when empty, since imaplib's users expect one


def chunks(pieces: Iterable[Octets]) -> Iterator[bytes]:
    """Yield pieces joined or cut into chunks that are worth a segment and cost bounded memory."""
    waiting: list[Octets] = []
    size = 0
    for piece in pieces:
        if size and size + len(piece) > CHUNK:
            yield b"".join(waiting)
            waiting, size = [], 0
        if len(piece) > CHUNK:
            view = memoryview(piece)
            yield from (bytes(view[at : at + CHUNK]) for at in range(0, len(view), CHUNK))
        else:
            waiting.append(piece)
            size += len(piece)
    if size:
        yield b"".join(waiting)
