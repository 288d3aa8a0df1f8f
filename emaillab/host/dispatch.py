"""What happens to a letter on its way out? It is tried when it is due, put off, handed on, or given up and reported.

An attempt has two halves. `attempt` talks to the next host and stores nothing: it may take minutes, and any thread may
do it. `record` stores what attempts have come to, whole and in one commit; one thread alone does that.

>>> from emaillab.host.mailhost import MailHost
>>> from emaillab.net.clock import VirtualClock
>>> smart = DispatchOptions({"*": "smart.example"})
>>> host = MailHost("crepes.fr", ip="192.0.2.25", clock=VirtualClock(), dispatch=smart)
>>> letter = b"Subject: hi\\r\\n\\r\\nHello\\r\\n"
>>> session = Session("crepes.fr", "192.0.2.10", user="alice", now=host.now)
>>> _ = host.accept(session, Envelope.plain("alice@crepes.fr", "bob@hamburger.edu"), letter)
>>> def dial(exchange: str, cause: str | None) -> Stream:
...     raise ConnectionRefusedError(f"{exchange} is down")
>>> host.dispatch.run(dial), host.dispatch.run(dial), host.dispatch.due_s()
(1, 0, 1800.0)
>>> host.queue.letters()[0].recipients[0].last_reply
'451 4.4.1 smart.example: smart.example is down'
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from emaillab.host.custody import CustodyLog, GivenUp, RefusedConnection
from emaillab.host.host_clock import HostClock
from emaillab.host.policy import split_address
from emaillab.host.queue import Queue
from emaillab.host.relay import Attempt, exchanges_for, hand_on
from emaillab.host.store import Store, StoreError
from emaillab.host.store.outgoing import QueuedLetter, QueuedRecipient
from emaillab.net.dns import Resolver
from emaillab.protocol.backend import Session, Work
from emaillab.protocol.envelope import FAILURE, Envelope
from emaillab.protocol.machine import Refusal
from emaillab.protocol.smtp.grammar import Reply
from emaillab.protocol.stream import Stream

__all__ = ["Dial", "Dispatch", "DispatchOptions", "Made", "Session", "Transmission"]

TICK = timedelta(milliseconds=1)  # no attempt is late by less


Dial = Callable[..., Stream]
"""dial(host name, cause=session) opens a connection to a host's SMTP service, on behalf of the session in which a
letter came; it raises OSError when there is none."""


@dataclass(frozen=True, slots=True)
class DispatchOptions:
    """How a host hands letters on.

    Args:
        routes: domain → host name that takes its mail, instead of the DNS; "*" is every other domain (a smart host).
        resolver: who is asked for all other domains.
        handling_s: how long a letter is looked at before it is first handed on.
        converts: whether it re-encodes 8-bit letters for a server without 8BITMIME, instead of returning them.
    """

    routes: Mapping[str, str] | None = None
    resolver: Resolver = field(default_factory=Resolver)
    handling_s: float = 0.0
    converts: bool = False


@dataclass(frozen=True, slots=True)
class Transmission:
    """One attempt that is to be made: a letter, with those of its recipients who are at one domain."""

    letter: QueuedLetter
    domain: str
    exchanges: tuple[str, ...] | None = None  # the hosts to try, once they are known


@dataclass(frozen=True, slots=True)
class Made:
    """One attempt that was made, and what it came to."""

    transmission: Transmission
    attempt: Attempt


class Dispatch:
    """One host's way out.

    Args: token: gives a new queue id; file: keeps a report that the host writes; log: is told of what was given up;
        work: holds together what one attempt came to, so that it is all stored or nothing.
    """

    def __init__(
        self,
        name: str,
        clock: HostClock,
        queue: Queue,
        store: Store,
        *,
        token: Callable[[], str],
        file: Callable[[Envelope, bytes, str, datetime], None],
        log: CustodyLog,
        work: Callable[[], Work],
        options: DispatchOptions | None = None,
    ) -> None:
        options = options or DispatchOptions()
        self.name, self.clock, self.queue = name, clock, queue
        self.routes = dict(options.routes or {})
        self.converts = options.converts
        self.errors: deque[Exception] = deque(maxlen=20)
        """The latest defects of ours; each cost one attempt."""
        self.unrecorded: list[Made] = []
        """What could not be stored, as when the disk was full; it is not tried again before it is."""
        self._store, self._token, self._file, self._log = store, token, file, log
        self._resolver, self._work = options.resolver, work

    # When, and where to

    def due_s(self, *, fresh: bool = False) -> float | None:
        """Return the true time of the next attempt, in seconds on the world's clock; see Queue.next_due."""
        moment = self.queue.next_due(fresh=fresh)
        return None if moment is None else self.clock.true_s(moment)

    def take_due(self) -> list[Transmission]:
        """Take what is due off the queue: the letters as they came, one transmission for all recipients of a domain."""
        return [part for letter in self.queue.take(self.clock.now() + TICK) for part in _by_domain(letter)]

    def targets(self, domain: str) -> list[str]:
        """Return the hosts that take mail for a domain, best first: a route of our own, else what the DNS says.

        Raises: Refusal with the reply that settles the recipients' fate.
        """
        route = self.routes.get(domain) or self.routes.get("*")
        return [route] if route else exchanges_for(domain, self._resolver, self.name)

    def find(self, transmission: Transmission) -> list[str] | Attempt:
        """Return the hosts to try, or what an attempt comes to when there is none to be tried."""
        try:
            return self.targets(transmission.domain)
        except Refusal as refusal:
            return Attempt.refused_by(transmission.letter, refusal)
        except Exception as error:
            return self.failed(transmission, error)

    # One attempt

    def run(self, dial: Dial) -> int:
        """Try all that is due, one after the other. Returns: the number of attempts."""
        if self.unrecorded:
            self.record([])
        due = deque(self.take_due())
        attempts = 0
        try:
            while due:
                made = Made(due[0], self.attempt(due[0], dial))
                due.popleft()
                attempts += 1
                self.record([made])
        finally:
            for transmission in due:
                self.queue.give_back(transmission.letter)
        return attempts

    def attempt(
        self,
        transmission: Transmission,
        dial: Dial,
        told: Callable[[Attempt], None] = lambda attempt: None,
    ) -> Attempt:
        """Hand a letter on, or try to; stores nothing. What goes wrong costs this attempt alone.

        Args: told: as for `hand_on`.
        """
        letter = transmission.letter
        cause, refused = self._log.cause(letter.id), list[RefusedConnection]()
        settled: list[Attempt] = []

        def connect(exchange: str) -> Stream:
            at_s = self.clock.world.seconds
            try:
                return dial(exchange, cause=cause)
            except OSError as error:
                refused.append(RefusedConnection(self.name, letter.id, exchange, at_s, str(error)))
                raise

        def whole(attempt: Attempt) -> Attempt:
            return replace(attempt, refused=tuple(refused))

        def tell(attempt: Attempt) -> None:
            settled.append(whole(attempt))
            told(settled[-1])

        def find() -> list[str]:
            known = transmission.exchanges
            return self.targets(transmission.domain) if known is None else list(known)

        try:
            made = hand_on(
                letter,
                partial(self.queue.content, letter),
                find,
                connect,
                self.name,
                converts=self.converts,
                told=tell,
            )
            return whole(made)
        except Exception as error:
            failed = self.failed(transmission, error)
            return settled[0] if settled else failed

    def failed(self, transmission: Transmission, error: BaseException) -> Attempt:
        """Return what an attempt came to that failed for a reason of ours: the letter is tried again later."""
        if isinstance(error, Exception):
            self.errors.append(error)
        why = f"{self.name} could not hand the letter on: {error or type(error).__name__}"
        return Attempt.same(transmission.letter, Reply(451, "4.3.0", " ".join(why.split())))

    # What it came to

    def commit(self) -> None:
        """Make durable what is in the queue. Raises: StoreError."""
        self._store.commit()

    def record(self, made: Iterable[Made]) -> None:
        """Store what attempts have come to: each whole, all in one commit.

        Raises: StoreError when it could not be stored. It is tried again with the next; until then nobody tries the
            letters again, so that who has them does not get them twice.
        """
        waiting, self.unrecorded = [*self.unrecorded, *made], []
        stored: list[tuple[Made, Work, list[GivenUp]]] = []
        failure: StoreError | None = None
        for one in waiting:
            try:
                stored.append((one, *self._store_one(one)))
            except StoreError as error:
                failure = error
                self._undone(one)
        try:
            self._store.commit()
        except StoreError as error:
            failure = error
            for one, work, _ in stored:
                if work.lost:
                    self._undone(one)
        for one, work, given_up in stored:
            if work.lost:
                continue
            for refused in one.attempt.refused:
                self._log.was_refused(refused)
            for note in given_up:
                self._log.gave_up(note)
        if failure is not None:
            raise failure

    def _undone(self, made: Made) -> None:
        """Keep in mind what the store has not kept."""
        self.queue.take_again(made.transmission.letter.id, made.attempt.replies)
        self.unrecorded.append(made)

    def _store_one(self, made: Made) -> tuple[Work, list[GivenUp]]:
        """Store what one attempt came to; a defect of ours costs the report, or a later attempt."""
        try:
            with self._work() as work:
                return work, self._settle(made.transmission.letter, made.attempt)
        except StoreError:
            raise
        except Exception as error:
            self.errors.append(error)
            self.queue.take_again(made.transmission.letter.id, made.attempt.replies)
            delivered = {path: reply for path, reply in made.attempt.replies.items() if reply.ok}
            later = {path: made.attempt.replies[path] for path in made.attempt.replies.keys() - delivered.keys()}
            with self._work() as work:
                self.queue.done(made.transmission.letter, delivered)
                for path, reply in later.items():
                    self.queue.put_off(made.transmission.letter, [path], str(reply), self.clock.now())
            return work, []

    def _settle(self, letter: QueuedLetter, attempt: Attempt) -> list[GivenUp]:
        """Strike off those who have the letter, put off those who may get it later, report on those who never will."""
        delivered, failed = attempt.those(lambda r: r.ok), attempt.those(lambda r: r.permanent)
        later, now = attempt.those(lambda r: r.temporary), self.clock.now()
        for path, reply in later.items():
            for expired in self.queue.put_off(letter, [path], reply, now):
                failed[expired] = f"{reply} (given up after {self.queue.give_up_after.days} days)"
        given_up = []
        if failed:
            told = self._report(letter, failed, now)
            given_up.append(GivenUp(self.name, letter.id, self.clock.world.seconds, tuple(failed), told))
        if delivered or failed:
            self.queue.done(letter, [*delivered, *failed])
        return given_up

    def _report(self, letter: QueuedLetter, failures: Mapping[str, str], now: datetime) -> str:
        """Report failures to the reverse-path; a report itself is never reported on (RFC 5321 §6.1).

        Returns: who is told, "" when nobody is.
        """
        from emaillab.host.bounce import notification

        unasked = {one.forward_path for one in letter.recipients if not one.recipient.wants(FAILURE)}
        failures = {path: why for path, why in failures.items() if path not in unasked}
        if not (letter.reverse_path and failures):
            return ""
        queue_id = self._token()
        report = notification(self.name, letter, self.queue.content(letter), failures, now, queue_id)
        self._file(Envelope.plain("", letter.reverse_path, body="8BITMIME"), report, queue_id, now)
        return letter.reverse_path


def _by_domain(letter: QueuedLetter) -> list[Transmission]:
    """Split a letter by its recipients' domains: one transmission for all recipients of a domain."""
    groups: dict[str, list[QueuedRecipient]] = {}
    for recipient in letter.recipients:
        groups.setdefault(split_address(recipient.forward_path)[1], []).append(recipient)
    return [Transmission(replace(letter, recipients=tuple(group)), domain) for domain, group in groups.items()]
