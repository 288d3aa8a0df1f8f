"""Is folding the inverse of unfolding, at the right places, within the limits?"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emaillab.message.header.folding import fold, unfold

NAMES = st.sampled_from([b"Subject", b"To", b"Received", b"X-Odd"])
VALUES = st.lists(
    st.sampled_from([b"word", b"a,", b"b;", b" ", b"  ", b"\t", b'"quoted text"', b"(c d)", b"x" * 90, b'"']),
    max_size=60,
)


@given(NAMES, VALUES.map(b"".join), st.integers(10, 100))
def test_unfold_after_fold_gives_the_field_back(name: bytes, value: bytes, limit: int) -> None:
    field = name + b": " + value
    folded = fold(field, limit)
    assert unfold(folded) == field
    assert folded.replace(b"\r\n", b"") == field, "only CRLF is added"
    lines = folded.split(b"\r\n")
    assert all(line.strip(b" \t") for line in lines), "no line of blanks only"
    assert all(line[:1] in b" \t" for line in lines[1:])
    for line in lines:
        if len(line) > limit:  # then it has no blank at which it could have been folded
            inner = line[len(name) + 1 :].strip(b" \t") if line is lines[0] else line.strip(b" \t")
            assert not re.search(rb"[ \t]", inner)


@given(st.binary(max_size=300).filter(lambda data: b"\n" not in data and b"\r" not in data))
def test_any_octets_come_back(data: bytes) -> None:
    assert unfold(fold(data, 20)) == data


def test_addresses_are_folded_after_commas_and_quotes_stay_whole() -> None:
    field = b'To: "Li, Lei of the very long department name" <lilei@crepes.fr>, "Han, Meimei" <hanmeimei@crepes.fr>, b@c.org'
    assert fold(field).split(b"\r\n") == [
        b'To: "Li, Lei of the very long department name" <lilei@crepes.fr>,',
        b' "Han, Meimei" <hanmeimei@crepes.fr>, b@c.org',
    ]


def test_a_subject_is_folded_at_its_last_blank_commas_or_not() -> None:
    field = b"Subject: one, " + b"word " * 13 + b"end"
    assert len(fold(field).split(b"\r\n")[0]) > 70


def test_a_short_field_stays_as_it_is() -> None:
    assert fold(b"Subject: x") == b"Subject: x"
    assert fold(b"Subject: " + b"x" * 69) == b"Subject: " + b"x" * 69


def test_no_line_is_over_998() -> None:
    assert max(map(len, fold(b"Subject: " + b"word " * 1000, 5000).split(b"\r\n"))) <= 998
    assert fold(b"Subject: " + b"x" * 980) == b"Subject: " + b"x" * 980
    with pytest.raises(ValueError, match="hold no blank to fold at"):
        fold(b"Subject: " + b"x" * 999)


def test_a_field_of_several_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="holds a line end"):
        fold(b"Subject: a\r\n b")
