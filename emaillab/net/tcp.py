"""How do the same servers talk to real programs? Loopback sockets, one background thread, one loop.

A lab's own clients use the sockets too, but tell the loop beside the socket which octets were sent together and when,
on the world's clock: so both networks give the same transcript, and a read that can never be answered is known to be
one. Anybody else's client is served as its octets come.

>>> from emaillab.net.clock import VirtualClock
>>> from emaillab.engine import Mute
>>> class Parrot(Mute):
...     heard = b""
...     def feed(self, data): self.heard += data
...     def pull(self):
...         line, end, rest = self.heard.partition(b"\\n")
...         self.heard = rest if end else line
...         return line + end if end else None
>>> net = TcpNetwork(VirtualClock())
>>> net.listen(Service(End("zoo.example", "192.0.2.9"), "parrot", 7, lambda connection: Parrot()))
>>> with socket.create_connection(net.address("zoo.example", "parrot")) as anybody:
...     anybody.sendall(b"hello\\n")
...     anybody.recv(100)
b'hello\\n'
>>> stream = net.connect(End("me", "192.0.2.1"), "zoo.example", "parrot")
>>> stream.send(b"hi\\n"); stream.readline()
b'hi\\n'
>>> net.close()
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial

from emaillab.net.clock import Clock
from emaillab.net.connection import ACTING, Connection, Service, Transport
from emaillab.net.link import End, Link, Wire
from emaillab.net.loop import Loop
from emaillab.net.network import LabStream, Network
from emaillab.net.readiness import READ, WRITE

RECEIVE = 1 << 16  # octets taken from a socket at once; more would cost a fresh mapping of memory each time


class PortInUse(OSError):
    """A port that another program has; the sentence says which, and what to do."""


class TcpNetwork(Network):
    """A network of loopback sockets; real clients are welcome.

    Args: bind: the address on which services listen.
    """

    def __init__(self, clock: Clock, bind: str = "127.0.0.1") -> None:
        super().__init__(clock)
        self.bind = bind
        self.ports: dict[tuple[str, str], int] = {}  # ask for a port here before `listen`; 0 is any free one
        self._listeners: dict[tuple[str, str], socket.socket] = {}
        self._callers: dict[int, TcpStream] = {}  # our own clients by local port, until they are accepted
        self._streams: weakref.WeakSet[TcpStream] = weakref.WeakSet()
        self._loop = Loop(clock, self.errors)
        self._finalizer = weakref.finalize(self, self._loop.stop)

    def listen(self, service: Service) -> None:
        """Open a port. Raises: PortInUse, OSError with one sentence."""
        super().listen(service)
        key = service.host.name, service.name
        listener = _bound(self.bind, self.ports.get(key, 0))
        self._listeners[key] = listener
        acceptor = _Acceptor(listener, service, self)
        self._loop.start()
        self._loop.call(lambda: self._loop.watch(listener, READ, acceptor.accept))

    def connect(self, client: End, server: str, service: str, *, cause: str | None = None) -> TcpStream:
        """Open a connection through a real socket. Raises: ConnectionRefusedError when nothing listens there."""
        found = self._find(server, service)
        wire = self._wire(client, found, cause)
        stream = TcpStream(self, client, found.host, wire)
        self._callers[stream.port] = stream
        self._streams.add(stream)
        opened_s = self.clock.seconds
        stream.open_s = opened_s + 3 * wire.link.latency_s
        stream.open(self.address(server, service))
        self.clock.move_to(opened_s + 2 * wire.link.latency_s)
        if found.implicit_tls:
            stream.start_tls()
        return stream

    def address(self, server: str, service: str) -> tuple[str, int]:
        """Return (ip, port) of a service, for anybody else's client."""
        self._find(server, service)
        address: tuple[str, int] = self._listeners[server, service].getsockname()[:2]
        return address

    def close(self, server: str | None = None) -> None:
        """Close a host's ports and end its sessions with a word, or close all with the thread behind them."""
        super().close(server)
        for key in [key for key in self._listeners if server in (None, key[0])]:
            listener = self._listeners.pop(key)
            self._loop.wait_for(lambda listener=listener: self._loop.forget(listener))  # type: ignore[misc]
            listener.close()
        for accepted in list(self._loop.accepted) if server is not None else ():
            if accepted.connection.service.host.name == server:
                accepted.connection.shut_down()
        if server is None:
            self._finalizer()
            for stream in list(self._streams):
                stream.close()

    @property
    def running(self) -> bool:
        """True while the thread behind the ports lives."""
        return self._loop.running

    def caller(self, port: int) -> TcpStream | None:
        """Return our own client that connects from a local port, once."""
        return self._callers.pop(port, None)


