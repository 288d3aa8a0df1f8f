"""What dialogues cannot show: what the host is told, signals, limits that take many octets, phases."""

import pytest

from emaillab.engine import Signal, Step
from emaillab.protocol.backend import Session
from emaillab.protocol.envelope import Envelope
from emaillab.protocol.machine import CLOSED
from emaillab.protocol.smtp import SmtpServer
from emaillab.protocol.smtp.server import smtp_server
from tests.dialogues.fakes import FakeHost

ENVELOPE = b"MAIL FROM:<alice@a.example>\r\nRCPT TO:<bob@b.example>\r\n"


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


def session_with(host: FakeHost, said: bytes = b"", **facts: object) -> SmtpServer:
    server = SmtpServer(host, Session("b.example", "192.0.2.7", **facts))  # type: ignore[arg-type]
    server.receive(said)
    return server


def test_the_host_is_told_the_envelope(host: FakeHost) -> None:
    server = session_with(host, b"EHLO laptop.example\r\nMAIL FROM:<alice@a.example> SIZE=7 BODY=8bitmime\r\n")
    server.receive(b"RCPT TO:<bob@b.example>\r\nRCPT TO:<Postmaster>\r\nDATA\r\nhello\r\n.\r\n")
    assert host.accepted == [
        (Envelope.plain("alice@a.example", "bob@b.example", "Postmaster", body="8BITMIME", size=7), b"hello\r\n"),
    ]
    assert (server.session.helo, server.session.esmtp) == ("laptop.example", True)
    server.receive(b"HELO [192.0.2.7]\r\n")
    assert (server.session.helo, server.session.esmtp) == ("[192.0.2.7]", False)


def test_the_second_letter_of_a_session_has_its_own_envelope(host: FakeHost) -> None:
    session_with(
        host,
        b"EHLO a\r\n" + ENVELOPE + b"DATA\r\none\r\n.\r\n"
        b"MAIL FROM:<>\r\nRCPT TO:<alice@b.example>\r\nDATA\r\ntwo\r\n.\r\n",
    )
    assert [(e.reverse_path, e.forward_paths) for e, _ in host.accepted] == [
        ("alice@a.example", ["bob@b.example"]),
        ("", ["alice@b.example"]),
    ]


def test_five_points_1_no_blank_line_is_added_and_none_is_lost(host: FakeHost) -> None:
    for content in (b"", b"\r\n", b"x\r\n\r\n", b"\r\n.\r\n"):
        session_with(host, b"HELO a\r\n" + ENVELOPE + b"DATA\r\n" + content.replace(b".", b"..") + b".\r\n")
        assert host.accepted.pop()[1] == content


def test_five_points_2_starttls_forgets_everything(host: FakeHost) -> None:
    server = session_with(host, b"EHLO a\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n", offers_tls=True)
    assert server.session.user == "alice"
    server.receive(b"STARTTLS\r\nEHLO slipped.in\r\n")
    server.session.tls = "TLSv1.3"
    server.tls_started()
    assert (server.session.helo, server.session.esmtp, server.session.user) == ("", False, None)
    assert server.receive(b"MAIL FROM:<>\r\n").startswith(b"503")
    assert len(server.buffer) == 0


def test_five_points_3_every_reply_but_three_carries_an_enhanced_code(host: FakeHost) -> None:
    server = session_with(host)
    said = (
        b"NOOP\r\nHELP\r\nHELP MAIL\r\nVRFY x\r\nMAIL\r\nX\r\nEXPN x\r\nDATA\r\nAUTH X\r\nMAIL FROM:<a@b>\r\n"
        b"RCPT TO:<nobody@b.example>\r\nDATA\r\nRCPT TO:<bob@b.example>\r\nRSET\r\nQUIT\r\n"
    )
    assert server.receive(b"EHLO a\r\n").count(b"250") == 8
    for line in server.receive(said).splitlines():
        assert line[4:5] == line[:1]
        assert line[5:6] == b"."


def test_five_points_4_the_case_of_a_local_part_is_kept(host: FakeHost) -> None:
    session_with(host, b"HELO a\r\n" + ENVELOPE.replace(b"bob", b"BoB") + b"DATA\r\nx\r\n.\r\n")
    assert host.accepted[0][0].forward_paths == ["BoB@b.example"]


def test_five_points_5_the_250_stands_behind_a_commit(host: FakeHost) -> None:
    server = session_with(host, b"HELO a\r\n" + ENVELOPE + b"DATA\r\n")
    server.feed(b"hello\r\n.\r\nQUIT\r\n")
    assert server.pull() is Signal.COMMIT
    assert len(host.accepted) == 1
    assert server.pull() == b"250 2.0.0 kept as Q1\r\n"


