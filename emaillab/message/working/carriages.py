"""What becomes of the same text in every charset and every transfer encoding?

>>> print(carriages("你好", ["gb18030"]))
charset  encoding          octets  factor  over 127  arrives
gb18030  7bit                   4   0.667     0.000  no: not legal
gb18030  quoted-printable      12   2.000     0.000  yes
gb18030  base64                10   1.667     0.000  yes
gb18030  8bit                   4   0.667     1.000  yes
gb18030  binary                 4   0.667     1.000  yes
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from emaillab.message.octets.columns import fixed_width
from emaillab.message.octets.encodings import (
    decode_base64,
    decode_quoted_printable,
    encode_base64,
    encode_quoted_printable,
)
from emaillab.message.octets.sizes import is_text


@dataclass(frozen=True, slots=True)
class Carriage:
    """A text in one charset and one Content-Transfer-Encoding: its octets on the wire, and what arrives."""

    charset: str
    encoding: str
    octets: bytes
    arrives: str | None
    """None when the octets break the rules of the encoding that they declare."""

    @property
    def size(self) -> int:
        """Count the octets."""
        return len(self.octets)

    @property
    def over_127(self) -> float:
        """Measure the share of octets over 127, from 0 to 1."""
        return sum(octet > 127 for octet in self.octets) / len(self.octets) if self.octets else 0.0


@dataclass(frozen=True, slots=True)
class Carriages:
    """One text in several charsets and encodings: the evidence that a body need not be ASCII."""

    text: str
    ways: tuple[Carriage, ...]

    def __str__(self) -> str:
        head = ["charset", "encoding", "octets", "factor", "over 127", "arrives"]
        rows = [(w.charset, w.encoding, w.size, self._factor(w), w.over_127, self._arrival(w)) for w in self.ways]
        return fixed_width(head, rows)

    def _factor(self, way: Carriage) -> float:
        plain = len(self.text.encode("utf-8"))
        return way.size / plain if plain else 0.0

    def _arrival(self, way: Carriage) -> str:
        return "no: not legal" if way.arrives is None else "yes" if way.arrives == self.text else "changed"


ENCODINGS = ("7bit", "quoted-printable", "base64", "8bit", "binary")


def carriages(text: str, charsets: Iterable[str] = ("utf-8",)) -> Carriages:
    """Carry a text in all five Content-Transfer-Encodings and in each charset that has its characters.

    Source: RFC 2045 §6.2.
    """
    ways = []
    for charset in charsets:
        try:
            octets = text.encode(charset)
        except UnicodeEncodeError:
            continue
        ways += [_carried(octets, charset, encoding) for encoding in ENCODINGS]
    return Carriages(text, tuple(ways))


def _carried(octets: bytes, charset: str, encoding: str) -> Carriage:
    if encoding == "quoted-printable":
        wire = encode_quoted_printable(octets)
        return Carriage(charset, encoding, wire, decode_quoted_printable(wire).decode(charset))
    if encoding == "base64":
        wire = encode_base64(octets)
        return Carriage(charset, encoding, wire, decode_base64(wire).decode(charset))
    if encoding == "7bit":
        # What a server of 1982 does to the eighth bit (RFC 821 appendix A): the text is lost.
        legal = octets.isascii() and is_text(octets)
        return Carriage(
            charset, encoding, bytes(octet & 127 for octet in octets), octets.decode(charset) if legal else None
        )
    legal = encoding == "binary" or is_text(octets)
    return Carriage(charset, encoding, octets, octets.decode(charset) if legal else None)
