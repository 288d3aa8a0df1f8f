"""How much does every server add to a letter's header?

Each writes at least a Received field; so the header grows with the hops along a straight line, H(k) = H0 + k·h.

>>> from emaillab.world import Internet
>>> with Internet.textbook(network="memory") as net:
...     letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "Do you like crepes?\\n")
...     _ = net.submit(letter)
...     net.settle()
>>> print(growth_table(net.journey(letter["Message-ID"])))
Header of the letter after each hop
hop  added by          added (octets)  header (octets)  H0 + k·h (octets)  error (%)
0    the author                   235              235              235.0        0.0
1    crepes.fr                    176              411              412.7       +0.4
2    smtp.isp.example             170              581              590.4       +1.6
3    mx.hamburger.edu             187              768              768.1        0.0
4    hamburger.edu                183              951              945.8       -0.5
H0 = 235 octets, h = 177.7 octets per hop; the line misses by at most 1.6 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from emaillab.charts.style import GREY, INK, PAPER, SERIES, drawable, legend, new_axes, once, signed, title, told
from emaillab.charts.table import Column, Table, plain
from emaillab.journey import Journey
from emaillab.message.header.fields import parse_header
from emaillab.message.mime.source import octets_of
from emaillab.message.trace.path import Hop, trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from emaillab.message.mime.source import Source

AUTHOR = "the author"
MOST_NAMES = 13  # bars that can still carry their numbers


@dataclass(frozen=True, slots=True)
class Growth:
    """A header's size in octets, before the first hop and after each; `names` tells who added the difference."""

    names: tuple[str, ...]
    sizes: tuple[int, ...]

    @property
    def added(self) -> tuple[int, ...]:
        """What each added; first the author."""
        return (self.sizes[0], *(b - a for a, b in pairwise(self.sizes)))

    @property
    def per_hop(self) -> float:
        """The slope h of the line through H0 that fits best, in octets per hop (least squares)."""
        weight = sum(k * k for k in range(len(self.sizes)))
        return sum(k * (size - self.sizes[0]) for k, size in enumerate(self.sizes)) / max(weight, 1)

    def predicted(self, hop: int) -> float:
        """Return H0 + k·h."""
        return self.sizes[0] + hop * self.per_hop

    def error(self, hop: int) -> float:
        """Return how far the line is from the measured size, relative to it."""
        return (self.predicted(hop) - self.sizes[hop]) / self.sizes[hop] if self.sizes[hop] else 0.0


def growth(source: Journey | Source | list[bytes] | tuple[bytes, ...]) -> Growth:
    """Measure a header's growth: at a journey's hosts, in copies taken hop by hop, or by one message's trace fields.

    The header section counts with the empty line that ends it.
    Raises: ValueError when there is no copy at all.
    """
    if isinstance(source, Journey):
        return _of_journey(source)
    if isinstance(source, list | tuple):
        if not source:
            raise ValueError("a header's growth needs at least one copy of the message")
        return _of_copies(source)
    return _of_message(octets_of(source))


def _of_journey(journey: Journey) -> Growth:
    """Measure the copies on the way to where the letter came last; it may have forked for other recipients."""
    path = trace(journey.stops[-1].raw).hops
    notes = {(stop.host, stop.queue_id): stop.raw for stop in journey.stops}
    copies = [notes[hop.by or "", hop.id or ""] for hop in path if (hop.by or "", hop.id or "") in notes]
    composed = copies[0][trace(copies[0]).hops[-1].span[1] :]
    return _of_copies([composed, *copies])


def _of_copies(copies: Sequence[bytes]) -> Growth:
    names = [AUTHOR]
    for number, copy in enumerate(copies[1:], start=1):
        hops = trace(copy).hops
        names.append(_server(hops[-1]) if hops else f"copy {number}")
    return Growth(tuple(names), tuple(map(_header_size, copies)))