def test_a_failed_commit_is_451_and_the_session_goes_on(host: FakeHost) -> None:
    server = session_with(host, b"HELO a\r\n" + ENVELOPE + b"DATA\r\n")
    server.feed(b"hello\r\n.\r\nNOOP\r\n")
    assert server.pull() is Signal.COMMIT
    server.commit_failed("the disk is full")
    assert list(iter(server.pull, None)) == [b"451 4.3.0 the disk is full\r\n", b"250 2.0.0 ok\r\n"]


def test_a_connection_that_breaks_in_the_content_leaves_nothing(host: FakeHost) -> None:
    server = session_with(host, b"HELO a\r\n" + ENVELOPE + b"DATA\r\nhello\r\n.")
    server.disconnected()
    assert host.accepted == []
    assert server.pull() is None


def test_a_thousand_recipients_and_no_more(host: FakeHost) -> None:
    server = session_with(host, b"HELO a\r\nMAIL FROM:<>\r\n")
    said = server.receive(b"RCPT TO:<bob@b.example>\r\n" * 1001).splitlines()
    assert said.count(b"250 2.1.5 recipient ok") == 1000
    assert said[-1] == b"452 4.5.3 too many recipients, at most 1000 are allowed"
    assert server.state == "RCPT"


@pytest.mark.parametrize("size", [0, 1])
def test_an_auth_line_may_be_long_but_not_endless(host: FakeHost, size: int) -> None:
    server = session_with(host, b"HELO a\r\n")
    line = b"AUTH PLAIN " + b"A" * (12288 - 13 + size) + b"\r\n"
    assert server.receive(line).startswith((b"501 5.5.2", b"500 5.5.2")[size])
    server.receive(b"AUTH PLAIN\r\n")
    response = b"A" * (12288 - 2 + size) + b"\r\n"
    assert server.receive(response).startswith((b"501 5.5.2", b"500 5.5.6")[size])
    assert server.state == "READY"


def test_a_mail_line_may_be_longer_than_others_by_its_parameters(host: FakeHost) -> None:
    server = session_with(host, b"EHLO a\r\n")
    line = b"MAIL FROM:<a@b> AUTH=" + b"x" * (1055 - 23)
    assert server.receive(line + b"\r\n").startswith(b"250")
    assert server.receive(b"RSET\r\n" + line + b"x\r\n").endswith(
        b"500 5.5.2 line of 1056 octets, at most 1055 are allowed\r\n"
    )


def test_each_unit_belongs_to_one_phase(host: FakeHost) -> None:
    steps: list[Step] = []
    server = session_with(host)
    server.watch = steps.append
    server.receive(
        b"EHLO a\r\nAUTH PLAIN\r\nAGFsaWNlAHNlY3JldA==\r\nNOOP\r\n" + ENVELOPE + b"DATA\r\nx\r\n.\r\nRSET\r\nQUIT\r\n"
    )
    assert [(step.verb, step.phase) for step in steps] == [
        ("EHLO", "handshake"),
        ("AUTH", "handshake"),
        ("(response)", "handshake"),
        ("NOOP", "transfer"),
        ("MAIL", "transfer"),
        ("RCPT", "transfer"),
        ("DATA", "transfer"),
        ("(content)", "transfer"),
        ("RSET", "transfer"),
        ("QUIT", "closure"),
    ]
    assert steps[-1].after == CLOSED


def test_a_server_of_an_older_kind_neither_announces_nor_takes_what_it_is_without(host: FakeHost) -> None:
    server = smtp_server(frozenset(["8BITMIME", "SIZE"]))(host, Session("b.example", "192.0.2.7"))
    assert type(server) is smtp_server(frozenset(["SIZE", "8BITMIME"]))  # composed once, and kept
    greeting = server.receive(b"EHLO a\r\n")
    assert b"PIPELINING" in greeting
    assert b"8BITMIME" not in greeting
    assert b"SIZE" not in greeting
    assert server.receive(b"MAIL FROM:<> BODY=8BITMIME\r\n") == b"555 5.5.4 parameter BODY is not known\r\n"
    assert server.receive(b"MAIL FROM:<> SIZE=1\r\n") == b"555 5.5.4 parameter SIZE is not known\r\n"
    assert server.receive(b"MAIL FROM:<>\r\n").startswith(b"250")
