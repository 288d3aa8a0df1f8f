"""The dialogues' mail host as the POP3 tests need it, and a wire without a network."""

from collections.abc import Iterable

from emaillab.engine import Signal
from emaillab.protocol.backend import Session
from emaillab.protocol.machine import Machine
from emaillab.protocol.pop3 import Pop3Server
from emaillab.protocol.sasl import KeptPassword
from tests.dialogues.fakes import FakeHost, FakeMailbox


class Pop3Host(FakeHost):
    """A host whose users may have any password, and that can be looked at from outside."""

    def __init__(self, letters: Iterable[bytes] = ()) -> None:
        super().__init__(letters)
        self.passwords = {"alice": "secret", "bob": "secret"}

    @property
    def inbox(self) -> FakeMailbox:
        return self.accounts["alice"].mailboxes["INBOX"]

    @property
    def letters(self) -> dict[int, bytes]:
        return self.inbox.letters

    @property
    def holder(self) -> str:
        """The session that has locked Alice's maildrop."""
        return self.accounts["alice"]._holder

    @property
    def locked(self) -> bool:
        return any(account._holder for account in self.accounts.values())

    def kept(self, user: str) -> KeptPassword | None:
        return KeptPassword(user, self.passwords[user]) if user in self.passwords else None

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
