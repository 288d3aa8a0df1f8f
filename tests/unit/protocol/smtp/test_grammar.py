"""SMTP's commands and replies as octets."""

import pytest

from emaillab.engine import Outcome
from emaillab.protocol.machine import Refusal
from emaillab.protocol.smtp.grammar import (
    Reply,
    parse_forward_path,
    parse_parameters,
    parse_reply,
    parse_reverse_path,
    path_command,
)
from emaillab.protocol.stream import ProtocolError


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (b"<bob@b.example>", "bob@b.example"),
        (b"  <bob@b.example>", "bob@b.example"),
        (b"<@x.example,@[192.0.2.1]:bob@b.example>", None),
        (b"<@x.example,@y.example:bob@b.example>", "bob@b.example"),
        (b"<Bob.Smith@B.example>", "Bob.Smith@B.example"),
        (b'<"bob"@b.example>', "bob@b.example"),
        (b'<"bob smith"@b.example>', '"bob smith"@b.example'),
        (b'<"b\\ob"@b.example>', "bob@b.example"),
        (b'<"a@b>c"@b.example>', '"a@b>c"@b.example'),
        (b'<"a\\"b\\\\"@b.example>', '"a\\"b\\\\"@b.example'),
        (b'<""@b.example>', '""@b.example'),
        (b"<bob@[192.0.2.1]>", "bob@[192.0.2.1]"),
        (b"<bob@[IPv6:2001:db8::1]>", "bob@[IPv6:2001:db8::1]"),
        (b"<bob@localhost>", "bob@localhost"),
        (b"<bob@under_score.example>", "bob@under_score.example"),
        (b"<bob@-b.example>", None),
        (b"<bob@b.example.>", None),
        (b"<bob@@b.example>", None),
        (b"<bob..smith@b.example>", None),
        (b"<bob@b.example> x", "bob@b.example"),
        (b"<bob@b.example", None),
        (b"bob@b.example>", None),
    ],
)
def test_paths(path: bytes, address: str | None) -> None:
    for parse, keyword in ((parse_reverse_path, b"FROM:"), (parse_forward_path, b"to:")):
        if address is None:
            with pytest.raises(Refusal) as refused:
                parse(keyword + path)
            assert refused.value.reply.code == 501
        else:
            assert parse(keyword + path)[0] == address


def test_only_a_sender_may_be_nobody_and_only_a_recipient_may_be_postmaster_alone() -> None:
    assert parse_reverse_path(b"FROM:<>") == ("", {})
    assert parse_forward_path(b"TO:<Postmaster>") == ("Postmaster", {})
    for parse, args in ((parse_forward_path, b"TO:<>"), (parse_reverse_path, b"FROM:<postmaster>")):
        with pytest.raises(Refusal):
            parse(args)


@pytest.mark.parametrize(
    ("local", "domain", "sentence"),
    [
        (64, 189, ""),
        (65, 10, "local part of 65 octets, at most 64 are allowed"),
        (10, 256, "domain of 256 octets, at most 255 are allowed"),
        (64, 190, "path of 257 octets, at most 256 are allowed"),
    ],
)
def test_limits(local: int, domain: int, sentence: str) -> None:
    path = b"<" + b"l" * local + b"@" + b"d" * domain + b">"
    if not sentence:
        parse_forward_path(b"TO:" + path)
        return
    for parse, keyword, enhanced in (
        (parse_forward_path, b"TO:", "5.1.3"),
        (parse_reverse_path, b"FROM:", "5.1.7"),
    ):
        with pytest.raises(Refusal) as refused:
            parse(keyword + path)
        assert refused.value.reply == Reply(501, enhanced, sentence)


def test_parameters() -> None:
    assert parse_parameters(b"size=12  BODY=8BITMIME x-flag ") == {"SIZE": "12", "BODY": "8BITMIME", "X-FLAG": ""}


