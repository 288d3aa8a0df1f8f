"""How does a letter with 8-bit content get through a server that takes 7 bits only? Each part is encoded anew.

>>> raw = ("Subject: hi\\r\\nMIME-Version: 1.0\\r\\nContent-Type: text/plain; charset=utf-8\\r\\n"
...        "Content-Transfer-Encoding: 8bit\\r\\n\\r\\n因特网\\r\\n").encode()
>>> print(in_seven_bits(raw).decode("ascii").replace("\\r", ""), end="")
Subject: hi
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64
<BLANKLINE>
5Zug54m5572RDQo=
>>> in_seven_bits("Subject: 因特网\\r\\n\\r\\n".encode())  # doctest: +ELLIPSIS
Traceback (most recent call last):
emaillab.message.mime.sevenbit.NotConvertible: the header of the message has 8-bit octets, which no body's encoding ...
"""

from __future__ import annotations

from emaillab.message.mime.declared import IDENTITY_ENCODINGS
from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.part import Part
from emaillab.message.octets.encodings import encode_base64, encode_quoted_printable
from emaillab.message.octets.sizes import best_encoding

Change = tuple[int, int, bytes]  # from, to, and what takes the place of these octets


class NotConvertible(ValueError):
    """A letter that cannot be sent in 7 bits without losing its meaning."""


def in_seven_bits(raw: bytes) -> bytes:
    """Return a message with every 8-bit body encoded, in base64 or quoted-printable; all else stays to the octet.

    Raises: NotConvertible when a header has 8-bit octets, or when the message does not declare MIME.
    Source: RFC 6152 §3, RFC 2045 §6.
    """
    if raw.isascii():
        return raw
    message = dissect(raw)
    if not message.header.text("MIME-Version"):
        _require_seven_bits(raw, message.header_span, message)
        raise NotConvertible("8-bit content without MIME-Version: nobody says what the octets mean")
    changes = [change for part in message.walk() for change in _changes(part)]
    out, at = [], 0
    for start, end, octets in sorted(changes):
        out += [raw[at:start], octets]
        at = end
    converted = b"".join([*out, raw[at:]])
    if not converted.isascii():
        raise NotConvertible("there are 8-bit octets outside the parts, in a preamble or an epilogue")
    return converted


def _changes(part: Part) -> list[Change]:
    """List what has to be changed in one part's header and body."""
    _require_seven_bits(part.raw, part.header_span, part)
    start, end = part.body_span
    body = part.raw[start:end]
    if part.acting_encoding not in IDENTITY_ENCODINGS:
        if not body.isascii():
            raise NotConvertible(f"{_name(part)} declares {part.encoding} and has 8-bit octets")
        return []
    if part.children:
        # A multipart declares what its most demanding part needs (RFC 2045 §6.4); after conversion that is 7bit.
        return [_declaration(part, "7bit")] if part.header.get("Content-Transfer-Encoding") else []
    if body.isascii() and part.acting_encoding != "binary":
        return []
    encoding = best_encoding(body)
    encoded = {"base64": encode_base64, "quoted-printable": encode_quoted_printable}.get(encoding, bytes)(body)
    if encoding == "base64" and part.parent is not None:
        encoded = encoded.removesuffix(b"\r\n")  # the line break before a delimiter is not the body's
    return [_declaration(part, encoding), (start, end, encoded)]


def _declaration(part: Part, encoding: str) -> Change:
    """Change the field that names the encoding, or add one behind the others."""
    line = b"Content-Transfer-Encoding: %s\r\n" % encoding.encode()
    field = part.header.get("Content-Transfer-Encoding")
    if field is not None:
        return (*field.span, line)
    at = max((field.span[1] for field in part.header), default=part.header_span[0])
    return (at, at, line)


def _require_seven_bits(raw: bytes, span: tuple[int, int], part: Part) -> None:
    if not raw[slice(*span)].isascii():
        raise NotConvertible(f"the header of {_name(part)} has 8-bit octets, which no body's encoding can carry")


def _name(part: Part) -> str:
    return f"part {part.number}" if part.number else "the message"
