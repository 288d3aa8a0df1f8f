"""Does one thread go on serving everybody, whatever happens on one connection?"""

import socket
from collections.abc import Iterator

import pytest

from emaillab.engine import Mute
from emaillab.net.clock import WallClock
from emaillab.net.connection import Connection, End, Service
from emaillab.net.tcp import TcpNetwork


class Fragile(Mute):
    """An engine that says what it hears, and breaks when it hears a b."""

    heard = b""

    def feed(self, data: bytes) -> None:
        if b"b" in data:
            raise RuntimeError("a defect")
        self.heard = data

    def pull(self) -> bytes | None:
        said, self.heard = self.heard, b""
        return said or None


@pytest.fixture
def network() -> Iterator[TcpNetwork]:
    with_defects = TcpNetwork(WallClock())
    host = End("zoo.example", "192.0.2.9")
    with_defects.listen(Service(host, "fragile", 7, lambda connection: Fragile()))
    with_defects.listen(Service(host, "broken", 8, broken))
    yield with_defects
    with_defects.close()


def broken(connection: Connection) -> Fragile:
    raise RuntimeError("a defect from the first moment")


@pytest.mark.usefixtures("leaves_nothing")
class TestDefects:
    def test_it_costs_its_own_connection_alone(self, network: TcpNetwork) -> None:
        place = network.address("zoo.example", "fragile")
        with socket.create_connection(place, 60) as well, socket.create_connection(place, 60) as struck:
            well.sendall(b"a")
            assert well.recv(10) == b"a"
            struck.sendall(b"b")
            assert struck.recv(10) == b""
            well.sendall(b"c")
            assert well.recv(10) == b"c"
        assert [str(error) for error in network._loop.errors] == ["a defect"]

    def test_a_port_that_cannot_serve_stays_open(self, network: TcpNetwork) -> None:
        for _ in range(3):
            with socket.create_connection(network.address("zoo.example", "broken"), 60) as client:
                assert client.recv(10) == b""
        with socket.create_connection(network.address("zoo.example", "fragile"), 60) as client:
            client.sendall(b"a")
            assert client.recv(10) == b"a"
