"""Which way did a letter come, and where did it wait? Its Received fields as a chain of hosts.

>>> from emaillab.message.trace.path import trace
>>> print(draw_path(trace(b'''Received: from b.example by c.example; Mon, 3 Mar 2025 12:00:05 +0000
... Received: from a.example by b.example; Mon, 3 Mar 2025 12:00:07 +0000
...
... ''')))
Path of a letter: 2 hops, -2 s in all
a.example
1. to b.example
2. to c.example, after -2 s: before it was sent, so the clocks disagree
"""

from __future__ import annotations

from emaillab.diagrams.svg import BLUE, GREEN, GREY, VERMILLION, Canvas, Diagram, cut, seconds
from emaillab.message.trace.path import Gap, Hop, Trace

WIDTH, BOX_X, BOX_WIDTH, BOX_HEIGHT, STEP = 790.0, 60.0, 390.0, 42.0, 92.0
LETTERS = 38


def draw_path(path: Trace) -> Diagram:
    """Draw the hosts in travel order with the delay of each step; skewed clocks and gaps are named."""
    canvas = Canvas(WIDTH, 20 + STEP * len(path) + BOX_HEIGHT)
    if not path.hops:
        canvas.text(20, 36, "No Received fields: the letter has not travelled yet.")
        return canvas.finish("Path of a letter: no hops", ["no Received fields: the letter has not travelled yet"])
    first = path[0]
    _host(canvas, 10, first.from_ or "not told", _address(first))
    for place, hop in enumerate(path.hops):
        y = 10 + STEP * (place + 1)
        stamp = f"{hop.time:%Y-%m-%d %H:%M:%S} UTC" if hop.time else "time unreadable"
        _host(canvas, y, hop.by or "not told", stamp)
        _step(canvas, y, place, path)
    for gap in path.gaps:
        _bracket(canvas, gap)
    total = "unknown time" if path.total_s is None else _signed(path.total_s).lstrip("+")
    hops = f"{len(path)} hop{'s' if len(path) != 1 else ''}"
    return canvas.finish(f"Path of a letter: {hops}, {total} in all", _words(path))


def _host(canvas: Canvas, y: float, name: str, below: str) -> None:
    canvas.box(BOX_X, y, BOX_WIDTH, BOX_HEIGHT, fill=BLUE, stroke=BLUE, round=8)
    canvas.text(BOX_X + 12, y + 18, cut(name, LETTERS), bold=True)
    canvas.text(BOX_X + 12, y + 34, below, size=12, faint=True)


def _step(canvas: Canvas, y: float, place: int, path: Trace) -> None:
    """Draw the way to a host, with its number, its delay and how the letter came."""
    hop, x = path[place], BOX_X + 30
    skewed = hop.delay_s is not None and hop.delay_s < 0
    unknown = hop.delay_s is None and place > 0
    colour = VERMILLION if skewed else GREY if unknown else GREEN
    canvas.arrow([(x, y - STEP + BOX_HEIGHT), (x, y)], colour, dashed=skewed or unknown, width=2)
    canvas.badge(BOX_X - 22, y - (STEP - BOX_HEIGHT) / 2, str(place + 1), colour)
    delay = _delay(hop, place)
    canvas.text(x + 14, y - (STEP - BOX_HEIGHT) / 2 - 3, delay, bold=True)
    canvas.text(x + 14, y - (STEP - BOX_HEIGHT) / 2 + 13, cut(" · ".join(_facts(hop, place, path)), 92), size=12)


def _delay(hop: Hop, place: int) -> str:
    if hop.delay_s is None:
        return "delay unknown" if place else "handed in"
    return _signed(hop.delay_s) + (" clock skew: stamped before it was sent" if hop.delay_s < 0 else "")


def _signed(delay_s: float) -> str:
    return seconds(delay_s) if delay_s < 0 else "0 s" if delay_s == 0 else f"+{seconds(delay_s)}"


def _facts(hop: Hop, place: int, path: Trace) -> list[str]:
    """Say how a hop was made, as far as it is told, and what does not fit."""
    facts = [hop.with_ or "protocol not told"]
    if hop.tls:
        facts.append("TLS")
    if hop.authenticated:
        facts.append("logged in")
    facts.append(f"{hop.octets} octets added")
    before = path[place - 1].by if place else hop.from_
    if hop.from_ and before and hop.from_.lower() != before.lower():
        facts.append(f"from {cut(hop.from_, 30)}")
    facts += dict.fromkeys(f"! {defect.kind}" for defect in hop.defects)
    return facts


def _address(hop: Hop) -> str:
    return f"[{cut(hop.from_ip, 45)}]" if hop.from_ip else "address not told"


def _bracket(canvas: Canvas, gap: Gap) -> None:
    """Join the hosts around unreadable times and say how long it took between them."""
    x = BOX_X + BOX_WIDTH
    top, bottom = (10 + STEP * (place + 1) + BOX_HEIGHT / 2 for place in (gap.after, gap.before))
    canvas.line([(x, top), (x + 120, top), (x + 120, bottom), (x, bottom)], GREY, dashed=True)
    canvas.text(x + 130, (top + bottom) / 2 - 4, f"gap: {_signed(gap.total_s)}", bold=True)
    canvas.text(x + 130, (top + bottom) / 2 + 12, f"from hop {gap.after + 1} to {gap.before + 1}, together", size=12)


def _words(path: Trace) -> list[str]:
    told = [path[0].from_ or "a sender who is not told"]
    for place, hop in enumerate(path.hops):
        line = f"{place + 1}. to {hop.by or 'a host that is not told'}"
        if place:
            line += ", after " + ("an unknown time" if hop.delay_s is None else _signed(hop.delay_s).lstrip("+"))
        if hop.delay_s is not None and hop.delay_s < 0:
            line += ": before it was sent, so the clocks disagree"
        told.append(line)
    told += [f"gap: hops {g.after + 1} to {g.before + 1} took {seconds(g.total_s)} together" for g in path.gaps]
    return told
