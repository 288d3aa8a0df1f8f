"""How does a user get in, whatever the protocol? An exchange, a rule about who may listen, and a limit to guessing.

SMTP, POP3 and IMAP differ in their words alone, which each gives in `Words`. A session ends at its own 20th failure;
how long each refusal has to wait is what the host's `Failures` say.

>>> class Terse:
...     def welcome(self, account): return f"hello {account}"
...     def wrong(self, pause_s, *, last): return f"no, after {pause_s:.0f} s"
...     def challenge(self, text): return text
>>> class House:
...     failures = Failures()
...     def kept(self, user): return sasl.KeptPassword("alice", "secret") if user == "alice" else None
>>> log_in = LogIn(House(), Session("b.example", "192.0.2.7"), Terse())
>>> log_in.by_password("alice", "guess"), log_in.by_password("alice", "guess"), log_in.by_password("alice", "secret")
('no, after 1 s', 'no, after 2 s', 'hello alice')
>>> log_in.begin("LOGIN", None), log_in.respond(b"YWxpY2U="), log_in.respond(b"c2VjcmV0")
('VXNlcm5hbWU6', 'UGFzc3dvcmQ6', 'hello alice')
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from emaillab.protocol import sasl
from emaillab.protocol.backend import Session, Users
from emaillab.protocol.failures import Failures as Failures
from emaillab.protocol.machine import Refusal

MAX_FAILURES = 20  # of one session

AReply = TypeVar("AReply")
Said = TypeVar("Said", covariant=True)


class Words(Protocol[Said]):
    """What a protocol says when somebody logs in."""

    def challenge(self, text: str) -> Said:
        """Send a challenge, in base64."""

    def welcome(self, account: str) -> Said:
        """Let a user in. Raises: Refusal when the account cannot be opened."""

    def wrong(self, pause_s: float, *, last: bool) -> Said:
        """Refuse a log-in after a pause, without a word on whether name or password was wrong; `last` ends it all."""

    def not_private(self) -> Said:
        """Refuse to hear a password on a line that others can read."""

    def no_mechanism(self, name: str) -> Said:
        """Refuse a mechanism that is not known."""

    def cancelled(self) -> Said:
        """Note that the client gave up the exchange."""

    def unusable(self, why: str) -> Said:
        """Refuse a response that the mechanism cannot use."""

    def may_not_act(self, why: str) -> Said:
        """Refuse to let one user act as another."""

    def unavailable(self, error: Exception) -> Said:
        """Say that the host cannot tell just now."""


NOBODY = sasl.KeptPassword("", None)
"""What is kept of an account that does not exist, so that asking for it takes as long."""


def proven(users: Users, proof: sasl.Proof) -> sasl.Kept | None:
    """Hold a proof against what a host keeps. Returns: what is kept of the account; None when the proof is wrong.

    The time that it takes does not tell whether there is such an account.
    """
    kept = users.kept(proof.user)
    return kept if proof.holds(kept or NOBODY) else None


class LogIn(Generic[AReply]):
    """One session's log-in: whatever leads to it, it ends in `Words.welcome` or `Words.wrong`.

    Source: RFC 4422; RFC 4954 §4, 5034 §4, 9051 §6.2.2.
    """

    def __init__(self, users: Users, session: Session, words: Words[AReply]) -> None:
        self._users, self._session, self._words = users, session, words
        self._exchange: sasl.SaslServer | None = None
        self._failures = 0

    def begin(self, mechanism: str, initial: bytes | None) -> AReply:
        """Begin an exchange. Args: mechanism: in capitals; initial: the response that came with it, in base64.

        An initial response of "=" is an empty one (RFC 4954 §4, 5034 §4, 4959 §3).
        """
        self.check_privacy()
        make = sasl.MECHANISMS.get(mechanism)
        if make is None:
            return self._words.no_mechanism(mechanism)
        self._exchange = make()
        return self._step(b"" if initial == b"=" else initial)

    def respond(self, line: bytes) -> AReply:
        """Take the client's next word in an exchange, in base64; "*" cancels it."""
        return self._words.cancelled() if line == b"*" else self._step(line)

    def by_password(self, user: str, password: str) -> AReply:
        """Log in by name and password, as LOGIN and PASS do."""
        return self._finish(sasl.Credentials(user, password))

    def check_privacy(self) -> None:
        """Refuse to hear a password where others can. Raises: Refusal."""
        if not self._session.may_log_in:
            raise _refusal(self._words.not_private)

    def _step(self, line: bytes | None) -> AReply:
        """Hand a response to the mechanism and say what comes next; None: none came with the command."""
        assert self._exchange is not None
        try:
            said = self._exchange.step(None if line is None else sasl.decode(line))
        except sasl.NotAuthorised as error:
            return self._words.may_not_act(str(error))
        except sasl.SaslError as error:
            return self._words.unusable(str(error))
        if isinstance(said, sasl.Challenge):
            return self._words.challenge(bytes(said).decode("ascii"))
        return self._finish(said)

    def _finish(self, proof: sasl.Proof) -> AReply:
        """Let in whoever has proven who they are."""
        try:
            kept = proven(self._users, proof)
        except Refusal:
            raise
        except Exception as error:
            return self._words.unavailable(error)
        if kept is not None:
            return self._words.welcome(kept.name)
        self._failures += 1
        pause_s = self._users.failures.note(proof.user, self._session.now())
        return self._words.wrong(pause_s, last=self._failures >= MAX_FAILURES)


def _refusal(say: Callable[[], object]) -> Refusal:
    """Return a protocol's refusal as an exception."""
    return Refusal(say())  # type: ignore[arg-type]
