"""The points M01 to M34 of taking messages apart, and what else a user of `dissect` relies on."""

from __future__ import annotations

import email
import email.policy
import io
import json
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from emaillab.message.header.encoded_words import decode_words, encode_words
from emaillab.message.header.fields import (
    Date,
    parse_addresses,
    parse_date,
    parse_header,
    parse_message_ids,
    parse_parameters,
)
from emaillab.message.mime.choices import preferred_alternative, related_root
from emaillab.message.mime.dissect import Part, dissect
from emaillab.message.mime.filenames import safe_name
from emaillab.message.mime.partial import join_partials
from emaillab.message.mime.report import read_report
from emaillab.message.octets.lines import line_class, line_ends

LETTERS = Path(__file__).parents[4] / "data"


def kinds(part: Part) -> list[str]:
    return [defect.kind for defect in part.defects]


def octets(part: Part) -> bytes:
    return part.raw[slice(*part.body_span)]


def multipart(body: bytes, boundary: bytes = b"b", subtype: bytes = b"mixed") -> bytes:
    return b"Content-Type: multipart/" + subtype + b'; boundary="' + boundary + b'"\r\n\r\n' + body


def tiled(part: Part) -> bool:
    return b"".join(part.raw[a:b] for _, (a, b) in part.tiles()) == part.raw


def test_m01_the_first_empty_line_separates() -> None:
    whole = dissect(b"Subject: a\r\n\r\nHello\r\n\r\nBob\r\n")
    assert (whole.header_span, whole.body_span, kinds(whole)) == ((0, 14), (14, 28), [])
    missing = dissect(b"Subject: a\r\nHello Bob\r\n")
    assert (missing.body_span, kinds(missing)) == ((12, 23), ["missing-blank-line"])
    assert missing.defects[0].at == 12
    assert dissect(b"Hello Bob\r\n").header_span == (0, 0)
    assert (dissect(b"\r\nHello").header_span, kinds(dissect(b"\r\nHello"))) == ((0, 2), [])
    assert octets(dissect(b"Subject: a\r\n\r\n")) == b""
    assert kinds(dissect(b"Subject: a\r\n")) == ["missing-blank-line"]
    assert dissect(b"").span == (0, 0)


def test_m02_folding_keeps_the_blanks() -> None:
    header = parse_header(b"Subject: a\r\n\tb\r\n   c\r\n \r\n d\r\n\r\n")
    assert header["subject"].body == b"a\tb   c  d"
    assert [(defect.kind, defect.at) for defect in header.defects] == [("fold-of-blanks-only", 22)]


def test_m03_lines_that_are_no_fields() -> None:
    header = parse_header(b" lost\r\nFrom: a@b.c\r\nno colon\r\nDear Bob: hi\r\nTo : d@e.f\r\n\r\n")
    assert [field.name for field in header] == ["From", "To"]
    assert header.text("to") == "d@e.f"
    assert [(defect.kind, defect.at) for defect in header.defects] == [
        ("continuation-without-field", 0),
        ("header-line-without-colon", 20),
        ("field-name-invalid", 30),
        ("blank-before-colon", 46),
    ]


def test_m04_names_ignore_case_and_the_first_of_repeated_fields_counts() -> None:
    root = dissect(
        b"SUBJECT: a\r\nsubject: b\r\nContent-Type: text/html\r\nContent-type: text/plain\r\nFrom: x@y\r\n\r\n"
    )
    assert root.header.text("Subject") == "a"
    assert root.content_type == "text/html"
    assert [(d.kind, d.at) for d in root.defects] == [("repeated-field", 12), ("repeated-field", 49)]
    assert "repeated-field" not in kinds(dissect(b"Received: a\r\nReceived: b\r\n\r\n"))


@pytest.mark.parametrize(("length", "expected"), [(78, "good"), (79, "long"), (998, "long"), (999, "too long")])
def test_m05_line_lengths(length: int, expected: str) -> None:
    assert line_class(length) == expected
    in_body = dissect(b"Subject: a\r\n\r\n" + b"x" * length + b"\r\n")
    in_header = dissect(b"Subject: " + b"x" * (length - 9) + b"\r\n\r\n")
    assert ("line-over-998" in kinds(in_body)) is (expected == "too long")
    assert ("line-over-998" in kinds(in_header)) is (expected == "too long")


