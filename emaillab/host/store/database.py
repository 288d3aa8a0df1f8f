"""How does a mail host write so that a crash loses nothing it promised, and a failure costs nobody else?

Every change waits in one open transaction until `commit`, so that many sessions share one fsync. What a session's verb
writes is one piece of work, undone when the verb fails. What memory holds of the database goes back with it.

>>> database = Database()
>>> add = "INSERT INTO account(name, password) VALUES (?, ?)"
>>> database.write(add, ("alice", "secret")), database.pending
(1, True)
>>> with database.work():
...     _ = database.write(add, ("bob", "secret"))
...     _ = database.write(add, ("carol", None))
Traceback (most recent call last):
emaillab.host.store.errors.StoreError: not kept: NOT NULL constraint failed: account.password
>>> database.rows("SELECT name FROM account")
[('alice',)]
>>> database.rollback(); database.rows("SELECT name FROM account"), database.pending
([], False)
"""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emaillab.host.store.errors import StoreError
from emaillab.host.store.folder import open_database
from emaillab.host.store.work import Change, Joined, Running, Savepoint, StoredWork

MOST_REPEATED = 64 << 20  # octets of statements that are remembered until a commit

SAVEPOINT, RELEASE = "SAVEPOINT work", "RELEASE work"  # one name for all: the last one made is meant

Statement = tuple[str, Sequence[object]]
TOO_MUCH: Statement = ("", ())
"""Stands for a statement that is remembered no more."""
Execute = Callable[[str, Sequence[object]], int]


@dataclass(frozen=True, slots=True)
class Memory:
    """What the database asks of those who hold some of it in memory; nothing by default."""

    before_commit: Callable[[Execute], None] = lambda execute: None
    """Write what is written once for all changes of a commit."""
    committed: Callable[[], Iterable[Callable[[], None]]] = tuple
    """Take note that all is durable. Returns: those who want to be told, once the lock is free."""
    lost: Callable[[], None] = lambda: None
    """Read everything anew: all that was pending is gone."""


