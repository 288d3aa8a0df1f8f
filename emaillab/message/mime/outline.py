"""Where does one part of a message stand, and what did its header show at a glance?

The record that `structure` writes while it searches: offsets into the message, and nothing decoded. An `Entity` is one
that can also be read.

>>> text = Outline(b"", None, 1, 52, "text/plain")
>>> text.body_start, text.end = 54, 60
>>> text.span, text.header_span, text.body_span, text.is_multipart
((52, 60), (52, 54), (54, 60), False)
"""

from __future__ import annotations

from typing import Self, TypeVar

from emaillab.message.octets.defects import Defect, Span


class Outline:
    """The outline of one part, the message itself included, and of those in it.

    An offset of -1 says that there is no such thing: no preamble but in a multipart, no field of this name.
    """

    __slots__ = (
        "raw",
        "parent",
        "children",
        "index",
        "default_type",
        "start",
        "header_start",
        "body_start",
        "end",
        "preamble_end",
        "epilogue_start",
        "type_at",
        "encoding_at",
        "type_seen",
        "encoding_seen",
        "misplaced",
    )

    raw: bytes
    """The whole message, the same object for all its parts."""
    parent: Self | None
    children: tuple[Self, ...]
    index: int
    """Counted from 1 among the children of the parent."""
    default_type: str
    """What the content is when no Content-Type says it: message/rfc822 in a digest, else text/plain."""
    type_at: int
    """Where the value of Content-Type begins."""
    encoding_at: int
    """Where the value of Content-Transfer-Encoding begins."""
    type_seen: str | None
    """The type in lower case, declared or by default; None until it has been read."""
    encoding_seen: str | None
    """The encoding in lower case; None until it has been read."""
    misplaced: list[Defect] | None
    """What is wrong with how the part stands."""

    def __init__(self, raw: bytes, parent: Self | None, index: int, start: int, default_type: str) -> None:
        self.raw = raw
        self.parent = parent
        self.children = ()
        self.index = index
        self.default_type = default_type
        self.start = self.header_start = self.body_start = self.end = start
        self.preamble_end = self.epilogue_start = self.type_at = self.encoding_at = -1
        self.type_seen = self.encoding_seen = self.misplaced = None

    @property
    def is_multipart(self) -> bool:
        """Tell whether the part is a multipart that was taken apart."""
        return self.preamble_end >= 0

    @property
    def span(self) -> Span:
        """Tell where the part stands, from its header to the end of its body."""
        return self.start, self.end

    @property
    def header_span(self) -> Span:
        """Tell where the header stands: from its first field to where the body starts, blank line included."""
        return self.header_start, self.body_start

    @property
    def body_span(self) -> Span:
        """Tell where the body stands; the line break before a delimiter is not part of it."""
        return self.body_start, self.end

    @property
    def preamble_span(self) -> Span | None:
        """Tell what stands before a multipart's first delimiter; None in other parts."""
        return (self.body_start, self.preamble_end) if self.preamble_end >= 0 else None

    @property
    def delimiter_spans(self) -> tuple[Span, ...]:
        """Tell where a multipart's delimiter lines stand, the close delimiter last where there is one."""
        spans, at = [], self.preamble_end
        for child in self.children if at >= 0 else ():
            spans.append((at, child.start))
            at = child.end
        if self.epilogue_start > at >= 0:
            spans.append((at, self.epilogue_start))
        return tuple(spans)

    @property
    def epilogue_span(self) -> Span | None:
        """Tell what stands after a multipart's close delimiter; None where that is missing."""
        return (self.epilogue_start, self.end) if self.epilogue_start >= 0 else None

    def note(self, kind: str, at: int, rfc: str, done: str) -> None:
        """Change the outline: record a defect in how the part stands."""
        if self.misplaced is None:
            self.misplaced = []
        self.misplaced.append(Defect(kind, at, rfc, done))


AnyOutline = TypeVar("AnyOutline", bound=Outline)
"""An outline, an entity, or a part: all in one tree are of one kind."""
