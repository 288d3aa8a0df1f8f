"""What does a connection do for its engine beside carrying octets? Time-outs, pauses, long work, and waking."""

import contextlib
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from emaillab.engine import Elsewhere, Mute, Output, Pause, Signal
from emaillab.host.mailhost import MailHost
from emaillab.host.ports import IDLE_S
from emaillab.host.webmail.engine import WebmailEngine
from emaillab.net import connection as driver
from emaillab.net.clock import Clock, VirtualClock, WallClock
from emaillab.net.connection import AHEAD, Connection, End, Link, Service, Transport, Wire
from emaillab.net.network import MemoryNetwork, Network
from emaillab.net.outside import dial
from emaillab.net.tcp import TcpNetwork
from emaillab.net.tls import Authority

ZOO, ME, YOU = End("zoo.example", "192.0.2.9"), End("me", "192.0.2.1"), End("you", "192.0.2.2")
NETWORKS = [MemoryNetwork, TcpNetwork]


@dataclass
class Board:
    """What sessions post for each other: readers are woken by the commit."""

    posted: list[bytes] = field(default_factory=list)
    pending: list[bytes] = field(default_factory=list)
    readers: list[Callable[[], None]] = field(default_factory=list)
    work: Callable[[], None] = lambda: None

    def commit(self) -> None:
        self.posted += self.pending
        if self.pending:
            self.pending.clear()
            for wake in self.readers:
                wake()


class Toy(Mute):
    """An engine whose commands say what it asks of its driver."""

    def __init__(self, board: Board, connection: Connection) -> None:
        self.board, self.connection = board, connection
        self.heard, self.read = b"", len(board.posted)
        self.out: deque[Output] = deque()
        self.gone = 0

    waiting_for = "a line"

    def feed(self, data: bytes) -> None:
        self.heard += data

    def pull(self) -> Output | None:
        while not self.out:
            line, end, rest = self.heard.partition(b"\n")
            if not end:
                return None
            self.heard = rest
            self.out += self.answer(*line.decode().partition(" ")[::2])
        return self.out.popleft()

    def answer(self, verb: str, text: str) -> list[Output]:
        match verb:
            case "say":
                return [text.encode() + b"\n"]
            case "big":
                return [b"x" * 1024] * int(text)
            case "pause":
                return [Pause(float(text)), b"paused\n"]
            case "work":
                return [Elsewhere(self.board.work), b"worked\n"]
            case "post":
                self.board.pending.append(text.encode() + b"\n")
                return [Signal.COMMIT, b"posted\n"]
            case "tls":
                return [b"go\n", Signal.START_TLS]
            case "watch":
                self.board.readers.append(self.connection.wake)
                return [b"watching\n"]
            case "break":
                raise RuntimeError("a defect")
        return [b"bye\n", Signal.CLOSE]

    def wake(self) -> None:
        if any(b"defect" in note for note in self.board.posted):
            raise RuntimeError("a defect on waking")
        self.out += self.board.posted[self.read :]
        self.read = len(self.board.posted)

    def end(self, *, idle: bool) -> None:
        self.out += [b"too long\n" if idle else b"shutting down\n", Signal.CLOSE]

    def disconnected(self) -> None:
        self.gone += 1


def make(kind: type[Network], clock: Clock, board: Board | None = None, idle_s: float = 600) -> Network:
    network, board = kind(clock), board or Board()
    authority = Authority()
    network.client_tls = authority.client_end
    service = Service(ZOO, "toy", 7, lambda connection: Toy(board, connection), board.commit, idle_s=idle_s)
    network.listen(replace(service, tls=lambda: authority.server_end("zoo.example", "127.0.0.1")))
    network.authority = authority
    return network


@pytest.fixture(params=NETWORKS, ids=["memory", "tcp"])
def kind(request: pytest.FixtureRequest) -> type[Network]:
    return request.param


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def net(kind: type[Network], board: Board) -> Iterator[Network]:
    network = make(kind, VirtualClock(), board)
    network.link("me", "zoo.example", Link(latency_s=0.1))
    network.link("you", "zoo.example", Link(latency_s=1.0))
    yield network
    network.close()


@pytest.fixture
def real(board: Board) -> Iterator[TcpNetwork]:
    """Sockets on a clock that runs by itself."""
    network = make(TcpNetwork, WallClock(), board)
    yield network
    network.close()