def test_m06_bare_cr_ends_no_line() -> None:
    root = dissect(multipart(b"--b\r\n\r\nA\r--b--\r\nB\r\n--b--\r\n"))
    assert octets(root.children[0]) == b"A\r--b--\r\nB"
    assert "bare-cr" in kinds(root.children[0])
    header = parse_header(b"Subject: a\rTo: b\r\nX: \0\r\nY: \xe4\xbd\xa0\r\nZ: \xff\r\n\r\n")
    assert [field.name for field in header] == ["Subject", "X", "Y", "Z"]
    assert [defect.kind for defect in header.defects] == [
        "bare-cr",
        "nul-in-header",
        "utf8-in-header",
        "8bit-in-header",
    ]
    assert (header.text("Y"), header.text("Z")) == ("你", "ÿ")


def test_m06_line_ends_are_counted_never_changed() -> None:
    lf = dissect(multipart(b"--b\r\n\r\nA\r\n--b--\r\n").replace(b"\r\n", b"\n"))
    assert (octets(lf.children[0]), lf.defects, tiled(lf)) == (b"A", (), True)
    mixed = dissect(b"Subject: a\r\n\r\nb\nc\r\n")
    assert [(d.kind, d.at) for d in mixed.defects] == [("bare-lf", 15)]
    assert line_ends(b"a\r\nb\nc\rd").canonical is False
    assert line_ends(b"a\r\n").canonical is True


def test_m07_only_whole_lines_are_delimiters() -> None:
    root = dissect(multipart(b"--b \t\r\n\r\nx --b\r\n--bc\r\n y\r\n--b--  \r\n"))
    assert [octets(child) for child in root.children] == [b"x --b\r\n--bc\r\n y"]
    look_alike = next(d for d in root.defects if d.kind == "delimiter-look-alike")
    assert root.raw[look_alike.at :].startswith(b"--bc")


@pytest.mark.parametrize(("body", "length"), [(b"A", 1), (b"A\r\n", 3)])
def test_m08_the_line_break_belongs_to_the_delimiter(body: bytes, length: int) -> None:
    root = dissect(multipart(b"--b\r\n\r\n" + body + b"\r\n--b--\r\n"))
    assert len(octets(root.children[0])) == length
    assert root.raw[slice(*root.delimiter_spans[1])] == b"\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("boundary", "defects"),
    [
        (b"x" * 70, []),
        (b"x" * 71, ["boundary-over-70"]),
        (b"a b", []),
        (b"a:b", []),
        (b"a ", ["boundary-ends-in-space"]),
    ],
)
def test_m09_boundary_values(boundary: bytes, defects: list[str]) -> None:
    line = b"--" + boundary
    root = dissect(multipart(line + b"\r\n\r\nA\r\n" + line + b"--\r\n", boundary))
    assert kinds(root) == defects
    assert [octets(child) for child in root.children] == [b"A"]


