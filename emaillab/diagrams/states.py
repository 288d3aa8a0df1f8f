"""Which commands does a server take in which state, and where do they lead? Its own table, drawn.

>>> from emaillab.engine import Outcome
>>> from emaillab.protocol.machine import Machine, Reply, verb
>>> class Lamp(Machine[Reply]):
...     START, MOVES = "OFF", {"OFF": {"PRESS": "ON"}, "ON": {"PRESS": "OFF", "READ": "ON"}}
...     @verb("PRESS", rfc="0 §1")
...     def press(self, args: bytes) -> Reply:
...         return Reply(Outcome.OK, "click")
...     @verb("READ", rfc="0 §2")
...     def read(self, args: bytes) -> Reply:
...         return Reply(Outcome.OK, "a page")
>>> print(draw_states(Lamp()))
States of Lamp: 2, starting in OFF, now in OFF
OFF (now)
  PRESS → ON
ON
  PRESS → OFF
  stays: READ
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from emaillab.diagrams.svg import BLUE, GREEN, ORANGE, VERMILLION, Canvas, Diagram, text_width, wrap
from emaillab.engine import Outcome, State
from emaillab.protocol.machine import CLOSED, Machine

SLOT = 20.0  # the height that an edge needs at the side of a box
GAP = 44.0  # between two boxes
LANE = 16.0  # between two lanes
BOX_LETTERS = 30
LABEL_LETTERS = 26


@dataclass(frozen=True, slots=True)
class Edge:
    """All verbs that lead from one state to another in one way."""

    before: State
    after: State
    refusal: bool
    verbs: tuple[str, ...]


def edges(machine: type[Machine[Any]]) -> list[Edge]:
    """Read a machine's table; verbs that do the same are one edge."""
    found: dict[tuple[State, State, bool], list[str]] = {}
    for before, row in machine.TRANSITIONS.items():
        for key, after in row.items():
            name, outcome = (key, None) if isinstance(key, str) else key
            refusal = outcome in (Outcome.NO, Outcome.BAD)
            label = name if outcome is None else f"{name} [{outcome.value}]"
            found.setdefault((before, after, refusal), []).append(label)
    return [Edge(before, after, refusal, tuple(verbs)) for (before, after, refusal), verbs in found.items()]


def order(machine: type[Machine[Any]]) -> list[State]:
    """Put the states in the order in which a session can first reach them; CLOSED is the last."""
    reached, known = [machine.START], edges(machine)
    for state in reached:  # grows as it goes
        reached += dict.fromkeys(e.after for e in known if e.before == state and e.after not in reached)
    reached += [state for state in machine.TRANSITIONS if state not in reached]
    return [state for state in reached if state != CLOSED] + [state for state in reached if state == CLOSED]


@dataclass(slots=True)
class _Box:
    """A state's place, and what leaves or enters on each side."""

    state: State
    stays: list[str]
    left: list[Edge] = field(default_factory=list)
    right: list[Edge] = field(default_factory=list)
    down: list[Edge] = field(default_factory=list)
    enters_left: bool = False
    enters_right: bool = False
    y: float = 0.0
    height: float = 0.0


def draw_states(machine: Machine[Any] | type[Machine[Any]]) -> Diagram:
    """Draw a server's states below each other; forward moves run on the right, backward ones on the left.

    Moves to the same state share a lane. What leaves the state as it is stands in its box; dashed is a refusal that
    moves. A machine, rather than its class, has its present state marked.
    """
    kind = machine if isinstance(machine, type) else type(machine)
    now = None if isinstance(machine, type) else machine.state
    states, known = order(kind), edges(kind)
    boxes = _boxes(states, known)
    bottom = _stack(boxes)
    inner = max([text_width(s, 14) for s in states] + [text_width(x, 12) for b in boxes for x in b.stays]) + 36
    reach = {side: _reach(boxes, side) for side in ("left", "right")}
    lanes = {side: [s for s in states if _enters(boxes, s, side)] for side in ("left", "right")}
    lanes["right"].reverse()  # the nearest lane leads to the lowest state
    left_x = 14 + LANE * len(lanes["left"]) + reach["left"]
    right_x = left_x + inner
    canvas = Canvas(right_x + reach["right"] + LANE * len(lanes["right"]) + 14, bottom + 20)
    _start(canvas, boxes[0], (left_x + right_x) / 2)
    for index, box in enumerate(boxes):
        _draw_box(canvas, box, left_x, inner, now)
        if box.down:
            _draw_down(canvas, box, boxes[index + 1], (left_x + right_x) / 2)
    for side, edge_x, sign in (("left", left_x, -1), ("right", right_x, 1)):
        for number, target in enumerate(lanes[side]):
            lane_x = edge_x + sign * (reach[side] + LANE * (number + 0.5))
            _draw_lane(canvas, boxes, target, side, edge_x, lane_x)
    title = f"States of {kind.__name__}: {len(states)}, starting in {kind.START}" + (f", now in {now}" if now else "")
    return canvas.finish(title, _words(states, known, now), f"{len(states)} states and their moves, told below.")


