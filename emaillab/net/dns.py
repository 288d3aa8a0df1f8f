"""Where does mail for a domain go, and who says so?

Zones hold the lab's records; a `Resolver` answers from them as the Domain Name System would.

>>> zone = Zone("hamburger.edu", [
...     MX("hamburger.edu", 10, "mail.hamburger.edu"), MX("hamburger.edu", 20, "backup.hamburger.edu"),
...     A("mail.hamburger.edu", "192.0.2.25")])
>>> resolver = Resolver([zone])
>>> resolver.mx("Hamburger.EDU.")
[(10, 'mail.hamburger.edu'), (20, 'backup.hamburger.edu')]
>>> resolver.addresses("mail.hamburger.edu"), resolver.mx("mail.hamburger.edu")
(['192.0.2.25'], [(0, 'mail.hamburger.edu')])
>>> resolver.mx("hamburger.example")
Traceback (most recent call last):
emaillab.net.dns.NoSuchDomain: there is no domain hamburger.example (NXDOMAIN)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emaillab.net.zones import AAAA, CNAME, MX, PTR, TXT, A, Other, Record, Zone, ZoneError, is_within, plain_name

if TYPE_CHECKING:
    from random import Random

__all__ = [
    "A",
    "AAAA",
    "Answer",
    "CNAME",
    "DnsError",
    "MX",
    "NULL_MX",
    "NoSuchDomain",
    "Other",
    "PTR",
    "Record",
    "Resolver",
    "ServerFailure",
    "TXT",
    "Zone",
    "ZoneError",
]

NULL_MX = (0, ".")  # "no mail for this domain" (RFC 7505)


class DnsError(Exception):
    """A look-up without an answer; the sentence says which."""


class NoSuchDomain(DnsError):
    """NXDOMAIN: there is no such name. For mail a permanent error."""


class ServerFailure(DnsError):
    """SERVFAIL: nobody can say now. For mail a temporary error."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a look-up found; no records means that the name exists, but has none of this type."""

    name: str
    type: str
    records: tuple[Record, ...]
    canonical: str  # the name at the end of all aliases


class Resolver:
    """Answers from zones; names may be told to fail, as if their servers were down."""

    def __init__(self, zones: Iterable[Zone] = (), rng: Random | None = None) -> None:
        self.zones = list(zones)
        self._rng = rng
        self._failing: set[str] = set()

    def fail(self, name: str) -> None:
        """Let every look-up of a name, or of one below it, end in ServerFailure."""
        self._failing.add(plain_name(name))

    def recover(self, name: str) -> None:
        """Let look-ups of a name succeed again; harmless when they do."""
        self._failing.discard(plain_name(name))

    def lookup(self, name: str, type: str) -> Answer:
        """Find the records of a type at a name, following aliases.

        Raises: NoSuchDomain when there is no such name; ServerFailure when its servers are down or its aliases
            lead in a circle.
        """
        asked = canonical = plain_name(name)
        passed: set[str] = set()
        while True:
            records = self._records(canonical)
            aliases = [record.target for record in records if isinstance(record, CNAME)]
            if not aliases or type == "CNAME":
                return Answer(asked, type, tuple(r for r in records if r.type == type), canonical)
            passed.add(canonical)
            canonical = aliases[0]
            if canonical in passed:
                raise ServerFailure(f"the aliases of {asked} lead in a circle (SERVFAIL)")

    def mx(self, domain: str) -> list[tuple[int, str]]:
        """List (preference, exchange) of a domain in the order in which to try them.

        Equal preferences are shuffled, if there is an rng. Without an MX the domain's own host is its implicit MX;
        without an address either, the list is empty. `[NULL_MX]` means that the domain takes no mail.
        Raises: as lookup.
        Source: RFC 5321 §5.1, RFC 7505 §3.
        """
        answer = self.lookup(domain, "MX")
        found = [(record.preference, record.exchange) for record in answer.records if isinstance(record, MX)]
        if not found:
            return [(0, answer.canonical)] if self.addresses(answer.canonical) else []
        usable = [mx for mx in found if mx[1] != "."]
        if not usable:
            return [NULL_MX]
        if self._rng is not None:
            self._rng.shuffle(usable)
        return sorted(usable, key=lambda mx: mx[0])

    def addresses(self, name: str) -> list[str]:
        """List a host's addresses, IPv4 first. Raises: as lookup."""
        return [
            record.address
            for type in ("A", "AAAA")
            for record in self.lookup(name, type).records
            if isinstance(record, A | AAAA)
        ]

    def reverse(self, ip: str) -> str | None:
        """Return the name of an address, or None. Raises: ServerFailure.

        SIMPLIFIED: without a PTR record, the first host with this address is its name; real networks keep both apart.
        """
        from ipaddress import ip_address

        address = ip_address(ip)
        try:
            for record in self.lookup(address.reverse_pointer, "PTR").records:
                if isinstance(record, PTR):
                    return record.target
        except NoSuchDomain:
            for record in (record for zone in self.zones for record in zone.records):
                if isinstance(record, A | AAAA) and record.address == str(address):
                    return record.name
        return None

    def _records(self, name: str) -> tuple[Record, ...]:
        """Return all records of one name, without following aliases."""
        if any(is_within(name, failing) for failing in self._failing):
            raise ServerFailure(f"no name server answers for {name} just now (SERVFAIL)")
        zones = [zone for zone in self.zones if zone.covers(name)]
        records = max(zones, key=lambda zone: len(zone.origin)).find(name) if zones else None
        if records is None:
            raise NoSuchDomain(f"there is no domain {name} (NXDOMAIN)")
        return records
