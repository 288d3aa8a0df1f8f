"""What does a FETCH answer look like? Items in parentheses, small ones as text, sections as literals.

>>> from datetime import UTC, datetime
>>> from emaillab.protocol.backend import Entry
>>> from emaillab.protocol.imap.grammar import Cursor
>>> from emaillab.protocol.imap.items import parse_items
>>> from emaillab.protocol.imap.view import View
>>> class Single:
...     def entries(self): return [Entry(7, 24, datetime(2026, 3, 1, tzinfo=UTC), frozenset({"\\\\Seen"}))]
...     def raw(self, uid): return b"Subject: hi\\r\\n\\r\\nHello you\\r\\n"
>>> asked = parse_items(Cursor(b"(UID BODY.PEEK[TEXT]<6.99> FLAGS)"))
>>> b"".join(fetch_answer(View(Single(), read_only=True).message(0), asked))
b'* 1 FETCH (UID 7 BODY[TEXT]<6> {5}\\r\\nyou\\r\\n FLAGS (\\\\Seen))\\r\\n'
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from emaillab.protocol.imap.items import FetchItem
from emaillab.protocol.imap.letter import Octets, StoredMessage

CHUNK = 65536  # octets handed out at once


def fetch_answer(message: StoredMessage, items: Sequence[FetchItem]) -> list[Octets]:
    """Return one message's answer in pieces; large ones are views of the message, not copies."""
    pieces: list[Octets] = [b"* %d FETCH (" % message.number]
    for item in items:
        pieces += [item.label, b" ", *item.render(message), b" "]
    pieces[-1] = b")\r\n"
    return pieces


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
