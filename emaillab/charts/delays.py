"""How long did each hop take, as the servers stamped it, and as it truly was?

A delay is the difference of two clocks that were read to the second. So it may be off by nearly a second, and when
the clocks disagree it can even be negative: then it is shown as it is, for that is what the header says.

>>> from emaillab.world import Internet
>>> with Internet.textbook(network="memory") as net:
...     letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "Do you like crepes?\\n")
...     _ = net.submit(letter)
...     net.settle()
>>> print(delay_table(net.journey(letter["Message-ID"])))
Delay per hop: what the stamps say, and the truth
hop  from              to                stamped (UTC)        delay (s)  true (s)  skew (s)
2    crepes.fr         smtp.isp.example  2026-03-02 09:00:00          0     0.105     0.000
3    smtp.isp.example  mx.hamburger.edu  2026-03-02 09:00:02         +2     2.405     0.000
4    mx.hamburger.edu  hamburger.edu     2026-03-02 09:00:09         +7     7.018     0.000
In all 9 s between the first stamp and the last; in truth 9.528 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from emaillab.charts.style import BLUE, INK, PAPER, RED, label_rows, legend, new_axes, once, signed, title, told
from emaillab.charts.table import Column, Table, plain
from emaillab.journey import Journey
from emaillab.message.trace.path import Gap, Hop, Trace, trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from emaillab.host.custody import Custody
    from emaillab.message.mime.source import Source

RESOLUTION_S = 1.0  # a date-time ends with the second (RFC 5322 §3.3): two of them are off by less than one together


@dataclass(frozen=True, slots=True)
class Delay:
    """The step from one server to the next: what the two stamps say, and in a lab what is true."""

    hop: int  # number of the later hop, from 1
    start: Hop
    end: Hop
    true_s: float | None = None
    skew_s: float | None = None  # how much further ahead the later clock is than the earlier one

    @property
    def measured_s(self) -> float | None:
        """The difference of the stamps; None when one of them cannot be read."""
        return self.end.delay_s

    @property
    def name(self) -> str:
        """The two servers."""
        return f"{_server(self.start)} → {_server(self.end)}"


@dataclass(frozen=True, slots=True)
class Delays:
    """A path's delays in travel order."""

    path: Trace
    steps: tuple[Delay, ...]

    @property
    def true_total_s(self) -> float | None:
        """How long the letter truly took from the first server to the last; None when the lab does not know."""
        known = [step.true_s for step in self.steps if step.true_s is not None]
        return sum(known) if known and len(known) == len(self.steps) else None


def delays(path: Trace | Journey | Source, journey: Journey | None = None) -> Delays:
    """Return the delays of a path; a journey adds what is true, to its own letters or to the one in `path`."""
    if isinstance(path, Journey):
        journey = path
        path = trace(journey.stops[-1].raw)
    elif not isinstance(path, Trace):
        path = trace(path)
    notes = {(stop.host, stop.queue_id): stop for stop in journey.stops} if journey else {}
    steps = []
    for number, (start, end) in enumerate(pairwise(path.hops), start=2):
        a, b = (notes.get((hop.by or "", hop.id or "")) for hop in (start, end))
        true_s = b.at_s - a.at_s if a and b else None
        steps.append(Delay(number, start, end, true_s, _skew(a, b) if a and b else None))
    return Delays(path, tuple(steps))


def delay_table(path: Trace | Journey | Source, journey: Journey | None = None) -> Table:
    """Return the numbers that `draw_delays` draws."""
    found = delays(path, journey)
    columns = [
        Column("hop"),
        Column("from"),
        Column("to"),
        Column("stamped", "UTC"),
        Column("delay", "s", 0, signed=True),
    ]
    rows = []
    for step in found.steps:
        time = step.end.time
        stamp = "unreadable" if time is None else time.isoformat(" ")[:19]
        rows.append([str(step.hop), _server(step.start), _server(step.end), stamp, step.measured_s])
    heading, note = "Delay per hop: what the stamps say", _total(found)
    if any(step.true_s is not None for step in found.steps):
        heading += ", and the truth"
        columns += [Column("true", "s", 3), Column("skew", "s", 3, signed=True)]
        for row, step in zip(rows, found.steps, strict=True):
            row += [step.true_s, step.skew_s]
    return Table(heading, tuple(columns), tuple(map(tuple, rows)), note)


def draw_delays(path: Trace | Journey | Source, ax: Axes | None = None, *, journey: Journey | None = None) -> Axes:
    """Draw the delay of every hop as the stamps tell it, and the true one beside it where the lab knows it.

    Args: path: a Trace, a message in any form that `trace` takes, or a Journey.
    Returns: the axes.
    """
    found = delays(path, journey)
    ax = ax or new_axes(height=1.9 + 0.55 * max(1, len(found.steps)))
    title(ax, "Delay per hop")
    if not found.steps:
        ax.text(0.5, 0.5, "There are no two Received fields to compare.", ha="center", transform=ax.transAxes)
        ax.set_axis_off()
        return told(ax, _sentence(found))
    scale = _scale(found)
    _set_limits(ax, found, scale)
    for gap in found.path.gaps:
        _draw_gap(ax, gap, scale)
    for row, step in enumerate(found.steps):
        _draw_step(ax, row, step, scale)
    ax.axvline(0, color=INK, linewidth=1)
    label_rows(ax, [f"{step.hop}  {_server(step.start)}\n→ {_server(step.end)}" for step in found.steps])
    ax.set_xlabel(f"delay ({scale.name})")
    legend(ax, 4)
    return told(ax, _sentence(found))


