"""What does a host's own clock show? The world's time, perhaps wrong, in the host's zone.

>>> from emaillab.net.clock import VirtualClock
>>> late = HostClock(VirtualClock(), offset_s=-90, zone_h=5.5)
>>> late.now().isoformat(), late.true_s(late.now())
('2026-03-02T14:28:30+05:30', 0.0)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from emaillab.net.clock import Clock


@dataclass(slots=True)
class HostClock:
    """One host's clock; it may be set.

    Args: offset_s: how far it is ahead of the true time; zone_h: its zone, hours east of UTC.
    """

    world: Clock
    offset_s: float = 0.0
    zone_h: float = 0.0

    @property
    def zone(self) -> timezone:
        """The host's time zone."""
        return timezone(timedelta(hours=self.zone_h))

    def now(self, at_s: float | None = None) -> datetime:
        """Return what it shows now, or at a true moment in seconds on the world's clock."""
        true_s = self.world.seconds if at_s is None else at_s
        return self.world.at(true_s + self.offset_s).astimezone(self.zone)

    def true_s(self, shown: datetime) -> float:
        """Return the true moment, in seconds on the world's clock, at which it shows something."""
        return (shown - self.world.start).total_seconds() - self.offset_s
