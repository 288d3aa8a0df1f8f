"""ARC: sets read and checked, ours by dkimpy too; what breaks a chain."""

from pathlib import Path

import dkim
import pytest

from emaillab.message.authenticity import Verdict, arc, new_key, seal, sign, verify_arc

DATA = Path(__file__).resolve().parents[4] / "data"
KEY = new_key("rsa", seed=4)
LETTER = sign(b"From: alice@crepes.fr\r\nSubject: Hello\r\n\r\nHello\r\n", "crepes.fr", "s", KEY)
FOUND = [Verdict("dkim", "pass", "crepes.fr", "", None, (("header.d", "crepes.fr"),))]


def lookup(name: str, type: str) -> list[str]:
    return [KEY.record]


def by_dkimpy(raw: bytes) -> bytes | None:
    result, _, _ = dkim.arc_verify(raw, dnsfunc=lambda name, timeout: KEY.record.encode())
    return result  # type: ignore[no-any-return]


ONCE = seal(LETTER, "lists.example", "arc", KEY, FOUND, chain="none", at=1_780_000_000)
CHANGED = ONCE.replace(b"Subject: Hello", b"Subject: [L] Hello") + b"-- \r\nThe list\r\n"
TWICE = seal(CHANGED, "relay.example", "arc", KEY, FOUND, chain="pass", at=1_780_000_100)


@pytest.mark.parametrize("raw", [ONCE, TWICE], ids=["one set", "two sets"])
def test_our_seals_hold_and_dkimpy_says_so_too(raw: bytes) -> None:
    assert verify_arc(raw, lookup).result == "pass"
    assert by_dkimpy(raw) == b"pass"


def test_the_sets_tell_who_found_what() -> None:
    assert [(one.instance, one.cv, one.domain, one.results.authserv_id) for one in arc(TWICE)] == [
        (1, "none", "lists.example", "lists.example"),
        (2, "pass", "relay.example", "relay.example"),
    ]
    assert arc(TWICE)[0].results.results[0]["header.d"] == "crepes.fr"
    assert verify_arc(TWICE, lookup).evidence.sealers == ("lists.example", "relay.example")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (CHANGED, "set 1: header and body are not as they were signed"),
        (TWICE.replace(b"dkim=pass", b"dkim=fail"), "set 2: the seal does not fit"),
        (ONCE.replace(b"cv=none", b"cv=fail"), "set 1: lists.example found the chain broken already"),
        (ONCE.replace(b"cv=none", b"cv=pass"), "set 1: its cv= is pass, which only a later set can say"),
        (ONCE.replace(b"cv=none", b"cv=maybe"), "set 1: its seal has no cv= of none, pass or fail"),
        (ONCE.replace(b"cv=none", b"cv=none; h=from"), "set 1: its seal has an h="),
        (ONCE.replace(b"i=1", b"i=2"), "set 1 is missing"),
        (ONCE.replace(b"i=1", b"i=51"), "set 51: its number is not one of 1 to 50"),
        (ONCE.replace(b"ARC-Authentication-Results", b"X"), "set 1: it has 0 ARC-Authentication-Results"),
        (b"ARC-Seal: i=1; cv=none\r\n" + ONCE, "set 1: it has 2 ARC-Seal"),
        (ONCE.replace(b"a=rsa-sha256; cv", b"a=md5; cv"), "set 1: the algorithm 'md5' is unknown"),
    ],
)
def test_what_breaks_a_chain(raw: bytes, reason: str) -> None:
    verdict = verify_arc(raw, lookup)
    assert verdict.result == "fail"
    assert verdict.reason.startswith(reason)
    assert by_dkimpy(raw) != b"pass"


def test_a_broken_chain_stays_broken() -> None:
    raw = seal(CHANGED, "relay.example", "arc", KEY, [], chain="fail")
    assert verify_arc(raw, lookup).reason == "set 2: relay.example found the chain broken already"


def test_who_found_the_chain_broken_seals_only_what_he_found() -> None:
    """RFC 8617 §5.1.2: the sets below may be anybody's, so that the seal does not depend on them."""
    other = CHANGED.replace(b"dkim=pass", b"dkim=none")
    newest = [
        arc(seal(raw, "relay.example", "arc", KEY, [], chain="fail"))[-1].fields[2].raw for raw in (CHANGED, other)
    ]
    assert newest[0] == newest[1]
    pairs = [
        arc(seal(raw, "relay.example", "arc", KEY, [], chain="pass"))[-1].fields[2].raw for raw in (CHANGED, other)
    ]
    assert pairs[0] != pairs[1]


def test_letters_without_sets_and_without_keys() -> None:
    assert verify_arc(LETTER, lookup).result == "none"
    assert verify_arc(ONCE, lambda name, type: []).reason.startswith("set 1: there is no key at arc._domainkey")

    def failing(name: str, type: str) -> list[str]:
        raise TimeoutError

    assert verify_arc(ONCE, failing).result == "temperror"


def test_a_chain_is_continued_as_it_was_found() -> None:
    with pytest.raises(ValueError, match="chain 'none' does not fit a letter with 1 ARC sets"):
        seal(ONCE, "relay.example", "arc", KEY, [], chain="none")


def test_the_imitated_set_of_a_hosted_exchange_is_read_and_not_believed() -> None:
    raw = (DATA / "received" / "exchange-365-arc.eml").read_bytes()
    (found,) = arc(raw)
    assert (found.instance, found.cv, found.results.authserv_id, found.domain) == (
        1,
        "none",
        "mx.cloud.example",
        "cloud.example",
    )
    assert [one.method for one in found.results.results] == ["spf", "dmarc", "dkim", "arc"]
    assert verify_arc(raw, lookup).result == "fail"
