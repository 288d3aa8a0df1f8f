"""Where does a user's mail lie? In mailboxes of numbered messages; letters for many are stored once.

Every change gives the mailbox a higher mod-sequence, which the changed messages carry; what is gone leaves a tombstone.

>>> from datetime import UTC, datetime
>>> from emaillab.host.store.mailboxes import MailboxStore
>>> mailboxes = MailboxStore(Database())
>>> inbox, saved = mailboxes.add(1, "INBOX"), mailboxes.add(1, "Saved")
>>> uid = inbox.append(b"Subject: hi\\r\\n", ["\\\\Seen"], datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
>>> saved.take(inbox, [uid]), saved.raw(1), saved.entries()[0].flags
([1], b'Subject: hi\\r\\n', frozenset({'\\\\Seen'}))
>>> inbox.set_flags(uid, []); inbox.entries()[0].modseq
3
>>> inbox.status()
MailboxStatus(messages=1, unseen=1, deleted=0, size=13, uid_next=2, highest_modseq=3)
>>> inbox.remove([uid]); inbox.vanished(since=3), inbox.status().highest_modseq
([range(1, 2)], 4)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from emaillab.host.store.database import Database, Execute
from emaillab.host.store.moments import from_microseconds, to_microseconds
from emaillab.host.store.tombstones import buried, bury, forget_oldest, gaps
from emaillab.protocol.backend import Entry, MailboxStatus

ADD_CONTENT = "INSERT INTO content(holders, raw) VALUES (?, ?)"
_ADD_MESSAGE = (
    "INSERT INTO message(mailbox, uid, content, size, internal_date, flags, modseq, ended) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_ENTRY = "SELECT uid, size, internal_date, flags, modseq, ended FROM message WHERE mailbox = ?"
_FIRST_UNSEEN = r"""
    SELECT count(*) FROM message WHERE mailbox = ? AND uid <= (
        SELECT min(uid) FROM message WHERE mailbox = ? AND instr(' ' || flags || ' ', ' \Seen ') = 0
    )
"""
_WRITE_NUMBERS = """
    UPDATE mailbox SET messages = ?, unseen = ?, deleted = ?, size = ?, uid_next = ?, highest_modseq = ? WHERE id = ?