class TcpStream(LabStream):
    """The client's end: a blocking socket, and what the loop says beside it."""

    network: TcpNetwork

    def __init__(self, network: TcpNetwork, client: End, server: End, wire: Wire) -> None:
        super().__init__(network, client, server, wire)
        self._socket = socket.socket(socket.AF_INET6 if ":" in network.bind else socket.AF_INET)
        self._socket.bind((network.bind, 0))
        self.port: int = self._socket.getsockname()[1]
        self.open_s = 0.0
        self.sent: deque[tuple[int, float]] = deque()  # (octets, arrival) of what was sent together
        self.inbox: deque[tuple[int, float]] = deque()  # the same for what the server sent
        self.idle = False  # the server has done all it can
        self.accepted: _Accepted | None = None
        self.change = threading.Condition()

    def open(self, address: tuple[str, int]) -> None:
        """Connect and wait until the server has greeted, if it greets."""
        self._socket.connect(address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait(lambda: self.idle)

    @property
    def _server(self) -> Connection:
        assert self.accepted is not None
        return self.accepted.connection

    def _transmit(self, plain: bytes, octets: bytes) -> None:
        arrival_s = self.wire.carry("C", plain, self.network.clock.seconds, len(octets))
        if self._server.closed:
            return
        with self.change:
            self.idle = False
            self.sent.append((len(octets), arrival_s))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the next read says that it is closed
            self._socket.sendall(octets)
            self._wait(lambda: self.idle)

    def _arrival_s(self) -> float | None:
        self._wait(lambda: bool(self.inbox) or self.idle)
        return self.inbox[0][1] if self.inbox else None

    def _go_on(self) -> None:
        assert self.accepted is not None
        if self._server.blocked and not self._server.closed:
            self.idle = False
            self.accepted.unblock()

    def _next(self) -> tuple[bytes, float]:
        size, arrival_s = self.inbox.popleft()
        data = b""
        while len(data) < size and (piece := self._socket.recv(size - len(data))):
            data += piece
        self._server.read += len(data)
        return data, arrival_s

    def _hang_up(self) -> None:
        accepted = self.accepted
        self._socket.close()
        if accepted is not None and self.network.running:
            # A server that is at work just now will hear of it later.
            self._wait(lambda: accepted.connection.closed or accepted.connection.held)

    def __del__(self) -> None:
        self._socket.close()

    def _wait(self, ready: Callable[[], bool]) -> None:
        """Wait until the loop says so; in short waits, so that an Interrupt gets through on every system."""
        with self.change:
            while not ready():
                if not self.network.running:
                    raise ConnectionError(f"the network of {self.server.name} was closed")
                self.change.wait(0.2)


class _Acceptor:
    """Takes the connections of one listening port."""

    def __init__(self, listener: socket.socket, service: Service, network: TcpNetwork) -> None:
        self._listener, self._service = listener, service
        self._network = weakref.ref(network)

    def accept(self) -> None:
        """Take one connection."""
        network = self._network()
        if network is None:
            return
        try:
            peer, address = self._listener.accept()
        except ConnectionError:  # gone again
            return
        except OSError:  # no file descriptor left: those who are here come first
            network._loop.rest(self._listener, self.accept)
            return
        stream = network.caller(address[1])
        if stream is not None:
            client, wire = stream.client, stream.wire
        else:
            client = End(address[0], address[0])
            wire = network._wire(client, self._service)
            wire.link = Link()  # a stranger's octets take the time they take
        accepted = _Accepted(peer, stream, network._loop)
        accepted.open(Connection(self._service, client, wire, accepted, network.id_of(wire)))


class _Accepted(Transport):
    """The server's end of one socket."""

    def __init__(self, peer: socket.socket, stream: TcpStream | None, loop: Loop) -> None:
        super().__init__(loop.errors)
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer, self.stream = peer, stream
        self._loop = loop
        self._out = b""  # octets that go out at the end of the turn, or when the socket takes them
        self._stuck = False  # the socket takes no more just now
        self._deaf = False  # the engine takes no octets for a while
        self._arrived = b""  # octets of our own client that are not a whole sending yet
        self._left = False
        self.ours = stream is not None

    def open(self, connection: Connection) -> None:
        """Start the engine and watch the socket."""
        self._loop.accepted.add(self)
        self._loop.watch(self.peer, READ, self.hear)
        if self.stream is not None:
            self.stream.accepted = self
        self._run(partial(connection.open, self.stream.open_s if self.stream is not None else None))

    def hear(self) -> None:
        """Take what has come and have the engine answer; what it says goes out at the end of the turn."""
        connection = self.connection
        try:
            data = self.peer.recv(RECEIVE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        try:
            if not data:
                self._out = b""
                connection.disconnected()
            elif self.stream is None:
                connection.heard_s = self._loop.turn_s
                connection.receive(data)
            else:
                self._arrived += data
                self._receive_whole(self.stream.sent)
        except Exception as error:
            self.fail(error)
        if self.ours or connection.closed:
            self._loop.touched.append(self)

    def send(self, octets: bytes, arrival_s: float) -> None:
        """Put octets on the way to the client."""
        if self._out:
            self._out += octets
        else:
            self._out = octets
            self._loop.sending.append(self)
        if self.stream is not None:
            with self.stream.change:
                self.stream.inbox.append((len(octets), arrival_s))

    def flush(self) -> None:
        """Give the socket what it takes; when it has taken all, the engine may go on."""
        if self._left:
            return
        out, connection = self._out, self.connection
        try:
            sent = self.peer.send(out)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = len(out)
            connection.disconnected()
        self._out = out[sent:]
        if not self.ours:
            connection.read += sent
        if self._out or self._stuck:
            if sent:
                connection.heard_s = max(connection.heard_s, self._loop.turn_s)
            self._wait_to_send()
        if connection.blocked and not self.ours and not self._stuck:
            connection.pump()
        if connection.closed:
            self.settle()

    # What the connection asks for

    def commit(self) -> bool:
        """Put the commit off to the end of the loop's turn, where one commit serves all sessions."""
        self._loop.uncommitted.append(self)
        return False

    def elsewhere(self, work: Callable[[], None]) -> bool:
        """Have work done by a thread beside the loop, which the connection waits for."""

        def do() -> None:
            acting = ACTING.set(self.connection)
            try:
                work()
            except Exception as error:
                self._loop.call(partial(self.fail, error))
            else:
                self._loop.call(partial(self.resume, None))
            finally:
                ACTING.reset(acting)

        self._loop.workers.do(do)
        return False

    def listen(self, on: bool) -> None:
        """Take the client's octets again, or leave them in the socket for a while."""
        self._deaf = not on
        if not (self._left or self._stuck):
            self._watch()

    def run(self, work: Callable[[], None]) -> None:
        """Do work on the connection in the loop's thread, and wait for it where that can be."""
        self._loop.wait_for(partial(self._run, work))

    def end(self, *, idle: bool) -> None:
        """End the session from this side; to a stranger that does not read, nothing is said."""
        self.connection.end(idle=idle)
        if self._stuck and not self.ours:
            self._out = b""

    def fail(self, error: Exception) -> None:
        """Leave at once, for a defect of ours."""
        self.errors.append(error)
        with contextlib.suppress(Exception):
            self.connection.disconnected()
        self._out = b""
        self.settle()

    # What the loop and our own client ask for

    def unblock(self) -> None:
        """Have the engine go on, called from the client's thread when it has read all there was."""
        self._loop.call(partial(self._run, self.connection.pump))

    def resume(self, failure: str | None) -> None:
        """Go on after a commit, or after work that was done elsewhere."""
        self._run(partial(self.connection.resume, failure))

    def settle(self) -> None:
        """Tell our own client when there is nothing more to wait for, and leave when all is said."""
        if self.connection.closed and not self._out:
            self._leave()
        if self.stream is not None:
            with self.stream.change:
                self.stream.idle = self._left or not (self.stream.sent or self.connection.held)
                self.stream.change.notify_all()

    def shut(self) -> None:
        """Leave as the network ends: with a word to a stranger; our own client knows."""
        if self.ours:
            self.connection.forget()
            self.peer.close()
            return
        with contextlib.suppress(Exception):
            self.end(idle=False)
            if self._out:
                self.flush()
        self.settle()

    # How it is done

    def _run(self, work: Callable[[], None]) -> None:
        try:
            if not self._left:
                work()
        except Exception as error:
            self.fail(error)
        if self.ours or self.connection.closed:
            self._loop.touched.append(self)

    def _wait_to_send(self) -> None:
        """Hear no more from a peer before it has read what is due to it."""
        if bool(self._out) != self._stuck:
            self._stuck = not self._stuck
            self._watch()

    def _watch(self) -> None:
        """Have the loop watch the socket for what can be done with it just now."""
        if self._stuck:
            self._loop.watch(self.peer, WRITE, lambda: self._loop.sending.append(self))
        elif self._deaf:
            self._loop.forget(self.peer)
        else:
            self._loop.watch(self.peer, READ, self.hear)

    def _receive_whole(self, sent: deque[tuple[int, float]]) -> None:
        """Give the engine what our own client sent in one go, in one go, at the time it arrives."""
        while sent and len(self._arrived) >= sent[0][0]:
            size, arrival_s = sent.popleft()
            data, self._arrived = self._arrived[:size], self._arrived[size:]
            self.connection.receive(data, arrival_s)

    def _leave(self) -> None:
        if self._left:
            return
        self._left = True
        self.connection.disconnected()
        self._loop.accepted.discard(self)
        self._loop.forget(self.peer)
        with contextlib.suppress(OSError):
            self.peer.shutdown(socket.SHUT_WR)
            while self.peer.recv(RECEIVE):  # closing over unread octets would reset the line and lose the last reply
                pass
        self.peer.close()


def _bound(ip: str, port: int) -> socket.socket:
    """Return a listening socket. Raises: PortInUse, OSError with one sentence."""
    try:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        return socket.create_server((ip, port), family=family, backlog=128)
    except PermissionError:
        raise OSError(f"port {port} needs a system administrator's rights; choose one above 1023") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} on {ip} is in use by another program; choose another, or 0 for any free one"
            ) from None
        why = (error.strerror or str(error)).partition(" (while attempting")[0]  # Python says the address once more
        raise OSError(f"cannot listen on {ip} port {port}: {why}") from None
