"""How does a mail host write so that a crash loses nothing it promised?

Every change waits in one open transaction until `commit`, so that many sessions share one fsync.

>>> database = Database(None)
>>> database.write("INSERT INTO account(name, password) VALUES (?, ?)", ("alice", "secret")); database.pending
1
True
>>> database.rollback(); database.rows("SELECT name FROM account"), database.pending
([], False)
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

FILE_NAME = "mail.sqlite"
APPLICATION_ID = 0x656D6C62  # "emlb", in the header of every file of ours
FORMAT = 3

# Names that a user wants to see in a list, whether there is such a mailbox or not: new in format 2.
SUBSCRIPTIONS = """
CREATE TABLE subscription (
    account INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (account, name)
) WITHOUT ROWID;
"""

# What a sender asks for beside the delivery itself: new in format 3.
WISHES = """
ALTER TABLE letter ADD COLUMN ret TEXT NOT NULL DEFAULT '';
ALTER TABLE letter ADD COLUMN envid TEXT NOT NULL DEFAULT '';
ALTER TABLE letter ADD COLUMN smtputf8 INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recipient ADD COLUMN notify TEXT NOT NULL DEFAULT '';
ALTER TABLE recipient ADD COLUMN orcpt TEXT NOT NULL DEFAULT '';
"""

NEWS = {2: SUBSCRIPTIONS, 3: WISHES}
"""What each format has that the one before had not; an older file gets it when it is opened."""

# A letter's octets are stored once, however many mailboxes hold it; `holders` counts them.
TABLES = """
CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT NOT NULL, password TEXT NOT NULL);
CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY, account INTEGER NOT NULL, name TEXT NOT NULL,
    uid_validity INTEGER NOT NULL, uid_next INTEGER NOT NULL
);
CREATE TABLE content (id INTEGER PRIMARY KEY, holders INTEGER NOT NULL, raw BLOB NOT NULL);
CREATE TABLE message (
    mailbox INTEGER NOT NULL, uid INTEGER NOT NULL, content INTEGER NOT NULL,
    size INTEGER NOT NULL, internal_date INTEGER NOT NULL, flags TEXT NOT NULL,
    PRIMARY KEY (mailbox, uid)
) WITHOUT ROWID;
CREATE TABLE letter (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, reverse_path TEXT NOT NULL, body TEXT NOT NULL,
    arrived_at INTEGER NOT NULL, size INTEGER NOT NULL, content BLOB NOT NULL
);
CREATE TABLE recipient (
    letter TEXT NOT NULL, place INTEGER NOT NULL, forward_path TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, next_at INTEGER, last_reply TEXT NOT NULL,
    PRIMARY KEY (letter, place)
) WITHOUT ROWID;
"""  # of format 1


class StoreError(OSError):
    """The mail store cannot be used; the sentence says why."""


class Database:
    """One SQLite file, or memory, that several threads write through one connection."""

    def __init__(self, folder: Path | str | None, rolled_back: Callable[[], None] = lambda: None) -> None:
        self.lock = threading.RLock()  # hold it over every group of calls that belong together
        self.pending = False
        self._rolled_back = rolled_back
        self._lost: str | None = None
        self._writers: set[int] = set()  # the threads that made the pending changes
        self._bereft: dict[int, str] = {}  # the threads whose changes went with another thread's, and why
        self._connection = _open_memory() if folder is None else _open_folder(Path(folder))
        self._cursor = self._connection.cursor()

    def write(self, sql: str, values: Sequence[object] = ()) -> int:
        """Change the database; durable after the next commit.

        Returns: the new row's number, after an INSERT into a table that numbers its rows.
        Raises: StoreError when the disk refuses; then nothing since the last commit is kept.
        """
        try:
            if not self.pending:
                self._cursor.execute("BEGIN")
                self.pending = True
            self._cursor.execute(sql, values)
            self._writers.add(threading.get_ident())
        except sqlite3.ProgrammingError as error:  # closed: nothing is pending that could be lost
            raise StoreError(f"the mail store cannot be written: {error}") from error
        except sqlite3.Error as error:
            self._lose(error)
        return self._cursor.lastrowid or 0

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return all rows that a query finds, uncommitted changes included."""
        with self.lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise StoreError(f"the mail store cannot be read: {error}") from error

    def commit(self) -> None:
        """Make all pending changes durable, or none of them.

        Raises: StoreError when they could not be kept, or when this thread's changes were given up by another's
            failure before; whoever waits for this commit must not say OK.
        """
        with self.lock:
            reason = self._lost or self._bereft.pop(threading.get_ident(), None)
            if reason is not None:
                self.rollback(reason)
                raise StoreError(reason)
            if self.pending:
                try:
                    self._cursor.execute("COMMIT")
                except sqlite3.Error as error:
                    self.rollback(_not_kept(error))
                    raise StoreError(_not_kept(error)) from error
                self.pending = False
                self._writers.clear()

    def rollback(self, reason: str = "nothing since the last commit was kept: it was given up") -> None:
        """Give up all pending changes, whoever made them; the other threads learn it when they commit."""
        with self.lock:
            if self.pending:
                self._undo()
                self._bereft |= dict.fromkeys(self._writers - {threading.get_ident()}, reason)
                self._writers.clear()
                self.pending, self._lost = False, None
                self._rolled_back()

    def close(self) -> None:
        """Close the file; pending changes are given up, as nobody was promised them."""
        with self.lock:
            self._connection.close()
            self.pending = False

    def _undo(self) -> None:
        # After some disk errors SQLite has rolled back by itself.
        if self._connection.in_transaction:
            self._cursor.execute("ROLLBACK")

    def _lose(self, error: sqlite3.Error) -> NoReturn:
        """Undo everything now, and let the next commit fail for all who wait for it."""
        self._undo()
        self._cursor.execute("BEGIN")
        self.pending, self._lost = True, _not_kept(error)
        self._rolled_back()
        raise StoreError(self._lost) from error


