"""How did IMAP write 草稿 in a mailbox name before UTF-8 was allowed there?

In a UTF-7 of its own: "&" begins a base64 run of UTF-16, "-" ends it, and "," stands for "/".

>>> encode_name("草稿/R&D"), decode_name(b"&g0l6Pw-/R&-D")
(b'&g0l6Pw-/R&-D', '草稿/R&D')
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

_RUN = re.compile("[\x20-\x7e]+|[^\x20-\x7e]+")
_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")


def runs(name: str) -> list[tuple[str, bytes]]:
    """Part a name into its printable ASCII runs and the others. Returns: each with its modified UTF-7."""
    return [(run, _encode(run)) for run in _RUN.findall(name)]


def _encode(run: str) -> bytes:
    if " " <= run[0] <= "~":
        return run.replace("&", "&-").encode("ascii")
    base64 = b64encode(run.encode("utf-16-be", "surrogatepass")).rstrip(b"=").replace(b"/", b",")
    return b"&" + base64 + b"-"


def encode_name(name: str) -> bytes:
    """Write a mailbox name in modified UTF-7. Source: RFC 3501 §5.1.3."""
    return b"".join(written for _, written in runs(name))


def decode_name(octets: bytes) -> str:
    """Read a mailbox name in modified UTF-7; what is none, such as UTF-8 itself, is read as UTF-8.

    Source: RFC 3501 §5.1.3.
    """
    try:
        text = _SHIFTED.sub(_shifted, octets).decode("utf-8", "replace")
        return text if encode_name(text) == octets else octets.decode("utf-8", "replace")
    except ValueError:
        return octets.decode("utf-8", "replace")


def _shifted(found: re.Match[bytes]) -> bytes:
    if not found[1]:
        return b"&"
    base64 = found[1].replace(b",", b"/")
    return b64decode(base64 + b"=" * (-len(base64) % 4), validate=True).decode("utf-16-be").encode()
