"""Is a mail store that an older emaillab wrote read whole, once and for all?

data/format-2.sqlite was made by data/make_format_2.py with the code of the last commit that wrote that format.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from emaillab.host.dispatch import DispatchOptions
from emaillab.host.mailhost import MailHost
from emaillab.host.store import QueuedRecipient, Store, StoredMailbox, StoreError
from emaillab.host.store.folder import FILE_NAME
from emaillab.host.store.format import FORMAT, NEWS
from emaillab.net.clock import VirtualClock
from emaillab.protocol.backend import MailboxStatus
from emaillab.protocol.envelope import Recipient

DATA = Path(__file__).resolve().parent / "data"
NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(params=[1, 2])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with a store of an older format, and a clean end behind it."""
    folder = tmp_path / "mail"
    folder.mkdir()
    shutil.copy(DATA / "format-2.sqlite", folder / FILE_NAME)
    if request.param == 1:
        with closing(sqlite3.connect(folder / FILE_NAME)) as file:
            file.executescript("DROP TABLE subscription; PRAGMA user_version = 1;")
    return folder


def dump(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / FILE_NAME)) as file:
        return [*file.iterdump(), str(version(folder))]


def version(folder: Path) -> int:
    with closing(sqlite3.connect(folder / FILE_NAME)) as file:
        ((number,),) = file.execute("PRAGMA user_version")
    return int(number)


def columns(folder: Path) -> dict[str, list[object]]:
    with closing(sqlite3.connect(folder / FILE_NAME)) as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: file.execute(f"PRAGMA table_info({name})").fetchall() for name in tables}


def box(store: Store, user: str, name: str = "INBOX") -> StoredMailbox:
    account = store.account(user)
    assert account is not None
    found = account.mailbox(name)
    assert found is not None
    return found


def subjects(mailbox: StoredMailbox) -> list[tuple[int, str, set[str]]]:
    raws = [(entry, mailbox.raw(entry.uid)) for entry in mailbox.entries()]
    assert all(len(raw) == entry.size for entry, raw in raws)
    return [(entry.uid, raw.split(b"\r\n")[1].decode(), set(entry.flags)) for entry, raw in raws]


def check(store: Store) -> None:
    """Compare everything with what make_format_2.py put there."""
    assert store.account_names() == ["alice", "Bob", "carol"]
    for name, password in [("alice", "secret"), ("bob", "geheim"), ("carol", "新密码")]:
        assert store.check_password(name, password)
    alice = store.account("alice")
    assert alice is not None
    assert alice.mailbox_names() == ["INBOX", "Grüße", "Sent", "Work", "Work/2026"]
    assert subjects(alice.inbox) == [
        (1, "Subject: for all", {"\\Seen", "\\Answered"}),
        (2, "Subject: alice 2", {"\\Deleted"}),
        (3, "Subject: alice 3", set()),
        (5, "Subject: alice 5", {"\\Seen", "$Forwarded"}),
    ]
    assert (alice.inbox.uid_validity, alice.inbox.uid_next) == (1700000000, 6)
    assert alice.inbox.status() == MailboxStatus(4, unseen=2, deleted=1, size=240, uid_next=6, highest_modseq=1)
    assert [(entry.modseq, entry.ended) for entry in alice.inbox.entries()] == [(1, True)] * 4
    assert alice.inbox.first_unseen() == 2 and alice.inbox.vanished(1) == []
    assert box(store, "alice", "Work/2026").status() == MailboxStatus()
    assert [uid for uid, _, _ in subjects(box(store, "alice", "Work"))] == [1, 2, 3]
    assert box(store, "alice", "Work/2026").entries() == ()
    assert box(store, "alice", "Sent").entries()[0].internal_date == NOON
    assert subjects(box(store, "bob")) == subjects(box(store, "carol")) == [(1, "Subject: for all", set())]
    assert box(store, "bob").uid_validity == 7
    readable, damaged = box(store, "carol", "Damaged").entries()
    assert readable.internal_date == NOON and damaged.internal_date == datetime(9999, 12, 30, tzinfo=UTC)
    first, second, third = store.queued()
    late = QueuedRecipient(
        Recipient("late@far.example"), "WAITING", 2, NOON + timedelta(hours=1.5), "451 4.7.1 come later"
    )
    assert first.recipients == (QueuedRecipient(Recipient("dan@far.example"), next_at=NOON),)
    assert (first.reverse_path, first.body, first.ret, first.envid, first.smtputf8) == (
        "alice@crepes.fr",
        "8BITMIME",
        "",
        "",
        False,
    )
    assert second.recipients == (
        QueuedRecipient(Recipient("done@far.example"), "DONE"),
        late,
        QueuedRecipient(Recipient("fresh@far.example"), next_at=NOON),
    )
    assert (third.reverse_path, store.queued_content("Q3").split(b"\r\n")[1]) == ("", b"Subject: a report")