def test_m09_a_multipart_without_boundary_is_not_taken_apart() -> None:
    root = dissect(b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nA\r\n--b--\r\n")
    assert (root.children, kinds(root), tiled(root)) == ((), ["boundary-missing"], True)


def test_m10_preamble_and_epilogue() -> None:
    root = dissect(multipart(b"before\r\n--b\r\n\r\nA\r\n--b--\r\nafter\r\n"))
    assert root.preamble_span and root.epilogue_span
    assert root.raw[slice(*root.preamble_span)] == b"before"
    assert root.raw[slice(*root.epilogue_span)] == b"after\r\n"
    assert [kind for kind, _ in root.tiles()] == [
        "header", "preamble", "delimiter", "header", "body", "close-delimiter", "epilogue",
    ]  # fmt: skip


def test_m11_an_outer_delimiter_ends_an_unclosed_part() -> None:
    inner = multipart(b"--i\r\n\r\nA", b"i")
    root = dissect(multipart(b"--o\r\n" + inner + b"\r\n--o\r\n\r\nB\r\n--o--\r\n", b"o"))
    assert kinds(root) == []
    assert [octets(child) for child in root.children[0].children] == [b"A"]
    assert kinds(root.children[0]) == ["close-delimiter-missing"]
    assert octets(root.children[1]) == b"B"
    cut = dissect(multipart(b"--b\r\n\r\nA"))
    assert (octets(cut.children[0]), kinds(cut)) == (b"A", ["close-delimiter-missing"])


def test_m12_prefix_and_equal_boundaries() -> None:
    inner = multipart(b"--b\r\n\r\nA\r\n--b--", b"b")
    root = dissect(multipart(b"--bb\r\n" + inner + b"\r\n--bb\r\n\r\nB\r\n--bb--\r\n", b"bb"))
    assert octets(root.children[0].children[0]) == b"A"
    assert kinds(root.children[0]) == ["boundary-prefix-of-another"]
    assert octets(root.children[1]) == b"B"
    same = dissect(multipart(b"--b\r\n" + multipart(b"--b\r\n\r\nA\r\n--b--\r\n")))
    assert [child.content_type for child in same.children] == ["multipart/mixed", "text/plain"]
    assert kinds(same.children[0]) == ["boundary-equals-outer", "start-delimiter-missing"]


def test_m13_empty_parts() -> None:
    empty = dissect(multipart(b"--b\r\n\r\n--b--"))
    (part,) = empty.children
    assert (len(part.header), octets(part), part.span[0] == part.span[1], kinds(empty)) == (0, b"", True, [])
    bare = dissect(multipart(b"--b\r\n\r\nA\r\n--b--")).children[0]
    assert (len(bare.header), octets(bare), bare.content_type) == (0, b"A", "text/plain")
    none = dissect(multipart(b"--b--\r\n"))
    assert (none.children, kinds(none)) == ((), ["multipart-without-parts"])
    never = dissect(multipart(b"just text\r\n"))
    assert (never.children, kinds(never)) == ((), ["start-delimiter-missing"])
    assert never.preamble_span == never.body_span
    crowded = dissect(multipart(b"--b\r\n--b\r\n--b--"))
    assert [child.span[0] == child.span[1] for child in crowded.children] == [True, True]
    assert all(tiled(root) for root in (empty, none, never, crowded))


def test_m14_defaults() -> None:
    plain = dissect(b"Subject: a\r\n\r\nhi")
    assert (plain.content_type, plain.charset, plain.encoding) == ("text/plain", "us-ascii", "7bit")
    digest = dissect(multipart(b"--b\r\n\r\nSubject: inner\r\n\r\nhi\r\n--b--", subtype=b"digest"))
    (part,) = digest.children
    assert part.content_type == "message/rfc822"
    assert part.children[0].header.text("subject") == "inner"
    alike = dissect(b"Content-Types: a/a\r\nContent-Translation-Type: b/b\r\nContent-Type: text/html\r\n\r\nhi")
    assert (alike.content_type, alike.params, kinds(alike)) == ("text/html", {}, [])
    odd = dissect(b"Content-Type: text\r\n\r\nhi")
    assert (odd.content_type, kinds(odd)) == ("text/plain", ["content-type-unreadable"])


def test_m15_an_embedded_message() -> None:
    root = dissect(b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nhi")
    (inner,) = root.children
    assert (inner.span, inner.header.text("subject"), octets(inner)) == (root.body_span, "inner", b"hi")
    coded = dissect(
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogYQ0KDQpiDQo=\r\n"
    )
    assert (coded.children, kinds(coded)) == ((), ["encoded-message"])
    assert dissect(coded.decoded).header.text("subject") == "a"
    allowed = dissect(
        b"Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogYQ0KDQpiDQo=\r\n"
    )
    assert kinds(allowed) == []


def test_m16_fragments_and_external_bodies_are_leaves() -> None:
    for subtype in (b"partial; id=x; number=1; total=3", b"external-body; access-type=local-file; name=x"):
        root = dissect(b"Content-Type: message/" + subtype + b"\r\n\r\nSubject: a\r\n\r\nb")
        assert (root.children, tiled(root)) == ((), True)


def test_m16_fragments_are_joined_in_whatever_order_they_came() -> None:
    first, second, third = (LETTERS / f"messages/partial-{n}.eml" for n in (1, 2, 3))
    letter = dissect(join_partials([third, first, second]))
    assert [field.name for field in letter.header] == [
        "From", "To", "Date", "Subject", "Message-ID", "MIME-Version", "Content-Type",
    ]  # fmt: skip
    assert (letter.header.text("Subject"), letter.header.text("Message-ID")) == (
        "The long recipe",
        "<long.recipe@crepes.fr>",
    )
    assert letter.header.text("Date") == "Tue, 24 Mar 2026 10:01:00 +0100"  # the first fragment's
    assert [line[:8] for line in letter.text.splitlines()] == [f"Step {n:02}:" for n in range(1, 31)]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ((1, 3), "of 3 fragments, number 2 is missing"),
        ((1, 2), "no fragment tells their total"),
        ((1, "plain"), "no numbered fragment"),
        ((), "no fragment tells their total"),
    ],
)
def test_m16_what_cannot_be_joined_is_said(names: tuple[object, ...], sentence: str) -> None:
    files = [LETTERS / f"messages/{name if name == 'plain' else f'partial-{name}'}.eml" for name in names]
    with pytest.raises(ValueError, match=sentence):
        join_partials(files)
    with pytest.raises(ValueError, match="no numbered fragment"):
        join_partials([LETTERS / "broken/partial-alone.eml"])
    strange = (LETTERS / "messages/partial-3.eml").read_bytes().replace(b"long.recipe@", b"short.recipe@", 1)
    with pytest.raises(ValueError, match="of 2 letters"):
        join_partials([LETTERS / "messages/partial-1.eml", strange])


