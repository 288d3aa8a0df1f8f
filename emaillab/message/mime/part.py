"""What is one part of a message: its octets, its header, its content, its place in the tree?

>>> from emaillab.message.mime.dissect import dissect
>>> part = dissect(b"Content-Type: text/plain; charset=gb2312\\r\\n\\r\\n\\xc4\\xe3\\xba\\xc3\\r\\n")
>>> part.content_type, part.encoding, part.text, part.body_span
('text/plain', '7bit', '你好\\r\\n', (44, 50))
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from emaillab.message.header.encoded_words import decode_words
from emaillab.message.header.fields import Header
from emaillab.message.header.parameters import Parameters, parse_parameters
from emaillab.message.header.tokens import strip_comments
from emaillab.message.mime import checks, sections, tiles
from emaillab.message.mime.filenames import safe_name
from emaillab.message.octets.charsets import TextDecoding, decode_text
from emaillab.message.octets.defects import Defect, Span, limited
from emaillab.message.octets.encodings import decode_base64, decode_quoted_printable
from emaillab.message.octets.patterns import compiled

if TYPE_CHECKING:
    from emaillab.message.mime.explain import Explanation

IDENTITY_ENCODINGS = frozenset(("7bit", "8bit", "binary"))
KNOWN_ENCODINGS = IDENTITY_ENCODINGS | {"base64", "quoted-printable"}

# token "/" token     RFC 2045 §5.1
_TYPE = re.compile(r"[^\s()<>@,;:\\\"/\[\]?=]+/[^\s()<>@,;:\\\"/\[\]?=]+\Z")
_FOLDED_VALUE = compiled(rb"[^\n]*+(?:\n[ \t][^\n]*+)*+")
# `\n` stands first, outside the part that ignores case, so that `re` leaps from line to line.
_DISPOSITION = re.compile(rb"\n(?i:content-disposition)[ \t]*:")
_FIRST_DISPOSITION = re.compile(rb"(?i:content-disposition)[ \t]*:")


_NO_DISPOSITION = Parameters("", {}, ())


class _Readings:
    """What has been read of one part, since it was asked for."""

    __slots__ = ("content", "disposition", "header", "number")

    def __init__(self) -> None:
        self.header: Header | None = None
        self.content: Parameters | None = None
        self.disposition: Parameters | None = None
        self.number: str | None = None


class Part:
    """One part of a message, the message itself included: a view onto its octets, read only.

    Nothing is decoded, and no field read, before it is asked for. A message/rfc822 or message/global part has exactly
    one child, the embedded message; the exception is one whose transfer encoding is base64, quoted-printable or
    unknown, or that lies beyond a limit of depth or number: it stays a leaf, and `dissect(part.decoded)` opens it.
    """

    __slots__ = (
        "raw",
        "parent",
        "children",
        "default_type",
        "_index",
        "_start",
        "_header_start",
        "_body_start",
        "_end",
        "_preamble_end",
        "_epilogue_start",
        "_type_at",
        "_encoding_at",
        "_type",
        "_encoding",
        "_found",
        "_readings",
    )

    raw: bytes
    """The whole message, the same object for all its parts."""
    parent: Part | None
    children: tuple[Part, ...]
    default_type: str
    """What the content is when no Content-Type says it: message/rfc822 in a digest, else text/plain."""

    def __init__(self, raw: bytes, parent: Part | None, index: int, start: int, default_type: str) -> None:
        self.raw = raw
        self.parent = parent
        self.children = ()
        self.default_type = default_type
        self._index = index
        self._start = self._header_start = self._body_start = self._end = start
        # -1 says that there is none: no preamble but in a multipart, no such field in the header.
        self._preamble_end = self._epilogue_start = self._type_at = self._encoding_at = -1
        self._type: str | None = None
        self._encoding: str | None = None
        self._found: list[Defect] | None = None
        self._readings: _Readings | None = None

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
    def preamble_span(self) -> Span | None:
        """Tell what stands before a multipart's first delimiter; None in other parts."""
        return (self._body_start, self._preamble_end) if self._preamble_end >= 0 else None

    @property
    def delimiter_spans(self) -> tuple[Span, ...]:
        """Tell where a multipart's delimiter lines stand, the close delimiter last where there is one."""
        spans, at = [], self._preamble_end
        for child in self.children if at >= 0 else ():
            spans.append((at, child._start))
            at = child._end
        if self._epilogue_start > at >= 0:
            spans.append((at, self._epilogue_start))
        return tuple(spans)

    @property
    def epilogue_span(self) -> Span | None:
        """Tell what stands after a multipart's close delimiter; None where that is missing."""
        return (self._epilogue_start, self._end) if self._epilogue_start >= 0 else None

    @property
    def number(self) -> str:
        """Tell the IMAP section number: "" for the message, "2.1" for a part.

        An embedded message that is a multipart has no number of its own; it is named after its body, "2.TEXT".

        Source: RFC 9051 §6.4.5.1.
        """
        read = self._read()
        if read.number is None:
            read.number = sections.number(self)
        return read.number

    @property
    def header(self) -> Header:
        """Give the header's fields."""
        read = self._read()
        if read.header is None:
            read.header = Header(self.raw, self.header_span)
        return read.header

    def _read(self) -> _Readings:
        if self._readings is None:
            self._readings = _Readings()
        return self._readings

    # --- what it is ---

    @property
    def content(self) -> Parameters:
        """Give the Content-Type as it was written, with its parameters and what was wrong with them."""
        read = self._read()
        if read.content is None:
            absent = self._type_at < 0
            read.content = Parameters("", {}, ()) if absent else parse_parameters(*self._value(self._type_at))
        return read.content

    @property
    def declared_type(self) -> str:
        """Give the type declared, or the default when none is or it cannot be read. Source: RFC 2045 §5.2."""
        if self._type is None:
            self._type = self._declared_type()
        return self._type

    def _declared_type(self) -> str:
        written = self.content.value.lower()
        if _TYPE.match(written):
            return written
        return "text/plain" if written else self.default_type

    def _value(self, at: int) -> tuple[bytes, int]:
        """Give the folded value that begins at `at`, and that offset."""
        value = _FOLDED_VALUE.match(self.raw, at, self._body_start)
        return (value[0] if value else b""), at

    @property
    def content_type(self) -> str:
        """Give the type to act by: the declared one, but application/octet-stream for an unknown encoding.

        Source: RFC 2045 §5.2, §6.4.
        """
        if self._encoding_at >= 0 and self.encoding not in KNOWN_ENCODINGS:
            return "application/octet-stream"
        return self.declared_type

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
        if self._encoding_at < 0:
            return "7bit"
        if self._encoding is None:
            value = strip_comments(self._value(self._encoding_at)[0])
            words = value.decode("latin-1").lower().replace(";", " ").split()
            self._encoding = words[0] if words else "7bit"
        return self._encoding

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
        read = self._read()
        if read.disposition is None:
            start, end = self.header_span
            found = _FIRST_DISPOSITION.match(self.raw, start, end) or _DISPOSITION.search(self.raw, start, end)
            read.disposition = parse_parameters(*self._value(found.end())) if found else _NO_DISPOSITION
        return read.disposition

    # --- what it holds ---

    @property
    def decoded(self) -> bytes:
        """Decode the body by its transfer encoding; identity and unknown encodings give the octets as they are."""
        body = self.raw[self._body_start : self._end]
        if self.children or self._encoding_at < 0 or self._preamble_end >= 0:
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
            if part.children:
                waiting.extend(part.children[::-1])

    def tiles(self) -> list[tuple[str, Span]]:
        """Cut the part into adjoining pieces: their slices, in order, give all its octets back.

        Returns: (kind, span) pairs; the kinds are "mbox-line", "header", "body", "preamble", "delimiter",
        "close-delimiter" and "epilogue". Empty pieces are left out.
        """
        return [(kind, span) for kind, span, _ in tiles.tiles_of(self)]

    def tiles_of_parts(self) -> list[tuple[str, Span, Part]]:
        """Cut the part as `tiles` does, and tell the part that each piece belongs to."""
        return list(tiles.tiles_of(self))

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

    def explain(self, offset: int) -> Explanation:
        """Tell what the octet at `offset` of the whole message is, which rule puts it there, and what it says.

        Raises: IndexError when the message has no such octet.
        """
        from emaillab.message.mime.explain import explain

        return explain(self, offset)

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
