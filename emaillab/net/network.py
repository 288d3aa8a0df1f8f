"""How do octets get from a client to a server, how long do they take, and who watches?

A `Network` connects a client's `Stream` with the engine of a server. Here is what all networks share, and the one that
needs neither thread nor socket.

>>> from emaillab.engine import Mute
>>> class Parrot(Mute):
...     heard, waiting_for = b"", "a line"
...     def feed(self, data): self.heard += data
...     def pull(self):
...         line, dot, rest = self.heard.partition(b"\\n")
...         if not dot: return None
...         self.heard = rest
...         return line + dot
>>> from emaillab.net.clock import VirtualClock
>>> net = MemoryNetwork(VirtualClock())
>>> net.listen(Service(End("zoo.example", "192.0.2.9"), "parrot", 7, lambda connection: Parrot()))
>>> net.link("me", "zoo.example", Link(latency_s=0.1))
>>> stream = net.connect(End("me", "192.0.2.1"), "zoo.example", "parrot")
>>> stream.send(b"hello\\n"); stream.readline(), round(net.clock.seconds, 3)  # a round trip to open, one to ask
(b'hello\\n', 0.4)
>>> stream.readline()
Traceback (most recent call last):
TimeoutError: no answer from zoo.example within 300 s: the server still waits for a line
"""

from __future__ import annotations

import itertools
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from emaillab.net.clock import Clock
from emaillab.net.connection import Connection, Service, Transport
from emaillab.net.link import End, Link, Wire
from emaillab.net.transcript import Transcript

if TYPE_CHECKING:
    from emaillab.net.tls import TlsEnd

Inbox = deque[tuple[bytes, float]]
"""What is on its way to a client: octets that arrive together, and when."""


class Stream:
    """The client's end of a connection; see `emaillab.protocol.stream.Stream` for what each call promises."""

    def __init__(self, network: Network, client: End, server: End, wire: Wire) -> None:
        self.network, self.client, self.server, self.wire = network, client, server, wire
        self.timeout_s = 300.0  # RFC 5321 §4.5.3.2
        self.closed = False
        self._buffer = b""
        self._tls: TlsEnd | None = None

    @property
    def transcript(self) -> Transcript | None:
        """The record of this connection."""
        return self.wire.transcript

    def send(self, data: bytes) -> None:
        """Send octets. Raises: ConnectionError when the connection is closed."""
        if self.closed:
            raise ConnectionError(f"the connection to {self.server.name} is closed")
        if self._tls is None:
            self._transmit(data, data)
        else:
            self._tls.send(data)
            self._transmit(data, self._tls.outgoing())

    def readline(self, limit: int = 8192) -> bytes:
        """Return the next line with its line end; a line over `limit` octets comes in pieces.

        Raises: TimeoutError when no line comes, ConnectionError when the server closed.
        """
        searched = 0
        while (end := self._buffer.find(b"\n", searched, limit)) < 0 and len(self._buffer) < limit:
            searched = len(self._buffer)
            self._fill()
        return self._take(end + 1 if end >= 0 else limit)

    def read(self, count: int) -> bytes:
        """Return exactly `count` octets. Raises: as `readline`."""
        pieces, missing = [], count
        while missing:
            if not self._buffer:
                self._fill()
            pieces.append(self._take(missing))
            missing -= len(pieces[-1])
        return b"".join(pieces)

    def allow(self, seconds: float) -> None:
        """Give the peer so long for what is read next; an answer that can never come is known at once."""
        self.timeout_s = seconds

    def ready(self) -> bool:
        """Return whether a whole line has arrived, so that `readline` would not wait; never waits, moves no time.

        Raises: ConnectionError when TLS broke.
        """
        while b"\n" not in self._buffer and not self.closed and self._has_arrived():
            self._fill()
        return b"\n" in self._buffer

    def start_tls(self) -> None:
        """Encrypt the connection from here on. Raises: ConnectionError when the handshake fails."""
        self._buffer = b""  # what came before the handshake cannot be trusted (RFC 3207 §6)
        tls = self.network.client_tls(self.server.name)
        while True:
            if octets := tls.outgoing():
                self._transmit(b"", octets)
            if tls.handshake_done:
                break
            tls.receive(self._receive())
        self._tls, self._buffer, self.wire.tls = tls, tls.read(), True

    def close(self) -> None:
        """Close the connection; harmless when it is closed."""
        if not self.closed:
            self.closed = True
            self._hang_up()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _take(self, count: int) -> bytes:
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _fill(self) -> None:
        """Wait for octets and add them to the buffer."""
        if self.closed:
            raise ConnectionError(f"the connection to {self.server.name} is closed")
        data = self._receive()
        if self._tls is not None:
            self._tls.receive(data)
            data = self._tls.read()
        self._buffer += data

    def _gone(self) -> ConnectionError:
        """Return the error for a connection that the server closed."""
        got = f" after {self._buffer[-60:]!r}" if self._buffer else ""
        return ConnectionError(f"{self.server.name} closed the connection{got}")

    # What each network does in its own way

    def _transmit(self, plain: bytes, octets: bytes) -> None:
        raise NotImplementedError

    def _receive(self) -> bytes:
        raise NotImplementedError

    def _has_arrived(self) -> bool:
        raise NotImplementedError

    def _hang_up(self) -> None:
        raise NotImplementedError


