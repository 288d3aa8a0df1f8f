"""Who answers for this letter with a DKIM signature, and has it been changed since?

>>> key = new_key("ed25519", seed=1)
>>> raw = sign(b"From: alice@crepes.fr\\r\\n\\r\\nHello\\r\\n", "crepes.fr", "test", key)
>>> zone = {("test._domainkey.crepes.fr", "TXT"): [key.record]}
>>> lookup = lambda name, type: zone[name, type]
>>> print(*verify_dkim(raw, lookup))
dkim=pass (crepes.fr): the signature fits the key, and header and body are as they were signed
>>> (changed,) = verify_dkim(raw.replace(b"Hello", b"Hi"), lookup)
>>> changed.result, changed.evidence.body_hash == changed.evidence.claimed_body_hash, changed.evidence.header_fits
('fail', False, True)
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from emaillab.message.authenticity.canonical import ALGORITHMS, canonical_body, hash_of, header_input, selected
from emaillab.message.authenticity.keys import Key, KeyRecordError, fits, new_key
from emaillab.message.authenticity.tags import TagError, joined, parse_tags
from emaillab.message.authenticity.verdicts import Asking, DnsAnswer, Lookup, Verdict, is_domain
from emaillab.message.header.fields import Field, parse_header

__all__ = [
    "DkimEvidence",
    "SignedMessage",
    "judge",
    "new_key",
    "sign",
    "signature_field",
    "verify_dkim",
]

MOST_SIGNATURES = 20
"""How many signatures of one letter are checked; each costs a hash and a look-up (RFC 6376 §8.4)."""
CLOCK_SLACK_S = 3600

# Which fields a signature should cover; those that a letter has are signed.  RFC 6376 §5.4.1
WORTH_SIGNING = (
    *("from", "sender", "reply-to", "subject", "date", "message-id", "to", "cc"),
    *("mime-version", "content-type", "content-transfer-encoding", "content-id"),
    *("in-reply-to", "references", "list-id", "list-post", "list-unsubscribe"),
)
_REQUIRED = ("v", "a", "b", "bh", "d", "h", "s")
_HASHES = ("rsa-sha256", "ed25519-sha256")
_NAME = re.compile(r"[!-9;-~]+")  # field-name     RFC 5322 §2.2
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_NUMBER = re.compile(r"[0-9]{1,76}")


@dataclass(frozen=True, slots=True)
class DkimEvidence:
    """What a signature claims, and what was found."""

    algorithm: str = ""
    canonicalization: str = ""
    """Of header and body: "relaxed/simple"."""
    selector: str = ""
    signed_names: tuple[str, ...] = ()
    """The names in `h=`, as they stand; one more than there are fields keeps others from adding one."""
    claimed_body_hash: str = ""
    body_hash: str = ""
    """Computed from the letter at hand, in base64."""
    body_length: int | None = None
    """The octets that `l=` limits the body hash to: what follows, anybody can have added (RFC 6376 §8.2)."""
    unsigned_octets: int = 0
    """Octets of the canonical body beyond `l=`."""
    signed_octets: bytes = field(default=b"", repr=False)
    """What was hashed of the header; its hash is what the key signed."""
    header_hash: str = ""
    key_record: str = ""
    header_fits: bool | None = None
    """Whether key, signature and header fit each other; None when there is no usable key."""
    asked: tuple[DnsAnswer, ...] = ()


class SignedMessage:
    """A message with its canonical forms, made once for all its signatures."""

    def __init__(self, raw: bytes) -> None:
        self.header = parse_header(raw)
        self._raw = raw
        self._bodies: dict[str, bytes] = {}

    def body(self, canonicalization: str) -> bytes:
        """Return the canonical body."""
        if canonicalization not in self._bodies:
            self._bodies[canonicalization] = canonical_body(self._raw[self.header.span[1] :], canonicalization)
        return self._bodies[canonicalization]


def verify_dkim(raw: bytes, lookup: Lookup, *, at: datetime | None = None) -> list[Verdict[DkimEvidence]]:
    """Check the DKIM signatures of a message, from the top; never raises for what a message or a zone holds.

    Arguments: `at` is the time for which `t=` and `x=` are judged; they are not when it is left out.

    Returns: one verdict for each signature, of at most 20; a single "none" for a message without any.
    Source: RFC 6376 §6.1; RFC 8301; RFC 8463.
    """
    message, asking = SignedMessage(raw), Asking(lookup)
    signatures = message.header.all("DKIM-Signature")[:MOST_SIGNATURES]
    if not signatures:
        return [Verdict("dkim", "none", "", "the letter carries no signature", DkimEvidence())]
    return [_verdict(message, signature, asking, at) for signature in signatures]


def _verdict(message: SignedMessage, field: Field, asking: Asking, at: datetime | None) -> Verdict[DkimEvidence]:
    try:
        tags = parse_tags(field.body)
    except TagError as error:
        return Verdict("dkim", "permerror", "", f"the signature cannot be read: {error}", DkimEvidence())
    wrong = _malformed(tags, at)
    if wrong:
        result, reason, evidence = "permerror", wrong, DkimEvidence(algorithm=tags.get("a", ""))
    else:
        result, reason, evidence = judge(message, field, tags, asking)
    properties = tuple(
        (f"header.{name}", joined(tags[name])[:8] if name == "b" else tags[name]) for name in "dsab" if tags.get(name)
    )
    return Verdict("dkim", result, tags.get("d", "").lower(), reason, evidence, properties)


def _malformed(tags: dict[str, str], at: datetime | None) -> str:
    """Tell what is wrong with a signature before its key is asked for; empty when nothing is.

    Source: RFC 6376 §6.1.1.
    """
    missing = [f"{name}=" for name in _REQUIRED if not tags.get(name)]
    if missing:
        return f"the signature has no {', '.join(missing)}"
    if tags["v"] != "1":
        return f"the signature is of version {tags['v'][:20]!r}; there is only 1"
    names = joined(tags["h"]).lower().split(":")
    if "from" not in names:
        return "the signature does not cover From"
    identity = tags.get("i", "@" + tags["d"]).lower().rpartition("@")[2]
    if identity != tags["d"].lower() and not identity.endswith("." + tags["d"].lower()):
        return f"i= names {identity[:80]!r}, which does not belong to d={tags['d'][:80]}"
    if tags.get("q", "dns/txt") != "dns/txt":
        return f"its key is to be asked for by q={tags['q'][:40]}, not by dns/txt"
    return malformed_times(tags, at)


def malformed_times(tags: dict[str, str], at: datetime | None) -> str:
    """Tell what is wrong with `t=`, `x=` and `l=`; empty when nothing is. Source: RFC 6376 §3.5."""
    odd = [name for name in ("t", "x", "l") if name in tags and not _NUMBER.fullmatch(tags[name])]
    if odd:
        return f"{odd[0]}= is not a number: {tags[odd[0]][:40]!r}"
    signed, expires = (int(tags[name]) if name in tags else None for name in "tx")
    if signed is not None and expires is not None and expires <= signed:
        return f"it expired (x={expires}) before it was made (t={signed})"
    if at is None:
        return ""
    if signed is not None and signed > at.timestamp() + CLOCK_SLACK_S:
        return f"it was made in the future (t={signed})"
    if expires is not None and expires < at.timestamp() - CLOCK_SLACK_S:
        return f"it has expired (x={expires})"
    return ""


def judge(message: SignedMessage, field: Field, tags: dict[str, str], asking: Asking) -> tuple[str, str, DkimEvidence]:
    """Check a signature whose tags are in order: its hashes, then its key. Returns: result, reason, evidence."""
    evidence = DkimEvidence(
        algorithm=tags["a"],
        canonicalization="/".join(_canonicalization(tags)),
        selector=tags["s"],
        signed_names=tuple(joined(tags["h"]).split(":")),
        claimed_body_hash=joined(tags["bh"]),
    )
    if tags["a"] == "rsa-sha1":
        return "permerror", "rsa-sha1 counts no more: SHA-1 can be forged (RFC 8301 §3.1)", evidence
    if tags["a"] not in _HASHES:
        return "permerror", f"the algorithm {tags['a'][:40]!r} is unknown; there are {', '.join(_HASHES)}", evidence
    if not set(_canonicalization(tags)) <= set(ALGORITHMS):
        return "permerror", f"the canonicalization {tags.get('c', '')[:40]!r} is unknown", evidence
    if "l" in tags and int(tags["l"]) > len(message.body(_canonicalization(tags)[1])):
        return "permerror", f"l={tags['l']} is more than the body has", evidence
    evidence = _with_hashes(message, field, tags, evidence)
    return _with_key(message, tags, asking, evidence)


def _canonicalization(tags: dict[str, str]) -> tuple[str, str]:
    header, _, body = tags.get("c", "simple").partition("/")
    return header, body or "simple"


def _with_hashes(message: SignedMessage, field: Field, tags: dict[str, str], evidence: DkimEvidence) -> DkimEvidence:
    of_header, of_body = _canonicalization(tags)
    body = message.body(of_body)
    length = int(tags["l"]) if "l" in tags else None
    covered = [one.raw for one in selected(message.header, evidence.signed_names)]
    octets = header_input(covered, field.raw, of_header)
    return replace(
        evidence,
        body_hash=hash_of(body[:length]),
        body_length=length,
        unsigned_octets=0 if length is None else len(body) - length,
        signed_octets=octets,
        header_hash=hash_of(octets),
    )


def _with_key(
    message: SignedMessage, tags: dict[str, str], asking: Asking, evidence: DkimEvidence
) -> tuple[str, str, DkimEvidence]:
    name = f"{tags['s']}._domainkey.{tags['d']}"
    try:
        records = asking.texts(name)
    except TimeoutError as error:
        return "temperror", f"the key cannot be had now: {error}", replace(evidence, asked=asking.answers)
    evidence = replace(evidence, asked=asking.answers, key_record=records[0] if records else "")
    if not records:
        return "permerror", f"there is no key at {name[:120]}", evidence
    try:
        signature = b64decode(joined(tags["b"]), validate=True)
        right = fits(evidence.key_record, tags["a"], evidence.signed_octets, signature)
    except KeyRecordError as error:
        return "permerror", str(error), evidence
    except ValueError:
        return "permerror", "b= is not base64", evidence
    evidence = replace(evidence, header_fits=right)
    return *_outcome(message, tags, evidence), evidence


def _outcome(message: SignedMessage, tags: dict[str, str], evidence: DkimEvidence) -> tuple[str, str]:
    same_body = evidence.body_hash == evidence.claimed_body_hash
    if not evidence.header_fits and not same_body:
        return "fail", "header and body are not as they were signed, or the signature is not by this key's owner"
    if not evidence.header_fits:
        return "fail", "the header is not as it was signed, or the signature is not by this key's owner"
    if not same_body:
        return (
            "fail",
            f"the body was changed: its hash is {evidence.body_hash}, signed was {evidence.claimed_body_hash}",
        )
    flags = joined(parse_tags(evidence.key_record).get("t", "")).split(":")
    if "s" in flags and tags.get("i", "@" + tags["d"]).rpartition("@")[2].lower() != tags["d"].lower():
        return "permerror", "the key does not speak for the sub-domain that i= names"
    authors, covered = len(message.header.all("From")), [name.lower() for name in evidence.signed_names].count("from")
    if authors > covered:
        return "policy", f"the letter has {authors} From fields and the signature covers {covered} (RFC 6376 §8.15)"
    if evidence.unsigned_octets:
        return "pass", f"header and body fit up to l=; the last {evidence.unsigned_octets} octets nobody answers for"
    return "pass", "the signature fits the key, and header and body are as they were signed"


# -- Signing ------------------------------------------------------------------------------------------


def sign(
    raw: bytes,
    domain: str,
    selector: str,
    key: Key,
    *,
    headers: Iterable[str] | None = None,
    canonicalization: str = "relaxed/relaxed",
    at: datetime | int | None = None,
    expires: datetime | int | None = None,
    length: int | None = None,
) -> bytes:
    """Put a DKIM signature on top of a message; the same arguments give the same octets.

    Arguments: `headers` are the names of the fields to sign, those that are worth it and From once more when left out,
    so that nobody can add another; `canonicalization` is that of header and body; `at` and `expires` are times or
    seconds since 1970; `length` limits what is signed of the body.

    Raises: ValueError for what cannot be signed: no From, a name that is none.
    Source: RFC 6376 §5.
    """
    message = SignedMessage(raw)
    names = signed_names(message, headers)
    tags = {"v": "1", "a": key.algorithm, "c": canonicalization, "d": domain, "s": selector}
    tags |= {name: str(_seconds(time)) for name, time in (("t", at), ("x", expires)) if time is not None}
    if length is not None:
        tags["l"] = str(length)
    tags |= {"h": ":".join(names)}
    return signature_field(message, "DKIM-Signature", tags, key) + raw


def signature_field(message: SignedMessage, name: str, tags: dict[str, str], key: Key) -> bytes:
    """Write a signature field over a message: of the body, as `c=` and `l=` say, and of the fields in `h=`."""
    of_header, of_body = _canonicalization(tags)
    for part, what in ((tags["d"], "domain"), (tags["s"], "selector")):
        if not (_HOST_NAME.fullmatch(part) and is_domain(part)):
            raise ValueError(f"{part!r} is no {what}; expected labels of letters, digits and hyphens")
    length = int(tags["l"]) if "l" in tags else None
    tags = tags | {"bh": hash_of(message.body(of_body)[:length])}
    unsigned = _written(name, tags)
    octets = header_input([one.raw for one in selected(message.header, tags["h"].split(":"))], unsigned, of_header)
    return with_b(unsigned, key.sign(octets))


def with_b(unsigned: bytes, signature: bytes) -> bytes:
    """Write the signature into a field that ends in an empty `b=`."""
    text = b64encode(signature)
    lines = [text[at : at + 72] for at in range(0, len(text), 72)]
    return unsigned.removesuffix(b"\r\n") + b"\r\n\t".join(lines) + b"\r\n"


def _written(name: str, tags: dict[str, str]) -> bytes:
    """Write a signature field, folded between tags and between names, that ends in an empty `b=`."""
    lines = [f"{name}:"]
    for tag, value in tags.items():
        first, *others = value.split(":")
        pieces = [f" {tag}={first}", *(f":{other}" for other in others)]
        pieces[-1] += ";"
        for piece in pieces:
            if len(lines[-1]) + len(piece) > 76:
                lines.append("\t" + piece.lstrip())
            else:
                lines[-1] += piece
    return "\r\n".join([*lines, "\tb=\r\n"]).encode("ascii")


def signed_names(message: SignedMessage, headers: Iterable[str] | None) -> list[str]:
    """List the names that a signature is to cover. Raises: ValueError."""
    if headers is None:
        present = [field.name.lower() for field in message.header]
        names = [name for name in WORTH_SIGNING for _ in range(present.count(name))] + ["from"]
    else:
        names = list(headers)
    wrong = [name for name in names if not _NAME.fullmatch(name)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is not the name of a header field")
    if message.header.get("From") is None or "from" not in [name.lower() for name in names]:
        raise ValueError("a signature covers From, so the letter needs a From field and `headers` its name")
    return names


def _seconds(time: datetime | int) -> int:
    return time if isinstance(time, int) else int(time.timestamp())
