"""Where does a user's mail lie? In mailboxes of numbered messages; letters for many are stored once.

>>> from datetime import UTC, datetime
>>> shelf = Shelf(Database(None))
>>> inbox, saved = shelf.add(1, "INBOX"), shelf.add(1, "Saved")
>>> uid = inbox.append(b"Subject: hi\\r\\n", ["\\\\Seen"], datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
>>> saved.take(inbox, [uid]), saved.raw(1), saved.entries()[0].flags
([1], b'Subject: hi\\r\\n', frozenset({'\\\\Seen'}))
>>> inbox.uid_validity, saved.uid_validity  # a name that is used again gets a new one
(1, 2)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from weakref import WeakValueDictionary

from emaillab.host.database import Database
from emaillab.host.queue_store import from_microseconds, to_microseconds
from emaillab.protocol.backend import Entry

ADD_CONTENT = "INSERT INTO content(holders, raw) VALUES (?, ?)"
_ADD_MESSAGE = "INSERT INTO message(mailbox, uid, content, size, internal_date, flags) VALUES (?, ?, ?, ?, ?, ?)"
NOBODY = 0  # whose the mailboxes are that were deleted: so that neither their row nor their UIDVALIDITY is used again
NOWHERE = 0  # the row of a mailbox whose making was given up


class Shelf:
    """All mailboxes of a store: each is one object, whoever asks for it, as long as anybody holds it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.grown: set[StoredMailbox] = set()
        """Those whose UIDNEXT the database does not have yet."""
        self._boxes: WeakValueDictionary[int, StoredMailbox] = WeakValueDictionary()

    def add(self, account: int, name: str, uid_validity: int | None = None) -> StoredMailbox:
        """Make an empty mailbox; by default its UIDVALIDITY is one that no other ever had."""
        with self.database.lock:
            if uid_validity is None:
                ((last,),) = self.database.rows("SELECT coalesce(max(uid_validity), 0) FROM mailbox")
                uid_validity = last + 1
            row = self.database.write(
                "INSERT INTO mailbox(account, name, uid_validity, uid_next) VALUES (?, ?, ?, 1)",
                (account, name, uid_validity),
            )
            box = self._boxes[row] = StoredMailbox(self, row, name, uid_validity, 1)
            return box

    def rename(self, box: StoredMailbox, name: str) -> None:
        """Change a mailbox's name."""
        self.database.write("UPDATE mailbox SET name = ? WHERE id = ?", (name, box.row))
        box.name = name

    def delete(self, box: StoredMailbox) -> None:
        """Remove a mailbox with all that is in it; a session that still looks at it sees it empty."""
        box.remove([entry.uid for entry in box.entries()])
        self.database.write("UPDATE mailbox SET account = ? WHERE id = ?", (NOBODY, box.row))

    def load(self) -> list[tuple[int, StoredMailbox]]:
        """Read all mailboxes, each with its account's row; objects in use stay the same objects."""
        self.grown.clear()
        found, rows = [], set()
        for row, account, name, uid_validity, uid_next in self.database.rows(
            "SELECT id, account, name, uid_validity, uid_next FROM mailbox ORDER BY id"
        ):
            box = self._boxes.get(row) or StoredMailbox(self, row, name, uid_validity, uid_next)
            self._boxes[row] = box
            box.reload(name, uid_next)
            rows.add(row)
            if account != NOBODY:
                found.append((account, box))
        for row in set(self._boxes) - rows:
            self._boxes.pop(row).row = NOWHERE
        return found


