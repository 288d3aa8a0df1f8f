"""An extension is one class, and two that claim the same are told so when they are put together."""

import re
from typing import ClassVar

import pytest

from emaillab.engine import Outcome, Step
from emaillab.protocol.backend import Session
from emaillab.protocol.machine import verb
from emaillab.protocol.pop3 import Pop3Client, Pop3Server
from emaillab.protocol.pop3.client_session import Lines, Pop3ClientSession
from emaillab.protocol.pop3.grammar import Reply, refuse, stuffed_lines
from emaillab.protocol.pop3.server import OPTIONAL, pop3_server
from emaillab.protocol.pop3.session import ANY, AUTHORIZATION, BACK, TRANSACTION, Pop3Session, none
from tests.dialogues.fakes_pop3 import Pop3Host, Wire

LETTERS = [b"Subject: one\r\n\r\n", b"Subject: two\r\n\r\n"]


class Subjects(Pop3Session):
    """A toy: XSUB lists the subjects of all messages, KNOCK may be said at any time, and be a long line."""

    CAPABILITIES = ("XSUB",)
    MOVES: ClassVar = {TRANSACTION: {"XSUB": TRANSACTION}, ANY: {"KNOCK": BACK}}
    PHASES: ClassVar = {"XSUB": "browsing"}
    LONGER_LINES: ClassVar = {"KNOCK": 600}

    def announcement(self, capability: str) -> str:
        return "XSUB LINES" if capability == "XSUB" else super().announcement(capability)

    @verb("XSUB", rfc="0 §1")
    def xsub(self, args: bytes) -> Reply:
        none(args)
        heads = [self.drop.raw(number).partition(b"\r\n")[0] for number in self.drop.numbers()]
        return Reply(Outcome.OK, "subjects", body=stuffed_lines(heads))

    @verb("KNOCK [<who>]", rfc="0 §2")
    def knock(self, args: bytes) -> Reply:
        if args == b"nobody":
            raise refuse("nobody knocks")
        return Reply(Outcome.OK, f"{len(args)} octets")


class SubjectsClient(Pop3ClientSession):
    MULTI_LINE: ClassVar = {"XSUB": Lines.ALWAYS}

    def subjects(self) -> tuple[bytes, ...]:
        return self.command("XSUB").lines or ()


class Library(Subjects, Pop3Server): ...


class Reader(SubjectsClient, Pop3Client): ...


def fresh(kind: type[Pop3Session]) -> Pop3Session:
    return kind(Pop3Host(LETTERS), Session("b.example", "192.0.2.7"))


def server(kind: type[Pop3Session], said: bytes = b"") -> Pop3Session:
    made = fresh(kind)
    made.receive(said)
    return made


LOG_IN = b"USER alice\r\nPASS secret\r\n"


def test_one_class_adds_verbs_capability_phase_and_longer_lines() -> None:
    library = server(Library)
    assert b"\r\nXSUB LINES\r\n" in library.receive(b"CAPA\r\n")
    steps: list[Step] = []
    library.watch = steps.append
    assert library.receive(b"XSUB\r\n") == b"-ERR XSUB is not allowed in state AUTHORIZATION\r\n"
    said = library.receive(LOG_IN + b"XSUB\r\n")
    assert said.endswith(b"+OK subjects\r\nSubject: one\r\nSubject: two\r\n.\r\n")
    assert (steps[-1].phase, steps[-1].after) == ("browsing", TRANSACTION)


def test_a_line_is_as_long_as_its_verb_may_be() -> None:
    library = server(Library, LOG_IN)
    assert library.receive(b"KNOCK " + b"x" * 592 + b"\r\n") == b"+OK 592 octets\r\n"
    assert library.receive(b"KNOCK " + b"x" * 593 + b"\r\n").startswith(b"-ERR line too long, at most 600 ")
    assert library.receive(b"NOOP".ljust(254) + b"\r\n") == b"-ERR line too long, at most 255 octets are allowed\r\n"
    assert library.receive(b"NOOP".ljust(253) + b"\r\n") == b"+OK\r\n"


@pytest.mark.parametrize("knock", [b"KNOCK\r\n", b"KNOCK nobody\r\n", b"KNOCK ".ljust(600, b"x") + b"\r\n"])
def test_user_counts_no_more_after_a_verb_that_it_has_never_heard_of(knock: bytes) -> None:
    library = server(Library)
    assert library.receive(b"USER alice\r\n" + knock + b"PASS secret\r\n").endswith(
        b"-ERR PASS must follow USER directly\r\n"
    )
    assert library.state == AUTHORIZATION
    assert Library.TRANSITIONS["USER_GIVEN"]["KNOCK"] == AUTHORIZATION
    assert library.receive(LOG_IN).endswith(b"+OK maildrop has 2 messages\r\n")


