"""ENVELOPE and BODYSTRUCTURE of the letters that make them hard."""

import pytest

from emaillab.message.header.fields import parse_header
from emaillab.message.mime.dissect import dissect
from emaillab.protocol.imap.grammar import Cursor
from emaillab.protocol.imap.responses import parse_value
from emaillab.protocol.imap.structure import envelope, structure


def outline(raw: bytes, *, extended: bool = True) -> object:
    cursor = Cursor(structure(dissect(raw), extended=extended))
    value = parse_value(cursor)
    cursor.end()
    return value


def test_a_group_stands_between_two_addresses_without_host() -> None:
    written = envelope(parse_header(b"To: friends: a@b.example;, undisclosed:;\r\n\r\n"))
    assert b'((NIL NIL "friends" NIL)(NIL NIL "a" "b.example")(NIL NIL NIL NIL)(NIL NIL "undisclosed" NIL)' in written


def test_sender_and_reply_to_are_from_when_they_are_missing_or_empty() -> None:
    written = envelope(parse_header(b"From: a@b.example\r\nSender:\r\nReply-To: c@d.example\r\n\r\n"))
    assert written == (
        b'(NIL NIL ((NIL NIL "a" "b.example")) ((NIL NIL "a" "b.example")) ((NIL NIL "c" "d.example")) '
        b"NIL NIL NIL NIL NIL)"
    )


def test_names_travel_in_seven_bits_and_without_their_quotes() -> None:
    written = envelope(parse_header('From: "Li, \\"Lei\\"" <a@b.example>, 李雷 <l@b.example>\r\n\r\n'.encode()))
    assert b'"Li, \\"Lei\\""' in written
    assert b'"=?utf-8?B?5p2O6Zu3?="' in written


def test_no_string_holds_nul() -> None:
    raw = b"Subject: a\0b\r\nFrom: =?x-none?B?AGE=?= <a\0@b\0>\r\nContent-Type: text/x\0; y=\0\r\n\r\n"
    assert b"\0" not in envelope(parse_header(raw)) + structure(dissect(raw), extended=True)


def test_a_folded_subject_is_one_line() -> None:
    assert b'"one two"' in envelope(parse_header(b"Subject: one\r\n two\r\n\r\n"))


def test_the_parts_of_a_mixed_letter() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
        b"Content-Type: image/png; name*=utf-8''%E4%BD%A0.png\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-ID: <1@a>\r\nContent-Description: a picture\r\nContent-Language: en, zh\r\n"
        b"Content-Disposition: attachment; filename=a.png\r\nContent-MD5: abc\r\nContent-Location: http://a/\r\n\r\n"
        b"AAAA\r\n--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n"
        b"--y\r\n\r\none\r\ntwo\r\n--y--\r\n--x--\r\n"
    )
    image, inner, *rest = outline(raw)  # type: ignore[misc]
    assert image == (
        *(b"IMAGE", b"PNG", (b"NAME*", b"utf-8''%E4%BD%A0.png"), b"<1@a>", b"a picture", b"BASE64", 4),
        *(b"abc", (b"ATTACHMENT", (b"FILENAME", b"a.png")), (b"en", b"zh"), b"http://a/"),
    )
    text = (b"TEXT", b"PLAIN", (b"CHARSET", b"us-ascii"), None, None, b"7BIT", 8, 1, None, None, None, None)
    assert inner == (text, b"ALTERNATIVE", (b"BOUNDARY", b"y"), None, None, None)
    assert rest == [b"MIXED", (b"BOUNDARY", b"x"), None, None, None]


def test_only_text_and_embedded_messages_have_lines() -> None:
    assert outline(b"Content-Type: application/pdf\r\n\r\na\r\nb\r\n", extended=False) == (
        *(b"APPLICATION", b"PDF", None, None, None, b"7BIT", 6),
    )
    *_, lines = outline(b"Content-Type: message/rfc822\r\n\r\nSubject: a\r\n\r\nhi\r\n", extended=False)  # type: ignore[misc]
    assert lines == 3


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"no header at all",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x--\r\n",
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogYQ==\r\n",
        b'Content-Type: text/plain; charset=\xff\xfe; a="b\r\n c"; d="e\\"f"\r\n\r\n\0',
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\nContent-Type: message/rfc822\r\n\r\n" * 300,
        b"Content-Type: message/rfc822\r\n\r\n" * 2000,
        b"".join(b"Content-Type: multipart/mixed; boundary=x%d\r\n\r\n--x%d\r\n" % (n, n) for n in range(2000)),
    ],
    ids=range(10),
)
def test_broken_letters_have_an_outline_too(raw: bytes) -> None:
    assert isinstance(outline(raw), tuple)
    assert isinstance(outline(raw, extended=False), tuple)
