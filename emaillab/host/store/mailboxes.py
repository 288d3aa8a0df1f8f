"""Which mailboxes does a store have, and which of them has a commit changed?

>>> from emaillab.host.store.database import Database
>>> mailboxes = MailboxStore(Database())
>>> first = mailboxes.add(account=1, name="INBOX")
>>> second = mailboxes.add(account=1, name="Saved")
>>> first.uid_validity, second.uid_validity  # a name that is used again gets a new one
(1, 2)
>>> [box for _, box in mailboxes.load()] == [first, second]
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from weakref import WeakValueDictionary

from emaillab.host.store.database import Database, Execute
from emaillab.host.store.mailbox import Changes, StoredMailbox
from emaillab.host.store.tombstones import forget_all
from emaillab.protocol.backend import MailboxStatus

NOBODY = 0  # whose the mailboxes are that were deleted: so that neither their row nor their UIDVALIDITY is used again
NOWHERE = 0  # the row of a mailbox whose making was given up


class MailboxStore:
    """All mailboxes of a store: each is one object, whoever asks for it, as long as anybody holds it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._changes = Changes()
        self._boxes: WeakValueDictionary[int, StoredMailbox] = WeakValueDictionary()

    def add(self, account: int, name: str, uid_validity: int | None = None) -> StoredMailbox:
        """Make an empty mailbox; by default its UIDVALIDITY is one that no other ever had."""
        with self.database.lock, self.database.work():
            if uid_validity is None:
                ((last,),) = self.database.rows("SELECT coalesce(max(uid_validity), 0) FROM mailbox")
                uid_validity = last + 1
            row = self.database.write(
                "INSERT INTO mailbox(account, name, uid_validity, uid_next) VALUES (?, ?, ?, 1)",
                (account, name, uid_validity),
            )
            box = self._boxes[row] = self._box(row, name, uid_validity, MailboxStatus())
            self.database.when_undone(("mailbox", row), lambda: self._abandon(row))
            return box

    def rename(self, box: StoredMailbox, name: str) -> None:
        """Change a mailbox's name."""
        with self.database.lock, self.database.work():
            before = box.name
            self.database.write("UPDATE mailbox SET name = ? WHERE id = ?", (name, box.row))
            self.database.when_undone((box, "name"), lambda: setattr(box, "name", before))
            box.name = name

    def delete(self, box: StoredMailbox) -> None:
        """Remove a mailbox with all that is in it; a session that still looks at it sees it empty."""
        with self.database.lock, self.database.work():
            box.remove([entry.uid for entry in box.entries()])
            forget_all(self.database, box.row)
            self.database.write("UPDATE mailbox SET account = ? WHERE id = ?", (NOBODY, box.row))

    def load(self) -> list[tuple[int, StoredMailbox]]:
        """Read all mailboxes, each with its account's row; objects in use stay the same objects."""
        there = self.database.rows(
            "SELECT id, account, name, uid_validity, forgotten, "
            "messages, unseen, deleted, size, uid_next, highest_modseq FROM mailbox ORDER BY id"
        )
        self._changes.unwritten.clear()
        self._changes.changed.clear()
        found, rows = [], set()
        for row, account, name, uid_validity, forgotten, *numbers in there:
            status = MailboxStatus(*numbers)
            box = self._boxes.get(row)
            if box is None:
                box = self._boxes[row] = self._box(row, name, uid_validity, status)
            box.reload(name, status, forgotten)
            rows.add(row)
            if account != NOBODY:
                found.append((account, box))
        for row in set(self._boxes) - rows:
            self._abandon(row)
        return found

    def before_commit(self, execute: Execute) -> None:
        """Write the numbers, once for all changes of a commit."""
        for box in self._changes.unwritten:
            box.write_numbers(execute)

    def committed(self) -> Iterator[Callable[[], None]]:
        """Take note that all is durable. Returns: who wants to be told, each once."""
        watchers = dict.fromkeys(callback for box in self._changes.changed for callback in box.watchers)
        for box in self._changes.unwritten:
            box.committed()
        self._changes.unwritten.clear()
        self._changes.changed.clear()
        return iter(watchers)

    def _box(self, row: int, name: str, uid_validity: int, status: MailboxStatus) -> StoredMailbox:
        return StoredMailbox(self.database, self._changes, row, name, uid_validity, status)

    def _abandon(self, row: int) -> None:
        """Let go of a mailbox whose making was given up."""
        box = self._boxes.pop(row, None)
        if box is not None:
            box.abandon(NOWHERE)
            self._changes.unwritten.discard(box)
            self._changes.changed.discard(box)
