"""Is a socket found ready when it is, and only then, whatever the system offers to ask?"""

import socket
from collections.abc import Iterator

import pytest

from emaillab.net.readiness import READ, WRITE, Readiness, readiness


@pytest.fixture(params=[Readiness, readiness], ids=["any system", "this system"])
def sockets(request: pytest.FixtureRequest) -> Iterator[Readiness]:
    watched = request.param()
    yield watched
    watched.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        yield here, there


class Speaker:
    """What is called, told apart by a word."""

    def __init__(self, word: str) -> None:
        self.word = word

    def __call__(self) -> None: ...


def called(sockets: Readiness) -> list[str]:
    """Return the words of those that would be called."""
    return [ready.word for ready in sockets.wait(0) if isinstance(ready, Speaker)]


def test_it_is_ready_as_long_as_something_waits(sockets: Readiness, pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    sockets.watch(here, READ, Speaker("read"))
    assert called(sockets) == []
    there.send(b"x")
    assert called(sockets) == called(sockets) == ["read"]
    here.recv(1)
    assert called(sockets) == []


def test_the_last_word_counts(sockets: Readiness, pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    there.send(b"x")
    sockets.watch(here, READ, Speaker("read"))
    sockets.watch(here, WRITE, Speaker("write"))
    assert called(sockets) == ["write"]
    sockets.watch(here, READ, Speaker("read again"))
    assert called(sockets) == ["read again"]


def test_a_peer_that_left_is_heard_of(sockets: Readiness, pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    sockets.watch(here, READ, Speaker("read"))
    there.close()
    assert called(sockets) == ["read"]


def test_what_is_forgotten_is_not_called(sockets: Readiness, pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    sockets.watch(here, READ, Speaker("read"))
    there.send(b"x")
    sockets.forget(here)
    sockets.forget(here)
    sockets.forget(there)
    assert called(sockets) == []


def test_a_closed_socket_leaves_no_trace(sockets: Readiness) -> None:
    """Its number is given to the next socket."""
    for _ in range(3):
        here, there = socket.socketpair()
        sockets.watch(here, READ, Speaker("read"))
        there.send(b"x")
        assert called(sockets) == ["read"]
        sockets.forget(here)
        here.close()
        there.close()


def test_closing_closes_all() -> None:
    for make in (Readiness, readiness):
        here, there = socket.socketpair()
        watched = make()
        watched.watch(here, READ, lambda: None)
        watched.close()
        assert here.fileno() == -1
        assert there.recv(1) == b""
        there.close()
