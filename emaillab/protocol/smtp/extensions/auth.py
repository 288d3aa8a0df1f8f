"""How does a client say who its user is? With AUTH, by one of the mechanisms that the server announces.

>>> Auth.TRANSITIONS["READY"]
{('AUTH', <Outcome.OK: 'OK'>): 'READY', ('AUTH', <Outcome.MORE: 'MORE'>): 'AUTH'}
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.engine import Outcome, Signal
from emaillab.protocol import sasl
from emaillab.protocol.backend import MailAcceptor, Session
from emaillab.protocol.envelope import Envelope
from emaillab.protocol.framing.framer import FramingError
from emaillab.protocol.framing.lines import LineTooLong
from emaillab.protocol.login import LogIn
from emaillab.protocol.machine import Refusal, verb
from emaillab.protocol.smtp.client_session import SmtpClientSession
from emaillab.protocol.smtp.grammar import Reply
from emaillab.protocol.smtp.session import HANDSHAKE, READY, SmtpSession, mail_parameter, unknown_parameter
from emaillab.protocol.table import Table

AUTH = "AUTH"


class Auth(SmtpSession):
    """Log in with SASL.

    Source: RFC 4954.
    """

    KEYWORDS = ("AUTH",)
    MOVES: ClassVar[Table] = {
        READY: {("AUTH", Outcome.OK): READY, ("AUTH", Outcome.MORE): AUTH},
        AUTH: {
            ("(response)", Outcome.MORE): AUTH,
            ("(response)", Outcome.OK): READY,
            ("(response)", Outcome.NO): READY,
            ("(response)", Outcome.BAD): READY,
        },
    }
    MODES: ClassVar = {AUTH: "(response)"}
    PHASES: ClassVar = {"AUTH": HANDSHAKE, "(response)": HANDSHAKE}
    LONGER_LINES: ClassVar = {"AUTH": 12288}  # RFC 4954 §4

    def __init__(self, backend: MailAcceptor, session: Session) -> None:
        super().__init__(backend, session)
        self.log_in = LogIn(backend, session, self)

    def announcement(self, keyword: str) -> str:
        """Announce the mechanisms, where a password may be sent."""
        if keyword != "AUTH":
            return super().announcement(keyword)
        return "AUTH " + " ".join(sasl.MECHANISMS) if self.session.may_log_in else ""

    @verb("AUTH <mechanism> [<initial-response>]", rfc="4954 §4")
    def auth(self, args: bytes) -> Reply:
        """Begin to log in; an initial response of "=" is an empty one."""
        if self.session.user is not None:
            raise Refusal(Reply(503, "5.5.1", f"you are logged in already, as {self.session.user}"))
        name, _, initial = args.strip(b" ").partition(b" ")
        return self.log_in.begin(name.decode("ascii", "replace").upper(), initial or None)

    @verb("<base64>", rfc="4954 §4", name="(response)")
    def response(self, line: bytes) -> Reply:
        """Take the client's next word in a log-in; "*" cancels it."""
        return self.log_in.respond(line)

    @mail_parameter("AUTH=<mailbox>", rfc="4954 §5", octets=500, shown=False)
    def note_submitter(self, mailbox: str, envelope: Envelope) -> None:
        """Take who submitted the letter elsewhere. SIMPLIFIED: that is of no use here."""
        if not self.session.may_log_in:
            raise Refusal(unknown_parameter("AUTH"))

    def misframed(self, error: FramingError) -> Reply:
        """Tell a response that is too long from a command that is."""
        if self.state == AUTH and isinstance(error, LineTooLong):
            return Reply(500, "5.5.6", str(error))
        return super().misframed(error)

    # The words of a log-in; see `emaillab.protocol.login.Words`

    def challenge(self, text: str) -> Reply:
        """Send a challenge, in base64."""
        return Reply(334, "", text)

    def welcome(self, account: str) -> Reply:
        """Let a user in."""
        self.session.user = account
        return Reply(235, "2.7.0", f"welcome, {account}")

    def wrong(self, pause_s: float, *, last: bool) -> Reply:
        """Refuse a log-in after a pause."""
        if last:
            text = "too many failed log-ins, closing the connection"
            return Reply(421, "4.7.0", text, then=Signal.CLOSE, pause_s=pause_s)
        return Reply(535, "5.7.8", "user or password is wrong", pause_s=pause_s)

    def not_private(self) -> Reply:
        """Refuse to hear a password on a line that others can read."""
        return Reply(538, "5.7.11", "passwords are taken under TLS only: STARTTLS comes first")

    def no_mechanism(self, name: str) -> Reply:
        """Refuse a mechanism that is not known."""
        return Reply(504, "5.5.4", f"expected one of the mechanisms {' '.join(sasl.MECHANISMS)}")

    def cancelled(self) -> Reply:
        """Note that the client gave up the exchange."""
        return Reply(501, "5.7.0", "log-in cancelled")

    def unusable(self, why: str) -> Reply:
        """Refuse a response that the mechanism cannot use."""
        return Reply(501, "5.5.2", why)

    def may_not_act(self, why: str) -> Reply:
        """Refuse to let one user act as another."""
        return Reply(535, "5.7.8", why)

    def unavailable(self, error: Exception) -> Reply:
        """Say that the host cannot tell just now."""
        self.errors.append(error)
        return Reply(454, "4.7.0", "log-in is not possible just now")


class AuthClient(SmtpClientSession):
    """The client's part of AUTH."""

    def login(self, user: str, password: str) -> Reply:
        """Log in by the best mechanism that both sides know."""
        offered = self.extensions.get("AUTH", "").upper().split()
        if "PLAIN" in offered:
            return self.auth_plain(user, password)
        if "LOGIN" in offered:
            return self.auth_login(user, password)
        known = " ".join(offered) or "no mechanism"
        return Reply(504, "5.5.4", f"not sent: the server offers {known}, we know PLAIN and LOGIN")

    def auth_plain(self, user: str, password: str) -> Reply:
        """Log in with name and password in one response."""
        return self.command(b"AUTH PLAIN " + sasl.encode(sasl.plain_response(user, password)))

    def auth_login(self, user: str, password: str) -> Reply:
        """Log in with name and password in turn."""
        reply = self.command("AUTH LOGIN")
        for answer in (user, password):
            if reply.code != 334:
                break
            reply = self.command(sasl.encode(answer.encode()))
        return reply
