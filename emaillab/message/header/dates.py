"""When was that, in UTC?

>>> parse_date(b"Fri, 21 Nov 97 09:55:06 -0600 (central time)")
Date(utc=datetime.datetime(1997, 11, 21, 15, 55, 6, tzinfo=datetime.timezone.utc), zone_known=True, offset_s=-21600)
>>> parse_date(b"Fri Nov 21 1997 9:55 PM GMT-0600 (CST)") == parse_date(b"21 Nov 1997 21:55 CST")
True
>>> parse_date(b"yesterday") is None, parse_date(b"02/03/2026 09:00") is None
(True, True)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from emaillab.message.header.tokens import strip_comments
from emaillab.message.octets.charsets import decode_raw

# obs-zone, RFC 5322 §4.3. The military letters were defined the wrong way round in RFC 822: they tell nothing, "Z" too.
_ZONES_H = {
    "UT": 0, "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
# QUIRK: names in no RFC, but with one meaning only, unlike IST or BST. Any other is a zone unknown, by RFC 5322 §4.3.
_ZONES_H |= {
    "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MET": 1, "MEST": 2, "EET": 2, "EEST": 3, "HKT": 8, "JST": 9, "KST": 9,
    "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "AKST": -9, "AKDT": -8, "HST": -10,
}  # fmt: skip

# QUIRK: months in other languages than English, which has been the only one since RFC 822.
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january januar januari janvier janv enero ene gennaio gen janeiro",
            "february februar februari février fevrier févr fév fev febrero febbraio febr fevereiro",
            "march märz maerz mär mars marzo março marco maart mrt",
            "april avril avr abril abr aprile",
            "may mai mayo maggio mag maio mei maj",
            "june juni juin junio giugno giu junho",
            "july juli juillet juil julio luglio lug julho",
            "august août aout agosto ago augustus augusti",
            "september septembre septiembre settembre setembro set sett",
            "october oktober octobre octubre ottobre outubro okt ott out",
            "november novembre noviembre novembro",
            "december dezember décembre decembre diciembre dicembre dezembro desember déc dez dic des",
        ),
        start=1,
    )
    for name in (*names.split(), *(names.split()[0][:length] for length in range(3, 9)))
}

# date-time = [ day-name "," ] day month year hour ":" minute [ ":" second ] zone      RFC 5322 §3.3, §4.3
# Comments and commas have become blanks, and points behind words are gone.
# QUIRK: a weekday in any language; hyphens between day, month and year; the month first, as JavaScript writes it, or
# the year; C's ctime(), with the zone before or after the year; ISO 8601 and RFC 3339; fractions of a second.
# Of days and months that are both numbers, as in 02/03/2026, nobody can tell which is which: that is no date.
_TIME = r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d?)(?:\.\d{1,9})?)?(?![\d:.])(?P<rest>.*)"
_DAY = r"(?P<day>\d\d?)(?:st|nd|rd|th)?"
_MONTH = r"(?P<month>[^\W\d_]{3,12})"
_YEAR = r"(?P<year>\d{4})(?!\d)"
_WEEKDAY = r"(?:[^\W\d_][^\s\d:]{0,29}(?: |(?=\d)))?"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE | re.DOTALL)
    for form in (
        rf"{_WEEKDAY}{_DAY}[ ./-]{_MONTH}[ ./-]'?(?P<year>\d{{2,4}}) (?:at )?{_TIME}",
        rf"{_WEEKDAY}{_MONTH} {_DAY} {_YEAR} (?:at )?{_TIME}",
        rf"{_WEEKDAY}{_MONTH} {_DAY} (?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d?)(?:\.\d{{1,9}})?)?"
        rf"(?P<before>(?: [^\s\d]\S{{0,9}}){{0,3}}) {_YEAR}(?P<rest>.*)",
        rf"{_WEEKDAY}(?P<year>\d{{4}})[ -]{_MONTH}[ -]{_DAY} (?:at )?{_TIME}",
        rf"{_WEEKDAY}(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)[T ]{_TIME}",
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?(?!\d)"
        r"(?P<rest>.*)",
    )
)
_ISO = _FORMS[4:]

_DECIMAL_COMMA = re.compile(r"(:\d\d),(?=\d)", re.ASCII)
_COLON = re.compile(r"(?<=\d) ?: ?(?=\d)", re.ASCII)
_POINT = re.compile(r"\.(?=[ ;]|\Z)")
_MERIDIEM = re.compile(r" ?([ap]) ?\.? ?m(?![a-z])", re.ASCII | re.IGNORECASE)
_MERIDIEM_COMMENT = re.compile(rb"\(([ \t]*[ap][. ]*m[. \t]*)\)", re.IGNORECASE)
_OFFSET = re.compile(r" ?(?:(?:GMT|UTC?) ?)?(?P<sign>[+-]) ?(?P<digits>[\d:]{1,9})", re.ASCII | re.IGNORECASE)
_HOURS_MINUTES = re.compile(r"(\d\d?)|(\d\d):?(\d\d)|(\d):(\d\d)", re.ASCII)
# A name of 3 to 5 capitals, with what POSIX adds to some (EST5EDT), one letter, or a place, as in Europe/Paris.
_NAME = re.compile(r" ?([A-Za-z](?![A-Za-z])|[A-Z]{3,5}(?:\d[A-Z]{3,4})?(?![A-Za-z])|[A-Za-z]+/[\w+/-]+)", re.ASCII)
_KNOWN_NAME = re.compile(rf" ?({'|'.join(_ZONES_H)})(?![A-Za-z/\d])", re.ASCII | re.IGNORECASE)


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


class _Rest(NamedTuple):
    """What stands behind the time of day."""

    meridiem: str  # "a", "p" or none
    offset_s: int | None


def parse_date(body: bytes) -> Date | None:
    """Read a date-time as it is found in mail, old forms, comments and all; what could be two moments is none.

    Returns: None when no date can be read.
    Source: RFC 5322 §3.3, §4.3.
    """
    text = _plain(body)
    found = next((match for form in _FORMS if (match := form.match(text))), None)
    if found is None:
        return None
    parts = found.groupdict()
    rest = _read_rest((parts.get("before") or "") + parts["rest"], iso=found.re in _ISO)
    month = _month(parts["month"])
    hour = None if rest is None else _hour(int(parts["hour"]), rest.meridiem)
    second = int(parts["second"] or "0")
    if rest is None or month is None or hour is None or second > 60:
        return None
    try:
        wall = datetime(_year(parts["year"]), month, int(parts["day"]), hour, int(parts["minute"]))
        # Added, not set: second 60 is a leap second (RFC 5322 §3.3), which datetime does not know.
        utc = (wall + timedelta(seconds=second - (rest.offset_s or 0))).replace(tzinfo=UTC)
        utc + timedelta(seconds=rest.offset_s or 0)
    except (ValueError, OverflowError):
        return None
    return Date(utc, rest.offset_s is not None, rest.offset_s or 0)


def _plain(body: bytes) -> str:
    """Make blanks of comments, commas and all kinds of white space, and drop points behind words."""
    if b"(" in body:
        body = strip_comments(_MERIDIEM_COMMENT.sub(rb" \1 ", body))
    text = _DECIMAL_COMMA.sub(r"\1.", decode_raw(body)).replace(",", " ").replace('"', " ")
    return _COLON.sub(":", _POINT.sub("", " ".join(text.split())))


def _month(text: str) -> int | None:
    return int(text) if text.isdigit() else _MONTHS.get(text.lower())


def _year(text: str) -> int:
    """Complete a year of two or three digits. Source: RFC 5322 §4.3."""
    year = int(text)
    if len(text) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(text) == 3 else year


def _hour(hour: int, meridiem: str) -> int | None:
    """Tell the hour of 24; None for 0 PM and 13 AM, which are none. QUIRK: 13 PM, and 0 AM."""
    if not meridiem:
        return hour
    if meridiem == "a":
        return hour % 12 if hour <= 12 else None
    return (hour + 12 if hour < 12 else hour) if hour else None


def _read_rest(text: str, *, iso: bool) -> _Rest | None:
    """Read AM or PM and the zone, in any order; None when something stands there that may say another time of day."""
    meridiem = ""
    number: list[int | None] = []
    names: list[int | None] = []
    at, end = 0, len(text.rstrip("; "))
    while at < end:
        if found := _MERIDIEM.match(text, at):
            if meridiem:
                return None
            meridiem = found[1].lower()
        elif not number and (found := _OFFSET.match(text, at)):
            number.append(_offset_s(found["sign"], found["digits"]))
        elif found := _KNOWN_NAME.match(text, at) or _NAME.match(text, at):
            names.append(_named_s(found[1].upper(), iso=iso))
        else:
            break
        at = found.end()
    offsets = number + names
    if (at < end and not offsets) or any(_MERIDIEM.fullmatch(word) for word in text[at:].split()):
        return None
    if _disagree(number, names):
        return None
    return _Rest(meridiem, offsets[0] if offsets else None)


def _disagree(number: list[int | None], names: list[int | None]) -> bool:
    """Tell whether a time has two zones. QUIRK: `-0400 EST`, in summer, where the number counts."""
    known = {name for name in names if name is not None}
    if not number or number[0] is None:
        return len(known) > 1
    return any(abs(number[0] - name) > (3600 if name else 0) for name in known)


def _named_s(name: str, *, iso: bool) -> int | None:
    """Tell the seconds east of Greenwich, None for a name that says nothing. Source: RFC 5322 §4.3; RFC 3339 §5.6."""
    if iso and name == "Z":
        return 0
    return _ZONES_H[name] * 3600 if name in _ZONES_H else None


def _offset_s(sign: str, digits: str) -> int | None:
    """Tell the seconds east of Greenwich, None when the zone says nothing. Source: RFC 5322 §3.3, §4.3."""
    found = _HOURS_MINUTES.fullmatch(digits)
    if found is None:
        return None
    hours, minutes = int(found[1] or found[2] or found[4]), int(found[3] or found[5] or "0")
    if minutes > 59 or hours > 23 or (sign == "-" and not hours and not minutes):
        return None
    return (hours * 3600 + minutes * 60) * (-1 if sign == "-" else 1)
