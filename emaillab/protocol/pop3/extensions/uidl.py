"""How does a program know a letter again tomorrow, when it has another number? UIDL names it for all sessions.

>>> Uidl.CAPABILITIES
('UIDL',)
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.protocol.pop3.client_session import Lines, Pop3ClientSession
from emaillab.protocol.pop3.grammar import Reply, parse_message_number, stuffed_lines
from emaillab.protocol.pop3.session import OK, TRANSACTION, Pop3Session, verb
from emaillab.protocol.table import Table


class Uidl(Pop3Session):
    """Give messages names that last.

    Source: RFC 1939 §7; RFC 2449 §6.8.
    """

    CAPABILITIES = ("UIDL",)
    MOVES: ClassVar[Table] = {TRANSACTION: {"UIDL": TRANSACTION}}

    @verb("UIDL [msg]", rfc="1939 §7")
    def uidl(self, args: bytes) -> Reply:
        """Give the unique-id of one message, or of all in a multi-line response."""
        drop = self.drop
        if args.strip(b" "):
            return Reply(OK, str(drop.unique_id(drop.check(parse_message_number(args)))))
        lines = (bytes(drop.unique_id(number)) for number in drop.numbers())
        return Reply(OK, "unique-ids follow", body=stuffed_lines(lines))


class UidlClient(Pop3ClientSession):
    """The client's part of UIDL."""

    MULTI_LINE: ClassVar = {"UIDL": Lines.ALONE}

    def uidl(self, number: int | None = None) -> Reply:
        """Ask for the unique-id of one message or of all: `.unique_ids`."""
        return self.command("UIDL" if number is None else f"UIDL {number}")
