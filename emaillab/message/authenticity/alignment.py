"""Does anybody whose word was checked answer for the name that the reader sees in From? DMARC.

SPF speaks for the reverse-path, DKIM for whoever signed; neither need have to do with From. DMARC demands that one of
them passes for From's own domain (strict) or for one of the same organization (relaxed).

>>> from emaillab.message.authenticity.verdicts import Verdict
>>> lists_spf = Verdict("spf", "pass", "lists.example", "", None)
>>> authors_dkim = Verdict("dkim", "pass", "mail.crepes.fr", "", None)
>>> print(dmarc("crepes.fr", lists_spf, [authors_dkim], "v=DMARC1; p=reject"))
dmarc=pass (crepes.fr): dkim passed for mail.crepes.fr, which is of the same organization
>>> strict = dmarc("crepes.fr", lists_spf, [authors_dkim], "v=DMARC1; p=reject; adkim=s")
>>> strict.result, strict.evidence.disposition
('fail', 'reject')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from emaillab.message.authenticity.tags import TagError, parse_tags
from emaillab.message.authenticity.verdicts import Asking, DnsAnswer, Lookup, Verdict, is_domain
from emaillab.message.header.addresses import parse_addresses
from emaillab.message.header.fields import parse_header

POLICIES = ("none", "quarantine", "reject")
MOST_STEPS = 8
"""How many names a walk up the tree asks at most. Source: RFC 9989 §4.10."""


@dataclass(frozen=True, slots=True)
class DmarcEvidence:
    """What From's domain publishes, and who was aligned with it."""

    record: str = ""
    record_at: str = ""
    """The domain whose policy it is: From's own, or one above it."""
    spf_domain: str = ""
    spf_result: str = ""
    dkim_domains: tuple[str, ...] = ()
    """The domains of the signatures that passed."""
    aligned: tuple[str, ...] = ()
    """Which results passed for From's domain: "spf", "dkim"."""
    spf_mode: str = "relaxed"
    dkim_mode: str = "relaxed"
    policy: str = ""
    """What the domain asks for when the check fails: none, quarantine or reject."""
    disposition: str = ""
    """What is to be done with this letter: none, quarantine or reject."""
    asked: tuple[DnsAnswer, ...] = ()


def dmarc(
    from_domain: str,
    spf: Verdict[Any] | None,
    dkim: Iterable[Verdict[Any]],
    record: str | None = None,
    lookup: Lookup | None = None,
) -> Verdict[DmarcEvidence]:
    """Check whether SPF or DKIM passed for the domain in From; never raises for what a message or a zone holds.

    Arguments: `from_domain` is the domain of the one author; `record` is the domain's policy. When it is left out,
    `lookup` finds it, and organizations too, by walking up the tree of names.

    SIMPLIFIED: without a `lookup` an organization is the last two labels of a name, which is wrong under co.uk.
    Source: RFC 7489 §3.1, §6.6; RFC 9989 §4.
    """
    from_domain = from_domain.removesuffix(".").lower()
    properties = (("header.from", from_domain),)
    if not is_domain(from_domain):
        reason = "From names no domain, or more than one author: nobody can be asked for a policy"
        return Verdict("dmarc", "permerror", from_domain, reason, DmarcEvidence(), properties)
    asking = Asking(lookup) if lookup else None
    try:
        found = _judge(from_domain, spf, list(dkim), record, asking)
    except TimeoutError as error:
        answers = asking.answers if asking else ()
        found = "temperror", f"the policy cannot be had now: {error}", DmarcEvidence(asked=answers)
    result, reason, evidence = found
    return Verdict("dmarc", result, from_domain, reason, evidence, properties)


_MODES = ("relaxed", "strict")


def _judge(
    from_domain: str, spf: Verdict[Any] | None, dkim: list[Verdict[Any]], record: str | None, asking: Asking | None
) -> tuple[str, str, DmarcEvidence]:
    record_at = from_domain
    if record is None and asking:
        record_at, record = _published(from_domain, asking)
    if not record:
        answers = asking.answers if asking else ()
        return "none", f"{from_domain} publishes no policy", DmarcEvidence(asked=answers)
    try:
        policy, tags = _read_policy(from_domain, record, record_at, asking)
    except TagError as error:
        return "permerror", str(error), DmarcEvidence(record, record_at)
    passed = {"spf": _passed([spf] if spf else []), "dkim": _passed(dkim)}
    same_organization = _same_organization(asking)
    strict = {method: tags.get(tag, "r").lower() == "s" for method, tag in (("spf", "aspf"), ("dkim", "adkim"))}
    aligned = {
        method: domain
        for method in passed
        if (domain := _aligned(from_domain, passed[method], strict[method], same_organization))
    }
    spf_domain, spf_result = (spf.domain, spf.result) if spf else ("", "")
    wanted = _milder(policy) if tags.get("t") == "y" else policy
    evidence = DmarcEvidence(
        record=record,
        record_at=record_at,
        spf_domain=spf_domain,
        spf_result=spf_result,
        dkim_domains=passed["dkim"],
        aligned=tuple(aligned),
        spf_mode=_MODES[strict["spf"]],
        dkim_mode=_MODES[strict["dkim"]],
        policy=policy,
        disposition="none" if aligned else wanted,
        asked=asking.answers if asking else (),
    )
    return ("pass" if aligned else "fail"), _reason(from_domain, aligned, passed), evidence


