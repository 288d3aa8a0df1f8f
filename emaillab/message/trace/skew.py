"""Whose clock is wrong, and by how much? What a chain of stamps tells of the clocks, and what it never tells.

    stamp_i = true_i + s_i          s_i: how far the clock of hop i is ahead
    d_i     = D_i + s_i - s_(i-1)   d_i: delay between the stamps, D_i: true delay

A chain of n stamps has n - 1 differences for n offsets. So even who knows all true delays learns only how the clocks
differ from each other, until one of them is known. Who knows no true delay still knows that none is negative.
The sum of all d_i is the last stamp less the first: the clocks in between cancel out.

>>> path = trace(b'''Received: by c; Mon, 3 Mar 2025 12:00:05 +0000
... Received: by b; Mon, 3 Mar 2025 11:59:42 +0000
... Received: by a; Mon, 3 Mar 2025 12:00:00 +0000
...
... ''')
>>> print(infer_offsets(path, true_delays=[2, 3]))
clock  state       offset
a      difference  0 s against a
b      difference  -20 s against a
c      difference  0 s against a
stamped total 5 s: the delays add up to it whatever the clocks between first and last show
>>> print(infer_offsets(path, anchors={"a": 0, "c": 0}))
clock  state       offset
a      determined  0 s
b      bounded     -23 s to -18 s
c      determined  0 s
stamped total 5 s: the delays add up to it whatever the clocks between first and last show
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal

from emaillab.message.trace.path import Hop, Trace, shown, trace

State = Literal["determined", "difference", "bounded", "open"]
Anchors = Mapping[int | str, float]


@dataclass(frozen=True, slots=True)
class Offset:
    """What the stamps tell of one hop's clock; all in seconds, ahead is positive, each good to ±1 s."""

    place: int
    """Index of the hop in the path."""
    host: str
    state: State
    """determined; difference: only against other clocks; bounded: from one side or both; open: not at all."""
    offset_s: float | None
    """How far ahead the clock is, when that is determined."""
    against: int | None
    """Index of the hop whose clock this one can be compared with, when it is a mere difference."""
    difference_s: float | None
    """How far ahead of that clock it is."""
    low_s: float | None
    high_s: float | None
    """Between which bounds the offset lies, for a true delay is never negative; None where there is no bound."""

    def __str__(self) -> str:
        if self.offset_s is not None:
            return f"{_signed(self.offset_s)} s"
        if self.low_s is not None and self.high_s is not None:
            return f"{_signed(self.low_s)} s to {_signed(self.high_s)} s"
        if self.low_s is not None:
            return f"at least {_signed(self.low_s)} s"
        return "not told" if self.high_s is None else f"at most {_signed(self.high_s)} s"


@dataclass(frozen=True, slots=True)
class Step:
    """The delay from one readable stamp to the next: as stamped, and the true one as far as it can be inferred."""

    start: int
    end: int
    """Indices of the two hops; there are hops between them when those have unreadable times."""
    stamped_s: float
    true_s: float | None
    low_s: float
    high_s: float | None


@dataclass(frozen=True, slots=True)
class Offsets:
    """The clocks of a path, and its delays once they are allowed for."""

    path: Trace
    clocks: tuple[Offset, ...]
    steps: tuple[Step, ...]

    def __iter__(self) -> Iterator[Offset]:
        return iter(self.clocks)

    def __getitem__(self, place: int) -> Offset:
        return self.clocks[place]

    @property
    def determined(self) -> tuple[Offset, ...]:
        """List the clocks whose offset is known."""
        return tuple(clock for clock in self.clocks if clock.state == "determined")

    @property
    def undetermined(self) -> tuple[Offset, ...]:
        """List the clocks whose offset is not known, though some of their differences may be."""
        return tuple(clock for clock in self.clocks if clock.state != "determined")

    @property
    def total_s(self) -> float | None:
        """Tell the sum of all stamped delays, the last stamp less the first."""
        return self.path.total_s

    def __str__(self) -> str:
        rows = [("clock", "state", "offset")]
        for clock in self.clocks:
            said = str(clock)
            if clock.state == "difference" and clock.against is not None:
                said = f"{_signed(clock.difference_s or 0.0)} s against {self.clocks[clock.against].host}"
            rows.append((clock.host, clock.state, said))
        widths = [max(len(row[column]) for row in rows) for column in range(2)]
        lines = [f"{host:{widths[0]}}  {state:{widths[1]}}  {said}" for host, state, said in rows]
        if self.total_s is not None:
            lines.append(
                f"stamped total {self.total_s:,.0f} s: the delays add up to it"
                " whatever the clocks between first and last show"
            )
        return "\n".join(lines)


def infer_offsets(
    path: Trace | bytes,
    true_delays: Sequence[float | None] | None = None,
    anchors: Anchors | None = None,
) -> Offsets:
    """Tell what the stamps say about the clocks, and what they do not.

    Arguments: `true_delays` in seconds, one for each hop but the first, None where it is not known; `anchors` are the
    offsets of clocks that are known, by the hop's index or its `by` (0 for a clock that is right).

    Raises: ValueError for delays that are too many or too few, or negative; KeyError for an anchor not on the path.
    """
    if isinstance(path, bytes):
        path = trace(path)
    delays = _checked(path, true_delays)
    known = _places(path, anchors or {})
    seen = [place for place, hop in enumerate(path) if hop.time is not None]
    groups = _groups(path, seen, delays)
    offsets = {place: offset for group in groups for place, offset in _determine(path, group, known).items()}
    least_s = list(accumulate(delay or 0.0 for delay in delays))  # at least so much true time since the first hop
    anchored = sorted(offsets)
    bounds = {place: _bounds(path, place, least_s, offsets, anchored) for place in seen}
    group_of = {place: group for group in groups for place in group}
    clocks = [
        _clock(place, hop, group_of.get(place, {}), offsets.get(place), *bounds.get(place, (None, None)))
        for place, hop in enumerate(path)
    ]
    steps = tuple(_step(path, a, b, delays, bounds) for a, b in pairwise(seen))
    return Offsets(path, tuple(clocks), steps)


