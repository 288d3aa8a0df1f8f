"""What do all parts of a POP3 client share? It says a line, reads the response, and knows which have more lines.

>>> class Script:  # a server that always says the same
...     def __init__(self, said): self.lines = said.splitlines(keepends=True)
...     def readline(self, limit=8192): return self.lines.pop(0)
...     def send(self, data): print(data)
>>> class Weather(Pop3ClientSession):
...     '''An extension that nobody needs.'''
...     MULTI_LINE = {"SKY": Lines.ALWAYS}
>>> pop = Weather(Script(b"+OK ready\\r\\n+OK now:\\r\\nblue\\r\\n...\\r\\n.\\r\\n-ERR no such message\\r\\n"))
>>> pop.command("sky").lines
b'sky\\r\\n'
(b'blue', b'..')
>>> print(pop.dele(9))
b'DELE 9\\r\\n'
-ERR no such message
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from enum import Enum
from typing import Any, ClassVar, Self

from emaillab.engine import Outcome
from emaillab.protocol.framing.lines import CRLF
from emaillab.protocol.pop3.grammar import Reply, parse_reply
from emaillab.protocol.stream import ProtocolError, Stream
from emaillab.protocol.table import declared, merge


class Lines(Enum):
    """When the positive response to a command is a multi-line one."""

    ALWAYS = "always"
    ALONE = "without an argument"


class Refused(Exception):
    """The server said -ERR where the caller needs +OK; `reply` is what it said."""

    def __init__(self, command: str, reply: Reply) -> None:
        super().__init__(f"the server refused {command}: {reply.text or 'it gave no reason'}")
        self.reply = reply


class Pop3ClientSession:
    """One POP3 session, the client's end. Each method says one command and returns the reply, good or bad.

    Parts declare in MULTI_LINE which of their commands' responses have more lines than one.
    Raises: ProtocolError for a response that is none, ConnectionError and TimeoutError as the stream does.
    Source: RFC 1939.
    """

    MULTI_LINE: ClassVar[Mapping[str, Lines]] = {"RETR": Lines.ALWAYS, "LIST": Lines.ALONE}

    _MULTI_LINE: ClassVar[dict[str, Lines]] = dict(MULTI_LINE)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._MULTI_LINE = merge(cls, declared("MULTI_LINE"), "read the response to {}")

    def __init__(self, stream: Stream, *, transcript: object = None) -> None:
        self.stream, self.transcript = stream, transcript
        self._in_exchange = False  # the next line is a SASL response, whatever it looks like
        self._open = True
        self.greeting = parse_reply(self._line())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        """Quit, or after an exception just close, so that nothing is removed."""
        if self._open and kind is None:
            with suppress(OSError, ProtocolError):  # the server has ended the session already
                self.quit()
        self.close()

    def close(self) -> None:
        """Close the connection as it is: without `quit` the server removes nothing."""
        self._open = False
        self.stream.close()

    # Line by line

    def command(self, line: str | bytes) -> Reply:
        """Say any line, and return the whole response.

        Raises: ValueError for a line with a line end in it, ProtocolError, ConnectionError, TimeoutError.
        """
        command = one_line(line)
        self.stream.send(command + CRLF)
        return self.read_response(command)

    def read_response(self, command: bytes) -> Reply:
        """Read the response to a command, with the lines that belong to it."""
        reply = parse_reply(self._line())
        name, _, argument = command.decode("ascii", "replace").upper().strip().partition(" ")
        in_exchange, self._in_exchange = self._in_exchange, reply.outcome is Outcome.MORE
        if not reply.ok or in_exchange:
            return reply
        lines = self._MULTI_LINE.get(name)
        if lines is Lines.ALWAYS or (lines is Lines.ALONE and not argument):
            reply = replace(reply, lines=tuple(self._body().split(CRLF)[:-1]))
        self.after(name)
        return reply

    def fetch(self, command: str) -> bytes:
        """Say a command that is answered by a message. Returns: its octets. Raises: Refused."""
        self.stream.send(one_line(command) + CRLF)
        reply = parse_reply(self._line())
        if not reply.ok:
            raise Refused(command, reply)
        return self._body()

    def after(self, name: str) -> None:
        """Do what a positive response to a command asks of the client; parts add to it."""
        if name == "QUIT":
            self.close()

    def news(self) -> tuple[Reply, ...]:
        """Return what the server has said unasked, as far as it has arrived; never waits.

        QUIRK: RFC 1939 knows no such word, but many servers say -ERR before they close an idle connection.
        """
        replies = []
        while self.stream.ready():
            replies.append(parse_reply(self._line()))
        return tuple(replies)

    def _body(self) -> bytes:
        """Read a multi-line body up to its final dot, and remove the stuffed ones (RFC 1939 §3)."""
        parts, before = [], CRLF  # the two octets before what comes next: CRLF at the beginning of a line
        while (part := self.stream.readline()) != b".\r\n" or before != CRLF:
            parts.append(part[1:] if before == CRLF and part.startswith(b".") else part)
            before = (before + part)[-2:]  # a long line comes in several parts
        return b"".join(parts)

    def _line(self) -> bytes:
        """Read one line. Raises: ProtocolError when it does not end."""
        line = self.stream.readline()
        if not line.endswith(b"\n"):
            raise ProtocolError(f"a response line ends with CRLF, but {len(line)} octets came without it")
        return line

    # One method per command

    def stat(self) -> Reply:
        """Ask for the number of messages and their octets: `.drop_listing`."""
        return self.command("STAT")

    def list(self, number: int | None = None) -> Reply:
        """Ask for the octets of one message or of all: `.scan_listings`."""
        return self.command("LIST" if number is None else f"LIST {number}")

    def retr(self, number: int) -> bytes:
        """Fetch a message. Returns: its octets. Raises: Refused."""
        return self.fetch(f"RETR {number}")

    def dele(self, number: int) -> Reply:
        """Mark a message as deleted; the server removes it after `quit`, and only then."""
        return self.command(f"DELE {number}")

    def rset(self) -> Reply:
        """Unmark all messages."""
        return self.command("RSET")

    def noop(self) -> Reply:
        """Do nothing."""
        return self.command("NOOP")

    def quit(self) -> Reply:
        """End the session, so that the server removes the marked messages, and close the connection."""
        return self.command("QUIT")


def one_line(line: str | bytes) -> bytes:
    """Return a command line's octets. Raises: ValueError when it is more than one line."""
    octets = line.encode() if isinstance(line, str) else line
    if b"\r" in octets or b"\n" in octets:
        raise ValueError(f"a command is one line without line ends, not {octets[:60]!r}")
    return octets
