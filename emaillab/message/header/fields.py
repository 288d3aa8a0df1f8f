"""Which fields does a header hold, in which octets, and what do they say?

Raw octets stay beside every reading: the decoded text is a view, never a replacement.

>>> header = parse_header(b"Subject: =?utf-8?B?5L2g5aW9?=\\r\\n again\\r\\nTo: bob@hamburger.edu\\r\\n\\r\\nHello")
>>> header.span, [field.name for field in header]
((0, 64), ['Subject', 'To'])
>>> header["subject"].raw
b'Subject: =?utf-8?B?5L2g5aW9?=\\r\\n again\\r\\n'
>>> header.text("Subject")
'你好 again'
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import overload

from emaillab.message.header.address_tokens import address_tokens
from emaillab.message.header.addresses import (
    Address,
    AddressGroup,
    parse_address_groups,
    parse_address_list,
    parse_addresses,
)
from emaillab.message.header.dates import Date, parse_date
from emaillab.message.header.encoded_words import decode_words, word_defects
from emaillab.message.header.parameters import Parameters, parse_parameters
from emaillab.message.header.tokens import closed_comments, strip_comments, unfold
from emaillab.message.octets.charsets import decode_raw
from emaillab.message.octets.defects import Defect, Span, limited
from emaillab.message.octets.lines import find_long_line
from emaillab.message.octets.patterns import compiled

__all__ = [
    "Address",
    "AddressGroup",
    "Date",
    "Defect",
    "Field",
    "Header",
    "Parameters",
    "Span",
    "decode_text_of",
    "header_extent",
    "mbox_lines",
    "parse_address_groups",
    "parse_addresses",
    "parse_date",
    "parse_header",
    "parse_message_ids",
    "parse_parameters",
    "strip_comments",
    "unfold",
]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ADDRESS_FIELDS = _names("""
    from sender reply-to to cc bcc resent-from resent-sender resent-to resent-cc resent-bcc
    disposition-notification-to mail-followup-to
""")
# Fields in which no encoded word may stand, or none that a reader need decode.  RFC 2047 §5
OPAQUE_FIELDS = _names("""
    received x-received return-path message-id in-reply-to references resent-message-id date resent-date
    mime-version content-type content-disposition content-transfer-encoding content-id
    dkim-signature arc-seal arc-message-signature arc-authentication-results authentication-results
""")
# At most once in a header.  RFC 5322 §3.6; RFC 2045 §4 to §8; RFC 2183 §2
ONCE_FIELDS = _names("""
    date from sender reply-to to cc bcc message-id in-reply-to references subject mime-version content-type
    content-transfer-encoding content-id content-description content-disposition
""")

# Names of further fields that are one word, or in small letters.  RFC 4021; what mailers write beside it
FURTHER_FIELDS = _names("""
    comments keywords encrypted approved control distribution expires importance lines newsgroups organization
    organisation path precedence priority sensitivity status summary supersedes xref followup-to delivered-to
    errors-to envelope-to list-id list-unsubscribe thread-topic thread-index user-agent auto-submitted
