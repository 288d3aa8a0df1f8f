"""DKIM: the course's own signatures, RFC 8463's, dkimpy as a peer, and signatures that must not count."""

import re
from datetime import UTC, datetime
from pathlib import Path

import dkim
import pytest

from emaillab.message.authenticity import DkimEvidence, Key, Verdict, body_hash, new_key, sign, verify_dkim
from emaillab.message.authenticity.signature import SignedMessage, signature_field
from emaillab.message.header.fields import parse_header

DATA = Path(__file__).resolve().parents[4] / "data"
KEYS = dict(
    re.findall(r"^(\S+\._domainkey\.\S+)\n(v=DKIM1;.*)$", (DATA / "README.md").read_text("utf-8"), re.MULTILINE)
)
SIGNED = sorted(path for path in DATA.rglob("*.eml") if b"\nDKIM-Signature:" in b"\n" + path.read_bytes())
KEY = new_key("ed25519", seed=1)
RSA = new_key("rsa", seed=1)
LETTER = (
    b"From: Alice <alice@crepes.fr>\r\nTo: bob@hamburger.edu\r\nSubject: Crepes\r\n"
    b"Date: Mon, 1 Jun 2026 10:00:00 +0200\r\n\r\nDo you like  crepes?\r\n"
)


def keys(name: str, type: str) -> list[str]:
    assert type == "TXT"
    return [KEYS[name]]


def check(raw: bytes, record: str = KEY.record, **more: datetime) -> Verdict[DkimEvidence]:
    (verdict,) = verify_dkim(raw, lambda name, type: [record], **more)
    return verdict


def signed(*replacements: tuple[bytes, bytes], letter: bytes = LETTER, **more: object) -> bytes:
    raw = sign(letter, "crepes.fr", "s", KEY, **more)  # type: ignore[arg-type]
    for old, new in replacements:
        assert old in raw
        raw = raw.replace(old, new, 1)
    return raw


def test_three_keys_are_published_and_thirteen_letters_are_genuine() -> None:
    assert len(KEYS) == 3
    assert len([path for path in SIGNED if path.name != "list-footer.eml"]) == 13


@pytest.mark.parametrize("path", SIGNED, ids=lambda path: path.stem)
def test_the_signatures_of_the_collection(path: Path) -> None:
    raw = path.read_bytes()
    (verdict,) = verify_dkim(raw, keys)
    agreed = dkim.verify(raw, dnsfunc=lambda name, timeout: KEYS[name.decode().rstrip(".")].encode())
    assert (verdict.result == "pass") == agreed
    if path.name == "list-footer.eml":
        assert verdict.result == "fail"
        assert verdict.evidence.body_hash != verdict.evidence.claimed_body_hash
    else:
        assert verdict.result == "pass", verdict.reason
        assert body_hash(raw, verdict.evidence.canonicalization.split("/")[1]) == verdict.evidence.claimed_body_hash


