"""What did the server answer? Responses read exactly: literals by their count, lists in lists, NIL, quoted escapes.

>>> parse_response(b'* 12 FETCH (UID 9 BODY[TEXT]<0> {3}\\r\\n)"( FLAGS (\\\\Seen))').values
(('UID', 9, 'BODY[TEXT]<0>', b')"(', 'FLAGS', ('\\\\Seen',)),)
>>> parse_response(b'* OK [PERMANENTFLAGS (\\\\Seen \\\\*)] Limited').code_values
(('\\\\Seen', '\\\\*'),)
>>> parse_response(b"A7 NO [TRYCREATE] no such mailbox")
Tagged(tag='A7', outcome=<Outcome.NO: 'NO'>, code='TRYCREATE', code_values=(), text='no such mailbox')
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from emaillab.engine import Outcome
from emaillab.protocol.imap.grammar import Cursor, GrammarError
from emaillab.protocol.imap.section import parse_section
from emaillab.protocol.stream import ProtocolError, Stream

Value = None | int | str | bytes | tuple["Value", ...]
"""NIL is None, numbers are int, atoms and flags str, strings bytes, lists tuples."""

LONGEST_LINE = 1_000_000  # octets, as imaplib allows; SEARCH names thousands of messages in one line
MOST_OCTETS = 1 << 30  # of one literal
DEEPEST = 200  # levels of lists

_LITERAL_END = re.compile(rb"\{(\d{1,10})\}\r\n\Z")
_ATOM = re.compile(rb'[^\x00-\x20(){"\x7f]+')
_IN_CODE = re.compile(rb'[^\x00-\x20(){"\]\x7f]+')
_ITEM = re.compile(rb"[A-Za-z0-9.\-]+")
_PARTIAL = re.compile(rb"<\d+>")
_NUMBER = re.compile(rb"\d{1,19}\Z")
_STATUS = {"OK", "NO", "BAD", "BYE", "PREAUTH"}


@dataclass(frozen=True, slots=True)
class Continuation:
    """The server waits for more: "+" and a text, or a SASL challenge."""

    text: str


@dataclass(frozen=True, slots=True)
class Tagged:
    """The line that ends a command."""

    tag: str
    outcome: Outcome
    code: str
    code_values: tuple[Value, ...]
    text: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Untagged:
    """Data, or a status of the server's own: EXISTS, FETCH, LIST, OK, BYE …"""

    name: str
    number: int | None
    values: tuple[Value, ...]
    code: str
    code_values: tuple[Value, ...]
    text: str
    raw: bytes

    def __bytes__(self) -> bytes:
        return self.raw

    def __str__(self) -> str:
        return self.raw.decode("utf-8", "replace")


def read_response(stream: Stream) -> bytes:
    """Read one response with all its literals. Returns: its octets without the last line end.

    Raises: ProtocolError, ConnectionError, TimeoutError.
    """
    parts = []
    while True:
        line = stream.readline(LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise ProtocolError(f"a response line ends with CRLF, but {len(line)} octets came without it")
        literal = _LITERAL_END.search(line)
        if not literal:
            parts.append(line.rstrip(b"\r\n"))
            return b"".join(parts)
        size = int(literal[1])
        if size > MOST_OCTETS:
            raise ProtocolError(f"a literal of {size} octets is too large, at most {MOST_OCTETS} are read")
        parts += [line, stream.read(size) if size else b""]


def parse_response(unit: bytes) -> Continuation | Tagged | Untagged:
    """Read a response's octets as what they mean. Raises: ProtocolError. Source: RFC 9051 §7, §9 "response"."""
    cursor = Cursor(unit, quoted_8bit=True)
    try:
        if cursor.skips(b"+"):
            cursor.skips(b" ")
            return Continuation(_rest(cursor))
        if cursor.skips(b"* "):
            return _untagged(cursor)
        tag = cursor.tag().decode("ascii")
        cursor.space()
        name = cursor.keyword("OK, NO or BAD", {"OK", "NO", "BAD"})
        return Tagged(tag, Outcome[name], *_status(cursor), unit)
    except GrammarError as error:
        raise ProtocolError(f"the server's response cannot be read at {error}") from None


def _untagged(cursor: Cursor) -> Untagged:
    number = None
    if cursor.data[cursor.at : cursor.at + 1].isdigit():
        number = cursor.number()
        cursor.space()
    name = cursor.keyword("a response's name")
    if name in _STATUS:
        return Untagged(name, number, (), *_status(cursor), cursor.data)
    values: list[Value] = []
    while cursor.skips(b" ") and not cursor.at_end:
        values.append(_items(cursor) if name == "FETCH" else parse_value(cursor))
    cursor.end()
    return Untagged(name, number, tuple(values), "", (), "", cursor.data)


def _status(cursor: Cursor) -> tuple[str, tuple[Value, ...], str]:
    """Consume [SP "[" code [SP values] "]"] [SP text]."""
    cursor.skips(b" ")
    code, values = "", list[Value]()
    if cursor.skips(b"["):
        code = cursor.match(_IN_CODE, "a response code")[0].decode("ascii", "replace").upper()
        while cursor.skips(b" "):
            values.append(parse_value(cursor, _IN_CODE))
        cursor.expect(b"]")
        cursor.skips(b" ")
    return code, tuple(values), _rest(cursor)


def _rest(cursor: Cursor) -> str:
    rest, cursor.at = cursor.data[cursor.at :], len(cursor.data)
    return rest.decode("utf-8", "replace")


def _items(cursor: Cursor) -> tuple[Value, ...]:
    """Consume FETCH's list, whose names may hold brackets, and in them spaces and strings."""
    values: list[Value] = []
    cursor.expect(b"(")
    while not cursor.skips(b")"):
        if values:
            cursor.space()
        values += [_item_name(cursor)]
        cursor.space()
        values += [parse_value(cursor)]
    return tuple(values)


def _item_name(cursor: Cursor) -> str:
    name = cursor.match(_ITEM, "an item's name")[0].decode("ascii").upper()
    if cursor.sees(b"["):
        name += f"[{bytes(parse_section(cursor)).decode('latin-1').upper()}]"
        partial = _PARTIAL.match(cursor.data, cursor.at)
        if partial:
            cursor.at = partial.end()
            name += partial[0].decode("ascii")
    return name


def parse_value(cursor: Cursor, atom: re.Pattern[bytes] = _ATOM, depth: int = 0) -> Value:
    """Consume one value: a list, a string, NIL, a number or an atom."""
    if cursor.sees(b"("):
        if depth == DEEPEST:
            cursor.fail(f"at most {DEEPEST} lists in lists")
        cursor.after(1)
        values: list[Value] = []
        while not cursor.skips(b")"):
            cursor.skips(b" ")  # the parts of a BODYSTRUCTURE stand together without one
            values.append(parse_value(cursor, _ATOM, depth + 1))
        return tuple(values)
    if cursor.sees(b'"') or cursor.sees(b"{") or cursor.sees(b"~{"):
        return cursor.string()
    word = cursor.match(atom, "a value")[0]
    if _NUMBER.match(word):
        return int(word)
    return None if word.upper() == b"NIL" else word.decode("utf-8", "replace")
