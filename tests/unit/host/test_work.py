"""Does a store keep verbs apart, count what it holds, and tell who watches? Cases beside the laws."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from emaillab.host.mailhost import MailHost
from emaillab.host.queue import Queue
from emaillab.host.store import (
    QueuedLetter,
    QueuedRecipient,
    Store,
    StoredAccount,
    StoredMailbox,
    StoreError,
    tombstones,
)
from emaillab.host.store import database as database_module
from emaillab.net.clock import VirtualClock
from emaillab.protocol.backend import NO_WORK, Session
from emaillab.protocol.envelope import Envelope, Recipient
from emaillab.protocol.imap.server import ImapServer
from emaillab.protocol.pop3.server import Pop3Server

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LETTER = b"Subject: hi\r\n\r\nhello\r\n"
TOO_LATE = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-5)))
FAR = QueuedRecipient(Recipient("eve@far.example"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as made:
        made.add_account("alice", "secret")
        made.commit()
        yield made


def account(store: Store) -> StoredAccount:
    found = store.account("alice")
    assert found is not None
    return found


def inbox(store: Store) -> StoredMailbox:
    return account(store).inbox


def in_a_thread(work: object) -> threading.Thread:
    thread = threading.Thread(target=work)  # type: ignore[arg-type]
    thread.start()
    return thread


# -- Keeper --------------------------------------------------------------------------------------------------


def test_what_memory_holds_goes_back_with_a_verb(store: Store) -> None:
    queue, box = Queue(store), inbox(store)
    account(store).create_mailbox("Work")
    store.commit()
    work = account(store).mailbox("Work")
    assert work is not None
    before = (box.entries(), box.status(), account(store).mailbox_names(), queue.letters())
    with pytest.raises(KeyError), store.work():
        store.add_account("bob", "x")
        store.add_account("alice", "changed")
        store.deliver(["alice", "bob"], LETTER, NOON)
        account(store).rename_mailbox("Work", "Play")
        account(store).create_mailbox("New")
        account(store).subscribe("New")
        queue.add(QueuedLetter("q1", "", NOON, (FAR,), b"hi"), NOON)
        assert work.name == "Play" and box.uid_next == 2 and len(queue) == 1
        raise KeyError("the verb fails")
    assert (box.entries(), box.status(), account(store).mailbox_names(), queue.letters()) == before
    assert work.name == "Work" and account(store).mailbox("Work") is work
    assert store.account_names() == ["alice"] and store.check_password("alice", "secret")
    assert account(store).subscriptions() == [] and not store.pending


def test_a_verb_that_fails_leaves_the_work_of_others(store: Store) -> None:
    store.deliver(["alice"], b"of another session", NOON)
    with pytest.raises(KeyError), store.work():
        store.deliver(["alice"], LETTER, NOON)
        inbox(store).remove([1])
        raise KeyError
    assert inbox(store).raw(1) == b"of another session" and inbox(store).uid_next == 2
    store.commit()
    store.deliver(["alice"], LETTER, NOON)
    assert [entry.uid for entry in inbox(store).entries()] == [1, 2]  # nobody was shown the UID of what failed


def test_no_other_thread_writes_or_reads_in_the_middle_of_a_verb(store: Store) -> None:
    seen: list[int] = []
    with store.work():
        store.deliver(["alice"], b"first", NOON)
        writer = in_a_thread(lambda: store.deliver(["alice"], b"other", NOON))
        reader = in_a_thread(lambda: seen.append(inbox(store).status().messages))
        writer.join(0.1)
        assert writer.is_alive() and reader.is_alive() and not seen
        store.deliver(["alice"], b"second", NOON)
    writer.join()
    reader.join()
    assert seen[0] in (2, 3)
    assert [inbox(store).raw(entry.uid) for entry in inbox(store).entries()] == [b"first", b"second", b"other"]


def test_a_verb_that_only_reads_waits_for_nobody_to_begin(store: Store) -> None:
    """Work takes no lock before something is written in it."""
    with store.work():
        in_a_thread(lambda: store.deliver(["alice"], LETTER, NOON)).join(5)
        assert inbox(store).status().messages == 1


def test_a_part_that_failed_is_undone_alone(store: Store) -> None:
    with store.work():
        store.deliver(["alice"], b"first", NOON)
        with pytest.raises(StoreError, match="NOT NULL"), store.work():
            store.deliver(["alice"], LETTER, NOON)
            store._database.write("INSERT INTO account(name, password) VALUES ('x', NULL)")
        store.deliver(["alice"], b"second", NOON)
    store.commit()
    assert [inbox(store).raw(entry.uid) for entry in inbox(store).entries()] == [b"first", b"second"]


def test_after_a_failed_statement_nothing_more_is_written_in_that_unit(store: Store) -> None:
    with store.work():
        with pytest.raises(StoreError):
            store._database.write("INSERT INTO account(name, password) VALUES ('x', NULL)")
        with pytest.raises(StoreError, match="NOT NULL"):
            store._database.write("INSERT INTO account(name, password) VALUES ('x', 'y')")
    assert not store.pending


def drop(store: Store) -> None:
    """Have SQLite give up the transaction by itself, as it does after an error of the disk."""
    store._database._connection.execute("ROLLBACK")
    with pytest.raises(StoreError):
        store._database.rows("SELECT nonsense")


def test_what_sqlite_drops_is_written_again(store: Store) -> None:
    store.deliver(["alice"], b"waits", NOON)
    drop(store)
    store.commit()
    assert inbox(store).raw(1) == b"waits"


def test_what_is_too_much_to_be_written_again_is_lost_and_its_sessions_hear_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "MOST_REPEATED", 1000)
    with store.work() as large:
        store.deliver(["alice"], bytes(2000), NOON)
    drop(store)
    assert "too much was pending" in large.lost
    with store.work() as small:
        store.deliver(["alice"], LETTER, NOON)
    with pytest.raises(StoreError, match="too much was pending"):
        store.commit()
    assert not small.lost and [entry.uid for entry in inbox(store).entries()] == [2]


def test_a_verb_whose_first_part_was_lost_writes_no_second_part(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "MOST_REPEATED", 10)
    store.deliver(["alice"], LETTER, NOON)
    with pytest.raises(StoreError, match="what was pending was dropped"), store.work() as work:
        store.deliver(["alice"], LETTER, NOON)
        store._database._connection.execute("ROLLBACK")
        for _ in range(2):
            with pytest.raises(StoreError, match="what was pending was dropped"):
                store.deliver(["alice"], LETTER, NOON)
    assert work.lost and not store.pending and inbox(store).entries() == ()
    with pytest.raises(StoreError, match="too much was pending"):
        store.commit()  # of the first letter


def test_a_host_that_stores_nothing_has_keeper_too() -> None:
    with NO_WORK as work:
        work.undo()
    assert work.lost is None  # so that a server believes its driver


def test_a_letter_for_here_and_elsewhere_is_taken_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    host = MailHost("b.example", ip="192.0.2.25", clock=VirtualClock())
    host.add_user("bob", "secret")
    session = Session(host.name, "203.0.113.5", now=host.now)
    envelope = Envelope.plain("a@x.example", "bob@b.example", "eve@far.example")

    def fail(letter: QueuedLetter) -> None:
        raise StoreError("no room for the queue")

    monkeypatch.setattr(host.store, "enqueue", fail)
    with pytest.raises(StoreError):
        host.accept(session, envelope, LETTER)
    assert host.letters("bob") == [] and not host.store.pending and not len(host.queue)
    monkeypatch.undo()
    host.accept(session, envelope, LETTER)
    assert len(host.letters("bob")) == len(host.queue) == 1


# -- Numbers and mod-sequences ----------------------------------------------------------------------------------


def test_numbers_are_told_without_a_look_at_the_messages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    box = inbox(store)
    for flags in (["\\Seen"], ["\\Seen", "\\Deleted"], [], ["\\Deleted"]):
        box.append(LETTER, flags, NOON)
    monkeypatch.setattr(StoredMailbox, "_by_uid", lambda self: pytest.fail("all messages are listed"))
    status = box.status()
    assert (status.messages, status.unseen, status.deleted, status.size) == (4, 2, 2, 4 * len(LETTER))
    assert box.first_unseen() == 3
    box.set_flags(3, ["\\Seen"])
    box.remove([1])
    assert box.first_unseen() == 3 and box.status().unseen == 1
    box.set_flags(4, ["\\Seen"])
    assert box.first_unseen() is None
    assert box.entry(99999999999999999999) is None


def test_all_that_one_verb_changes_has_one_mod_sequence(store: Store) -> None:
    box = inbox(store)
    with store.work():
        for number in range(4):
            box.append(b"%d" % number, (), NOON)
    with store.work():
        box.set_flags(1, ["\\Seen"])
        box.set_flags(3, ["\\Seen"])
        box.remove([2])
    box.set_flags(3, [])
    assert [(entry.uid, entry.modseq) for entry in box.entries()] == [(1, 3), (3, 4), (4, 2)]
    assert box.status().highest_modseq == 4
    assert box.vanished(2) == [range(2, 3)] and box.vanished(3) == []


def test_tombstones_are_bounded_and_what_is_forgotten_is_told_too_often(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tombstones, "MOST", 3)
    box = inbox(store)
    for _ in range(12):
        box.append(b"", (), NOON)
    for uid in (1, 3, 5, 7, 9):
        box.remove([uid])
    last = box.status().highest_modseq
    gone = [range(uid, uid + 1) for uid in (1, 3, 5, 7, 9)]
    assert box.vanished(last) == [] and box.vanished(last - 2) == gone[3:]
    assert box.vanished(last - 4) == gone  # more than was asked for: all that is not there
    ((count,),) = store._database.rows("SELECT count(*) FROM expunged")
    assert count == 3
    store.commit()
    store.close()
    with Store(tmp_path) as again:
        assert inbox(again).vanished(last - 4) == gone and inbox(again).status().highest_modseq == last


def test_a_mailbox_that_is_deleted_leaves_no_tombstones(store: Store) -> None:
    account(store).create_mailbox("Work")
    work = account(store).mailbox("Work")
    assert work is not None
    work.append(LETTER, (), NOON)
    work.append(LETTER, (), NOON)
    work.remove([1])
    account(store).delete_mailbox("Work")
    assert store._database.rows("SELECT * FROM expunged") == []
    assert work.status().messages == work.status().size == 0


# -- Watching -----------------------------------------------------------------------------------------------


def test_a_watcher_is_called_after_the_commit_when_the_store_is_free(store: Store) -> None:
    calls: list[tuple[bool, int]] = []

    def tell() -> None:
        reader = in_a_thread(lambda: calls.append((store.pending, inbox(store).status().messages)))
        reader.join(5)  # another thread gets at the store: the lock is free
        assert not reader.is_alive()

    inbox(store).watch(tell)
    store.deliver(["alice"], LETTER, NOON)
    assert calls == []
    store.commit()
    assert calls == [(False, 1)]
    store.commit()
    store.add_account("bob", "x")
    store.deliver(["bob"], LETTER, NOON)
    store.commit()
    assert len(calls) == 1
    inbox(store).unwatch(tell)
    store.deliver(["alice"], LETTER, NOON)
    store.commit()
    assert len(calls) == 1


def test_a_watcher_may_write_and_commit(store: Store) -> None:
    def answer() -> None:
        inbox(store).unwatch(answer)
        store.deliver(["alice"], b"an answer", NOON)
        store.commit()

    inbox(store).watch(answer)
    store.deliver(["alice"], LETTER, NOON)
    store.commit()
    assert inbox(store).raw(2) == b"an answer" and not store.pending


def test_a_watcher_that_fails_costs_nobody_else(store: Store) -> None:
    calls: list[str] = []
    inbox(store).watch(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    inbox(store).watch(lambda: calls.append("told"))
    store.deliver(["alice"], LETTER, NOON)
    store.commit()
    assert calls == ["told"] and isinstance(store.errors[-1], ZeroDivisionError)


# -- What could not be read back --------------------------------------------------------------------------------


def imap(host: MailHost) -> ImapServer:
    server = ImapServer(host, Session(host.name, "127.0.0.1", now=host.now))
    assert b"1 OK" in server.receive(b"1 LOGIN alice secret\r\n")
    return server


def a_host(store: Store) -> MailHost:
    return MailHost("a.example", ip="192.0.2.25", clock=VirtualClock(), store=store)


def test_a_date_after_the_end_of_the_calendar_is_refused_and_harms_nobody(store: Store, tmp_path: Path) -> None:
    store.deliver(["alice"], LETTER, NOON)
    store.commit()
    server = imap(a_host(store))
    store.commit()
    before = store._database.rows("SELECT * FROM message"), store._database.rows("SELECT * FROM content")
    said = server.receive(b'2 APPEND INBOX "31-Dec-9999 23:59:59 -0500" {2+}\r\nhi\r\n')
    assert said.startswith(b"2 NO [CANNOT] 9999-12-31 23:59:59-05:00 cannot be kept") and not server.errors
    assert (store._database.rows("SELECT * FROM message"), store._database.rows("SELECT * FROM content")) == before
    assert not store.pending
    assert b"* 1 EXISTS" in server.receive(b"3 SELECT INBOX\r\n")
    store.close()
    with Store(tmp_path) as again:
        assert len(inbox(again).entries()) == 1


@pytest.mark.parametrize("flag", ["two words", "", "line\nbreak", "\u00a0"])
def test_a_flag_that_would_be_read_back_as_another_is_refused(store: Store, flag: str) -> None:
    with pytest.raises(ValueError, match="a flag is one word"):
        inbox(store).append(LETTER, [flag], NOON)
    inbox(store).append(LETTER, (), NOON)
    with pytest.raises(ValueError, match="a flag is one word"):
        inbox(store).set_flags(1, ["\\Seen", flag])
    assert inbox(store).entries()[0].flags == frozenset()


@pytest.mark.parametrize("at", [TOO_LATE, datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)])
def test_a_moment_that_not_every_time_zone_has_is_not_kept(store: Store, at: datetime) -> None:
    with pytest.raises(ValueError, match="cannot be kept"):
        store.deliver(["alice"], LETTER, at)
    with pytest.raises(ValueError, match="cannot be kept"):
        store.enqueue(QueuedLetter("q1", "", at, (FAR,), LETTER))
    assert not store.pending


@pytest.mark.parametrize("damage", [253402318799000000, -(10**18), 2**62, "yesterday", 1e30])
def test_a_mailbox_with_an_unreadable_date_can_be_read(store: Store, damage: object) -> None:
    store.deliver(["alice"], LETTER, NOON)
    store.deliver(["alice"], b"damaged", NOON)
    store._database.write("UPDATE message SET internal_date = ? WHERE uid = 2", (damage,))
    store.commit()
    host = a_host(store)
    first, second = inbox(store).entries()
    assert first.internal_date == NOON and second.uid == 2
    for hours in (-12, 14):
        assert second.internal_date.astimezone(timezone(timedelta(hours=hours))).tzinfo
    server = imap(host)
    assert b"* 2 EXISTS" in server.receive(b"2 SELECT INBOX\r\n")
    assert server.receive(b"3 FETCH 1:2 (INTERNALDATE BODY[])\r\n").count(b" FETCH ") == 2
    pop3 = Pop3Server(host, Session(host.name, "127.0.0.1", now=host.now))
    assert b"+OK maildrop has 2 messages" in pop3.receive(b"USER alice\r\nPASS secret\r\n")
    account(store).create_mailbox("Saved")
    assert account(store).copy(inbox(store), [2], account(store).mailbox("Saved")) == [1]


def test_pop3_counts_a_missing_line_end_without_reading_letters(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for raw in (LETTER, b"no line end", b""):
        inbox(store).append(raw, (), NOON)
    store.commit()
    monkeypatch.setattr(StoredMailbox, "raw", lambda self, uid: pytest.fail("a letter is read"))
    host = a_host(store)
    pop3 = Pop3Server(host, Session(host.name, "127.0.0.1", now=host.now))
    pop3.receive(b"USER alice\r\nPASS secret\r\n")
    assert pop3.receive(b"STAT\r\n") == b"+OK 3 %d\r\n" % (len(LETTER) + 13)
