"""Where do letters wait that could not yet be handed on, and what is remembered of each recipient?

>>> from datetime import UTC, datetime
>>> from emaillab.host.store import Store
>>> noon = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
>>> store = Store()
>>> store.enqueue(QueuedLetter("q1", "alice@crepes.fr", noon, (Recipient("bob@hamburger.edu"),), b"Subject: hi\\r\\n"))
>>> [letter] = store.queued()
>>> letter.size, letter.recipients[0].state, store.queued_content("q1")
(13, 'WAITING', b'Subject: hi\\r\\n')
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from emaillab.host.database import Database

WAITING = "WAITING"  # the state of a recipient until the queue says otherwise

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(at: datetime) -> int:
    """Count the microseconds from 1970 to an aware datetime, exactly."""
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Return the moment in UTC that `to_microseconds` counted."""
    return _EPOCH + timedelta(microseconds=count)


def _or_null(at: datetime | None) -> int | None:
    return None if at is None else to_microseconds(at)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One forward-path of a queued letter, and how its delivery stands."""

    forward_path: str
    state: str = WAITING
    attempts: int = 0
    next_at: datetime | None = None  # None: at once, or never again, as the state says
    last_reply: str = ""


@dataclass(frozen=True, slots=True)
class QueuedLetter:
    """A letter with its envelope in the outgoing queue; `content` is empty when only the envelope was asked for."""

    id: str
    reverse_path: str  # "" is the null reverse-path <>
    arrived_at: datetime
    recipients: tuple[Recipient, ...]
    content: bytes = field(default=b"", repr=False)
    body: str = "7BIT"  # as MAIL's BODY= declared it
    size: int = 0  # octets of content, also where that is left out

    def __post_init__(self) -> None:
        if self.content:
            object.__setattr__(self, "size", len(self.content))


class QueueStore:
    """The outgoing queue's shelf; every change is durable after the next commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enqueue(self, letter: QueuedLetter) -> None:
        """Put a letter at the end of the queue.

        Raises: ValueError when its id is taken, or when its envelope is no text that UTF-8 can hold.
        """
        rows = [
            (letter.id, place, r.forward_path, r.state, r.attempts, _or_null(r.next_at), r.last_reply)
            for place, r in enumerate(letter.recipients)
        ]
        envelope = (letter.id, letter.reverse_path, letter.body, to_microseconds(letter.arrived_at))
        for text in (letter.reverse_path, *(r.forward_path + r.last_reply for r in letter.recipients)):
            text.encode()  # here, not half-way through the writing
        with self._database.lock:
            if self._database.rows("SELECT 1 FROM letter WHERE id = ?", (letter.id,)):
                raise ValueError(f"the queue holds a letter with the id {letter.id!r} already")
            self._database.write(
                "INSERT INTO letter(id, reverse_path, body, arrived_at, size, content) VALUES (?, ?, ?, ?, ?, ?)",
                (*envelope, len(letter.content), letter.content),
            )
            for row in rows:
                self._database.write(
                    "INSERT INTO recipient(letter, place, forward_path, state, attempts, next_at, last_reply) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    row,
                )

    def queued(self) -> list[QueuedLetter]:
        """Return all letters of the queue without their content, in the order in which they came."""
        with self._database.lock:
            letters = self._database.rows("SELECT id, reverse_path, body, arrived_at, size FROM letter ORDER BY place")
            recipients = self._database.rows(
                "SELECT letter, forward_path, state, attempts, next_at, last_reply FROM recipient "
                "ORDER BY letter, place"
            )
        of_letter: dict[str, list[Recipient]] = {}
        for letter, forward_path, state, attempts, next_at, last_reply in recipients:
            when = None if next_at is None else from_microseconds(next_at)
            of_letter.setdefault(letter, []).append(Recipient(forward_path, state, attempts, when, last_reply))
        return [
            QueuedLetter(
                id, reverse_path, from_microseconds(arrived_at), tuple(of_letter.get(id, ())), body=body, size=size
            )
            for id, reverse_path, body, arrived_at, size in letters
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
        with database.lock:
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
        with self._database.lock:
            self._database.write("DELETE FROM letter WHERE id = ?", (id,))
            self._database.write("DELETE FROM recipient WHERE letter = ?", (id,))
