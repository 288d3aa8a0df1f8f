"""What is wrong with these bytes, where, by which rule, and what was done about it?

Reading mail never fails: whatever departs from the rules is kept, read as well as possible, and written down.

>>> Defect("bare-cr", 17, "5322 §2.2", "kept as an ordinary octet")
Defect(kind='bare-cr', at=17, rfc='5322 §2.2', done='kept as an ordinary octet')
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Span = tuple[int, int]
"""Half-open byte offsets: `raw[slice(*span)]` gives the thing back."""

MOST_OF_A_KIND = 100
"""How many defects of one kind are worth listing: hostile mail can hold millions."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One departure from the rules, at one place."""

    kind: str
    at: int
    rfc: str
    done: str


def limited(defects: Iterable[Defect]) -> tuple[Defect, ...]:
    """Keep the first `MOST_OF_A_KIND` defects of each kind, and sort them by offset."""
    seen: dict[str, int] = {}
    kept = []
    for defect in defects:
        seen[defect.kind] = seen.get(defect.kind, 0) + 1
        if seen[defect.kind] <= MOST_OF_A_KIND:
            kept.append(defect)
    return tuple(sorted(kept, key=lambda defect: defect.at)) if kept else ()
