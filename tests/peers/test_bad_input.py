"""Does the server stay well, and keep what it accepted, whatever is thrown at its ports?"""

import contextlib
import imaplib
import os
import random
import socket
import ssl
import struct
import threading
from pathlib import Path

import pytest

from tests.peers.serve import ADDRESS, PASSWORD, USER, Serve, without_trace

MEBI = 1 << 20
LINE_LIMIT = 8192  # what smtplib and imaplib read at most


class Raw:
    """A connection spoken by hand."""

    def __init__(self, place: tuple[str, int]) -> None:
        self.socket = socket.create_connection(place, timeout=60)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def line(self) -> bytes:
        return self.file.readline(LINE_LIMIT)

    def reply(self) -> bytes:
        """Read one SMTP reply."""
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(self.line())
        return b"".join(lines)

    def ask(self, data: bytes) -> bytes:
        """Send a line and return the code of its reply."""
        self.send(data + b"\r\n")
        return self.reply()[:3]

    def reset(self) -> None:
        """Break the connection off as a pulled plug does, without a farewell."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


def letters(server: Serve) -> list[bytes]:
    """Return all letters, fetched by IMAP."""
    with imaplib.IMAP4(*server.at("imap"), timeout=60) as client:
        client.login(USER, PASSWORD)
        if client.select(readonly=True)[1] == [b"0"]:
            return []
        answer = client.fetch("1:*", "(BODY.PEEK[])")[1]
        return [item[1] for item in answer if isinstance(item, tuple)]


def deliver(server: Serve, content: bytes) -> None:
    """Send one letter, as any client does."""
    with Raw(server.at("smtp")) as client:
        client.reply()
        words = (b"EHLO x", b"MAIL FROM:<>", b"RCPT TO:<" + ADDRESS.encode() + b">", b"DATA")
        assert [client.ask(word) for word in words] == [b"250", b"250", b"250", b"354"]
        assert client.ask(content + b"\r\n.") == b"250"
        assert client.ask(b"QUIT") == b"221"


@pytest.fixture
def smtp(server: Serve) -> Raw:
    client = Raw(server.at("smtp"))
    assert client.reply().startswith(b"220 example.org ")
    return client


class TestSmtp:
    def test_wrong_words_and_wrong_order(self, server: Serve, smtp: Raw) -> None:
        rcpt = b"RCPT TO:<" + ADDRESS.encode() + b">"
        dialogue = [
            (b"FROB", b"500"),
            (b"", b"500"),
            (b"MAIL FROM:<a@b.example>", b"503"),
            (b"EHLO", b"501"),
            (b"EHLO me", b"250"),
            (rcpt, b"503"),
            (b"DATA", b"503"),
            (b"MAIL FROM:a@b.example", b"501"),
            (b"MAIL FROM:<a@b.example>", b"250"),
            (b"MAIL FROM:<a@b.example>", b"503"),
            (b"RCPT TO:<nobody@example.org>", b"550"),
            (b"DATA", b"554"),
            (b"RCPT TO:<@>", b"501"),
            (b"BURL imap://b.example/INBOX LAST", b"502"),
            (b"BDAT 6\r\nQUIT", b"554"),  # its six octets are no command
            (b"\xff\xfe\x00\x01", b"500"),
            (rcpt, b"250"),
            (b"AUTH PLAIN", b"503"),
            (b"DATA", b"354"),
            (b"kept\r\n.", b"250"),
        ]
        got = [(said, smtp.ask(said)) for said, _ in dialogue]
        assert got == dialogue
        assert without_trace(letters(server)[0]) == b"kept\r\n"

    @pytest.mark.parametrize(
        "line", [b"NOOP " + b"x" * 100_000, b"x" * MEBI, b"NO\0OP", b"NOOP\rNOOP", b"MAIL FROM:<\0@x.example>"]
    )
    def test_lines_that_are_none(self, server: Serve, smtp: Raw, line: bytes) -> None:
        assert smtp.ask(b"EHLO me") == b"250"
        assert smtp.ask(line)[:1] == b"5"
        assert smtp.ask(b"NOOP") == b"250"
        deliver(server, b"after")

    @pytest.mark.parametrize(
        "content", [b"one\ntwo", b"one\rtwo", b"one\n.\nMAIL FROM:<x@y.example>\n", b"nul \0 here"]
    )
    def test_content_that_cannot_be_carried(self, server: Serve, smtp: Raw, content: bytes) -> None:
        """A bare line feed or carriage return ends nothing, and the letter is refused whole (RFC 5321 §2.3.8)."""
        for word in (b"EHLO me", b"MAIL FROM:<>", b"RCPT TO:<postmaster>", b"RCPT TO:<" + ADDRESS.encode() + b">"):
            assert smtp.ask(word) == b"250"
        assert smtp.ask(b"DATA") == b"354"
        said = smtp.ask(content + b"\r\n.")
        assert said == (b"250" if b"\0" in content else b"554")
        assert smtp.ask(b"NOOP") == b"250"
        assert len(letters(server)) == (said == b"250")

    def test_a_letter_that_breaks_off_is_not_kept(self, server: Serve) -> None:
        """At every moment of a session a client may vanish; only what got its 250 is there afterwards."""
        session = b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<" + ADDRESS.encode() + b">\r\nDATA\r\nhalf\r\na letter\r\n.\r\n"
        for end in range(0, len(session) - 2, 3):
            client = Raw(server.at("smtp"))
            client.reply()
            client.send(session[:end])
            (client.reset if end % 2 else client.close)()
        deliver(server, b"whole")
        assert [without_trace(raw) for raw in letters(server)] == [b"whole\r\n"]

    def test_one_octet_in_a_segment(self, server: Serve, smtp: Raw) -> None:
        smtp.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<" + ADDRESS.encode() + b">\r\nDATA\r\n"
        for octet in session:
            smtp.send(bytes([octet]))
        assert [smtp.reply()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
        for octet in b"..a dot\r\n\r\n.\r\nQUIT\r\n":
            smtp.send(bytes([octet]))
        assert [smtp.reply()[:3] for _ in range(2)] == [b"250", b"221"]
        assert without_trace(letters(server)[0]) == b".a dot\r\n\r\n"

    def test_commands_hidden_behind_starttls_are_forgotten(self, tls_server: Serve, authority: Path) -> None:
        """RFC 3207 §4.2: what a stranger put behind the command is not the client's."""
        with Raw(tls_server.at("smtp")) as client:
            client.reply()
            client.ask(b"EHLO me")
            client.send(b"STARTTLS\r\nMAIL FROM:<eve@x.example>\r\n")
            assert client.reply()[:3] == b"220"
            context = ssl.create_default_context(cafile=authority)
            with context.wrap_socket(client.socket, server_hostname="localhost") as encrypted:
                encrypted.sendall(b"EHLO me\r\nRCPT TO:<postmaster>\r\nQUIT\r\n")
                codes = [line[:4] for line in encrypted.makefile("rb") if line[3:4] == b" "]
            assert codes == [b"250 ", b"503 ", b"221 "]  # no answer to MAIL, and no envelope

    def test_noise_instead_of_tls(self, tls_server: Serve) -> None:
        for noise in (b"EHLO me\r\n", os.urandom(2000), b"\x16\x03\x01\xff\xff", b""):
            with Raw(tls_server.at("smtps")) as client:
                client.send(noise)
                client.socket.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionError):
                    client.file.read()
        deliver(tls_server, b"after")

    def test_a_client_that_only_errs_is_sent_away(self, server: Serve, smtp: Raw) -> None:
        codes = []
        while code := smtp.ask(b"GET / HTTP/1.1"):
            codes.append(code)
            if code == b"421":
                break
        assert codes[-1] == b"421"
        assert smtp.line() == b""


