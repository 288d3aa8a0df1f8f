"""How many copies are stored of a letter, and how many recipients did its author name? The two need not agree.

>>> print(copies_table({"bob": (1, 1), "sales, an alias": (1, 2)}))
Recipients named, and copies stored
to               RCPT commands  copies stored
bob                          1              1
sales, an alias              1              2
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emaillab.charts.style import BLUE, ORANGE, PAPER, label_rows, legend, new_axes, once, title, told
from emaillab.charts.table import Column, Table, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Counts = Mapping[str, tuple[int, int]]
"""To whom a letter went → RCPT commands at the first server, copies in mailboxes."""


def copies_table(counts: Counts) -> Table:
    """Return the numbers that `draw_copies` draws."""
    rows = tuple((plain(name, 60), named, stored) for name, (named, stored) in counts.items())
    columns = (Column("to"), Column("RCPT commands", "", 0), Column("copies stored", "", 0))
    return Table("Recipients named, and copies stored", columns, rows)


def draw_copies(counts: Counts, ax: Axes | None = None) -> Axes:
    """Draw for each letter the recipients that its author named, above the copies that were stored.

    Returns: the axes.
    """
    ax = ax or new_axes(height=1.6 + 0.7 * max(1, len(counts)))
    title(ax, "Recipients named, and copies stored")
    looks = (("RCPT commands at the first server", BLUE, ""), ("copies in mailboxes", ORANGE, "//"))
    for row, numbers in enumerate(counts.values()):
        for shift, number, (label, color, hatch) in zip((-0.18, 0.18), numbers, looks, strict=True):
            look: Any = {"color": color, "hatch": hatch, "edgecolor": PAPER, "label": once(ax, label)}
            ax.barh(row + shift, number, 0.34, **look)
            at = (number, row + shift)
            ax.annotate(str(number), at, (6, 0), textcoords="offset points", va="center", fontsize=9)
    label_rows(ax, [plain(name, 60) for name in counts])
    most = max((number for numbers in counts.values() for number in numbers), default=1)
    ax.set_xlim(0, 1.1 * max(most, 1))
    ax.set_xticks(range(most + 1))
    ax.set_xlabel("number")
    legend(ax, 2)
    said = "; ".join(f"{plain(name, 60)}: {named} and {stored}" for name, (named, stored) in counts.items())
    return told(ax, f"Bar chart of RCPT commands and stored copies. {said}.")