class LabStream(Stream):
    """The client's end of a connection to a server of the same world, where it is known what is still to come."""

    def _receive(self) -> bytes:
        if not self._offered():
            self._wait_in_vain()
        data, arrival_s = self._next()
        if arrival_s > self.network.clock.seconds:
            self.network.clock.move_to(arrival_s)
        return data

    def _has_arrived(self) -> bool:
        arrival_s = self._arrival_s() if self._offered() else None
        return arrival_s is not None and arrival_s <= self.network.clock.seconds

    def _offered(self) -> bool:
        """Return whether the server has sent something that was not received, or would if it were asked to go on."""
        if self._arrival_s() is None:
            self._go_on()
        return self._arrival_s() is not None

    def _wait_in_vain(self) -> None:
        """Wait for an answer that can come only unasked, if at all; in virtual time the time-out passes at once.

        Raises: TimeoutError when nothing has come by then, ConnectionError when the server closed.
        """
        clock = self.network.clock
        give_up_s = clock.seconds + self.timeout_s
        while not self._server.closed and clock.virtual and (next_s := clock.next_s) is not None:
            if next_s > give_up_s:
                break
            clock.move_to(next_s)
            if self._offered():
                break
        arrival_s = self._arrival_s()
        if arrival_s is not None and arrival_s <= give_up_s:
            return
        if arrival_s is None and self._server.closed:
            raise self._gone()
        if clock.virtual:
            clock.move_to(give_up_s)
        raise TimeoutError(
            f"no answer from {self.server.name} within {self.timeout_s:.0f} s: "
            f"the server still waits for {self._server.engine.waiting_for}"
        )

    # What each network does in its own way

    @property
    def _server(self) -> Connection:
        """The other end."""
        raise NotImplementedError

    def _arrival_s(self) -> float | None:
        """Return when the next octets arrive, of those that the server has sent; None when there are none."""
        raise NotImplementedError

    def _go_on(self) -> None:
        """Have the server say what it held back as the client had enough to read."""
        raise NotImplementedError

    def _next(self) -> tuple[bytes, float]:
        """Take the next octets, and when they arrive."""
        raise NotImplementedError


class Network:
    """Hosts' services, the links between the hosts, one clock, and the record of all sessions."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.record = True
        self.ended: Callable[[Transcript], None] | None = None  # told of each record when it is complete
        self.transcripts: list[Transcript] = []
        self.services: dict[tuple[str, str], Service] = {}
        self.client_tls: Callable[[str], TlsEnd] = _no_tls
        self.closed = False
        self.errors: deque[Exception] = deque(maxlen=20)  # the latest defects of ours; each cost one connection
        self._links: dict[frozenset[str], Link] = {}
        self._sessions = itertools.count(1)

    def link(self, a: str, b: str, link: Link) -> None:
        """Change the line between two hosts."""
        self._links[frozenset((a, b))] = link

    def link_between(self, a: str, b: str) -> Link:
        """Return the line between two hosts; without one they are neighbours."""
        return self._links.get(frozenset((a, b)), Link())

    def next_id(self) -> str:
        """Return a new session's number."""
        return str(next(self._sessions))

    def id_of(self, wire: Wire) -> str:
        """Return the number of the session on a wire: that of its record, if there is one."""
        return wire.transcript.id if wire.transcript else self.next_id()

    def listen(self, service: Service) -> None:
        """Open a host's port. Raises: ConnectionError when the whole network is closed."""
        if self.closed:
            raise ConnectionError(f"{service.host.name} cannot listen: this network is closed, make a new one")
        self.services[service.host.name, service.name] = service

    def connect(self, client: End, server: str, service: str, *, cause: str | None = None) -> Stream:
        """Open a connection. Args: cause: the session on whose behalf it is opened.

        Raises: ConnectionError when nothing listens there.
        """
        raise NotImplementedError

    def address(self, server: str, service: str) -> tuple[str, int]:
        """Return where anybody else's client finds a service."""
        raise NotImplementedError

    def close(self, server: str | None = None) -> None:
        """Close a host's ports and end its sessions with a word, or close all."""
        self.closed = self.closed or server is None
        for key in [key for key in self.services if server in (None, key[0])]:
            del self.services[key]

    def _find(self, server: str, service: str) -> Service:
        """Return what listens. Raises: ConnectionRefusedError."""
        found = self.services.get((server, service))
        if found is None:
            raise ConnectionRefusedError(f"{server} has no {service} service, or is down")
        return found

    def _wire(self, client: End, service: Service, cause: str | None = None) -> Wire:
        """Return a new connection's line and record."""
        link = self.link_between(client.name, service.host.name)
        transcript = self._transcript(client, service, cause) if self.record else None
        return Wire(self.clock, link, transcript, ended=self.ended)

    def _transcript(self, client: End, service: Service, cause: str | None) -> Transcript:
        server = service.host
        transcript = Transcript(
            protocol=service.protocol or service.name,
            client=client.name,
            server=server.name,
            port=service.port,
            id=self.next_id(),
            client_ip=client.ip,
            server_ip=server.ip,
            opened_s=self.clock.seconds,
            cause=cause,
            start=self.clock.start.isoformat(),
        )
        self.transcripts.append(transcript)
        return transcript


