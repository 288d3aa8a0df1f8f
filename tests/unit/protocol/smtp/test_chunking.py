"""BDAT from both ends: a letter arrives as it was sent, and a refused chunk leaves nothing behind."""

import pytest

from emaillab.protocol.backend import Session
from emaillab.protocol.smtp import SmtpClient, SmtpServer
from emaillab.protocol.smtp.server import smtp_server
from tests.dialogues.fakes import FakeHost, Wire

LETTER = b"Subject: hi\r\n\r\n.\r\n..QUIT\r\nQUIT\r\n"
ENVELOPE = b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\n"


def session(host: FakeHost, kind: type = SmtpServer) -> tuple[SmtpClient, Wire]:
    known = Session("b.example", "192.0.2.7")
    wire = Wire(kind(host, known), known)
    client = SmtpClient(wire)
    client.ehlo("a.example")
    return client, wire


@pytest.mark.parametrize("chunk", [1, 7, len(LETTER) - 1, len(LETTER), 1000])
def test_a_letter_in_chunks_of_any_size_is_the_same_letter(chunk: int) -> None:
    host = FakeHost()
    client, _ = session(host)
    result = client.send_in_chunks("alice@a.example", ["bob@b.example", "nobody@b.example"], LETTER, chunk=chunk)
    assert result.accepted
    assert list(result.refused) == ["nobody@b.example"]
    assert [(e.reverse_path, e.forward_paths, c) for e, c in host.accepted] == [
        ("alice@a.example", ["bob@b.example"], LETTER)
    ]
    assert client.send("alice@a.example", ["bob@b.example"], LETTER).accepted  # the session is ready for the next


def test_nothing_is_stuffed_on_the_wire() -> None:
    client, wire = session(FakeHost())
    client.send_in_chunks("alice@a.example", "bob@b.example", LETTER, chunk=20)
    assert wire.sent[-2:] == [b"BDAT 20\r\n" + LETTER[:20], b"BDAT 12 LAST\r\n" + LETTER[20:]]


def test_a_chunk_too_many_ends_the_letter_and_not_the_session() -> None:
    host = FakeHost()
    client, wire = session(host, smtp_server(frozenset(["SIZE"])))  # else MAIL would be refused already
    result = client.send_in_chunks("", "bob@b.example", b"x" * 398 + b"\r\n" + b"y" * 900 + b"\r\n", chunk=400)
    assert (result.accepted, str(result.final)) == (False, "552 5.3.4 1200 octets, at most 1000 are allowed")
    assert wire.sent[-1] == b"RSET\r\n"
    assert client.send_in_chunks("", "bob@b.example", LETTER).accepted
    assert [content for _, content in host.accepted] == [LETTER]


def test_a_server_without_chunking_is_sent_nothing() -> None:
    client, wire = session(FakeHost(), smtp_server(frozenset(["CHUNKING"])))
    result = client.send_in_chunks("", "bob@b.example", LETTER)
    assert str(result.final) == "502 5.5.1 not sent: the server does not announce CHUNKING"
    assert wire.sent == [b"EHLO a.example\r\n"]
    assert client.command("BDAT 0 LAST").code == 502


@pytest.mark.parametrize("chunk", [0, -1])
def test_a_chunk_of_nothing_is_refused(chunk: int) -> None:
    client, _ = session(FakeHost())
    with pytest.raises(ValueError, match="1 octet or more"):
        client.send_in_chunks("", "bob@b.example", LETTER, chunk=chunk)


@pytest.mark.parametrize(
    "end", [b"RSET\r\n", b"EHLO a\r\n", b"QUIT\r\n", b"BDAT 1001\r\n" + b"QUIT\r\n" * 166 + b"QUIT\n"]
)
def test_chunks_of_a_letter_that_never_became_whole_are_forgotten(end: bytes) -> None:
    host = FakeHost()
    server = SmtpServer(host, Session("b.example", "192.0.2.7"))
    server.receive(ENVELOPE + b"BDAT 4\r\nhi\r\n")
    assert server.state == "CHUNKS"
    server.receive(end)
    assert server.state in ("READY", "CLOSED")
    server.receive(ENVELOPE + b"BDAT 4 LAST\r\nyo\r\n")
    assert [content for _, content in host.accepted] == ([] if server.state == "CLOSED" else [b"yo\r\n"])


def test_a_connection_that_breaks_in_a_chunk_leaves_nothing() -> None:
    host = FakeHost()
    server = SmtpServer(host, Session("b.example", "192.0.2.7"))
    server.receive(ENVELOPE + b"BDAT 40 LAST\r\nhi\r\n")
    assert server.waiting_for == "36 more octets after BDAT 40 LAST"
    server.disconnected()
    assert (host.accepted, server.pull()) == ([], None)
