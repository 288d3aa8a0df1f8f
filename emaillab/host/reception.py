"""What happens to a letter on its way in? A row of steps, each of which may refuse it, write on it, or keep it.

A step that comes later sees what those before it did. Greylisting, SPF or DKIM are one more step each.

>>> class NoBadNews(ReceptionStep):
...     def take(self, arrival: Arrival) -> None:
...         if b"bad news" in arrival.content:
...             raise Refusal(Reply(554, "5.7.1", "no bad news, please"))
>>> tokens = iter(["4F2A", "4F2B"])
>>> reception = Reception([NoBadNews(), Stamp()], tokens.__next__)
>>> session = Session("crepes.fr", "192.0.2.10", "laptop.crepes.fr", helo="laptop", esmtp=True)
>>> reception.accept(session, Envelope.plain("alice@crepes.fr", "bob@crepes.fr"), b"Subject: hi\\r\\n\\r\\nHello\\r\\n")
'4F2A'
>>> reception.accept(session, Envelope("a@crepes.fr"), b"Subject: bad news\\r\\n")
Traceback (most recent call last):
emaillab.protocol.machine.Refusal: 554 5.7.1 no bad news, please
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from emaillab.host.custody import Custody, CustodyLog
from emaillab.host.host_clock import HostClock
from emaillab.host.policy import Policy
from emaillab.host.queue import Queue
from emaillab.host.relay import MAX_HOPS, received_field, return_path_field
from emaillab.host.store import Store
from emaillab.host.store.outgoing import QueuedLetter, QueuedRecipient
from emaillab.host.submission import missing_fields
from emaillab.protocol.backend import Session
from emaillab.protocol.envelope import Envelope, Recipient
from emaillab.protocol.machine import Refusal
from emaillab.protocol.smtp.grammar import Reply

if TYPE_CHECKING:
    from emaillab.message.header.fields import Header


@dataclass(frozen=True, slots=True)
class ReceptionOptions:
    """What a host takes in.

    Args:
        domains: whose mailboxes it holds; by default its own name.
        relays_for: domains of others whose mail it takes from anyone. trusted_ips: clients who may send anywhere.
        aliases: local part → the address, or addresses, that get its mail instead; see `MailHost.add_alias`.
        max_hops: how many Received fields a letter may have when it comes, before it is taken to be in a loop.
        completes: whether it adds Date and Message-ID to a letter that is submitted without them.
    """

    domains: Iterable[str] | None = None
    relays_for: Iterable[str] = ()
    trusted_ips: Iterable[str] = ()
    aliases: Mapping[str, str | Iterable[str]] | None = None
    max_hops: int = MAX_HOPS
    completes: bool = False


class Arrival:
    """One letter on its way in, as the steps see it."""

    def __init__(self, session: Session, envelope: Envelope, content: bytes, token: Callable[[], str]) -> None:
        self.session, self.envelope = session, envelope
        self.content = content  # as the client sent it; no octet of it is ever changed
        self.at = session.now()  # what the host's own clock shows
        self.added = b""  # fields that the author's program left out
        self.trace = b""  # fields that this host puts on top
        self._token = token
        self._queue_id = ""
        self._header: Header | None = None

    @property
    def queue_id(self) -> str:
        """The host's name for the letter, drawn when it is first asked for."""
        if not self._queue_id:
            self._queue_id = self._token()
        return self._queue_id

    @property
    def header(self) -> Header:
        """The header as the client sent it."""
        if self._header is None:
            from emaillab.message.header.fields import parse_header

            self._header = parse_header(self.content)
        return self._header

    @property
    def message_id(self) -> str:
        """The letter's Message-ID, its author's or ours."""
        from emaillab.message.header.fields import parse_header

        return (parse_header(self.added + self.content) if self.added else self.header).text("Message-ID")

    @property
    def raw(self) -> bytes:
        """The letter as it is kept and handed on."""
        # SIMPLIFIED: some servers put an empty line before text without any header; here no octet is added for it.
        return self.trace + self.added + self.content


class ReceptionStep:
    """One step of the way in; each method does nothing unless a step has something to say.

    Raises: Refusal, with the reply that the client gets.
    """

    def check_sender(self, session: Session, envelope: Envelope) -> None:
        """Look at the reverse-path, and the SIZE announced with it."""

    def check_recipient(self, session: Session, envelope: Envelope, recipient: Recipient) -> None:
        """Look at a recipient; the envelope has those that were granted before."""

    def take(self, arrival: Arrival) -> None:
        """Look at the whole letter, write on it, or keep it."""


