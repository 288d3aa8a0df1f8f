"""Authentication-Results: written, read back, and taken away from those who claim to be us."""

from pathlib import Path

import pytest

from emaillab.message.authenticity import (
    Verdict,
    authentication_results,
    cleaned,
    parse_authentication_results,
)
from emaillab.message.header.fields import parse_header

DATA = Path(__file__).resolve().parents[4] / "data"


def test_what_is_written_is_read_back() -> None:
    verdicts = [
        Verdict("spf", "fail", "crepes.fr", "203.0.113.66 may not send", None, (("smtp.mailfrom", "alice@crepes.fr"),)),
        Verdict("dkim", "pass", "crepes.fr", "fits", None, (("header.d", "crepes.fr"), ("header.b", "A+/=bcde"))),
        Verdict("dmarc", "pass", "crepes.fr", "dkim", None, (("header.from", "crepes.fr"),)),
    ]
    field = authentication_results("mx.hamburger.edu", verdicts)
    assert all(len(line) <= 78 for line in field.split(b"\r\n"))
    found = parse_authentication_results(field)
    assert [(one.method, one.result) for one in found.results] == [("spf", "fail"), ("dkim", "pass"), ("dmarc", "pass")]
    assert [one.properties for one in found.results] == [one.properties for one in verdicts]
    assert found.results[0].reason == "203.0.113.66 may not send"


def test_no_result_is_written_as_none() -> None:
    assert authentication_results("mx.b.org", []) == b"Authentication-Results: mx.b.org;\r\n\tnone\r\n"
    assert parse_authentication_results(b"mx.b.org; none").results == ()


@pytest.mark.parametrize("hostile", ['"; dkim=pass', "a\r\nBcc: x", "a; dmarc=pass", "x" * 5000, "\\", "\x00\x85é"])
def test_a_stranger_cannot_write_results_through_an_address(hostile: str) -> None:
    verdict = Verdict("spf", "fail", "x", hostile, None, (("smtp.mailfrom", hostile),))
    field = authentication_results("mx.b.org", [verdict])
    header = parse_header(field + b"\r\n")
    assert (len(header), header.stray) == (1, ())
    found = parse_authentication_results(field)
    assert [(one.method, one.result, len(one.properties)) for one in found.results] == [("spf", "fail", 1)]
    assert max(map(len, field.split(b"\r\n"))) < 998


def test_an_id_is_one_word() -> None:
    with pytest.raises(ValueError, match="is no name for a server"):
        authentication_results("mx; dkim=pass", [])


# RFC 8601 appendix B.5 and what is seen besides
@pytest.mark.parametrize(
    ("body", "authserv_id", "results"),
    [
        (
            b'example.com; dkim=pass (good signature) header.d=mail-router.example.net; dkim=fail reason="bad"',
            "example.com",
            "pass fail",
        ),
        (b"example.com 1; none", "example.com", ""),
        (b'(who) "example.com" (1); spf = pass smtp . mailfrom=x', "example.com", "pass"),
        (b"example.org 1; (x;y) dkim/1 = fail policy.expired=1362471462", "example.org", "fail"),
        (b"spf=pass (sender IP is 192.0.2.25) smtp.mailfrom=crepes.fr; dkim=none", "", "pass none"),
        (b"", "", ""),
        (b"mx.b.org;;; =pass; dkim=; spf=pass", "mx.b.org", "pass"),
    ],
)
def test_fields_as_they_are_seen(body: bytes, authserv_id: str, results: str) -> None:
    found = parse_authentication_results(body)
    assert found.authserv_id == authserv_id
    assert " ".join(one.result for one in found.results) == results


def test_the_field_of_a_hosted_exchange() -> None:
    header = parse_header((DATA / "received" / "exchange-365-arc.eml").read_bytes())
    found = parse_authentication_results(header["Authentication-Results"].body)
    assert [(one.method, one.result) for one in found.results] == [
        ("spf", "pass"),
        ("dkim", "pass"),
        ("dmarc", "pass"),
        ("compauth", "pass"),
    ]
    assert (found.results[1]["header.d"], found.results[3].reason) == ("crepes.fr", "100")


LETTER = (
    b"Authentication-Results: mx.hamburger.edu; dmarc=pass\r\n"
    b"Received: from x by y; Mon, 1 Jun 2026 10:00:00 +0200\r\n"
    b"Authentication-Results: mx.crepes.fr; dkim=pass\r\n"
    b'authentication-results :  (hi)\r\n "MX.Hamburger.EDU." 1;\r\n spf=pass\r\n'
    b"Authentication-Results: mx.hamburger.edu.evil.example; spf=pass\r\n"
    b"Authentication-Results: mx.hamburger.edu\r\n"
    b"ARC-Authentication-Results: i=1; mx.hamburger.edu; spf=pass\r\n"
    b"From: alice@crepes.fr\r\n\r\nAuthentication-Results: mx.hamburger.edu; dmarc=pass\r\n"
)


def test_only_what_claims_to_be_ours_is_taken_away() -> None:
    kept = cleaned(LETTER, "mx.hamburger.edu")
    lines = LETTER.split(b"\r\n")
    assert kept == b"\r\n".join([*lines[1:3], lines[6], *lines[8:]])
    assert cleaned(kept, "mx.hamburger.edu") == kept
    assert cleaned(LETTER, "mx.example") == LETTER


@pytest.mark.parametrize("piece", [b"a.", b'"a', b"(", b";", b"a b= ", b"\\"])
def test_a_long_field_costs_no_more_than_its_length(piece: bytes) -> None:
    """Were it the square, each of these would take minutes."""
    raw = b"Authentication-Results: mx.b.org; spf=pass " + piece * 200_000 + b"\r\nFrom: a@b.org\r\n\r\n"
    assert cleaned(raw, "mx.b.org") == b"From: a@b.org\r\n\r\n"
