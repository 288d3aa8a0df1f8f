"""Which is the last Received field that can be believed, when anybody can write some below?

A server knows who connected to it: the address comes from TCP. Everything under the first field that a server of
yours wrote was handed in by that client, and is what the client says. So the border is found from above: a field
counts when a host that you trust wrote it, and when the field above says that it came from that host.

>>> path = trace(b'''Received: from mx.b.org (mx.b.org [192.0.2.2]) by imap.b.org; Mon, 3 Mar 2025 12:00:05 +0000
... Received: from bank.example (dyn66.isp.example [203.0.113.66]) by mx.b.org; Mon, 3 Mar 2025 12:00:04 +0000
... Received: from desk.bank.example by bank.example; Mon, 3 Mar 2025 12:00:03 +0000
...
... ''')
>>> border = last_credible(path, ["imap.b.org", "mx.b.org"])
>>> border.place, border.hop.by, border.source_ip
(1, 'mx.b.org', '203.0.113.66')
>>> border.reason
'the field below is said to be by bank.example, whom you do not trust'
>>> border.signs
('hop 1: by bank.example, but mx.b.org saw 203.0.113.66, which DNS calls dyn66.isp.example',)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from emaillab.message.trace.path import Hop, Trace, shown, trace
from emaillab.message.trace.received import find_ip, peer_words

LATE = timedelta(seconds=60)
"""What clocks may differ by before a time is called impossible."""

_LOCAL_IP = re.compile(r"127\.[\d.]+|::1|0\.0\.0\.0")
_LOOKS_LIKE_AN_ADDRESS = re.compile(r"\[?((?:\d{1,5}\.){3}\d{1,5})(?::\d{1,5})?\]?")


@dataclass(frozen=True, slots=True)
class Credibility:
    """How much of a path is evidence."""

    path: Trace
    place: int | None
    """Index of the last hop, counted back from the newest, that a trusted host wrote; None when there is none."""
    reason: str
    """Why the border runs there."""
    signs: tuple[str, ...]
    """What is odd about the hops beyond the border; a careful forger leaves no sign."""

    @property
    def hop(self) -> Hop | None:
        """Give the last credible hop: what it saw is what is known about where the letter came from."""
        return None if self.place is None else self.path[self.place]

    @property
    def source_ip(self) -> str | None:
        """Give the address that handed the letter to the last credible host; who is behind it, no field proves."""
        return self.hop.from_ip if self.hop else None

    @property
    def trusted(self) -> tuple[Hop, ...]:
        """List the hops that are evidence, in travel order."""
        return () if self.place is None else self.path.hops[self.place :]

    @property
    def doubtful(self) -> tuple[Hop, ...]:
        """List the hops that anybody can have invented, in travel order."""
        return self.path.hops if self.place is None else self.path.hops[: self.place]

    def __str__(self) -> str:
        if self.hop is None:
            said = f"no hop is credible: {self.reason}"
        else:
            number = (self.place or 0) + 1
            said = f"credible from hop {number} of {len(self.path)} on, by {shown(self.hop.by)}: {self.reason}"
        return "\n".join([said, *(f"  {sign}" for sign in self.signs)])


class Trust:
    """The hosts that you trust, and the addresses that you know of them."""

    def __init__(self, hosts: Iterable[str] | Mapping[str, Iterable[str]]) -> None:
        known = hosts if isinstance(hosts, Mapping) else dict.fromkeys([hosts] if isinstance(hosts, str) else hosts, ())
        self._names = {_name(name): frozenset(addresses) for name, addresses in known.items()}

    def __contains__(self, name: str | None) -> bool:
        if not name:
            return False
        name = _name(name)
        parts = name.split(".")
        return name in self._names or any("." + ".".join(parts[n:]) in self._names for n in range(1, len(parts)))

    def addresses(self, name: str) -> frozenset[str]:
        """Return what is known of a host's addresses; empty when nothing is."""
        return self._names.get(_name(name), frozenset())


def last_credible(
    path: Trace | bytes, trusted_hosts: Iterable[str] | Mapping[str, Iterable[str]], *, late: timedelta = LATE
) -> Credibility:
    """Find the last hop, from the newest down, that was written by a host you trust.

    Arguments: `trusted_hosts` are names as they stand in `by`; ".example.org" is every host below example.org; a
    mapping gives each name's addresses too, and then these decide. `late` is what clocks may differ by.

    Source: RFC 5321 §7.1, §7.6; RFC 3848 §3.
    """
    if isinstance(path, bytes):
        path = trace(path)
    trust = Trust(trusted_hosts)
    place, reason = _border(path, trust)
    return Credibility(path, place, reason, tuple(_signs(path, len(path) if place is None else place, trust, late)))


