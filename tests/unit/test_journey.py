"""Does a journey say rightly who has the letter, and who answers for it, at every moment?"""

from collections.abc import Callable
from typing import Any

import pytest

from emaillab.journey import NEVER, Journey
from emaillab.world import Internet

Read = Callable[[Internet], Any]


def read_by_pop3(net: Internet) -> None:
    with net.pop3("hamburger.edu") as bob:
        bob.login("bob", "secret")
        bob.retr(1)


def sent(to: Any = "Bob <bob@hamburger.edu>", read: Read | None = None, network: str = "memory") -> Journey:
    with Internet.textbook(network=network) as net:  # type: ignore[arg-type]
        letter = net.compose("Alice <alice@crepes.fr>", to, "Hello", "Do you like crepes?\n.\n..dots\n")
        net.submit(letter)
        net.settle()
        if read:
            read(net)
        return net.journey(letter["Message-ID"])


def places(journey: Journey) -> list[tuple[str, str]]:
    return [(stay.host, stay.kind) for stay in journey.stays]


WAY = [
    ("alice.crepes.fr", "user agent"),
    ("crepes.fr", "queue"),
    ("smtp.isp.example", "queue"),
    ("mx.hamburger.edu", "queue"),
    ("hamburger.edu", "mailbox"),
]


@pytest.mark.parametrize("network", ["memory", "tcp"])
def test_responsibility_changes_hands_exactly_at_the_250_after_the_dot(network: str) -> None:
    journey = sent(network=network)
    assert places(journey) == WAY
    for stop in journey.stops:
        session = next(t for t in journey.sessions if t.id == stop.session)
        [reply] = [line for line in session.lines if line.side == "S" and line.verb == "(content)"]
        before, after = journey.at(reply.sent_s - 1e-6), journey.at(reply.sent_s)
        assert [stay.host for stay in before.responsible] == [session.client]
        assert [stay.host for stay in after.responsible] == [session.server]
        assert len(before.copies) == 1
        assert len(after.copies) == 2, "the client keeps its copy until it has read the 250"
        assert [stay.host for stay in journey.at(reply.arrived_s).copies] == [session.server]


def test_one_is_always_in_charge() -> None:
    journey = sent(read=read_by_pop3)
    assert all(len(journey.at(event.at_s).responsible) == 1 for event in journey.events)
    assert [event.at_s for event in journey.events] == sorted(event.at_s for event in journey.events)
    assert sum(event.handover for event in journey.events) == 4


def test_pop3_retr_copies_and_dele_moves() -> None:
    kept = sent(read=read_by_pop3)
    *_, mailbox, agent = kept.stays
    assert (mailbox.until_s, agent.kind, agent.in_charge_from_s) == (NEVER, "user agent", NEVER)

    def take(net: Internet) -> None:
        with net.pop3("hamburger.edu") as bob:
            bob.login("bob", "secret")
            bob.retr(1)
            bob.dele(1)
            bob.quit()

    *_, mailbox, agent = sent(read=take).stays
    assert (mailbox.ended, agent.in_charge_from_s) == ("deleted", mailbox.until_s)


def test_pop3_rset_and_a_lost_connection_keep_the_letter() -> None:
    def change_mind(net: Internet) -> None:
        with net.pop3("hamburger.edu") as bob:
            bob.login("bob", "secret")
            bob.retr(1)
            bob.dele(1)
            bob.rset()
            bob.quit()

    assert sent(read=change_mind).stays[-2].until_s == NEVER


@pytest.mark.parametrize("way", ["expunge", "close_mailbox"])
def test_imap_expunge_and_close_take_the_letter_away(way: str) -> None:
    def expunge(net: Internet) -> None:
        with net.imap("hamburger.edu") as bob:
            bob.login("bob", "secret")
            bob.select("INBOX")
            bob.fetch("1", "BODY[]")
            bob.store("1", "+FLAGS", [r"\Deleted"])
            getattr(bob, way)()

    *_, mailbox, agent = sent(read=expunge).stays
    assert (mailbox.ended, agent.kind) == ("deleted", "user agent")


def test_imap_header_is_no_copy() -> None:
    def look(net: Internet) -> None:
        with net.imap("hamburger.edu") as bob:
            bob.login("bob", "secret")
            bob.select("INBOX")
            bob.fetch("1", "BODY.PEEK[HEADER]")

    assert places(sent(read=look)) == WAY


def test_two_recipients_make_a_mailbox_and_a_queue_at_one_host() -> None:
    journey = sent(["alice@crepes.fr", "bob@hamburger.edu"])
    assert places(journey)[1:3] == [("crepes.fr", "queue"), ("crepes.fr", "mailbox")]
    assert len(journey.at(1.0).responsible) == 2


