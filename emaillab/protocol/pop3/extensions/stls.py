"""How does a session that began in the clear become one that nobody can read? The client says STLS before it logs in.

>>> Stls.TRANSITIONS["AUTHORIZATION"]
{'STLS': 'AUTHORIZATION'}
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.engine import Signal
from emaillab.protocol.pop3.client_session import Pop3ClientSession
from emaillab.protocol.pop3.grammar import Reply, refuse
from emaillab.protocol.pop3.session import AUTHORIZATION, OK, Pop3Session, none, verb
from emaillab.protocol.table import Table


class Stls(Pop3Session):
    """Encrypt the session.

    Source: RFC 2595 §4.
    """

    CAPABILITIES = ("STLS",)
    MOVES: ClassVar[Table] = {AUTHORIZATION: {"STLS": AUTHORIZATION}}

    def announcement(self, capability: str) -> str:
        """Announce it where there is a certificate and no TLS yet, before log-in."""
        if capability == "STLS" and (not self.session.offers_tls or self.session.secure or self.maildrop is not None):
            return ""
        return super().announcement(capability)

    @verb("STLS", rfc="2595 §4")
    def stls(self, args: bytes) -> Reply:
        """Encrypt the connection from the next octet on."""
        none(args)
        if self.session.secure:
            raise refuse("the connection is encrypted already")
        if not self.session.offers_tls:
            raise refuse("STLS is not offered here")
        return Reply(OK, "begin TLS", then=Signal.START_TLS)


class StlsClient(Pop3ClientSession):
    """The client's part of STLS."""

    def stls(self) -> Reply:
        """Encrypt the connection; what CAPA said before must be asked again (RFC 2595 §4)."""
        return self.command("STLS")

    def after(self, name: str) -> None:
        """Begin TLS when the server has agreed to it."""
        if name == "STLS":
            self.stream.start_tls()
        super().after(name)
