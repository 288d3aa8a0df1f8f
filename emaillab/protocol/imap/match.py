"""Does this message answer the search? Flags and sizes first; the message itself is read only if it must be.

>>> from datetime import UTC, datetime
>>> from emaillab.protocol.imap.grammar import Cursor
>>> from emaillab.protocol.imap.search import parse_keys
>>> entry = Entry(7, 40, datetime(2026, 3, 1, tzinfo=UTC), frozenset({"\\\\Seen"}))
>>> letter = Letter(lambda: b"Subject: =?utf-8?B?5L2g5aW9?=\\r\\n\\r\\nHello\\r\\n")
>>> asked = parse_keys(Cursor('SEEN SUBJECT {6}\\r\\n你好 BODY hello'.encode()), "UTF-8")
>>> answers(asked, Candidate(1, entry, letter, last_number=1, last_uid=7))
True
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from emaillab.message.charsets import decode_raw
from emaillab.message.fields import Header, parse_date
from emaillab.protocol.backend import Entry
from emaillab.protocol.imap.letter import MOST_PARTS, Letter
from emaillab.protocol.imap.search import FIELD_KEYS, FLAG_KEYS, Key, Keys
from emaillab.protocol.imap.sets import SequenceSet

if TYPE_CHECKING:
    from emaillab.message.dissect import Part


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that may answer a search; `*` means the last number and the last UID."""

    number: int
    entry: Entry
    letter: Letter
    last_number: int
    last_uid: int


def answers(asked: Keys, message: Candidate) -> bool:
    """Tell whether a message answers all keys. Source: RFC 9051 §6.4.4."""
    return _all_hold(asked.keys, message)


def _all_hold(keys: tuple[Key, ...], message: Candidate) -> bool:
    return all(_holds(key, message) for key in keys)


def _holds(key: Key, message: Candidate) -> bool:
    if key.name == "()":
        return _all_hold(key.keys, message)
    if key.name == "NOT":
        return not _holds(key.keys[0], message)
    if key.name == "OR":
        return any(_holds(inner, message) for inner in key.keys)
    if isinstance(key.value, SequenceSet):
        if key.name == "UID":
            return key.value.holds(message.entry.uid, message.last_uid)
        return key.value.holds(message.number, message.last_number)
    if isinstance(key.value, date):
        return _date_holds(key.name, key.value, message)
    if isinstance(key.value, int):
        size = message.entry.size
        return size > key.value if key.name == "LARGER" else size < key.value
    if isinstance(key.value, str):
        return _text_holds(key, key.value, message)
    return _flag_holds(key.name, message.entry.flags)


def _flag_holds(name: str, flags: frozenset[str]) -> bool:
    # SIMPLIFIED: nothing is ever \Recent, the flag that RFC 9051 dropped: so all is OLD, nothing RECENT or NEW.
    if name in {"ALL", "OLD"}:
        return True
    if name in FLAG_KEYS:
        return FLAG_KEYS[name] in flags
    return name.startswith("UN") and FLAG_KEYS[name[2:]] not in flags


def _date_holds(name: str, day: date, message: Candidate) -> bool:
    """Compare days as they were written, without time and zone."""
    if name.startswith("SENT"):
        field = message.letter.header.get("Date")
        sent = parse_date(field.body) if field else None
        if sent is None:
            return False
        is_on = sent.local.date()
    else:
        is_on = message.entry.internal_date.date()
    if name.endswith("BEFORE"):
        return is_on < day
    return is_on == day if name.endswith("ON") else is_on >= day


def _text_holds(key: Key, text: str, message: Candidate) -> bool:
    sought = text.casefold()
    if key.name in {"KEYWORD", "UNKEYWORD"}:
        return (sought in {flag.casefold() for flag in message.entry.flags}) is (key.name == "KEYWORD")
    if key.name in FIELD_KEYS or key.name == "HEADER":
        fields = message.letter.header.all(key.field or key.name)
        return any(sought in field.text.casefold() for field in fields)
    texts = _texts(message.letter.part, with_headers=key.name == "TEXT")
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
