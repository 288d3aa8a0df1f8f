"""What a refused verb wrote is undone before the next is read, in whichever protocol, and nobody else's is touched."""

from collections.abc import Callable

import pytest

from emaillab import Internet
from emaillab.host.store import StoredMailbox
from emaillab.protocol.imap.client import ImapClient

LETTER = b"Subject: hi\r\n\r\nHello\r\n"


def dump(net: Internet) -> list[str]:
    """Return all that a host's database holds, statement by statement."""
    store = net["b.example"].store
    return list(store._database._connection.iterdump())


@pytest.fixture
def net() -> Internet:
    net = Internet("memory")
    net.host("b.example", users={"bob": "secret"})
    for number in range(3):
        net["b.example"].store.deliver(["bob"], LETTER + b"%d\r\n" % number, net.clock.now())
    net["b.example"].store.commit()
    return net


def logged_in(net: Internet) -> ImapClient:
    imap = net.imap("b.example")
    imap.login("bob", "secret")
    imap.select()
    return imap


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ('APPEND INBOX "31-Dec-9999 23:59:59 -0500" {2+}\r\nhi', "CANNOT"),
        ("APPEND Nowhere {2+}\r\nhi", "TRYCREATE"),
        ("COPY 1:3 Nowhere", "TRYCREATE"),
        ("CREATE INBOX", "ALREADYEXISTS"),
        ("RENAME INBOX INBOX", "ALREADYEXISTS"),
        ("DELETE INBOX", "CANNOT"),
        ("SUBSCRIBE Nowhere", "NONEXISTENT"),
    ],
)
def test_a_refused_command_leaves_the_store_as_it_was(net: Internet, line: str, answer: str) -> None:
    imap, before = logged_in(net), dump(net)
    assert imap.command(line).code == answer
    assert dump(net) == before
    assert [len(letter) for letter in net["b.example"].letters("bob")] == [25, 25, 25]  # still to be read by all
    with net.pop3("b.example") as pop:
        assert pop.login("bob", "secret").ok
        assert pop.stat().drop_listing.count == 3


def fails_at(number: int, real: Callable[..., None]) -> Callable[..., None]:
    """Return a method that breaks when it is called for the nth time."""
    calls = 0

    def broken(*args: object, **options: object) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            raise ZeroDivisionError
        real(*args, **options)

    return broken


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_command_that_breaks_half_way_leaves_nothing(
    net: Internet, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    imap, before = logged_in(net), dump(net)
    monkeypatch.setattr(StoredMailbox, "set_flags", fails_at(number, StoredMailbox.set_flags))
    assert imap.store("1:3", "+FLAGS", ["\\Flagged"]).code == "SERVERBUG"
    assert dump(net) == before
    assert imap.fetch("1:3", "FLAGS")[0].flags == frozenset()


def test_another_session_keeps_what_it_stored(net: Internet) -> None:
    one, other = logged_in(net), logged_in(net)
    assert one.store(1, "+FLAGS", ["\\Seen"]).ok
    assert other.command('APPEND INBOX "31-Dec-9999 23:59:59 -0500" {2+}\r\nhi').code == "CANNOT"
    assert other.append("INBOX", LETTER).ok
    assert len(net["b.example"].letters("bob")) == 4
    assert "\\Seen" in one.fetch(1, "FLAGS")[0].flags
