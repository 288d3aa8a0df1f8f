"""What holds for every input: nothing raises, tiles give the message back, spans nest, coding is undone by decoding."""

from __future__ import annotations

import email
import email.policy
import itertools
import json
import random
from email.message import Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emaillab.message.header.addresses import parse_address_groups, parse_addresses
from emaillab.message.header.dates import parse_date
from emaillab.message.header.encoded_words import decode_words, encode_words
from emaillab.message.header.fields import parse_header, parse_message_ids
from emaillab.message.header.parameters import encode_parameter, parse_parameters
from emaillab.message.mime.dissect import Part, dissect
from emaillab.message.mime.filenames import safe_name
from emaillab.message.mime.pieces import pieces
from emaillab.message.octets.encodings import (
    base64_defects,
    decode_base64,
    decode_quoted_printable,
    encode_base64,
    encode_quoted_printable,
    quoted_printable_defects,
)
from emaillab.message.octets.sizes import b64_size

LINES = [
    b"Content-Type: multipart/mixed; boundary=b",
    b'Content-Type: multipart/digest; boundary="bb"',
    b"Content-Type: multipart/alternative;",
    b"\tboundary=b",
    b" boundary*0=b; boundary*1=b",
    b"Content-Type: message/rfc822",
    b"Content-Type: text/plain; charset=gb2312; name*=utf-8''%E4%BD%A0; name=\"../x\"",
    b"Content-Type (x",
    b"Content-Transfer-Encoding: base64",
    b"Content-Transfer-Encoding: quoted-printable",
    b"Content-Transfer-Encoding: x-foo",
    b"Content-Disposition: attachment; filename==?utf-8?B?5L2g?=",
    b"Subject: =?utf-8?Q?=E4=BD?= =?utf-8?Q?=A0?=",
    b"From alice@crepes.fr Mon Nov 23 16:34:22 2026",
    b'From: "a" <a@b>, g: (c (d) c@d;',
    b"Date: Fri, 21 Nov 97 09:55:06 -0600 (x",
    b"--b",
    b"--b ",
    b"--b--",
    b"--bb",
    b"--bb--",
    b"--bbb",
    b"",
    b"",
    b" ",
    b"text =3D =zz =",
    b"5L2g5aW9!=",
    b"no colon \xff\x00",
]
messages = st.lists(
    st.tuples(st.sampled_from(LINES), st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b""])), max_size=40
).map(lambda pairs: b"".join(line + end for line, end in pairs))
anything = st.one_of(st.binary(max_size=300), messages)


def use_everything(part: Part) -> None:
    for each in part.walk():
        each.defects, each.filename, each.text_decoding, each.charset, each.disposition, repr(each)
        for field in each.header:
            field.text, field.body, parse_addresses(field.body), parse_date(field.body), parse_message_ids(field.body)
            assert field.raw == each.raw[slice(*field.span)]
        assert part.section(each.number) is not None
    json.dumps(part.to_json())
    str(part)


def check_spans(root: Part) -> None:
    raw = root.raw
    assert b"".join(raw[a:b] for _, (a, b) in root.tiles()) == raw
    assert root.span == (0, len(raw))
    for part in root.walk():
        (start, end), (header, body), (body_start, body_end) = part.span, part.header_span, part.body_span
        assert start <= header <= body == body_start <= body_end == end
        at = body
        for child in part.children:
            assert at <= child.span[0] <= child.span[1] <= end
            at = child.span[1]
            assert child.parent is part
            assert root.part(child.number) is child
        if part.preamble_span is not None:
            assert part.declared_type.startswith("multipart/")
            written = part.params["boundary"].encode()
            boundary = b"--" + written.rstrip(b" ")
            for a, b in part.delimiter_spans:
                assert raw[a:b].strip() in (boundary, boundary + b"--", b"--" + written + b"--")
        elif part.children:
            assert part.declared_type in ("message/rfc822", "message/global")
            assert len(part.children) == 1
        for defect in part.defects:
            assert start <= defect.at <= end
            assert defect.kind and defect.rfc and defect.done
        spans = [field.span for field in part.header] + list(part.header.stray)
        assert sum(b - a for a, b in spans) <= body - header <= sum(b - a for a, b in spans) + 2


@settings(max_examples=400, deadline=None)
@given(anything)
def test_any_octets_are_taken_apart_and_given_back(raw: bytes) -> None:
    root = dissect(raw)
    check_spans(root)
    use_everything(root)


@settings(max_examples=150, deadline=None)
@given(anything, st.integers(1, 4), st.integers(1, 5))
def test_limits_keep_every_octet(raw: bytes, depth: int, parts: int) -> None:
    root = dissect(raw, max_depth=depth, max_parts=parts)
    check_spans(root)
    assert sum(1 for _ in root.walk()) <= parts


@settings(max_examples=150, deadline=None)
@given(anything.filter(bool), st.data())
def test_every_octet_is_explained_where_its_tile_says(raw: bytes, data: st.DataObject) -> None:
    root = dissect(raw)
    tiles = root.tiles()
    for offset in {*data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=20)), len(raw) - 1}:
        told = root.explain(offset)
        assert [kind for kind, (a, b) in tiles if a <= offset < b] == [told.region]
        assert told.span[0] <= offset < told.span[1]
        assert (told.octet, root.part(told.part) is not None) == (raw[offset], True)
        assert told.element and told.rfc and "\n" not in str(told)


