"""Where does each part of a message begin and end?

One pass over the lines that begin with "--", whatever the nesting: a table tells at once which open multipart a line
belongs to. The octets of leaves are searched, never copied, and nothing is decoded.

>>> raw = b"Content-Type: multipart/mixed; boundary=b\\r\\n\\r\\n--b\\r\\n\\r\\nA\\r\\n--b--\\r\\n"
>>> root = Builder(raw).build()
>>> root.children[0].body_span, root.delimiter_spans
((52, 53), ((45, 50), (53, 62)))
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from .checks import boundary_problem
from .defects import Defect, Span
from .fields import BLANK_LINE, HEADER_BEGINS, mbox_line_end, unended_header
from .part import CONTENT_TYPE, IDENTITY_ENCODINGS, KNOWN_ENCODINGS, Part

MAX_DEPTH = 256
MAX_PARTS = 100_000

EMBEDDED_TYPES = frozenset(("message/rfc822", "message/global"))

_MAY_CONTAIN = re.compile(rb"[ \t\r\n]*(?:multipart|message|\()", re.IGNORECASE)
_BLANK_LINE_OR_DASHES = re.compile(rb"\n(?:\r?\n|--)")
_LF = 0x0A
_MOST_NOTES = 100


@dataclass(slots=True, eq=False)
class _Open:
    """A part whose end has not been met yet."""

    part: Part
    depth: int
    boundary: bytes = b""
    delimiters: list[Span] = field(default_factory=list)
    children: list[Part] = field(default_factory=list)
    closed: bool = False
    rest: int | None = None
    notes: int = 0


class _Search:
    """Searches forward for a pattern, and asks for no stretch twice."""

    def __init__(self, pattern: re.Pattern[bytes], raw: bytes) -> None:
        self.pattern, self.raw = pattern, raw
        self.after = len(raw) + 1
        self.found: re.Match[bytes] | None = None

    def next(self, at: int) -> re.Match[bytes] | None:
        """Find the first match at or after `at`."""
        if not (self.after <= at and (self.found is None or at <= self.found.start())):
            self.after, self.found = at, self.pattern.search(self.raw, at)
        return self.found


class Builder:
    """Builds the tree of parts of one message."""

    def __init__(self, raw: bytes, max_depth: int = MAX_DEPTH, max_parts: int = MAX_PARTS) -> None:
        self.raw = raw
        self.max_depth = max_depth
        self.max_parts = max_parts
        self.parts = 0
        self.blank_lines = _Search(BLANK_LINE, raw)
        self.blank_lines_or_dashes = _Search(_BLANK_LINE_OR_DASHES, raw)
        self.open: list[_Open] = []
        # What a delimiter line says, blanks at its end left out: which part it belongs to, and whether it closes it.
        self.lines: dict[bytes, tuple[_Open, bool]] = {}

    def build(self) -> Part:
        """Find all parts. Returns: the message itself."""
        root = Part(self.raw, None, 1, 0, "text/plain")
        at = self.begin(root, mbox=True)
        while self.lines:
            line_start, next_line, owner, closing = self.next_delimiter(at)
            if owner is None:
                break
            start = self.line_break_before(line_start)
            self.end_all(owner.depth + 1, start)
            if self.parts >= self.max_parts and not closing:
                self.give_up(owner, start)
                break
            self.add_delimiter(owner, start, next_line)
            if closing:
                owner.closed = True
                self.forget(owner)
                at = next_line
            else:
                at = self.begin_child(owner, next_line)
        self.end_all(0, len(self.raw))
        return root

    def next_delimiter(self, at: int) -> tuple[int, int, _Open | None, bool]:
        """Find the next delimiter line of any open multipart, from the line that begins at `at`.

        Returns: where the line and the next one begin, whose delimiter it is (None at the end), whether it closes.
        """
        raw, lines = self.raw, self.lines
        dashes = raw.find(b"\n--", max(at - 1, 0))
        while dashes >= 0:
            line_end = raw.find(b"\n", dashes + 3)
            line_end = len(raw) if line_end < 0 else line_end
            text = self.line_text(dashes + 1, line_end)
            found = lines.get(text)
            if found is not None:
                return dashes + 1, min(line_end + 1, len(raw)), *found
            self.note_look_alike(text, dashes + 1)
            dashes = raw.find(b"\n--", line_end)
        return len(raw), len(raw), None, False

    def line_text(self, start: int, end: int) -> bytes:
        """Give a line without its line end and the blanks before that, the "transport padding" of RFC 2046 §5.1.1."""
        text = self.raw[start:end]
        return (text[:-1] if text.endswith(b"\r") else text).rstrip(b" \t")

    def note_look_alike(self, text: bytes, at: int) -> None:
        """Record a line that begins like the innermost delimiter but is longer."""
        for item in reversed(self.open):
            if item.boundary and not item.closed:
                if item.notes < _MOST_NOTES and text.startswith(b"--" + item.boundary):
                    item.notes += 1
                    _add(item.part, "delimiter-look-alike", at, "2046 §5.1.1", "no delimiter; kept as text")
                return

    def line_break_before(self, line_start: int) -> int:
        """Find where the line break before a line begins: it belongs to the delimiter (RFC 2046 §5.1.1)."""
        return line_start - (2 if self.raw[line_start - 2 : line_start - 1] == b"\r" else 1)

    # --- beginnings ---

    def begin_child(self, owner: _Open, start: int) -> int:
        """Begin the next part of a multipart. Returns: where the search for delimiters goes on."""
        digest = owner.part.declared_type == "multipart/digest"
        default = "message/rfc822" if digest else "text/plain"
        child = Part(self.raw, owner.part, len(owner.children) + 1, start, default)
        owner.children.append(child)
        return self.begin(child)

    def begin(self, part: Part, mbox: bool = False) -> int:
        """Begin a part, and the message in it, and so on. Returns: where the last one's body starts."""
        while True:
            self.parts += 1
            start = mbox_line_end(self.raw, part._start) if mbox else part._start
            body, missing = self.find_body(start)
            part._header_start, part._body_start = min(start, body), body
            item = _Open(part, len(self.open))
            self.open.append(item)
            if missing is not None:
                _add(part, "missing-blank-line", missing, "5322 §2.1", "the body begins here")
            if not self.opens(item):
                return body
            part = Part(self.raw, part, 1, body, "text/plain")
            item.children.append(part)
            mbox = True

    def find_body(self, start: int) -> tuple[int, int | None]:
        """Find where the body of the part that begins at `start` starts, before the next delimiter at the latest."""
        blank, limit = self.find_blank_line(start)
        begins = HEADER_BEGINS.match(self.raw, start, limit)
        if begins is None:
            return start, (start if start < limit else None)
        if self.raw[begins.end() - 1] == _LF:
            return begins.end(), None
        return (blank, None) if blank is not None else unended_header(self.raw, start, limit)

    def find_blank_line(self, start: int) -> tuple[int | None, int]:
        """Find the end of the next empty line, None when a delimiter or the end comes first; and that limit."""
        if not self.lines:
            match = self.blank_lines.next(start)
            return (match.end() if match else None), len(self.raw)
        # The line break before `start` counts: a delimiter may stand there at once.
        match = self.blank_lines_or_dashes.next(start - 1)
        while match:
            if self.raw[match.end() - 1] == _LF:
                return match.end(), len(self.raw)
            line_end = self.raw.find(b"\n", match.end())
            if self.line_text(match.start() + 1, len(self.raw) if line_end < 0 else line_end) in self.lines:
                return None, match.start() + 1
            match = self.blank_lines_or_dashes.next(match.end())
        return None, len(self.raw)

    def opens(self, item: _Open) -> bool:
        """Look whether a part contains others; a multipart's delimiters are remembered.

        Returns: whether the part holds an embedded message, which begins at once.
        """
        part = item.part
        at = CONTENT_TYPE.find(self.raw, *part.header_span)
        if at >= 0 and not _MAY_CONTAIN.match(self.raw, at, part._body_start):
            return False
        kind, encoding = part.declared_type, part.encoding
        if not kind.startswith("multipart/") and kind not in EMBEDDED_TYPES:
            return False
        if encoding not in (KNOWN_ENCODINGS if kind.startswith("multipart/") else IDENTITY_ENCODINGS):
            return False
        if len(self.open) >= self.max_depth or self.parts >= self.max_parts:
            what = "nesting-too-deep" if len(self.open) >= self.max_depth else "too-many-parts"
            _add(part, what, part._body_start, "none; a limit for safety", "its content is not taken apart")
            return False
        if kind in EMBEDDED_TYPES:
            return True
        self.remember(item)
        return False

    def remember(self, item: _Open) -> None:
        """Enter a multipart's delimiter and close delimiter in the table; an outer part's equal line stays its own."""
        part = item.part
        written = part.params.get("boundary", "")
        at = max(CONTENT_TYPE.find(self.raw, *part.header_span), 0)
        boundary = self.boundary_octets(written.rstrip(" "), part)
        if not boundary:
            _add(part, "boundary-missing", at, "2046 §5.1.1", "its content is not taken apart")
            return
        problem = boundary_problem(written)
        if problem:
            _add(part, problem[0], at, "2046 §5.1.1", problem[1])
        self.compare_with_outer(part, boundary, at)
        item.boundary = boundary
        part.preamble_span = part.body_span
        self.lines.setdefault(b"--" + boundary, (item, False))
        self.lines.setdefault(b"--" + boundary + b"--", (item, True))

    def boundary_octets(self, text: str, part: Part) -> bytes:
        """Give a boundary as it stands in the header, where characters beyond ASCII are UTF-8 or latin-1 (QUIRK)."""
        octets = text.encode()
        if octets.isascii() or self.raw.find(octets, *part.header_span) >= 0:
            return octets
        return text.encode("latin-1", "replace")

    def compare_with_outer(self, part: Part, boundary: bytes, at: int) -> None:
        """Record an outer part's boundary that is equal to this one, or begins like it."""
        for outer in self.open:
            if outer.boundary == boundary and not outer.closed:
                _add(part, "boundary-equals-outer", at, "2046 §5.1", "each delimiter counts for the outer part")
            elif outer.boundary and (outer.boundary.startswith(boundary) or boundary.startswith(outer.boundary)):
                _add(part, "boundary-prefix-of-another", at, "2046 §5.1.2", "only whole lines count as delimiters")

    # --- ends ---

    def add_delimiter(self, owner: _Open, start: int, end: int) -> None:
        """Give a multipart its next delimiter; the first one ends the preamble."""
        part = owner.part
        if not owner.delimiters:
            start = max(start, part._body_start)
            part.preamble_span = (part._body_start, start)
        self.trim_last_delimiter(owner, start)
        owner.delimiters.append((start, end))

    def trim_last_delimiter(self, owner: _Open, end: int) -> None:
        """Leave a line break between two delimiter lines to the second."""
        if owner.delimiters and owner.delimiters[-1][1] > end:
            owner.delimiters[-1] = (owner.delimiters[-1][0], end)

    def give_up(self, owner: _Open, start: int) -> None:
        """Stop at the limit of parts: the rest of the multipart is kept as its epilogue."""
        _add(owner.part, "too-many-parts", start, "none; a limit for safety", "the rest is kept as epilogue")
        owner.rest = start

    def end_all(self, depth: int, end: int) -> None:
        """End all open parts from `depth` on, the innermost first."""
        while len(self.open) > depth:
            self.end(self.open.pop(), end)

    def end(self, item: _Open, end: int) -> None:
        """End a part; of a multipart, tell the spans of its epilogue and what is missing."""
        part = item.part
        part._start, part._header_start = min(part._start, end), min(part._header_start, end)
        part._body_start, part._end = min(part._body_start, end), end
        part.children = tuple(item.children)
        if part._found:
            part._found = [replace(defect, at=min(defect.at, end)) for defect in part._found]
        if part.preamble_span is None:
            return
        self.forget(item)
        self.trim_last_delimiter(item, end)
        part.delimiter_spans = tuple(item.delimiters)
        if item.rest is not None:
            part.epilogue_span = (item.rest, end)
        elif not item.delimiters:
            part.preamble_span = part.body_span
            _add(part, "start-delimiter-missing", part._body_start, "2046 §5.1.1", "all is preamble; no parts")
        elif item.closed:
            part.epilogue_span = (item.delimiters[-1][1], end)
            if not item.children:
                _add(part, "multipart-without-parts", item.delimiters[-1][0], "2046 §5.1.1", "no parts")
        else:
            _add(part, "close-delimiter-missing", end, "2046 §5.1.2", "the last part ends here")

    def forget(self, item: _Open) -> None:
        """Take a multipart's lines out of the table."""
        for line in (b"--" + item.boundary, b"--" + item.boundary + b"--"):
            if line in self.lines and self.lines[line][0] is item:
                del self.lines[line]


def _add(part: Part, kind: str, at: int, rfc: str, done: str) -> None:
    if part._found is None:
        part._found = []
    part._found.append(Defect(kind, at, rfc, done))
