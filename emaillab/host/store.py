"""Where does mail lie between its arrival and the moment somebody reads it?

One store per host: accounts, their mailboxes, the messages in them, and the outgoing queue's shelf.

>>> from datetime import UTC, datetime
>>> store = Store()
>>> store.add_account("bob", "secret")
>>> store.deliver(["Bob"], b"Subject: hi\\r\\n\\r\\nHello\\r\\n", datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
>>> store.commit()
>>> inbox = store.account("bob").inbox
>>> [(entry.uid, entry.size) for entry in inbox.entries()], inbox.uid_next
([(1, 22)], 2)
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from emaillab.host.account import INBOX, StoredAccount
from emaillab.host.database import Database, StoreError
from emaillab.host.mailbox import ADD_CONTENT, Shelf, StoredMailbox
from emaillab.host.queue_store import QueuedLetter, QueuedRecipient, QueueStore, to_microseconds

__all__ = ["INBOX", "Store", "StoreError", "StoredAccount", "StoredMailbox", "QueuedLetter", "QueuedRecipient"]


class Store(QueueStore):
    """All that one host must not forget; in memory, or in a folder's `mail.sqlite`.

    Nothing is durable before `commit`. Any thread may call any method.
    Raises: StoreError, one sentence, when the folder cannot be used.
    SIMPLIFIED: passwords are kept in the clear, because APOP and CRAM-MD5 need them.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self._accounts: dict[str, StoredAccount] = {}
        super().__init__(Database(path, self._load))
        self._shelf = Shelf(self._database)
        self._load()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # -- Accounts -------------------------------------------------------------------------------------

    def add_account(self, name: str, password: str, uid_validity: int = 1) -> None:
        """Add an account with its INBOX; of an account that is there already, change the password.

        Raises: ValueError when the name cannot stand in an address.
        """
        if not name or any(not c.isprintable() or c.isspace() for c in name):
            raise ValueError(f"{name!r} cannot be an account's name: letters are needed, and no spaces")
        with self._database.lock:
            account = self._accounts.get(name.casefold())
            if account is not None:
                self._database.write("UPDATE account SET password = ? WHERE id = ?", (password, account.row))
                account.password = password
                return
            row = self._database.write("INSERT INTO account(name, password) VALUES (?, ?)", (name, password))
            account = self._accounts[name.casefold()] = StoredAccount(self._shelf, row, name, password)
            account.create_mailbox(INBOX, uid_validity)

    def add_mailbox(self, account: str, name: str) -> None:
        """Add an empty mailbox to an account; harmless when it is there. Raises: KeyError for an unknown account."""
        self._owner(account).create_mailbox(name)

    def account_names(self) -> list[str]:
        """Return all account names, as they were given, in the order of their making."""
        return [account.name for account in self._accounts.values()]

    def has_account(self, name: str) -> bool:
        """Say whether there is an account of this name, in any case."""
        return name.casefold() in self._accounts

    def account(self, name: str) -> StoredAccount | None:
        """Return the account of this name, in any case."""
        return self._accounts.get(name.casefold())

    def check_password(self, name: str, password: str) -> bool:
        """Say whether name and password fit, in a time that tells nothing of either."""
        from hmac import compare_digest  # costs as much to import as all of this module

        account = self._accounts.get(name.casefold())
        right = "" if account is None else account.password
        same = compare_digest(password.encode(errors="replace"), right.encode(errors="replace"))
        return same and account is not None

    # -- Mail -----------------------------------------------------------------------------------------

    def deliver(self, names: Iterable[str], raw: bytes, at: datetime, mailbox: str = INBOX) -> None:
        """Put one letter into the mailbox of each account, once; all share one copy of its octets.

        Raises: KeyError for an unknown account or mailbox; then nobody got it.
        """
        with self._database.lock:
            boxes = dict.fromkeys([self._box(name, mailbox) for name in names])
            if not boxes:
                return
            content = self._database.write(ADD_CONTENT, (len(boxes), raw))
            size, internal_date = len(raw), to_microseconds(at)
            for box in boxes:
                box.hold(content, size, internal_date, "")

    # -- Promises -------------------------------------------------------------------------------------

    @property
    def pending(self) -> bool:
        """True when something waits for a commit."""
        return self._database.pending

    def commit(self) -> None:
        """Make everything that is pending durable, or nothing of it; costs nothing when nothing is pending.

        Raises: StoreError when it could not be kept; whoever waits for this commit must not say OK.
        """
        with self._database.lock:
            pending = self.pending
            if pending:
                for mailbox in self._shelf.grown:
                    mailbox.keep_uid_next()
            self._database.commit()
            if pending:
                self._shelf.grown.clear()

    def rollback(self) -> None:
        """Give up everything that is pending, whichever session it belongs to."""
        self._database.rollback()

    def close(self) -> None:
        """Close the store; what is pending is given up, as nobody was promised it."""
        self._database.close()

    # -- What memory holds of the database --------------------------------------------------------------

    def _owner(self, name: str) -> StoredAccount:
        account = self._accounts.get(name.casefold())
        if account is None:
            raise KeyError(f"no account {name!r}")
        return account

    def _box(self, name: str, mailbox: str) -> StoredMailbox:
        box = self._owner(name).mailbox(mailbox)
        if box is None:
            raise KeyError(f"{name} has no mailbox {mailbox!r}")
        return box

    def _load(self) -> None:
        """Read accounts and mailboxes, after opening and after a rollback; objects in use stay the same objects."""
        boxes = self._shelf.load()  # while the accounts still hold theirs
        known = {account.row: account for account in self._accounts.values()}
        accounts: dict[int, StoredAccount] = {}
        for row, name, password in self._database.rows("SELECT id, name, password FROM account ORDER BY id"):
            account = accounts[row] = known.get(row) or StoredAccount(self._shelf, row, name, password)
            account.password = password
            account.mailboxes.clear()
        for owner, box in boxes:
            accounts[owner].mailboxes[box.name] = box
        self._accounts = {account.name.casefold(): account for account in accounts.values()}