def _boxes(states: list[State], known: list[Edge]) -> list[_Box]:
    boxes = {}
    for state in states:
        stays = [name for e in known if e.before == e.after == state for name in e.verbs]
        boxes[state] = _Box(state, wrap(stays, BOX_LETTERS))
    for edge in known:
        step = states.index(edge.after) - states.index(edge.before)
        box, target = boxes[edge.before], boxes[edge.after]
        if step == 1:
            box.down.append(edge)
        elif step > 1:
            box.right.append(edge)
            target.enters_right = True
        elif step < 0:
            box.left.append(edge)
            target.enters_left = True
    return list(boxes.values())


def _stack(boxes: list[_Box]) -> float:
    """Give the boxes their heights and places. Returns: where the last one ends."""
    y = 34.0
    for box in boxes:
        sides = (_slots(box.left) + SLOT * box.enters_left, _slots(box.right) + SLOT * box.enters_right)
        box.y, box.height = y, max(34.0 + 16 * len(box.stays), 12 + max(sides))
        labels = sum(len(wrap(edge.verbs, LABEL_LETTERS)) for edge in box.down)
        y += box.height + max(GAP, 20.0 + 15 * labels)
    return boxes[-1].y + boxes[-1].height


def _slots(edges: list[Edge]) -> float:
    return sum(6 + 15.0 * len(wrap(edge.verbs, LABEL_LETTERS)) for edge in edges)


def _reach(boxes: list[_Box], side: str) -> float:
    """Return how far the labels on one side stand out."""
    lines = [line for box in boxes for edge in getattr(box, side) for line in wrap(edge.verbs, LABEL_LETTERS)]
    return max((text_width(line, 12) for line in lines), default=0.0) + 22 if lines else 12.0


def _enters(boxes: list[_Box], state: State, side: str) -> bool:
    return any(edge.after == state for box in boxes for edge in getattr(box, side))


def _start(canvas: Canvas, box: _Box, x: float) -> None:
    canvas.dot(x, 10, 6, "currentColor")
    canvas.arrow([(x, 10), (x, box.y)], "currentColor")


def _draw_box(canvas: Canvas, box: _Box, x: float, width: float, now: State | None) -> None:
    here = box.state == now
    canvas.box(
        x,
        box.y,
        width,
        box.height,
        fill=ORANGE if here else BLUE,
        opacity=0.35 if here else 0.12,
        stroke="currentColor" if here else BLUE,
        line_width=3 if here else 1.5,
        round=10,
    )
    middle = x + width / 2
    top = box.y + (box.height - 16 * len(box.stays)) / 2 + 5
    canvas.text(middle, top, box.state + (" (now)" if here else ""), size=14, anchor="middle", bold=True)
    for number, line in enumerate(box.stays, start=1):
        canvas.text(middle, top + 16 * number, ("↺ " if number == 1 else "") + line, size=12, anchor="middle")


def _draw_down(canvas: Canvas, box: _Box, below: _Box, x: float) -> None:
    """Draw the moves to the next state; refusals beside the others."""
    y = box.y + box.height + 17
    for edge in box.down:
        at = x + (14 if edge.refusal and len(box.down) > 1 else 0)
        colour = VERMILLION if edge.refusal else GREEN
        canvas.arrow([(at, box.y + box.height), (at, below.y)], colour, dashed=edge.refusal)
        for line in wrap(edge.verbs, LABEL_LETTERS):
            canvas.text(x + (24 if len(box.down) > 1 else 10), y, line, size=12)
            y += 15


def _draw_lane(canvas: Canvas, boxes: list[_Box], target: State, side: str, edge_x: float, lane_x: float) -> None:
    """Draw all moves on one side that lead to one state: they meet in a lane, which enters it."""
    end = next(box for box in boxes if box.state == target)
    end_y = end.y + 10
    ys = []
    for box in boxes:
        y = box.y + 4 + SLOT * getattr(box, f"enters_{side}")
        for edge in getattr(box, side):
            lines = wrap(edge.verbs, LABEL_LETTERS)
            y += 6 + 15 * len(lines)
            if edge.after != target:
                continue
            ys.append(y)
            colour = VERMILLION if edge.refusal else GREEN
            canvas.line([(edge_x, y), (lane_x, y)], colour, dashed=edge.refusal)
            for number, line in enumerate(reversed(lines)):
                x, anchor = (edge_x - 8, "end") if side == "left" else (edge_x + 8, "start")
                canvas.text(x, y - 4 - 15 * number, line, size=12, anchor=anchor)  # type: ignore[arg-type]
    far = max(ys) if side == "left" else min(ys)
    canvas.arrow([(lane_x, far), (lane_x, end_y), (edge_x, end_y)], GREEN)


def _words(states: list[State], known: list[Edge], now: State | None) -> list[str]:
    told = []
    for state in states:
        told.append(state + (" (now)" if state == now else ""))
        for edge in known:
            if edge.before == state != edge.after:
                told.append(f"  {', '.join(edge.verbs)} → {edge.after}")
        stays = [name for edge in known if edge.before == edge.after == state for name in edge.verbs]
        if stays:
            told.append(f"  stays: {', '.join(stays)}")
    return told
