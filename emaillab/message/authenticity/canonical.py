"""Which octets does a DKIM signature cover, once harmless changes on the way are evened out?

>>> raw = b"Subject: Hello  Bob\\r\\nFrom: alice@crepes.fr\\r\\n\\r\\nDo you like  crepes? \\r\\n\\r\\n"
>>> canonical_body(b"Do you like  crepes? \\r\\n\\r\\n", "relaxed")
b'Do you like crepes?\\r\\n'
>>> body_hash(raw, "relaxed")
'8GtSZdq3waQc8KfVGjDa5MZxeoSXSegYJLF7X4A/Zx0='
>>> canonical_field(b"SUBJECT : Hello\\r\\n  Bob \\r\\n", "relaxed")
b'subject:Hello Bob\\r\\n'
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256

from emaillab.message.header.fields import Field, Header, parse_header

ALGORITHMS = ("simple", "relaxed")

_LINE_END = re.compile(rb"\r?\n")
_BLANKS = re.compile(rb"[ \t]+")
# sig-b-tag := %x62 [FWS] "=" [FWS] sig-b-tag-data     RFC 6376 §3.5
_B_TAG = re.compile(rb"((?:\A|;)[ \t\r\n]*+b[ \t\r\n]*+=)[^;]*+")


def body_hash(raw: bytes, canonicalization: str = "simple", length: int | None = None) -> str:
    """Hash the body of a message as the `bh=` of a DKIM signature does.

    Arguments: `canonicalization` is that of the body, "simple" or "relaxed"; `length` is the signature's `l=`, the
    number of canonical octets that count, all when left out.

    Returns: the SHA-256 in base64.
    Raises: ValueError for a canonicalization that does not exist.
    Source: RFC 6376 §3.4, §3.7.
    """
    return hash_of(canonical_body(body_of(raw), canonicalization)[:length])


def hash_of(octets: bytes) -> str:
    """Return the SHA-256 of octets in base64."""
    return b64encode(sha256(octets).digest()).decode("ascii")


def body_of(raw: bytes) -> bytes:
    """Return a message's body, as it stands."""
    return raw[parse_header(raw).span[1] :]


def canonical_body(body: bytes, canonicalization: str) -> bytes:
    """Bring a body into the form that is hashed.

    simple: empty lines at the end do not count. relaxed: nor do blanks at line ends, and several blanks are one.

    QUIRK: a letter kept with LF is hashed with CRLF, as it travelled.
    Source: RFC 6376 §3.4.3, §3.4.4.
    """
    body = _LINE_END.sub(b"\r\n", body)
    if _known(canonicalization) == "relaxed":
        body = _BLANKS.sub(b" ", body).replace(b" \r\n", b"\r\n")
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    if end == 0 and canonicalization == "relaxed":
        return b""
    return body[:end] + b"\r\n"


def canonical_field(field: bytes, canonicalization: str) -> bytes:
    """Bring one header field, its line break included, into the form that is hashed.

    simple: not one octet changes. relaxed: the name in lower case, no folds, several blanks are one.

    Source: RFC 6376 §3.4.1, §3.4.2.
    """
    field = _LINE_END.sub(b"\r\n", field).removesuffix(b"\r\n")
    if _known(canonicalization) == "relaxed":
        name, _, value = field.partition(b":")
        value = _BLANKS.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
        field = name.rstrip(b" \t").lower() + b":" + value
    return field + b"\r\n"


def selected(header: Header, names: Iterable[str]) -> list[Field]:
    """Find the fields that a list of names signs: of several with one name the lowest first, none for a name too many.

    Source: RFC 6376 §5.4.2.
    """
    left = {name: header.all(name) for name in {name.lower() for name in names}}
    return [left[name.lower()].pop() for name in names if left[name.lower()]]


def without_b(field: bytes) -> bytes:
    """Empty a signature field's `b=`, for a signature cannot sign itself. Source: RFC 6376 §3.5."""
    name, colon, value = field.partition(b":")
    return name + colon + _B_TAG.sub(rb"\1", value, count=1)


def header_input(fields: Iterable[bytes], signature: bytes, canonicalization: str) -> bytes:
    """Join what the signature itself covers: the signed fields, then the signature field with an empty `b=`.

    Source: RFC 6376 §3.7.
    """
    covered = b"".join(canonical_field(field, canonicalization) for field in fields)
    return covered + canonical_field(without_b(signature), canonicalization).removesuffix(b"\r\n")


def _known(canonicalization: str) -> str:
    if canonicalization not in ALGORITHMS:
        raise ValueError(f"there is no canonicalization {canonicalization!r}; RFC 6376 knows simple and relaxed")
    return canonicalization
