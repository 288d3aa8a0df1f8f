"""How do the delays of a path make up its total, negative ones too?

Laid end to end, positive delays to the right of zero and negative ones to the left, they add up to the last stamp
less the first: the clocks in between cancel out.

>>> from emaillab.worlds import topologies
>>> print(stacked_table({way.name: way.path for way in topologies(network="memory")}))
Delays stacked by hop
path                         hop  server             delay (s)
with a submission server     2    hamburger.edu             +1
with a backup MX             2    mx2.hamburger.edu          0
with a backup MX             3    hamburger.edu          +1800
with a list and a forwarder  2    lists.example             +1
with a list and a forwarder  3    old.example                0
with a list and a forwarder  4    hamburger.edu             +1
Totals: direct unknown; with a submission server 1 s; with a backup MX 1,800 s; with a list and a forwarder 2 s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emaillab.charts.path import as_path, scale_for
from emaillab.charts.style import GREY, INK, PAPER, SERIES, label_rows, legend, new_axes, once, title, told
from emaillab.charts.table import Cell, Column, Table, plain
from emaillab.journey import Journey
from emaillab.message.trace.path import Gap, Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from emaillab.charts.delays import Scale
    from emaillab.message.mime.source import Source

    Paths = Mapping[str, Trace | Journey | Source]


def _paths(paths: Paths | Trace | Journey | Source) -> dict[str, Trace]:
    given = paths if isinstance(paths, Mapping) else {"the path": paths}
    return {plain(name): as_path(path)[0] for name, path in given.items()}


def _pieces(path: Trace) -> list[tuple[int, str, float, bool]]:
    """List number, server, seconds and whether it is a gap, of each delay or gap in travel order."""
    found = []
    gaps: dict[int, Gap] = {gap.before: gap for gap in path.gaps}
    for place, hop in enumerate(path):
        server = plain(hop.by, 30) if hop.by else "?"
        if hop.delay_s is not None:
            found.append((place + 1, server, hop.delay_s, False))
        elif place in gaps:
            found.append((place + 1, server, gaps[place].total_s, True))
    return found


def stacked_table(paths: Paths | Trace | Journey | Source) -> Table:
    """Return the numbers that `draw_stacked` draws."""
    columns = (Column("path"), Column("hop"), Column("server"), Column("delay", "s", 0, signed=True))
    rows: list[tuple[Cell, ...]] = []
    for name, path in _paths(paths).items():
        rows += [(name, str(number), server, seconds) for number, server, seconds, _ in _pieces(path)]
    return Table("Delays stacked by hop", columns, tuple(rows), _totals(_paths(paths)))


def draw_stacked(paths: Paths | Trace | Journey | Source, ax: Axes | None = None) -> Axes:
    """Draw the delays of one path, or of several by name, laid end to end; negative ones to the left of zero.

    Returns: the axes.
    """
    found = _paths(paths)
    ax = ax or new_axes(height=2.1 + 0.6 * max(1, len(found)))
    title(ax, "Delays stacked by hop")
    pieces = {name: _pieces(path) for name, path in found.items()}
    longest = max((sum(abs(piece[2]) for piece in row) for row in pieces.values()), default=0.0)
    scale = scale_for(longest)
    for row, (name, parts) in enumerate(pieces.items()):
        _draw_row(ax, row, parts, found[name].total_s, scale)
    ax.axvline(0, color=INK, linewidth=1)
    label_rows(ax, list(found))
    low, high = ax.get_xlim()
    ax.set_xlim(low, high + 0.18 * (high - low))
    ax.set_xlabel(f"delay ({scale.name})")
    legend(ax, 4)
    told_by = "; ".join(
        f"{name}: " + (", ".join(f"hop {n} to {server} {scale.words(s)}" for n, server, s, _ in parts) or "no delays")
        for name, parts in pieces.items()
    )
    return told(ax, f"Stacked bar chart of the delays of each path. {told_by}. {_totals(found)}")


def _draw_row(
    ax: Axes, row: int, parts: list[tuple[int, str, float, bool]], total_s: float | None, scale: Scale
) -> None:
    """Draw one path: its delays from zero outwards, and where they add up."""
    right = left = 0.0
    for number, _, seconds, gap in parts:
        color, hatch = (GREY, "..") if gap else SERIES[(number - 2) % len(SERIES)]
        label = once(ax, "several hops, times unreadable" if gap else f"to hop {number}")
        wide = seconds / scale.seconds
        look: Any = {"color": color, "hatch": hatch, "edgecolor": PAPER, "linewidth": 0.8, "label": label}
        ax.barh(row, wide, 0.5, left=right if wide >= 0 else left, **look)
        right, left = right + max(wide, 0.0), left + min(wide, 0.0)
    words = "total unknown"
    if total_s is not None:
        words = f"total {scale.words(total_s)}"
        label = once(ax, "total: last stamp less the first")
        ax.plot(total_s / scale.seconds, row, "D", color=PAPER, markeredgecolor=INK, markersize=7, label=label)
    ax.annotate(words, (right, row), (9, 0), textcoords="offset points", va="center", fontsize=9)


def _totals(paths: dict[str, Trace]) -> str:
    said = [f"{name} {'unknown' if p.total_s is None else f'{p.total_s:,.0f} s'}" for name, p in paths.items()]
    return f"Totals: {'; '.join(said)}."
