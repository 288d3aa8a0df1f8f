"""When is a letter tried again, and when is it given up? The outgoing queue's timetable.

>>> [str(after) for after in map(rfc_schedule, range(1, 5))]
['0:30:00', '0:30:00', '2:30:00', '2:30:00']
>>> from emaillab.host.store import QueuedRecipient, Store
>>> from emaillab.protocol.envelope import Recipient
>>> queue = Queue(Store())
>>> from datetime import UTC
>>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
>>> bob = QueuedRecipient(Recipient("bob@hamburger.edu"))
>>> queue.add(QueuedLetter("q1", "alice@crepes.fr", noon, (bob,), b"hi"), noon)
>>> queue.next_due() == noon, [letter.id for letter in queue.due(noon)]
(True, ['q1'])
>>> queue.put_off(queue.letters()[0], ["bob@hamburger.edu"], "no answer", noon)
[]
>>> queue.next_due().isoformat(), queue.letters()[0].recipients[0].attempts
('2026-03-02T12:30:00+00:00', 1)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from emaillab.host.store.outgoing import WAITING, QueuedLetter, QueueStore

Schedule = Callable[[int], timedelta]
"""The pause after a letter's nth vain attempt, n from 1."""

GIVE_UP_AFTER = timedelta(days=5)  # RFC 5321 §4.5.4.1: at least 4 to 5 days


def rfc_schedule(attempts: int) -> timedelta:
    """Return the pause that the RFC suggests: two attempts in the first hour, then every two or three hours.

    Source: RFC 5321 §4.5.4.1.
    """
    return timedelta(minutes=30) if attempts < 3 else timedelta(hours=2.5)


class Queue:
    """The letters that a host still has to hand on. Changes are durable after the store's next commit."""

    def __init__(
        self, store: QueueStore, schedule: Schedule = rfc_schedule, give_up_after: timedelta = GIVE_UP_AFTER
    ) -> None:
        self._store, self.schedule, self.give_up_after = store, schedule, give_up_after
        self._known: dict[str, QueuedLetter] | None = None
        store.when_lost(self._forget)

    def __len__(self) -> int:
        return len(self._letters)

    def add(self, letter: QueuedLetter, first_at: datetime) -> None:
        """Put a letter into the queue; its first attempt is due at `first_at`."""
        waiting = tuple(replace(recipient, next_at=first_at) for recipient in letter.recipients)
        letter = replace(letter, recipients=waiting)
        with self._store.work():
            self._store.enqueue(letter)
            self._hold(replace(letter, content=b"", size=len(letter.content)))

    def letters(self) -> list[QueuedLetter]:
        """Return all letters, without their content, in the order in which they came."""
        return list(self._letters.values())

    def content(self, letter: QueuedLetter) -> bytes:
        """Return a letter's octets."""
        return self._store.queued_content(letter.id)

    def next_due(self, *, fresh: bool = False) -> datetime | None:
        """Return when the next attempt is due, or None; `fresh` looks only at letters never tried before."""
        moments = [
            recipient.next_at
            for letter in list(self._letters.values())
            for recipient in letter.recipients
            if recipient.next_at is not None and not (fresh and recipient.attempts)
        ]
        return min(moments, default=None)

    def due(self, now: datetime) -> list[QueuedLetter]:
        """Return the letters with an attempt due, each with only those recipients."""
        found = []
        for letter in list(self._letters.values()):
            ready = tuple(r for r in letter.recipients if r.next_at is not None and r.next_at <= now)
            if ready:
                found.append(replace(letter, recipients=ready))
        return found

    def done(self, letter: QueuedLetter, forward_paths: Iterable[str]) -> None:
        """Strike recipients off: the letter is delivered to them, or given up."""
        gone = set(forward_paths)
        kept = self._letters[letter.id]
        left = tuple(recipient for recipient in kept.recipients if recipient.forward_path not in gone)
        with self._store.work():
            if left:
                for path in gone:
                    self._store.update_recipient(letter.id, path, state="DONE", attempts=0, next_at=None, last_reply="")
                self._hold(replace(kept, recipients=left))
            else:
                self._store.dequeue(letter.id)
                self._store.when_undone(self, self._forget)
                del self._letters[letter.id]

    def put_off(self, letter: QueuedLetter, forward_paths: Iterable[str], reply: str, now: datetime) -> list[str]:
        """Note a vain attempt and set the next one. Returns: the recipients whose time is over."""
        late, expired = set(forward_paths), []
        recipients = []
        kept = self._letters[letter.id]
        for recipient in kept.recipients:
            if recipient.forward_path in late:
                attempts = recipient.attempts + 1
                next_at = now + self.schedule(attempts)
                if next_at > letter.arrived_at + self.give_up_after:
                    expired.append(recipient.forward_path)
                recipient = replace(recipient, attempts=attempts, next_at=next_at, last_reply=reply)
            recipients.append(recipient)
        self._remember(replace(kept, recipients=tuple(recipients)), late)
        return expired

    def retry_now(self, now: datetime) -> None:
        """Make every attempt due at once, as an operator's "flush" does."""
        for letter in self.letters():
            recipients = tuple(replace(r, next_at=now) if r.next_at else r for r in letter.recipients)
            self._remember(replace(letter, recipients=recipients), {r.forward_path for r in recipients})

    def _remember(self, letter: QueuedLetter, changed: set[str]) -> None:
        """Write down how the delivery to some of a letter's recipients stands."""
        with self._store.work():
            for recipient in letter.recipients:
                if recipient.forward_path in changed:
                    self._store.update_recipient(
                        letter.id,
                        recipient.forward_path,
                        state=WAITING,
                        attempts=recipient.attempts,
                        next_at=recipient.next_at,
                        last_reply=recipient.last_reply,
                    )
            self._hold(letter)

    def _hold(self, letter: QueuedLetter) -> None:
        """Change what memory holds of a letter that was written; it goes back when the work is undone."""
        self._store.when_undone(self, self._forget)
        self._letters[letter.id] = letter

    @property
    def _letters(self) -> dict[str, QueuedLetter]:
        """What the store holds, without contents; read when first asked for."""
        if self._known is None:
            self._known = {letter.id: _reopened(letter) for letter in self._store.queued()}
        return self._known

    def _forget(self) -> None:
        """Read anew when next asked: what was written is not there any more."""
        self._known = None


def _reopened(letter: QueuedLetter) -> QueuedLetter:
    """Return a letter as it is read back from the store: only those recipients who still wait."""
    waiting = [recipient for recipient in letter.recipients if recipient.state == WAITING]
    return replace(letter, recipients=tuple(replace(r, next_at=r.next_at or letter.arrived_at) for r in waiting))
