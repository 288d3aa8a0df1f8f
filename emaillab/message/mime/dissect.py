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

from emaillab.message.header.fields import Field, Header
from emaillab.message.mime.part import Part
from emaillab.message.mime.source import Source, octets_of
from emaillab.message.mime.structure import MAX_DEPTH, MAX_PARTS, Builder
from emaillab.message.octets.defects import Defect, Span
from emaillab.message.octets.lines import LineEnds, line_class, line_ends

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
]


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
    return Builder(octets_of(source), Part, max_depth, max_parts).build()