def _border(path: Trace, trust: Trust) -> tuple[int | None, str]:
    if not path.hops:
        return None, "there are no Received fields"
    newest = len(path) - 1
    if path[newest].by not in trust:
        return None, f"the newest field is by {shown(path[newest].by or 'nobody')}, whom you do not trust"
    for place in range(newest, 0, -1):
        below = path[place - 1]
        if below.by not in trust:
            return place, f"the field below is said to be by {shown(below.by or 'nobody')}, whom you do not trust"
        if breach := misfit(below, path[place], trust):
            return place, f"the field below does not fit: {breach}"
    return 0, "all fields are by hosts you trust, and each fits the one above"


def misfit(below: Hop, above: Hop, trust: Trust | None = None) -> str | None:
    """Tell why a hop cannot have come before another one; None when it can.

    The server above tells from whom it got the letter, and that must be the server below. Its word for it is, in
    this order: the address, if you know the host's; the name that DNS gives the address; what the client called
    itself, which proves nothing but is all that some servers write.
    """
    if above.from_ is None and above.from_ip is None:  # handed on within the host
        return None
    fits, seen = _seen_from_above(below, above, trust.addresses(below.by or "") if trust else frozenset())
    return None if fits else f"by {shown(below.by or 'nobody')}, but {shown(above.by or 'the server above')} {seen}"


def _seen_from_above(below: Hop, above: Hop, addresses: frozenset[str]) -> tuple[bool, str]:
    """Compare the server below with the best that the one above says of its peer.

    Args: addresses: of the server below, where you know them.
    Returns: whether the two fit, and what the server above saw.
    """
    if addresses and above.from_ip:
        return above.from_ip in addresses, f"saw {above.from_ip}"
    if _is_local(above):
        return _is_one_of(below, above.by, above.from_, "localhost"), "got it on its own machine"
    if above.rdns:
        return _is_one_of(below, above.rdns), f"saw {above.from_ip}, which DNS calls {shown(above.rdns)}"
    if _without_name(above):
        return False, f"saw {above.from_ip}, for which DNS has no name"
    return _is_one_of(below, above.from_, above.helo), f"got it from {shown(above.from_ or above.from_ip)}"


def _is_one_of(hop: Hop, *names: str | None) -> bool:
    return any(same_host(hop.by, name) for name in names)


def same_host(a: str | None, b: str | None) -> bool:
    """Tell whether two names are the same, letter case and final dot aside."""
    return a is not None and b is not None and _name(a) == _name(b)


def _name(name: str) -> str:
    return name.strip("[]").rstrip(".").lower()


def _is_local(hop: Hop) -> bool:
    """Tell whether a server got the letter from its own machine, as from a filter."""
    return bool(hop.from_ip and _LOCAL_IP.fullmatch(hop.from_ip)) or (hop.from_ip is None and hop.from_ == "localhost")


def _without_name(hop: Hop) -> bool:
    """Tell whether the server has looked the name up in vain. QUIRK: Postfix and Gmail write "unknown", qmail too."""
    comments = (comment for clause in hop.clauses if clause.name == "from" for comment in clause.comments)
    return hop.from_ == "unknown" or any(peer_words(comment)[:1] == ["unknown"] for comment in comments)


def _signs(path: Trace, border: int, trust: Trust, late: timedelta) -> Iterable[str]:
    """Say what is odd about the hops below the border."""
    for place in range(border - 1, -1, -1):
        hop, above = path[place], path[place + 1] if place + 1 < len(path) else None
        if above and (breach := misfit(hop, above, trust)):
            yield f"hop {place + 1}: {breach}"
        if above and hop.time and above.time and hop.time > above.time + late:
            yield f"hop {place + 1}: {(hop.time - above.time).total_seconds():,.0f} s later than the hop after it"
        yield from (f"hop {place + 1}: {word} is no address" for word in _false_addresses(hop))


def _false_addresses(hop: Hop) -> Iterator[str]:
    """Find what a server wrote about its peer that looks like an address and cannot be one."""
    comments = " ".join(comment for clause in hop.clauses if clause.name == "from" for comment in clause.comments)
    for word in (hop.from_ or "", *peer_words(comments)):
        found = _LOOKS_LIKE_AN_ADDRESS.fullmatch(word)
        if found and find_ip(found[1]) is None:
            yield found[1]
