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

from emaillab.host.database import Database, StoreError
from emaillab.host.queue_store import QueuedLetter, QueueStore, Recipient, from_microseconds, to_microseconds
from emaillab.protocol.backend import Entry

__all__ = ["Store", "StoreError", "StoredAccount", "StoredMailbox", "QueuedLetter", "Recipient"]

INBOX = "INBOX"

_ADD_CONTENT = "INSERT INTO content(holders, raw) VALUES (?, ?)"
_ADD_MESSAGE = "INSERT INTO message(mailbox, uid, content, size, internal_date, flags) VALUES (?, ?, ?, ?, ?, ?)"


class StoredMailbox:
    """A mailbox; UIDs ascend and are never used again, also after a restart (RFC 9051 §2.3.1.1)."""

    def __init__(
        self, database: Database, grown: set[StoredMailbox], row: int, name: str, uid_validity: int, uid_next: int
    ) -> None:
        self.name = name
        self.uid_validity = uid_validity
        self._uid_next = uid_next
        self._database = database
        self._grown = grown  # whose UIDNEXT the database does not have yet
        self._row = row
        # Filled when first asked for, then kept up to date: a command costs no scan of 10,000 messages.
        self._known: dict[int, Entry] | None = None
        self._view: tuple[Entry, ...] | None = None

    def __repr__(self) -> str:
        return f"<StoredMailbox {self.name}, UIDVALIDITY {self.uid_validity}, UIDNEXT {self.uid_next}>"

    @property
    def uid_next(self) -> int:
        """The UID the next message will get."""
        return self._uid_next

    def entries(self) -> tuple[Entry, ...]:
        """Return all messages by ascending UID, as they are now; the same tuple as long as nothing changes."""
        with self._database.lock:
            if self._view is None:
                self._view = tuple(self._by_uid().values())
            return self._view

    def raw(self, uid: int) -> bytes:
        """Return a message's octets. Raises: KeyError when it is gone."""
        for (raw,) in self._database.rows(
            "SELECT raw FROM message JOIN content ON content.id = content WHERE mailbox = ? AND uid = ?",
            (self._row, uid),
        ):
            return bytes(raw)
        raise KeyError(f"no message with UID {uid} in {self.name}")

    def append(self, raw: bytes, flags: Iterable[str], internal_date: datetime) -> int:
        """Store a message; durable after the next commit. Returns: its UID."""
        with self._database.lock:
            arrived, joined = to_microseconds(internal_date), _join(flags)
            content = self._database.write(_ADD_CONTENT, (1, raw))
            return self._hold(content, len(raw), arrived, joined)

    def set_flags(self, uid: int, flags: Iterable[str]) -> None:
        """Replace a message's flags; harmless when it is gone."""
        with self._database.lock:
            known = self._by_uid()
            old, wanted = known.get(uid), frozenset(flags)
            if old is None or old.flags == wanted:
                return
            self._database.write(
                "UPDATE message SET flags = ? WHERE mailbox = ? AND uid = ?", (_join(wanted), self._row, uid)
            )
            known[uid] = Entry(uid, old.size, old.internal_date, wanted)
            self._view = None

    def remove(self, uids: Iterable[int]) -> None:
        """Remove messages for good; durable after the next commit; harmless for those that are gone."""
        write = self._database.write
        with self._database.lock:
            known = self._by_uid()
            for uid in set(uids) & known.keys():
                which = (self._row, uid)
                ((content,),) = self._database.rows("SELECT content FROM message WHERE mailbox = ? AND uid = ?", which)
                write("DELETE FROM message WHERE mailbox = ? AND uid = ?", which)
                write("UPDATE content SET holders = holders - 1 WHERE id = ?", (content,))
                write("DELETE FROM content WHERE id = ? AND holders = 0", (content,))
                del known[uid]
                self._view = None

    def _hold(self, content: int, size: int, internal_date: int, flags: str) -> int:
        """Enter stored content as the next message."""
        uid = self._uid_next
        self._database.write(_ADD_MESSAGE, (self._row, uid, content, size, internal_date, flags))
        self._uid_next = uid + 1
        self._grown.add(self)
        if self._known is not None:
            self._known[uid] = _entry(uid, size, internal_date, flags)
            self._view = None
        return uid

    def _by_uid(self) -> dict[int, Entry]:
        if self._known is None:
            self._known = {
                uid: _entry(uid, size, internal_date, flags)
                for uid, size, internal_date, flags in self._database.rows(
                    "SELECT uid, size, internal_date, flags FROM message WHERE mailbox = ? ORDER BY uid", (self._row,)
                )
            }
        return self._known

    def _keep_uid_next(self) -> None:
        """Write UIDNEXT, once for all the messages of a commit."""
        self._database.write("UPDATE mailbox SET uid_next = ? WHERE id = ?", (self._uid_next, self._row))

    def _forget(self, uid_next: int) -> None:
        """Read the messages anew when next asked; UIDs given out stay used, as a session may have shown them."""
        self._known = self._view = None
        if self._uid_next != uid_next:
            self._grown.add(self)


