"""What is inside one mail server? Its engines, its store, its policy and its queue, joined here.

>>> from emaillab.net.clock import VirtualClock
>>> from emaillab.net.network import MemoryNetwork
>>> host = MailHost("crepes.fr", ip="192.0.2.25", clock=VirtualClock())
>>> host.add_user("alice", "secret")
>>> network = MemoryNetwork(host.clock)
>>> for service in host.services():
...     network.listen(service)
>>> with SmtpClient(network.connect(End("laptop", "192.0.2.10"), "crepes.fr", "smtp")) as client:
...     _ = client.ehlo("laptop")
...     client.send("bob@hamburger.edu", ["alice@crepes.fr"], b"Subject: hi\\r\\n\\r\\nBonjour\\r\\n").accepted
True
>>> print(host.letters("alice")[0].decode().replace(chr(13), ""))  # doctest: +ELLIPSIS
Return-Path: <bob@hamburger.edu>
Received: from laptop (unknown [192.0.2.10])
 by crepes.fr (emaillab) with ESMTP id ...
 for <alice@crepes.fr>;
 Mon, 02 Mar 2026 09:00:00 +0000
Subject: hi
...
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from emaillab.engine import Engine
from emaillab.host.policy import POSTMASTER, Policy, each, split_address
from emaillab.host.queue import Queue
from emaillab.host.relay import MAX_HOPS, Attempt, exchanges_for, hand_on, received_field, return_path_field
from emaillab.host.store import Store
from emaillab.host.store.outgoing import QueuedLetter, QueuedRecipient
from emaillab.host.submission import missing_fields
from emaillab.net.clock import Clock
from emaillab.net.connection import Connection, Service
from emaillab.net.dns import Resolver
from emaillab.net.link import End
from emaillab.protocol.backend import Account, Session, Work
from emaillab.protocol.envelope import FAILURE, Envelope, Recipient
from emaillab.protocol.failures import Failures
from emaillab.protocol.machine import Refusal
from emaillab.protocol.sasl import Kept
from emaillab.protocol.smtp.client import SmtpClient
from emaillab.protocol.smtp.grammar import Reply
from emaillab.protocol.smtp.server import smtp_server
from emaillab.protocol.stream import Stream

if TYPE_CHECKING:
    from emaillab.host.webmail.application import Webmail

__all__ = ["IMPLICIT_TLS", "PORTS", "Custody", "MailHost", "SmtpClient"]

PORTS = {
    "smtp": 25,
    "submission": 587,
    "pop3": 110,
    "imap": 143,
    "http": 80,
    "smtps": 465,
    "pop3s": 995,
    "imaps": 993,
    "https": 443,
}
"""Each service's well-known port."""
IMPLICIT_TLS = frozenset(("smtps", "pop3s", "imaps", "https"))
"""Services that speak TLS from the first octet (RFC 8314, RFC 9110 §4.2.2)."""

TICK = timedelta(milliseconds=1)  # no attempt is late by less
# After which silence a session ends: RFC 5321 §4.5.3.2.7, 1939 §3, 9051 §5.4. All wait longer than a client of ours
# does, so that it is the client who notices first that its peer says nothing.
IDLE_S = {"smtp": 600.0, "pop3": 600.0, "imap": 1800.0, "http": 600.0}


@dataclass(frozen=True, slots=True)
class Custody:
    """A host's note that a letter is now in its hands: with the 250 after the final dot."""

    host: str
    at_s: float  # true time, seconds on the world's clock
    stamped_at: datetime  # what the host's own clock said
    message_id: str
    queue_id: str
    session: str  # the id of the transcript in which it came
    envelope: Envelope
    raw: bytes = field(repr=False)  # with this host's trace field on top
    onward: tuple[str, ...] = ()  # the forward-paths, aliases replaced, for which it has to be handed on


