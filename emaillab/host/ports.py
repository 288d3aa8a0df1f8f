"""Which engine listens where? A host's services: for each a port, a protocol, and who makes its engines.

The host hands in who makes the engine of each protocol, so that nothing here knows what they do: webmail imports its
host, and never the reverse.

>>> from emaillab.net.clock import VirtualClock
>>> smtp = partial(smtp_server(), None)
>>> ports = Ports(End("crepes.fr", "192.0.2.25"), HostClock(VirtualClock()), {"smtp": smtp})
>>> [(service.name, service.port) for service in ports.services()]
[('smtp', 25), ('submission', 587)]
>>> ports.service("http")
Traceback (most recent call last):
ValueError: crepes.fr has no engine for http: hand one in, such as emaillab.host.webmail.engine.WebmailEngine
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from emaillab.engine import Engine
from emaillab.host.host_clock import HostClock
from emaillab.net.connection import Connection, Service
from emaillab.net.link import End
from emaillab.protocol.backend import MailReader, Session
from emaillab.protocol.smtp.server import smtp_server
from emaillab.protocol.smtp.session import SmtpSession

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
USUAL = ("smtp", "submission", "pop3", "imap", "http")
"""The services of an ordinary host, as far as it has the engines."""

# After which silence a session ends: RFC 5321 §4.5.3.2.7, 1939 §3, 9051 §5.4. All wait longer than a client of ours
# does, so that it is the client who notices first that its peer says nothing.
IDLE_S = {"smtp": 600.0, "pop3": 600.0, "imap": 1800.0, "http": 600.0}


@dataclass(frozen=True, slots=True)
class PortOptions:
    """How a host listens.

    Args:
        without: SMTP extensions that it leaves out, of `smtp.server.OPTIONAL`, such as "8BITMIME".
        tls: makes the server's end of TLS. plain_login: whether passwords may come in the clear from anywhere;
            from the machine itself they may, unless `require_tls`. reverse: the name of an address, where it has one.
    """

    without: Iterable[str] = ()
    tls: Callable[[], Any] | None = None
    require_tls: bool = False
    plain_login: bool = False
    reverse: Callable[[str], str | None] = lambda ip: None


class Ports:
    """One host's services.

    Args: engines: protocol → makes the engine for a session; commit: makes durable what was stored; token: gives
        seeded names for challenges and the like.
    """

    def __init__(
        self,
        end: End,
        clock: HostClock,
        engines: Mapping[str, Callable[[Session], Engine]],
        options: PortOptions | None = None,
        *,
        commit: Callable[[], None] | None = None,
        token: Callable[[], str] = lambda: "0",
    ) -> None:
        self._end, self._clock, self._engines = end, clock, engines
        self._options = options or PortOptions()
        self._commit, self._token = commit, token

    def service(self, name: str, port: int | None = None) -> Service:
        """Return one service of PORTS, to be listened to on a network. Raises: ValueError for another name."""
        if name not in PORTS:
            raise ValueError(f"{name!r} is not a mail service; there are {', '.join(PORTS)}")
        protocol = protocol_of(name)
        engine = self._engines.get(protocol)
        if engine is None:
            example = ", such as emaillab.host.webmail.engine.WebmailEngine" if protocol == "http" else ""
            raise ValueError(f"{self._end.name} has no engine for {protocol}: hand one in{example}")
        return Service(
            self._end,
            name,
            PORTS[name] if port is None else port,
            lambda connection: engine(self.session(connection, name)),
            self._commit,
            protocol=protocol,
            tls=self._options.tls,
            implicit_tls=name in IMPLICIT_TLS,
            idle_s=IDLE_S[protocol],
        )

    def services(self, names: Iterable[str] | None = None) -> list[Service]:
        """Return several services; by default the usual ones for which there are engines."""
        if names is None:
            names = [name for name in USUAL if protocol_of(name) in self._engines]
        return [self.service(name) for name in names]

    def session(self, connection: Connection, service: str) -> Session:
        """Return what is known of a connection that comes in."""
        ip = connection.client.ip
        loopback = ip in ("::1", "localhost") or ip.startswith("127.")
        transcript = connection.wire.transcript
        session = Session(
            server_name=self._end.name,
            peer_ip=ip,
            peer_name="localhost" if loopback else self._options.reverse(ip),
            id=transcript.id if transcript else connection.id,
            now=lambda: self._clock.now(connection.at_s),
            tls=connection.tls_version,
            offers_tls=connection.offers_tls,
            loopback=loopback or self._options.plain_login,
            require_tls=self._options.require_tls,
            submission=service in ("submission", "smtps"),
            http=service in ("http", "https"),
            tokens=self._token,
            wake=connection.wake,
        )
        connection.encrypted = partial(setattr, session, "tls")
        return session


def protocol_of(service: str) -> str:
    """Return the protocol that a service speaks."""
    return {"submission": "smtp"}.get(service, service.removesuffix("s") if service in IMPLICIT_TLS else service)


def smtp_server_of(options: PortOptions) -> type[SmtpSession]:
    """Return the class of a host's SMTP server. Raises: ValueError for an extension that cannot be left out."""
    left_out = (options.without,) if isinstance(options.without, str) else options.without
    return smtp_server(frozenset(map(str.upper, left_out)))


def pop3_engine(host: MailReader, session: Session) -> Engine:
    """Return a POP3 server for one session."""
    from emaillab.protocol.pop3.server import Pop3Server  # here, so that a world is up before a student blinks

    return Pop3Server(host, session)


def imap_engine(host: MailReader, session: Session) -> Engine:
    """Return an IMAP server for one session."""
    from emaillab.protocol.imap.server import ImapServer

    return ImapServer(host, session)
