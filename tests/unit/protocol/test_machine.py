"""What all servers share: the table is obeyed, input waits for output, nothing kills a session."""

from collections.abc import Iterator
from typing import ClassVar

import pytest

from emaillab.protocol.machine import CLOSED, Machine, Outcome, Refusal, Reply, Signal, Step, verb

OK, MORE, NO, BAD = Outcome.OK, Outcome.MORE, Outcome.NO, Outcome.BAD


class Lift(Machine):
    START = "GROUND"
    TRANSITIONS: ClassVar = {
        "GROUND": {"UP": "TOP", ("SECRET", MORE): "ASKED", "KEEP": "GROUND", "READ": "GROUND", "TLS": "GROUND"},
        "TOP": {"DOWN": "GROUND", ("DOWN", NO): "STUCK", "QUIT": CLOSED},
        "ASKED": {"(answer)": "TOP", ("(answer)", NO): "GROUND"},
        "STUCK": {},
        CLOSED: {},
    }
    MODES: ClassVar = {"ASKED": "(answer)"}
    PHASES: ClassVar = {"GROUND": "low", "TOP": "high", "QUIT": "end"}
    MAX_BAD_COMMANDS = 3

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    @verb("UP", rfc="0 §1")
    def up(self, args: bytes) -> Reply:
        if args == b"slowly":
            raise Refusal(Reply(NO, "only fast"))
        if args == b"now":
            raise ZeroDivisionError
        self.done.append("up")
        return Reply(OK, "at the top")

    @verb("DOWN", rfc="0 §2")
    def down(self, args: bytes) -> Reply:
        if args:
            raise Refusal(Reply(NO, "no"))
        self.done.append("down")
        return Reply(OK, "on the ground")

    @verb("SECRET", rfc="0 §3")
    def secret(self, args: bytes) -> Reply:
        return Reply(MORE, "which?")

    @verb("<answer>", rfc="0 §4", name="(answer)")
    def answer(self, args: bytes) -> Reply:
        return Reply(OK if args == b"sesame" else NO, "so?")

    @verb("KEEP", rfc="0 §5")
    def keep(self, args: bytes) -> Reply:
        return Reply(OK, "kept", durable=True)

    @verb("READ", rfc="0 §6")
    def read(self, args: bytes) -> Reply:
        return Reply(OK, "it follows", body=self.pages(args == b"torn"))

    def pages(self, torn: bool) -> Iterator[bytes]:
        for page in range(3):
            self.done.append(f"page {page}")
            yield b"page\r\n"
            if torn:
                raise OSError("a page is missing")

    @verb("TLS", rfc="0 §7")
    def tls(self, args: bytes) -> Reply:
        return Reply(OK, "go", then=Signal.START_TLS)

    @verb("QUIT", rfc="0 §8")
    def quit(self, args: bytes) -> Reply:
        return Reply(OK, "bye", durable=args == b"and keep")


def pulled(machine: Machine) -> list[bytes | Signal]:
    return list(iter(machine.pull, None))


@pytest.mark.parametrize(
    ("said", "answer", "state"),
    [
        (b"UP\r\n", b"OK at the top\r\n", "TOP"),
        (b"up\r\n", b"OK at the top\r\n", "TOP"),
        (b"UP slowly\r\n", b"NO only fast\r\n", "GROUND"),
        (b"DOWN\r\n", b"BAD DOWN is not allowed in state GROUND\r\n", "GROUND"),
        (b"JUMP\r\n", b"BAD JUMP is not a command\r\n", "GROUND"),
        (b"SECRET\r\n", b"MORE which?\r\n", "ASKED"),
        (b"SECRET\r\nsesame\r\n", b"MORE which?\r\nOK so?\r\n", "TOP"),
        (b"SECRET\r\nUP\r\n", b"MORE which?\r\nNO so?\r\n", "GROUND"),
        (b"UP\r\nDOWN now\r\n", b"OK at the top\r\nNO no\r\n", "STUCK"),
        (b"UP\r\nQUIT\r\nDOWN\r\n", b"OK at the top\r\nOK bye\r\n", CLOSED),
    ],
)
def test_the_table_is_obeyed(said: bytes, answer: bytes, state: str) -> None:
    for step in (1, 4, 1000):
        lift = Lift()
        assert b"".join(lift.receive(said[at : at + step]) for at in range(0, len(said), step)) == answer
        assert lift.state == state


def test_a_defect_costs_one_command() -> None:
    lift = Lift()
    assert lift.receive(b"UP now\r\nUP\r\n") == b"NO internal error, please try again\r\nOK at the top\r\n"
    assert [type(error) for error in lift.errors] == [ZeroDivisionError]


def test_a_table_without_a_method_is_no_machine() -> None:
    with pytest.raises(TypeError, match="Broken's table has FLY, but no method does it"):
        type("Broken", (Machine,), {"START": "A", "TRANSITIONS": {"A": {"FLY": "A"}}})


