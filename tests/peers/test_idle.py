"""IDLE with real sockets: many are told, and those that do not read keep nobody else waiting."""

import contextlib
import imaplib
import smtplib
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.peers.serve import ADDRESS, PASSWORD, USER, Serve

SESSIONS, DEAF = 200, 10  # every twentieth does not read
TOLD_S = 10.0  # far more than a moment, so that a busy machine does not fail; a lost wake would wait for 30 minutes


@pytest.fixture
def server() -> Iterator[Serve]:
    server = Serve()
    try:
        yield server
    finally:
        server.stop()


def idling(server: Serve) -> socket.socket:
    """Return a session of which the server has just said that it idles."""
    sock = socket.create_connection(server.at("imap"), TOLD_S)
    login = f"a LOGIN {USER} {PASSWORD}\r\nb SELECT INBOX\r\n"
    sock.sendall(login.encode())
    heard = b""
    while b"\r\nb OK" not in heard:
        heard += sock.recv(65536)
    sock.sendall(b"c IDLE\r\n")
    while b"+ idling\r\n" not in heard:
        heard += sock.recv(65536)
    return sock


def deliver(server: Serve, subject: str) -> None:
    with smtplib.SMTP(*server.at("smtp"), timeout=TOLD_S) as smtp:
        smtp.sendmail("alice@example.com", [ADDRESS], f"Subject: {subject}\r\n\r\nhi\r\n")


def hear(sock: socket.socket, words: bytes) -> bytes:
    heard = b""
    while words not in heard:
        piece = sock.recv(65536)
        assert piece, f"closed after {heard!r}"
        heard += piece
    return heard


def test_all_that_read_are_told_whoever_does_not(server: Serve) -> None:
    with contextlib.ExitStack() as open_sockets:
        sessions = [open_sockets.enter_context(idling(server)) for _ in range(SESSIONS)]
        deaf, listening = sessions[:DEAF], sessions[DEAF:]
        for number in range(1, 6):
            deliver(server, f"letter {number}")
            for sock in listening:
                hear(sock, b"* %d EXISTS\r\n" % number)
        for sock in deaf:  # nothing was lost for them either
            hear(sock, b"* 5 EXISTS\r\n")
            sock.sendall(b"DONE\r\n")
            hear(sock, b"c OK ")


def test_a_program_that_never_reads_does_not_stop_the_others(server: Serve) -> None:
    """Its octets fill its socket; then the server keeps no more than it must."""
    with idling(server) as deaf, idling(server) as listening:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with imaplib.IMAP4(*server.at("imap"), timeout=TOLD_S) as phone:
            phone.login(USER, PASSWORD)
            deliver(server, "one")
            phone.select()
            for turn in range(300):
                sign = "+" if turn % 2 == 0 else "-"
                assert phone.store("1", f"{sign}FLAGS", "(\\Flagged)")[0] == "OK"
            hear(listening, b"* 1 EXISTS\r\n")
            phone.store("1", "+FLAGS", "(\\Answered)")
            hear(listening, b"\\Answered")


def test_curl_sees_idle_announced(server: Serve, tool: Callable[[str], str]) -> None:
    ip, port = server.at("imap")
    command = [
        tool("curl"),
        "--silent",
        "--user",
        f"{USER}:{PASSWORD}",
        f"imap://{ip}:{port}/",
        "--request",
        "CAPABILITY",
    ]
    said = subprocess.run(command, capture_output=True, timeout=60)
    assert b" IDLE" in said.stdout