def test_a_server_without_it_knows_nothing_of_it() -> None:
    assert server(Pop3Server).receive(b"KNOCK\r\n").endswith(b"-ERR 'KNOCK' is not a command\r\n")
    assert "KNOCK" not in Pop3Server.VERBS
    assert "XSUB" not in server(Pop3Server).capabilities


def test_the_clients_part_says_which_responses_have_more_lines() -> None:
    library = fresh(Library)
    reader = Reader(Wire(library, library.session))
    reader.login("alice", "secret")
    assert reader.subjects() == (b"Subject: one", b"Subject: two")
    assert [reply.lines for reply in reader.pipeline(["xsub", "STAT"])] == [(b"Subject: one", b"Subject: two"), None]
    assert reader.quit().ok


class Summaries(Pop3Session):
    MOVES: ClassVar = {TRANSACTION: {"XSUB": TRANSACTION}}

    @verb("XSUB", rfc="1 §1")
    def xsub(self, args: bytes) -> Reply:
        return Reply(Outcome.OK)


class Submarine(Pop3Session):
    CAPABILITIES = ("XSUB MARINE",)


class Whispers(Pop3Session):
    LONGER_LINES: ClassVar = {"KNOCK": 300}


class Detour(Subjects):
    MOVES: ClassVar = {TRANSACTION: {"KNOCK": AUTHORIZATION}}


class Shortcut(Subjects):
    MOVES: ClassVar = {TRANSACTION: {"KNOCK": BACK}}


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (Summaries, "Summaries and Subjects both do the verb XSUB"),
        (Submarine, "Submarine and Subjects both announce XSUB"),
        (Whispers, "Whispers and Subjects both say how long the line of KNOCK may be"),
    ],
)
def test_a_second_that_claims_the_same_fails_when_the_class_is_made(part: type[Pop3Session], sentence: str) -> None:
    with pytest.raises(TypeError, match=f"^Archive: {sentence}$"):
        type("Archive", (part, Library), {})


def test_two_that_claim_one_cell_are_named() -> None:
    with pytest.raises(
        TypeError,
        match=r"^Archive: Detour and Shortcut both say where KNOCK leads from TRANSACTION when it ends with OK$",
    ):
        type("Archive", (Detour, Shortcut, Library), {})


def test_two_clients_that_read_one_response_are_named() -> None:
    class Single(Pop3ClientSession):
        MULTI_LINE: ClassVar = {"XSUB": Lines.ALONE}

    with pytest.raises(TypeError, match=r"^Both: Single and SubjectsClient both read the response to XSUB$"):
        type("Both", (Single, Reader), {})


@pytest.mark.parametrize("capability", sorted(OPTIONAL))
def test_each_optional_extension_can_be_left_out(capability: str) -> None:
    kind = pop3_server(frozenset([capability]))
    assert kind is pop3_server(frozenset([capability]))
    older, full = server(kind), server(Pop3Server)
    older.session.offers_tls = full.session.offers_tls = True
    words = [line for line in full.capabilities if line.split()[0] != capability]
    assert older.capabilities == words
    log_in = b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n" if capability == "USER" else LOG_IN
    assert older.receive(log_in + b"STAT\r\nQUIT\r\n").endswith(b"+OK 2 32\r\n+OK bye\r\n")
    after = {after for row in kind.TRANSITIONS.values() for after in row.values()}
    assert after | {kind.START} == set(kind.TRANSITIONS)


def test_what_is_left_out_is_no_command() -> None:
    older = server(pop3_server(frozenset(["CAPA", "UIDL", "SASL", "STLS", "TOP"])))
    for line in ("CAPA", "AUTH PLAIN", "AUTH", "STLS", "UIDL", "TOP 1 0"):
        assert older.receive(line.encode() + b"\r\n").endswith(
            f"-ERR '{line.split()[0]}' is not a command\r\n".encode()
        )
    assert "SASL" not in type(older).TRANSITIONS
    assert "USER_GIVEN" not in pop3_server(frozenset(["USER"])).TRANSITIONS


def test_what_cannot_be_left_out_is_refused_with_a_sentence() -> None:
    known = ", ".join(sorted(OPTIONAL))
    sentence = re.escape(f"a server here can be without {known}, not without RESP-CODES, X")
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        pop3_server(frozenset(["X", "RESP-CODES"]))
