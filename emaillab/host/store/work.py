"""What if a verb fails when half of its work is written? Then none of it is: all that it wrote is undone.

A piece of work costs next to nothing until something is written in it. From then on no other thread can write before
it ends, so that undoing it touches nobody else's. One may stand within another; each is undone alone.

>>> from emaillab.host.store.database import Database
>>> database = Database()
>>> with database.work():
...     _ = database.write("INSERT INTO account(name, password) VALUES ('alice', 'secret')")
>>> with database.work() as work:
...     _ = database.write("DELETE FROM account")
...     work.undo()
>>> database.rows("SELECT name FROM account")
[('alice',)]
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol


@dataclass(slots=True)
class Savepoint:
    """What work goes back to when it is undone; several that begin to write at the same statement share it."""

    nested: bool  # False where the transaction itself begins here
    statements: int  # how many the transaction had before
    changes: int  # how many changes in memory were to be taken back before
    noted: set[Hashable] = field(default_factory=set)  # of whom it is known how they were before


class Running(threading.local):
    """The work that goes on in a thread."""

    work: StoredWork | None = None  # the innermost
    outermost: StoredWork | None = None


class Keeper(Protocol):
    """A database, as work sees it."""

    running: Running

    def end(self, work: StoredWork, *, keep: bool) -> None:
        """End work in which something was written: keep that, or undo it."""


class StoredWork:
    """Work on a store: writes that are all kept or all undone; a context manager, for one use, in one thread."""

    within: StoredWork | None = None
    savepoint: Savepoint | None = None  # where it begins, once something is written
    number: int = 0  # of the change that it makes, once somebody asks
    thread: int = 0  # that made it, once something is written
    failed: str = ""  # why nothing more can be written in it
    lost: str = ""
    """Why its work is gone after it had ended well; "" as long as it is not."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def __enter__(self) -> StoredWork:
        running = self._keeper.running
        within = running.work
        if within is None:
            running.outermost = self
        else:
            self.within = within
        running.work = self
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        self._keeper.running.work = self.within
        if self.savepoint is not None:
            self._keeper.end(self, keep=kind is None)

    def undo(self) -> None:
        """Take back what was written so far; what is written after it is kept."""
        if self.savepoint is not None:
            self._keeper.end(self, keep=False)

    def outward(self) -> Iterator[StoredWork]:
        """Give the work itself, then each in which it stands."""
        work: StoredWork | None = self
        while work is not None:
            yield work
            work = work.within


class Joined:
    """Work that is part of the work around it, and undone with that only."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *error: object) -> None:
        """Do nothing."""


Change = Callable[[], None]
"""How to take back one change in memory."""
