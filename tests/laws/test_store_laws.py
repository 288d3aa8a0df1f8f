"""Whatever happens to a store in whatever order: does it hold what a simple picture of it holds, and tell who asks?"""

import shutil
import tempfile
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from emaillab.host.store import Store, StoredMailbox
from emaillab.protocol.backend import Entry, MailboxStatus

NAMES = ("alice", "bob", "carol")
FLAGS = st.frozensets(st.sampled_from(["\\Seen", "\\Deleted", "\\Answered", "$Junk"]))
RAW = st.binary(max_size=40) | st.just(b"Subject: hi\r\n")
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 29), timezones=st.just(UTC))
UIDS = st.lists(st.integers(0, 12), max_size=5)


@dataclass
class Box:
    """A mailbox as one draws it on paper."""

    uid_next: int = 1
    messages: dict[int, tuple[bytes, datetime, frozenset[str]]] = field(default_factory=dict)

    def add(self, raw: bytes, at: datetime, flags: frozenset[str] = frozenset()) -> int:
        self.messages[self.uid_next] = (raw, at, flags)
        self.uid_next += 1
        return self.uid_next - 1


@dataclass(frozen=True)
class Client:
    """What a mail program remembers of a mailbox while it is away."""

    modseq: int
    flags: dict[int, frozenset[str]]

    def caught_up(self, box: StoredMailbox) -> dict[int, frozenset[str]]:
        """Ask only for what has changed since. Source: RFC 7162 §3.1.4, §3.2.5."""
        flags = dict(self.flags)
        for run in box.vanished(self.modseq):
            for uid in run:
                flags.pop(uid, None)
        return flags | {entry.uid: entry.flags for entry in box.entries() if entry.modseq > self.modseq}


def numbers(box: StoredMailbox) -> tuple[MailboxStatus, int | None]:
    """Count by looking at every message."""
    entries = box.entries()
    unseen = [number for number, entry in enumerate(entries, 1) if "\\Seen" not in entry.flags]
    deleted = sum("\\Deleted" in entry.flags for entry in entries)
    size = sum(len(box.raw(entry.uid)) for entry in entries)
    known = box.status()
    status = MailboxStatus(len(entries), len(unseen), deleted, size, known.uid_next, known.highest_modseq)
    return status, next(iter(unseen), None)


