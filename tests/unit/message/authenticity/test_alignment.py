"""DMARC: who passed, for which name, and whether that is the name in From."""

from collections.abc import Mapping

import pytest

from emaillab.message.authenticity import Verdict, author_domain, dmarc, organization


def spf(result: str, domain: str) -> Verdict[None]:
    return Verdict("spf", result, domain, "", None)


def dkim(result: str, domain: str) -> Verdict[None]:
    return Verdict("dkim", result, domain, "", None)


@pytest.mark.parametrize(
    ("by_spf", "by_dkim", "record", "result", "aligned"),
    [
        (("pass", "crepes.fr"), ("fail", "crepes.fr"), "p=reject", "pass", ("spf",)),
        (("fail", "crepes.fr"), ("pass", "crepes.fr"), "p=reject", "pass", ("dkim",)),
        (("pass", "lists.example"), ("pass", "lists.example"), "p=reject", "fail", ()),
        (("pass", "evil.example"), ("fail", "crepes.fr"), "p=reject", "fail", ()),
        (("pass", "bounces.crepes.fr"), ("pass", "mail.crepes.fr"), "p=reject", "pass", ("spf", "dkim")),
        (("pass", "bounces.crepes.fr"), ("pass", "mail.crepes.fr"), "p=reject; aspf=s; adkim=s", "fail", ()),
        (("pass", "bounces.crepes.fr"), ("pass", "mail.crepes.fr"), "p=reject; adkim=s", "pass", ("spf",)),
        (("softfail", "crepes.fr"), ("none", ""), "p=none", "fail", ()),
        (("pass", "notcrepes.fr"), ("none", ""), "p=none", "fail", ()),
    ],
)
def test_a_pass_counts_for_the_domain_in_from_only(
    by_spf: tuple[str, str], by_dkim: tuple[str, str], record: str, result: str, aligned: tuple[str, ...]
) -> None:
    verdict = dmarc("Crepes.fr", spf(*by_spf), [dkim(*by_dkim)], f"v=DMARC1; {record}")
    assert (verdict.result, verdict.evidence.aligned) == (result, aligned)


@pytest.mark.parametrize(
    ("record", "disposition"),
    [("p=none", "none"), ("p=quarantine", "quarantine"), ("p=reject", "reject"), ("p=reject; t=y", "quarantine")],
)
def test_what_is_asked_for_when_it_fails(record: str, disposition: str) -> None:
    verdict = dmarc("crepes.fr", None, [], f"v=DMARC1; {record}")
    assert (verdict.result, verdict.evidence.disposition) == ("fail", disposition)
    assert verdict.reason == "neither spf nor dkim passed"


@pytest.mark.parametrize("record", ["v=DMARC1; p=maybe", "v=DMARC2; p=none", "v=DMARC1; p", "v=DMARC1; p=none; p=none"])
def test_policies_that_are_none(record: str) -> None:
    assert dmarc("crepes.fr", None, [], record).result == "permerror"


def zone(records: Mapping[str, str]) -> object:
    def lookup(name: str, type: str) -> list[str]:
        if name.startswith("_dmarc.down"):
            raise TimeoutError
        return [records[name]]  # KeyError is a LookupError

    return lookup


def test_the_policy_is_found_above_and_sub_domains_have_their_own() -> None:
    lookup = zone({"_dmarc.crepes.fr": "v=DMARC1; p=reject; sp=quarantine"})
    verdict = dmarc("shop.crepes.fr", spf("pass", "crepes.fr"), [], lookup=lookup)  # type: ignore[arg-type]
    assert (verdict.result, verdict.evidence.record_at, verdict.evidence.policy) == ("pass", "crepes.fr", "quarantine")
    assert [answer.name for answer in verdict.evidence.asked] == [
        "_dmarc.shop.crepes.fr",
        "_dmarc.crepes.fr",
        "_dmarc.fr",
    ]
    assert dmarc("nowhere.example", None, [], lookup=lookup).result == "none"  # type: ignore[arg-type]
    assert dmarc("down.example", None, [], lookup=lookup).result == "temperror"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("domain", "policy"), [("crepes.fr", "none"), ("shop.crepes.fr", "quarantine"), ("invented.crepes.fr", "reject")]
)
def test_a_name_that_does_not_exist_has_a_policy_of_its_own(domain: str, policy: str) -> None:
    def lookup(name: str, type: str) -> list[str]:
        known = {
            ("_dmarc.crepes.fr", "TXT"): "v=DMARC1; p=none; sp=quarantine; np=reject",
            ("shop.crepes.fr", "MX"): "0 a",
        }
        if name not in ("crepes.fr", "_dmarc.crepes.fr", "shop.crepes.fr"):
            raise LookupError(name)
        return [value for key, value in known.items() if key == (name, type)]

    assert dmarc(domain, None, [], lookup=lookup).evidence.disposition == policy


def test_where_one_organization_ends() -> None:
    lookup = zone(
        {
            "_dmarc.co.example": "v=DMARC1; p=none; psd=y",
            "_dmarc.big.example": "v=DMARC1; p=none",
            "_dmarc.own.big.example": "v=DMARC1; p=none; psd=n",
        }
    )
    assert organization("a.b.crepes.fr") == "crepes.fr"
    for name, found in [
        ("mail.shop.co.example", "shop.co.example"),
        ("a.b.big.example", "big.example"),
        ("x.own.big.example", "own.big.example"),
        ("a.nowhere.example", "a.nowhere.example"),
        (".".join("abcdefghijkl") + ".big.example", "big.example"),
    ]:
        assert organization(name, lookup) == found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "domain"),
    [
        (b"From: Alice <alice@Crepes.FR>", "crepes.fr"),
        (b"From: alice@crepes.fr, aline@crepes.fr", "crepes.fr"),
        (b"From: alice@crepes.fr, bob@hamburger.edu", ""),
        (b"From: alice@crepes.fr\r\nFrom: eve@evil.example", ""),
        (b"From: nobody", ""),
        (b"Subject: none", ""),
    ],
)
def test_whom_from_names(header: bytes, domain: str) -> None:
    assert author_domain(header + b"\r\n\r\n") == domain
    assert (dmarc(domain, None, [], "v=DMARC1; p=none").result == "permerror") == (domain == "")
