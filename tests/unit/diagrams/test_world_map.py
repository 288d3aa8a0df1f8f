"""The map of a world, and a letter's way on it."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from emaillab.diagrams import Diagram, draw
from emaillab.diagrams.layout import layers
from emaillab.diagrams.map_plan import Place, lay_out
from emaillab.diagrams.svg import Point
from emaillab.diagrams.world_map import _read_world
from emaillab.world import Internet


@pytest.fixture(scope="module")
def net() -> Internet:
    net = Internet.textbook(network="memory")
    net.submit(net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "x\n", message_id="<1@crepes.fr>"))
    net.settle()
    with net.imap("hamburger.edu") as client:
        client.login("bob", "secret")
        client.select("INBOX")
        client.fetch("1", "BODY[]")
    return net


def test_the_map_counts_letters_and_tells_links_services_and_mx(net: Internet) -> None:
    words = draw(net).words.splitlines()
    bob = next(line for line in words if line.startswith("hamburger.edu "))
    assert "bob 1 letter; queue 0 letters" in bob and "pop3 110" in bob
    assert "smtp.isp.example - mx.hamburger.edu: 45 ms" in words
    assert "MX 10 of hamburger.edu: mx.hamburger.edu, for the mailboxes at hamburger.edu" in words
    assert "laptop.smtp.isp.example: device" not in words  # a relay's device that nobody uses


def test_letters_that_wait_are_counted() -> None:
    net = Internet.textbook(network="memory")
    net.stop("smtp.isp.example")
    net.submit(net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "x\n"))
    net.settle()
    words = draw(net).words
    assert "alice 0 letters; queue 1 letter" in words
    assert "smtp.isp.example [198.51.100.25]: stopped" in words


def test_a_journey_is_numbered_by_time(net: Internet) -> None:
    journey = net.journey("<1@crepes.fr>")
    for diagram in (draw(journey), draw(net, journey=journey)):
        steps = [line for line in diagram.words.splitlines() if " → " in line]
        assert [line.split(":")[0] for line in steps] == [
            "1. alice.crepes.fr → crepes.fr",
            "2. crepes.fr → smtp.isp.example",
            "3. smtp.isp.example → mx.hamburger.edu",
            "4. mx.hamburger.edu → hamburger.edu",
            "5. hamburger.edu → bob.hamburger.edu",
        ]
        drawn = [node.text for node in ElementTree.fromstring(diagram.svg).iter()]
        assert {"1", "2", "3", "4", "5"} <= {text for text in drawn if text}


def test_boxes_do_not_overlap() -> None:
    net = Internet(network="memory")
    for number in range(7):
        net.host(f"host{number}.example", users={"u": "p"})
    for a, b in ((0, 1), (0, 2), (0, 3), (1, 2), (4, 5)):
        net.link(f"host{a}.example", f"host{b}.example", latency_s=0.1, bandwidth=1000)
    plan = lay_out(_read_world(net))
    places, width, height = plan.places, plan.width, plan.height
    for a, b in itertools.combinations(places.values(), 2):
        beside = abs(a.x - b.x) >= (a.node.width + b.node.width) / 2
        assert beside or a.bottom <= b.y or b.bottom <= a.y
    assert all(p.x + p.node.width / 2 <= width and p.bottom <= height for p in places.values())


def lines(diagram: Diagram) -> Iterator[tuple[Point, Point]]:
    for shape in ElementTree.fromstring(diagram.svg).iter("{http://www.w3.org/2000/svg}polyline"):
        points = [tuple(map(float, point.split(","))) for point in shape.attrib["points"].split()]
        yield from itertools.pairwise(points)  # type: ignore[misc]


def crosses(line: tuple[Point, Point], box: Place) -> bool:
    """Tell whether a line goes through a box: sampled at every 2 pixels, the box a pixel smaller all around."""
    (x0, y0), (x1, y1) = line
    steps = int(math.hypot(x1 - x0, y1 - y0) / 2) + 1
    inside = (abs(x0 + n / steps * (x1 - x0) - box.x) < box.node.width / 2 - 1 for n in range(steps + 1))
    level = (box.y + 1 < y0 + n / steps * (y1 - y0) < box.bottom - 1 for n in range(steps + 1))
    return any(a and b for a, b in zip(inside, level, strict=True))


@pytest.mark.parametrize("seed", range(12))
def test_no_line_crosses_a_box(seed: int) -> None:
    dice = random.Random(seed)
    names = [f"host{number}.example" for number in range(dice.randrange(3, 8))]
    net = Internet(network="memory")
    for number, name in enumerate(names):  # boxes of all heights
        net.host(name, users={f"u{n}": "p" for n in range(number % 4)}, device=f"pc{number}.example")
    pairs = list(itertools.combinations(names, 2))
    for a, b in dice.sample(pairs, dice.randrange(len(names) - 1, len(pairs) + 1)):
        net.link(a, b, latency_s=dice.random())
    net.host("alice.example", users={"alice": "p"})
    net.link("alice.example", names[0], latency_s=0.1)
    net.submit(net.compose("alice@alice.example", f"u0@{names[1]}", "Hello", "x\n", message_id="<1@a>"))
    net.settle()
    boxes = lay_out(_read_world(net)).places.values()
    for line in lines(draw(net)):
        assert not [box.node.name for box in boxes if crosses(line, box)]
    journey = draw(net, journey=net.journey("<1@a>"))
    assert sum(1 for _ in lines(journey)) > sum(1 for _ in lines(draw(net)))


def test_a_line_below_a_row_carries_what_is_known_of_it_and_the_letter() -> None:
    net = Internet(network="memory")
    names = ["a.example", "b.example", "c.example", "d.example"]
    for name in names:
        net.host(name, users={"u": "p"})
    for number, (a, b) in enumerate(itertools.combinations(names, 2), start=1):
        net.link(a, b, latency_s=number / 1000)
    plan = lay_out(_read_world(net))
    (first, last), (y, _) = next(iter(plan.lanes.items()))
    assert y > max(plan.places[name].bottom for name in (first, last))
    net.submit(net.compose(f"u@{first}", f"u@{last}", "Hello", "x\n", message_id="<1@a>"))
    net.settle()
    picture = draw(net, journey=net.journey("<1@a>"))
    assert f"2. {first} → {last}: SMTP" in picture.words
    assert {"1", "2"} <= {node.text for node in ElementTree.fromstring(picture.svg).iter()}


def test_what_is_read_has_its_octets() -> None:
    net = Internet.textbook(network="memory")
    net.submit(net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "x\n", message_id="<1@crepes.fr>"))
    net.settle()
    with net.pop3("hamburger.edu") as client:
        client.login("bob", "secret")
        octets = len(client.retr(1))
    step = draw(net.journey("<1@crepes.fr>")).words.splitlines()[-1]
    assert step.startswith("5. hamburger.edu → bob.hamburger.edu: POP3") and step.endswith(f", {octets} octets")


def test_the_first_node_stands_on_top_when_it_is_an_end() -> None:
    links = [("alice", "a"), ("a", "b"), ("b", "bob"), ("a", "c"), ("c", "carol")]
    assert layers(["alice", "a", "bob", "b", "carol", "c"], links) == [[["alice"], ["a"], ["b", "c"], ["bob", "carol"]]]
    assert layers(["hub", "a", "b"], [("hub", "a"), ("hub", "b")]) == [[["a"], ["hub"], ["b"]]]


def test_layers_hold_every_node_once_and_join_neighbours_only() -> None:
    names = list("abcdefgh")
    links = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("b", "c"), ("f", "g")]
    groups = layers(names, links)
    assert sorted(name for group in groups for row in group for name in row) == names
    level = {name: (g, r) for g, group in enumerate(groups) for r, row in enumerate(group) for name in row}
    for a, b in links:
        assert level[a][0] == level[b][0] and abs(level[a][1] - level[b][1]) <= 1
