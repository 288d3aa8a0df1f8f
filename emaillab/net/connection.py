"""How does the server's end of a connection work? An engine, the line to it, TLS where there is TLS, and the record.

The same driver serves every network: a network only carries octets to `receive` and takes them from its `Transport`.

>>> from emaillab.engine import Mute
>>> class Parrot(Mute):
...     heard = b""
...     def feed(self, data): self.heard += data
...     def pull(self):
...         line, end, rest = self.heard.partition(b"\\n")
...         self.heard = rest if end else line
...         return line + end if end else None
>>> class Printer(Transport):
...     def send(self, octets, arrival_s): print(octets, round(arrival_s, 3))
>>> from emaillab.net.clock import VirtualClock
>>> service = Service(End("zoo.example", "192.0.2.9"), "parrot", 7, lambda connection: Parrot())
>>> wire = Wire(VirtualClock(), Link(latency_s=0.1), transcript=None)
>>> connection = Connection(service, End("me", "192.0.2.1"), wire, Printer())
>>> connection.open(0.3)
>>> connection.receive(b"hel", 0.4); connection.receive(b"lo\\n", 0.5)
b'hello\\n' 0.6
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from emaillab.engine import Elsewhere, Engine, Mute, Pause, Signal
from emaillab.net.clock import Call
from emaillab.net.link import End, Link, Wire

if TYPE_CHECKING:
    from emaillab.net.tls import TlsEnd

__all__ = ["ACTING", "AHEAD", "Connection", "End", "Link", "Service", "Transport", "Wire"]

AHEAD = 1 << 18  # octets a server may be ahead of a client that does not read
JOIN = 1 << 16  # octets of small replies that are sent in one go


@dataclass(frozen=True, slots=True)
class Service:
    """What listens on one port of a host."""

    host: End
    name: str  # "smtp", "submission", "pop3", "imap" …
    port: int  # the well-known number, as a label
    open: Callable[[Connection], Engine]
    commit: Callable[[], None] | None = None  # makes durable what the engines stored; None where nothing is stored
    protocol: str = ""  # "smtp" for the service "submission"
    tls: Callable[[], TlsEnd] | None = None  # makes the server's end of TLS
    implicit_tls: bool = False  # TLS from the first octet (RFC 8314)
    idle_s: float = 1800.0  # a silent peer is cut off after this time


class Transport:
    """What a network does for one connection. This one has no thread and does all at once."""

    connection: Connection

    def __init__(self, errors: deque[Exception] | None = None) -> None:
        self.errors: deque[Exception] = deque() if errors is None else errors

    def send(self, octets: bytes, arrival_s: float) -> None:
        """Put octets on the way to the client."""
        raise NotImplementedError

    def commit(self) -> bool:
        """Make the store durable. Returns: True when it is done, False when it will be; then `resume` follows."""
        try:
            if (commit := self.connection.service.commit) is not None:
                commit()
        except Exception as error:  # a full disk costs this letter, not the server
            self.connection.engine.commit_failed(f"the store failed: {error}")
        return True

    def elsewhere(self, work: Callable[[], None]) -> bool:
        """Do work where it keeps nobody waiting. Returns: as `commit`."""
        self.run(work)
        return True

    def run(self, work: Callable[[], None]) -> None:
        """Do work on the connection in the network's thread, and wait for it where that can be."""
        try:
            work()
        except Exception as error:
            self.fail(error)

    def listen(self, on: bool) -> None:
        """Take the client's octets again, or leave them where they are for a while."""

    def end(self, *, idle: bool) -> None:
        """End the session from the server's side."""
        self.connection.end(idle=idle)

    def fail(self, error: Exception) -> None:
        """Give up the connection in which a defect of ours came to light."""
        self.errors.append(error)
        self.connection.disconnected()


