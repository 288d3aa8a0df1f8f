"""How long did each hop take: as stamped, in truth, and as far as it can be inferred?

>>> from emaillab.worlds import chain, send
>>> with chain(4, network="memory", latency_s=0.5, handling_s=4, skew_s=[0, 60, -20, 0]) as net:
...     journey = send(net)
>>> print(inferred_table(journey, anchors={"crepes.fr": 0, "hamburger.edu": 0}))
Delay of each hop: stamped, true, inferred
from            to              stamped (s)  true (s)  inferred (s)  at least (s)  at most (s)
crepes.fr       relay1.example          +69     8.500             –           0.0         26.0
relay1.example  relay2.example          -72     8.500             –           0.0         26.0
relay2.example  hamburger.edu           +29     8.500             –           0.0         26.0
Stamped total 26 s; true total 25.500 s. Not determined: the clocks of relay1.example, relay2.example.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emaillab.charts.path import as_path, scale_for
from emaillab.charts.style import BLUE, GREEN, INK, PAPER, RED, label_rows, legend, new_axes, once, title, told
from emaillab.charts.table import Column, Table, plain
from emaillab.journey import Journey
from emaillab.message.trace.path import RESOLUTION_S, Trace
from emaillab.message.trace.skew import Anchors, Offsets, Step, infer_offsets

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from emaillab.charts.delays import Scale
    from emaillab.message.mime.source import Source


@dataclass(frozen=True, slots=True)
class Inference:
    """The steps of a path with what is inferred of them, and what is true where a journey tells."""

    offsets: Offsets
    true_s: tuple[float | None, ...]

    def names(self, step: Step) -> tuple[str, str]:
        """Return the two servers of a step."""
        a, b = (self.offsets.path[place].by for place in (step.start, step.end))
        return plain(a, 30) if a else "?", plain(b, 30) if b else "?"


def inference(
    path: Trace | Journey | Source,
    true_delays: Sequence[float | None] | None = None,
    anchors: Anchors | None = None,
) -> Inference:
    """Infer a path's delays, as `infer_offsets` does, and lay the truth beside them when a journey is given."""
    found, journey = as_path(path)
    offsets = infer_offsets(found, true_delays, anchors)
    notes = {(stop.host, stop.queue_id): stop.at_s for stop in journey.stops} if journey else {}
    at_s = [notes.get((hop.by or "", hop.id or "")) for hop in found]
    true = []
    for step in offsets.steps:
        start, end = at_s[step.start], at_s[step.end]
        true.append(None if start is None or end is None else end - start)
    return Inference(offsets, tuple(true))


def inferred_table(
    path: Trace | Journey | Source,
    true_delays: Sequence[float | None] | None = None,
    anchors: Anchors | None = None,
) -> Table:
    """Return the numbers that `draw_inferred` draws; the truth stands there when a journey is given."""
    found = inference(path, true_delays, anchors)
    columns = (
        Column("from"),
        Column("to"),
        Column("stamped", "s", 0, signed=True),
        Column("true", "s", 3),
        Column("inferred", "s", 1),
        Column("at least", "s", 1),
        Column("at most", "s", 1),
    )
    rows = tuple(
        (*found.names(step), step.stamped_s, true_s, step.true_s, step.low_s, step.high_s)
        for step, true_s in zip(found.offsets.steps, found.true_s, strict=True)
    )
    return Table("Delay of each hop: stamped, true, inferred", columns, rows, _note(found))


