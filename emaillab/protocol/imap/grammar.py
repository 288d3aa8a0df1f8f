"""How does IMAP write a string, a flag, a date, a reply? The grammar that server and client share.

A `Cursor` goes over the octets of one command or response, literals included; its methods are named after the
grammar's elements, and what does not fit is reported with its place.

>>> cursor = Cursor(b'LOGIN "al\\\\"ice" {6}\\r\\nsec)et')
>>> cursor.atom(), cursor.space(), cursor.astring(), cursor.space(), cursor.astring()
(b'LOGIN', None, b'al"ice', None, b'sec)et')
>>> Cursor(b"FETCH )", base=3).after(6).number()  # doctest: +IGNORE_EXCEPTION_DETAIL
Traceback (most recent call last):
GrammarError: octet 9: expected a number, found ')'
>>> string(b"INBOX"), string(b"caf\\xc3\\xa9"), nstring(None)
(b'"INBOX"', b'{5}\\r\\ncaf\\xc3\\xa9', b'NIL')
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import ClassVar, NoReturn, TypeVar

from emaillab.engine import Outcome, Signal
from emaillab.message.octets.patterns import compiled
from emaillab.protocol.machine import Refusal

Value = TypeVar("Value")

# ATOM-CHAR      = <any CHAR except atom-specials>                                        RFC 3501 §9
# atom-specials  = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials
# atom           = 1*ATOM-CHAR
_ATOM = re.compile(rb'[^\x00-\x20(){%*"\\\]\x7f-\xff]+')
# astring        = 1*ASTRING-CHAR / string           ASTRING-CHAR = ATOM-CHAR / resp-specials
_ASTRING = re.compile(rb'[^\x00-\x20(){%*"\\\x7f-\xff]+')
# list-mailbox   = 1*list-char / string              list-char = ATOM-CHAR / list-wildcards / resp-specials
_LIST_MAILBOX = re.compile(rb'[^\x00-\x20(){"\\\x7f-\xff]+')
# tag            = 1*<any ASTRING-CHAR except "+">
_TAG = re.compile(rb'[^\x00-\x20(){%*"\\\x7f-\xff+]+')
# quoted         = DQUOTE *QUOTED-CHAR DQUOTE
# QUOTED-CHAR    = <any TEXT-CHAR except quoted-specials> / "\" quoted-specials
_QUOTED = compiled(rb'"((?:[^\x00\r\n"\\\x80-\xff]|\\["\\])*+)"')
_QUOTED_8BIT = compiled(rb'"((?:[^\x00\r\n"\\]|\\["\\])*+)"')
# literal        = "{" number ["+"] "}" CRLF *CHAR8  RFC 7888 §3; "~" marks a literal8, RFC 3516 §4.4
_LITERAL = re.compile(rb"~?\{(\d{1,10})\+?\}\r\n")
# flag           = "\Answered" / … / flag-keyword / "\" atom; flag-perm adds "\*"
_FLAG = re.compile(rb'\\\*|\\?[^\x00-\x20(){%*"\\\]\x7f-\xff]+')
_NUMBER = re.compile(rb"\d{1,19}")
# date           = date-text / DQUOTE date-text DQUOTE     date-text = date-day "-" date-month "-" date-year
_DATE = re.compile(rb'("?)(\d{1,2})-([A-Za-z]{3})-(\d{4})\1')
# date-time      = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
_DATE_TIME = re.compile(rb'"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"')
# What may stand in a quoted string we write: one line, seven bits, short enough for any reader.
_QUOTABLE = re.compile(rb"[^\x00\r\n\x80-\xff]{0,900}")

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
_RANK = {flag: rank for rank, flag in enumerate(SYSTEM_FLAGS)}
_CANONICAL = {flag.lower(): flag for flag in SYSTEM_FLAGS}


@dataclass(frozen=True, slots=True)
class ImapReply:
    """The tagged line that ends a command, and what goes before it.

    `code` is the response code without its brackets. `untagged` are whole lines with their line ends; `data` yields
    what is too large or comes too late for that, and goes out before the tagged line; where it is `slow` to be found,
    others are served meanwhile.
    """

    outcome: Outcome
    text: str
    code: bytes = b""
    untagged: tuple[bytes, ...] = ()
    durable: bool = False
    data: Iterator[bytes | memoryview] | None = None
    slow: bool = False
    then: Signal | None = None
    pause_s: float = 0.0
    tag: bytes = b"*"

    plain: ClassVar[bool] = False  # the mailbox may have news to tell before it
    body: ClassVar[None] = None  # nothing ever comes after the tagged line

    def __bytes__(self) -> bytes:
        text = self.text.encode("ascii", "backslashreplace")
        code = b"[" + self.code + b"] " if self.code else b""
        if self.outcome is Outcome.MORE:
            return b"+ " + text + b"\r\n"
        return b"%b %b %b%b\r\n" % (self.tag, self.outcome.value.encode(), code, text)


class GrammarError(Refusal):
    """Octets that do not fit the grammar: where, what was expected, what was found. A server's answer to it is BAD."""

    def __init__(self, at: int, expected: str, found: bytes) -> None:
        text = f"octet {at}: expected {expected}, found {shown(found) if found else 'the end'}"
        super().__init__(ImapReply(Outcome.BAD, text))
        self.text = text

    def __str__(self) -> str:
        return self.text


