"""What does this message consist of, octet by octet?

>>> letter = dissect(b"Subject: Hi\\r\\nContent-Type: multipart/mixed; boundary=b\\r\\n\\r\\n"
...                  b"--b\\r\\n\\r\\nDear Bob\\r\\n--b\\r\\nContent-Type: image/png\\r\\n\\r\\nPNG\\r\\n--b--\\r\\n")
>>> print(letter)
message  multipart/mixed  7bit  61 octets
├── 1  text/plain  7bit  8 octets
└── 2  image/png  7bit  3 octets
>>> letter.raw[slice(*letter.children[1].body_span)]
b'PNG'
>>> b"".join(letter.raw[a:b] for _, (a, b) in letter.tiles()) == letter.raw
True
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from .checks import LineEnds, line_class, line_ends
from .defects import Defect, Span
from .fields import Field, Header
from .part import Part
from .structure import MAX_DEPTH, MAX_PARTS, Builder

__all__ = [
    "Defect",
    "Field",
    "Header",
    "LineEnds",
    "Part",
    "Source",
    "Span",
    "dissect",
    "line_class",
    "line_ends",
    "read_source",
]


class BinaryFile(Protocol):
    """What can be read for bytes."""

    def read(self) -> bytes:
        """Read all that is left."""


Source = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryFile
"""A message: its octets, the path of its file, an open binary file, or a message of the standard library."""


def dissect(source: Source, *, max_depth: int = MAX_DEPTH, max_parts: int = MAX_PARTS) -> Part:
    """Take a message apart without losing or changing an octet; no message makes it fail.

    Arguments: `max_depth` levels and `max_parts` parts are taken apart; what lies beyond is kept as it is, with
    a defect. An embedded message is the one child of its message/rfc822 part, unless it is encoded: its octets are
    then not those of `source`, and the part stays a leaf (RFC 2045 §6.4 forbids that, RFC 6532 §3.5 allows it for
    message/global).

    Returns: the message as a tree of parts.
    Raises: OSError when a file cannot be read, TypeError or ValueError when `source` is none of the above.
    Source: RFC 5322, RFC 2045, RFC 2046.
    """
    return Builder(read_source(source), max_depth, max_parts).build()


def read_source(source: object) -> bytes:
    """Get a message's octets from whatever holds them; see `Source`. A message object is written with CRLF."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, (bytearray, memoryview)):
        return bytes(source)
    if isinstance(source, str) and "\n" in source:
        raise ValueError("a message is bytes and a str is the path of its file: read it as bytes, or use .encode()")
    if isinstance(source, (str, os.PathLike)):
        return Path(source).read_bytes()
    octets = source
    if as_bytes := getattr(source, "as_bytes", None):
        octets = as_bytes(policy=as_bytes.__self__.policy.clone(linesep="\r\n"))
    elif read := getattr(source, "read", None):
        octets = read()
    if not isinstance(octets, bytes):
        raise TypeError(f"expected a message as bytes, path, binary file or EmailMessage, not {type(octets).__name__}")
    return octets