class StoredMailbox:
    """A mailbox; UIDs ascend and are never used again, also after a restart (RFC 9051 §2.3.1.1)."""

    def __init__(self, shelf: Shelf, row: int, name: str, uid_validity: int, uid_next: int) -> None:
        self.name = name
        self.uid_validity = uid_validity
        self.row = row
        self._uid_next = uid_next
        self._shelf, self._database = shelf, shelf.database
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
            (self.row, uid),
        ):
            return bytes(raw)
        raise KeyError(f"no message with UID {uid} in {self.name}")

    def append(self, raw: bytes, flags: Iterable[str], internal_date: datetime) -> int:
        """Store a message; durable after the next commit. Returns: its UID."""
        with self._database.lock:
            arrived, joined = to_microseconds(internal_date), _join(flags)
            content = self._database.write(ADD_CONTENT, (1, raw))
            return self.hold(content, len(raw), arrived, joined)

    def set_flags(self, uid: int, flags: Iterable[str]) -> None:
        """Replace a message's flags; harmless when it is gone."""
        with self._database.lock:
            known = self._by_uid()
            old, wanted = known.get(uid), frozenset(flags)
            if old is None or old.flags == wanted:
                return
            self._database.write(
                "UPDATE message SET flags = ? WHERE mailbox = ? AND uid = ?", (_join(wanted), self.row, uid)
            )
            known[uid] = Entry(uid, old.size, old.internal_date, wanted)
            self._view = None

    def remove(self, uids: Iterable[int]) -> None:
        """Remove messages for good; durable after the next commit; harmless for those that are gone."""
        write = self._database.write
        with self._database.lock:
            known = self._by_uid()
            for uid in set(uids) & known.keys():
                which = (self.row, uid)
                ((content,),) = self._database.rows("SELECT content FROM message WHERE mailbox = ? AND uid = ?", which)
                write("DELETE FROM message WHERE mailbox = ? AND uid = ?", which)
                # In this order, since SQLite writes all of a row again to change one number of it.
                write("DELETE FROM content WHERE id = ? AND holders = 1", (content,))
                write("UPDATE content SET holders = holders - 1 WHERE id = ?", (content,))
                del known[uid]
                self._view = None

    def take(self, source: StoredMailbox, uids: Sequence[int]) -> list[int]:
        """Add copies of another mailbox's messages, with their flags and dates; durable after the next commit.

        Returns: their UIDs here. Raises: KeyError when one is gone; then none is copied.
        """
        with self._database.lock:
            known = source._by_uid()
            taken = []
            for entry in [known[uid] for uid in uids]:
                which = (source.row, entry.uid)
                ((content,),) = self._database.rows("SELECT content FROM message WHERE mailbox = ? AND uid = ?", which)
                self._database.write("UPDATE content SET holders = holders + 1 WHERE id = ?", (content,))
                taken.append(self.hold(content, entry.size, to_microseconds(entry.internal_date), _join(entry.flags)))
            return taken

    def hold(self, content: int, size: int, internal_date: int, flags: str) -> int:
        """Enter stored content as the next message."""
        uid = self._uid_next
        self._database.write(_ADD_MESSAGE, (self.row, uid, content, size, internal_date, flags))
        self._uid_next = uid + 1
        self._shelf.grown.add(self)
        if self._known is not None:
            self._known[uid] = _entry(uid, size, internal_date, flags)
            self._view = None
        return uid

    def _by_uid(self) -> dict[int, Entry]:
        if self._known is None:
            self._known = {
                uid: _entry(uid, size, internal_date, flags)
                for uid, size, internal_date, flags in self._database.rows(
                    "SELECT uid, size, internal_date, flags FROM message WHERE mailbox = ? ORDER BY uid", (self.row,)
                )
            }
        return self._known

    def keep_uid_next(self) -> None:
        """Write UIDNEXT, once for all the messages of a commit."""
        self._database.write("UPDATE mailbox SET uid_next = ? WHERE id = ?", (self._uid_next, self.row))

    def reload(self, name: str, uid_next: int) -> None:
        """Take note of what the database says, and read the messages anew when next asked.

        UIDs given out stay used, as a session may have shown them.
        """
        self.name = name
        self._known = self._view = None
        if self._uid_next != uid_next:
            self._shelf.grown.add(self)


def _entry(uid: int, size: int, internal_date: int, flags: str) -> Entry:
    return Entry(uid, size, from_microseconds(internal_date), frozenset(flags.split()))


def _join(flags: Iterable[str]) -> str:
    return " ".join(sorted(flags))
