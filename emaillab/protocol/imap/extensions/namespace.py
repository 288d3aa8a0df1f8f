"""Where are a user's own mailboxes, and where those of others? NAMESPACE tells, so that programs need not guess.

>>> Namespace.TRANSITIONS["AUTHENTICATED"]
{'NAMESPACE': 'AUTHENTICATED'}
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.engine import Outcome
from emaillab.protocol.imap.grammar import ImapReply, string
from emaillab.protocol.imap.names import DELIMITER
from emaillab.protocol.imap.session import ImapSession, When, after_log_in, verb


class Namespace(ImapSession):
    """Tell the prefixes of names.

    Source: RFC 2342.
    """

    CAPABILITIES: ClassVar = {"NAMESPACE": When.AFTER_LOG_IN}
    MOVES: ClassVar = after_log_in("NAMESPACE")

    @verb("NAMESPACE", rfc="2342 §5")
    def namespace(self, args: bytes) -> ImapReply:
        """Tell where the user's own mailboxes are; there are no shared ones."""
        self.cursor(args).end()
        line = b'* NAMESPACE (("" %b)) NIL NIL\r\n' % string(DELIMITER.encode())
        return ImapReply(Outcome.OK, "that is all", untagged=(line,))