def test_input_waits_while_output_is_pending() -> None:
    lift = Lift()
    lift.feed(b"READ\r\nUP\r\n")
    assert [lift.pull(), lift.pull()] == [b"OK it follows\r\n", Signal.FLUSH]
    assert lift.done == []  # a page is fetched when the peer has taken what came before
    assert lift.pull() == b"page\r\n"
    assert lift.done == ["page 0"]
    assert pulled(lift) == [b"page\r\n", b"page\r\n", b"OK at the top\r\n"]


def test_a_body_that_breaks_off_ends_the_session() -> None:
    lift = Lift()
    lift.feed(b"READ torn\r\nUP\r\n")
    assert pulled(lift) == [b"OK it follows\r\n", Signal.FLUSH, b"page\r\n", Signal.CLOSE]
    assert lift.state == CLOSED
    assert str(lift.errors[0]) == "a page is missing"


def test_a_promise_stands_behind_its_commit() -> None:
    lift = Lift()
    lift.feed(b"KEEP\r\nUP\r\n")
    assert pulled(lift) == [Signal.COMMIT, b"OK kept\r\n", b"OK at the top\r\n"]


def test_a_failed_commit_takes_the_promise_back() -> None:
    lift = Lift()
    lift.feed(b"KEEP\r\nUP\r\n")
    assert lift.pull() is Signal.COMMIT
    lift.commit_failed("the disk is full")
    assert pulled(lift) == [b"NO the disk is full\r\n", b"OK at the top\r\n"]


def test_a_failed_commit_on_leaving_still_closes() -> None:
    lift = Lift()
    lift.feed(b"UP\r\nQUIT and keep\r\n")
    assert lift.pull() == b"OK at the top\r\n"
    assert lift.pull() is Signal.COMMIT
    lift.commit_failed("the disk is full")
    assert pulled(lift) == [b"NO the disk is full\r\n", Signal.CLOSE]


def test_tls_stops_the_machine_and_forgets_what_was_slipped_in() -> None:
    lift = Lift()
    lift.feed(b"TLS\r\nUP\r\n")
    assert pulled(lift) == [b"OK go\r\n", Signal.START_TLS]
    lift.feed(b"UP\r\n")
    assert pulled(lift) == []
    lift.tls_started()
    assert pulled(lift) == []
    assert lift.receive(b"UP\r\n") == b"OK at the top\r\n"
    assert lift.done == ["up"]


def test_nothing_but_bad_commands_ends_the_session() -> None:
    lift = Lift()
    assert lift.receive(b"A\r\nB\r\nUP\r\nC\r\nD\r\n").count(b"\r\n") == 5
    assert lift.state == "TOP"
    lift.feed(b"E\r\nDOWN\r\n")
    assert pulled(lift) == [b"BAD too many bad commands\r\n", Signal.CLOSE]
    assert lift.state == CLOSED
    assert "down" not in lift.done


def test_a_peer_that_is_gone_is_not_answered() -> None:
    lift = Lift()
    lift.feed(b"KEEP\r\n")
    assert lift.pull() is Signal.COMMIT
    lift.disconnected()
    assert pulled(lift) == []


def test_a_transcript_learns_what_each_unit_did() -> None:
    lift, seen = Lift(), []
    lift.watch = seen.append
    lift.receive(b"UP\r\nJUMP\r\nQU")
    lift.receive(b"IT\r\n")
    assert seen == [
        Step("UP", OK, "GROUND", "TOP", "low", 4, 0),
        Step("JUMP", BAD, "TOP", "TOP", "high", 10, 15),
        Step("QUIT", OK, "TOP", CLOSED, "end", 16, 15 + len(b"BAD JUMP is not a command\r\n")),
    ]


def test_a_stuck_exchange_can_be_explained() -> None:
    lift = Lift()
    lift.receive(b"UP")
    assert lift.waiting_for == "CRLF after 'UP'"


class Polite(Lift):
    def farewell(self, *, idle: bool) -> bytes:
        return b"you were silent\r\n" if idle else b"we close\r\n"


@pytest.mark.parametrize(("idle", "words"), [(True, b"you were silent\r\n"), (False, b"we close\r\n")])
def test_a_server_that_parts_says_so(idle: bool, words: bytes) -> None:
    lift = Polite()
    lift.receive(b"UP\r\nDO")
    lift.end(idle=idle)
    assert pulled(lift) == [words, Signal.CLOSE]
    assert (lift.state, lift.receive(b"WN\r\n"), lift.serve(b"DOWN\r\n")) == (CLOSED, b"", None)


def test_nothing_is_said_into_half_an_answer_or_a_handshake() -> None:
    in_the_middle, before_tls = Polite(), Polite()
    in_the_middle.feed(b"READ\r\n")
    assert [in_the_middle.pull() for _ in range(2)] == [b"OK it follows\r\n", Signal.FLUSH]
    before_tls.feed(b"TLS\r\n")
    assert pulled(before_tls) == [b"OK go\r\n", Signal.START_TLS]
    for lift in (in_the_middle, before_tls):
        lift.end(idle=False)
        assert pulled(lift) == [Signal.CLOSE]
