"""Dates as real mail writes them: each is read right or not at all, and alike by all who read one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from emaillab.message.header.dates import parse_date
from emaillab.message.header.fields import parse_header
from emaillab.message.mime.report import read_report
from emaillab.message.trace.path import trace
from emaillab.protocol.imap.match import day_sent

LETTERS = Path(__file__).parent / "letters"

# What is written, and when that was in UTC; "?" behind it when the zone is unknown. None: nobody can tell.
DATES = [
    # a comma behind the day, or anywhere
    ("Sat, 10, Dec 2022 09:35:19 +0100", "2022-12-10T08:35:19"),
    ("Sat,10 Dec, 2022, 09:35:19 +0100", "2022-12-10T08:35:19"),
    ("10 Dec 2022,09:35:19,+0100", "2022-12-10T08:35:19"),
    # weekdays
    ("lun., 2 mars 2026 09:00:00 +0100", "2026-03-02T08:00:00"),
    ("Mo., 02. März 2026 09:00:00 +0100", "2026-03-02T08:00:00"),
    ("Mon. 2 Mar. 2026 09:00:00 +0100", "2026-03-02T08:00:00"),
    ("Monday 2 March 2026 09:00:00 +0100", "2026-03-02T08:00:00"),
    ("Пн, 2 Mar 2026 09:00:00 +0300", "2026-03-02T06:00:00"),
    ("周一, 2 Mar 2026 09:00:00 +0800", "2026-03-02T01:00:00"),
    ("周一,2 Mar 2026 09:00:00 +0800", "2026-03-02T01:00:00"),
    ("月, 2 Mar 2026 09:00:00 +0900", "2026-03-02T00:00:00"),
    ("segunda-feira, 2 Mar 2026 09:00:00 -0300", "2026-03-02T12:00:00"),
    ("mar., 3 mars 2026 09:00:00 +0100", "2026-03-03T08:00:00"),
    ("Mar, 3 Mar 2026 09:00:00 +0100", "2026-03-03T08:00:00"),
    # months
    ("2 Mai 2026 09:00:00 +0200", "2026-05-02T07:00:00"),
    ("2 août 2026 09:00:00 +0200", "2026-08-02T07:00:00"),
    ("2 Sept. 2026 09:00:00 +0200", "2026-09-02T07:00:00"),
    ("2 marraskuu 2026 09:00:00 +0200", None),  # November; "mar" is March elsewhere
    ("2 Foo 2026 09:00:00 +0200", None),
    # the month first
    ("Mon Mar 02 2026 09:00:00 GMT+0100 (CET)", "2026-03-02T08:00:00"),
    ("Mon Mar 02 2026 09:00:00 GMT+0100 (Central European Standard Time)", "2026-03-02T08:00:00"),
    ("Mon Mar 02 2026 09:00:00 GMT-0000", "2026-03-02T09:00:00?"),
    ("Mon, Mar 2, 2026 09:00:00 +0100", "2026-03-02T08:00:00"),
    ("March 2, 2026 09:00:00 +0100", "2026-03-02T08:00:00"),
    ("Mon, Mar 2, 2026 at 9:00 PM +0100", "2026-03-02T20:00:00"),
    ("Mon Mar  2 09:00:00 2026", "2026-03-02T09:00:00?"),
    ("Mon Mar  2 09:00:00 CET 2026", "2026-03-02T08:00:00"),
    ("Mon Mar  2 09:00:00 PM EST 2026", "2026-03-03T02:00:00"),
    ("Mon Mar  2 09:00:00 +0100 2026", "2026-03-02T08:00:00"),
    ("Mon Mar  2 09:00:00 2026 +0100", "2026-03-02T08:00:00"),
    ("Mar 02 26 09:00:00 +0100", None),
    # the 12-hour clock
    ("Thu, 25 Jan 2018 10:13:05 PM -0500", "2018-01-26T03:13:05"),
    ("Thu, 25 Jan 2018 10:13:05 AM -0500", "2018-01-25T15:13:05"),
    ("Thu, 25 Jan 2018 10:13:05 PM", "2018-01-25T22:13:05?"),
    ("Thu, 25 Jan 2018 10:13:05PM EST", "2018-01-26T03:13:05"),
    ("Thu, 25 Jan 2018 10:13:05 -0500 PM", "2018-01-26T03:13:05"),
    ("Thu, 25 Jan 2018 10:13:05 p.m. -0500", "2018-01-26T03:13:05"),
    ("Thu, 25 Jan 2018 10:13:05 p. m. -0500", "2018-01-26T03:13:05"),
    ("Thu, 25 Jan 2018 10:13:05\u202fPM -0500", "2018-01-26T03:13:05"),
    ("Thu, 25 Jan 2018 10:13:05 (PM) -0500", "2018-01-26T03:13:05"),
    ("Thu, 25 Jan 2018 12:13:05 AM -0500", "2018-01-25T05:13:05"),
    ("Thu, 25 Jan 2018 12:13:05 PM -0500", "2018-01-25T17:13:05"),
    ("Thu, 25 Jan 2018 13:13:05 PM -0500", "2018-01-25T18:13:05"),
    ("Thu, 25 Jan 2018 13:13:05 AM -0500", None),
    ("Thu, 25 Jan 2018 00:13:05 PM -0500", None),
    ("Thu, 25 Jan 2018 10:13:05 AM PM", None),
    ("Thu, 25 Jan 2018 10:13:05 -0500 in summer PM", None),
    ("Thu, 25 Jan 2018 10:13:05 du soir", None),
    ("Thu, 25 Jan 2018 下午 10:13:05 +0800", None),
    ("Thu, 25 Jan 2018 10:13:05 下午", None),
    # zones
    ("2 Mar 2026 09:00:00 Z", "2026-03-02T09:00:00?"),
    ("2 Mar 2026 09:00:00 z", "2026-03-02T09:00:00?"),
    ("2 Mar 2026 09:00:00Z", "2026-03-02T09:00:00?"),
    ("2 Mar 2026 09:00:00 A", "2026-03-02T09:00:00?"),
    ("2 Mar 2026 09:00:00 UT", "2026-03-02T09:00:00"),
    ("2 Mar 2026 09:00:00 gmt", "2026-03-02T09:00:00"),
    ("2 Mar 2026 09:00:00 EDT", "2026-03-02T13:00:00"),
    ("2 Mar 2026 09:00:00 JST", "2026-03-02T00:00:00"),
    ("2 Mar 2026 09:00:00 IST", "2026-03-02T09:00:00?"),
    ("2 Mar 2026 09:00:00 Europe/Paris", "2026-03-02T09:00:00?"),
    ("2 Mar 2026 09:00:00 Etc/GMT+5", "2026-03-02T09:00:00?"),
    ("2 Mar 2026 09:00:00 EST5EDT", "2026-03-02T09:00:00?"),
    ("2 Mar 2026 09:00:00 +01:00", "2026-03-02T08:00:00"),
    ("2 Mar 2026 09:00:00+0100", "2026-03-02T08:00:00"),
    ("2 Mar 2026 09:00:00 GMT+1", "2026-03-02T08:00:00"),
    ("2 Mar 2026 09:00:00 UTC+05:30", "2026-03-02T03:30:00"),
    ("2 Mar 2026 09:00:00 GMT +0100", "2026-03-02T08:00:00"),
    ("2 Mar 2026 09:00:00 +0100 CET", "2026-03-02T08:00:00"),
    ("2 Mar 2026 09:00:00 CET +0100", "2026-03-02T08:00:00"),
    ("2 Jul 2026 09:00:00 -0400 EST", "2026-07-02T13:00:00"),
    ("2 Mar 2026 09:00:00 +0100 GMT", None),
    ("2 Mar 2026 09:00:00 EST+5", None),
    ("2 Mar 2026 09:00:00 CET EST", None),
    ("2 Mar 2026 09:00:00 -0000", "2026-03-02T09:00:00?"),
    ("2 Mar 2026 09:00:00 +9900", "2026-03-02T09:00:00?"),
    ("2 Mar 2026 09:00:00 +0100 (CET", "2026-03-02T08:00:00"),
    # years
    ("2 Mar 26 09:00:00 +0100", "2026-03-02T08:00:00"),
    ("2 Mar 97 09:00:00 +0100", "1997-03-02T08:00:00"),
    ("2 Mar 126 09:00:00 +0100", "2026-03-02T08:00:00"),
    ("Monday, 02-Mar-26 09:00:00 GMT", "2026-03-02T09:00:00"),
    # times
    ("2 Mar 2026 09:00 +0100", "2026-03-02T08:00:00"),
    ("2 Mar 2026 9:00:00.125 +0100", "2026-03-02T08:00:00"),
    ("2 Mar 2026 09 : 00 : 00 +0100", "2026-03-02T08:00:00"),
    ("31 Dec 2016 23:59:60 +0000", "2017-01-01T00:00:00"),
    ("2 Mar 2026 24:00:00 +0000", None),
    ("2 Mar 2026 09:60:00 +0000", None),
    ("2 Mar 2026 09:00:61 +0000", None),
    ("2 Mar 2026 09:5 +0000", None),
    ("2 Mar 2026 9 PM +0000", None),
    ("2 Mar 2026 09:00:00:00 +0000", None),
    ("2 Mar 2026", None),
    # numbers only
    ("2026-03-02T09:00:00Z", "2026-03-02T09:00:00"),
    ("2026-03-02 09:00:00.125+01:00", "2026-03-02T08:00:00"),
    ("2026-03-02 09:00:00,125 +0100", "2026-03-02T08:00:00"),
    ("20260302T090000Z", "2026-03-02T09:00:00"),
    ("Mon 2026-03-02 09:00:00 UTC", "2026-03-02T09:00:00"),
    ("2026 Mar 02 09:00:00 +0100", "2026-03-02T08:00:00"),
    ("2026-13-02 09:00:00 +0100", None),
    ("02/03/2026 09:00:00 +0100", None),
    ("3/2/2026 9:00:00 AM", None),
    ("02.03.2026 09:00:00 +0100", None),
    ("02-03-26 09:00:00 +0100", None),
    ("31 Feb 2026 09:00:00 +0000", None),
    ("1772442000", None),
]


@pytest.mark.parametrize(("written", "right"), DATES)
def test_dates(written: str, right: str | None) -> None:
    read = parse_date(written.encode())
    assert (read and read.utc.isoformat()[:19] + "?" * (not read.zone_known)) == right


@pytest.mark.parametrize(("written", "right"), DATES)
def test_all_who_read_a_date_read_the_same(written: str, right: str | None) -> None:
    field = written.encode()
    read = parse_date(field)
    header = parse_header(b"Date: " + field + b"\r\n\r\n")
    assert [defect.kind for defect in header.defects if defect.kind.startswith("date")] == ["date-unreadable"] * (
        read is None
    )
    hop = trace(b"Received: from a.org by b.org; " + field + b"\r\n\r\n")[0]
    assert (hop.time, hop.zone_known) == ((read.utc, read.zone_known) if read else (None, False))
    assert read is None or hop.places["time"] is not None
    report = read_report(
        b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a.org\r\nArrival-Date: "
        + field
        + b"\r\n\r\n"
    )
    assert report is not None and report.arrival_at == (read and read.utc)
    candidate = cast(Any, SimpleNamespace(letter=SimpleNamespace(header=header)))
    assert day_sent(candidate) == (read and read.local.date())


@pytest.mark.parametrize(
    ("letter", "right"),
    [("date-comma-after-day.eml", "2022-12-10T08:35:19+00:00"), ("date-pm.eml", "2018-01-26T03:13:05+00:00")],
)
def test_letters(letter: str, right: str) -> None:
    read = parse_date(parse_header((LETTERS / letter).read_bytes())["Date"].body)
    assert read is not None and read.utc.isoformat() == right
