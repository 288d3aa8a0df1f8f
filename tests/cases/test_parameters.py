"""Content fields as mailers write them: without a main value, with comments and folds, with misspelled encodings."""

from __future__ import annotations

import binascii
from pathlib import Path

import pytest

from emaillab.message.header.parameters import parse_parameters
from emaillab.message.mime.dissect import dissect
from emaillab.message.octets.uuencode import decode_uuencode, uuencode_defects
from emaillab.protocol.imap.structure import structure

LETTERS = Path(__file__).parent / "letters"

# What stands in the field, its main value, its parameters.
FIELDS = [
    (b"filename=x", "", {"filename": "x"}),
    (b'filename="a b.pdf"; size=3', "", {"filename": "a b.pdf", "size": "3"}),
    (b"; name=x", "", {"name": "x"}),
    (b";\r\n name=x;", "", {"name": "x"}),
    (b"(c); name=x", "", {"name": "x"}),
    (b"(inline) filename=x", "", {"filename": "x"}),
    (b"filename*=utf-8''%E4%BD%A0.txt", "", {"filename": "你.txt"}),
    (b"filename*0=a; filename*1=b", "", {"filename": "ab"}),
    (b'"attachment"; filename=x', "attachment", {"filename": "x"}),
    (b"multipart(c)/mixed; boundary (c)=b", "multipart/mixed", {"boundary": "b"}),
    (b"multipart\r\n /mixed; boundary=b", "multipart/mixed", {"boundary": "b"}),
    (b"multipart/\r\n\tmixed;\r\n\tboundary\r\n =\r\n b", "multipart/mixed", {"boundary": "b"}),
    (b"text / plain ; charset = utf-8", "text/plain", {"charset": "utf-8"}),
    (b"(a) text (b) / (c (d)) plain (e); (f) charset (g) = (h) utf-8 (i)", "text/plain", {"charset": "utf-8"}),
    (b"text/plain(a);charset(b)=(c)utf-8(d);(e)format=flowed", "text/plain", {"charset": "utf-8", "format": "flowed"}),
    (b'text/plain; charset="utf-8"(c); format=flowed', "text/plain", {"charset": "utf-8", "format": "flowed"}),
    (b"text/plain; charset=us-ascii (Plain; text)", "text/plain", {"charset": "us-ascii"}),
    (b"text/plain (never closed; charset=utf-8", "text/plain", {"charset": "utf-8"}),
    (b"text/plain; charset=utf-8 format=flowed", "text/plain", {"charset": "utf-8", "format": "flowed"}),
    (b"attachment; filename=my report (1).pdf; size=3", "attachment", {"filename": "my report (1).pdf", "size": "3"}),
    (b"attachment; filename=(1).pdf", "attachment", {"filename": "(1).pdf"}),
    (b"attachment; filename= report(final).pdf ", "attachment", {"filename": "report(final).pdf"}),
    (b"attachment; filename=a (b.pdf", "attachment", {"filename": "a (b.pdf"}),
    (b"attachment; filename=a\r\n b (c) d.pdf;size=3", "attachment", {"filename": "a b (c) d.pdf", "size": "3"}),
    (b"application/pdf; name=year 2025 = good.pdf", "application/pdf", {"name": "year 2025 = good.pdf"}),
    (b'attachment; filename=(c) "x (1).pdf"', "attachment", {"filename": "x (1).pdf"}),
]


@pytest.mark.parametrize(("body", "value", "params"), FIELDS)
def test_fields_are_read_as_they_are_meant(body: bytes, value: str, params: dict[str, str]) -> None:
    assert parse_parameters(body)[:2] == (value, params)


def test_given_letters() -> None:
    part = dissect((LETTERS / "fn-no-disposition-type.eml").read_bytes()).children[0]
    assert (part.filename, part.disposition) == ("report.pdf", None)
    assert "disposition-missing" in [defect.kind for defect in part.defects]
    assert b'("ATTACHMENT" ("FILENAME" "report.pdf"))' in structure(part, extended=True)
    for name in ("type-folded-inside", "type-comments"):
        assert [child.text for child in dissect((LETTERS / f"{name}.eml").read_bytes()).children] == ["one"]


def test_a_type_that_is_missing_leaves_the_name() -> None:
    part = dissect(b"Content-Type: ; name=x.txt\r\n\r\nhi")
    assert (part.content_type, part.filename) == ("text/plain", "x.txt")


