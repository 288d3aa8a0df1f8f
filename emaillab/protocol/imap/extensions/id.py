"""Which program is at the other end? ID lets both say it, for statistics and bug reports.

>>> Id.VERBS["ID"].syntax
'ID NIL | (field value …)'
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.engine import Outcome
from emaillab.protocol.imap.grammar import ImapReply
from emaillab.protocol.imap.session import ANY, BACK, ImapSession, When, verb
from emaillab.protocol.table import Table


class Id(ImapSession):
    """Exchange names.

    Source: RFC 2971.
    """

    CAPABILITIES: ClassVar = {"ID": When.ALWAYS}
    MOVES: ClassVar[Table] = {ANY: {"ID": BACK}}

    @verb("ID NIL | (field value …)", rfc="2971 §3.1")
    def id(self, args: bytes) -> ImapReply:
        """Exchange the names of the programs, for statistics and bug reports."""
        cursor = self.cursor(args)
        cursor.space()
        if cursor.sees(b"("):
            cursor.items(cursor.nstring)
        elif cursor.nstring() is not None:
            cursor.fail("NIL or a list of fields and values")
        cursor.end()
        return ImapReply(Outcome.OK, "pleased to meet you", untagged=(b'* ID ("name" "emaillab")\r\n',))
