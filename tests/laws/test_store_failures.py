"""A verb that fails, at whatever statement, leaves the store as it was: in memory, on the disk, and to those who read.

Statements fail in two ways: refused before they begin, and broken off half-way, when SQLite drops all that is pending.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from emaillab.host.queue import Queue
from emaillab.host.store import QueuedLetter, QueuedRecipient, Store, StoredAccount, StoreError
from emaillab.protocol.envelope import Recipient

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TABLES = ("account", "mailbox", "message", "content", "expunged", "subscription", "letter", "recipient")


class Refused(Exception):
    """What a verb raises at its end."""


@dataclass
class Host:
    """A store and the queue above it."""

    store: Store
    queue: Queue

    @classmethod
    def open(cls, folder: str) -> "Host":
        store = Store(folder)
        return cls(store, Queue(store))

    def account(self, number: int) -> StoredAccount:
        names = self.store.account_names()
        account = self.store.account(names[number % len(names)])
        assert account is not None
        return account


# -- Verbs: each takes two numbers, of which it makes what it likes ---------------------------------------


def deliver(host: Host, a: int, b: int) -> None:
    names = host.store.account_names()
    host.store.deliver(names[a % len(names) :], b"Subject: %d\r\n" % b + bytes(b * 700), NOON)


def append(host: Host, a: int, b: int) -> None:
    names = host.account(a).mailbox_names()
    box = host.account(a).mailbox(names[b % len(names)])
    assert box is not None
    box.append(b"no line end %d" % b, ["\\Seen", "$Junk"][: b % 3], NOON)


def set_flags(host: Host, a: int, b: int) -> None:
    host.account(a).inbox.set_flags(b, ["\\Deleted", "\\Seen"][: a % 3])


def remove(host: Host, a: int, b: int) -> None:
    host.account(a).inbox.remove(range(1, b + 1))


def copy(host: Host, a: int, b: int) -> None:
    account = host.account(a)
    uids = [entry.uid for entry in account.inbox.entries()][:b]
    account.copy(account.inbox, uids, account.mailbox(account.mailbox_names()[-1]))


def add_account(host: Host, a: int, b: int) -> None:
    host.store.add_account(f"user{a}", f"password{b}")


def create_mailbox(host: Host, a: int, b: int) -> None:
    host.account(a).create_mailbox(f"Box{b}")


def rename_mailbox(host: Host, a: int, b: int) -> None:
    host.account(a).rename_mailbox(host.account(a).mailbox_names()[-1], f"Renamed{b}")


def delete_mailbox(host: Host, a: int, b: int) -> None:
    names = host.account(a).mailbox_names()
    host.account(a).delete_mailbox(names[1:][b % len(names[1:])])


def subscribe(host: Host, a: int, b: int) -> None:
    host.account(a).subscribe(f"Box{b}")


def unsubscribe(host: Host, a: int, b: int) -> None:
    host.account(a).unsubscribe(f"Box{b}")


def queue_letter(host: Host, a: int, b: int) -> None:
    wishes = Recipient(f"eve{a}@x.example", frozenset(["NEVER"]), "rfc822;x@y.example")
    recipients = (QueuedRecipient(wishes), *(QueuedRecipient(Recipient(f"{n}@x.example")) for n in range(b % 3)))
    host.queue.add(QueuedLetter(f"Q{a}{b}", "a@a.example", NOON, recipients, b"hi", envid="e", ret="HDRS"), NOON)


def deliver_queued(host: Host, a: int, b: int) -> None:
    letter = host.queue.letters()[a]
    host.queue.done(letter, [r.forward_path for r in letter.recipients][: b or 1])


def put_off(host: Host, a: int, b: int) -> None:
    letter = host.queue.letters()[a]
    host.queue.put_off(letter, [r.forward_path for r in letter.recipients], f"451 later {b}", NOON + timedelta(hours=b))


def flush(host: Host, a: int, b: int) -> None:
    host.queue.retry_now(NOON + timedelta(hours=b))


VERBS = (
    *(deliver, append, set_flags, remove, copy, add_account, create_mailbox, rename_mailbox, delete_mailbox),
    *(subscribe, unsubscribe, queue_letter, deliver_queued, put_off, flush),
)
Step = tuple[Callable[[Host, int, int], None], int, int]
STEPS: st.SearchStrategy[Step] = st.tuples(st.sampled_from(VERBS), st.integers(0, 4), st.integers(0, 4))


def carry_out(host: Host, steps: Sequence[Step]) -> None:
    """Do one verb of several parts; a part that makes no sense just now is left out, as a verb may do."""
    for verb, a, b in steps:
        with suppress(KeyError, IndexError, ValueError, ZeroDivisionError):
            verb(host, a, b)


# -- What a store says of itself ---------------------------------------------------------------------------


def read(host: Host) -> dict[str, Any]:
    """Read all that can be asked of a store."""
    store = host.store
    said: dict[str, Any] = {"accounts": store.account_names()}
    for name in store.account_names():
        account = store.account(name)
        assert account is not None
        said[name] = account.password, account.mailbox_names(), account.subscriptions()
        for mailbox in account.mailbox_names():
            box = account.mailbox(mailbox)
            assert box is not None and box.name == mailbox
            entries = box.entries()
            raws = [box.raw(entry.uid) for entry in entries]
            said[f"{name}: {mailbox}"] = box.uid_validity, box.status(), entries, raws, box.vanished(0)
    said["queue"] = [(letter, host.queue.content(letter)) for letter in host.queue.letters()]
    said["queue on disk"] = store.queued()
    return said


def tables(store: Store) -> dict[str, list[Any]]:
    return {name: store._database.rows(f"SELECT * FROM {name}") for name in TABLES}


@contextmanager
def failing_at(store: Store, numbers: Collection[int], kind: str) -> Iterator[list[str]]:
    """Have some of a store's next statements fail, by their numbers from 1. Returns: those that were begun."""
    database = store._database
    execute, rows = database._execute, database.rows
    begun: list[str] = []

    def fails(sql: str) -> bool:
        begun.append(sql)
        if len(begun) in numbers and kind == "refused":
            raise sqlite3.OperationalError("injected")
        return len(begun) in numbers

    def failing_execute(sql: str, values: Sequence[object] = ()) -> int:
        if not fails(sql):
            return execute(sql, values)
        database._connection.set_progress_handler(lambda: 1, 1)
        try:
            return execute(sql, values)
        finally:
            database._connection.set_progress_handler(None, 1)

    def failing_rows(sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        # What is read is asked of the connection itself, so a query without a table stands for one that fails.
        try:
            failed = fails(sql)
        except sqlite3.Error:
            return rows("SELECT refused")
        if failed and database._connection.in_transaction:
            database._connection.execute("ROLLBACK")  # as after an error of the disk
        return rows("SELECT dropped" if failed else sql, () if failed else values)

    database._execute, database.rows = failing_execute, failing_rows  # type: ignore[method-assign]
    try:
        yield begun
    finally:
        database._execute, database.rows = execute, rows  # type: ignore[method-assign]


@contextmanager
def folder() -> Iterator[str]:
    name = tempfile.mkdtemp()
    try:
        yield name
    finally:
        shutil.rmtree(name)


def begin(name: str, durable: Sequence[Step], pending: Sequence[Step]) -> Host:
    """Open a store in which something is kept, and something of other sessions waits for a commit."""
    host = Host.open(name)
    for user in ("alice", "bob"):
        host.store.add_account(user, "x")
        host.store.add_mailbox(user, "Saved")
    host.store.deliver(["alice", "bob"], b"Subject: first\r\n", NOON)
    carry_out(host, durable)
    host.store.commit()
    carry_out(host, pending)
    return host


@pytest.mark.parametrize("kind", ["refused", "interrupted"])
@settings(max_examples=40, deadline=None)
@given(
    durable=st.lists(STEPS, max_size=5),
    pending=st.lists(STEPS, max_size=4),
    verb=st.lists(STEPS, min_size=1, max_size=3),
)
def test_a_verb_that_fails_changes_nothing(
    kind: str, durable: list[Step], pending: list[Step], verb: list[Step]
) -> None:
    with folder() as name:
        host = begin(name, durable, pending)
        before, rows, waits = read(host), tables(host.store), host.store.pending
        for number in range(1, 1000):
            with (
                failing_at(host.store, [number], kind) as begun,
                suppress(StoreError, Refused),
                host.store.work() as work,
            ):
                carry_out(host, verb)
                raise Refused
            assert read(host) == before
            assert tables(host.store) == rows
            assert host.store.pending == waits and not work.lost
            if len(begun) < number:
                break
        host.store.commit()
        host.store.close()
        again = Host.open(name)
        assert read(again) == before
        again.store.close()


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(STEPS, min_size=1, max_size=4), pending=st.lists(STEPS, max_size=4), data=st.data())
def test_a_verb_may_get_over_the_failure_of_a_part(steps: list[Step], pending: list[Step], data: st.DataObject) -> None:
    """Whoever catches an error goes on from where the failed part began."""
    with folder() as name, folder() as other:
        host, twin = begin(name, [], pending), begin(other, [], pending)
        number = data.draw(st.integers(1, 20))
        with host.store.work(), twin.store.work():
            for step in steps:
                before = read(host)
                try:
                    with failing_at(host.store, [number], "refused") as begun, host.store.work():
                        carry_out(host, [step])
                except StoreError:
                    assert read(host) == before
                else:
                    with suppress(StoreError):
                        carry_out(twin, [step])
                number -= len(begun)
        assert read(host) == read(twin)
        host.store.commit()
        host.store.close()
        again = Host.open(name)
        assert read(again) == read(twin)
        again.store.close()
        twin.store.close()


@pytest.mark.parametrize("kind", ["refused", "interrupted"])
@settings(max_examples=30, deadline=None)
@given(
    durable=st.lists(STEPS, max_size=5),
    pending=st.lists(STEPS, min_size=1, max_size=4),
    numbers=st.sets(st.sampled_from([2, 4, 5, 6])),
)
def test_a_commit_that_fails_gives_up_what_was_pending(
    kind: str, durable: list[Step], pending: list[Step], numbers: set[int]
) -> None:
    with folder() as name:
        host = begin(name, durable, [])
        before = read(host)
        with host.store.work() as work:
            carry_out(host, pending)
        waits = host.store.pending
        with failing_at(host.store, {1, *numbers}, kind):
            if waits:
                with pytest.raises(StoreError, match="nothing since the last commit was kept"):
                    host.store.commit()
        assert bool(work.lost) == waits and not host.store.pending
        after = read(host)
        assert after.keys() == before.keys()
        for key, value in before.items():
            if ": " not in key:
                assert after[key] == value
                continue
            for was, now in zip(value, after[key], strict=True):
                if was is value[1]:  # what may have been shown stays used
                    assert now[:4] == was[:4] and now[4:] >= was[4:]
                else:
                    assert now == was
        host.store.close()
