"""How does one mail host serve real mail programs? `emaillab serve`, until SIGINT or SIGTERM.

>>> route("hamburger.edu=127.0.0.1:2525")
('hamburger.edu', '127.0.0.1:2525')
>>> route("hamburger.edu")
Traceback (most recent call last):
argparse.ArgumentTypeError: 'hamburger.edu' is not DOMAIN=HOST:PORT
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib.util
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

from emaillab.cli import CommandError, port
from emaillab.host.dispatch import DispatchOptions
from emaillab.host.mailhost import EngineMaker, MailHost
from emaillab.host.policy import Policy
from emaillab.host.ports import IMPLICIT_TLS, PORTS, PortOptions
from emaillab.host.reception import ReceptionStep
from emaillab.host.runners import Runners
from emaillab.host.store import Store, StoreError
from emaillab.host.webmail.engine import WebmailEngine
from emaillab.net.clock import WallClock
from emaillab.net.outside import dial
from emaillab.net.tcp import TcpNetwork
from emaillab.net.tls import Authority
from emaillab.net.transcript import Transcript
from emaillab.net.zones import ZoneError, host_name
from emaillab.protocol.backend import MailAcceptor, Session
from emaillab.protocol.envelope import Envelope, Recipient
from emaillab.protocol.machine import Refusal
from emaillab.protocol.smtp.grammar import Reply
from emaillab.protocol.smtp.server import SmtpServer
from emaillab.protocol.stream import Stream

ROUTE_HELP = "where mail for a domain goes; * is any other domain"
LONGEST_WAIT_S = 1.0  # not for ever: Windows looks at signals only between two waits


def user(text: str) -> tuple[str, str]:
    """Read NAME:PASSWORD."""
    name, colon, password = text.partition(":")
    if not colon or not name.partition("@")[0] or not password:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME:PASSWORD")
    return name, password


def domain(text: str) -> str:
    """Read a domain name."""
    try:
        return host_name(text)
    except ZoneError:
        wanted = "labels of letters, digits and hyphens, with dots"
        raise argparse.ArgumentTypeError(f"{text!r} is not a domain: {wanted}") from None


def route(text: str) -> tuple[str, str]:
    """Read DOMAIN=HOST:PORT."""
    to, _, target = text.partition("=")
    host, colon, number = target.rpartition(":")
    if not (host and colon and host.isprintable() and " " not in host and number):
        raise argparse.ArgumentTypeError(f"{text!r} is not DOMAIN=HOST:PORT")
    if not port(number):
        raise argparse.ArgumentTypeError(f"{text!r} names no port: nothing listens on 0")
    return to if to == "*" else domain(to), target


def nonempty(text: str) -> str:
    """Read a word that may not be empty, as an unset variable of a shell would be."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text


def folder(text: str) -> Path:
    """Read the name of a folder."""
    return Path(nonempty(text))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("--domain", default="localhost", type=domain, metavar="D", help="its mail domain (localhost)")
    parser.add_argument("--user", action="append", default=[], type=user, metavar="NAME:PASSWORD", help="add a user")
    parser.add_argument("--route", action="append", default=[], type=route, metavar="DOMAIN=HOST:PORT", help=ROUTE_HELP)
    parser.add_argument(
        "--bind", default="127.0.0.1", type=nonempty, metavar="IP", help="the address to listen on (127.0.0.1)"
    )
    ports = parser.add_argument_group("services", "each starts only if its port is named; 0 means any free port")
    for name, number in PORTS.items():
        ports.add_argument(f"--{name}", type=port, metavar="PORT", help=f"the textbook's port is {number}")
    parser.add_argument("--data", type=folder, metavar="DIR", help="keep all mail in this folder (in memory without)")
    parser.add_argument("--cert-out", type=Path, metavar="FILE", help="write the certificate authority's certificate")
    parser.add_argument("--require-tls", action="store_true", help="take no password in the clear, even on loopback")
    parser.add_argument("--record", action="store_true", help="print every session (and keep it, with --data)")
    parser.add_argument("--discard", action="store_true", help="accept all mail and drop it, for load tests")
    parser.add_argument("--json", action="store_true", help="say where the services are as one line of JSON")


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    named = _services(arguments)
    users, authority = _users(arguments), _authority(arguments, named)
    clock = WallClock()
    network = TcpNetwork(clock, arguments.bind)
    network.record = arguments.record
    network.ended = _recorder(network, arguments.data) if arguments.record else None
    try:
        host = _host(arguments, authority, clock)
        for name, password in users:
            host.add_user(name, password)
        for name, number in named.items():
            network.ports[host.name, name] = number
            network.listen(host.service(name))
        _serve(host, clock, lambda: _announce(network, host, named, as_json=arguments.json))
    except StoreError as error:
        raise CommandError(str(error)) from None
    finally:
        network.close()
    host.store.commit()
    host.store.close()
    return 0


