"""When was the letter where, by each server's clock, and how much of that is evidence?

A path on the axis of time: a server a row, its stamp a point that is good to a second either way. Where the line
between two stamps runs back, a clock is wrong. What only strangers say is dashed.

>>> from emaillab.worlds import chain, send
>>> with chain(3, network="memory", latency_s=0.5, handling_s=2, skew_s={"relay1.example": 30}) as net:
...     journey = send(net)
>>> print(path_table(journey))
Path of a letter: 3 hops
hop  server          stamp (UTC)          since the first (s)  true (s)  clock ahead of the first (s)
1    crepes.fr       2026-03-02 09:00:04                    0     0.500                         0.000
2    relay1.example  2026-03-02 09:00:41                  +37     7.000                       +30.000
3    hamburger.edu   2026-03-02 09:00:17                  +13    13.500                         0.000
>>> print(path_table(journey, trusted=["hamburger.edu"]).note)
credible from hop 3 of 3 on, by hamburger.edu: the field below is said to be by relay1.example, whom you do not trust
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from emaillab.charts.delays import _SCALES, Scale
from emaillab.charts.style import BLUE, GREY, INK, PAPER, RED, label_rows, legend, new_axes, once, title, told
from emaillab.charts.table import Cell, Column, Table, plain
from emaillab.journey import Journey
from emaillab.message.trace.credibility import Credibility, last_credible
from emaillab.message.trace.path import RESOLUTION_S, Gap, Trace, trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from emaillab.message.mime.source import Source

Trusted = Iterable[str] | Mapping[str, Iterable[str]]


@dataclass(frozen=True, slots=True)
class Place:
    """One server on the path; seconds are since the first stamp that can be read."""

    number: int
    server: str
    stamp: str
    stamped_s: float | None
    true_s: float | None  # by the world's clock, when there is a journey
    skew_s: float | None
    evidence: bool


@dataclass(frozen=True, slots=True)
class Places:
    """A path's servers in travel order."""

    path: Trace
    rows: tuple[Place, ...]
    border: Credibility | None


def scale_for(longest_s: float) -> Scale:
    """Choose the unit in which a time is a handy number."""
    return next((scale for limit, scale in _SCALES if longest_s <= limit), Scale(86400.0, "days", "d"))


def as_path(path: Trace | Journey | Source) -> tuple[Trace, Journey | None]:
    """Return the path, and the journey when that is what is given."""
    if isinstance(path, Journey):
        return trace(path.stops[-1].raw), path
    return (path if isinstance(path, Trace) else trace(path)), None


def places(path: Trace | Journey | Source, trusted: Trusted | None = None) -> Places:
    """Return where the letter was when; a journey adds what is true."""
    found, journey = as_path(path)
    border = None if trusted is None else last_credible(found, trusted)
    notes = {(stop.host, stop.queue_id): stop for stop in journey.stops} if journey else {}
    stops = [notes.get((hop.by or "", hop.id or "")) for hop in found]
    first = next((place for place, hop in enumerate(found) if hop.time is not None), 0)
    base = stops[first] if stops else None
    rows = []
    for place, (hop, stamped_s) in enumerate(zip(found, found.elapsed_s, strict=True)):
        note, start = stops[place], found[first].time
        true_s = skew_s = None
        if note and base and start:  # the first clock is the measure, for nothing in a letter tells whether it is right
            true_s = (base.stamped_at - start).total_seconds() + note.at_s - base.at_s
            skew_s = (note.stamped_at - start).total_seconds() - true_s
        stamp = "unreadable" if hop.time is None else hop.time.isoformat(" ")[:19] + ("" if hop.zone_known else " ?")
        evidence = border is None or (border.place is not None and place >= border.place)
        server = plain(hop.by, 30) if hop.by else "?"
        rows.append(Place(place + 1, server, stamp, stamped_s, true_s, skew_s, evidence))
    return Places(found, tuple(rows), border)


