"""Does a letter that is made to fit into 7 bits still say the same?"""

from pathlib import Path

import pytest

from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.sevenbit import NotConvertible, in_seven_bits

DATA = Path(__file__).resolve().parents[4] / "data" / "messages"

MIXED = (
    "From: a@a.example\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\nold reader?\r\n"
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n因特网\r\n"
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße aus Köln, wo es heute regnet\r\n"
    "--b\r\n\r\nplain\r\n--b--\r\n"
).encode()


def leaves(raw: bytes) -> list[tuple[str, bytes]]:
    return [(part.content_type, part.decoded) for part in dissect(raw).walk() if not part.children]


def test_every_part_says_the_same_in_seven_bits() -> None:
    converted = in_seven_bits(MIXED)
    assert converted.isascii()
    assert leaves(converted) == leaves(MIXED)
    assert [part.encoding for part in dissect(converted).walk()] == ["7bit", "base64", "quoted-printable", "7bit"]
    assert not dissect(converted).defects


def test_what_needs_no_change_is_not_changed() -> None:
    plain = MIXED.replace("因特网".encode(), b"hi").replace("Grüße aus Köln".encode(), b"hi")
    assert in_seven_bits(plain) is plain
    start, end = dissect(MIXED).part("3").span
    assert MIXED[start:end] in in_seven_bits(MIXED)


@pytest.mark.parametrize("path", sorted(DATA.glob("*.eml")), ids=lambda path: path.stem)
def test_the_collection_of_letters(path: Path) -> None:
    raw = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    try:
        converted = in_seven_bits(raw)
    except NotConvertible as why:
        assert "8-bit" in str(why)
        assert any(not raw[slice(*part.header_span)].isascii() for part in dissect(raw).walk()), why
    else:
        assert converted.isascii()
        assert leaves(converted) == leaves(raw)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("Subject: 因特网\r\nMIME-Version: 1.0\r\n\r\nhi\r\n", "the header of the message"),
        ("Subject: x\r\n\r\n因特网\r\n", "without MIME-Version"),
        (MIXED.decode().replace("old reader?", "旧"), "outside the parts"),
        (MIXED.decode().replace("--b\r\n\r\nplain", "--b\r\nX: 旧\r\n\r\nplain"), "part 3"),
        (MIXED.decode().replace("8bit\r\n\r\n因", "base64\r\n\r\n因"), "declares base64"),
    ],
)
def test_what_cannot_be_converted(raw: str, why: str) -> None:
    with pytest.raises(NotConvertible, match=why):
        in_seven_bits(raw.encode())
