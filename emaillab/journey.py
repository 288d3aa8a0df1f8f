"""Where was the letter, who had a copy of it, and who answered for it?

The answer changes hands at one moment: when a server says 250 after the final dot (RFC 5321 §6.1). The client keeps
its copy until that 250 has come back over the line; so for this short time there are two copies, and one is in charge.

>>> from emaillab.world import Internet
>>> with Internet.textbook(network="memory") as net:
...     letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "Do you like crepes?\\n")
...     _ = net.submit(letter)
...     net.settle()
>>> journey = net.journey(letter["Message-ID"])
>>> for stay in journey.stays:
...     print(stay)
     0.000 s to     0.050 s  alice.crepes.fr, user agent
     0.045 s to     0.160 s  crepes.fr, queue
     0.150 s to     2.600 s  smtp.isp.example, queue
     2.555 s to     9.575 s  mx.hamburger.edu, queue
     9.573 s to         now  hamburger.edu, mailbox of bob@hamburger.edu
>>> len(journey.at(0.046).copies), journey.at(0.046).responsible[0].host
(2, 'crepes.fr')
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from emaillab.host.custody import Custody, GivenUp, RefusedConnection
from emaillab.host.mailhost import MailHost
from emaillab.net.transcript import Transcript
from emaillab.readings import NEVER, Reading, read_by, units

Kind = Literal["user agent", "queue", "mailbox"]
_ROUNDING_S = 1e-5  # a note's time went through a datetime


@dataclass(frozen=True, slots=True)
class Stay:
    """One copy of a letter at one place, from one moment up to but not including another."""

    kind: Kind
    host: str  # a mail server, or the user's device
    since_s: float  # seconds on the world's clock
    until_s: float = NEVER  # NEVER: it is there still
    in_charge_from_s: float = NEVER  # NEVER: it is a mere copy
    in_charge_until_s: float = NEVER
    mailbox: str = ""  # whose, for a mailbox
    ended: str = ""  # why the copy is there no more

    @property
    def place(self) -> str:
        """The place in words."""
        return f"{self.host}, mailbox of {self.mailbox}" if self.mailbox else f"{self.host}, {self.kind}"

    def held(self, at_s: float) -> bool:
        """Tell whether the copy is there at a moment."""
        return self.since_s <= at_s < self.until_s

    def in_charge(self, at_s: float) -> bool:
        """Tell whether whoever holds the copy has to see to it that the letter arrives, and stays."""
        return self.in_charge_from_s <= at_s < min(self.in_charge_until_s, self.until_s)

    def __str__(self) -> str:
        end = "       now" if self.until_s == NEVER else f"{self.until_s:8.3f} s"
        return f"{self.since_s:10.3f} s to {end:>11}  {self.place}"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the letter, in words."""

    at_s: float
    text: str
    session: str  # the id of the transcript; "" when there is none
    handover: bool = False  # whether the responsibility changed


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """All there is to say about a letter at one moment."""

    at_s: float
    copies: tuple[Stay, ...]
    responsible: tuple[Stay, ...]
    connections: tuple[Transcript, ...]  # open ones


