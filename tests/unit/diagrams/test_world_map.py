"""The map of a world, and a letter's way on it."""

from __future__ import annotations

import itertools
from xml.etree import ElementTree

import pytest

from emaillab.diagrams import draw
from emaillab.diagrams.layout import layers
from emaillab.diagrams.world_map import _place, _read_world
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
    places, width, height = _place(_read_world(net))
    for a, b in itertools.combinations(places.values(), 2):
        beside = abs(a.x - b.x) >= (a.node.width + b.node.width) / 2
        assert beside or a.bottom <= b.y or b.bottom <= a.y
    assert all(p.x + p.node.width / 2 <= width and p.bottom <= height for p in places.values())


def test_layers_hold_every_node_once_and_join_neighbours_only() -> None:
    names = list("abcdefgh")
    links = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("b", "c"), ("f", "g")]
    groups = layers(names, links)
    assert sorted(name for group in groups for row in group for name in row) == names
    level = {name: (g, r) for g, group in enumerate(groups) for r, row in enumerate(group) for name in row}
    for a, b in links:
        assert level[a][0] == level[b][0] and abs(level[a][1] - level[b][1]) <= 1
