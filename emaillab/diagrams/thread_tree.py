"""Who answered whom, and when? A conversation as a tree over time in UTC.

>>> from emaillab.message.user_agent.threads import threads
>>> letters = [b"Date: Mon, 02 Mar 2026 10:00:00 +0100\\r\\nFrom: Alice <a@a.fr>\\r\\nMessage-ID: <1@a>\\r\\n\\r\\n",
...            b"Date: Mon, 02 Mar 2026 04:30:00 -0500\\r\\nFrom: Bob <b@b.example>\\r\\nMessage-ID: <2@b>\\r\\n"
...            b"References: <1@a>\\r\\n\\r\\n"]
>>> print(draw_threads(threads(letters)))
Conversation of 2 letters, 2026-03-02 09:00 to 09:30 UTC
Alice: (no subject), 2026-03-02 09:00:00 UTC, by their own clock 10:00 +0100
  Bob: (no subject), 2026-03-02 09:30:00 UTC, by their own clock 04:30 -0500
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from emaillab.diagrams.svg import BLUE, GREEN, GREY, ORANGE, PURPLE, Canvas, Diagram, cut, plural
from emaillab.message.header.addresses import parse_addresses
from emaillab.message.header.dates import parse_date
from emaillab.message.header.fields import parse_header
from emaillab.message.user_agent.threads import Thread

NAMES, LEFT, PLOT, RIGHT, TOP, ROW = 10, 330, 400, 220, 40, 34
COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
STEPS_MIN = (1, 5, 10, 30, 60, 120, 360, 720, 1440, 2880, 10080, 43200)


def draw_threads(found: Iterable[Thread]) -> Diagram:
    """Draw conversations: rows in the order of the tree, dots at their time in UTC, lines from letter to answer.

    A letter that is only referred to has a name and no dot.
    """
    rows = [letter for thread in found for letter in thread.walk()]
    bottom = TOP + ROW * len(rows)
    canvas = Canvas(LEFT + PLOT + RIGHT, bottom + 46)
    times = [letter.sent_at for letter in rows if letter.sent_at is not None]
    begin, end = _around(times)
    canvas.text(NAMES, 22, "letters and answers", bold=True)
    for at, label in _ticks(begin, end):
        x = _x(at, begin, end)
        canvas.line([(x, TOP - 6), (x, bottom)], GREY, width=0.4)
        canvas.text(x, bottom + 18, label, size=12, anchor="middle")
    canvas.text(LEFT, bottom + 38, f"time in UTC, from {begin:%Y-%m-%d}", size=12)
    people: dict[str, str] = {}
    places = {id(letter): row for row, letter in enumerate(rows)}
    for row, letter in enumerate(rows):
        colour = people.setdefault(writer(letter), COLOURS[len(people) % len(COLOURS)])
        _draw_letter(canvas, letter, row, places, colour, (begin, end))
    when = f", {min(times):%Y-%m-%d %H:%M} to {_end(times)} UTC" if times else ""
    return canvas.finish(f"Conversation of {plural(len(rows), 'letter')}{when}", map(_words, rows))


def writer(letter: Thread) -> str:
    """Return who wrote a letter, by name or address; "?" when nobody knows."""
    found = parse_addresses(letter.from_.encode())
    return (found[0].name or found[0].addr_spec) if found else "?"


def _own_clock(letter: Thread) -> str:
    """Return the time as the writer's own clock showed it, with its zone."""
    field = parse_header(letter.raw).get("Date") if letter.raw is not None else None
    read = parse_date(field.body) if field else None
    if read is None:
        return ""
    hours, minutes = divmod(abs(read.offset_s) // 60, 60)
    zone = f"{'-' if read.offset_s < 0 else '+'}{hours:02}{minutes:02}" if read.zone_known else "zone unknown"
    return f"{read.local:%H:%M} {zone}"


def _draw_letter(
    canvas: Canvas, letter: Thread, row: int, places: dict[int, int], colour: str, range_: tuple[datetime, datetime]
) -> None:
    y = TOP + ROW * row + ROW / 2
    indent = NAMES + 16 * min(letter.depth, 8)
    if letter.parent is not None and id(letter.parent) in places:
        above = TOP + ROW * places[id(letter.parent)] + ROW / 2
        canvas.line([(indent - 10, above + 10), (indent - 10, y), (indent - 3, y)], GREY, width=1)
    if letter.raw is None:
        canvas.text(indent, y + 4, cut(f"(not here) {letter.message_id}", 34), size=12, faint=True)
        return
    canvas.text(indent, y - 1, cut(writer(letter), 30), bold=True)
    canvas.text(indent, y + 13, cut(letter.subject or "(no subject)", 36), size=12, faint=True)
    if letter.sent_at is None:
        canvas.text(LEFT, y + 4, "no readable date", size=12, faint=True)
        return
    x = _x(letter.sent_at, *range_)
    parent = letter.parent
    if parent is not None and parent.sent_at is not None and id(parent) in places:
        x0, y0 = _x(parent.sent_at, *range_), TOP + ROW * places[id(parent)] + ROW / 2
        canvas.arrow([(x0, y0), (x0, y), (x - 8, y)] if x - x0 > 18 else [(x0, y0), (x, y - 8)], GREY, width=1.2)
    canvas.dot(x, y, 6, colour)
    canvas.text(x + 12, y + 4, f"{letter.sent_at:%H:%M} (own clock {_own_clock(letter)})", size=12)


def _around(times: list[datetime]) -> tuple[datetime, datetime]:
    begin = min(times, default=datetime(2000, 1, 1, tzinfo=UTC))
    end = max(times, default=begin)
    return begin, end if end > begin else begin + timedelta(minutes=1)


def _x(at: datetime, begin: datetime, end: datetime) -> float:
    return LEFT + PLOT * ((at - begin) / (end - begin))


def _ticks(begin: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
    """Choose round moments, at most seven."""
    span_min = (end - begin).total_seconds() / 60
    step = next((step for step in STEPS_MIN if span_min / step <= 7), STEPS_MIN[-1])
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    count = -(-int((begin - midnight).total_seconds() // 60) // step)
    while (at := midnight + timedelta(minutes=count * step)) <= end and count < 100_000:
        if at >= begin:
            yield at, f"{at:%H:%M}" if step < 1440 else f"{at:%d %b}"
        count += 1


def _end(times: list[datetime]) -> str:
    first, last = min(times), max(times)
    return f"{last:%H:%M}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M}"


def _words(letter: Thread) -> str:
    lead = "  " * letter.depth
    if letter.raw is None:
        return f"{lead}(not here) {letter.message_id}"
    when = "no readable date" if letter.sent_at is None else f"{letter.sent_at:%Y-%m-%d %H:%M:%S} UTC"
    clock = _own_clock(letter)
    told = f", by their own clock {clock}" if clock else ""
    return f"{lead}{writer(letter)}: {letter.subject or '(no subject)'}, {when}{told}"
