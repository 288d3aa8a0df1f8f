"""Hosts, queues, letters and replies at the end of a cell."""

from __future__ import annotations

from emaillab.display import list_kind, show
from emaillab.engine import Outcome
from emaillab.protocol.imap.grammar import ImapReply
from emaillab.protocol.pop3.grammar import Reply as Pop3Reply
from emaillab.world import Internet


def test_a_queue_tells_who_waits_for_what() -> None:
    net = Internet.textbook(network="memory")
    net.stop("smtp.isp.example")
    net.submit(net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "x\n"))
    net.settle()
    shown = show(net.hosts["crepes.fr"].queue)
    for fact in ("bob@hamburger.edu", "alice@crepes.fr", "2026-03-02 10:30", "1 letter"):
        assert fact in shown.text and fact in shown.html
    assert shown.text in show(net.hosts["crepes.fr"]).text


def test_a_host_counts_letters_and_unread_ones() -> None:
    net = Internet.textbook(network="memory")
    net.submit(net.compose("alice@crepes.fr", "bob@hamburger.edu", "<Hello>", "x\n"))
    net.settle()
    host = net.hosts["hamburger.edu"]
    assert show(host).text.splitlines()[2].split()[:4] == ["bob", "INBOX", "1", "1"]
    with net.imap("hamburger.edu") as client:
        client.login("bob", "secret")
        client.select("INBOX")
        client.fetch("1", "BODY[]")
    assert show(host).text.splitlines()[2].split()[:4] == ["bob", "INBOX", "1", "0"]
    assert "&lt;Hello&gt;" in show(host.letters("bob")).html


def test_replies_of_all_protocols_show_as_they_travel() -> None:
    assert show(Pop3Reply(Outcome.OK, "ready")).text == "+OK ready"
    assert show(ImapReply(Outcome.NO, "no <such> box", tag=b"A1")).text == "A1 NO no <such> box"
    assert "no &lt;such&gt; box" in show(ImapReply(Outcome.NO, "no <such> box")).html


def test_only_lists_of_letters_and_sessions_are_special() -> None:
    assert list_kind([b"Subject: x\r\n\r\n"]) and not list_kind([b"Subject"])
    assert not list_kind([]) and not list_kind([b"A: b", "c"]) and not list_kind((b"A: b",))
