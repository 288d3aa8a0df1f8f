"""IDLE in a world: what a commit changes is told at once, and on both networks with the same octets at the same time."""

from collections.abc import Iterator

import pytest

from emaillab import Internet
from emaillab.protocol.imap.client import ImapClient
from emaillab.protocol.imap.responses import Untagged


@pytest.fixture(params=["memory", "tcp"])
def net(request: pytest.FixtureRequest) -> Iterator[Internet]:
    with Internet.textbook(request.param) as net:
        yield net


def bob(net: Internet, mailbox: str = "INBOX") -> ImapClient:
    imap = net.imap("hamburger.edu")
    imap.login("bob", "secret")
    imap.select(mailbox)
    return imap


def send(net: Internet, subject: str = "Crepes") -> None:
    letter = net.compose("Alice <alice@crepes.fr>", "Bob <bob@hamburger.edu>", subject, "Do you like them?\n")
    assert net.submit(letter).accepted
    net.settle()


def said(news: tuple[Untagged, ...]) -> list[str]:
    return [f"{one.number if one.number is not None else ''} {one.name}".strip() for one in news]


def test_a_letter_that_comes_in_is_told_at_once(net: Internet) -> None:
    imap = bob(net)
    assert imap.idle().outcome.value == "MORE"
    assert imap.news() == ()
    sent_at = net.clock.seconds
    send(net)
    assert imap.news() == ()  # it is still on the line to Bob
    net.advance(seconds=1)
    assert said(imap.news()) == ["1 EXISTS"]
    assert imap.done().ok
    [told] = [line for line in net.transcripts[0].lines if line.text == "* 1 EXISTS"]
    kept = net["hamburger.edu"].custody[-1].at_s
    assert sent_at < kept <= told.sent_s < kept + 0.01  # with the commit, before the sender's 250 has arrived


def test_what_another_session_does_is_told(net: Internet) -> None:
    send(net, "one"), send(net, "two")
    phone, laptop = bob(net), bob(net)
    laptop.idle()
    phone.store(1, "+FLAGS", ["\\Seen"])
    net.advance(seconds=1)
    assert said(laptop.news()) == ["1 FETCH"]
    phone.store(2, "+FLAGS", ["\\Deleted"])
    phone.expunge()
    net.advance(seconds=1)
    assert said(laptop.news()) == ["2 FETCH", "2 EXPUNGE"]
    assert laptop.done().ok
    phone.append("INBOX", b"Subject: three\r\n\r\n3\r\n")
    net.advance(seconds=1)
    assert laptop.news() == ()  # nobody waits for it
    assert laptop.noop().numbers("EXISTS") == [2]


def test_a_session_that_idles_for_too_long_is_told_good_bye(net: Internet) -> None:
    imap = bob(net)
    imap.idle()
    net.advance(minutes=31)
    assert said(imap.news()) == ["BYE"]
    with pytest.raises(ConnectionError):
        imap.done()


def test_both_networks_tell_the_same_at_the_same_time() -> None:
    records = []
    for kind in ("memory", "tcp"):
        with Internet.textbook(kind) as net:  # type: ignore[arg-type]
            sessions = [bob(net) for _ in range(3)]
            for imap in sessions[:2]:
                imap.idle()
            send(net)
            sessions[2].store(1, "+FLAGS", ["\\Flagged"])
            net.advance(seconds=1)
            for imap in sessions[:2]:
                imap.news()
                imap.done()
            records.append(
                [(t.id, [(c.side, c.data, c.sent_s, c.arrived_s) for c in t.chunks]) for t in net.transcripts]
            )
    assert records[0] == records[1]


def test_a_session_that_left_is_forgotten(net: Internet) -> None:
    box = net["hamburger.edu"].store.account("bob").inbox  # type: ignore[union-attr]
    for leave in ("logout", "close", "done"):
        imap = bob(net)
        imap.idle()
        assert len(box.watchers) == 1
        if leave == "logout":
            imap.close()
        elif leave == "close":
            net.network.close("hamburger.edu")
            imap.close()
            net.start("hamburger.edu")
        else:
            imap.done()
        assert len(box.watchers) == 0
