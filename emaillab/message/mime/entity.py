"""What does one part say of itself: where it stands, what its header declares, what its body holds?

RFC 2045 §2.4 calls a message, or one of the parts in it, an entity. What looks at entities from outside (`checks`,
`sections`, `tiles`, `explain`) needs no more than this; `Part` gathers it all for those who read mail.

>>> from emaillab.message.mime.structure import Builder
>>> raw = b"Content-Type: text/plain; charset=gb2312\\r\\n\\r\\n\\xc4\\xe3\\xba\\xc3\\r\\n"
>>> entity = Builder(raw, Entity).build()
>>> entity.content_type, entity.encoding, entity.text, entity.body_span
('text/plain', '7bit', '你好\\r\\n', (44, 50))
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from emaillab.message.header.encoded_words import decode_words
from emaillab.message.header.fields import Header
from emaillab.message.header.parameters import Parameters
from emaillab.message.mime.declared import (
    READ_ENCODINGS,
    acting_encoding,
    declared_encoding,
    declared_type,
    read_content,
    read_disposition,
)
from emaillab.message.mime.filenames import safe_name
from emaillab.message.mime.outline import Outline
from emaillab.message.octets.charsets import TextDecoding, decode_text
from emaillab.message.octets.encodings import decode_base64, decode_quoted_printable
from emaillab.message.octets.uuencode import decode_uuencode

_DECODERS = {
    "base64": decode_base64,
    "quoted-printable": decode_quoted_printable,
    "uuencode": decode_uuencode,
}


class _Readings:
    """What has been read of one part, since it was asked for."""

    __slots__ = ("content", "disposition", "header", "number")

    def __init__(self) -> None:
        self.number: str | None = None
        self.header: Header | None = None
        self.content: Parameters | None = None
        self.disposition: Parameters | None = None


class Entity(Outline):
    """One part of a message, the message itself included: a view onto its octets, read only.

    Nothing is decoded, and no field read, before it is asked for.
    """

    __slots__ = ("_readings",)

    _readings: _Readings

    def _read(self) -> _Readings:
        try:
            return self._readings
        except AttributeError:  # nothing was asked yet; most parts never are, and making them costs less so
            self._readings = _Readings()
            return self._readings

    # --- its place in the tree ---

    def walk(self) -> Iterator[Self]:
        """Visit this part and all below it, in the order of their octets."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            if part.children:
                waiting += part.children[::-1]

    @property
    def is_embedded(self) -> bool:
        """Tell whether this is the message inside a message/rfc822 part."""
        return self.parent is not None and not self.parent.is_multipart

    @property
    def number(self) -> str:
        """Tell the IMAP section number: "" for the message, "2.1" for a part.

        An embedded message that is a multipart has no number of its own; it is named after its body, "2.TEXT".

        Source: RFC 9051 §6.4.5.1.
        """
        read = self._read()
        if read.number is None:
            lineage = [self]  # outwards, to the message or to the first part whose number is known
            while (outer := lineage[-1].parent) is not None and outer._read().number is None:
                lineage.append(outer)
            for each in reversed(lineage):
                each._read().number = _number_in_parent(each)
        return read.number or ""

    # --- what it is ---

    @property
    def header(self) -> Header:
        """Give the header's fields."""
        read = self._read()
        if read.header is None:
            read.header = Header(self.raw, self.header_span)
        return read.header

    @property
    def content(self) -> Parameters:
        """Give the Content-Type as it was written, with its parameters and what was wrong with them."""
        read = self._read()
        if read.content is None:
            read.content = read_content(self)
        return read.content

    @property
    def content_disposition(self) -> Parameters:
        """Give the Content-Disposition as it was written, with its parameters and what was wrong with them."""
        read = self._read()
        if read.disposition is None:
            read.disposition = read_disposition(self)
        return read.disposition

    @property
    def declared_type(self) -> str:
        """Give the type declared, or the default when none is or it cannot be read. Source: RFC 2045 §5.2."""
        if self.type_seen is None:
            self.type_seen = declared_type(self)
        return self.type_seen

    @property
    def content_type(self) -> str:
        """Give the type to act by: the declared one, but application/octet-stream for an unknown encoding.

        Source: RFC 2045 §5.2, §6.4.
        """
        if self.encoding_at >= 0 and self.acting_encoding not in READ_ENCODINGS:
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
        """Give the Content-Transfer-Encoding as written, in lower case, "7bit" when there is none.

        Source: RFC 2045 §6.1.
        """
        if self.encoding_seen is None:
            self.encoding_seen = declared_encoding(self)
        return self.encoding_seen

    @property
    def acting_encoding(self) -> str:
        """Give the encoding by which the body is read: `encoding`, or the known one of which that is a misspelling."""
        return acting_encoding(self.encoding)

    @property
    def disposition(self) -> str | None:
        """Give "inline", "attachment" or another disposition; None when none is declared. Source: RFC 2183."""
        return self.content_disposition.value.lower() or None

    @property
    def filename(self) -> str | None:
        """Give a safe name to save the part under, None when the sender suggests none. Source: RFC 2183 §2.3."""
        name = self.declared_filename
        return None if name is None else safe_name(name)

    @property
    def declared_filename(self) -> str | None:
        """Give the file name as the sender wrote it, decoded: of Content-Disposition, else of Content-Type."""
        name = self.content_disposition.params.get("filename") or self.params.get("name")
        # QUIRK: encoded words may not stand in parameters (RFC 2047 §5), yet many mailers put them there.
        return decode_words(name.encode()) if name and "=?" in name else name or None

    # --- what it holds ---

    @property
    def decoded(self) -> bytes:
        """Decode the body by its transfer encoding; identity and unknown encodings give the octets as they are."""
        body = self.raw[self.body_start : self.end]
        if self.children or self.encoding_at < 0 or self.is_multipart:
            return body
        decode = _DECODERS.get(self.acting_encoding)
        return body if decode is None else decode(body)

    @property
    def text(self) -> str:
        """Decode the body to characters by the declared charset or the best guess; see `text_decoding`."""
        return decode_text(self.decoded, self.params.get("charset"))[0]

    @property
    def text_decoding(self) -> TextDecoding:
        """Tell which charset gave `text`, and how it was found."""
        return decode_text(self.decoded, self.params.get("charset"))[1]


def _number_in_parent(part: Entity) -> str:
    """Tell a part's section number, its parent's being known."""
    outer = part.parent
    if outer is None:
        return ""
    base = outer.number.removesuffix(".TEXT")
    if outer.parent is None and not outer.is_multipart:
        base = "1"  # a message that is no multipart is its own part 1
    if not part.is_embedded:
        return f"{base}.{part.index}" if base else str(part.index)
    return base + (".TEXT" if part.is_multipart else ".1")
