"""What is one part of a message: its octets, its header, its content, its place in the tree?

>>> from emaillab.message.dissect import dissect
>>> part = dissect(b"Content-Type: text/plain; charset=gb2312\\r\\n\\r\\n\\xc4\\xe3\\xba\\xc3\\r\\n")
>>> part.content_type, part.encoding, part.text, part.body_span
('text/plain', '7bit', '你好\\r\\n', (44, 50))
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import checks, sections
from .charsets import TextDecoding, decode_text
from .defects import Defect, Span, limited
from .encodings import decode_base64, decode_quoted_printable
from .fields import Header
from .filenames import safe_name
from .parameters import Parameters, parse_parameters
from .tokens import strip_comments
from .words import decode_words

IDENTITY_ENCODINGS = frozenset(("7bit", "8bit", "binary"))
KNOWN_ENCODINGS = IDENTITY_ENCODINGS | {"base64", "quoted-printable"}

# token "/" token     RFC 2045 §5.1
_TYPE = re.compile(r"[^\s()<>@,;:\\\"/\[\]?=]+/[^\s()<>@,;:\\\"/\[\]?=]+\Z")
_VALUE = re.compile(rb"[^\n]*+(?:\n[ \t][^\n]*+)*+")


class FieldFinder:
    """Finds the first field of one name in a header block, without a scan of all fields."""

    def __init__(self, name: str) -> None:
        # `\n` stands first, outside the part that ignores case, so that `re` leaps from line to line.
        field = rb"(?i:%s)[ \t]*:" % name.encode("ascii")
        self._first, self._later = re.compile(field), re.compile(rb"\n" + field)

    def find(self, raw: bytes, start: int, end: int) -> int:
        """Find where the field's value begins; -1 when the block has no such field."""
        match = self._first.match(raw, start, end) or self._later.search(raw, start, end)
        return match.end() if match else -1

    def value(self, raw: bytes, start: int, end: int) -> tuple[bytes, int]:
        """Give the field's folded value and its offset; empty when the block has no such field."""
        at = self.find(raw, start, end)
        match = _VALUE.match(raw, at, end) if at >= 0 else None
        return (match[0], at) if match else (b"", start)


CONTENT_TYPE = FieldFinder("content-type")
TRANSFER_ENCODING = FieldFinder("content-transfer-encoding")
DISPOSITION = FieldFinder("content-disposition")