""")

# field := field-name ":" field-body CRLF, with folds     RFC 5322 §2.2; blanks before the colon, §4.5 (obsolete)
LOGICAL_LINE = compiled(rb"[^\n]*+(?:\n[ \t][^\n]*+)*+\n?")
_NAME = re.compile(r"[!-9;-~]{1,100}")
_LONG_HEADER = 20_000  # octets
_FIELD_OR_LINE = compiled(rb"(?:([^\x00-\x20\x7f:]++)([ \t]*+:))?+[^\n]*+(?:\n[ \t][^\n]*+)*+\n?")
BLANK_LINE = re.compile(rb"\n\r?\n")
# QUIRK: UUCP hosts put a From line of their own before ours and quoted ours: ">From bob Wed Apr  1 09:29:00 2026".
_MBOX_LINE = re.compile(rb">?From (?![ \t]*:)[^\n]*\n?")
_UUCP_LINE = re.compile(rb">From [^\n]*\n?")
HEADER_BEGINS = re.compile(rb"[^\x00-\x20\x7f:]++[ \t]*+:|[ \t]|\r?\n")
# Lines that are fields or folds, and a field that is one by its name: a text may well say "Note: bring a pen".
_FIELD_LINES = rb"(?:(?:[^\x00-\x20\x7f:]++[ \t]*+:|[ \t])[^\n]*+\n)*+"
_FIELDS, _FIELDS_TO_BLANK = compiled(_FIELD_LINES), compiled(_FIELD_LINES + rb"\r?+\n")
_NAMED_FIELD = re.compile(
    rb"^(?:(?i:%b|x-[!-9;-~]+|content-[a-z-]+)|[A-Z][A-Za-z0-9]*(?:-[A-Z][A-Za-z0-9]*)+)[ \t]*:"
    % b"|".join(sorted(name.encode() for name in ADDRESS_FIELDS | OPAQUE_FIELDS | ONCE_FIELDS | FURTHER_FIELDS)),
    re.MULTILINE,
)
_CONTENT_TYPE = re.compile(rb"(?:\A|(?<=\n))(?i:content-type)[ \t]*:")
_MESSAGE_ID = re.compile(rb"<[^<>\s]*+>")
_ID_OR_COMMENT = re.compile(rb"(?P<id><[^<>\s]*+>)|(?P<comment>\()|\\.", re.DOTALL)
_ODD_OCTET = re.compile(rb"[\x00\x80-\xff]+|\r(?!\n)")
_ONLY_BLANKS = re.compile(rb"\n[ \t]+\r?(?=\n|\Z)")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field, a view onto the octets of its message."""

    message: bytes = dataclass_field(repr=False)
    name: str
    """As written, without blanks and colon."""
    span: Span
    """The whole field with its folds and its final line break."""
    value_span: Span
    """From after the colon to before the final line break."""

    @property
    def raw(self) -> bytes:
        """Give the field's octets, final line break included."""
        return self.message[self.span[0] : self.span[1]]

    @property
    def body(self) -> bytes:
        """Give the unfolded value without the blanks around it. Source: RFC 5322 §2.2.3."""
        return unfold(self.message[self.value_span[0] : self.value_span[1]]).strip(b" \t\r\n")

    @property
    def text(self) -> str:
        """Give the value for people: encoded words are decoded where they may stand. Source: RFC 2047 §5."""
        return decode_text_of(self.name, self.body)


def decode_text_of(name: str, body: bytes) -> str:
    """Decode the unfolded body of the field `name` for people."""
    key = name.lower()
    if b"=?" not in body or key in OPAQUE_FIELDS:
        return decode_raw(body)
    if key not in ADDRESS_FIELDS:
        return decode_words(body)
    pieces, at = [], 0
    for kept in kept_as_is(body):
        pieces += [decode_words(body[at : kept[0]]), decode_raw(body[kept[0] : kept[1]])]
        at = kept[1]
    return "".join(pieces) + decode_words(body[at:])


def kept_as_is(body: bytes) -> Iterator[Span]:
    """Find the quoted strings and angle addresses outside comments. Source: RFC 2047 §5 (3)."""
    angle_at = None
    for token in address_tokens(body):
        if token.kind == "quoted" and angle_at is None:
            yield token.start, token.end
        elif token.kind == "mark" and token.text == b"<":
            angle_at = token.start
        elif token.kind == "mark" and token.text == b">" and angle_at is not None:
            yield angle_at, token.end
            angle_at = None


class Header(Sequence[Field]):
    """The fields of one header block, in order; read only, scanned when first asked."""

    __slots__ = ("_by_name", "_defects", "_fields", "_raw", "_stray", "span")

    def __init__(self, raw: bytes, span: Span) -> None:
        self._raw = raw
        self.span = span
        self._fields: tuple[Field, ...] | None = None
        self._by_name: dict[str, list[Field]] | None = None
        self._defects: tuple[Defect, ...] | None = None
        self._stray: tuple[Span, ...] = ()

    def __len__(self) -> int:
        return len(self._scanned())

    @overload
    def __getitem__(self, key: int | str) -> Field: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Field, ...]: ...
    def __getitem__(self, key: int | slice | str) -> Field | tuple[Field, ...]:
        if isinstance(key, str):
            found = self.get(key)
            if found is None:
                raise KeyError(f"this header has no field {key!r}")
            return found
        return self._scanned()[key]

    def __iter__(self) -> Iterator[Field]:
        return iter(self._scanned())

    def __contains__(self, item: object) -> bool:
        return bool(self.all(item)) if isinstance(item, str) else item in self._scanned()

    def __repr__(self) -> str:
        return f"Header({len(self)} fields, span={self.span})"

    @property
    def raw(self) -> bytes:
        """Give the block's octets, the blank line included."""
        return self._raw[self.span[0] : self.span[1]]

    @property
    def stray(self) -> tuple[Span, ...]:
        """Give the spans of lines in the block that are no fields, the blank line left out."""
        self._scanned()
        return self._stray

    @property
    def defects(self) -> tuple[Defect, ...]:
        """List what is wrong with the block and its fields."""
        if self._defects is None:
            self._defects = limited(_header_defects(self, self._raw))
        return self._defects

    def get(self, name: str) -> Field | None:
        """Find the first field of that name, in any case."""
        if self._by_name is None and self.span[1] - self.span[0] > _LONG_HEADER and _NAME.fullmatch(name):
            return _first(self._raw, self.span, name.encode("ascii"))
        found = self.all(name)
        return found[0] if found else None

    def all(self, name: str) -> list[Field]:
        """Find all fields of that name, in order, in any case."""
        if self._by_name is None:
            self._by_name = {}
            for field in self._scanned():
                self._by_name.setdefault(field.name.lower(), []).append(field)
        return list(self._by_name.get(name.lower(), ()))

    def text(self, name: str, default: str = "") -> str:
        """Decode the first field of that name for people."""
        found = self.get(name)
        return default if found is None else found.text

    def _scanned(self) -> tuple[Field, ...]:
        if self._fields is None:
            fields, stray = _scan(self._raw, self.span)
            self._fields, self._stray = tuple(fields), tuple(stray)
        return self._fields


