"""What time is it? One clock for a whole world, so that five days can pass in a millisecond, or in five days.

>>> clock = VirtualClock()
>>> clock.advance(hours=4, minutes=30)
>>> clock.now().isoformat(), clock.seconds
('2026-03-02T13:30:00+00:00', 16200.0)
>>> clock.move_to(10.0); clock.seconds  # time never runs backwards
16200.0
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

COURSE_BEGINS = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday morning; any fixed moment would do
LONGEST_S = 1000 * 365.25 * 86400  # a calendar ends in the year 9999


def span_s(seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> float:
    """Return a span of time in seconds. Raises: ValueError for a step backwards, or one without end."""
    span = seconds + 60 * (minutes + 60 * (hours + 24 * days))
    if span < 0:
        raise ValueError(f"time does not run backwards: cannot advance by {span} s")
    if not span <= LONGEST_S:
        raise ValueError(f"time passes in spans of at most a thousand years, not of {span} s")
    return span


class Clock(Protocol):
    """The time of a world, in seconds since the clock was started."""

    start: datetime

    @property
    def seconds(self) -> float:
        """Seconds since `start`."""

    @property
    def virtual(self) -> bool:
        """True when time moves only by being told to."""

    def move_to(self, seconds: float) -> None:
        """Let time pass until `seconds` after `start`; a moment in the past changes nothing."""

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

    @property
    def seconds(self) -> float:
        raise NotImplementedError

    def move_to(self, seconds: float) -> None:
        raise NotImplementedError

    def at(self, seconds: float) -> datetime:
        """Return a moment, given in seconds since `start`, as an aware datetime."""
        return self.start + timedelta(seconds=seconds)

    def now(self) -> datetime:
        """Return the present as an aware datetime."""
        return self.at(self.seconds)

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let some time pass. Raises: ValueError for a step backwards."""
        self.move_to(self.seconds + span_s(seconds, minutes, hours, days))


class VirtualClock(_Clock):
    """Time that moves only when told: by a link's latency, by octets over bandwidth, and by `advance`."""

    virtual = True

    def __init__(self, start: datetime = COURSE_BEGINS) -> None:
        super().__init__(start)
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        """Seconds since `start`."""
        return self._seconds

    def move_to(self, seconds: float) -> None:
        """Let time pass until `seconds` after `start`; a moment in the past changes nothing."""
        self._seconds = max(self._seconds, seconds)


class WallClock(_Clock):
    """The time on the wall: waiting takes as long as it takes."""

    virtual = False

    def __init__(self) -> None:
        super().__init__(datetime.now(UTC))
        self._zero = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since `start`."""
        return time.monotonic() - self._zero

    def move_to(self, seconds: float) -> None:
        """Sleep until `seconds` after `start`."""
        time.sleep(max(0.0, seconds - self.seconds))
