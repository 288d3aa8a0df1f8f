"""Five paths by four mechanisms: what each check says of a letter, evaluated over the lab's own zones."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from emaillab.host.trust import dns_lookup
from emaillab.message.authenticity import Verdict, authenticate, new_key, seal, sign
from emaillab.net.dns import CNAME, MX, TXT, A, Resolver, Zone

ALICE_KEY, LIST_KEY = new_key("rsa", seed=5), new_key("ed25519", seed=6)
RESOLVER = Resolver(
    [
        Zone(
            "crepes.fr",
            [
                TXT("crepes.fr", "v=spf1 mx -all"),
                MX("crepes.fr", 10, "mail.crepes.fr"),
                A("mail.crepes.fr", "192.0.2.25"),
                TXT("galette._domainkey.crepes.fr", ALICE_KEY.record),
                TXT("_dmarc.crepes.fr", "v=DMARC1; p=reject"),
                CNAME("spelt._domainkey.crepes.fr", "galette._domainkey.crepes.fr"),
            ],
        ),
        Zone(
            "lists.example",
            [
                TXT("lists.example", "v=spf1 ip4:198.51.100.7 -all"),
                TXT("arc._domainkey.lists.example", LIST_KEY.record),
            ],
        ),
    ]
)
LOOKUP = dns_lookup(RESOLVER)
PLAIN = b"From: Alice <alice@crepes.fr>\r\nTo: cooks@lists.example\r\nSubject: Crepes\r\n\r\nDo you like crepes?\r\n"
SIGNED = sign(PLAIN, "crepes.fr", "galette", ALICE_KEY, at=1_780_000_000)


@dataclass(frozen=True)
class Handover:
    """What the last server sees: who connects, the reverse-path, and the letter."""

    ip: str
    mail_from: str
    raw: bytes


def through_the_list(change: Callable[[bytes], bytes]) -> Handover:
    """Let the list find what it finds, change the letter, and seal it."""
    found = authenticate(SIGNED, "192.0.2.25", "alice@crepes.fr", "mail.crepes.fr", LOOKUP)
    raw = seal(change(SIGNED), "lists.example", "arc", LIST_KEY, found[:3], chain="none", at=1_780_000_001)
    return Handover("198.51.100.7", "cooks-bounces@lists.example", raw)


PATHS = {
    "direct": Handover("192.0.2.25", "alice@crepes.fr", SIGNED),
    "forwarded": Handover("203.0.113.9", "alice@crepes.fr", SIGNED),
    "list, unchanged": through_the_list(lambda raw: raw),
    "list, with footer": through_the_list(lambda raw: raw + b"-- \r\nThe cooks' list\r\n"),
    "spoofed": Handover("203.0.113.66", "alice@crepes.fr", PLAIN),
}


@pytest.mark.parametrize(
    ("path", "results"),
    [
        ("direct", {"spf": "pass", "dkim": "pass", "dmarc": "pass", "arc": "none"}),
        ("forwarded", {"spf": "fail", "dkim": "pass", "dmarc": "pass", "arc": "none"}),
        ("list, unchanged", {"spf": "pass", "dkim": "pass", "dmarc": "pass", "arc": "pass"}),
        ("list, with footer", {"spf": "pass", "dkim": "fail", "dmarc": "fail", "arc": "pass"}),
        ("spoofed", {"spf": "fail", "dkim": "none", "dmarc": "fail", "arc": "none"}),
    ],
)
def test_five_paths_by_four_mechanisms(path: str, results: dict[str, str]) -> None:
    assert {verdict.method: verdict.result for verdict in judged(path)} == results


def judged(path: str) -> list[Verdict[object]]:
    handed = PATHS[path]
    return authenticate(handed.raw, handed.ip, handed.mail_from, "client.example", LOOKUP)


def test_arc_keeps_what_the_list_found_before_it_changed_the_letter() -> None:
    (earlier,) = judged("list, with footer")[-1].evidence.sets  # type: ignore[attr-defined]
    assert [(one.method, one.result) for one in earlier.results.results] == [
        ("spf", "pass"),
        ("dkim", "pass"),
        ("dmarc", "pass"),
    ]


def test_the_spoofed_letter_is_to_be_rejected_and_the_evidence_says_by_which_record() -> None:
    by_spf, _, by_dmarc, _ = judged("spoofed")
    assert (by_spf.evidence.rule, by_spf.evidence.record) == ("-all", "v=spf1 mx -all")  # type: ignore[attr-defined]
    assert by_dmarc.evidence.disposition == "reject"  # type: ignore[attr-defined]
    assert ("record", "v=DMARC1; p=reject") in by_dmarc.table()
    assert ("policy", "reject") in by_dmarc.table()


def test_the_lab_answers_as_dns_does() -> None:
    assert LOOKUP("spelt._domainkey.crepes.fr", "TXT") == [ALICE_KEY.record]
    assert LOOKUP("crepes.fr", "MX") == ["10 mail.crepes.fr"]
    assert LOOKUP("mail.crepes.fr", "TXT") == []
    with pytest.raises(LookupError, match="NXDOMAIN"):
        LOOKUP("nowhere.example", "A")
    RESOLVER.fail("crepes.fr")
    try:
        with pytest.raises(TimeoutError, match="SERVFAIL"):
            LOOKUP("crepes.fr", "TXT")
        assert [verdict.result for verdict in judged("direct")][:3] == ["temperror"] * 3
    finally:
        RESOLVER.recover("crepes.fr")
