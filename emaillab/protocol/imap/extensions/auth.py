"""How does a user get in? With LOGIN, or with AUTHENTICATE and one of SASL's mechanisms; never in the clear where others listen.

>>> Auth.TRANSITIONS["NOT_AUTHENTICATED"]["LOGIN"], Auth.MODES
('AUTHENTICATED', {'AUTHENTICATING': '(response)'})
"""  # noqa: E501

from __future__ import annotations

from typing import ClassVar

from emaillab.engine import Outcome, Signal
from emaillab.protocol import sasl
from emaillab.protocol.backend import MailReader, Session
from emaillab.protocol.imap.client_session import ImapClientSession
from emaillab.protocol.imap.grammar import Cursor, ImapReply, string
from emaillab.protocol.imap.results import Response
from emaillab.protocol.imap.session import AUTHENTICATED, NOT_AUTHENTICATED, ImapSession, When, verb
from emaillab.protocol.login import LogIn
from emaillab.protocol.table import Table

AUTHENTICATING = "AUTHENTICATING"


class Auth(ImapSession):
    """Log in: LOGIN and AUTHENTICATE.

    Source: RFC 9051 §6.2.2-3; RFC 4422.
    """

    CAPABILITIES: ClassVar = {"AUTH": When.BEFORE_LOG_IN}
    MOVES: ClassVar[Table] = {
        NOT_AUTHENTICATED: {
            ("AUTHENTICATE", Outcome.MORE): AUTHENTICATING,
            ("AUTHENTICATE", Outcome.OK): AUTHENTICATED,
            "LOGIN": AUTHENTICATED,
        },
        AUTHENTICATING: {
            ("(response)", Outcome.MORE): AUTHENTICATING,
            ("(response)", Outcome.OK): AUTHENTICATED,
            ("(response)", Outcome.NO): NOT_AUTHENTICATED,
            ("(response)", Outcome.BAD): NOT_AUTHENTICATED,
        },
    }
    MODES: ClassVar = {AUTHENTICATING: "(response)"}
    PHASES: ClassVar = {AUTHENTICATING: "not authenticated"}
    LONGEST_LINES: ClassVar = {AUTHENTICATING: 12288}

    def __init__(self, backend: MailReader, session: Session) -> None:
        self.log_in = LogIn(backend, session, self)
        super().__init__(backend, session)

    def announcement(self, capability: str) -> str:
        """Announce the mechanisms where a password may be sent, else that it may not."""
        if capability != "AUTH":
            return super().announcement(capability)
        return " ".join(f"AUTH={name}" for name in sasl.MECHANISMS) if self.session.may_log_in else "LOGINDISABLED"

    @verb("LOGIN user password", rfc="9051 §6.2.3")
    def login(self, args: bytes) -> ImapReply:
        """Log in with name and password as they are."""
        cursor = self.cursor(args)
        cursor.space()
        user = cursor.astring("a user name")
        cursor.space()
        password = cursor.astring("a password")
        cursor.end()
        self.log_in.check_privacy()
        # Octets that are not UTF-8 are nobody's name or password, but the answer is the same as for wrong ones.
        return self.log_in.by_password(user.decode("utf-8", "replace"), password.decode("utf-8", "replace"))

    @verb("AUTHENTICATE mechanism [initial-response]", rfc="9051 §6.2.2")
    def authenticate(self, args: bytes) -> ImapReply:
        """Begin a SASL exchange, or do all of it at once with an initial response."""
        cursor = self.cursor(args)
        cursor.space()
        mechanism = cursor.keyword("a SASL mechanism")
        return self.log_in.begin(mechanism, self.initial_response(cursor))

    def initial_response(self, cursor: Cursor) -> bytes | None:
        """Consume what follows the mechanism: nothing, without an extension."""
        cursor.end()
        return None

    @verb("(response)", rfc="9051 §6.2.2")
    def response(self, args: bytes) -> ImapReply:
        """Take the client's answer to a challenge; "*" ends the exchange."""
        return self.log_in.respond(args)

    # The words of a log-in; see `emaillab.protocol.login.Words`

    def challenge(self, text: str) -> ImapReply:
        """Send a challenge, in base64."""
        return ImapReply(Outcome.MORE, text)

    def welcome(self, account: str) -> ImapReply:
        """Open the account of a user whose proof is right."""
        self.account = self.backend.account(account)
        self.session.user = account
        return ImapReply(Outcome.OK, f"{account} is logged in", code=self.capability_code)

    def wrong(self, pause_s: float, *, last: bool) -> ImapReply:
        """Refuse a log-in after a pause."""
        text, code = "user name or password is wrong", b"AUTHENTICATIONFAILED"
        if not last:
            return ImapReply(Outcome.NO, text, code=code, pause_s=pause_s)
        bye = (b"* BYE too many failed log-ins\r\n",)
        return ImapReply(Outcome.NO, text, code=code, untagged=bye, then=Signal.CLOSE, pause_s=pause_s)

    def not_private(self) -> ImapReply:
        """Refuse to hear a password on a line that others can read."""
        text = "a password is not taken in the clear here, use STARTTLS first"
        return ImapReply(Outcome.NO, text, code=b"PRIVACYREQUIRED")

    def no_mechanism(self, name: str) -> ImapReply:
        """Refuse a mechanism that is not known."""
        return ImapReply(Outcome.NO, f"{name} is not among the mechanisms: {' '.join(sasl.MECHANISMS)}")

    def cancelled(self) -> ImapReply:
        """Note that the client gave up the exchange."""
        return ImapReply(Outcome.BAD, "the exchange is cancelled")

    def unusable(self, why: str) -> ImapReply:
        """Refuse a response that the mechanism cannot use."""
        return ImapReply(Outcome.BAD, why)

    def may_not_act(self, why: str) -> ImapReply:
        """Refuse to let one user act as another."""
        return ImapReply(Outcome.NO, why, code=b"AUTHORIZATIONFAILED")

    def unavailable(self, error: Exception) -> ImapReply:
        """Say that the host cannot tell just now."""
        self.errors.append(error)
        return self.broken(error)


class AuthClient(ImapClientSession):
    """The client's part of the log-in."""

    def login(self, user: str, password: str) -> Response:
        """Log in with LOGIN."""
        return self._say(b"LOGIN", string(user.encode()), string(password.encode()))

    def authenticate_plain(self, user: str, password: str) -> Response:
        """Log in with AUTHENTICATE PLAIN, in one step if the server can (SASL-IR)."""
        return self.authenticate(b"PLAIN", sasl.encode(sasl.plain_response(user, password)))

    def authenticate(self, mechanism: bytes, response: bytes) -> Response:
        """Log in with a mechanism of one response, which the server has to ask for."""
        challenge = self._say(b"AUTHENTICATE " + mechanism)
        return self.command(response) if challenge.outcome is Outcome.MORE else challenge
