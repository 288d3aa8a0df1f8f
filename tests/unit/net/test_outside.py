"""A stranger's server that is slow, or says its answer octet by octet, gets the time that an answer may take, once."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from emaillab.net.clock import WallClock
from emaillab.net.outside import OutsideStream, dial
from emaillab.protocol.smtp.client import SmtpClient

DRIP_S, ALLOWED_S = 0.05, 0.4
Serve = Callable[[socket.socket], None]


@pytest.fixture
def listening() -> Iterator[Callable[[Serve], tuple[str, int]]]:
    """Start servers that do one thing with the one client that comes."""
    listeners: list[socket.socket] = []

    def start(serve: Serve) -> tuple[str, int]:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            with contextlib.suppress(OSError):
                peer, _ = listener.accept()
                with peer:
                    serve(peer)

        threading.Thread(target=run, daemon=True).start()
        address: tuple[str, int] = listener.getsockname()
        return address

    yield start
    for listener in listeners:
        listener.close()


def drips(octets: bytes) -> Serve:
    def serve(peer: socket.socket) -> None:
        while True:
            peer.sendall(octets)
            time.sleep(DRIP_S)

    return serve


def within(limit_s: float, call: Callable[[], object]) -> str:
    """Return the words of the time-out, which comes in time."""
    begun_s = time.monotonic()
    with pytest.raises(TimeoutError) as caught:
        call()
    assert ALLOWED_S * 0.9 < time.monotonic() - begun_s < limit_s
    return str(caught.value)


@pytest.mark.parametrize("octets", [b"2", b"220-still busy\r\n"], ids=["one line", "many lines"])
def test_an_answer_that_drips_has_one_time_out(listening: Callable[[Serve], tuple[str, int]], octets: bytes) -> None:
    stream = dial(*listening(drips(octets)), WallClock(), name="slow.example")
    said = within(10, lambda: SmtpClient(stream, time_outs={"(greeting)": ALLOWED_S}))
    assert said == "no answer from slow.example within 0.4 s"
    stream.close()


def test_without_a_word_each_line_has_the_streams_own(listening: Callable[[Serve], tuple[str, int]]) -> None:
    with dial(*listening(drips(b"220-still busy\r\n")), WallClock(), timeout_s=ALLOWED_S) as stream:
        assert [stream.readline() for _ in range(3)] == [b"220-still busy\r\n"] * 3
    with dial(*listening(drips(b"2")), WallClock(), timeout_s=ALLOWED_S) as stream:
        within(10, stream.readline)
    with dial(*listening(drips(b"2")), WallClock(), timeout_s=ALLOWED_S) as stream:
        within(10, lambda: stream.read(1000))


def test_a_block_that_nobody_takes_has_one_time_out(listening: Callable[[Serve], tuple[str, int]]) -> None:
    def reads_slowly(peer: socket.socket) -> None:
        while peer.recv(1):
            time.sleep(DRIP_S)

    with dial(*listening(reads_slowly), WallClock()) as stream:
        stream.allow(ALLOWED_S)
        assert "took no more octets" in within(20, lambda: stream.send(bytes(64 << 20)))


def test_a_host_that_needs_longer_after_the_dot_gets_its_time(listening: Callable[[Serve], tuple[str, int]]) -> None:
    """Who gives up there sends the letter again, and it is there twice (RFC 1047)."""

    def slow_after_the_dot(peer: socket.socket) -> None:
        peer.sendall(b"220 x\r\n")
        with peer.makefile("rb") as said:
            for answer in (b"250 x\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n"):
                said.readline()
                peer.sendall(answer)
            while said.readline() != b".\r\n":
                pass
            time.sleep(2 * ALLOWED_S)
            peer.sendall(b"250 kept\r\n")

    quick = dict.fromkeys(("(greeting)", "MAIL", "RCPT", "DATA", "EHLO"), 30.0)
    stream = dial(*listening(slow_after_the_dot), WallClock(), timeout_s=ALLOWED_S)
    client = SmtpClient(stream, time_outs=quick | {"(content)": 60.0})
    client.ehlo("x")
    assert client.send("a@x.example", ["b@x.example"], b"hi\r\n").accepted
    stream.close()


def test_closing_wakes_who_waits(listening: Callable[[Serve], tuple[str, int]]) -> None:
    stopped = threading.Event()
    stream: OutsideStream = dial(*listening(lambda peer: stopped.wait(60) and None), WallClock())
    threading.Timer(0.1, stream.close).start()
    begun_s = time.monotonic()
    with pytest.raises(ConnectionError):
        stream.readline()
    assert time.monotonic() - begun_s < 10
    stopped.set()