# --- transfer encodings ---

# As written, what it is read as, and the defect.
ENCODINGS = [
    ("8 bit", "8bit", "encoding-misspelled"),
    ("8-bit", "8bit", "encoding-misspelled"),
    ("7 Bit", "7bit", "encoding-misspelled"),
    ('"8bit"', "8bit", "encoding-misspelled"),
    ('"quoted-printable"', "quoted-printable", "encoding-misspelled"),
    ("'quoted-printable'", "quoted-printable", "encoding-misspelled"),
    ("Quoted Printable", "quoted-printable", "encoding-misspelled"),
    ("quoted_printable", "quoted-printable", "encoding-misspelled"),
    ("base-64", "base64", "encoding-misspelled"),
    ('"base64"', "base64", "encoding-misspelled"),
    ("x-uuencode", "uuencode", "encoding-not-standard"),
    ("uuencode", "uuencode", "encoding-not-standard"),
    ("X-UUE", "uuencode", "encoding-not-standard"),
    ("base64 (really)", "base64", None),
    ("base64;", "base64", None),
]
WRITTEN = {
    "8bit": "naïve\r\n".encode(),
    "7bit": b"naive\r\n",
    "quoted-printable": b"na=C3=AFve=0D=0A",
    "base64": b"bmHDr3ZlDQo=",
    "uuencode": b"begin 644 x\r\n" + binascii.b2a_uu("naïve\r\n".encode()) + b"`\nend\n",
}


@pytest.mark.parametrize(("written", "acting", "defect"), ENCODINGS)
def test_encodings_are_read_through_their_spelling(written: str, acting: str, defect: str | None) -> None:
    head = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {written}\r\n\r\n"
    part = dissect(head.encode() + WRITTEN[acting])
    assert part.text.replace("ï", "i") == "naive\r\n"
    assert part.content_type == "text/plain"
    kinds = [found.kind for found in part.defects if found.kind.startswith("encoding")]
    assert kinds == [defect] * (defect is not None)
    if defect:
        assert part.encoding == written.lower()


def test_a_multipart_in_8_bit_is_taken_apart() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8 bit\r\n\r\n--b\r\n\r\nA\r\n--b--\r\n"
    assert len(dissect(raw).children) == 1


def test_given_encodings() -> None:
    part = dissect((LETTERS / "cte-with-blank.eml").read_bytes())
    assert (part.encoding, part.text, len(part.defects)) == ("8 bit", "hi\r\n", 1)
    part = dissect((LETTERS / "cte-quoted.eml").read_bytes())
    assert (part.text, len(part.defects)) == ("naïve\r\n", 1)
    part = dissect((LETTERS / "uuencoded.eml").read_bytes())
    assert (part.decoded, part.content_type, len(part.defects)) == (b"Cat", "application/octet-stream", 1)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 44, 45, 46, 500])
@pytest.mark.parametrize("backtick", [True, False])
def test_uuencode_is_undone(size: int, backtick: bool) -> None:
    octets = bytes(range(256)) * 2
    octets = octets[:size]
    lines = [binascii.b2a_uu(octets[at : at + 45], backtick=backtick) for at in range(0, size, 45)]
    text = b"A file:\r\n\r\nbegin 644 a b.bin\r\n" + b"".join(lines).replace(b"\n", b"\r\n")
    text += b"`\r\nend\r\n-- \r\n" if backtick else b" \r\nend\r\n"
    assert (decode_uuencode(text), uuencode_defects(text)) == (octets, ())
    assert decode_uuencode(b"\n".join(line.rstrip() for line in text.split(b"\n"))) == octets


def test_damaged_uuencode_is_read_as_far_as_it_goes() -> None:
    whole = b"begin 644 x\n" + binascii.b2a_uu(b"Hello, world", backtick=True) + b"`\nend\n"
    cut = whole[: whole.index(b"`")]
    assert decode_uuencode(cut) == b"Hello, world"
    assert [defect.kind for defect in uuencode_defects(cut)] == ["uuencode-end-missing"]
    assert decode_uuencode(b"no file") == b"no file"
    assert [defect.kind for defect in uuencode_defects(b"no file")] == ["uuencode-begin-missing"]
    assert [defect.kind for defect in uuencode_defects(whole.replace(b";", b"\xff"))][:1] == ["uuencode-line"]
