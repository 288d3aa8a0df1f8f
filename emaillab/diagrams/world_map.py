"""Who is in this Internet, how are they joined, and which way did a letter go?

>>> from emaillab.world import Internet
>>> with Internet(network="memory") as net:
...     _ = net.host("crepes.fr", users={"alice": "secret"}, services=["smtp"])
...     print(draw_world(net))
Map of an Internet: 1 mail host, 1 device, 1 link
crepes.fr [192.0.2.25]: smtp 25; takes mail for crepes.fr; alice 0 letters; queue 0 letters
laptop.crepes.fr: device
laptop.crepes.fr - crepes.fr: 0 ms
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from emaillab.diagrams.layout import layers
from emaillab.diagrams.svg import (
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    VERMILLION,
    Anchor,
    Canvas,
    Diagram,
    cut,
    plural,
    seconds,
    text_width,
)
from emaillab.host.mailhost import MailHost
from emaillab.journey import NEVER, Journey, read_by
from emaillab.net.connection import Link
from emaillab.net.dns import MX
from emaillab.world import Internet

WIDTH, LINE, GAP_Y, GAP_X = 880.0, 16.0, 58.0, 40.0


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


def draw_world(net: Internet, journey: Journey | None = None) -> Diagram:
    """Draw a world's hosts, devices and links; with a journey, the letter's way on them."""
    found = _read_world(net)
    title = plural(len(net.hosts), "mail host"), plural(len(found.nodes) - len(net.hosts), "device")
    words = f"Map of an Internet: {', '.join(title)}, {plural(len(found.links), 'link')}"
    if journey is not None:
        _add_steps(found, journey)
        words += f", and the way of {journey.message_id}"
    return _draw(found, words)


def draw_journey(journey: Journey) -> Diagram:
    """Draw the hosts that a letter passed, and its way from one to the next."""
    found = Map()
    accepted = {stop.host: stop for stop in journey.stops}
    for session in journey.sessions:
        for name in (session.client, session.server):
            stop = accepted.get(name)
            facts = (f"accepted at {seconds(stop.at_s)}", f"{len(stop.raw)} octets") if stop else ()
            found.nodes.setdefault(name, Node(name, facts, device=stop is None))
    _add_steps(found, journey)
    return _draw(found, f"Way of {journey.message_id}: {plural(len(found.steps), 'step')}")


# -- What there is ------------------------------------------------------------------------------------


def _read_world(net: Internet) -> Map:
    found = Map()
    exchanges = [record for zone in net.dns.zones for record in zone.records if isinstance(record, MX)]
    for name, host in net.hosts.items():
        device = net.devices[name]
        linked = net.network.link_between(device.name, name) != Link()
        if host.users or linked:
            found.nodes[device.name] = Node(device.name, (f"device, {device.ip}",), device=True)
            found.links[device.name, name] = _link(net.network.link_between(device.name, name))
        found.nodes[name] = Node(name, tuple(_facts(net, host, exchanges)))
    names = list(found.nodes)
    for at, a in enumerate(names):
        for b in names[at + 1 :]:
            link = net.network.link_between(a, b)
            if link != Link() and (a, b) not in found.links:
                found.links[a, b] = _link(link)
    for record in exchanges:
        holders = [name for name, host in net.hosts.items() if record.name in host.policy.domains]
        for holder in holders:
            if holder != record.exchange and record.exchange in found.nodes:
                found.mx.append((holder, record.exchange, f"MX {record.preference} of {record.name}"))
    return found


def _facts(net: Internet, host: MailHost, exchanges: list[MX]) -> list[str]:
    services = [f"{s.name} {s.port}" for (name, _), s in net.network.services.items() if name == host.name]
    takes = [record.name for record in exchanges if record.exchange == host.name]
    facts = [f"[{host.end.ip}]", " · ".join(services) or "stopped"]
    if takes:
        facts.append(cut(f"takes mail for {', '.join(takes)}", 48))
    facts += [
        f"MX of {record.name} is {record.exchange}"
        for record in exchanges
        if record.name in host.policy.domains and record.exchange != host.name
    ][:3]
    facts += [f"{user} {plural(len(host.letters(user)), 'letter')}" for user in host.users[:6]]
    if len(host.users) > 6:
        facts.append(f"and {len(host.users) - 6} more users")
    facts.append(f"queue {plural(len(host.queue), 'letter')}")
    return facts


def _link(link: Link) -> str:
    return seconds(link.latency_s) + (f", {link.bandwidth:,.0f} octets/s" if link.bandwidth else "")


def _add_steps(found: Map, journey: Journey) -> None:
    """Add a letter's sessions in the order of time; what is read by POP3 or IMAP goes from the server."""
    arrived = {stop.session: stop for stop in journey.stops}
    for session in sorted(journey.sessions, key=lambda session: session.opened_s):
        stop = arrived.get(session.id)
        way, at_s, octets = (session.client, session.server), session.opened_s, 0
        if stop:
            at_s, octets = stop.at_s, len(stop.raw)
        elif session.protocol in ("pop3", "imap"):
            fetched = [read_by(session, raw).fetched_s for host, raw in journey.raw.items() if host == session.server]
            way, at_s = way[::-1], min((at for at in fetched if at < NEVER), default=at_s)
        found.steps.append(Step(len(found.steps) + 1, *way, session.protocol.upper(), at_s, octets))
        for name in way:
            found.nodes.setdefault(name, Node(name, device=True))
        if way not in found.links and way[::-1] not in found.links:
            found.links[way] = ""


