"""What is a line? Octets that end with CRLF, and with nothing else.

>>> from emaillab.protocol.framing.framer import Buffer
>>> buffer, lines = Buffer(), LineFramer(16)
>>> buffer.feed(b"NOOP\\r\\nHELO a\\nQUIT\\r\\n"); lines.take(buffer)
b'NOOP'
>>> lines.take(buffer)
Traceback (most recent call last):
emaillab.protocol.framing.framer.FramingError: bare LF at octet 6 of the line, lines end with CRLF
>>> lines.take(buffer), len(buffer)  # the rest of a refused line is swallowed
(None, 0)
"""

from __future__ import annotations

import re
from typing import ClassVar

from emaillab.protocol.framing.framer import Buffer, FramingError

CRLF = b"\r\n"
LF = ord("\n")

_HEAD = 80  # octets told of a line that is thrown away: an IMAP reply needs its tag


class LineFramer:
    """Lines that end in CRLF and nothing else.

    A line over the limit, or with a bare CR or LF, is refused as soon as that is seen, since who sent it may wait for
    an answer; the rest of it is swallowed up to its CRLF, whichever reader has its turn by then.

    Args: limit: octets of a line, CRLF included.
    Source: RFC 5321 §2.3.8, §4.5.3.1.4; RFC 2449 §4.
    """

    eager: ClassVar[bool] = False
    __slots__ = ("invites", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.invites = False

    def whole(self, data: bytes) -> bytes | None:
        """Return the line without CRLF when the octets are just one, as they nearly always are."""
        lines = data.splitlines()  # at CRLF, and at bare CR and LF too
        if len(lines) == 1 and data.endswith(CRLF) and len(data) <= self.limit:
            return lines[0]
        return None

    def take(self, buffer: Buffer) -> bytes | None:
        """Consume one line and return it without CRLF."""
        data, start = buffer.data, buffer.at
        if start == len(data):
            return None
        end = data.find(CRLF, start)
        if buffer.refused:
            buffer.refused = end < 0
            buffer.at = len(data) - 1 if end < 0 else end + 2  # its last octet may be the CR of CRLF
            return None if end < 0 else self.take(buffer)
        line = data[start:end] if end >= 0 else data[start:].removesuffix(b"\r")
        if b"\n" in line or b"\r" in line:
            at = bare_line_end(line)
            if at is not None and at < self.limit:
                self._refuse(buffer, at)
                what = "LF" if line[at] == LF else "CR"
                raise FramingError(f"bare {what} at octet {at} of the line, lines end with CRLF", line[:at])
        if (end + 2 if end >= 0 else len(data)) - start > self.limit:
            self._refuse(buffer, self.limit - 1)
            raise LineTooLong(f"line too long, at most {self.limit} octets are allowed", line[:_HEAD])
        if end < 0:
            return None
        buffer.at = end + 2
        return line

    def _refuse(self, buffer: Buffer, at: int) -> None:
        """Drop a line's octets before one that may be the CR of its end, and note what becomes of the rest."""
        buffer.at += at
        buffer.refused = True

    def missing(self, buffer: Buffer) -> str:
        """Say that CRLF is missing, or that nothing has come."""
        if not len(buffer):
            return "a command"
        return f"CRLF after {_shown(buffer.data[buffer.at :])}"


class LineTooLong(FramingError):
    """A line over the reader's limit."""


def bare_line_end(data: bytes) -> int | None:
    """Return the offset of the first CR or LF that is not part of CRLF, or None."""
    rest = data.replace(CRLF, b"")
    if b"\n" not in rest and b"\r" not in rest:
        return None
    found = re.search(rb"(?<!\r)\n|\r(?!\n)", data)
    return found.start() if found else None


def _shown(data: bytes) -> str:
    """Show the last octets of a line as Python would, without the b."""
    return repr(data[-60:])[1:]