@settings(max_examples=100, deadline=None)
@given(anything)
def test_pieces_hold_every_octet_part_and_defect_once(raw: bytes) -> None:
    root = dissect(raw)
    found = pieces(root)
    assert b"".join(raw[slice(*piece.span)] for piece in found) == raw
    assert {id(piece.part) for piece in found} == {id(part) for part in root.walk()}
    for part in root.walk():
        own = [piece for piece in found if piece.part is part]
        assert sorted((d.at, d.kind) for piece in own for d in piece.defects) == sorted(
            (d.at, d.kind) for d in part.defects
        )
        for before, after in itertools.pairwise(own):
            assert all(defect.at < after.span[0] for defect in before.defects)


def letter(draw_random: random.Random, depth: int = 0) -> Message:
    """Make a message with the standard library."""
    made = Message()
    if depth < 3 and draw_random.random() < 0.6:
        made["Content-Type"] = "multipart/" + draw_random.choice(["mixed", "alternative", "related"])
        made.set_boundary(f"=_{draw_random.getrandbits(40):x}")
        for _ in range(draw_random.randint(1, 4)):
            made.attach(letter(draw_random, depth + 1))
        return made
    if depth < 3 and draw_random.random() < 0.3:
        made["Content-Type"] = "message/rfc822"
        made.set_payload([letter(draw_random, depth + 1)])
        return made
    octets = draw_random.randbytes(draw_random.randint(0, 200))
    made["Content-Type"] = "application/octet-stream"
    if draw_random.random() < 0.5:
        made["Content-Transfer-Encoding"] = "base64"
        made.set_payload(encode_base64(octets).decode("ascii"))
    else:
        made["Content-Transfer-Encoding"] = "quoted-printable"
        made.set_payload(encode_quoted_printable(octets).decode("ascii"))
    return made


def stdlib_tree(message: Message) -> object:
    if message.is_multipart():
        return message.get_content_type(), [stdlib_tree(part) for part in message.get_payload()]  # type: ignore[union-attr]
    return message.get_content_type(), message.get_payload(decode=True)


def our_tree(part: Part) -> object:
    if part.children:
        return part.content_type, [our_tree(child) for child in part.children]
    return part.content_type, part.decoded


@settings(max_examples=120, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([b"\r\n", b"\n"]))
def test_same_tree_and_content_as_the_standard_library(chance: random.Random, line_end: bytes) -> None:
    octets = letter(chance).as_bytes(policy=email.policy.compat32.clone(linesep=line_end.decode()))
    root = dissect(octets)
    assert our_tree(root) == stdlib_tree(email.message_from_bytes(octets))
    check_spans(root)


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.data())
def test_mutated_messages_are_given_back(chance: random.Random, data: st.DataObject) -> None:
    octets = bytearray(letter(chance).as_bytes(policy=email.policy.compat32.clone(linesep="\r\n")))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(octets)))
        cut = data.draw(st.integers(0, 30))
        octets[at : at + cut] = data.draw(st.sampled_from([b"", b"\n", b"\r", b"--", b"\r\n\r\n", b"\xff", b"="]))
    root = dissect(octets)
    check_spans(root)
    use_everything(root)


@given(st.binary(max_size=400))
def test_base64_is_undone_by_decoding(octets: bytes) -> None:
    text = encode_base64(octets)
    assert decode_base64(text) == octets
    assert len(text) == b64_size(len(octets))
    assert all(len(line) <= 76 for line in text.split(b"\r\n"))
    assert base64_defects(text) == ()


@given(st.one_of(st.binary(max_size=400), st.text("ab =\t\r\n.é", max_size=300).map(str.encode)))
def test_quoted_printable_is_undone_by_decoding(octets: bytes) -> None:
    text = encode_quoted_printable(octets)
    assert decode_quoted_printable(text) == octets
    assert all(len(line) <= 76 for line in text.split(b"\r\n"))
    assert text.isascii()
    assert quoted_printable_defects(text) == ()


@given(st.binary(max_size=300))
def test_damaged_encodings_never_raise(octets: bytes) -> None:
    for defect in (*base64_defects(octets, 7), *quoted_printable_defects(octets, 7)):
        assert 7 <= defect.at <= 7 + len(octets)
    decode_base64(octets)
    decode_quoted_printable(octets)
    decode_words(octets)
    parse_parameters(octets)
    parse_address_groups(octets)
    parse_date(octets)
    assert isinstance(parse_header(octets).defects, tuple)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=120), st.sampled_from("BQ"), st.integers(0, 60))
def test_encoded_words_are_undone_by_decoding(text: str, encoding: str, used: int) -> None:
    try:
        words = encode_words(text, used=used, encoding=encoding)
    except ValueError:
        pytest.fail("the text fits")
    assert decode_words(b"\r\n ".join(words).replace(b"\r\n", b"")) == text
    assert all(len(word) <= 75 for word in words)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=200))
def test_parameters_are_undone_by_decoding(value: str) -> None:
    written = b"attachment; " + b";\r\n ".join(encode_parameter("filename", value))
    assert parse_parameters(written) == ("attachment", {"filename": value}, ())


@given(st.text(max_size=300))
def test_a_safe_name_stays_safe(name: str) -> None:
    safe = safe_name(name)
    assert safe_name(safe) == safe
    assert 1 <= len(safe.encode()) <= 255
    assert not set(safe) & set('/\\\r\n\0<>:"|?*')
    assert safe.strip(".")