def test_m17_an_encoded_multipart_is_read_as_7bit() -> None:
    root = dissect(b"Content-Transfer-Encoding: base64\r\n" + multipart(b"--b\r\n\r\nA\r\n--b--"))
    assert (octets(root.children[0]), kinds(root)) == (b"A", ["encoded-multipart"])


def test_m18_an_unknown_encoding_makes_octets_of_it() -> None:
    root = dissect(b"Content-Type: text/html\r\nContent-Transfer-Encoding: x-foo\r\n\r\nab=20")
    assert (root.content_type, root.declared_type, root.decoded) == ("application/octet-stream", "text/html", b"ab=20")
    assert kinds(root) == ["encoding-unknown"]


@pytest.mark.parametrize(
    ("text", "decoded", "expected"),
    [
        (b"YWJj\r\n", b"abc", []),
        (b"YW Jj!\r\n", b"abc", [("base64-ignored-octets", 2), ("base64-ignored-octets", 5)]),
        (b"YWI=YWJj", b"ab", [("base64-data-after-padding", 3)]),
        (b"YWI", b"ab", [("base64-padding", 3)]),
        (b"YWJjZ", b"abc", [("base64-length", 5)]),
        (b"YWJj" * 20, b"abc" * 20, [("base64-line-over-76", 0)]),
    ],
)
def test_m19_base64(text: bytes, decoded: bytes, expected: list[tuple[str, int]]) -> None:
    root = dissect(b"Content-Transfer-Encoding: base64\r\n\r\n" + text)
    assert root.decoded == decoded
    assert [(d.kind, d.at - root.body_span[0]) for d in root.defects] == expected


@pytest.mark.parametrize(
    ("text", "decoded", "expected"),
    [
        (b"a=E9=\r\nb", b"a\xe9b", []),
        (b"a=e9", b"a\xe9", [("qp-lower-case", 1)]),
        (b"a  \r\nb\t", b"a\r\nb", [("qp-trailing-blanks", 1), ("qp-trailing-blanks", 6)]),
        (b"1 = 2 =ZZ", b"1 = 2 =ZZ", [("qp-bad-escape", 2), ("qp-bad-escape", 6)]),
        (b"x" * 77, b"x" * 77, [("qp-line-over-76", 0)]),
        (b"a\xe9", b"a\xe9", [("qp-raw-octet", 1)]),
    ],
)
def test_m20_quoted_printable(text: bytes, decoded: bytes, expected: list[tuple[str, int]]) -> None:
    root = dissect(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + text)
    assert root.decoded == decoded
    assert [(d.kind, d.at - root.body_span[0]) for d in root.defects] == expected


@pytest.mark.parametrize(
    ("encoding", "body", "expected"),
    [
        (b"7bit", b"na\xc3\xafve", ["8bit-octets-in-7bit"]),
        (b"8bit", b"na\xc3\xafve", []),
        (b"8bit", b"x" * 2000, ["line-over-998"]),
        (b"8bit", b"a\0b", ["nul-in-body"]),
        (b"binary", b"a\0b" + b"x" * 2000, []),
    ],
)
def test_m21_what_is_declared_and_what_is_there(encoding: bytes, body: bytes, expected: list[str]) -> None:
    assert kinds(dissect(b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body)) == expected


def test_m21_what_stands_around_the_parts_counts_too() -> None:
    root = dissect(multipart(b"pr\xc3\xa9\r\n--b\r\n\r\nA\r\n--b--\r\nepi\rlogue\0\r\n"))
    assert [(d.kind, root.raw[d.at]) for d in root.defects] == [
        ("8bit-octets-in-7bit", 0xC3),
        ("bare-cr", 0x0D),
        ("nul-in-body", 0),
    ]
    assert kinds(root.children[0]) == []


@pytest.mark.parametrize(
    ("charset", "body", "text", "step"),
    [
        ("utf-8", "你好".encode(), "你好", "declared"),
        ("gb2312", "朱镕基".encode("gbk"), "朱镕基", "superset"),
        ("iso-8859-1", b"caf\xe9", "café", "declared"),
        ("iso-8859-1", b"\x93hi\x94 \x80 5", "“hi” € 5", "superset"),
        ("iso-8859-1", b"\x81hi\x94", "\x81hi\x94", "declared"),
        ("iso-8859-9", b"\x93\xfe\x94", "“ş”", "superset"),
        ("us-ascii", "é".encode(), "é", "utf-8"),
        ("utf-8", b"caf\xe9", "café", "latin-1"),
        ("x-unknown", "你".encode(), "你", "utf-8"),
        ("utf-8", "你".encode() * 30 + b"\xe4", "你" * 30 + "\ufffd", "damaged"),
    ],
)
def test_m22_charset_chain(charset: str, body: bytes, text: str, step: str) -> None:
    root = dissect(
        f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode() + body
    )
    assert (root.text, root.text_decoding.step) == (text, step)
    assert root.text_decoding.replacements == text.count("\ufffd")
    assert ("charset-unknown" in kinds(root)) is (charset == "x-unknown")


