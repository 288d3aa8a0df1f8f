"""Does the store keep what it promised, once, and say clearly when it cannot?"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from emaillab.host.store import QueuedLetter, QueuedRecipient, Store, StoredMailbox, StoredWork, StoreError
from emaillab.protocol.envelope import Recipient

NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
LETTER = b"Subject: hi\r\n\r\n\x00\xff\r\n"
QUEUED = QueuedLetter(
    "q1",
    "",
    NOON,
    (
        QueuedRecipient(Recipient("bob@b.example")),
        QueuedRecipient(Recipient("eve@c.example"), "SENT", 2, NOON, "250 2.0.0 ok"),
    ),
    LETTER,
    "8BITMIME",
)


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "mail" if request.param == "file" else None) as made:
        made.add_account("alice", "secret")
        made.add_account("Bob", "geheim", uid_validity=7)
        made.commit()
        yield made


def inbox(store: Store, name: str) -> StoredMailbox:
    account = store.account(name)
    assert account is not None
    return account.inbox


def contents(mailbox: StoredMailbox) -> dict[int, bytes]:
    return {entry.uid: mailbox.raw(entry.uid) for entry in mailbox.entries()}


def stored_copies(store: Store) -> int:
    ((count,),) = store._database.rows("SELECT count(*) FROM content")
    return int(count)


# -- Accounts -----------------------------------------------------------------------------------------


def test_accounts_are_found_in_any_case(store: Store) -> None:
    assert store.has_account("ALICE") and store.has_account("bob") and not store.has_account("carol")
    assert store.account_names() == ["alice", "Bob"]
    assert store.account("BOB") is store.account("bob")  # all sessions share one
    assert store.account("carol") is None


def test_a_password_fits_or_not(store: Store) -> None:
    assert store.check_password("Alice", "secret")
    for name, password in [("alice", "Secret"), ("alice", ""), ("carol", ""), ("carol", "secret"), ("alice", "\udcff")]:
        assert not store.check_password(name, password)
    store.add_account("ALICE", "新密码")
    assert store.check_password("alice", "新密码") and not store.check_password("alice", "secret")
    assert store.account_names() == ["alice", "Bob"]


@pytest.mark.parametrize("name", ["", "two words", "tab\there", "nul\0"])
def test_a_name_that_cannot_stand_in_an_address_is_refused(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be an account's name"):
        store.add_account(name, "x")


def test_inbox_is_always_there_in_any_case_and_first(store: Store) -> None:
    account = store.account("bob")
    assert account is not None
    for name in ("Sent", "Archive/2026", "inbox", "Archive"):
        store.add_mailbox("bob", name)
    assert account.mailbox_names() == ["INBOX", "Archive", "Archive/2026", "Sent"]
    assert account.mailbox("iNbOx") is account.inbox and account.inbox.uid_validity == 7
    assert account.mailbox("sent") is None
    with pytest.raises(KeyError, match="carol"):
        store.add_mailbox("carol", "Sent")


def test_one_session_at_a_time_holds_the_maildrop(store: Store) -> None:
    bob, alice = store.account("bob"), store.account("alice")
    assert bob is not None and alice is not None
    assert bob.lock_maildrop("session 1") and bob.lock_maildrop("session 1")
    assert not bob.lock_maildrop("session 2")
    assert alice.lock_maildrop("session 2")
    bob.unlock_maildrop("session 2")
    assert not bob.lock_maildrop("session 2")
    bob.unlock_maildrop("session 1")
    bob.unlock_maildrop("session 1")
    assert bob.lock_maildrop("session 2")


# -- Messages -----------------------------------------------------------------------------------------


def test_a_letter_arrives_byte_for_byte(store: Store) -> None:
    store.deliver(["alice"], LETTER, NOON.astimezone(timezone(timedelta(hours=8))))
    [entry] = inbox(store, "alice").entries()
    assert (entry.uid, entry.size, entry.flags) == (1, len(LETTER), frozenset())
    assert entry.internal_date == NOON and entry.internal_date.utcoffset() == timedelta(0)
    assert inbox(store, "alice").raw(1) == LETTER
    with pytest.raises(KeyError, match="UID 2"):
        inbox(store, "alice").raw(2)


def test_recipients_share_one_copy_that_goes_with_the_last_of_them(store: Store) -> None:
    store.deliver(["alice", "bob", "ALICE"], LETTER, NOON)
    assert stored_copies(store) == 1
    assert contents(inbox(store, "alice")) == contents(inbox(store, "bob")) == {1: LETTER}  # alice has it once
    inbox(store, "alice").remove([1])
    assert contents(inbox(store, "bob")) == {1: LETTER}
    inbox(store, "bob").remove([1])
    assert stored_copies(store) == 0


def test_a_letter_for_somebody_unknown_is_delivered_to_nobody(store: Store) -> None:
    for names, mailbox in [(["alice", "carol"], "INBOX"), (["alice"], "Junk")]:
        with pytest.raises(KeyError):
            store.deliver(names, LETTER, NOON, mailbox)
    store.deliver([], LETTER, NOON)
    assert not store.pending and stored_copies(store) == 0
    store.add_mailbox("alice", "Junk")
    store.deliver(["alice"], LETTER, NOON, "Junk")
    assert inbox(store, "alice").entries() == ()


def test_entries_follow_every_change(store: Store) -> None:
    box = inbox(store, "alice")
    assert box.entries() == ()
    assert [box.append(b"%d" % n, {"\\Seen", "$Forwarded"}, NOON) for n in range(3)] == [1, 2, 3]
    before = box.entries()
    assert [entry.uid for entry in before] == [1, 2, 3]
    assert box.entries() is before  # nothing changed: no work
    box.set_flags(2, ["\\Deleted"])
    box.set_flags(9, ["\\Deleted"])  # gone, as another session may have removed it
    assert [entry.flags for entry in box.entries()] == [
        {"\\Seen", "$Forwarded"},
        {"\\Deleted"},
        {"\\Seen", "$Forwarded"},
    ]
    box.remove([2, 9])
    store.deliver(["alice"], LETTER, NOON)
    assert [entry.uid for entry in box.entries()] == [1, 3, 4]
    assert [entry.uid for entry in before] == [1, 2, 3]  # what a session holds does not change under its hands


def test_setting_the_same_flags_is_no_change(store: Store) -> None:
    box = inbox(store, "alice")
    box.append(LETTER, ["\\Seen"], NOON)
    store.commit()
    seen = box.entries()
    box.set_flags(1, ["\\Seen"])
    assert not store.pending and box.entries() is seen


def test_uids_are_not_used_again_after_removal_and_restart(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add_account("alice", "x", uid_validity=3)
        store.deliver(["alice"], LETTER, NOON)
        store.deliver(["alice"], LETTER, NOON)
        inbox(store, "alice").remove([1, 2])
        store.commit()
    with Store(tmp_path) as store:
        box = inbox(store, "alice")
        assert (box.uid_validity, box.uid_next, box.entries()) == (3, 3, ())
        assert box.append(b"", (), NOON) == 3


def test_many_threads_deliver_and_read_at_once(store: Store) -> None:
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(50):
                store.deliver([name, "bob"], b"%s %d" % (name.encode(), number), NOON)
                inbox(store, "bob").entries()
                store.commit()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=("alice",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for name in ("alice", "bob"):
        assert [entry.uid for entry in inbox(store, name).entries()] == list(range(1, 201))


# -- The queue's shelf ----------------------------------------------------------------------------------


def test_the_queue_gives_back_letters_in_order(store: Store) -> None:
    second = QueuedLetter("a-later-one", "alice@a.example", NOON, (QueuedRecipient(Recipient("x@d.example")),), b"")
    store.enqueue(QUEUED)
    store.enqueue(second)
    first, other = store.queued()
    assert first == QueuedLetter("q1", "", NOON, QUEUED.recipients, b"", "8BITMIME", len(LETTER))
    assert other == second
    assert store.queued_content("q1") == LETTER and store.queued_content("a-later-one") == b""
    with pytest.raises(ValueError, match="'q1' already"):
        store.enqueue(QUEUED)
    store.dequeue("q1")
    store.dequeue("q1")
    assert [letter.id for letter in store.queued()] == ["a-later-one"]
    with pytest.raises(KeyError, match="q1"):
        store.queued_content("q1")


def test_an_attempt_is_noted_for_its_recipient_alone(store: Store) -> None:
    store.enqueue(QUEUED)
    note = QueuedRecipient(Recipient("bob@b.example"), "WAITING", 1, NOON + timedelta(minutes=30), "451 4.7.1 later")
    store.update_recipient(
        "q1", "bob@b.example", state=note.state, attempts=1, next_at=note.next_at, last_reply=note.last_reply
    )
    assert store.queued()[0].recipients == (note, QUEUED.recipients[1])
    store.update_recipient("q1", "eve@c.example", state="FAILED", attempts=3, next_at=None, last_reply="")
    assert store.queued()[0].recipients[1] == QueuedRecipient(Recipient("eve@c.example"), "FAILED", 3)
    for id, path in [("q1", "carol@b.example"), ("q2", "bob@b.example")]:
        with pytest.raises(KeyError):
            store.update_recipient(id, path, state="SENT", attempts=1, next_at=None, last_reply="")


def test_an_envelope_that_is_no_text_is_refused_whole(store: Store) -> None:
    with pytest.raises(ValueError, match="utf-8"):
        store.enqueue(
            QueuedLetter(
                "q9",
                "a@a.example",
                NOON,
                (QueuedRecipient(Recipient("ok@b.example")), QueuedRecipient(Recipient("\udcff@b.example"))),
            )
        )
    assert store.queued() == [] and not store.pending


# -- MailboxStore of one's own ---------------------------------------------------------------------------


def test_a_name_that_is_used_again_is_another_mailbox(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add_account("alice", "x")
        alice = store.account("alice")
        assert alice is not None
        alice.create_mailbox("Work")
        first = alice.mailbox("Work")
        assert first is not None
        first.append(LETTER, ["\\Seen"], NOON)
        alice.delete_mailbox("Work")
        assert alice.mailbox("Work") is None and first.entries() == () and stored_copies(store) == 0
        store.commit()
    with Store(tmp_path) as store:
        alice = store.account("alice")
        assert alice is not None and alice.mailbox_names() == ["INBOX"]
        alice.create_mailbox("Work")
        second = alice.mailbox("Work")
        assert second is not None and second.uid_validity > first.uid_validity
        assert second.entries() == ()


def test_a_rollback_gives_back_names_and_letters(store: Store) -> None:
    alice = store.account("alice")
    assert alice is not None
    alice.create_mailbox("Work")
    work = alice.mailbox("Work")
    assert work is not None
    work.append(LETTER, (), NOON)
    alice.subscribe("Work")
    store.commit()
    alice.rename_mailbox("Work", "Play")
    store.rollback()
    assert alice.mailbox("Work") is work and work.name == "Work" and alice.mailbox("Play") is None
    alice.delete_mailbox("Work")
    alice.unsubscribe("Work")
    alice.create_mailbox("New")
    new = alice.mailbox("New")
    store.rollback()
    assert alice.mailbox_names() == ["INBOX", "Work"] and alice.subscriptions() == ["Work"]
    assert alice.mailbox("Work") is work and contents(work) == {1: LETTER}
    alice.create_mailbox("Other")
    assert alice.mailbox("Other") is not new  # whoever still holds that one does not look into this
    other = alice.mailbox("Other")
    assert other is not None and new is not None
    other.append(LETTER, (), NOON)
    assert new.entries() == ()


def test_copies_share_the_octets(store: Store) -> None:
    alice = store.account("alice")
    assert alice is not None
    alice.create_mailbox("Saved")
    saved = alice.mailbox("Saved")
    assert saved is not None
    uid = alice.inbox.append(LETTER, ["\\Seen", "$Old"], NOON)
    assert alice.copy(alice.inbox, [uid, uid], saved) == [1, 2]
    with pytest.raises(KeyError):
        alice.copy(alice.inbox, [uid, 99], saved)
    assert [entry.flags for entry in saved.entries()] == [{"\\Seen", "$Old"}] * 2
    assert stored_copies(store) == 1
    alice.inbox.remove([uid])
    assert contents(saved) == {1: LETTER, 2: LETTER}


# -- Promises -----------------------------------------------------------------------------------------


def test_nothing_is_durable_before_a_commit(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add_account("alice", "x")
        assert store.pending
        store.commit()
        assert not store.pending
        store.commit()
        store.deliver(["alice"], b"promised", NOON)
        store.enqueue(QUEUED)
        store.commit()
        store.deliver(["alice"], b"not promised", NOON)
        inbox(store, "alice").set_flags(1, ["\\Seen"])
        store.dequeue("q1")
    with Store(tmp_path) as store:
        assert contents(inbox(store, "alice")) == {1: b"promised"}
        assert inbox(store, "alice").entries()[0].flags == frozenset()
        assert [letter.id for letter in store.queued()] == ["q1"]


def test_a_rollback_takes_back_everything_but_uids(store: Store) -> None:
    box = inbox(store, "alice")
    store.deliver(["alice"], LETTER, NOON)
    store.commit()
    store.deliver(["alice"], LETTER, NOON)
    box.set_flags(1, ["\\Seen"])
    store.add_account("carol", "x")
    store.add_account("alice", "changed")
    store.rollback()
    assert not store.pending and stored_copies(store) == 1
    assert inbox(store, "alice") is box  # sessions that hold it go on
    assert [(entry.uid, entry.flags) for entry in box.entries()] == [(1, frozenset())]
    assert not store.has_account("carol") and store.check_password("alice", "secret")
    assert box.append(LETTER, (), NOON) == 3  # a session may have shown UID 2


def test_the_next_commit_also_keeps_the_uids_of_a_rollback(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add_account("alice", "x")
        store.add_account("bob", "x")
        store.commit()
        store.deliver(["alice"], LETTER, NOON)
        store.rollback()
        store.deliver(["bob"], LETTER, NOON)
        store.commit()
    with Store(tmp_path) as store:
        assert (inbox(store, "alice").uid_next, inbox(store, "alice").entries()) == (2, ())


def test_nobody_is_told_ok_for_what_anothers_failure_took_away(store: Store) -> None:
    """Two threads share one transaction: the queue runs beside the sessions."""
    store.add_account("bob", "secret")
    store.commit()
    store.deliver(["bob"], b"Subject: hi\r\n\r\n", NOON)
    failed = threading.Thread(target=store.rollback)  # as a commit does that the disk refuses
    failed.start()
    failed.join()
    with pytest.raises(StoreError, match="nothing since the last commit was kept"):
        store.commit()
    assert contents(inbox(store, "bob")) == {}
    store.commit()  # it is said once
    store.deliver(["bob"], b"Subject: again\r\n\r\n", NOON)
    store.commit()
    assert list(contents(inbox(store, "bob")).values()) == [b"Subject: again\r\n\r\n"]


def test_when_the_disk_is_full_only_what_did_not_fit_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add_account("alice", "x")
        store.deliver(["alice"], b"first", NOON)
        store.commit()
        ((pages,),) = store._database.rows("PRAGMA page_count")
        store._database.rows(f"PRAGMA max_page_count = {pages + 2}")
        store.deliver(["alice"], b"waits for the commit", NOON)
        with pytest.raises(StoreError, match="not kept: database or disk is full"):
            store.deliver(["alice"], bytes(1_000_000), NOON)
        store.deliver(["alice"], b"finds room", NOON)
        store.commit()
        kept = contents(inbox(store, "alice"))
    assert list(kept.values()) == [b"first", b"waits for the commit", b"finds room"]
    with Store(tmp_path) as store:
        assert contents(inbox(store, "alice")) == kept


def fail_at(store: Store, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    """Have the next statement that begins with a word fail."""
    execute = store._database._execute

    def failing(sql: str, values: Sequence[object] = ()) -> int:
        if sql.strip().startswith(word):
            monkeypatch.undo()
            raise sqlite3.OperationalError("disk I/O error")
        return execute(sql, values)

    monkeypatch.setattr(store._database, "_execute", failing)


def test_when_a_commit_fails_those_whose_work_it_was_are_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.work() as first:
        store.deliver(["alice"], LETTER, NOON)
    with store.work() as only_looks:
        inbox(store, "alice").entries()
    fail_at(store, monkeypatch, "COMMIT")
    with pytest.raises(StoreError, match="nothing since the last commit was kept: disk I/O error"):
        store.commit()
    assert "disk I/O error" in first.lost and not only_looks.lost
    with store.work() as second:
        store.deliver(["alice"], LETTER, NOON)
    store.commit()
    assert not second.lost and list(contents(inbox(store, "alice"))) == [2]


def test_a_thread_whose_work_anothers_commit_lost_is_told_and_keeps_the_rest(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    works: list[StoredWork] = []
    errors: list[StoreError] = []

    def work(steps: Sequence[Callable[[], None]]) -> None:
        thread = threading.Thread(target=lambda: [step() for step in steps])
        thread.start()
        thread.join()

    def deliver() -> None:
        with store.work() as work:
            store.deliver(["alice"], LETTER, NOON)
        works.append(work)

    def commit() -> None:
        try:
            store.commit()
        except StoreError as error:
            errors.append(error)

    deliver()
    fail_at(store, monkeypatch, "COMMIT")
    work([commit])  # of a thread that wrote nothing
    assert not errors and works[0].lost
    deliver()
    with pytest.raises(StoreError, match="disk I/O error"):
        store.commit()
    assert not works[1].lost and list(contents(inbox(store, "alice"))) == [2]
    store.commit()  # it is said once


def test_a_commit_in_the_middle_of_a_verb_is_a_mistake(store: Store) -> None:
    with store.work():
        store.commit()  # nothing was written yet
        store.deliver(["alice"], LETTER, NOON)
        for give_up in (store.commit, store.rollback):
            with pytest.raises(RuntimeError, match="it ends before a commit"):
                give_up()
    store.commit()
    assert list(contents(inbox(store, "alice"))) == [1]


def test_a_closed_store_says_so_in_a_sentence(store: Store) -> None:
    box = inbox(store, "alice")
    store.deliver(["alice"], LETTER, NOON)
    store.close()
    store.close()
    assert not store.pending
    store.commit()
    with pytest.raises(StoreError, match="closed"):
        store.deliver(["alice"], LETTER, NOON)
    with pytest.raises(StoreError, match="closed"):
        box.raw(1)


DELIVERER = """
import sys
from datetime import datetime, UTC
from emaillab.host.store import QueuedLetter, QueuedRecipient, Store
from emaillab.protocol.envelope import Recipient
store, number = Store(sys.argv[1]), int(sys.argv[2])
store.add_account("alice", "x"); store.add_account("bob", "x"); store.commit()
inbox = store.account("alice").inbox
print("committed", number, inbox.uid_next, flush=True)
while True:
    for _ in range(number % 7 + 1):
        number += 1
        raw = b"%d " % number + bytes(number % 3000)
        store.deliver(["alice", "bob"], raw, datetime.now(UTC))
        store.enqueue(QueuedLetter(str(number), "", datetime.now(UTC), (QueuedRecipient(Recipient("c@c.example")),), raw))
        if number % 5 == 0:
            inbox.remove([inbox.uid_next - 1])
    store.commit()
    print("committed", number, inbox.uid_next, flush=True)
