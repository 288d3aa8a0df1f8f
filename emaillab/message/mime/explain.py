"""What is this octet, and why does it stand here?

>>> from emaillab.message.mime.dissect import dissect
>>> letter = dissect(b"Subject: =?utf-8?B?5L2g5aW9?=\\r\\nContent-Transfer-Encoding: base64\\r\\n\\r\\nSGk=\\r\\n")
>>> print(letter.explain(12))
octet 12 (74, "t"): encoded word of the field Subject, header of the message; says "你好" (RFC 2047 §2)
>>> print(letter.explain(69))
octet 69 (47, "G"): base64 character 2 of a group of 4, body of the message; says 48 69, "Hi" (RFC 2045 §6.8)
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from emaillab.message.header.clauses import date_span, read_clauses
from emaillab.message.header.dates import Date, parse_date
from emaillab.message.header.encoded_words import decode_words, find_words
from emaillab.message.header.fields import ADDRESS_FIELDS, OPAQUE_FIELDS, Field, kept_as_is
from emaillab.message.header.parameters import parse_parameters
from emaillab.message.mime.entity import Entity
from emaillab.message.mime.tiles import tiles_of
from emaillab.message.octets.charsets import decode_raw, python_codec
from emaillab.message.octets.defects import Span
from emaillab.message.octets.encodings import decode_base64
from emaillab.message.octets.patterns import compiled

_NAMES = {0: "NUL", 9: "TAB", 10: "LF", 13: "CR", 27: "ESC", 32: "SP", 127: "DEL"}
_FOLD = re.compile(rb"(\r?\n)([ \t]+)")
_NOT_DATA = re.compile(rb"[^A-Za-z0-9+/]+")
# The look-behind lets a match begin only where a run of blanks begins: linear for any input.
_QP_PIECE = re.compile(rb"=[0-9A-Fa-f]{2}|=[ \t]*+\r?\n|(?<![ \t])[ \t]++(?=\r?\n|\Z)|\r?\n|=")
# parameters stand between semicolons, and a quoted string may hold one     RFC 2045 §5.1
_PARAMETER = compiled(rb'(?<![^; \t\r\n])[^; \t\r\n"](?:[^";]|"(?:[^"\\]|\\.)*+"?)*+', re.DOTALL)
_LONGEST_LINE = 10_000  # octets; a character's place in a longer line is not worked out
_MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one octet of a message is, which rule puts it there, and what it says."""

    offset: int
    octet: int
    part: str
    """The part's section number, "" for the message itself."""
    region: str
    """The kind of piece, as in `Part.tiles`: "header", "body", "delimiter" and so on."""
    element: str
    """What the octet belongs to, such as "field name" or "line break of a fold"."""
    span: Span
    """Where that element stands."""
    rfc: str
    name: str | None = None
    """The field's name, or the delimiter."""
    meaning: str | None = None
    """What the element says once decoded, where it says something."""

    def __str__(self) -> str:
        """Say it in one line."""
        where = f"part {self.part}" if self.part else "the message"
        of = f" of the field {self.name}" if self.name and self.region == "header" else ""
        of = f" {self.name}" if self.name and self.region != "header" else of
        says = f"; says {self.meaning}" if self.meaning is not None else ""
        shown = octet_name(self.octet)
        return f"octet {self.offset} ({shown}): {self.element}{of}, {self.region} of {where}{says} (RFC {self.rfc})"


@dataclass(frozen=True, slots=True)
class _Element:
    """The thing that an octet belongs to."""

    element: str
    span: Span
    rfc: str
    name: str | None = None
    meaning: str | None = None


def explain(message: Entity, offset: int) -> Explanation:
    """Tell what the octet at `offset` of the whole message is, and why it stands there.

    Raises: IndexError when the message has no such octet.
    """
    raw = message.raw
    if not 0 <= offset < len(raw):
        raise IndexError(f"there is no octet {offset}: the message has {len(raw)}, counted from 0")
    while message.parent is not None:
        message = message.parent
    region, span, part = next(tile for tile in tiles_of(message) if tile[1][0] <= offset < tile[1][1])
    if region == "header":
        found = _in_header(part, offset)
    elif region in ("delimiter", "close-delimiter"):
        found = _in_delimiter(part, span, offset, closing=region != "delimiter")
    elif region == "body":
        found = _in_body(part, offset)
    else:
        found = _outside(part, region, span, offset)
    return Explanation(
        offset, raw[offset], part.number, region, found.element, found.span, found.rfc, found.name, found.meaning
    )