@contextlib.contextmanager
def stranger(network: Network) -> Iterator[socket.socket]:
    with socket.create_connection(network.address("zoo.example", "toy"), 50) as client:
        yield client


def line_of(client: socket.socket) -> bytes:
    said = b""
    while not said.endswith(b"\n") and (octet := client.recv(1)):
        said += octet
    return said


def alike(script: Callable[[Network, Board], None]) -> list[dict[str, object]]:
    """Return the records that a script leaves, which are the same on both networks."""
    records = []
    for kind in NETWORKS:
        board = Board()
        network = make(kind, VirtualClock(), board)
        network.link("me", "zoo.example", Link(0.1, 50_000))
        network.link("you", "zoo.example", Link(1.0))
        script(network, board)
        records.append([transcript.to_json() for transcript in network.transcripts])
        assert not network.errors
        network.close()
    assert records[0] == records[1]
    return records[0]


def test_each_signal_is_known() -> None:
    assert driver._DONE.keys() == set(Signal)


class TestIdle:
    def test_it_ends_in_virtual_time_and_says_so(self, net: Network) -> None:
        stream = net.connect(ME, "zoo.example", "toy")
        stream.send(b"say hi\n")
        assert stream.readline() == b"hi\n"
        heard_s = net.clock.seconds - 0.1
        net.clock.advance(hours=4)
        assert stream.transcript.closed_s == pytest.approx(heard_s + 600)
        farewell = stream.transcript.chunks[-1]
        assert (farewell.data, farewell.sent_s) == (b"too long\n", pytest.approx(heard_s + 600))
        assert farewell.arrived_s == pytest.approx(heard_s + 600.1)
        assert stream.readline() == b"too long\n"
        with pytest.raises(ConnectionError, match="closed the connection"):
            stream.readline()

    def test_who_speaks_now_and_then_is_not_idle(self, net: Network) -> None:
        stream = net.connect(ME, "zoo.example", "toy")
        for _ in range(5):
            net.clock.advance(seconds=500)
            stream.send(b"say hi\n")
            assert stream.readline() == b"hi\n"
        assert stream.transcript.closed_s is None

    def test_a_client_that_waits_is_told_at_that_moment(self, net: Network) -> None:
        stream = net.connect(ME, "zoo.example", "toy")
        begun = net.clock.seconds
        with pytest.raises(TimeoutError, match="within 300 s: the server still waits for a line"):
            stream.readline()
        assert net.clock.seconds == begun + 300
        net.clock.advance(seconds=5)
        assert stream.readline() == b"too long\n"
        assert net.clock.seconds == pytest.approx(0.3 + 600 + 0.1)

    def test_what_comes_after_the_time_out_is_not_lost(self, net: Network, board: Board) -> None:
        stream = net.connect(YOU, "zoo.example", "toy")
        stream.send(b"watch\n")
        assert stream.readline() == b"watching\n"
        due_s = net.clock.seconds + 299.5
        net.clock.call_at(due_s, lambda: (board.pending.append(b"late\n"), board.commit()))
        with pytest.raises(TimeoutError):
            stream.readline()
        assert net.clock.seconds == pytest.approx(due_s + 0.5)
        assert not stream.ready()
        assert stream.readline() == b"late\n"
        assert net.clock.seconds == pytest.approx(due_s + 1)

    def test_what_comes_before_the_time_out_comes_at_its_time(self, net: Network, board: Board) -> None:
        stream = net.connect(YOU, "zoo.example", "toy")
        stream.send(b"watch\n")
        stream.readline()
        due_s = net.clock.seconds + 100
        net.clock.call_at(due_s, lambda: (board.pending.append(b"news\n"), board.commit()))
        assert stream.readline() == b"news\n"
        assert net.clock.seconds == pytest.approx(due_s + 1)

    def test_who_still_reads_is_not_idle(self, net: Network) -> None:
        net.link("me", "zoo.example", Link(latency_s=0.1, bandwidth=1000))
        stream = net.connect(ME, "zoo.example", "toy")
        stream.send(b"big 1500\n")
        assert len(stream.read(1500 * 1024)) == 1500 * 1024
        assert net.clock.seconds > 1500
        stream.send(b"say hi\n")
        assert stream.readline() == b"hi\n"
        net.clock.advance(seconds=700)
        assert stream.transcript.closed_s is not None

    def test_who_does_not_read_gets_no_farewell(self, net: Network) -> None:
        stream = net.connect(ME, "zoo.example", "toy")
        stream.send(b"big 1500\n")
        net.clock.advance(hours=1)
        assert stream.transcript.closed_s is not None
        with pytest.raises(ConnectionError, match="closed the connection"):
            stream.read(1500 * 1024)
        assert stream.transcript.octets("S") < 2 * AHEAD

    def test_a_session_that_is_over_leaves_nothing_on_the_clock(self, net: Network) -> None:
        streams = [net.connect(ME, "zoo.example", "toy") for _ in range(3)]
        streams[0].close()
        streams[1].send(b"bye\n")
        assert streams[1].readline() == b"bye\n"
        assert net.clock.next_s is not None
        streams[2].close()
        assert net.clock.next_s is None

    def test_both_networks_tell_the_same(self) -> None:
        def script(net: Network, board: Board) -> None:
            streams = [net.connect(end, "zoo.example", "toy") for end in (ME, YOU, ME)]
            for number, stream in enumerate(streams):
                net.clock.advance(seconds=100)
                stream.send(b"say %d\npause 50\n" % number)
                stream.readline()
            for stream in streams:
                assert stream.readline() == b"paused\n"
            for stream in streams:
                with contextlib.suppress(TimeoutError):
                    assert stream.readline() == b"too long\n"
            net.clock.advance(hours=1)

        records = alike(script)
        assert {record["closed_s"] is None for record in records} == {False}

    def test_a_stranger_lives_in_the_same_time(self, board: Board) -> None:
        net = make(TcpNetwork, VirtualClock(), board)
        with stranger(net) as client:
            client.sendall(b"say hi\n")
            assert line_of(client) == b"hi\n"
            net.clock.advance(seconds=599)
            client.sendall(b"say still here\n")
            assert line_of(client) == b"still here\n"
            net.clock.advance(seconds=601)
            assert (line_of(client), line_of(client)) == (b"too long\n", b"")
        assert net.transcripts[0].closed_s == 599 + 600
        net.close()

    @pytest.mark.parametrize("kind", NETWORKS)
    def test_on_the_wall_too(self, kind: type[Network]) -> None:
        net = make(kind, WallClock(), idle_s=0.2)
        stream = net.connect(ME, "zoo.example", "toy")
        stream.send(b"say hi\n")
        assert stream.readline() == b"hi\n"
        time.sleep(0.4)
        assert stream.readline() == b"too long\n"
        assert stream.transcript.closed_s == pytest.approx(stream.transcript.chunks[0].arrived_s + 0.2)
        with pytest.raises(ConnectionError):
            stream.readline()
        net.close()

    def test_a_stranger_that_does_not_read_is_cut_off(self) -> None:
        net = make(TcpNetwork, WallClock(), idle_s=0.3)
        with stranger(net) as deaf:
            deaf.sendall(b"big 50000\n")
            deaf.settimeout(50)
            while not net.transcripts or net.transcripts[0].closed_s is None:
                time.sleep(0.01)
            said = b"".join(iter(lambda: deaf.recv(1 << 20), b""))
        assert b"too long" not in said
        net.close()

    @pytest.mark.parametrize(
        ("service", "words"),
        [("smtp", rb"421 4\.4\.2 .*\r\n"), ("imap", rb"\* BYE .*\r\n"), ("pop3", rb"."), ("http", rb".")],
    )
    def test_each_protocol_has_its_own_word(self, kind: type[Network], service: str, words: bytes) -> None:
        clock = VirtualClock()
        webmail = {"http": WebmailEngine()}
        host, net = MailHost("zoo.example", ip="192.0.2.9", clock=clock, engines=webmail), kind(clock)
        net.listen(host.service(service))
        stream = net.connect(ME, "zoo.example", service)
        if service != "http":
            assert stream.readline()
        clock.advance(seconds=IDLE_S[service] - 1)
        assert stream.transcript.closed_s is None
        clock.advance(seconds=1)
        assert stream.transcript.closed_s == IDLE_S[service] > stream.timeout_s
        if stream.ready():
            assert re.fullmatch(words, stream.readline())
        else:
            assert words == b"."
        with pytest.raises(ConnectionError, match="closed the connection"):
            stream.readline()
        net.close()
        host.store.close()