def parse_header(raw: bytes, start: int = 0, end: int | None = None) -> Header:
    """Read the header block that begins at `start`; never raises.

    Arguments: `end` is where the body starts; found by the first empty line when left out. A "From " line of an
    mbox file before the first field is stepped over.

    Source: RFC 5322 §2.1, §2.2.
    """
    first = max((line_end for _, line_end in mbox_lines(raw, start)), default=start)
    if end is None:
        end = header_extent(raw, first, len(raw))[0]
    return Header(raw, (min(first, end), end))


def mbox_lines(raw: bytes, start: int) -> list[Span]:
    """Find the line that begins with "From " at `start`, as in mbox files, and the ">From " lines after it."""
    lines: list[Span] = []
    line = _MBOX_LINE.match(raw, start)
    while line:
        lines.append(line.span())
        line = _UUCP_LINE.match(raw, line.end())
    return lines


def header_extent(raw: bytes, start: int, limit: int) -> tuple[int, int | None]:
    """Find where the body starts: after the first empty line.

    Without an empty line, or when the first line is no field, the body starts at the first line that can be
    neither a field nor a fold. It starts before an empty line, too, at a delimiter that the header declares itself,
    and at lines that can be no fields and that no field follows.

    Returns: the body's offset, and the offset where an empty line is missing, or None.
    Source: RFC 5322 §2.1.
    """
    begins = HEADER_BEGINS.match(raw, start, limit)
    if begins is None:
        return start, (start if start < limit else None)
    if begins[0] in (b"\n", b"\r\n"):
        return begins.end(), None
    ordinary = _FIELDS_TO_BLANK.match(raw, start, limit)
    if ordinary and raw.find(b"\n--", start, ordinary.end()) < 0:
        return ordinary.end(), None
    blank = BLANK_LINE.search(raw, start, limit)
    stop = limit if blank is None else blank.start() + 1
    own = own_delimiter(raw, start, stop)
    if own is not None:
        end = fields_end(raw, start, own)
        return end, end
    if blank is None:
        return unended_header(raw, start, limit)
    end = fields_end(raw, start, stop)
    return (blank.end(), None) if end == stop else (end, end)


def fields_end(raw: bytes, start: int, stop: int) -> int:
    """Find where the fields of a header end, `stop` at the latest, lines among them that are none included."""
    at = _FIELDS.match(raw, start, stop).end()  # type: ignore[union-attr]  # it matches no line, too
    if at < stop:
        for field in _NAMED_FIELD.finditer(raw, at, stop):
            at = field.start()
        at = _FIELDS.match(raw, at, stop).end()  # type: ignore[union-attr]
    return at


def own_delimiter(raw: bytes, start: int, stop: int) -> int | None:
    """Find the line in a header that delimits the parts of the multipart which that header declares."""
    if raw.find(b"\n--", start, stop) < 0:
        return None
    field = _CONTENT_TYPE.search(raw, max(start - 1, 0), stop)
    value = LOGICAL_LINE.match(raw, field.end(), stop) if field else None
    read = parse_parameters(value[0]) if value else None
    if value is None or read is None or not read.value.lower().startswith("multipart/"):
        return None
    boundary = read.params.get("boundary", "").encode().rstrip(b" ")
    line = re.compile(rb"\n--%b(?:--)?[ \t]*\r?(?:\n|\Z)" % re.escape(boundary)) if boundary else None
    found = line.search(raw, value.end() - 1, stop) if line else None
    return found.start() + 1 if found else None


def unended_header(raw: bytes, start: int, limit: int) -> tuple[int, int | None]:
    """Find where the body starts when no empty line ends the header; see `header_extent`."""
    at = start
    while at < limit and HEADER_BEGINS.match(raw, at, limit):
        line = LOGICAL_LINE.match(raw, at, limit)
        at = line.end() if line else limit
    return at, (at if start < limit else None)


