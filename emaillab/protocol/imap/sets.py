"""Which messages does `2,4:7,9:*` mean? Sequence sets, of message numbers or of UIDs.

>>> some = parse_set(Cursor(b"2,7:4,9:*"))
>>> bytes(some), list(some.numbers(10)), list(parse_set(Cursor(b"559:*")).numbers(3))
(b'2,7:4,9:*', [2, 4, 5, 6, 7, 9, 10], [3])
>>> list(some.positions([2, 3, 5, 8]))
[0, 2, 3]
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from emaillab.message.octets.patterns import compiled
from emaillab.protocol.imap.grammar import Cursor

# sequence-set = (seq-number / seq-range) *("," (seq-number / seq-range))                   RFC 9051 §9
# seq-range    = seq-number ":" seq-number           seq-number = nz-number / "*"
_SET = compiled(rb"(?:[1-9]\d{0,9}|\*)(?::(?:[1-9]\d{0,9}|\*))?(?:,(?:[1-9]\d{0,9}|\*)(?::(?:[1-9]\d{0,9}|\*))?)*+")
_MOST = 0xFFFF_FFFF  # a UID and a number have 32 bits: RFC 9051 §2.3.1.1


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Numbers and ranges as written; None stands for `*`, the largest number there is."""

    ranges: tuple[tuple[int | None, int | None], ...]

    def __bytes__(self) -> bytes:
        return b",".join(_number(a) if a == b else _number(a) + b":" + _number(b) for a, b in self.ranges)

    def largest(self, last: int) -> int:
        """Return the largest number named, with `last` for `*`."""
        return max(last if end is None else end for pair in self.ranges for end in pair)

    def uses_star(self) -> bool:
        """Tell whether `*` is named."""
        return any(end is None for pair in self.ranges for end in pair)

    def holds(self, number: int, last: int) -> bool:
        """Tell whether a number is named, with `last` for `*`."""
        return any(low <= number <= high for low, high in self._spans(last))

    def numbers(self, last: int) -> Iterator[int]:
        """Yield the numbers named from 1 to `last`, each once, ascending."""
        done = 0
        for low, high in self._spans(last):
            yield from range(max(low, done + 1), min(high, last) + 1)
            done = max(done, min(high, last))

    def positions(self, uids: Sequence[int]) -> Iterator[int]:
        """Yield the positions of the UIDs named within ascending UIDs; unknown UIDs are passed over.

        Source: RFC 9051 §6.4.9: `559:*` always includes the last message.
        """
        if not uids:
            return
        done = 0
        for low, high in self._spans(uids[-1]):
            start, stop = max(bisect_left(uids, low), done), bisect_right(uids, high)
            yield from range(start, stop)
            done = max(done, stop)

    def _spans(self, last: int) -> list[tuple[int, int]]:
        """Return the ranges with their smaller end first, `*` replaced, sorted."""
        spans = []
        for pair in self.ranges:
            a, b = (last if end is None else end for end in pair)
            spans.append((min(a, b), max(a, b)))
        return sorted(spans)


def _number(number: int | None) -> bytes:
    return b"*" if number is None else b"%d" % number


def parse_set(cursor: Cursor) -> SequenceSet:
    """Consume a sequence set. Source: RFC 9051 §9 "sequence-set"."""
    start = cursor.at
    text = cursor.match(_SET, "a sequence set such as 2,4:7,9:*")[0]
    ranges = []
    for part in text.split(b","):
        low, colon, high = part.partition(b":")
        pair = (_end(low), _end(high if colon else low))
        if any(end is not None and end > _MOST for end in pair):
            cursor.at = start
            cursor.fail("numbers below 4294967296")
        ranges.append(pair)
    return SequenceSet(tuple(ranges))


def _end(text: bytes) -> int | None:
    return None if text == b"*" else int(text)


def set_of(numbers: Sequence[int]) -> SequenceSet:
    """Write numbers as the shortest set: 1,2,3,5 is 1:3,5."""
    ranges: list[tuple[int | None, int | None]] = []
    low = high = 0
    for number in sorted(set(numbers)):
        if number == high + 1 and low:
            high = number
            continue
        if low:
            ranges.append((low, high))
        low = high = number
    if low:
        ranges.append((low, high))
    return SequenceSet(tuple(ranges))
