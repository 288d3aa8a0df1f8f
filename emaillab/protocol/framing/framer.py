"""Where does one command end and the next begin? A framer cuts units out of a stream; grammar begins only after it.

The result never depends on how the octets were cut into segments on their way, and a unit owns its payload: a literal,
a content, a chunk is never read as a command, whatever becomes of the command that announced it.

>>> from emaillab.protocol.framing.lines import LineFramer
>>> buffer, lines = Buffer(), LineFramer(512)
>>> buffer.feed(b"HELO a\\r"); lines.take(buffer), lines.missing(buffer)
(None, "CRLF after 'HELO a\\\\r'")
>>> buffer.feed(b"\\nQUIT\\r\\n"); lines.take(buffer), lines.take(buffer)
(b'HELO a', b'QUIT')
"""

from __future__ import annotations

from typing import ClassVar, Protocol


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


class NoInput:
    """The reader of a state in which the server acts without waiting for the client: each unit is empty."""

    invites = False
    eager: ClassVar[bool] = True

    def whole(self, data: bytes) -> None:
        """Leave octets alone."""

    def take(self, buffer: Buffer) -> bytes:
        """Return an empty unit."""
        return b""

    def missing(self, buffer: Buffer) -> str:
        """Say that nothing is missing."""
        return "nothing"
