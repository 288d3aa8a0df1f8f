"""Laws of authenticity: nothing raises, canonical forms are stable and are dkimpy's, cleaning takes whole fields only."""

from dkim.canonicalization import Relaxed, Simple
from hypothesis import given
from hypothesis import strategies as st

from emaillab.message.authenticity import (
    Key,
    arc,
    authenticate,
    authentication_results,
    body_hash,
    canonical_body,
    canonical_field,
    cleaned,
    new_key,
    parse_authentication_results,
    seal,
    sign,
    verify_arc,
    verify_dkim,
)
from emaillab.message.authenticity.canonical import hash_of
from emaillab.message.authenticity.verdicts import Verdict

KEY = new_key("ed25519", seed=1)
RSA = new_key("rsa", seed=1)
SIGNED = sign(b"From: alice@crepes.fr\r\nSubject: Hello\r\n\r\nHello\r\n", "crepes.fr", "s", KEY, at=1, expires=9)
SEALED = seal(SIGNED, "crepes.fr", "s", KEY, [], chain="none", at=1)

PIECES = st.sampled_from(
    [
        *(b"\r\n", b"\n", b"\r", b" ", b"\t", b"a", b"bc", b"=", b";", b":", b"\x00", b"\xff", b'"', b"("),
        *(b"DKIM-Signature:", b"From: ", b"v=1;", b"a=ed25519-sha256;", b"h=from", b"ARC-Seal: i=1;"),
        b"Authentication-Results: mx.b.org;",
    ]
)
LINES = st.lists(PIECES, max_size=40).map(b"".join)
BODIES = st.lists(st.text("ab \t", max_size=8).map(str.encode), max_size=8).map(b"\r\n".join)
ALGORITHMS = st.sampled_from(["simple", "relaxed"])
RECORDS = st.one_of(
    st.sampled_from([KEY.record, RSA.record, "v=spf1 a mx ptr exists:%{i}.x -all", "v=DMARC1; p=reject", ""]),
    st.text("v=spf1DMARCkip;:%{}/~-?+. all\x00é", max_size=60),
    st.binary(max_size=40),
)


def damaged(raw: bytes) -> st.SearchStrategy[bytes]:
    """Exchange some octets of a letter for others."""
    place = st.integers(0, len(raw))
    return st.lists(st.tuples(place, st.integers(0, 4), PIECES), min_size=1, max_size=4).map(
        lambda changes: _changed(raw, changes)
    )


def _changed(raw: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for at, count, new in changes:
        raw = raw[:at] + new + raw[at + count :]
    return raw


@given(LINES | damaged(SIGNED) | damaged(SEALED), RECORDS, st.sampled_from(["a@b.org", "", "@", "x", "é@é..", "a@%"]))
def test_no_letter_and_no_zone_raises(raw: bytes, record: str | bytes, mail_from: str) -> None:
    def lookup(name: str, type: str) -> list[str | bytes]:
        return [record] if record else []

    verdicts = authenticate(raw, "192.0.2.1", mail_from, "mx.b.org", lookup)
    assert {verdict.method for verdict in verdicts} == {"spf", "dkim", "dmarc", "arc"}
    assert all(verdict.reason and isinstance(verdict.table(), list) for verdict in verdicts)
    field = authentication_results("mx.b.org", verdicts)
    found = [(one.method, one.result) for one in parse_authentication_results(field).results]
    assert found == [(one.method, one.result) for one in verdicts]


@given(damaged(SIGNED))
def test_a_damaged_letter_passes_only_with_the_same_canonical_octets(raw: bytes) -> None:
    (before,) = verify_dkim(SIGNED, lambda name, type: [KEY.record])
    for verdict in verify_dkim(raw, lambda name, type: [KEY.record]):
        if verdict.result == "pass":
            assert verdict.evidence.body_hash == before.evidence.body_hash
            assert verdict.evidence.signed_octets == before.evidence.signed_octets


@given(BODIES, ALGORITHMS)
def test_canonical_bodies_are_dkimpys_and_stay_what_they_are(body: bytes, algorithm: str) -> None:
    found = canonical_body(body, algorithm)
    assert found == {"simple": Simple, "relaxed": Relaxed}[algorithm].canonicalize_body(body)
    whole = canonical_body(body + b"\r\n", algorithm)
    assert canonical_body(whole, algorithm) == whole
    assert canonical_body(body + b"\r\n\r\n", algorithm) == whole
    assert body_hash(b"\r\n" + body, algorithm) == hash_of(found)


@given(st.text("Ab \t", max_size=6), st.lists(st.text("aB:; \t", max_size=8), min_size=1, max_size=4))
def test_canonical_fields_are_dkimpys(name: str, lines: list[str]) -> None:
    field = ("X" + name.strip() + ":" + "\r\n ".join(lines) + "\r\n").encode()
    found = canonical_field(field, "relaxed")
    head, _, value = field.partition(b":")
    ((their_name, their_value),) = Relaxed.canonicalize_headers([(head, value)])
    assert found == their_name + b":" + their_value
    assert canonical_field(found, "relaxed") == found
    assert canonical_field(field, "simple") == field


@given(st.sampled_from([KEY, RSA]), st.sampled_from(["simple/simple", "relaxed/relaxed"]), BODIES)
def test_what_is_signed_verifies(key: Key, canonicalization: str, body: bytes) -> None:
    raw = sign(b"From: a@b.org\r\n\r\n" + body, "b.org", "s", key, canonicalization=canonicalization)
    (verdict,) = verify_dkim(raw, lambda name, type: [key.record])
    assert verdict.result == "pass"


@given(LINES)
def test_cleaning_is_done_once_and_takes_whole_fields(raw: bytes) -> None:
    kept = cleaned(raw, "mx.b.org")
    assert cleaned(raw, "other.example") == raw
    assert len(kept) <= len(raw)
    if b"mx.b.org" not in raw:
        assert kept == raw


@given(LINES | damaged(SEALED))
def test_arc_sets_are_read_from_anything(raw: bytes) -> None:
    assert [one.instance for one in arc(raw)] == sorted({one.instance for one in arc(raw)})
    if verify_arc(raw, lambda name, type: [KEY.record]).result == "pass":
        assert not any(one.defects for one in arc(raw))


def test_the_verdict_reads_as_a_sentence() -> None:
    assert str(Verdict("spf", "none", "", "no policy", None)) == "spf=none (nobody): no policy"
