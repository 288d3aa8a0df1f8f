"""How do arbitrary octets travel through lines of printable ASCII?

>>> encode_base64("信".encode())
b'5L+h\\r\\n'
>>> encode_quoted_printable("50 % für alle ".encode("latin-1"))
b'50 % f=FCr alle=20'
"""

from __future__ import annotations

import binascii
import re
from itertools import islice

from emaillab.message.octets.defects import MOST_OF_A_KIND, Defect, limited
from emaillab.message.octets.lines import find_long_line

LINE_LIMIT = 76  # RFC 2045 §6.7 (5), §6.8

# --- base64, RFC 2045 §6.8 ---

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\r\n]+")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_JUNK = bytes(octet for octet in range(256) if octet not in _ALPHABET)  # with line ends, and "="


def encode_base64(data: bytes) -> bytes:
    """Encode octets as base64 in lines of 76 characters, each ended by CRLF. Source: RFC 2045 §6.8."""
    text = binascii.b2a_base64(data, newline=False)
    return b"".join(text[at : at + LINE_LIMIT] + b"\r\n" for at in range(0, len(text), LINE_LIMIT))


def decode_base64(data: bytes) -> bytes:
    """Decode base64, ignoring what is not of its alphabet and all that follows the padding.

    Source: RFC 2045 §6.8.
    """
    unbroken = data.translate(None, b"\r\n")
    try:
        return binascii.a2b_base64(unbroken, strict_mode=True)
    except binascii.Error:
        text = unbroken.partition(b"=")[0].translate(None, _JUNK)
        text = text[: len(text) - (len(text) % 4 == 1)]
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4))


def base64_defects(data: bytes, at: int = 0) -> tuple[Defect, ...]:
    """List what a base64 text does against its rules; `at` is the offset of its first octet in the message."""
    rfc = "2045 §6.8"
    padding = data.find(b"=")
    end = len(data) if padding < 0 else padding
    others = data[:end].translate(None, _ALPHABET)
    found = []
    if others.strip(b"\r\n"):
        for run in islice(_NOT_BASE64.finditer(data, 0, end), MOST_OF_A_KIND):
            done = f"ignored {len(run[0])} octet{'s' * (len(run[0]) > 1)} outside the alphabet"
            found.append(Defect("base64-ignored-octets", at + run.start(), rfc, done))
    long_line = find_long_line(data, LINE_LIMIT)
    if long_line >= 0:
        found.append(Defect("base64-line-over-76", at + long_line, rfc, "read on to its end"))
    characters = end - len(others)
    rest = b"" if padding < 0 else data[padding:].translate(None, b"\r\n \t")
    pads = len(rest) - len(rest.lstrip(b"="))
    if characters % 4 == 1:
        found.append(Defect("base64-length", at + end, rfc, "dropped the last character, which holds only 6 bits"))
    elif pads != -characters % 4:
        found.append(Defect("base64-padding", at + end, rfc, f"decoded as if padded with {-characters % 4} '='"))
    if len(rest) > pads:
        found.append(Defect("base64-data-after-padding", at + end, rfc, "ignored what follows the padding"))
    return limited(found)


# --- quoted-printable, RFC 2045 §6.7 ---

_TO_ENCODE = re.compile(rb"[^\t -<>-~]|[\t ]\Z")
_ESCAPE = re.compile(rb"=([0-9A-Fa-f]{2}|\r?\n|\Z)?")
_BAD_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n|\Z)")
# The look-behind lets a match begin only where a run of blanks begins: linear for any input.
_TRAILING_BLANKS = re.compile(rb"(?<![ \t])[ \t]+(?=\r?\n|\Z)")
_LOWER_CASE = re.compile(rb"=(?:[a-f][0-9A-Fa-f]|[0-9A-F][a-f])")
_RAW_OCTET = re.compile(rb"[^\t\r\n -~]+")


def needs_escape(data: bytes) -> int:
    """Count the octets that quoted-printable must write as =XX, `data` being one line. Source: RFC 2045 §6.7."""
    return len(_TO_ENCODE.findall(data))


def encode_quoted_printable(data: bytes) -> bytes:
    """Encode octets as quoted-printable in lines of at most 76 characters.

    Only CRLF is a line break; a lone CR or LF is data and becomes =0D or =0A, so that decoding always gives `data`.

    Source: RFC 2045 §6.7.
    """
    return b"\r\n".join(_qp_line(line) for line in data.split(b"\r\n"))


def _qp_line(line: bytes) -> bytes:
    text = _TO_ENCODE.sub(lambda octet: b"=%02X" % octet[0][0], line)
    pieces, at = [], 0
    while len(text) - at > LINE_LIMIT:
        cut = at + LINE_LIMIT - 1
        escape = text.rfind(b"=", cut - 2, cut)
        cut = cut if escape < 0 else escape  # never split a =XX
        pieces.append(text[at:cut])
        at = cut
    pieces.append(text[at:])
    return b"=\r\n".join(pieces)


def decode_quoted_printable(data: bytes) -> bytes:
    """Decode quoted-printable, dropping blanks at line ends and keeping escapes that mean nothing.

    Source: RFC 2045 §6.7.
    """
    if b" \r\n" in data or b" \n" in data or b"\t\r\n" in data or b"\t\n" in data or data[-1:] in (b" ", b"\t"):
        data = _TRAILING_BLANKS.sub(b"", data)
    if _BAD_ESCAPE.search(data) is None:
        return binascii.a2b_qp(data)
    return _ESCAPE.sub(_qp_octet, data)


def _qp_octet(escape: re.Match[bytes]) -> bytes:
    if escape[1] is None:
        return b"="
    return b"" if escape[1].strip() == b"" else bytes.fromhex(escape[1].decode("ascii"))


def quoted_printable_defects(data: bytes, at: int = 0) -> tuple[Defect, ...]:
    """List what a quoted-printable text does against its rules; `at` is the offset of its first octet."""
    rfc = "2045 §6.7"
    found = []
    for kind, pattern, done in (
        ("qp-trailing-blanks", _TRAILING_BLANKS, "dropped"),
        ("qp-bad-escape", _BAD_ESCAPE, "kept '=' as it stands"),
        ("qp-lower-case", _LOWER_CASE, "decoded like upper case"),
        ("qp-raw-octet", _RAW_OCTET, "kept as it stands"),
    ):
        found += [
            Defect(kind, at + match.start(), rfc, done) for match in islice(pattern.finditer(data), MOST_OF_A_KIND)
        ]
    long_line = find_long_line(data, LINE_LIMIT)
    if long_line >= 0:
        found.append(Defect("qp-line-over-76", at + long_line, rfc, "read on to its end"))
    return limited(found)
