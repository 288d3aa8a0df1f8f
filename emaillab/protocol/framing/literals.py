"""Where does an IMAP command end? After its line, and all the literals that the line announces.

>>> from emaillab.protocol.framing.framer import Buffer
>>> buffer, commands = Buffer(), LiteralFramer(1000, 100)
>>> buffer.feed(b"a LOGIN alice {6}\\r\\n"); commands.take(buffer), commands.invites
(None, True)
>>> buffer.feed(b"secret\\r\\nb NOOP\\r\\n"); commands.take(buffer), commands.take(buffer)
(b'a LOGIN alice {6}\\r\\nsecret', b'b NOOP')
"""

from __future__ import annotations

import re
from typing import ClassVar

from emaillab.protocol.framing.framer import Buffer, FramingError
from emaillab.protocol.framing.lines import CRLF, LineFramer

_LITERAL = re.compile(rb"\{(\d{1,10})(\+?)\}\Z")  # literal = "{" number ["+"] "}" CRLF *CHAR8   RFC 9051 §9, 7888 §3


class LiteralFramer:
    """An IMAP command: its line and all its literals, as one unit of raw octets.

    Args: line_limit: octets of each line; literal_limit: octets of all literals of a command.
    Source: RFC 9051 §4.3, §2.2.1; RFC 7888.
    """

    eager: ClassVar[bool] = False
    __slots__ = ("invites", "line_limit", "literal_limit", "_lines", "_need", "_parts", "_size", "_skip")

    def __init__(self, line_limit: int, literal_limit: int) -> None:
        self.line_limit, self.literal_limit = line_limit, literal_limit
        self.invites = False
        self._lines = LineFramer(line_limit)
        self._parts: list[bytes] = []
        self._size = 0  # octets of the command so far, with the literal that is due
        self._need = 0  # octets of the literal that have not come yet
        self._skip = ""  # why the unit will be refused once its octets have been read

    def whole(self, data: bytes) -> bytes | None:
        """Return the command when the octets are just one, without literals."""
        line = self._lines.whole(data) if not self._parts else None
        return None if line is None or _LITERAL.search(line) else line

    def take(self, buffer: Buffer) -> bytes | None:
        """Consume one command; `invites` turns True when a literal must be asked for."""
        while True:
            if self._need:
                chunk = buffer.take(self._need)
                self._need -= len(chunk)
                self._keep(chunk)
                if self._need:
                    return None
            line = self._next_line(buffer)
            if line is None:
                return None
            self._size += len(line)
            self._keep(line)
            literal = _LITERAL.search(line)
            if not literal:
                return self._finish()
            self._begin(int(literal[1]), synchronising=not literal[2])
            if self.invites:
                return None

    def _next_line(self, buffer: Buffer) -> bytes | None:
        try:
            return self._lines.take(buffer)
        except FramingError as error:
            error.unit = self._parts[0] if self._parts else error.unit
            self._reset()
            raise

    def _keep(self, octets: bytes) -> None:
        if not self._skip:
            self._parts.append(octets)

    def _begin(self, size: int, synchronising: bool) -> None:
        """Prepare for a literal's octets; refuse what is too big at once if it can still be stopped."""
        self._size += size
        if size > self.literal_limit or self._size > self.literal_limit + self.line_limit:
            self._skip = self._skip or f"literal of {size} octets, at most {self.literal_limit} are allowed"
        if self._skip and synchronising:
            self._finish()
        self._keep(CRLF)
        self._need = size
        self.invites = synchronising

    def _finish(self) -> bytes:
        parts, reason = self._parts, self._skip
        self._reset()
        if reason:
            raise LiteralTooBig(reason, parts[0])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _reset(self) -> None:
        self._parts, self._size, self._need, self._skip, self.invites = [], 0, 0, "", False

    def missing(self, buffer: Buffer) -> str:
        """Say which octets of a line or literal are missing."""
        if self._need:
            return f"{self._need} more octets of a literal"
        return self._lines.missing(buffer)


class LiteralTooBig(FramingError):
    """A literal over the server's limit."""
