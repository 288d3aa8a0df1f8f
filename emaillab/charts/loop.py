"""How much does a loop move, and how much does each server add whatever the letter holds?

>>> from emaillab.worlds import forwarding_loop
>>> table = loop_table(forwarding_loop(9, network="memory"))
>>> print(table.title, table.rows[-1][0], table.column("error")[-1] == 0)
Octets that a loop moves 8 True
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from emaillab.charts.style import BLUE, INK, PAPER, SERIES, legend, new_axes, signed, title, told
from emaillab.charts.table import Cell, Column, Table, plain
from emaillab.message.header.fields import parse_header
from emaillab.worlds import Loop

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def loop_table(loop: Loop) -> Table:
    """Return the numbers that `draw_loop` draws."""
    columns = (
        Column("passes"),
        Column("letter", "octets", 0),
        Column("moved in all", "octets", 0),
        Column("N·S0 + h·N(N-1)/2", "octets", 1),
        Column("error", "%", 3, signed=True),
    )
    rows = tuple(
        (str(n), loop.sizes[n - 1], loop.moved(n), loop.predicted(n), 100 * _error(loop, n))
        for n in range(1, loop.passes + 1)
    )
    return Table("Octets that a loop moves", columns, rows, _note(loop))


def _error(loop: Loop, passes: int) -> float:
    return loop.predicted(passes) / loop.moved(passes) - 1


def _note(loop: Loop) -> str:
    if not loop.sizes:
        return "No pass was made."
    worst = max(abs(_error(loop, n)) for n in range(1, loop.passes + 1))
    return (
        f"S0 = {loop.sizes[0]} octets, h = {loop.h:.1f} octets a pass: {loop.octets:,} octets in {loop.passes} passes;"
        f" the formula misses by at most {100 * worst:.2f} %. Refused: {loop.refusal}"
    )


def draw_loop(loop: Loop, ax: Axes | None = None) -> Axes:
    """Draw the octets that a loop has moved after each pass, with the parabola and its relative error at the end.

    Returns: the axes.
    """
    ax = ax or new_axes(height=4.2)
    title(ax, "Octets that a loop moves")
    passes = range(1, loop.passes + 1)
    ax.bar(passes, [loop.moved(n) for n in passes], 0.7, color=BLUE, edgecolor=PAPER, label="measured")
    line = f"N·S0 + h·N(N-1)/2, S0 = {loop.sizes[0]}, h = {loop.h:.1f} octets"
    ax.plot(passes, [loop.predicted(n) for n in passes], color=INK, linestyle="--", linewidth=1.6, label=line)
    straight = [n * loop.sizes[0] for n in passes]
    ax.plot(passes, straight, color=INK, linestyle=":", linewidth=1.2, label="N·S0: if nothing were added")
    error = signed(100 * _error(loop, loop.passes), 2)
    words = f"{loop.octets:,} octets in {loop.passes} passes; the formula is off by {error} %"
    ax.annotate(words, (0.02, 0.96), xycoords="axes fraction", va="top", fontsize=9)
    ax.grid(visible=False, axis="x")
    ax.set_xlabel("passes, N")
    ax.set_ylabel("moved in all (octets)")
    legend(ax, 3)
    return told(ax, f"Bar chart of the octets a loop has moved after each pass, a parabola. {_note(loop)}")


# --- the header, whatever the content ---


def headers_table(copies: Mapping[str, Sequence[bytes]]) -> Table:
    """Return the header octets of several letters after each hop. Args: copies: name → the letter at every hop."""
    sizes = _sizes(copies)
    most = max(map(len, sizes.values()), default=0)
    names = ["as sent", "1 hop", *(f"{hop} hops" for hop in range(2, most))][:most]
    columns = (Column("letter"), *(Column(name, "octets", 0) for name in names))
    rows: list[tuple[Cell, ...]] = [(name, *row, *[None] * (most - len(row))) for name, row in sizes.items()]
    return Table("Header of each letter after each hop", columns, tuple(rows))


def draw_headers(copies: Mapping[str, Sequence[bytes]], ax: Axes | None = None) -> Axes:
    """Draw the header octets of several letters against the hop number: lines of equal slope. Returns: the axes."""
    sizes = _sizes(copies)
    ax = ax or new_axes(height=4.0)
    title(ax, "Header of each letter after each hop")
    markers = "osD^v*X"
    for number, (name, row) in enumerate(sizes.items()):
        color = SERIES[number % len(SERIES)][0]
        marker = markers[number % len(markers)]
        ax.plot(range(len(row)), row, color=color, marker=marker, label=plain(name))
        if row:
            added = f"+{(row[-1] - row[0]) / max(len(row) - 1, 1):.0f} a hop"
            ax.annotate(added, (len(row) - 1, row[-1]), (8, 0), textcoords="offset points", va="center", fontsize=9)
    most = max(map(len, sizes.values()), default=1)
    ax.set_xticks(range(most))
    ax.set_xlim(-0.2, most - 0.5)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("servers passed (hops)")
    ax.set_ylabel("header section (octets)")
    legend(ax, 3)
    said = "; ".join(f"{plain(name)}: {', '.join(map(str, row))}" for name, row in sizes.items())
    return told(ax, f"Line chart of header octets against hop number. {said}.")


def _sizes(copies: Mapping[str, Sequence[bytes]]) -> dict[str, list[int]]:
    """Measure the headers; a letter that has none as sent counts as 0."""
    return {
        name: [end - start for start, end in (parse_header(raw).span for raw in row)] for name, row in copies.items()
    }
