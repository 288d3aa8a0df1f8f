"""How does a session that began in the clear become one that nobody can read? The client asks, both go on in TLS.

>>> StartTls.TRANSITIONS["READY"]
{'STARTTLS': 'GREETED'}
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.engine import Signal
from emaillab.protocol.machine import Refusal, verb
from emaillab.protocol.smtp.client_session import SmtpClientSession
from emaillab.protocol.smtp.grammar import Reply
from emaillab.protocol.smtp.session import GREETED, HANDSHAKE, READY, SmtpSession, none
from emaillab.protocol.table import Table


class StartTls(SmtpSession):
    """Encrypt the session, which then begins anew: what was said in the clear counts no more.

    Source: RFC 3207.
    """

    KEYWORDS = ("STARTTLS",)
    MOVES: ClassVar[Table] = {READY: {"STARTTLS": GREETED}}
    PHASES: ClassVar = {"STARTTLS": HANDSHAKE}

    def announcement(self, keyword: str) -> str:
        """Announce it where there is a certificate, and no TLS yet."""
        if keyword == "STARTTLS" and (not self.session.offers_tls or self.session.tls):
            return ""
        return super().announcement(keyword)

    @verb("STARTTLS", rfc="3207 §4")
    def starttls(self, args: bytes) -> Reply:
        """Invite the client to encrypt the rest of the session."""
        none(args, "STARTTLS")
        if self.session.tls:
            raise Refusal(Reply(503, "5.5.1", "this session is encrypted already"))
        if not self.session.offers_tls:
            raise Refusal(Reply(502, "5.5.1", "STARTTLS is not offered here"))
        return Reply(220, "2.0.0", "go ahead with TLS", then=Signal.START_TLS)


class StartTlsClient(SmtpClientSession):
    """The client's part of STARTTLS."""

    def starttls(self) -> Reply:
        """Encrypt the session. What the server said before it counts no more: EHLO must follow."""
        reply = self.command("STARTTLS")
        if reply.ok:
            self.stream.start_tls()
            self.extensions = {}
        return reply
