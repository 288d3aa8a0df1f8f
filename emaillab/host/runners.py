"""How are letters handed on in wall time, when a next host may take minutes to answer? Each next host has its lane.

Of the letters for one next host, one is under way at a time, in a thread of its own, until what it came to is stored;
letters for others pass it by. So a host that is slow, or silent, holds up nobody's mail but its own. What the attempts
have come to is stored by one thread alone, which calls `turn` again and again; nothing it does waits for a network.

>>> from emaillab.host.dispatch import DispatchOptions
>>> from emaillab.host.mailhost import MailHost
>>> from emaillab.net.clock import WallClock
>>> smart = DispatchOptions({"*": "smart.example"})
>>> host = MailHost("crepes.fr", ip="192.0.2.25", clock=WallClock(), dispatch=smart)
>>> def dial(exchange: str, cause: str | None) -> Stream:
...     raise ConnectionRefusedError(f"{exchange} is down")
>>> bell: SimpleQueue[None] = SimpleQueue()
>>> with Runners(host.dispatch, dial, woken=lambda: bell.put(None)) as runners:
...     session = Session("crepes.fr", "192.0.2.10", user="alice", now=host.now)
...     _ = host.accept(session, Envelope.plain("alice@crepes.fr", "bob@hamburger.edu"), b"Subject: hi\\r\\n")
...     runners.turn()
...     while runners.busy:
...         bell.get(timeout=60)
...         runners.turn()
>>> host.queue.letters()[0].recipients[0].attempts
1
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from types import TracebackType

from emaillab.host.dispatch import Dial, Dispatch, Made, Transmission
from emaillab.host.relay import Attempt
from emaillab.protocol.backend import Session
from emaillab.protocol.envelope import Envelope
from emaillab.protocol.stream import Stream

__all__ = ["Envelope", "Runners", "Session"]

MOST = 50
"""Threads at a time. Each reads its letter once its next host has said that it is ready for it."""
SMALL, MOST_OCTETS = 1 << 20, 128 << 20
"""Letters that are under way at a time have no more octets together; small ones always find room."""
GRACE_S = 0.3
"""For attempts that are about to end when all stops; what is under way after it is abandoned, and stays queued."""
GATHER_S = 0.02
"""The queue is looked at no more often, so that many letters share a commit."""


@dataclass(slots=True)
class Lane:
    """What waits for one next host, and the attempt that is under way."""

    waiting: deque[Transmission] = field(default_factory=deque)
    under_way: Transmission | None = None
    made: Made | None = None  # what that came to, as soon as it is known
    ended: bool = False  # its thread has nothing more to say
    stream: Stream | None = None  # the connection of this thread


class Runners:
    """The queue runners of one host; a context manager that stops them.

    Args: dial: opens a connection, called in many threads; woken: called by any thread when `turn` has something to do.
    """

    def __init__(self, dispatch: Dispatch, dial: Dial, woken: Callable[[], None], most: int = MOST) -> None:
        self._dispatch, self._dial, self._woken, self._most = dispatch, dial, woken, most
        self._lanes: dict[str, Lane] = {}  # by next host; those that have something to do
        self._news: SimpleQueue[tuple[Lane, Transmission, Attempt | None]] = SimpleQueue()  # None: the thread has ended
        self._looked_s = -GATHER_S
        self._stopped = threading.Event()
        dispatch.queue.watch(woken)

    def __enter__(self) -> Runners:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # What the one thread does

    @property
    def busy(self) -> bool:
        """True while attempts wait, are under way, or have not been stored."""
        return bool(self._lanes or self._dispatch.unrecorded)

    def wait_s(self, most_s: float) -> float:
        """Return how long there is nothing to do, unless somebody is `woken`; at most so long."""
        due_s = self._dispatch.due_s()
        if due_s is None:
            return most_s
        gather_s = self._looked_s + GATHER_S - time.monotonic()
        return min(most_s, max(0.0, due_s - self._dispatch.clock.world.seconds, gather_s))

    def turn(self) -> None:
        """Store what attempts have come to, and begin those that are due; never waits for a network.

        Raises: StoreError when something cannot be stored; the next turn tries again, and nothing begins before that.
        """
        self._record(self._collect())
        self._look()
        self._begin()

    def stop(self) -> None:
        """Begin nothing more, abandon what does not end at once, and store what the others came to."""
        if self._stopped.is_set():
            return
        made = self._collect()
        self._stopped.set()
        self._dispatch.queue.unwatch(self._woken)
        late = list(self._until(time.monotonic() + GRACE_S))
        for lane in self._under_way():
            if (stream := lane.stream) is not None and not lane.ended:
                stream.close()
        late += self._collect()
        # What failed only now may have failed because we hung up.
        made += [one for one in late if any(not reply.temporary for reply in one.attempt.replies.values())]
        known = {id(one.transmission) for one in (*made, *self._dispatch.unrecorded)}
        for lane in self._lanes.values():
            for transmission in (lane.under_way, *lane.waiting):
                if transmission is not None and id(transmission) not in known:
                    self._dispatch.queue.give_back(transmission.letter)
        self._lanes.clear()
        self._record(made)

    def _until(self, end_s: float) -> Iterator[Made]:
        """Give what attempts come to until all have ended, or until a moment on the monotonic clock."""
        yield from self._collect()
        while any(not lane.ended for lane in self._under_way()) and (left_s := end_s - time.monotonic()) > 0:
            try:
                lane, transmission, attempt = self._news.get(timeout=left_s)
            except Empty:
                return
            yield from self._heard(lane, transmission, attempt)

    def _under_way(self) -> list[Lane]:
        return [lane for lane in self._lanes.values() if lane.under_way is not None]

    def _collect(self) -> list[Made]:
        """Return what attempts have come to since the last time."""
        made: list[Made] = []
        while True:
            try:
                news = self._news.get_nowait()
            except Empty:
                return made
            made += self._heard(*news)

    def _heard(self, lane: Lane, transmission: Transmission, attempt: Attempt | None) -> Iterator[Made]:
        """Take in one piece of news."""
        if lane.under_way is not transmission:
            return  # of an attempt that was abandoned
        if attempt is None:
            lane.ended = True
            return
        lane.made = Made(transmission, attempt)
        yield lane.made
        if (
            attempt.unreachable and not self._stopped.is_set()
        ):  # it is not about this letter: all that wait for this host share its fate
            reply = next(iter(attempt.replies.values()))
            for other in lane.waiting:
                yield Made(other, Attempt.same(other.letter, reply))
            lane.waiting.clear()

    def _record(self, made: list[Made]) -> None:
        """Store what attempts came to, and free the lanes of those that are stored."""
        try:
            if made or self._dispatch.unrecorded:
                self._dispatch.record(made)
        finally:
            unrecorded = {id(one) for one in self._dispatch.unrecorded}
            for name, lane in list(self._lanes.items()):
                if lane.ended and id(lane.made) not in unrecorded:
                    lane.under_way, lane.made, lane.ended, lane.stream = None, None, False, None
                if lane.under_way is None and not lane.waiting:
                    del self._lanes[name]

    def _look(self) -> None:
        """Take what is due off the queue, and put it into the lanes of its next hosts."""
        if self._stopped.is_set() or self.wait_s(GATHER_S) > 0:
            return
        self._looked_s = time.monotonic()
        self._dispatch.commit()  # nobody hands on what may still be undone
        settled: list[Made] = []
        for transmission in self._dispatch.take_due():
            found = self._dispatch.find(transmission)
            if isinstance(found, Attempt):
                settled.append(Made(transmission, found))
            else:
                next_host = found[0] if found else transmission.domain
                self._lanes.setdefault(next_host, Lane()).waiting.append(replace(transmission, exchanges=tuple(found)))
        self._record(settled)

    def _begin(self) -> None:
        """Give each free lane a thread, as far as there are threads; who had one goes to the end of the row."""
        running = len(self._under_way())
        octets = sum(lane.under_way.letter.size for lane in self._under_way() if lane.under_way)
        for name, lane in list(self._lanes.items()):
            if self._stopped.is_set() or running >= self._most:
                return
            if lane.under_way is None and lane.waiting:
                size = lane.waiting[0].letter.size
                if size > SMALL and octets and octets + size > MOST_OCTETS:
                    continue
                lane.under_way = transmission = lane.waiting.popleft()
                work = threading.Thread(
                    target=self._run, args=(lane, transmission), name=f"emaillab to {name}", daemon=True
                )
                try:
                    work.start()
                except RuntimeError as error:  # the system has no thread left: the next turn may find one
                    self._dispatch.errors.append(error)
                    lane.waiting.appendleft(transmission)
                    lane.under_way = None
                    return
                running, octets = running + 1, octets + size
                self._lanes[name] = self._lanes.pop(name)

    # What the threads do

    def _run(self, lane: Lane, transmission: Transmission) -> None:
        """Make one attempt; whatever happens, say what it came to, and that it has ended."""
        said = False

        def say(attempt: Attempt) -> None:
            nonlocal said
            said = True
            self._news.put((lane, transmission, attempt))
            self._woken()

        def dial(exchange: str, /, *, cause: str | None) -> Stream:
            if self._stopped.is_set():
                raise ConnectionAbortedError("the host is shutting down")
            lane.stream = stream = self._dial(exchange, cause=cause)
            if self._stopped.is_set():
                stream.close()
            return stream

        try:
            attempt = self._dispatch.attempt(transmission, dial, say)
            if not said:
                say(attempt)
        except BaseException as error:
            if not said:
                say(self._dispatch.failed(transmission, error))
        finally:
            self._news.put((lane, transmission, None))
            self._woken()
