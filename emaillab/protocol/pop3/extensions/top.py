"""What is in a large letter? TOP brings its header and a few lines, so that a slow line need not carry it all.

>>> Top.CAPABILITIES
('TOP',)
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.protocol.pop3.client_session import Lines, Pop3ClientSession
from emaillab.protocol.pop3.grammar import Reply, parse_top, stuffed_message, top_end
from emaillab.protocol.pop3.session import OK, TRANSACTION, Pop3Session, verb
from emaillab.protocol.table import Table


class Top(Pop3Session):
    """Send the top of a message.

    Source: RFC 1939 §7; RFC 2449 §6.1.
    """

    CAPABILITIES = ("TOP",)
    MOVES: ClassVar[Table] = {TRANSACTION: {"TOP": TRANSACTION}}

    @verb("TOP msg n", rfc="1939 §7")
    def top(self, args: bytes) -> Reply:
        """Send a message's header, the blank line, and the first n lines of its body."""
        number, lines = parse_top(args)
        raw = self.drop.raw(number)
        return Reply(OK, "top of message follows", body=stuffed_message(raw, top_end(raw, lines)))


class TopClient(Pop3ClientSession):
    """The client's part of TOP."""

    MULTI_LINE: ClassVar = {"TOP": Lines.ALWAYS}

    def top(self, number: int, lines: int) -> bytes:
        """Fetch a message's header, the blank line, and the first lines of its body. Raises: Refused."""
        return self.fetch(f"TOP {number} {lines}")