def _passed(verdicts: Iterable[Verdict[Any]]) -> tuple[str, ...]:
    """List the domains for which a check passed."""
    return tuple(one.domain for one in verdicts if one.result == "pass" and one.domain)


def _read_policy(from_domain: str, record: str, record_at: str, asking: Asking | None) -> tuple[str, dict[str, str]]:
    """Read what a domain asks for. Returns: the policy, and all tags. Raises: TagError for what is no policy."""
    try:
        tags = parse_tags(record)
    except TagError as error:
        raise TagError(f"the policy cannot be read: {error}") from error
    policy = _policy_for(from_domain, record_at, tags, asking).lower()
    if tags.get("v") != "DMARC1" or policy not in POLICIES:
        raise TagError(f"the policy is none: expected v=DMARC1 and p= of {', '.join(POLICIES)}")
    return policy, tags


def _policy_for(from_domain: str, record_at: str, tags: dict[str, str], asking: Asking | None) -> str:
    """Choose the policy for the domain itself, for one below it, or for one below it that does not exist.

    Source: RFC 9989 §4.7, `p=`, `sp=` and `np=`.
    """
    policy = tags.get("p", "none")
    if record_at == from_domain:
        return policy
    policy = tags.get("sp", policy)
    return tags["np"] if "np" in tags and asking and not _exists(from_domain, asking) else policy


def _exists(domain: str, asking: Asking) -> bool:
    """Tell whether a name has what a name of mail needs: an address or an MX. Source: RFC 9091 §2.7."""
    for kind in ("A", "AAAA", "MX"):
        try:
            if asking.records(domain, kind):
                return True
        except LookupError:
            return False
    return False


def _aligned(
    from_domain: str, domains: Iterable[str], strict: bool, same_organization: Callable[[str, str], bool]
) -> str:
    """Find the first domain that is aligned with From's; empty when none is. Source: RFC 7489 §3.1."""
    for domain in domains:
        if domain == from_domain or (not strict and same_organization(domain, from_domain)):
            return domain
    return ""


def _reason(from_domain: str, aligned: dict[str, str], passed: dict[str, tuple[str, ...]]) -> str:
    for method in ("dkim", "spf"):
        if domain := aligned.get(method):
            near = "which From names" if domain == from_domain else "which is of the same organization"
            return f"{method} passed for {domain}, {near}"
    who = " and ".join(f"{method} passed for {domain}" for method, domains in passed.items() for domain in domains)
    return f"{who}, but From names {from_domain}" if who else "neither spf nor dkim passed"


def _milder(policy: str) -> str:
    """Give the policy one step below, for a domain that only tries its policy. Source: RFC 9989 §4.7, `t=y`."""
    return POLICIES[max(POLICIES.index(policy) - 1, 0)]


# -- Organizations ------------------------------------------------------------------------------------


def organization(domain: str, lookup: Lookup | None = None) -> str:
    """Find the domain of the organization that a name belongs to.

    With a `lookup` by walking up the tree: the highest name with a policy, unless one says by `psd=` where the border
    is. Without, the last two labels.

    Raises: TimeoutError when DNS does not answer.
    Source: RFC 9989 §4.10.
    """
    return _organization(domain.removesuffix(".").lower(), Asking(lookup) if lookup else None)


def _same_organization(asking: Asking | None) -> Callable[[str, str], bool]:
    return lambda one, other: _organization(one, asking) == _organization(other, asking)


def _organization(domain: str, asking: Asking | None) -> str:
    if asking is None:
        return ".".join(domain.split(".")[-2:])
    found = [(name, record) for name in _upward(domain) if (record := _policy_at(name, asking))]
    for name, record in found:
        border = _psd(record)
        if border == "n":
            return name
        if border == "y" and name != domain:
            below = domain.removesuffix("." + name).rpartition(".")[2]
            return f"{below}.{name}"
    return found[-1][0] if found else domain


def _published(domain: str, asking: Asking) -> tuple[str, str]:
    """Find the policy that counts for a domain: its own, else its organization's. Returns: where, the record."""
    if own := _policy_at(domain, asking):
        return domain, own
    above = _organization(domain, asking)
    return above, _policy_at(above, asking)


def _upward(domain: str) -> list[str]:
    """List a name and those above it; of a very long one the middle is left out."""
    labels = domain.split(".")
    names = [".".join(labels[at:]) for at in range(len(labels))]
    return names if len(names) <= MOST_STEPS else [names[0], *names[1 - MOST_STEPS :]]


def _policy_at(domain: str, asking: Asking) -> str:
    policies = [text for text in asking.texts(f"_dmarc.{domain}") if text.replace(" ", "").startswith("v=DMARC1")]
    return policies[0] if len(policies) == 1 else ""


def _psd(record: str) -> str:
    try:
        return parse_tags(record).get("psd", "u").lower()
    except TagError:
        return "u"


def author_domain(raw: bytes) -> str:
    """Find the domain that a message's From names; empty when it names none, or several. Source: RFC 9989 §4.3."""
    fields = parse_header(raw).all("From")
    domains = {address.domain.lower() for address in parse_addresses(fields[0].body)} if len(fields) == 1 else set()
    return domains.pop() if len(domains) == 1 else ""
