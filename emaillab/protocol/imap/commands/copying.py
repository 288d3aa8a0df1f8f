"""How do messages get into another mailbox, and out of this one? COPY and EXPUNGE.

>>> CopyCommands.TRANSITIONS["SELECTED"]
{'COPY': 'SELECTED', 'UID COPY': 'SELECTED', 'EXPUNGE': 'SELECTED'}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from emaillab.engine import Outcome
from emaillab.protocol.imap.client_session import ImapClientSession, Numbers, mailbox_octets, set_octets
from emaillab.protocol.imap.grammar import ImapReply
from emaillab.protocol.imap.results import Response
from emaillab.protocol.imap.session import BACK, SELECTED, ImapSession, no, parse_mailbox, verb
from emaillab.protocol.imap.sets import parse_set
from emaillab.protocol.table import Table


class CopyCommands(ImapSession):
    """The commands that copy messages and remove them: COPY, its UID form, and EXPUNGE.

    Source: RFC 9051 §6.4.3, §6.4.7, §6.4.9.
    """

    MOVES: ClassVar[Table] = {SELECTED: {"COPY": BACK, "UID COPY": BACK, "EXPUNGE": BACK}}

    @verb("COPY sequence-set mailbox", rfc="9051 §6.4.7")
    def copy(self, args: bytes) -> ImapReply:
        """Put copies of messages into a mailbox, all of them or none."""
        return self._copy(args, uid=False)

    @verb("UID COPY sequence-set mailbox", rfc="9051 §6.4.9", name="UID COPY")
    def uid_copy(self, args: bytes) -> ImapReply:
        """Copy, with the set in UIDs."""
        return self._copy(args, uid=True)

    @verb("EXPUNGE", rfc="9051 §6.4.3")
    def expunge(self, args: bytes) -> ImapReply:
        """Remove all messages marked \\Deleted."""
        self.cursor(args).end()
        return remove(self, self.selected.with_flag("\\Deleted"))

    def _copy(self, args: bytes, *, uid: bool) -> ImapReply:
        cursor = self.cursor(args)
        cursor.space()
        numbers = parse_set(cursor)
        cursor.space()
        name = parse_mailbox(cursor)
        cursor.end()
        view = self.selected
        uids = [view.uids[position] for position in self.positions(numbers, uid=uid)]
        target = self.existing(name, code=b"TRYCREATE")
        if not uids:  # unknown UIDs are passed over
            return ImapReply(Outcome.OK, "nothing to copy")
        try:
            copies = self.logged_in.copy(view.mailbox, uids, target)
        except KeyError:
            text = "nothing was copied: another session has removed some of the messages"
            raise no(b"EXPUNGEISSUED", text) from None
        return ImapReply(Outcome.OK, "copied", code=self.copy_code(uids, target, copies), durable=True)


def remove(session: ImapSession, doomed: Sequence[int]) -> ImapReply:
    """Remove messages, given by UID, from the selected mailbox; the client is told as all sessions are."""
    session.check_writable()
    if doomed:
        session.selected.mailbox.remove(doomed)
    return ImapReply(Outcome.OK, "removed what was marked", durable=True)


class CopyClient(ImapClientSession):
    """The client's part of COPY and EXPUNGE."""

    def copy(self, numbers: Numbers, mailbox: str, *, uid: bool = False) -> Response:
        """Copy messages into a mailbox: `.coded("COPYUID")` tells which UIDs they have there."""
        return self._say(b"UID COPY" if uid else b"COPY", set_octets(numbers), mailbox_octets(mailbox))

    def expunge(self) -> Response:
        """Remove what is marked \\Deleted: `.numbers("EXPUNGE")`."""
        return self.command("EXPUNGE")
