"""One log-in for all protocols: who guesses waits, whoever they claim to be, and nobody else does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from emaillab.engine import Pause, Signal
from emaillab.protocol.backend import Session
from emaillab.protocol.failures import MAX_ACCOUNTS, Failures
from emaillab.protocol.login import LogIn
from emaillab.protocol.machine import Machine
from emaillab.protocol.sasl import Challenge, Kept, Proof
from tests.dialogues.fakes import FakeHost, machine

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_minute_without_a_failure_forgives_an_account_and_no_other() -> None:
    failures = Failures()
    assert [failures.note("alice", NOON) for _ in range(5)] == [1, 2, 4, 4, 4]
    assert failures.note("ALICE@b.example", NOON + timedelta(seconds=59.9)) == 4
    assert failures.note("bob", NOON + timedelta(seconds=60)) == 1
    assert failures.note("alice", NOON + timedelta(seconds=120)) == 1


def test_a_guesser_of_names_fills_no_memory() -> None:
    failures = Failures()
    for number in range(MAX_ACCOUNTS + 50):
        failures.note(f"user{number}", NOON)
    assert len(failures._latest) == MAX_ACCOUNTS
    assert failures.note(f"user{MAX_ACCOUNTS + 49}", NOON) == 2
    assert failures.note("user0", NOON) == 1


@dataclass
class Clock:
    at: datetime = NOON

    def now(self) -> datetime:
        return self.at


@dataclass
class Knocking:
    """How each protocol is asked for a log-in, and what it answers."""

    protocol: str
    before: bytes
    wrong: bytes
    right: bytes
    refused: bytes
    last: bytes
    lines: int = 1  # of the client's, each with an answer


WAYS = [
    Knocking(
        "smtp",
        b"EHLO a\r\n",
        b"AUTH PLAIN AGFsaWNlAGd1ZXNz\r\n",
        b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n",
        b"535 5.7.8 user or password is wrong\r\n",
        b"421 4.7.0 too many failed log-ins, closing the connection\r\n",
    ),
    Knocking(
        "pop3",
        b"",
        b"AUTH PLAIN AGFsaWNlAGd1ZXNz\r\n",
        b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n",
        b"-ERR [AUTH] user name or password is wrong\r\n",
        b"-ERR [AUTH] too many failed log-ins, good-bye\r\n",
    ),
    Knocking(
        "imap",
        b"",
        b"a AUTHENTICATE PLAIN AGFsaWNlAGd1ZXNz\r\n",
        b"a AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n",
        b"a NO [AUTHENTICATIONFAILED] user name or password is wrong\r\n",
        b"* BYE too many failed log-ins\r\na NO [AUTHENTICATIONFAILED] user name or password is wrong\r\n",
    ),
]


def session(way: Knocking, host: FakeHost, clock: Clock) -> Machine:
    server = machine(way.protocol, host, Session("b.example", "192.0.2.7", now=clock.now))
    server.receive(way.before)
    return server


def said(server: Machine, line: bytes) -> tuple[float, bytes, bool]:
    """Return how long an answer has to wait, the answer, and whether the session is over."""
    server.feed(line)
    items = list(iter(server.pull, None))
    pauses = [item.seconds for item in items if isinstance(item, Pause)]
    assert not pauses or isinstance(items[0], Pause)
    octets = b"".join(item for item in items if isinstance(item, bytes))
    return sum(pauses), octets, Signal.CLOSE in items


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.protocol)
def test_guesses_wait_longer_and_a_session_ends_at_its_20th(way: Knocking) -> None:
    host, clock = FakeHost(), Clock()
    server = session(way, host, clock)
    heard = [said(server, way.wrong) for _ in range(20)]
    assert [pause for pause, _, _ in heard] == [1.0, 2.0] + [4.0] * 18
    assert {octets for _, octets, _ in heard[:19]} == {way.refused}
    assert heard[19][1:] == (way.last, True)
    assert not any(over for _, _, over in heard[:19])


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.protocol)
def test_the_right_password_never_waits(way: Knocking) -> None:
    host, clock = FakeHost(), Clock()
    guesser, owner = session(way, host, clock), session(way, host, clock)
    for _ in range(5):
        said(guesser, way.wrong)
    pause, octets, _ = said(owner, way.right)
    assert pause == 0
    assert b"535" not in octets and b"-ERR" not in octets and b" NO " not in octets


def test_all_protocols_count_together() -> None:
    host, clock = FakeHost(), Clock()
    assert [said(session(way, host, clock), way.wrong)[0] for way in WAYS] == [1, 2, 4]
    clock.at += timedelta(seconds=61)
    assert [said(session(way, host, clock), way.wrong)[0] for way in WAYS] == [1, 2, 4]


@dataclass(frozen=True)
class TokenProof:
    """A mechanism for which no password is kept."""

    user: str
    token: bytes

    def holds(self, kept: Kept) -> bool:
        return kept.key("TOKEN") == self.token


class TokenServer:
    def step(self, response: bytes | None) -> Challenge | Proof:
        return Challenge(b"token?") if response is None else TokenProof("alice", response)


@dataclass(frozen=True)
class Keys:
    name: str
    password: None = None

    def key(self, mechanism: str) -> bytes | None:
        return b"open" if mechanism == "TOKEN" else None


@dataclass
class Keyring:
    failures: Failures = field(default_factory=Failures)

    def kept(self, user: str) -> Keys | None:
        return Keys(user) if user == "alice" else None


class Words:
    def __getattr__(self, name: str) -> Callable[..., str]:
        return lambda *args, **options: " ".join([name, *map(str, args)])


def test_a_host_that_keeps_no_password_serves_mechanisms_that_need_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emaillab.protocol.sasl.MECHANISMS", {"TOKEN": TokenServer})
    log_in: LogIn[str] = LogIn(Keyring(), Session("b.example", "192.0.2.7"), Words())  # type: ignore[arg-type]
    assert log_in.begin("TOKEN", None) == "challenge dG9rZW4/"
    assert log_in.respond(b"c2h1dA==") == "wrong 1.0"
    assert log_in.begin("TOKEN", b"b3Blbg==") == "welcome alice"
    assert log_in.by_password("alice", "") == "wrong 2.0"  # no password is kept: none is right