class Database:
    """One SQLite file, or memory, that several threads write through one connection.

    Args: folder: where the file is, None for memory; memory: told of commits and losses.
    Raises: StoreError, one sentence, when the folder cannot be used.
    """

    def __init__(self, folder: Path | str | None = None, memory: Memory | None = None) -> None:
        self.lock = threading.RLock()
        """Held from the first write of some work to its end, and by whoever reads what must fit together."""
        self.pending = False
        """True when something waits for a commit."""
        self.running = Running()
        self.errors: deque[Exception] = deque(maxlen=20)
        """The latest failures of those who were told of a commit."""
        self._memory = memory or Memory()
        self._number = 0  # of the latest change
        self._statements: list[Statement] = []  # of the open transaction, to be repeated when SQLite drops it
        self._octets = 0  # of these statements
        self._changes: list[Change] = []  # in memory, by what is going on; the last is taken back first
        self._done: list[StoredWork] = []  # ended well, not yet committed
        self._stale = False  # what memory holds is still to be read anew
        self._bereft: dict[int, str] = {}  # the threads whose work is lost, and why, until they commit
        self._connection = open_database(folder)
        self._cursor = self._connection.cursor()

    # -- Reading and writing --------------------------------------------------------------------------

    def work(self) -> StoredWork:
        """Return a piece of work: what is written while it lasts is kept whole, or not at all."""
        return StoredWork(self)

    def joined(self) -> StoredWork | AbstractContextManager[None]:
        """Return a piece of work, but none of its own within another; for what a single statement writes."""
        return StoredWork(self) if self.running.work is None else Joined()

    def write(self, sql: str, values: Sequence[object] = ()) -> int:
        """Change the database; durable after the next commit.

        Returns: the new row's number, after an INSERT into a table that numbers its rows.
        Raises: StoreError when the statement fails; then the work in which it stands is undone.
        """
        work = self.running.work
        if work is None:
            with StoredWork(self):
                return self.write(sql, values)
        if work.failed:
            raise StoreError(work.failed)
        if work.savepoint is None:
            self._begin(work)
        assert work.savepoint is not None
        try:
            self._check_transaction()
            number = self._execute(sql, values)
        except sqlite3.Error as error:
            reason = _not_kept(error)
            self._undo(work, work.savepoint)
            work.failed = work.failed or reason
            raise StoreError(work.failed) from error
        self._remember(sql, values)
        return number

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return all rows that a query finds, uncommitted changes included."""
        with self.lock:
            self.refresh()
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                if self.pending and not self._in_transaction and not self._is_writing:
                    self._repeat(len(self._statements))
                raise StoreError(f"the mail store cannot be read: {error}") from error

    def refresh(self) -> None:
        """Have memory read anew what a loss took away, if that is still to be done; asked before memory is.

        Raises: StoreError when it cannot be read.
        """
        if not self._stale:
            return
        with self.lock:
            self._stale = False
            try:
                self._memory.lost()
            except StoreError:
                self._stale = True
                raise

    def when_undone(self, whose: Hashable, change: Change) -> None:
        """Note how memory goes back to what it was if the work is undone; the first note on each thing counts."""
        work = self.running.work
        if work is not None and work.savepoint is not None and whose not in work.savepoint.noted:
            work.savepoint.noted.add(whose)
            self._changes.append(change)

    def change_number(self) -> int:
        """Return the number of the change that is being made: one for all that the outermost work writes."""
        outermost = self.running.outermost
        assert outermost is not None, "what changes a mailbox does so in a piece of work"
        if not outermost.number:
            self._number += 1
            outermost.number = self._number
        return outermost.number

    # -- Promises -------------------------------------------------------------------------------------

    def commit(self) -> None:
        """Make all pending changes durable, or none of them, and tell who wants to know.

        Raises: StoreError when work of this thread could not be kept, now or since its last commit. Whose work it
            was, `StoredWork.lost` tells; all the other work is kept.
        """
        tell: Iterable[Callable[[], None]] = ()
        with self.lock:
            self._check_no_work()
            self.refresh()
            if self.pending:
                try:
                    self._memory.before_commit(self._execute)
                    self._execute("COMMIT")
                except Exception as error:
                    self._lose(f"nothing since the last commit was kept: {error}")
                else:
                    self._forget()
                    tell = self._memory.committed()
            reason = self._bereft.pop(threading.get_ident(), None)
        for told in tell:
            try:
                told()
            except Exception as error:  # costs nobody else
                self.errors.append(error)
        if reason is not None:
            raise StoreError(reason)

    def rollback(self, reason: str = "nothing since the last commit was kept: it was given up") -> None:
        """Give up all pending changes, whoever made them; the other threads learn it when they commit."""
        with self.lock:
            self._check_no_work()
            if self.pending:
                self._lose(reason)
                self._bereft.pop(threading.get_ident(), None)

    def close(self) -> None:
        """Close the file; pending changes are given up, as nobody was promised them."""
        with self.lock:
            self._connection.close()
            self._forget()

    # -- Work -----------------------------------------------------------------------------------------

    def _begin(self, work: StoredWork) -> None:
        """Set the savepoint to which work goes back, and all work around it in which nothing was written either."""
        fresh = list(itertools.takewhile(lambda one: one.savepoint is None, work.outward()))
        outermost = fresh[-1].within is None
        if outermost:
            self.lock.acquire()  # until the end of that work
        try:
            savepoint = self._set_savepoint(fresh, outermost)
        except BaseException as error:
            if outermost:
                self.lock.release()
            if isinstance(error, sqlite3.Error):
                raise StoreError(_not_kept(error)) from error
            raise
        for one in fresh:
            one.savepoint = savepoint

    def _set_savepoint(self, fresh: list[StoredWork], outermost: bool) -> Savepoint:
        self.refresh()
        for one in fresh:
            if one.failed:
                raise StoreError(one.failed)
        if not outermost:
            self._check_transaction()
        elif not self._connection.in_transaction:
            self._forget()
        savepoint = Savepoint(self.pending, len(self._statements), len(self._changes))
        self._execute(SAVEPOINT if savepoint.nested else "BEGIN")
        if savepoint.nested:
            self._statements.append((SAVEPOINT, ()))
        self.pending = True
        return savepoint

    def end(self, work: StoredWork, *, keep: bool) -> None:
        """End work in which something was written: keep that, or undo it.

        Raises: StoreError when it cannot be kept.
        """
        savepoint = work.savepoint
        assert savepoint is not None
        if not keep:
            self._undo(work, savepoint)
        elif work.within is None or work.within.savepoint is not savepoint:  # else it goes the way of the one around it
            try:
                self._check_transaction()
                if savepoint.nested:
                    self._execute(RELEASE)
                    del self._statements[savepoint.statements]
            except sqlite3.Error as error:
                self._undo(work, savepoint)
                raise StoreError(_not_kept(error)) from error
            work.savepoint = None
            if work.within is None:
                work.thread = threading.get_ident()
                self._done.append(work)
                self._changes.clear()
                self.lock.release()

    def _undo(self, work: StoredWork, savepoint: Savepoint) -> None:
        """Undo work, and with it all work around it in which nothing was written before."""
        reason = self._go_back(savepoint)
        for one in work.outward():
            if reason:
                one.lost = one.failed = reason
            elif one.savepoint is not savepoint:
                return
            one.savepoint = None
        self.lock.release()

    def _go_back(self, savepoint: Savepoint) -> str:
        """Undo what was written since a savepoint, here and in memory.

        Returns: why all that was pending is lost; "" when it is not.
        """
        reason = ""
        if not (savepoint.nested and self._in_transaction and self._back_to_savepoint()):
            reason = self._repeat(savepoint.statements)
        del self._statements[savepoint.statements :]
        while len(self._changes) > savepoint.changes:
            self._changes.pop()()
        return reason

    def _back_to_savepoint(self) -> bool:
        try:
            self._execute("ROLLBACK TO work")
            self._execute(RELEASE)
        except sqlite3.Error:
            return False
        return True

    def _repeat(self, count: int) -> str:
        """Begin the transaction anew with its first statements: SQLite drops all of it after some errors.

        Returns: why it could not, so that all that was pending is lost; "" when it could.
        """
        statements = self._statements[:count]
        self._drop()
        self.pending = bool(statements)
        try:
            if TOO_MUCH in statements:
                raise sqlite3.OperationalError("too much was pending to be written again")
            if statements:
                self._execute("BEGIN")
            for sql, values in statements:
                self._execute(sql, values)
        except sqlite3.Error as error:
            reason = f"nothing since the last commit was kept: {error}"
            self._lose(reason)
            return reason
        return ""

    def _lose(self, reason: str) -> None:
        """Give up all that is pending, and let those whose work it was know."""
        self._drop()
        for work in self._done:
            work.lost = self._bereft[work.thread] = reason
        self._forget()
        self._stale = True
        with suppress(StoreError):  # then whoever comes next tries again
            self.refresh()

    # -- SQLite ---------------------------------------------------------------------------------------

    def _execute(self, sql: str, values: Sequence[object] = ()) -> int:
        self._cursor.execute(sql, values)
        return self._cursor.lastrowid or 0

    @property
    def _in_transaction(self) -> bool:
        try:
            return self._connection.in_transaction
        except sqlite3.ProgrammingError:  # closed
            return False

    def _drop(self) -> None:
        """End the transaction; after some errors SQLite has done so itself."""
        for _ in range(2):
            if self._in_transaction:
                with suppress(sqlite3.Error):
                    self._execute("ROLLBACK")
        if self._in_transaction:
            self._connection.close()  # rather no store than one that keeps what somebody was told is lost

    def _remember(self, sql: str, values: Sequence[object]) -> None:
        """Note a statement that was executed, as long as there are not too many octets to be noted."""
        before = self._octets
        for value in values:
            if type(value) is bytes:
                self._octets += len(value)
        if before <= MOST_REPEATED < self._octets:
            self._statements = [TOO_MUCH] * len(self._statements)
        self._statements.append((sql, values) if self._octets <= MOST_REPEATED else TOO_MUCH)

    def _forget(self) -> None:
        """Take note that nothing is pending."""
        self.pending, self._octets = False, 0
        self._statements.clear()
        self._changes.clear()
        self._done.clear()

    def _check_transaction(self) -> None:
        """Make sure that nothing is written outside the transaction, which SQLite drops after some errors."""
        if not self._connection.in_transaction:
            raise sqlite3.OperationalError("what was pending was dropped")

    @property
    def _is_writing(self) -> bool:
        """True when a piece of work of this thread has written something."""
        work = self.running.work
        return work is not None and any(one.savepoint is not None for one in work.outward())

    def _check_no_work(self) -> None:
        if self._is_writing:
            raise RuntimeError("a piece of work is still being written: it ends before a commit or a rollback")


def _not_kept(error: sqlite3.Error) -> str:
    closed = isinstance(error, sqlite3.ProgrammingError)
    return f"the mail store cannot be written: {error}" if closed else f"not kept: {error}"
