"""A server that completes letters fills in what they lack on submission; every later one leaves them as they are."""

import pytest

from emaillab.message.mime.dissect import dissect
from emaillab.world import Internet

POOR = b"From: alice@crepes.fr\r\n\r\nGuess when I wrote this.\r\n"


def arrived(content: bytes, service: str = "submission", *, completes: bool = True) -> bytes:
    with Internet.textbook(network="memory") as net:
        net["crepes.fr"].completes = completes
        with net.smtp("crepes.fr", service=service) as agent:
            agent.ehlo("alice.crepes.fr")
            if service == "submission":
                agent.login("alice", "secret")
            assert agent.send("alice@crepes.fr", ["bob@hamburger.edu"], content).accepted
        net.settle()
        return net["hamburger.edu"].letters("bob")[-1]


def added(content: bytes, service: str = "submission") -> list[str]:
    raw = arrived(content, service)
    assert raw.endswith(content)
    header = dissect(raw[: -len(content)] + b"\r\n").header
    return [field.name for field in header if field.name not in ("Return-Path", "Received")]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (POOR, ["Date", "Message-ID"]),
        (b"Date: Mon, 02 Mar 2026 09:00:00 +0000\r\n" + POOR, ["Message-ID"]),
        (b"message-id: <1@crepes.fr>\r\n" + POOR, ["Date"]),
        (b"Message-ID: <1@crepes.fr>\r\nDate: today\r\n" + POOR, []),
        (b"No header at all.\r\n", []),
    ],
)
def test_what_is_missing_is_added_on_submission(content: bytes, names: list[str]) -> None:
    assert added(content) == names


def test_nothing_is_added_to_what_is_relayed() -> None:
    assert added(POOR, "smtp") == []


def test_nothing_is_added_where_the_postmaster_does_not_want_it() -> None:
    raw = arrived(POOR, completes=False)
    assert {field.name for field in dissect(raw).header} == {"Return-Path", "Received", "From"}


def test_the_four_servers_agree_on_the_new_name_and_date() -> None:
    header = dissect(arrived(POOR)).header
    assert header.text("Message-ID") == "<46475D084D@crepes.fr>"
    assert header.text("Date") == "Mon, 02 Mar 2026 10:00:00 +0100", "crepes.fr's own clock and zone"


def test_the_journey_of_a_letter_can_be_asked_for_by_its_new_name() -> None:
    with Internet.textbook(network="memory") as net:
        net["crepes.fr"].completes = True
        with net.smtp("crepes.fr", service="submission") as agent:
            agent.ehlo("alice.crepes.fr")
            agent.login("alice", "secret")
            agent.send("alice@crepes.fr", ["bob@hamburger.edu"], POOR)
        net.settle()
        assert len(net.journey("<46475D084D@crepes.fr>").stops) == 4