# -- How it is drawn ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Place:
    x: float  # its middle
    y: float  # its top
    node: Node

    @property
    def bottom(self) -> float:
        return self.y + self.node.height


def _draw(found: Map, title: str) -> Diagram:
    if not found.nodes:
        canvas = Canvas(400, 50)
        canvas.text(20, 30, "An Internet without hosts: add one with net.host(name).")
        return canvas.finish(title, ["no hosts yet"])
    places, width, height = _place(found)
    canvas = Canvas(width, height)
    for (a, b), text in found.links.items():
        steps = [step for step in found.steps if {step.source, step.target} == {a, b}]
        upper, lower = sorted((places[a], places[b]), key=lambda place: (place.y, place.x))
        _draw_link(canvas, upper, lower, text, steps)
    for number, (holder, exchange, text) in enumerate(found.mx):
        if not (_is_last(places, holder) and _is_last(places, exchange)):
            continue  # an arrow would run across other boxes; the text in the boxes must do
        reach = max(_note_width(found, holder), _note_width(found, exchange))
        _draw_mx(canvas, places[holder], places[exchange], text, number, reach)
    passed = {name for step in found.steps for name in (step.source, step.target)}
    for name, place in places.items():
        _draw_node(canvas, place, marked=name in passed)
    return canvas.finish(title, _words(found), f"{len(found.nodes)} hosts and devices, told below.")


def _place(found: Map) -> tuple[dict[str, _Place], float, float]:
    """Put those who are joined in rows below each other, those who are not beside each other."""
    places: dict[str, _Place] = {}
    left, top, lowest, widest = 20.0, 16.0, 0.0, 0.0
    for rows in layers(list(found.nodes), list(found.links)):
        nodes = [[found.nodes[name] for name in row] for row in rows]
        mx = [text_width(text, 12) for holder, _, text in found.mx if any(holder in row for row in rows)]
        margin = max(mx, default=0.0) + 46 + 14 * len(mx) if mx else 0.0
        breadth = max(sum(node.width + _gap(found, row) for node in row) - _gap(found, row) for row in nodes)
        breadth = max([breadth, *(2 * _note_width(found, name) for row in rows for name in row)])
        if left > 20 and left + breadth + margin > WIDTH:
            left, top = 20.0, lowest + GAP_Y
        y = top
        for row in nodes:
            y += max(_note_height(found, node.name, places) for node in row)
            gap = _gap(found, row)
            x = left + (breadth - sum(node.width + gap for node in row) + gap) / 2
            for node in row:
                places[node.name] = _Place(x + node.width / 2, y, node)
                x += node.width + gap
            y += max(node.height for node in row) + GAP_Y
        lowest, widest = max(lowest, y - GAP_Y), max(widest, left + breadth + margin)
        left += breadth + margin + GAP_X
    return places, widest + 20, lowest + 16


def _gap(found: Map, row: Sequence[Node]) -> float:
    """Return the room between the boxes of a row: enough for what is written at the links between them."""
    names = {node.name for node in row}
    texts = [text.split(", ") for ends, text in found.links.items() if names.issuperset(ends)]
    notes = [text_width(_note(s), 12) + 60 for s in found.steps if {s.source, s.target} <= names]
    return max([GAP_X, *(text_width(line, 12) + 20 for lines in texts for line in lines), *notes])


def _is_last(places: Mapping[str, _Place], name: str) -> bool:
    """Tell whether nothing stands to the right of a box or of the lines below and above it."""
    place = places[name]
    return all(other.x <= place.x + 1 for other in places.values())


def _note_width(found: Map, name: str) -> float:
    """Return how far the notes on a node's links reach to the right."""
    notes = [_note(step) for step in found.steps if name in (step.source, step.target)]
    return max((text_width(note, 12) + 50 for note in notes), default=0.0)


def _note_height(found: Map, name: str, placed: Iterable[str]) -> float:
    """Return the room that a node's links to those above it need for more than one step."""
    above = set(placed)
    ways = [frozenset((s.source, s.target)) for s in found.steps if name in (s.source, s.target)]
    return max((26.0 * (ways.count(way) - 1) for way in ways if way & above), default=0.0)