class StoreAndPicture(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.store = Store(self.folder)
        for name in NAMES:
            self.store.add_account(name, "x")
        self.store.commit()
        self.now = {name: Box() for name in NAMES}
        self.kept = deepcopy(self.now)
        self.given = dict.fromkeys(NAMES, 0)  # the highest UID in any commit
        self.clients: dict[str, list[Client]] = {name: [] for name in NAMES}
        self.lasting = dict.fromkeys(NAMES, 0)  # how many of them saw only what is durable
        self.before: dict[str, tuple[MailboxStatus, tuple[Entry, ...]]] = {}
        self.changed: set[str] = set()  # since the last commit
        self.told: list[str] = []
        self.watch()

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    def box(self, name: str) -> StoredMailbox:
        account = self.store.account(name)
        assert account is not None
        return account.inbox

    def watch(self) -> None:
        def fail() -> None:
            self.told.append("one that fails")
            raise RuntimeError("no good")

        everybody, nobody = partial(self.told.append, "everybody"), partial(self.told.append, "nobody")
        for name in NAMES:
            for callback in (fail, everybody, partial(self.told.append, name), nobody):
                self.box(name).watch(callback)
            self.box(name).unwatch(nobody)
            self.box(name).unwatch(nobody)

    @rule(names=st.lists(st.sampled_from(NAMES), max_size=4), raw=RAW, at=MOMENTS)
    def deliver(self, names: list[str], raw: bytes, at: datetime) -> None:
        self.store.deliver(names, raw, at)
        for name in set(names):
            self.now[name].add(raw, at)

    @rule(name=st.sampled_from(NAMES), raw=RAW, at=MOMENTS, flags=FLAGS)
    def append(self, name: str, raw: bytes, at: datetime, flags: frozenset[str]) -> None:
        assert self.box(name).append(raw, flags, at) == self.now[name].add(raw, at, flags)

    @rule(name=st.sampled_from(NAMES), uid=st.integers(0, 12), flags=FLAGS)
    def set_flags(self, name: str, uid: int, flags: frozenset[str]) -> None:
        self.box(name).set_flags(uid, flags)
        if uid in self.now[name].messages:
            raw, at, _ = self.now[name].messages[uid]
            self.now[name].messages[uid] = (raw, at, flags)

    @rule(name=st.sampled_from(NAMES), uids=UIDS)
    def remove(self, name: str, uids: list[int]) -> None:
        self.box(name).remove(uids)
        for uid in uids:
            self.now[name].messages.pop(uid, None)

    @rule(name=st.sampled_from(NAMES), data=st.data())
    def copy(self, name: str, data: st.DataObject) -> None:
        uids = data.draw(st.lists(st.sampled_from(sorted(self.now[name].messages) or [0]), unique=True, max_size=3))
        uids = [uid for uid in uids if uid]
        expected = [self.now[name].add(*self.now[name].messages[uid]) for uid in uids]
        assert self.box(name).take(self.box(name), uids) == expected

    @rule(name=st.sampled_from(NAMES), raw=RAW, at=MOMENTS, uids=UIDS)
    def a_verb_of_many_parts(self, name: str, raw: bytes, at: datetime, uids: list[int]) -> None:
        with self.store.work():
            self.deliver([name], raw, at)
            self.remove(name, uids)
            self.append(name, raw, at, frozenset(["\\Seen"]))
            self.set_flags(name, self.now[name].uid_next - 1, frozenset())

    @rule(name=st.sampled_from(NAMES), raw=RAW, at=MOMENTS, uids=UIDS)
    def a_verb_that_fails(self, name: str, raw: bytes, at: datetime, uids: list[int]) -> None:
        with self.store.work() as work:
            self.store.deliver(NAMES, raw, at)
            self.box(name).remove(uids)
            self.box(name).append(raw, ["\\Seen"], at)
            work.undo()

    @rule()
    def commit(self) -> None:
        self.told.clear()
        for name in NAMES:
            if self.box(name)._retracted:  # gets a mod-sequence now
                self.before.pop(name, None)
        pending = self.store.pending
        self.store.commit()
        changed = [name for name in NAMES if name in self.changed]
        assert sorted(self.told) == sorted([*changed, *(["everybody", "one that fails"] if changed else [])])
        self.changed.clear()
        if pending:
            self.kept = deepcopy(self.now)
            self.given = {name: max(self.given[name], self.now[name].uid_next - 1) for name in NAMES}
            self.lasting = {name: len(self.clients[name]) for name in NAMES}

    @rule()
    def roll_back(self) -> None:
        self.store.rollback()
        for name in NAMES:
            self.kept[name].uid_next = self.now[name].uid_next  # UIDs stay used
        self.now = deepcopy(self.kept)
        self.changed.clear()
        self.before.clear()

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = Store(self.folder)
        for name in NAMES:
            self.kept[name].uid_next = self.box(name).uid_next
            assert self.box(name).uid_next > self.given[name]
            del self.clients[name][self.lasting[name] :]
        self.now = deepcopy(self.kept)
        self.changed.clear()
        self.before.clear()
        self.watch()

    @invariant()
    def they_agree(self) -> None:
        holders = 0
        for name in NAMES:
            box, picture = self.box(name), self.now[name]
            assert box.uid_next == picture.uid_next
            assert [entry.uid for entry in box.entries()] == sorted(picture.messages)
            for entry in box.entries():
                raw = box.raw(entry.uid)
                assert picture.messages[entry.uid] == (raw, entry.internal_date, entry.flags)
                assert entry.size == len(raw) and entry.uid < box.uid_next
                assert entry.ended == (raw == b"" or raw.endswith(b"\r\n"))
            holders += len(picture.messages)
        assert self.store._database.rows(
            "SELECT coalesce(sum(holders), 0), coalesce(min(holders), 1) > 0 FROM content"
        ) == [(holders, 1)]

    @invariant()
    def what_is_counted_is_there(self) -> None:
        for name in NAMES:
            assert (self.box(name).status(), self.box(name).first_unseen()) == numbers(self.box(name))

    @invariant()
    def every_change_has_a_mod_sequence_of_its_own(self) -> None:
        for name in NAMES:
            status, entries = self.box(name).status(), self.box(name).entries()
            if name in self.before:
                old, was = self.before[name]
                flags = {entry.uid: (entry.flags, entry.modseq) for entry in was}
                changed = [entry for entry in entries if flags.get(entry.uid) != (entry.flags, entry.modseq)]
                gone = flags.keys() - {entry.uid for entry in entries}
                assert status.highest_modseq == old.highest_modseq + bool(changed or gone)
                assert all(entry.modseq == status.highest_modseq for entry in changed)
                assert gone <= {uid for run in self.box(name).vanished(old.highest_modseq) for uid in run}
                if changed or gone:
                    self.changed.add(name)
            assert all(1 <= entry.modseq <= status.highest_modseq for entry in entries)
            self.before[name] = (status, entries)

    @invariant()
    def whoever_was_away_catches_up(self) -> None:
        for name in NAMES:
            box = self.box(name)
            now = {entry.uid: entry.flags for entry in box.entries()}
            if not box._retracted:  # else the next commit tells it
                assert all(client.caught_up(box) == now for client in self.clients[name])
            self.clients[name].append(Client(box.status().highest_modseq, now))


StoreAndPicture.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
test_store_and_picture = StoreAndPicture.TestCase