def _services(arguments: argparse.Namespace) -> dict[str, int]:
    """Return the services that were named, with their ports."""
    named: dict[str, int] = {}
    for name in PORTS:
        number = getattr(arguments, name)
        if number is None:
            continue
        if number and number in named.values():
            raise CommandError(f"--{name} cannot have port {number}: another service of this host has it")
        named[name] = number
    if not named:
        raise CommandError("name at least one service with its port, such as --smtp 2525 (0 is any free port)")
    return named


def _users(arguments: argparse.Namespace) -> Iterable[tuple[str, str]]:
    """Return names and passwords; who is given as an address has to be at this host."""
    users: dict[str, tuple[str, str]] = {}
    for address, password in arguments.user:
        name, at, own = address.partition("@")
        if at and own.lower() != arguments.domain:
            raise CommandError(f"{address} is no user of {arguments.domain}: give a name alone, or --domain {own}")
        if users.setdefault(name.casefold(), (name, password)) != (name, password):
            raise CommandError(f"--user {name} is given twice, and not alike")
    return users.values()


def _authority(arguments: argparse.Namespace, named: dict[str, int]) -> Authority | None:
    """Return the certificate authority, or None where the parts for TLS are not installed."""
    if importlib.util.find_spec("trustme") is None:
        if arguments.cert_out or arguments.require_tls or named.keys() & IMPLICIT_TLS:
            raise CommandError('TLS needs more parts: pip install "emaillab[tls]"')
        return None
    authority = Authority()
    if arguments.cert_out:
        arguments.cert_out.write_bytes(authority.pem)
    return authority


def _host(arguments: argparse.Namespace, authority: Authority | None, clock: WallClock) -> MailHost:
    """Return the mail host."""
    names = tuple(dict.fromkeys(("localhost", "127.0.0.1", "::1", arguments.domain)))
    webmail = WebmailEngine()
    engines: dict[str, EngineMaker] = {"http": webmail}
    host = MailHost(
        arguments.domain,
        ip=arguments.bind,
        clock=clock,
        store=Store(arguments.data),
        dispatch=DispatchOptions(routes=dict(arguments.route)),
        ports=PortOptions(
            tls=None if authority is None else partial(authority.server_end, *names),
            require_tls=arguments.require_tls,
        ),
        engines=engines | {"smtp": DiscardingServer} if arguments.discard else engines,
        log=False,
        uid_validity=int(clock.now().timestamp()),
    )
    if arguments.discard:
        discard(host)
    else:
        host.reception.steps.insert(1, KnownWay(host))
    if arguments.http is not None or arguments.https is not None:
        with contextlib.suppress(ModuleNotFoundError):  # the first browser is told
            webmail.prepare(host)
    return host


class KnownWay(ReceptionStep):
    """Refuse mail for domains to which no way is known: among real hosts we ask no name server."""

    def __init__(self, host: MailHost) -> None:
        self._host = host

    def check_recipient(self, session: Session, envelope: Envelope, recipient: Recipient) -> None:
        """Look for a route."""
        domain = recipient.forward_path.rpartition("@")[2].lower()
        if not self._host.policy.is_ours(recipient.forward_path) and not self._host.routes.keys() & {domain, "*"}:
            raise Refusal(Reply(550, "5.4.4", f"no way to {domain} is known; start with --route {domain}=HOST:PORT"))


