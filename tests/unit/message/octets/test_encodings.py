"""Transfer encodings: the RFC's vectors, the exact sizes, the limits of a line."""

from __future__ import annotations

import pytest

from emaillab.message.header.encoded_words import encode_words
from emaillab.message.header.parameters import encode_parameter, parse_parameters
from emaillab.message.octets.charsets import decode_text, python_codec
from emaillab.message.octets.encodings import (
    decode_base64,
    decode_quoted_printable,
    encode_base64,
    encode_quoted_printable,
)
from emaillab.message.octets.sizes import QP_CROSSING, b64_size, encoded_share, qp_size


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"", b""),
        (b"f", b"Zg=="),
        (b"fo", b"Zm8="),
        (b"foo", b"Zm9v"),
        (b"foob", b"Zm9vYg=="),
        (b"foobar", b"Zm9vYmFy"),
    ],
)
def test_vectors_of_rfc_4648(octets: bytes, text: bytes) -> None:
    assert encode_base64(octets) == (text + b"\r\n" if text else b"")
    assert decode_base64(text) == octets


@pytest.mark.parametrize(
    ("n", "size"), [(0, 0), (1, 6), (57, 78), (58, 84), (1000, 1372), (5700, 7800), (1_000_000, 1_368_424)]
)
def test_base64_sizes(n: int, size: int) -> None:
    assert b64_size(n) == size == len(encode_base64(bytes(n)))


def test_quoted_printable_sizes_agree_with_the_formula() -> None:
    for octets in (b"a" * 75_000, "信".encode() * 25_000):
        measured = len(encode_quoted_printable(octets))
        assert measured == pytest.approx(qp_size(len(octets), encoded_share(octets)), rel=0.001)
    assert qp_size(1000, QP_CROSSING) == pytest.approx(1000 * 78 / 57)


def test_quoted_printable_lines() -> None:
    for lead in (b"", b"a", b"ab"):
        lines = encode_quoted_printable(lead + b"\xe9" * 120).removeprefix(lead).split(b"=\r\n")
        assert len(lines) > 4
        assert all(len(line) <= 75 and len(line) % 3 == 0 for line in lines)  # no =XX is split
    assert encode_quoted_printable(b"a \r\nb\t") == b"a=20\r\nb=09"
    assert encode_quoted_printable(b"a\nb\rc") == b"a=0Ab=0Dc"
    assert encode_quoted_printable(b"x" * 76) == b"x" * 76
    assert decode_quoted_printable(b"ab=") == b"ab"


def test_charsets_that_are_none_are_refused() -> None:
    for name in ("base64", "rot13", "idna", "punycode", "unicode_escape", "x" * 100, "", "utf-8\0"):
        assert python_codec(name) is None
    assert python_codec("GB2312") == "gb2312"
    assert "\ud800" not in decode_text(b"+2AA-", "utf-7")[0]


def test_encoded_words_keep_characters_whole() -> None:
    for word in encode_words("信件" * 50, used=9):
        assert word.startswith(b"=?utf-8?B?") and len(word) <= 75
    with pytest.raises(ValueError, match="B or Q"):
        encode_words("a", encoding="X")


def test_parameters_refuse_line_breaks_and_split_when_long() -> None:
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        encode_parameter("filename", "a\r\nBcc: x@y")
    pieces = encode_parameter("filename", "很长的文件名" * 10 + ".txt")
    assert len(pieces) > 1
    assert all(len(piece) <= 76 for piece in pieces)
    assert parse_parameters(b"a; " + b"; ".join(pieces)).params["filename"] == "很长的文件名" * 10 + ".txt"