class TestPause:
    def test_what_follows_leaves_later(self, net: Network) -> None:
        stream, other = (net.connect(ME, "zoo.example", "toy") for _ in range(2))
        begun = net.clock.seconds
        stream.send(b"say first\npause 4\nsay then\n")
        other.send(b"say quick\n")
        assert (stream.readline(), other.readline()) == (b"first\n", b"quick\n")
        assert net.clock.seconds == pytest.approx(begun + 0.2)
        assert (stream.readline(), stream.readline()) == (b"paused\n", b"then\n")
        assert net.clock.seconds == pytest.approx(begun + 4.2)
        assert [chunk.sent_s for chunk in stream.transcript.chunks][1:] == pytest.approx([begun + 0.1, begun + 4.1])

    def test_our_own_client_waits_on_the_wall(self, kind: type[Network]) -> None:
        net = make(kind, WallClock())
        stream, other = (net.connect(ME, "zoo.example", "toy") for _ in range(2))
        begun = net.clock.seconds
        stream.send(b"pause 0.8\n")
        other.send(b"say quick\n")
        assert other.readline() == b"quick\n"
        assert net.clock.seconds - begun < 0.8
        assert not stream.ready()
        assert stream.readline() == b"paused\n"
        assert net.clock.seconds - begun >= 0.8
        net.close()

    def test_a_stranger_waits_on_the_wall_and_nobody_else_does(self, real: TcpNetwork) -> None:
        with stranger(real) as patient, stranger(real) as other:
            begun = time.monotonic()
            patient.sendall(b"say first\npause 0.8\n")
            assert line_of(patient) == b"first\n"
            patient.sendall(b"say then\n")
            other.sendall(b"say quick\n")
            assert line_of(other) == b"quick\n"
            assert time.monotonic() - begun < 0.8
            assert (line_of(patient), line_of(patient)) == (b"paused\n", b"then\n")
            assert time.monotonic() - begun >= 0.8

    def test_a_stranger_is_not_kept_waiting_for_virtual_time(self, board: Board) -> None:
        net = make(TcpNetwork, VirtualClock(), board)
        with stranger(net) as client:
            client.sendall(b"pause 4\nsay then\n")
            assert (line_of(client), line_of(client)) == (b"paused\n", b"then\n")
        net.close()

    def test_tls_begins_after_a_pause_and_pauses_too(self, real: TcpNetwork) -> None:
        with stranger(real) as client:
            client.sendall(b"pause 0.1\ntls\n")
            assert (line_of(client), line_of(client)) == (b"paused\n", b"go\n")
            context = ssl.create_default_context(cadata=real.authority.pem.decode())
            with context.wrap_socket(client, server_hostname="127.0.0.1") as secure:
                secure.sendall(b"pause 0.1\nsay private\n")
                assert (line_of(secure), line_of(secure)) == (b"paused\n", b"private\n")

    @pytest.mark.usefixtures("leaves_nothing")
    def test_who_hangs_up_or_is_shut_down_meanwhile_breaks_nothing(self) -> None:
        net = make(TcpNetwork, WallClock())
        with stranger(net) as gone:
            gone.sendall(b"say hi\npause 0.2\n")
            assert line_of(gone) == b"hi\n"
        with stranger(net) as stopped:
            stopped.sendall(b"say hi\npause 9\n")
            assert line_of(stopped) == b"hi\n"
            while net.transcripts[0].closed_s is None:
                time.sleep(0.01)
            assert not net.errors
            net.close()
            assert line_of(stopped) == b""


