r"""How is a regular expression with possessive groups kept true on every Python? Compiled here, where it matters.

A possessive group gives nothing back, so that hostile text costs time in proportion to its length. But before 3.11.5
Python forgets where it was when such a group fails half way (its issue 106052). The same written as an atomic group is
read right, at a small cost in time; so there, and only there, one is turned into the other.

>>> atomic(r"(?:a(?:b)*+c)?+[d]*+")
'(?>(?:a(?>(?:b)*)c)?)[d]*+'
"""

from __future__ import annotations

import re
import sys
from typing import AnyStr

_PIECE = r"""
    \\. | \[\^?\]?(?:\\.|[^\]\\])*\]       # an escape, a set: what is in them is none of the others
    | \( | \)(?:([*+?]|\{[0-9,]+\})(\+)?)? # a group begins; a group ends, with a quantifier, possessive or not
    | .
"""
_PIECES = re.compile(_PIECE, re.VERBOSE | re.DOTALL)
_PIECES_AND_COMMENTS = re.compile(r"\#[^\n]* |" + _PIECE, re.VERBOSE | re.DOTALL)


def compiled(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return a pattern that is read as it is written, on Python before 3.11.5 too."""
    if sys.version_info >= (3, 11, 5):
        return re.compile(pattern, flags)
    if isinstance(pattern, bytes):
        return re.compile(atomic(pattern.decode("latin-1"), flags).encode("latin-1"), flags)
    return re.compile(atomic(pattern, flags), flags)


def atomic(pattern: str, flags: int = 0) -> str:
    """Return a pattern with its possessive groups written as atomic groups: `(…)*+` is `(?>(…)*)`."""
    pieces = _PIECES_AND_COMMENTS if flags & re.VERBOSE else _PIECES
    written: list[str] = []
    open_at: list[int] = []  # where each group begins that is not yet closed
    for piece in pieces.finditer(pattern):
        quantifier, possessive = piece.groups()
        if piece[0] == "(":
            open_at.append(len(written))
        written.append(piece[0])
        if piece[0][0] == ")":
            begin = open_at.pop()
            if possessive:
                written[begin:] = ["(?>", *written[begin:-1], f"){quantifier})"]
    return "".join(written)
