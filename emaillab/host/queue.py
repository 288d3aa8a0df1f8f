"""When is a letter tried again, and when is it given up? The outgoing queue's timetable.

>>> [str(after) for after in map(rfc_schedule, range(1, 5))]
['0:30:00', '0:30:00', '2:30:00', '2:30:00']
>>> from emaillab.host.store import Store
>>> from emaillab.protocol.envelope import Recipient
>>> queue = Queue(Store())
>>> from datetime import UTC
>>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
>>> bob = QueuedRecipient(Recipient("bob@hamburger.edu"))
>>> queue.add(QueuedLetter("q1", "alice@crepes.fr", noon, (bob,), b"hi"), noon)
>>> queue.next_due() == noon
True
>>> [letter] = queue.take(noon)
>>> letter.id, queue.next_due(), queue.take(noon)
('q1', None, [])
>>> queue.put_off(letter, ["bob@hamburger.edu"], "no answer", noon)
[]
>>> queue.next_due().isoformat(), queue.letters()[0].recipients[0].attempts
('2026-03-02T12:30:00+00:00', 1)
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from emaillab.host.store.outgoing import WAITING, QueuedLetter, QueuedRecipient, QueueStore

Schedule = Callable[[int], timedelta]
"""The pause after a letter's nth vain attempt, n from 1."""

GIVE_UP_AFTER = timedelta(days=5)  # RFC 5321 §4.5.4.1: at least 4 to 5 days


def rfc_schedule(attempts: int) -> timedelta:
    """Return the pause that the RFC suggests: two attempts in the first hour, then every two or three hours.

    Source: RFC 5321 §4.5.4.1.
    """
    return timedelta(minutes=30) if attempts < 3 else timedelta(hours=2.5)