class TestElsewhere:
    def test_the_answer_comes_after_the_work(self, net: Network, board: Board) -> None:
        board.work = lambda: board.posted.append(b"work")
        stream = net.connect(ME, "zoo.example", "toy")
        stream.send(b"work\nsay then\n")
        assert board.posted == [b"work"]
        assert (stream.readline(), stream.readline()) == (b"worked\n", b"then\n")
        assert net.clock.seconds == pytest.approx(0.4)

    def test_work_may_take_its_time_on_the_clock(self) -> None:
        def script(net: Network, board: Board) -> None:
            board.work = lambda: net.clock.advance(seconds=5)
            stream = net.connect(ME, "zoo.example", "toy")
            begun = net.clock.seconds
            stream.send(b"work\n")
            assert stream.readline() == b"worked\n"
            assert net.clock.seconds == pytest.approx(begun + 5.1, abs=0.01)

        alike(script)

    def test_others_are_served_meanwhile_and_octets_wait(self, real: TcpNetwork, board: Board) -> None:
        go_on = threading.Event()
        board.work = lambda: go_on.wait(50)
        with stranger(real) as patient, stranger(real) as other:
            patient.sendall(b"work\n")
            patient.sendall(b"say then\n")
            other.sendall(b"say quick\n")
            assert line_of(other) == b"quick\n"
            go_on.set()
            assert (line_of(patient), line_of(patient)) == (b"worked\n", b"then\n")

    def test_many_wait_for_few_threads(self, real: TcpNetwork, board: Board) -> None:
        names: list[str] = []
        board.work = lambda: (time.sleep(0.01), names.append(threading.current_thread().name))
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(stranger(real)) for _ in range(12)]
            for client in clients:
                client.sendall(b"work\nwork\n")
            for client in clients:
                assert (line_of(client), line_of(client)) == (b"worked\n", b"worked\n")
        assert len(names) == 24
        assert sum(t.name == "emaillab worker" for t in threading.enumerate()) <= 4

    def test_a_defect_costs_the_connection(self, net: Network, board: Board) -> None:
        board.work = lambda: 1 // 0
        stream, other = (net.connect(ME, "zoo.example", "toy") for _ in range(2))
        stream.send(b"work\nsay then\n")
        with pytest.raises(ConnectionError, match="closed the connection"):
            stream.readline()
        assert [type(error) for error in net.errors] == [ZeroDivisionError]
        other.send(b"say well\n")
        assert other.readline() == b"well\n"

    def test_a_peer_that_leaves_meanwhile_breaks_nothing(self, real: TcpNetwork, board: Board) -> None:
        go_on = threading.Event()
        board.work = lambda: go_on.wait(50)
        with stranger(real) as gone:
            gone.sendall(b"work\nsay then\n")
            time.sleep(0.05)
        go_on.set()
        while real.transcripts[0].closed_s is None:
            time.sleep(0.01)
        assert not real.errors

    def test_a_network_ends_at_once_though_work_is_stuck(self, board: Board) -> None:
        net, go_on = make(TcpNetwork, WallClock(), board), threading.Event()
        board.work = lambda: go_on.wait(50)
        with stranger(net) as client:
            client.sendall(b"work\n")
            time.sleep(0.05)
            begun = time.monotonic()
            net.close()
            assert time.monotonic() - begun < 1
            assert line_of(client) == b""
        go_on.set()

    def test_a_program_ends_though_work_is_stuck(self) -> None:
        script = """
import socket, time
from emaillab.engine import Elsewhere, Mute
from emaillab.net.clock import WallClock
from emaillab.net.connection import End, Service
from emaillab.net.tcp import TcpNetwork

class Stuck(Mute):
    def feed(self, data): self.asked = True
    asked = False
    def pull(self):
        asked, self.asked = self.asked, False
        return Elsewhere(lambda: (print("at work", flush=True), time.sleep(3600))) if asked else None

net = TcpNetwork(WallClock())
net.listen(Service(End("zoo.example", "192.0.2.9"), "stuck", 7, lambda connection: Stuck()))
client = socket.create_connection(net.address("zoo.example", "stuck"))
client.sendall(b"go")
time.sleep(0.2)
net.close()
client.close()
"""
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50)
        assert (run.returncode, run.stdout, run.stderr) == (0, "at work\n", "")


