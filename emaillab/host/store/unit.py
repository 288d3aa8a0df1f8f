"""What if a verb fails when half of its work is written? Then none of it is: its writes are one unit.

A unit costs next to nothing until something is written in it. From then on no other thread can write before it ends,
so that undoing it touches nobody else's work. Units may stand within units; each is undone alone.

>>> from emaillab.host.store.database import Database
>>> database = Database()
>>> with database.unit():
...     _ = database.write("INSERT INTO account(name, password) VALUES ('alice', 'secret')")
>>> with database.unit() as unit:
...     _ = database.write("DELETE FROM account")
...     unit.undo()
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
class Mark:
    """What a unit goes back to when it is undone; units that had written nothing share it with the one within."""

    savepoint: bool  # False where the transaction itself begins here
    statements: int  # how many the transaction had before
    changes: int  # how many changes in memory were to be taken back before
    noted: set[Hashable] = field(default_factory=set)  # of whom it is known how they were before


class Running(threading.local):
    """The units that run in a thread."""

    unit: Unit | None = None  # the innermost
    outermost: Unit | None = None


class Units(Protocol):
    """A database, as a unit sees it."""

    running: Running

    def end(self, unit: Unit, *, keep: bool) -> None:
        """End a unit that has written something: keep what it wrote, or undo it."""


class Unit:
    """Writes that are all kept or all undone; a context manager, for one use, in one thread."""

    within: Unit | None = None
    mark: Mark | None = None  # where it begins, once something is written
    number: int = 0  # of the change that it makes, once somebody asks
    thread: int = 0  # that made it, once something is written
    failed: str = ""  # why nothing more can be written in it
    lost: str = ""
    """Why its work is gone after it had ended well; "" as long as it is not."""

    def __init__(self, units: Units) -> None:
        self._units = units

    def __enter__(self) -> Unit:
        running = self._units.running
        within = running.unit
        if within is None:
            running.outermost = self
        else:
            self.within = within
        running.unit = self
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        self._units.running.unit = self.within
        if self.mark is not None:
            self._units.end(self, keep=kind is None)

    def undo(self) -> None:
        """Take back what was written so far; what is written after it is kept."""
        if self.mark is not None:
            self._units.end(self, keep=False)

    def outward(self) -> Iterator[Unit]:
        """Give the unit, then each in which it stands."""
        unit: Unit | None = self
        while unit is not None:
            yield unit
            unit = unit.within


class Joined:
    """A unit that is part of the one around it, and undone with that one only."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *error: object) -> None:
        """Do nothing."""


Change = Callable[[], None]
"""How to take back one change in memory."""
