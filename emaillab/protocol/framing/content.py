"""Where does the content after SMTP's DATA end? At the line that is a dot alone.

>>> from emaillab.protocol.framing.framer import Buffer
>>> buffer, content = Buffer(), ContentFramer(1000)
>>> buffer.feed(b"Subject: hi\\r\\n\\r\\n..\\r\\n."); content.take(buffer), content.missing(buffer)
(None, "CRLF '.' CRLF after 20 octets of content")
>>> buffer.feed(b"\\r\\nQUIT\\r\\n"); content.take(buffer), buffer.take(4)
(b'Subject: hi\\r\\n\\r\\n.\\r\\n', b'QUIT')
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.protocol.framing.dots import DOT, END_OF_CONTENT, unstuff
from emaillab.protocol.framing.framer import Buffer, FramingError
from emaillab.protocol.framing.lines import CRLF, LF, bare_line_end


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
