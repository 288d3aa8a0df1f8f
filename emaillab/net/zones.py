"""What is in a domain's zone file, and how is it read and written?

>>> zone = Zone.from_text("@ MX 10 mail\\nmail A 192.0.2.25\\n", "hamburger.edu")
>>> zone.records[1]
A(name='mail.hamburger.edu', ttl=3600, address='192.0.2.25')
>>> zone.add(TXT("hamburger.edu", "v=spf1 mx -all"))
>>> print(zone.to_text(), end="")
$ORIGIN hamburger.edu.
hamburger.edu. 3600 IN MX 10 mail.hamburger.edu.
hamburger.edu. 3600 IN TXT "v=spf1 mx -all"
mail.hamburger.edu. 3600 IN A 192.0.2.25
>>> Zone.from_text("@ MX 10 mail\\nmail A 192.0.2.256\\n", "hamburger.edu")
Traceback (most recent call last):
emaillab.net.zones.ZoneError: zone hamburger.edu, line 2: Text input is malformed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from dns.rdata import Rdata


class ZoneError(ValueError):
    """A zone or record that cannot be; the sentence says where."""


def plain_name(name: str) -> str:
    """Return a domain name in the one form the lab compares: lower case, no final dot, A-labels; the root is ".".

    SIMPLIFIED: U-labels become A-labels by IDNA 2003; today's registries follow IDNA 2008.
    """
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise ZoneError(f"{name!r} is not a domain name: {error}") from None
    return name.lower().removesuffix(".") or "."


# sub-domain = Let-dig [Ldh-str]; Domain = sub-domain *("." sub-domain)      RFC 5321 §4.1.2
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def host_name(name: str) -> str:
    """Return a name in its plain form, if a host can have it. Raises: ZoneError. Source: RFC 1123 §2.1."""
    plain = plain_name(name)
    if len(plain) > 253 or not _HOST_NAME.fullmatch(plain):
        raise ZoneError(f"{name!r} is not a host's name: labels of letters, digits and hyphens, with dots")
    return plain


def plain_address(text: str) -> str:
    """Return an IPv4 or IPv6 address in its one short form. Raises: ZoneError."""
    from ipaddress import ip_address

    try:
        return str(ip_address(text))
    except ValueError:
        raise ZoneError(f"{text!r} is not an IP address") from None


# -- Records ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """What all records have: the name they belong to, a type, and how many seconds others may remember them."""

    NAMES: ClassVar[tuple[str, ...]] = ()  # which fields, beside `name`, are domain names
    name: str
    ttl: int = field(default=3600, kw_only=True)

    def __post_init__(self) -> None:
        for field_name in ("name", *self.NAMES):
            object.__setattr__(self, field_name, plain_name(getattr(self, field_name)))

    @property
    def type(self) -> str:
        """The record's type, "MX" for an MX."""
        return self.__class__.__name__

    @property
    def data(self) -> str:
        """What stands behind the type in a zone file."""
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{_dotted(self.name)} {self.ttl} IN {self.type} {self.data}"


@dataclass(frozen=True, slots=True)
class MX(Record):
    """A host that takes mail for a domain; the lower preference is tried first. Source: RFC 1035 §3.3.9."""

    NAMES = ("exchange",)
    preference: int
    exchange: str

    @property
    def data(self) -> str:
        """Preference and exchange."""
        return f"{self.preference} {_dotted(self.exchange)}"


@dataclass(frozen=True, slots=True)
class _Address(Record):
    """What A and AAAA have in common."""

    VERSION: ClassVar[int]
    address: str

    def __post_init__(self) -> None:
        Record.__post_init__(self)
        address = plain_address(self.address)
        version = 6 if ":" in address else 4
        if version != self.VERSION:
            raise ZoneError(
                f"{address} is an IPv{version} address, an {self.type} record holds an IPv{self.VERSION} one"
            )
        object.__setattr__(self, "address", address)

    @property
    def data(self) -> str:
        """The address."""
        return self.address


class A(_Address):
    """A host's IPv4 address."""

    __slots__ = ()
    VERSION = 4


class AAAA(_Address):
    """A host's IPv6 address."""

    __slots__ = ()
    VERSION = 6


@dataclass(frozen=True, slots=True)
class CNAME(Record):
    """An alias: whoever asks for the name is to ask for the target."""

    NAMES = ("target",)
    target: str

    @property
    def data(self) -> str:
        """The target."""
        return _dotted(self.target)


@dataclass(frozen=True, slots=True)
class PTR(Record):
    """The name of an address, kept at its name in in-addr.arpa or ip6.arpa."""

    NAMES = ("target",)
    target: str

    @property
    def data(self) -> str:
        """The target."""
        return _dotted(self.target)


@dataclass(frozen=True, slots=True)
class TXT(Record):
    """A text, such as a domain's SPF policy; several strings count as one text (RFC 7208 §3.3)."""

    text: str

    @property
    def data(self) -> str:
        """The text as quoted strings of at most 255 octets."""
        octets = self.text.encode("utf-8", "surrogateescape")
        strings = [octets[at : at + 255] for at in range(0, len(octets), 255)] or [b""]
        return " ".join(f'"{"".join(map(_escaped, string))}"' for string in strings)


@dataclass(frozen=True, slots=True)
class Other(Record):
    """A record of any other type, kept as its zone file says it: SOA, NS, SRV, TLSA …"""

    kind: str
    text: str

    @property
    def type(self) -> str:
        """The record's type."""
        return self.kind

    @property
    def data(self) -> str:
        """What stands behind the type in a zone file."""
        return self.text


