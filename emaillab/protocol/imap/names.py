"""How does a mailbox name travel, and which names does a LIST pattern mean?

IMAP4rev1 writes names in a UTF-7 of its own: "&" begins a base64 run of UTF-16, "-" ends it.

>>> encode_name("草稿/R&D"), decode_name(b"&g0l6Pw-/R&-D")
(b'&g0l6Pw-/R&-D', '草稿/R&D')
>>> [name for name in ("INBOX", "a", "a/b") if matches(name, "%")]
['INBOX', 'a']
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from emaillab.message.octets.utf7 import decode_name, encode_name

__all__ = ["DELIMITER", "Listed", "decode_name", "encode_name", "listed", "matches"]

DELIMITER = "/"


def matches(name: str, pattern: str) -> bool:
    """Tell whether a LIST pattern means a name: `*` stands for anything, `%` for anything but the delimiter.

    Source: RFC 9051 §6.3.9.
    """
    ends = {0}  # how much of the name the pattern so far can stand for: no pattern takes exponential time
    for sign in pattern:
        if sign in "*%":
            ends = {end for start in ends for end in range(start, _reach(name, start, sign) + 1)}
        else:
            ends = {end + 1 for end in ends if name[end : end + 1] == sign}
        if not ends:
            return False
    return len(name) in ends


def _reach(name: str, start: int, wildcard: str) -> int:
    """Return how far a wildcard can go from `start`."""
    stop = name.find(DELIMITER, start) if wildcard == "%" else -1
    return len(name) if stop < 0 else stop


class Listed(NamedTuple):
    """A name that a LIST pattern matches."""

    name: str
    exists: bool  # False: there is no such mailbox, but there are some below it
    has_children: bool


def listed(names: Sequence[str], pattern: str) -> Iterator[Listed]:
    """Yield every mailbox, and every missing parent, that a pattern matches.

    Source: RFC 9051 §6.3.9.
    """
    known = set(names)
    parents = {parent for name in names for parent in _parents(name)}
    for name in [*names, *sorted(parents - known)]:
        if matches(name, pattern) or (name == "INBOX" and matches(name, pattern.upper())):
            yield Listed(name, name in known, name in parents)


def _parents(name: str) -> Iterator[str]:
    at = name.find(DELIMITER)
    while at > 0:
        yield name[:at]
        at = name.find(DELIMITER, at + 1)
