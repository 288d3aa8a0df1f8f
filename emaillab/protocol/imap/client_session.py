"""What do all parts of an IMAP client share? A command with its tag, all that comes until the tag comes back, and news.

>>> class Script:  # a server that always says the same
...     def __init__(self, said): self.said = said
...     def send(self, data): print(data)
...     def ready(self): return b"\\n" in self.said
...     def readline(self, limit=8192): return self.read(self.said.index(b"\\n") + 1)
...     def read(self, count): head, self.said = self.said[:count], self.said[count:]; return head
>>> client = ImapClientSession(Script(b"* OK hello\\r\\n* 3 EXISTS\\r\\nA1 OK done\\r\\n* 4 EXISTS\\r\\n"))
>>> client.noop().numbers("EXISTS"), [str(data) for data in client.news()], client.news()
b'A1 NOOP\\r\\n'
([3], ['* 4 EXISTS'], ())
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Self

from emaillab.engine import Outcome
from emaillab.protocol.framing.lines import CRLF
from emaillab.protocol.imap.grammar import astring
from emaillab.protocol.imap.names import encode_name
from emaillab.protocol.imap.responses import Continuation, Tagged, Untagged, Value, parse_response, read_response
from emaillab.protocol.imap.results import Response
from emaillab.protocol.imap.sets import SequenceSet, set_of
from emaillab.protocol.stream import ProtocolError, Stream

Numbers = int | str | Sequence[int] | SequenceSet
"""Which messages: 3, "2:4,9:*", [2, 3, 4]."""

_LITERAL_END = re.compile(rb"\{(\d{1,10})\+?\}\Z")


class Refused(Exception):
    """The server said NO or BAD where the caller needs data; `response` is all it said."""

    def __init__(self, command: str, response: Response) -> None:
        super().__init__(f"the server refused {command}: {response.text or 'it gave no reason'}")
        self.response = response


class ImapClientSession:
    """One IMAP session, the client's end.

    Methods that ask for data return it, or raise Refused; the others return the Response, a negative one too.
    """

    def __init__(self, stream: Stream, *, transcript: object = None) -> None:
        self.stream, self.transcript = stream, transcript
        self._count = 0
        self._pending: tuple[str, list[Untagged]] | None = None  # a command that waits for more
        self._open = True
        self._capabilities: tuple[str, ...] = ()
        greeting = parse_response(read_response(stream))
        if not isinstance(greeting, Untagged) or greeting.name not in {"OK", "PREAUTH", "BYE"}:
            raise ProtocolError('an IMAP server greets with "* OK", "* PREAUTH" or "* BYE"')
        self.greeting: Untagged = greeting
        self._learn(greeting.code, greeting.code_values)

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        """Log out, or after an exception just close."""
        if self._open and kind is None:
            with suppress(OSError, ProtocolError):  # the server has ended the session already
                self.logout()
        self.close()

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

    def news(self) -> tuple[Untagged, ...]:
        """Return what the server has said unasked, such as EXISTS or BYE, as far as it has arrived; never waits.

        Raises: ProtocolError for a response that is none, or answers a command.
        """
        heard: list[Untagged] = []
        while self.stream.ready():
            response = parse_response(read_response(self.stream))
            if not isinstance(response, Untagged):
                raise ProtocolError("only untagged responses may come unasked")
            self._hear(response, heard)
        return tuple(heard)

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

    def _exchange(self, tag: str, pieces: Iterable[tuple[bool, bytes]], untagged: list[Untagged]) -> Response:
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

    def _answer(self, tag: str, untagged: list[Untagged]) -> Tagged | Continuation:
        """Read up to the tagged line or a "+", and keep the untagged responses on the way."""
        while True:
            response = parse_response(read_response(self.stream))
            if isinstance(response, Untagged):
                self._hear(response, untagged)
            elif isinstance(response, Tagged) and response.tag != tag:
                raise ProtocolError(f"a response to {tag} was expected, one to {response.tag} came")
            else:
                return response

    def _hear(self, response: Untagged, heard: list[Untagged]) -> None:
        heard.append(response)
        self._learn(response.code or response.name, response.code_values or response.values)

    def _finished(self, line: Tagged, untagged: list[Untagged]) -> Response:
        self._learn(line.code, line.code_values)
        return Response.of(line, tuple(untagged))

    def _learn(self, name: str, values: tuple[Value, ...]) -> None:
        if name == "CAPABILITY":
            self._capabilities = tuple(str(word).upper() for word in values)

    def _after(self, verb: bytes) -> None:
        """Do what a command that the server has done means for the connection."""
        if verb == b"LOGOUT":
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


def mailbox_octets(name: str) -> bytes:
    """Write a mailbox name."""
    return astring(encode_name(name))


def set_octets(numbers: Numbers) -> bytes:
    """Write which messages are meant."""
    if isinstance(numbers, str):
        return numbers.encode()
    if isinstance(numbers, int):
        return b"%d" % numbers
    return bytes(numbers if isinstance(numbers, SequenceSet) else set_of(numbers))
