"""Does this message hold what is looked for? Its flags, days, header fields and texts, as SEARCH compares them.

>>> from datetime import UTC, datetime
>>> from emaillab.protocol.backend import Entry
>>> from emaillab.protocol.imap.view import View
>>> class Single:
...     def entries(self): return [Entry(7, 40, datetime(2026, 3, 1, tzinfo=UTC), frozenset({"Later"}))]
...     def raw(self, uid): return b"Subject: =?utf-8?B?5L2g5aW9?=\\r\\n\\r\\nHello\\r\\n"
>>> message = View(Single(), read_only=True).message(0)
>>> has_keyword(message, "later"), has_field(message, "Subject", "你好"), has_text(message, "hello", with_headers=False)
(True, True, True)
>>> day_received(message), day_sent(message)
(datetime.date(2026, 3, 1), None)
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from emaillab.message.header.fields import Header, parse_date
from emaillab.message.octets.charsets import decode_raw
from emaillab.protocol.imap.letter import MOST_PARTS, StoredMessage

if TYPE_CHECKING:
    from emaillab.message.mime.dissect import Part


def has_keyword(message: StoredMessage, keyword: str) -> bool:
    """Tell whether a message carries a flag, in any case."""
    return keyword.casefold() in {flag.casefold() for flag in message.entry.flags}


def day_received(message: StoredMessage) -> date:
    """Return the day of a message's internal date as it was written, without time and zone."""
    return message.entry.internal_date.date()


def day_sent(message: StoredMessage) -> date | None:
    """Return the day of a message's field Date as it was written, without time and zone; None when it has none."""
    field = message.letter.header.get("Date")
    sent = parse_date(field.body) if field else None
    return None if sent is None else sent.local.date()


def has_field(message: StoredMessage, name: str, text: str) -> bool:
    """Tell whether a text is in some header field of a name, decoded."""
    sought = text.casefold()
    return any(sought in field.text.casefold() for field in message.letter.header.all(name))


def has_text(message: StoredMessage, text: str, *, with_headers: bool) -> bool:
    """Tell whether a text is in the body of a message, or also in its headers, decoded."""
    sought = text.casefold()
    texts = _texts(message.letter.part, with_headers=with_headers)
    return not sought or any(sought in piece.casefold() for piece in texts)


def _texts(part: Part, *, with_headers: bool) -> Iterator[str]:
    """Yield the decoded texts of a message; headers of embedded messages are text of its body, those of parts are not.

    What is a message, a report or a multipart, but has no parts, is text: delivery-status, partial, external-body. What
    stands behind the last of too many parts is text, too.
    """
    count, inner = 0, part
    for count, inner in enumerate(part.walk(), start=1):  # noqa: B007
        if with_headers or (inner.parent is not None and inner.parent.content_type.startswith("message/")):
            yield _header_text(inner.header)
        if not inner.children and inner.content_type.startswith(("text/", "message/", "multipart/")):
            yield inner.text
    if count >= MOST_PARTS:
        yield decode_raw(part.raw[inner.body_span[0] :])


def _header_text(header: Header) -> str:
    return "\n".join(f"{field.name}: {field.text}" for field in header)
