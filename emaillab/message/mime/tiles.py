"""Into which adjoining pieces does a part fall: header, body, delimiters, and what stands around them?

>>> from emaillab.message.mime.dissect import dissect
>>> letter = dissect(b"Content-Type: multipart/mixed; boundary=b\\r\\n\\r\\n--b\\r\\n\\r\\nHi\\r\\n--b--\\r\\n")
>>> for kind, span, owner in tiles_of(letter):
...     print(kind, span, owner.number or "message")
header (0, 45) message
delimiter (45, 50) message
header (50, 52) 1
body (52, 54) 1
close-delimiter (54, 63) message
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from emaillab.message.mime.outline import AnyOutline
from emaillab.message.octets.defects import Span

Tile: TypeAlias = tuple[str, Span, AnyOutline]


def tiles_of(whole: AnyOutline) -> Iterator[Tile[AnyOutline]]:
    """Cut a part as `Part.tiles` does, and tell the part that each piece belongs to."""
    waiting: list[AnyOutline | Tile[AnyOutline]] = [whole]
    while waiting:
        item = waiting.pop()
        if not isinstance(item, tuple):
            waiting.extend(reversed(_cut(item)))
        elif item[1][0] < item[1][1]:
            yield item


def _cut(part: AnyOutline) -> list[AnyOutline | Tile[AnyOutline]]:
    """Cut a part into its own pieces, with its children between them, whole."""
    pieces: list[AnyOutline | Tile[AnyOutline]] = [
        ("mbox-line", (part.span[0], part.header_span[0]), part),
        ("header", part.header_span, part),
    ]
    if part.preamble_span is None:
        pieces.extend(part.children or [("body", part.body_span, part)])
        return pieces
    pieces.append(("preamble", part.preamble_span, part))
    for at, span in enumerate(part.delimiter_spans):
        pieces.append(("delimiter" if at < len(part.children) else "close-delimiter", span, part))
        pieces.extend(part.children[at : at + 1])
    if part.epilogue_span is not None:
        pieces.append(("epilogue", part.epilogue_span, part))
    return pieces
