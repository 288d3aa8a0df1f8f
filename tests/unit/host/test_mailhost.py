"""One mail host: who may send, what it writes on a letter, what it does with one it cannot hand on."""

from collections.abc import Iterable

import pytest

from emaillab.host.dispatch import DispatchOptions
from emaillab.host.host_clock import HostClock
from emaillab.host.mailhost import MailHost
from emaillab.host.relay import MAX_HOPS
from emaillab.message.header.fields import parse_header
from emaillab.message.mime.dissect import dissect
from emaillab.net.clock import VirtualClock
from emaillab.net.dns import MX, A, Resolver, Zone
from emaillab.protocol.backend import Session
from emaillab.protocol.envelope import Envelope, Recipient
from emaillab.protocol.framing.lines import bare_line_end
from emaillab.protocol.machine import Refusal

LETTER = b"From: a@x.example\r\nSubject: hi\r\nMessage-ID: <1@x.example>\r\n\r\nhello\r\n"


class Script:
    """A server that says its lines whatever it hears."""

    def __init__(self, *said: bytes) -> None:
        self.said, self.sent = b"".join(said), list[bytes]()

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def readline(self, limit: int = 8192) -> bytes:
        if not self.said:
            raise ConnectionError("the server closed the connection")
        line, end, self.said = self.said.partition(b"\n")
        return line + end

    def allow(self, seconds: float) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def host() -> MailHost:
    zones = [Zone("far.example", [MX("far.example", 10, "mx.far.example"), A("mx.far.example", "198.51.100.7")])]
    zones.append(Zone("null.example", [MX("null.example", 0, ".")]))
    resolver = Resolver(zones)
    resolver.fail("down.example")
    host = MailHost("b.example", ip="192.0.2.25", clock=VirtualClock(), dispatch=DispatchOptions(resolver=resolver))
    host.add_user("bob", "secret")
    host.add_user("carol", "secret")
    return host


def session(host: MailHost, **known: object) -> Session:
    return Session(host.name, "203.0.113.5", helo="x.example", esmtp=True, now=host.now, **known)  # type: ignore[arg-type]


def accept(host: MailHost, to: Iterable[str], content: bytes = LETTER, from_: str = "a@x.example", **known) -> str:
    return host.accept(session(host, **known), Envelope.plain(from_, *to), content)


def refused(host: MailHost, path: str, **known: object) -> str:
    with pytest.raises(Refusal) as caught:
        host.check_recipient(session(host, **known), Envelope("a@x.example"), Recipient(path))
    return str(caught.value.reply)[:9]


def never(exchange: str, cause: str | None) -> object:
    raise ConnectionRefusedError(f"{exchange} is down")


def test_it_is_no_open_relay(host: MailHost) -> None:
    assert refused(host, "eve@far.example") == "550 5.7.1"
    host.check_recipient(session(host, user="bob"), Envelope("bob@b.example"), Recipient("eve@far.example"))
    host.policy.trusted_ips.add("203.0.113.5")
    host.check_recipient(session(host), Envelope("bob@b.example"), Recipient("eve@far.example"))


def test_tricks_do_not_open_the_relay(host: MailHost) -> None:
    for path in ("eve%far.example@elsewhere.example", "eve@far.example@elsewhere.example", "b.example@far.example"):
        assert refused(host, path) == "550 5.7.1"
    assert refused(host, "eve@far.example@b.example") == "550 5.1.1"


def test_an_unknown_user_is_refused_and_postmaster_never(host: MailHost) -> None:
    assert refused(host, "nobody@b.example") == "550 5.1.1"
    for path in ("postmaster", "Postmaster@b.example", "BOB@B.EXAMPLE"):
        host.check_recipient(session(host), Envelope(""), Recipient(path))


def test_final_delivery_adds_return_path_and_received_on_top(host: MailHost) -> None:
    accept(host, ["bob@b.example"])
    [raw] = host.letters("bob")
    assert raw.endswith(LETTER)
    assert [field.name for field in dissect(raw).header][:2] == ["Return-Path", "Received"]
    assert b"from x.example (unknown [203.0.113.5])" in raw and b"for <bob@b.example>;" in raw


def test_the_other_recipients_stay_secret(host: MailHost) -> None:
    accept(host, ["bob@b.example", "carol@b.example"])
    assert b"carol" not in host.letters("bob")[0] and b" for " not in host.letters("bob")[0]
    assert len(host.letters("carol")) == 1


def test_the_same_recipient_twice_gets_one_copy(host: MailHost) -> None:
    accept(host, ["bob@b.example", "Bob@B.example"])
    assert len(host.letters("bob")) == 1


@pytest.mark.parametrize(
    ("known", "keyword"),
    [
        ({}, "ESMTP"),
        ({"tls": "TLSv1.3"}, "ESMTPS"),
        ({"tls": "TLSv1.3", "user": "bob"}, "ESMTPSA"),
        ({"user": "bob"}, "ESMTPA"),
    ],
)
def test_with_says_how_the_letter_came(host: MailHost, known: dict[str, str], keyword: str) -> None:
    accept(host, ["bob@b.example"], **known)
    assert f" with {keyword} id ".encode() in host.letters("bob")[0]


def test_a_loop_ends_with_554(host: MailHost) -> None:
    looped = b"Received: from a by b; Mon, 2 Mar 2026 09:00:00 +0000\r\n" * MAX_HOPS + LETTER
    with pytest.raises(Refusal, match=r"554 5\.4\.6"):
        accept(host, ["bob@b.example"], looped)
    accept(host, ["bob@b.example"], looped.partition(b"\r\n")[2])
    assert len(host.letters("bob")) == 1


