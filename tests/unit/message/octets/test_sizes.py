"""Do the formulas give what is measured?"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emaillab.message.header.encoded_words import encode_words, find_words
from emaillab.message.octets.encodings import encode_base64, encode_quoted_printable
from emaillab.message.octets.sizes import (
    EIGHT_BIT_SAVING,
    QP_CROSSING,
    b64_size,
    best_encoding,
    encoded_share,
    qp_short_size,
    qp_size,
    stuffing_size,
    subject_size,
    word_count,
    words_room,
)
from emaillab.message.user_agent.compose import compose, to_bytes
from emaillab.protocol.framing.dots import stuff


def test_b64_size_is_exact_for_every_length() -> None:
    assert all(b64_size(n) == len(encode_base64(bytes(n))) for n in range(2000))
    assert [b64_size(n) for n in (0, 1, 57, 58, 1000, 5700)] == [0, 6, 78, 84, 1372, 7800]


@pytest.mark.parametrize(
    ("data", "factor"),
    [
        (b"a" * 150_000, 1.04),
        ("信".encode() * 50_000, 3.12),
        (random.Random(6).randbytes(200_000), (95 + 3 * 161) / 256 * 1.04),
    ],
    ids=["letters", "Chinese", "random"],
)
def test_qp_size_on_long_lines(data: bytes, factor: float) -> None:
    measured = len(encode_quoted_printable(data))
    assert measured == pytest.approx(qp_size(len(data), encoded_share(data)), rel=0.005)
    assert measured / len(data) == pytest.approx(factor, rel=0.006)


@given(st.lists(st.binary(max_size=25).filter(lambda line: b"\r\n" not in line and line[-1:] != b"\r"), max_size=6))
def test_short_lines_cost_two_octets_for_each_escape_and_nothing_more(lines: list[bytes]) -> None:
    data = b"\r\n".join(line.lstrip(b"\n") for line in lines)
    assert qp_short_size(data) == len(encode_quoted_printable(data))


def test_the_crossing_is_measured_where_it_is_computed() -> None:
    assert round(QP_CROSSING, 3) == 0.158
    assert pytest.approx(1 - 57 / 78) == EIGHT_BIT_SAVING

    def winner(share: float) -> str:
        chooser = random.Random(1)
        data = bytes(0xE9 if chooser.random() < share else 0x61 for _ in range(100_000))
        return "qp" if len(encode_quoted_printable(data)) < len(encode_base64(data)) else "base64"

    assert [winner(share) for share in (0.14, 0.15, 0.17, 0.18)] == ["qp", "qp", "base64", "base64"]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"hello\r\n", "7bit"),
        (b"", "7bit"),
        (b"x" * 998, "7bit"),
        (b"x" * 999, "quoted-printable"),
        (b"bare\nfeed", "quoted-printable"),
        (b"a\0" * 50, "base64"),
        (b"\xe9" + b"a" * 9, "quoted-printable"),
        ((b"\xe9" * 2 + b"a" * 8) * 40, "base64"),
        ((b"\xe9" + b"a" * 9) * 40, "quoted-printable"),
        ("Grüße aus Köln, wo es heute regnet".encode(), "quoted-printable"),
        ("привет, как дела".encode(), "base64"),
        ("你好".encode(), "base64"),
    ],
)
def test_best_encoding(data: bytes, encoding: str) -> None:
    assert best_encoding(data) == encoding


def test_eight_bits_go_as_they_are_where_the_path_allows() -> None:
    assert best_encoding("你好\r\n".encode(), eight_bit=True) == "8bit"
    assert best_encoding("你".encode() * 400, eight_bit=True) == "base64", "a line over 998 octets is no 8bit text"


@given(st.binary(max_size=600))
def test_the_best_encoding_is_never_much_worse_than_the_other(data: bytes) -> None:
    sizes = {"base64": len(encode_base64(data)), "quoted-printable": len(encode_quoted_printable(data))}
    chosen = best_encoding(data)
    assert chosen == "7bit" or sizes[chosen] <= min(sizes.values()) * 1.1 + 16


@pytest.mark.parametrize("characters", [*range(1, 70), 200])
def test_words_and_octets_of_chinese_subjects(characters: int) -> None:
    expected = 1 if characters <= 13 else 1 + -(-(characters - 13) // 15)
    assert words_room() == (39, 45)
    octets = to_bytes(compose("a@b.org", "c@d.org", "信" * characters))
    begins = octets.index(b"Subject:")
    ends = octets.index(b"Message-ID:")
    assert word_count(characters) == expected == len(find_words(octets[begins:ends]))
    assert subject_size(characters) == ends - begins


@pytest.mark.parametrize("used", [0, 9, 30, 60, 75])
def test_word_count_holds_wherever_the_words_begin(used: int) -> None:
    for characters in range(1, 40):
        assert word_count(characters, used=used) == len(encode_words("信" * characters, used=used))


def test_stuffing_size_is_what_stuffing_adds() -> None:
    for content in (b"", b".", b".\r\n..\r\na.\r\n.b", b"a\n.b", b"\r\n."):
        assert stuffing_size(content) == len(stuff(content)) - len(content)
    chooser = random.Random(95)
    lines = [bytes(chooser.randrange(32, 127) for _ in range(8)) for _ in range(95_000)]
    assert stuffing_size(b"\r\n".join(lines)) == pytest.approx(1000, rel=0.1)
