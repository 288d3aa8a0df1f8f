"""Make format-2.sqlite, a mail store as the version before format 3 wrote it.

Run once, with the code of commit d91e3df: `python make_format_2.py FOLDER`, then FOLDER/mail.sqlite is the file.
Kept so that a reader can see what is in it; with today's code it would make a file of today's format.
"""

import sqlite3
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from emaillab.host.queue import Queue
from emaillab.host.queue_store import QueuedLetter, Recipient
from emaillab.host.store import Store

NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)


def letter(subject: str) -> bytes:
    return f"From: eve@far.example\r\nSubject: {subject}\r\n\r\nHello, {subject}.\r\n".encode()


def mailboxes(store: Store) -> None:
    """Give alice, Bob and carol mail: shared, flagged, copied, removed, and one message from beyond the calendar."""
    store.add_account("alice", "secret", uid_validity=1700000000)
    store.add_account("Bob", "geheim", uid_validity=7)
    store.add_account("carol", "新密码")
    store.deliver(["alice", "bob", "carol"], letter("for all"), NOON)
    for number in range(2, 6):
        store.deliver(["alice"], letter(f"alice {number}"), NOON + timedelta(minutes=number))
    alice, bob, carol = (store.account(name) for name in ("alice", "bob", "carol"))
    assert alice and bob and carol
    alice.inbox.set_flags(1, ["\\Seen", "\\Answered"])
    alice.inbox.set_flags(2, ["\\Deleted"])
    alice.inbox.set_flags(5, ["\\Seen", "$Forwarded"])
    alice.inbox.remove([4])
    for name in ("Sent", "Work", "Work/2026", "Grüße"):
        alice.create_mailbox(name)
    work = alice.mailbox("Work")
    sent = alice.mailbox("Sent")
    assert work and sent
    alice.copy(alice.inbox, [1, 2, 5], work)
    sent.append(letter("sent"), ["\\Seen"], NOON.astimezone(timezone(timedelta(hours=-8))))
    alice.create_mailbox("Old")
    alice.delete_mailbox("Old")  # its UIDVALIDITY stays used
    for name in ("INBOX", "Work", "Gone"):
        alice.subscribe(name)
    bob.subscribe("INBOX")
    carol.create_mailbox("Damaged")
    damaged = carol.mailbox("Damaged")
    assert damaged
    damaged.append(letter("readable"), ["\\Seen"], NOON)
    # What APPEND with "31-Dec-9999 23:59:59 -0500" left behind: no datetime in UTC is that late.
    damaged.append(letter("too late"), (), datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-5))))


def queue(store: Store) -> None:
    """Queue one letter that waits, one with recipients in all states, and a report."""
    waiting = Queue(store)
    waiting.add(
        QueuedLetter("Q1", "alice@crepes.fr", NOON, (Recipient("dan@far.example"),), letter("waiting"), "8BITMIME"), NOON
    )
    three = tuple(Recipient(f"{name}@far.example") for name in ("done", "late", "fresh"))
    waiting.add(QueuedLetter("Q2", "alice@crepes.fr", NOON, three, letter("in all states")), NOON)
    second = waiting.letters()[1]
    waiting.done(second, ["done@far.example"])
    for number in range(2):
        waiting.put_off(second, ["late@far.example"], "451 4.7.1 come later", NOON + timedelta(hours=number))
    waiting.add(QueuedLetter("Q3", "", NOON, (Recipient("eve@else.example"),), letter("a report")), NOON)


def main(folder: Path) -> None:
    with Store(folder) as store:
        mailboxes(store)
        store.commit()
        queue(store)
        store.commit()
    file = sqlite3.connect(folder / "mail.sqlite", isolation_level=None)
    file.execute("PRAGMA journal_mode = DELETE")
    file.execute("VACUUM")
    file.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
