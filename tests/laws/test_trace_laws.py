"""What holds for the path of any letter at all, honest, broken or hostile?"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from re._constants import ATOMIC_GROUP, MAX_REPEAT, MAXREPEAT, MIN_REPEAT, POSSESSIVE_REPEAT  # type: ignore[import-not-found]
from re._parser import SubPattern, parse  # type: ignore[import-not-found]
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import emaillab.message.trace.path as module
from emaillab.message.header import clauses
from emaillab.message.header.fields import parse_header
from emaillab.message.trace import marks, received
from emaillab.message.trace.path import path_table, trace
from emaillab.message.trace.received import read_regular, read_tolerantly
from tests.steps import steps_of

PIECES = st.sampled_from(
    b'from |by |via |with |id |for |tls |ESMTPS |local |HTTP |a.org |[192.0.2.1]|(|)|"|\\|;|<|>|<a@b> | |\r\n |\n\t'
    b"|\r\n|HELO |helo=x |x|=|:|Mon, 3 Mar 2025 12:00:00 +0100|; Mon, 3 Mar 2025 12:00:00 -0000|3 Mar 25|unknown "
    b"|(unknown [192.0.2.1])|(mx.a.org. [192.0.2.1]) |(using TLSv1.3 with cipher X (256/256 bits)) |localhost |\xff|\0"
    b"".split(b"|")
)
VALUES = st.lists(PIECES, max_size=25).map(b"".join)
NAMES = st.sampled_from([b"Received: ", b"received:", b"X-Received: ", b"Return-Path: ", b"ARC-Seal: "])
LETTERS = st.lists(
    st.one_of(st.tuples(NAMES, VALUES).map(lambda field: b"".join(field) + b"\r\n"), st.binary(max_size=40))
).map(b"".join)
MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))


@given(st.one_of(st.binary(max_size=400), LETTERS))
def test_it_never_raises_and_spans_are_the_received_fields_from_below(raw: bytes) -> None:
    path = trace(raw)
    fields = parse_header(raw).all("Received")
    assert [hop.span for hop in reversed(path.hops)] == [field.span for field in fields]
    assert [hop.raw for hop in reversed(path.hops)] == [field.raw for field in fields]
    for hop in path:
        assert hop.octets == len(hop.raw)
        assert all(hop.span[0] <= defect.at <= hop.span[1] for defect in hop.defects)
        assert all(hop.span[0] <= clause.span[0] < clause.span[1] <= hop.span[1] for clause in hop.clauses)
        assert hop.time is None or hop.time.utcoffset() == timedelta(0)
        assert (hop.tls, hop.authenticated, hop.cipher) is not None
    assert path_table(path)
    assert len(path.bounds) == len(path.elapsed_s) == len(path)
    fields = parse_header(raw).all("Received")
    for mark in path.marks:
        assert raw[slice(*mark.span)] == mark.raw
        assert mark.hops == sum(field.span[0] > mark.span[0] for field in fields)
        assert mark.value is not None and (mark.reading is None) == (mark.name.lower() != "x-received")
    assert path.to_json()["total_s"] == path.total_s


@given(VALUES)
def test_the_quick_way_agrees_with_the_tolerant_one(value: bytes) -> None:
    assert read_regular(value.decode("latin-1"), 0, len(value)) in (None, read_tolerantly(value, 0, len(value)))


# One of each line makes a field that follows the grammar, or nearly.
REGULAR = [
    "|(x (y)) ",
    "|from a.org |from [192.0.2.9] |from unknown |from with.org |from 1.2.3.4 |from b@c |from x:1 ",
    "|(mx.a.org. [192.0.2.1]) |([192.0.2.1]) |(unknown [10.0.0.1]) |(1.2.3.4 [5.6.7.8]) |(EHLO [1.2.3.4]) |(a [::1])",
    "|(HELO b.org) (192.0.2.7) |(HELO b.org) (u@192.0.2.7) |(LHLO x) (y@b.org [::1])|([192.0.2.1]:25 helo=x) |([::1]:25)"
    "|(port=5 helo=[1.2.3.4] ident=x) |(helo=x) |(IDENT:u@b.org [192.0.2.1] (may be forged)) |([IPv6:::1]) |(1.2.3.4.5) "
    "|(fe80::1:2:3:4:5:6:7:8) |(b.org 1::2:3:4:5:6:7) |(b.org 1.2.3.4) |(from u@h) |() |(192.0.2.1helo=x) |(HELO unknown)"
    "|(using TLSv1.3 (256/256 bits)) |(HELO b.org) |(192.0.2.7) |(2001:db8::7) |(12:34:56) |(1.2.3) |(b.org [::1]) |(x y) |(localhost [::1]) ",
    "by b.org |by 2002:a05::1 (Postfix) |by for ||(qmail 1 invoked by uid 2)|by b.org(x)|by b over TLS secured channel ",
    "|via TCP |via HTTP |via ID ",
    "|with ESMTPS |with local |with HTTP (x) |with esmtps (TLS1.3) tls X (Exim) |with Microsoft SMTP Server |with a\r\n b\t c |with a (x) b ",
    "|id 15.1.225.42 |id from |id <a@b> |id 15.1.225.42 via Frontend\r\n Transport |via id x ",
    "|for <a@b.org> |for a@b |for <> |for <(;> |for many people ",
    "; Mon, 3 Mar 2025 12:00:00 +0100|;3 Mar 2025 23:59:59 -0000 (UTC)|; Thu, 31 Feb 2025 12:00:00 +0000",
]


@given(st.tuples(*(st.sampled_from(line.split("|")) for line in REGULAR)))
def test_they_agree_on_well_formed_fields_too(parts: tuple[str, ...]) -> None:
    value = "".join(parts).encode()
    assert read_regular(value.decode("latin-1"), 0, len(value)) in (None, read_tolerantly(value, 0, len(value)))


@given(st.lists(MOMENTS, min_size=2, max_size=30), st.integers(-14, 14))
def test_delays_telescope_to_the_total(moments: list[datetime], zone_h: int) -> None:
    east = timedelta(hours=zone_h)
    stamps = [
        format_datetime((moment + east).replace(tzinfo=None)).replace("-0000", f"{zone_h:+03d}00") for moment in moments
    ]
    raw = "".join(f"Received: by h; {stamp}\r\n" for stamp in reversed(stamps)).encode()
    path = trace(raw)
    whole = [moment.replace(microsecond=0) for moment in moments]
    assert [hop.time for hop in path] == whole
    delays = [hop.delay_s for hop in path][1:]
    assert all(delay is not None for delay in delays)
    assert sum(delay or 0 for delay in delays) == path.total_s == (whole[-1] - whole[0]).total_seconds()
    assert path.gaps == ()


@given(st.lists(MOMENTS, min_size=3, max_size=10), st.integers(1, 100_000))
def test_an_inner_clock_moves_two_delays_and_no_total(moments: list[datetime], skew_s: int) -> None:
    def path(times: list[datetime]) -> Any:
        return trace("".join(f"Received: by h; {format_datetime(time)}\r\n" for time in reversed(times)).encode())

    moved = [moments[0], moments[1] + timedelta(seconds=skew_s), *moments[2:]]
    before, after = path(moments), path(moved)
    assert before.total_s == after.total_s
    assert after[1].delay_s - before[1].delay_s == skew_s
    assert after[2].delay_s - before[2].delay_s == -skew_s


# --- cost ---

HOSTILE = {
    "unclosed comments": b"(",
    "closing parentheses": b")",
    "nested comments": b"(a(b(c)d",
    "comments three deep": b"(((a)))",
    "simple comments": b"(a)",
    "escaped parentheses": b"(\\(",
    "quotation marks": b'"',
    "escaped quotation marks": b'\\"',
    "a quotation mark and a parenthesis": b'"(',
    "words that touch quoted strings": b'a"b"',
    "words": b"a ",
    "clauses": b"from a by b ",
    "tls clauses": b"with a tls b ",
    "semicolons": b";",
    "dates": b"; Mon, 3 Mar 2025 12:00:00 +0000",
    "clauses behind dates": b"; Mon, 3 Mar 2025 12:00:00 +0000 id 1",
    "addresses glued to names": b"a[1.2.3.4]",
    "greetings": b"helo=a HELO ",
    "claims": b"claiming to ",
    "days": b"Mon, 3 ",
    "angle brackets": b"<a",
    "colons": b":",
    "addresses": b"(1.2.3.4 [1.2.3.4]) ",
    "at signs and dots": b"a@b.",
    "folds": b"\r\n ",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("opening", [b"", b"from ", b"from a (", b'from "'])
def test_hostile_fields_cost_at_most_in_proportion(kind: str, opening: bytes) -> None:
    def letter(times: int) -> bytes:
        return b"Received: " + opening + HOSTILE[kind] * times + b"\r\n\r\n"

    few, many = (steps_of(partial(trace, letter(times))) for times in (100, 1000))
    assert many <= 12 * few


def test_many_fields_cost_in_proportion() -> None:
    few, many = (steps_of(partial(trace, b"Received: x\r\n" * times)) for times in (100, 1000))
    assert many <= 11 * few
    assert steps_of(partial(trace, b"X: x\r\n" * 10_000 + b"\r\n")) <= 200


def repetitions(tree: Any) -> list[Any]:
    """List the kinds of all unbounded repetitions in a parsed regular expression."""
    found = []
    for kind, argument in tree:
        if kind is ATOMIC_GROUP and argument[0][0] is MAX_REPEAT:  # a possessive group, as patterns.py may write it
            kind, argument = POSSESSIVE_REPEAT, argument[0][1]
        if kind in (MAX_REPEAT, MIN_REPEAT, POSSESSIVE_REPEAT) and argument[1] == MAXREPEAT:
            found.append(kind)
        nested = argument if isinstance(argument, (tuple, list)) else [argument]
        for inner in nested:
            if isinstance(inner, SubPattern):
                found += repetitions(inner)
            elif isinstance(inner, list):
                found += [kind for one in inner if isinstance(one, SubPattern) for kind in repetitions(one)]
    return found


@pytest.mark.parametrize(
    "pattern", [clauses._TOKEN, clauses._TOKEN_WITHOUT_QUOTES, received._STAMP, module._RECEIVED, marks._FIELD]
)
def test_no_regular_expression_can_go_back_over_what_it_read(pattern: re.Pattern[Any]) -> None:
    """Steps of Python do not show what happens within a match."""
    found = repetitions(parse(pattern.pattern))
    assert len(found) > 3
    assert set(found) == {POSSESSIVE_REPEAT}


def test_an_unclosed_quotation_mark_is_followed_to_the_end_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []

    class Counting:
        def match(self, raw: bytes, start: int, end: int) -> re.Match[bytes] | None:
            used.append(start)
            return token.match(raw, start, end)

    token = clauses._TOKEN
    monkeypatch.setattr(clauses, "_TOKEN", Counting())
    value = b'a "' + b'\\"' * 1000
    assert clauses.tokenize(value, 0, len(value), [])
    assert used == [0, 1]