def shown(octets: bytes) -> str:
    """Return octets as ASCII in quotes, cut short: fit for an error's text."""
    return ascii(octets[:24])[1:] + ("..." if len(octets) > 24 else "")


class Cursor:
    """A place in the octets of one command or response; methods consume what they are named after.

    Args: base: the offset of the first octet, so that errors tell places in the whole unit.
    """

    __slots__ = ("_quoted", "at", "base", "data")

    def __init__(self, data: bytes, base: int = 0, *, quoted_8bit: bool = False) -> None:
        self.data, self.at, self.base = data, 0, base
        self._quoted = _QUOTED_8BIT if quoted_8bit else _QUOTED

    def after(self, count: int) -> Cursor:
        """Move on by `count` octets. Returns: the cursor."""
        self.at += count
        return self

    def fail(self, expected: str) -> NoReturn:
        """Raise GrammarError for the octets here."""
        rest = self.data[self.at : self.at + 25]
        raise GrammarError(self.base + self.at, expected, rest.split(b"\r\n")[0] or rest)

    def sees(self, octets: bytes) -> bool:
        """Tell whether these octets come next."""
        return self.data.startswith(octets, self.at)

    def skips(self, octets: bytes) -> bool:
        """Consume these octets if they come next. Returns: whether they did."""
        found = self.data.startswith(octets, self.at)
        if found:
            self.at += len(octets)
        return found

    def expect(self, octets: bytes) -> None:
        """Consume these octets."""
        if not self.skips(octets):
            self.fail(shown(octets))

    def space(self) -> None:
        """Consume one space."""
        if not self.skips(b" "):
            self.fail("a space")

    @property
    def at_end(self) -> bool:
        """True when nothing is left."""
        return self.at >= len(self.data)

    def end(self) -> None:
        """Check that nothing is left."""
        if not self.at_end:
            self.fail("the end of the command")

    def match(self, pattern: re.Pattern[bytes], expected: str) -> re.Match[bytes]:
        """Consume what a pattern matches here."""
        found = pattern.match(self.data, self.at)
        if found is None:
            self.fail(expected)
        self.at = found.end()
        return found

    def tag(self) -> bytes:
        """Consume a tag."""
        return self.match(_TAG, "a tag (letters and digits)")[0]

    def atom(self, expected: str = "an atom") -> bytes:
        """Consume an atom."""
        return self.match(_ATOM, expected)[0]

    def keyword(self, expected: str, among: Container[str] | None = None) -> str:
        """Consume an atom of the protocol's own, one of those that are known. Returns: it in capitals."""
        start = self.at
        word = self.atom(expected).decode("ascii").upper()
        if among is not None and word not in among:
            self.at = start
            self.fail(expected)
        return word

    def number(self, expected: str = "a number") -> int:
        """Consume a number."""
        return int(self.match(_NUMBER, expected)[0])

    def string(self, expected: str = "a quoted string or a literal") -> bytes:
        """Consume a quoted string or a literal."""
        if self.sees(b'"'):
            found = self.match(self._quoted, "a closing quote, and only 7-bit octets before it")
            return re.sub(rb"\\(.)", rb"\1", found[1]) if b"\\" in found[1] else found[1]
        start = self.at
        size = int(self.match(_LITERAL, expected)[1])
        if self.at + size > len(self.data):
            self.at = start
            self.fail(f"a literal of {size} octets")
        self.at += size
        return self.data[self.at - size : self.at]

    def astring(self, expected: str = "an atom, a quoted string or a literal") -> bytes:
        """Consume a string in any of its three forms."""
        found = _ASTRING.match(self.data, self.at)
        if found is None:
            return self.string(expected)
        self.at = found.end()
        return found[0]

    def nstring(self) -> bytes | None:
        """Consume a string or NIL. Returns: None for NIL."""
        if self.data[self.at : self.at + 3].upper() == b"NIL":
            self.at += 3
            return None
        return self.string("a string or NIL")

    def list_mailbox(self) -> bytes:
        """Consume a mailbox name in which * and % may stand."""
        found = _LIST_MAILBOX.match(self.data, self.at)
        if found is None:
            return self.string("a mailbox pattern")
        self.at = found.end()
        return found[0]

    def items(self, item: Callable[[], Value]) -> list[Value]:
        """Consume "(" [item *(SP item)] ")"."""
        self.expect(b"(")
        found: list[Value] = []
        while not self.skips(b")"):
            if found:
                self.space()
            found.append(item())
        return found

    def flag(self) -> str:
        """Consume a flag. Returns: system flags as the RFC writes them, keywords as they are."""
        flag = self.match(_FLAG, "a flag")[0].decode("ascii")
        return _CANONICAL.get(flag.lower(), flag)

    def stored_flag(self) -> str:
        """Consume a flag that a client may set. Returns: as `flag`."""
        start = self.at
        flag = self.flag()
        if flag.startswith("\\") and flag not in SYSTEM_FLAGS:
            self.at = start
            self.fail("a keyword or one of " + " ".join(SYSTEM_FLAGS))
        return flag

    def date(self) -> date:
        """Consume a date such as 1-Feb-1994."""
        start = self.at
        found = self.match(_DATE, "a date such as 1-Feb-1994")
        try:
            return date(int(found[4]), _month(found[3]), int(found[2]))
        except ValueError:
            self.at = start
            self.fail("a day of the calendar")

    def date_time(self) -> datetime:
        """Consume a date and time such as "17-Jul-1996 02:44:25 -0700"."""
        start = self.at
        found = self.match(_DATE_TIME, 'a date-time such as "17-Jul-1996 02:44:25 -0700"')
        day, hour, minute, second = (int(found[group]) for group in (1, 4, 5, 6))
        east = timedelta(hours=int(found[8]), minutes=int(found[9]))
        try:
            zone = timezone(-east if found[7] == b"-" else east)
            # QUIRK: second 60 is a leap second, which datetime does not know.
            return datetime(int(found[3]), _month(found[2]), day, hour, minute, min(second, 59), tzinfo=zone)
        except ValueError:
            self.at = start
            self.fail("a time of the calendar")


