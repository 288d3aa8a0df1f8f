"""Who may send what to whom? Mail for our own users is taken from anybody, foreign mail only from those we know.

>>> policy = Policy({"crepes.fr"}, {"alice"}.__contains__)
>>> stranger, envelope = Session("crepes.fr", peer_ip="203.0.113.9"), Envelope("x@y.example")
>>> policy.check_recipient(stranger, envelope, Recipient("alice@crepes.fr"))
>>> policy.check_recipient(stranger, envelope, Recipient("bob@hamburger.edu"))
Traceback (most recent call last):
emaillab.protocol.machine.Refusal: 550 5.7.1 relaying denied: hamburger.edu is not ours, and you have not logged in
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from emaillab.protocol.backend import Session
from emaillab.protocol.envelope import NEVER, SUCCESS, Envelope, Recipient
from emaillab.protocol.machine import Refusal
from emaillab.protocol.smtp.grammar import Reply

POSTMASTER = "postmaster"


def split_address(path: str) -> tuple[str, str]:
    """Split an address into its local part and its domain, in lower case; "postmaster" alone has no domain."""
    local, _, domain = path.rpartition("@")
    return (local, domain.lower()) if local else (domain, "")


def each(names: str | Iterable[str]) -> tuple[str, ...]:
    """Return names one by one; a name alone is one, and not its letters."""
    return (names,) if isinstance(names, str) else tuple(names)


@dataclass(slots=True)
class Policy:
    """The rules of one host's SMTP server.

    Source: RFC 5321 §3.6.2, §4.5.1, §7.9; RFC 6409 §4.3.
    """

    domains: set[str]  # whose mailboxes are here
    knows: Callable[[str], bool]  # is there a user of this name?
    relays_for: set[str] = field(default_factory=set)  # domains for which we are a relay; "*" is all of them
    trusted_ips: set[str] = field(default_factory=set)  # clients who may send anywhere without logging in
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)  # local part → the addresses in its place
    max_size: int = 64 << 20  # octets of content

    def check_sender(self, session: Session, envelope: Envelope) -> None:
        """Refuse a letter that announces more octets than fit."""
        if envelope.size is not None and envelope.size > self.max_size:
            raise Refusal(Reply(552, "5.3.4", f"at most {self.max_size} octets are taken"))

    def check_recipient(self, session: Session, envelope: Envelope, recipient: Recipient) -> None:
        """Refuse an unknown user here, and anybody elsewhere unless the client may relay."""
        local, domain = split_address(recipient.forward_path)
        if self.is_ours(recipient.forward_path):
            if local.lower() in self.aliases:
                if not self.expand([recipient]):
                    raise Refusal(Reply(554, "5.4.6", f"the alias {local} leads in a circle, and to no mailbox"))
            elif local.lower() != POSTMASTER and not self.knows(local):
                raise Refusal(Reply(550, "5.1.1", f"no user {local} here"))
        elif not (self.may_relay(session) or self.relays_for & {domain, "*"}):
            raise Refusal(Reply(550, "5.7.1", f"relaying denied: {domain} is not ours, and you have not logged in"))

    def is_ours(self, forward_path: str) -> bool:
        """Return whether an address is one of this host's; "postmaster" without a domain is."""
        domain = split_address(forward_path)[1]
        return not domain or domain in self.domains

    def may_relay(self, session: Session) -> bool:
        """Return whether a client may send to foreign domains."""
        return session.user is not None or session.peer_ip in self.trusted_ips

    def expand(self, recipients: Iterable[Recipient]) -> list[Recipient]:
        """Put what an alias stands for in the place of the alias, through aliases of aliases, each address once.

        An alias among what it stands for means the mailbox of that name: so one keeps a copy of what is forwarded.
        What the sender asked for goes with the letter to whoever stands in the alias's place: the address that the
        sender wrote stays the original one. But who asked for a report of success asked for one; where an alias stands
        for several, it is due from the host that expanded it, and those in its place are asked for failures only.
        Source: RFC 5321 §3.9.1; RFC 3461 §5.2.7.2, §5.2.7.3.
        """
        found: dict[str, Recipient] = {}
        done: set[str] = set()
        for recipient in recipients:
            self._expand(recipient, (), done, found)
        return list(found.values())

    def _expand(
        self, recipient: Recipient, within: tuple[str, ...], done: set[str], found: dict[str, Recipient]
    ) -> None:
        """Add those that a recipient stands for to `found`; `within` are the aliases that led to it."""
        path = recipient.forward_path
        local, domain = split_address(path)
        alias = local.lower()
        if not self.is_ours(path) or alias not in self.aliases:
            found.setdefault(path, recipient)
        elif alias in within:
            if self.knows(local):
                found.setdefault(path, recipient)
        elif alias not in done:
            done.add(alias)
            targets = self.aliases[alias]
            notify = recipient.notify if len(targets) == 1 else _without_success(recipient.notify)
            for target in targets:
                forward_path = target if "@" in target else f"{target}@{domain}"
                instead = replace(recipient, forward_path=forward_path, notify=notify)
                self._expand(instead, (*within, alias), done, found)

    def split(self, recipients: Iterable[Recipient]) -> tuple[list[str], list[Recipient]]:
        """Split recipients, their aliases replaced, into the names of our own users and the recipients elsewhere."""
        ours, others = [], []
        for recipient in self.expand(recipients):
            local = split_address(recipient.forward_path)[0]
            if self.is_ours(recipient.forward_path):
                ours.append(local if self.knows(local) else POSTMASTER)
            else:
                others.append(recipient)
        return ours, others


def _without_success(notify: frozenset[str]) -> frozenset[str]:
    """Return what else was asked for; NEVER, as nothing would mean the default."""
    return frozenset([NEVER]) if notify == {SUCCESS} else notify - {SUCCESS}
