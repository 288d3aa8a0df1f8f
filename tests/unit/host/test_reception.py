"""A letter's way in is a row of steps: can one more step refuse a letter, write on it, or take another's place?"""

from collections.abc import Callable

import pytest

from emaillab.host.mailhost import MailHost
from emaillab.host.policy import split_address
from emaillab.host.reception import Arrival, Filing, ReceptionStep
from emaillab.message.header.fields import parse_header
from emaillab.net.clock import VirtualClock
from emaillab.protocol.backend import Session
from emaillab.protocol.envelope import Envelope, Recipient
from emaillab.protocol.machine import Refusal
from emaillab.protocol.smtp.grammar import Reply
from emaillab.world import Internet

LETTER = b"From: a@x.example\r\nSubject: hi\r\nMessage-ID: <1@x.example>\r\n\r\nhello\r\n"


class Greylist(ReceptionStep):
    """Ask everybody to come again, once."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str, str]] = set()

    def check_recipient(self, session: Session, envelope: Envelope, recipient: Recipient) -> None:
        triplet = session.peer_ip, envelope.reverse_path, recipient.forward_path
        if triplet not in self.seen:
            self.seen.add(triplet)
            raise Refusal(Reply(450, "4.2.0", "greylisted, come again"))


class Results(ReceptionStep):
    """Write on top what was found out."""

    def take(self, arrival: Arrival) -> None:
        name = arrival.session.server_name
        domain = split_address(arrival.envelope.reverse_path)[1]
        arrival.trace = f"Authentication-Results: {name}; spf=none smtp.mailfrom={domain}\r\n".encode() + arrival.trace


@pytest.mark.parametrize("network", ["memory", "tcp"])
def test_greylisting_is_one_step(network: str) -> None:
    with Internet.textbook(network=network) as net:  # type: ignore[arg-type]
        net["mx.hamburger.edu"].reception.steps.insert(1, Greylist())
        letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "y\n")
        net.submit(letter)
        net.settle()
        assert not net["hamburger.edu"].letters("bob")
        journey = net.journey(letter["Message-ID"])
        assert [event.text for event in journey.events if "in vain" in event.text] == [
            "smtp.isp.example tries to hand the letter on to mx.hamburger.edu, in vain."
        ]
        net.advance(minutes=31)
        assert len(net["hamburger.edu"].letters("bob")) == 1


@pytest.fixture
def host() -> MailHost:
    host = MailHost("b.example", ip="192.0.2.25", clock=VirtualClock())
    host.add_user("bob", "secret")
    return host


@pytest.fixture
def accept(host: MailHost) -> Callable[[], bytes]:
    def accept() -> bytes:
        session = Session(host.name, "203.0.113.5", helo="x.example", esmtp=True, now=host.now)
        host.accept(session, Envelope.plain("a@x.example", "bob@b.example"), LETTER)
        return host.letters("bob")[-1]

    return accept


def test_a_step_writes_on_top_and_the_rest_stays(host: MailHost, accept: Callable[[], bytes]) -> None:
    filing = next(place for place, step in enumerate(host.reception.steps) if isinstance(step, Filing))
    host.reception.steps.insert(filing, Results())
    raw = accept()
    assert [field.name for field in parse_header(raw)][:3] == ["Return-Path", "Authentication-Results", "Received"]
    assert raw.endswith(LETTER) and host.custody[-1].raw == raw.partition(b"\r\n")[2]


def test_a_letter_that_a_step_refuses_leaves_nothing_behind(host: MailHost, accept: Callable[[], bytes]) -> None:
    class Never(ReceptionStep):
        def take(self, arrival: Arrival) -> None:
            raise Refusal(Reply(554, "5.7.1", "no"))

    host.reception.steps.insert(1, Never())
    with pytest.raises(Refusal, match="554"):
        accept()
    assert not host.letters("bob") and not len(host.queue) and not len(host.custody) and not host.store.pending
