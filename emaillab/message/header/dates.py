"""When was that, in UTC?

>>> parse_date(b"Fri, 21 Nov 97 09:55:06 -0600 (central time)")
Date(utc=datetime.datetime(1997, 11, 21, 15, 55, 6, tzinfo=datetime.timezone.utc), zone_known=True, offset_s=-21600)
>>> parse_date(b"yesterday") is None
True
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from emaillab.message.header.tokens import strip_comments

_MONTHS = b"jan feb mar apr may jun jul aug sep oct nov dec".split()

# obs-zone, RFC 5322 §4.3. The military letters were defined the wrong way round in RFC 822: they tell nothing.
_ZONES_H = {
    b"ut": 0, b"utc": 0, b"gmt": 0, b"z": 0,
    b"est": -5, b"edt": -4, b"cst": -6, b"cdt": -5, b"mst": -7, b"mdt": -6, b"pst": -8, b"pdt": -7,
}  # fmt: skip

# date-time = [ day-name "," ] day month year hour ":" minute [ ":" second ] zone      RFC 5322 §3.3, §4.3
# QUIRK: hyphens between day, month and year; long month names; fractions of a second; no zone at all, or one such as
# `GMT+0100`, `GMT+1`, `+01:00`, `+01`.
_ZONE = rb"(?:GMT|UTC?)[+-]\d(?!\d)|(?:GMT|UTC?)?[+-] ?\d{2}(?::?\d{2})?(?!\d)|[A-Za-z]{1,5}"
_DATE_TIME = re.compile(
    rb"(?:[A-Za-z]{3,9}[ ]?,?[ ]?)?(?P<day>\d{1,2})[ -](?P<month>[A-Za-z]{3,9})[ -](?P<year>\d{2,4})[ ,]{1,2}"
    rb"(?P<hour>\d{1,2}) ?: ?(?P<minute>\d{2})(?: ?: ?(?P<second>\d{1,2}))?(?:\.\d{1,9})?"
    rb"(?: ?(?P<zone>" + _ZONE + rb"))?(?![\w:])"
)
# QUIRK: what C's ctime() writes: "Fri Nov 21 09:55:06 1997", with the zone before or after the year.
_CTIME = re.compile(
    rb"(?:[A-Za-z]{3}[ ,]{1,2})?(?P<month>[A-Za-z]{3}) (?P<day>\d{1,2}) "
    rb"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{1,2}))?"
    rb"(?: (?P<zone>[+-]\d{4}|[A-Za-z]{1,5}))? (?P<year>\d{4})(?: (?P<zone2>[+-]\d{4}))?"
)
# QUIRK: ISO 8601, RFC 3339.
_ISO = re.compile(
    rb"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})[Tt ]"
    rb"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{1,2}))?(?:[.,]\d{1,9})?"
    rb"(?: ?(?P<zone>" + _ZONE + rb"))?"
)
_BLANKS = re.compile(rb"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class Date:
    """A date-time of a message."""

    utc: datetime
    """Aware, in UTC."""
    zone_known: bool
    """False when the writer's zone is not told: `-0000`, an unknown name, or none. The time is then taken as UTC."""
    offset_s: int
    """Seconds east of Greenwich as written; 0 when unknown."""

    @property
    def local(self) -> datetime:
        """Tell the date and time as written, without a zone."""
        return self.utc.replace(tzinfo=None) + timedelta(seconds=self.offset_s)


def parse_date(body: bytes) -> Date | None:
    """Read a date-time as it is found in mail, old forms, comments and all.

    Returns: None when no date can be read.
    Source: RFC 5322 §3.3, §4.3.
    """
    text = _BLANKS.sub(b" ", strip_comments(body)).strip()
    found = _DATE_TIME.match(text) or _CTIME.match(text) or _ISO.match(text)
    if found is None:
        return None
    parts = found.groupdict()
    month = _month(parts["month"])
    offset_s = _zone_offset_s(parts["zone"] or parts.get("zone2") or b"")
    second = int(parts["second"] or b"0")
    if month is None or second > 60:
        return None
    try:
        wall = datetime(_year(parts["year"]), month, int(parts["day"]), int(parts["hour"]), int(parts["minute"]))
        # Added, not set: second 60 is a leap second (RFC 5322 §3.3), which datetime does not know.
        utc = (wall + timedelta(seconds=second - (offset_s or 0))).replace(tzinfo=UTC)
        utc + timedelta(seconds=offset_s or 0)
    except (ValueError, OverflowError):
        return None
    return Date(utc, offset_s is not None, offset_s or 0)


def _month(text: bytes) -> int | None:
    if text.isdigit():
        return int(text)
    name = text[:3].lower()
    return _MONTHS.index(name) + 1 if name in _MONTHS else None


def _year(text: bytes) -> int:
    """Complete a year of two or three digits. Source: RFC 5322 §4.3."""
    year = int(text)
    if len(text) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(text) == 3 else year


def _zone_offset_s(zone: bytes) -> int | None:
    """Tell the seconds east of Greenwich, None when the zone says nothing. Source: RFC 5322 §3.3, §4.3."""
    digits = zone.upper().lstrip(b"GMTUC").replace(b":", b"").replace(b" ", b"")
    if digits[:1] in (b"+", b"-"):
        hours, minutes = int(digits[1:3]), int(digits[3:5] or b"0")
        if digits == b"-0000" or minutes > 59 or hours > 23:
            return None
        return (hours * 3600 + minutes * 60) * (-1 if digits[:1] == b"-" else 1)
    name = zone.lower()
    return _ZONES_H[name] * 3600 if name in _ZONES_H else None
