"""Which ways can a letter take, and what do its Received fields say of each? Small worlds for one experiment each.

>>> from emaillab.message.trace.path import trace
>>> with chain(4, network="memory") as net:
...     journey = send(net)
>>> [hop.by for hop in trace(journey.stops[-1].raw)]
['crepes.fr', 'relay1.example', 'relay2.example', 'hamburger.edu']
>>> for way in topologies(network="memory"):
...     print(f"{way.received} Received, {len(way.servers)} servers: {way.name}")
1 Received, 1 servers: direct
2 Received, 2 servers: with a submission server
3 Received, 3 servers: with a backup MX
4 Received, 4 servers: with a list and a forwarder
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from emaillab.journey import Journey
from emaillab.message.trace.loops import loop_octets
from emaillab.message.trace.path import Trace, trace
from emaillab.net.dns import MX
from emaillab.world import Internet, NetworkKind

if TYPE_CHECKING:
    from emaillab.host.custody import Custody

ALICE, BOB, CAROL = "alice@crepes.fr", "bob@hamburger.edu", "carol@c.example"
FIRST, LAST = "crepes.fr", "hamburger.edu"

# --- a chain of servers ---


def chain(
    servers: int,
    *,
    latency_s: float | Sequence[float] = 0.05,
    skew_s: Mapping[str, float] | Sequence[float] = (),
    handling_s: float | Sequence[float] = 0.0,
    network: NetworkKind | None = None,
    seed: int | str = 1,
    **options: Any,
) -> Internet:
    """Return a world in which every letter from Alice to Bob passes so many servers, one after the other.

    Args:
        latency_s: one way, of every line, or of each (the first is Alice's own). handling_s: at every server, or each.
        skew_s: how far each server's clock is ahead, in order, or by its name. options: for all hosts, as `max_hops`.
    Raises: ValueError when there is no server, or a sequence has the wrong length.
    """
    if servers < 1:
        raise ValueError("a chain needs at least one server, Bob's")
    names = [*([FIRST] if servers > 1 else []), *(f"relay{n}.example" for n in range(1, servers - 1)), LAST]
    latencies = _each(latency_s, servers, "latency_s")
    handlings = _each(handling_s, servers, "handling_s")
    skews = [skew_s.get(name, 0.0) for name in names] if isinstance(skew_s, Mapping) else _padded(skew_s, servers)
    net = Internet(network, seed=seed)
    for place, name in enumerate(names):
        own: dict[str, Any] = {"users": {}, "clock_offset_s": skews[place], "handling_s": handlings[place]}
        if place == 0:
            own |= {"device": "alice.crepes.fr", "users": {"alice": "secret"}}
        else:
            own |= {"trusts": [names[place - 1]]}
        if name == LAST:
            own["users"] = {"bob": "secret"}
        else:
            own["routes"] = {"*": names[place + 1]}
        net.host(name, domains=[name], services=("smtp", "pop3"), **own, **options)
    for a, b, latency in zip(["alice.crepes.fr", *names], names, latencies, strict=False):
        net.link(a, b, latency_s=latency)
    return net


def _each(value: float | Sequence[float], count: int, name: str) -> list[float]:
    if isinstance(value, int | float):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{name} is one number or {count}, one for each server, not {len(value)}")
    return list(value)


def _padded(values: Sequence[float], count: int) -> list[float]:
    if len(values) > count:
        raise ValueError(f"there are {count} servers, but {len(values)} clocks")
    return [*values, *[0.0] * (count - len(values))]


def send(net: Internet, text: str = "Do you like crepes?\n", *, via: str | None = None) -> Journey:
    """Send a letter from Alice to Bob through the first host of a world, and let it arrive. Returns: its journey."""
    letter = net.compose(ALICE, BOB, "Hello", text)
    net.submit(letter, via=via or next(iter(net.hosts)))
    net.settle()
    return net.journey(letter["Message-ID"])


# --- four ways for one letter ---


@dataclass(frozen=True, slots=True)
class Way:
    """What one topology did with a letter."""

    name: str
    servers: tuple[str, ...]  # who accepted the letter, in the order of time
    path: Trace

    @property
    def received(self) -> int:
        """How many Received fields it had in the end."""
        return len(self.path)


def topologies(network: NetworkKind | None = None, *, handling_s: float = 0.0) -> tuple[Way, ...]:
    """Send the same letter over four topologies: Received fields and servers that accepted it are the same number.

    Args: handling_s: how long each server keeps a letter before it first tries to hand it on.
    """
    return (
        _straight("direct", 1, network, handling_s),
        _straight("with a submission server", 2, network, handling_s),
        _with_backup(network, handling_s),
        _with_list(network, handling_s),
    )


def _way(name: str, journey: Journey) -> Way:
    return Way(name, tuple(stop.host for stop in journey), trace(journey.stops[-1].raw))


def _straight(name: str, servers: int, network: NetworkKind | None, handling_s: float) -> Way:
    with chain(servers, network=network, handling_s=handling_s) as net:
        return _way(name, send(net))


def _with_backup(network: NetworkKind | None, handling_s: float) -> Way:
    """Let Bob's server be down while the letter comes, so that the less preferred MX takes it."""
    with chain(2, network=network, handling_s=handling_s) as net:
        net[FIRST].routes.clear()
        backup = "mx2.hamburger.edu"
        net.host(backup, domains=(), mx_for=(), relays_for=[LAST], services=("smtp",), handling_s=handling_s)
        next(zone for zone in net.dns.zones if zone.covers(LAST)).add(MX(LAST, 20, backup))
        net.stop(LAST)
        waiting = send(net)
        net.start(LAST, ("smtp",))
        net.advance(hours=1)
        return _way("with a backup MX", net.journey(waiting.message_id))


def _with_list(network: NetworkKind | None, handling_s: float) -> Way:
    """Send to a list, one of whose readers has the mail forwarded.

    SIMPLIFIED: the list is an alias: a list manager puts its own reverse-path in the place of the author's.
    """
    with chain(2, network=network, handling_s=handling_s) as net:
        net[FIRST].routes.clear()
        net.host("lists.example", aliases={"crepes": "bob@old.example"}, handling_s=handling_s)
        net.host("old.example", aliases={"bob": BOB}, handling_s=handling_s)
        _join(net, FIRST, "lists.example", "old.example", LAST)
        letter = net.compose(ALICE, "crepes@lists.example", "Hello", "Do you like crepes?\n")
        net.submit(letter)
        net.settle()
        return _way("with a list and a forwarder", net.journey(letter["Message-ID"]))


def _join(net: Internet, *names: str) -> None:
    """Lay lines from each host to the next, so that no two of them take a letter at the same moment."""
    for a, b in pairwise(names):
        net.link(a, b, latency_s=0.05)


# --- whatever the content ---

CONTENTS = {
    "no header": b"Do you like crepes?\r\n",
    "RFC 5322": b"From: alice@crepes.fr\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\nSubject: Hello\r\n\r\nDo you?\r\n",
    "MIME": b"From: alice@crepes.fr\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n5Y+v5Li96aW8\r\n",
}


def copies_by_content(
    contents: Mapping[str, bytes] = CONTENTS, servers: int = 3, network: NetworkKind | None = None
) -> dict[str, tuple[bytes, ...]]:
    """Send contents of any kind through a chain. Returns: for each, its octets as sent and after every server."""
    found = {}
    for name, content in contents.items():
        with chain(servers, network=network) as net:
            with net.smtp(next(iter(net.hosts))) as client:
                client.ehlo("alice.crepes.fr")
                client.send(ALICE, [BOB], content)
            net.settle()
            found[name] = (content, *(note.raw for host in net.hosts.values() for note in host.custody))
    return found


# --- a lie ---

LIAR, CLAIM = "dyn66.isp.example", "mail.bank.example"
TRUSTED = ("mx.hamburger.edu", "hamburger.edu")


def forged_letter(claim: str = CLAIM, fake: Iterable[bytes] | None = None, network: NetworkKind | None = None) -> bytes:
    """Let a client lie in EHLO and bring Received fields of its own. Returns: the letter as Bob's server stamped it.

    Args: claim: the name it gives itself. fake: the fields it brings, the newest first.
    """
    lines = fake or (
        f"Received: from desk7.bank.example (desk7.bank.example [192.0.2.207])\r\n by {claim}"
        f" with ESMTPSA id 1C0FFE;\r\n Mon, 02 Mar 2026 08:59:58 +0000\r\n".encode(),
    )
    content = b"".join(lines) + b"From: manager@bank.example\r\nSubject: Your account\r\n\r\nPlease call.\r\n"
    with Internet.textbook(network) as net:
        net.host(LIAR, domains=(), mx_for=(), services=())
        with net.smtp("mx.hamburger.edu", client=LIAR) as client:
            client.ehlo(claim)
            client.send("manager@bank.example", [BOB], content)
        net.settle()
        return net["hamburger.edu"].custody[-1].raw


# --- a loop ---


@dataclass(frozen=True, slots=True)
class Loop:
    """What a loop of two forwarders did with one letter until a server refused it."""

    sizes: tuple[int, ...]  # octets of the letter in each pass, the refused one included
    refusal: str  # the reply that ended it
    reports: tuple[bytes, ...]  # what the sender was told

    @property
    def passes(self) -> int:
        """How often the letter was handed from one forwarder to the other."""
        return len(self.sizes)

    @property
    def octets(self) -> int:
        """How many octets of content the loop moved."""
        return sum(self.sizes)

    @property
    def h(self) -> float:
        """What a pass added on average, in octets."""
        return (self.sizes[-1] - self.sizes[0]) / max(self.passes - 1, 1)

    def moved(self, passes: int) -> int:
        """Return the octets moved in the first passes."""
        return sum(self.sizes[:passes])

    def predicted(self, passes: int) -> float:
        """Return N·S0 + h·N(N-1)/2."""
        return loop_octets(passes, self.sizes[0], self.h)


def forwarding_loop(max_hops: int = 25, *, network: NetworkKind | None = None, text: str = "Hello\n") -> Loop:
    """Let alice@a.example forward to alice@b.example and back, and Carol write to her.

    Args: max_hops: the Received fields after which all servers take a letter to be in a loop. text: Carol's.
    """
    with Internet(network) as net:
        net.host("c.example", users={"carol": "secret"}, max_hops=max_hops)
        net.host("a.example", aliases={"alice": "alice@b.example"}, max_hops=max_hops)
        net.host("b.example", aliases={"alice": "alice@a.example"}, max_hops=max_hops)
        _join(net, "c.example", "a.example", "b.example")
        letter = net.compose(CAROL, "alice@a.example", "Where are you?", text)
        net.submit(letter)
        net.settle()
        reports = tuple(net["c.example"].letters("carol"))
        stops: tuple[Custody, ...] = net.journey(letter["Message-ID"]).stops
        sizes = tuple(len(stop.raw) for stop in stops if stop.host != "c.example")
    found = re.search(rb"^Diagnostic-Code: smtp; ([^\r\n]+)", b"".join(reports), re.MULTILINE)
    return Loop(sizes, found[1].decode() if found else "", reports)
