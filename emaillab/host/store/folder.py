"""Where is a mail store kept? In memory, or in a folder that one host has to itself.

>>> connection = open_database(None)
>>> connection.execute("SELECT count(*) FROM account").fetchone()
(0,)
>>> open_database(__file__)  # doctest: +ELLIPSIS
Traceback (most recent call last):
emaillab.host.store.errors.StoreError: mail cannot be kept in ...: a file is in the way, a folder is needed
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from emaillab.host.store.errors import StoreError
from emaillab.host.store.format import APPLICATION_ID, FORMAT, bring_up_to_date

FILE_NAME = "mail.sqlite"


def open_database(folder: Path | str | None) -> sqlite3.Connection:
    """Return a connection to a store of today's format, in a folder or in memory; transactions are the caller's.

    Raises: StoreError, one sentence, when the folder cannot be used.
    """
    if folder is None:
        connection = _connect(":memory:")
        bring_up_to_date(connection, 0)
        return connection
    folder = Path(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # passwords and letters are nobody else's
    except (FileExistsError, NotADirectoryError):
        raise StoreError(f"mail cannot be kept in {folder}: a file is in the way, a folder is needed") from None
    except OSError as error:
        raise StoreError(f"mail cannot be kept in {folder}: {error.strerror}") from error
    return _open_file(folder)


def _open_file(folder: Path) -> sqlite3.Connection:
    file = folder / FILE_NAME
    opened: sqlite3.Connection | None = None
    try:
        opened = _connect(file)
        _prepare(opened, file)
    except (sqlite3.Error, StoreError) as error:
        if opened is not None:
            opened.close()
        if isinstance(error, StoreError):
            raise
        raise StoreError(_why_unusable(error, folder, file)) from error
    return opened


def _connect(place: Path | str) -> sqlite3.Connection:
    return sqlite3.connect(place, timeout=0.5, check_same_thread=False, isolation_level=None)


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
    bring_up_to_date(connection, version if objects else 0)
    connection.executescript("BEGIN EXCLUSIVE; COMMIT")  # takes the lock now, and shows that the file can be written


def _why_unusable(error: sqlite3.Error, folder: Path, file: Path) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"{folder} is in use by another running mail host: stop that one, or use another folder"
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return f"{file} is not a mail store, or is damaged ({error}): use another folder"
    return f"mail cannot be kept in {folder}: {error}"