def _no_tls(server: str) -> TlsEnd:
    raise ConnectionError(f"no certificate authority is known here, so TLS with {server} cannot be checked")


class MemoryNetwork(Network):
    """A network without sockets and threads: sending runs the server."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._streams: weakref.WeakSet[MemoryStream] = weakref.WeakSet()

    def connect(self, client: End, server: str, service: str, *, cause: str | None = None) -> MemoryStream:
        """Open a connection. Raises: ConnectionRefusedError when nothing listens there."""
        found = self._find(server, service)
        wire = self._wire(client, found, cause)
        inbox: Inbox = deque()
        connection = Connection(found, client, wire, MemoryTransport(inbox, self.errors), self.id_of(wire))
        stream = MemoryStream(self, connection, inbox)
        self._streams.add(stream)
        opened_s = self.clock.seconds
        self.clock.move_to(opened_s + 2 * wire.link.latency_s)  # SYN, SYN-ACK
        connection.open(opened_s + 3 * wire.link.latency_s)  # the server greets when it has the ACK
        if found.implicit_tls:
            stream.start_tls()
        return stream

    def close(self, server: str | None = None) -> None:
        """Close a host's ports and end its sessions with a word, or close all ports and connections."""
        super().close(server)
        for stream in sorted(self._streams, key=lambda stream: int(stream.id)):
            if server is None:
                stream.close()
            elif stream.server.name == server:
                stream.shut_down()

    def address(self, server: str, service: str) -> tuple[str, int]:
        """Refuse: nobody else can reach this network."""
        raise ConnectionError(
            'a network in memory has no ports; use Internet(network="tcp") to let other programs connect'
        )


class MemoryTransport(Transport):
    """What a network in memory does for a connection: it puts octets into the client's inbox."""

    def __init__(self, inbox: Inbox, errors: deque[Exception]) -> None:
        super().__init__(errors)
        self._inbox = inbox

    def send(self, octets: bytes, arrival_s: float) -> None:
        """Put octets on the way to the client."""
        self._inbox.append((octets, arrival_s))


class MemoryStream(LabStream):
    """The client's end in memory."""

    def __init__(self, network: MemoryNetwork, connection: Connection, inbox: Inbox) -> None:
        super().__init__(network, connection.client, connection.service.host, connection.wire)
        self._connection, self._inbox = connection, inbox

    @property
    def _server(self) -> Connection:
        return self._connection

    @property
    def id(self) -> str:
        """The session's number."""
        return self._connection.id

    def shut_down(self) -> None:
        """End the session from the server's end."""
        self._connection.shut_down()

    def _transmit(self, plain: bytes, octets: bytes) -> None:
        self._catch_up()
        arrival_s = self.wire.carry("C", plain, self.network.clock.seconds, len(octets))
        if not self._connection.closed:
            self._connection.receive(octets, arrival_s)

    def _arrival_s(self) -> float | None:
        self._catch_up()
        return self._inbox[0][1] if self._inbox else None

    def _go_on(self) -> None:
        if self._connection.blocked:
            self._connection.pump()

    def _next(self) -> tuple[bytes, float]:
        data, arrival_s = self._inbox.popleft()
        self._connection.read += len(data)
        return data, arrival_s

    def _hang_up(self) -> None:
        self._connection.disconnected()

    def _catch_up(self) -> None:
        """Do what fell due while time passed by itself: here nobody else does."""
        if not self.network.clock.virtual:
            self.network.clock.do_due()