def _checked(path: Trace, true_delays: Sequence[float | None] | None) -> list[float | None]:
    """Return the true delay before each hop; before the first there is none."""
    steps = max(len(path) - 1, 0)
    if true_delays is None:
        return [None] * (steps + 1)
    if len(true_delays) != steps:
        raise ValueError(f"a path of {len(path)} hops has {steps} delays, but {len(true_delays)} are given")
    if any(delay is not None and delay < 0 for delay in true_delays):
        raise ValueError("a true delay is never negative: nothing arrives before it was sent")
    return [None, *true_delays]


def _places(path: Trace, anchors: Anchors) -> dict[int, float]:
    """Find the hops of the anchors; a host's clock is the same at each of its hops."""
    found: dict[int, float] = {}
    for key, offset_s in anchors.items():
        here = [place for place, hop in enumerate(path) if place == key or (isinstance(key, str) and hop.by == key)]
        if not here:
            raise KeyError(f"no hop {key!r} on this path, only {', '.join(hop.by or '?' for hop in path)}")
        found |= dict.fromkeys(here, offset_s)
    return found


def _stamped(path: Trace, start: int, end: int) -> float:
    """Return the seconds between the stamps of two hops that have one."""
    first, last = path[start].time, path[end].time
    assert first is not None and last is not None
    return (last - first).total_seconds()


def _sum(delays: list[float | None]) -> float | None:
    """Return what true delays take together; None when one of them is not known."""
    known = [delay for delay in delays if delay is not None]
    return sum(known) if len(known) == len(delays) else None


def _groups(path: Trace, seen: list[int], delays: list[float | None]) -> list[dict[int, float]]:
    """Join neighbours whose true delay is known: their clocks can be compared. Each is {hop: offset against first}."""
    groups: list[dict[int, float]] = [{seen[0]: 0.0}] if seen else []
    for a, b in pairwise(seen):
        true_s = _sum(delays[a + 1 : b + 1])
        if true_s is None:
            groups.append({b: 0.0})
        else:
            groups[-1][b] = groups[-1][a] + _stamped(path, a, b) - true_s
    return groups


def _determine(path: Trace, group: dict[int, float], known: dict[int, float]) -> dict[int, float]:
    """Return the offsets of a group in which one is known; each hop takes the nearest anchor."""
    anchors = [place for place in group if place in known]
    found = {}
    for place, relative in group.items() if anchors else ():
        between = bisect(anchors, place)
        nearest = min(anchors[max(between - 1, 0) : between + 1], key=lambda anchor: abs(anchor - place))
        found[place] = known[nearest] + relative - group[nearest]
    return found


def _bounds(
    path: Trace, place: int, least_s: list[float], offsets: dict[int, float], anchored: list[int]
) -> tuple[float | None, float | None]:
    """Bound an offset: the letter cannot have come here before it left an earlier hop, nor left after it arrived."""
    if place in offsets:
        return offsets[place], offsets[place]
    low = high = None
    between = bisect(anchored, place)
    if between > 0:
        earlier = anchored[between - 1]
        high = offsets[earlier] + _stamped(path, earlier, place) - (least_s[place] - least_s[earlier])
    if between < len(anchored):
        later = anchored[between]
        low = offsets[later] - _stamped(path, place, later) + (least_s[later] - least_s[place])
    return low, high


def _clock(
    place: int, hop: Hop, group: dict[int, float], offset_s: float | None, low_s: float | None, high_s: float | None
) -> Offset:
    host = shown(hop.by) if hop.by else f"hop {place + 1}"
    if offset_s is not None:
        return Offset(place, host, "determined", offset_s, None, None, offset_s, offset_s)
    against = next(iter(group)) if len(group) > 1 else None
    bounded = low_s is not None or high_s is not None
    state: State = "difference" if against is not None else "bounded" if bounded else "open"
    return Offset(place, host, state, None, against, group.get(place) if against is not None else None, low_s, high_s)


def _step(
    path: Trace,
    start: int,
    end: int,
    delays: list[float | None],
    bounds: dict[int, tuple[float | None, float | None]],
) -> Step:
    """Infer the true delay between two stamps: what is left when the clocks' difference is taken off."""
    stamped_s = _stamped(path, start, end)
    if (true_s := _sum(delays[start + 1 : end + 1])) is not None:
        return Step(start, end, stamped_s, true_s, true_s, true_s)
    least_s = sum(delay or 0.0 for delay in delays[start + 1 : end + 1])
    (a_low, a_high), (b_low, b_high) = bounds[start], bounds[end]
    low = stamped_s - (b_high - a_low) if b_high is not None and a_low is not None else least_s
    high = stamped_s - (b_low - a_high) if b_low is not None and a_high is not None else None
    true_s = low if low == high else None
    return Step(start, end, stamped_s, true_s, max(low, least_s), high)


def _signed(seconds: float) -> str:
    digits = 0 if seconds == round(seconds) else 3
    return f"{seconds:+,.{digits}f}" if round(seconds, 3) else "0"
