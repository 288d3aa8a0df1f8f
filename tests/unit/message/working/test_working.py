"""Do the shown steps lead to the result, and the result to what the RFCs print and the standard library makes?"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from email.header import decode_header, make_header
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emaillab.message.header.encoded_words import decode_words
from emaillab.message.header.parameters import parse_parameters
from emaillab.message.octets.utf7 import decode_name
from emaillab.message.working.encodings import (
    base64_reading,
    base64_working,
    quoted_printable_reading,
    quoted_printable_working,
)
from emaillab.message.working.header import (
    mailbox_name_working,
    parameter_working,
    words_reading,
    words_working,
)
from emaillab.protocol.framing.dots import unstuff
from emaillab.protocol.stuffing import stuffing_working

# --- base64 ---

VECTORS = [(b"", ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg=="), (b"fooba", "Zm9vYmE=")]


@pytest.mark.parametrize(("octets", "text"), VECTORS)
def test_base64_steps_reach_the_vectors_of_rfc_4648(octets: bytes, text: str) -> None:
    working = base64_working(octets)
    assert "".join(step.text for step in working.steps) == text
    assert working.result == (text.encode() + b"\r\n" if text else b"")
    assert base64_reading(text.encode()).result == octets


def test_base64_shows_bits_values_and_padding() -> None:
    first, last = base64_working("信!".encode()).steps
    assert first.bits == "111001 001011 111110 100001"
    assert first.values == (57, 11, 62, 33)
    assert (last.text, last.note) == ("IQ==", "4 zero bits and 2 '=' fill it up")
    assert [step.line for step in base64_working(bytes(58)).steps][-2:] == [1, 2]


@given(st.binary(max_size=200))
def test_base64_steps_add_up_both_ways(data: bytes) -> None:
    written = base64_working(data)
    assert "".join(step.text for step in written.steps) == base64.b64encode(data).decode()
    assert b"".join(step.octets for step in written.steps) == data
    read = base64_reading(written.result)
    assert b"".join(step.octets for step in read.steps) == read.result == data


@given(st.binary(max_size=80))
def test_reading_base64_never_raises_and_its_steps_add_up(noise: bytes) -> None:
    read = base64_reading(noise)
    assert b"".join(step.octets for step in read.steps) == read.result


def test_reading_base64_says_what_is_passed_over() -> None:
    steps = base64_reading(b"Zm\r\n!9vYg").steps
    assert [(step.at, step.text, step.note) for step in steps] == [
        (4, "!", "outside the alphabet: passed over"),
        (0, "Zm9v", ""),
        (7, "Yg", "4 bits are left over"),
    ]


# --- quoted-printable ---


def test_quoted_printable_of_rfc_2045() -> None:
    """The example of §6.7, with its soft line breaks."""
    wire = b"Now's the time =\r\nfor all folk to come=\r\n to the aid of their country."
    reading = quoted_printable_reading(wire)
    assert reading.result == b"Now's the time for all folk to come to the aid of their country."
    assert [step.rule for step in reading.steps].count("(5) soft line break") == 2


def test_quoted_printable_names_its_rules() -> None:
    rules = {step.text: step.rule for step in quoted_printable_working(b"a=b \r\n\xe9" + b"x" * 80).steps}
    assert rules["=3D"] == rules["=E9"] == "(1) =XX"
    assert rules["=20"] == "(3) blank at the line's end"
    assert rules["\r\n"] == "(4) line break of the text"
    assert rules["=\r\n"] == "(5) soft line break: not data"


@given(st.binary(max_size=300))
def test_quoted_printable_steps_add_up_both_ways(data: bytes) -> None:
    written = quoted_printable_working(data)
    assert b"".join(step.octets for step in written.steps) == data
    assert "".join(step.text for step in written.steps).encode() == written.result
    assert all(step.column <= 76 for step in written.steps)
    read = quoted_printable_reading(written.result)
    assert b"".join(step.octets for step in read.steps) == read.result == data == quopri.decodestring(written.result)


@given(st.binary(max_size=60).map(lambda noise: re.sub(rb"[\x80-\xff]", b"=", noise)))
def test_reading_quoted_printable_never_raises_and_its_steps_add_up(noise: bytes) -> None:
    read = quoted_printable_reading(noise)
    assert b"".join(step.octets for step in read.steps) == read.result


# --- encoded words ---


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"=?ISO-8859-1?Q?a?=", "a"),
        (b"=?ISO-8859-1?Q?a?= b", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a_b?=", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
        (b"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=", "If you can read this yo"),
        (b"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),
    ],
)
def test_encoded_words_of_rfc_2047_and_2231(written: bytes, shown: str) -> None:
    reading = words_reading(written)
    assert reading.result == shown
    assert "".join(step.text for step in reading.steps) == shown


def test_reading_words_shows_language_and_dropped_blanks() -> None:
    steps = words_reading(b"x =?utf-8*zh?B?5L2g?=\r\n =?utf-8?B?5aW9?=").steps
    assert [step.note for step in steps] == ["", "", "blank between two words: dropped", ""]
    assert steps[1].language == "zh"


@pytest.mark.parametrize("text", ["天" * 40, "Crêpes für alle", "=?x?=", "жизнь " * 20, "𠮷" * 20])
def test_words_agree_with_the_standard_library_and_keep_the_limits(text: str) -> None:
    working = words_working(text, used=9)
    joined = b" ".join(working.result)
    assert str(make_header(decode_header(joined.decode()))) == text == decode_words(joined)
    assert "".join(step.text for step in working.steps) == text
    assert all(step.word_length <= 75 and step.line_length <= 76 for step in working.steps)


def test_the_choice_of_charset_and_encoding_is_told() -> None:
    assert words_working("hello").result == [b"hello"]
    assert words_working("Crêpes").steps[0].written == "=?utf-8?Q?Cr=C3=AApes?="
    assert "Q would take 18 characters, B takes 8" in words_working("你好").title
    assert words_working("你好", charset="gb2312", encoding="B").result == [b"=?gb2312?B?xOO6ww==?="]


# --- parameters ---


def test_the_parameter_of_rfc_2231() -> None:
    """§4: the title is ***fun***, in two languages' worth of rules."""
    value = "This is ***fun***"
    step = parameter_working("title", value + "é", "en-us").steps[0]
    assert (step.charset, step.language) == ("utf-8", "en-us")
    assert step.written == "title*=utf-8'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A%C3%A9"
    assert step.octets.decode() == value + "é"