class MailHost:
    """One mail server.

    Args:
        name: its host name. ip: its address in the world.
        domains: whose mailboxes it holds; by default its own name.
        clock_offset_s: how far its clock is ahead of the true time. zone_h: its time zone, hours east of UTC.
        handling_s: how long a letter is looked at before it is first handed on.
        routes: domain → host name that takes its mail, instead of the DNS; "*" is every other domain (a smart host).
        relays_for: domains of others whose mail it takes from anyone. trusted_ips: clients who may send anywhere.
        tls: makes the server's end of TLS. plain_login: whether passwords may come in the clear from anywhere;
            from the machine itself they may, unless `require_tls`. log: whether to keep a Custody note of every letter.
        aliases: local part → the address, or addresses, that get its mail instead; see `add_alias`.
        without: SMTP extensions that it leaves out, of `smtp.server.OPTIONAL`, such as "8BITMIME".
        converts: whether it re-encodes 8-bit letters for a server without 8BITMIME, instead of returning them.
        completes: whether it adds Date and Message-ID to a letter that is submitted without them.
        max_hops: how many Received fields a letter may have when it comes, before it is taken to be in a loop.
        uid_validity: of its users' INBOX; a host that begins anew under an old name needs a larger one each time, as
            programs remember UIDs (RFC 9051 §2.3.1.1).
    """

    def __init__(
        self,
        name: str,
        *,
        ip: str,
        clock: Clock,
        domains: Iterable[str] | None = None,
        store: Store | None = None,
        rng: random.Random | None = None,
        clock_offset_s: float = 0.0,
        zone_h: float = 0.0,
        handling_s: float = 0.0,
        routes: dict[str, str] | None = None,
        relays_for: Iterable[str] = (),
        trusted_ips: Iterable[str] = (),
        reverse: Callable[[str], str | None] = lambda ip: None,
        resolver: Resolver | None = None,
        tls: Callable[[], Any] | None = None,
        require_tls: bool = False,
        plain_login: bool = False,
        log: bool = True,
        aliases: Mapping[str, str | Iterable[str]] | None = None,
        max_hops: int = MAX_HOPS,
        without: Iterable[str] = (),
        converts: bool = False,
        completes: bool = False,
        uid_validity: int = 1,
    ) -> None:
        self.end = End(name, ip)
        self.clock, self.clock_offset_s, self.handling_s = clock, clock_offset_s, handling_s
        self.zone = timezone(timedelta(hours=zone_h))
        self.store = store if store is not None else Store()
        self.queue = Queue(self.store)
        own = {d.lower() for d in each(name if domains is None else domains)}
        others = {d.lower() for d in each(relays_for)}
        self.policy = Policy(own, self.store.has_account, others, trusted_ips=set(trusted_ips))
        self.routes = routes or {}
        self.custody: list[Custody] = []
        self.max_size, self.max_hops = self.policy.max_size, max_hops
        self._rng = rng or random.Random()
        self.converts, self.completes = converts, completes
        self.smtp_server = smtp_server(frozenset(map(str.upper, each(without))))
        self.failures = Failures()
        self._secret = rng.randbytes(32) if rng else secrets.token_bytes(32)  # without a seed there may be real users
        self._resolver, self._tls = resolver or Resolver(), tls
        self._reverse = reverse
        self._require_tls, self._plain_login, self._log = require_tls, plain_login, log
        self._uid_validity = uid_validity
        self._causes: dict[str, str] = {}  # queue id → the session in which the letter came
        self._webmail: Webmail | None = None  # made when the first browser comes
        self.add_user(POSTMASTER, self.token())
        for alias, targets in (aliases or {}).items():
            self.add_alias(alias, *each(targets))

    def __repr__(self) -> str:
        return f"<MailHost {self.name} [{self.end.ip}], {len(self.queue)} letters in its queue>"

    @property
    def name(self) -> str:
        """The host's name."""
        return self.end.name

    @property
    def users(self) -> list[str]:
        """The names of its users, postmaster aside."""
        return [name for name in self.store.account_names() if name != POSTMASTER]

    def add_user(self, name: str, password: str) -> None:
        """Give a user a mailbox here; a name that exists gets the new password."""
        self.store.add_account(name, password, self._uid_validity)
        self.store.commit()

    def add_alias(self, name: str, *targets: str) -> None:
        """Send a local part's mail on to other addresses; the sender, the reverse-path, and the content stay.

        Args: targets: addresses, or names of this host's users; the alias itself keeps a copy in its mailbox.
        Raises: ValueError when there is none, as nothing would become of the letters.
        Source: RFC 5321 §3.9.1. SIMPLIFIED: aliases live as long as this object, not in the store.
        """
        if not targets:
            raise ValueError(f"the alias {name} needs at least one address in its place")
        self.policy.aliases[name.lower()] = targets

    def letters(self, user: str, mailbox: str = "INBOX") -> list[bytes]:
        """Return the octets of all letters in a user's mailbox. Raises: KeyError for an unknown one."""
        account = self.store.account(user)
        box = account.mailbox(mailbox) if account else None
        if box is None:
            raise KeyError(f"{self.name} has no mailbox {mailbox} of {user}")
        return [box.raw(entry.uid) for entry in box.entries()]

    def now(self, at_s: float | None = None) -> datetime:
        """Return what the host's own clock shows, in its own zone."""
        true = self.clock.seconds if at_s is None else at_s
        return self.clock.at(true + self.clock_offset_s).astimezone(self.zone)

    def token(self) -> str:
        """Return a new queue id."""
        return f"{self._rng.getrandbits(40):010X}"

    # Its ports

    def service(self, name: str, port: int | None = None) -> Service:
        """Return one service of PORTS, to be listened to on a network. Raises: ValueError for another name."""
        if name not in PORTS:
            raise ValueError(f"{name!r} is not a mail service; there are {', '.join(PORTS)}")
        protocol = {"submission": "smtp"}.get(name, name.removesuffix("s") if name in IMPLICIT_TLS else name)
        engine = {"smtp": self._smtp, "pop3": self._pop3, "imap": self._imap, "http": self._http}[protocol]
        return Service(
            self.end,
            name,
            PORTS[name] if port is None else port,
            lambda connection: engine(self._session(connection, name)),
            self.store.commit,
            protocol=protocol,
            tls=self._tls,
            implicit_tls=name in IMPLICIT_TLS,
            idle_s=IDLE_S[protocol],
        )

    def services(self, names: Iterable[str] = ("smtp", "submission", "pop3", "imap", "http")) -> list[Service]:
        """Return several services."""
        return [self.service(name) for name in names]

    def _smtp(self, session: Session) -> Engine:
        return self.smtp_server(self, session)

    def _pop3(self, session: Session) -> Engine:
        from emaillab.protocol.pop3.server import Pop3Server  # here, so that a world is up before a student blinks

        return Pop3Server(self, session)

    def _imap(self, session: Session) -> Engine:
        from emaillab.protocol.imap.server import ImapServer

        return ImapServer(self, session)

    def _http(self, session: Session) -> Engine:
        try:
            from emaillab.host.webmail.application import Webmail
            from emaillab.protocol.http.server import HttpServer
        except ModuleNotFoundError as error:
            from emaillab.protocol.http.absent import AbsentServer

            return AbsentServer(f'webmail needs {error.name}, which is missing here: pip install "emaillab[web]"')
        if self._webmail is None:
            self._webmail = Webmail(self, secret=self._secret)
        return HttpServer(self._webmail, session, commit=self.store.commit)

    def _session(self, connection: Connection, service: str) -> Session:
        ip = connection.client.ip
        loopback = ip in ("::1", "localhost") or ip.startswith("127.")
        transcript = connection.wire.transcript
        session = Session(
            server_name=self.name,
            peer_ip=ip,
            peer_name="localhost" if loopback else self._reverse(ip),
            id=transcript.id if transcript else connection.id,
            now=lambda: self.now(connection.at_s),
            tls=connection.tls_version,
            offers_tls=connection.offers_tls,
            loopback=loopback or self._plain_login,
            require_tls=self._require_tls,
            submission=service in ("submission", "smtps"),
            http=service in ("http", "https"),
            tokens=self.token,
            wake=connection.wake,
        )
        connection.encrypted = partial(setattr, session, "tls")
        return session

    # What its SMTP server asks

    def check_sender(self, session: Session, envelope: Envelope) -> None:
        """Refuse what the policy refuses."""
        self.policy.check_sender(session, envelope)

    def check_recipient(self, session: Session, envelope: Envelope, recipient: Recipient) -> None:
        """Refuse what the policy refuses."""
        self.policy.check_recipient(session, envelope, recipient)

    def kept(self, user: str) -> Kept | None:
        """Return what is kept of a user's account; users log in as NAME or NAME@DOMAIN."""
        local, domain = split_address(user)
        return None if domain and domain not in self.policy.domains else self.store.account(local)

    def account(self, name: str) -> Account:
        """Return a user's account. Raises: KeyError when there is none."""
        account = self.store.account(name)
        if account is None:
            raise KeyError(f"{self.name} has no user {name}")
        return account

    def work(self) -> Work:
        """Return the work of one verb: what is stored in it is kept whole, or not at all."""
        return self.store.work()

    def accept(self, session: Session, envelope: Envelope, content: bytes) -> str:
        """Take responsibility for a letter: into our users' mailboxes, into the queue for all others."""
        from emaillab.message.fields import parse_header

        header = parse_header(content)
        if len(header.all("Received")) >= self.max_hops:
            raise Refusal(Reply(554, "5.4.6", f"{self.max_hops} hosts have handled this letter, it must be in a loop"))
        queue_id, now = self.token(), session.now()
        added = missing_fields(header, now, queue_id, self.name) if self.completes and session.submission else b""
        # SIMPLIFIED: some servers put an empty line before text without any header; here no octet is added or changed.
        raw = received_field(session, envelope, queue_id, now) + added + content
        self._take(envelope, raw, queue_id, now)
        self._causes[queue_id] = session.id
        if self._log:
            message_id = (parse_header(added + content) if added else header).text("Message-ID")
            onward = tuple(recipient.forward_path for recipient in self.policy.split(envelope.recipients)[1])
            true_s = (now - self.clock.start).total_seconds() - self.clock_offset_s
            note = Custody(self.name, true_s, now, message_id, queue_id, session.id, replace(envelope), raw, onward)
            self.custody.append(note)
            self.store.when_undone(queue_id, lambda: self.custody.remove(note))  # where accepting is part of a verb
        return queue_id

    def _take(self, envelope: Envelope, raw: bytes, queue_id: str, now: datetime) -> None:
        """Deliver a letter to our users and queue it for the others, or nothing of it."""
        ours, others = self.policy.split(envelope.recipients)
        with self.work():
            if ours:
                self.store.deliver(dict.fromkeys(ours), return_path_field(envelope) + raw, now)
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
                self.queue.add(letter, now + timedelta(seconds=self.handling_s))

    # Its queue

    def due_s(self, *, fresh: bool = False) -> float | None:
        """Return the true time of the next attempt, in seconds on the world's clock; see Queue.next_due."""
        moment = self.queue.next_due(fresh=fresh)
        return None if moment is None else (moment - self.clock.start).total_seconds() - self.clock_offset_s

    def run_queue(self, dial: Callable[..., Stream]) -> int:
        """Try every letter that is due. Args: dial(host name, cause=session). Returns: the number of attempts."""
        attempts = 0
        for letter in self.queue.due(self.now() + TICK):
            for domain, part in _by_domain(letter):
                attempts += 1
                cause = self._causes.get(letter.id)
                attempt = hand_on(
                    part,
                    self.queue.content(letter),
                    partial(self.targets, domain),
                    partial(dial, cause=cause),
                    self.name,
                    converts=self.converts,
                )
                with self.work():
                    self._settle(part, attempt)
            self.store.commit()
        return attempts

    def targets(self, domain: str) -> list[str]:
        """Return the hosts that take mail for a domain, best first: a route of our own, else what the DNS says."""
        route = self.routes.get(domain) or self.routes.get("*")
        return [route] if route else exchanges_for(domain, self._resolver, self.name)

    def _settle(self, letter: QueuedLetter, attempt: Attempt) -> None:
        """Take note of what became of an attempt."""
        delivered, failed = attempt.those(lambda r: r.ok), attempt.those(lambda r: r.permanent)
        later, now = attempt.those(lambda r: r.temporary), self.now()
        for path, reply in later.items():
            for expired in self.queue.put_off(letter, [path], reply, now):
                failed[expired] = f"{reply} (given up after {self.queue.give_up_after.days} days)"
        if failed:
            self._bounce(letter, failed, now)
        if delivered or failed:
            self.queue.done(letter, [*delivered, *failed])

    def _bounce(self, letter: QueuedLetter, failures: dict[str, str], now: datetime) -> None:
        """Report failures to the reverse-path; a report itself is never reported on (RFC 5321 §6.1)."""
        from emaillab.host.bounce import notification

        unasked = {one.forward_path for one in letter.recipients if not one.recipient.wants(FAILURE)}
        failures = {path: why for path, why in failures.items() if path not in unasked}
        if letter.reverse_path and failures:
            queue_id = self.token()
            report = notification(self.name, letter, self.queue.content(letter), failures, now, queue_id)
            self._take(Envelope.plain("", letter.reverse_path, body="8BITMIME"), report, queue_id, now)


def _by_domain(letter: QueuedLetter) -> list[tuple[str, QueuedLetter]]:
    """Split a letter by its recipients' domains: one transmission for all recipients of a domain."""
    groups: dict[str, list[QueuedRecipient]] = {}
    for recipient in letter.recipients:
        groups.setdefault(split_address(recipient.forward_path)[1], []).append(recipient)
    return [(domain, replace(letter, recipients=tuple(group))) for domain, group in groups.items()]
