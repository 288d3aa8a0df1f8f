"""An extension is one class, and two that claim the same are told so when they are put together."""

from typing import ClassVar

import pytest

from emaillab.protocol.backend import Session
from emaillab.protocol.envelope import Envelope
from emaillab.protocol.machine import Refusal, verb
from emaillab.protocol.smtp import SmtpServer
from emaillab.protocol.smtp.grammar import Reply
from emaillab.protocol.smtp.server import OPTIONAL, smtp_server
from emaillab.protocol.smtp.session import RCPT, READY, SmtpSession, mail_parameter
from tests.dialogues.fakes import FakeHost


class Stamps(SmtpSession):
    """A toy: letters carry a stamp, whose price is said at MAIL; LICK sticks it on."""

    KEYWORDS = ("XSTAMP",)
    MOVES: ClassVar = {RCPT: {"LICK": RCPT}}
    PHASES: ClassVar = {"LICK": "postage"}
    LONGER_LINES: ClassVar = {"LICK": 600}

    def announcement(self, keyword: str) -> str:
        return "XSTAMP 85" if keyword == "XSTAMP" else super().announcement(keyword)

    def end_transaction(self) -> None:
        super().end_transaction()
        self.stamps: list[str] = []

    @mail_parameter("XSTAMP=<cents>", rfc="0 §1", octets=20)
    def note_stamp(self, cents: str, envelope: Envelope) -> None:
        if not cents.isdigit():
            raise Refusal(Reply(501, "5.5.4", "expected XSTAMP=<cents>"))

    @verb("LICK", rfc="0 §2")
    def lick(self, args: bytes) -> Reply:
        self.stamps.append(args.decode())
        return Reply(250, "2.0.0", f"{len(self.stamps)} stamps, {len(args)} octets")


class PostOffice(Stamps, SmtpServer): ...


def server(kind: type[SmtpSession], said: bytes = b"") -> SmtpSession:
    made = kind(FakeHost(), Session("b.example", "192.0.2.7"))
    made.receive(said)
    return made


TO_RCPT = b"EHLO a\r\nMAIL FROM:<a@b> XSTAMP=85\r\nRCPT TO:<bob@b.example>\r\n"


def test_one_class_adds_verb_keyword_parameter_phase_and_longer_lines() -> None:
    office = server(PostOffice)
    assert b"250-XSTAMP 85\r\n" in office.receive(b"EHLO a\r\n")
    assert office.receive(b"MAIL FROM:<a@b> XSTAMP=much\r\n") == b"501 5.5.4 expected XSTAMP=<cents>\r\n"
    assert office.receive(b"HELP MAIL\r\n").startswith(b"214-2.0.0 MAIL FROM:<reverse-path> [XSTAMP=<cents>] [SIZE=")
    steps = []
    office.watch = steps.append
    office.receive(TO_RCPT)
    assert office.receive(b"LICK " + b"x" * 593 + b"\r\n") == b"250 2.0.0 1 stamps, 593 octets\r\n"
    assert office.receive(b"LICK " + b"x" * 594 + b"\r\n").startswith(b"500 5.5.2 line of 601 octets")
    assert [step.phase for step in steps[-2:]] == ["postage", "postage"]
    assert office.receive(b"DATA\r\nhello\r\n.\r\nLICK\r\n").endswith(b"503 5.5.1 MAIL comes before LICK\r\n")


def test_its_state_ends_with_the_transaction() -> None:
    for end in (b"RSET\r\n", b"EHLO a\r\n", b"DATA\r\nhello\r\n.\r\n"):
        office = server(PostOffice, TO_RCPT + b"LICK\r\n" + end)
        assert office.stamps == []  # type: ignore[attr-defined]


def test_a_server_without_it_knows_nothing_of_it() -> None:
    plain = server(SmtpServer, b"EHLO a\r\n")
    assert plain.receive(b"MAIL FROM:<a@b> XSTAMP=85\r\n") == b"555 5.5.4 parameter XSTAMP is not known\r\n"
    assert plain.receive(b"LICK\r\n") == b"500 5.5.1 LICK is not a command, HELP lists them\r\n"


class Seals(SmtpSession):
    MOVES: ClassVar = {RCPT: {"LICK": RCPT}}

    @verb("LICK", rfc="1 §1")
    def lick(self, args: bytes) -> Reply:
        return Reply(250, "2.0.0", "sealed")


class Rates(SmtpSession):
    @mail_parameter("XSTAMP", rfc="1 §2", octets=8)
    def note_rate(self, value: str, envelope: Envelope) -> None: ...


class Shop(SmtpSession):
    KEYWORDS = ("XSTAMP ALL",)


class Detour(SmtpSession):
    MOVES: ClassVar = {READY: {"MAIL": READY}}

    @verb("MAIL", rfc="1 §3")
    def mail(self, args: bytes) -> Reply:
        return Reply(250, "2.0.0", "lost")


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (Seals, "Seals and Stamps both do the verb LICK"),
        (Rates, "Rates and Stamps both take the parameter XSTAMP of MAIL"),
        (Shop, "Shop and Stamps both announce XSTAMP"),
        (Detour, "Detour and TransferCommands both do the verb MAIL"),
    ],
)
def test_a_second_that_claims_the_same_fails_when_the_class_is_made(part: type[SmtpSession], sentence: str) -> None:
    with pytest.raises(TypeError, match=f"^Office: {sentence}"):
        type("Office", (part, PostOffice), {})


@pytest.mark.parametrize("keyword", sorted(OPTIONAL))
def test_each_optional_extension_can_be_left_out(keyword: str) -> None:
    older = server(smtp_server(frozenset([keyword])))
    announced = [line[4:].split()[0].decode() for line in older.receive(b"EHLO a\r\n").splitlines()[1:]]
    full = [line[4:].split()[0].decode() for line in server(SmtpServer).receive(b"EHLO a\r\n").splitlines()[1:]]
    assert announced == [word for word in full if word != keyword]
    assert older.receive(b"MAIL FROM:<a@b>\r\nRCPT TO:<bob@b.example>\r\nDATA\r\nx\r\n.\r\n").endswith(
        b"kept as Q1\r\n"
    )


def test_what_cannot_be_left_out_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"can be without 8BITMIME, .*, not without ENHANCEDSTATUSCODES, X$"):
        smtp_server(frozenset(["X", "ENHANCEDSTATUSCODES"]))
