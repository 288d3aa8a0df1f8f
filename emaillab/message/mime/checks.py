"""What is wrong with a part's content: its type, its encoding, its charset, its line ends?

These checks read whole bodies, so a part makes them only when its defects are asked for.

>>> from emaillab.message.mime.dissect import dissect
>>> [defect.kind for defect in dissect(b"Content-Transfer-Encoding: 7bit\\r\\n\\r\\nna\\xc3\\xafve\\r\\n").defects]
['8bit-octets-in-7bit']
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from emaillab.message.header.parameters import Parameters
from emaillab.message.mime.declared import IDENTITY_ENCODINGS, KNOWN_ENCODINGS, READ_ENCODINGS
from emaillab.message.mime.entity import Entity
from emaillab.message.octets.charsets import python_codec
from emaillab.message.octets.defects import Defect
from emaillab.message.octets.encodings import base64_defects, quoted_printable_defects
from emaillab.message.octets.lines import find_long_line, line_ends
from emaillab.message.octets.uuencode import uuencode_defects

_BARE_CR = re.compile(rb"\r(?!\n)")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_CRLF = re.compile(rb"\r\n")
# How many levels up a boundary is compared with others; hundreds of nested parts would take quadratic time.
_MOST_LEVELS = 20
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
# token: any ASCII character but SPACE, CTLs and tspecials     RFC 2045 §5.1
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]*[0-9A-Za-z'()+_,./:=?-]\Z")


def content_defects(part: Entity) -> Iterator[Defect]:
    """Find what is wrong with a part's content, its children left out."""
    yield from _declared(part)
    if part.parent is None:
        yield from _mixed_line_ends(part)
    if not part.is_multipart and not part.children:
        yield from _body(part)
    for span in (part.preamble_span, part.epilogue_span):
        if span is not None:
            yield from _unencoded(part, part.raw[slice(*span)], span[0])


def _declared(part: Entity) -> Iterator[Defect]:
    content, disposition = part.content, part.content_disposition
    yield from content.defects
    yield from disposition.defects
    if disposition.params and not disposition.value:
        at = part.header["content-disposition"].span[0]
        yield Defect("disposition-missing", at, "2183 §2", "read as none; its parameters count")
    type_at = _line_of(part, part.type_at)
    if part.type_at >= 0 and part.declared_type != content.value.lower():
        yield Defect("content-type-unreadable", type_at, "2045 §5.2", f"read as {part.declared_type}")
    if part.declared_type.startswith("multipart/"):
        yield from _boundary(part, type_at)
    yield from _encoding(part)
    charset = content.params.get("charset")
    if charset and part.declared_type.startswith("text/") and python_codec(charset.strip()) is None:
        yield Defect("charset-unknown", type_at, "2045 §4.1", "read as UTF-8 or latin-1")
    yield from _filename(part, disposition, type_at)


def _line_of(part: Entity, at: int) -> int:
    """Find where the field begins whose value stands at `at`; the header's start, where there is no such field."""
    start = part.header_span[0]
    return max(part.raw.rfind(b"\n", start, at) + 1, start) if at >= 0 else start


def _encoding(part: Entity) -> Iterator[Defect]:
    encoding, kind = part.acting_encoding, part.declared_type
    if part.encoding_at < 0:
        return
    at = _line_of(part, part.encoding_at)
    if encoding not in READ_ENCODINGS:
        yield Defect("encoding-unknown", at, "2045 §6.4", "read as application/octet-stream, octets as they are")
    elif encoding not in KNOWN_ENCODINGS:
        yield Defect("encoding-not-standard", at, "2045 §6.3", f"decoded as {encoding}")
    elif encoding != part.encoding:
        yield Defect("encoding-misspelled", at, "2045 §6.1", f"read as {encoding}")
    if encoding in READ_ENCODINGS - IDENTITY_ENCODINGS:
        if kind.startswith("multipart/"):
            yield Defect("encoded-multipart", at, "2045 §6.4", "read as if 7bit")
        elif kind in ("message/rfc822", "message/partial", "message/external-body"):
            yield Defect("encoded-message", at, "2045 §6.4", "not opened; the decoded body is the message")


