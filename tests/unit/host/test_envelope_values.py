"""Does what a sender asks for travel with the letter: through policy, queue, restart, relay and report?"""

from pathlib import Path

import pytest

from emaillab.host.bounce import notification
from emaillab.host.dispatch import DispatchOptions
from emaillab.host.mailhost import MailHost
from emaillab.host.policy import Policy
from emaillab.host.store import Store
from emaillab.host.store.outgoing import QueuedLetter, QueuedRecipient
from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.report import read_report
from emaillab.net.clock import VirtualClock
from emaillab.protocol.backend import Session
from emaillab.protocol.envelope import Envelope, Recipient

LETTER = b"From: bob@b.example\r\nSubject: hi\r\nMessage-ID: <1@b.example>\r\n\r\nhello\r\n"
EVE = Recipient("eve@far.example", frozenset(["FAILURE", "SUCCESS"]), "rfc822;eve+list@old.example")
DAN = Recipient("dan@far.example", frozenset(["NEVER"]))


class Server:
    """A server that announces extensions and gives a last word for every recipient."""

    def __init__(self, *extensions: str, rcpt: bytes = b"250 ok") -> None:
        hello = ["x", *extensions]
        self.hello = "".join(f"250{'-' if n < len(hello) else ' '}{line}\r\n" for n, line in enumerate(hello, 1))
        self.rcpt, self.said, self.replies = rcpt, list[bytes](), [b"220 x\r\n"]

    def send(self, data: bytes) -> None:
        self.said.append(data)
        answers = {b"EHLO": self.hello.encode(), b"RCPT": self.rcpt + b"\r\n", b"DATA": b"354 go on\r\n"}
        self.replies += answers.get(data[:4], b"250 ok\r\n").splitlines(keepends=True)

    def readline(self, limit: int = 8192) -> bytes:
        return self.replies.pop(0)

    def allow(self, seconds: float) -> None: ...

    def close(self) -> None: ...


def host(store: Store | None = None) -> MailHost:
    smart = DispatchOptions({"*": "smart.example"})
    made = MailHost("b.example", ip="192.0.2.25", clock=VirtualClock(), store=store, dispatch=smart)
    made.add_user("bob", "secret")
    return made


def accept(at: MailHost, *recipients: Recipient, **rest: object) -> None:
    session = Session(at.name, "203.0.113.5", helo="x.example", esmtp=True, now=at.now, user="bob")
    envelope = Envelope("bob@b.example", list(recipients), **rest)  # type: ignore[arg-type]
    for recipient in recipients:
        at.check_recipient(session, envelope, recipient)
    at.accept(session, envelope, LETTER)
    at.store.commit()


def handed_on(at: MailHost, server: Server) -> list[bytes]:
    at.run_queue(lambda name, cause: server)
    return [line for line in server.said if line[:4] in (b"MAIL", b"RCPT")]


