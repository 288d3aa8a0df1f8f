"""What time is it, and what is due? One clock for a whole world: five days can pass in a millisecond, or in five days.

>>> clock = VirtualClock()
>>> clock.advance(hours=4, minutes=30)
>>> clock.now().isoformat(), clock.seconds
('2026-03-02T13:30:00+00:00', 16200.0)
>>> clock.move_to(10.0); clock.seconds  # time never runs backwards
16200.0
>>> call = clock.call_at(16260.0, lambda: print("it is", clock.seconds, "s"))
>>> clock.advance(hours=1)
it is 16260.0 s
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

COURSE_BEGINS = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday morning; any fixed moment would do
LONGEST_S = 1000 * 365.25 * 86400  # a calendar ends in the year 9999
NAP_S = 0.2  # the longest sleep in one piece: another thread may put something on the clock meanwhile
FEW = 64  # so many cancelled calls are never worth the work of clearing them away


def span_s(seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> float:
    """Return a span of time in seconds. Raises: ValueError for a step backwards, or one without end."""
    span = seconds + 60 * (minutes + 60 * (hours + 24 * days))
    if span < 0:
        raise ValueError(f"time does not run backwards: cannot advance by {span} s")
    if not span <= LONGEST_S:
        raise ValueError(f"time passes in spans of at most a thousand years, not of {span} s")
    return span


class Call:
    """One piece of work that was put on a clock; `cancel` takes it off again."""

    __slots__ = ("_schedule", "at_s", "work")

    def __init__(self, at_s: float, work: Callable[[], None], schedule: Schedule) -> None:
        self.at_s = at_s
        self.work: Callable[[], None] | None = work  # None when it is done or cancelled
        self._schedule = schedule

    def cancel(self) -> None:
        """Take the work off the clock; harmless when it is done."""
        self._schedule.cancel(self)


class Schedule:
    """What is on a clock, in order of time, and for one moment in the order in which it was put there.

    Any thread may use it. Cancelled calls stay until their turn comes, or until they are more than half of all.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Call]] = []
        self._numbers = itertools.count()
        self._cancelled = 0
        self._lock = threading.Lock()
        self.first_s = math.inf  # nothing is due before this moment: a glance without the lock

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, at_s: float, work: Callable[[], None]) -> Call:
        """Put work on the clock. Raises: ValueError for a moment that never comes."""
        if math.isnan(at_s):
            raise ValueError("a clock never shows nan: nothing can be done then")
        call = Call(at_s, work, self)
        with self._lock:
            heapq.heappush(self._heap, (at_s, next(self._numbers), call))
            self.first_s = self._heap[0][0]
        return call

    @property
    def next_s(self) -> float | None:
        """When the next call is due; None when nothing is on the clock."""
        with self._lock:
            self._drop_cancelled()
            return self._heap[0][0] if self._heap else None

    def take(self, until_s: float) -> tuple[float, Callable[[], None]] | None:
        """Remove the next call that is due by a moment, and return when it was and what is to be done."""
        with self._lock:
            self._drop_cancelled()
            if not self._heap or self._heap[0][0] > until_s:
                return None
            at_s, _, call = heapq.heappop(self._heap)
            work, call.work = call.work, None
            self._drop_cancelled()
            assert work is not None
            return at_s, work

    def cancel(self, call: Call) -> None:
        """Take a call off the clock, and clear such calls away before they pile up."""
        with self._lock:
            if call.work is None:
                return
            call.work = None
            self._cancelled += 1
            if self._cancelled > FEW and 2 * self._cancelled > len(self._heap):
                self._heap = [entry for entry in self._heap if entry[2].work is not None]
                heapq.heapify(self._heap)
                self._cancelled = 0

    def _drop_cancelled(self) -> None:
        while self._heap and self._heap[0][2].work is None:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        self.first_s = self._heap[0][0] if self._heap else math.inf


