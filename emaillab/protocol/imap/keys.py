"""What is a search key? A name, perhaps with an argument or further keys, and a test that messages pass or fail.

A part of a server declares the keys that it adds, by name, as functions that read what follows the name and return a
key: whether a message answers it, and whether finding that out costs a look into the message.

>>> odd = argument_key(SearchReader.number, lambda message, unit: message.number % unit > 0)
>>> key = SearchReader(Cursor(b"XODD 2"), "US-ASCII", {"XODD": odd}).key()
>>> bytes(key), [number for number in range(1, 7) if key.test(StoredMessage(number, None, None, None))]
(b'XODD 2', [1, 3, 5])
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import SupportsBytes, TypeVar

from emaillab.protocol.imap.grammar import Cursor, astring, date_text
from emaillab.protocol.imap.letter import StoredMessage
from emaillab.protocol.imap.sets import SequenceSet, parse_set

CHARSETS = {"US-ASCII": "ascii", "UTF-8": "utf-8"}
DEEPEST = 40  # levels of NOT, OR and parentheses: enough for people, too few to exhaust a server

Test = Callable[[StoredMessage], bool]
"""Tells whether a message answers a key."""

Argument = str | int | date | SupportsBytes
"""What a key compares with; what is none of the usual kinds writes itself."""

Compared = TypeVar("Compared", bound=Argument)


def _unread(message: StoredMessage) -> bool:
    raise TypeError("only a key that was read from a command knows what answers it")


@dataclass(frozen=True, slots=True)
class Key:
    """One search key and what it compares with."""

    name: str  # as in RFC 9051 §6.4.4; "()" for keys that must all hold, "SET" for message numbers
    value: Argument | None = None
    keys: tuple[Key, ...] = ()
    field: str = ""  # of HEADER
    test: Test = dataclasses.field(default=_unread, compare=False, repr=False)
    reads_content: bool = dataclasses.field(default=False, compare=False, repr=False)  # what makes it dear

    def __bytes__(self) -> bytes:
        if self.name == "()":
            return b"(" + _joined(self.keys) + b")"
        words = [] if self.name == "SET" else [self.name.encode()]
        if self.name == "HEADER":
            words.append(astring(self.field.encode()))
        if self.value is not None:
            words.append(_written(self.value))
        return b" ".join([*words, *map(bytes, self.keys)])


def _written(value: Argument) -> bytes:
    if isinstance(value, str):
        return astring(value.encode())
    if isinstance(value, date):
        return date_text(value)
    return b"%d" % value if isinstance(value, int) else bytes(value)


def _joined(keys: Iterable[Key]) -> bytes:
    return b" ".join(map(bytes, keys))


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of a SEARCH; a message must answer every one."""

    keys: tuple[Key, ...]

    def __bytes__(self) -> bytes:
        return _joined(self.keys)

    def answered_by(self) -> Test:
        """Return a function that tells whether a message answers all keys."""
        return all_of(self.keys)

    def number_sets(self) -> Iterator[SequenceSet]:
        """Yield the sets of message numbers among the keys."""
        waiting = list(self.keys)
        while waiting:
            key = waiting.pop()
            if key.name == "SET" and isinstance(key.value, SequenceSet):
                yield key.value
            waiting += key.keys


def all_of(keys: Iterable[Key]) -> Test:
    """Return the test that a message must answer all keys."""
    tests = _cheapest_first(keys)
    return lambda message: all(test(message) for test in tests)


def any_of(keys: Iterable[Key]) -> Test:
    """Return the test that a message must answer one of the keys."""
    tests = _cheapest_first(keys)
    return lambda message: any(test(message) for test in tests)


def any_reads(keys: Iterable[Key]) -> bool:
    """Tell whether one of the keys costs a look into the message."""
    return any(key.reads_content for key in keys)


def _cheapest_first(keys: Iterable[Key]) -> list[Test]:
    """Return what the keys ask, those before that need no look into the message."""
    return [key.test for key in sorted(keys, key=lambda key: key.reads_content)]


# How keys are read


class SearchReader:
    """Reads search keys: a cursor, the charset of texts, and the keys that the server knows."""

    def __init__(self, cursor: Cursor, charset: str, known: Mapping[str, KeyParser]) -> None:
        self.cursor, self._codec, self._known = cursor, CHARSETS[charset], known
        self._depth = 0

    def key(self) -> Key:
        """Consume one key. Source: RFC 9051 §6.4.4."""
        cursor = self.cursor
        if self._depth > DEEPEST:
            cursor.fail(f"at most {DEEPEST} levels of NOT, OR and parentheses")
        if cursor.sees(b"("):
            keys = tuple(cursor.items(self.inner_key))
            if not keys:
                cursor.after(-1).fail("at least one search key")
            return Key("()", keys=keys, test=all_of(keys), reads_content=any_reads(keys))
        if cursor.data[cursor.at : cursor.at + 1] in b"0123456789*" and not cursor.at_end:
            numbers = parse_set(cursor)
            return Key("SET", numbers, test=lambda message: numbers.holds(message.number, len(message.uids)))
        name = cursor.keyword("a search key such as ALL, UNSEEN or FROM", self._known)
        return self._known[name](self, name)

    def inner_key(self) -> Key:
        """Consume a key that is part of another."""
        self._depth += 1
        key = self.key()
        self._depth -= 1
        return key

    def text(self, expected: str = "a string to look for") -> str:
        """Consume a text in the charset of the search."""
        return self._decoded(self._codec, expected)

    def ascii(self, expected: str) -> str:
        """Consume a text that can only be ASCII."""
        return self._decoded("ascii", expected)

    def keyword(self) -> str:
        """Consume a flag keyword."""
        return self.cursor.atom("a flag keyword").decode("ascii")

    def number(self) -> int:
        """Consume a number of octets."""
        return self.cursor.number("a number of octets")

    def date(self) -> date:
        """Consume a date."""
        return self.cursor.date()

    def set(self) -> SequenceSet:
        """Consume a sequence set."""
        return parse_set(self.cursor)

    def _decoded(self, codec: str, expected: str) -> str:
        start = self.cursor.at
        try:
            return self.cursor.astring(expected).decode(codec)
        except UnicodeDecodeError:
            self.cursor.at = start
            self.cursor.fail(f"{expected} in {'US-ASCII' if codec == 'ascii' else 'UTF-8'}")


KeyParser = Callable[[SearchReader, str], Key]
"""Consumes what follows a key's name, which it gets in capitals, and returns the key. Parts declare these."""


def plain_key(test: Test) -> KeyParser:
    """Return the parser of a key that is a name alone."""
    return lambda reader, name: Key(name, test=test)


def argument_key(
    read: Callable[[SearchReader], Compared],
    test: Callable[[StoredMessage, Compared], bool],
    *,
    reads_content: bool = False,
) -> KeyParser:
    """Return the parser of a key with one argument, with which a message is compared."""

    def parse(reader: SearchReader, name: str) -> Key:
        reader.cursor.space()
        value = read(reader)
        return Key(name, value, test=lambda message: test(message, value), reads_content=reads_content)

    return parse