def test_m23_where_encoded_words_count() -> None:
    header = parse_header(
        b'From: "=?utf-8?Q?a?=" =?utf-8?Q?b?= <=?utf-8?Q?c?=@x>\r\n'
        b'Received: =?utf-8?Q?a?=\r\nSubject: "=?utf-8?Q?a?="\r\n\r\n'
    )
    assert header.text("from") == '"=?utf-8?Q?a?=" b <=?utf-8?Q?c?=@x>'
    assert header.text("received") == "=?utf-8?Q?a?="
    assert header.text("subject") == '"a"'
    assert parse_addresses(header["from"].body)[0].name == "=?utf-8?Q?a?= b"
    assert decode_words(header["from"].body) == '"a" b <c@x>'  # what many programs show


def test_m24_blanks_between_words() -> None:
    assert decode_words(b"=?utf-8?Q?a?= =?utf-8?Q?b?=") == "ab"
    assert decode_words(b"=?utf-8?Q?a?=\r\n =?iso-8859-1?Q?b?=") == "ab"
    assert decode_words(b"a =?utf-8?Q?b?= c") == "a b c"


def test_m25_word_limits() -> None:
    long_word = b"=?utf-8?Q?" + b"a" * 64 + b"?="
    header = parse_header(b"Subject: " + long_word + b"\r\n\r\n")
    assert header.text("subject") == "a" * 64
    assert [(d.kind, d.at) for d in header.defects] == [("encoded-word-line-over-76", 0), ("encoded-word-over-75", 9)]
    words = encode_words("知" * 40, used=9)
    assert [len(word) for word in words] == [64, 72, 60]  # 13, 15 and 12 characters
    assert decode_words(b"=?utf-8?B?5L0=?= =?utf-8?B?oA==?=") == "你"  # split by the mailer


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"x" * 53 + b" =?utf-8?Q?a?=", []),  # a line of 76 octets
        (b"x" * 54 + b" =?utf-8?Q?a?=", [("encoded-word-line-over-76", 0)]),  # and of 77
        (b"a\r\n " + b"x" * 62 + b" =?utf-8?Q?a?=\r\n b", [("encoded-word-line-over-76", 12)]),
        (b"a=?utf-8?Q?b?= =?utf-8?Q?c?=d", [("encoded-word-glued", 10), ("encoded-word-glued", 24)]),
        (b"(=?utf-8?Q?b?=), =?utf-8?Q?c?=", []),
        (b"=?utf-8?B?5L0=?= =?utf-8?B?oA==?=", [("encoded-word-octets", 9), ("encoded-word-octets", 26)]),
        (b"=?x-odd?Q?b?=", [("encoded-word-charset", 9)]),
    ],
)
def test_m25_what_words_do_against_their_rules(value: bytes, expected: list[tuple[str, int]]) -> None:
    assert [(d.kind, d.at) for d in parse_header(b"Subject: " + value + b"\r\n\r\n").defects] == expected


def test_m26_q_encoding() -> None:
    assert decode_words(b"=?iso-8859-1?Q?a_b=5F=20?=") == "a b_ "
    assert decode_words(b"=?utf-8?Q?a b?=") == "=?utf-8?Q?a b?="
    assert encode_words("a b?_", encoding="Q") == [b"=?utf-8?Q?a_b=3F=5F?="]


def test_m27_language_of_a_word() -> None:
    from emaillab.message.header.encoded_words import find_words

    (word,) = find_words(b"=?utf-8*zh?B?5L2g?=")
    assert (word.charset, word.language, word.octets.decode()) == ("utf-8", "zh", "你")


