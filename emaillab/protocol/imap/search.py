"""What does `SEARCH UNSEEN OR FROM alice SINCE 1-Feb-2026` ask for, and which messages answer it?

>>> keys = parse_keys(Cursor(b'UNSEEN or from alice since 1-Feb-2026 (larger 5 2:4)'), "US-ASCII")
>>> bytes(keys)
b'UNSEEN OR FROM alice SINCE 1-Feb-2026 (LARGER 5 2:4)'
>>> from datetime import UTC, datetime
>>> from emaillab.protocol.backend import Entry
>>> from emaillab.protocol.imap.view import View
>>> class Single:
...     def entries(self): return [Entry(7, 40, datetime(2026, 3, 1, tzinfo=UTC), frozenset({"\\\\Seen"}))]
...     def raw(self, uid): return b"Subject: =?utf-8?B?5L2g5aW9?=\\r\\n\\r\\nHello\\r\\n"
>>> keys = parse_keys(Cursor('SEEN SUBJECT {6}\\r\\n你好 BODY hello'.encode()), "UTF-8")
>>> keys.answered_by()(View(Single(), read_only=True).message(0))
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from emaillab.protocol.imap.grammar import Cursor
from emaillab.protocol.imap.keys import (
    Key,
    KeyParser,
    Keys,
    SearchReader,
    any_of,
    any_reads,
    argument_key,
    plain_key,
)
from emaillab.protocol.imap.letter import StoredMessage
from emaillab.protocol.imap.match import day_received, day_sent, has_field, has_keyword, has_text
from emaillab.protocol.imap.sets import SequenceSet


def _flagged(flag: str, *, wanted: bool) -> KeyParser:
    return plain_key(lambda message: (flag in message.entry.flags) is wanted)


def _everything(message: StoredMessage) -> bool:
    return True


def _nothing(message: StoredMessage) -> bool:
    return False


def _dated(day_of: Callable[[StoredMessage], date | None], compare: Callable[[date, date], bool]) -> KeyParser:
    """Return the parser of a key that compares a day of a message's with one that is given."""

    def test(message: StoredMessage, day: date) -> bool:
        is_on = day_of(message)
        return is_on is not None and compare(is_on, day)

    return argument_key(SearchReader.date, test, reads_content=day_of is day_sent)


def _in_field(name: str) -> KeyParser:
    return argument_key(SearchReader.text, lambda message, text: has_field(message, name, text), reads_content=True)


def _in_texts(*, with_headers: bool) -> KeyParser:
    def test(message: StoredMessage, text: str) -> bool:
        return has_text(message, text, with_headers=with_headers)

    return argument_key(SearchReader.text, test, reads_content=True)


def _has_uid(message: StoredMessage, uids: SequenceSet) -> bool:
    return uids.holds(message.entry.uid, message.uids[-1])


def _parse_not(reader: SearchReader, name: str) -> Key:
    reader.cursor.space()
    key = reader.inner_key()
    return Key(name, keys=(key,), test=lambda message: not key.test(message), reads_content=key.reads_content)


def _parse_or(reader: SearchReader, name: str) -> Key:
    reader.cursor.space()
    left = reader.inner_key()
    reader.cursor.space()
    keys = (left, reader.inner_key())
    return Key(name, keys=keys, test=any_of(keys), reads_content=any_reads(keys))


def _parse_header(reader: SearchReader, name: str) -> Key:
    reader.cursor.space()
    field = reader.ascii("a field name")
    reader.cursor.space()
    text = reader.text()
    return Key(name, text, field=field, test=lambda message: has_field(message, field, text), reads_content=True)


_SYSTEM = ("ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN")

# SIMPLIFIED: nothing is ever \Recent, the flag that RFC 9051 dropped: so all is OLD, nothing RECENT or NEW.
PLAIN_KEYS: Mapping[str, KeyParser] = {
    **dict.fromkeys(("ALL", "OLD"), plain_key(_everything)),
    **dict.fromkeys(("RECENT", "NEW"), plain_key(_nothing)),
    **{name: _flagged(f"\\{name.capitalize()}", wanted=True) for name in _SYSTEM},
    **{f"UN{name}": _flagged(f"\\{name.capitalize()}", wanted=False) for name in _SYSTEM},
}
DATE_KEYS: Mapping[str, KeyParser] = {
    "BEFORE": _dated(day_received, date.__lt__),
    "ON": _dated(day_received, date.__eq__),
    "SINCE": _dated(day_received, date.__ge__),
    "SENTBEFORE": _dated(day_sent, date.__lt__),
    "SENTON": _dated(day_sent, date.__eq__),
    "SENTSINCE": _dated(day_sent, date.__ge__),
}
SIZE_KEYS: Mapping[str, KeyParser] = {
    "LARGER": argument_key(SearchReader.number, lambda message, octets: message.entry.size > octets),
    "SMALLER": argument_key(SearchReader.number, lambda message, octets: message.entry.size < octets),
}
TEXT_KEYS: Mapping[str, KeyParser] = {
    **{name: _in_field(name) for name in ("BCC", "CC", "FROM", "SUBJECT", "TO")},
    "BODY": _in_texts(with_headers=False),
    "TEXT": _in_texts(with_headers=True),
}
BASIC_KEYS: Mapping[str, KeyParser] = {
    **PLAIN_KEYS,
    **DATE_KEYS,
    **SIZE_KEYS,
    **TEXT_KEYS,
    "KEYWORD": argument_key(SearchReader.keyword, has_keyword),
    "UNKEYWORD": argument_key(SearchReader.keyword, lambda message, keyword: not has_keyword(message, keyword)),
    "HEADER": _parse_header,
    "UID": argument_key(SearchReader.set, _has_uid),
    "NOT": _parse_not,
    "OR": _parse_or,
}
"""The keys that every server knows: RFC 3501 §6.4.4, RFC 9051 §6.4.4."""


def parse_charset(cursor: Cursor) -> str:
    """Consume "CHARSET" SP charset SP if it is there. Returns: the charset's name in capitals."""
    if cursor.data[cursor.at : cursor.at + 8].upper() != b"CHARSET ":
        return "UTF-8"  # QUIRK: RFC 3501 says US-ASCII here, RFC 9051 §6.4.4 UTF-8, which holds it
    cursor.after(8)
    charset = cursor.astring("a charset").decode("ascii", "replace").upper()
    cursor.space()
    return charset


def parse_keys(cursor: Cursor, charset: str, known: Mapping[str, KeyParser] = BASIC_KEYS) -> Keys:
    """Consume one or more search keys to the end of the command. Source: RFC 9051 §6.4.4.

    Args: charset: one of keys.CHARSETS, in which texts are; known: the keys by name.
    """
    reader = SearchReader(cursor, charset, known)
    keys = [reader.key()]
    while not cursor.at_end:
        cursor.space()
        keys.append(reader.key())
    return Keys(tuple(keys))
