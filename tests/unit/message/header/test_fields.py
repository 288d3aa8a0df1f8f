"""Header fields: spans, look-up, folding, and readings that stay linear whatever is written."""

from __future__ import annotations

import pytest

from emaillab.message.header.addresses import Address, parse_address_groups, parse_addresses
from emaillab.message.header.fields import parse_header
from emaillab.message.header.tokens import strip_comments

RAW = b"Received: one\r\nTo: bob@hamburger.edu\r\n (Bob)\r\nreceived: two\r\n\r\nbody: no field\r\n"


def test_spans_and_look_up() -> None:
    header = parse_header(RAW)
    assert header.span == (0, RAW.index(b"body"))
    assert b"".join(field.raw for field in header) + b"\r\n" == header.raw
    assert [field.body for field in header.all("RECEIVED")] == [b"one", b"two"]
    to = header.get("to")
    assert to is not None
    assert RAW[slice(*to.value_span)] == b" bob@hamburger.edu\r\n (Bob)"
    assert (to.name, to.body, to.text) == ("To", b"bob@hamburger.edu (Bob)", "bob@hamburger.edu (Bob)")
    assert header.get("cc") is None and header.text("cc", "nobody") == "nobody"
    assert "to" in header and header[0].name == "Received" and len(header[0:2]) == 2
    with pytest.raises(KeyError, match="no field 'cc'"):
        header["cc"]


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_both_line_ends_read_alike(line_end: bytes) -> None:
    raw = RAW.replace(b"\r\n", line_end)
    header = parse_header(raw)
    assert [field.body for field in header] == [b"one", b"bob@hamburger.edu (Bob)", b"two"]
    assert raw[header.span[1] :].startswith(b"body")


def test_a_block_within_a_message() -> None:
    raw = b"xx" + RAW
    assert parse_header(raw, 2).span == (2, 2 + RAW.index(b"body"))
    assert [field.name for field in parse_header(raw, 2, 17)] == ["Received"]


def test_a_field_without_value_or_line_end() -> None:
    header = parse_header(b"Subject:\r\nTo:")
    assert [(field.body, field.value_span) for field in header] == [(b"", (8, 8)), (b"", (13, 13))]


def test_comments_may_stand_anywhere_in_an_address() -> None:
    for body in (
        b"carol (the cook) @ fries . example",
        b"carol@fries(the cook).example",
        b"(the cook) carol @(2) fries.example",
    ):
        assert parse_addresses(body) == [Address("the cook", "carol", "fries.example")]


def test_addresses_without_a_group_or_bracket() -> None:
    assert parse_addresses(b"Bob bob@b.org, <al@a.org") == [Address("Bob", "bob", "b.org"), Address("", "al", "a.org")]
    assert parse_addresses(b"a@[192.0.2.1]")[0].domain == "[192.0.2.1]"
    assert [group.name for group in parse_address_groups(b"undisclosed-recipients:;")] == ["undisclosed-recipients"]


def test_comments_nest_and_quotation_marks_do_not_count_in_them() -> None:
    assert strip_comments(b'a (b (c) " d) "(e)" f').split() == [b"a", b'"(e)"', b"f"]
    assert strip_comments(b"a (never closed") == b"a  "


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_field_of_a_long_header_is_found_as_in_a_short_one(end: bytes) -> None:
    names = [b"first", b"To", b"to ", b"X-To", b"T", b"Last", b"Cc\t", b"\xc3\x84"]
    lines = [name + b": a" + end + b" To: folded" + end for name in names for _ in range(2)]
    for filler in (b"X: y" + end, b"junk" + end):
        raw = b"".join([lines[0], filler * 6_000, *lines[1:]]) + end
        header, read = parse_header(raw), parse_header(raw)
        assert len(read) > 0
        read.all("To")
        for name in ("FIRST", "to", "x-to", "t", "last", "cc", "junk", "Ä", "x", "none", "To: folded", "a.b"):
            assert header.get(name) == read.get(name), name