def _scan(raw: bytes, span: Span) -> tuple[list[Field], list[Span]]:
    fields: list[Field] = []
    stray: list[Span] = []
    at, end = span
    for line in _FIELD_OR_LINE.finditer(raw, at, end):
        (at, stop), value = line.span(), line.end(2)
        if at == stop:
            break
        value_end = stop - (raw[stop - 1] == 0x0A)
        value_end -= at < value_end < stop and raw[value_end - 1] == 0x0D
        if value >= 0:
            fields.append(Field(raw, line[1].decode("latin-1"), (at, stop), (value, max(value_end, value))))
        elif value_end > at:
            stray.append((at, stop))
    return fields, stray


def _first(raw: bytes, span: Span, name: bytes) -> Field | None:
    """Find the first field of a name without reading those before it: no fold begins with a name."""
    begins = re.compile(rb"(?i:%s)[ \t]*+:" % re.escape(name)).match(raw, *span)
    if begins is None:
        # `\n` stands first, outside the part that ignores case, so that `re` leaps from line to line.
        begins = re.compile(rb"\n(?i:%s)[ \t]*+:" % re.escape(name)).search(raw, *span)
    if begins is None:
        return None
    at = begins.start() + (raw[begins.start()] == 0x0A)
    line = LOGICAL_LINE.match(raw, at, span[1])
    fields, _ = _scan(raw, (at, line.end() if line else span[1]))
    return fields[0]


def _header_defects(header: Header, raw: bytes) -> Iterator[Defect]:
    for start, end in header.stray:
        if raw[start] in b" \t":
            yield Defect("continuation-without-field", start, "5322 §2.2.3", "belongs to no field")
        elif raw.find(b":", start, end) >= 0:
            yield Defect("field-name-invalid", start, "5322 §2.2", "the line is no field")
        else:
            yield Defect("header-line-without-colon", start, "5322 §2.2", "the line is no field")
    yield from _octet_defects(header)
    seen: set[str] = set()
    for field in header:
        key = field.name.lower()
        if key in seen and key in ONCE_FIELDS:
            yield Defect("repeated-field", field.span[0], "5322 §3.6", f"the first {field.name} counts")
        seen.add(key)
        if raw[field.value_span[0] - 2] in b" \t":
            at = field.span[0] + len(field.name)
            yield Defect("blank-before-colon", at, "5322 §4.5", "read as obsolete syntax")
        start, end = field.value_span
        if key in ("date", "resent-date") and parse_date(field.body) is None:
            yield Defect("date-unreadable", start, "5322 §3.3", "the time stays open")
        if key in ADDRESS_FIELDS:
            yield from parse_address_list(raw[start:end], start).defects
        if key not in OPAQUE_FIELDS:
            yield from word_defects(raw[start:end], start, start - field.span[0])


def _octet_defects(header: Header) -> Iterator[Defect]:
    block, base = header.raw, header.span[0]
    for odd in _ODD_OCTET.finditer(block):
        if odd[0] == b"\r":
            yield Defect("bare-cr", base + odd.start(), "5322 §2.2", "kept; it ends no line")
        elif b"\0" in odd[0]:
            yield Defect("nul-in-header", base + odd.start() + odd[0].index(b"\0"), "5322 §4", "kept")
        elif _is_utf8(odd[0]):
            yield Defect("utf8-in-header", base + odd.start(), "6532 §3", "read as UTF-8; needs SMTPUTF8 to travel")
        else:
            yield Defect("8bit-in-header", base + odd.start(), "5322 §2.2", "read as latin-1, or as UTF-8 with gaps")
    for line in _ONLY_BLANKS.finditer(block):
        yield Defect("fold-of-blanks-only", base + line.start() + 1, "5322 §4.2", "read as a fold (obs-FWS)")
    long_line = find_long_line(block, 998)
    if long_line >= 0:
        yield Defect("line-over-998", base + long_line, "5322 §2.1.1", "read on to its end")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def parse_message_ids(body: bytes) -> list[bytes]:
    """Find the message identifiers, angle brackets and all; compare them octet by octet. Source: RFC 5322 §3.6.4.

    QUIRK: an identifier may hold parentheses, which no identifier should; they begin no comment. A parenthesis that is
    never closed begins none either.
    """
    if b"(" not in body:
        return _MESSAGE_ID.findall(body)
    closings = closed_comments(body)
    found, at = [], 0
    while token := _ID_OR_COMMENT.search(body, at):
        at = closings.get(token.start(), token.end()) if token["comment"] else token.end()
        if token["id"]:
            found.append(token["id"])
    return found