def octet_name(octet: int) -> str:
    """Write an octet in hexadecimal, and as the character or control that it is in ASCII.

    >>> octet_name(10), octet_name(65), octet_name(228)
    ('0A, LF', '41, "A"', 'E4')
    """
    if octet in _NAMES:
        return f"{octet:02X}, {_NAMES[octet]}"
    return f'{octet:02X}, "{chr(octet)}"' if 32 < octet < 127 else f"{octet:02X}"


def _quoted(text: str) -> str:
    short = text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"
    return '"' + "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in short) + '"'


# --- header ---


def _in_header(part: Entity, offset: int) -> _Element:
    for field in part.header:
        if field.span[0] <= offset < field.span[1]:
            return _in_field(part.raw, field, offset)
    for start, end in part.header.stray:
        if start <= offset < end:
            return _Element("line that is no field", (start, end), "5322 §2.2")
    spans = [field.span[1] for field in part.header] + [end for _, end in part.header.stray]
    start = max([part.header_span[0], *spans])
    return _Element("empty line that ends the header", (start, part.header_span[1]), "5322 §2.1")


def _in_field(raw: bytes, field: Field, offset: int) -> _Element:
    (start, end), (value, value_end) = field.span, field.value_span
    name_end = start + len(field.name)
    if offset < name_end:
        return _Element("field name", (start, name_end), "5322 §2.2", field.name)
    if offset == value - 1:
        return _Element("colon after the name", (value - 1, value), "5322 §2.2", field.name)
    if offset < value:
        return _Element("blank before the colon", (name_end, value - 1), "5322 §4.5", field.name)
    if offset >= value_end:
        return _Element("line break at the end", (value_end, end), "5322 §2.2", field.name)
    return _in_value(raw, field, offset)


def _in_value(raw: bytes, field: Field, offset: int) -> _Element:
    (value, value_end), name = field.value_span, field.name
    written = raw[value:value_end]
    for fold in _FOLD.finditer(written):
        if fold.start(1) <= offset - value < fold.end(1):
            span = (value + fold.start(1), value + fold.end(1))
            return _Element("line break of a fold", span, "5322 §2.2.3", name)
        if fold.start(2) <= offset - value < fold.end(2):
            span = (value + fold.start(2), value + fold.end(2))
            return _Element("blank that begins a fold's next line", span, "5322 §2.2.3", name)
    if word := _in_word(written, offset - value, value, name):
        return word
    body = value + len(written) - len(written.lstrip(b" \t"))
    if offset < body:
        return _Element("blank after the colon", (value, body), "5322 §2.2", name)
    whole = _Element("value", (body, value_end), "5322 §2.2", name, _quoted(field.text))
    if name.lower() in ("date", "resent-date") and (date := parse_date(field.body)):
        return _Element("date-time", (body, value_end), "5322 §3.3", name, _moment(date))
    if name.lower() in ("received", "x-received"):
        return _in_received(raw, field, offset) or whole
    if name.lower() in ("content-type", "content-disposition"):
        return _in_parameters(raw, (body, value_end), field, offset) or whole
    return whole


def _in_word(written: bytes, at: int, base: int, name: str) -> _Element | None:
    """Tell about an encoded word, where one may stand, or the blank between two."""
    if name.lower() in OPAQUE_FIELDS:
        return None
    kept = list(kept_as_is(written)) if name.lower() in ADDRESS_FIELDS else []
    place, end = 0, -1
    for word in find_words(written):
        span = (base + word.span[0], base + word.span[1])
        while place < len(kept) and kept[place][1] <= word.span[0]:
            place += 1
        allowed = place == len(kept) or word.span[0] < kept[place][0]
        if word.span[0] <= at < word.span[1]:
            said = _quoted(decode_words(written[slice(*word.span)]))
            if allowed:
                return _Element("encoded word", span, "2047 §2", name, said)
            what = "text like an encoded word, where none may stand,"
            return _Element(what, span, "2047 §5", name, f"{said} in programs that decode it all the same")
        if not allowed:
            continue
        if 0 <= end <= at < word.span[0] and not written[end : word.span[0]].strip():
            return _Element("blank between encoded words, to be dropped,", (base + end, span[0]), "2047 §6.2", name)
        end = word.span[1]
    return None


