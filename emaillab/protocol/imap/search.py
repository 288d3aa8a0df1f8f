"""What does `SEARCH UNSEEN OR FROM alice SINCE 1-Feb-2026` ask for, and does this message answer it?

>>> keys = parse_keys(Cursor(b'UNSEEN or from alice since 1-Feb-2026 (larger 5 2:4)'), "US-ASCII")
>>> bytes(keys)
b'UNSEEN OR FROM alice SINCE 1-Feb-2026 (LARGER 5 2:4)'
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from emaillab.protocol.imap.grammar import Cursor, astring, date_text
from emaillab.protocol.imap.sets import SequenceSet, parse_set

FLAG_KEYS = {"ANSWERED": "\\Answered", "DELETED": "\\Deleted", "DRAFT": "\\Draft"} | {
    "FLAGGED": "\\Flagged",
    "SEEN": "\\Seen",
}
PLAIN_KEYS = {"ALL", "NEW", "OLD", "RECENT", *FLAG_KEYS, *(f"UN{name}" for name in FLAG_KEYS)}
FIELD_KEYS = {"BCC", "CC", "FROM", "SUBJECT", "TO"}
TEXT_KEYS = {*FIELD_KEYS, "BODY", "TEXT"}
DATE_KEYS = {"BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE"}
CONTENT_KEYS = {*TEXT_KEYS, "HEADER", "SENTBEFORE", "SENTON", "SENTSINCE"}
SIZE_KEYS = {"LARGER", "SMALLER"}
CHARSETS = {"US-ASCII": "ascii", "UTF-8": "utf-8"}
DEEPEST = 40  # levels of NOT, OR and parentheses: enough for people, too few to exhaust a server


@dataclass(frozen=True, slots=True)
class Key:
    """One search key and what it compares with."""

    name: str  # as in RFC 9051 §6.4.4; "()" for keys that must all hold, "SET" for message numbers
    value: str | int | date | SequenceSet | None = None
    keys: tuple[Key, ...] = ()
    field: str = ""  # of HEADER

    def __bytes__(self) -> bytes:
        if self.name == "()":
            return b"(" + _joined(self.keys) + b")"
        words = [] if self.name == "SET" else [self.name.encode()]
        if self.name == "HEADER":
            words.append(astring(self.field.encode()))
        if isinstance(self.value, str):
            words.append(astring(self.value.encode()))
        elif isinstance(self.value, SequenceSet):
            words.append(bytes(self.value))
        elif isinstance(self.value, date):
            words.append(date_text(self.value))
        elif self.value is not None:
            words.append(b"%d" % self.value)
        return b" ".join([*words, *map(bytes, self.keys)])


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of a SEARCH; a message must answer every one."""

    keys: tuple[Key, ...]

    def __bytes__(self) -> bytes:
        return _joined(self.keys)

    def cheapest_first(self) -> Keys:
        """Return the same keys, those before that need no look into the message."""
        return Keys(_cheapest_first(self.keys))

    def number_sets(self) -> Iterator[SequenceSet]:
        """Yield the sets of message numbers among the keys."""
        waiting = list(self.keys)
        while waiting:
            key = waiting.pop()
            if key.name == "SET" and isinstance(key.value, SequenceSet):
                yield key.value
            waiting += key.keys


def _cheapest_first(keys: tuple[Key, ...]) -> tuple[Key, ...]:
    ordered = (replace(key, keys=_cheapest_first(key.keys)) if key.keys else key for key in keys)
    return tuple(sorted(ordered, key=_needs_content))


def _needs_content(key: Key) -> bool:
    return key.name in CONTENT_KEYS or any(_needs_content(inner) for inner in key.keys)


def _joined(keys: tuple[Key, ...]) -> bytes:
    return b" ".join(map(bytes, keys))


def parse_charset(cursor: Cursor) -> str:
    """Consume "CHARSET" SP charset SP if it is there. Returns: the charset's name in capitals."""
    if cursor.data[cursor.at : cursor.at + 8].upper() != b"CHARSET ":
        return "UTF-8"  # QUIRK: RFC 3501 says US-ASCII here, RFC 9051 §6.4.4 UTF-8, which holds it
    cursor.after(8)
    charset = cursor.astring("a charset").decode("ascii", "replace").upper()
    cursor.space()
    return charset


def parse_keys(cursor: Cursor, charset: str) -> Keys:
    """Consume one or more search keys to the end of the command. Source: RFC 9051 §6.4.4."""
    keys = [_parse_key(cursor, charset, 0)]
    while not cursor.at_end:
        cursor.space()
        keys.append(_parse_key(cursor, charset, 0))
    return Keys(tuple(keys))


def _parse_key(cursor: Cursor, charset: str, depth: int) -> Key:
    if depth > DEEPEST:
        cursor.fail(f"at most {DEEPEST} levels of NOT, OR and parentheses")
    if cursor.sees(b"("):
        keys = cursor.items(lambda: _parse_key(cursor, charset, depth + 1))
        if not keys:
            cursor.after(-1).fail("at least one search key")
        return Key("()", keys=tuple(keys))
    if cursor.data[cursor.at : cursor.at + 1] in b"0123456789*" and not cursor.at_end:
        return Key("SET", parse_set(cursor))
    name = cursor.keyword("a search key such as ALL, UNSEEN or FROM", PLAIN_KEYS | _ARGUMENTS)
    if name in PLAIN_KEYS:
        return Key(name)
    cursor.space()
    if name == "NOT":
        return Key(name, keys=(_parse_key(cursor, charset, depth + 1),))
    if name == "OR":
        left = _parse_key(cursor, charset, depth + 1)
        cursor.space()
        return Key(name, keys=(left, _parse_key(cursor, charset, depth + 1)))
    return _parse_argument(cursor, name, charset)


_ARGUMENTS = {*TEXT_KEYS, *DATE_KEYS, *SIZE_KEYS, "KEYWORD", "UNKEYWORD", "HEADER", "UID", "NOT", "OR"}


def _parse_argument(cursor: Cursor, name: str, charset: str) -> Key:
    if name in DATE_KEYS:
        return Key(name, cursor.date())
    if name in SIZE_KEYS:
        return Key(name, cursor.number("a number of octets"))
    if name == "UID":
        return Key(name, parse_set(cursor))
    if name in {"KEYWORD", "UNKEYWORD"}:
        return Key(name, cursor.atom("a flag keyword").decode("ascii"))
    field = ""
    if name == "HEADER":
        field = _parse_text(cursor, "ascii", "a field name")
        cursor.space()
    return Key(name, _parse_text(cursor, CHARSETS[charset], "a string to look for"), field=field)


def _parse_text(cursor: Cursor, codec: str, expected: str) -> str:
    start = cursor.at
    try:
        return cursor.astring(expected).decode(codec)
    except UnicodeDecodeError:
        cursor.at = start
        cursor.fail(f"{expected} in {'US-ASCII' if codec == 'ascii' else 'UTF-8'}")
