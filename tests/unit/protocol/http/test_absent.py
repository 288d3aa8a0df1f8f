"""Does a host without webmail's parts still behave as its driver expects?"""

from emaillab.engine import Engine, Signal
from emaillab.protocol.http.absent import MOST, AbsentServer

GET = b"GET / HTTP/1.1\r\nHost: b.example\r\n\r\n"


def absent() -> AbsentServer:
    return AbsentServer("webmail needs flask")


def test_it_answers_the_first_request_and_closes() -> None:
    server: Engine = absent()
    assert server.serve(GET[:-1]) is None
    assert server.pull() is None
    server.feed(GET[-1:] + GET)
    said = list(iter(server.pull, None))
    assert said[0].endswith(b"\r\n\r\nWebmail needs flask.\n")  # type: ignore[union-attr]
    assert said[1:] == [Signal.CLOSE]
    server.feed(GET)
    assert server.pull() is None


def test_it_does_not_listen_for_ever() -> None:
    assert absent().receive(b"x" * (MOST - 1)) == b""
    assert absent().receive(b"x" * 2 * MOST).startswith(b"HTTP/1.1 501 ")


def test_it_ends_when_it_is_told_to() -> None:
    server: Engine = absent()
    server.feed(GET[:9])
    server.wake()
    server.end(idle=True)
    server.feed(GET[9:])
    assert list(iter(server.pull, None)) == [Signal.CLOSE]
    server = absent()
    server.feed(GET)
    server.disconnected()
    assert server.pull() is None
