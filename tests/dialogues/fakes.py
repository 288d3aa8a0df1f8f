"""A mail host made of dictionaries: b.example with its users alice and bob, both with the password "secret"."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from emaillab.engine import Signal
from emaillab.protocol.backend import NO_WORK, Entry, MailboxStatus, Session, Work
from emaillab.protocol.envelope import Envelope, Recipient
from emaillab.protocol.failures import Failures
from emaillab.protocol.machine import Machine, Refusal
from emaillab.protocol.sasl import KeptPassword
from emaillab.protocol.smtp.grammar import Reply

RECEIVED_AT = datetime(2024, 5, 1, 8, 0, tzinfo=UTC)


def unescaped(text: str) -> bytes:
    """Return octets that a file spells with Python's escapes."""
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


class FakeMailbox:
    uid_validity = 7

    def __init__(self, name: str, letters: Iterable[bytes] = ()) -> None:
        self.name = name
        self.letters: dict[int, bytes] = {}
        self.uid_next = 1
        self._entries: list[Entry] = []
        self.watchers: list[Callable[[], None]] = []
        for raw in letters:
            self.append(raw, (), RECEIVED_AT)

    def entries(self) -> list[Entry]:
        return self._entries

    def status(self) -> MailboxStatus:
        flags = [entry.flags for entry in self._entries]
        return MailboxStatus(
            len(flags),
            sum("\\Seen" not in one for one in flags),
            sum("\\Deleted" in one for one in flags),
            sum(entry.size for entry in self._entries),
            self.uid_next,
        )

    def first_unseen(self) -> int | None:
        unseen = (number for number, entry in enumerate(self._entries, 1) if "\\Seen" not in entry.flags)
        return next(unseen, None)

    def vanished(self, since: int) -> list[range]:
        here = {entry.uid for entry in self._entries}
        return [range(uid, uid + 1) for uid in range(1, self.uid_next) if uid not in here]

    def watch(self, callback: Callable[[], None]) -> None:
        self.watchers.append(callback)

    def unwatch(self, callback: Callable[[], None]) -> None:
        self.watchers.remove(callback)

    def happens(self, event: str) -> None:
        """Let another session do something, and tell who watches, as a store does after its commit."""
        what, _, rest = event.partition(" ")
        if what == "letter":
            self.append(unescaped(rest), (), RECEIVED_AT)
        elif what == "flags":
            uid, *flags = rest.split()
            self.set_flags(int(uid), flags)
        elif what == "gone":
            self.remove(map(int, rest.split()))
        else:
            raise ValueError(f"nothing happens that is called {what}")
        for callback in list(self.watchers):
            callback()

    def raw(self, uid: int) -> bytes:
        return self.letters[uid]

    def append(self, raw: bytes, flags: Iterable[str], internal_date: datetime) -> int:
        uid, self.uid_next = self.uid_next, self.uid_next + 1
        self.letters[uid] = raw
        self._entries = [
            *self._entries,
            Entry(uid, len(raw), internal_date, frozenset(flags), ended=not raw or raw.endswith(b"\r\n")),
        ]
        return uid

    def set_flags(self, uid: int, flags: Iterable[str]) -> None:
        self._entries = [
            replace(entry, flags=frozenset(flags)) if entry.uid == uid else entry for entry in self._entries
        ]

    def remove(self, uids: Iterable[int]) -> None:
        gone = set(uids)
        self._entries = [entry for entry in self._entries if entry.uid not in gone]
        for uid in gone:
            self.letters.pop(uid, None)


class FakeAccount:
    def __init__(self, name: str, letters: Iterable[bytes] = ()) -> None:
        self.name = name
        self.mailboxes = {"INBOX": FakeMailbox("INBOX", letters), "Sent": FakeMailbox("Sent")}
        self._holder = ""
        self._subscribed: set[str] = set()

    def mailbox_names(self) -> list[str]:
        return list(self.mailboxes)

    def mailbox(self, name: str) -> FakeMailbox | None:
        return self.mailboxes.get("INBOX" if name.upper() == "INBOX" else name)

    def create_mailbox(self, name: str) -> None:
        self.mailboxes[name] = FakeMailbox(name)

    def delete_mailbox(self, name: str) -> None:
        box = self.mailboxes.pop(name)
        box.remove([entry.uid for entry in box.entries()])

    def rename_mailbox(self, name: str, to: str) -> None:
        box = self.mailboxes[to] = self.mailboxes.pop(name)
        box.name = to

    def copy(self, source: FakeMailbox, uids: Sequence[int], target: FakeMailbox) -> list[int]:
        entries = {entry.uid: entry for entry in source.entries()}
        chosen = [entries[uid] for uid in uids]
        return [target.append(source.raw(entry.uid), entry.flags, entry.internal_date) for entry in chosen]

    def subscriptions(self) -> list[str]:
        return sorted(self._subscribed)

    def subscribe(self, name: str) -> None:
        self._subscribed.add(name)

    def unsubscribe(self, name: str) -> None:
        self._subscribed.discard(name)

    def lock_maildrop(self, holder: str) -> bool:
        self._holder = self._holder or holder
        return self._holder == holder

    def unlock_maildrop(self, holder: str) -> None:
        if self._holder == holder:
            self._holder = ""