@pytest.mark.parametrize("service", ["smtp", "submission", "pop3", "imap"])
def test_noise(server: Serve, service: str) -> None:
    """Random octets, random lines, and lines that begin well: the port answers the next client as ever."""
    rng = random.Random(2026)
    verbs = [
        b"EHLO",
        b"MAIL FROM:<",
        b"AUTH PLAIN",
        b"USER",
        b"PASS",
        b"RETR",
        b"a LOGIN",
        b"a FETCH",
        b"a APPEND x {9}",
    ]
    deliver(server, b"before")
    for number in range(60):
        noise = rng.randbytes(rng.randrange(4000))
        if number % 3:
            noise = b"\r\n".join(rng.choice(verbs) + b" " + rng.randbytes(rng.randrange(60)) for _ in range(30))
        with contextlib.suppress(ConnectionError), Raw(server.at(service)) as client:
            client.send(noise)
            if number % 2:
                client.socket.shutdown(socket.SHUT_WR)
                while client.file.read1(65536):
                    pass
    deliver(server, b"after")
    assert [without_trace(raw) for raw in letters(server)] == [b"before\r\n", b"after\r\n"]


def test_two_hundred_clients_at_once(server: Serve) -> None:
    clients = [Raw(server.at("smtp")) for _ in range(200)]
    for client in clients:
        assert client.reply()[:3] == b"220"
    to_us = b"RCPT TO:<" + ADDRESS.encode() + b">"
    for word, code in ((b"EHLO x", b"250"), (b"MAIL FROM:<>", b"250"), (to_us, b"250"), (b"DATA", b"354")):
        for client in clients:
            client.send(word + b"\r\n")
        assert {client.reply()[:3] for client in clients} == {code}
    for number, client in enumerate(clients):
        client.send(b"letter %d\r\n.\r\n" % number)
    assert {client.reply()[:3] for client in clients} == {b"250"}
    for client in clients:
        client.close()
    got = {without_trace(raw) for raw in letters(server)}
    assert got == {b"letter %d\r\n" % number for number in range(200)}


