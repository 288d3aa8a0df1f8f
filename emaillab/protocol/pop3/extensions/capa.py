"""How does a client learn what a server can do? It asks CAPA, which lists what the server's parts declare.

>>> Capa.TRANSITIONS["AUTHORIZATION"]
{'CAPA': 'AUTHORIZATION'}
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.protocol.pop3.client_session import Lines, Pop3ClientSession
from emaillab.protocol.pop3.grammar import Reply, stuffed_lines
from emaillab.protocol.pop3.session import ANY, BACK, OK, Pop3Session, none, verb
from emaillab.protocol.table import Table


class Capa(Pop3Session):
    """List the capabilities.

    Source: RFC 2449 §5.
    """

    MOVES: ClassVar[Table] = {ANY: {"CAPA": BACK}}

    @verb("CAPA", rfc="2449 §5")
    def capa(self, args: bytes) -> Reply:
        """List what this server can do beyond the minimum."""
        none(args)
        lines = [line.encode() for line in self.capabilities]
        return Reply(OK, "capabilities follow", body=stuffed_lines(lines))


class CapaClient(Pop3ClientSession):
    """The client's part of CAPA."""

    MULTI_LINE: ClassVar = {"CAPA": Lines.ALWAYS}

    def capa(self) -> Reply:
        """Ask what the server can do: `.capabilities`."""
        return self.command("CAPA")