def _dotted(name: str) -> str:
    return name if name == "." else name + "."


def _escaped(octet: int) -> str:
    if octet in b'"\\':
        return "\\" + chr(octet)
    return chr(octet) if 32 <= octet < 127 else f"\\{octet:03}"


# -- Zones --------------------------------------------------------------------------------------------


class Zone:
    """All records of one domain and what is below it."""

    def __init__(self, origin: str, records: Iterable[Record] = ()) -> None:
        self.origin = plain_name(origin)
        self._by_name: dict[str, list[Record]] = {}
        self.add(*records)

    def __repr__(self) -> str:
        return f"<Zone {self.origin}, {len(self.records)} records>"

    @property
    def records(self) -> tuple[Record, ...]:
        """All records, those of one name together."""
        return tuple(record for records in self._by_name.values() for record in records)

    def add(self, *records: Record) -> None:
        """Add records; one that is there already stays one.

        Raises: ZoneError when a name is not in this zone, or has an alias and anything beside it (RFC 1034 §3.6.2).
        """
        for record in records:
            if not self.covers(record.name):
                raise ZoneError(f"{record.name} is not in the zone {self.origin}")
            beside = [other for other in self._by_name.get(record.name, ()) if other != record]
            if beside and "CNAME" in {record.type, *(other.type for other in beside)}:
                raise ZoneError(f"{record.name} has a CNAME, so it can have no other record")
            self._by_name[record.name] = [*beside, record]

    def remove(self, *records: Record) -> None:
        """Remove records. Raises: ValueError for one that is not there."""
        for record in records:
            if record not in self._by_name.get(record.name, ()):
                raise ValueError(f"the zone {self.origin} has no record {record}")
            left = [other for other in self._by_name.pop(record.name) if other != record]
            if left:
                self._by_name[record.name] = left

    def covers(self, name: str) -> bool:
        """Say whether a name belongs to this zone."""
        return is_within(plain_name(name), self.origin)

    def find(self, name: str) -> tuple[Record, ...] | None:
        """Return the records of a name; None when neither it nor anything below it is there.

        SIMPLIFIED: a "*" is a name like any other; real servers let it stand for all names that are not there.
        """
        name = plain_name(name)
        if name in self._by_name:
            return tuple(self._by_name[name])
        return () if any(is_within(other, name) for other in self._by_name) else None

    @classmethod
    def from_text(cls, text: str, origin: str) -> Zone:
        """Read a zone file. Raises: ZoneError with the line that is wrong. Source: RFC 1035 §5."""
        try:
            return cls(origin, _read(text, origin))
        except ZoneError as error:
            line = _wrong_line(text, origin, str(error))
            raise ZoneError(f"zone {plain_name(origin)}, line {line}: {error}") from None

    def to_text(self) -> str:
        """Write a zone file that `from_text` reads back to the same records.

        Reading gives records of one name and type the smallest of their TTLs (RFC 2181 §5.2).
        """
        return "".join(f"{line}\n" for line in [f"$ORIGIN {_dotted(self.origin)}", *self.records])


def is_within(name: str, domain: str) -> bool:
    """Say whether a name is a domain or below it; both in their plain form."""
    return domain == "." or name == domain or name.endswith("." + domain)


def _read(text: str, origin: str) -> Iterator[Record]:
    # dnspython costs 150 ms to import, and few notebooks read a zone file.
    import dns.name
    import dns.zone
    from dns.exception import DNSException

    class Strict(dns.zone.Zone):
        """A zone that complains about names outside it, where dnspython leaves them out."""

        def origin_information(self) -> tuple[dns.name.Name, bool, dns.name.Name | None]:
            return dns.name.root, False, self.origin

    origin = _dotted(plain_name(origin))
    head = f"$ORIGIN {origin}\n$TTL 3600\n"
    try:
        zone = dns.zone.from_text(head + text + "\n", origin, zone_factory=Strict, relativize=False, check_origin=False)
    except (DNSException, ValueError) as error:
        # Without its line number: that is one too many whenever dnspython has read on past the line's end.
        raise ZoneError(re.sub(r"^<string>:\d+: ", "", str(error))) from None
    except KeyError:
        raise ZoneError(f"this name is not in the zone {plain_name(origin)}") from None
    for name, ttl, data in zone.iterate_rdatas():
        yield _record(name.to_text(), ttl, data)


def _record(name: str, ttl: int, rdata: Rdata) -> Record:
    from dns.rdatatype import RdataType, to_text

    text = rdata.to_text()
    match rdata.rdtype:
        case RdataType.MX:
            preference, exchange = text.split()
            return MX(name, int(preference), exchange, ttl=ttl)
        case RdataType.A:
            return A(name, text, ttl=ttl)
        case RdataType.AAAA:
            return AAAA(name, text, ttl=ttl)
        case RdataType.CNAME:
            return CNAME(name, text, ttl=ttl)
        case RdataType.PTR:
            return PTR(name, text, ttl=ttl)
        case RdataType.TXT:
            octets = b"".join(rdata.strings)  # type: ignore[attr-defined]
            return TXT(name, octets.decode("utf-8", "surrogateescape"), ttl=ttl)
    return Other(name, to_text(rdata.rdtype), text, ttl=ttl)


def _wrong_line(text: str, origin: str, complaint: str) -> int:
    """Return the first line with which the text up to there draws the same complaint."""
    lines = text.splitlines()
    for count in range(1, len(lines) + 1):
        try:
            Zone(origin, _read("\n".join(lines[:count]), origin))
        except ZoneError as error:
            if str(error) == complaint:
                return count
    return len(lines)
