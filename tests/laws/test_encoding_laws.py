"""Laws of writing: what was encoded, folded, stuffed or composed comes back as it was meant, within every limit."""

from __future__ import annotations

import base64
import email
import quopri
import re
from email.policy import default

from hypothesis import given
from hypothesis import strategies as st

from emaillab.message.header.encoded_words import decode_words, encode_words
from emaillab.message.header.folding import fold, unfold
from emaillab.message.header.parameters import encode_parameter, parse_parameters
from emaillab.message.octets.encodings import (
    decode_base64,
    decode_quoted_printable,
    encode_base64,
    encode_quoted_printable,
)
from emaillab.message.octets.sizes import b64_size, best_encoding, is_text
from emaillab.message.octets.utf7 import decode_name, encode_name
from emaillab.message.user_agent.compose import compose, to_bytes
from emaillab.protocol.framing.dots import stuff, unstuff

OCTETS = st.binary(max_size=400) | st.lists(
    st.sampled_from([b" ", b"\t", b"\r\n", b"\r", b"\n", b"=", b".", b"a" * 70, b"\xe9"]), max_size=30
).map(b"".join)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
ONE_LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=60)


@given(OCTETS)
def test_base64_there_and_back(data: bytes) -> None:
    wire = encode_base64(data)
    assert decode_base64(wire) == base64.b64decode(wire) == data
    assert len(wire) == b64_size(len(data))
    assert all(len(line) <= 76 for line in wire.split(b"\r\n"))


@given(OCTETS)
def test_quoted_printable_there_and_back(data: bytes) -> None:
    wire = encode_quoted_printable(data)
    assert decode_quoted_printable(wire) == quopri.decodestring(wire) == data
    for line in wire.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.endswith((b" ", b"\t"))
    assert not re.search(rb"=(?![0-9A-F]{2}|\r\n)", wire), "no =XX is split"


@given(OCTETS)
def test_the_chosen_encoding_carries_the_octets(data: bytes) -> None:
    chosen = best_encoding(data)
    if chosen == "7bit":
        assert data.isascii() and is_text(data)
    else:
        encode, decode = {
            "base64": (encode_base64, decode_base64),
            "quoted-printable": (encode_quoted_printable, decode_quoted_printable),
        }[chosen]
        assert decode(encode(data)) == data


@given(TEXT, st.integers(0, 80), st.sampled_from("BQ"), st.sampled_from(["utf-8", "gb18030"]))
def test_encoded_words_there_and_back(text: str, used: int, encoding: str, charset: str) -> None:
    words = encode_words(text, used=used, encoding=encoding, charset=charset)
    assert decode_words(b"\r\n ".join(words)) == text
    assert all(len(word) <= 75 for word in words)
    for word in words:
        decode_words(word).encode(charset)  # each word holds whole characters


@given(TEXT.filter(lambda text: not set(text) & set("\r\n\0")))
def test_parameters_there_and_back(value: str) -> None:
    pieces = encode_parameter("filename", value)
    assert parse_parameters(b"attachment; " + b"; ".join(pieces)).params["filename"] == value


@given(TEXT)
def test_mailbox_names_there_and_back(name: str) -> None:
    written = encode_name(name)
    assert decode_name(written) == name
    assert all(0x20 <= octet <= 0x7E for octet in written)


@given(OCTETS)
def test_stuffing_there_and_back(content: bytes) -> None:
    wire = stuff(content)
    assert unstuff(wire) == content
    assert b"\r\n.\r\n" not in wire and not wire.startswith(b".\r\n"), "nothing in it ends it"


@given(ONE_LINE)
def test_fields_of_the_pen_unfold_to_what_was_meant(subject: str) -> None:
    octets = to_bytes(compose("a@b.org", "c@d.org", subject, date=None, message_id="1@b.org"))
    header = octets.partition(b"\r\n\r\n")[0]
    field = next(line for line in unfold(header).split(b"\r\n") if line.startswith(b"Subject:"))
    assert unfold(fold(field)) == field
    meant = subject.strip()
    assert decode_words(field.removeprefix(b"Subject:")).strip() == meant
    if "�" not in meant:
        assert str(email.message_from_bytes(octets, policy=default)["Subject"]).split() == meant.split()
