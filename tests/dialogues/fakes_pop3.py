"""A host made of dictionaries, for the POP3 tests, and a wire without a network."""

from collections.abc import Iterable
from datetime import UTC, datetime

from emaillab.protocol.backend import Entry, Session
from emaillab.protocol.machine import Machine, Signal
from emaillab.protocol.pop3 import Pop3Server

RECEIVED_AT = datetime(2024, 5, 1, 8, 0, tzinfo=UTC)


class FakeMailbox:
    name = "INBOX"
    uid_validity = 7

    def __init__(self, letters: Iterable[bytes]) -> None:
        self.letters = dict(enumerate(letters, start=1))
        self.fetched: list[int] = []

    @property
    def uid_next(self) -> int:
        return max(self.letters, default=0) + 1

    version = 1

    def entries(self) -> list[Entry]:
        return [Entry(uid, len(raw), RECEIVED_AT, frozenset()) for uid, raw in self.letters.items()]

    def raw(self, uid: int) -> bytes:
        self.fetched.append(uid)
        return self.letters[uid]

    def append(self, raw: bytes, flags: Iterable[str], internal_date: datetime) -> int:
        uid = self.uid_next
        self.letters[uid] = raw
        return uid

    def set_flags(self, uid: int, flags: Iterable[str]) -> None: ...

    def remove(self, uids: Iterable[int]) -> None:
        for uid in uids:
            self.letters.pop(uid, None)


class FakeAccount:
    def __init__(self, name: str, letters: Iterable[bytes]) -> None:
        self.name, self.inbox, self.holder = name, FakeMailbox(letters), ""

    def mailbox_names(self) -> list[str]:
        return ["INBOX"]

    def mailbox(self, name: str) -> FakeMailbox:
        return self.inbox

    def lock_maildrop(self, holder: str) -> bool:
        self.holder = self.holder or holder
        return self.holder == holder

    def unlock_maildrop(self, holder: str) -> None:
        if self.holder == holder:
            self.holder = ""


class FakeHost:
    """Alice has the letters, Bob has none; both use the password "secret"."""

    def __init__(self, letters: Iterable[bytes] = ()) -> None:
        self.accounts = {"alice": FakeAccount("alice", letters), "bob": FakeAccount("bob", [])}
        self.passwords = {"alice": "secret", "bob": "secret"}

    @property
    def letters(self) -> dict[int, bytes]:
        return self.accounts["alice"].inbox.letters

    @property
    def locked(self) -> bool:
        return any(account.holder for account in self.accounts.values())

    def log_in(self, user: str, password: str) -> FakeAccount | None:
        return self.accounts[user] if self.passwords.get(user) == password else None

    def server(self, id: str = "1", **session: object) -> Pop3Server:
        known = {"server_name": "b.example", "peer_ip": "192.0.2.7", "id": id, **session}
        return Pop3Server(self, Session(**known))  # type: ignore[arg-type]


class Wire:
    """A Stream whose other end is a machine in the same process; `sent` is what the client said, send by send."""

    def __init__(self, machine: Machine, session: Session) -> None:
        self.machine, self.session = machine, session
        self.sent: list[bytes] = []
        self.closed = False
        self.waiting = b""
        self._drive()

    def _drive(self) -> None:
        while (item := self.machine.pull()) is not None:
            if item is Signal.CLOSE:
                self.machine.disconnected()
            elif isinstance(item, bytes):
                self.waiting += item

    def send(self, data: bytes) -> None:
        self.sent.append(data)
        self.machine.feed(data)
        self._drive()

    def readline(self, limit: int = 8192) -> bytes:
        if not self.waiting:
            raise TimeoutError(f"the server still waits for {self.machine.waiting_for}")
        end = self.waiting.find(b"\n") + 1 or len(self.waiting)
        return self.read(min(end, limit))

    def read(self, count: int) -> bytes:
        data, self.waiting = self.waiting[:count], self.waiting[count:]
        return data

    def start_tls(self) -> None:
        self.session.tls = "TLSv1.3"
        self.machine.tls_started()
        self._drive()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.machine.disconnected()
