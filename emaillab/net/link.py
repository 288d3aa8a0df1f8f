"""How long do octets travel between two hosts, and who records them on their way?

>>> from emaillab.net.clock import VirtualClock
>>> wire = Wire(VirtualClock(), Link(latency_s=0.1, bandwidth=1000), transcript=None)
>>> round(wire.carry("C", b"QUIT\\r\\n", now_s=0.0), 3)
0.106
>>> round(wire.carry("C", bytes(1000), now_s=0.0), 3)  # it leaves behind those that were sent before it
1.106
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from emaillab.engine import Step
from emaillab.net.chunk import Chunk, Side
from emaillab.net.clock import Clock
from emaillab.net.transcript import Label, Transcript


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


@dataclass(slots=True)
class Wire:
    """One connection's way: when octets arrive, and the record of them."""

    clock: Clock
    link: Link
    transcript: Transcript | None
    tls: bool = False
    ended: Callable[[Transcript], None] | None = None  # told when the record is complete
    _free_s: dict[Side, float] = field(default_factory=lambda: {"C": 0.0, "S": 0.0})

    @property
    def watched(self) -> bool:
        """False for a stranger's line: it takes the time it takes, and nobody keeps a record."""
        return self.transcript is not None or self.link != _NO_LINK

    @property
    def said_s(self) -> float:
        """When the last octet of the server leaves, of those that were carried."""
        return self._free_s["S"]

    def carry(self, side: Side, data: bytes, now_s: float, octets: int | None = None) -> float:
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

    def label(self, step: Step) -> None:
        """Record what the engine made of a unit."""
        assert self.transcript is not None
        names = (step.verb, step.outcome.value, step.before, step.after, step.phase)
        self.transcript.labelled(Label(*names, step.consumed, step.produced))