def path_table(path: Trace | Journey | Source, *, trusted: Trusted | None = None) -> Table:
    """Return the numbers that `draw_path` draws."""
    found = places(path, trusted)
    columns = [Column("hop"), Column("server"), Column("stamp", "UTC"), Column("since the first", "s", 0, signed=True)]
    rows: list[list[Cell]] = [[str(row.number), row.server, row.stamp, row.stamped_s] for row in found.rows]
    if any(row.true_s is not None for row in found.rows):
        columns += [Column("true", "s", 3), Column("clock ahead of the first", "s", 3, signed=True)]
        for cells, row in zip(rows, found.rows, strict=True):
            cells += [row.true_s, row.skew_s]
    if found.border:
        columns.append(Column("evidence"))
        for cells, row in zip(rows, found.rows, strict=True):
            cells.append("yes" if row.evidence else "no")
    return Table(_heading(found), tuple(columns), tuple(map(tuple, rows)), _note(found))


def draw_path(path: Trace | Journey | Source, ax: Axes | None = None, *, trusted: Trusted | None = None) -> Axes:
    """Draw the stamps of a path on the axis of time; what is true beside them, when a journey is given.

    Args: path: a Trace, a message in any form that `trace` takes, or a Journey. trusted: hosts as for `last_credible`:
        what lies beyond the last credible hop is dashed.
    Returns: the axes.
    """
    found = places(path, trusted)
    ax = ax or new_axes(height=2.0 + 0.45 * max(1, len(found.rows)))
    title(ax, _heading(found))
    if not found.rows:
        ax.text(0.5, 0.5, "No Received fields: the letter has not travelled yet.", ha="center", transform=ax.transAxes)
        ax.set_axis_off()
        return told(ax, _sentence(found))
    scale = scale_for(max(map(abs, _marks(found))))
    low, high = min(_marks(found)) / scale.seconds, max(_marks(found)) / scale.seconds
    room = 0.4 if any(_side(found, place) < 0 for place in range(len(found.rows))) else 0.04
    ax.set_xlim(low - room * (high - low), high + 0.3 * (high - low))
    for gap in found.path.gaps:
        _draw_gap(ax, gap, found, scale)
    stamped = [row for row in found.rows if row.stamped_s is not None]
    for start, end in pairwise(stamped):
        if end.number == start.number + 1:
            _draw_way(ax, start, end, scale)
    for place, row in enumerate(found.rows):
        _draw_place(ax, place, row, found, scale)
    label_rows(ax, [f"{row.number}  {row.server}" for row in found.rows])
    ax.set_xlabel(f"since the first stamp ({scale.name})")
    legend(ax, 2)
    return told(ax, _sentence(found))


def _marks(found: Places) -> list[float]:
    """List all points, in seconds, that have to fit on the axis."""
    marks = [0.0, RESOLUTION_S]
    for row in found.rows:
        if row.stamped_s is not None:
            marks += [row.stamped_s - RESOLUTION_S, row.stamped_s + RESOLUTION_S]
        if row.true_s is not None:
            marks.append(row.true_s)
    return marks


def _draw_way(ax: Axes, start: Place, end: Place, scale: Scale) -> None:
    """Draw the way from one stamp to the next: backwards it is skew, beyond the border it is hearsay."""
    assert start.stamped_s is not None and end.stamped_s is not None
    back = end.stamped_s < start.stamped_s
    label = "back in time: the clocks disagree" if back else "from stamp to stamp"
    look: Any = {"color": RED if back else BLUE, "linewidth": 2.2, "linestyle": "-" if start.evidence else (0, (3, 2))}
    if not start.evidence:
        label += ", unverifiable"
    seconds = (start.stamped_s / scale.seconds, end.stamped_s / scale.seconds)
    ax.plot(seconds, (start.number - 1, end.number - 1), label=once(ax, label), **look)


