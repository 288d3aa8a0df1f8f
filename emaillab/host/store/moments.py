"""How is a moment kept in a column of whole numbers, and is every moment that was kept one that can be read?

>>> from datetime import timezone
>>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
>>> to_microseconds(noon), from_microseconds(to_microseconds(noon)) == noon
(1772452800000000, True)
>>> to_microseconds(datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-5))))
Traceback (most recent call last):
ValueError: 9999-12-31 23:59:59-05:00 cannot be kept: not from 0001-01-02 to 9999-12-30
>>> from_microseconds(10**30).isoformat()  # whatever stands in a file
'9999-12-30T00:00:00+00:00'
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# A day from either end of the calendar, so that the moment exists in every time zone.
FIRST = datetime(1, 1, 2, tzinfo=UTC)
LAST = datetime(9999, 12, 30, tzinfo=UTC)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST, _LAST = (FIRST - _EPOCH) // _MICROSECOND, (LAST - _EPOCH) // _MICROSECOND


def to_microseconds(at: datetime) -> int:
    """Count the microseconds from 1970 to an aware datetime, exactly.

    Raises: ValueError when the moment is so near an end of the calendar that not every time zone has it.
    """
    count = (at - _EPOCH) // _MICROSECOND
    if not _FIRST <= count <= _LAST:
        raise ValueError(f"{at} cannot be kept: not from {FIRST.date()} to {LAST.date()}")
    return count


def from_microseconds(count: object) -> datetime:
    """Return the moment in UTC that `to_microseconds` counted.

    What it never counted, but an older emaillab wrote, is the nearest moment that can be kept.
    """
    number = count if isinstance(count, int | float) else 0
    return _EPOCH + timedelta(microseconds=int(min(max(number, _FIRST), _LAST)))
