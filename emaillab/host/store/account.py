"""What does a user have on a mail host? A name, a password, and mailboxes with names of their own.

>>> from emaillab.host.store.database import Database
>>> bob = StoredAccount(MailboxStore(Database()), 1, "bob", "secret")
>>> bob.create_mailbox("INBOX"); bob.create_mailbox("StoredWork"); bob.create_mailbox("StoredWork/2026")
>>> bob.rename_mailbox("StoredWork/2026", "Done"); bob.subscribe("Done"); bob.delete_mailbox("StoredWork")
>>> bob.mailbox_names(), bob.subscriptions()
(['INBOX', 'Done'], ['Done'])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emaillab.host.store.mailbox import StoredMailbox
from emaillab.host.store.mailboxes import MailboxStore

INBOX = "INBOX"


class StoredAccount:
    """A user's mailboxes; all sessions of the user share this one object. Changes are durable after the next commit."""

    def __init__(self, all_mailboxes: MailboxStore, row: int, name: str, password: str) -> None:
        self.name = name
        self.row = row
        self.password = password
        self._mailboxes: dict[str, StoredMailbox] = {}
        self._all, self._database = all_mailboxes, all_mailboxes.database
        self._maildrop_holder: str | None = None

    def __repr__(self) -> str:
        return f"<StoredAccount {self.name}: {', '.join(self.mailbox_names())}>"

    def key(self, mechanism: str) -> bytes | None:
        """Return None: passwords are kept, and no keys of mechanisms that need none."""
        return None

    @property
    def mailboxes(self) -> dict[str, StoredMailbox]:
        """The mailboxes by their names."""
        self._database.refresh()
        return self._mailboxes

    def load(self, password: str, mailboxes: dict[str, StoredMailbox]) -> None:
        """Take note of what the database says."""
        self.password, self._mailboxes = password, mailboxes

    @property
    def inbox(self) -> StoredMailbox:
        """The mailbox that is always there."""
        return self.mailboxes[INBOX]

    def mailbox_names(self) -> list[str]:
        """Return all mailbox names, INBOX first, "/" between levels."""
        return sorted(self.mailboxes, key=lambda name: (name != INBOX, name))

    def mailbox(self, name: str) -> StoredMailbox | None:
        """Return a mailbox, or None; INBOX in any case."""
        return self.mailboxes.get(_mailbox_name(name))

    def create_mailbox(self, name: str, uid_validity: int | None = None) -> None:
        """Add an empty mailbox; harmless when it is there."""
        with self._database.lock, self._database.work():
            if self.mailbox(name) is None:
                box = self._all.add(self.row, _mailbox_name(name), uid_validity)
                self._note()
                self.mailboxes[box.name] = box

    def delete_mailbox(self, name: str) -> None:
        """Remove a mailbox and all that is in it. Raises: KeyError when it is not there."""
        with self._database.lock, self._database.work():
            self._all.delete(self.mailboxes[name])
            self._note()
            del self.mailboxes[name]

    def rename_mailbox(self, name: str, to: str) -> None:
        """Change a mailbox's name, but not its messages. Raises: KeyError when it is not there."""
        with self._database.lock, self._database.work():
            self._all.rename(self.mailboxes[name], to)
            self._note()
            self.mailboxes[to] = self.mailboxes.pop(name)

    def change_password(self, password: str) -> None:
        """Change the password."""
        with self._database.lock, self._database.joined():
            before = self.password
            self._database.write("UPDATE account SET password = ? WHERE id = ?", (password, self.row))
            self._database.when_undone((self, "password"), lambda: setattr(self, "password", before))
            self.password = password

    def _note(self) -> None:
        """Note which mailboxes there are, in case the verb is undone."""
        before = dict(self.mailboxes)
        self._database.when_undone(self, lambda: setattr(self, "_mailboxes", before))

    def copy(self, source: Any, uids: Sequence[int], target: Any) -> list[int]:
        """Copy messages from one mailbox to another. Returns: their new UIDs. Raises: KeyError when one is gone."""
        taken: list[int] = target.take(source, uids)
        return taken

    def subscriptions(self) -> list[str]:
        """Return the mailbox names that the user wants to see, in order; they need not exist."""
        rows = self._database.rows("SELECT name FROM subscription WHERE account = ? ORDER BY name", (self.row,))
        return [name for (name,) in rows]

    def subscribe(self, name: str) -> None:
        """Add a name to the subscriptions; harmless when it is there."""
        sql = "INSERT OR IGNORE INTO subscription(account, name) VALUES (?, ?)"
        with self._database.lock:
            self._database.write(sql, (self.row, _mailbox_name(name)))

    def unsubscribe(self, name: str) -> None:
        """Take a name off the subscriptions; harmless when it is not there."""
        sql = "DELETE FROM subscription WHERE account = ? AND name = ?"
        with self._database.lock:
            self._database.write(sql, (self.row, _mailbox_name(name)))

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