def draw_inferred(
    path: Trace | Journey | Source,
    ax: Axes | None = None,
    *,
    true_delays: Sequence[float | None] | None = None,
    anchors: Anchors | None = None,
) -> Axes:
    """Draw each hop's delay as stamped, as inferred (a value, or the bounds that causality gives), and as it truly was.

    Args: path: a Trace, a message, or a Journey, which knows the truth. true_delays, anchors: as for `infer_offsets`.
    Returns: the axes.
    """
    found = inference(path, true_delays, anchors)
    steps = found.offsets.steps
    ax = ax or new_axes(height=2.0 + 0.75 * max(1, len(steps)))
    title(ax, "Delay of each hop: stamped, inferred, true")
    if not steps:
        ax.text(0.5, 0.5, "There are no two stamps to compare.", ha="center", transform=ax.transAxes)
        ax.set_axis_off()
        return told(ax, "No delays: there are no two stamps to compare.")
    scale = scale_for(max(abs(mark) for step in steps for mark in (step.stamped_s, step.low_s, step.high_s or 0.0)))
    for row, (step, true_s) in enumerate(zip(steps, found.true_s, strict=True)):
        _draw_step(ax, row, step, true_s, scale)
    ax.axvline(0, color=INK, linewidth=1)
    label_rows(ax, ["{}\n→ {}".format(*found.names(step)) for step in steps])
    low, high = ax.get_xlim()
    ax.set_xlim(low, high + 0.45 * (high - low))
    ax.set_xlabel(f"delay ({scale.name})")
    legend(ax, 3)
    told_by = "; ".join(
        "{} to {}: {}".format(*found.names(step), _words(step, true_s, scale))
        for step, true_s in zip(steps, found.true_s, strict=True)
    )
    return told(ax, f"Bar chart of the delay of each hop. {told_by}. {_note(found)}")


def _draw_step(ax: Axes, row: int, step: Step, true_s: float | None, scale: Scale) -> None:
    unit = scale.seconds
    color, hatch, label = (RED, "///", "stamped, negative: clock skew") if step.stamped_s < 0 else (BLUE, "", "stamped")
    look: Any = {"color": color, "hatch": hatch, "edgecolor": PAPER, "label": once(ax, label)}
    ax.barh(row - 0.2, step.stamped_s / unit, 0.32, **look)
    ends = [step.stamped_s / unit, 0.0]
    if step.true_s is not None:
        ax.barh(
            row + 0.2, step.true_s / unit, 0.32, color=GREEN, hatch="..", edgecolor=PAPER, label=once(ax, "inferred")
        )
        error: Any = {"xerr": RESOLUTION_S / unit, "color": INK, "capsize": 3, "linewidth": 1}
        ax.errorbar(step.true_s / unit, row + 0.2, **error)
        ends.append((step.true_s + RESOLUTION_S) / unit)
    elif step.high_s is not None:
        wide = (step.high_s - step.low_s) / unit
        look = {"color": "none", "edgecolor": GREEN, "linestyle": "--", "linewidth": 1.5}
        ax.barh(row + 0.2, wide, 0.32, left=step.low_s / unit, label=once(ax, "inferred: within these bounds"), **look)
        ends.append(step.high_s / unit)
    if true_s is not None:
        ax.plot(true_s / unit, row + 0.2, "D", color=PAPER, markeredgecolor=INK, markersize=7, label=once(ax, "true"))
        ends.append(true_s / unit)
    words = _words(step, true_s, scale).replace(", inferred", "\ninferred")
    ax.annotate(words, (max(ends), row), (9, 0), textcoords="offset points", va="center", fontsize=9)


def _words(step: Step, true_s: float | None, scale: Scale) -> str:
    """Say what a step's bars show."""
    said = f"stamped {scale.words(step.stamped_s)}"
    if step.true_s is not None:
        said += f", inferred {step.true_s:,.1f} s"
    elif step.high_s is not None:
        said += f", inferred {scale.words(step.low_s)} to {scale.words(step.high_s)}"
    else:
        said += ", inferred not determined"
    return said if true_s is None else f"{said}, truly {true_s:,.3f} s"


def _note(found: Inference) -> str:
    if found.offsets.total_s is None:
        return "The total cannot be told: there are no two times that can be read."
    said = f"Stamped total {found.offsets.total_s:,.0f} s"
    known = [true_s for true_s in found.true_s if true_s is not None]
    if known and len(known) == len(found.true_s):
        said += f"; true total {sum(known):,.3f} s"
    open_clocks = [plain(clock.host, 30) for clock in found.offsets.undetermined]
    return f"{said}." + (f" Not determined: the clocks of {', '.join(open_clocks)}." if open_clocks else "")
