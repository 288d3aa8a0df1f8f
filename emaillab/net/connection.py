"""How does the server's end of a connection work? An engine, the line to it, TLS where there is TLS, and the record.

The same driver serves every network: a network only carries octets to `receive` and takes them from `send`.

>>> class Parrot:
...     watch, waiting_for, heard = None, "a line", b""
...     def feed(self, data): self.heard += data
...     def pull(self):
...         line, end, rest = self.heard.partition(b"\\n")
...         self.heard = rest if end else line
...         return line + end if end else None
...     def disconnected(self): pass
>>> from emaillab.net.clock import VirtualClock
>>> service = Service(End("zoo.example", "192.0.2.9"), "parrot", 7, lambda connection: Parrot())
>>> wire = Wire(VirtualClock(), Link(latency_s=0.1), transcript=None)
>>> connection = Connection(service, End("me", "192.0.2.1"), wire, commit=lambda connection: True)
>>> connection.send = lambda octets, arrival_s: print(octets, round(arrival_s, 3))
>>> connection.open(0.3)
>>> connection.receive(b"hel", 0.4); connection.receive(b"lo\\n", 0.5)
b'hello\\n' 0.6
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from emaillab.net.clock import Clock
from emaillab.net.transcript import Chunk, Label, Transcript

AHEAD = 1 << 18  # octets a server may be ahead of a client that does not read
JOIN = 1 << 16  # octets of small replies that are sent in one go


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection."""

    name: str
    ip: str


@dataclass(frozen=True, slots=True)
class Link:
    """A line between two hosts: how long an octet travels, and how many fit in a second."""

    latency_s: float = 0.0
    bandwidth: float | None = None  # octets per second; None: no limit

    def __post_init__(self) -> None:
        if not (isinstance(self.latency_s, int | float) and 0 <= self.latency_s < math.inf):
            raise ValueError(f"a link's latency is 0 s or more, not {self.latency_s!r}")
        if self.bandwidth is not None and not (isinstance(self.bandwidth, int | float) and self.bandwidth > 0):
            raise ValueError(f"a link's bandwidth is more than 0 octets per second, not {self.bandwidth!r}")


_NO_LINK = Link()


class Engine(Protocol):
    """A server's protocol engine, as the network drives it."""

    watch: Any

    @property
    def waiting_for(self) -> str:
        """What is missing before the engine can answer."""

    def feed(self, data: bytes) -> None:
        """Take octets."""

    def pull(self) -> Any:
        """Return octets, a signal whose value names what the driver must do, or None."""

    def commit_failed(self, reason: str) -> None:
        """Take back the reply that stood behind a commit."""

    def tls_started(self) -> None:
        """Go on inside TLS."""

    def disconnected(self) -> None:
        """Forget the peer."""


@dataclass(frozen=True, slots=True)
class Service:
    """What listens on one port of a host."""

    host: End
    name: str  # "smtp", "submission", "pop3", "imap" …
    port: int  # the well-known number, as a label
    open: Callable[[Connection], Engine]
    commit: Callable[[], None] | None = None  # makes durable what the engines stored; None where nothing is stored
    protocol: str = ""  # "smtp" for the service "submission"
    tls: Callable[[], Any] | None = None  # makes the server's end of TLS
    implicit_tls: bool = False  # TLS from the first octet (RFC 8314)
    idle_s: float = 1800.0  # a silent peer is cut off after this time


