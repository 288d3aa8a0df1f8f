"""The client against our own server, and against servers that answer by heart."""

from collections.abc import Callable

import pytest

from emaillab.protocol.backend import Session
from emaillab.protocol.smtp import Reply, SmtpClient, SmtpServer
from emaillab.protocol.smtp.time_outs import TIME_OUTS
from emaillab.protocol.stream import ProtocolError
from tests.dialogues.fakes import FakeHost, Wire

LETTER = b"Subject: hi\r\n\r\nhello\r\n"


class Script:
    """A server that says its lines whatever it hears."""

    def __init__(self, *said: bytes) -> None:
        self.said = b"".join(said)
        self.sent: list[bytes] = []
        self.closed = False

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def readline(self, limit: int = 8192) -> bytes:
        if not self.said:
            raise ConnectionError("the server closed the connection")
        end = min(self.said.find(b"\n") + 1 or len(self.said), limit)
        line, self.said = self.said[:end], self.said[end:]
        return line

    def read(self, count: int) -> bytes:
        raise NotImplementedError

    def start_tls(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
def connect(host: FakeHost) -> Callable[..., SmtpClient]:
    def connect(**facts: object) -> SmtpClient:
        session = Session("b.example", "192.0.2.7", **facts)  # type: ignore[arg-type]
        return SmtpClient(Wire(SmtpServer(host, session), session))

    return connect


def test_a_session_by_hand(host: FakeHost, connect: Callable[..., SmtpClient]) -> None:
    client = connect()
    assert client.greeting == Reply(220, "", "b.example ESMTP emaillab")
    assert client.helo("a.example").ok
    assert client.mail("alice@a.example") == Reply(250, "2.1.0", "sender ok")
    assert client.rcpt("nobody@b.example") == Reply(550, "5.1.1", "no such user here")
    assert client.command("rcpt to: <bob@b.example>").ok
    assert client.data().code == 354
    assert client.content(b".hidden\r\nlast line").ok
    assert client.noop().ok
    assert client.vrfy("bob").code == 252
    assert client.help("RCPT").lines == ("RCPT TO:<forward-path>", "RFC 5321 section 4.1.1.3")
    assert client.rset().ok
    assert client.quit().code == 221
    assert client.stream.closed
    assert host.accepted[0][1] == b".hidden\r\nlast line\r\n"


def test_a_command_is_one_line(connect: Callable[..., SmtpClient]) -> None:
    client = connect()
    with pytest.raises(ValueError, match="a command is one line"):
        client.command("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>")
    with pytest.raises(ValueError, match="a command is one line"):
        client.ehlo("a\nb")


def test_a_letter_is_octets_and_a_path_alone_is_one_recipient(connect: Callable[..., SmtpClient]) -> None:
    client = connect()
    client.ehlo("a.example")
    with pytest.raises(TypeError, match="octets, not as str"):
        client.send("alice@a.example", ["bob@b.example"], LETTER.decode())  # type: ignore[arg-type]
    assert list(client.send("alice@a.example", "bob@b.example", LETTER).recipients) == ["bob@b.example"]


def test_extensions_are_learnt(connect: Callable[..., SmtpClient]) -> None:
    client = connect(offers_tls=True)
    assert client.extensions == {}
    client.ehlo("a.example")
    assert list(client.extensions.items()) == [
        ("PIPELINING", ""),
        ("SIZE", "1000"),
        ("8BITMIME", ""),
        ("ENHANCEDSTATUSCODES", ""),
        ("HELP", ""),
        ("STARTTLS", ""),
        ("AUTH", "PLAIN LOGIN"),
        ("CHUNKING", ""),
    ]
    assert client.starttls().ok
    assert client.extensions == {}
    client.ehlo("a.example")
    assert "STARTTLS" not in client.extensions


def test_extensions_of_old_servers() -> None:
    client = SmtpClient(Script(b"220 hi\r\n", b"250-hi\r\n250-auth=LOGIN\r\n250-AUTH=LOGIN\r\n250 size 10\r\n"))
    client.ehlo()
    assert client.extensions["AUTH"] == "LOGIN"
    assert client.extensions["SIZE"] == "10"


def test_a_server_without_ehlo_gets_helo() -> None:
    client = SmtpClient(Script(b"220 hi\r\n", b"500 what?\r\n", b"250 hi\r\n"))
    assert client.ehlo("a.example").ok
    assert client.stream.sent == [b"EHLO a.example\r\n", b"HELO a.example\r\n"]


@pytest.mark.parametrize("pipelining", [True, False, "auto"])
def test_each_recipient_has_its_fate(host: FakeHost, connect: Callable[..., SmtpClient], pipelining: bool) -> None:
    client = connect()
    client.ehlo("a.example")
    paths = ["bob@b.example", "nobody@b.example", "full@b.example", "carol@c.example", "bob@b.example"]
    result = client.send("alice@a.example", paths, LETTER, pipelining=pipelining)
    assert result.accepted
    assert {path: reply.code for path, reply in result.recipients.items()} == {
        "bob@b.example": 250,
        "nobody@b.example": 550,
        "full@b.example": 452,
        "carol@c.example": 550,
    }
    assert [result.reply_for(path).text for path in paths[:2]] == ["kept as Q1", "no such user here"]
    assert list(result.refused) == paths[1:4]
    [(envelope, content)] = host.accepted
    assert (envelope.size, envelope.body, content) == (len(LETTER), "7BIT", LETTER)
    segments = len(client.stream.sent) - 1  # without EHLO
    assert segments == (7 if pipelining is False else 2)


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("sender", "paths", "raw", "final", "refused"),
    [
        ("spammer@a.example", ["bob@b.example"], LETTER, "5.7.1", []),
        ("alice@a.example", ["nobody@b.example"], LETTER, "5.1.1", ["nobody@b.example"]),
        ("alice@a.example", [], LETTER, None, []),
        ("alice@a.example", ["bob@b.example"], b"x" * 2000, "5.3.4", []),
        ("alice@a.example", ["bob@b.example"], b"X-Break: the disk\r\n", "4.3.0", ["bob@b.example"]),
    ],
)
def test_after_a_refusal_the_session_is_ready_for_the_next_letter(
    host: FakeHost,
    connect: Callable[..., SmtpClient],
    sender: str,
    paths: list[str],
    raw: bytes,
    final: str | None,
    refused: list[str],
    pipelining: bool,
) -> None:
    client = connect()
    client.ehlo("a.example")
    result = client.send(sender, paths, raw, pipelining=pipelining)
    assert not result.accepted
    if final:
        assert result.final.enhanced == final
    assert list(result.refused) == refused
    assert client.send("alice@a.example", ["bob@b.example"], LETTER, pipelining=pipelining).accepted
    assert [content for _, content in host.accepted] == [LETTER]


