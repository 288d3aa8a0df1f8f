"""What in a letter do the editions of the message format disagree on, or agree to forbid?

Found here without judging; `editions` knows which edition says what.

>>> findings(b"Date: Mon, 03 Mar 2025 12:00:00 GMT\\r\\nTo: <@a.example:bob@b.example>\\r\\n\\r\\n")
[('named-zone', 32), ('source-route', 41), ('no-from', 71), ('no-message-id', 71)]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from emaillab.message.header.address_tokens import Token, address_tokens
from emaillab.message.header.addresses import parse_address_list, parse_addresses
from emaillab.message.header.dates import parse_date
from emaillab.message.header.fields import ADDRESS_FIELDS, Field, Header, parse_header
from emaillab.message.header.tokens import comment_end, strip_comments
from emaillab.message.octets.defects import MOST_OF_A_KIND

# At most once.  RFC 5322 §3.6
_ONCE = frozenset(["sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references", "subject"])
_DESTINATIONS = ("To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc")
_DATES = ("date", "resent-date")
_IDENTIFIERS = ("message-id", "resent-message-id")
_RELATED = ("in-reply-to", "references")

_BARE_CR = re.compile(rb"\r(?!\n)")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_LINE = re.compile(rb"[^\n]+")
_BLANK_FOLD = re.compile(rb"\n[ \t]++(?=\r?\n)")
_NUL = re.compile(rb"\0")
_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_HIGH = re.compile(rb"[\x80-\xff]")
# The date-time of RFC 5322 §3.3 and, by its groups, of §4.3; comments have become blanks.
_DATE_TIME = re.compile(
    rb"[ \t]*+(?:(?P<day_name>[A-Za-z]{3})[ \t]*+,[ \t]*+)?\d{1,2}[ \t]++[A-Za-z]{3}[ \t]++(?P<year>\d{2,9})[ \t]++"
    rb"\d{2}[ \t]*+:[ \t]*+\d{2}[ \t]*+(?::[ \t]*+\d{2}[ \t]*+)?(?:(?P<zone>[A-Za-z]{1,5})|[+-]\d{4})[ \t]*+"
)
_DAYS = (b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun")
_ROUTE = re.compile(rb"<[ \t]*+@[^<>:]*+:")
# what stands before "<"; a quoted name has become a run of "q"
_DOTTED_NAME = re.compile(rb"(?:\A|[,:;>])([^<>,:;@]*+)<")
# msg-id = "<" id-left "@" id-right ">"     RFC 5322 §3.6.4, with the quoted and literal forms of §4.5.4
_ID = re.compile(rb'<(?:[^\s<>@"]+|"[^"\s]*")@[^\s<>@]+>')


def findings(raw: bytes) -> list[tuple[str, int]]:
    """Find what an edition may have something to say to; each with its offset, in order."""
    if b"\r\n" in raw:  # a lone CR or LF is data; masked, it ends no line for the parser
        masked = _BARE_CR.sub(b"\v", _BARE_LF.sub(b"\v", raw))
    else:
        masked = raw
    header = parse_header(masked)
    found = [*_lines(raw), *_octets(raw, masked, header), *_presence(header), *_fields(header)]
    return sorted(_limited(found), key=lambda one: one[1])


def _limited(found: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    counts: dict[str, int] = {}
    for kind, at in found:
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= MOST_OF_A_KIND:
            yield kind, at


def _lines(raw: bytes) -> Iterator[tuple[str, int]]:
    for line in _LINE.finditer(raw):
        length = len(line[0]) - line[0].endswith(b"\r")
        if length > 78:
            yield ("line-over-998" if length > 998 else "line-over-78"), line.start()


def _octets(raw: bytes, masked: bytes, header: Header) -> Iterator[tuple[str, int]]:
    if b"\r\n" in raw:
        yield from (("bare-lf", one.start()) for one in _BARE_LF.finditer(raw))
    yield from (("bare-cr", one.start()) for one in _BARE_CR.finditer(raw))
    yield from (("nul", one.start()) for one in _NUL.finditer(raw))
    start, end = header.span
    yield from (("fold-of-blanks", one.start() + 1) for one in _BLANK_FOLD.finditer(masked, start, end))
    yield from (("control-character", one.start()) for one in _CONTROL.finditer(raw, start, end))
    for high in _HIGH.finditer(raw, start, end):
        yield "not-ascii-header", high.start()
        break
    body = _HIGH.search(raw, end)
    if body and header.get("MIME-Version") is None:
        yield "not-ascii-body", body.start()


def _presence(header: Header) -> Iterator[tuple[str, int]]:
    end = header.span[1]
    if not any(header.get(name) for name in _DESTINATIONS):
        yield "no-destination", end
    for name in ("Date", "From", "Message-ID"):
        if header.get(name) is None:
            yield f"no-{name.lower()}", end
    writers = header.get("From")
    if writers and header.get("Sender") is None and len(parse_addresses(writers.body)) > 1:
        yield "senders-without-sender", writers.span[0]
    for start, _ in header.stray:
        yield "no-field", start


def _fields(header: Header) -> Iterator[tuple[str, int]]:
    seen: set[str] = set()
    for field in header:
        key = field.name.lower()
        if key in seen and key in _ONCE:
            yield "repeated-field", field.span[0]
        elif key in seen and key in ("date", "from"):
            yield f"repeated-{key}", field.span[0]
        seen.add(key)
        name_end = field.span[0] + len(field.name)
        if field.message[name_end : name_end + 1] in (b" ", b"\t"):
            yield "blank-before-colon", name_end
        yield from _value(field, key)


def _value(field: Field, key: str) -> Iterator[tuple[str, int]]:
    if key in ADDRESS_FIELDS:
        yield from _address_field(field, key)
    elif key in _DATES:
        yield from _date_field(field)
    elif key in _IDENTIFIERS and not _ID.fullmatch(strip_comments(field.body).strip()):
        yield "message-id-malformed", field.span[0]
    elif key in _RELATED and _ID.sub(b"", strip_comments(field.body)).strip(b" \t,"):
        yield "words-in-reply-to", field.span[0]


def _date_field(field: Field) -> Iterator[tuple[str, int]]:
    start, end = field.value_span
    # Comments become blanks of the same length, so that offsets stay.
    value = _blanked(field.message[start:end])
    found = _DATE_TIME.fullmatch(value)
    read = parse_date(field.body)
    if found is None or read is None:
        yield "date-unreadable", start
        return
    if len(found["year"]) < 4:
        yield "two-digit-year", start + found.start("year")
    if found["zone"]:
        yield "named-zone", start + found.start("zone")
    leap_s = timedelta(seconds=b":60" in value)  # a leap second is read as the next minute's first
    day: date = (read.local - leap_s).date()
    if found["day_name"] and found["day_name"].lower() != _DAYS[day.weekday()]:
        yield "weekday-wrong", start + found.start("day_name")


def _blanked(value: bytes) -> bytes:
    """Make blanks of comments and line ends, as many as there were octets."""
    kept, at = [], 0
    while (start := value.find(b"(", at)) >= 0:
        end = comment_end(value, start)
        kept += [value[at:start], b" " * (end - start)]
        at = end
    return b"".join([*kept, value[at:]]).replace(b"\r", b" ").replace(b"\n", b" ")


def _masked(token: Token) -> bytes:
    """Make blanks of a comment or a line end, and a word of a quoted string, as long as it was."""
    if token.kind == "quoted":
        return b"q" * len(token.text)
    return b" " * (token.end - token.start) if token.kind in ("blank", "comment") else token.text


def _address_field(field: Field, key: str) -> Iterator[tuple[str, int]]:
    start, end = field.value_span
    value = b"".join(map(_masked, address_tokens(field.message[start:end])))
    for route in _ROUTE.finditer(value):
        yield "source-route", start + route.start()
    for name in _DOTTED_NAME.finditer(value):
        if b"." in name[1] and b"=?" not in name[1]:
            yield "dot-in-phrase", start + name.start(1) + name[1].index(b".")
    groups, defects = parse_address_list(field.body)
    nobody = not groups and b";" not in value and not key.endswith("bcc")
    if nobody or defects or any(not one.local or not one.domain for group in groups for one in group.members):
        yield "address-incomplete", start