def _in_received(raw: bytes, field: Field, offset: int) -> _Element | None:
    """Tell about a clause of a trace field, or its date."""
    clauses, date, _ = read_clauses(raw, *field.value_span)
    for clause in clauses:
        if clause.span[0] <= offset < clause.span[1]:
            what = f"clause '{clause.name}'" if clause.name else "words that stand in no clause"
            return _Element(what, clause.span, "5321 §4.4", field.name, _quoted(clause.value))
    span = date_span(raw, clauses, field.value_span)
    if date is None or span is None or offset >= span[1]:
        return None
    behind = max((clause.span[1] for clause in clauses if clause.span[1] <= span[0]), default=field.value_span[0])
    if behind <= offset < span[0]:
        return _Element("separator before the date", (behind, span[0]), "5321 §4.4", field.name)
    return _Element("date-time", span, "5322 §3.3", field.name, _moment(date)) if offset >= span[0] else None


def _moment(date: Date) -> str:
    return f"{date.utc.isoformat(' ')[:19]} UTC" + ("" if date.zone_known else ", zone unknown")


def _in_parameters(raw: bytes, value: Span, field: Field, offset: int) -> _Element | None:
    """Tell about the type or one parameter of a MIME field."""
    for place, piece in enumerate(_PARAMETER.finditer(raw, *value)):
        if not piece.start() <= offset < piece.end():
            continue
        if place == 0:
            what, rfc = (
                ("media type", "2045 §5.1") if field.name.lower() == "content-type" else ("disposition", "2183 §2")
            )
            return _Element(what, piece.span(), rfc, field.name, _quoted(piece[0].decode("latin-1").strip()))
        written = piece[0].partition(b"=")[0].strip().decode("latin-1")
        name, star, _ = written.lower().partition("*")
        said = parse_parameters(field.body).params.get(name)
        rfc = "2231 §3" if star else "2045 §5.1"
        return _Element(f"parameter {written}", piece.span(), rfc, field.name, None if said is None else _quoted(said))
    return None


# --- delimiters, and what stands before and after them ---


def _in_delimiter(part: Entity, span: Span, offset: int, *, closing: bool) -> _Element:
    raw, (start, end) = part.raw, span
    line = raw[start:end]
    dashes = start + len(line) - len(line.lstrip(b"\r\n"))
    text_end = start + len(line.rstrip(b" \t\r\n"))
    name, rfc = decode_raw(raw[dashes:text_end]), "2046 §5.1.1"
    if offset < dashes:
        return _Element("line break that belongs to the delimiter", (start, dashes), rfc, name)
    if offset < dashes + 2:
        return _Element("two dashes that begin the delimiter", (dashes, dashes + 2), rfc, name)
    if closing and text_end - 2 <= offset < text_end:
        return _Element("two dashes that close", (text_end - 2, text_end), rfc, name, "no part follows")
    if offset < text_end:
        return _Element("boundary of the delimiter", (dashes + 2, text_end - 2 * closing), rfc, name)
    break_at = end - len(line) + len(line.rstrip(b"\r\n"))
    if offset < break_at:
        return _Element("blank after the delimiter, to be ignored,", (text_end, break_at), rfc, name)
    return _Element("line break that ends the line of", (break_at, end), rfc, name)


def _outside(part: Entity, region: str, span: Span, offset: int) -> _Element:
    line = _line(part.raw, span, offset)
    if region == "mbox-line":
        written = _quoted(decode_raw(part.raw[slice(*line)].rstrip(b"\r\n")))
        return _Element("line that a mailbox file puts before a message", line, "4155 appendix A", None, written)
    what = "text before the first delimiter" if region == "preamble" else "text after the close delimiter"
    return _Element(f"{what}, not shown to readers", line, "2046 §5.1.1")


def _line(raw: bytes, span: Span, offset: int) -> Span:
    """Find the line that an octet stands in, within `span`."""
    start = raw.rfind(b"\n", span[0], offset) + 1 or span[0]
    end = raw.find(b"\n", offset, span[1]) + 1 or span[1]
    return start, end


# --- bodies ---


def _in_body(part: Entity, offset: int) -> _Element:
    encoding = part.acting_encoding
    if encoding == "base64":
        return _in_base64(part, offset)
    if encoding == "quoted-printable":
        return _in_quoted_printable(part, offset)
    rfc = {"7bit": "2045 §2.7", "8bit": "2045 §2.8", "binary": "2045 §2.9"}.get(encoding, "2045 §6.4")
    if encoding == "binary" or encoding not in ("7bit", "8bit"):
        return _Element(f"octet of content in {encoding} encoding", (offset, offset + 1), rfc)
    return _in_text(part, offset, rfc)


