"""Who answers for a letter, and does it hold? SPF, DKIM, DMARC, ARC and Authentication-Results.

Each check gets the letter and a way to ask DNS, and returns a `Verdict` with its evidence: the record, the rule, the
hash, and every question asked. pyspf evaluates the policies, dkimpy and PyNaCl do the arithmetic of the keys
(`pip install "emaillab[trust]"`); the octets that are hashed are put together here, in the open.

>>> zone = {("test._domainkey.crepes.fr", "TXT"): [new_key("ed25519", seed=1).record],
...         ("crepes.fr", "TXT"): ["v=spf1 ip4:192.0.2.25 -all"], ("_dmarc.crepes.fr", "TXT"): ["v=DMARC1; p=reject"]}
>>> letter = sign(b"From: alice@crepes.fr\\r\\n\\r\\nHello\\r\\n", "crepes.fr", "test", new_key("ed25519", seed=1))
>>> def lookup(name, type):
...     return zone[name, type]
>>> for verdict in authenticate(letter, "192.0.2.25", "alice@crepes.fr", "mail.crepes.fr", lookup):
...     print(verdict)
spf=pass (crepes.fr): 192.0.2.25 may send for crepes.fr, by ip4:192.0.2.25
dkim=pass (crepes.fr): the signature fits the key, and header and body are as they were signed
dmarc=pass (crepes.fr): dkim passed for crepes.fr, which From names
arc=none (nobody): the letter carries no ARC set
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from emaillab.message.authenticity.alignment import DmarcEvidence, author_domain, dmarc, organization
from emaillab.message.authenticity.arc import ArcEvidence, ArcSet, arc, seal, verify_arc
from emaillab.message.authenticity.canonical import body_hash, canonical_body, canonical_field
from emaillab.message.authenticity.keys import Key, new_key
from emaillab.message.authenticity.results import (
    AuthenticationResults,
    Result,
    authentication_results,
    cleaned,
    parse_authentication_results,
)
from emaillab.message.authenticity.sender_policy import SpfEvidence, spf
from emaillab.message.authenticity.signature import DkimEvidence, sign, verify_dkim
from emaillab.message.authenticity.verdicts import DnsAnswer, Lookup, TrustMissing, Verdict

__all__ = [
    "ArcEvidence",
    "ArcSet",
    "AuthenticationResults",
    "DkimEvidence",
    "DmarcEvidence",
    "DnsAnswer",
    "Key",
    "Lookup",
    "Result",
    "SpfEvidence",
    "TrustMissing",
    "Verdict",
    "arc",
    "authenticate",
    "authentication_results",
    "author_domain",
    "body_hash",
    "canonical_body",
    "canonical_field",
    "cleaned",
    "dmarc",
    "new_key",
    "organization",
    "parse_authentication_results",
    "seal",
    "sign",
    "spf",
    "verify_arc",
    "verify_dkim",
]


def authenticate(
    raw: bytes, ip: str, mail_from: str, helo: str, lookup: Lookup, *, at: datetime | None = None
) -> list[Verdict[Any]]:
    """Check a letter as it comes in, by SPF, DKIM, DMARC and ARC in this order; never raises for what it holds.

    Arguments: as of `spf` and `verify_dkim`.
    """
    by_spf = spf(ip, mail_from, helo, lookup)
    by_dkim = verify_dkim(raw, lookup, at=at)
    by_dmarc = dmarc(author_domain(raw), by_spf, by_dkim, lookup=lookup)
    return [by_spf, *by_dkim, by_dmarc, verify_arc(raw, lookup, at=at)]
