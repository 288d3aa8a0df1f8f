"""The world: two networks with one record, time that is told to move, journeys, and no stray ports."""

import gc
import threading

import pytest

from emaillab.message.mime.dissect import dissect
from emaillab.message.trace.path import trace
from emaillab.world import Internet

KINDS = ("memory", "tcp")


def send(net: Internet, **options: object) -> str:
    letter = net.compose("Alice <alice@crepes.fr>", "Bob <bob@hamburger.edu>", "Crepes?", "Hello\n.\n..\n", **options)
    assert net.submit(letter).accepted
    return letter["Message-ID"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_letter_goes_from_alice_to_bob(kind: str) -> None:
    with Internet.textbook(network=kind) as net:
        message_id = send(net)
        assert [len(host.queue) for host in net.hosts.values()] == [1, 0, 0, 0]
        net.settle()
        journey = net.journey(message_id)
        assert [stop.host for stop in journey] == ["crepes.fr", "smtp.isp.example", "mx.hamburger.edu", "hamburger.edu"]
        [raw] = net["hamburger.edu"].letters("bob")
        assert dissect(raw).decoded == b"Hello\r\n.\r\n..\r\n"
        assert [hop.by for hop in trace(raw).hops] == [stop.host for stop in journey]
        assert raw.endswith(journey.raw["hamburger.edu"])
        assert [t.cause for t in net.transcripts] == [None, "1", "2", "3"]


def test_both_networks_leave_the_same_record() -> None:
    records = []
    for kind in KINDS:
        with Internet.textbook(network=kind) as net:
            send(net)
            net.settle()
            with net.pop3("hamburger.edu") as bob:
                bob.login("bob", "secret")
                bob.retr(1)
            with net.imap("hamburger.edu") as bob:
                bob.login("bob", "secret")
                bob.select("INBOX")
                bob.fetch("1:*", ("UID", "BODY.PEEK[]"))
            records.append([transcript.to_json() for transcript in net.transcripts])
    assert records[0] == records[1]


def test_another_seed_gives_other_names_and_the_same_way() -> None:
    ids = set()
    for seed in (1, 2, 1):
        with Internet.textbook(network="memory", seed=seed) as net:
            ids.add(send(net))
    assert len(ids) == 2


def test_a_stopped_host_gets_its_mail_later() -> None:
    with Internet.textbook(network="memory") as net:
        net.stop("hamburger.edu")
        message_id = send(net)
        net.settle()
        assert len(net["mx.hamburger.edu"].queue) == 1
        assert net["hamburger.edu"].letters("bob") == []
        net.start("hamburger.edu")
        net.advance(minutes=29)
        assert net["hamburger.edu"].letters("bob") == []
        net.advance(minutes=2)
        assert len(net["hamburger.edu"].letters("bob")) == 1
        last = net.journey(message_id).stops[-1]
        assert 1800 < last.at_s < 1830


def test_five_days_of_retries_end_with_a_report_to_alice() -> None:
    with Internet.textbook(network="memory") as net:
        net.stop("hamburger.edu")
        send(net)
        net.advance(days=6)
        assert all(len(host.queue) == 0 for host in net.hosts.values())
        [report] = net["crepes.fr"].letters("alice")
        assert dissect(report).content_type == "multipart/report"


def test_a_stranger_cannot_relay_through_any_host() -> None:
    with Internet.textbook(network="memory") as net:
        for name in net.hosts:
            with net.smtp(name, client="bob.hamburger.edu" if name != "hamburger.edu" else "alice.crepes.fr") as eve:
                eve.ehlo("eve.example")
                eve.mail("eve@evil.example")
                assert eve.rcpt("victim@elsewhere.example").code == 550


def test_clock_offsets_show_in_the_stamps_and_not_in_the_truth() -> None:
    with Internet(network="memory") as net:
        net.host("a.example", users={"alice": "x"})
        net.host("b.example", users={"bob": "x"}, clock_offset_s=-60)
        net.link("a.example", "b.example", latency_s=0.5)
        letter = net.compose("alice@a.example", "bob@b.example", "skew")
        net.submit(letter)
        net.settle()
        stops = net.journey(letter["Message-ID"]).stops
        assert 0 < stops[1].at_s - stops[0].at_s < 10
        assert trace(net["b.example"].letters("bob")[0]).hops[1].delay_s < -50


def test_tls_is_offered_when_asked_for_and_hides_the_octets() -> None:
    for kind in KINDS:
        with Internet(network=kind, tls=True) as net:
            net.host("a.example", users={"alice": "secret"}, services=("smtp", "imaps", "pop3"))
            with net.smtp("a.example") as client:
                client.ehlo("me")
                assert client.starttls().ok
                client.ehlo("me")
                assert "STARTTLS" not in client.extensions
                assert client.login("alice", "secret").ok
            assert [line.tls for line in net.transcripts[0].lines][-1]
            with net.imap("a.example", service="imaps") as client:
                assert client.login("alice", "secret").ok
            with net.pop3("a.example") as client:
                assert client.stls().ok
                assert client.login("alice", "secret").ok


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda net: net["c.example"], "no mail host c.example"),
        (lambda net: net.smtp("crepes.fr", client="nobody.example"), "no host or device nobody.example"),
        (lambda net: net.link("crepes.fr", "c.example"), "no host or device c.example"),
        (lambda net: net.journey("<x@y>"), "no host has seen"),
        (lambda net: net.host("crepes.fr"), "there is a host crepes.fr already"),
        (
            lambda net: net.submit(net.compose("eve@evil.example", "bob@hamburger.edu")),
            "holds the mailboxes of evil.example",
        ),
        (lambda net: net.link("crepes.fr", "hamburger.edu", latency_s=-1), "latency"),
        (lambda net: net.address("crepes.fr", "smtp"), "no ports"),
        (lambda net: net.link("crepes.fr", "hamburger.edu", latency_s="5 ms"), "not '5 ms'"),
        (lambda net: net.link("crepes.fr", "hamburger.edu", bandwidth=float("nan")), "not nan"),
        (lambda net: net.advance(hours=-1), "does not run backwards"),
        (lambda net: net.advance(days=float("inf")), "a thousand years"),
        (lambda net: net.journey(None), "by the letter's Message-ID"),
        (lambda net: net.submit("hello"), "an EmailMessage"),
        (lambda net: net.submit(net.compose("alice@crepes.fr", [])), "for nobody"),
    ],
)
def test_a_wrong_call_gets_one_sentence(wrong, says: str) -> None:
    kinds = (KeyError, ValueError, TypeError, ConnectionError)
    with Internet.textbook(network="memory") as net, pytest.raises(kinds, match=says):
        wrong(net)


