"""What did those on the way find, before they changed the letter themselves? ARC.

A list that adds a footer breaks the author's signature. So it writes down what it found before, signs the letter as it
leaves, and seals both; the next one on the way does the same with all the seals so far. Whether to believe a sealer is
the receiver's choice.

>>> from emaillab.message.authenticity.keys import new_key
>>> from emaillab.message.authenticity.verdicts import Verdict
>>> key = new_key("ed25519", seed=2)
>>> dkim = Verdict("dkim", "pass", "crepes.fr", "", None, (("header.d", "crepes.fr"),))
>>> raw = seal(b"From: alice@crepes.fr\\r\\n\\r\\nHello\\r\\n", "lists.example", "arc", key, [dkim], chain="none", at=0)
>>> print(verify_arc(raw, lambda name, type: [key.record]))
arc=pass (lists.example): 1 seal holds, and the letter is as lists.example sent it
>>> [(one.instance, one.cv, one.results.results[0].method, one.results.results[0].result) for one in arc(raw)]
[(1, 'none', 'dkim', 'pass')]
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from emaillab.message.authenticity.canonical import canonical_field, without_b
from emaillab.message.authenticity.keys import Key, KeyRecordError, fits
from emaillab.message.authenticity.results import AuthenticationResults, parse_authentication_results, results_body
from emaillab.message.authenticity.signature import (
    SignedMessage,
    judge,
    malformed_times,
    signature_field,
    signed_names,
    with_b,
)
from emaillab.message.authenticity.tags import TagError, joined, parse_tags
from emaillab.message.authenticity.verdicts import Asking, DnsAnswer, Lookup, Verdict
from emaillab.message.header.fields import Field, parse_header

MOST_SETS = 50
"""How many sets a letter may carry. Source: RFC 8617 §4.2.1."""

_NAMES = ("ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal")
_INSTANCE = re.compile(rb"\s*+(?:[^;]*+;\s*+)*?i\s*+=\s*+(\d{1,4})\s*+(?:;|\Z)")


@dataclass(frozen=True, slots=True)
class ArcSet:
    """What one sealer on the way left behind. Source: RFC 8617 §4.2."""

    instance: int
    """1 is the first sealer."""
    cv: str
    """What the sealer found about the sets before its own: none, pass or fail."""
    results: AuthenticationResults
    """What it found about the letter."""
    domain: str
    """Who sealed."""
    fields: tuple[Field, ...] = field(repr=False)
    """The set's results, signature and seal, in this order, as far as they are there."""
    defects: tuple[str, ...] = ()
    """What is wrong with the set's form."""


@dataclass(frozen=True, slots=True)
class ArcEvidence:
    """The sets of a letter, and what was asked to check them."""

    sets: tuple[ArcSet, ...] = ()
    sealers: tuple[str, ...] = ()
    asked: tuple[DnsAnswer, ...] = ()


def arc(raw: bytes) -> list[ArcSet]:
    """Read the ARC sets of a message, the first sealer's first, without believing them; never raises.

    Source: RFC 8617 §4.
    """
    found: dict[int, list[Field]] = {}
    header = parse_header(raw)
    for name in _NAMES:
        for one in header.all(name):
            number = _INSTANCE.match(one.body)
            found.setdefault(int(number[1]) if number else 0, []).append(one)
    return [_read(instance, found[instance]) for instance in sorted(found)]


def _read(instance: int, fields: list[Field]) -> ArcSet:
    defects = [] if 1 <= instance <= MOST_SETS else [f"its number is not one of 1 to {MOST_SETS}"]
    by_name = {name: [one for one in fields if one.name.lower() == name.lower()] for name in _NAMES}
    defects += [f"it has {len(by_name[name])} {name}" for name in _NAMES if len(by_name[name]) != 1]
    tags = {}
    for name in _NAMES[1:]:
        try:
            tags[name] = parse_tags(by_name[name][0].body) if by_name[name] else {}
        except TagError as error:
            tags[name] = {}
            defects.append(f"{name} cannot be read: {error}")
    seal = tags["ARC-Seal"]
    if seal and seal.get("cv") not in ("none", "pass", "fail"):
        defects.append("its seal has no cv= of none, pass or fail")
    if "h" in seal:
        defects.append("its seal has an h=, which a seal must not have")
    results = by_name[_NAMES[0]]
    return ArcSet(
        instance,
        seal.get("cv", ""),
        parse_authentication_results(results[0].body if results else b""),
        seal.get("d", "").lower(),
        tuple(one for name in _NAMES for one in by_name[name]),
        tuple(defects),
    )


def verify_arc(raw: bytes, lookup: Lookup, *, at: datetime | None = None) -> Verdict[ArcEvidence]:
    """Check the chain of a letter's ARC sets: all seals, and the latest signature.

    Source: RFC 8617 §5.2.
    """
    sets, asking = arc(raw), Asking(lookup)
    if not sets:
        return Verdict("arc", "none", "", "the letter carries no ARC set", ArcEvidence())
    try:
        wrong = _chain_breach(sets) or _signature_breach(raw, sets[-1], asking, at) or _seal_breach(sets, asking)
        result = "fail" if wrong else "pass"
    except TimeoutError as error:
        result, wrong = "temperror", str(error)
    seals = "1 seal holds" if len(sets) == 1 else f"{len(sets)} seals hold"
    reason = wrong or f"{seals}, and the letter is as {sets[-1].domain} sent it"
    evidence = ArcEvidence(tuple(sets), tuple(one.domain for one in sets), asking.answers)
    return Verdict("arc", result, sets[-1].domain, reason, evidence)