class TestWake:
    def test_news_follows_the_commit_and_travels(self) -> None:
        def script(net: Network, board: Board) -> None:
            near, far = (net.connect(end, "zoo.example", "toy") for end in (ME, YOU))
            for stream in (near, far):
                stream.send(b"watch\n")
                assert stream.readline() == b"watching\n"
            begun = net.clock.seconds
            near.send(b"post news\n")
            assert not far.ready()  # it is on its way
            assert (near.readline(), near.readline()) == (b"posted\n", b"news\n")
            assert net.clock.seconds == pytest.approx(begun + 0.2, abs=0.01)
            assert not far.ready()
            net.clock.move_to(begun + 1.2)
            assert far.ready()
            assert far.readline() == b"news\n"
            assert net.clock.seconds == begun + 1.2
            far.send(b"post more\n")
            assert (far.readline(), near.readline(), far.readline()) == (b"posted\n", b"more\n", b"more\n")

        near, far = alike(script)
        news = next(chunk for chunk in far["chunks"] if chunk["text"] == "news\n")
        posted = next(chunk for chunk in near["chunks"] if chunk["text"].startswith("posted\n"))
        assert news["sent_s"] == posted["sent_s"]

    def test_news_that_must_be_committed_itself_is_there_in_time(self) -> None:
        class Copying(Toy):
            def wake(self) -> None:
                super().wake()
                self.out.appendleft(Signal.COMMIT)

        records = []
        for kind in NETWORKS:
            board = Board()
            net = make(kind, VirtualClock(), board)
            net.listen(
                Service(ZOO, "copy", 8, lambda connection, board=board: Copying(board, connection), board.commit)
            )
            reader, writer = net.connect(ME, "zoo.example", "copy"), net.connect(YOU, "zoo.example", "toy")
            reader.send(b"watch\n")
            assert reader.readline() == b"watching\n"
            for _ in range(20):
                writer.send(b"post news\n")
                assert reader.ready()
                assert (reader.readline(), writer.readline()) == (b"news\n", b"posted\n")
            records.append([transcript.to_json() for transcript in net.transcripts])
            net.close()
        assert records[0] == records[1]

    def test_anybody_may_wake(self, net: Network, board: Board) -> None:
        stream = net.connect(ME, "zoo.example", "toy")
        stream.send(b"watch\n")
        assert stream.readline() == b"watching\n"
        net.clock.advance(seconds=10)
        board.pending.append(b"from outside\n")
        board.commit()
        assert stream.transcript.chunks[-1].sent_s == net.clock.seconds
        thread = threading.Thread(target=lambda: (board.pending.append(b"from a thread\n"), board.commit()))
        thread.start()
        thread.join(50)
        assert (stream.readline(), stream.readline()) == (b"from outside\n", b"from a thread\n")

    def test_one_who_has_not_read_hears_of_it_when_it_has(self, net: Network, board: Board) -> None:
        stream = net.connect(ME, "zoo.example", "toy")
        stream.send(b"watch\n")
        assert stream.readline() == b"watching\n"
        stream.send(b"big 2048\n")
        board.pending.append(b"news\n")
        board.commit()
        assert stream.read(2048 * 1024) == b"x" * 2048 * 1024
        assert stream.readline() == b"news\n"

    def test_one_who_pauses_or_works_hears_of_it_afterwards(self, real: TcpNetwork, board: Board) -> None:
        go_on = threading.Event()
        board.work = lambda: go_on.wait(50)
        with stranger(real) as client:
            client.sendall(b"watch\n")
            assert line_of(client) == b"watching\n"
            client.sendall(b"pause 0.2\nwork\n")
            time.sleep(0.05)
            board.pending.append(b"news\n")
            board.commit()
            assert line_of(client) == b"paused\n"
            go_on.set()
            assert (line_of(client), line_of(client)) == (b"worked\n", b"news\n")

    def test_work_elsewhere_may_wake(self, net: Network, board: Board) -> None:
        board.work = lambda: (board.pending.append(b"news\n"), board.commit())
        stream, other = (net.connect(ME, "zoo.example", "toy") for _ in range(2))
        for client in (stream, other):
            client.send(b"watch\n")
            assert client.readline() == b"watching\n"
        begun = net.clock.seconds
        stream.send(b"work\n")
        assert other.readline() == b"news\n"
        assert net.clock.seconds == pytest.approx(begun + 0.2)
        assert (stream.readline(), stream.readline()) == (b"worked\n", b"news\n")

    def test_a_defect_costs_the_woken_not_the_waker(self, net: Network) -> None:
        waker, woken = (net.connect(ME, "zoo.example", "toy") for _ in range(2))
        woken.send(b"watch\n")
        assert woken.readline() == b"watching\n"
        waker.send(b"post defect\nsay well\n")
        assert (waker.readline(), waker.readline()) == (b"posted\n", b"well\n")
        with pytest.raises(ConnectionError):
            woken.readline()
        assert [str(error) for error in net.errors] == ["a defect on waking"]

    def test_nobody_wakes_who_has_left(self, net: Network, board: Board) -> None:
        stream = net.connect(ME, "zoo.example", "toy")
        stream.send(b"watch\n")
        stream.readline()
        stream.close()
        board.pending.append(b"news\n")
        board.commit()
        net.close()
        board.pending.append(b"news\n")
        board.commit()
        assert not net.errors

    def test_nothing_is_said_into_a_handshake(self, board: Board) -> None:
        class Kept(Transport):
            octets = b""

            def send(self, octets: bytes, arrival_s: float) -> None:
                self.octets += octets

        authority, kept = Authority(), Kept()
        service = Service(ZOO, "toy", 7, lambda c: Toy(board, c), tls=lambda: authority.server_end("zoo.example"))
        connection = Connection(service, ME, Wire(VirtualClock(), Link(), None), kept)
        connection.open(0.0)
        connection.receive(b"tls\n", 0.0)
        assert kept.octets == b"go\n"
        kept.octets, client = b"", authority.client_end("zoo.example")
        board.posted.append(b"news\n")
        connection.wake()
        assert kept.octets == b""
        while not client.handshake_done:
            connection.receive(client.outgoing(), 0.0)
            client.receive(kept.octets)
            kept.octets = b""
        connection.receive(client.outgoing(), 0.0)
        client.receive(kept.octets)
        assert client.read() == b"news\n"

    def test_strangers_wake_each_other_all_the_time(self, real: TcpNetwork) -> None:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(stranger(real)) for _ in range(4)]
            for client in clients:
                client.sendall(b"watch\n")
                assert line_of(client) == b"watching\n"
            for client in clients:
                client.sendall(b"post a\n" * 50)
            for client in clients:
                said = [line_of(client) for _ in range(50 + 200)]
                assert (said.count(b"posted\n"), said.count(b"a\n")) == (50, 200)