@dataclass(slots=True)
class Wire:
    """One connection's way: when octets arrive, and the record of them."""

    clock: Clock
    link: Link
    transcript: Transcript | None
    tls: bool = False
    ended: Callable[[Transcript], None] | None = None  # told when the record is complete
    _free_s: dict[str, float] = field(default_factory=lambda: {"C": 0.0, "S": 0.0})

    @property
    def watched(self) -> bool:
        """False for a stranger's line: it takes the time it takes, and nobody keeps a record."""
        return self.transcript is not None or self.link != _NO_LINK

    def carry(self, side: Any, data: bytes, now_s: float, octets: int | None = None) -> float:
        """Record octets on their way and return when the last of them arrives; `octets` is their number in TLS."""
        size = len(data) if octets is None else octets
        begin = max(now_s, self._free_s[side])
        self._free_s[side] = end = begin + (size / self.link.bandwidth if self.link.bandwidth else 0.0)
        arrival = end + self.link.latency_s
        if self.transcript is not None and data:
            self.transcript.heard(Chunk(side, data, now_s, arrival, self.tls))
        return arrival

    def end(self, now_s: float) -> None:
        """Complete the record."""
        if self.transcript is not None and self.transcript.closed_s is None:
            self.transcript.closed_s = now_s
            if self.ended is not None:
                self.ended(self.transcript)

    def label(self, step: Any) -> None:
        """Record what the engine made of a unit."""
        assert self.transcript is not None
        names = (step.verb, step.outcome.value, step.before, step.after, step.phase)
        self.transcript.labelled(Label(*names, step.consumed, step.produced))