@pytest.mark.parametrize(("mail", "rcpt"), [(b"250 ok\r\n", b"550 no\r\n"), (b"550 no\r\n", b"503 no\r\n")])
def test_an_unwanted_go_on_is_ended_by_a_lone_dot(mail: bytes, rcpt: bytes) -> None:
    """RFC 2920 §3.1: a server may answer DATA with 354 although nobody will get the letter."""
    script = Script(b"220 hi\r\n", mail, rcpt, b"354 go on\r\n", b"554 nobody\r\n", b"250 ready\r\n")
    client = SmtpClient(script)
    result = client.send("a@a.example", ["b@b.example"], LETTER, pipelining=True)
    assert not result.accepted
    assert result.reply_for("b@b.example").text == "no"
    assert script.sent[1:] == [b".\r\n"]
    assert client.noop().text == "ready"


def test_8_bit_content_needs_8bitmime(host: FakeHost, connect: Callable[..., SmtpClient]) -> None:
    raw = "Subject: 因特网\r\n\r\n".encode()
    client = connect()
    client.helo("a.example")
    result = client.send("alice@a.example", ["bob@b.example"], raw)
    assert not result.accepted
    assert result.reply_for("bob@b.example").enhanced == "5.6.3"
    assert len(client.stream.sent) == 1
    client.ehlo("a.example")
    assert client.send("alice@a.example", ["bob@b.example"], raw).accepted
    assert (host.accepted[0][0].body, host.accepted[0][1]) == ("8BITMIME", raw)


