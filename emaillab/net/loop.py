"""How does one thread serve many connections? It asks the operating system which sockets are ready, and serves those.

>>> from emaillab.net.clock import VirtualClock
>>> loop = Loop(VirtualClock())
>>> loop.start()
>>> loop.wait_for(lambda: None), loop.running
(None, True)
>>> loop.stop(); loop.running
False
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from emaillab.net.clock import Clock
from emaillab.net.connection import ACTING, Connection
from emaillab.net.readiness import READ, Ready, readiness
from emaillab.net.workers import Workers

SWEEP_S = 5.0  # how often listening sockets for which there was no room are tried again


class Accepted(Protocol):
    """The server's end of one socket, as the loop sees it. But for `flush`, nothing here raises."""

    connection: Connection
    ours: bool  # a client of our own, which says when it sends

    def flush(self) -> None:
        """Give the socket what it takes."""

    def resume(self, failure: str | None) -> None:
        """Go on after a commit."""

    def settle(self) -> None:
        """Leave when all is said."""

    def fail(self, error: Exception) -> None:
        """Give up the connection in which a defect of ours came to light."""

    def shut(self) -> None:
        """Leave as the network ends."""


class _Thread(threading.Thread):
    """A loop's own thread; two of them never wait for each other."""


class Loop:
    """One daemon thread that waits for many sockets and serves them in turns.

    In a turn all engines answer what has come, then each store commits once for all its sessions, then all answers go
    out: so many sessions share one fsync, and peers are woken when the work is done. On a clock that runs by itself,
    the thread also does what is due.
    """

    def __init__(self, clock: Clock, errors: deque[Exception] | None = None) -> None:
        self.clock = clock
        self._is_told = clock.virtual  # when time passes: who tells it does what is due
        self.accepted: set[Accepted] = set()
        self._sockets = readiness()
        self._calls: deque[Callable[[], None]] = deque()
        self._waiting: list[threading.Event] = []  # for the end of the turn
        self.uncommitted: list[Accepted] = []  # answers of these stand behind a commit
        self.touched: list[Accepted] = []  # these settle when all is committed
        self.sending: list[Accepted] = []  # octets for these go out at the end of the turn
        self.watch, self.forget = self._sockets.watch, self._sockets.forget
        self._wakeup_reader, self._wakeup_writer = socket.socketpair()
        self._wakeup_reader.setblocking(False)
        self._wakeup_writer.setblocking(False)
        self._thread: threading.Thread | None = None
        self._resting: list[tuple[socket.socket, Ready]] = []
        self._stopped = False
        self.turn_s = clock.seconds  # when the present turn began
        self.errors: deque[Exception] = deque(maxlen=20) if errors is None else errors
        self.workers = Workers()

    def start(self) -> None:
        """Start the thread, once."""
        if self._thread is None:
            self.watch(self._wakeup_reader, READ, self._take_wakeups)
            self.clock.attach(self._wake_up)
            self._thread = _Thread(target=self._run, name="emaillab network", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Close all sockets and end the thread."""
        self._stopped = True
        self.clock.detach(self._wake_up)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._wake_up()
            self._thread.join(5)
        self.workers.stop()

    def call(self, work: Callable[[], None]) -> None:
        """Have work done in the loop's thread."""
        self._calls.append(work)
        self._wake_up()

    @property
    def running(self) -> bool:
        """True while the thread lives."""
        return self._thread is not None and self._thread.is_alive() and not self._stopped

    def wait_for(self, work: Callable[[], None]) -> None:
        """Have work done in the loop's thread and wait until that turn is over: all committed, settled and sent.

        The loop's thread does it at once; another loop's thread does not wait; a loop that has ended does nothing.
        """
        thread = threading.current_thread()
        if thread is self._thread:
            work()
        elif isinstance(thread, _Thread):
            self.call(work)
        elif self.running:
            done = threading.Event()

            def do() -> None:
                self._waiting.append(done)
                work()

            self.call(do)
            while not done.wait(0.2) and self.running:
                pass

    def rest(self, sock: socket.socket, ready: Ready) -> None:
        """Leave a listening socket alone until the next sweep."""
        self.forget(sock)
        self._resting.append((sock, ready))

    def _run(self) -> None:
        swept_s = time.monotonic()
        self.turn_s = self.clock.seconds
        while not self._stopped:
            called = self._sockets.wait(self._patience_s())
            self.turn_s = self.clock.seconds
            for ready in called:
                try:
                    ready()
                except Exception as error:
                    self.errors.append(error)
            if not self._is_told and self.clock.idle_until_s <= self.turn_s:
                self.clock.do_due()
            while self._calls:
                self._try(self._calls.popleft())
            while self.uncommitted:
                self._commit()
            if self.touched:
                self._settle()
            sending, self.sending = self.sending, []
            for accepted in sending:
                try:
                    accepted.flush()
                except Exception as error:
                    accepted.fail(error)
            while self._waiting:
                self._waiting.pop().set()
            if self._resting and time.monotonic() - swept_s > SWEEP_S:
                swept_s = time.monotonic()
                self._sweep()
        self._shut()

    def _patience_s(self) -> float | None:
        """Return how long the loop may wait for a socket; None when nothing else is to be done."""
        if self.sending or self.touched or self._calls:
            return 0.0
        until_s = math.inf if self._is_told else self.clock.idle_until_s
        if until_s == math.inf:
            return SWEEP_S if self._resting else None
        wait_s = max(0.0, until_s - self.turn_s)
        return min(wait_s, SWEEP_S) if self._resting else wait_s

    def _try(self, work: Callable[[], None]) -> None:
        """Do work that belongs to nobody's connection; a defect in it ends nothing."""
        try:
            work()
        except Exception as error:
            self.errors.append(error)

    def _commit(self) -> None:
        """Commit each store once, then let every session that waited for it go on.

        Whoever is woken by a commit is woken at the moment of the latest session that asked for it.
        """
        waiting, self.uncommitted = self.uncommitted, []
        failures: dict[Callable[[], None] | None, str | None] = {}
        for commit in dict.fromkeys(accepted.connection.service.commit for accepted in waiting):
            asking = [accepted.connection for accepted in waiting if accepted.connection.service.commit == commit]
            acting = ACTING.set(max(asking, key=_moment_of) if len(asking) > 1 else asking[0])
            try:
                if commit is not None:
                    commit()
                failures[commit] = None
            except Exception as error:  # a full disk costs these letters, not the server
                failures[commit] = f"the store failed: {error}"
            finally:
                ACTING.reset(acting)
        for accepted in waiting:
            accepted.resume(failures[accepted.connection.service.commit])

    def _settle(self) -> None:
        while self.touched:
            touched, self.touched = self.touched, []
            for accepted in touched:
                accepted.settle()

    def _sweep(self) -> None:
        """Listen again where there was no room."""
        resting, self._resting = self._resting, []
        for sock, listen in resting:
            if sock.fileno() >= 0:
                self.watch(sock, READ, listen)

    def _wake_up(self) -> None:
        """End the wait for sockets, called from another thread; the loop's own is not waiting."""
        if threading.current_thread() is not self._thread:
            with contextlib.suppress(OSError):
                self._wakeup_writer.send(b"!")

    def _take_wakeups(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wakeup_reader.recv(4096)

    def _shut(self) -> None:
        for accepted in list(self.accepted):
            accepted.shut()
        self._sockets.close()
        self._wakeup_writer.close()


def _moment_of(connection: Connection) -> float:
    return connection.at_s
