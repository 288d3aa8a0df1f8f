"""How does every chart look? White paper, colours that all eyes tell apart, hatches for print, a sentence for the ear.

>>> from emaillab.charts.style import new_axes, describe, told
>>> ax = told(new_axes(), "An empty chart.")
>>> describe(ax)
'An empty chart.'
>>> import matplotlib.pyplot; matplotlib.pyplot.close()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette: distinct for all kinds of colour vision, and in different greys.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, YELLOW = "#56B4E9", "#CC79A7", "#F0E442"
INK, GREY, FAINT, PAPER = "#1f2328", "#b8bec6", "#d0d7de", "#ffffff"
SERIES = ((BLUE, ""), (ORANGE, "//"), (GREEN, ".."), (PURPLE, "xx"), (SKY, "\\\\"), (YELLOW, "--"), (RED, "++"))
"""Colour and hatch of the nth series: the hatch tells them apart without colour."""

# A chart is a sheet of white paper with a thin edge, in light and in dark rooms alike; it prints as it is.
STYLE: Any = {
    "axes.edgecolor": INK,
    "axes.facecolor": PAPER,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "figure.dpi": 100,
    "figure.edgecolor": FAINT,
    "figure.facecolor": PAPER,
    "figure.frameon": True,
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same on every machine
    "font.size": 10,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "hatch.color": INK,
    "hatch.linewidth": 0.4,
    "legend.edgecolor": FAINT,
    "legend.framealpha": 1.0,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}

_SENTENCES: WeakKeyDictionary[Axes, str] = WeakKeyDictionary()


def new_axes(width: float = 8.0, height: float = 3.6) -> Axes:
    """Return the axes of a new figure in the course's style; sizes in inches."""
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(width, height), layout="constrained", linewidth=1.0)
    figure.set_edgecolor(FAINT)
    return ax


def told(ax: Axes, sentence: str) -> Axes:
    """Change a chart to say what it shows; see `describe`. Returns: the same axes."""
    _SENTENCES[ax] = sentence
    return ax


def describe(ax: Axes) -> str:
    """Return a chart's alternative text: what it shows, in words."""
    return _SENTENCES.get(ax, ax.get_title(loc="left") or ax.get_title() or "A chart without a title.")


def label_rows(ax: Axes, names: list[str]) -> None:
    """Change the y axis to name rows from the top down; names are taken literally, dollar signs too."""
    ax.set_yticks(range(len(names)))
    ax.set_yticklabels(names, parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")


def title(ax: Axes, text: str) -> None:
    """Change the title."""
    ax.set_title(text, loc="left", fontweight="bold", color=INK, parse_math=False)


def legend(ax: Axes, columns: int = 4) -> None:
    """Change the chart to explain its marks below the axis, where they hide nothing."""
    handles, _ = ax.get_legend_handles_labels()
    if handles:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=min(columns, len(handles)), frameon=False)


def once(ax: Axes, label: str) -> str:
    """Return a label for the legend, the first time; after that, the name that keeps a mark out of it."""
    return "_" if label in ax.get_legend_handles_labels()[1] else label