def _in_text(part: Entity, offset: int, rfc: str) -> _Element:
    raw, (body, end) = part.raw, part.body_span
    line = _line(raw, (body, end), offset)
    number = raw.count(b"\n", body, line[0]) + 1
    text_end = line[0] + len(raw[slice(*line)].rstrip(b"\n").removesuffix(b"\r"))
    if offset >= text_end and line[1] > text_end and raw[line[1] - 1] == 0x0A:
        return _Element(f"line break that ends line {number}", (text_end, line[1]), "5322 §2.3")
    if raw[offset] == 0x0D:
        return _Element(f"bare CR in line {number}, which ends no line", (offset, offset + 1), "5322 §2.3")
    charset = part.text_decoding.used if part.content_type.startswith("text/") else "us-ascii"
    span, character = _character(raw, line[0], text_end, offset, charset)
    return _Element(f"text in line {number}", span, rfc, None, character)


def _character(raw: bytes, start: int, end: int, offset: int, charset: str) -> tuple[Span, str | None]:
    """Find the octets of the character that an octet belongs to, and the character."""
    codec = python_codec(charset)
    if codec is None or end - start > _LONGEST_LINE or codec.startswith(("utf-16", "utf-32")):
        return (offset, offset + 1), None
    decoder = codecs.getincrementaldecoder(codec)("replace")
    begun, written = start, ""
    for at in range(start, end):
        written = decoder.decode(raw[at : at + 1], final=at + 1 == end)
        if at >= offset and written:
            return (begun, at + 1), _quoted(written[-1])
        if written:
            begun = at + 1
    return (min(begun, offset), max(end, offset + 1)), None


def _in_base64(part: Entity, offset: int) -> _Element:
    raw, (body, end), rfc = part.raw, part.body_span, "2045 §6.8"
    octet = raw[offset : offset + 1]
    padding = raw.find(b"=", body, end)
    if octet in (b"\r", b"\n"):
        return _Element("line break, which is no data", (offset, offset + 1), rfc)
    if 0 <= padding < offset and octet != b"=":
        return _Element("octet after the padding, ignored", (offset, offset + 1), rfc)
    if octet == b"=":
        return _Element("padding that ends the data", (offset, offset + 1), rfc)
    if _NOT_DATA.match(octet):
        return _Element("octet outside the alphabet, ignored", (offset, offset + 1), rfc)
    place = len(_NOT_DATA.sub(b"", raw[body:offset])) % 4
    span = _group(raw, body, end if padding < 0 else padding, offset, place)
    decoded = decode_base64(raw[slice(*span)])
    text = decoded.decode("ascii", "replace") if decoded.isascii() else ""
    says = decoded.hex(" ").upper() + (f", {_quoted(text)}" if text.isprintable() and text else "")
    return _Element(f"base64 character {place + 1} of a group of 4", span, rfc, None, says or None)


def _group(raw: bytes, body: int, end: int, offset: int, place: int) -> Span:
    """Find the four characters of the base64 group in which the octet at `offset` has the given place."""
    start = offset
    while place:
        start -= 1
        place -= not _NOT_DATA.match(raw, start, start + 1)
    stop, wanted = start, 4
    while wanted and stop < end:
        wanted -= not _NOT_DATA.match(raw, stop, stop + 1)
        stop += 1
    return start, max(stop, offset + 1)


def _in_quoted_printable(part: Entity, offset: int) -> _Element:
    raw, rfc = part.raw, "2045 §6.7"
    line = _line(raw, part.body_span, offset)
    for piece in _QP_PIECE.finditer(raw, *line):
        if not piece.start() <= offset < piece.end():
            continue
        written, span = piece[0], piece.span()
        if written == b"=":
            return _Element("'=' that begins no escape, kept", span, rfc)
        if written[:1] == b"=" and written.strip() == b"=":
            return _Element("soft line break, which is no data", span, rfc)
        if written[:1] == b"=":
            value = int(written[1:], 16)
            return _Element("escape", span, rfc, None, f"the octet {octet_name(value)}")
        if written.strip(b"\r\n") == b"":
            return _Element("line break of the text", span, rfc)
        return _Element("blank at a line's end, to be deleted", span, rfc)
    return _Element("octet that stands for itself", (offset, offset + 1), rfc, None, octet_name(raw[offset]))
