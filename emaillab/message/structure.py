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

from .defects import Defect, Span
from .fields import BLANK_LINE, HEADER_BEGINS, mbox_line_end, unended_header
from .part import CONTENT_TYPE, IDENTITY_ENCODINGS, KNOWN_ENCODINGS, Part

MAX_DEPTH = 256
MAX_PARTS = 100_000

EMBEDDED_TYPES = frozenset(("message/rfc822", "message/global"))

_MAY_CONTAIN = re.compile(rb"[ \t\r\n]*(?:multipart|message|\()", re.IGNORECASE)
# The two common spellings, which need no reading of parameters.
_PLAIN_CONTAINER = re.compile(
    rb"[ \t]*(?:(message/(?:rfc822|global))[ \t]*(?:;|\r?\n)"
    rb"|(multipart/[a-z-]+);(?:\r?\n)?[ \t]*boundary=(?:\"([!#-\[\]-~]+)\"|([0-9a-z'+_.-]+))[ \t]*\r?\n(?![ \t]))",
    re.IGNORECASE,
)
_BLANK_LINE_OR_DASHES = re.compile(rb"\n(?:\r?\n|--)")
_LF = 0x0A
_MOST_NOTES = 100


@dataclass(slots=True, eq=False)
class _Multipart:
    """A multipart whose end has not been met yet."""

    part: Part
    depth: int
    delimiter: bytes
    closing: set[bytes]
    default_type: str
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
        if self.after > at or (self.found is not None and at > self.found.start()):
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
        # The parts whose end has not been met, from the message inwards, and those of them that are multiparts.
        self.open: list[Part] = []
        self.multiparts: list[_Multipart] = []
        # What a delimiter line says, blanks at its end left out: which part it belongs to, and whether it closes it.
        self.lines: dict[bytes, tuple[_Multipart, bool]] = {}

    def build(self) -> Part:
        """Find all parts. Returns: the message itself."""
        root = Part(self.raw, None, 1, 0, "text/plain")
        at = self.begin(root, mbox=True)
        while self.lines:
            line_start, next_line, owner, closing = self.next_delimiter(at)
            if owner is None:
                break
            # The line break before a delimiter belongs to it (RFC 2046 §5.1.1).
            start = line_start - (2 if self.raw.startswith(b"\r", line_start - 2) else 1)
            self.end_all(owner.depth + 1, start)
            if closing:
                self.add_delimiter(owner, start, next_line)
                owner.closed = True
                self.forget(owner)
                at = next_line
            elif self.parts >= self.max_parts:
                owner.rest = start
                break
            else:
                self.add_delimiter(owner, start, next_line)
                child = Part(self.raw, owner.part, len(owner.children) + 1, next_line, owner.default_type)
                owner.children.append(child)
                at = self.begin(child)
        self.end_all(0, len(self.raw))
        return root

    def next_delimiter(self, at: int) -> tuple[int, int, _Multipart | None, bool]:
        """Find the next delimiter line of any open multipart, from the line that begins at `at`.

        Returns: where the line and the next one begin, whose delimiter it is (None at the end), whether it closes.
        """
        raw, lines = self.raw, self.lines
        # A single octet is found ten times as fast as three, and base64 has no dash: leap over it.
        dash = raw.find(b"-", at)
        dashes = raw.find(b"\n--", max(dash - 1, 0)) if dash >= 0 else -1
        while dashes >= 0:
            line_end = raw.find(b"\n", dashes + 3)
            if line_end < 0:
                line_end = len(raw)
            text = self.line_text(dashes + 1, line_end)
            found = lines.get(text)
            if found is not None:
                return dashes + 1, min(line_end + 1, len(raw)), *found
            self.note_look_alike(text, dashes + 1)
            dashes = raw.find(b"\n--", line_end)
        return len(raw), len(raw), None, False

    def line_text(self, start: int, end: int) -> bytes:
        """Give a line without its line end and the blanks before that, the "transport padding" of RFC 2046 §5.1.1."""
        return self.raw[start:end].removesuffix(b"\r").rstrip(b" \t")

    def note_look_alike(self, text: bytes, at: int) -> None:
        """Record a line that begins like the innermost delimiter but is longer."""
        inner = self.multiparts[-1]
        if not inner.closed and inner.notes < _MOST_NOTES and text.startswith(inner.delimiter):
            inner.notes += 1
            _add(inner.part, "delimiter-look-alike", at, "2046 §5.1.1", "no delimiter; kept as text")

    # --- beginnings ---

    def begin(self, part: Part, mbox: bool = False) -> int:
        """Begin a part, and the message in it, and so on. Returns: where the last one's body starts."""
        while True:
            self.parts += 1
            self.open.append(part)
            start = mbox_line_end(self.raw, part._start) if mbox else part._start
            body, missing = self.find_body(start)
            part._header_start, part._body_start = start, body
            if missing is not None:
                _add(part, "missing-blank-line", missing, "5322 §2.1", "the body begins here")
            if not self.holds_message(part):
                return body
            part.children = (Part(self.raw, part, 1, body, "text/plain"),)
            part = part.children[0]
            mbox = True

    def find_body(self, start: int) -> tuple[int, int | None]:
        """Find where the body of the part that begins at `start` starts, before the next delimiter at the latest.

        Returns: the offset, and where an empty line is missing, or None; as `fields.header_extent`.
        """
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
            end = match.end()
            if self.raw[end - 1] == _LF:
                return end, len(self.raw)
            line_end = self.raw.find(b"\n", end)
            if self.line_text(end - 2, len(self.raw) if line_end < 0 else line_end) in self.lines:
                return None, end - 2
            match = self.blank_lines_or_dashes.next(end)
        return None, len(self.raw)

    def holds_message(self, part: Part) -> bool:
        """Look whether a part contains others, and enter a multipart's delimiters in the table.

        Returns: whether the part holds an embedded message, which begins at once.
        """
        kind, boundary = self.container_type(part)
        multipart = kind.startswith("multipart/")
        if not multipart and kind not in EMBEDDED_TYPES:
            return False
        if part.encoding not in (KNOWN_ENCODINGS if multipart else IDENTITY_ENCODINGS):
            return False
        if len(self.open) >= self.max_depth or self.parts >= self.max_parts:
            what = "nesting-too-deep" if len(self.open) >= self.max_depth else "too-many-parts"
            _add(part, what, part._body_start, "none; a limit for safety", "its content is not taken apart")
            return False
        if multipart:
            self.remember(part, boundary, "message/rfc822" if kind == "multipart/digest" else "text/plain")
        return not multipart

    def container_type(self, part: Part) -> tuple[str, bytes]:
        """Give a part's declared type and boundary; no type when it cannot contain other parts."""
        at = CONTENT_TYPE.find(self.raw, part._header_start, part._body_start)
        if at < 0:
            return part.default_type, b""
        if not _MAY_CONTAIN.match(self.raw, at, part._body_start):
            return "", b""
        plain = _PLAIN_CONTAINER.match(self.raw, at, part._body_start)
        if plain:
            return (plain[1] or plain[2]).decode("ascii").lower(), plain[3] or plain[4] or b""
        return part.declared_type, self.boundary_octets(part)

    def remember(self, part: Part, boundary: bytes, default_type: str) -> None:
        """Enter a multipart's delimiter and close delimiter in the table; an outer part's equal line stays its own."""
        # QUIRK: a boundary must not end in a space; where one does, delimiters lose it and close delimiters may not.
        delimiter = b"--" + boundary.rstrip(b" ")
        if delimiter != b"--":
            closing = {delimiter + b"--", b"--" + boundary + b"--"}
            item = _Multipart(part, len(self.open) - 1, delimiter, closing, default_type)
            self.multiparts.append(item)
            part.preamble_span = part.body_span
            self.lines.setdefault(delimiter, (item, False))
            for line in closing:
                self.lines.setdefault(line, (item, True))

    def boundary_octets(self, part: Part) -> bytes:
        """Give a boundary as it stands in the header, where characters beyond ASCII are UTF-8 or latin-1 (QUIRK)."""
        text = part.params.get("boundary", "")
        octets = text.encode()
        if octets.isascii() or self.raw.find(octets, *part.header_span) >= 0:
            return octets
        return text.encode("latin-1", "replace")

    # --- ends ---

    def add_delimiter(self, owner: _Multipart, start: int, end: int) -> None:
        """Give a multipart its next delimiter; the first one ends the preamble."""
        if owner.delimiters:
            self.trim_last_delimiter(owner, start)
        else:
            body = owner.part._body_start
            start = max(start, body)
            owner.part.preamble_span = (body, start)
        owner.delimiters.append((start, end))

    def trim_last_delimiter(self, owner: _Multipart, end: int) -> None:
        """Leave a line break between two delimiter lines to the second."""
        if owner.delimiters and owner.delimiters[-1][1] > end:
            owner.delimiters[-1] = (owner.delimiters[-1][0], end)

    def end_all(self, depth: int, end: int) -> None:
        """End all open parts from `depth` on, the innermost first."""
        while len(self.open) > depth:
            part = self.open.pop()
            part._end = end
            if part._body_start > end:  # its blank line, or more, belongs to the delimiter
                part._start, part._header_start = min(part._start, end), min(part._header_start, end)
                part._body_start = end
            if part._found:
                part._found = [replace(defect, at=min(defect.at, end)) for defect in part._found]
            if part.preamble_span is not None:
                self.end_multipart(self.multiparts.pop(), end)

    def end_multipart(self, item: _Multipart, end: int) -> None:
        """Give a multipart its parts and its epilogue, and tell what is missing."""
        part = item.part
        self.forget(item)
        self.trim_last_delimiter(item, end)
        part.children = tuple(item.children)
        part.delimiter_spans = tuple(item.delimiters)
        if not item.delimiters:
            part.preamble_span = part.body_span
        if item.rest is not None:
            part.epilogue_span = (item.rest, end)
            _add(part, "too-many-parts", item.rest, "none; a limit for safety", "the rest is kept as epilogue")
        elif not item.delimiters:
            _add(part, "start-delimiter-missing", part._body_start, "2046 §5.1.1", "all is preamble; no parts")
        elif item.closed:
            part.epilogue_span = (item.delimiters[-1][1], end)
            if not item.children:
                _add(part, "multipart-without-parts", item.delimiters[-1][0], "2046 §5.1.1", "no parts")
        else:
            _add(part, "close-delimiter-missing", end, "2046 §5.1.2", "the last part ends here")

    def forget(self, item: _Multipart) -> None:
        """Take a multipart's lines out of the table."""
        for line in (item.delimiter, *item.closing):
            if line in self.lines and self.lines[line][0] is item:
                del self.lines[line]


def _add(part: Part, kind: str, at: int, rfc: str, done: str) -> None:
    if part._found is None:
        part._found = []
    part._found.append(Defect(kind, at, rfc, done))