class Connection:
    """The server's end of one connection: it drives the engine and knows what time it is there.

    `send(octets, arrival_s)` puts octets on the way to the client; `commit(connection)` makes the store durable, now
    (True) or later (False; then `resume` is called).
    """

    def __init__(
        self, service: Service, client: End, wire: Wire, commit: Callable[[Connection], bool], id: str = "1"
    ) -> None:
        self.service, self.client, self.wire, self.id = service, client, wire, id
        self._commit = commit
        self._watched = wire.watched
        self._serve: Callable[[bytes], bytes | None] | None = None  # the engine's short way, where it may be gone
        self._at_s: float | None = None  # the moment at which the engine acts, where octets carry their time with them
        self.closed = False
        self.held = False  # output waits for a commit
        self.blocked = False  # output waits for the client to read
        self.sent = self.read = 0  # octets; each is written by one thread alone
        self._tls: Any = None
        self.engine: Engine = _NOT_OPEN
        self.encrypted: Callable[[str], None] = lambda version: None  # told of STARTTLS, before the engine goes on
        self.send: Callable[[bytes, float], None] = lambda data, arrival_s: None

    @property
    def at_s(self) -> float:
        """The moment at which the engine acts, in seconds on the world's clock."""
        return self.wire.clock.seconds if self._at_s is None else self._at_s

    @property
    def offers_tls(self) -> bool:
        """True when the service can start TLS on request."""
        return self.service.tls is not None and not self.service.implicit_tls

    @property
    def tls_version(self) -> str | None:
        """The version of TLS spoken, or None in the clear."""
        return self._tls.version if self._tls is not None else None

    def open(self, at_s: float | None = None) -> None:
        """Start the engine, which greets. Args: at_s: None for now, here and in `receive`."""
        self._at_s = at_s
        if self.service.implicit_tls and self._tls is None:
            self.on_start_tls()
            return
        self.engine = self.service.open(self)
        if self.wire.transcript is not None:
            self.engine.watch = self.wire.label
        # Octets of our own clients carry their time, and a record labels every unit: both go the long way.
        if at_s is None and self._tls is None and not self._watched:
            self._serve = getattr(self.engine, "serve", None)
        self.pump()

    def receive(self, data: bytes, at_s: float | None = None) -> None:
        """Take octets that have arrived, and answer."""
        if self._serve is not None:
            answer = self._serve(data)
            if answer is None:
                self.pump()
            else:
                self.sent += len(answer)
                self.send(answer, 0.0)
            return
        if at_s is not None and (self._at_s is None or at_s > self._at_s):
            self._at_s = at_s
        if self._tls is not None:
            data = self._decrypt(data)
        if data:
            if at_s is None and self._watched:  # a stranger did not say when it sent this
                self.wire.carry("C", data, self.at_s)
            self.engine.feed(data)
        self.pump()

    def pump(self) -> None:
        """Send what the engine has to say, until it waits for input, for a commit, or for the client to read."""
        pull, joined = self.engine.pull, b""
        while not self.held:
            self.blocked = self.sent - self.read >= AHEAD
            if self.blocked:
                break
            item = pull()
            if type(item) is bytes:
                joined = joined + item if joined else item
                if len(joined) < JOIN:
                    continue
            if joined:
                self._emit(joined)
                joined = b""
            if item is None:
                break
            if type(item) is not bytes:
                getattr(self, _METHODS.get(item) or _method(item))()
                if self.closed:
                    break
        if joined:
            self._emit(joined)

    def resume(self, failure: str | None = None) -> None:
        """Go on after a commit that was put off."""
        self.held = False
        if failure is not None:
            self.engine.commit_failed(failure)
        self.pump()

    def part(self, *, idle: bool) -> None:
        """Close the connection from this end, with a word where the engine has one and the client listens."""
        if not (self.closed or self.held or self.blocked) and hasattr(self.engine, "part"):
            self.engine.part(idle=idle)
            self.pump()
            self.engine.disconnected()
        self.disconnected()

    def disconnected(self) -> None:
        """Take note that the client is gone."""
        if not self.closed:
            self.closed = True
            self.engine.disconnected()
            self.wire.end(self.at_s)

    def on_flush(self) -> None:
        """End a segment; what was joined is already sent."""

    def on_commit(self) -> None:
        """Make durable what was stored."""
        if self.service.commit is not None:
            self.held = not self._commit(self)

    def on_close(self) -> None:
        """Close the connection from the server's end."""
        if self._tls is not None:
            self._tls.close()
            self._push(b"", self._tls.outgoing())
        self.closed = True
        self.wire.end(self.at_s)

    def on_start_tls(self) -> None:
        """Speak TLS from here on; the engine goes on when the handshake is done."""
        assert self.service.tls is not None
        self._tls = self.service.tls()
        self._serve = None

    def _decrypt(self, data: bytes) -> bytes:
        """Return the plaintext of octets from the wire, and carry the handshake on."""
        tls, ready = self._tls, self._tls.handshake_done
        try:
            tls.receive(data)
            plain: bytes = tls.read()
        except ConnectionError:
            self._push(b"", tls.outgoing())  # the alert that says why
            self.on_close()
            return b""
        self._push(b"", tls.outgoing())
        if tls.handshake_done and not ready:
            self.wire.tls = True
            if self.engine is _NOT_OPEN:
                self.open(self._at_s)
            else:
                self.encrypted(tls.version)
                self.engine.tls_started()
        return plain

    def _emit(self, data: bytes) -> None:
        """Send octets, through TLS where there is TLS."""
        if self._tls is not None:
            self._tls.send(data)
            self._push(data, self._tls.outgoing())
        elif self._watched:
            self._push(data, data)
        else:
            self.sent += len(data)
            self.send(data, 0.0)

    def _push(self, plain: bytes, octets: bytes) -> None:
        if octets:
            arrival_s = self.wire.carry("S", plain, self.at_s, len(octets)) if self._watched else 0.0
            self.sent += len(octets)
            self.send(octets, arrival_s)


_METHODS: dict[Any, str] = {}


def _method(signal: Any) -> str:
    """Return the name of the method that does what a signal asks, and remember it."""
    return _METHODS.setdefault(signal, f"on_{signal.name.lower()}")


class _NotOpen:
    """The engine of a connection that is still in its TLS handshake."""

    watch, waiting_for = None, "a TLS handshake"

    def feed(self, data: bytes) -> None: ...
    def pull(self) -> None: ...
    def commit_failed(self, reason: str) -> None: ...
    def tls_started(self) -> None: ...
    def disconnected(self) -> None: ...


_NOT_OPEN = _NotOpen()