def _entry(uid: int, size: int, internal_date: int, flags: str) -> Entry:
    return Entry(uid, size, from_microseconds(internal_date), frozenset(flags.split()))


def _join(flags: Iterable[str]) -> str:
    return " ".join(sorted(flags))


class StoredAccount:
    """A user's mailboxes; all sessions of the user share this one object."""

    def __init__(self, database: Database, row: int, name: str, password: str) -> None:
        self.name = name
        self._database = database
        self._row = row
        self._password = password
        self._mailboxes: dict[str, StoredMailbox] = {}
        self._maildrop_holder: str | None = None

    def __repr__(self) -> str:
        return f"<StoredAccount {self.name}: {', '.join(self.mailbox_names())}>"

    @property
    def inbox(self) -> StoredMailbox:
        """The mailbox that is always there."""
        return self._mailboxes[INBOX]

    def mailbox_names(self) -> list[str]:
        """Return all mailbox names, INBOX first, "/" between levels."""
        return sorted(self._mailboxes, key=lambda name: (name != INBOX, name))

    def mailbox(self, name: str) -> StoredMailbox | None:
        """Return a mailbox, or None; INBOX in any case."""
        return self._mailboxes.get(_mailbox_name(name))

    def lock_maildrop(self, holder: str) -> bool:
        """Take the exclusive POP3 lock on INBOX; False when another session holds it. Source: RFC 1939 §4."""
        with self._database.lock:
            if self._maildrop_holder is None:
                self._maildrop_holder = holder
            return self._maildrop_holder == holder

    def unlock_maildrop(self, holder: str) -> None:
        """Give the lock back; harmless when it is not held."""
        with self._database.lock:
            if self._maildrop_holder == holder:
                self._maildrop_holder = None


def _mailbox_name(name: str) -> str:
    return INBOX if name.upper() == INBOX else name


class Store(QueueStore):
    """All that one host must not forget; in memory, or in a folder's `mail.sqlite`.

    Nothing is durable before `commit`. Any thread may call any method.
    Raises: StoreError, one sentence, when the folder cannot be used.
    SIMPLIFIED: passwords are kept in the clear, because APOP and CRAM-MD5 need them.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self._accounts: dict[str, StoredAccount] = {}
        self._grown: set[StoredMailbox] = set()
        super().__init__(Database(path, self._load))
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
                self._database.write("UPDATE account SET password = ? WHERE id = ?", (password, account._row))
                account._password = password
                return
            row = self._database.write("INSERT INTO account(name, password) VALUES (?, ?)", (name, password))
            self._accounts[name.casefold()] = StoredAccount(self._database, row, name, password)
            self.add_mailbox(name, INBOX, uid_validity)

    def add_mailbox(self, account: str, name: str, uid_validity: int = 1) -> None:
        """Add an empty mailbox to an account; harmless when it is there. Raises: KeyError for an unknown account."""
        with self._database.lock:
            owner = self._owner(account)
            if owner.mailbox(name) is not None:
                return
            row = self._database.write(
                "INSERT INTO mailbox(account, name, uid_validity, uid_next) VALUES (?, ?, ?, 1)",
                (owner._row, _mailbox_name(name), uid_validity),
            )
            box = StoredMailbox(self._database, self._grown, row, _mailbox_name(name), uid_validity, 1)
            owner._mailboxes[box.name] = box

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
        right = "" if account is None else account._password
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
            content = self._database.write(_ADD_CONTENT, (len(boxes), raw))
            size, internal_date = len(raw), to_microseconds(at)
            for box in boxes:
                box._hold(content, size, internal_date, "")

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
                for mailbox in self._grown:
                    mailbox._keep_uid_next()
            self._database.commit()
            if pending:
                self._grown.clear()

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
        known = {account._row: account for account in self._accounts.values()}
        accounts: dict[int, StoredAccount] = {}
        for row, name, password in self._database.rows("SELECT id, name, password FROM account ORDER BY id"):
            accounts[row] = known.get(row) or StoredAccount(self._database, row, name, password)
            accounts[row]._password = password
        boxes: dict[int, dict[str, StoredMailbox]] = {row: {} for row in accounts}
        self._grown.clear()
        for row, owner, name, uid_validity, uid_next in self._database.rows(
            "SELECT id, account, name, uid_validity, uid_next FROM mailbox ORDER BY id"
        ):
            box = accounts[owner]._mailboxes.get(name)
            if box is None:
                box = StoredMailbox(self._database, self._grown, row, name, uid_validity, uid_next)
            box._forget(uid_next)
            boxes[owner][name] = box
        for row, account in accounts.items():
            account._mailboxes = boxes[row]
        self._accounts = {account.name.casefold(): account for account in accounts.values()}
