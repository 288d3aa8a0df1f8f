"""Does the queue hold what the store holds, whatever becomes of a commit?"""

from datetime import UTC, datetime

from emaillab.host.queue import Queue
from emaillab.host.store import Store
from emaillab.host.store.outgoing import QueuedLetter, QueuedRecipient
from emaillab.protocol.envelope import Recipient

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_letter_whose_commit_failed_is_not_handed_on() -> None:
    """Its sender was refused and will come again; handed on from here, it would arrive twice."""
    with Store() as store:
        queue = Queue(store)
        for id in ("kept", "lost"):
            queue.add(
                QueuedLetter(id, "a@crepes.fr", NOON, (QueuedRecipient(Recipient("bob@hamburger.edu")),), b"hi"), NOON
            )
            if id == "kept":
                store.commit()
        store.rollback()  # as after a commit that a full disk refused
        assert [letter.id for letter in queue.take(NOON)] == ["kept"]
        assert len(queue) == 1
        assert queue.content(queue.letters()[0]) == b"hi"
