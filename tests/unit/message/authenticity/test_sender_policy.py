"""SPF over zones that are written down here. The whole suite of RFC 7208 passes too; it is pyspf's to carry."""

import socket
import sys
from collections.abc import Mapping

import pytest

from emaillab.message.authenticity import SpfEvidence, TrustMissing, Verdict, spf

Records = Mapping[str, list[str]]


def check(
    zone: Mapping[str, list[str]], ip: str = "192.0.2.25", sender: str = "alice@crepes.fr"
) -> Verdict[SpfEvidence]:
    """Check against a zone of "name TYPE" → values."""
    names = {key.split()[0] for key in zone}

    def lookup(name: str, type: str) -> list[str]:
        if name not in names:
            raise LookupError(name)
        if "SERVFAIL" in zone.get(f"{name} {type}", []):
            raise TimeoutError
        return zone.get(f"{name} {type}", [])

    return spf(ip, sender, "mail.crepes.fr", lookup)


@pytest.mark.parametrize(
    ("record", "result", "rule"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", "pass", "ip4:192.0.2.0/24"),
        ("v=spf1 -ip4:192.0.2.25 ip4:192.0.2.0/24 -all", "fail", "-ip4:192.0.2.25"),
        ("v=spf1 ~all", "softfail", "~all"),
        ("v=spf1 ?all", "neutral", "?all"),
        ("v=spf1 ip4:198.51.100.1", "neutral", ""),
        ("v=spf1", "neutral", ""),
        ("v=spf10 -all", "none", ""),
        ("some other text", "none", ""),
        ("v=spf1 ip5:1 -all", "permerror", "ip5:1"),
    ],
)
def test_terms_are_tried_in_order_and_nothing_passes_by_default(record: str, result: str, rule: str) -> None:
    verdict = check({"crepes.fr TXT": [record]})
    assert (verdict.result, verdict.evidence.rule) == (result, rule)


def test_a_fail_inside_an_include_is_no_fail_outside() -> None:
    zone = {"crepes.fr TXT": ["v=spf1 include:isp.example ~all"], "isp.example TXT": ["v=spf1 -all"]}
    assert check(zone).result == "softfail"
    assert check(zone | {"isp.example TXT": ["v=spf1 ip4:192.0.2.25 -all"]}).evidence.rule == "include:isp.example"
    assert check({"crepes.fr TXT": ["v=spf1 include:nowhere.example ~all"]}).result == "permerror"


def test_ten_terms_may_ask_and_the_eleventh_is_one_too_many() -> None:
    def chain(count: int) -> dict[str, list[str]]:
        records = {f"s{n}.crepes.fr TXT": [f"v=spf1 include:s{n + 1}.crepes.fr"] for n in range(count - 1)}
        last = {f"s{count - 1}.crepes.fr TXT": ["v=spf1 ip4:192.0.2.25"]}
        return {"crepes.fr TXT": ["v=spf1 include:s0.crepes.fr -all"]} | records | last

    ten, eleven = check(chain(10)), check(chain(11))
    assert (ten.result, ten.evidence.terms_with_lookups) == ("pass", 10)
    assert (eleven.result, eleven.reason) == ("permerror", "Too many DNS lookups")


def test_policies_that_lead_in_a_circle_come_to_an_end() -> None:
    zone = {"crepes.fr TXT": ["v=spf1 redirect=isp.example"], "isp.example TXT": ["v=spf1 redirect=crepes.fr"]}
    assert check(zone).result == "permerror"


def test_a_server_that_does_not_answer_is_a_temporary_error() -> None:
    verdict = check({"crepes.fr TXT": ["SERVFAIL"]})
    assert (verdict.result, verdict.reason) == ("temperror", "no name server answers for crepes.fr (SERVFAIL)")


def test_the_evidence_lists_what_was_asked() -> None:
    zone = {
        "crepes.fr TXT": ["hello", "v=spf1 mx -all"],
        "crepes.fr MX": ["10 mail.crepes.fr"],
        "mail.crepes.fr A": ["192.0.2.25"],
    }
    evidence = check(zone).evidence
    assert evidence.record == "v=spf1 mx -all"
    assert [str(answer) for answer in evidence.asked] == [
        'crepes.fr TXT → "hello", "v=spf1 mx -all"',
        'crepes.fr MX → "10 mail.crepes.fr"',
        'mail.crepes.fr A → "192.0.2.25"',
    ]


def test_a_bounce_is_checked_by_its_helo_name() -> None:
    verdict = check({"mail.crepes.fr TXT": ["v=spf1 a -all"], "mail.crepes.fr A": ["192.0.2.25"]}, sender="")
    assert (verdict.result, verdict.domain, verdict.evidence.identity) == ("pass", "mail.crepes.fr", "helo")
    assert verdict.properties == (("smtp.helo", "mail.crepes.fr"),)


def test_ipv6_and_addresses_that_are_none() -> None:
    zone = {"crepes.fr TXT": ["v=spf1 ip6:2001:db8::/32 -all"]}
    assert check(zone, "2001:db8::25").result == "pass"
    assert check(zone, "list").reason == "'list' is not an IP address"


def test_two_policies_are_an_error_and_long_ones_are_joined() -> None:
    assert check({"crepes.fr TXT": ["v=spf1 -all", "v=spf1 +all"]}).result == "permerror"
    assert check({"crepes.fr TXT": ["v=spf1 " + "ip4:198.51.100.1 " * 40 + "+all"]}).result == "pass"


@pytest.mark.parametrize("record", ["v=spf1 exists:%{i}.x.example a ptr -all", "v=spf1 a:%{p} exp=why.crepes.fr -all"])
def test_no_question_leaves_the_process(record: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("somebody opened a socket")

    import dns.resolver
    import spf as pyspf

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(dns.resolver, "resolve", refused)
    monkeypatch.setattr(pyspf, "DNSLookup", refused)
    verdict = check({"crepes.fr TXT": [record], "why.crepes.fr TXT": ["because"]})
    assert verdict.result in {"fail", "permerror"}
    assert "opened a socket" not in verdict.reason


def test_a_missing_package_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spf", None)
    with pytest.raises(TrustMissing, match=r'needs the package spf: pip install "emaillab\[trust\]"'):
        check({})
