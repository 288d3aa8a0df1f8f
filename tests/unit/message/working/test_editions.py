"""Does the checker know what each edition requires of a writer, and what it asks a reader to take?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emaillab.message.header.fields import parse_header
from emaillab.message.user_agent.compose import compose, forward, reply, to_bytes
from emaillab.message.working.editions import (
    EDITIONS,
    FURTHER,
    MODES,
    RULES,
    VARIANTS,
    allowed,
    letter_matrix,
    problems,
    variant,
    variant_matrix,
)

LETTERS = Path(__file__).resolve().parents[4] / "data" / "messages"
PLAIN = b"Date: Mon, 03 Mar 2025 12:00:00 +0000\r\nFrom: a@b.org\r\nTo: c@d.org\r\nMessage-ID: <1@b.org>\r\n\r\nhi\r\n"


def kinds(raw: bytes, edition: int = 5322, mode: str = "generate") -> list[str]:
    return [problem.kind for problem in problems(raw, edition, mode)]  # type: ignore[arg-type]


def test_s41_ten_variants_by_edition_and_mode() -> None:
    yes, no = True, False
    assert variant_matrix().rows == {
        "no-destination": (no, no, yes, yes, yes, yes),
        "repeated-field": (yes, yes, no, yes, no, yes),
        "line-over-998": (yes, yes, no, no, no, no),
        "line-over-78": (yes, yes, yes, yes, yes, yes),
        "two-digit-year": (yes, yes, no, yes, no, yes),
        "named-zone": (yes, yes, no, yes, no, yes),
        "source-route": (yes, yes, no, yes, no, yes),
        "blank-before-colon": (yes, yes, no, yes, no, yes),
        "bare-cr": (yes, yes, no, yes, no, yes),
        "bare-lf": (yes, yes, no, yes, no, yes),
    }
    assert len(str(variant_matrix()).splitlines()) == 11


@pytest.mark.parametrize("kind", [*VARIANTS, *FURTHER])
def test_the_checker_finds_in_each_variant_what_the_matrix_says(kind: str) -> None:
    raw = variant(kind)
    for edition in EDITIONS:
        for mode in MODES:
            musts = [problem.kind for problem in problems(raw, edition, mode) if problem.must]
            assert musts == ([] if allowed(kind, edition, mode) else [kind])


def test_a_control_character_parts_5322_from_2822() -> None:
    assert allowed("control-character", 2822, "generate")
    assert not allowed("control-character", 5322, "generate")


def test_s32_only_date_and_from_are_required_since_2822() -> None:
    for name, since_2822 in (("Date", False), ("From", False), ("To", True), ("Message-ID", True)):
        without = re.sub(rb"(?m)^%s: .*\r\n" % name.encode(), b"", PLAIN)
        passes = not any(problem.must for problem in problems(without))
        assert passes is since_2822, name
    assert kinds(re.sub(rb"To: .*\r\n", b"", PLAIN), 822) == ["no-destination"]
    assert problems(PLAIN) == ()
    assert "Subject" not in PLAIN.decode()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("field", ["Date", "From"])
def test_date_and_from_must_be_there(field: str, mode: str) -> None:
    line = re.search(rb"(?m)^%s: .*\r\n" % field.encode(), PLAIN)
    assert line
    assert kinds(PLAIN.replace(line[0], b""), mode=mode) == [f"no-{field.lower()}"]


@pytest.mark.parametrize("field", ["Date", "From", "Subject"])
def test_a_field_that_stands_again_is_read_and_reported(field: str) -> None:
    """RFC 5322 §4.5."""
    twice = b"Subject: x\r\n" + PLAIN
    twice = re.sub(rb"(?m)^%s: .*\r\n" % field.encode(), rb"\g<0>\g<0>", twice, count=1)
    for edition in (2822, 5322):
        assert kinds(twice, edition) == ["repeated-field" if field == "Subject" else f"repeated-{field.lower()}"]
        assert kinds(twice, edition, "accept") == []
    assert [defect.kind for defect in parse_header(twice).defects] == ["repeated-field"]


def test_trace_and_resent_fields_may_stand_again() -> None:
    block = b"Resent-From: a@b.org\r\nResent-Date: Mon, 03 Mar 2025 12:00:00 +0000\r\nReceived: by b; Mon, 03 Mar 2025 12:00:00 +0000\r\n"
    assert problems(block + block + PLAIN) == ()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ((b"Mon,", b"Tue,"), "weekday-wrong"),
        ((b"Mon, 03 Mar 2025 12:00:00 +0000", b"yesterday"), "date-unreadable"),
        ((b"03 Mar", b"31 Feb"), "date-unreadable"),
        ((b"To: c@d.org", b"To: c"), "address-incomplete"),
        ((b"To: c@d.org", b"To:"), "address-incomplete"),
        ((b"<1@b.org>", b"1@b.org"), "message-id-malformed"),
        ((b"To:", b"To\r\nCc:"), "no-field"),
        ((b"c@d.org", "张@d.org".encode()), "not-ascii-header"),
        ((b"hi", "你好".encode()), "not-ascii-body"),
    ],
)
def test_what_no_edition_allows(change: tuple[bytes, bytes], kind: str) -> None:
    for edition in EDITIONS:
        for mode in MODES:
            assert kind in kinds(PLAIN.replace(*change), edition, mode)


@pytest.mark.parametrize(
    "change",
    [
        (b"+0000", b"+0000 (Greenwich (old))"),
        (b"To: c@d.org", b'To: "J. Q. (x" <c@d.org>, g:;'),
        (b"To: c@d.org", b"To: =?utf-8?Q?a.b?= <c@d.org>"),
        (b"To: c@d.org", b"Bcc:"),
        (b"To: c@d.org", b'To: "<@a:b@c>" <c@d.org>'),
        (b"hi", b"MIME-Version: this is body text"),
    ],
)
def test_what_all_editions_allow(change: tuple[bytes, bytes]) -> None:
    for edition in EDITIONS:
        assert kinds(PLAIN.replace(*change), edition) == []


def test_mime_makes_eight_bits_legal_in_the_body() -> None:
    eight = PLAIN.replace(b"hi", "你好".encode())
    assert kinds(eight) == ["not-ascii-body"]
    assert kinds(b"MIME-Version: 1.0\r\n" + eight) == []


def test_offsets_point_at_the_fault() -> None:
    raw = variant("two-digit-year")
    (problem,) = problems(raw)
    assert raw[problem.at : problem.at + 2] == b"25"
    assert str(problem) == "offset 18: the year has two digits (RFC 5322 §4.3)"
    raw = variant("source-route")
    assert raw[problems(raw)[0].at :].startswith(b"<@relay")


def test_lines_of_78_79_998_and_999_octets() -> None:
    for length, kind in ((78, []), (79, ["line-over-78"]), (998, ["line-over-78"]), (999, ["line-over-998"])):
        assert kinds(PLAIN + b"x" * length + b"\r\n") == kind
        assert kinds(PLAIN + b"x" * length) == kind, "the last line needs no CRLF"


def test_a_unix_file_is_judged_as_if_its_lines_ended_in_crlf() -> None:
    assert problems(PLAIN.replace(b"\r\n", b"\n")) == ()


def test_s31_the_corpus_by_edition() -> None:
    letters = {path.name: path.read_bytes() for path in sorted(LETTERS.glob("*.eml"))}
    rows = letter_matrix(letters).rows
    assert len(rows) > 40
    assert rows["plain.eml"] == (True,) * 6
    assert rows["minimal.eml"] == (False, False, True, True, True, True), "no destination: 822 would not have it"
    assert rows["uuencode.eml"] == (True, True, False, True, False, True), "a letter of old times"
    assert rows["smtputf8.eml"] == (False,) * 6, "UTF-8 in the header is RFC 6532's"
    assert sum(all(row[4:]) for row in rows.values()) > 35


def test_what_the_pen_writes_is_right_in_all_editions() -> None:
    letter = compose(
        "爱丽丝 <a@b.org>", "鲍勃 <c@d.org>", "你好" * 30, "你好\n" * 9, cc=["e@f.org"] * 30, html="<p>é</p>"
    )
    raw = to_bytes(letter)
    for one in (
        raw,
        to_bytes(reply(raw, "好", from_="c@d.org")),
        to_bytes(forward(raw, from_="c@d.org", to="g@h.org")),
    ):
        for edition in EDITIONS:
            assert problems(one, edition) == ()


@given(st.binary(max_size=400))
def test_whatever_is_checked_nothing_is_raised_and_offsets_are_inside(noise: bytes) -> None:
    for raw in (noise, b"Date: " + noise + b"\r\nFrom: " + noise + b"\r\n\r\n" + noise):
        for edition in EDITIONS:
            for problem in problems(raw, edition, "generate"):
                assert 0 <= problem.at <= len(raw)
                assert problem.kind in RULES


@given(st.binary(max_size=300))
def test_a_reader_is_never_asked_for_more_than_a_writer(noise: bytes) -> None:
    raw = b"Date: " + noise + b"\r\nTo: " + noise
    for edition in EDITIONS:
        assert set(kinds(raw, edition, "accept")) <= set(kinds(raw, edition))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("no-such", 5322, "accept"), "there is no variant 'no-such'"),
        (("bare-cr", 5321, "accept"), "there is no edition 5321: expected 822, 2822 or 5322"),
        (("bare-cr", 5322, "read"), "there is no mode 'read'"),
    ],
)
def test_wrong_questions_get_one_clear_sentence(arguments: tuple[str, int, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        allowed(*arguments)  # type: ignore[arg-type]
