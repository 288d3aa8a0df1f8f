"""What does a student start in one cell? A mail Internet: hosts, links, names, one clock, one network.

>>> with Internet.textbook(network="memory") as net:
...     letter = net.compose("Alice <alice@crepes.fr>", "Bob <bob@hamburger.edu>", "Hello", "Do you like crepes?\\n")
...     net.submit(letter).final.code
...     net.settle()
...     [stop.host for stop in net.journey(letter["Message-ID"]).stops]
250
['crepes.fr', 'smtp.isp.example', 'mx.hamburger.edu', 'hamburger.edu']
"""

from __future__ import annotations

import os
import random
import sys
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import fields
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

from emaillab.host.dispatch import DispatchOptions
from emaillab.host.host_clock import HostClock
from emaillab.host.mailhost import MailHost
from emaillab.host.policy import each
from emaillab.host.ports import USUAL, PortOptions
from emaillab.host.reception import ReceptionOptions
from emaillab.host.runners import Runners
from emaillab.host.webmail.engine import WebmailEngine
from emaillab.journey import Journey as Journey
from emaillab.journey import follow
from emaillab.net.addresses import AddressBook
from emaillab.net.clock import Clock, VirtualClock, WallClock, span_s
from emaillab.net.dns import AAAA, MX, A, Resolver, Zone
from emaillab.net.link import End, Link
from emaillab.net.network import MemoryNetwork, Network, Stream
from emaillab.net.transcript import Transcript
from emaillab.net.zones import host_name, plain_name
from emaillab.protocol.smtp.client import SendResult, SmtpClient

if sys.platform != "emscripten":  # a browser has neither sockets nor threads, though it can import both
    from emaillab.net.tcp import TcpNetwork
if TYPE_CHECKING:
    from email.message import EmailMessage

    from emaillab.net.tls import Authority
    from emaillab.protocol.http.client import HttpClient
    from emaillab.protocol.imap.client import ImapClient
    from emaillab.protocol.pop3.client import Pop3Client

NetworkKind = Literal["tcp", "memory"]
SERVICES = USUAL
LONGEST_WAIT_S = 0.2

created: list[Callable[[Internet], None]] = []
"""Who wants to know of every new Internet: a notebook closes the one that an earlier run of the same cell made."""


