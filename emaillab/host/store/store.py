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

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from emaillab.host.store.account import INBOX, StoredAccount
from emaillab.host.store.database import Database, Execute, Memory
from emaillab.host.store.mailbox import ADD_CONTENT, StoredMailbox, is_ended
from emaillab.host.store.mailboxes import MailboxStore
from emaillab.host.store.moments import to_microseconds
from emaillab.host.store.outgoing import QueueStore


class Store(QueueStore):
    """All that one host must not forget; in memory, or in a folder's `mail.sqlite`.

    Nothing is durable before `commit`. Any thread may call any method; each is done whole or not at all, and so is
    all that a thread does within a piece of `work`.
    Raises: StoreError, one sentence, when the folder cannot be used.
    SIMPLIFIED: passwords are kept in the clear, because APOP and CRAM-MD5 need them.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self._known: dict[str, StoredAccount] = {}
        super().__init__(Database(path, Memory(self._before_commit, self._committed, self._lost)))
        self._mailboxes = MailboxStore(self._database)
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
        with self._database.lock, self._database.work():
            account = self._accounts.get(name.casefold())
            if account is not None:
                account.change_password(password)
                return
            row = self._database.write("INSERT INTO account(name, password) VALUES (?, ?)", (name, password))
            account = StoredAccount(self._mailboxes, row, name, password)
            account.create_mailbox(INBOX, uid_validity)
            self._database.when_undone(account, lambda: self._drop_account(name))
            self._accounts[name.casefold()] = account

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
        internal_date = to_microseconds(at)
        with self._database.lock, self._database.work():
            boxes = dict.fromkeys([self._box(name, mailbox) for name in names])
            if not boxes:
                return
            content = self._database.write(ADD_CONTENT, (len(boxes), raw))
            size, ended = len(raw), is_ended(raw)
            for box in boxes:
                box.hold(content, size, internal_date, "", ended)

    # -- Promises -------------------------------------------------------------------------------------

    @property
    def pending(self) -> bool:
        """True when something waits for a commit."""
        return self._database.pending

    @property
    def errors(self) -> deque[Exception]:
        """The latest failures of those who were told of a commit."""
        return self._database.errors

    def commit(self) -> None:
        """Make everything that is pending durable, or nothing of it; costs nothing when nothing is pending.

        One commit serves all sessions whose verbs wrote something since the last one. Then those are told who watch
        a mailbox that it changed.
        Raises: StoreError when work of this thread was lost, now or since its last commit. Whose it was, the `lost`
            of each piece of work says; whoever waits for one that is lost must not say OK.
        """
        self._database.commit()

    def rollback(self) -> None:
        """Give up everything that is pending, whichever session it belongs to."""
        self._database.rollback()

    def close(self) -> None:
        """Close the store; what is pending is given up, as nobody was promised it."""
        self._database.close()

    # -- What memory holds of the database --------------------------------------------------------------

    @property
    def _accounts(self) -> dict[str, StoredAccount]:
        """All accounts by their names in lower case."""
        self._database.refresh()
        return self._known

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

    def _before_commit(self, execute: Execute) -> None:
        """Write what is written once for all changes of a commit."""
        self._mailboxes.before_commit(execute)

    def _committed(self) -> Iterable[Callable[[], None]]:
        """Take note that all is durable. Returns: who watches what has changed."""
        return self._mailboxes.committed()

    def _lost(self) -> None:
        """Read everything anew, here and where the queue is."""
        self._load()
        for follower in self._followers:
            follower()

    def _drop_account(self, name: str) -> None:
        del self._accounts[name.casefold()]

    def _load(self) -> None:
        """Read accounts and mailboxes, after opening and after a loss; objects in use stay the same objects."""
        rows = self._database.rows("SELECT id, name, password FROM account ORDER BY id")
        boxes = self._mailboxes.load()  # while the accounts still hold theirs
        known = {account.row: account for account in self._known.values()}
        owned: dict[int, dict[str, StoredMailbox]] = {}
        for owner, box in boxes:
            owned.setdefault(owner, {})[box.name] = box
        self._known = {}
        for row, name, password in rows:
            account = known.get(row) or StoredAccount(self._mailboxes, row, name, password)
            account.load(password, owned.get(row, {}))
            self._known[name.casefold()] = account
