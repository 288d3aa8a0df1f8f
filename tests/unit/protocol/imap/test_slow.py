"""What takes long to be found is found where it keeps nobody waiting; what is at hand is said at once."""

import pytest

from emaillab.engine import Elsewhere, Output
from emaillab.protocol.backend import Session
from emaillab.protocol.imap.server import ImapServer
from tests.dialogues.fakes import FakeHost

SMALL = b"Subject: small\r\n\r\nhi\r\n"
LARGE = (
    b"Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 9000 + b"--b--\r\n"
)


def heard(command: bytes) -> list[Output]:
    server = ImapServer(FakeHost([SMALL, LARGE]), Session("b.example", "192.0.2.7"))
    server.receive(b"a LOGIN alice secret\r\nb SELECT INBOX\r\n")
    server.feed(command + b"\r\nz NOOP\r\n")
    items: list[Output] = []
    while (item := server.pull()) is not None:
        items.append(item)
        if isinstance(item, Elsewhere):
            item.work()
    return items


@pytest.mark.parametrize(
    ("command", "elsewhere"),
    [
        (b"c FETCH 1 BODYSTRUCTURE", False),
        (b"c FETCH 2 BODYSTRUCTURE", True),
        (b"c FETCH 1:2 ENVELOPE", True),
        (b"c FETCH 2 BODY.PEEK[3]", True),
        (b"c FETCH 2 BODY.PEEK[]", False),
        (b"c FETCH 1:2 (UID FLAGS RFC822.SIZE INTERNALDATE)", False),
        (b"c FETCH 2 BODY[HEADER]", True),
        (b"c SEARCH UNSEEN", False),
        (b"c SEARCH BODY nowhere", True),
        (b"c SEARCH NOT (OR SUBJECT large UNSEEN)", True),
    ],
)
def test_heavy_letters_are_taken_apart_elsewhere(command: bytes, elsewhere: bool) -> None:
    items = heard(command)
    assert any(isinstance(item, Elsewhere) for item in items) == elsewhere
    said = b"".join(item for item in items if isinstance(item, bytes))
    assert b"\r\nc OK " in said
    assert said.endswith(b"z OK nothing done\r\n")  # in order, whoever did the work