class TestIdleReaders:
    SIZE = 30 * MEBI

    @pytest.fixture
    def full(self, server: Serve) -> Serve:
        """A server with a letter of 30 MB."""
        deliver(server, b"Subject: huge\r\n\r\n" + (b"x" * 1022 + b"\r\n") * (self.SIZE // 1024))
        return server

    def begin(self, server: Serve, service: str) -> Raw:
        """Ask for the letter, and do not read it."""
        client = Raw(server.at(service))
        client.line()
        if service == "pop3":
            for word in (f"USER {USER}", f"PASS {PASSWORD}"):
                client.send(word.encode() + b"\r\n")
                assert client.line().startswith(b"+OK")
            client.send(b"RETR 1\r\n")
        else:
            client.send(f"a LOGIN {USER} {PASSWORD}\r\nb EXAMINE INBOX\r\n".encode())
            while not client.line().startswith(b"b OK"):
                pass
            client.send(b"c FETCH 1 BODY.PEEK[]\r\n")
        return client

    @pytest.mark.parametrize("service", ["pop3", "imap"])
    def test_one_that_does_not_read_delays_nobody(self, full: Serve, service: str) -> None:
        with self.begin(full, service) as client:
            assert client.file.read(1000)
            for number in range(20):
                deliver(full, b"meanwhile %d" % number)
            octets = 1000
            while octets < self.SIZE:
                octets += len(client.file.read(min(MEBI, self.SIZE - octets)))
            client.send({"pop3": b"QUIT\r\n", "imap": b"z LOGOUT\r\n"}[service])
            rest = client.file.read()
            assert {"pop3": b"+OK", "imap": b"z OK"}[service] in rest
            assert octets + len(rest) >= self.SIZE

    def test_many_of_them_cost_little_memory(self, full: Serve) -> None:
        """A client that does not read costs its letter, once, and a few octets beside it."""
        first = self.begin(full, "imap")
        first.file.read(1000)
        before = full.resident_octets
        others = [self.begin(full, "imap") for _ in range(20)]
        for client in others:
            client.file.read(1000)
        grown = full.resident_octets - before
        for client in (first, *others):
            client.reset()
        deliver(full, b"after")
        assert grown < 20 * (self.SIZE + 2 * MEBI), f"{grown / MEBI:.0f} MB for 20 readers of one letter of 30 MB"

    def test_one_that_only_sends(self, server: Serve) -> None:
        """A client that never reads its replies is not read any further, and nobody else notices."""
        with Raw(server.at("smtp")) as client:
            client.socket.settimeout(1)
            before, sent = server.resident_octets, 0
            with contextlib.suppress(TimeoutError):
                while sent < 400 * MEBI:
                    sent += client.socket.send(b"HELP\r\n" * 10_000)
            deliver(server, b"meanwhile")
            assert sent < 400 * MEBI
            assert server.resident_octets - before < 64 * MEBI


def test_idle_clients_are_many_and_cheap(server: Serve) -> None:
    """Half-open sessions of every kind, left open while others work."""
    left = [Raw(server.at(service)) for service in ("smtp", "submission", "pop3", "imap") for _ in range(20)]
    done: list[bool] = []

    def work(number: int) -> None:
        for turn in range(5):
            deliver(server, b"worker %d, letter %d" % (number, turn))
        done.append(True)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert len(done) == 8
    assert len({without_trace(raw) for raw in letters(server)}) == 40
    for client in left:
        client.close()