def _note(step: Step) -> str:
    octets = f", {step.octets} octets" if step.octets else ""
    return f"{step.protocol}, {seconds(step.at_s)}{octets}"


def _draw_node(canvas: Canvas, place: _Place, marked: bool) -> None:
    node = place.node
    colour = GREY if node.device else BLUE
    x = place.x - node.width / 2
    canvas.box(
        x,
        place.y,
        node.width,
        node.height,
        fill=ORANGE if marked else colour,
        opacity=0.25 if marked else 0.12,
        stroke="currentColor" if marked else colour,
        line_width=2 if marked else 1.3,
        round=14 if node.device else 5,
    )
    canvas.text(place.x, place.y + 20, node.name, size=14, anchor="middle", bold=True)
    for number, fact in enumerate(node.facts, start=1):
        canvas.text(place.x, place.y + 20 + LINE * number, fact, size=12, anchor="middle")


def _draw_link(canvas: Canvas, a: _Place, b: _Place, text: str, steps: Sequence[Step]) -> None:
    """Draw a line between two boxes with what is known of it, and the letter's steps along it."""
    start, end = _ends(a, b)
    level = start[1] == end[1]
    canvas.line([start, end], GREY, width=2)
    share = 0.5 if abs(start[0] - end[0]) < 1 or level or steps else 0.6  # lines from one box part on their way
    x, y = start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
    lines = text.split(", ")
    for number, line in enumerate(lines):
        if level:
            canvas.text(x, y - 6 - 14 * (len(lines) - 1 - number), line, size=12, anchor="middle")
            continue
        line_y = y + 4 + 14 * number - 7 * (len(lines) - 1)
        beside = start[0] + (line_y + 4 - start[1]) / (end[1] - start[1]) * (end[0] - start[0])
        right = end[0] > start[0] + 1
        canvas.text(beside + (12 if right else -12), line_y, line, size=12, anchor="start" if right else "end")
    for number, step in enumerate(steps):
        ways = (start, end) if step.source == a.node.name else (end, start)
        shift = 8.0 * number
        canvas.arrow([(px + shift, py) for px, py in ways], VERMILLION, width=3)
        left = x + (8 * len(steps) + 14) * (-1 if not level and end[0] > start[0] + 1 else 1)
        line_y = y + 26 * (number - (len(steps) - 1) / 2) + (24 if level else 0)
        canvas.badge(left, line_y, str(step.number), VERMILLION)
        anchor: Anchor = "start" if left > x else "end"
        canvas.text(left + (16 if left > x else -16), line_y + 4.5, _note(step), size=12, anchor=anchor)


def _ends(a: _Place, b: _Place) -> tuple[tuple[float, float], tuple[float, float]]:
    if a.bottom <= b.y:
        return (a.x, a.bottom), (b.x, b.y)
    y = min(a.bottom, b.bottom) - 14
    side = 1 if a.x < b.x else -1
    return (a.x + side * a.node.width / 2, y), (b.x - side * b.node.width / 2, y)


def _draw_mx(canvas: Canvas, holder: _Place, exchange: _Place, text: str, number: int, reach: float) -> None:
    """Draw, on the right, who takes in the mail of a domain whose mailboxes are elsewhere."""
    x = max(p.x + max(p.node.width / 2, reach) for p in (holder, exchange)) + 22 + 14 * number
    start = (holder.x + holder.node.width / 2, holder.y + holder.node.height / 2 + 6 * number)
    end = (exchange.x + exchange.node.width / 2, exchange.y + exchange.node.height / 2 + 6 * number)
    canvas.arrow([start, (x, start[1]), (x, end[1]), end], PURPLE, dashed=True)
    canvas.text(x + 8, (start[1] + end[1]) / 2 + 4 + 15 * number, text, size=12)


def _words(found: Map) -> list[str]:
    told = []
    for node in found.nodes.values():
        if node.device:
            told.append(f"{node.name}: device")
        else:
            address = f" {node.facts[0]}: " if node.facts and node.facts[0].startswith("[") else ": "
            facts = node.facts[1:] if address != ": " else node.facts
            told.append(node.name + address + "; ".join(fact.replace(" · ", ", ") for fact in facts))
    told += [f"{a} - {b}: {text}" for (a, b), text in found.links.items() if text]
    told += [f"{text}: {exchange}, for the mailboxes at {holder}" for holder, exchange, text in found.mx]
    told += [f"{step.number}. {step.source} → {step.target}: {_note(step)}" for step in found.steps]
    return sorted(told[: len(found.nodes)], key=lambda line: line.endswith(": device")) + told[len(found.nodes) :]