def _of_message(raw: bytes) -> Growth:
    """Take the fields off again: what stands above a server's Received field, it wrote, or the next one's is there."""
    hops = trace(raw).hops
    tops = [hop.span[1] for hop in hops] + [0]  # where the header began when each hop was still to come
    size = _header_size(raw)
    return Growth((AUTHOR, *map(_server, hops)), tuple(size - top for top in tops))


def _header_size(raw: bytes) -> int:
    start, end = parse_header(raw).span
    return end - start


def _server(hop: Hop) -> str:
    return plain(hop.by, 30) if hop.by else "?"


def growth_table(source: Journey | Source | list[bytes] | tuple[bytes, ...]) -> Table:
    """Return the numbers that `draw_growth` draws."""
    found = growth(source)
    columns = (
        Column("hop"),
        Column("added by"),
        Column("added", "octets", 0),
        Column("header", "octets", 0),
        Column("H0 + k·h", "octets", 1),
        Column("error", "%", 1, signed=True),
    )
    rows = [
        (str(hop), name, added, size, found.predicted(hop), 100 * found.error(hop))
        for hop, (name, added, size) in enumerate(zip(found.names, found.added, found.sizes, strict=True))
    ]
    return Table("Header of the letter after each hop", columns, tuple(rows), _note(found))


def draw_growth(source: Journey | Source | list[bytes] | tuple[bytes, ...], ax: Axes | None = None) -> Axes:
    """Draw the header's octets after each hop, stacked by who added them, with the line H0 + k·h that fits best.

    Returns: the axes.
    """
    found = growth(source)
    ax = ax or new_axes(height=4.4)
    title(ax, "Growth of the header")
    hops = range(len(found.sizes))
    few = len(hops) <= MOST_NAMES
    base = 0
    for number, (name, added) in enumerate(zip(found.names, found.added, strict=True)):
        color, hatch = (GREY, "") if number == 0 else SERIES[(number - 1) % len(SERIES) if few else 0]
        after = [hop for hop in hops if hop >= number]
        label = drawable(name) if few or number == 0 else once(ax, "the servers' trace fields")
        look: Any = {"color": color, "hatch": hatch, "edgecolor": PAPER, "linewidth": 0.5, "label": label}
        ax.bar(after, added, bottom=base, width=0.62, **look)
        base += added
    line = f"H0 + k·h, h = {found.per_hop:.1f} octets"
    ax.plot(
        hops, [found.predicted(hop) for hop in hops], color=INK, linestyle="--", marker="o", markersize=4, label=line
    )
    for hop in hops if few else ():
        words = f"{found.sizes[hop]}" + (f"\n{signed(100 * found.error(hop), 1)} %" if hop else "")
        at = (hop, max(found.sizes[hop], found.predicted(hop)))
        behind = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}
        ax.annotate(words, at, (0, 8), textcoords="offset points", ha="center", fontsize=9, bbox=behind)
    if few:
        ax.set_xticks(list(hops))
    ax.set_ylim(0, 1.2 * max(*found.sizes, found.predicted(len(hops) - 1), 1))
    ax.grid(visible=False, axis="x")
    ax.set_xlabel("servers passed, k (hops)")
    ax.set_ylabel("header section (octets)")
    legend(ax, 3)
    return told(ax, f"Stacked bar chart of the header section's size: {_sizes(found)}. {_note(found)}")


def _sizes(found: Growth) -> str:
    return ", ".join(f"{size} octets after {hop} hop{'s' if hop != 1 else ''}" for hop, size in enumerate(found.sizes))


def _note(found: Growth) -> str:
    worst = max(abs(found.error(hop)) for hop in range(len(found.sizes))) if found.sizes[0] else 0.0
    fit = f"H0 = {found.sizes[0]} octets, h = {found.per_hop:.1f} octets per hop"
    return f"{fit}; the line misses by at most {100 * worst:.1f} %."