@dataclass(frozen=True, slots=True, repr=False)
class Journey:
    """One letter's way: who had it when, and the sessions in which it travelled."""

    message_id: str
    stops: tuple[Custody, ...]  # in the order of true time
    sessions: tuple[Transcript, ...]
    own: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Queue id → the forward-paths whose mailboxes that host holds itself."""
    queued: frozenset[str] = frozenset()
    """The queue ids under which the letter still waits."""
    attempts: tuple[Transcript, ...] = ()
    """Sessions in which a host tried in vain to hand it on."""
    refused: tuple[RefusedConnection, ...] = ()
    """Attempts of which there is no session, as no connection came about."""
    given_up: tuple[GivenUp, ...] = ()
    """When hosts stopped trying, and for whom."""
    until_s: float = NEVER  # when the journey was asked for: what comes later it does not know

    @property
    def raw(self) -> dict[str, bytes]:
        """The letter's octets at every host that accepted it."""
        return {stop.host: stop.raw for stop in self.stops}

    @property
    def stays(self) -> tuple[Stay, ...]:
        """All copies that there were of the letter, in the order in which they came to be."""
        found = [*self._agents(), *self._queues(), *self._mailboxes()]
        return tuple(sorted(found, key=lambda stay: (stay.since_s, stay.kind != "user agent")))

    def at(self, at_s: float) -> Whereabouts:
        """Tell where the letter is and who answers for it. Args: at_s: seconds on the world's clock."""
        stays = self.stays
        return Whereabouts(
            at_s,
            tuple(stay for stay in stays if stay.held(at_s)),
            tuple(stay for stay in stays if stay.in_charge(at_s)),
            tuple(t for t in self.sessions if t.opened_s <= at_s < (NEVER if t.closed_s is None else t.closed_s)),
        )

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened to the letter, in the order of time."""
        found = [event for session in self.sessions for event in self._events(session)]
        found += self._vain_attempts()
        return tuple(sorted(found, key=lambda event: event.at_s))

    def __iter__(self) -> Iterator[Custody]:
        return iter(self.stops)

    def __repr__(self) -> str:
        return f"<Journey of {self.message_id}: {len(self.stops)} stops, {len(self.sessions)} sessions>"

    def __str__(self) -> str:
        rows = [f"{stop.at_s:9.3f} s  {stop.host:24} {len(stop.raw):7} octets  session {stop.session}" for stop in self]
        return "\n".join([f"Message-ID {self.message_id}", *rows])

    # The copies

    def _handovers(self) -> list[Handover]:
        sessions = {session.id: session for session in self.sessions}
        return [_handover(stop, sessions.get(stop.session)) for stop in self.stops]

    def _agents(self) -> Iterator[Stay]:
        """Find the copies of user agents: the author's, until a server has taken it, and those fetched to read."""
        for handover in self._handovers():
            session = handover.session
            if session is not None and session.cause is None:
                since = session.opened_s
                yield Stay("user agent", session.client, since, handover.back_s, since, handover.at_s, ended=HANDED_ON)
        fetched: dict[str, Stay] = {}
        for session, _, reading in self._readings():
            known = fetched.setdefault(session.client, Stay("user agent", session.client, reading.fetched_s))
            first = min(known.in_charge_from_s, reading.deleted_s)
            fetched[session.client] = replace(known, in_charge_from_s=first)
        yield from fetched.values()

    def _queues(self) -> Iterator[Stay]:
        """Find the copies that waited for the next host."""
        handovers = self._handovers()
        for stop, came in zip(self.stops, handovers, strict=True):
            others = {*stop.onward}
            if not others:
                continue
            left = [
                h for h in handovers if h.session and h.session.client == stop.host and h.session.cause == stop.session
            ]
            given_up = [note for note in self.given_up if note.queue_id == stop.queue_id]
            handed_on = {path for h in left for path in h.stop.envelope.forward_paths}
            stay = Stay("queue", stop.host, came.at_s, in_charge_from_s=came.at_s)
            if others <= handed_on.union(*(note.forward_paths for note in given_up)):
                until = max([*(h.back_s for h in left), *(note.at_s for note in given_up)])
                charge = max([*(h.at_s for h in left), *(note.at_s for note in given_up)])
                ended = GIVEN_UP if given_up else HANDED_ON
                stay = replace(stay, until_s=until, in_charge_until_s=charge, ended=ended)
            elif stop.queue_id not in self.queued:
                stay = replace(stay, until_s=self._last_try(stop), ended=GIVEN_UP)
            yield stay

    def _last_try(self, stop: Custody) -> float:
        """Return when a host last spoke with another one about the letter."""
        reports = [t.opened_s for t in self.sessions if self._is_report(t) and t.client == stop.host]
        tries = [
            t.closed_s
            for t in (*self.sessions, *self.attempts)
            if t.client == stop.host and t.cause == stop.session and t.closed_s is not None
        ]
        return min(reports, default=max(tries, default=self.until_s))

    def _is_report(self, session: Transcript) -> bool:
        """Tell whether a host that had the letter began a session of its own: to report, with the letter inside."""
        hosts = {stop.host for stop in self.stops}
        return session.protocol == "smtp" and session.cause is None and session.client in hosts

    def _mailboxes(self) -> Iterator[Stay]:
        """Find the copies in mailboxes."""
        readings = list(self._readings())
        for stop, came in zip(self.stops, self._handovers(), strict=True):
            for path in self.own.get(stop.queue_id, ()):
                until = min((r.deleted_s for _, s, r in readings if s is stop and r.reads(path)), default=NEVER)
                ended = DELETED if until < NEVER else ""
                yield Stay("mailbox", stop.host, came.at_s, until, came.at_s, mailbox=path, ended=ended)

    def _readings(self) -> Iterator[tuple[Transcript, Custody, Reading]]:
        for session in self.sessions:
            for stop in self.stops:
                if session.server == stop.host and session.protocol in ("pop3", "imap") and self.own.get(stop.queue_id):
                    reading = read_by(session, stop.raw)
                    if reading.fetched_s < NEVER:
                        yield session, stop, reading

    # The events

    def _vain_attempts(self) -> Iterator[Event]:
        """Tell of attempts that came to nothing, and of their end."""
        for session in self.attempts:
            text = f"{session.client} tries to hand the letter on to {session.server}, in vain."
            yield Event(session.opened_s, text, session.id)
        for refused in self.refused:
            yield Event(refused.at_s, f"{refused.host} cannot connect to {refused.exchange}: {refused.why}.", "")
        for note in self.given_up:
            told = f"and reports it to {note.told}" if note.told else "and nobody is to be told"
            text = f"{note.host} gives up {', '.join(note.forward_paths)}, {told}: nobody answers for that letter now."
            yield Event(note.at_s, text, "", handover=True)

    def _events(self, session: Transcript) -> Iterator[Event]:
        """Tell what happened to the letter in one session."""
        client, server = session.client, session.server
        opened = f"{client} opens {_a(session)} connection to {server}"
        why = ", to report that it gives the letter up." if self._is_report(session) else "."
        yield Event(session.opened_s, opened + why, session.id)
        for handover in self._handovers():
            if handover.session is session:
                yield from _handing_over(handover, session)
        for reader, _, reading in self._readings():
            if reader is session:
                text = f"{client} has fetched a copy; the mailbox at {server} keeps the letter."
                yield Event(reading.fetched_s, text, session.id)
                if reading.deleted_s < NEVER:
                    text = f"{server} deletes the letter from the mailbox; now {client} alone has it."
                    yield Event(reading.deleted_s, text, session.id, handover=True)
        if session.closed_s is not None:
            yield Event(session.closed_s, f"The connection of {client} to {server} is closed.", session.id)


