"""Where on the paper does each host of a world go, so that no line crosses a box?

>>> plan = lay_out(Map(nodes={name: Node(name) for name in "ab"}, links={("a", "b"): "10 ms"}))
>>> plan.places["a"].bottom < plan.places["b"].y
True
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from emaillab.diagrams.layout import layers
from emaillab.diagrams.svg import seconds, text_width

Lanes = dict[tuple[str, str], tuple[float, float]]
WIDTH, LINE, GAP_Y, GAP_X, LANE = 880.0, 16.0, 58.0, 40.0, 22.0


@dataclass(frozen=True, slots=True)
class Node:
    """A host or a device, and what is written into its box."""

    name: str
    facts: tuple[str, ...] = ()
    device: bool = False

    @property
    def height(self) -> float:
        """How tall its box is."""
        return 30 + LINE * len(self.facts)

    @property
    def width(self) -> float:
        """How wide its box is."""
        return max([text_width(self.name, 14) * 1.15] + [text_width(fact, 12) for fact in self.facts]) + 30


@dataclass(frozen=True, slots=True)
class Step:
    """One session in which a letter went from one host to another."""

    number: int
    source: str
    target: str
    protocol: str
    at_s: float
    octets: int


@dataclass(slots=True)
class Map:
    """What a map shows."""

    nodes: dict[str, Node] = field(default_factory=dict)
    links: dict[tuple[str, str], str] = field(default_factory=dict)  # → what is written at it
    mx: list[tuple[str, str, str]] = field(default_factory=list)  # (holder of the mailboxes, exchange, text)
    steps: list[Step] = field(default_factory=list)


@dataclass(slots=True)
class Place:
    """Where a box stands."""

    x: float  # its middle
    y: float  # its top
    node: Node
    floor: float = 0.0  # how far down its row reaches, lines between its boxes included

    @property
    def bottom(self) -> float:
        """Where its box ends."""
        return self.y + self.node.height


@dataclass(slots=True)
class Plan:
    """Where everything stands."""

    places: dict[str, Place] = field(default_factory=dict)
    lanes: Lanes = field(default_factory=dict)
    """Lines that pass below other boxes: at which y, and how far beside the middle of their boxes they begin."""
    width: float = 0.0
    height: float = 0.0


def lay_out(found: Map) -> Plan:
    """Put those who are joined in rows below each other, those who are not beside each other."""
    plan = Plan()
    left, top, lowest, widest = 20.0, 16.0, 0.0, 0.0
    for rows in layers(list(found.nodes), list(found.links)):
        nodes = [[found.nodes[name] for name in row] for row in rows]
        mx = [text_width(text, 12) for holder, _, text in found.mx if any(holder in row for row in rows)]
        margin = max(mx, default=0.0) + 46 + 14 * len(mx) if mx else 0.0
        breadth = max(sum(node.width + _gap(found, row) for node in row) - _gap(found, row) for row in nodes)
        breadth = max([breadth, *(2 * note_width(found, name) for row in rows for name in row)])
        if left > 20 and left + breadth + margin > WIDTH:
            left, top = 20.0, lowest + GAP_Y
        y = top
        for row in nodes:
            y += max(_note_height(found, node.name, plan.places) for node in row)
            y += 14 * max(0, len(row) - 3) if row is not nodes[0] else 0  # many lines from one box need room to part
            gap = _gap(found, row)
            x = left + (breadth - sum(node.width + gap for node in row) + gap) / 2
            bottom = y + max(node.height for node in row)
            floor = _lay_lanes(found, row, bottom, plan.lanes)
            for node in row:
                plan.places[node.name] = Place(x + node.width / 2, y, node, floor)
                x += node.width + gap
            y = floor + GAP_Y
        lowest, widest = max(lowest, y - GAP_Y), max(widest, left + breadth + margin)
        left += breadth + margin + GAP_X
    plan.width, plan.height = widest + 20, lowest + 16
    return plan


def _lay_lanes(
    found: Map, row: Sequence[Node], bottom: float, lanes: dict[tuple[str, str], tuple[float, float]]
) -> float:
    """Lead lines between boxes of a row that are not neighbours below it, the short ones first.

    Returns: how far down they reach.
    """
    place = {node.name: at for at, node in enumerate(row)}
    span = {ends: sorted(place[name] for name in ends) for ends in found.links if place.keys() >= set(ends)}
    far = [ends for ends, (first, last) in span.items() if last - first > 1]
    for number, ends in enumerate(sorted(far, key=lambda ends: (span[ends][1] - span[ends][0], span[ends])), start=1):
        lanes[ends] = bottom + LANE, 12.0 + 9 * (len(far) - number)  # a lower one further in: they do not cross
        bottom += LANE + 24 * len(between(found, *ends))
    return bottom + (8 if far else 0)


def between(found: Map, a: str, b: str) -> list[Step]:
    """Return the letter's steps between two hosts, in either direction."""
    return [step for step in found.steps if {step.source, step.target} == {a, b}]


def _gap(found: Map, row: Sequence[Node]) -> float:
    """Return the room between the boxes of a row: enough for what is written at the links between them."""
    neighbours = [{a.name, b.name} for a, b in pairwise(row)]
    texts = [text.split(", ") for ends, text in found.links.items() if set(ends) in neighbours]
    notes = [text_width(step_note(s), 12) + 60 for s in found.steps if {s.source, s.target} in neighbours]
    return max([GAP_X, *(text_width(line, 12) + 20 for lines in texts for line in lines), *notes])


def is_last(places: Mapping[str, Place], name: str) -> bool:
    """Tell whether nothing stands to the right of a box or of the lines below and above it."""
    place = places[name]
    return all(other.x <= place.x + 1 for other in places.values())


def note_width(found: Map, name: str) -> float:
    """Return how far the notes on a node's links reach to the right."""
    notes = [step_note(step) for step in found.steps if name in (step.source, step.target)]
    return max((text_width(note, 12) + 50 for note in notes), default=0.0)


def _note_height(found: Map, name: str, placed: Iterable[str]) -> float:
    """Return the room that a node's links to those above it need for more than one step."""
    above = set(placed)
    ways = [frozenset((s.source, s.target)) for s in found.steps if name in (s.source, s.target)]
    return max((26.0 * (ways.count(way) - 1) for way in ways if way & above), default=0.0)


def step_note(step: Step) -> str:
    """Say of a step by which protocol it was made, when, and how long the letter was."""
    octets = f", {step.octets} octets" if step.octets else ""
    return f"{step.protocol}, {seconds(step.at_s)}{octets}"
