"""How does an IMAP client work? It tags a command, reads all that comes until its tag comes back, and misses nothing.

>>> class Script:  # a server that always says the same
...     def __init__(self, said): self.said = said
...     def send(self, data): print(data)
...     def readline(self, limit=8192): return self.read(self.said.index(b"\\n") + 1)
...     def read(self, count): head, self.said = self.said[:count], self.said[count:]; return head
>>> said = b"* OK hello\\r\\n* 1 FETCH (BODY[] {4}\\r\\nhi\\r\\n UID 7)\\r\\nA1 OK done\\r\\n"
>>> imap = ImapClient(Script(said))
>>> [(one.uid, one.body()) for one in imap.fetch(1, "BODY[] UID")]
b'A1 FETCH 1 (BODY[] UID)\\r\\n'
[(7, b'hi\\r\\n')]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any

from emaillab.engine import Outcome
from emaillab.protocol import sasl
from emaillab.protocol.framing.lines import CRLF
from emaillab.protocol.imap.grammar import astring, date_time, flag_list, string
from emaillab.protocol.imap.names import decode_name, encode_name
from emaillab.protocol.imap.responses import Continuation, Tagged, Untagged, Value, parse_response, read_response
from emaillab.protocol.imap.results import FetchResult, ListEntry, Response, words
from emaillab.protocol.imap.sets import SequenceSet, set_of
from emaillab.protocol.stream import ProtocolError, Stream

Numbers = int | str | Sequence[int] | SequenceSet
"""Which messages: 3, "2:4,9:*", [2, 3, 4]."""

# Aliases, because the method `list` hides the type inside the class.
Heard = list[Untagged]
Mailboxes = list[ListEntry]
Results = list[FetchResult]
Found = list[int]

_LITERAL_END = re.compile(rb"\{(\d{1,10})\+?\}\Z")


class Refused(Exception):
    """The server said NO or BAD where the caller needs data; `response` is all it said."""

    def __init__(self, command: str, response: Response) -> None:
        super().__init__(f"the server refused {command}: {response.text or 'it gave no reason'}")
        self.response = response


@dataclass(frozen=True, slots=True)
class Selected:
    """What SELECT told of a mailbox."""

    response: Response
    exists: int
    uid_validity: int | None
    uid_next: int | None
    unseen: int | None  # the number of the first unseen message
    flags: frozenset[str]
    permanent_flags: frozenset[str]
    read_only: bool

    @property
    def ok(self) -> bool:
        """True when the mailbox is selected."""
        return self.response.ok

    def __str__(self) -> str:
        return str(self.response)


class ImapClient:
    """One IMAP session, from the client's end.

    Methods that ask for data return it, or raise Refused; the others return the Response, a negative one too.
    Source: RFC 3501; RFC 9051.
    """

    def __init__(self, stream: Stream, *, transcript: Any = None) -> None:
        self.stream, self.transcript = stream, transcript
        self._count = 0
        self._pending: tuple[str, Heard] | None = None  # a command that waits for more
        self._open = True
        self._capabilities: tuple[str, ...] = ()
        greeting = parse_response(read_response(stream))
        if not isinstance(greeting, Untagged) or greeting.name not in {"OK", "PREAUTH", "BYE"}:
            raise ProtocolError('an IMAP server greets with "* OK", "* PREAUTH" or "* BYE"')
        self.greeting: Untagged = greeting
        self._learn(greeting.code, greeting.code_values)

    # Any state

    def capability(self) -> tuple[str, ...]:
        """Ask what the server can do. Raises: Refused."""
        self._data("CAPABILITY")
        return self._capabilities

    def noop(self) -> Response:
        """Do nothing, and hear what has changed."""
        return self.command("NOOP")

    def logout(self) -> Response:
        """End the session, and close the connection."""
        return self.command("LOGOUT")

    # Before log-in

    def starttls(self) -> Response:
        """Encrypt the connection; what the server can do must be asked again."""
        return self.command("STARTTLS")

    def login(self, user: str, password: str) -> Response:
        """Log in with LOGIN."""
        return self._say(b"LOGIN", string(user.encode()), string(password.encode()))

    def authenticate_plain(self, user: str, password: str) -> Response:
        """Log in with AUTHENTICATE PLAIN, in one step if the server can (SASL-IR)."""
        response = sasl.encode(sasl.plain_response(user, password))
        if "SASL-IR" in self._capabilities:
            return self._say(b"AUTHENTICATE PLAIN", response)
        challenge = self._say(b"AUTHENTICATE PLAIN")
        return self.command(response) if challenge.outcome is Outcome.MORE else challenge

    # Mailboxes

    def select(self, mailbox: str = "INBOX", readonly: bool = False) -> Selected:
        """Open a mailbox with SELECT, or for reading only with EXAMINE."""
        response = self._say(b"EXAMINE" if readonly else b"SELECT", _mailbox(mailbox))
        exists, flags = response.numbers("EXISTS"), response.all("FLAGS")
        permanent = response.coded("PERMANENTFLAGS") or ()
        return Selected(
            response,
            exists[-1] if exists else 0,
            _first_number(response.coded("UIDVALIDITY")),
            _first_number(response.coded("UIDNEXT")),
            _first_number(response.coded("UNSEEN")),
            words(flags[-1].values[0]) if flags and flags[-1].values else frozenset(),
            words(permanent[0]) if permanent else frozenset(),
            response.code == "READ-ONLY",
        )

    def list(self, reference: str = "", pattern: str = "*") -> Mailboxes:
        """List the mailboxes whose names match. Raises: Refused."""
        response = self._data(b"LIST", string(encode_name(reference)), string(encode_name(pattern)))
        return [_list_entry(data) for data in response.all("LIST")]

    def lsub(self, reference: str = "", pattern: str = "*") -> Mailboxes:
        """List the subscriptions whose names match. Raises: Refused."""
        response = self._data(b"LSUB", string(encode_name(reference)), string(encode_name(pattern)))
        return [_list_entry(data) for data in response.all("LSUB")]

    def create(self, mailbox: str) -> Response:
        """Make a mailbox."""
        return self._say(b"CREATE", _mailbox(mailbox))

    def delete(self, mailbox: str) -> Response:
        """Remove a mailbox and all that is in it."""
        return self._say(b"DELETE", _mailbox(mailbox))

    def rename(self, mailbox: str, to: str) -> Response:
        """Change the name of a mailbox and of those below it."""
        return self._say(b"RENAME", _mailbox(mailbox), _mailbox(to))

    def subscribe(self, mailbox: str) -> Response:
        """Add a mailbox to those that programs should show."""
        return self._say(b"SUBSCRIBE", _mailbox(mailbox))

    def unsubscribe(self, mailbox: str) -> Response:
        """Take a mailbox off those that programs should show."""
        return self._say(b"UNSUBSCRIBE", _mailbox(mailbox))

    def status(self, mailbox: str, items: Sequence[str] = ("MESSAGES", "UIDNEXT", "UNSEEN")) -> dict[str, int]:
        """Count a mailbox's messages without opening it. Raises: Refused."""
        response = self._data(b"STATUS", _mailbox(mailbox), f"({' '.join(items)})".encode())
        counted: dict[str, int] = {}
        for data in response.all("STATUS"):
            values = data.values[-1] if data.values else ()
            if isinstance(values, tuple):
                pairs = zip(values[::2], values[1::2], strict=False)
                counted |= {str(name).upper(): number for name, number in pairs if isinstance(number, int)}
        return counted

    def append(self, mailbox: str, raw: bytes, flags: Iterable[str] = (), date: datetime | None = None) -> Response:
        """Put a message into a mailbox; `date` is aware. Raises: TypeError for a message that is not octets."""
        if not isinstance(raw, bytes):
            raise TypeError(f"a message is kept as octets, not as {type(raw).__name__}: bytes(letter), text.encode()")
        flags = tuple(flags)
        options = [*([flag_list(flags)] if flags else []), *([date_time(date)] if date else [])]
        return self._say(b"APPEND", _mailbox(mailbox), *options, b"{%d}\r\n%b" % (len(raw), raw))

    def close_mailbox(self) -> Response:
        """Remove what is marked \\Deleted, and close the mailbox."""
        return self.command("CLOSE")

    def unselect(self) -> Response:
        """Close the mailbox, and remove nothing."""
        return self.command("UNSELECT")

    # Messages

    def fetch(self, numbers: Numbers, items: str | Sequence[str], *, uid: bool = False) -> Results:
        """Fetch items, such as "FLAGS" or "UID BODY.PEEK[]", of messages. Raises: Refused.

        The server may tell of other messages too, when their flags have changed.
        """
        asked = items if isinstance(items, str) else " ".join(items)
        if " " in asked and not asked.startswith("("):
            asked = f"({asked})"
        return self._data(_uid(b"FETCH", uid), _set(numbers), asked.encode()).fetched

    def store(
        self, numbers: Numbers, how: str, flags: Iterable[str], *, silent: bool = False, uid: bool = False
    ) -> Response:
        """Change flags: `how` is "FLAGS", "+FLAGS" or "-FLAGS". The new flags are in `.fetched`."""
        item = how.encode() + (b".SILENT" if silent else b"")
        return self._say(_uid(b"STORE", uid), _set(numbers), item, flag_list(flags))

    def search(self, *criteria: str, uid: bool = False) -> Found:
        """Find messages: `search("UNSEEN FROM alice")`, `search("SUBJECT", "你好")`. Raises: Refused.

        Each argument goes as it is; one that is not ASCII as a UTF-8 literal, so it must be a string of its own.
        """
        words = [text.encode() if text.isascii() else string(text.encode()) for text in criteria or ("ALL",)]
        charset = [] if all(text.isascii() for text in criteria) else [b"CHARSET UTF-8"]
        response = self._data(_uid(b"SEARCH", uid), *charset, *words)
        return [number for data in response.all("SEARCH") for number in data.values if isinstance(number, int)]

    def copy(self, numbers: Numbers, mailbox: str, *, uid: bool = False) -> Response:
        """Copy messages into a mailbox: `.coded("COPYUID")` tells which UIDs they have there."""
        return self._say(_uid(b"COPY", uid), _set(numbers), _mailbox(mailbox))

    def expunge(self, uids: Numbers | None = None) -> Response:
        """Remove what is marked \\Deleted, or of that only the UIDs named (UIDPLUS): `.numbers("EXPUNGE")`."""
        return self.command("EXPUNGE") if uids is None else self._say(b"UID EXPUNGE", _set(uids))

    # Line by line, by hand

    def command(self, line: str | bytes) -> Response:
        """Say a command without its tag, and return all that answers it.

        Where the server waits for more (outcome MORE), the next line goes to it as it is, without a tag.
        Literals may stand in the line: `{5}` CRLF and five octets.
        Raises: ProtocolError, ConnectionError, TimeoutError.
        """
        octets = line.encode() if isinstance(line, str) else line
        if self._pending is not None:
            tag, untagged = self._pending
            self._pending = None
            return self._exchange(tag, [(False, octets + CRLF)], untagged)
        self._count += 1
        tag = f"A{self._count}"
        response = self._exchange(tag, _pieces(tag.encode() + b" " + octets), [])
        if response.ok:
            self._after(octets.split(b" ")[0].upper())
        return response

    def close(self) -> None:
        """Close the connection without a word."""
        self._open = False
        self.stream.close()

    def __enter__(self) -> ImapClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Log out, or after an exception just close."""
        if self._open and kind is None:
            with suppress(OSError, ProtocolError):  # the server has ended the session already
                self.logout()
        self.close()

    # Steps

    def _say(self, *words: bytes) -> Response:
        return self.command(b" ".join(words))

    def _data(self, verb: bytes | str, *words: bytes) -> Response:
        """Say a command whose data the caller needs. Raises: Refused."""
        name = verb.encode() if isinstance(verb, str) else verb
        response = self._say(name, *words)
        if not response.ok:
            raise Refused(name.decode(), response)
        return response

    def _exchange(self, tag: str, pieces: Iterable[tuple[bool, bytes]], untagged: Heard) -> Response:
        """Send a command, waiting before each literal to be asked for it, and read up to the tagged line."""
        for more, piece in pieces:
            self.stream.send(piece)
            answer = self._answer(tag, untagged) if more else None
            if isinstance(answer, Tagged):  # refused before the literal went out
                return self._finished(answer, untagged)
        answer = self._answer(tag, untagged)
        if isinstance(answer, Tagged):
            return self._finished(answer, untagged)
        self._pending = (tag, untagged)
        return Response(tag, Outcome.MORE, answer.text, untagged=tuple(untagged))

    def _answer(self, tag: str, untagged: Heard) -> Tagged | Continuation:
        """Read up to the tagged line or a "+", and keep the untagged responses on the way."""
        while True:
            response = parse_response(read_response(self.stream))
            if isinstance(response, Untagged):
                untagged.append(response)
                self._learn(response.code or response.name, response.code_values or response.values)
            elif isinstance(response, Tagged) and response.tag != tag:
                raise ProtocolError(f"a response to {tag} was expected, one to {response.tag} came")
            else:
                return response

    def _finished(self, line: Tagged, untagged: Heard) -> Response:
        self._learn(line.code, line.code_values)
        return Response.of(line, tuple(untagged))

    def _learn(self, name: str, values: tuple[Value, ...]) -> None:
        if name == "CAPABILITY":
            self._capabilities = tuple(str(word).upper() for word in values)

    def _after(self, verb: bytes) -> None:
        if verb == b"STARTTLS":
            self.stream.start_tls()
            self._capabilities = ()
        elif verb == b"LOGOUT":
            self.close()


def _pieces(unit: bytes) -> Iterator[tuple[bool, bytes]]:
    """Cut a command before its literals. Yields: whether the server must ask for what follows, and the octets.

    Raises: ValueError when a line end stands elsewhere than before a literal.
    """
    at = 0
    while (end := unit.find(CRLF, at)) >= 0:
        literal = _LITERAL_END.search(unit, at, end)
        if literal is None:
            raise ValueError(f"a command is one line, but after {unit[max(at, end - 40) : end]!r} it goes on")
        size = int(literal[1])
        yield True, unit[at : end + 2]
        at = end + 2
        if size:
            if at + size > len(unit):
                raise ValueError(f"a literal of {size} octets was announced, {len(unit) - at} are there")
            following = unit.find(CRLF, at + size)
            if following < 0:
                break
            yield False, unit[at : at + size]
            at += size
    yield False, unit[at:] + CRLF


def _uid(verb: bytes, uid: bool) -> bytes:
    return b"UID " + verb if uid else verb


def _set(numbers: Numbers) -> bytes:
    if isinstance(numbers, str):
        return numbers.encode()
    if isinstance(numbers, int):
        return b"%d" % numbers
    return bytes(numbers if isinstance(numbers, SequenceSet) else set_of(numbers))


def _mailbox(name: str) -> bytes:
    return astring(encode_name(name))


def _first_number(values: tuple[Value, ...] | None) -> int | None:
    return values[0] if values and isinstance(values[0], int) else None


def _list_entry(data: Untagged) -> ListEntry:
    if len(data.values) < 3:
        raise ProtocolError(f"a LIST response has 3 values, not {len(data.values)}")
    attributes, delimiter, name = data.values[:3]
    octets = name if isinstance(name, bytes) else str(name).encode()
    separator = delimiter.decode("utf-8", "replace") if isinstance(delimiter, bytes) else ""
    return ListEntry(decode_name(octets), separator, words(attributes))
