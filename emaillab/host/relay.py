"""How does a letter get to the next host, and what does each host write on it?

>>> from datetime import UTC
>>> session = Session("crepes.fr", "192.0.2.10", "laptop.crepes.fr", helo="laptop.crepes.fr", esmtp=True)
>>> envelope = Envelope.plain("alice@crepes.fr", "bob@hamburger.edu")
>>> print(received_field(session, envelope, "4F2A", datetime(2026, 3, 2, 9, tzinfo=UTC)).decode(), end="")
Received: from laptop.crepes.fr (laptop.crepes.fr [192.0.2.10])\r
 by crepes.fr (emaillab) with ESMTP id 4F2A\r
 for <bob@hamburger.edu>;\r
 Mon, 02 Mar 2026 09:00:00 +0000\r
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from emaillab.host.store.outgoing import QueuedLetter
from emaillab.net.dns import NULL_MX, NoSuchDomain, Resolver, ServerFailure
from emaillab.protocol.backend import Session
from emaillab.protocol.envelope import Envelope
from emaillab.protocol.machine import Refusal
from emaillab.protocol.smtp.client import SendResult, SmtpClient
from emaillab.protocol.smtp.grammar import Reply
from emaillab.protocol.stream import ProtocolError, Stream

NEXT_LINE = "\r\n "
MAX_HOPS = 100
"""Received fields after which a letter is taken to be in a loop (RFC 5321 §6.3)."""


def received_field(session: Session, envelope: Envelope, queue_id: str, now: datetime) -> bytes:
    """Return the trace field that a host puts on top of every letter it accepts.

    The name after "from" is what the client claimed, the address in brackets is what TCP says. Of a letter written in
    a browser nothing of that kind is known.
    Source: RFC 5321 §4.4; RFC 3848.
    """
    ip = f"IPv6:{session.peer_ip}" if ":" in session.peer_ip else session.peer_ip
    from_ = f"from {session.helo or 'unknown'} ({session.peer_name or 'unknown'} [{ip}])\r\n "
    program = "emaillab webmail" if session.http else "emaillab"
    only = envelope.forward_paths[0] if len(envelope.forward_paths) == 1 else None  # others stay secret, §7.2
    return (
        f"Received: {'' if session.http else from_}by {session.server_name} ({program})"
        f" with {with_protocol(session)} id {queue_id}"
        f"{f'{NEXT_LINE}for <{only}>' if only else ''};{NEXT_LINE}{format_datetime(now)}\r\n"
    ).encode()


def with_protocol(session: Session) -> str:
    """Return the keyword of the "with" clause. Source: RFC 3848.

    QUIRK: "HTTP" is in no RFC, yet webmail servers write it.
    """
    if session.http:
        return f"HTTP{'S' if session.tls else ''}"
    if not session.esmtp:
        return "SMTP"
    return f"ESMTP{'S' if session.tls else ''}{'A' if session.user else ''}"


def return_path_field(envelope: Envelope) -> bytes:
    """Return the field that final delivery puts on top; exactly one, with the reverse-path (RFC 5321 §4.4)."""
    return f"Return-Path: <{envelope.reverse_path}>\r\n".encode()


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one attempt to hand a letter on, recipient by recipient."""

    exchange: str  # the host that answered, or the last one tried
    replies: dict[str, Reply]

    def those(self, test: Callable[[Reply], bool]) -> dict[str, str]:
        """Return the recipients whose reply passes a test, with the reply's words."""
        return {path: str(reply) for path, reply in self.replies.items() if test(reply)}


def exchanges_for(domain: str, resolver: Resolver, own_name: str) -> list[str]:
    """Return the hosts that take a domain's mail, best first.

    A host that finds itself in the list passes over itself and all less preferred ones.
    Raises: Refusal with the reply that settles the recipients' fate.
    Source: RFC 5321 §5.1; RFC 7505.
    """
    try:
        found = resolver.mx(domain)
    except NoSuchDomain as error:
        raise Refusal(Reply(550, "5.1.2", str(error))) from None
    except ServerFailure as error:
        raise Refusal(Reply(451, "4.4.3", str(error))) from None
    if found == [NULL_MX]:
        raise Refusal(Reply(556, "5.1.10", f"{domain} takes no mail"))
    own = [preference for preference, exchange in found if exchange == own_name]
    better = [exchange for preference, exchange in found if not own or preference < own[0]]
    if found and not better:
        raise Refusal(Reply(554, "5.4.6", f"the DNS says that {own_name} takes mail for {domain}, but it is not ours"))
    return better


def hand_on(
    letter: QueuedLetter,
    content: bytes,
    find: Callable[[], list[str]],
    dial: Callable[[str], Stream],
    name: str,
    *,
    converts: bool = False,
) -> Attempt:
    """Try the hosts that `find` names in order until one looks at the letter's recipients, or refuses it for good.

    Args: dial: opens a connection to a host; name: ours, for EHLO; converts: whether 8-bit content is re-encoded for
        a host without 8BITMIME (RFC 6152 §3 allows it, and allows to return the letter).
    Returns: a reply for each recipient; a host that cannot be reached is a temporary failure.
    Source: RFC 5321 §5.1.
    """
    paths = [recipient.forward_path for recipient in letter.recipients]
    attempt = Attempt("", dict.fromkeys(paths, Reply(550, "5.4.4", "no host takes mail for this domain")))
    try:
        exchanges = find()
    except Refusal as refusal:
        assert isinstance(refusal.reply, Reply), "who finds hosts speaks SMTP"
        return Attempt("", dict.fromkeys(paths, refusal.reply))
    for exchange in exchanges:
        try:
            result = _give(SmtpClient(dial(exchange)), letter, content, name, converts)
            attempt = Attempt(exchange, {path: result.reply_for(path) for path in paths})
            if result.recipients or not result.final.temporary:
                return attempt  # a host that takes no letter at all just now is as good as down: the next one may
        except (OSError, ProtocolError) as error:
            reply = Reply(451, "4.4.1", f"{exchange}: {error}")
            attempt = Attempt(exchange, dict.fromkeys(paths, reply))
    return attempt


def _give(client: SmtpClient, letter: QueuedLetter, content: bytes, name: str, converts: bool) -> SendResult:
    """Hold one SMTP session; what the sender asked for is passed on to a server that knows the words."""
    with client:
        if not client.greeting.ok:
            return SendResult(False, {}, client.greeting)
        hello = client.ehlo(name)
        if not hello.ok:
            return SendResult(False, {}, hello)
        if converts and not content.isascii() and "8BITMIME" not in client.extensions:
            content = _in_seven_bits(content)
        recipients = [queued.recipient for queued in letter.recipients]
        return client.send(
            letter.reverse_path, recipients, content, ret=letter.ret, envid=letter.envid, smtputf8=letter.smtputf8
        )


def _in_seven_bits(content: bytes) -> bytes:
    """Re-encode a letter; one that cannot be stays as it is, and the client then says so."""
    from emaillab.message.sevenbit import NotConvertible, in_seven_bits

    try:
        return in_seven_bits(content)
    except NotConvertible:
        return content
