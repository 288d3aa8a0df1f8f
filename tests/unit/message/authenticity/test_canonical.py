"""Canonical forms and body hashes, by RFC 6376's own examples and against dkimpy."""

import pytest

from emaillab.message.authenticity import body_hash, canonical_body, canonical_field
from emaillab.message.authenticity.canonical import header_input, selected, without_b
from emaillab.message.header.fields import parse_header

# RFC 6376 §3.4.5, where <SP> is a blank, <HTAB> a tab, <CRLF> a line break
HEADER = [b"A: X\r\n", b"B : Y\t\r\n\tZ  \r\n"]
BODY = b" C \r\nD \t E\r\n\r\n\r\n"


def test_the_examples_of_rfc_6376() -> None:
    assert [canonical_field(field, "relaxed") for field in HEADER] == [b"a:X\r\n", b"b:Y Z\r\n"]
    assert [canonical_field(field, "simple") for field in HEADER] == HEADER
    assert canonical_body(BODY, "relaxed") == b" C\r\nD E\r\n"
    assert canonical_body(BODY, "simple") == b" C \r\nD \t E\r\n"


def test_the_hashes_of_an_empty_body_are_those_that_rfc_6376_prints() -> None:
    for raw in (b"From: a@b.example\r\n\r\n", b"From: a@b.example\r\n\r\n\r\n\r\n"):
        assert body_hash(raw, "simple") == "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="
        assert body_hash(raw, "relaxed") == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_a_letter_kept_with_lf_hashes_as_it_travelled() -> None:
    assert body_hash(b"From: a@b\n\nHi\nBob\n") == body_hash(b"From: a@b\r\n\r\nHi\r\nBob\r\n")


def test_blanks_inside_lines_count_and_a_missing_last_line_end_does_not() -> None:
    assert body_hash(b"\r\na b\r\n", "relaxed") == body_hash(b"\r\na \t b", "relaxed")
    assert body_hash(b"\r\na b\r\n", "relaxed") != body_hash(b"\r\nab\r\n", "relaxed")
    assert body_hash(b"\r\na b\r\n", "simple") != body_hash(b"\r\na  b\r\n", "simple")


def test_length_limits_the_canonical_octets() -> None:
    assert body_hash(b"\r\nHello\r\nfooter\r\n", length=7) == body_hash(b"\r\nHello\r\n")


def test_an_unknown_canonicalization_is_named() -> None:
    with pytest.raises(ValueError, match="there is no canonicalization 'nofws'; RFC 6376 knows simple and relaxed"):
        body_hash(b"", "nofws")


def test_several_fields_of_one_name_are_taken_from_the_lowest_up() -> None:
    header = parse_header(b"X: 1\r\nFrom: a\r\nX: 2\r\n\r\n")
    assert [field.body for field in selected(header, ["x", "From", "X", "x", "subject"])] == [b"2", b"a", b"1"]


def test_only_the_signature_itself_is_emptied() -> None:
    field = b"DKIM-Signature: a=x; bh=abc=;\r\n b = a\r\n  bc== ; s=b=c\r\n"
    assert without_b(field) == b"DKIM-Signature: a=x; bh=abc=;\r\n b =; s=b=c\r\n"
    assert header_input([b"From: a\r\n"], b"D:  b=1\r\n", "relaxed") == b"from:a\r\nd:b="