def test_a_letter_waits_in_the_queue_while_the_next_host_is_down() -> None:
    with Internet.textbook(network="memory") as net:
        net.stop("mx.hamburger.edu")
        letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "y\n")
        net.submit(letter)
        net.advance(hours=1)
        waiting = net.journey(letter["Message-ID"])
        assert (waiting.stays[-1].place, waiting.stays[-1].until_s) == ("smtp.isp.example, queue", NEVER)
        net.start("mx.hamburger.edu", services=["smtp"])
        net.advance(hours=3)
        assert places(net.journey(letter["Message-ID"])) == WAY


def test_a_report_with_the_letter_inside_is_not_the_letter() -> None:
    with Internet.textbook(network="memory") as net:
        letter = net.compose("alice@crepes.fr", ["alice@crepes.fr", "nobody@hamburger.edu"], "Hello", "y\n")
        net.submit(letter)
        net.settle()
        with net.pop3("crepes.fr") as alice:
            alice.login("alice", "secret")
            assert len(net["crepes.fr"].letters("alice")) == 2, "the letter, and the report that nobody took the other"
            alice.retr(2)
            alice.dele(2)
            alice.quit()
        stays = net.journey(letter["Message-ID"]).stays
    [mailbox] = [stay for stay in stays if stay.kind == "mailbox"]
    assert mailbox.until_s == NEVER
    assert [stay.host for stay in stays if stay.kind == "user agent"] == ["alice.crepes.fr"], "only the author's copy"


def test_a_letter_given_up_is_nowhere_and_its_report_is_no_copy() -> None:
    with Internet.textbook(network="memory") as net:
        net.stop("mx.hamburger.edu")
        letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "y\n")
        net.submit(letter)
        net.advance(days=6)
        with net.pop3("crepes.fr") as alice:
            alice.login("alice", "secret")
            alice.retr(1)
        journey = net.journey(letter["Message-ID"])
    last = journey.stays[-1]
    assert (last.place, last.ended) == ("smtp.isp.example, queue", "given up")
    assert 4.5 * 86400 < last.until_s < 5.1 * 86400
    assert not journey.at(journey.until_s).copies
    assert any("gives the letter up" in event.text for event in journey.events)
    assert not journey.at(last.until_s).responsible and journey.at(last.until_s - 1).responsible == (last,)
    [end] = [event for event in journey.events if "gives up" in event.text]
    assert end.text == (
        "smtp.isp.example gives up bob@hamburger.edu, and reports it to alice@crepes.fr: "
        "nobody answers for that letter now."
    )
    assert (end.at_s, end.handover) == (last.until_s, True)


@pytest.mark.parametrize("network", ["memory", "tcp"])
def test_refused_connections_are_attempts_too(network: str) -> None:
    """No session is left of them, yet somebody tried."""
    with Internet.textbook(network=network) as net:  # type: ignore[arg-type]
        net.stop("mx.hamburger.edu")
        letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "y\n")
        net.submit(letter)
        net.advance(hours=1)
        journey = net.journey(letter["Message-ID"])
        assert [round(one.at_s / 60) for one in journey.refused] == [0, 30]
        told = [event for event in journey.events if "cannot connect" in event.text]
        assert {event.text for event in told} == {
            "smtp.isp.example cannot connect to mx.hamburger.edu: mx.hamburger.edu has no smtp service, or is down."
        }
        assert len(told) == 2 and not journey.given_up


def test_a_letter_given_up_without_a_session_ends_when_it_was_given_up() -> None:
    """Of the two recipients one has got it; for the other nobody answers any more, though nobody was connected."""
    with Internet(network="memory") as net:
        net.host("a.example", users={"alice": "x"}, device="alice.a.example")
        net.host("b.example", users={"bob": "x"})
        letter = net.compose("alice@a.example", ["bob@b.example", "carol@nowhere.example"], "Hello", "y\n")
        net.submit(letter)
        net.settle()
        net.advance(days=1)
        journey = net.journey(letter["Message-ID"])
    queue = next(stay for stay in journey.stays if stay.kind == "queue")
    assert (queue.ended, queue.until_s < 10) == ("given up", True)
    assert [stay.place for stay in journey.at(3600).responsible] == ["b.example, mailbox of bob@b.example"]


def test_who_is_not_to_be_told_is_not_told() -> None:
    with Internet(network="memory") as net:
        net.host("a.example", users={"alice": "x"}, device="alice.a.example")
        with net.smtp("a.example") as client:
            client.ehlo("x")
            client.send("", ["carol@nowhere.example"], b"Message-ID: <1@x>\r\n\r\nhi\r\n")
        net.settle()
        journey = net.journey("<1@x>")
    assert journey.events[-1].text.endswith("and nobody is to be told: nobody answers for that letter now.")
    assert not journey.at(journey.until_s).responsible