def test_m28_parameters() -> None:
    assert parse_parameters(b"a/b; n*1=b; n*0=a").params == {"n": "ab"}
    mixed = parse_parameters(b"a/b; t*0*=us-ascii'en'This%20is; t*1*=%20%2A; t*2=\" it!\"")
    assert mixed.params == {"t": "This is * it!"}
    gap = parse_parameters(b"a/b; n*0=a; n*2=c")
    assert (gap.params, [d.kind for d in gap.defects]) == ({"n": "a"}, ["parameter-piece-missing"])
    double = parse_parameters(b"a/b; n*0=a; n*0=x; n*1=b")
    assert (double.params, [d.kind for d in double.defects]) == ({"n": "ab"}, ["parameter-piece-repeated"])
    both = parse_parameters(b"a/b; name=x; name*=utf-8''%E4%BD%A0")
    assert (both.params, [d.kind for d in both.defects]) == ({"name": "你"}, ["parameter-in-two-forms"])
    assert parse_parameters(b"a/b; x=1; x=2").params == {"x": "1"}


@pytest.mark.parametrize(
    ("written", "safe"),
    [
        ("../../x", "x"),
        ("C:\\x", "x"),
        ("/etc/passwd", "passwd"),
        ("..", "unnamed"),
        ("a\0b\n.txt", "ab.txt"),
        ("nul.txt", "_nul.txt"),
        ("报告.pdf", "报告.pdf"),
        ("gnp\u202efdp.exe", "gnpfdp.exe"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
    ],
)
def test_m29_safe_names(written: str, safe: str) -> None:
    assert safe_name(written) == safe


def test_m29_disposition_comes_before_type() -> None:
    root = dissect(
        b'Content-Type: image/png; name="b.png"\r\n'
        b'Content-Disposition: attachment; filename="../=?utf-8?B?5L2g?=.png"\r\n\r\n'
    )
    assert (root.disposition, root.filename, root.declared_filename) == ("attachment", "你.png", "../你.png")
    assert sorted(kinds(root)) == ["encoded-word-in-parameter", "filename-unsafe"]
    assert dissect(b"Content-Type: image/png; name=b.png\r\n\r\n").filename == "b.png"
    assert dissect(b"Content-Type: image/png\r\n\r\n").filename is None


def test_m30_addresses() -> None:
    body = (
        b'g: "Li, Lei" <"li lei"@x.org>, b@c (Bob (B)); , undisclosed:;, A <@r.org,@s.org:a@d.org>, '
        + "小明 <明@例子.cn>, p . q@x . org".encode()
    )
    assert [(a.name, a.addr_spec, a.group) for a in parse_addresses(body)] == [
        ("Li, Lei", '"li lei"@x.org', "g"),
        ("Bob (B)", "b@c", "g"),
        ("A", "a@d.org", None),
        ("小明", "明@例子.cn", None),
        ("", "p.q@x.org", None),
    ]


@pytest.mark.parametrize(
    ("body", "utc", "known"),
    [
        (b"Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06", True),
        (b"21 Nov 97 09:55 EST (a (b))", "1997-11-21T14:55:00", True),
        (b"1 Jan 21 00:00:00 A", "2021-01-01T00:00:00", False),
        (b"1 Jan 2021 00:00:00 -0000", "2021-01-01T00:00:00", False),
        (b"1 Jan 2021 00:00:00 +0000", "2021-01-01T00:00:00", True),
        (b"Sat, 31 Dec 2016 23:59:60 +0000", "2017-01-01T00:00:00", True),
        (b"1 Jan 2021 00:00:00 GMT+0100", "2020-12-31T23:00:00", True),
        (b"1 Jan 2021 00:00:00 UTC-5", "2021-01-01T05:00:00", True),
        (b"2021-01-01T00:00:00+01", "2020-12-31T23:00:00", True),
        (b"1 Jan 2021 00:00:00 +010", "2021-01-01T00:00:00", False),
    ],
)
def test_m31_dates(body: bytes, utc: str, known: bool) -> None:
    date = parse_date(body)
    assert isinstance(date, Date)
    assert (date.utc.isoformat(), date.zone_known) == (utc + "+00:00", known)


@pytest.mark.parametrize(
    "body", [b"", b"now", b"32 Jan 2021 00:00 +0000", b"1 Foo 2021 00:00 +0000", b"1 Jan 2021 25:00"]
)
def test_m31_what_is_no_date(body: bytes) -> None:
    assert parse_date(body) is None


def test_m32_message_ids_are_compared_as_octets() -> None:
    assert parse_message_ids(b"<a@x> (b <c@y>)\r\n <A@x>") == [b"<a@x>", b"<A@x>"]


def test_m33_a_signed_part_is_kept_octet_for_octet() -> None:
    signed = b"Content-Type: text/plain \r\n\r\nDear  Bob \t\r\n"
    root = dissect(
        multipart(
            b"--b\r\n" + signed + b"\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n",
            subtype=b"signed",
        )
    )
    assert root.raw[slice(*root.children[0].span)] == signed


def test_m33_the_last_alternative_understood_and_the_root_named_by_start() -> None:
    related = (
        b'Content-Type: multipart/related; boundary=r; start="<page@x>"\r\n\r\n--r\r\nContent-Type: image/png\r\n\r\nP\r\n'
        b"--r\r\nContent-Type: text/html\r\nContent-ID: <page@x>\r\n\r\nH\r\n--r--"
    )
    root = dissect(multipart(b"--b\r\n\r\nT\r\n--b\r\n" + related + b"\r\n--b--\r\n", subtype=b"alternative"))
    plain, rich = root.children
    assert related_root(rich) is rich.children[1]
    assert related_root(plain) is None
    assert preferred_alternative(root, ["text/plain", "text/html"]) is rich
    assert preferred_alternative(root, ["text/plain"]) is plain
    assert preferred_alternative(root, ["audio/*"]) is None


def test_m33_a_report_is_read_part_by_part() -> None:
    path = LETTERS / "messages/dsn-failed-8bit.eml"
    root = dissect(path)
    assert (root.content_type, root.params["report-type"]) == ("multipart/report", "delivery-status")
    assert [part.content_type for part in root.children] == [
        "text/plain", "message/delivery-status", "message/rfc822",
    ]  # fmt: skip
    report = read_report(path)
    assert report is not None and [one.status for one in report.recipients] == ["5.1.1"]


def test_m34_limits_stop_with_a_defect() -> None:
    levels = 1000
    head = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(levels))
    root = dissect(head + b"\r\nend")
    assert any("nesting-too-deep" in kinds(part) for part in root.walk())
    assert tiled(root)
    str(root), json.dumps(root.to_json())
    whole = dissect(head + b"\r\nend", max_depth=10_000)
    assert sum(1 for _ in whole.walk()) == levels + 1
    forwards = dissect(b"Content-Type: message/rfc822\r\n\r\n" * levels + b"\r\nend")
    assert any("nesting-too-deep" in kinds(part) for part in forwards.walk())
    crowd = dissect(multipart(b"--b\r\n\r\nA\r\n" * 50 + b"--b--"), max_parts=10)
    assert (len(crowd.children), kinds(crowd), tiled(crowd)) == (9, ["too-many-parts"], True)