@pytest.mark.parametrize(
    ("name", "wrong", "says"),
    [
        ("", {}, "not a host's name"),
        ("a b", {}, "not a host's name"),
        ("x.example", {"services": ["gopher"]}, "'gopher' is not a mail service"),
        ("x.example", {"ip": "999"}, "'999' is not an IP address"),
        ("x.example", {"ip": "192.0.2.25"}, "is the address of crepes.fr already"),
        ("x.example", {"trusts": ["nobody.example"]}, "no host or device nobody.example"),
        ("x.example", {"users": ["bob"]}, "users are names with their passwords"),
        ("x.example", {"users": {"bob": 5}}, "users are names with their passwords"),
        ("x.example", {"users": {"b b": "5"}}, "cannot be an account's name"),
        ("x.example", {"without": "SIZES"}, "not without SIZES"),
        ("x.example", {"mx_for": "a b"}, "not a host's name"),
    ],
)
def test_a_host_that_cannot_be_leaves_nothing_behind(name: str, wrong: dict[str, object], says: str) -> None:
    with Internet.textbook(network="memory") as net:
        before = list(net.hosts), list(net.devices), [zone.to_text() for zone in net.dns.zones]
        with pytest.raises((KeyError, ValueError, TypeError), match=says):
            net.host(name, **wrong)
        assert (list(net.hosts), list(net.devices), [zone.to_text() for zone in net.dns.zones]) == before
        net.host("x.example", users={"bob": "secret"})
        assert net.smtp("crepes.fr", client="x.example").greeting.code == 220


