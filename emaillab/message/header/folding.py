"""How does one long header field become several short lines, and one again?

>>> long = b"To: alice@crepes.fr, bob@hamburger.edu, carol@example.net, dan@example.net, eve@example.org"
>>> for line in fold(long).split(b"\\r\\n"):
...     print(line.decode())
To: alice@crepes.fr, bob@hamburger.edu, carol@example.net, dan@example.net,
 eve@example.org
>>> unfold(fold(long)) == long
True
"""

from __future__ import annotations

import re

from emaillab.message.header.tokens import comment_end, unfold
from emaillab.message.octets.patterns import compiled

__all__ = ["HARD_LIMIT", "SOFT_LIMIT", "fold", "unfold"]

SOFT_LIMIT = 78  # octets of a line without CRLF: should.  RFC 5322 §2.1.1
HARD_LIMIT = 998  # must

# A fold goes before a run of blanks that something follows: a line of blanks only would be obsolete (§4.2).
_GAP = re.compile(rb"(?<![ \t])[ \t]+(?=[^ \t])")
_QUOTED_OR_COMMENT = compiled(rb'"(?:[^"\\]|\\.)*+"|\(', re.DOTALL)
_STRUCTURED = frozenset(
    b"from sender reply-to to cc bcc resent-from resent-sender resent-to resent-cc resent-bcc content-type "
    b"content-disposition received references".split()
)


def fold(field: bytes, limit: int = SOFT_LIMIT) -> bytes:
    """Fold one header field without its final CRLF: lines within `limit` where its blanks allow, never over 998.

    Nothing is added but CRLF, so `unfold` gives the field back. In a structured field, lines are broken after commas
    and semicolons rather than elsewhere, and within quoted strings and comments last of all.

    Raises: ValueError for a field that holds a line end, or more than 998 octets without a blank to fold at.
    Source: RFC 5322 §2.1.1, §2.2.3.
    """
    if b"\r" in field or b"\n" in field:
        raise ValueError("the field holds a line end already: unfold it first")
    limit = min(limit, HARD_LIMIT)
    lines, start = [], 0
    fits: list[tuple[int, int]] = []  # gaps at which the present line could end
    for gap in [*_gaps(field), (len(field), 0)]:
        while gap[0] - start > limit and fits:
            cut = max(fits, key=lambda fit: (-fit[1], fit[0]))[0]  # the last one of the best rank
            lines.append(field[start:cut])
            start, fits = cut, [fit for fit in fits if fit[0] > cut]
        if gap[0] - start > limit and gap[0] < len(field):  # nothing to be done: a line too long, but whole
            lines.append(field[start : gap[0]])
            start, fits = gap[0], []
        else:
            fits.append(gap)
    lines.append(field[start:])
    for line in lines:
        if len(line) > HARD_LIMIT:
            raise ValueError(f"{len(line)} octets beginning {line[:20]!r} hold no blank to fold at: encode them")
    return b"\r\n".join(lines)


def _gaps(field: bytes) -> list[tuple[int, int]]:
    """List where folds may go, with a rank: 0 after a comma or semicolon, 1 elsewhere, 2 inside quotes or comments."""
    colon = field.find(b":")
    structured = field[:colon].strip().lower() in _STRUCTURED
    protected = _protected(field) if structured else []
    gaps, place = [], 0
    for gap in _GAP.finditer(field, _value_start(field, colon)):  # the first line holds more than the name
        at = gap.start()
        while place < len(protected) and protected[place][1] <= at:
            place += 1
        if place < len(protected) and protected[place][0] < at:
            rank = 2
        else:
            rank = 0 if structured and field[at - 1] in b",;" else 1
        gaps.append((at, rank))
    return gaps


def _value_start(field: bytes, colon: int) -> int:
    value = field[colon + 1 :]
    return len(field) - len(value.lstrip(b" \t"))


def _protected(field: bytes) -> list[tuple[int, int]]:
    spans, at = [], 0
    while found := _QUOTED_OR_COMMENT.search(field, at):
        at = comment_end(field, found.start()) if found[0] == b"(" else found.end()
        spans.append((found.start(), at))
    return spans