def test_everything_is_there_and_stays(old: Path) -> None:
    subscribed = ["Gone", "INBOX", "Work"] if version(old) == 2 else []
    for _ in range(2):
        with Store(old) as store:
            check(store)
            alice = store.account("alice")
            assert alice is not None and alice.subscriptions() == subscribed
    assert version(old) == FORMAT


def test_an_older_file_becomes_what_a_new_one_is(old: Path, tmp_path: Path) -> None:
    Store(old).close()
    Store(tmp_path / "new").close()
    assert columns(old) == columns(tmp_path / "new")


def test_uids_and_uidvalidities_stay_used(old: Path) -> None:
    with Store(old) as store:
        assert box(store, "alice").append(b"", (), NOON) == 6
        alice = store.account("alice")
        assert alice is not None
        alice.create_mailbox("New")
        assert box(store, "alice", "New").uid_validity == 1700000007  # the deleted mailbox had the one before carol's


def test_an_ending_is_looked_at_once(old: Path) -> None:
    with closing(sqlite3.connect(old / FILE_NAME)) as file:
        file.execute("UPDATE content SET raw = 'no line end' WHERE id = 2")
        file.execute("UPDATE content SET raw = '' WHERE id = 3")
        file.commit()
    with Store(old) as store:
        assert [entry.ended for entry in box(store, "alice").entries()] == [True, False, True, True]


def test_the_queue_is_handed_on(old: Path) -> None:
    clock = VirtualClock(start=NOON)
    smart = DispatchOptions({"*": "smart.example"})
    host = MailHost("crepes.fr", ip="192.0.2.25", clock=clock, store=Store(old), dispatch=smart)
    asked = []

    def dial(exchange: str, cause: str | None) -> Server:
        asked.append(exchange)
        return Server()

    host.run_queue(dial)
    assert asked == ["smart.example"] * 3 and [letter.id for letter in host.queue.letters()] == ["Q2"]
    clock.move_to(2 * 3600)
    host.run_queue(dial)
    assert not len(host.queue)
    host.store.close()
    with Store(old) as store:
        assert store.queued() == []


class Server:
    """A server that takes every letter."""

    def __init__(self) -> None:
        self.lines = [
            b"220 x\r\n",
            b"250 x\r\n",
            *[b"250 ok\r\n"] * 2,
            b"354 go on\r\n",
            b"250 kept\r\n",
            b"221 bye\r\n",
        ]

    def send(self, data: bytes) -> None: ...

    def readline(self, limit: int = 8192) -> bytes:
        return self.lines.pop(0)

    def allow(self, seconds: float) -> None: ...

    def close(self) -> None: ...


def test_a_failure_in_the_middle_leaves_the_old_file(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dump(old)
    monkeypatch.setitem(NEWS, FORMAT, NEWS[FORMAT] + "SELECT broken();")
    with pytest.raises(StoreError, match="broken"):
        Store(old)
    monkeypatch.undo()
    assert dump(old) == before
    with Store(old) as store:
        check(store)


KILLED = """
import os, sqlite3, sys
from emaillab.host.store import Store
from emaillab.host.store.format import FORMAT, NEWS

class Connection(sqlite3.Connection):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.create_function("die", 0, lambda: os.kill(os.getpid(), 9))

connect = sqlite3.connect
sqlite3.connect = lambda *args, **kwargs: connect(*args, factory=Connection, **kwargs)
NEWS[FORMAT] += "SELECT die();"
Store(sys.argv[1])
"""


def test_kill_9_in_the_middle_leaves_the_old_file(old: Path) -> None:
    before = dump(old)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(old)], env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    assert killed.returncode == -signal.SIGKILL
    assert dump(old) == before
    with Store(old) as store:
        check(store)