def test_a_name_alone_is_one_name_and_its_case_is_nothing() -> None:
    with Internet(network="memory") as net:
        net.host("A.example", users={"alice": "x"}, domains="alice.example", services="smtp", without="8BITMIME")
        net.host("b.example", relays_for="Alice.example", trusts="a.example", ip="2001:DB8::1")
        net.link("a.EXAMPLE", "B.example", latency_s=1)
        assert net["A.Example"].policy.domains == {"alice.example"}
        assert net["b.example"].policy.relays_for == {"alice.example"}
        assert net.dns.mx("alice.example") == [(10, "a.example")]
        assert net.dns.addresses("b.example") == ["2001:db8::1"]
        with net.smtp("B.example", client="A.example") as client:
            assert net.clock.seconds == 4.0  # a round trip to open, one to be greeted
            client.ehlo("a.example")
            assert client.mail("x@y.example").ok
            assert client.rcpt("x@far.example").ok


@pytest.mark.parametrize("kind", KINDS)
def test_a_closed_world_stays_closed(kind: str, leaves_nothing) -> None:
    net = Internet.textbook(network=kind)
    client = net.smtp("crepes.fr")
    net.start("crepes.fr")
    net.close()
    for late in (client.noop, lambda: net.smtp("crepes.fr"), lambda: net.host("late.example")):
        with pytest.raises(ConnectionError):
            late()


def test_wrong_kinds_are_named() -> None:
    with pytest.raises(ValueError, match='"tcp"'):
        Internet(network="udp")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='"virtual"'):
        Internet(network="memory", clock="sundial")  # type: ignore[arg-type]


def test_worlds_leave_no_thread_and_no_port(leaves_nothing) -> None:
    for _ in range(3):
        net = Internet.textbook(network="tcp")
        send(net)
        net.settle()
        net.close()


def test_a_world_nobody_holds_ends_by_itself() -> None:
    before = threading.active_count()
    for _ in range(3):
        net = Internet.textbook(network="tcp")
        send(net)
    del net
    gc.collect()
    assert threading.active_count() <= before + 0


@pytest.mark.parametrize("kind", KINDS)
def test_on_the_wall_a_slow_line_holds_up_nobody_elses_mail(kind: str) -> None:
    with Internet(network=kind, clock="wall") as net:
        net.host("a.example", users={"alice": "x"}, device="alice.a.example")
        for name in ("slow.example", "fast.example"):
            net.host(name, users={"bob": "x"}, handling_s=0.01)
        net.host("far.example", users={"bob": "x"}, mx_for=(), domains=("far.example",))
        net["fast.example"].add_alias("carol", "bob@far.example")
        net["fast.example"].routes["far.example"] = "far.example"
        net.link("a.example", "slow.example", latency_s=0.1)
        for to in ("bob@slow.example", "bob@slow.example", "carol@fast.example"):
            net.submit(net.compose("alice@a.example", to, "Hello", "y\n"))
        net.settle()
        assert [len(net[name].letters("bob")) for name in ("slow.example", "fast.example", "far.example")] == [2, 0, 1]
        assert not any(len(host.queue) for host in net.hosts.values())
        if kind == "tcp":
            assert net["far.example"].custody[0].at_s < net["slow.example"].custody[0].at_s
        causes = {t.id: t.cause for t in net.transcripts}
        assert all(causes[note.session] for name in ("slow.example", "far.example") for note in net[name].custody)


@pytest.mark.parametrize("kind", KINDS)
def test_on_the_wall_what_fails_is_put_off_or_comes_back(kind: str) -> None:
    with Internet(network=kind, clock="wall") as net:
        net.host("a.example", users={"alice": "x"}, device="alice.a.example")
        net.host("b.example")
        net.host("down.example")
        net.stop("down.example")
        for to in ("nobody@b.example", "bob@down.example", "bob@nowhere.invalid"):
            net.submit(net.compose("alice@a.example", to, "Hello", "y\n"))
        net.settle()
        assert [letter.recipients[0].attempts for letter in net["a.example"].queue.letters()] == [1]
        assert len(net["a.example"].letters("alice")) == 2
