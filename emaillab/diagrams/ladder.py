"""Who said what to whom, and when did it arrive? A session as a ladder between two lifelines.

>>> from emaillab.net.chunk import Chunk
>>> from emaillab.net.transcript import Transcript
>>> talk = Transcript(protocol="smtp", client="alice", server="crepes.fr", port=25)
>>> talk.heard(Chunk("S", b"220 crepes.fr\\r\\n", 0.0, 0.01))
>>> talk.heard(Chunk("C", b"QUIT\\r\\n", 0.01, 0.02))
>>> print(draw_ladder(talk))
SMTP session 1: alice and crepes.fr, 2 messages, 21 octets in 20 ms
handshake
  0 ms → 10 ms  S → C  220 crepes.fr
  10 ms → 20 ms  C → S  QUIT
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from emaillab.diagrams.svg import BLUE, MONO_EM, TINTS, VERMILLION, Canvas, Diagram, cut, plural, seconds
from emaillab.net.chunk import Side
from emaillab.net.transcript import Line, Transcript

WIDTH, CLIENT_X, SERVER_X = 890, 150, 700
ROW, TURN, HEADING = 24.0, 10.0, 24.0
LABEL_SIZE = 12.0
LETTERS = int((SERVER_X - CLIENT_X - 80) / (LABEL_SIZE * MONO_EM))  # near its end a label has less room


@dataclass(frozen=True, slots=True)
class Message:
    """Lines that one side sent as one: a command, a reply, a message's content."""

    side: Side
    lines: tuple[Line, ...]

    @property
    def sent_s(self) -> float:
        """When its first octet left."""
        return self.lines[0].sent_s

    @property
    def arrived_s(self) -> float:
        """When its last octet arrived."""
        return self.lines[-1].arrived_s

    @property
    def octets(self) -> int:
        """How many octets it has."""
        return sum(len(line.data) for line in self.lines)

    @property
    def change(self) -> str:
        """The state it led to, when a client's message changed it."""
        line = self.lines[-1]
        return line.after if self.side == "C" and line.after != line.before else ""

    def label(self, letters: int = LETTERS) -> str:
        """Say what it is in one line."""
        first, count = self.lines[0], len(self.lines)
        mark = "[TLS] " if first.tls else ""
        if count == 1:
            return cut(mark + first.text, letters)
        if first.side == "C" and first.verb in ("(content)", "APPEND"):
            return f"{mark}… {count} lines, {self.octets} octets"
        rest = f" … +{count - 1} line{'s' if count > 2 else ''}, {self.octets} octets"
        return cut(mark + first.text, letters - len(rest)) + rest


def messages(transcript: Transcript) -> Iterator[Message]:
    """Join a session's lines to messages: what the server took as one unit, and each of its replies."""
    ends, numbers = {"C": 0, "S": 0}, []
    lines = transcript.lines
    for line in lines:
        ends[line.side] += len(line.data)
        end = ends[line.side]
        if line.side == "C":
            numbers.append(sum(1 for label in transcript.labels if label.consumed < end))
        else:
            numbers.append(sum(1 for label in transcript.labels if label.produced < end))
    keyed = zip(lines, numbers, strict=True)
    for _, run in itertools.groupby(keyed, key=lambda pair: (pair[0].side, pair[1], pair[0].tls)):
        members = tuple(line for line, _ in run)
        yield Message(members[0].side, members)


@dataclass(slots=True)
class _Rung:
    message: Message
    from_y: float = 0.0
    to_y: float = 0.0


def draw_ladder(transcript: Transcript) -> Diagram:
    """Draw a session: arrows slant as time passes on the way; phases are bands."""
    rungs = [_Rung(message) for message in messages(transcript)]
    canvas = Canvas(WIDTH)
    headings, bottom = _place(rungs, top=86.0)
    canvas.height = bottom + 34
    _lifelines(canvas, transcript, bottom + 14)
    _bands(canvas, headings, bottom + 14)
    _ticks(canvas, rungs, transcript.opened_s)
    for rung in rungs:
        _arrow(canvas, rung)
    octets, last_s = transcript.octets(), max((r.message.arrived_s for r in rungs), default=transcript.opened_s)
    title = (
        f"{transcript.protocol.upper()} session {transcript.id}: {transcript.client} and {transcript.server}, "
        f"{plural(len(rungs), 'message')}, {plural(octets, 'octet')} in {seconds(last_s - transcript.opened_s)}"
    )
    return canvas.finish(
        title, _words(rungs, transcript.opened_s), f"A ladder of {plural(len(rungs), 'arrow')}, told below."
    )


