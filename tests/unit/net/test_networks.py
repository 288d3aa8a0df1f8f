"""Both networks behave as one: same octets, same times, same record, same errors."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from emaillab.engine import Outcome, Signal
from emaillab.net.clock import VirtualClock, WallClock
from emaillab.net.connection import AHEAD, End, Link, Service
from emaillab.net.network import MemoryNetwork, Network
from emaillab.net.outside import dial
from emaillab.net.tcp import PortInUse, TcpNetwork
from emaillab.protocol.machine import Machine, Reply, verb

ZOO = End("zoo.example", "192.0.2.9")
ME = End("me", "192.0.2.1")


class Keeper(Machine[Reply]):
    """A tiny server: ECHO answers, BIG sends much, KEEP stands behind a commit, BYE closes."""

    START = "OPEN"
    MOVES = {"OPEN": {"ECHO": "OPEN", "BIG": "OPEN", "KEEP": "OPEN", "BYE": "CLOSED"}}
    PHASES = {"OPEN": "talk"}

    def __init__(self) -> None:
        super().__init__()
        self.greet(Reply(Outcome.OK, "ready"))

    def say(self, outcome: Outcome, text: str, then: Signal | None = None) -> Reply:
        return Reply(outcome, text, then=then)

    @verb("ECHO <text>", rfc="0")
    def echo(self, args: bytes) -> Reply:
        return Reply(Outcome.OK, args.decode())

    @verb("BIG <octets>", rfc="0")
    def big(self, args: bytes) -> Reply:
        count = int(args)
        return Reply(Outcome.OK, "here", body=(b"x" * 1024 for _ in range(count // 1024)))

    @verb("KEEP", rfc="0")
    def keep(self, args: bytes) -> Reply:
        return Reply(Outcome.OK, "kept", durable=True)

    @verb("BYE", rfc="0")
    def bye(self, args: bytes) -> Reply:
        return Reply(Outcome.OK, "bye")


@pytest.fixture(params=[MemoryNetwork, TcpNetwork], ids=["memory", "tcp"])
def net(request: pytest.FixtureRequest) -> Iterator[Network]:
    network = request.param(VirtualClock())
    network.listen(Service(ZOO, "zoo", 7, lambda connection: Keeper()))
    yield network
    network.close()


def test_a_round_trip_takes_two_latencies(net: Network) -> None:
    net.link("me", "zoo.example", Link(latency_s=0.1))
    stream = net.connect(ME, "zoo.example", "zoo")
    assert stream.readline() == b"OK ready\r\n"
    assert net.clock.seconds == pytest.approx(0.4)  # two round trips until the greeting is there
    stream.send(b"ECHO a\r\n")
    stream.readline()
    assert net.clock.seconds == pytest.approx(0.6)


def test_bandwidth_takes_time_for_every_octet(net: Network) -> None:
    net.link("me", "zoo.example", Link(bandwidth=1000))
    stream = net.connect(ME, "zoo.example", "zoo")
    stream.readline()
    begun = net.clock.seconds
    stream.send(b"ECHO " + b"x" * 493 + b"\r\n")
    stream.readline()
    assert net.clock.seconds - begun == pytest.approx(0.5 + 0.498)


def test_octets_sent_together_are_answered_together(net: Network) -> None:
    stream = net.connect(ME, "zoo.example", "zoo")
    stream.readline()
    stream.send(b"ECHO a\r\nECHO b\r\n")
    assert (stream.readline(), stream.readline()) == (b"OK a\r\n", b"OK b\r\n")
    assert stream.transcript is not None
    assert [chunk.data for chunk in stream.transcript.chunks][1:] == [b"ECHO a\r\nECHO b\r\n", b"OK a\r\nOK b\r\n"]


def test_an_answer_that_cannot_come_times_out_at_once(net: Network) -> None:
    stream = net.connect(ME, "zoo.example", "zoo")
    stream.readline()
    stream.send(b"ECHO a")
    with pytest.raises(TimeoutError, match="the server still waits for CRLF after 'ECHO a'"):
        stream.readline()
    assert net.clock.seconds == 300.0
    stream.send(b"b\r\n")
    assert stream.readline() == b"OK ab\r\n"


def test_a_closed_connection_says_so(net: Network) -> None:
    stream = net.connect(ME, "zoo.example", "zoo")
    stream.readline()
    stream.send(b"BYE\r\n")
    assert stream.readline() == b"OK bye\r\n"
    with pytest.raises(ConnectionError, match=r"zoo.example closed the connection"):
        stream.readline()
    stream.send(b"ECHO nobody hears this\r\n")  # as on a real line: the next read tells
    stream.close()
    with pytest.raises(ConnectionError, match="is closed"):
        stream.send(b"x")


def test_nobody_listens(net: Network) -> None:
    with pytest.raises(ConnectionRefusedError, match="zoo.example has no bar service"):
        net.connect(ME, "zoo.example", "bar")


def test_more_than_the_client_reads_waits_at_the_server(net: Network) -> None:
    stream = net.connect(ME, "zoo.example", "zoo")
    stream.readline()
    stream.send(b"BIG 4194304\r\n")
    assert stream.transcript is not None
    assert stream.transcript.octets("S") < 2 * AHEAD
    assert stream.readline() == b"OK here\r\n"
    assert stream.read(4194304) == b"x" * 4194304


def test_a_failing_store_costs_the_reply_not_the_server(net: Network) -> None:
    def full() -> None:
        raise OSError("the disk is full")

    net.listen(Service(End("full.example", "192.0.2.10"), "zoo", 7, lambda connection: Keeper(), full))
    stream = net.connect(ME, "full.example", "zoo")
    stream.readline()
    stream.send(b"KEEP\r\nECHO still here\r\n")
    assert stream.readline() == b"NO the store failed: the disk is full\r\n"
    assert stream.readline() == b"OK still here\r\n"


def test_the_same_script_leaves_the_same_record() -> None:
    records = []
    for kind in (MemoryNetwork, TcpNetwork):
        network = kind(VirtualClock())
        network.link("me", "zoo.example", Link(0.02, 50_000))
        network.listen(Service(ZOO, "zoo", 7, lambda connection: Keeper()))
        stream = network.connect(ME, "zoo.example", "zoo")
        for _ in range(3):
            stream.readline()
            stream.send(b"ECHO a\r\nBIG 102400\r\nKE")
            stream.readline()
            stream.readline()
            stream.read(102400)
            stream.send(b"EP\r\n")
        stream.close()
        records.append(network.transcripts[0].to_json())
        network.close()
    assert records[0] == records[1]


def test_anybody_is_served_octet_by_octet() -> None:
    network = TcpNetwork(VirtualClock())
    network.listen(Service(ZOO, "zoo", 7, lambda connection: Keeper()))
    stream = dial(*network.address("zoo.example", "zoo"), network.clock)
    assert stream.readline() == b"OK ready\r\n"
    for octet in b"ECHO slowly\r\n":
        stream.send(bytes([octet]))
    assert stream.readline() == b"OK slowly\r\n"
    stream.close()
    network.close()


def test_one_that_does_not_read_delays_nobody() -> None:
    network = TcpNetwork(VirtualClock())
    network.listen(Service(ZOO, "zoo", 7, lambda connection: Keeper()))
    address = network.address("zoo.example", "zoo")
    with socket.create_connection(address) as deaf, socket.create_connection(address, timeout=10) as other:
        deaf.sendall(b"BIG 1073741824\r\n")
        other.sendall(b"ECHO quick\r\n")
        heard = b""
        while not heard.endswith(b"OK quick\r\n"):
            heard += other.recv(100)
    network.close()


def test_a_port_in_use_is_one_friendly_sentence(free_port) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        network = TcpNetwork(VirtualClock())
        port = taken.getsockname()[1]
        network.ports["zoo.example", "zoo"] = port
        with pytest.raises(PortInUse, match=f"port {port} on 127.0.0.1 is in use by another program"):
            network.listen(Service(ZOO, "zoo", 7, lambda connection: Keeper()))
        network.close()


def test_closing_leaves_no_thread_and_no_port(leaves_nothing) -> None:
    for _ in range(5):
        network = TcpNetwork(VirtualClock())
        network.listen(Service(ZOO, "zoo", 7, lambda connection: Keeper()))
        network.connect(ME, "zoo.example", "zoo").readline()
        network.close()


def test_a_network_nobody_holds_ends_by_itself() -> None:
    network = TcpNetwork(VirtualClock())
    network.listen(Service(ZOO, "zoo", 7, lambda connection: Keeper()))
    thread = next(t for t in threading.enumerate() if t.name == "emaillab network")
    del network
    thread.join(5)
    assert not thread.is_alive()


def test_a_closed_network_ends_a_wait_with_a_sentence() -> None:
    network = TcpNetwork(VirtualClock())
    network.listen(Service(ZOO, "zoo", 7, lambda connection: Keeper()))
    stream = network.connect(ME, "zoo.example", "zoo")
    stream.readline()
    network.close()
    with pytest.raises((ConnectionError, TimeoutError)):
        stream.send(b"ECHO a\r\n")
        stream.readline()


def test_what_a_stranger_says_is_recorded_too() -> None:
    network = TcpNetwork(VirtualClock())
    network.listen(Service(ZOO, "zoo", 7, lambda connection: Keeper()))
    stream = dial(*network.address("zoo.example", "zoo"), network.clock)
    stream.readline()
    stream.send(b"ECHO a\r\n")
    stream.readline()
    assert [str(line) for line in network.transcripts[0].lines] == ["S: OK ready", "C: ECHO a", "S: OK a"]
    stream.close()
    network.close()


def test_without_file_descriptors_those_who_are_here_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from emaillab.net import loop

    monkeypatch.setattr(loop, "SWEEP_S", 0.05)
    network = TcpNetwork(VirtualClock())
    network.listen(Service(ZOO, "zoo", 7, lambda connection: Keeper()))
    here = dial(*network.address("zoo.example", "zoo"), network.clock)
    here.readline()
    accept, refusals = socket.socket.accept, []

    def full(listener: socket.socket) -> tuple[socket.socket, object]:
        if len(refusals) < 2:
            refusals.append(listener)
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", full)
    late = dial(*network.address("zoo.example", "zoo"), network.clock)
    here.send(b"ECHO still here\r\n")
    assert here.readline() == b"OK still here\r\n"
    assert late.readline() == b"OK ready\r\n"
    assert len(refusals) == 2
    for stream in (here, late):
        stream.close()
    network.close()


@pytest.mark.parametrize(("service", "words"), [("smtp", b"421 4.4.2 "), ("imap", b"* BYE "), ("pop3", b"")])
def test_who_is_silent_for_too_long_is_told_so(service: str, words: bytes) -> None:
    """But not in POP3, where nothing may be said that is no answer (RFC 1939 §3)."""
    from emaillab.host.mailhost import MailHost

    clock = WallClock()
    host, network = MailHost("zoo.example", ip="192.0.2.9", clock=clock), TcpNetwork(clock)
    network.listen(replace(host.service(service), idle_s=0.2))
    with socket.create_connection(network.address("zoo.example", service), 60) as silent:
        assert silent.recv(1000)
        said = b"".join(iter(lambda: silent.recv(1000), b""))
    assert said.startswith(words) and bool(said) == bool(words)
    network.close()
    host.store.close()