class Clock(Protocol):
    """The time of a world, in seconds since the clock was started."""

    start: datetime
    errors: deque[Exception]
    """The latest defects that came to light in work on the clock; each cost that work alone."""

    @property
    def seconds(self) -> float:
        """Seconds since `start`."""

    @property
    def virtual(self) -> bool:
        """True when time moves only by being told to."""

    @property
    def next_s(self) -> float | None:
        """When the next work on the clock is due; None when there is none."""

    @property
    def idle_until_s(self) -> float:
        """A moment before which nothing is due; infinity when nothing is on the clock. A glance that waits for nobody."""

    def move_to(self, seconds: float) -> None:
        """Let time pass until `seconds` after `start`; a moment in the past changes nothing."""

    def call_at(self, seconds: float, work: Callable[[], None]) -> Call:
        """Have work done at a moment; at a moment in the past, as soon as time passes."""

    def do_due(self) -> None:
        """Do what is due by now."""

    def attach(self, woken: Callable[[], None]) -> None:
        """Leave it to a thread to do what is due, where time passes by itself; `woken` tells it of a new first call."""

    def detach(self, woken: Callable[[], None]) -> None:
        """Take note that this thread has ended."""

    def at(self, seconds: float) -> datetime:
        """Return a moment as an aware datetime."""

    def now(self) -> datetime:
        """Return the present as an aware datetime."""

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let some time pass."""


class _Clock:
    """What both clocks share."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"a clock starts at a moment with a time zone, {start!r} has none")
        self.start = start
        self.errors: deque[Exception] = deque(maxlen=20)
        self._schedule = Schedule()

    @property
    def seconds(self) -> float:
        raise NotImplementedError

    def move_to(self, seconds: float) -> None:
        raise NotImplementedError

    @property
    def next_s(self) -> float | None:
        """When the next work on the clock is due; None when there is none."""
        return self._schedule.next_s

    @property
    def idle_until_s(self) -> float:
        """A moment before which nothing is due; infinity when nothing is on the clock."""
        return self._schedule.first_s

    def call_at(self, seconds: float, work: Callable[[], None]) -> Call:
        """Have work done at a moment; at a moment in the past, as soon as time passes."""
        return self._schedule.add(seconds, work)

    def do_due(self) -> None:
        """Do what is due by now."""
        while self._schedule.first_s <= self.seconds and (due := self._schedule.take(self.seconds)) is not None:
            self._do(due[1])

    def at(self, seconds: float) -> datetime:
        """Return a moment, given in seconds since `start`, as an aware datetime."""
        return self.start + timedelta(seconds=seconds)

    def now(self) -> datetime:
        """Return the present as an aware datetime."""
        return self.at(self.seconds)

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let some time pass. Raises: ValueError for a step backwards."""
        self.move_to(self.seconds + span_s(seconds, minutes, hours, days))

    def _do(self, work: Callable[[], None]) -> None:
        """Do one piece of work; a defect in it costs nobody else anything."""
        try:
            work()
        except Exception as error:
            self.errors.append(error)


class VirtualClock(_Clock):
    """Time that moves only when told: by a link's latency, by octets over bandwidth, and by `advance`.

    Whoever moves it does on the way what is due, each at its own moment. Such work may move time on itself, and put
    more on the clock.
    """

    virtual = True

    def __init__(self, start: datetime = COURSE_BEGINS) -> None:
        super().__init__(start)
        self._seconds = 0.0
        self._moving = threading.Lock()

    @property
    def seconds(self) -> float:
        """Seconds since `start`."""
        return self._seconds

    def move_to(self, seconds: float) -> None:
        """Let time pass until `seconds` after `start`; a moment in the past changes nothing."""
        while (work := self._step(seconds)) is not None:
            self._do(work)

    def attach(self, woken: Callable[[], None]) -> None:
        """Do nothing: whoever moves this clock does what is due."""

    def detach(self, woken: Callable[[], None]) -> None:
        """Do nothing."""

    def _step(self, until_s: float) -> Callable[[], None] | None:
        """Move on to the next call that is due and return what is to be done, or move on to the end."""
        with self._moving:
            due = self._schedule.take(max(until_s, self._seconds))
            self._seconds = max(self._seconds, until_s if due is None else due[0])
            return None if due is None else due[1]


class WallClock(_Clock):
    """The time on the wall: waiting takes as long as it takes.

    What is due is done by the thread of a network that is attached, else by whoever lets time pass.
    """

    virtual = False

    def __init__(self) -> None:
        super().__init__(datetime.now(UTC))
        self._zero = time.monotonic()
        self._attached: list[Callable[[], None]] = []

    @property
    def seconds(self) -> float:
        """Seconds since `start`."""
        return time.monotonic() - self._zero

    def move_to(self, seconds: float) -> None:
        """Sleep until `seconds` after `start`."""
        while (rest_s := seconds - self.seconds) > 0:
            next_s = None if self._attached else self.next_s
            nap_s = rest_s if next_s is None else min(rest_s, next_s - self.seconds)
            if nap_s > 0:
                time.sleep(min(nap_s, NAP_S))
            else:
                self.do_due()
        if not self._attached:
            self.do_due()

    def call_at(self, seconds: float, work: Callable[[], None]) -> Call:
        """Have work done at a moment; at a moment in the past, as soon as possible."""
        call = self._schedule.add(seconds, work)
        if seconds <= self._schedule.first_s:
            for woken in tuple(self._attached):
                woken()
        return call

    def attach(self, woken: Callable[[], None]) -> None:
        """Leave it to a thread to do what is due; `woken` tells it of a new first call."""
        self._attached.append(woken)

    def detach(self, woken: Callable[[], None]) -> None:
        """Take note that this thread has ended."""
        if woken in self._attached:
            self._attached.remove(woken)
