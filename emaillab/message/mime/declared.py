"""What does a part's header declare: its type, its transfer encoding, how it is to be shown?

>>> raw = b"Content-Type: Text/HTML; charset=utf-8\\r\\n\\r\\n"
>>> part = Outline(raw, None, 1, 0, "text/plain")
>>> part.type_at, part.body_start = 13, len(raw)
>>> read_content(part).params, declared_type(part), declared_encoding(part)
({'charset': 'utf-8'}, 'text/html', '7bit')
"""

from __future__ import annotations

import re

from emaillab.message.header.parameters import Parameters, parse_parameters
from emaillab.message.header.tokens import strip_comments
from emaillab.message.mime.outline import Outline
from emaillab.message.octets.patterns import compiled

IDENTITY_ENCODINGS = frozenset(("7bit", "8bit", "binary"))
KNOWN_ENCODINGS = IDENTITY_ENCODINGS | {"base64", "quoted-printable"}
# QUIRK: uuencode came before MIME and is still declared; no RFC defines it.
READ_ENCODINGS = KNOWN_ENCODINGS | {"uuencode"}

# token "/" token     RFC 2045 §5.1
_TYPE = re.compile(r"[^\s()<>@,;:\\\"/\[\]?=]+/[^\s()<>@,;:\\\"/\[\]?=]+\Z")
# QUIRK: `8 bit`, `7-bit`, `"quoted-printable"`, `x-uue`: an encoding is known by its letters and digits.
_NOT_IN_NAMES = re.compile("[^a-z0-9]+")
_BY_LETTERS = {_NOT_IN_NAMES.sub("", name): name for name in READ_ENCODINGS} | {
    "7bits": "7bit",
    "8bits": "8bit",
    "xuuencode": "uuencode",
    "xuuencoded": "uuencode",
    "uuencoded": "uuencode",
    "xuue": "uuencode",
    "uue": "uuencode",
}
_FOLDED_VALUE = compiled(rb"[^\n]*+(?:\n[ \t][^\n]*+)*+")
# `\n` stands first, outside the part that ignores case, so that `re` leaps from line to line.
_DISPOSITION = re.compile(rb"\n(?i:content-disposition)[ \t]*:")
_FIRST_DISPOSITION = re.compile(rb"(?i:content-disposition)[ \t]*:")


def read_content(part: Outline) -> Parameters:
    """Read the Content-Type as it was written, with its parameters and what was wrong with them."""
    return _read(part, part.type_at)


def read_disposition(part: Outline) -> Parameters:
    """Read the Content-Disposition as it was written, with its parameters and what was wrong with them."""
    start, end = part.header_span
    found = _FIRST_DISPOSITION.match(part.raw, start, end) or _DISPOSITION.search(part.raw, start, end)
    return _read(part, found.end() if found else -1)


def declared_type(part: Outline) -> str:
    """Return the type declared, or the default when none is or it cannot be read. Source: RFC 2045 §5.2."""
    if part.type_at < 0:
        return part.default_type
    written = read_content(part).value.lower()
    if _TYPE.match(written):
        return written
    return "text/plain" if written else part.default_type


def declared_encoding(part: Outline) -> str:
    """Return the Content-Transfer-Encoding as written, in lower case, "7bit" when there is none.

    Source: RFC 2045 §6.1.
    """
    if part.encoding_at < 0:
        return "7bit"
    value = strip_comments(_value(part, part.encoding_at))
    words = value.decode("latin-1").lower().replace(";", " ").split()
    written = " ".join(words)
    if words and acting_encoding(written) not in READ_ENCODINGS and words[0] in READ_ENCODINGS:
        return words[0]
    return written or "7bit"


def acting_encoding(written: str) -> str:
    """Name the encoding to decode by, in its proper spelling; what is unknown stays as written."""
    return written if written in READ_ENCODINGS else _BY_LETTERS.get(_NOT_IN_NAMES.sub("", written), written)


def _read(part: Outline, at: int) -> Parameters:
    return Parameters("", {}, ()) if at < 0 else parse_parameters(_value(part, at), at)


def _value(part: Outline, at: int) -> bytes:
    """Return the folded value that begins at `at`."""
    value = _FOLDED_VALUE.match(part.raw, at, part.body_start)
    return value[0] if value else b""
