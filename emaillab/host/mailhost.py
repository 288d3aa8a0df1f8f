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
from datetime import datetime, timezone
from functools import partial

from emaillab.engine import Engine
from emaillab.host.custody import CustodyLog
from emaillab.host.dispatch import Dial, Dispatch, DispatchOptions
from emaillab.host.host_clock import HostClock
from emaillab.host.policy import POSTMASTER, Policy, each, split_address
from emaillab.host.ports import PortOptions, Ports, imap_engine, pop3_engine, smtp_server_of
from emaillab.host.queue import Queue
from emaillab.host.reception import (
    Completion,
    Filing,
    LoopCheck,
    Noting,
    PolicyCheck,
    Reception,
    ReceptionOptions,
    Stamp,
)
from emaillab.host.store import Store
from emaillab.net.clock import Clock
from emaillab.net.connection import Service
from emaillab.net.link import End
from emaillab.protocol.backend import Account, Session, Work
from emaillab.protocol.envelope import Envelope, Recipient
from emaillab.protocol.failures import Failures
from emaillab.protocol.sasl import Kept
from emaillab.protocol.smtp.client import SmtpClient

__all__ = ["EngineMaker", "MailHost", "SmtpClient"]

EngineMaker = Callable[["MailHost", Session], Engine]
"""Makes the engine of one protocol for one session of a host."""


