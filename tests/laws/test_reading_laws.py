"""What holds for every address list, date and Received field, however damaged: nothing is hidden, nothing made up?"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emaillab.message.header.addresses import parse_address_list, parse_addresses
from emaillab.message.header.dates import parse_date
from emaillab.message.header.fields import kept_as_is, parse_header
from emaillab.message.octets.charsets import decode_raw
from emaillab.message.trace.path import trace
from emaillab.message.trace.received import read_regular, read_tolerantly
from tests.steps import steps_of

# --- addresses ---

PIECES = st.sampled_from(
    [
        *("a@a.org", "bob@b.org", "<c@c.org>", "Carl", "Q.", '"Li, Lei"', '"x y"@z.org', "@", ".", "<", ">", "(", ")"),
        *(
            '"',
            "[",
            "]",
            "[192.0.2.1]",
            ",",
            ";",
            ":",
            " ",
            " ",
            "\r\n ",
            "(note)",
            "(d@d.org)",
            '"e@e.org"',
            "\\",
            "'",
        ),
        *(
            "=?utf-8?Q?f=40f.org?=",
            "=?utf-8?Q?g(,?=",
            "=?utf-8?B?PGhAaC5vcmc+LA==?=",
            "é",
            "，",
            "\x1b$B!(\x1b(B",
            "\0",
        ),
    ]
)
LISTS = st.lists(PIECES, max_size=14).map("".join)


def squeezed(text: str) -> str:
    """Leave out what may stand between the pieces of an address: blanks, quotation marks, comments."""
    before = None
    while text != before:
        before, text = text, re.sub(r"\([^()]*\)", "", text)
    return re.sub(r'[\s"\\]', "", text)


@given(LISTS)
def test_an_address_in_the_result_stands_in_the_input(text: str) -> None:
    found = parse_address_list(text.encode(), 7)
    for one in (member for group in found.groups for member in group.members):
        spec = re.sub(r'[\s"\\]', "", f"{one.local}@{one.domain}" if one.domain else one.local)
        written = [text, decode_raw(text.encode())]  # which obeys the sequences of ISO-2022-JP
        assert any(spec in squeezed(one) or spec in re.sub(r'[\s"\\]', "", one) for one in written)
        assert one.domain.count("@") == 0 and (one.local or one.domain or one.name)
    assert all(7 <= defect.at <= 7 + len(text.encode()) for defect in found.defects)
    for start, end in kept_as_is(text.encode()):
        assert 0 <= start < end <= len(text.encode())


NAMES = st.sampled_from(["", "Al ", '"Li, Lei" ', "=?utf-8?Q?K(=C3=B6?= ", "(home) ", "Al Q. ", "李，雷 "])
MARKS = st.sampled_from(["", '"', "(", "[", '"Al ', "(Al ", "[Al "])


@given(
    st.lists(st.tuples(MARKS, NAMES, st.booleans()), min_size=1, max_size=5), st.sampled_from([",", ", ", "; ", " "])
)
def test_no_mark_that_is_left_open_hides_an_address(items: list[tuple[str, str, bool]], comma: str) -> None:
    opened = next((place for place, item in enumerate(items) if item[0]), None)
    written = []
    for place, (mark, name, angle) in enumerate(items):
        spec = f"{'abcde'[place]}@{place}.org"
        written.append((mark if place == opened else "") + name + (f"<{spec}>" if angle or comma == " " else spec))
    found = parse_addresses(comma.join(written).encode())
    assert [one.addr_spec for one in found] == [f"{'abcde'[place]}@{place}.org" for place in range(len(items))]


HOSTILE = [
    *(
        b'"',
        b'"a <a@b>, ',
        b'"a <a@b>, "b',
        b'\\"',
        b"(",
        b"(a",
        b")",
        b"(a)",
        b"[",
        b"[a",
        b"[a]",
        b"<",
        b"<@",
        b"<@a,",
    ),
    *(
        b"<@a:",
        b">",
        b",",
        b";",
        b":",
        b"a:",
        b"@",
        b"a@",
        b"a@b ",
        b"a@b.",
        b" .",
        b"a. ",
        b"=?utf-8?Q?(?=",
        b"=?a?q?",
    ),
    *(b"\x1b$B", b"\x1b$B!(B", b"<a@b", b"<a@b ", b"(a)@", b"\xef\xbc\x8c", b"x <", b"<(a),", b"<(a)@(b),", b"a b "),
    *(b"<a@b> c ", b"a@b c <", b'"a"@', b'"a" ', b"\r\n "),
]


@pytest.mark.parametrize("opening", [b"", b'"', b"(", b"<", b"[", b"x@y ", b"<@a "])
@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_lists_cost_at_most_in_proportion(piece: bytes, opening: bytes) -> None:
    few, many = (steps_of(lambda body=opening + piece * times: parse_address_list(body)) for times in (30, 300))
    assert many <= 12 * few


@pytest.mark.parametrize("piece", [b"2 Mar ", b"GMT ", b"+0100 ", b"1:", b": ", b"(am)", b"(", b"Mar ", b"a", b"PM "])
def test_hostile_dates_cost_at_most_in_proportion(piece: bytes) -> None:
    for opening in (b"", b"2 Mar 2026 09:00:00 "):
        few, many = (steps_of(lambda body=opening + piece * times: parse_date(body)) for times in (100, 1000))
        assert many <= 12 * few


# --- dates ---

WEEKDAYS = st.sampled_from(["", "Mon, ", "Mo., ", "周一, ", "lun. ", "Monday "])
CLOCKS = st.sampled_from(["%H:%M:%S", "%I:%M:%S %p", "%I:%M:%S%p"])
DAYS = st.sampled_from(
    ["%d %b %Y", "%d, %b %Y", "%d-%b-%Y", "%b %d %Y", "%B %d, %Y", "%Y-%m-%d", "%d %b %y", "%Y %b %d"]
)
MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2040, 1, 1)).map(lambda moment: moment.replace(microsecond=0))
ZONES = st.integers(-12 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))
ZONE_FORMS = st.sampled_from(["{}{}{}", "GMT{}{}{}", "{}{}:{}", "UTC{}{}:{}", "{}{}{} (XYZ)"])


@given(MOMENTS, ZONES, WEEKDAYS, DAYS, CLOCKS, ZONE_FORMS)
def test_in_whatever_form_it_is_the_same_moment(
    moment: datetime, zone: timezone, weekday: str, day: str, clock: str, form: str
) -> None:
    aware = moment.replace(tzinfo=zone)
    sign, hours, minutes = re.findall(r"[+-]|\d\d", f"{aware:%z}")
    text = f"{weekday}{aware.strftime(f'{day} {clock}')} {form.format(sign, hours, minutes)}"
    read = parse_date(text.encode())
    assert read is not None and read.utc == aware and read.zone_known and read.local == moment


@given(MOMENTS, WEEKDAYS, DAYS, CLOCKS, st.sampled_from([*"ABCDEFGHIKLMNOPQRSTUVWXYZabz", "-0000", "IST", "XYZ", ""]))
def test_a_zone_that_tells_nothing_is_no_other_than_utc_and_is_named(
    moment: datetime, weekday: str, day: str, clock: str, zone: str
) -> None:
    """RFC 5322 §4.3."""
    if day == "%Y-%m-%d" and zone in ("Z", "z"):
        return  # ISO 8601
    read = parse_date(f"{weekday}{moment.strftime(f'{day} {clock}')} {zone}".encode())
    assert read is not None and (read.utc, read.zone_known) == (moment.replace(tzinfo=UTC), False)


DATE_PIECES = st.sampled_from(
    [
        "Mon, ",
        "Mon ",
        "2 ",
        "02-",
        "Mar ",
        "Mar-",
        "März ",
        "2026 ",
        "26 ",
        "2026-03-02",
        "T",
        "09:00",
        "09:00:00",
        ":60",
        "12:30:00",
        " AM",
        " PM",
        "pm ",
        "Z",
        "GMT",
        "+0100",
        " -0500",
        "GMT+1",
        "CET ",
        "EST",
        "(PM)",
        "(x)",
        ",",
        " ",
        "at ",
        "03/02/2026 ",
        ".",
        ";",
        "for ",
        "id 1 ",
        "24:00",
        "+01:00",
        "9:00 ",
        "junk ",
        "\u202f",
    ]
)


@given(st.lists(DATE_PIECES, max_size=9).map("".join))
def test_no_date_is_read_differently_by_two_readers(text: str) -> None:
    value = f"from a.org by b.org; {text}".encode()
    quick, slow = read_regular(value.decode("latin-1"), 0, len(value)), read_tolerantly(value, 0, len(value))
    assert quick in (None, slow)
    read = parse_date(text.encode())
    if read is not None and not {"for", "id", ";"} & set(re.findall(r"for|id|;", text)):
        assert (slow.time, slow.zone_known) == (read.utc, read.zone_known)
    header = parse_header(b"Date: " + text.encode() + b"\r\n\r\n")
    unreadable = any(defect.kind == "date-unreadable" for defect in header.defects)
    assert unreadable is (read is None)


# --- Received ---

CLAIMS = st.sampled_from(
    ["6.6.6.6", "[6.6.6.6]", "[IPv6:2001:db8::6]", "2001:db8::6", "6.6.6.6:25", "[6.6.6.6:25]", "evil"]
)
HOSTS = st.sampled_from(["mx.a.org", "unknown", "User", "localhost", "6-6-6-6.isp.example"])
TOLD = st.sampled_from(["203.0.113.7", "2001:db8::7"])
SENDERS = st.sampled_from(
    [
        *("from {helo} ({host} [{ip}])", "from {helo} ({host}[{ip}])", "from {helo} ([{ip}])", "from {helo} ({ip})"),
        *(
            "from {helo}",
            "from {helo} ({host})",
            "from {helo} [{ip}]",
            "from {helo} ([{ip}] port 25)",
            "from {helo} ()",
        ),
        *(
            "from {host} (HELO {helo}) ({ip})",
            "from {host} (HELO {helo}) (bob@{ip})",
            "from {host} (EHLO {helo}) ([{ip}])",
        ),
        *(
            "from {host} ([{ip}]:25 helo={helo})",
            "from {host} ([{ip}] helo={helo} ident=bob)",
            "from {host} (helo={helo})",
        ),
        *("from [{ip}] (helo={helo})", "from [{ip}] (port=25 helo={helo})", "from [{ip}] (HELO {helo})"),
        *("from {host} (HELO: {helo})", "from {host} (ehlo = {helo})", "from {host} (LHLO {helo}) ([{ip}])"),
        *("from {host} ([{ip}]), claiming to be {helo}", "from {host}, claiming to be {helo}"),
        *("from {host} (claiming to be {helo}) ([{ip}])", "from {host} HELO {helo} ([{ip}])"),
        *("from {helo} (IDENT:bob@{host} [{ip}] (may be forged))", "from {helo} ({host} [{ip}]) as user {helo}"),
        *("from {helo} (using TLSv1.3) (Authenticated sender: {helo})", "from {helo} (envelope-from <x@{helo}>)"),
    ]
)
WAYS = st.sampled_from([" with SMTP id 1", " with ESMTPSA", "", " (Postfix) with ESMTPS (TLS1.3) id 1 for <x@b.org>"])


@given(SENDERS, CLAIMS, HOSTS, TOLD, WAYS)
def test_the_address_never_comes_from_what_the_client_called_itself(
    sender: str, helo: str, host: str, ip: str, way: str
) -> None:
    field = f"{sender.format(helo=helo, host=host, ip=ip)} by b.org{way}; Mon, 2 Mar 2026 09:00:00 +0000"
    (hop,) = trace(f"Received: {field}\r\n\r\n".encode())
    assert hop.from_ip == (ip if "{ip}" in sender else None)
    assert hop.by == "b.org" and hop.time is not None
    quick = read_regular(field, 0, len(field))
    assert quick in (None, read_tolerantly(field.encode(), 0, len(field)))