def _filename(part: Entity, disposition: Parameters, type_at: int) -> Iterator[Defect]:
    name = part.declared_filename
    if name is None:
        return
    field = part.header.get("content-disposition") if disposition.params.get("filename") else None
    at = field.span[0] if field else type_at
    written = disposition.params.get("filename") or part.params.get("name", "")
    if written != name:
        yield Defect("encoded-word-in-parameter", at, "2047 §5", "decoded all the same")
    if part.filename != name:
        yield Defect("filename-unsafe", at, "2183 §2.3", f"changed to {part.filename!r}")


def _mixed_line_ends(part: Entity) -> Iterator[Defect]:
    """Report the first line end of the rarer kind; a file that has LF throughout is taken as it is."""
    start, end = part.span
    ends = line_ends(part.raw, start, end)
    if ends.crlf and ends.lf:
        rare, kind = (_BARE_LF, "bare-lf") if ends.lf <= ends.crlf else (_CRLF, "mixed-line-ends")
        odd = rare.search(part.raw, start, end)
        if odd:
            counts = f"{ends.crlf} lines end in CRLF, {ends.lf} in LF"
            yield Defect(kind, odd.start(), "5322 §2.3", f"both end a line: {counts}")


def _body(part: Entity) -> Iterator[Defect]:
    start, end = part.body_span
    body, encoding = part.raw[start:end], part.acting_encoding
    if encoding == "base64":
        yield from base64_defects(body, start)
    elif encoding == "quoted-printable":
        yield from quoted_printable_defects(body, start)
    elif encoding == "uuencode":
        yield from uuencode_defects(body, start)
    elif encoding in ("7bit", "8bit"):
        yield from _unencoded(part, body, start)


def _unencoded(part: Entity, body: bytes, start: int) -> Iterator[Defect]:
    if part.acting_encoding == "7bit" and not body.isascii():
        odd = _BEYOND_ASCII.search(body)
        yield Defect("8bit-octets-in-7bit", start + (odd.start() if odd else 0), "2045 §2.7", "kept as they are")
    nul = body.find(b"\0")
    if nul >= 0:
        yield Defect("nul-in-body", start + nul, "2045 §2.7, §2.8", "kept as it is")
    long_line = find_long_line(body, 998)
    if long_line >= 0:
        yield Defect("line-over-998", start + long_line, "5322 §2.1.1", "read on to its end")
    if line_ends(body).cr:
        for bare in _BARE_CR.finditer(body):
            yield Defect("bare-cr", start + bare.start(), "5322 §2.3", "kept; it ends no line")


def _boundary(part: Entity, at: int) -> Iterator[Defect]:
    """Check a multipart's boundary, by itself and beside those of the parts around it. Source: RFC 2046 §5.1."""
    boundary = part.params.get("boundary", "")
    if not boundary.strip(" "):
        yield Defect("boundary-missing", at, "2046 §5.1.1", "its content is not taken apart")
        return
    if len(boundary) > 70:
        yield Defect("boundary-over-70", at, "2046 §5.1.1", "used as it is")
    if boundary.endswith(" "):
        yield Defect("boundary-ends-in-space", at, "2046 §5.1.1", "the space is ignored")
    elif not _BOUNDARY.match(boundary):
        yield Defect("boundary-characters", at, "2046 §5.1.1", "used as it is")
    outer, levels = part.parent, 0
    while outer is not None and levels < _MOST_LEVELS:
        around = outer.params.get("boundary", "") if outer.is_multipart else ""
        if around and around == boundary:
            yield Defect("boundary-equals-outer", at, "2046 §5.1", "each delimiter counts for the outer part")
        elif around and (around.startswith(boundary) or boundary.startswith(around)):
            yield Defect("boundary-prefix-of-another", at, "2046 §5.1.2", "only whole lines count as delimiters")
        outer, levels = outer.parent, levels + 1
