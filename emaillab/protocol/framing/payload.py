"""What if a command is followed by octets of its own? Then they are its unit too, served or refused.

A command such as SMTP's `BDAT 12` says how many octets come right after its line. Whatever the server thinks of the
command, these octets are nobody's commands: they are taken with it. Where a line does not say how many they are, nobody
can tell where the next command begins, and the session has to end.

>>> from emaillab.protocol.framing.framer import Buffer
>>> buffer, commands = Buffer(), PayloadFramer(LineFramer(512), {"PUT": lambda args: int(args)}, limit=100)
>>> buffer.feed(b"PUT 6\\r\\nQUIT\\r\\n"); commands.take(buffer)
b'PUT 6\\r\\nQUIT\\r\\n'
>>> buffer.feed(b"PUT 600\\r\\nQU"); commands.take(buffer), commands.missing(buffer)
(None, '598 more octets after PUT 600')
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import ClassVar

from emaillab.protocol.framing.framer import Buffer, FramingError
from emaillab.protocol.framing.lines import CRLF, LineFramer

Announced = Callable[[bytes], int]
"""Returns how many octets follow a line with these arguments. Raises: ValueError when they do not say."""


class PayloadTooBig(FramingError):
    """A payload over the reader's limit; all of it has been swallowed."""


class PayloadUnknown(FramingError):
    """A line that is followed by nobody knows how many octets: the session cannot go on."""


class PayloadFramer:
    """Lines, some of which announce octets that follow: then a unit is the line, its CRLF, and these octets.

    Args: lines: the reader of lines; payloads: for each verb with a payload, how its arguments announce it;
        limit: octets of a payload, above which it is swallowed and then refused.
    """

    eager: ClassVar[bool] = False
    __slots__ = ("_begins", "_first", "_lines", "_need", "_parts", "_payloads", "_size", "invites", "limit")

    def __init__(self, lines: LineFramer, payloads: Mapping[str, Announced], limit: int) -> None:
        self._lines, self._payloads, self.limit = lines, payloads, limit
        self.invites = False
        self._begins, self._first = _beginnings(*payloads)
        self._parts: list[bytes] = []  # the line in hand, then the octets of its payload
        self._size = self._need = 0  # octets of its payload: all, and those that have not come yet

    def whole(self, data: bytes) -> bytes | None:
        """Return the line when the octets are just one, without a payload."""
        # Nearly all lines begin with another letter than the verbs do, which is the quickest way to know.
        return None if self._parts or data[:1] in self._first else self._lines.whole(data)

    def take(self, buffer: Buffer) -> bytes | None:
        """Consume one line and its payload."""
        if not self._parts:
            line = self._next_line(buffer)
            verb = self._begins.match(line) if line else None
            if line is None or verb is None:
                return line
            self._begin(line, verb[1].decode().upper())
        taken = buffer.take(self._need)
        self._need -= len(taken)
        if self._size <= self.limit:
            self._parts.append(taken)
        return None if self._need else self._finish()

    def _next_line(self, buffer: Buffer) -> bytes | None:
        """Take a line. A broken one that would have had a payload ends the session, as the payload has no known end."""
        try:
            return self._lines.take(buffer)
        except FramingError as error:
            if self._begins.match(error.unit):
                raise PayloadUnknown(str(error), error.unit) from None
            raise

    def _begin(self, line: bytes, verb: str) -> None:
        try:
            self._size = self._need = self._payloads[verb](line[len(verb) :])
        except ValueError as error:
            raise PayloadUnknown(str(error), line) from None
        self._parts = [line, CRLF]

    def _finish(self) -> bytes:
        parts, self._parts = self._parts, []
        if self._size > self.limit:
            raise PayloadTooBig(f"{self._size} octets, at most {self.limit} are allowed", parts[0])
        return b"".join(parts)

    def missing(self, buffer: Buffer) -> str:
        """Say which octets are still missing."""
        if self._parts:
            return f"{self._need} more octets after {self._parts[0].decode('ascii', 'replace')}"
        return self._lines.missing(buffer)


@lru_cache
def _beginnings(*verbs: str) -> tuple[re.Pattern[bytes], frozenset[bytes]]:
    """Return what a line with a payload begins with, and with which octets any of them does."""
    pattern = re.compile(rf"({'|'.join(map(re.escape, verbs))})(?![A-Za-z0-9])".encode(), re.IGNORECASE)
    return pattern, frozenset(letter.encode() for verb in verbs for letter in (verb[0].upper(), verb[0].lower()))
