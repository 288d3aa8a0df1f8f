"""What `part.explain(offset)` says about each kind of octet."""

from __future__ import annotations

from pathlib import Path

import pytest

from emaillab.message.mime.dissect import Part, dissect
from emaillab.message.mime.explain import octet_name

LETTERS = Path(__file__).parents[4] / "data"

LETTER = (
    b"From a@b Wed Apr  1 09:30:00 2026\r\nSubject : =?utf-8?B?5L2g?=\r\n\tag\xe4in\r\nno field\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\nbefore\r\n--b \r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"SGVs\r\nb!G8=x\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nx=E4=\r\ny = z \r\n\r\n--b\r\n"
    b"Content-Type: text/plain; charset=gbk\r\nContent-Transfer-Encoding: 8bit\r\n\r\n1\r\nn\xc4\xe3\r\n"
    b"--b\r\nContent-Transfer-Encoding: binary\r\n\r\n\x00\r\n--b--\r\nafter\r\n"
)


def told(text: bytes, ahead: int = 0) -> tuple[str, str, str | None]:
    found = dissect(LETTER).explain(LETTER.index(text) + ahead)
    return found.region, found.element, found.meaning


@pytest.mark.parametrize(
    ("text", "ahead", "region", "element", "meaning"),
    [
        (b"From a@b", 0, "mbox-line", "line that a mailbox file puts before a message", '"From a@b Wed Apr  1 09:30:00 2026"'),
        (b"Subject", 0, "header", "field name", None),
        (b"Subject :", 7, "header", "blank before the colon", None),
        (b"Subject :", 8, "header", "colon after the name", None),
        (b" =?utf-8", 0, "header", "blank after the colon", None),
        (b"=?utf-8", 4, "header", "encoded word", '"你"'),
        (b"\r\n\tag", 0, "header", "line break of a fold", None),
        (b"\tag", 0, "header", "blank that begins a fold's next line", None),
        (b"\xe4in", 0, "header", "value", '"你\\tagäin"'),
        (b"in\r\nno", 3, "header", "line break at the end", None),
        (b"no field", 2, "header", "line that is no field", None),
        (b"\r\nbefore", 0, "header", "empty line that ends the header", None),
        (b"before", 2, "preamble", "text before the first delimiter, not shown to readers", None),
        (b"\r\n--b \r\n", 0, "delimiter", "line break that belongs to the delimiter", None),
        (b"--b \r\n", 0, "delimiter", "two dashes that begin the delimiter", None),
        (b"--b \r\n", 2, "delimiter", "boundary of the delimiter", None),
        (b"--b \r\n", 3, "delimiter", "blank after the delimiter, to be ignored,", None),
        (b"--b \r\n", 5, "delimiter", "line break that ends the line of", None),
        (b"SGVs", 1, "body", "base64 character 2 of a group of 4", '48 65 6C, "Hel"'),
        (b"SGVs\r\n", 4, "body", "line break, which is no data", None),
        (b"b!G8=", 1, "body", "octet outside the alphabet, ignored", None),
        (b"b!G8=", 3, "body", "base64 character 3 of a group of 4", '6C 6F, "lo"'),
        (b"b!G8=", 4, "body", "padding that ends the data", None),
        (b"b!G8=x", 5, "body", "octet after the padding, ignored", None),
        (b"x=E4", 0, "body", "octet that stands for itself", '78, "x"'),
        (b"=E4", 2, "body", "escape", "the octet E4"),
        (b"=\r\ny", 1, "body", "soft line break, which is no data", None),
        (b"y = z", 2, "body", "'=' that begins no escape, kept", None),
        (b"z \r\n", 1, "body", "blank at a line's end, to be deleted", None),
        (b"z \r\n", 2, "body", "line break of the text", None),
        (b"n\xc4", 0, "body", "text in line 2", '"n"'),
        (b"\xe3\r\n--b", 0, "body", "text in line 2", '"你"'),
        (b"1\r\nn", 2, "body", "line break that ends line 1", None),
        (b"\x00", 0, "body", "octet of content in binary encoding", None),
        (b"--b--", 4, "close-delimiter", "two dashes that close", "no part follows"),
        (b"after", 0, "epilogue", "text after the close delimiter, not shown to readers", None),
    ],
)  # fmt: skip
def test_each_kind_of_octet(text: bytes, ahead: int, region: str, element: str, meaning: str | None) -> None:
    assert told(text, ahead) == (region, element, meaning)