def _place(rungs: list[_Rung], top: float) -> tuple[list[tuple[str, float]], float]:
    """Give every end of every arrow its height; later is lower.

    Returns: (phase, height of its heading), and the height of the last end.
    """
    ends = sorted(
        [(rung.message.sent_s, n, 0) for n, rung in enumerate(rungs)]
        + [(rung.message.arrived_s, n, 1) for n, rung in enumerate(rungs)]
    )
    steps = [b[0] - a[0] for a, b in itertools.pairwise(ends) if b[0] - a[0] > 1e-9]
    shortest = min(steps, default=1.0)
    headings: list[tuple[str, float]] = []
    lowest, now = top, -math.inf
    at: dict[Side, tuple[float, int]] = {}  # what this moment already has on each lifeline: its height, its kind
    for time, n, kind in ends:
        rung = rungs[n]
        side, phase = rung.message.side, rung.message.lines[0].phase
        place: Side = side if kind == 0 else ("S" if side == "C" else "C")
        at_once = rung.message.arrived_s - rung.message.sent_s <= 1e-9
        if time - now > 1e-9:
            if now > -math.inf:
                lowest += ROW * min(3.0, math.sqrt((time - now) / shortest))
            now, at = time, {}
        if kind == 0 and not any(phase == name for name, _ in headings[-1:]) and n == _first_of_phase(rungs, n):
            headings.append((phase, lowest + (10 if headings else -12)))
            lowest += HEADING if headings[1:] else 12
            at = {}
        if kind == 1 and at_once:
            y = rung.from_y
        elif place not in at:
            y = lowest
        else:
            y, before = at[place]
            y += TURN if before == 1 and kind == 0 else ROW
        if at_once and kind == 0:
            y = lowest + (ROW if at else 0)
        at[place] = (y, kind)
        if kind == 0:
            rung.from_y = y
        else:
            rung.to_y = y
        lowest = max(lowest, y)
    return headings, lowest


def _first_of_phase(rungs: list[_Rung], n: int) -> int:
    """Return the number of the first rung of the run of one phase that rung n is in."""
    phase = rungs[n].message.lines[0].phase
    while n and rungs[n - 1].message.lines[0].phase == phase:
        n -= 1
    return n


def _lifelines(canvas: Canvas, transcript: Transcript, bottom: float) -> None:
    for x, role, name, ip in (
        (CLIENT_X, "client", transcript.client, transcript.client_ip),
        (SERVER_X, "server", transcript.server, f"{transcript.server_ip} port {transcript.port}"),
    ):
        canvas.text(x, 18, cut(f"{role} {name}", 36), anchor="middle", bold=True)
        canvas.text(x, 34, ip, size=12, anchor="middle", faint=True)
        canvas.line([(x, 44), (x, bottom)], "currentColor", width=1)
    canvas.text(CLIENT_X - 10, 58, "time, ms", size=11, anchor="end", faint=True)
    canvas.text(SERVER_X + 10, 58, "time, ms   new state", size=11, faint=True)


def _bands(canvas: Canvas, headings: list[tuple[str, float]], bottom: float) -> None:
    tops = [y for _, y in headings]
    colours: dict[str, str] = {}
    for (name, y), end in zip(headings, [*tops, bottom][1:], strict=True):
        colour = colours.setdefault(name, TINTS[len(colours) % len(TINTS)])
        canvas.box(0, y, WIDTH, end - y, fill=colour, behind=True)
        canvas.box(0, y, 5, end - y, fill=colour, opacity=1, behind=True)
        canvas.text(12, y + 15, name, size=12, bold=True)


def _ticks(canvas: Canvas, rungs: list[_Rung], opened_s: float) -> None:
    """Write the time of each end beside its lifeline, once for each moment of a phase."""
    seen: set[tuple[Side, str, str]] = set()
    for rung in rungs:
        message = rung.message
        there: Side = "S" if message.side == "C" else "C"
        for side, time, y in ((message.side, message.sent_s, rung.from_y), (there, message.arrived_s, rung.to_y)):
            label = f"{(time - opened_s) * 1000:,.1f}"
            if (side, label, message.lines[0].phase) not in seen:
                seen.add((side, label, message.lines[0].phase))
                x, anchor = (CLIENT_X - 10, "end") if side == "C" else (SERVER_X + 10, "start")
                canvas.text(x, y + 4, label, size=11, anchor=anchor)  # type: ignore[arg-type]
        if message.change:
            canvas.text(SERVER_X + 74, rung.to_y + 4, cut(message.change, 16), size=11, bold=True)


def _arrow(canvas: Canvas, rung: _Rung) -> None:
    message = rung.message
    ours = message.side == "C"
    start, end = (CLIENT_X, SERVER_X) if ours else (SERVER_X, CLIENT_X)
    width = 2.6 if message.lines[0].tls else 1.6
    canvas.arrow([(start, rung.from_y), (end, rung.to_y)], BLUE if ours else VERMILLION, width=width)
    turn = math.degrees(math.atan2(rung.to_y - rung.from_y, SERVER_X - CLIENT_X)) * (1 if ours else -1)
    middle = (CLIENT_X + SERVER_X) / 2, (rung.from_y + rung.to_y) / 2
    lift = 5 / math.cos(math.radians(turn))
    canvas.text(middle[0], middle[1] - lift, message.label(), size=LABEL_SIZE, anchor="middle", mono=True, turn=turn)


def _words(rungs: list[_Rung], opened_s: float) -> list[str]:
    told = [] if rungs else ["nothing was said"]
    phase = None
    for rung in rungs:
        message = rung.message
        line = message.lines[0]
        if line.phase != phase:
            phase = line.phase
            told.append(phase)
        way = "C → S" if message.side == "C" else "S → C"
        times = f"{seconds(message.sent_s - opened_s)} → {seconds(message.arrived_s - opened_s)}"
        state = f"   state {line.before} → {message.change}" if message.change else ""
        told.append(f"  {times}  {way}  {message.label(200)}{state}")
    return told
