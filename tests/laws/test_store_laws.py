"""Whatever happens to a store in whatever order: does it hold what a simple picture of it holds?"""

import shutil
import tempfile
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from emaillab.host.store import Store, StoredMailbox

NAMES = ("alice", "bob", "carol")
FLAGS = st.frozensets(st.sampled_from(["\\Seen", "\\Deleted", "\\Answered", "$Junk"]))
RAW = st.binary(max_size=40)
MOMENTS = st.datetimes(timezones=st.just(UTC))


@dataclass
class Box:
    """A mailbox as one draws it on paper."""

    uid_next: int = 1
    messages: dict[int, tuple[bytes, datetime, frozenset[str]]] = field(default_factory=dict)

    def add(self, raw: bytes, at: datetime, flags: frozenset[str] = frozenset()) -> int:
        self.messages[self.uid_next] = (raw, at, flags)
        self.uid_next += 1
        return self.uid_next - 1


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

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    def box(self, name: str) -> StoredMailbox:
        account = self.store.account(name)
        assert account is not None
        return account.inbox

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

    @rule(name=st.sampled_from(NAMES), uids=st.lists(st.integers(0, 12), max_size=5))
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

    @rule()
    def commit(self) -> None:
        if not self.store.pending:
            return self.store.commit()
        self.store.commit()
        self.kept = deepcopy(self.now)
        self.given = {name: max(self.given[name], self.now[name].uid_next - 1) for name in NAMES}

    @rule()
    def roll_back(self) -> None:
        self.store.rollback()
        for name in NAMES:
            self.kept[name].uid_next = self.now[name].uid_next  # UIDs stay used
        self.now = deepcopy(self.kept)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = Store(self.folder)
        for name in NAMES:
            self.kept[name].uid_next = self.box(name).uid_next
            assert self.box(name).uid_next > self.given[name]
        self.now = deepcopy(self.kept)

    @invariant()
    def they_agree(self) -> None:
        holders = 0
        for name in NAMES:
            box, picture = self.box(name), self.now[name]
            assert box.uid_next == picture.uid_next
            assert [entry.uid for entry in box.entries()] == sorted(picture.messages)
            for entry in box.entries():
                assert picture.messages[entry.uid] == (box.raw(entry.uid), entry.internal_date, entry.flags)
                assert entry.size == len(box.raw(entry.uid)) and entry.uid < box.uid_next
            holders += len(picture.messages)
        assert self.store._database.rows(
            "SELECT coalesce(sum(holders), 0), coalesce(min(holders), 1) > 0 FROM content"
        ) == [(holders, 1)]


StoreAndPicture.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
test_store_and_picture = StoreAndPicture.TestCase
