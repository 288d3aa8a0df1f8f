"""How does one thread serve many connections? It asks the operating system which sockets are ready, and serves those.

>>> loop = Loop()
>>> loop.start()
>>> loop.wait_for(lambda: None), loop.running
(None, True)
>>> loop.stop(); loop.running
False
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from emaillab.net.connection import Connection
from emaillab.net.readiness import READ, Ready, readiness

SWEEP_S = 5.0  # how often silent peers are looked for


class Accepted(Protocol):
    """The server's end of one socket, as the loop sees it."""

    connection: Connection
    ours: bool  # a client of our own, which says when it sends
    heard_s: float  # when octets last came, on the monotonic clock

    def flush(self) -> None:
        """Give the socket what it takes."""

    def resume(self, failure: str | None) -> None:
        """Go on after a commit."""

    def settle(self) -> None:
        """Leave when all is said."""

    def part(self, *, idle: bool) -> None:
        """End the session from this side."""

    def abandon(self) -> None:
        """Leave at once."""


class Loop:
    """One daemon thread that waits for many sockets and serves them in turns.

    In a turn all engines answer what has come, then each store commits once for all its sessions, then all answers go
    out: so many sessions share one fsync, and peers are woken when the work is done.
    """

    def __init__(self) -> None:
        self.accepted: set[Accepted] = set()
        self._sockets = readiness()
        self._calls: deque[Callable[[], None]] = deque()
        self.uncommitted: list[Accepted] = []  # answers of these stand behind a commit
        self.sending: list[Accepted] = []  # octets for these go out at the end of the turn
        self.watch, self.forget = self._sockets.watch, self._sockets.forget
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._thread: threading.Thread | None = None
        self._resting: list[tuple[socket.socket, Ready]] = []
        self._stopped = False
        self.turn_s = time.monotonic()  # when the present turn began
        self.errors: deque[Exception] = deque(maxlen=20)  # the latest defects of ours; each cost one connection

    def start(self) -> None:
        """Start the thread, once."""
        if self._thread is None:
            self.watch(self._bell, READ, self._wake)
            self._thread = threading.Thread(target=self._run, name="emaillab network", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Close all sockets and end the thread."""
        self._stopped = True
        if self._thread is not None and self._thread is not threading.current_thread():
            self.call(lambda: None)
            self._thread.join(5)

    def call(self, work: Callable[[], None]) -> None:
        """Have work done in the loop's thread."""
        self._calls.append(work)
        with contextlib.suppress(OSError):
            self._rope.send(b"!")

    @property
    def running(self) -> bool:
        """True while the thread lives."""
        return self._thread is not None and self._thread.is_alive() and not self._stopped

    def wait_for(self, work: Callable[[], None]) -> None:
        """Have work done in the loop's thread and wait for its end."""
        if not self.running or self._thread is threading.current_thread():
            work()
            return
        done = threading.Event()
        self.call(work)
        self.call(done.set)
        while not done.wait(0.2) and self.running:
            pass

    def rest(self, sock: socket.socket, ready: Ready) -> None:
        """Leave a listening socket alone until the next sweep."""
        self.forget(sock)
        self._resting.append((sock, ready))

    def _run(self) -> None:
        swept_s = self.turn_s
        while not self._stopped:
            called = self._sockets.wait(0 if self.sending else SWEEP_S)
            self.turn_s = time.monotonic()
            for ready in called:
                try:
                    ready()
                except Exception as error:
                    self._abandon(getattr(ready, "__self__", None), error)
            while self._calls:
                self._calls.popleft()()
            while self.uncommitted:
                self._commit()
            sending, self.sending = self.sending, []
            for accepted in sending:
                try:
                    accepted.flush()
                except Exception as error:
                    self._abandon(accepted, error)
            if self.turn_s - swept_s > SWEEP_S:
                swept_s = self.turn_s
                self._sweep(swept_s)
        self._shut()

    def _commit(self) -> None:
        """Commit each store once, then let every session that waited for it go on."""
        waiting, self.uncommitted = self.uncommitted, []
        failures: dict[Callable[[], None] | None, str | None] = {}
        for commit in {accepted.connection.service.commit for accepted in waiting}:
            try:
                if commit is not None:
                    commit()
                failures[commit] = None
            except Exception as error:  # a full disk costs these letters, not the server
                failures[commit] = f"the store failed: {error}"
        for accepted in waiting:
            try:
                accepted.resume(failures[accepted.connection.service.commit])
            except Exception as error:
                self._abandon(accepted, error)

    def _abandon(self, accepted: Any, error: Exception) -> None:
        """Give up the connection in which a defect of ours came to light; all others go on."""
        self.errors.append(error)
        if accepted in self.accepted:
            accepted.abandon()

    def _sweep(self, now_s: float) -> None:
        """Cut off strangers that have been silent for too long, and listen again where there was no room."""
        resting, self._resting = self._resting, []
        for sock, listen in resting:
            if sock.fileno() >= 0:
                self.watch(sock, READ, listen)
        for accepted in [a for a in self.accepted if not a.ours]:
            if now_s - accepted.heard_s > accepted.connection.service.idle_s:
                self._part(accepted, idle=True)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._bell.recv(4096)

    def _part(self, accepted: Accepted, *, idle: bool) -> None:
        try:
            accepted.part(idle=idle)
        except Exception as error:
            self._abandon(accepted, error)

    def _shut(self) -> None:
        for accepted in [a for a in self.accepted if not a.ours]:
            self._part(accepted, idle=False)
        self._sockets.close()
        self._rope.close()