class TestReady:
    def test_only_a_whole_line_that_has_arrived(self, net: Network) -> None:
        stream = net.connect(ME, "zoo.example", "toy")
        assert not stream.ready()
        stream.send(b"say a\nsay b\n")
        begun = net.clock.seconds
        assert not stream.ready()
        net.clock.advance(seconds=0.1)
        assert not stream.ready()
        net.clock.advance(seconds=0.1)
        assert stream.ready()
        assert (stream.readline(), stream.ready(), stream.readline(), stream.ready()) == (b"a\n", True, b"b\n", False)
        assert net.clock.seconds == begun + 0.1 + 0.1
        stream.close()
        assert not stream.ready()

    def test_half_a_line_is_kept(self, net: Network) -> None:
        stream = net.connect(ME, "zoo.example", "toy")
        stream.send(b"big 1\n")
        net.clock.advance(seconds=1)
        assert not stream.ready()
        stream.send(b"say !\n")
        net.clock.advance(seconds=1)
        assert stream.ready()
        assert stream.readline() == b"x" * 1024 + b"!\n"

    def test_inside_tls(self, net: Network) -> None:
        stream = net.connect(ME, "zoo.example", "toy")
        stream.send(b"tls\n")
        assert stream.readline() == b"go\n"
        stream.start_tls()
        assert not stream.ready()
        stream.send(b"say private\n")
        assert not stream.ready()
        net.clock.advance(seconds=0.2)
        assert stream.ready()
        assert stream.readline() == b"private\n"

    def test_a_farewell_is_there_to_be_read(self, net: Network) -> None:
        stream = net.connect(ME, "zoo.example", "toy")
        net.clock.advance(hours=1)
        assert stream.ready()
        assert stream.readline() == b"too long\n"
        assert not stream.ready()

    def test_somebody_elses_server(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            stream = dial(*listener.getsockname(), WallClock())
            peer, _ = listener.accept()
            assert not stream.ready()
            peer.sendall(b"hel")
            time.sleep(0.05)
            assert not stream.ready()
            peer.sendall(b"lo\r\n")
            while not stream.ready():
                time.sleep(0.01)
            peer.close()
            assert stream.readline() == b"hello\r\n"
            assert not stream.ready()
            with pytest.raises(ConnectionError):
                stream.readline()
            stream.close()