def test_an_unreachable_host_is_tried_on_the_rfc_schedule_and_given_up_after_five_days(host: MailHost) -> None:
    accept(host, ["eve@far.example"], from_="bob@b.example")
    attempts, clock = [], host.clock
    while (due_s := host.due_s()) is not None:
        clock.move_to(due_s)
        attempts.append(clock.seconds / 3600)
        host.run_queue(never)
    assert attempts[:4] == [0, 0.5, 1, 3.5]
    assert 117 <= attempts[-1] <= 120
    [report] = host.letters("bob")
    assert b"given up after 5 days" in report


def test_a_permanent_failure_comes_back_as_a_report(host: MailHost) -> None:
    accept(host, ["eve@nowhere.example"], from_="bob@b.example")
    host.run_queue(never)
    part = dissect(host.letters("bob")[0])
    assert part.content_type == "multipart/report" and part.params["report-type"] == "delivery-status"
    assert [child.content_type for child in part.children] == [
        "text/plain",
        "message/delivery-status",
        "message/rfc822",
    ]
    status = part.children[1].decoded
    assert b"Final-Recipient: rfc822; eve@nowhere.example" in status and b"Status: 5.1.2" in status
    assert part.children[2].decoded.endswith(LETTER)
    assert part.header.text("Return-Path") == "<>"


def test_a_refusal_of_many_lines_is_one_field_of_the_report(host: MailHost) -> None:
    accept(host, ["eve@far.example"], from_="bob@b.example")
    said = Script(
        b"220 x\r\n250 x\r\n",
        b"250 ok\r\n550-5.1.1 no such us\xc3\xa9r\r\n",
        b"550 5.1.1 Status: 2.0.0\r\n250 reset\r\n",
    )
    host.run_queue(lambda name, cause: said)
    [report] = host.letters("bob")
    assert bare_line_end(report) is None
    part = dissect(report)
    assert part.encoding == part.children[0].encoding == "8bit"
    assert part.children[0].text.endswith("550-5.1.1 no such us\u00e9r\r\n 550 5.1.1 Status: 2.0.0\r\n")
    [*_, recipient] = part.children[1].decoded.strip().split(b"\r\n\r\n")
    fields = parse_header(recipient)
    assert [field.name for field in fields] == ["Final-Recipient", "Action", "Status", "Diagnostic-Code"]
    assert fields.text("Diagnostic-Code") == r"smtp; 550-5.1.1 no such us\xe9r 550 5.1.1 Status: 2.0.0"


def test_a_host_that_takes_nothing_just_now_is_passed_over(host: MailHost) -> None:
    accept(host, ["eve@far.example"], from_="bob@b.example")
    servers = {
        "busy.example": Script(b"421 4.3.2 busy\r\n"),
        "slow.example": Script(b"220 x\r\n250 x\r\n451 4.3.0 later\r\n250 reset\r\n"),
        "good.example": Script(b"220 x\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n250 kept\r\n"),
        "last.example": Script(b""),
    }
    host.dispatch.targets = lambda domain: list(servers)  # type: ignore[method-assign]
    host.run_queue(lambda name, cause: servers[name])
    assert not len(host.queue) and host.letters("bob") == []
    assert servers["good.example"].sent.count(b"DATA\r\n") == 1 and servers["last.example"].sent == []


def test_a_report_is_never_reported_on(host: MailHost) -> None:
    accept(host, ["eve@nowhere.example"], from_="")
    host.run_queue(never)
    assert not len(host.queue)
    assert host.letters("bob") == host.letters("postmaster") == []


@pytest.mark.parametrize(
    ("domain", "code"),
    [("nowhere.example", "550 5.1.2"), ("null.example", "556 5.1.10"), ("down.example", "451 4.4.3")],
)
def test_the_dns_settles_the_fate(host: MailHost, domain: str, code: str) -> None:
    with pytest.raises(Refusal, match=code.replace(".", r"\.")):
        host.targets(domain)


def test_a_route_comes_before_the_dns(host: MailHost) -> None:
    assert host.targets("far.example") == ["mx.far.example"]
    host.routes["*"] = "smart.example"
    assert host.targets("far.example") == ["smart.example"]


def test_a_host_passes_over_itself_and_those_behind_it(host: MailHost) -> None:
    from emaillab.host.relay import exchanges_for

    zone = Zone(
        "c.example", [MX("c.example", n, name) for n, name in ((5, "x.example"), (10, "b.example"), (20, "z.example"))]
    )
    assert exchanges_for("c.example", Resolver([zone]), "b.example") == ["x.example"]
    assert exchanges_for("c.example", Resolver([zone]), "q.example") == ["x.example", "b.example", "z.example"]
    with pytest.raises(Refusal, match="554"):
        exchanges_for("c.example", Resolver([zone]), "x.example")


def test_users_log_in_with_and_without_their_domain(host: MailHost) -> None:
    kept = host.kept("bob")
    assert kept is not None
    assert kept is host.kept("bob@b.example") is host.account("bob")
    assert host.kept("bob@far.example") is None
    assert (kept.name, kept.password, kept.key("SCRAM-SHA-256")) == ("bob", "secret", None)


def test_the_clock_may_be_wrong_and_says_so_in_its_zone() -> None:
    host = MailHost("late.example", ip="192.0.2.9", clock=HostClock(VirtualClock(), -90, 5.5))
    host.add_user("bob", "secret")
    accept(host, ["bob@late.example"])
    assert b"Mon, 02 Mar 2026 14:28:30 +0530" in host.letters("bob")[0]
    assert host.custody[0].at_s == 0
