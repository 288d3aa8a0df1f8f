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

from collections.abc import Sequence

from emaillab.diagrams.map_plan import LINE, Map, Node, Place, Step, between, is_last, lay_out, note_width, step_note
from emaillab.diagrams.svg import (
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    VERMILLION,
    Canvas,
    Diagram,
    Point,
    cut,
    plural,
    seconds,
    wrap,
)
from emaillab.host.mailhost import MailHost
from emaillab.host.relay import return_path_field
from emaillab.journey import Journey
from emaillab.net.connection import Link
from emaillab.net.dns import MX
from emaillab.net.transcript import Transcript
from emaillab.readings import NEVER, read_by
from emaillab.world import Internet

MANY = 4  # hosts: the textbook's


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
    letters = 30 if len(net.hosts) > MANY else 80  # many boxes stand beside each other: narrow ones can be read
    facts = [f"[{host.end.ip}]", *(wrap(services, letters, " · ") or ["stopped"])]
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
            way, (at_s, octets) = way[::-1], _fetched(session, journey)
        found.steps.append(Step(len(found.steps) + 1, *way, session.protocol.upper(), at_s, octets))
        for name in way:
            found.nodes.setdefault(name, Node(name, device=True))
        if way not in found.links and way[::-1] not in found.links:
            found.links[way] = ""


def _fetched(session: Transcript, journey: Journey) -> tuple[float, int]:
    """Return when a session had the letter, and its octets with Return-Path; if never, when it was opened, and 0."""
    here = [stop for stop in journey.stops if stop.host == session.server]
    fetched = [
        (read_by(session, stop.raw).fetched_s, len(return_path_field(stop.envelope) + stop.raw)) for stop in here
    ]
    return min((one for one in fetched if one[0] < NEVER), default=(session.opened_s, 0))


# -- How it is drawn ----------------------------------------------------------------------------------


def _draw(found: Map, title: str) -> Diagram:
    if not found.nodes:
        canvas = Canvas(400, 50)
        canvas.text(20, 30, "An Internet without hosts: add one with net.host(name).")
        return canvas.finish(title, ["no hosts yet"])
    plan = lay_out(found)
    places, canvas = plan.places, Canvas(plan.width, plan.height)
    for (a, b), text in found.links.items():
        steps = between(found, a, b)
        upper, lower = sorted((places[a], places[b]), key=lambda place: (place.y, place.x))
        if (a, b) in plan.lanes:
            _draw_lane(canvas, upper, lower, *plan.lanes[a, b], text, steps)
        else:
            _draw_link(canvas, upper, lower, text, steps)
    for number, (holder, exchange, text) in enumerate(found.mx):
        if not (is_last(places, holder) and is_last(places, exchange)):
            continue  # an arrow would run across other boxes; the text in the boxes must do
        reach = max(note_width(found, holder), note_width(found, exchange))
        _draw_mx(canvas, places[holder], places[exchange], text, number, reach)
    passed = {name for step in found.steps for name in (step.source, step.target)}
    for name, place in places.items():
        _draw_node(canvas, place, marked=name in passed)
    return canvas.finish(title, _words(found), f"{len(found.nodes)} hosts and devices, told below.")


def _draw_node(canvas: Canvas, place: Place, marked: bool) -> None:
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


def _draw_link(canvas: Canvas, a: Place, b: Place, text: str, steps: Sequence[Step]) -> None:
    """Draw a line between two boxes with what is known of it, and the letter's steps along it."""
    points = _ends(a, b)
    start, end = points[-2:]
    level, slant = start[1] == end[1], end[0] - start[0]
    canvas.line(points, GREY, width=2)
    share = 0.5 if abs(slant) < 1 or level or steps else 0.7  # lines from one box part on their way
    x, y = start[0] + share * slant, start[1] + share * (end[1] - start[1])

    def beside(line_y: float, side: int) -> float:
        """Return the x of a text beside the line."""
        return start[0] + (line_y - start[1]) / (end[1] - start[1]) * slant + 12 * side

    lines = text.split(", ") if text else []
    outer = 1 if slant > 1 else -1  # outside there is more room than between the lines from one box
    raised = 7 + 13 * len(steps) if steps and abs(slant) >= 1 else 0
    for number, line in enumerate(lines):
        line_y = y + 4 + 14 * number - 7 * (len(lines) - 1) - raised
        if level:
            canvas.text(x, y - 6 - 14 * (len(lines) - 1 - number), line, size=12, anchor="middle")
        else:
            canvas.text(beside(line_y + 4, outer), line_y, line, size=12, anchor="start" if outer > 0 else "end")
    for number, step in enumerate(steps):
        shift = 8.0 * number
        canvas.arrow(_directed([(px + shift, py) for px, py in points], step, a), VERMILLION, width=3)
        line_y = y + 26 * (number - (len(steps) - 1) / 2) + (24 if level else 0)
        side = outer if abs(slant) >= 1 and not level else 1
        near = x + 8 * len(steps) + 4 if level or abs(slant) < 1 else beside(line_y + 10, side) + 8 * (len(steps) - 1)
        _draw_step(canvas, near + 10 * side, line_y, step, side)


def _draw_lane(canvas: Canvas, a: Place, b: Place, y: float, aside: float, text: str, steps: Sequence[Step]) -> None:
    """Draw a line between two boxes of a row that passes below those between them."""
    left, right = a.x + aside, b.x - aside
    points = [(left, a.bottom), (left, y), (right, y), (right, b.bottom)]
    canvas.line(points, GREY, width=2)
    canvas.text(left + 8, y - 5, text, size=12)
    for number, step in enumerate(steps):
        moved = [(px, py + (5.0 * number if py == y else 0.0)) for px, py in points]
        canvas.arrow(_directed(moved, step, a), VERMILLION, width=3)
        _draw_step(canvas, left + 18, y + 15 + 24 * number, step, 1)


def _draw_step(canvas: Canvas, x: float, y: float, step: Step, side: int) -> None:
    """Write a step's number, and at its side what it was."""
    canvas.badge(x, y, str(step.number), VERMILLION)
    canvas.text(x + 16 * side, y + 4.5, step_note(step), size=12, anchor="start" if side > 0 else "end")


def _directed(points: Sequence[Point], step: Step, first: Place) -> Sequence[Point]:
    return points if step.source == first.node.name else points[::-1]


def _ends(a: Place, b: Place) -> list[Point]:
    """Return the points of a line; one to a lower row first goes straight down, past the boxes beside it."""
    if a.y != b.y:
        return [*([(a.x, a.bottom)] if a.bottom < a.floor else []), (a.x, a.floor), (b.x, b.y)]
    y = min(a.bottom, b.bottom) - 14
    side = 1 if a.x < b.x else -1
    return [(a.x + side * a.node.width / 2, y), (b.x - side * b.node.width / 2, y)]


def _draw_mx(canvas: Canvas, holder: Place, exchange: Place, text: str, number: int, reach: float) -> None:
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
    told += [f"{step.number}. {step.source} → {step.target}: {step_note(step)}" for step in found.steps]
    return sorted(told[: len(found.nodes)], key=lambda line: line.endswith(": device")) + told[len(found.nodes) :]
