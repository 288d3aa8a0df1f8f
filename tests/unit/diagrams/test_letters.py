"""Do the pictures of a letter's lines, of the editions and of a conversation hold what they are drawn from?"""

import re
from xml.etree import ElementTree

import pytest

from emaillab.diagrams.annotated import draw_annotated, lines_of
from emaillab.diagrams.matrix import draw_matrix
from emaillab.diagrams.thread_tree import draw_threads
from emaillab.message.user_agent.threads import threads
from emaillab.message.working.editions import variant_matrix

ODD = [b"", b"\x00\xff<&>", b"\r\n\r\n", b"no field\r\n", b"A: b\r\n" * 500 + b"\r\n" + b"x " * 100_000]


def letter(name: str, date: str, answers: str = "", writer: str = "Alice <a@crepes.fr>") -> bytes:
    thread = f"References: {answers}\r\n" if answers else ""
    date = f"Date: {date}\r\n" if date else ""
    return f"From: {writer}\r\n{date}Message-ID: <{name}>\r\n{thread}Subject: Lunch\r\n\r\nyes\r\n".encode()


def test_every_line_has_its_note() -> None:
    raw = b"Received: from a\r\n\tby b; now\r\nFrom: a@crepes.fr\r\nnonsense\r\nTo: b@b.org\r\n\r\nHi\r\n\r\nBob\r\n"
    assert [line.note for line in lines_of(raw)] == [
        "field Received",
        "Received goes on",
        "field From",
        "no field",
        "field To",
        "the header ends",
        "body",
        "",
        "",
    ]
    assert "⇥   by b; now" in draw_annotated(raw).words


@pytest.mark.parametrize("raw", ODD, ids=range(len(ODD)))
def test_any_letter_gives_a_picture_of_bounded_size(raw: bytes) -> None:
    picture = draw_annotated(raw)
    ElementTree.fromstring(picture.svg)
    assert len(picture.svg) < 60_000


def test_the_matrix_shows_each_cell() -> None:
    picture = draw_matrix(matrix := variant_matrix())
    ElementTree.fromstring(picture.svg)
    passed = sum(map(sum, matrix.rows.values()))
    assert (picture.svg.count("✓ yes"), picture.svg.count("✗ no")) == (passed, 60 - passed)
    assert picture.title == f"Edition matrix: 10 rows, {passed} of 60 pass"


def test_a_conversation_is_in_utc_whatever_the_zones() -> None:
    first = letter("1@a", "Mon, 02 Mar 2026 10:00:00 +0100")
    answer = letter("2@b", "Mon, 02 Mar 2026 04:30:00 -0500", "<1@a>", "Bob <b@hamburger.edu>")
    words = draw_threads(threads([answer, first])).words.splitlines()
    assert words == [
        "Alice: Lunch, 2026-03-02 09:00:00 UTC, by their own clock 10:00 +0100",
        "  Bob: Lunch, 2026-03-02 09:30:00 UTC, by their own clock 04:30 -0500",
    ]


def test_a_missing_letter_and_one_without_a_date_have_no_dot() -> None:
    found = threads([letter("2@a", "", "<1@a>"), letter("3@a", "Mon, 02 Mar 2026 10:00:00 -0000", "<1@a> <2@a>")])
    picture = draw_threads(found)
    ElementTree.fromstring(picture.svg)
    assert picture.svg.count("<circle") == 1
    assert "(not here) <1@a>" in picture.words
    assert "no readable date" in picture.words
    assert "zone unknown" in picture.words


@pytest.mark.parametrize("last", ["Mon, 02 Mar 2026 10:00:01 +0000", "Tue, 02 Mar 2027 10:00:00 +0000", ""])
def test_seconds_and_years_both_fit(last: str) -> None:
    found = threads([letter("1@a", "Mon, 02 Mar 2026 10:00:00 +0000"), letter("2@a", last, "<1@a>")])
    picture = draw_threads(found)
    ElementTree.fromstring(picture.svg)
    assert all(0 <= float(x) <= 940 for x in re.findall(r'\bc?x="([-\d.]+)"', picture.svg))


def test_no_letters() -> None:
    assert draw_threads([]).title == "Conversation of 0 letters"
