"""What does a protocol server need from the host it runs on?

Engines get these faces as arguments and import nothing of the host: a test hands them a dozen lines of fakes.

>>> session = Session(server_name="mail.crepes.fr", peer_ip="192.0.2.7")
>>> session.secure, session.user
(False, None)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from emaillab.protocol.envelope import Envelope, Recipient
from emaillab.protocol.failures import Failures
from emaillab.protocol.sasl import Kept

NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""What a clock shows that nobody has set."""


@dataclass(slots=True)
class Session:
    """What is known of one connection; the engine fills in what the peer says, the driver what the network knows."""

    server_name: str
    peer_ip: str
    peer_name: str | None = None  # what reverse DNS says of peer_ip
    id: str = "1"
    now: Callable[[], datetime] = lambda: NO_TIME  # the host's own clock, with its error
    tls: str | None = None  # "TLSv1.3" once the line is encrypted
    offers_tls: bool = False  # STARTTLS / STLS can be done
    loopback: bool = True  # plain-text log-in is tolerated, as Dovecot does
    require_tls: bool = False  # … unless the operator forbids it
    submission: bool = False  # port 587/465 rules: AUTH first (RFC 6409)
    http: bool = False  # a browser's connection
    helo: str = ""
    esmtp: bool = False
    user: str | None = None
    pause_s: float = 0.0  # how long the answer in hand has to wait, asked by an application
    tokens: Callable[[], str] = field(default=lambda: "0")  # seeded names for challenges and the like
    wake: Callable[[], None] = lambda: None  # has the engine say what it has to say unasked; any thread may call it

    @property
    def secure(self) -> bool:
        """True when nobody on the way can read along."""
        return self.tls is not None

    @property
    def may_log_in(self) -> bool:
        """True when a password may be sent in the clear here, or need not be."""
        return self.secure or (self.loopback and not self.require_tls)


class Users(Protocol):
    """The host as a log-in sees it. It is asked what it keeps of an account, never for a password to be checked."""

    @property
    def failures(self) -> Failures:
        """The failed log-ins of all sessions of this host."""

    def kept(self, user: str) -> Kept | None:
        """Return what is kept of the account that a user names; None when there is none."""


class MailAcceptor(Users, Protocol):
    """The host as its SMTP server sees it. Each check raises Refusal with an SMTP reply."""

    max_size: int  # octets of content

    def check_sender(self, session: Session, envelope: Envelope) -> None:
        """Refuse a reverse-path or the SIZE announced with it."""

    def check_recipient(self, session: Session, envelope: Envelope, recipient: Recipient) -> None:
        """Refuse a recipient: unknown user, relaying denied, too many."""

    def accept(self, session: Session, envelope: Envelope, content: bytes) -> str:
        """Take responsibility for a letter: add the trace field, store it or queue it. Returns: the queue id.

        The letter is durable after the next commit; content is the octets as received, without any trace field.
        """


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a mailbox, without its octets."""

    uid: int  # 1 and up, ascending, never used again under one UIDVALIDITY
    size: int  # octets, CRLF line ends
    internal_date: datetime  # aware
    flags: frozenset[str]  # "\\Seen", "\\Deleted", "$Forwarded" … as stored


class Mailbox(Protocol):
    """A mailbox as POP3 and IMAP see it."""

    name: str
    uid_validity: int

    @property
    def uid_next(self) -> int:
        """The UID the next message will get."""

    def entries(self) -> Sequence[Entry]:
        """Return all messages by ascending UID, as they are now; the same object means that nothing has changed."""

    def raw(self, uid: int) -> bytes:
        """Return a message's octets. Raises: KeyError when it is gone."""

    def append(self, raw: bytes, flags: Iterable[str], internal_date: datetime) -> int:
        """Store a message; durable after the next commit. Returns: its UID."""

    def set_flags(self, uid: int, flags: Iterable[str]) -> None:
        """Replace a message's flags."""

    def remove(self, uids: Iterable[int]) -> None:
        """Remove messages for good; durable after the next commit."""


class Account(Protocol):
    """A user's mail on this host; changes are durable after the next commit."""

    name: str

    def mailbox_names(self) -> Sequence[str]:
        """Return all mailbox names, INBOX first, "/" between levels."""

    def mailbox(self, name: str) -> Mailbox | None:
        """Return a mailbox, or None; INBOX in any case, always there."""

    def create_mailbox(self, name: str) -> None:
        """Add an empty mailbox, with a UIDVALIDITY that this name never had."""

    def delete_mailbox(self, name: str) -> None:
        """Remove a mailbox and all that is in it; a session that looks at it sees it empty."""

    def rename_mailbox(self, name: str, to: str) -> None:
        """Change a mailbox's name, but not its messages."""

    def copy(self, source: Mailbox, uids: Sequence[int], target: Mailbox) -> list[int]:
        """Copy messages, all or none. Returns: their new UIDs. Raises: KeyError when one is gone."""

    def subscriptions(self) -> Sequence[str]:
        """Return the mailbox names that the user wants to see; they need not exist."""

    def subscribe(self, name: str) -> None:
        """Add a name to the subscriptions; harmless when it is there."""

    def unsubscribe(self, name: str) -> None:
        """Take a name off the subscriptions; harmless when it is not there."""

    def lock_maildrop(self, holder: str) -> bool:
        """Take the exclusive POP3 lock on INBOX; False when another session holds it (RFC 1939 §4)."""

    def unlock_maildrop(self, holder: str) -> None:
        """Give the lock back; harmless when it is not held."""


class MailReader(Users, Protocol):
    """The host as its POP3 and IMAP servers see it."""

    def account(self, name: str) -> Account:
        """Return the account of a user who has logged in. Raises: KeyError when it is gone."""