"""


def test_kill_9_loses_nothing_that_was_committed_and_doubles_nothing(tmp_path: Path) -> None:
    dice, last = random.Random(9), 0
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", DELIVERER, str(tmp_path), str(last)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(dice.randrange(1, 60))]
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.read().splitlines(keepends=True)  # what it had said before it died
        process.wait()
        process.stdout.close()
        _, promised, uid_next = [line for line in lines if line.endswith("\n")][-1].split()
        with Store(tmp_path) as store:
            numbers = [int(raw.split(b" ")[0]) for raw in contents(inbox(store, "bob")).values()]
            last = len(numbers)
            assert numbers == list(range(1, last + 1))
            assert last >= int(promised)
            assert [letter.id for letter in store.queued()] == [str(number) for number in numbers]
            alices = contents(inbox(store, "alice"))
            assert [int(raw.split(b" ")[0]) for raw in alices.values()] == [n for n in numbers if n % 5]
            assert inbox(store, "alice").uid_next == last + 1 >= int(uid_next)
            assert stored_copies(store) == last


# -- Folders that cannot be used -------------------------------------------------------------------------


def refusal(path: Path) -> str:
    with pytest.raises(StoreError) as caught:
        Store(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    Store(str(tmp_path / "a" / "b")).close()
    assert (tmp_path / "a" / "b" / "mail.sqlite").exists()
    assert (tmp_path / "a" / "b").stat().st_mode & 0o077 == 0


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    assert "a folder is needed" in refusal(tmp_path / "file")
    assert "a folder is needed" in refusal(tmp_path / "file" / "below")


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mail.sqlite").mkdir()  # holds also for the superuser, for whom no folder is read-only
    assert "unable to open database file" in refusal(tmp_path)
    assert "mail cannot be kept in" in refusal(Path("/proc/emaillab") if sys.platform == "linux" else tmp_path)


def test_a_foreign_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "mail.sqlite"
    file.write_bytes(b"From alice@a.example Mon Mar  2 12:00:00 2026\n" * 100)
    assert "is not a mail store, or is damaged" in refusal(tmp_path)
    assert file.read_bytes().startswith(b"From alice")
    file.unlink()
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE bookmarks(url)")
    other.close()
    before = file.read_bytes()
    assert "another program's database" in refusal(tmp_path)
    assert file.read_bytes() == before


def test_a_store_of_a_newer_emaillab_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "mail.sqlite") as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    assert "written by a newer emaillab (format 99" in refusal(tmp_path)


def test_a_folder_in_use_is_refused_until_its_user_is_gone(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", DELIVERER, str(tmp_path), "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    assert "is in use by another running mail host" in refusal(tmp_path)
    process.kill()
    process.wait()
    process.stdout.close()
    with Store(tmp_path):
        assert "is in use" in refusal(tmp_path)  # in one process too
    Store(tmp_path).close()