class FakeHost:
    """Alice has the letters. Strangers may write to the users and to postmaster; users may write to anybody."""

    max_size = 1000

    def __init__(self, letters: Iterable[bytes] = ()) -> None:
        self.accounts = {"alice": FakeAccount("alice", letters), "bob": FakeAccount("bob")}
        self.accepted: list[tuple[Envelope, bytes]] = []
        self.failures = Failures()

    def work(self) -> Work:
        return NO_WORK

    def kept(self, user: str) -> KeptPassword | None:
        name = user.removesuffix("@b.example")
        if name == "broken":
            raise OSError("the user data base cannot be read")
        return KeptPassword(name, "secret") if name in self.accounts else None

    def account(self, name: str) -> FakeAccount:
        return self.accounts[name]

    def check_sender(self, session: Session, envelope: Envelope) -> None:
        if envelope.reverse_path == "spammer@a.example":
            raise Refusal(Reply(550, "5.7.1", "not from you"))

    def check_recipient(self, session: Session, envelope: Envelope, recipient: Recipient) -> None:
        local, _, domain = recipient.forward_path.rpartition("@")
        if not local or domain == "b.example":
            name = (local or domain).lower()
            if name == "broken":
                raise OSError("the user data base cannot be read")
            if name == "full":
                raise Refusal(Reply(452, "4.2.2", "the mailbox is full"))
            if name not in self.accounts and name != "postmaster":
                raise Refusal(Reply(550, "5.1.1", "no such user here"))
        elif session.user is None:
            raise Refusal(Reply(550, "5.7.1", "relaying denied"))

    def accept(self, session: Session, envelope: Envelope, content: bytes) -> str:
        if b"X-Break: the disk" in content:
            raise OSError("no space left on device")
        self.accepted.append((envelope, content))
        return f"Q{len(self.accepted)}"


def machine(protocol: str, host: FakeHost, session: Session) -> Machine:
    """Return a server of a protocol for one session with a host."""
    if protocol == "smtp":
        from emaillab.protocol.smtp.server import SmtpServer

        return SmtpServer(host, session)
    if protocol == "pop3":
        from emaillab.protocol.pop3.server import Pop3Server

        return Pop3Server(host, session)
    if protocol == "imap":
        from emaillab.protocol.imap.server import ImapServer

        return ImapServer(host, session)
    raise ValueError(f"no server for {protocol}")


class Wire:
    """A Stream whose other end is a server in the same process; `sent` is what the client said, send by send."""

    def __init__(self, server: Machine, session: Session) -> None:
        self.server, self.session = server, session
        self.sent: list[bytes] = []
        self.closed = False
        self._waiting = b""
        self._drive()

    def _drive(self) -> None:
        while (item := self.server.pull()) is not None:
            if isinstance(item, bytes):
                self._waiting += item
            elif item is Signal.CLOSE:
                self.closed = True

    def send(self, data: bytes) -> None:
        self.sent.append(data)
        self.server.feed(data)
        self._drive()

    def readline(self, limit: int = 8192) -> bytes:
        if not self._waiting:
            raise TimeoutError(f"the server still waits for {self.server.waiting_for}")
        end = self._waiting.find(b"\n") + 1 or len(self._waiting)
        return self.read(min(end, limit))

    def read(self, count: int) -> bytes:
        data, self._waiting = self._waiting[:count], self._waiting[count:]
        return data

    def start_tls(self) -> None:
        self.session.tls = "TLSv1.3"
        self.server.tls_started()
        self._drive()

    def close(self) -> None:
        self.closed = True
        self.server.disconnected()
