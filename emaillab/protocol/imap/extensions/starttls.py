"""How does a session that began in the clear become one that nobody can read? The client asks, both go on in TLS.

>>> StartTls.TRANSITIONS["NOT_AUTHENTICATED"]
{'STARTTLS': 'NOT_AUTHENTICATED'}
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.engine import Outcome, Signal
from emaillab.protocol.imap.client_session import ImapClientSession
from emaillab.protocol.imap.grammar import ImapReply
from emaillab.protocol.imap.results import Response
from emaillab.protocol.imap.session import BACK, NOT_AUTHENTICATED, ImapSession, When, verb
from emaillab.protocol.machine import Refusal
from emaillab.protocol.table import Table


class StartTls(ImapSession):
    """Encrypt the connection from the next octet on.

    Source: RFC 9051 §6.2.1.
    """

    CAPABILITIES: ClassVar = {"STARTTLS": When.BEFORE_LOG_IN}
    MOVES: ClassVar[Table] = {NOT_AUTHENTICATED: {"STARTTLS": BACK}}

    def announcement(self, capability: str) -> str:
        """Announce it where there is a certificate, and no TLS yet."""
        if capability == "STARTTLS" and (self.session.secure or not self.session.offers_tls):
            return ""
        return super().announcement(capability)

    @verb("STARTTLS", rfc="9051 §6.2.1")
    def starttls(self, args: bytes) -> ImapReply:
        """Encrypt the connection from the next octet on."""
        self.cursor(args).end()
        if self.session.secure:
            raise Refusal(ImapReply(Outcome.BAD, "the connection is encrypted already"))
        if not self.session.offers_tls:
            raise Refusal(ImapReply(Outcome.BAD, "STARTTLS is not offered here"))
        return ImapReply(Outcome.OK, "begin TLS", then=Signal.START_TLS)


class StartTlsClient(ImapClientSession):
    """The client's part of STARTTLS."""

    def starttls(self) -> Response:
        """Encrypt the connection; what the server can do must be asked again."""
        return self.command("STARTTLS")

    def _after(self, verb: bytes) -> None:
        """Encrypt the connection once the server is ready for it."""
        super()._after(verb)
        if verb == b"STARTTLS":
            self.stream.start_tls()
            self._capabilities = ()