class Queue:
    """The letters that a host still has to hand on. Changes are durable after the store's next commit.

    A recipient for whom an attempt is under way is taken: it is off the timetable until the attempt has come to
    something. Any thread may add letters; whoever takes them is one thread alone.
    """

    def __init__(
        self, store: QueueStore, schedule: Schedule = rfc_schedule, give_up_after: timedelta = GIVE_UP_AFTER
    ) -> None:
        self._store, self.schedule, self.give_up_after = store, schedule, give_up_after
        self._taken: set[tuple[str, str]] = set()  # queue id, forward-path
        self._lock = threading.Lock()  # over what follows; never held while the store is asked
        self._letters: dict[str, QueuedLetter] = {}
        self._places: dict[str, int] = {}  # in the order in which they came
        self._next_place = 0
        self._timetable: list[tuple[datetime, int, str]] = []  # a heap of moments, places and queue ids
        self._watchers: list[Callable[[], None]] = []
        self._is_stale = True  # the store has gone back to what it was before, and memory has still to follow
        store.when_lost(self._go_stale)

    def __len__(self) -> int:
        self._refresh()
        return len(self._letters)

    def watch(self, added: Callable[[], None]) -> None:
        """Have something called for every letter that is added, by whoever adds it."""
        self._watchers.append(added)

    def unwatch(self, added: Callable[[], None]) -> None:
        """Have it called no more; harmless when it is not."""
        if added in self._watchers:
            self._watchers.remove(added)

    def add(self, letter: QueuedLetter, first_at: datetime) -> None:
        """Put a letter into the queue; its first attempt is due at `first_at`."""
        waiting = tuple(replace(recipient, next_at=first_at) for recipient in letter.recipients)
        letter = replace(letter, recipients=waiting)
        self._refresh()
        with self._store.work():
            self._store.enqueue(letter)
            self._hold(replace(letter, content=b"", size=len(letter.content)))
        for added in tuple(self._watchers):
            added()

    def letters(self) -> list[QueuedLetter]:
        """Return all letters, without their content, in the order in which they came."""
        self._refresh()
        with self._lock:
            return list(self._letters.values())

    def get(self, id: str) -> QueuedLetter | None:
        """Return a letter without its content, or None when it does not wait here any more."""
        self._refresh()
        return self._letters.get(id)

    def content(self, letter: QueuedLetter) -> bytes:
        """Return a letter's octets. Raises: KeyError when it does not wait here any more."""
        return self._store.queued_content(letter.id)

    def next_due(self, *, fresh: bool = False) -> datetime | None:
        """Return when the next attempt is due, or None; `fresh` looks only at letters never tried before."""
        self._refresh()
        if fresh:
            moments = [r.next_at for letter in self.letters() for r in self._waiting(letter) if not r.attempts]
            return min((at for at in moments if at is not None), default=None)
        with self._lock:
            while self._timetable:
                at, _, id = self._timetable[0]
                letter = self._letters.get(id)
                if letter is not None and any(r.next_at == at for r in self._waiting(letter)):
                    return at
                heapq.heappop(self._timetable)
        return None

    def take(self, now: datetime) -> list[QueuedLetter]:
        """Take the letters with an attempt due, each with only those recipients, in the order in which they came.

        Each recipient comes back by `done`, `put_off` or `give_back`.
        """
        self._refresh()
        due: dict[int, str] = {}
        with self._lock:
            while self._timetable and self._timetable[0][0] <= now:
                _, place, id = heapq.heappop(self._timetable)
                due[place] = id
        found = []
        for _, id in sorted(due.items()):
            letter = self._letters.get(id)
            ready = () if letter is None else tuple(r for r in self._waiting(letter) if r.next_at and r.next_at <= now)
            if letter is not None and ready:
                self._taken.update((id, recipient.forward_path) for recipient in ready)
                found.append(replace(letter, recipients=ready))
        return found

    def give_back(self, letter: QueuedLetter) -> None:
        """Put recipients that were taken back on the timetable, as if there had been no attempt."""
        self._taken.difference_update((letter.id, recipient.forward_path) for recipient in letter.recipients)
        if (kept := self.get(letter.id)) is not None:
            self._enter(kept)

    def done(self, letter: QueuedLetter, forward_paths: Iterable[str]) -> None:
        """Strike recipients off: the letter is delivered to them, or given up."""
        gone, kept = set(forward_paths), self.get(letter.id)
        if kept is None:
            return
        left = tuple(recipient for recipient in kept.recipients if recipient.forward_path not in gone)
        with self._store.work():
            if left:
                for path in gone:
                    self._store.update_recipient(letter.id, path, state="DONE", attempts=0, next_at=None, last_reply="")
                self._hold(replace(kept, recipients=left))
            else:
                self._store.dequeue(letter.id)
                self._drop(kept)
        self._taken.difference_update((letter.id, path) for path in gone)

    def put_off(self, letter: QueuedLetter, forward_paths: Iterable[str], reply: str, now: datetime) -> list[str]:
        """Note a vain attempt and set the next one. Returns: the recipients whose time is over."""
        kept = self.get(letter.id)
        if kept is None:
            return []
        late, expired = set(forward_paths), []
        recipients = []
        for recipient in kept.recipients:
            if recipient.forward_path in late:
                attempts = recipient.attempts + 1
                next_at = now + self.schedule(attempts)
                if next_at > letter.arrived_at + self.give_up_after:
                    expired.append(recipient.forward_path)
                recipient = replace(recipient, attempts=attempts, next_at=next_at, last_reply=reply)
            recipients.append(recipient)
        self._taken.difference_update((letter.id, path) for path in late)
        self._remember(replace(kept, recipients=tuple(recipients)), late)
        return expired

    def take_again(self, id: str, forward_paths: Iterable[str]) -> None:
        """Keep recipients taken, after the store has undone what became of an attempt."""
        self._taken.update((id, path) for path in forward_paths)

    def retry_now(self, now: datetime) -> None:
        """Make every attempt due at once, as an operator's "flush" does."""
        for letter in self.letters():
            recipients = tuple(replace(r, next_at=now) if r.next_at else r for r in letter.recipients)
            self._remember(replace(letter, recipients=recipients), {r.forward_path for r in recipients})

    def _waiting(self, letter: QueuedLetter) -> list[QueuedRecipient]:
        """Return the recipients for whom no attempt is under way."""
        return [r for r in letter.recipients if (letter.id, r.forward_path) not in self._taken]

    def _enter(self, letter: QueuedLetter) -> None:
        """Write a letter's next attempts into the timetable; entries that are out of date are passed over there."""
        moments = {recipient.next_at for recipient in self._waiting(letter)}
        with self._lock:
            for at in moments:
                if at is not None:
                    heapq.heappush(self._timetable, (at, self._places[letter.id], letter.id))

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

    # What memory holds of the store; it goes back when work in the store is undone, or lost

    def _hold(self, letter: QueuedLetter) -> None:
        """Change what is known of a letter that was written."""
        self._store.when_undone(self, self._go_stale)
        with self._lock:
            if letter.id not in self._places:
                self._places[letter.id] = self._next_place
                self._next_place += 1
            self._letters[letter.id] = letter
        self._enter(letter)

    def _drop(self, letter: QueuedLetter) -> None:
        """Forget a letter that was taken off."""
        self._store.when_undone(self, self._go_stale)
        with self._lock:
            del self._letters[letter.id], self._places[letter.id]

    def _go_stale(self) -> None:
        self._is_stale = True

    def _refresh(self) -> None:
        """Read the letters anew if the store has gone back."""
        if not self._is_stale:
            return
        with self._store.reading():
            self._is_stale = False
            letters = {letter.id: _reopened(letter) for letter in self._store.queued()}
            with self._lock:
                self._letters, self._timetable = letters, []
                self._places = {id: place for place, id in enumerate(letters)}
                self._next_place = len(letters)
            for letter in letters.values():
                self._enter(letter)


def _reopened(letter: QueuedLetter) -> QueuedLetter:
    """Return a letter as it is read back from the store: only those recipients who still wait."""
    waiting = [recipient for recipient in letter.recipients if recipient.state == WAITING]
    return replace(letter, recipients=tuple(replace(r, next_at=r.next_at or letter.arrived_at) for r in waiting))
