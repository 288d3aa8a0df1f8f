"""Where was the letter when? Its copies as bars over the world's time: user agent, queues, mailbox.

>>> from emaillab.world import Internet
>>> with Internet.textbook(network="memory") as net:
...     letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "Do you like crepes?\\n")
...     _ = net.submit(letter)
...     net.settle()
>>> print(draw_gantt(net.journey(letter["Message-ID"])).words)
alice.crepes.fr, user agent: 0.000 s to 0.050 s, answers for it 0.000 s to 0.045 s
crepes.fr, queue: 0.045 s to 0.160 s, answers for it 0.045 s to 0.150 s
smtp.isp.example, queue: 0.150 s to 2.600 s, answers for it 0.150 s to 2.555 s
mx.hamburger.edu, queue: 2.555 s to 9.575 s, answers for it 2.555 s to 9.573 s
hamburger.edu, mailbox of bob@hamburger.edu: 9.573 s to now, answers for it 9.573 s to now
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from emaillab.diagrams.svg import BLUE, GREEN, GREY, ORANGE, Canvas, Diagram, cut
from emaillab.journey import Journey, Stay
from emaillab.readings import NEVER

COLOURS = {"user agent": BLUE, "queue": ORANGE, "mailbox": GREEN}
LEFT, PLOT, RIGHT = 240.0, 460.0, 190.0  # pixels: names, bars, times
TOP, ROW, BAR = 34.0, 40.0, 20.0
THINNEST = 3.0  # pixels of a bar too short to be seen
UNITS = ((1.0, "s"), (60.0, "min"), (3600.0, "h"), (86400.0, "d"))


@dataclass(frozen=True, slots=True)
class _Axis:
    """World time in seconds → pixels."""

    begin_s: float
    end_s: float

    def x(self, at_s: float) -> float:
        share = (min(max(at_s, self.begin_s), self.end_s) - self.begin_s) / (self.end_s - self.begin_s)
        return LEFT + PLOT * share

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Choose round moments, at most eight."""
        unit_s, name = next((u for u in reversed(UNITS) if self.end_s - self.begin_s > 3 * u[0]), UNITS[0])
        span = (self.end_s - self.begin_s) / unit_s
        power = 10.0 ** math.floor(math.log10(span / 8))
        step = next(step for n in (1, 2, 5, 10) if (step := n * power) >= span / 8)
        first, last = math.ceil(self.begin_s / unit_s / step), math.floor(self.end_s / unit_s / step)
        for count in range(first, last + 1):
            yield self.x(count * step * unit_s), f"{count * step:g} {name}"


def draw_gantt(journey: Journey) -> Diagram:
    """Draw where a letter's copies were over the world's time, and who answered for it."""
    stays = journey.stays
    axis = _axis(stays, journey.until_s)
    bottom = TOP + ROW * len(stays)
    canvas = Canvas(LEFT + PLOT + RIGHT, bottom + 64)
    canvas.text(8, 20, "Where was the letter?", size=14, bold=True)
    for x, label in axis.ticks():
        canvas.line([(x, TOP), (x, bottom)], GREY, width=0.4)
        canvas.text(x, bottom + 18, label, size=12, anchor="middle")
    canvas.line([(LEFT, bottom), (LEFT + PLOT, bottom)], GREY)
    canvas.text(LEFT + PLOT + 16, bottom + 18, "world time", size=12)
    for row, stay in enumerate(stays):
        _draw_stay(canvas, axis, stay, _middle(row))
        giver = next((r for r, other in enumerate(stays) if _charge_ends(other) == stay.in_charge_from_s), None)
        if giver is not None and stay.in_charge_from_s < NEVER:
            x = axis.x(stay.in_charge_from_s)
            canvas.line([(x, _middle(giver) + BAR / 2), (x, _middle(row) - BAR / 2)], GREY, width=1.2)
    canvas.text(
        8,
        bottom + 50,
        "Filled: answers for the letter. Dashed: a copy only. Upright line: a 250 after the dot.",
        size=12,
    )
    return canvas.finish(f"Whereabouts of {journey.message_id}", map(_words, stays))


def _axis(stays: tuple[Stay, ...], until_s: float) -> _Axis:
    moments = [at_s for stay in stays for at_s in (stay.since_s, stay.until_s) if at_s < NEVER]
    if until_s < NEVER:
        moments.append(until_s)
    begin, end = min(moments, default=0.0), max(moments, default=1.0)
    return _Axis(begin, end if end > begin else begin + 1.0)


def _draw_stay(canvas: Canvas, axis: _Axis, stay: Stay, y: float) -> None:
    """Draw one copy's row."""
    canvas.text(8, y - 1, cut(stay.host, 30), bold=True)
    canvas.text(8, y + 14, cut(f"mailbox of {stay.mailbox}" if stay.mailbox else stay.kind, 36), size=12, faint=True)
    colour = COLOURS[stay.kind]
    begin, end = axis.x(stay.since_s), axis.x(stay.until_s)
    canvas.box(begin, y - BAR / 2, max(end - begin, THINNEST), BAR, stroke=colour, dashed=True, round=2)
    if stay.in_charge_from_s < NEVER:
        start, stop = axis.x(stay.in_charge_from_s), axis.x(_charge_ends(stay))
        canvas.box(
            start, y - BAR / 2, max(stop - start, THINNEST), BAR, fill=colour, opacity=0.75, stroke=colour, round=2
        )
    canvas.text(end + 10, y + 4, f"{moment(stay.since_s)} to {moment(stay.until_s)}", size=12)


def _middle(row: int) -> float:
    return TOP + ROW * row + ROW / 2


def _charge_ends(stay: Stay) -> float:
    return min(stay.in_charge_until_s, stay.until_s)


def moment(at_s: float) -> str:
    """Spell a moment of world time: in seconds, and from a minute on as a clock with days does."""
    if at_s >= NEVER:
        return "now"
    thousandths = round(at_s * 1000)
    whole, rest = divmod(thousandths, 1000)
    if whole < 60:
        return f"{whole}.{rest:03} s"
    days, clock = divmod(whole, 86400)
    said = f"{clock // 3600}:{clock // 60 % 60:02}:{clock % 60:02}.{rest:03}"
    return f"{days} d {said}" if days else said


def _words(stay: Stay) -> str:
    said = f"{stay.place}: {moment(stay.since_s)} to {moment(stay.until_s)}"
    if stay.in_charge_from_s < NEVER:
        end = _charge_ends(stay)
        said += f", answers for it {moment(stay.in_charge_from_s)} to {moment(end)}"
    return f"{said}, {stay.ended}" if stay.ended not in ("", "handed on") else said
