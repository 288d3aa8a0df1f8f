"""An alias: the recipient is another, the sender and the content are not."""

import pytest

from emaillab.host.mailhost import MailHost
from emaillab.host.reception import ReceptionOptions
from emaillab.net.clock import VirtualClock
from emaillab.protocol.backend import Session
from emaillab.protocol.envelope import Envelope, Recipient
from emaillab.protocol.machine import Refusal
from emaillab.world import Internet

LETTER = b"From: x@x.example\r\nMessage-ID: <1@x.example>\r\nSubject: hi\r\n\r\nhello\r\n"


FORWARDS = ReceptionOptions(aliases={"alice": "alice@b.example"})


@pytest.fixture
def host() -> MailHost:
    host = MailHost("a.example", ip="192.0.2.25", clock=VirtualClock(), reception=FORWARDS)
    host.add_user("bob", "secret")
    host.add_user("carol", "secret")
    return host


def accept(host: MailHost, *to: str, content: bytes = LETTER) -> None:
    session = Session(host.name, "203.0.113.5", helo="x.example", esmtp=True, now=host.now)
    envelope = Envelope("x@x.example")
    for recipient in map(Recipient, to):
        host.check_recipient(session, envelope, recipient)
        envelope.recipients.append(recipient)
    host.accept(session, envelope, content)


def test_the_recipient_is_replaced_and_nothing_else(host: MailHost) -> None:
    accept(host, "Alice@A.example")
    (letter,) = host.queue.letters()
    assert [recipient.forward_path for recipient in letter.recipients] == ["alice@b.example"]
    assert letter.reverse_path == "x@x.example"
    assert host.queue.content(letter).endswith(LETTER)
    assert host.custody[-1].onward == ("alice@b.example",)
    assert host.custody[-1].envelope.forward_paths == ["Alice@A.example"]


def test_an_alias_may_stand_for_several_and_for_users_by_name(host: MailHost) -> None:
    host.add_alias("team", "bob", "carol@a.example", "dave@far.example", "bob@a.example")
    accept(host, "team@a.example", "bob@a.example")
    assert [len(host.letters(user)) for user in ("bob", "carol")] == [1, 1]
    assert [r.forward_path for letter in host.queue.letters() for r in letter.recipients] == ["dave@far.example"]


def test_an_alias_of_its_own_name_keeps_a_copy(host: MailHost) -> None:
    host.add_alias("bob", "bob", "bob@far.example")
    accept(host, "bob@a.example")
    assert len(host.letters("bob")) == 1
    assert host.custody[-1].onward == ("bob@far.example",)


def test_aliases_of_aliases_and_circles(host: MailHost) -> None:
    host.add_alias("one", "two")
    host.add_alias("two", "one", "bob")
    accept(host, "one@a.example", "two@a.example")
    assert len(host.letters("bob")) == 1
    host.add_alias("three", "four")
    host.add_alias("four", "three")
    with pytest.raises(Refusal, match=r"554 5\.4\.6 the alias three leads in a circle"):
        accept(host, "three@a.example")
    with pytest.raises(ValueError, match="needs at least one address"):
        host.add_alias("nobody")


@pytest.mark.parametrize("limit", [3, 25, 100])
def test_the_hop_limit_is_the_hosts_own(limit: int) -> None:
    host = MailHost("a.example", ip="192.0.2.25", clock=VirtualClock(), reception=ReceptionOptions(max_hops=limit))
    host.add_user("bob", "secret")
    hops = b"Received: by x.example; Mon, 2 Mar 2026 09:00:00 +0000\r\n"
    accept(host, "bob@a.example", content=hops * (limit - 1) + LETTER)
    with pytest.raises(Refusal, match=rf"554 5\.4\.6 {limit} hosts"):
        accept(host, "bob@a.example", content=hops * limit + LETTER)
    assert len(host.letters("bob")) == 1


def test_a_journey_follows_a_letter_through_an_alias() -> None:
    with Internet("memory") as net:
        net.host("a.example", users={"carol": "x"}, aliases={"alice": "alice@b.example"})
        net.host("b.example", users={"alice": "x"})
        net.link("a.example", "b.example", latency_s=0.1)
        letter = net.compose("carol@a.example", "alice@a.example", "Hello", "hi\n")
        net.submit(letter)
        net.settle()
        journey = net.journey(letter["Message-ID"])
        assert b"Return-Path: <carol@a.example>" in net["b.example"].letters("alice")[0]
    queued = [(stay.host, stay.ended) for stay in journey.stays if stay.kind == "queue"]
    assert queued == [("a.example", "handed on")]
    assert [stay.mailbox for stay in journey.stays if stay.kind == "mailbox"] == ["alice@b.example"]
