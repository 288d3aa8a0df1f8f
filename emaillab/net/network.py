"""How do octets get from a client to a server, how long do they take, and who watches?

A `Network` connects a client's `Stream` with the engine of a server. Here is what all networks share, and the one that
needs neither thread nor socket.

>>> class Parrot:
...     watch, waiting_for = None, "a line"
...     def __init__(self): self.heard = b""
...     def feed(self, data): self.heard += data
...     def pull(self):
...         line, dot, rest = self.heard.partition(b"\\n")
...         if not dot: return None
...         self.heard = rest
...         return line + dot
...     def disconnected(self): pass
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

import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from emaillab.net.clock import Clock
from emaillab.net.connection import Connection, End, Engine, Link, Service, Wire
from emaillab.net.transcript import Transcript


class Stream:
    """The client's end of a connection; see `emaillab.protocol.stream.Stream` for what each call promises."""

    def __init__(self, network: Network, client: End, server: End, wire: Wire) -> None:
        self.network, self.client, self.server, self.wire = network, client, server, wire
        self.timeout_s = 300.0  # RFC 5321 §4.5.3.2
        self.closed = False
        self._buffer = b""
        self._tls: Any = None

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

    def _silence(self, engine: Engine) -> TimeoutError:
        """Return the error for an answer that can never come; in virtual time its time-out passes at once."""
        clock = self.network.clock
        if clock.virtual:
            clock.move_to(clock.seconds + self.timeout_s)
        return TimeoutError(
            f"no answer from {self.server.name} within {self.timeout_s:.0f} s: "
            f"the server still waits for {engine.waiting_for}"
        )

    # What each network does in its own way

    def _transmit(self, plain: bytes, octets: bytes) -> None:
        raise NotImplementedError

    def _receive(self) -> bytes:
        raise NotImplementedError

    def _hang_up(self) -> None:
        raise NotImplementedError


class Network:
    """Hosts' services, the links between the hosts, one clock, and the record of all sessions."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.record = True
        self.ended: Callable[[Transcript], None] | None = None  # told of each record when it is complete
        self.transcripts: list[Transcript] = []
        self.services: dict[tuple[str, str], Service] = {}
        self.client_tls: Callable[[str], Any] = _no_tls
        self.closed = False
        self._links: dict[frozenset[str], Link] = {}
        self._sessions = 0

    def link(self, a: str, b: str, link: Link) -> None:
        """Change the line between two hosts."""
        self._links[frozenset((a, b))] = link

    def link_between(self, a: str, b: str) -> Link:
        """Return the line between two hosts; without one they are neighbours."""
        return self._links.get(frozenset((a, b)), Link())

    def next_id(self) -> str:
        """Return a new session's number."""
        self._sessions += 1
        return str(self._sessions)

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

    def commit(self, connection: Connection) -> bool:
        """Make a connection's store durable; True when it is done, False when it will be."""
        try:
            if connection.service.commit is not None:
                connection.service.commit()
        except Exception as error:  # a full disk costs this letter, not the server
            connection.engine.commit_failed(f"the store failed: {error}")
        return True

    def close(self, server: str | None = None) -> None:
        """Close a host's ports, or all."""
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


def _no_tls(server: str) -> Any:
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
        stream = MemoryStream(self, client, found.host, wire)
        connection = Connection(found, client, wire, self.commit, self.id_of(wire))
        stream.attach(connection)
        self._streams.add(stream)
        opened_s = self.clock.seconds
        self.clock.move_to(opened_s + 2 * wire.link.latency_s)  # SYN, SYN-ACK
        connection.open(opened_s + 3 * wire.link.latency_s)  # the server greets when it has the ACK
        if found.implicit_tls:
            stream.start_tls()
        return stream

    def close(self, server: str | None = None) -> None:
        """Close a host's ports, or all of them with the connections through them."""
        super().close(server)
        for stream in list(self._streams) if server is None else ():
            stream.close()

    def address(self, server: str, service: str) -> tuple[str, int]:
        """Refuse: nobody else can reach this network."""
        raise ConnectionError(
            'a network in memory has no ports; use Internet(network="tcp") to let other programs connect'
        )


class MemoryStream(Stream):
    """The client's end in memory."""

    def attach(self, connection: Connection) -> None:
        """Join the server's end."""
        self._connection = connection
        self._inbox: deque[tuple[bytes, float]] = deque()
        connection.send = lambda data, arrival_s: self._inbox.append((data, arrival_s))

    def _transmit(self, plain: bytes, octets: bytes) -> None:
        arrival_s = self.wire.carry("C", plain, self.network.clock.seconds, len(octets))
        if not self._connection.closed:
            self._connection.receive(octets, arrival_s)

    def _receive(self) -> bytes:
        if not self._inbox and self._connection.blocked:
            self._connection.pump()
        if not self._inbox:
            raise self._gone() if self._connection.closed else self._silence(self._connection.engine)
        data, arrival_s = self._inbox.popleft()
        self.network.clock.move_to(arrival_s)
        self._connection.read += len(data)
        return data

    def _hang_up(self) -> None:
        self._connection.disconnected()
