"""Which octets belong to which part, and which of its defects stand in them? What a picture of tree and octets needs.

>>> from emaillab.message.mime.dissect import dissect
>>> letter = dissect(b"Subject: a\\r\\nno field\\r\\nTo: b\\r\\n\\r\\nna\\xc3\\xafve\\r\\n")
>>> for piece in pieces(letter):
...     print(piece.kind, piece.span, [defect.kind for defect in piece.defects])
header (0, 31) ['header-line-without-colon']
body (31, 39) ['8bit-octets-in-7bit']
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from emaillab.message.mime.part import Part
from emaillab.message.octets.defects import Defect, Span


@dataclass(frozen=True, slots=True)
class Piece:
    """Adjoining octets of one part and of one kind."""

    kind: str
    """As in `Part.tiles`; "empty" for a part that has no octet of its own."""
    span: Span
    part: Part
    defects: tuple[Defect, ...]
    """Those of the part that stand in this piece, or between it and the part's next one."""


def pieces(message: Part) -> tuple[Piece, ...]:
    """Cut a part into its pieces, in the order of their octets: each octet is in one, each defect with one."""
    tiles: dict[int, list[tuple[str, Span]]] = {id(part): [] for part in message.walk()}
    for kind, span, part in message.tiles_of_parts():
        tiles[id(part)].append((kind, span))
    found: list[Piece] = []
    for part in message.walk():
        own = tiles[id(part)] or [("empty", (part.span[0], part.span[0]))]
        starts = [start for _, (start, _) in own]
        wrong: list[list[Defect]] = [[] for _ in own]
        for defect in part.defects:
            wrong[max(0, bisect_right(starts, defect.at) - 1)].append(defect)
        found += [Piece(kind, span, part, tuple(those)) for (kind, span), those in zip(own, wrong, strict=True)]
    return tuple(sorted(found, key=lambda piece: piece.span))
