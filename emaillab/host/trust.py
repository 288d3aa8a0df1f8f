"""How do the checks of a letter ask the lab's DNS?

>>> from emaillab.net.dns import MX, TXT, Resolver, Zone
>>> zone = Zone("crepes.fr", [TXT("crepes.fr", "v=spf1 mx -all"), MX("crepes.fr", 10, "mail.crepes.fr")])
>>> lookup = dns_lookup(Resolver([zone]))
>>> lookup("crepes.fr", "TXT"), lookup("crepes.fr", "MX"), lookup("crepes.fr", "A")
(['v=spf1 mx -all'], ['10 mail.crepes.fr'], [])
>>> lookup("nowhere.example", "TXT")
Traceback (most recent call last):
LookupError: there is no domain nowhere.example (NXDOMAIN)
"""

from __future__ import annotations

from emaillab.message.authenticity import Lookup
from emaillab.net.dns import TXT, NoSuchDomain, Resolver, ServerFailure, ZoneError


def dns_lookup(resolver: Resolver) -> Lookup:
    """Return what `emaillab.message.authenticity` asks DNS with; no question leaves the lab."""

    def lookup(name: str, type: str) -> list[str | bytes]:
        try:
            records = resolver.lookup(name, type).records
        except (NoSuchDomain, ZoneError) as error:
            raise LookupError(str(error)) from None
        except ServerFailure as error:
            raise TimeoutError(str(error)) from None
        return [record.text if isinstance(record, TXT) else record.data.removesuffix(".") for record in records]

    return lookup
