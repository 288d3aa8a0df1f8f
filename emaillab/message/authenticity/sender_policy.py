"""May this address send mail for that domain? SPF, as the domain's zone answers it.

>>> zone = {("crepes.fr", "TXT"): ["v=spf1 mx -all"], ("crepes.fr", "MX"): ["10 mail.crepes.fr"],
...         ("mail.crepes.fr", "A"): ["192.0.2.25"]}
>>> lookup = lambda name, type: zone[name, type]
>>> print(spf("192.0.2.25", "alice@crepes.fr", "mail.crepes.fr", lookup))
spf=pass (crepes.fr): 192.0.2.25 may send for crepes.fr, by mx
>>> spoofed = spf("203.0.113.66", "alice@crepes.fr", "mail.crepes.fr", lookup)
>>> spoofed.result, spoofed.evidence.rule, len(spoofed.evidence.asked)
('fail', '-all', 3)
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from emaillab.message.authenticity.verdicts import Asking, DnsAnswer, Lookup, Verdict, trust_part

MOST_VOID_LOOKUPS = 2
"""How many questions without an answer one check may ask. Source: RFC 7208 §4.6.4."""


@dataclass(frozen=True, slots=True)
class SpfEvidence:
    """What was checked, and which rule decided."""

    ip: str = ""
    identity: str = ""
    """mailfrom, or helo when the reverse-path is empty."""
    record: str = ""
    """The domain's policy."""
    rule: str = ""
    """The term of the policy that decided; empty when none matched."""
    terms_with_lookups: int = 0
    """How many terms asked DNS; more than 10 are a permerror (RFC 7208 §4.6.4)."""
    asked: tuple[DnsAnswer, ...] = ()


def spf(ip: str, mail_from: str, helo: str, lookup: Lookup) -> Verdict[SpfEvidence]:
    """Check a client's address against the policy of the reverse-path's domain; never raises for what a zone holds.

    Arguments: `ip` is the client's address, `mail_from` the reverse-path without angle brackets, empty for a bounce,
    when `helo`, the name that the client gave itself, is checked instead.

    Source: RFC 7208 §4.
    """
    identity, asking = ("mailfrom" if mail_from else "helo"), Asking(lookup)
    domain = (mail_from.rpartition("@")[2] if mail_from else helo).removesuffix(".").lower()
    said = ("smtp.mailfrom", mail_from) if mail_from else ("smtp.helo", helo)
    try:
        address = str(ip_address(ip))
    except ValueError:
        evidence = SpfEvidence(ip, identity)
        return Verdict("spf", "permerror", domain, f"{ip!r} is not an IP address", evidence, (said,))
    query = _query(address, mail_from, helo, asking)
    try:
        result, _, explanation = query.check()
    except Exception as error:  # whatever a foreign zone makes pyspf stumble over is that zone's error
        result, explanation = "permerror", f"the policy cannot be evaluated: {error}"
    record = next((text for text in _asked_of(asking, domain) if text.lower().startswith("v=spf1")), "")
    rule = (query.mechanism or "") if result not in ("permerror", "temperror") else " ".join(map(str, query.mech))
    evidence = SpfEvidence(address, identity, record, rule, query.lookups, asking.answers)
    return Verdict("spf", result, domain, _reason(result, address, domain, rule, explanation), evidence, (said,))


def _query(address: str, mail_from: str, helo: str, asking: Asking) -> Any:
    """Make pyspf's query with its way to DNS replaced, so that no question leaves the process."""
    pyspf = trust_part("spf")

    class LabQuery(pyspf.query):  # type: ignore[name-defined, misc]
        """A query that asks the lab's zones only."""

        mech: list[str] = []  # noqa: RUF012 - pyspf replaces it when it begins to check

        def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:
            try:
                values = asking.records(name, qtype)
            except TimeoutError as error:
                raise pyspf.TempError(str(error)) from None
            except LookupError:
                values = []
            if not values and not ignore_void:
                self.void_lookups += 1
                if self.void_lookups > MOST_VOID_LOOKUPS:
                    raise pyspf.PermError(f"more than {MOST_VOID_LOOKUPS} look-ups found nothing")
            return [_as_pyspf(value, qtype) for value in values]

    query = LabQuery(i=address, s=mail_from, h=helo, strict=True)
    query.mechanism = None
    return query


def _as_pyspf(value: str, qtype: str) -> Any:
    """Bring a record's value into the form that pyspf expects of its DNS driver."""
    if qtype == "MX":
        preference, _, exchange = value.partition(" ")
        return int(preference), exchange.removesuffix(".")
    if qtype in ("TXT", "SPF"):
        return [value.encode("utf-8", "surrogateescape")]
    return value.removesuffix(".")


def _asked_of(asking: Asking, domain: str) -> tuple[str, ...]:
    return next((answer.values for answer in asking.answers if (answer.name, answer.type) == (domain, "TXT")), ())


def _reason(result: str, address: str, domain: str, rule: str, explanation: str) -> str:
    by = f", by {rule}" if rule else ""
    return {
        "pass": f"{address} may send for {domain}{by}",
        "fail": f"{address} may not send for {domain}{by}",
        "softfail": f"{address} probably may not send for {domain}{by}",
        "neutral": f"{domain} says neither yes nor no about {address}{by or ': no rule matches'}",
        "none": f"{domain or 'the sender'} publishes no policy",
    }.get(result, explanation.removeprefix("SPF Permanent Error: ").removeprefix("SPF Temporary Error: "))