def _draw_place(ax: Axes, place: int, row: Place, found: Places, scale: Scale) -> None:
    """Draw one server's stamp, how uncertain it is, what is true, and its words."""
    ends = []
    if row.stamped_s is not None:
        at, one = row.stamped_s / scale.seconds, RESOLUTION_S / scale.seconds
        low, high = ax.get_xlim()
        if one > 0.004 * (high - low):
            label = once(ax, "stamps end with the second: ±1 s")
            ax.errorbar(at, place, xerr=one, color=INK, capsize=3, linewidth=1, label=label)
        face = BLUE if row.evidence else PAPER
        label = once(ax, "stamp" if row.evidence else "stamp, unverifiable")
        ax.plot(at, place, "o", color=face, markeredgecolor=BLUE, markersize=8, label=label)
        ends.append(at + one)
    if row.true_s is not None:
        at = row.true_s / scale.seconds
        ax.plot(at, place, "D", color=PAPER, markeredgecolor=INK, markersize=6, label=once(ax, "true time"))
        ends.append(at)
    if found.border and found.border.place == place and place:
        ax.axhline(place - 0.5, color=INK, linewidth=1, linestyle=":")
        where: Any = {"xycoords": ("axes fraction", "data"), "ha": "right", "fontsize": 8.5, "style": "italic"}
        ax.annotate("evidence below this line", (0.995, place - 0.46), va="top", **where)
    _write_words(ax, place, row, found, scale, ends or [sum(ax.get_xlim()) / 2])


def _write_words(ax: Axes, place: int, row: Place, found: Places, scale: Scale, ends: list[float]) -> None:
    """Write a server's words where no line is: at the right, at the left, or above."""
    side = _side(found, place)
    look: Any = {"textcoords": "offset points", "fontsize": 9, "zorder": 1.9}  # below the lines
    look["bbox"] = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}
    at = max(ends)
    if side < 0 and row.stamped_s is not None:
        at = (row.stamped_s - RESOLUTION_S) / scale.seconds
    shift = (-8 if side < 0 else 8, 0 if side else 3)
    sides: Any = {"ha": "right" if side < 0 else "left", "va": "center" if side else "bottom"}
    ax.annotate(_words(row, scale), (at, place), shift, **sides, **look)


def _side(found: Places, place: int) -> int:
    """Return at which side of a stamp no line is: 1 the right, -1 the left, 0 neither, so that there is room above."""
    here = found.rows[place].stamped_s
    beside = [found.rows[other].stamped_s for other in (place - 1, place + 1) if 0 <= other < len(found.rows)]
    ways = [at - here for at in beside if at is not None and here is not None]
    if all(way <= 0 for way in ways):
        return 1
    return -1 if place and all(way >= 0 for way in ways) else 0


def _words(row: Place, scale: Scale) -> str:
    """Say what a server's row shows."""
    if row.stamped_s is None:
        return "? the time cannot be read"
    said = scale.words(row.stamped_s)
    if row.skew_s is not None and abs(row.skew_s) >= 0.5:
        said += f", clock {scale.words(row.skew_s)}"
    return said


def _draw_gap(ax: Axes, gap: Gap, found: Places, scale: Scale) -> None:
    """Draw between which times the letter was at servers whose stamps cannot be read."""
    start, end = (found.rows[place].stamped_s for place in (gap.after, gap.before))
    assert start is not None and end is not None
    left, wide = min(start, end) / scale.seconds, abs(gap.total_s) / scale.seconds
    middle, height = (gap.after + gap.before) / 2, gap.before - gap.after - 0.4
    label = once(ax, "between these times, nothing more is known")
    ax.barh(middle, wide, height, left=left, color=GREY, alpha=0.45, hatch="..", edgecolor=PAPER, label=label)


def _heading(found: Places) -> str:
    count = len(found.rows)
    return f"Path of a letter: {count or 'no'} hop{'s' if count != 1 else ''}"


def _note(found: Places) -> str:
    return "" if found.border is None else str(found.border).partition("\n")[0]


def _sentence(found: Places) -> str:
    if not found.rows:
        return "No path: there are no Received fields."
    scale = scale_for(max(map(abs, _marks(found))))
    told_by = "; ".join(
        f"{row.server} {_words(row, scale)}{'' if row.evidence else ', unverifiable'}" for row in found.rows
    )
    return f"Path on the axis of time: {told_by}. {_note(found)}".rstrip()