class Internet:
    """A world of mail hosts; a context manager that closes all ports at its end.

    Args:
        network: "tcp" for loopback sockets, "memory" for none; by default what EMAILLAB_NETWORK says, else "tcp"
            wherever there are sockets.
        seed: where all identifiers come from. clock: "virtual", "wall", or a Clock.
        tls: whether the hosts offer STARTTLS, and TLS ports, with certificates of the course's authority.
    """

    def __init__(
        self,
        network: NetworkKind | None = None,
        seed: int | str = 1,
        clock: Clock | Literal["virtual", "wall"] = "virtual",
        tls: bool = False,
    ) -> None:
        self.clock = _clock(clock)
        self.seed = seed
        self.hosts: dict[str, MailHost] = {}
        self.devices: dict[str, End] = {}  # by the name of the mail host that they use
        self.dns = Resolver(rng=random.Random(f"{seed}/dns"))
        self._book = AddressBook()
        self._rng = random.Random(f"{seed}/letters")
        self._authority = _authority() if tls else None
        self.network: Network = _network(network, self.clock)
        if self._authority is not None:
            self.network.client_tls = self._authority.client_end
        self._finalizer = weakref.finalize(self, self.network.close)
        for tell in created:
            tell(self)

    @classmethod
    def textbook(cls, network: NetworkKind | None = None, **options: Any) -> Internet:
        """Return the world of Kurose & Ross: Alice at crepes.fr, Bob at hamburger.edu, and relays between.

        Alice's server hands everything to its provider; hamburger.edu has a host that takes its mail in.
        Both have the password "secret".
        """
        net = cls(network, **options)
        crepes: Any = {"users": {"alice": "secret"}, "device": "alice.crepes.fr", "routes": {"*": "smtp.isp.example"}}
        burger: Any = {"users": {"bob": "secret"}, "device": "bob.hamburger.edu", "mx_for": ()}
        relay: Any = {"domains": (), "services": ("smtp",)}
        net.host("crepes.fr", zone_h=1, **crepes)
        net.host("smtp.isp.example", zone_h=1, handling_s=2, trusts=["crepes.fr"], **relay)
        net.host(
            "mx.hamburger.edu",
            mx_for=["hamburger.edu"],
            relays_for=["hamburger.edu"],
            routes={"hamburger.edu": "hamburger.edu"},
            zone_h=-5,
            handling_s=7,
            **relay,
        )
        net.host("hamburger.edu", zone_h=-5, **burger)
        net.link("alice.crepes.fr", "crepes.fr", latency_s=0.005)
        net.link("crepes.fr", "smtp.isp.example", latency_s=0.010)
        net.link("smtp.isp.example", "mx.hamburger.edu", latency_s=0.045)
        net.link("mx.hamburger.edu", "hamburger.edu", latency_s=0.002)
        net.link("bob.hamburger.edu", "hamburger.edu", latency_s=0.015)
        return net

    # Building

    def host(
        self,
        name: str,
        *,
        users: Mapping[str, str] | None = None,
        domains: Iterable[str] | None = None,
        mx_for: Iterable[str] | None = None,
        services: Iterable[str] = SERVICES,
        ip: str | None = None,
        device: str | None = None,
        trusts: Iterable[str] = (),
        **options: Any,
    ) -> MailHost:
        """Add a mail host and start it.

        Args:
            users: name → password. domains: whose mailboxes it holds, by default its own name.
            mx_for: the domains whose MX record names it, by default those in `domains`.
            services: names of `host.ports.PORTS`. device: the name of its users' machine, who may send anywhere.
            trusts: hosts who may send anywhere too.
            options: clock_offset_s and zone_h, as for HostClock; whatever its rooms take: ReceptionOptions (relays_for,
                aliases, max_hops, completes), DispatchOptions (routes, handling_s, converts), PortOptions (without, …);
                store, log and uid_validity, as for MailHost.
        Raises: ValueError, TypeError, KeyError for a host that cannot be; the world then stays as it was.
        """
        name = host_name(name)
        if name in self.hosts:
            raise ValueError(f"there is a host {name} already; look at net.hosts[{name!r}], or choose another name")
        own = [host_name(domain) for domain in each(name if domains is None else domains)]
        taken = own if mx_for is None else [host_name(domain) for domain in each(mx_for)]
        end, laptop = self._book.enter(name, ip), self._book.enter(device or f"laptop.{name}")
        if self._authority is not None:
            options.setdefault("tls", partial(self._authority.server_end, name))
        options |= {
            "domains": own,
            "trusted_ips": [laptop.ip, *(self._book[friend].ip for friend in each(trusts))],
            "reverse": self._book.name_of,
            "resolver": self.dns,
            "plain_login": True,
        }
        host = MailHost(
            name,
            ip=end.ip,
            clock=HostClock(self.clock, options.pop("clock_offset_s", 0.0), options.pop("zone_h", 0.0)),
            rng=random.Random(f"{self.seed}/{name}"),
            engines={"http": WebmailEngine()},
            **_for_rooms(options),
        )
        for user, password in _accounts(users):
            host.add_user(user, password)
        listeners = host.services(each(services))
        # From here on nothing can be wrong with the call, so that one that was wrong leaves no half of a host.
        self.hosts[name], self.devices[name] = host, laptop
        self._register(end, taken)
        for service in listeners:
            self.network.listen(service)
        return host

    def link(self, a: str, b: str, *, latency_s: float = 0.0, bandwidth: float | None = None) -> None:
        """Lay a line between two hosts or devices. Args: bandwidth: octets per second, None for no limit.

        Raises: KeyError for an unknown name, ValueError for a line that cannot be.
        """
        self.network.link(self._book[a].name, self._book[b].name, Link(latency_s, bandwidth))

    def stop(self, name: str) -> None:
        """Take a host off the network, and end its sessions; its letters stay in its queue and mailboxes."""
        self.network.close(self[name].name)

    def start(self, name: str, services: Iterable[str] = SERVICES) -> None:
        """Put a stopped host back on the network; harmless for services that run."""
        for service in self[name].services(each(services)):
            if (service.host.name, service.name) not in self.network.services:
                self.network.listen(service)

    def __getitem__(self, name: str) -> MailHost:
        host = self.hosts.get(plain_name(name))
        if host is None:
            raise KeyError(f"there is no mail host {name} in this world, only {', '.join(self.hosts)}")
        return host

    # Clients

    def connect(self, name: str, service: str, client: str | None = None) -> Stream:
        """Open a connection to a host's service from a device or host; by default from the device of its users."""
        server = self[name].name
        return self.network.connect(self._book[client] if client else self.devices[server], server, service)

    def smtp(self, name: str, *, client: str | None = None, service: str = "smtp") -> SmtpClient:
        """Return a connected SMTP client that has read the greeting."""
        stream = self.connect(name, service, client)
        return SmtpClient(stream, transcript=stream.transcript)

    def pop3(self, name: str, *, client: str | None = None, service: str = "pop3") -> Pop3Client:
        """Return a connected POP3 client that has read the greeting."""
        from emaillab.protocol.pop3.client import Pop3Client

        stream = self.connect(name, service, client)
        return Pop3Client(stream, transcript=stream.transcript)

    def imap(self, name: str, *, client: str | None = None, service: str = "imap") -> ImapClient:
        """Return a connected IMAP client that has read the greeting."""
        from emaillab.protocol.imap.client import ImapClient

        stream = self.connect(name, service, client)
        return ImapClient(stream, transcript=stream.transcript)

    def http(self, name: str, *, client: str | None = None, service: str = "http") -> HttpClient:
        """Return a connected HTTP client, for the host's webmail. Raises: ModuleNotFoundError without its parts."""
        try:
            from emaillab.protocol.http.client import HttpClient
        except ModuleNotFoundError as error:
            sentence = f'HTTP needs {error.name}, which is missing here: pip install "emaillab[web]"'
            raise ModuleNotFoundError(sentence, name=error.name) from None
        stream = self.connect(name, service, client)
        return HttpClient(stream, name, transcript=stream.transcript)

    def address(self, name: str, service: str) -> tuple[str, int]:
        """Return (ip, port) of a service for anybody else's client, such as curl or Thunderbird."""
        return self.network.address(self[name].name, service)

    # Letters

    def compose(
        self, from_: str, to: str | Iterable[str], subject: str = "", text: str = "", **options: Any
    ) -> EmailMessage:
        """Compose a letter with the world's date and a seeded Message-ID; see `emaillab.compose`."""
        from emaillab.message.user_agent.compose import compose

        domain = from_.rpartition("@")[2].strip("> ") or "example"
        options.setdefault("date", self.clock.now())
        options.setdefault("message_id", f"<{self._rng.getrandbits(40):010x}@{domain}>")
        return compose(from_, to, subject, text, **options)

    def submit(self, letter: EmailMessage, via: str | None = None) -> SendResult:
        """Send a letter as its author's user agent does, through the author's mail host. Returns: what became of it.

        Raises: ValueError when the author's host is not in this world, or the letter is for nobody.
        """
        from email.message import Message

        from emaillab.message.user_agent.compose import envelope, to_bytes

        if not isinstance(letter, Message):
            raise TypeError(f"a letter to submit is an EmailMessage, as compose makes it, not {type(letter).__name__}")
        reverse_path, forward_paths = envelope(letter)
        if not forward_paths:
            raise ValueError("the letter has no address in To, Cc or Bcc: it is for nobody")
        host = self[via or self._host_of(reverse_path)]
        with self.smtp(host.name) as client:
            client.ehlo(self.devices[host.name].name)
            return client.send(reverse_path, forward_paths, to_bytes(letter))

    def journey(self, message_id: str) -> Journey:
        """Return one letter's stops and sessions. Raises: KeyError when no host has seen it."""
        if not isinstance(message_id, str):
            raise TypeError(f"a journey is asked for by the letter's Message-ID, not by {type(message_id).__name__}")
        return follow(message_id.strip(), self.hosts.values(), self.transcripts, self.clock.seconds)

    @property
    def transcripts(self) -> list[Transcript]:
        """The records of all sessions, in the order in which they were opened."""
        return self.network.transcripts

    # Time

    def settle(self) -> None:
        """Let the hosts hand on all fresh letters, and those whose retry is due; time passes only as they travel."""
        self._hand_on(self.clock.seconds, fresh_too_late=True)

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let time pass; every attempt that falls due meanwhile is made, at its moment.

        Raises: ValueError for a step backwards.
        """
        until_s = self.clock.seconds + span_s(seconds, minutes, hours, days)
        self._hand_on(until_s, fresh_too_late=False)
        self.clock.move_to(until_s)

    def _hand_on(self, until_s: float, *, fresh_too_late: bool) -> None:
        """Make all attempts that are due by a moment (those with fresh letters at any moment).

        In virtual time one after the other, by due time and host. On the wall, where a line may be slow, nobody waits
        for another's; but a network in memory has one thread alone.
        """
        if self.clock.virtual or isinstance(self.network, MemoryNetwork):
            while (due := self._next_due(until_s, fresh_too_late=fresh_too_late)) is not None:
                due_s, host = due
                self.clock.move_to(due_s)
                host.run_queue(partial(self._dial, host))
            return
        bell: SimpleQueue[None] = SimpleQueue()
        with ExitStack() as stack:
            runners = [
                stack.enter_context(Runners(host.dispatch, partial(self._dial, host), partial(bell.put, None)))
                for host in self.hosts.values()
            ]
            while True:
                for one in runners:
                    one.turn()
                due = self._next_due(until_s, fresh_too_late=fresh_too_late)
                if due is None and not any(one.busy for one in runners):
                    return
                with suppress(Empty):  # in short waits, so that an Interrupt gets through on every system
                    bell.get(timeout=min(one.wait_s(LONGEST_WAIT_S) for one in runners))

    def _next_due(self, until_s: float, *, fresh_too_late: bool) -> tuple[float, MailHost] | None:
        """Find the next attempt that is due by a moment; None when there is none."""
        moments = []
        for number, host in enumerate(self.hosts.values()):
            due_s, fresh_s = host.due_s(), host.due_s(fresh=True)
            if due_s is not None and due_s <= until_s:
                moments.append((due_s, number, host))
            elif fresh_too_late and fresh_s is not None:
                moments.append((fresh_s, number, host))
        if not moments:
            return None
        due_s, _, host = min(moments)
        return due_s, host

    def _dial(self, host: MailHost, exchange: str, *, cause: str | None) -> Stream:
        return self.network.connect(host.end, exchange, "smtp", cause=cause)

    # Ending

    def close(self) -> None:
        """Close all ports and forget nothing: transcripts, mailboxes and queues can still be looked at."""
        self._finalizer()

    def __enter__(self) -> Internet:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        kind = type(self.network).__name__.removesuffix("Network").lower()
        return f"<Internet of {len(self.hosts)} mail hosts on a {kind} network: {', '.join(self.hosts)}>"

    # Names

    def _register(self, end: End, mx_for: Iterable[str]) -> None:
        """Write a host into the DNS."""
        address = AAAA if ":" in end.ip else A
        self._zone_of(end.name).add(address(end.name, end.ip))
        for domain in mx_for:
            self._zone_of(domain).add(MX(domain, 10, end.name))

    def _zone_of(self, name: str) -> Zone:
        """Return the zone that a name is in; a new domain gets one."""
        for zone in self.dns.zones:
            if zone.covers(name):
                return zone
        self.dns.zones.append(Zone(name))
        return self.dns.zones[-1]

    def _host_of(self, address: str) -> str:
        domain = address.rpartition("@")[2].lower()
        for name, host in self.hosts.items():
            if domain in host.policy.domains:
                return name
        raise ValueError(f"no host in this world holds the mailboxes of {domain or 'nobody'}")


def _for_rooms(options: dict[str, Any]) -> dict[str, Any]:
    """Sort a host's options by the rooms that take them; the rest is for the host itself."""
    rest = dict(options)
    rooms: dict[str, Any] = {}
    for room, kind in (("reception", ReceptionOptions), ("dispatch", DispatchOptions), ("ports", PortOptions)):
        rooms[room] = kind(**{one.name: rest.pop(one.name) for one in fields(kind) if one.name in rest})
    return rooms | rest


