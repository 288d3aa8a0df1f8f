"""Where does one command end and the next begin? Framing: lines, literals, dot-stuffing, and their limits.

A framer takes whole units out of a buffer; grammar begins only after it. The result never depends on how the octets
were cut into segments on their way.

>>> buffer, lines = Buffer(), LineFramer(512)
>>> buffer.feed(b"HELO a\\r"); lines.take(buffer), lines.missing(buffer)
(None, "CRLF after 'HELO a\\\\r'")
>>> buffer.feed(b"\\nQUIT\\r\\n"); lines.take(buffer), lines.take(buffer)
(b'HELO a', b'QUIT')
>>> stuff(b".hidden\\r\\n"), unstuff(stuff(b".hidden\\r\\n"))
(b'..hidden\\r\\n', b'.hidden\\r\\n')
"""

from __future__ import annotations

import re
from typing import ClassVar, Protocol

CRLF = b"\r\n"
END_OF_CONTENT = b"\r\n.\r\n"
DOT, LF = ord("."), ord("\n")

_LITERAL = re.compile(rb"\{(\d{1,10})(\+?)\}\Z")  # literal = "{" number ["+"] "}" CRLF *CHAR8   RFC 9051 §9, 7888 §3


_HEAD = 80  # octets told of a line that is thrown away: an IMAP reply needs its tag


class FramingError(Exception):
    """Octets that cannot be a unit; the sentence says what was wrong and where, `unit` is what could be kept of it."""

    def __init__(self, reason: str, unit: bytes = b"") -> None:
        super().__init__(reason)
        self.unit = unit


class Buffer:
    """Octets that have arrived and are not yet consumed."""

    __slots__ = ("at", "data", "fed", "refused")

    def __init__(self) -> None:
        self.data = b""
        self.at = 0
        self.fed = 0  # octets that ever came
        self.refused = False  # what comes up to the next CRLF is the rest of a line that was refused already

    def __len__(self) -> int:
        return len(self.data) - self.at

    def __bool__(self) -> bool:
        return self.at < len(self.data)

    def feed(self, data: bytes) -> None:
        """Append octets."""
        self.fed += len(data)
        self.data = self.data[self.at :] + data if self.at < len(self.data) else data
        self.at = 0

    def take(self, count: int) -> bytes:
        """Consume and return the next `count` octets, or fewer if there are fewer."""
        start, self.at = self.at, min(self.at + count, len(self.data))
        return self.data[start : self.at]

    def clear(self) -> None:
        """Throw away what has not been consumed."""
        self.data, self.at, self.refused = b"", 0, False


class Framer(Protocol):
    """How units are cut out of a stream."""

    invites: bool
    """True while the peer waits to be asked for the rest of the unit (an IMAP literal)."""
    eager: ClassVar[bool]
    """True when units come without any octets: the server acts by itself."""

    def whole(self, data: bytes) -> bytes | None:
        """Return the unit when these octets are just one and none came before them; None tells nothing: `take` it."""

    def take(self, buffer: Buffer) -> bytes | None:
        """Consume one unit and return it without its line end; None when it is not whole yet.

        Raises: FramingError, once, when the octets can be no unit; they are consumed and the next unit can follow.
        """

    def missing(self, buffer: Buffer) -> str:
        """Say which octets are still missing."""


def _shown(data: bytes) -> str:
    """Show the last octets of a line as Python would, without the b."""
    return repr(data[-60:])[1:]


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


class ContentFramer:
    """The content after SMTP's DATA: everything up to CRLF "." CRLF, with the stuffed dots removed.

    A unit is the content with its last CRLF, without the line that holds the dot. Content over `limit` octets,
    or with a bare CR or LF, is read to its end and then reported, so that the session stays in step.
    Source: RFC 5321 §4.1.1.4, §4.5.2, §2.3.8.
    """

    eager: ClassVar[bool] = False
    __slots__ = ("invites", "limit", "_chunks", "_size", "_tail")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.invites = False
        self._chunks: list[bytes] = []
        self._size = 0
        self._tail = CRLF  # a dot right at the start stands at the beginning of a line too

    def whole(self, data: bytes) -> bytes | None:
        """Return the content when all of it is there and nothing has to be done to it."""
        # One search finds both the first stuffed dot and the end: here they are the same.
        if data.find(b"\r\n.") == len(data) - len(END_OF_CONTENT) and data.endswith(END_OF_CONTENT) and not self._size:
            content = data[: -len(b".\r\n")]
            if len(content) <= self.limit and content[0] != DOT and len(content.splitlines()) == content.count(CRLF):
                return content
        return None

    def take(self, buffer: Buffer) -> bytes | None:
        """Consume the content, dots unstuffed, once its end has come."""
        if not buffer:
            return None
        known = self._tail
        seen = known + buffer.data[buffer.at :] if buffer.at or known else buffer.data
        end = seen.find(END_OF_CONTENT)
        if end < 0:
            self._keep(seen[len(known) :])
            buffer.clear()
            self._tail = seen[-4:]
            return None
        fresh = end + len(END_OF_CONTENT) - len(known)  # octets of the buffer up to and with the end
        self._keep(buffer.take(fresh))
        return self._finish()

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self.limit * 4 // 3 + len(END_OF_CONTENT):  # lines of one dot each grow by a third
            self._chunks.append(data)
        else:
            self._chunks.clear()

    def _finish(self) -> bytes:
        wire, size = b"".join(self._chunks)[: -len(b".\r\n")], self._size - 3
        self._chunks, self._size, self._tail = [], 0, CRLF
        if len(wire) < size:
            raise ContentTooBig(f"content of {size} octets, at most {self.limit} are allowed")
        return self._checked(wire)

    def _checked(self, wire: bytes) -> bytes:
        """Return the content without stuffed dots, if it is one that can be kept."""
        content = unstuff(wire)
        if len(content) > self.limit:
            raise ContentTooBig(f"content of {len(content)} octets, at most {self.limit} are allowed")
        at = bare_line_end(content)
        if at is not None:
            what = "LF" if content[at] == LF else "CR"
            raise FramingError(f"bare {what} at octet {at} of the content, lines end with CRLF")
        return content

    def missing(self, buffer: Buffer) -> str:
        """Say that the end of content is missing."""
        return f"CRLF '.' CRLF after {self._size} octets of content"


class ContentTooBig(FramingError):
    """Content over the announced SIZE."""


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


def bare_line_end(data: bytes) -> int | None:
    """Return the offset of the first CR or LF that is not part of CRLF, or None."""
    rest = data.replace(CRLF, b"")
    if b"\n" not in rest and b"\r" not in rest:
        return None
    found = re.search(rb"(?<!\r)\n|\r(?!\n)", data)
    return found.start() if found else None


def stuff(content: bytes) -> bytes:
    """Double the dot of every line that begins with one.

    Source: RFC 5321 §4.5.2; RFC 1939 §3.
    """
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def unstuff(wire: bytes) -> bytes:
    """Remove one dot from every line that begins with one; the inverse of `stuff`."""
    plain = wire.replace(b"\r\n.", b"\r\n")
    return plain[1:] if plain.startswith(b".") else plain


def complete(content: bytes) -> bytes:
    """Return content that ends with CRLF: what a multi-line answer needs before its final dot."""
    return content if not content or content.endswith(CRLF) else content + CRLF
