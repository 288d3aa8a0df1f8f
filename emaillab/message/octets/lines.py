"""How do the lines of these octets end, and which of them are too long?

>>> line_ends(b"one\\r\\ntwo\\nthree\\r")
LineEnds(crlf=1, lf=1, cr=1)
>>> find_long_line(b"short\\r\\n" + b"x" * 80, 76), line_class(80)
(7, 'long')
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LONG_LINES = {limit: re.compile(rb"\n[^\n]{%d}[^\r\n]" % limit) for limit in (76, 998)}


def find_long_line(data: bytes, limit: int) -> int:
    """Find the first line of more than `limit` octets, its line end not counted; -1 when there is none.

    Arguments: `limit` is 76 or 998.
    """
    first = data.find(b"\n", 0, limit + 2)
    if first < 0 and len(data) > limit and data[limit] != 0x0D:
        return 0
    match = _LONG_LINES[limit].search(data)
    return match.start() + 1 if match else -1


@dataclass(frozen=True, slots=True)
class LineEnds:
    """How many lines end in CRLF, in a bare LF, and how many bare CRs there are."""

    crlf: int
    lf: int
    cr: int

    @property
    def canonical(self) -> bool:
        """Tell whether all line ends are CRLF, as they must be on the wire. Source: RFC 5321 §2.3.8."""
        return not self.lf and not self.cr


def line_ends(raw: bytes, start: int = 0, end: int | None = None) -> LineEnds:
    """Count the line ends of each kind."""
    stop = len(raw) if end is None else end
    crlf = raw.count(b"\r\n", start, stop)
    return LineEnds(crlf, raw.count(b"\n", start, stop) - crlf, raw.count(b"\r", start, stop) - crlf)


def line_class(length: int) -> str:
    """Classify a line by its octets without CRLF: "good" to 78, "long" to 998, else "too long".

    Source: RFC 5322 §2.1.1.
    """
    return "good" if length <= 78 else "long" if length <= 998 else "too long"