def test_values_survive_a_restart_and_reach_the_next_server(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        accept(host(store), EVE, DAN, ret="HDRS", envid="my letter=1", smtputf8=True)
    with Store(tmp_path) as store:
        [letter] = store.queued()
        assert [queued.recipient for queued in letter.recipients] == [EVE, DAN]
        assert (letter.ret, letter.envid, letter.smtputf8) == ("HDRS", "my letter=1", True)
        assert handed_on(host(store), Server("DSN", "SMTPUTF8")) == [
            b"MAIL FROM:<bob@b.example> SMTPUTF8 RET=HDRS ENVID=my+20letter+3D1\r\n",
            b"RCPT TO:<eve@far.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;eve+2Blist@old.example\r\n",
            b"RCPT TO:<dan@far.example> NOTIFY=NEVER\r\n",
        ]


def test_a_server_that_does_not_know_the_words_is_not_told() -> None:
    at = host()
    accept(at, EVE, DAN, ret="HDRS", envid="1", smtputf8=True)
    assert handed_on(at, Server()) == [
        b"MAIL FROM:<bob@b.example>\r\n",
        b"RCPT TO:<eve@far.example>\r\n",
        b"RCPT TO:<dan@far.example>\r\n",
    ]


def test_an_address_beyond_ascii_goes_only_where_it_is_understood() -> None:
    at = host()
    accept(at, Recipient("陈梅@far.example"), smtputf8=True)
    assert handed_on(at, Server()) == []
    [report] = at.letters("bob")
    assert b"5.6.7" in report
    accept(at, Recipient("陈梅@far.example"), smtputf8=True)
    assert "RCPT TO:<陈梅@far.example>\r\n".encode() in handed_on(at, Server("8BITMIME", "SMTPUTF8"))


def test_custody_shows_what_was_asked_for() -> None:
    at = host()
    accept(at, EVE, ret="FULL")
    envelope = at.custody[-1].envelope
    assert envelope.recipients == [EVE] and envelope.forward_paths == ["eve@far.example"]
    assert repr(envelope) == (
        f"Envelope(reverse_path='bob@b.example', recipients=[{EVE!r}], body='7BIT', size=None, ret='FULL')"
    )


def test_who_wants_no_report_gets_none() -> None:
    at = host()
    only_success = Recipient("sue@far.example", frozenset(["SUCCESS"]))
    accept(at, EVE, DAN, only_success, Recipient("pat@far.example"))
    handed_on(at, Server("DSN", rcpt=b"550 5.1.1 nobody here"))
    [raw] = at.letters("bob")
    report = read_report(raw)
    assert report is not None
    assert [(one.recipient, one.original_recipient) for one in report.recipients] == [
        ("eve@far.example", "eve+list@old.example"),
        ("pat@far.example", ""),
    ]
    assert not len(at.queue)
    accept(at, DAN, only_success)
    handed_on(at, Server("DSN", rcpt=b"550 5.1.1 nobody here"))
    assert len(at.letters("bob")) == 1 and not len(at.queue)


def test_a_report_names_the_envelope_and_returns_what_was_asked_for() -> None:
    for ret, kind, returned in [
        ("HDRS", "text/rfc822-headers", LETTER[: LETTER.index(b"\r\n\r\n") + 2]),
        ("FULL", "message/rfc822", LETTER),
        ("", "message/rfc822", LETTER),
    ]:
        letter = QueuedLetter(
            "q1", "bob@b.example", host().now(), (QueuedRecipient(EVE),), LETTER, ret=ret, envid="my letter"
        )
        raw = notification("b.example", letter, LETTER, {EVE.forward_path: "550 5.1.1 no"}, host().now(), "n1")
        *_, status, last = dissect(raw).children
        assert status.decoded.startswith(b"Original-Envelope-Id: my letter\r\nReporting-MTA: dns; b.example\r\n")
        assert b"Original-Recipient: rfc822; eve+list@old.example\r\nFinal-Recipient" in status.decoded
        assert (last.content_type, last.decoded) == (kind, returned)


def test_what_a_sender_says_cannot_add_fields_to_a_report() -> None:
    sly = Recipient("eve@far.example", orcpt="rfc822;x\r\nAction: delivered")
    letter = QueuedLetter("q1", "bob@b.example", host().now(), (QueuedRecipient(sly),), LETTER, envid="1\r\nX: y")
    raw = notification("b.example", letter, LETTER, {sly.forward_path: "550 no"}, host().now(), "n1")
    assert b"Original-Envelope-Id: 1+0D+0AX:+20y\r\n" in raw
    assert b"Original-Recipient: rfc822; x+0D+0AAction:+20delivered\r\n" in raw


ALIASES = {"one": ("dan@far.example",), "two": ("dan@far.example", "eve@far.example"), "both": ("one", "two")}


@pytest.mark.parametrize(
    ("alias", "asked", "passed_on"),
    [
        ("one", "SUCCESS,FAILURE", ["SUCCESS,FAILURE"]),
        ("one", "", [""]),
        ("two", "SUCCESS,FAILURE", ["FAILURE", "FAILURE"]),
        ("two", "SUCCESS", ["NEVER", "NEVER"]),
        ("two", "NEVER", ["NEVER", "NEVER"]),
        ("two", "", ["", ""]),
        ("both", "SUCCESS,DELAY", ["DELAY", "DELAY"]),
    ],
)
def test_an_alias_hands_wishes_on(alias: str, asked: str, passed_on: list[str]) -> None:
    policy = Policy({"b.example"}, lambda name: False, aliases=ALIASES)
    notify = frozenset(asked.split(",") if asked else ())
    ours, others = policy.split([Recipient(f"{alias}@b.example", notify, "rfc822;x@b.example")])
    assert ours == [] and [one.notify_value for one in others] == passed_on
    assert {one.orcpt for one in others} == {"rfc822;x@b.example"}


@pytest.mark.parametrize("notify", [["NEVER", "FAILURE"], ["ALWAYS"]])
def test_what_notify_cannot_say_is_no_recipient(notify: list[str]) -> None:
    with pytest.raises(ValueError, match="NOTIFY is NEVER, or some of"):
        Recipient("bob@b.example", frozenset(notify))