def discard(host: MailHost) -> None:
    """Have a host accept everything and keep nothing, also what was written in webmail."""
    host.reception.steps[:] = [SizeCheck(host.policy)]


class SizeCheck(ReceptionStep):
    """Refuse what is announced to be too big, and nothing else."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def check_sender(self, session: Session, envelope: Envelope) -> None:
        """Look at the announced size."""
        self._policy.check_sender(session, envelope)


class DiscardingServer(SmtpServer):
    """A server that drops every letter it takes."""

    DISCARDED = Reply(250, "2.0.0", "discarded").rendered()

    def __init__(self, backend: MailAcceptor, session: Session) -> None:
        super().__init__(backend, session)
        self._begin_work = None  # nothing is stored

    def keep(self, content: bytes) -> Reply:
        """Drop the letter: there is nothing that has to be kept before the 250."""
        self.end_transaction()
        return self.DISCARDED


def _announce(network: TcpNetwork, host: MailHost, named: dict[str, int], *, as_json: bool) -> None:
    """Say where the services are."""
    places = {name: network.address(host.name, name) for name in named}
    if as_json:
        print(json.dumps({"services": {name: list(place) for name, place in places.items()}, "pid": os.getpid()}))
    else:
        for name, (ip, number) in places.items():
            print(f"{name:10} {ip} port {number}")
        print("Stop with Ctrl-C.")
    sys.stdout.flush()


def _serve(host: MailHost, clock: WallClock, announce: Callable[[], None]) -> None:
    """Hand on what is due, until a signal comes; who reads the announcement may send one."""
    gc.freeze()  # what lives as long as the server need not be looked at again and again
    # A letter of ten thousand parts is no garbage: to look through all of it, over and over, keeps everybody waiting.
    gc.set_threshold(100_000, 50, 1000)
    bell: SimpleQueue[bool] = SimpleQueue()  # rung by any thread and by signals, which may interrupt this very one
    handlers = {number: signal.signal(number, lambda *_: bell.put(True)) for number in (signal.SIGINT, signal.SIGTERM)}

    def call(target: str, /, *, cause: str | None) -> Stream:
        ip, _, number = target.rpartition(":")
        return dial(ip.strip("[]"), int(number), clock, name=target)

    runners = Runners(host.dispatch, call, lambda: bell.put(False))
    try:
        announce()
        wait_s = 0.0
        while not _told_to_stop(bell, wait_s):
            try:
                if host.routes:
                    runners.turn()
                wait_s = runners.wait_s(LONGEST_WAIT_S) if host.routes else LONGEST_WAIT_S
            except StoreError as error:  # a full disk, which an operator can mend while we run
                print(f"emaillab serve: {error}", file=sys.stderr, flush=True)
                wait_s = LONGEST_WAIT_S
    finally:
        try:
            runners.stop()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


def _told_to_stop(bell: SimpleQueue[bool], wait_s: float) -> bool:
    """Wait until the bell rings, or so long; tell whether it rang for the end."""
    told = False
    with contextlib.suppress(Empty):
        told = bell.get(timeout=wait_s)
        while not told:
            told = bell.get_nowait()
    return told


def _recorder(network: TcpNetwork, data: Path | None) -> Callable[[Transcript], None]:
    """Return what is done with each session's record when it is complete: shown, and kept in the data folder."""
    folder = data / "transcripts" if data else None
    kept = [int(file.stem) for file in folder.glob("*.json") if file.stem.isdecimal()] if folder else []
    numbers = itertools.count(max(kept, default=0) + 1)

    def keep(transcript: Transcript) -> None:
        network.transcripts.remove(transcript)
        # A reader of the output who has left, or a full disk, costs records and no mail.
        if folder:
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                transcript.save(folder / f"{next(numbers):06}.json")
        with contextlib.suppress(OSError):
            print(f"--- {transcript.protocol} session {transcript.id} of {transcript.client}\n{transcript}", flush=True)

    return keep
