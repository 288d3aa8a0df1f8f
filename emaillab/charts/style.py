"""How does every chart look? White paper, colours that all eyes tell apart, hatches for print, a sentence for the ear.

>>> from emaillab.charts.style import new_axes, describe, told
>>> ax = told(new_axes(), "An empty chart.")
>>> describe(ax)
'An empty chart.'
>>> import matplotlib.pyplot; matplotlib.pyplot.close()
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
    import matplotlib
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(width, height), FigureClass=_sheet(), layout="constrained", linewidth=1.0)
        ax = figure.add_subplot()
        interactive = plt.isinteractive()
    # A notebook's backend switches the showing of figures on with the first of them, which rc_context would undo.
    matplotlib.interactive(interactive)
    figure.set_edgecolor(FAINT)
    return ax


@cache
def _sheet() -> type[Figure]:
    """Return the class of our figures: a notebook keeps what they say beside the picture, as its alternative text."""
    from matplotlib.figure import Figure

    class Sheet(Figure):
        def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
            words = " ".join(map(describe, self.axes))
            return {"text/plain": words}, {"image/png": {"alt": words}}

    return Sheet


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
    ax.set_yticklabels(list(map(drawable, names)), parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")


def drawable(text: str) -> str:
    """Return text with a replacement mark for every character that the charts' font does not have, such as Chinese."""
    from matplotlib.font_manager import findfont, get_font

    known = get_font(findfont(STYLE["font.family"][0])).get_charmap()
    return "".join(c if ord(c) in known or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def title(ax: Axes, text: str) -> None:
    """Change the title."""
    ax.set_title(text, loc="left", fontweight="bold", color=INK, parse_math=False)


def legend(ax: Axes, columns: int = 3) -> None:
    """Change the chart to explain its marks below the axis, where they hide nothing: areas first, then lines."""
    from matplotlib.container import BarContainer

    pairs = sorted(zip(*ax.get_legend_handles_labels(), strict=True), key=lambda p: not isinstance(p[0], BarContainer))
    if not pairs:
        return
    handles, labels = zip(*pairs, strict=True)
    options: Any = {"ncols": min(columns, len(pairs)), "frameon": False, "fontsize": 9}
    figure = ax.get_figure(root=True)
    if figure is not None and figure.axes == [ax] and figure.get_constrained_layout():
        box = figure.legend(handles, labels, loc="outside lower left", **options)
    else:
        box = ax.legend(handles, labels, loc="upper left", bbox_to_anchor=(0, -0.2), **options)
    for text in box.get_texts():
        text.set_parse_math(False)  # a dollar sign in a name is a dollar sign


def signed(value: float, digits: int = 0) -> str:
    """Spell a difference with its sign, and zero without one; the minus is as wide as the plus."""
    text = f"{value:+,.{digits}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text[1:]


def once(ax: Axes, label: str) -> str:
    """Return a label for the legend, the first time; after that, the name that keeps a mark out of it."""
    return "_" if label in ax.get_legend_handles_labels()[1] else label
