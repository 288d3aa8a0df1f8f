"""Where does each part of a message begin and end?

One pass, whatever the nesting. In a header only four kinds of line matter: see `_LANDMARK`. In a body only lines that
begin with "--" do, and a table tells at once which open multipart such a line belongs to. Octets are searched, never
copied, and nothing is decoded.

>>> raw = b"Content-Type: multipart/mixed; boundary=b\\r\\n\\r\\n--b\\r\\n\\r\\nA\\r\\n--b--\\r\\n"
>>> from emaillab.message.mime.outline import Outline
>>> root = Builder(raw, Outline).build()
>>> root.children[0].body_span, root.delimiter_spans
((52, 53), ((45, 50), (53, 62)))
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic

from emaillab.message.header.fields import HEADER_BEGINS, LOGICAL_LINE, fields_end, mbox_lines
from emaillab.message.mime.declared import (
    IDENTITY_ENCODINGS,
    KNOWN_ENCODINGS,
    READ_ENCODINGS,
    acting_encoding,
    declared_encoding,
    declared_type,
    read_content,
)
from emaillab.message.mime.outline import AnyOutline
from emaillab.message.octets.patterns import compiled

MAX_DEPTH = 256
MAX_PARTS = 100_000

EMBEDDED_TYPES = frozenset(("message/rfc822", "message/global"))

# A field whose name cannot be Content-Type or Content-Transfer-Encoding, and whose line cannot be a delimiter.
# field := field-name ":" unstructured CRLF     RFC 5322 §2.2
_OTHER_FIELD = (
    rb"(?:(?:[^\x00-\x20\x7f:Cc-]|-(?!-)|[Cc](?!(?i:ontent-t[yr])))"
    rb"[^\x00-\x20\x7f:]*+:[^\n]*+\n(?:[ \t][^\n]*+\n)*+)*+"
)
# A header as nearly all are, down to its empty line: type, boundary (quoted or bare) and encoding stand at once behind
# their colons. No name twice, no comment, no line that is not a field. What is odd is read line by line.
_ORDINARY_HEADER = compiled(
    _OTHER_FIELD + rb"(?:(?i:content-type):[ \t]*+([A-Za-z0-9_.+-]++/[A-Za-z0-9_.+-]++)[ \t]*+(?:"
    rb";(?:\r?\n)?[ \t]*+(?i:boundary)=(?:\"([!#-\[\]-~]++)\"|([A-Za-z0-9_'+.-]++))[ \t]*+\r?\n(?![ \t])"
    rb"|(?:;[^\n]*+|\r?+)\n(?:[ \t][^\n]*+\n)*+))?+"
    + _OTHER_FIELD + rb"(?:(?i:content-transfer-encoding):[ \t]*+([A-Za-z0-9_-]++)[ \t]*+\r?\n(?![ \t]))?+"
    + _OTHER_FIELD + rb"\r?\n"
)  # fmt: skip
# The lines that matter in any header, by the number of their group. The look-ahead lets `re` leave most lines after
# one octet.
_BLANK, _DASHES, _TYPE, _ENCODING = 1, 2, 3, 4
_LINES = rb"(?:(\n|\r\n)|(--)|((?i:content-type)[ \t]*:)|((?i:content-transfer-encoding)[ \t]*:))"
_LANDMARK = re.compile(rb"\n(?=[\n\r\-Cc])" + _LINES)
_FIRST_LANDMARK = re.compile(_LINES)
# Common types and encodings, so that each is spelled out once.
_COMMON = {
    word.encode("ascii"): word
    for word in (
        *("text/plain", "text/html", "multipart/mixed", "multipart/alternative", "message/rfc822"),
        *sorted(KNOWN_ENCODINGS),
    )
}
_NEAR = 512  # octets in which most short parts end
_CR = 0x0D
_MOST_NOTES = 100


@dataclass(slots=True, eq=False)
class _Multipart(Generic[AnyOutline]):
    """A multipart whose end has not been met yet."""

    part: AnyOutline
    depth: int
    delimiter: bytes
    closing: set[bytes]
    default_type: str
    children: list[AnyOutline] = field(default_factory=list)
    closed: bool = False
    crowded: bool = False
    notes: int = 0


class Builder(Generic[AnyOutline]):
    """Builds the tree of parts of one message."""

    def __init__(
        self,
        raw: bytes,
        make: Callable[[bytes, AnyOutline | None, int, int, str], AnyOutline],
        max_depth: int = MAX_DEPTH,
        max_parts: int = MAX_PARTS,
    ) -> None:
        """Arguments: `make` is the class of the parts: `Outline`, or one that adds to it."""
        self.raw = raw
        self.make = make
        self.max_depth = max_depth
        self.max_parts = max_parts
        self.parts = 0
        # No empty line ends a header that begins before this offset; known, so that no stretch is searched twice.
        self.barren_until = 0
        # The parts whose end has not been met, from the message inwards, and those of them that are multiparts.
        self.open: list[AnyOutline] = []
        self.multiparts: list[_Multipart[AnyOutline]] = []
        # What a delimiter line says, blanks at its end left out: which part it belongs to, and whether it closes it.
        self.lines: dict[bytes, tuple[_Multipart[AnyOutline], bool]] = {}

    def build(self) -> AnyOutline:
        """Find all parts. Returns: the message itself."""
        raw, lines = self.raw, self.lines
        root = self.make(raw, None, 1, 0, "text/plain")
        at = self.begin(root, mbox=True)
        while lines:
            line_start = raw.find(b"\n--", at - 1, at + _NEAR) + 1
            if not line_start:
                # A single octet is found ten times as fast as three, and base64 has no dash: leap over it.
                dash = raw.find(b"-", at)
                line_start = raw.find(b"\n--", dash - 1) + 1 if dash >= 0 else 0
                if not line_start:
                    break
            line_end = raw.find(b"\n", line_start)
            next_line = line_end + 1
            if line_end < 0:
                line_end = next_line = len(raw)
            text = raw[line_start:line_end].removesuffix(b"\r").rstrip(b" \t")
            met = lines.get(text)
            if met is not None:
                at = self.meet_delimiter(met[0], met[1], line_start, next_line)
            else:
                self.note_look_alike(text, line_start)
                at = line_end
        self.end_all(0, len(raw))
        return root

    def meet_delimiter(self, owner: _Multipart[AnyOutline], closing: bool, line_start: int, next_line: int) -> int:
        """End what a delimiter line ends, and begin the part that it begins. Returns: where to search on."""
        # The line break before a delimiter belongs to it (RFC 2046 §5.1.1).
        start = line_start - (2 if self.raw[line_start - 2] == _CR else 1)
        part, children = owner.part, owner.children
        if children and start < children[-1].start and owner.notes < _MOST_NOTES:
            owner.notes += 1
            done = "the part before it has nothing, not even a line break"
            part.note("delimiter-without-line-break", line_start, "2046 §5.1.1", done)
        self.end_all(owner.depth + 1, start)
        if not children:
            part.preamble_end = max(start, part.body_start)
        if closing:
            part.epilogue_start = next_line
            owner.closed = True
            self.forget(owner)
            return next_line
        if self.parts >= self.max_parts:
            part.epilogue_start = max(start, part.preamble_end)
            owner.crowded = True
            self.lines.clear()
            return next_line
        child = self.make(self.raw, part, len(children) + 1, next_line, owner.default_type)
        children.append(child)
        return self.begin(child)

    def is_delimiter(self, at: int) -> bool:
        """Tell whether the line that begins at `at` is a delimiter of an open multipart."""
        if not self.raw.startswith(b"--", at):
            return False
        return self.line_at(at) in self.lines

    def line_at(self, at: int) -> bytes:
        """Give the line that begins at `at`, without blanks at its end."""
        line_end = self.raw.find(b"\n", at)
        line = self.raw[at : line_end if line_end >= 0 else len(self.raw)]
        return line.removesuffix(b"\r").rstrip(b" \t")

    def note_look_alike(self, text: bytes, at: int) -> None:
        """Record a line that begins like the innermost delimiter but is longer."""
        inner = self.multiparts[-1]
        if not inner.closed and inner.notes < _MOST_NOTES and text.startswith(inner.delimiter):
            inner.notes += 1
            inner.part.note("delimiter-look-alike", at, "2046 §5.1.1", "no delimiter; kept as text")

    # --- beginnings ---

    def begin(self, part: AnyOutline, mbox: bool = False) -> int:
        """Begin a part, and the message in it, and so on. Returns: where the last one's body starts."""
        while True:
            self.parts += 1
            self.open.append(part)
            start = part.start
            header = _ORDINARY_HEADER.match(self.raw, start) if start >= self.barren_until else None
            boundary = None
            if header:
                boundary = self.read_header(part, header)
            else:
                self.read_odd_header(part, mbox)
            kind = part.type_seen
            if kind is None:
                kind = part.type_seen = declared_type(part)
            if kind[0] != "m" or not self.holds_message(part, kind, boundary):
                return part.body_start
            child = self.make(self.raw, part, 1, part.body_start, "text/plain")
            part.children = (child,)
            part, mbox = child, True

    def read_header(self, part: AnyOutline, header: re.Match[bytes]) -> bytes | None:
        """Take from an ordinary header what says what the part is. Returns: the boundary, where it is seen at once."""
        part.body_start = header.end()
        kind, quoted, bare, encoding = header.groups()
        if kind is not None:
            part.type_at = header.start(1)
            part.type_seen = _COMMON.get(kind) or kind.decode("ascii").lower()
        if encoding is not None:
            part.encoding_at = header.start(4)
            part.encoding_seen = _COMMON.get(encoding) or encoding.decode("ascii").lower()
        return quoted or bare

    def read_odd_header(self, part: AnyOutline, mbox: bool) -> None:
        """Read a header line by line: it has an mbox line, no empty line, lines that are no fields, odd values."""
        raw, start = self.raw, part.header_start
        if start < self.barren_until:
            return self.read_unended_header(part, self.step_over_mbox_lines(part) if mbox else start)
        mark = _LANDMARK.search(raw, start - 1) if start else _FIRST_LANDMARK.match(raw) or _LANDMARK.search(raw)
        no_landmark = mark is None or mark.start() > start or mark.lastindex == _DASHES
        if no_landmark and not HEADER_BEGINS.match(raw, start):
            first = self.step_over_mbox_lines(part) if mbox else start
            if first == start:
                return self.read_unended_header(part, start)
            start = first
            mark = _LANDMARK.search(raw, start - 1)
            no_landmark = mark is None or mark.start() > start or mark.lastindex == _DASHES
            if no_landmark and not HEADER_BEGINS.match(raw, start):
                return self.read_unended_header(part, start)
        stop, is_blank = self.follow_landmarks(part, mark)
        if stop < 0:
            return self.read_unended_header(part, start)
        end = fields_end(raw, start, stop)
        if end < stop or not is_blank:
            self.end_header(part, start, end)
        return None

    def follow_landmarks(self, part: AnyOutline, mark: re.Match[bytes] | None) -> tuple[int, bool]:
        """Go from one line that matters to the next, up to the empty line or the delimiter that the header declares.

        Returns: where that line begins, or -1 when there is none, and whether it is the empty one.
        """
        raw, search = self.raw, _LANDMARK.search
        own: bytes | None = None
        while mark is not None:
            kind, line_start = mark.lastindex, mark.start(mark.lastindex or 0)
            if kind == _BLANK:
                part.body_start = mark.end()
                return line_start, True
            if kind == _DASHES:
                if self.is_delimiter(line_start):
                    break
                if part.type_at >= 0:
                    own = self.own_delimiter(part, line_start) if own is None else own
                    if own and self.line_at(line_start).removesuffix(b"--") == own:
                        self.barren_until = line_start
                        return line_start, False
            elif kind == _TYPE and part.type_at < 0:  # the first of several fields counts
                part.type_at = mark.end()
            elif kind == _ENCODING and part.encoding_at < 0:
                part.encoding_at = mark.end()
            mark = search(raw, mark.end())
        self.barren_until = len(raw) + 1 if mark is None else mark.end() - 2
        return -1, False

    def own_delimiter(self, part: AnyOutline, end: int) -> bytes:
        """Give the delimiter that a header up to `end` declares, empty when it declares no multipart."""
        part.body_start = end
        content = read_content(part)
        boundary = self.boundary_octets(part).rstrip(b" ") if content.value.lower().startswith("multipart/") else b""
        return b"--" + boundary if boundary else b""

    def step_over_mbox_lines(self, part: AnyOutline) -> int:
        """Let the fields begin after the "From " line of an mbox file. Returns: where they begin.

        In an enclosed message such a line has no business: it is part of the header.
        """
        lines = mbox_lines(self.raw, part.start)
        if not lines:
            return part.header_start
        if part.parent is not None:
            part.note("mbox-line-in-message", lines[0][0], "2046 §5.2.1", "stepped over; part of the header")
            return lines[-1][1]
        part.header_start = lines[-1][1]
        for line in lines[1:2]:
            part.note("uucp-from-line", line[0], "976 §2", "stepped over; the header begins after it")
        return part.header_start

    def read_unended_header(self, part: AnyOutline, start: int) -> None:
        """Read a header without an empty line: the body starts at the first line that can be no field and no fold."""
        raw, at = self.raw, start
        while at < len(raw) and HEADER_BEGINS.match(raw, at) and not self.is_delimiter(at):
            line = LOGICAL_LINE.match(raw, at)
            at = line.end() if line else len(raw)
        self.end_header(part, start, at)

    def end_header(self, part: AnyOutline, start: int, end: int) -> None:
        """Let a header end where no empty line ends it, and read again what stands in it up to there."""
        raw = self.raw
        part.body_start = end
        if start < len(raw) and not (end == start and self.is_delimiter(end)):
            part.note("missing-blank-line", end, "5322 §2.1", "the body begins here")
        part.type_at = part.encoding_at = -1
        marks = list(_LANDMARK.finditer(raw, max(start - 1, 0), end))
        if start == 0 and (first := _FIRST_LANDMARK.match(raw, 0, end)):
            marks.insert(0, first)
        for mark in reversed(marks):  # so that the first field of a name counts
            if mark.lastindex == _TYPE:
                part.type_at = mark.end()
            elif mark.lastindex == _ENCODING:
                part.encoding_at = mark.end()

    def holds_message(self, part: AnyOutline, kind: str, boundary: bytes | None) -> bool:
        """Look whether a part contains others, and enter a multipart's delimiters in the table.

        Returns: whether the part holds an embedded message, which begins at once.
        """
        embedded = kind in EMBEDDED_TYPES
        if not embedded and not kind.startswith("multipart/"):
            return False
        if part.encoding_at >= 0:
            encoding = acting_encoding(part.encoding_seen or declared_encoding(part))
            if encoding not in (IDENTITY_ENCODINGS if embedded else READ_ENCODINGS):
                return False
        if len(self.open) >= self.max_depth or self.parts >= self.max_parts:
            what = "nesting-too-deep" if len(self.open) >= self.max_depth else "too-many-parts"
            part.note(what, part.body_start, "none; a limit for safety", "its content is not taken apart")
            return False
        if not embedded:
            default_type = "message/rfc822" if kind == "multipart/digest" else "text/plain"
            self.remember(part, boundary or self.boundary_octets(part), default_type)
        return embedded

    def remember(self, part: AnyOutline, boundary: bytes, default_type: str) -> None:
        """Enter a multipart's delimiter and close delimiter in the table; an outer part's equal line stays its own."""
        delimiter = b"--" + boundary.rstrip(b" ")
        if delimiter == b"--":
            return
        # QUIRK: a boundary must not end in a space; where one does, delimiters lose it and close delimiters may not.
        closing = {delimiter + b"--", b"--" + boundary + b"--"}
        item = _Multipart(part, len(self.open) - 1, delimiter, closing, default_type)
        self.multiparts.append(item)
        part.preamble_end = part.body_start
        self.lines.setdefault(delimiter, (item, False))
        for line in closing:
            self.lines.setdefault(line, (item, True))

    def boundary_octets(self, part: AnyOutline) -> bytes:
        """Give a boundary as it stands in the header, where characters beyond ASCII are UTF-8 or latin-1 (QUIRK)."""
        text = read_content(part).params.get("boundary", "")
        octets = text.encode()
        if octets.isascii() or self.raw.find(octets, *part.header_span) >= 0:
            return octets
        return text.encode("latin-1", "replace")

    # --- ends ---

    def end_all(self, depth: int, end: int) -> None:
        """End all open parts from `depth` on, the innermost first."""
        opened = self.open
        while len(opened) > depth:
            part = opened.pop()
            part.end = end
            if part.body_start > end:  # its blank line, or more, belongs to the delimiter
                part.start, part.header_start = min(part.start, end), min(part.header_start, end)
                part.body_start = end
            if part.misplaced and any(defect.at > end for defect in part.misplaced):
                part.misplaced = [replace(defect, at=min(defect.at, end)) for defect in part.misplaced]
            if part.preamble_end >= 0:
                self.end_multipart(self.multiparts.pop(), end)

    def end_multipart(self, item: _Multipart[AnyOutline], end: int) -> None:
        """Give a multipart its parts, and tell what is missing."""
        part = item.part
        self.forget(item)
        part.children = tuple(item.children)
        part.epilogue_start = min(part.epilogue_start, end)  # a line break may be an outer delimiter's
        if item.crowded:
            at = part.epilogue_start
            part.note("too-many-parts", at, "none; a limit for safety", "the rest is kept as epilogue")
        elif item.children and not item.closed:
            part.note("close-delimiter-missing", end, "2046 §5.1.2", "the last part ends here")
        elif not item.closed:
            part.preamble_end = end
            part.note("start-delimiter-missing", part.body_start, "2046 §5.1.1", "all is preamble; no parts")
        elif not item.children:
            part.note("multipart-without-parts", part.preamble_end, "2046 §5.1.1", "no parts")

    def forget(self, item: _Multipart[AnyOutline]) -> None:
        """Take a multipart's lines out of the table."""
        for line in (item.delimiter, *item.closing):
            if line in self.lines and self.lines[line][0] is item:
                del self.lines[line]