def follow(message_id: str, hosts: Iterable[MailHost], transcripts: Iterable[Transcript], now_s: float) -> Journey:
    """Find a letter's stops and sessions in a world. Raises: KeyError when no host has seen it."""
    transcripts, key = list(transcripts), message_id.encode()
    found = [(note, host) for host in hosts for note in host.custody if note.message_id == message_id]
    if not found:
        raise KeyError(f"no host has seen a letter with Message-ID {message_id}")
    came_in = {note.session for note, _ in found}  # in a browser's session a letter has no Message-ID yet
    sessions = [t for t in transcripts if t.id in came_in or key in t.sent_by("C") or key in t.sent_by("S")]
    carried = {t.id for t in sessions}
    mine = {note.queue_id for note, _ in found}
    logs = {id(host): host.custody for _, host in found}.values()
    return Journey(
        message_id,
        tuple(sorted((note for note, _ in found), key=lambda stop: stop.at_s)),
        tuple(sessions),
        {note.queue_id: _delivered_here(note, host) for note, host in found},
        frozenset(letter.id for _, host in found for letter in host.queue.letters()),
        tuple(t for t in transcripts if t.cause in came_in and t.id not in carried),
        tuple(note for log in logs for note in log.refused if note.queue_id in mine),
        tuple(note for log in logs for note in log.given_up if note.queue_id in mine),
        now_s,
    )


def _delivered_here(note: Custody, host: MailHost) -> tuple[str, ...]:
    """Return the addresses, aliases replaced, for which a letter went into the host's own mailboxes."""
    paths = [recipient.forward_path for recipient in host.policy.expand(note.envelope.recipients)]
    return tuple(filter(host.policy.is_ours, paths))


HANDED_ON, GIVEN_UP, DELETED = "handed on", "given up", "deleted"


class Handover(NamedTuple):
    """The moment at which a host took a letter, and the moment at which the one before knew."""

    stop: Custody
    session: Transcript | None
    at_s: float
    back_s: float  # NEVER: the 250 did not reach it


class Promise(NamedTuple):
    """How a server says that it keeps a letter: in answer to what, beginning with which octets, in words."""

    verb: str
    answer: bytes
    whole: str  # what tells it that it has the whole letter
    code: str


PROMISES = {
    "smtp": Promise("(content)", b"250", "the final dot", "250"),
    "http": Promise("POST", b"HTTP/1.1 303", "the form", "303"),  # webmail
}


def _handover(stop: Custody, session: Transcript | None) -> Handover:
    """Find the promise to keep the letter in the session's record."""
    if session is not None:
        verb, answer, *_ = PROMISES[session.protocol]
        for unit in units(session):
            if unit.verb == verb and unit.answer.startswith(answer) and unit.sent_s >= stop.at_s - _ROUNDING_S:
                return Handover(stop, session, unit.sent_s, unit.back_s)
    return Handover(stop, session, stop.at_s, NEVER)


def _handing_over(handover: Handover, session: Transcript) -> Iterator[Event]:
    """Tell how a letter changed hands, from its MAIL to the 250 after its dot, or by a form."""
    client, server, transaction = session.client, session.server, list[Event]()
    for unit in units(session):
        if unit.verb == "MAIL":
            transaction.clear()
        elif unit.verb == "RCPT" and unit.answer.startswith(b"25"):
            path = unit.asked.decode("utf-8", "replace").partition(":")[2].split()[0]
            text = f"{server} accepts the recipient {path}: an address, not yet the letter."
            transaction.append(Event(unit.sent_s, text, session.id))
        elif unit.verb == "DATA" and unit.answer.startswith(b"354"):
            text = f"{server} asks for the content; {client} still answers for the letter."
            transaction.append(Event(unit.sent_s, text, session.id))
        elif unit.verb == "(content)" and unit.sent_s == handover.at_s:
            yield from transaction
    promise = PROMISES[session.protocol]
    text = f"{server} has {promise.whole}, keeps the letter and says {promise.code}: now it answers for it."
    yield Event(handover.at_s, text, session.id, handover=True)
    if handover.back_s < NEVER:
        yield Event(handover.back_s, f"The {promise.code} reaches {client}, which may forget its copy.", session.id)


def _a(session: Transcript) -> str:
    name = session.protocol.upper()
    return f"{'an' if name[0] in 'AEIOSH' else 'a'} {name}"
