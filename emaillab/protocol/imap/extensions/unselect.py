"""How does a client close a mailbox without removing anything? With UNSELECT; CLOSE expunges.

>>> Unselect.TRANSITIONS["SELECTED"]
{'UNSELECT': 'AUTHENTICATED'}
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.engine import Outcome
from emaillab.protocol.imap.client_session import ImapClientSession
from emaillab.protocol.imap.grammar import ImapReply
from emaillab.protocol.imap.results import Response
from emaillab.protocol.imap.session import AUTHENTICATED, SELECTED, ImapSession, When, verb
from emaillab.protocol.table import Table


class Unselect(ImapSession):
    """Close the mailbox and remove nothing.

    Source: RFC 3691.
    """

    CAPABILITIES: ClassVar = {"UNSELECT": When.AFTER_LOG_IN}
    MOVES: ClassVar[Table] = {SELECTED: {"UNSELECT": AUTHENTICATED}}

    @verb("UNSELECT", rfc="3691 §2")
    def unselect(self, args: bytes) -> ImapReply:
        """Close the mailbox and remove nothing."""
        self.cursor(args).end()
        self.deselect()
        return ImapReply(Outcome.OK, "closed, nothing removed")


class UnselectClient(ImapClientSession):
    """The client's part of UNSELECT."""

    def unselect(self) -> Response:
        """Close the mailbox, and remove nothing."""
        return self.command("UNSELECT")