# --- the rest of the contract ---

LETTER = multipart(
    b"--b\r\nContent-Type: text/plain\r\n\r\none\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: in\r\nFrom: a@b\r\n" + multipart(b"--c\r\n\r\nx\r\n--c\r\n\r\ny\r\n--c--", b"c") + b"\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("", LETTER),
        ("HEADER", LETTER[: LETTER.index(b"--b")]),
        ("TEXT", LETTER[LETTER.index(b"--b") :]),
        ("1", b"one"),
        ("1.MIME", b"Content-Type: text/plain\r\n\r\n"),
        ("1.HEADER", None),
        ("2.HEADER.FIELDS (from)", b"From: a@b\r\n\r\n"),
        ("2.HEADER.FIELDS.NOT (Content-Type from)", b"Subject: in\r\n\r\n"),
        ("2.MIME", b"Content-Type: message/rfc822\r\n\r\n"),
        ("2.TEXT", b"--c\r\n\r\nx\r\n--c\r\n\r\ny\r\n--c--"),
        ("2.1", b"x"),
        ("2.2", b"y"),
        ("2.3", None),
        ("3", None),
        ("1.1", None),
    ],
)
def test_imap_sections(spec: str, expected: bytes | None) -> None:
    assert dissect(LETTER).section(spec) == expected


