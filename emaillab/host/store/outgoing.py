"""Where do letters wait that could not yet be handed on, and what is remembered of each recipient?

>>> from datetime import UTC, datetime
>>> from emaillab.host.store import Store
>>> noon = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
>>> store = Store()
>>> bob = (QueuedRecipient(Recipient("bob@hamburger.edu")),)
>>> store.enqueue(QueuedLetter("q1", "alice@crepes.fr", noon, bob, b"Subject: hi\\r\\n"))
>>> [letter] = store.queued()
>>> letter.size, letter.recipients[0].state, store.queued_content("q1")
(13, 'WAITING', b'Subject: hi\\r\\n')
"""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime

from emaillab.host.store.database import Database
from emaillab.host.store.moments import from_microseconds, to_microseconds
from emaillab.host.store.work import Change, StoredWork
from emaillab.protocol.envelope import Recipient

WAITING = "WAITING"  # the state of a recipient until the queue says otherwise


def _or_null(at: datetime | None) -> int | None:
    return None if at is None else to_microseconds(at)


@dataclass(frozen=True, slots=True)
class QueuedRecipient:
    """One recipient of a queued letter, and how its delivery stands."""

    recipient: Recipient
    state: str = WAITING
    attempts: int = 0
    next_at: datetime | None = None  # None: at once, or never again, as the state says
    last_reply: str = ""

    @property
    def forward_path(self) -> str:
        """The recipient's address."""
        return self.recipient.forward_path


@dataclass(frozen=True, slots=True)
class QueuedLetter:
    """A letter with its envelope in the outgoing queue; `content` is empty when only the envelope was asked for."""

    id: str
    reverse_path: str  # "" is the null reverse-path <>
    arrived_at: datetime
    recipients: tuple[QueuedRecipient, ...]
    content: bytes = field(default=b"", repr=False)
    body: str = "7BIT"  # as MAIL's BODY= declared it
    size: int = 0  # octets of content, also where that is left out
    ret: str = ""  # these three as in Envelope
    envid: str = ""
    smtputf8: bool = False

    def __post_init__(self) -> None:
        if self.content:
            object.__setattr__(self, "size", len(self.content))


_ENVELOPE = "id, reverse_path, body, ret, envid, smtputf8"
_RECIPIENT = "forward_path, notify, orcpt, state, attempts, next_at, last_reply"


def _row(one: QueuedRecipient) -> tuple[str, str, str, str, int, int | None, str]:
    """Return a recipient's columns, as _RECIPIENT names them."""
    who = one.recipient
    at = _or_null(one.next_at)
    return (who.forward_path, who.notify_value, who.orcpt, one.state, one.attempts, at, one.last_reply)


def _queued_recipient(
    forward_path: str, notify: str, orcpt: str, state: str, attempts: int, next_at: int | None, last_reply: str
) -> QueuedRecipient:
    """Return the recipient that a row's columns describe."""
    who = Recipient(forward_path, frozenset(notify.split(",") if notify else ()), orcpt)
    at = None if next_at is None else from_microseconds(next_at)
    return QueuedRecipient(who, state, attempts, at, last_reply)


class QueueStore:
    """Where the outgoing queue is kept; every change is durable after the next commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followers: list[Change] = []

    def work(self) -> StoredWork:
        """Return the work of one verb: what is written in it is kept whole, or not at all."""
        return self._database.work()

    def when_lost(self, change: Change) -> None:
        """Have something called when all that was pending is lost, and has to be read anew."""
        self._followers.append(change)

    def when_undone(self, whose: Hashable, change: Change) -> None:
        """Have something called when the work that is going on is undone; once for each `whose`."""
        self._database.when_undone(whose, change)

    def reading(self) -> AbstractContextManager[object]:
        """Return what keeps other threads from writing while several things are read that must fit together."""
        return self._database.lock

    def enqueue(self, letter: QueuedLetter) -> None:
        """Put a letter at the end of the queue.

        Raises: ValueError when its id is taken, or when its envelope is no text that UTF-8 can hold.
        """
        envelope = (letter.id, letter.reverse_path, letter.body, letter.ret, letter.envid, letter.smtputf8)
        when, rows = to_microseconds(letter.arrived_at), [_row(one) for one in letter.recipients]
        for value in (*envelope, *(value for row in rows for value in row)):
            str(value).encode()  # here, not half-way through the writing
        with self._database.lock, self._database.work():
            if self._database.rows("SELECT 1 FROM letter WHERE id = ?", (letter.id,)):
                raise ValueError(f"the queue holds a letter with the id {letter.id!r} already")
            self._database.write(
                f"INSERT INTO letter({_ENVELOPE}, arrived_at, size, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*envelope, when, len(letter.content), letter.content),
            )
            for place, row in enumerate(rows):
                self._database.write(
                    f"INSERT INTO recipient(letter, place, {_RECIPIENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (letter.id, place, *row),
                )

    def queued(self) -> list[QueuedLetter]:
        """Return all letters of the queue without their content, in the order in which they came."""
        with self._database.lock:
            letters = self._database.rows(f"SELECT arrived_at, size, {_ENVELOPE} FROM letter ORDER BY place")
            recipients = self._database.rows(f"SELECT letter, {_RECIPIENT} FROM recipient ORDER BY letter, place")
        of_letter: dict[str, list[QueuedRecipient]] = {}
        for letter, *row in recipients:
            of_letter.setdefault(letter, []).append(_queued_recipient(*row))
        return [
            QueuedLetter(
                id,
                reverse_path,
                from_microseconds(arrived_at),
                tuple(of_letter.get(id, ())),
                body=body,
                size=size,
                ret=ret,
                envid=envid,
                smtputf8=bool(smtputf8),
            )
            for arrived_at, size, id, reverse_path, body, ret, envid, smtputf8 in letters
        ]

    def is_queued(self, id: str) -> bool:
        """Say whether a letter is in the queue."""
        return bool(self._database.rows("SELECT 1 FROM letter WHERE id = ?", (id,)))

    def queued_content(self, id: str) -> bytes:
        """Return a queued letter's octets. Raises: KeyError when it is not in the queue."""
        for (content,) in self._database.rows("SELECT content FROM letter WHERE id = ?", (id,)):
            return bytes(content)
        raise KeyError(f"no letter {id!r} in the queue")

    def update_recipient(
        self, id: str, forward_path: str, *, state: str, attempts: int, next_at: datetime | None, last_reply: str
    ) -> None:
        """Note how a delivery attempt ended. Raises: KeyError when the letter or the recipient is not there."""
        database = self._database
        with database.lock, database.joined():
            which = (id, forward_path)
            if not database.rows("SELECT 1 FROM recipient WHERE letter = ? AND forward_path = ?", which):
                raise KeyError(f"no recipient {forward_path!r} of letter {id!r} in the queue")
            database.write(
                "UPDATE recipient SET state = ?, attempts = ?, next_at = ?, last_reply = ? "
                "WHERE letter = ? AND forward_path = ?",
                (state, attempts, _or_null(next_at), last_reply, *which),
            )

    def dequeue(self, id: str) -> None:
        """Take a letter off the queue; harmless when it is not there."""
        with self._database.lock, self._database.work():
            self._database.write("DELETE FROM letter WHERE id = ?", (id,))
            self._database.write("DELETE FROM recipient WHERE letter = ?", (id,))
