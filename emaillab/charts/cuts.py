"""How much of a letter arrives when the line breaks? Its whole parts against the octets that came through.

>>> letter = b"Content-Type: multipart/mixed; boundary=b\\r\\n\\r\\n--b\\r\\n\\r\\nHi\\r\\n--b--\\r\\n"
>>> print(cut_table(letter))
What is left of a letter that is cut off
part  type        encoding  body ends at (octets)  its end is told at (octets)  whole from (octets)  error (octets)
1     text/plain  7bit                         54                           61                   61               0
64 cuts, none of them fatal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emaillab.charts.style import BLUE, INK, legend, new_axes, title, told
from emaillab.charts.table import Cell, Column, Table
from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.part import Part

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def whole_parts(raw: bytes, cut: int) -> list[str]:
    """Tell which leaf parts of a letter are whole, to the octet, in its first `cut` octets; by section number."""
    return _whole(_leaves(raw), raw, cut)


def _leaves(raw: bytes) -> dict[str, Part]:
    return {part.number or "1": part for part in dissect(raw).walk() if not part.children}


def _whole(leaves: dict[str, Part], raw: bytes, cut: int) -> list[str]:
    left = _leaves(raw[:cut])
    return [
        number
        for number, part in leaves.items()
        if number in left
        and left[number].content_type == part.content_type
        and left[number].body_span[0] == part.body_span[0]
        and left[number].decoded == part.decoded
    ]


def _told_at(part: Part) -> int:
    """Find where a reader knows that a part is over: at the end of the next delimiter, else of the part."""
    end = part.body_span[1]
    around = part.parent
    while around is not None:
        for start, stop in around.delimiter_spans:
            if start == part.span[1]:
                return start + len(part.raw[start:stop].rstrip(b" \t\r\n"))
        around = around.parent
    return end


def cut_table(raw: bytes) -> Table:
    """Cut a letter at every octet. Returns: from which octet on each leaf part is whole, and where its end is told."""
    leaves = _leaves(raw)
    found = [_whole(leaves, raw, cut) for cut in range(len(raw) + 1)]
    rows: list[tuple[Cell, ...]] = []
    for number, part in leaves.items():
        missing = [cut for cut, whole in enumerate(found) if number not in whole]
        since, told_at = (missing[-1] + 1 if missing else 0), _told_at(part)
        rows.append((number, part.content_type, part.encoding, part.body_span[1], told_at, since, since - told_at))
    columns = (
        Column("part"),
        Column("type"),
        Column("encoding"),
        Column("body ends at", "octets", 0),
        Column("its end is told at", "octets", 0),
        Column("whole from", "octets", 0),
        Column("error", "octets", 0, signed=True),
    )
    note = f"{len(found)} cuts, none of them fatal."
    return Table("What is left of a letter that is cut off", columns, tuple(rows), note)


def draw_cuts(raw: bytes, ax: Axes | None = None) -> Axes:
    """Draw the number of whole leaf parts against the octets that arrived, with what the spans foretell.

    Returns: the axes.
    """
    leaves = _leaves(raw)
    ax = ax or new_axes()
    title(ax, "What is left of a letter that is cut off")
    cuts = range(len(raw) + 1)
    counts = [len(_whole(leaves, raw, cut)) for cut in cuts]
    ends = [_told_at(part) for part in leaves.values()]
    ax.plot(cuts, counts, color=BLUE, linewidth=3, drawstyle="steps-post", label="measured: parts that are whole")
    foretold = [sum(end <= cut for end in ends) for cut in cuts]
    words = "foretold: parts whose end is told"
    ax.plot(cuts, foretold, color=INK, linestyle="--", linewidth=1.4, drawstyle="steps-post", label=words)
    ax.set_xlim(0, max(1, len(raw)))
    ax.set_yticks(range(len(leaves) + 1))
    ax.set_xlabel("octets that arrived")
    ax.set_ylabel("whole leaf parts")
    legend(ax, 2)
    off = sum(measured != said for measured, said in zip(counts, foretold, strict=True))
    said = ", ".join(f"part {number} from octet {end}" for number, end in zip(leaves, ends, strict=True))
    return told(ax, f"Staircase of whole parts against octets: {said}; {off} of {len(counts)} cuts differ.")
