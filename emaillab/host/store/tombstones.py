"""Which messages of a mailbox are gone, and since when? So a client that was away is told what it can forget.

>>> from emaillab.host.store.database import Database
>>> database = Database()
>>> bury(database, mailbox=1, modseq=7, uids=[4, 2, 3, 9])
>>> bury(database, mailbox=1, modseq=8, uids=[5])
>>> buried(database, mailbox=1, since=6), buried(database, mailbox=1, since=7)
([range(2, 6), range(9, 10)], [range(5, 6)])
"""

from __future__ import annotations

from collections.abc import Iterable

from emaillab.host.store.database import Database

MOST = 1000
"""Runs of UIDs that are remembered for one mailbox; the oldest are forgotten first."""


def bury(database: Database, mailbox: int, modseq: int, uids: Iterable[int]) -> None:
    """Write down that messages are gone: one row for each run of UIDs."""
    for run in runs(uids):
        database.write(
            "INSERT OR REPLACE INTO expunged(mailbox, modseq, first_uid, last_uid) VALUES (?, ?, ?, ?)",
            (mailbox, modseq, run[0], run[-1]),
        )


def forget_oldest(database: Database, mailbox: int) -> int:
    """Remove the oldest rows when there are too many. Returns: up to which mod-sequence nothing is known now, or 0."""
    rows = database.rows(
        "SELECT modseq FROM expunged WHERE mailbox = ? ORDER BY modseq DESC, first_uid LIMIT 1 OFFSET ?",
        (mailbox, MOST),
    )
    for (modseq,) in rows:
        database.write("DELETE FROM expunged WHERE mailbox = ? AND modseq <= ?", (mailbox, modseq))
        return int(modseq)
    return 0


def forget_all(database: Database, mailbox: int) -> None:
    """Remove all rows of a mailbox."""
    database.write("DELETE FROM expunged WHERE mailbox = ?", (mailbox,))


def buried(database: Database, mailbox: int, since: int) -> list[range]:
    """Return the UIDs that are known to have gone after a mod-sequence, as runs in ascending order."""
    rows = database.rows(
        "SELECT first_uid, last_uid FROM expunged WHERE mailbox = ? AND modseq > ? ORDER BY first_uid", (mailbox, since)
    )
    joined: list[range] = []
    for first, last in rows:
        if joined and first <= joined[-1].stop:
            joined[-1] = range(joined[-1].start, max(joined[-1].stop, last + 1))
        else:
            joined.append(range(first, last + 1))
    return joined


def runs(uids: Iterable[int]) -> list[range]:
    """Put UIDs that follow each other together, in ascending order."""
    found: list[range] = []
    for uid in sorted(set(uids)):
        if found and uid == found[-1].stop:
            found[-1] = range(found[-1].start, uid + 1)
        else:
            found.append(range(uid, uid + 1))
    return found


def gaps(uids: Iterable[int], end: int) -> list[range]:
    """Return the runs of UIDs from 1 up to but not including `end` that are not there. Args: uids: in ascending order.

    >>> gaps([2, 3, 6], 8)
    [range(1, 2), range(4, 6), range(7, 8)]
    """
    found, next_uid = [], 1
    for uid in [*uids, end]:
        if uid > next_uid:
            found.append(range(next_uid, uid))
        next_uid = uid + 1
    return found