RFC_8463 = b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
""".replace(b"\n", b"\r\n")


def test_the_signed_letter_of_rfc_8463() -> None:
    verdict = check(RFC_8463, "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    assert verdict.result == "pass", verdict.reason
    assert verdict.domain == "football.example.com"
    assert verdict.evidence.body_hash == "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
    assert verdict.evidence.signed_names.count("from") == 2
    assert [str(answer)[:40] for answer in verdict.evidence.asked] == ["brisbane._domainkey.football.example.com"]


@pytest.mark.parametrize("key", [KEY, RSA], ids=["ed25519", "rsa"])
@pytest.mark.parametrize("canonicalization", ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"])
def test_what_we_sign_dkimpy_verifies(key: Key, canonicalization: str) -> None:
    raw = sign(LETTER, "crepes.fr", "s", key, canonicalization=canonicalization, at=1_780_000_000)
    assert check(raw, key.record).result == "pass"
    assert dkim.verify(raw, dnsfunc=lambda name, timeout: key.record.encode()) is True
    assert raw == sign(LETTER, "crepes.fr", "s", key, canonicalization=canonicalization, at=1_780_000_000)
    assert max(map(len, raw.split(b"\r\n"))) <= 78


def test_what_dkimpy_signs_we_verify() -> None:
    field = dkim.sign(LETTER, b"s", b"crepes.fr", RSA.private, canonicalize=(b"relaxed", b"simple"))
    assert check(field + LETTER, RSA.record).result == "pass"


def test_the_evidence_shows_what_was_hashed() -> None:
    evidence = check(signed(headers=["From", "To", "To"])).evidence
    lines = evidence.signed_octets.split(b"\r\n")
    assert lines[:2] == [b"from:Alice <alice@crepes.fr>", b"to:bob@hamburger.edu"]
    assert lines[2].startswith(b"dkim-signature:v=1; ") and lines[2].endswith(b" b=")
    assert evidence.key_record == KEY.record


@pytest.mark.parametrize(
    ("change", "reason", "header_fits"),
    [
        ((b"like  crepes", b"like burgers"), "the body was changed", True),
        ((b"Subject: Crepes", b"Subject: [List] Crepes"), "the header is not as it was signed", False),
        ((b"t=1;", b"t=2;"), "the header is not as it was signed", False),
        ((b"From: Alice", b"From: eve@evil.example\r\nFrom: Alice"), "the header is not as it was signed", False),
    ],
    ids=["body", "subject", "tag", "second From"],
)
def test_a_change_is_found(change: tuple[bytes, bytes], reason: str, header_fits: bool) -> None:
    verdict = check(signed(change, at=1))
    assert (verdict.result, verdict.evidence.header_fits) == ("fail", header_fits)
    assert verdict.reason.startswith(reason)


def test_blanks_may_change_where_relaxed_says_so() -> None:
    assert check(signed((b"like  crepes", b"like crepes"), (b"Subject: C", b"SUBJECT:  C"))).result == "pass"


def test_a_second_from_that_a_signature_does_not_cover_is_no_pass() -> None:
    raw = signed((b"From: Alice", b"From: eve@evil.example\r\nFrom: Alice"), headers=["From", "Subject"])
    verdict = check(raw)
    assert verdict.result == "policy"
    assert verdict.reason == "the letter has 2 From fields and the signature covers 1 (RFC 6376 §8.15)"


def test_what_stands_beyond_l_is_told() -> None:
    raw = signed(length=10) + b"Buy now!\r\n"
    verdict = check(raw)
    assert (verdict.result, verdict.evidence.body_length) == ("pass", 10)
    assert verdict.evidence.unsigned_octets == len(b"Do you like crepes?\r\nBuy now!\r\n") - 10
    assert "nobody answers for" in verdict.reason


@pytest.mark.parametrize(
    ("record", "result", "reason"),
    [
        ("", "permerror", "there is no key at s._domainkey.crepes.fr"),
        ("v=DKIM1; k=ed25519; p=", "permerror", "the key is revoked: its p= is empty"),
        ("v=DKIM1; k=ed25519", "permerror", "the key record has no p="),
        ("v=DKIM2; k=ed25519; p=AAAA", "permerror", "the key record is not of version DKIM1"),
        ("k=ed25519; p=AAAA", "permerror", "an Ed25519 key has 32 octets, this one 3"),
        ("k=ed25519; p=?", "permerror", "the key record's p= is not base64"),
        (RSA.record, "permerror", "the key is for rsa, the signature by ed25519-sha256"),
        (KEY.record + "; s=other", "permerror", "the key is for the service other, not for mail"),
        (KEY.record + "; h=sha1", "permerror", "the key is for the hashes sha1, the signature by ed25519-sha256"),
        ("rubbish", "permerror", "the key record cannot be read: 'rubbish' is not of the form tag=value"),
        (new_key("ed25519", seed=2).record, "fail", "the header is not as it was signed"),
    ],
)
def test_key_records_that_do_not_do(record: str, result: str, reason: str) -> None:
    (verdict,) = verify_dkim(signed(), lambda name, type: [record] if record else [])
    assert verdict.result == result
    assert verdict.reason.startswith(reason)


def test_no_name_and_no_server_are_two_things() -> None:
    def nowhere(name: str, type: str) -> list[str]:
        raise LookupError

    def failing(name: str, type: str) -> list[str]:
        raise TimeoutError

    (gone,) = verify_dkim(signed(), nowhere)
    (later,) = verify_dkim(signed(), failing)
    assert (gone.result, gone.evidence.asked[0].error) == ("permerror", "NXDOMAIN")
    assert (later.result, later.evidence.asked[0].error) == ("temperror", "SERVFAIL")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((b"a=ed25519-sha256", b"a=rsa-sha1"), "rsa-sha1 counts no more"),
        ((b"a=ed25519-sha256", b"a=md5"), "the algorithm 'md5' is unknown"),
        ((b"c=relaxed/relaxed", b"c=nofws"), "the canonicalization 'nofws' is unknown"),
        ((b"v=1", b"v=2"), "the signature is of version '2'"),
        ((b"d=crepes.fr", b"d=crepes.fr; i=x@evil.fr"), "i= names 'evil.fr', which does not belong to d=crepes.fr"),
        ((b"d=crepes.fr", b"d=crepes.fr; l=x"), "l= is not a number"),
        ((b"d=crepes.fr", b"d=crepes.fr; l=9999"), "l=9999 is more than the body has"),
        ((b"d=crepes.fr", b"d=crepes.fr; t=5; x=4"), "it expired (x=4) before it was made (t=5)"),
        ((b"d=crepes.fr", b"d=crepes.fr; d=evil.fr"), "the signature cannot be read: the tag d= stands twice"),
        ((b"d=crepes.fr; ", b""), "the signature has no d="),
        ((b"h=from:", b"h=x:"), "the signature does not cover From"),
        ((b"v=1;", b"v=1; rubbish;"), "the signature cannot be read"),
    ],
)
def test_signatures_that_do_not_count(change: tuple[bytes, bytes], reason: str) -> None:
    more = {"headers": ["from", "subject"]} if change[0] == b"h=from:" else {}
    verdict = check(signed(change, **more))
    assert verdict.result == "permerror"
    assert verdict.reason.startswith(reason)


def test_short_rsa_keys_do_not_count() -> None:
    short = new_key("rsa", seed=3, bits=768)
    verdict = check(sign(LETTER, "crepes.fr", "s", short), short.record)
    assert (verdict.result, verdict.reason[:31]) == ("permerror", "the RSA key has 768 bits; at le")


def test_times_are_judged_when_the_time_is_told() -> None:
    raw = signed(at=1_780_000_000, expires=1_780_600_000)
    for at, result in ((1_780_100_000, "pass"), (1_779_000_000, "permerror"), (1_781_000_000, "permerror")):
        assert check(raw, at=datetime.fromtimestamp(at, UTC)).result == result
    assert check(raw).result == "pass"


def test_a_key_that_speaks_for_its_own_domain_only() -> None:
    raw = signed()
    assert check(raw, KEY.record + "; t=s").result == "pass"
    tags = {"v": "1", "a": KEY.algorithm, "d": "crepes.fr", "i": "@shop.crepes.fr", "s": "s", "h": "from"}
    below = signature_field(SignedMessage(LETTER), "DKIM-Signature", tags, KEY) + LETTER
    assert check(below).result == "pass"
    verdict = check(below, KEY.record + "; t=s")
    assert (verdict.result, verdict.reason) == ("permerror", "the key does not speak for the sub-domain that i= names")


def test_a_letter_without_signature() -> None:
    verdict = check(LETTER)
    assert (verdict.method, verdict.result) == ("dkim", "none")


def test_each_of_several_signatures_gets_its_verdict_and_no_more_than_twenty() -> None:
    twice = sign(signed(), "lists.example", "s", KEY)
    assert [one.domain for one in verify_dkim(twice, lambda name, type: [KEY.record])] == ["lists.example", "crepes.fr"]
    assert len(verify_dkim(b"DKIM-Signature: v=1\r\n" * 1000 + LETTER, keys)) == 20


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"domain": "crepes.fr; x=1"}, "is no domain"),
        ({"selector": "a\r\nBcc"}, "is no selector"),
        ({"headers": ["Subject"]}, "a signature covers From"),
        ({"headers": ["From", "a b"]}, "is not the name of a header field"),
        ({"canonicalization": "nofws/simple"}, "there is no canonicalization"),
    ],
)
def test_what_cannot_be_signed_is_said(arguments: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        sign(LETTER, **{"domain": "crepes.fr", "selector": "s", "key": KEY} | arguments)  # type: ignore[arg-type]


def test_a_signed_letter_keeps_every_octet() -> None:
    raw = signed()
    assert raw.endswith(LETTER)
    assert parse_header(raw)[0].name == "DKIM-Signature"


def test_new_keys() -> None:
    assert new_key("rsa", seed=1) == RSA
    assert new_key("ed25519") != new_key("ed25519")
    assert "private" not in repr(RSA)
    with pytest.raises(ValueError, match="there is no kind of key 'dsa'"):
        new_key("dsa")
