"""How does a path fit a terminal? A table with a bar for each hop, and what there is to say about it.

>>> from emaillab.message.trace.path import trace
>>> letter = b'''Received: from a.example by b.example; Mon, 3 Mar 2025 12:00:07 +0000
... Received: from [192.0.2.77] by a.example; Mon, 3 Mar 2025 12:00:09 +0000
...
... '''
>>> print(render(trace(letter), width=90))
hop  from          by         with  time (UTC)           delay  octets  when
  1  [192.0.2.77]  a.example  -     2025-03-03 12:00:09             73                   |
  2  a.example     b.example  -     2025-03-03 12:00:07   -2 s      70  <<<<<<<<<<<<<<<<<<
total -2 s over 2 hops
hop 2: stamped 2 s before hop 1, so the clocks disagree
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence

from emaillab.message.trace.path import Trace, path_table

BARS, FEWEST_BARS = 30, 12  # columns
LONGEST_NAME, SHORTEST_NAME = 30, 10


def render(path: Trace, trusted: Sequence[str] = (), width: int | None = None) -> str:
    """Return the table with a bar for each hop; then skew, gaps and defects; then where the evidence ends.

    Arguments: `trusted` are hosts as for `last_credible`; `width` in columns, by default the terminal's, and no limit
    where there is none, so that what goes into a file or a pipe is always the same.
    """
    if not path.hops:
        return path_table(path)
    if width is None and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
    return "\n".join([_fitting(path, width), *_notes(path), *_border(path, trusted)])


def _fitting(path: Trace, width: int | None) -> str:
    """Cut names and bars as far as the terminal needs it; one that is narrower still gets no bars."""
    if width is None:
        return path_table(path, bars=BARS)
    for widest in range(LONGEST_NAME, SHORTEST_NAME - 1, -2):
        free = width - 2 - max(map(len, path_table(path, widest=widest).splitlines()))
        if free >= FEWEST_BARS:
            return path_table(path, widest=widest, bars=min(free, BARS))
    return path_table(path, widest=SHORTEST_NAME)


def _notes(path: Trace) -> Iterator[str]:
    """Name skew, unknown zones, gaps and defects."""
    for number, hop in enumerate(path, start=1):
        if hop.delay_s is not None and hop.delay_s < 0:
            yield f"hop {number}: stamped {-hop.delay_s:,.0f} s before hop {number - 1}, so the clocks disagree"
        if not hop.zone_known and hop.time is not None:
            yield f"hop {number}: zone unknown, taken as UTC"
    for gap in path.gaps:
        yield f"hops {gap.after + 2} to {gap.before + 1}: {gap.total_s:,.0f} s together, for a time cannot be read"
    for number, hop in enumerate(path, start=1):
        for defect in hop.defects:
            yield f"hop {number}: {defect.kind} at {defect.at} (RFC {defect.rfc}): {defect.done}"


def _border(path: Trace, trusted: Sequence[str]) -> Iterator[str]:
    """Tell where the evidence ends."""
    if trusted:
        from emaillab.message.trace.credibility import last_credible

        yield from str(last_credible(path, trusted)).splitlines()