@pytest.mark.parametrize("value", ["a.txt", 'say "hi"', "你好.txt", "很长的文件名" * 10 + ".txt", "", "a b;c"])
def test_parameter_pieces_add_up_and_are_read_back(value: str) -> None:
    working = parameter_working("filename", value)
    assert b"".join(step.octets for step in working.steps).decode() == value
    field = b"attachment; " + b"; ".join(working.result)
    assert parse_parameters(field).params["filename"] == value
    message = Message()
    message["Content-Disposition"] = field.decode("ascii")
    assert message.get_filename("") == value
    assert all(step.length <= 76 for step in working.steps)


# --- mailbox names ---


def test_the_mailbox_name_of_rfc_3501() -> None:
    """§5.1.3: ~peter/mail/台北/日本語."""
    working = mailbox_name_working("~peter/mail/台北/日本語")
    assert working.result == b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"
    assert [step.text for step in working.steps] == ["~peter/mail/", "台北", "/", "日本語"]
    assert working.steps[1].utf_16 == bytes.fromhex("53F05317")


@given(st.text(max_size=30))
def test_mailbox_names_come_back_and_their_base64_is_the_standard_librarys(name: str) -> None:
    working = mailbox_name_working(name)
    assert "".join(step.written for step in working.steps).encode() == working.result
    for step in working.steps:
        if step.utf_16:
            padded = step.written[1:-1].replace(",", "/") + "=" * (-len(step.written[1:-1]) % 4)
            assert binascii.a2b_base64(padded) == step.utf_16
    assert decode_name(working.result) == name


# --- dot-stuffing ---


@given(st.lists(st.sampled_from([b"", b".", b"..", b".a", b"a."]), max_size=8).map(b"\r\n".join))
def test_stuffed_lines_add_up_and_come_back(content: bytes) -> None:
    working = stuffing_working(content)
    assert unstuff(working.result) == content
    assert len(content) + sum(step.extra for step in working.steps) == len(working.result)


def test_every_working_prints_as_a_table() -> None:
    for working in (
        base64_working(b"abc\0"),
        base64_reading(b"YWI="),
        quoted_printable_working("你\r\n".encode()),
        quoted_printable_reading(b"=41 \r\n"),
        words_working("你好"),
        words_reading(b"=?utf-8?B?5L2g?="),
        parameter_working("filename", "你.txt"),
        mailbox_name_working("草稿"),
        stuffing_working(b".\r\n"),
    ):
        lines = str(working).split("\n")
        assert len(lines) == 2 + len(working.steps), "one line a step, whatever control characters it holds"
        assert lines[0] == working.title


def test_a_long_run_of_octets_is_cut_in_the_table_and_whole_in_the_step() -> None:
    working = quoted_printable_working(b"x" * 70)
    assert working.steps[0].octets == b"x" * 70
    assert working.rows[0][1] == "78 " * 24 + "…"
    assert quoted_printable_working(b"x" * 24).rows[0][1] == "78 " * 23 + "78"


def test_no_character_is_split_between_two_pieces_of_a_parameter() -> None:
    steps = parameter_working("filename", "知识𝄞" * 20 + ".txt").steps
    assert len(steps) > 3
    assert "".join(step.octets.decode() for step in steps) == "知识𝄞" * 20 + ".txt"