def test_section_numbers() -> None:
    root = dissect(LETTER)
    assert [part.number for part in root.walk()] == ["", "1", "2", "2.TEXT", "2.1", "2.2"]
    forward = dissect(b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nhi")
    assert [part.number for part in forward.walk()] == ["", "1.1"]
    assert (forward.section("1.1"), forward.section("1")) == (b"hi", b"Subject: in\r\n\r\nhi")
    single = dissect(b"Subject: a\r\n\r\nhi")
    assert (single.section("1"), single.section("2"), single.section("1.MIME")) == (b"hi", None, b"Subject: a\r\n\r\n")
    with pytest.raises(ValueError, match="no section"):
        root.section("1.BODY")


def test_json_node_is_the_contract() -> None:
    node = dissect(LETTER).to_json()
    assert list(node) == [
        "type", "encoding", "header_span", "body_span", "decoded_sha256", "decoded_size", "filename", "charset",
        "defects", "children",
    ]  # fmt: skip
    assert [child["type"] for child in node["children"]] == ["text/plain", "message/rfc822"]
    assert node["children"][0]["decoded_size"] == 3


def test_the_tree_is_readable() -> None:
    assert str(dissect(LETTER)).splitlines() == [
        "message  multipart/mixed  7bit  180 octets",
        "├── 1  text/plain  7bit  3 octets",
        "└── 2  message/rfc822  7bit  96 octets",
        "    └── 2.TEXT  multipart/mixed  7bit  25 octets",
        "        ├── 2.1  text/plain  7bit  1 octets",
        "        └── 2.2  text/plain  7bit  1 octets",
    ]


def test_an_mbox_line_stands_before_the_header() -> None:
    root = dissect(b"From alice@crepes.fr Mon Nov 23 16:34:22 2026\nSubject: a\n\nhi\n")
    assert root.tiles()[0] == ("mbox-line", (0, 46))
    assert (root.header_span, root.header.text("subject"), root.defects) == ((46, 58), "a", ())


def test_every_source_gives_the_same_octets(tmp_path: Path) -> None:
    file = tmp_path / "letter.eml"
    file.write_bytes(LETTER)
    for source in (LETTER, bytearray(LETTER), memoryview(LETTER), str(file), file, io.BytesIO(LETTER)):
        assert dissect(source).raw == LETTER  # type: ignore[arg-type]
    message = EmailMessage()
    message["Subject"] = "a"
    message.set_content("hi\n")
    assert dissect(message).text == "hi\r\n"  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", [email.policy.compat32, email.policy.default, email.policy.SMTP])
@pytest.mark.parametrize(
    "raw", [b"Subject: a\r\n\tb\r\nFrom: x@y\r\n\r\nhi\r\n", b"Subject: a\0b\r\nTo: c\r\n\r\nhi\r\n"]
)
def test_a_message_read_by_the_standard_library_is_taken_apart(raw: bytes, policy: email.policy.Policy[Any]) -> None:
    assert dissect(email.message_from_bytes(raw, policy=policy)).raw == raw


def test_what_is_no_message_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a message is bytes"):
        dissect("Subject: a\n\nhi")
    with pytest.raises(TypeError, match="not int"):
        dissect(3)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        dissect(str(tmp_path / "none.eml"))


def test_leaves_are_not_copied() -> None:
    import tracemalloc

    raw = multipart(b"--b\r\n\r\n" + b"x" * 76 + b"\r\n" * 1 + b"y" * 4_000_000 + b"\r\n--b--\r\n")
    tracemalloc.start()
    root = dissect(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(raw) / 20
    assert root.children[0].raw is raw


def test_a_uucp_line_after_an_mbox_line_is_stepped_over() -> None:
    root = dissect(
        b"From a@b Wed Apr  1 09:30:00 2026\n>From c@d Wed Apr  1 09:29:00 2026\nFrom: Alice\nSubject: a\n\nhi\n"
    )
    assert root.tiles()[0] == ("mbox-line", (0, 69))
    assert (root.header.text("from"), root.header.text("subject"), root.text) == ("Alice", "a", "hi\n")
    assert [(defect.kind, defect.at) for defect in root.defects] == [("uucp-from-line", 34)]
    assert parse_header(root.raw).text("from") == "Alice"
    obsolete = dissect(b"From : a@b\n\nhi\n")  # a blank before the colon makes no mbox line of a field
    assert (obsolete.header.text("from"), [kind for kind, _ in obsolete.tiles()]) == ("a@b", ["header", "body"])


def test_the_first_of_repeated_fields_says_what_a_part_is() -> None:
    root = dissect(
        b"Content-Type: text/html\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nA\r\n--b--\r\n"
    )
    assert (root.content_type, root.children) == ("text/html", ())
    coded = dissect(b"Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n\r\nYQ==\r\n")
    assert (coded.encoding, coded.decoded) == ("base64", b"a")


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        b'content-type: Multipart/Mixed;\r\n\tboundary="b"\r\n\r\n',
        b"Content-Type:\r\n multipart/mixed; charset=x; boundary=b\r\n\r\n",
        b"Content-Type : multipart/mixed (x); boundary=b\r\n\r\n",
        b"Content-Transfer-Encoding: 7bit\r\nSubject: a\r\nContent-Type: multipart/mixed; boundary*=us-ascii''b\r\n\r\n",
        b"Subject: a\r\nno field\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
    ],
)
def test_every_spelling_of_a_header_leads_to_the_parts(header: bytes) -> None:
    root = dissect(
        header + b"--b\r\nContent-Transfer-Encoding: BASE64 \r\nContent-Type: Text/HTML\r\n\r\nYQ==\r\n--b--\r\n"
    )
    assert [(part.content_type, part.encoding, part.decoded) for part in root.children] == [
        ("text/html", "base64", b"a")
    ]
    assert tiled(root)
