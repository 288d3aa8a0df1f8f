"""Which octets does a text become on its way, and how many of them?

>>> from emaillab.message.working.carriages import carriages
>>> print(histogram_table(carriages("因特网")))
Octets of one text in each encoding
encoding                 octets  up to 127  over 127  share over 127 (%)
utf-8, 7bit                   9          9         0                 0.0
utf-8, quoted-printable      27         27         0                 0.0
utf-8, base64                14         14         0                 0.0
utf-8, 8bit                   9          0         9               100.0
utf-8, binary                 9          0         9               100.0
>>> print(wire_table({"as it is": 900, "base64": 1232}))
Octets on the wire
way       octets  factor
as it is     900   1.000
base64      1232   1.369
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from emaillab.charts.style import BLUE, INK, ORANGE, PAPER, SERIES, label_rows, legend, new_axes, once, title, told
from emaillab.charts.table import Column, Table, plain
from emaillab.message.working.carriages import Carriage, Carriages

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HIGH = "over 127: the eighth bit is set"
LOW = "up to 127: ASCII"

# --- octets by value ---


def histogram_table(carriages: Carriages) -> Table:
    """Return how many octets of each encoding are ASCII, and how many are not."""
    columns = (
        Column("encoding"),
        Column("octets", "", 0),
        Column("up to 127", "", 0),
        Column("over 127", "", 0),
        Column("share over 127", "%", 1),
    )
    rows = []
    for way in carriages.ways:
        high = sum(octet > 127 for octet in way.octets)
        rows.append((_name(way), way.size, way.size - high, high, 100 * way.over_127))
    return Table("Octets of one text in each encoding", columns, tuple(rows))


def draw_histogram(carriages: Carriages, ax: Axes | None = None) -> Axes:
    """Draw how often each octet from 0 to 255 occurs in each encoding of a text, one row for each encoding.

    Returns: the axes.
    """
    ways = carriages.ways
    ax = ax or new_axes(height=1.7 + 0.72 * max(1, len(ways)))
    title(ax, "Which octets occur?")
    for row, way in enumerate(ways):
        counts = Counter(way.octets)
        most = max(counts.values(), default=1)
        for name, color, values in ((LOW, BLUE, range(128)), (HIGH, ORANGE, range(128, 256))):
            found = [value for value in values if counts[value]]
            heights = [0.78 * counts[value] / most for value in found]
            bottoms = [row + 0.39 - height for height in heights]
            if found:
                ax.bar(found, heights, 1.6, bottom=bottoms, color=color, label=once(ax, name))
        ax.annotate(f"{100 * way.over_127:.0f} % over 127", (258, row), va="center", fontsize=9, annotation_clip=False)
    ax.axvline(127.5, color=INK, linewidth=0.9, linestyle=":")
    label_rows(ax, [_name(way) for way in ways])
    ax.set_xlim(-1, 256)
    ax.set_xticks(range(0, 257, 32))
    ax.set_xlabel("value of the octet; heights are relative to the most frequent octet of the row")
    legend(ax, 2)
    shown = "; ".join(f"{_name(way)} {100 * way.over_127:.0f} %" for way in ways)
    return told(ax, f"Histogram of the octets of one text in each encoding. Share of octets over 127: {shown}.")


def _name(way: Carriage) -> str:
    return f"{way.charset}, {way.encoding}"


# --- octets by way ---


def wire_table(sizes: Mapping[str, int]) -> Table:
    """Return the octets of each way a content went, compared with the first."""
    first = next(iter(sizes.values()), 0)
    rows = tuple((plain(name, 60), size, size / first if first else None) for name, size in sizes.items())
    return Table("Octets on the wire", (Column("way"), Column("octets", "", 0), Column("factor", "", 3)), rows)


def draw_wire(sizes: Mapping[str, int], ax: Axes | None = None, *, heading: str = "Octets on the wire") -> Axes:
    """Draw the octets of each way a content went, one bar for each; the dotted line marks the first.

    Returns: the axes.
    """
    ax = ax or new_axes(height=1.5 + 0.5 * max(1, len(sizes)))
    title(ax, heading)
    first, most = next(iter(sizes.values()), 0), max(sizes.values(), default=1)
    for row, size in enumerate(sizes.values()):
        color, hatch = SERIES[row % len(SERIES)]
        ax.barh(row, size, 0.62, color=color, hatch=hatch, edgecolor=PAPER)
        words = f"{size:,}" + (f"  ×{size / first:.3f}" if first and row else "")
        ax.annotate(words, (size, row), (6, 0), textcoords="offset points", va="center", fontsize=9)
    ax.axvline(first, color=INK, linewidth=0.9, linestyle=":")
    label_rows(ax, [plain(name, 60) for name in sizes])
    ax.set_xlim(0, 1.22 * most)
    ax.set_xlabel("octets")
    shown = "; ".join(f"{plain(name, 60)} {size}" for name, size in sizes.items())
    return told(ax, f"Bar chart, {plain(heading, 80)}: {shown}.")