class Connection:
    """The server's end of one connection: it drives the engine and knows what time it is there."""

    def __init__(self, service: Service, client: End, wire: Wire, transport: Transport, id: str = "1") -> None:
        self.service, self.client, self.wire, self.id = service, client, wire, id
        self._transport = transport
        self._send = transport.send
        transport.connection = self
        self._watched = wire.watched
        self._serve: Callable[[bytes], bytes | None] | None = None  # the engine's short way, where it may be gone
        self._at_s: float | None = None  # the moment at which the engine acts, where octets carry their time with them
        self.closed = False
        self.held = False  # output waits: for a commit, for work done elsewhere, or for a moment
        self.blocked = False  # output waits for the client to read
        self.sent = self.read = 0  # octets; each is written by one thread alone
        self.heard_s = 0.0  # when octets last came, or went to a client that had let them wait
        self._away = False  # held for longer: the client is not listened to
        self._busy = False  # the engine is at work
        self._woken_s: float | None = None  # the moment of a wake that the engine has still to be told of
        self._timer: Call | None = None
        self._tls: TlsEnd | None = None
        self.engine: Engine = _NOT_OPEN
        self.encrypted: Callable[[str | None], None] = lambda version: None  # told of STARTTLS, before the engine is

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
        if self._timer is None:
            self.heard_s = self.at_s
            self._look_again(self.heard_s + self.service.idle_s)
        if self.service.implicit_tls and self._tls is None:
            self._start_tls()
            return
        self.engine = self.service.open(self)
        if self.wire.transcript is not None:
            self.engine.watch = self.wire.label
        # Octets of our own clients carry their time, and a record labels every unit: both go the long way.
        if at_s is None and self._tls is None and not self._watched:
            self._serve = self.engine.serve
        self.pump()

    def receive(self, data: bytes, at_s: float | None = None) -> None:
        """Take octets that have arrived, and answer."""
        if self._serve is not None:
            self._busy = True
            answer = self._serve(data)
            self._busy = False
            if answer is None:
                self.pump()
            else:
                self.sent += len(answer)
                self._send(answer, 0.0)
                if self._woken_s is not None:
                    self.pump()
            return
        if at_s is not None:
            self.heard_s = at_s
            if self._at_s is None or at_s > self._at_s:
                self._at_s = at_s
        if self._tls is not None:
            data = self._decrypt(self._tls, data)
        if data:
            if at_s is None and self._watched:  # a stranger did not say when it sent this
                self.wire.carry("C", data, self.at_s)
            self.engine.feed(data)
        self.pump()

    def pump(self) -> None:
        """Send what the engine has to say, until it waits for input, for a commit, or for the client to read."""
        if self._busy or self.closed:
            return
        self._busy = True
        acting = ACTING.set(self)
        try:
            self._pull()
            while self._woken_s is not None and self._free:
                self._at_s = None if self._at_s is None else max(self._at_s, self._woken_s)
                self._woken_s = None
                self.engine.wake()
                self._pull()
        finally:
            ACTING.reset(acting)
            self._busy = False

    def resume(self, failure: str | None = None) -> None:
        """Go on after what held the output: a commit that was put off, work done elsewhere, a pause."""
        if self.closed:
            return
        self.held = False
        if self._away:
            self._come_back()
            self._transport.listen(True)
        if failure is not None:
            self.engine.commit_failed(failure)
        self.pump()

    def wake(self) -> None:
        """Have the engine say what it has to say unasked, now or as soon as it may; any thread can ask for it.

        It is said at the moment of the session that acts just now, whose commit may have caused it.
        """
        acting = ACTING.get()
        moment_s = self.wire.clock.seconds if acting is None else acting.at_s
        if not self.closed:
            self._transport.run(partial(self._wake, moment_s))

    def end(self, *, idle: bool) -> None:
        """Close the connection from this end, with a word where the engine has one and the client listens."""
        if not (self.closed or self.held or self.blocked):
            self.engine.end(idle=idle)
            self.pump()
            self.engine.disconnected()
        self.disconnected()

    def shut_down(self) -> None:
        """End the session, as its host goes off the network; any thread can ask for it."""
        self._transport.run(self._shut_down)

    def _shut_down(self) -> None:
        if self._at_s is not None:
            self._at_s = max(self._at_s, self.wire.clock.seconds)
        if not self.closed:
            self._transport.end(idle=False)

    def disconnected(self) -> None:
        """Take note that the client is gone."""
        if not self.closed:
            self.closed = True
            self.engine.disconnected()
            self._put_away()

    def forget(self) -> None:
        """Look after the client no longer: its network has come to its end."""
        if self._timer is not None:
            self._timer.cancel()

    # What an engine asks for

    def _pull(self) -> None:
        """Pull from the engine, and do what it says."""
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
            if isinstance(item, Signal):
                _DONE[item](self)
            elif isinstance(item, Pause):
                self._pause(item.seconds)
            elif isinstance(item, Elsewhere):
                self._go_elsewhere(item.work)
            if self.closed:
                break
        if joined:
            self._emit(joined)

    def _commit(self) -> None:
        """Make durable what was stored."""
        if self.service.commit is not None:
            self.held = not self._transport.commit()

    def _close(self) -> None:
        """Close the connection from the server's end."""
        if self._tls is not None:
            self._tls.close()
            self._push(b"", self._tls.outgoing())
        self.closed = True
        self._put_away()

    def _start_tls(self) -> None:
        """Speak TLS from here on; the engine goes on when the handshake is done."""
        assert self.service.tls is not None
        self._tls = self.service.tls()
        self._serve = None

    def _pause(self, seconds: float) -> None:
        """Let what follows leave later. In virtual time a stranger, who lives in real time, is not kept waiting."""
        clock = self.wire.clock
        if self._at_s is not None:
            self._at_s += max(0.0, seconds)
        elif not clock.virtual and seconds > 0:
            self.held = self._away = True
            self._transport.listen(False)
            clock.call_at(clock.seconds + seconds, partial(self._transport.run, self.resume))

    def _go_elsewhere(self, work: Callable[[], None]) -> None:
        """Have work done that may take long."""
        self.held = self._away = True
        if self._transport.elsewhere(work):
            self._come_back()
        else:
            self._transport.listen(False)

    def _come_back(self) -> None:
        """Act again, at the moment to which the clock has moved; the client was not idle, but kept waiting."""
        self.held = self._away = False
        if self._at_s is not None:
            self._at_s = max(self._at_s, self.wire.clock.seconds)
        self.heard_s = max(self.heard_s, self.at_s)

    # What happens unasked

    @property
    def _free(self) -> bool:
        """True when the engine may speak unasked."""
        speaks = self.engine is not _NOT_OPEN and (self._tls is None or self._tls.handshake_done)
        return speaks and not (self.closed or self.held or self.blocked)

    def _wake(self, moment_s: float) -> None:
        self._woken_s = moment_s if self._woken_s is None else max(self._woken_s, moment_s)
        if self._free:
            self.pump()

    def _look_again(self, at_s: float) -> None:
        """Set the timer at whose end the client may have been silent for too long."""
        if at_s < math.inf:
            self._timer = self.wire.clock.call_at(at_s, partial(self._transport.run, self._end_if_idle))

    def _end_if_idle(self) -> None:
        """End the session if the client has been silent for too long; else look again when it will have been.

        While the server is at work, or its octets are still on their way out, the client has nothing to say.
        """
        if self.closed or self._timer is None:
            return
        now_s, idle_s = self._timer.at_s, self.service.idle_s
        busy = self.held or self._busy
        due_s = max(now_s if busy else 0.0, self.heard_s, self.wire.said_s) + idle_s
        if due_s > now_s:
            self._look_again(due_s)
            return
        if self._at_s is not None:
            self._at_s = max(self._at_s, now_s)
        self._transport.end(idle=True)

    def _put_away(self) -> None:
        """Complete the record of a connection that is closed."""
        self.forget()
        self.wire.end(self.at_s)

    # Octets

    def _decrypt(self, tls: TlsEnd, data: bytes) -> bytes:
        """Return the plaintext of octets from the wire, and carry the handshake on."""
        ready = tls.handshake_done
        try:
            tls.receive(data)
            plain = tls.read()
        except ConnectionError:
            self._push(b"", tls.outgoing())  # the alert that says why
            self.disconnected()
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
            self._send(data, 0.0)

    def _push(self, plain: bytes, octets: bytes) -> None:
        if octets:
            arrival_s = self.wire.carry("S", plain, self.at_s, len(octets)) if self._watched else 0.0
            self.sent += len(octets)
            self._send(octets, arrival_s)


_DONE: dict[Signal, Callable[[Connection], None]] = {
    Signal.FLUSH: lambda connection: None,  # what was joined has been sent when a signal is looked at
    Signal.COMMIT: Connection._commit,
    Signal.START_TLS: Connection._start_tls,
    Signal.CLOSE: Connection._close,
}
"""What is done for each signal of an engine."""

ACTING: ContextVar[Connection | None] = ContextVar("acting", default=None)
"""The connection whose engine acts just now, in this thread; None when none does."""


class _NotOpen(Mute):
    """The engine of a connection that is still in its TLS handshake."""

    waiting_for = "a TLS handshake"


_NOT_OPEN = _NotOpen()