def _chain_breach(sets: list[ArcSet]) -> str:
    """Tell what is wrong with the form of the chain; empty when nothing is."""
    for place, one in enumerate(sets, start=1):
        if one.defects:
            return f"set {one.instance}: {one.defects[0]}"
        if one.instance != place:
            return f"set {place} is missing"
        if one.cv == "fail":
            return f"set {place}: {one.domain} found the chain broken already"
        if (one.cv == "none") != (place == 1):
            return (
                f"set {place}: its cv= is {one.cv}, which only {'a later' if place == 1 else 'the first'} set can say"
            )
    return ""


def _signature_breach(raw: bytes, latest: ArcSet, asking: Asking, at: datetime | None) -> str:
    """Check the signature of the latest set; those before may fit no more, since each sealer may change the letter."""
    signature = latest.fields[1]
    tags = parse_tags(signature.body)
    missing = [name for name in ("a", "b", "bh", "d", "h", "s") if not tags.get(name)]
    if missing:
        return f"set {latest.instance}: its signature has no {missing[0]}="
    if "arc-seal" in joined(tags["h"]).lower().split(":"):
        return f"set {latest.instance}: its signature covers ARC-Seal, which it must not"
    if wrong := malformed_times(tags, at):
        return f"set {latest.instance}: {wrong}"
    result, reason, _ = judge(SignedMessage(raw), signature, {"c": "relaxed/relaxed"} | tags, asking)
    if result == "temperror":
        raise TimeoutError(reason)
    return "" if result == "pass" else f"set {latest.instance}: {reason}"


def _seal_breach(sets: list[ArcSet], asking: Asking) -> str:
    for count in range(len(sets), 0, -1):
        seal = sets[count - 1].fields[2]
        tags = parse_tags(seal.body)
        missing = [name for name in ("a", "b", "d", "s") if not tags.get(name)]
        if missing:
            return f"set {count}: its seal has no {missing[0]}="
        if tags["a"] not in ("rsa-sha256", "ed25519-sha256"):
            return f"set {count}: the algorithm {tags['a'][:40]!r} is unknown"
        records = asking.texts(f"{tags['s']}._domainkey.{tags['d']}")
        if not records:
            return f"set {count}: there is no key of {tags['s'][:60]} at {tags['d'][:60]}"
        try:
            octets = _seal_input([one.raw for earlier in sets[:count] for one in earlier.fields])
            if not fits(records[0], tags["a"], octets, b64decode(joined(tags["b"]), validate=True)):
                return f"set {count}: the seal does not fit; a set was changed, or the seal is not by {tags['d'][:60]}"
        except KeyRecordError as error:
            return f"set {count}: {error}"
        except ValueError:
            return f"set {count}: the seal's b= is not base64"
    return ""


def _seal_input(fields: list[bytes]) -> bytes:
    """Join what a seal covers: all sets up to its own, the seal last, with an empty b=. Source: RFC 8617 §5.1.1."""
    covered = [canonical_field(one, "relaxed") for one in fields[:-1]]
    return b"".join([*covered, canonical_field(without_b(fields[-1]), "relaxed").removesuffix(b"\r\n")])


def seal(
    raw: bytes,
    domain: str,
    selector: str,
    key: Key,
    verdicts: Iterable[Verdict[Any]],
    *,
    chain: str,
    authserv_id: str = "",
    at: int | None = None,
) -> bytes:
    """Put an ARC set on top of a letter as it leaves a sealer; the same arguments give the same octets.

    Arguments: `verdicts` are those of the letter as it came, and `chain` what `verify_arc` said then: none, pass or
    fail; `authserv_id` names the server that found them, the domain when left out; `at` is in seconds since 1970.

    Raises: ValueError for a letter whose chain cannot be continued.
    Source: RFC 8617 §5.1.
    """
    sets = arc(raw)
    number = sets[-1].instance + 1 if sets else 1
    if chain not in ("none", "pass", "fail") or (chain == "none") != (number == 1):
        raise ValueError(f"chain {chain!r} does not fit a letter with {len(sets)} ARC sets")
    if any(one.defects for one in sets) or number > MOST_SETS:
        raise ValueError("the letter's ARC sets are damaged or too many to be sealed once more")
    results = b"ARC-Authentication-Results: i=%d; " % number + results_body(authserv_id or domain, verdicts)
    message = SignedMessage(raw)
    names = [*signed_names(message, None), *("dkim-signature" for _ in message.header.all("DKIM-Signature"))]
    time = {} if at is None else {"t": str(at)}
    tags = {"i": str(number), "a": key.algorithm, "c": "relaxed/relaxed", "d": domain, "s": selector, **time}
    signature = signature_field(message, "ARC-Message-Signature", {**tags, "h": ":".join(names)}, key)
    parts = [f"i={number}", f"a={key.algorithm}", f"cv={chain}", f"d={domain}", f"s={selector}"]
    parts += [f"t={at}"] if at is not None else []
    unsigned = b"ARC-Seal: " + "; ".join(parts).encode("ascii") + b";\r\n\tb=\r\n"
    # A sealer that found the chain broken seals only its own set (RFC 8617 §5.1.2).
    earlier = [] if chain == "fail" else [one.raw for before in sets for one in before.fields]
    octets = _seal_input([*earlier, results, signature, unsigned])
    return with_b(unsigned, key.sign(octets)) + signature + results + raw