class Part:
    """One part of a message, the message itself included: a view onto its octets, read only.

    Nothing is decoded, and no field read, before it is asked for.
    """

    __slots__ = (
        "raw",
        "parent",
        "children",
        "delimiter_spans",
        "preamble_span",
        "epilogue_span",
        "default_type",
        "_index",
        "_start",
        "_header_start",
        "_body_start",
        "_end",
        "_found",
        "_header",
        "_content",
    )

    raw: bytes
    """The whole message, the same object for all its parts."""
    parent: Part | None
    children: tuple[Part, ...]
    delimiter_spans: tuple[Span, ...]
    """The delimiter lines of a multipart, the close delimiter last where there is one."""
    preamble_span: Span | None
    """What stands before a multipart's first delimiter; None in other parts."""
    epilogue_span: Span | None
    """What stands after a multipart's close delimiter; None where that is missing."""
    default_type: str
    """What the content is when no Content-Type says it: message/rfc822 in a digest, else text/plain."""

    def __init__(self, raw: bytes, parent: Part | None, index: int, start: int, default_type: str) -> None:
        self.raw = raw
        self.parent = parent
        self.children = ()
        self.delimiter_spans = ()
        self.preamble_span = self.epilogue_span = None
        self.default_type = default_type
        self._index = index
        self._start = self._header_start = self._body_start = self._end = start
        self._found: list[Defect] | None = None
        self._header: Header | None = None
        self._content: Parameters | None = None

    # --- where it is ---

    @property
    def span(self) -> Span:
        """Tell where the part stands, from its header to the end of its body."""
        return self._start, self._end

    @property
    def header_span(self) -> Span:
        """Tell where the header stands: from its first field to where the body starts, blank line included."""
        return self._header_start, self._body_start

    @property
    def body_span(self) -> Span:
        """Tell where the body stands; the line break before a delimiter is not part of it."""
        return self._body_start, self._end

    @property
    def number(self) -> str:
        """Tell the IMAP section number: "" for the message, "2.1" for a part.

        An embedded message that is a multipart has no number of its own; it is named after its body, "2.TEXT".

        Source: RFC 9051 §6.4.5.1.
        """
        return sections.number(self)

    @property
    def header(self) -> Header:
        """Give the header's fields."""
        if self._header is None:
            self._header = Header(self.raw, self.header_span)
        return self._header

    # --- what it is ---

    @property
    def content(self) -> Parameters:
        """Give the Content-Type as it was written, with its parameters and what was wrong with them."""
        if self._content is None:
            self._content = parse_parameters(*CONTENT_TYPE.value(self.raw, *self.header_span))
        return self._content

    @property
    def declared_type(self) -> str:
        """Give the type declared, or the default when none is or it cannot be read. Source: RFC 2045 §5.2."""
        written = self.content.value.lower()
        if _TYPE.match(written):
            return written
        return "text/plain" if written else self.default_type

    @property
    def content_type(self) -> str:
        """Give the type to act by: the declared one, but application/octet-stream for an unknown encoding.

        Source: RFC 2045 §5.2, §6.4.
        """
        return self.declared_type if self.encoding in KNOWN_ENCODINGS else "application/octet-stream"

    @property
    def params(self) -> dict[str, str]:
        """Give the parameters of Content-Type by lower-case name."""
        return self.content.params

    @property
    def charset(self) -> str | None:
        """Give the declared charset in lower case; us-ascii for a text that declares none, else None."""
        declared = self.params.get("charset", "").strip().lower()
        return declared or ("us-ascii" if self.content_type.startswith("text/") else None)

    @property
    def encoding(self) -> str:
        """Give the Content-Transfer-Encoding in lower case, "7bit" when there is none. Source: RFC 2045 §6.1."""
        value, _ = TRANSFER_ENCODING.value(self.raw, self._header_start, self._body_start)
        if not value:
            return "7bit"
        value = strip_comments(value)
        words = value.decode("latin-1").lower().replace(";", " ").split()
        return words[0] if words else "7bit"

    @property
    def disposition(self) -> str | None:
        """Give "inline", "attachment" or another disposition; None when none is declared. Source: RFC 2183."""
        return self._disposition().value.lower() or None

    @property
    def filename(self) -> str | None:
        """Give a safe name to save the part under, None when the sender suggests none. Source: RFC 2183 §2.3."""
        name = self.declared_filename
        return None if name is None else safe_name(name)

    @property
    def declared_filename(self) -> str | None:
        """Give the file name as the sender wrote it, decoded: of Content-Disposition, else of Content-Type."""
        name = self._disposition().params.get("filename") or self.params.get("name")
        # QUIRK: encoded words may not stand in parameters (RFC 2047 §5), yet many mailers put them there.
        return decode_words(name.encode()) if name and "=?" in name else name or None

    def _disposition(self) -> Parameters:
        return parse_parameters(*DISPOSITION.value(self.raw, *self.header_span))

    # --- what it holds ---

    @property
    def decoded(self) -> bytes:
        """Decode the body by its transfer encoding; identity and unknown encodings give the octets as they are."""
        body = self.raw[self._body_start : self._end]
        if self.children or self.preamble_span is not None:
            return body
        encoding = self.encoding
        if encoding == "base64":
            return decode_base64(body)
        return decode_quoted_printable(body) if encoding == "quoted-printable" else body

    @property
    def text(self) -> str:
        """Decode the body to characters by the declared charset or the best guess; see `text_decoding`."""
        return decode_text(self.decoded, self.params.get("charset"))[0]

    @property
    def text_decoding(self) -> TextDecoding:
        """Tell which charset gave `text`, and how it was found."""
        return decode_text(self.decoded, self.params.get("charset"))[1]

    @property
    def defects(self) -> tuple[Defect, ...]:
        """List what is wrong with this part itself, by offset; its children have lists of their own."""
        return limited([*(self._found or ()), *self.header.defects, *checks.content_defects(self)])

    # --- its tree ---

    def walk(self) -> Iterator[Part]:
        """Visit this part and all below it, in the order of their octets."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.children))

    def tiles(self) -> list[tuple[str, Span]]:
        """Cut the part into adjoining pieces: their slices, in order, give all its octets back.

        Returns: (kind, span) pairs; the kinds are "mbox-line", "header", "body", "preamble", "delimiter",
        "close-delimiter" and "epilogue". Empty pieces are left out.
        """
        return [(kind, span) for kind, span, _ in self.tiles_of_parts()]

    def tiles_of_parts(self) -> list[tuple[str, Span, Part]]:
        """Cut the part as `tiles` does, and tell the part that each piece belongs to."""
        found: list[tuple[str, Span, Part]] = []
        waiting: list[Part | tuple[str, Span, Part]] = [self]
        while waiting:
            item = waiting.pop()
            if isinstance(item, Part):
                waiting.extend(reversed(item._pieces()))
            elif item[1][0] < item[1][1]:
                found.append(item)
        return found

    def _pieces(self) -> list[Part | tuple[str, Span, Part]]:
        pieces: list[Part | tuple[str, Span, Part]] = [
            ("mbox-line", (self._start, self._header_start), self),
            ("header", self.header_span, self),
        ]
        if self.preamble_span is None:
            pieces.extend(self.children or [("body", self.body_span, self)])
            return pieces
        pieces.append(("preamble", self.preamble_span, self))
        for at, span in enumerate(self.delimiter_spans):
            pieces.append(("delimiter" if at < len(self.children) else "close-delimiter", span, self))
            pieces.extend(self.children[at : at + 1])
        if self.epilogue_span is not None:
            pieces.append(("epilogue", self.epilogue_span, self))
        return pieces

    def part(self, number: str) -> Part | None:
        """Find the part with an IMAP section number, counted from here; None when there is none."""
        return sections.find_part(self, number)

    def section(self, spec: str) -> bytes | None:
        """Give the octets of IMAP's `BODY[spec]`, counted from here; None when there is no such part.

        Examples of `spec`: "", "HEADER", "TEXT", "1.2", "1.2.MIME", "3.HEADER", "HEADER.FIELDS (From To)".

        Raises: ValueError when `spec` is no section specification.
        Source: RFC 9051 §6.4.5.1.
        """
        return sections.section(self, spec)

    # --- how it shows itself ---

    def __repr__(self) -> str:
        return f"<Part {self.number or 'message'} {self.content_type} span={self.span}>"

    def __str__(self) -> str:
        """Draw the tree below this part, one line a part."""
        lines = []
        waiting = [(self, "", "")]
        while waiting:
            part, lead, below = waiting.pop()
            lines.append(lead + part._line())
            last = len(part.children) - 1
            for at in range(last, -1, -1):
                branch, trunk = ("└── ", "    ") if at == last else ("├── ", "│   ")
                waiting.append((part.children[at], below + branch, below + trunk))
        return "\n".join(lines)

    def _line(self) -> str:
        facts = [self.number or "message", self.content_type, self.encoding, f"{self._end - self._body_start} octets"]
        if not self.children and self.encoding not in IDENTITY_ENCODINGS:
            facts.append(f"{len(self.decoded)} decoded")
        if self.filename is not None:
            facts.append(repr(self.filename))
        kinds = [defect.kind for defect in self.defects]
        if kinds:
            facts.append("! " + ", ".join(dict.fromkeys(kinds)))
        return "  ".join(facts)

    def to_json(self) -> dict[str, Any]:
        """Give the tree as the values that `emaillab dissect --json` prints."""
        nodes: dict[int, dict[str, Any]] = {}
        for part in self.walk():
            nodes[id(part)] = node = part._node()
            if part is not self and part.parent is not None:
                nodes[id(part.parent)]["children"].append(node)
        return nodes[id(self)]

    def _node(self) -> dict[str, Any]:
        from hashlib import sha256

        decoded = self.decoded
        return {
            "type": self.content_type,
            "encoding": self.encoding,
            "header_span": list(self.header_span),
            "body_span": list(self.body_span),
            "decoded_sha256": sha256(decoded).hexdigest(),
            "decoded_size": len(decoded),
            "filename": self.filename,
            "charset": self.charset,
            "defects": [{"kind": defect.kind, "at": defect.at} for defect in self.defects],
            "children": [],
        }