class Scale(NamedTuple):
    """The unit of an axis of time."""

    seconds: float
    name: str
    short: str

    def words(self, seconds: float) -> str:
        """Spell a delay in the unit, or in seconds where it is too short for that."""
        unit = self if abs(seconds) >= self.seconds or not seconds else _SCALES[0][1]
        return f"{signed(seconds / unit.seconds, 0 if unit.seconds == 1 else 1)} {unit.short}"


_SCALES = (
    (180.0, Scale(1.0, "seconds", "s")),
    (3 * 3600.0, Scale(60.0, "minutes", "min")),
    (3 * 86400.0, Scale(3600.0, "hours", "h")),
)


def _scale(found: Delays) -> Scale:
    """Choose the unit in which the longest delay is a handy number."""
    longest = max(map(abs, _marks(found)))
    return next((scale for limit, scale in _SCALES if longest <= limit), Scale(86400.0, "days", "d"))


def _marks(found: Delays) -> list[float]:
    """List all points, in seconds, that have to fit on the axis."""
    marks = [0.0, RESOLUTION_S, *(gap.total_s for gap in found.path.gaps)]
    for step in found.steps:
        if step.measured_s is not None:
            marks += [step.measured_s - RESOLUTION_S, step.measured_s + RESOLUTION_S]
        if step.true_s is not None:
            marks.append(step.true_s)
    return marks


def _set_limits(ax: Axes, found: Delays, scale: Scale) -> None:
    """Change the x axis so that all marks fit, and the words at their right."""
    marks = [mark / scale.seconds for mark in _marks(found)]
    low, high = min(marks), max(marks)
    ax.set_xlim(low - 0.04 * (high - low), high + 0.45 * (high - low))


def _draw_step(ax: Axes, row: int, step: Delay, scale: Scale) -> None:
    """Draw one hop: its bar, how uncertain it is, the truth, and the number."""
    measured = step.measured_s
    ends = [0.0]
    if measured is not None:
        color, hatch, label = (RED, "///", "negative: clock skew") if measured < 0 else (BLUE, "", "between the stamps")
        ax.barh(
            row, measured / scale.seconds, height=0.5, color=color, hatch=hatch, edgecolor=PAPER, label=once(ax, label)
        )
        ends.append((measured + RESOLUTION_S) / scale.seconds)
        _draw_resolution(ax, row, measured, scale)
    if step.true_s is not None:
        ends.append(step.true_s / scale.seconds)
        ax.plot(ends[-1], row, "D", color=PAPER, markeredgecolor=INK, markersize=7, label=once(ax, "true delay"))
    ax.annotate(_words(step, scale), (max(ends), row), (8, 0), textcoords="offset points", va="center", fontsize=9)


def _draw_resolution(ax: Axes, row: int, measured: float, scale: Scale) -> None:
    """Draw how far the truth may be from the stamps, unless that is too little to see."""
    low, high = ax.get_xlim()
    one = RESOLUTION_S / scale.seconds
    if one > 0.005 * (high - low):
        label = once(ax, "stamps end with the second: ±1 s")
        ax.errorbar(measured / scale.seconds, row, xerr=one, color=INK, capsize=3, linewidth=1, label=label)


def _words(step: Delay, scale: Scale) -> str:
    """Say what a hop's bar shows."""
    if step.measured_s is None:
        return "? a time cannot be read" if step.true_s is None else f"? (truly {step.true_s:,.3f} s)"
    said = scale.words(step.measured_s)
    if step.true_s is not None:
        said += f" (truly {step.true_s:,.3f} s)"
    return said + (": clock skew" if step.measured_s < 0 else "")


def _draw_gap(ax: Axes, gap: Gap, scale: Scale) -> None:
    """Draw the time that several hops took together, when the stamps between them cannot be read."""
    first, last = gap.after, gap.before - 1  # a hop's row is its place less one
    ax.barh(
        (first + last) / 2,
        gap.total_s / scale.seconds,
        height=last - first + 0.7,
        color="none",
        edgecolor=INK,
        linestyle="--",
        label=once(ax, f"together {scale.words(gap.total_s)}"),
    )


def _server(hop: Hop) -> str:
    return plain(hop.by, 30) if hop.by else "?"


def _skew(a: Custody, b: Custody) -> float:
    """Return how much further ahead the clock of `b` is than that of `a`, from stamp and truth."""
    return (b.stamped_at - a.stamped_at).total_seconds() - (b.at_s - a.at_s)


def _total(found: Delays) -> str:
    """Say how long it took in all."""
    if found.path.total_s is None:
        return "The total cannot be told: there are no two times that can be read."
    said = f"In all {found.path.total_s:,.0f} s between the first stamp and the last"
    return f"{said}." if found.true_total_s is None else f"{said}; in truth {found.true_total_s:,.3f} s."


def _sentence(found: Delays) -> str:
    if not found.steps:
        return "No delays: there are no two Received fields to compare."
    scale = _scale(found)
    told_by = "; ".join(f"{step.name} {_words(step, scale)}" for step in found.steps)
    return f"Bar chart of the delay of each hop: {told_by}. {_total(found)}"