def test_a_refusal_is_one_short_ascii_line_whatever_came() -> None:
    for args in (b"TO:" + b"\xff" * 600, b"TO:<" + b"x" * 600, b"\r\n" * 100, b"TO:<a@b> " + b"=" * 500, b""):
        with pytest.raises(Refusal) as refused:
            parse_forward_path(args)
        line = bytes(refused.value.reply)
        assert line.isascii()
        assert len(line) <= 512
        assert line.count(b"\n") == 1


def test_a_command_is_built() -> None:
    line = path_command("MAIL FROM", "alice@a.example", {"size": 12, "body": "8BITMIME", "smtputf8": True})
    assert line == b"MAIL FROM:<alice@a.example> SIZE=12 BODY=8BITMIME SMTPUTF8"


@pytest.mark.parametrize("path", ["a@b>\r\nDATA", "a@b\nx", "a@b> SIZE=1", "a\0@b", '"a"@b> SIZE=1', '"a@b'])
def test_an_address_cannot_break_out_of_its_command(path: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a command"):
        path_command("RCPT TO", path, {})


@pytest.mark.parametrize(
    ("raw", "reply"),
    [
        (b"250 OK\r\n", Reply(250, "", "OK")),
        (b"250\r\n", Reply(250)),
        (b"334 \r\n", Reply(334)),
        (b"250 2.1.5 ok\r\n", Reply(250, "2.1.5", "ok")),
        (b"550 5.1.1\r\n", Reply(550, "5.1.1")),
        (b"354 2.0.0 is no code here\r\n", Reply(354, "", "2.0.0 is no code here")),
        (b"550 2.0.0 another class\r\n", Reply(550, "", "2.0.0 another class")),
        (b"250-a\r\n250-\r\n250 c\r\n", Reply(250, "", "a\n\nc")),
        (b"550-5.7.1 one\r\n550 5.7.1 two\r\n", Reply(550, "5.7.1", "one\ntwo")),
        (b"220 \xff\r\n", Reply(220, "", "\N{REPLACEMENT CHARACTER}")),
        (b"250 ok\n", Reply(250, "", "ok")),
    ],
)
def test_replies_are_read(raw: bytes, reply: Reply) -> None:
    parsed = parse_reply(raw)
    assert parsed == reply
    assert parsed.raw == bytes(parsed) == raw


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"250-a\r\n251 b\r\n", "one code on all its lines, not 250 and 251"),
        (b"HTTP/1.1 400 Bad Request\r\n", "expected a reply such as '250 OK' with CRLF, got 'HTTP/1.1 400"),
        (b"250", "expected a reply"),
        (b"25 0\r\n", "expected a reply"),
        (b"600 x\r\n", "expected a reply"),
        (b"250-a\r\n", "have '-' after the code"),
        (b"250 a\r\n250 b\r\n", "have '-' after the code"),
        (b"", "got nothing"),
    ],
)
def test_what_is_no_reply_is_explained(raw: bytes, sentence: str) -> None:
    with pytest.raises(ProtocolError, match=sentence):
        parse_reply(raw)


def test_every_line_of_a_reply_carries_both_codes() -> None:
    assert bytes(Reply(214, "2.0.0", "a\nb\nc")) == b"214-2.0.0 a\r\n214-2.0.0 b\r\n214 2.0.0 c\r\n"


@pytest.mark.parametrize(
    ("code", "outcome", "ok", "temporary", "permanent"),
    [
        (250, Outcome.OK, True, False, False),
        (354, Outcome.MORE, True, False, False),
        (450, Outcome.NO, False, True, False),
        (550, Outcome.NO, False, False, True),
        (500, Outcome.BAD, False, False, True),
        (504, Outcome.BAD, False, False, True),
        (555, Outcome.NO, False, False, True),
    ],
)
def test_what_a_code_means(code: int, outcome: Outcome, ok: bool, temporary: bool, permanent: bool) -> None:
    reply = Reply(code)
    assert (reply.outcome, reply.ok, reply.temporary, reply.permanent) == (outcome, ok, temporary, permanent)