def test_line_ends_of_a_text_editor_are_made_crlf(host: FakeHost, connect: Callable[..., SmtpClient]) -> None:
    client = connect()
    client.ehlo("a.example")
    assert client.send("alice@a.example", ["bob@b.example"], b"Subject: hi\n\n.\rx\r\ny").accepted
    assert host.accepted[0][1] == b"Subject: hi\r\n\r\n.\r\nx\r\ny\r\n"


@pytest.mark.parametrize("how", ["login", "auth_plain", "auth_login"])
def test_logging_in(connect: Callable[..., SmtpClient], how: str) -> None:
    client = connect()
    client.ehlo("a.example")
    assert getattr(client, how)("alice", "wrong").code == 535
    assert getattr(client, how)("alice", "secret") == Reply(235, "2.7.0", "welcome, alice")


def test_no_password_goes_to_a_server_that_asks_for_none(connect: Callable[..., SmtpClient]) -> None:
    client = connect(loopback=False)
    client.ehlo("a.example")
    assert client.login("alice", "secret").text == "not sent: the server offers no mechanism, we know PLAIN and LOGIN"
    assert len(client.stream.sent) == 1


def test_leaving_the_block_says_good_bye(connect: Callable[..., SmtpClient]) -> None:
    with connect() as client:
        client.noop()
    assert client.stream.sent[-1] == b"QUIT\r\n"
    assert client.stream.closed
    with SmtpClient(Script(b"220 hi\r\n")) as client:
        pass  # the server is gone: nothing to complain of
    assert client.stream.closed


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (b"+OK POP3 ready\r\n", r"expected a reply such as '250 OK' with CRLF, got '\+OK POP3 ready"),
        (b"220-a\r\n221 b\r\n", "one code on all its lines"),
        (b"220 " + b"x" * 9000 + b"\r\n", "expected a reply"),
        (b"220-x\r\n" * 2000, "more than 1000 lines"),
    ],
)
def test_what_is_no_smtp_server_is_explained(said: bytes, sentence: str) -> None:
    with pytest.raises(ProtocolError, match=sentence):
        SmtpClient(Script(said))


@pytest.mark.parametrize("pipelining", [True, False])
def test_each_answer_has_the_time_that_the_rfc_gives_it(pipelining: bool) -> None:
    """RFC 5321 §4.5.3.2."""

    class Patient(Script):
        allowed: list[float] = []
        waited: list[float] = []

        def allow(self, seconds: float) -> None:
            self.allowed.append(seconds)

        def readline(self, limit: int = 8192) -> bytes:
            self.waited.append(self.allowed[-1])
            return super().readline(limit)

        def send(self, data: bytes) -> None:
            if data.endswith(b"\r\n.\r\n"):
                assert self.allowed[-1] == 180
            super().send(data)

    Patient.allowed, Patient.waited = [], []
    server = Patient(b"220-x\r\n220 x\r\n", b"250 x\r\n", b"250 ok\r\n" * 3, b"354 go\r\n", b"250 kept\r\n221 bye\r\n")
    with SmtpClient(server, time_outs=TIME_OUTS) as client:
        client.ehlo("a.example")
        assert client.send("a@a.example", ["b@b.example", "c@b.example"], LETTER, pipelining=pipelining).accepted
    assert server.waited == [300, 300, 300, 300, 300, 300, 120, 600, 10]