def _month(name: bytes) -> int:
    return _MONTHS.index(name.decode("ascii").capitalize()) + 1


def date_text(day: date) -> bytes:
    """Write a date. Source: RFC 9051 §9 "date-text"."""
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year:04d}".encode()


def date_time(at: datetime) -> bytes:
    """Write an aware date and time, quoted. Source: RFC 9051 §9 "date-time"."""
    minutes = round((at.utcoffset() or timedelta()).total_seconds() / 60)
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
    return f'"{at.day:2d}-{_MONTHS[at.month - 1]}-{at.year:04d} {at:%H:%M:%S} {zone}"'.encode()


def string(value: bytes) -> bytes:
    """Write a string: quoted where that is possible, else as a literal."""
    if _QUOTABLE.fullmatch(value):
        return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%b" % (len(value), value)


def nstring(value: bytes | None) -> bytes:
    """Write a string, or NIL for None."""
    return b"NIL" if value is None else string(value)


def astring(value: bytes) -> bytes:
    """Write a string: as an atom where that is possible."""
    return value if _ASTRING.fullmatch(value) and value.upper() != b"NIL" else string(value)


def first_word(unit: bytes) -> bytes:
    """Return the tag that octets begin with, empty when there is none."""
    found = _TAG.match(unit)
    return found[0] if found else b""


def is_atom(value: bytes) -> bool:
    """Tell whether octets are an atom."""
    return _ATOM.fullmatch(value) is not None


def flag_list(flags: Iterable[str]) -> bytes:
    """Write flags in parentheses: the system's first, in the RFC's order, then keywords by name."""
    ordered = sorted(flags, key=lambda flag: (_RANK.get(flag, 9), flag))
    return b"(" + " ".join(ordered).encode("ascii", "replace") + b")"
