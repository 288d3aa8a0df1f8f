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
from typing import Any

from emaillab.host.custody import RefusedConnection
from emaillab.host.store import StoreError
from emaillab.host.store.outgoing import QueuedLetter
from emaillab.net.dns import NULL_MX, NoSuchDomain, Resolver, ServerFailure
from emaillab.protocol.backend import Session
from emaillab.protocol.envelope import Envelope
from emaillab.protocol.machine import Refusal
from emaillab.protocol.smtp.client import SendResult, SmtpClient
from emaillab.protocol.smtp.grammar import Reply
from emaillab.protocol.smtp.time_outs import TIME_OUTS
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
    unreachable: bool = False  # no host came as far as an answer to EHLO: it is not about this letter
    refused: tuple[RefusedConnection, ...] = ()  # connections that did not come about

    def those(self, test: Callable[[Reply], bool]) -> dict[str, str]:
        """Return the recipients whose reply passes a test, with the reply's words."""
        return {path: str(reply) for path, reply in self.replies.items() if test(reply)}

    @classmethod
    def same(cls, letter: QueuedLetter, reply: Reply, **rest: Any) -> Attempt:
        """Return an attempt that came to the same for all recipients."""
        return cls("", {recipient.forward_path: reply for recipient in letter.recipients}, **rest)

    @classmethod
    def refused_by(cls, letter: QueuedLetter, refusal: Refusal) -> Attempt:
        """Return an attempt that ended before it began. Raises: the refusal, when its reply is none of SMTP."""
        if not isinstance(refusal.reply, Reply):
            raise refusal
        return cls.same(letter, refusal.reply)


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
    content: Callable[[], bytes],
    find: Callable[[], list[str]],
    dial: Callable[[str], Stream],
    name: str,
    *,
    converts: bool = False,
    told: Callable[[Attempt], None] = lambda attempt: None,
) -> Attempt:
    """Try the hosts that `find` names in order until one looks at the letter's recipients, or refuses it for good.

    Args: content: reads the letter, once a host is ready for it. dial: opens a connection to a host; name: ours, for
        EHLO; converts: whether 8-bit content is re-encoded for a host without 8BITMIME (RFC 6152 §3 allows it, and
        allows to return the letter); told: learns what became of the letter as soon as that is settled, before the
        good-byes.
    Returns: a reply for each recipient; a host that cannot be reached is a temporary failure.
    Source: RFC 5321 §5.1.
    """
    paths = [recipient.forward_path for recipient in letter.recipients]
    attempt = Attempt("", dict.fromkeys(paths, Reply(550, "5.4.4", "no host takes mail for this domain")))
    try:
        exchanges = find()
    except Refusal as refusal:
        return Attempt.refused_by(letter, refusal)
    reached = False
    for exchange in exchanges:
        settled = False
        try:
            with SmtpClient(dial(exchange), time_outs=TIME_OUTS) as client:
                hello = client.ehlo(name) if client.greeting.ok else client.greeting
                reached = True
                result = _give(client, letter, content, converts) if hello.ok else SendResult(False, {}, hello)
                attempt = Attempt(exchange, {path: result.reply_for(path) for path in paths})
                # a host that takes no letter at all just now is as good as down: the next one may
                settled = bool(result.recipients) or not result.final.temporary
                if settled:
                    told(attempt)
        except StoreError:
            raise  # ours, not theirs
        except (OSError, ProtocolError) as error:
            if not settled:
                reply = Reply(451, "4.4.1", f"{exchange}: {error}")
                attempt = Attempt(exchange, dict.fromkeys(paths, reply), unreachable=not reached)
        if settled:
            break
    return attempt


def _give(client: SmtpClient, letter: QueuedLetter, read: Callable[[], bytes], converts: bool) -> SendResult:
    """Carry out one transaction; what the sender asked for is passed on to a server that knows the words."""
    content = read()
    if converts and not content.isascii() and "8BITMIME" not in client.extensions:
        content = _in_seven_bits(content)
    recipients = [queued.recipient for queued in letter.recipients]
    return client.send(
        letter.reverse_path, recipients, content, ret=letter.ret, envid=letter.envid, smtputf8=letter.smtputf8
    )


def _in_seven_bits(content: bytes) -> bytes:
    """Re-encode a letter; one that cannot be stays as it is, and the client then says so."""
    from emaillab.message.mime.sevenbit import NotConvertible, in_seven_bits

    try:
        return in_seven_bits(content)
    except NotConvertible:
        return content
