"""A client that says nothing for too long is let go: at its time, in each protocol's own words, on both networks and clocks."""

import socket
import time
from collections.abc import Iterator

import pytest

from emaillab import Internet
from emaillab.host.ports import IDLE_S
from emaillab.net.clock import WallClock

WORDS = {
    "smtp": b"421 4.4.2 b.example waited too long, closing the connection\r\n",
    "pop3": b"",  # RFC 1939 §3: without a word, and without entering the UPDATE state
    "imap": b"* BYE logged out, idle for too long\r\n",
}


@pytest.fixture(params=["memory", "tcp"])
def net(request: pytest.FixtureRequest) -> Iterator[Internet]:
    with Internet(request.param) as net:
        net.host("b.example", users={"bob": "secret"})
        yield net


@pytest.mark.parametrize("protocol", WORDS)
def test_in_virtual_time(net: Internet, protocol: str) -> None:
    stream = net.connect("b.example", protocol)
    stream.readline()
    begun = net.clock.seconds
    net.advance(seconds=IDLE_S[protocol] - 1)
    [record] = net.transcripts
    assert record.closed_s is None
    net.advance(seconds=2)
    assert record.closed_s == pytest.approx(begun + IDLE_S[protocol])
    assert record.chunks[-1].data == WORDS[protocol] or not WORDS[protocol]
    assert [stream.readline()] == [WORDS[protocol]] if WORDS[protocol] else True
    with pytest.raises(ConnectionError):
        stream.readline()


def test_whoever_speaks_in_time_may_stay(net: Internet) -> None:
    with net.smtp("b.example") as client:
        for _ in range(5):
            net.advance(seconds=IDLE_S["smtp"] - 1)
            assert client.noop().ok


def test_what_was_marked_is_not_removed_when_the_session_is_let_go(net: Internet) -> None:
    host = net["b.example"]
    host.store.deliver(["bob"], b"Subject: one\r\n\r\n1\r\n", net.clock.now())
    host.store.commit()
    pop = net.pop3("b.example")
    pop.login("bob", "secret"), pop.dele(1)
    net.advance(minutes=11)
    assert len(host.letters("bob")) == 1
    again = net.pop3("b.example")
    assert again.login("bob", "secret").ok  # the lock was given back


@pytest.mark.parametrize("protocol", WORDS)
def test_on_the_wall_clock(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(IDLE_S, protocol, 0.3)
    with Internet("tcp", clock=WallClock()) as net:
        net.host("b.example", users={"bob": "secret"})
        with socket.create_connection(net.address("b.example", protocol), 10) as stranger:
            greeting, begun = stranger.recv(1000), time.monotonic()
            said = b""
            while piece := stranger.recv(1000):
                said += piece
            took_s = time.monotonic() - begun
    assert greeting.endswith(b"\r\n")
    assert said == WORDS[protocol]
    assert 0.2 < took_s < 5
