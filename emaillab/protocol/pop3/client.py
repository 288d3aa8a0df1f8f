"""How does a POP3 client work? It says a line, reads the response, and knows which responses have more lines.

>>> class Script:  # a server that always says the same
...     def __init__(self, said): self.lines = said.splitlines(keepends=True)
...     def readline(self, limit=8192): return self.lines.pop(0)
...     def send(self, data): print(data)
>>> pop = Pop3Client(Script(b"+OK ready\\r\\n+OK 11 octets\\r\\nhi\\r\\n..dot\\r\\n.\\r\\n-ERR no such message\\r\\n"))
>>> pop.retr(1)
b'RETR 1\\r\\n'
b'hi\\r\\n.dot\\r\\n'
>>> print(pop.dele(9))
b'DELE 9\\r\\n'
-ERR no such message
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any

from emaillab.engine import Outcome
from emaillab.protocol import sasl
from emaillab.protocol.framing.lines import CRLF
from emaillab.protocol.pop3.grammar import LINE_LIMIT, Reply, parse_reply
from emaillab.protocol.stream import ProtocolError, Stream

MULTI_LINE = {"CAPA", "RETR", "TOP"}
MULTI_LINE_WITHOUT_ARGUMENT = {"LIST", "UIDL", "AUTH"}


class Refused(Exception):
    """The server said -ERR where the caller needs +OK; `reply` is what it said."""

    def __init__(self, command: str, reply: Reply) -> None:
        super().__init__(f"the server refused {command}: {reply.text or 'it gave no reason'}")
        self.reply = reply


class Pop3Client:
    """One POP3 session, from the client's end.

    Each method says one command and returns the reply, also a negative one (`reply.ok` is False then).
    Source: RFC 1939.
    """

    def __init__(self, stream: Stream, *, transcript: Any = None) -> None:
        self.stream, self.transcript = stream, transcript
        self._in_exchange = False  # the next line is a SASL response, whatever it looks like
        self._open = True
        self.greeting = parse_reply(self._line())

    # One method per command

    def capa(self) -> Reply:
        """Ask what the server can do: `.capabilities`."""
        return self.command("CAPA")

    def stls(self) -> Reply:
        """Encrypt the connection; what CAPA said before must be asked again (RFC 2595 §4)."""
        return self.command("STLS")

    def user(self, name: str) -> Reply:
        """Give the user name."""
        return self.command(f"USER {name}")

    def password(self, password: str) -> Reply:
        """Give the password (PASS), directly after the user name."""
        return self.command(f"PASS {password}")

    def auth_plain(self, user: str, password: str) -> Reply:
        """Log in with AUTH PLAIN, with an initial response where it fits into one line (RFC 5034 §4)."""
        response = sasl.encode(sasl.plain_response(user, password)).decode()
        whole = f"AUTH PLAIN {response}"
        if len(whole) + len(CRLF) <= LINE_LIMIT:
            return self.command(whole)
        challenge = self.command("AUTH PLAIN")
        return self.command(response) if challenge.outcome is Outcome.MORE else challenge

    def stat(self) -> Reply:
        """Ask for the number of messages and their octets: `.drop_listing`."""
        return self.command("STAT")

    def list(self, number: int | None = None) -> Reply:
        """Ask for the octets of one message or of all: `.scan_listings`."""
        return self.command("LIST" if number is None else f"LIST {number}")

    def uidl(self, number: int | None = None) -> Reply:
        """Ask for the unique-id of one message or of all: `.unique_ids`."""
        return self.command("UIDL" if number is None else f"UIDL {number}")

    def retr(self, number: int) -> bytes:
        """Fetch a message. Returns: its octets. Raises: Refused."""
        return self._fetch(f"RETR {number}")

    def top(self, number: int, lines: int) -> bytes:
        """Fetch a message's header, the blank line, and the first lines of its body. Raises: Refused."""
        return self._fetch(f"TOP {number} {lines}")

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

    # What users want

    def login(self, user: str, password: str) -> Reply:
        """Log in with USER and PASS."""
        reply = self.user(user)
        return self.password(password) if reply.ok else reply

    def download(
        self, memory: set[str] | None = None, *, keep: bool = False, store: Callable[[bytes], None]
    ) -> tuple[int, ...]:
        """Fetch the messages that are new, hand each to `store`, and mark it as deleted unless `keep`.

        `store` returns when the message is safe; only then DELE is said. `memory` holds the unique-ids of what was
        fetched before from this account on this server; it is changed as each message is stored, so that a session
        that was cut can go on. Without it every message is new. Marked messages vanish with `quit`.
        Returns: the numbers of the messages that were fetched. Raises: Refused; whatever `store` raises.
        """
        ids = self._ids(memory)
        known = set() if memory is None else memory & set(ids.values())
        shared = {id for id, count in Counter(ids.values()).items() if count > 1}
        fetched = []
        for number, unique_id in ids.items():
            # A server may give two messages one unique-id: rather fetch one twice than delete one unread.
            if unique_id not in known or (not keep and unique_id in shared):
                try:
                    store(self.retr(number))
                except Refused:
                    continue  # it went while we looked
                fetched.append(number)
                if memory is not None:
                    memory.add(unique_id)
            if not keep:
                self.dele(number)
        return tuple(fetched)

    def _ids(self, memory: set[str] | None) -> dict[int, str]:
        """Return message number → unique-id, or "" where nobody needs one; forget ids that are no longer there."""
        if memory is None:
            listing = self.list()
            if not listing.ok:
                raise Refused("LIST", listing)
            return {line.number: "" for line in listing.scan_listings}
        reply = self.uidl()
        if not reply.ok:
            raise Refused("UIDL, without which nobody can tell new messages from old", reply)
        ids = {line.number: line.id for line in reply.unique_ids}
        memory.intersection_update(ids.values())
        return ids

    # Line by line, by hand

    def command(self, line: str | bytes) -> Reply:
        """Say any line, and return the whole response.

        Raises: ValueError for a line with a line end in it, ProtocolError, ConnectionError, TimeoutError.
        """
        return self.pipeline([line])[0]

    def pipeline(self, lines: Sequence[str | bytes]) -> tuple[Reply, ...]:
        """Say several lines at once, and return their responses (RFC 2449 §6.6, capability PIPELINING)."""
        commands = [_octets(line) for line in lines]
        self.stream.send(b"".join(command + CRLF for command in commands))
        return tuple(self._response(command) for command in commands)

    def close(self) -> None:
        """Close the connection as it is: without `quit` the server removes nothing."""
        self._open = False
        self.stream.close()

    def __enter__(self) -> Pop3Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Quit, or after an exception just close, so that nothing is removed."""
        if self._open and kind is None:
            with suppress(OSError, ProtocolError):  # the server has ended the session already
                self.quit()
        self.close()

    # Steps

    def _fetch(self, command: str) -> bytes:
        self.stream.send(_octets(command) + CRLF)
        reply = parse_reply(self._line())
        if not reply.ok:
            raise Refused(command, reply)
        return self._body()

    def _response(self, command: bytes) -> Reply:
        """Read the response to a command, with the lines that belong to it."""
        reply = parse_reply(self._line())
        name, _, argument = command.decode("ascii", "replace").upper().strip().partition(" ")
        in_exchange, self._in_exchange = self._in_exchange, reply.outcome is Outcome.MORE
        if not reply.ok or in_exchange:
            return reply
        if name in MULTI_LINE or (name in MULTI_LINE_WITHOUT_ARGUMENT and not argument):
            return replace(reply, lines=tuple(self._body().split(CRLF)[:-1]))
        if name == "STLS":
            self.stream.start_tls()
        if name == "QUIT":
            self.close()
        return reply

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


def _octets(line: str | bytes) -> bytes:
    """Return a command line's octets. Raises: ValueError when it is more than one line."""
    octets = line.encode() if isinstance(line, str) else line
    if b"\r" in octets or b"\n" in octets:
        raise ValueError(f"a command is one line without line ends, not {octets[:60]!r}")
    return octets