def test_it_says_so_in_one_line() -> None:
    letter = dissect(LETTER)
    at = LETTER.index(b"b!G8")
    assert str(letter.explain(at)) == (
        f'octet {at} (62, "b"): base64 character 1 of a group of 4, body of part 1; says 6C 6F, "lo" (RFC 2045 §6.8)'
    )
    at = LETTER.index(b"--b--")
    assert str(
        letter.children[0].explain(at)
    ) == (  # whichever part is asked, offsets count from the message's first octet
        f'octet {at} (2D, "-"): two dashes that begin the delimiter --b--, close-delimiter of the message (RFC 2046 §5.1.1)'
    )
    assert (octet_name(0), octet_name(0x41), octet_name(0xE4)) == ("00, NUL", '41, "A"', "E4")


def test_an_octet_that_is_not_there_is_refused_in_one_sentence() -> None:
    for offset in (-1, len(LETTER)):
        with pytest.raises(IndexError, match=f"no octet {offset}: the message has {len(LETTER)}"):
            dissect(LETTER).explain(offset)


@pytest.mark.parametrize("file", ["boundaries", "chinese-big5", "encoded-words", "japanese-iso2022jp", "binary-cte"])
def test_every_octet_of_a_letter_is_explained(file: str) -> None:
    letter = dissect(LETTERS / "messages" / f"{file}.eml")
    for offset in range(len(letter.raw)):
        found = letter.explain(offset)
        assert found.span[0] <= offset < found.span[1]


def test_a_damaged_character_is_no_reason_to_fail() -> None:
    letter: Part = dissect(b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xe4\xbd")
    assert letter.explain(len(letter.raw) - 1).element == "text in line 1"


STRUCTURED = (
    b"Received: from a.org ([192.0.2.1])\r\n by b.org; Mon, 3 Mar 2025 13:00:00 +0100\r\n"
    b'From: "=?utf-8?Q?a?=" =?utf-8?Q?b?= =?utf-8?Q?c?= <a@b>\r\nMessage-ID: <=?utf-8?Q?a?=@b>\r\n'
    b"Date: Mon, 3 Mar 2025 12:00:00 -0000\r\n"
    b"Content-Type: text/plain; charset=\"utf-8\";\r\n name*=utf-8''%E4%BD%A0.txt\r\n"
    b'Content-Disposition: attachment; filename="a;b"\r\n\r\n'
)


@pytest.mark.parametrize(
    ("text", "ahead", "element", "written", "meaning"),
    [
        (b"[192", 1, "clause 'from'", b"from a.org ([192.0.2.1])", '"a.org"'),
        (b"by b.org", 3, "clause 'by'", b"by b.org", '"b.org"'),
        (b"; Mon", 0, "separator before the date", b"; ", None),
        (b"13:00", 0, "date-time", b"Mon, 3 Mar 2025 13:00:00 +0100", "2025-03-03 12:00:00 UTC"),
        (b'"=?utf-8', 0, "value", None, '""=?utf-8?Q?a?=" bc <a@b>"'),
        (
            b"=?utf-8?Q?a",
            3,
            "text like an encoded word, where none may stand,",
            b"=?utf-8?Q?a?=",
            '"a" in programs that decode it all the same',
        ),
        (b" =?utf-8?Q?c", 0, "blank between encoded words, to be dropped,", b" ", None),
        (b"=?utf-8?Q?c", 3, "encoded word", b"=?utf-8?Q?c?=", '"c"'),
        (b"<=?utf-8", 3, "value", b"<=?utf-8?Q?a?=@b>", '"<=?utf-8?Q?a?=@b>"'),  # nor in an identifier
        (b"12:00", 2, "date-time", b"Mon, 3 Mar 2025 12:00:00 -0000", "2025-03-03 12:00:00 UTC, zone unknown"),
        (b"text/", 2, "media type", b"text/plain", '"text/plain"'),
        (b"charset", 9, "parameter charset", b'charset="utf-8"', '"utf-8"'),
        (b"%BD", 1, "parameter name*", b"name*=utf-8''%E4%BD%A0.txt", '"你.txt"'),
        (b"attach", 0, "disposition", b"attachment", '"attachment"'),
        (b"a;b", 1, "parameter filename", b'filename="a;b"', '"a;b"'),
    ],
)
def test_inside_structured_fields(
    text: bytes, ahead: int, element: str, written: bytes | None, meaning: str | None
) -> None:
    found = dissect(STRUCTURED).explain(STRUCTURED.index(text) + ahead)
    assert (found.element, found.meaning) == (element, meaning)
    assert written in (None, STRUCTURED[slice(*found.span)])
