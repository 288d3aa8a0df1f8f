"""Must a client wait for each response? Not with PIPELINING: it says several commands at once, and then reads.

>>> Pipelining.CAPABILITIES
('PIPELINING',)
"""

from __future__ import annotations

from collections.abc import Sequence

from emaillab.protocol.framing.lines import CRLF
from emaillab.protocol.pop3.client_session import Pop3ClientSession, one_line
from emaillab.protocol.pop3.grammar import Reply
from emaillab.protocol.pop3.session import Pop3Session


class Pipelining(Pop3Session):
    """Announce what holds anyway: lines are taken one by one, however they come in segments.

    Source: RFC 2449 §6.6.
    """

    CAPABILITIES = ("PIPELINING",)


class PipeliningClient(Pop3ClientSession):
    """The client's part of PIPELINING."""

    def pipeline(self, lines: Sequence[str | bytes]) -> tuple[Reply, ...]:
        """Say several lines at once, and return their responses."""
        commands = [one_line(line) for line in lines]
        self.stream.send(b"".join(command + CRLF for command in commands))
        return tuple(self.read_response(command) for command in commands)