def _not_kept(error: sqlite3.Error) -> str:
    return f"nothing since the last commit was kept: {error}"


def _open_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    _bring_up_to_date(connection, 0)
    return connection


def _open_folder(folder: Path) -> sqlite3.Connection:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # passwords and letters are nobody else's
    except (FileExistsError, NotADirectoryError):
        raise StoreError(f"mail cannot be kept in {folder}: a file is in the way, a folder is needed") from None
    except OSError as error:
        raise StoreError(f"mail cannot be kept in {folder}: {error.strerror}") from error
    file = folder / FILE_NAME
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(file, timeout=0.5, check_same_thread=False, isolation_level=None)
        _prepare(connection, file)
    except (sqlite3.Error, StoreError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, StoreError):
            raise
        raise StoreError(_why_unusable(error, folder, file)) from error
    return connection


def _prepare(connection: sqlite3.Connection, file: Path) -> None:
    # The system's own file lock: another process is kept out, and kill -9 leaves nothing to clean up.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (objects or application) and application != APPLICATION_ID:
        raise StoreError(f"{file} is another program's database, not a mail store: use another folder")
    if version > FORMAT:
        raise StoreError(
            f"{file} was written by a newer emaillab (format {version}, this one knows {FORMAT}): "
            "update emaillab, or use another folder"
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # a commit returns when the octets are on the disk
    _bring_up_to_date(connection, version if objects else 0)
    connection.executescript("BEGIN EXCLUSIVE; COMMIT")  # takes the lock now, and shows that the file can be written


def _bring_up_to_date(connection: sqlite3.Connection, version: int) -> None:
    """Give an empty or older file what it lacks: all of it in one transaction, or nothing."""
    news = [TABLES] if version == 0 else []
    news += [script for number, script in NEWS.items() if number > version]
    if news:
        done = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"
        connection.executescript("\n".join(["BEGIN IMMEDIATE;", *news, done, "COMMIT;"]))


def _why_unusable(error: sqlite3.Error, folder: Path, file: Path) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"{folder} is in use by another running mail host: stop that one, or use another folder"
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return f"{file} is not a mail store, or is damaged ({error}): use another folder"
    return f"mail cannot be kept in {folder}: {error}"