class MailHost:
    """One mail server: a name, users, a clock, and the rooms in which letters come in, lie, and go out.

    Args:
        name: its host name. ip: its address in the world.
        clock: the world's, or its own that may be wrong.
        store: where it keeps its mail. rng: where its identifiers come from.
        uid_validity: of its users' INBOX; a host that begins anew under an old name needs a larger one each time, as
            programs remember UIDs (RFC 9051 §2.3.1.1).
        log: whether it keeps a Custody note of every letter.
        reception, dispatch, ports: what it takes in, how it hands on, how it listens.
        engines: protocol → who makes its engines, beside or instead of the usual ones; "http" needs one.
    """

    def __init__(
        self,
        name: str,
        *,
        ip: str,
        clock: Clock | HostClock,
        store: Store | None = None,
        rng: random.Random | None = None,
        uid_validity: int = 1,
        log: bool = True,
        reception: ReceptionOptions | None = None,
        dispatch: DispatchOptions | None = None,
        ports: PortOptions | None = None,
        engines: Mapping[str, EngineMaker] | None = None,
    ) -> None:
        takes, hands_on, listens = (
            reception or ReceptionOptions(),
            dispatch or DispatchOptions(),
            ports or PortOptions(),
        )
        self.end = End(name, ip)
        self.own_clock = clock if isinstance(clock, HostClock) else HostClock(clock)
        self.store = store if store is not None else Store()
        self.queue = Queue(self.store)
        self.policy = _policy(name, takes, self.store)
        self.failures = Failures()
        self.custody = CustodyLog(keeps=log)
        self.max_size = self.policy.max_size
        self.smtp_server = smtp_server_of(listens)
        self._rng, self._uid_validity = rng or random.Random(), uid_validity
        # Who signs something in the host's name, such as webmail's cookies; without a seed there may be real users.
        self.secret = rng.randbytes(32) if rng else secrets.token_bytes(32)
        filing = Filing(self.policy, self.store, self.queue, hands_on.handling_s)
        self._completion = completion = Completion(active=takes.completes)
        self.reception = Reception(
            [
                PolicyCheck(self.policy),
                LoopCheck(takes.max_hops),
                completion,
                Stamp(),
                filing,
                Noting(self.custody, self.policy, self.own_clock, self.store),
            ],
            self.token,
            self.work,
        )
        self.dispatch = Dispatch(
            name,
            self.own_clock,
            self.queue,
            self.store,
            token=self.token,
            file=filing.file,
            log=self.custody,
            work=self.work,
            options=hands_on,
        )
        makers: dict[str, EngineMaker] = {"smtp": self.smtp_server, "pop3": pop3_engine, "imap": imap_engine}
        made = {protocol: partial(maker, self) for protocol, maker in (makers | dict(engines or {})).items()}
        self.ports = Ports(self.end, self.own_clock, made, listens, commit=self.store.commit, token=self.token)
        self.add_user(POSTMASTER, self.token())
        for alias, targets in (takes.aliases or {}).items():
            self.add_alias(alias, *each(targets))

    def __repr__(self) -> str:
        return f"<MailHost {self.name} [{self.end.ip}], {len(self.queue)} letters in its queue>"

    @property
    def name(self) -> str:
        """The host's name."""
        return self.end.name

    # Its users

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

    # Its clock, and its tokens

    @property
    def clock(self) -> Clock:
        """The world's clock, which is right."""
        return self.own_clock.world

    @property
    def zone(self) -> timezone:
        """Its time zone."""
        return self.own_clock.zone

    def now(self, at_s: float | None = None) -> datetime:
        """Return what the host's own clock shows, in its own zone."""
        return self.own_clock.now(at_s)

    def token(self) -> str:
        """Return a new queue id."""
        return f"{self._rng.getrandbits(40):010X}"

    # Its ports

    def service(self, name: str, port: int | None = None) -> Service:
        """Return one service of PORTS, to be listened to on a network. Raises: ValueError for another name."""
        return self.ports.service(name, port)

    def services(self, names: Iterable[str] | None = None) -> list[Service]:
        """Return several services; by default the usual ones for which there are engines."""
        return self.ports.services(names)

    # What its servers ask

    def work(self) -> Work:
        """Return the work of one verb: what is stored in it is kept whole, or not at all."""
        return self.store.work()

    def check_sender(self, session: Session, envelope: Envelope) -> None:
        """Refuse what the reception refuses."""
        self.reception.check_sender(session, envelope)

    def check_recipient(self, session: Session, envelope: Envelope, recipient: Recipient) -> None:
        """Refuse what the reception refuses."""
        self.reception.check_recipient(session, envelope, recipient)

    def accept(self, session: Session, envelope: Envelope, content: bytes) -> str:
        """Take responsibility for a letter: into our users' mailboxes, into the queue for all others."""
        return self.reception.accept(session, envelope, content)

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

    @property
    def completes(self) -> bool:
        """Whether it adds Date and Message-ID to a letter that is submitted without them. It may be changed."""
        return self._completion.active

    @completes.setter
    def completes(self, completes: bool) -> None:
        self._completion.active = completes

    # Its way out

    @property
    def converts(self) -> bool:
        """Whether it re-encodes 8-bit letters for a server without 8BITMIME. It may be changed."""
        return self.dispatch.converts

    @converts.setter
    def converts(self, converts: bool) -> None:
        self.dispatch.converts = converts

    @property
    def routes(self) -> dict[str, str]:
        """Domain → host name that takes its mail, instead of the DNS; "*" is every other domain. It may be changed."""
        return self.dispatch.routes

    def targets(self, domain: str) -> list[str]:
        """Return the hosts that take mail for a domain, best first. Raises: Refusal."""
        return self.dispatch.targets(domain)

    def due_s(self, *, fresh: bool = False) -> float | None:
        """Return the true time of the next attempt, in seconds on the world's clock; see Queue.next_due."""
        return self.dispatch.due_s(fresh=fresh)

    def run_queue(self, dial: Dial) -> int:
        """Try every letter that is due, one after the other. Returns: the number of attempts."""
        return self.dispatch.run(dial)


def _policy(name: str, takes: ReceptionOptions, store: Store) -> Policy:
    """Return the rules of who may send what to whom."""
    own = {domain.lower() for domain in each(name if takes.domains is None else takes.domains)}
    others = {domain.lower() for domain in each(takes.relays_for)}
    return Policy(own, store.has_account, others, trusted_ips=set(takes.trusted_ips))
