"""What do USER and AUTH have in common? Both lead through the one log-in to a maildrop, and both use these words.

>>> from emaillab.protocol.backend import EmptyHost, Session
>>> server = Authorization(EmptyHost(), Session("b.example", "192.0.2.7"))
>>> str(server.wrong(1.0, last=False)), server.wrong(1.0, last=False).pause_s
('-ERR [AUTH] user name or password is wrong', 1.0)
"""

from __future__ import annotations

from emaillab.engine import Signal
from emaillab.protocol import sasl
from emaillab.protocol.backend import MailReader, Session
from emaillab.protocol.login import LogIn
from emaillab.protocol.pop3.grammar import Reply, messages, shown
from emaillab.protocol.pop3.session import MORE, NO, OK, Pop3Session


class Authorization(Pop3Session):
    """The log-in of a session, and what is said in it; see `emaillab.protocol.login.Words`.

    Source: RFC 1939 §4; RFC 5034 §4; RFC 3206 §4 (the response code AUTH).
    """

    def __init__(self, backend: MailReader, session: Session) -> None:
        super().__init__(backend, session)
        self.log_in = LogIn(backend, session, self)

    def challenge(self, text: str) -> Reply:
        """Send a challenge, in base64."""
        return Reply(MORE, text)

    def welcome(self, account: str) -> Reply:
        """Open the maildrop. Raises: Refusal when another session has locked it."""
        return Reply(OK, f"maildrop has {messages(len(self.open_maildrop(account).numbers()))}")

    def wrong(self, pause_s: float, *, last: bool) -> Reply:
        """Refuse a log-in after a pause; the answer does not tell which of name and password was wrong."""
        if last:
            return Reply(NO, "[AUTH] too many failed log-ins, good-bye", then=Signal.CLOSE, pause_s=pause_s)
        return Reply(NO, "[AUTH] user name or password is wrong", pause_s=pause_s)

    def not_private(self) -> Reply:
        """Refuse to hear a password on a line that others can read."""
        return Reply(NO, "[AUTH] a password is not taken in the clear here, use STLS first")

    def no_mechanism(self, name: str) -> Reply:
        """Refuse a mechanism that is not known."""
        return Reply(NO, f"{shown(name.encode())} is not among the mechanisms: {' '.join(sasl.MECHANISMS)}")

    def cancelled(self) -> Reply:
        """Note that the client gave up the exchange."""
        return Reply(NO, "the exchange is cancelled")

    def unusable(self, why: str) -> Reply:
        """Refuse a response that the mechanism cannot use."""
        return Reply(NO, why)

    def may_not_act(self, why: str) -> Reply:
        """Refuse to let one user act as another."""
        return Reply(NO, why)

    def unavailable(self, error: Exception) -> Reply:
        """Say that the host cannot tell just now."""
        self.errors.append(error)
        return self.broken(error)