def _accounts(users: Mapping[str, str] | None) -> Iterable[tuple[str, str]]:
    """Return names and passwords. Raises: TypeError for what holds none."""
    if not isinstance(users or {}, Mapping) or not all(
        isinstance(word, str) for pair in (users or {}).items() for word in pair
    ):
        raise TypeError(f'users are names with their passwords, such as {{"bob": "secret"}}, not {users!r}')
    return (users or {}).items()


def _network(kind: NetworkKind | None, clock: Clock) -> Network:
    kind = kind or os.environ.get("EMAILLAB_NETWORK") or ("memory" if sys.platform == "emscripten" else "tcp")  # type: ignore[assignment]
    if kind == "memory":
        return MemoryNetwork(clock)
    if kind == "tcp" and sys.platform != "emscripten":
        return TcpNetwork(clock)
    raise ValueError(f'a network is "tcp" (not in a browser) or "memory", not {kind!r}')


def _clock(clock: Clock | str) -> Clock:
    if isinstance(clock, str):
        if clock not in ("virtual", "wall"):
            raise ValueError(f'a clock is "virtual", "wall" or a Clock, not {clock!r}')
        return VirtualClock() if clock == "virtual" else WallClock()
    return clock


def _authority() -> Authority:
    from emaillab.net.tls import Authority

    return Authority()