class Reception:
    """All steps of one host, in order; `steps` may be added to.

    Args: token: gives a new queue id; work: holds together what the steps store, so that it is all kept or nothing.
    """

    def __init__(
        self,
        steps: Iterable[ReceptionStep],
        token: Callable[[], str],
        work: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.steps = list(steps)
        self._token, self._work = token, work

    def check_sender(self, session: Session, envelope: Envelope) -> None:
        """Refuse the reverse-path that a step refuses."""
        for step in self.steps:
            step.check_sender(session, envelope)

    def check_recipient(self, session: Session, envelope: Envelope, recipient: Recipient) -> None:
        """Refuse the recipient that a step refuses."""
        for step in self.steps:
            step.check_recipient(session, envelope, recipient)

    def accept(self, session: Session, envelope: Envelope, content: bytes) -> str:
        """Take responsibility for a letter, if all steps do. Returns: its queue id."""
        arrival = Arrival(session, envelope, content, self._token)
        with self._work():
            for step in self.steps:
                step.take(arrival)
        return arrival.queue_id


class PolicyCheck(ReceptionStep):
    """Who may send what to whom."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def check_sender(self, session: Session, envelope: Envelope) -> None:
        """Refuse what the policy refuses."""
        self._policy.check_sender(session, envelope)

    def check_recipient(self, session: Session, envelope: Envelope, recipient: Recipient) -> None:
        """Refuse what the policy refuses."""
        self._policy.check_recipient(session, envelope, recipient)


class LoopCheck(ReceptionStep):
    """Refuse a letter that too many hosts have handled. Source: RFC 5321 §6.3."""

    def __init__(self, max_hops: int) -> None:
        self.max_hops = max_hops

    def take(self, arrival: Arrival) -> None:
        """Count the Received fields."""
        if len(arrival.header.all("Received")) >= self.max_hops:
            why = f"{self.max_hops} hosts have handled this letter, it must be in a loop"
            raise Refusal(Reply(554, "5.4.6", why))


class Completion(ReceptionStep):
    """Add what a submitted letter lacks, on a host that does so. Source: RFC 6409 §8."""

    def __init__(self, *, active: bool) -> None:
        self.active = active

    def take(self, arrival: Arrival) -> None:
        """Add Date and Message-ID."""
        if self.active and arrival.session.submission:
            arrival.added += missing_fields(arrival.header, arrival.at, arrival.queue_id, arrival.session.server_name)


class Stamp(ReceptionStep):
    """Put the host's Received field on top. Source: RFC 5321 §4.4."""

    def take(self, arrival: Arrival) -> None:
        """Write who handed the letter in, and when."""
        stamp = received_field(arrival.session, arrival.envelope, arrival.queue_id, arrival.at)
        arrival.trace = stamp + arrival.trace


class Filing(ReceptionStep):
    """Keep the letter: into our users' mailboxes, into the queue for all others.

    Args: handling_s: how long a letter is looked at before it is first handed on.
    """

    def __init__(self, policy: Policy, store: Store, queue: Queue, handling_s: float = 0.0) -> None:
        self._policy, self._store, self._queue = policy, store, queue
        self._handling = timedelta(seconds=handling_s)

    def take(self, arrival: Arrival) -> None:
        """Keep what came in."""
        self.file(arrival.envelope, arrival.raw, arrival.queue_id, arrival.at)

    def file(self, envelope: Envelope, raw: bytes, queue_id: str, now: datetime) -> None:
        """Keep a letter as it is, also one that the host wrote itself."""
        ours, others = self._policy.split(envelope.recipients)
        if ours:
            self._store.deliver(dict.fromkeys(ours), return_path_field(envelope) + raw, now)
        if others:
            letter = QueuedLetter(
                queue_id,
                envelope.reverse_path,
                now,
                tuple(map(QueuedRecipient, others)),
                raw,
                envelope.body,
                ret=envelope.ret,
                envid=envelope.envid,
                smtputf8=envelope.smtputf8,
            )
            self._queue.add(letter, now + self._handling)


class Noting(ReceptionStep):
    """Note that the letter is in this host's hands now."""

    def __init__(self, log: CustodyLog, policy: Policy, clock: HostClock, store: Store) -> None:
        self._log, self._policy, self._clock, self._store = log, policy, clock, store

    def take(self, arrival: Arrival) -> None:
        """Write a Custody note."""
        if self._log.keeps:
            others = self._policy.split(arrival.envelope.recipients)[1]
            note = Custody(
                arrival.session.server_name,
                self._clock.true_s(arrival.at),
                arrival.at,
                arrival.message_id,
                arrival.queue_id,
                arrival.session.id,
                replace(arrival.envelope),
                arrival.raw,
                tuple(recipient.forward_path for recipient in others),
            )
            self._log.took(note)
            self._store.when_undone(arrival.queue_id, lambda: self._log.took_not(note))