"""
SEEN, DELETED = "\\Seen", "\\Deleted"


@dataclass(slots=True)
class Changes:
    """Which mailboxes are not as the database has them."""

    unwritten: set[StoredMailbox] = field(default_factory=set)
    """Those whose numbers it does not have yet."""
    changed: set[StoredMailbox] = field(default_factory=set)
    """Those that are not as they were at the last commit."""


class StoredMailbox:
    """A mailbox; UIDs ascend and are never used again, also after a restart (RFC 9051 §2.3.1.1)."""

    def __init__(
        self, database: Database, changes: Changes, row: int, name: str, uid_validity: int, status: MailboxStatus
    ) -> None:
        self.name = name
        self.uid_validity = uid_validity
        self.row = row
        self.watchers: list[Callable[[], None]] = []
        self._database, self._changes = database, changes
        self._status = status
        self._forgotten = 0  # the mod-sequence up to which tombstones are no more
        self._change = 0  # the number of the change that had the present mod-sequence
        # Filled when first asked for, then kept up to date: a command costs no scan of 10,000 messages.
        self._known: dict[int, Entry] | None = None
        self._view: tuple[Entry, ...] | None = None
        self._uncommitted: set[int] = set()  # UIDs of which something has changed since the last commit
        self._retracted: set[int] = set()  # … and of which a failed commit took back what may have been shown

    def __repr__(self) -> str:
        return f"<StoredMailbox {self.name}, UIDVALIDITY {self.uid_validity}, UIDNEXT {self.uid_next}>"

    # -- Asking ---------------------------------------------------------------------------------------

    @property
    def uid_next(self) -> int:
        """The UID the next message will get."""
        return self.status().uid_next

    def status(self) -> MailboxStatus:
        """Return the numbers about the mailbox, as it is now; lists nothing."""
        with self._database.lock:  # a verb that is not over yet may be undone
            self._database.refresh()
            return self._status

    def first_unseen(self) -> int | None:
        """Return the number of the first message without \\Seen, from 1; None when all are seen."""
        with self._database.lock:
            if not self._status.unseen:
                return None
            ((number,),) = self._database.rows(_FIRST_UNSEEN, (self.row, self.row))
            return int(number)

    def entries(self) -> tuple[Entry, ...]:
        """Return all messages by ascending UID, as they are now; the same tuple as long as nothing changes."""
        with self._database.lock:
            self._database.refresh()
            if self._view is None:
                self._view = tuple(self._by_uid().values())
            return self._view

    def entry(self, uid: int) -> Entry | None:
        """Return one message, None when it is gone."""
        with self._database.lock:
            if self._known is not None:
                return self._known.get(uid)
            there = 0 < uid < self._status.uid_next  # a larger number may be one that SQLite does not know
            rows = self._database.rows(f"{_ENTRY} AND uid = ?", (self.row, uid)) if there else []
            return _entry(*rows[0]) if rows else None

    def raw(self, uid: int) -> bytes:
        """Return a message's octets. Raises: KeyError when it is gone."""
        for (raw,) in self._database.rows(
            "SELECT raw FROM message JOIN content ON content.id = content WHERE mailbox = ? AND uid = ?",
            (self.row, uid),
        ):
            return bytes(raw)
        raise KeyError(f"no message with UID {uid} in {self.name}")

    def vanished(self, since: int) -> list[range]:
        """Return the UIDs of messages that were removed after a mod-sequence, in ascending order.

        Where the tombstones do not go back so far, all UIDs that are not there.
        Source: RFC 7162 §3.2.5.1.
        """
        with self._database.lock:
            if since >= self._forgotten:
                return buried(self._database, self.row, since)
            rows = self._database.rows("SELECT uid FROM message WHERE mailbox = ? ORDER BY uid", (self.row,))
            return gaps((uid for (uid,) in rows), self._status.uid_next)

    # -- Changing -------------------------------------------------------------------------------------

    def append(self, raw: bytes, flags: Iterable[str], internal_date: datetime) -> int:
        """Store a message; durable after the next commit.

        Returns: its UID. Raises: ValueError for a date or a flag that could not be read back.
        """
        arrived, joined = to_microseconds(internal_date), join_flags(flags)
        with self._database.lock, self._database.work():
            content = self._database.write(ADD_CONTENT, (1, raw))
            return self.hold(content, len(raw), arrived, joined, is_ended(raw))

    def set_flags(self, uid: int, flags: Iterable[str]) -> None:
        """Replace a message's flags; harmless when it is gone. Raises: ValueError for one that holds a space."""
        wanted = frozenset(flags)
        joined = join_flags(wanted)
        with self._database.lock, self._database.joined():
            old = self.entry(uid)
            if old is None or old.flags == wanted:
                return
            change = self._database.change_number()
            modseq = self._modseq_of(change)
            self._database.write(
                "UPDATE message SET flags = ?, modseq = ? WHERE mailbox = ? AND uid = ?",
                (joined, modseq, self.row, uid),
            )
            unseen = (SEEN in old.flags) - (SEEN in wanted)
            self._advance(change, [uid], unseen=unseen, deleted=(DELETED in wanted) - (DELETED in old.flags))
            if self._known is not None:
                self._known[uid] = Entry(uid, old.size, old.internal_date, wanted, modseq, old.ended)

    def remove(self, uids: Iterable[int]) -> None:
        """Remove messages for good; durable after the next commit; harmless for those that are gone."""
        with self._database.lock, self._database.work():
            gone = [entry for uid in sorted(set(uids)) if (entry := self.entry(uid)) is not None]
            if not gone:
                return
            for entry in gone:
                self._let_go(entry.uid)
            change, uids = self._database.change_number(), [entry.uid for entry in gone]
            bury(self._database, self.row, self._modseq_of(change), uids)
            forgotten = forget_oldest(self._database, self.row)
            self._advance(
                change,
                uids,
                messages=-len(gone),
                unseen=-sum(SEEN not in entry.flags for entry in gone),
                deleted=-sum(DELETED in entry.flags for entry in gone),
                size=-sum(entry.size for entry in gone),
            )
            if forgotten:
                self._database.write("UPDATE mailbox SET forgotten = ? WHERE id = ?", (forgotten, self.row))
                self._forgotten = forgotten
            for uid in uids:
                if self._known is not None:
                    del self._known[uid]

    def take(self, source: StoredMailbox, uids: Sequence[int]) -> list[int]:
        """Add copies of another mailbox's messages, with their flags and dates; durable after the next commit.

        Returns: their UIDs here. Raises: KeyError when one is gone; then none is copied.
        """
        with self._database.lock, self._database.work():
            taken = []
            for uid in uids:
                entry = source.entry(uid)
                if entry is None:
                    raise KeyError(f"no message with UID {uid} in {source.name}")
                content = source.content_of(uid)
                self._database.write("UPDATE content SET holders = holders + 1 WHERE id = ?", (content,))
                arrived, flags = to_microseconds(entry.internal_date), join_flags(entry.flags)
                taken.append(self.hold(content, entry.size, arrived, flags, entry.ended))
            return taken

    def hold(self, content: int, size: int, internal_date: int, flags: str, ended: bool) -> int:
        """Enter stored content as the next message, within some work. Returns: its UID."""
        change, uid = self._database.change_number(), self._status.uid_next
        modseq = self._modseq_of(change)
        self._database.write(_ADD_MESSAGE, (self.row, uid, content, size, internal_date, flags, modseq, ended))
        words = flags.split()
        self._advance(change, [uid], messages=1, unseen=SEEN not in words, deleted=DELETED in words, size=size)
        if self._known is not None:
            self._known[uid] = _entry(uid, size, internal_date, flags, modseq, ended)
        return uid

    def content_of(self, uid: int) -> int:
        """Return the row of a message's content."""
        which = (self.row, uid)
        ((content,),) = self._database.rows("SELECT content FROM message WHERE mailbox = ? AND uid = ?", which)
        return int(content)

    def _let_go(self, uid: int) -> None:
        """Remove a message, and its content when nobody else holds it."""
        content = self.content_of(uid)
        self._database.write("DELETE FROM message WHERE mailbox = ? AND uid = ?", (self.row, uid))
        # In this order, since SQLite writes all of a row again to change one number of it.
        self._database.write("DELETE FROM content WHERE id = ? AND holders = 1", (content,))
        self._database.write("UPDATE content SET holders = holders - 1 WHERE id = ?", (content,))

    # -- Telling --------------------------------------------------------------------------------------

    def watch(self, callback: Callable[[], None]) -> None:
        """Have something called after each commit that changed the mailbox, in the thread that commits.

        It is called when the database's lock is free, once for a commit, and never for work that was given up.
        """
        with self._database.lock:
            self.watchers.append(callback)

    def unwatch(self, callback: Callable[[], None]) -> None:
        """Have it called no more; harmless when it is not."""
        with self._database.lock:
            if callback in self.watchers:
                self.watchers.remove(callback)

    # -- What memory holds of the database --------------------------------------------------------------

    def _by_uid(self) -> dict[int, Entry]:
        if self._known is None:
            rows = self._database.rows(f"{_ENTRY} ORDER BY uid", (self.row,))
            self._known = {row[0]: _entry(*row) for row in rows}
        return self._known

    def _modseq_of(self, change: int) -> int:
        """Return the mod-sequence of a change by its number: one for all that a verb changes here."""
        return self._status.highest_modseq + (change != self._change)

    def _advance(
        self, change: int, uids: Sequence[int], *, messages: int = 0, unseen: int = 0, deleted: int = 0, size: int = 0
    ) -> None:
        """Bring the numbers up to date after a change to some messages is written. Args: how much each number grows."""
        before, changes = self._status, self._changes
        back = (before, self._forgotten, self._change, self in changes.unwritten, self in changes.changed)
        self._database.when_undone(self, lambda: self._restore(*back))
        self._status = MailboxStatus(
            before.messages + messages,
            before.unseen + unseen,
            before.deleted + deleted,
            before.size + size,
            max(before.uid_next, uids[-1] + 1),
            self._modseq_of(change),
        )
        self._change = change
        self._view = None
        self._uncommitted.update(uids)
        changes.unwritten.add(self)
        changes.changed.add(self)

    def _restore(self, status: MailboxStatus, forgotten: int, change: int, unwritten: bool, changed: bool) -> None:
        """Go back to what was before work that is undone."""
        self._status, self._forgotten, self._change = status, forgotten, change
        self._known = self._view = None
        if not unwritten:
            self._changes.unwritten.discard(self)
        if not changed:
            self._changes.changed.discard(self)

    def write_numbers(self, execute: Execute) -> None:
        """Write the numbers, once for all changes of a commit."""
        if self._retracted:
            self._write_retracted(execute)
        now = self._status
        numbers = (now.messages, now.unseen, now.deleted, now.size, now.uid_next, now.highest_modseq)
        execute(_WRITE_NUMBERS, (*numbers, self.row))

    def _write_retracted(self, execute: Execute) -> None:
        """Give what a failed commit took back a new mod-sequence: a client that had seen it finds out."""
        self._status = self._status._replace(highest_modseq=self._status.highest_modseq + 1)
        modseq, self._known, self._view = self._status.highest_modseq, None, None
        for uid in sorted(self._retracted):
            if self.entry(uid) is not None:
                execute("UPDATE message SET modseq = ? WHERE mailbox = ? AND uid = ?", (modseq, self.row, uid))
            else:
                execute("INSERT OR REPLACE INTO expunged VALUES (?, ?, ?, ?)", (self.row, modseq, uid, uid))

    def committed(self) -> None:
        """Take note that the numbers are durable."""
        self._uncommitted.clear()
        self._retracted.clear()

    def reload(self, name: str, status: MailboxStatus, forgotten: int) -> None:
        """Take note of what the database says, and read the messages anew when next asked.

        UIDs and mod-sequences given out stay used, as a session may have shown them.
        """
        before = self._status
        uid_next = max(before.uid_next, status.uid_next)
        highest_modseq = max(before.highest_modseq, status.highest_modseq)
        self.name, self._forgotten = name, forgotten
        self._known = self._view = None
        self._status = status._replace(uid_next=uid_next, highest_modseq=highest_modseq)
        self._retracted |= self._uncommitted
        self._uncommitted.clear()
        if self._status != status:
            self._changes.unwritten.add(self)

    def abandon(self, row: int) -> None:
        """Take note that the making of this mailbox was given up; whoever still looks at it sees it empty."""
        self.row, self._known, self._view = row, None, None
        self._status = MailboxStatus(uid_next=self._status.uid_next)


def _entry(uid: int, size: int, internal_date: int, flags: str, modseq: int, ended: int) -> Entry:
    return Entry(uid, size, from_microseconds(internal_date), frozenset(flags.split()), modseq, bool(ended))


def join_flags(flags: Iterable[str]) -> str:
    """Return flags as they are kept. Raises: ValueError for what would be read back as something else."""
    wanted = sorted(set(flags))
    joined = " ".join(wanted)
    if joined.split() != wanted:
        raise ValueError(f"a flag is one word, not {' or '.join(map(repr, wanted))}")
    return joined


def is_ended(raw: bytes) -> bool:
    """Tell whether a message ends with CRLF, or is empty."""
    return not raw or raw.endswith(b"\r\n")
