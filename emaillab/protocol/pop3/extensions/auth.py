"""How does a client log in without sending its name and password one by one? With AUTH, by a mechanism of SASL.

>>> Auth.TRANSITIONS["AUTHORIZATION"]  # doctest: +NORMALIZE_WHITESPACE
{'(mechanisms)': 'AUTHORIZATION',
 ('AUTH', <Outcome.MORE: 'MORE'>): 'SASL', ('AUTH', <Outcome.OK: 'OK'>): 'TRANSACTION'}
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.engine import Outcome
from emaillab.protocol import sasl
from emaillab.protocol.framing.lines import CRLF
from emaillab.protocol.pop3.authorization import Authorization
from emaillab.protocol.pop3.client_session import Lines, Pop3ClientSession
from emaillab.protocol.pop3.grammar import LINE_LIMIT, Reply, parse_auth, stuffed_lines
from emaillab.protocol.pop3.session import AUTHORIZATION, BAD, MORE, NO, OK, TRANSACTION, verb
from emaillab.protocol.table import Table

SASL = "SASL"


class Auth(Authorization):
    """Log in with SASL.

    Source: RFC 5034.
    """

    CAPABILITIES = ("SASL",)
    MOVES: ClassVar[Table] = {
        AUTHORIZATION: {("AUTH", MORE): SASL, ("AUTH", OK): TRANSACTION, "(mechanisms)": AUTHORIZATION},
        SASL: {
            "(response)": TRANSACTION,
            ("(response)", MORE): SASL,
            ("(response)", NO): AUTHORIZATION,
            ("(response)", BAD): AUTHORIZATION,
        },
    }
    MODES: ClassVar = {SASL: "(response)"}
    PHASES: ClassVar = {SASL: "authorization"}
    LONGER_LINES: ClassVar = {"(response)": 12288}  # RFC 5034 §4; AUTH with an initial response is a usual line

    def announcement(self, capability: str) -> str:
        """Announce the mechanisms, where a password may be sent."""
        if capability != "SASL":
            return super().announcement(capability)
        return f"SASL {' '.join(sasl.MECHANISMS)}" if self.session.may_log_in else ""

    @verb("AUTH mechanism [initial-response]", rfc="5034 §4")
    def auth(self, args: bytes) -> Reply:
        """Begin a SASL exchange, or do all of it at once with an initial response."""
        self.log_in.check_privacy()
        return self.log_in.begin(*parse_auth(args))

    @verb("(response)", rfc="5034 §4")
    def response(self, args: bytes) -> Reply:
        """Take the client's answer to a challenge; "*" ends the exchange."""
        return self.log_in.respond(args)

    @verb("AUTH", rfc="5034 §4", name="(mechanisms)")
    def mechanisms(self, args: bytes) -> Reply:
        """List the mechanisms.

        QUIRK: AUTH without argument was never in an RFC that still stands; older clients send it instead of CAPA.
        """
        names = sasl.MECHANISMS if self.session.may_log_in else {}
        return Reply(OK, "mechanisms follow", body=stuffed_lines(name.encode() for name in names))

    def split(self, unit: bytes) -> tuple[str, bytes]:
        """Split a line; AUTH without argument is a verb of its own, since it leads nowhere."""
        name, args = super().split(unit)
        return ("(mechanisms)" if name == "AUTH" and not args.strip(b" ") else name), args


class AuthClient(Pop3ClientSession):
    """The client's part of AUTH."""

    MULTI_LINE: ClassVar = {"AUTH": Lines.ALONE}

    def auth_plain(self, user: str, password: str) -> Reply:
        """Log in with AUTH PLAIN, with an initial response where it fits into one line (RFC 5034 §4)."""
        response = sasl.encode(sasl.plain_response(user, password)).decode()
        whole = f"AUTH PLAIN {response}"
        if len(whole) + len(CRLF) <= LINE_LIMIT:
            return self.command(whole)
        challenge = self.command("AUTH PLAIN")
        return self.command(response) if challenge.outcome is Outcome.MORE else challenge
