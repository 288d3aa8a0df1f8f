"""What may a client say whether it has logged in or not? Ask what the server can do, do nothing, and leave.

>>> AnyStateCommands.TRANSITIONS["SELECTED"]
{'CAPABILITY': 'SELECTED', 'NOOP': 'SELECTED', 'LOGOUT': 'CLOSED'}
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.engine import Outcome
from emaillab.protocol.imap.grammar import ImapReply
from emaillab.protocol.imap.session import ANY, BACK, ImapSession, When, verb
from emaillab.protocol.machine import CLOSED
from emaillab.protocol.table import Table


class AnyStateCommands(ImapSession):
    """The commands in any state: CAPABILITY, NOOP, LOGOUT.

    Source: RFC 9051 §6.1.
    """

    CAPABILITIES: ClassVar = {"IMAP4rev1": When.ALWAYS}
    MOVES: ClassVar[Table] = {ANY: {"CAPABILITY": BACK, "NOOP": BACK, "LOGOUT": CLOSED}}
    PHASES: ClassVar = {"LOGOUT": "logout"}

    @verb("CAPABILITY", rfc="9051 §6.1.1")
    def capability(self, args: bytes) -> ImapReply:
        """List what this server can do just now."""
        self.cursor(args).end()
        return ImapReply(Outcome.OK, "that is all", untagged=(b"* " + self.capability_code + b"\r\n",))

    @verb("NOOP", rfc="9051 §6.1.2")
    def noop(self, args: bytes) -> ImapReply:
        """Do nothing, but tell what has changed."""
        self.cursor(args).end()
        return ImapReply(Outcome.OK, "nothing done")

    @verb("LOGOUT", rfc="9051 §6.1.3")
    def logout(self, args: bytes) -> ImapReply:
        """Say good-bye; messages marked \\Deleted stay."""
        self.cursor(args).end()
        self.deselect()
        return ImapReply(Outcome.OK, "logged out", untagged=(b"* BYE see you\r\n",))
