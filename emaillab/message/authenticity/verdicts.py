"""What does a check say about a letter, and on what evidence?

Every check asks DNS through one function that it is given, and the evidence lists all that was asked.

>>> def zone(name, type):
...     if name != "crepes.fr":
...         raise LookupError(name)
...     return ["v=spf1 -all"] if type == "TXT" else []
>>> asking = Asking(zone)
>>> asking.texts("Crepes.fr.")
['v=spf1 -all']
>>> print(*asking.answers, sep="\\n")
crepes.fr TXT → "v=spf1 -all"
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Generic, TypeVar

Lookup = Callable[[str, str], Sequence[str | bytes]]
"""Asks DNS for a name's records of a type and returns what stands behind the type: "10 mail.hamburger.edu" for MX.

Raises: LookupError when there is no such name (NXDOMAIN); TimeoutError when nobody answers (SERVFAIL).
"""

_LABEL = re.compile(r"[^.\x00-\x1f\x7f]{1,63}")


class TrustMissing(ImportError):
    """The extra packages for SPF and DKIM are not installed."""


def trust_part(name: str) -> ModuleType:
    """Import a package of the extra "trust". Raises: TrustMissing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise TrustMissing(
            f'checking SPF and DKIM needs the package {name.split(".")[0]}: pip install "emaillab[trust]"'
        ) from error


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """One question to DNS and what came back."""

    name: str
    type: str
    values: tuple[str, ...] = ()
    error: str = ""
    """NXDOMAIN, SERVFAIL, or why the question was not sent; empty when the name exists."""

    def __str__(self) -> str:
        said = self.error or ", ".join(f'"{value}"' for value in self.values) or "no such record"
        return f"{self.name} {self.type} → {said}"


class Asking:
    """Asks DNS and keeps a record of it; the same question is asked once."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._answers: dict[tuple[str, str], DnsAnswer] = {}

    @property
    def answers(self) -> tuple[DnsAnswer, ...]:
        """All that was asked, in order."""
        return tuple(self._answers.values())

    def records(self, name: str, type: str) -> list[str]:
        """List what stands behind a type at a name. Raises: LookupError for NXDOMAIN; TimeoutError for SERVFAIL."""
        name = name.removesuffix(".").lower()
        if (name, type) not in self._answers:
            self._answers[name, type] = self._ask(name, type)
        answer = self._answers[name, type]
        if answer.error == "SERVFAIL":
            raise TimeoutError(f"no name server answers for {name} (SERVFAIL)")
        if answer.error:
            raise LookupError(f"there is no domain {name} ({answer.error})")
        return list(answer.values)

    def texts(self, name: str) -> list[str]:
        """List the TXT records of a name; none when there is no such name. Raises: TimeoutError for SERVFAIL."""
        try:
            return self.records(name, "TXT")
        except LookupError:
            return []

    def _ask(self, name: str, type: str) -> DnsAnswer:
        if not is_domain(name):
            return DnsAnswer(name, type, error="not a domain name, not asked")
        try:
            values = tuple(_text(value) for value in self._lookup(name, type))
        except LookupError:
            return DnsAnswer(name, type, error="NXDOMAIN")
        except OSError:  # TimeoutError, and whatever else a network can do
            return DnsAnswer(name, type, error="SERVFAIL")
        return DnsAnswer(name, type, values)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


def is_domain(name: str) -> bool:
    """Tell whether DNS could hold a name: labels of 1 to 63 characters, 253 in all. Source: RFC 1035 §2.3.4."""
    return len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split("."))


E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Verdict(Generic[E]):
    """What one check found. Source: RFC 8601 §2.7."""

    method: str
    """spf, dkim, dmarc or arc."""
    result: str
    """pass, fail, none, softfail, neutral, policy, temperror or permerror."""
    domain: str
    """Whose word was checked."""
    reason: str
    """Why, in one sentence."""
    evidence: E
    properties: tuple[tuple[str, str], ...] = ()
    """What Authentication-Results tells with the result: ("header.d", "crepes.fr")."""

    def table(self) -> list[tuple[str, str]]:
        """List the evidence as (what, value)."""
        rows = []
        for field in fields(self.evidence):  # type: ignore[arg-type]
            value = getattr(self.evidence, field.name)
            many = isinstance(value, tuple)
            rows += [(field.name.replace("_", " "), _shown(one)) for one in (value if many else (value,))]
        return rows

    def __str__(self) -> str:
        return f"{self.method}={self.result} ({self.domain or 'nobody'}): {self.reason}"


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return ascii(value)[2:-1].replace("\\r\\n", "\\r\\n\n").rstrip("\n")
    return str(value)
