"""Which UID has the message that was just put into a mailbox? APPEND and COPY tell, and EXPUNGE can be aimed by UID.

>>> UidPlus.TRANSITIONS["SELECTED"]
{'UID EXPUNGE': 'SELECTED'}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from emaillab.protocol.backend import Mailbox
from emaillab.protocol.imap.client_session import Numbers, set_octets
from emaillab.protocol.imap.commands.copying import CopyClient, remove
from emaillab.protocol.imap.grammar import ImapReply
from emaillab.protocol.imap.results import Response
from emaillab.protocol.imap.session import BACK, SELECTED, ImapSession, When, verb
from emaillab.protocol.imap.sets import parse_set, set_of
from emaillab.protocol.table import Table


class UidPlus(ImapSession):
    """Tell new UIDs, and expunge by UID.

    Source: RFC 4315.
    """

    CAPABILITIES: ClassVar = {"UIDPLUS": When.AFTER_LOG_IN}
    MOVES: ClassVar[Table] = {SELECTED: {"UID EXPUNGE": BACK}}

    def append_code(self, mailbox: Mailbox, uids: Sequence[int]) -> bytes:
        """Tell which UIDs the messages have got."""
        return b"APPENDUID %d %b" % (mailbox.uid_validity, bytes(set_of(uids)))

    def copy_code(self, uids: Sequence[int], target: Mailbox, copies: Sequence[int]) -> bytes:
        """Tell which UIDs the messages had, and which their copies have got."""
        return b"COPYUID %d %b %b" % (target.uid_validity, bytes(set_of(uids)), bytes(set_of(copies)))

    @verb("UID EXPUNGE sequence-set", rfc="4315 §2.1", name="UID EXPUNGE")
    def uid_expunge(self, args: bytes) -> ImapReply:
        """Remove the messages marked \\Deleted that the set names."""
        cursor = self.cursor(args)
        cursor.space()
        numbers = parse_set(cursor)
        cursor.end()
        doomed = self.selected.with_flag("\\Deleted")
        named = {self.selected.uids[position] for position in self.positions(numbers, uid=True)}
        return remove(self, [uid for uid in doomed if uid in named])


class UidPlusClient(CopyClient):
    """The client's part of UIDPLUS."""

    def expunge(self, uids: Numbers | None = None) -> Response:
        """Remove what is marked \\Deleted, or of that only the UIDs named: `.numbers("EXPUNGE")`."""
        return super().expunge() if uids is None else self._say(b"UID EXPUNGE", set_octets(uids))
