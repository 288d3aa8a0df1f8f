"""Which mailboxes are there, and how is one opened, asked about, or given a message?

>>> arguments = Cursor(b' Sent (\\\\Seen) " 7-Feb-1994 21:52:25 -0800" {2}\\r\\nhi')
>>> parse_append(arguments)[:2]
('Sent', frozenset({'\\\\Seen'}))
"""

from __future__ import annotations

from datetime import datetime

from emaillab.protocol.backend import Mailbox
from emaillab.protocol.imap.grammar import SYSTEM_FLAGS, Cursor, ImapReply, flag_list, string
from emaillab.protocol.imap.names import DELIMITER, decode_name, encode_name, listed
from emaillab.protocol.imap.session import ImapSession, no, parse_mailbox
from emaillab.protocol.imap.view import View
from emaillab.protocol.machine import Outcome, verb

STATUS_ITEMS = ("MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "SIZE")


class MailboxCommands(ImapSession):
    """The commands on mailboxes: SELECT, EXAMINE, LIST, NAMESPACE, STATUS, APPEND, CLOSE, UNSELECT, CHECK."""

    @verb("SELECT mailbox", rfc="9051 §6.3.2")
    def select(self, args: bytes) -> ImapReply:
        """Open a mailbox, so that its messages can be read and changed."""
        return self._open(args, read_only=False)

    @verb("EXAMINE mailbox", rfc="9051 §6.3.3")
    def examine(self, args: bytes) -> ImapReply:
        """Open a mailbox for reading only."""
        return self._open(args, read_only=True)

    def _open(self, args: bytes, *, read_only: bool) -> ImapReply:
        cursor = self.cursor(args)
        cursor.space()
        name = parse_mailbox(cursor)
        cursor.end()
        closed = [] if self.view is None else [b"* OK [CLOSED] the mailbox selected before is closed\r\n"]
        self.view = None  # also when the new one cannot be opened
        self.view = View(self._existing(name), read_only=read_only)
        code, how = (b"READ-ONLY", "for reading only") if read_only else (b"READ-WRITE", "for reading and writing")
        return ImapReply(Outcome.OK, f"selected {how}", code=code, untagged=(*closed, *_summary(self.view)))

    @verb("LIST reference mailbox-pattern", rfc="9051 §6.3.9")
    def list_(self, args: bytes) -> ImapReply:
        """List the mailboxes whose names match a pattern."""
        pattern = parse_pattern(self.cursor(args))
        # An empty pattern is a question about the delimiter.
        found = listed(self._logged_in.mailbox_names(), pattern) if pattern else [("\\Noselect", "")]
        lines = [list_line(b"LIST", attributes, name) for attributes, name in found]
        return ImapReply(Outcome.OK, "that is all", untagged=tuple(lines))

    @verb("NAMESPACE", rfc="2342 §5")
    def namespace(self, args: bytes) -> ImapReply:
        """Tell where the user's own mailboxes are; there are no shared ones."""
        self.cursor(args).end()
        line = b'* NAMESPACE (("" %b)) NIL NIL\r\n' % string(DELIMITER.encode())
        return ImapReply(Outcome.OK, "that is all", untagged=(line,))

    @verb("STATUS mailbox (item …)", rfc="9051 §6.3.11")
    def status(self, args: bytes) -> ImapReply:
        """Count a mailbox's messages without opening it."""
        cursor = self.cursor(args)
        cursor.space()
        name = parse_mailbox(cursor)
        cursor.space()
        items = cursor.items(lambda: cursor.keyword("one of " + " ".join(STATUS_ITEMS), STATUS_ITEMS))
        if not items:
            cursor.after(-1).fail("at least one item")
        cursor.end()
        mailbox = self._existing(name)
        values = b" ".join(b"%b %d" % (item.encode(), _count(mailbox, item)) for item in items)
        line = b"* STATUS %b (%b)\r\n" % (string(encode_name(mailbox.name)), values)
        return ImapReply(Outcome.OK, "that is all", untagged=(line,))

    @verb("APPEND mailbox [(flag …)] [date-time] literal", rfc="9051 §6.3.12")
    def append(self, args: bytes) -> ImapReply:
        """Put a message into a mailbox; OK means that it is kept."""
        name, flags, date, raw = parse_append(self.cursor(args))
        mailbox = self._existing(name, code=b"TRYCREATE")
        try:
            uid = mailbox.append(raw, flags, date or self.session.now())
        except ValueError as error:  # a date so late that it is after the end of the calendar somewhere
            raise no(b"CANNOT", str(error)) from None
        code = b"APPENDUID %d %d" % (mailbox.uid_validity, uid)
        return ImapReply(Outcome.OK, "message kept", code=code, durable=True)

    @verb("CHECK", rfc="3501 §6.4.1")
    def check(self, args: bytes) -> ImapReply:
        """Make all changes durable."""
        self.cursor(args).end()
        return ImapReply(Outcome.OK, "all is kept", durable=True)

    @verb("CLOSE", rfc="9051 §6.4.1")
    def close(self, args: bytes) -> ImapReply:
        """Remove what is marked \\Deleted, without a word about it, and close the mailbox."""
        self.cursor(args).end()
        view, self.view = self._selected, None
        doomed = [] if view.read_only else view.with_flag("\\Deleted")
        if doomed:
            view.mailbox.remove(doomed)
        return ImapReply(Outcome.OK, "closed", durable=bool(doomed))

    @verb("UNSELECT", rfc="3691 §2")
    def unselect(self, args: bytes) -> ImapReply:
        """Close the mailbox and remove nothing."""
        self.cursor(args).end()
        self.view = None
        return ImapReply(Outcome.OK, "closed, nothing removed")


def _summary(view: View) -> list[bytes]:
    """Tell what a client needs to know of a mailbox that it opens. Source: RFC 3501 §6.3.1."""
    unseen = (number for number, entry in enumerate(view.told, 1) if "\\Seen" not in entry.flags)
    first = next(unseen, None)
    permanent = b"()" if view.read_only else flag_list([*SYSTEM_FLAGS, *view.keywords])[:-1] + b" \\*)"
    lines = [
        b"FLAGS " + view.flags(),
        b"%d EXISTS" % len(view.told),
        b"0 RECENT",  # SIMPLIFIED: RFC 9051 dropped \Recent, and no session here gets it
        *([] if first is None else [b"OK [UNSEEN %d] the first message that is not seen" % first]),
        b"OK [PERMANENTFLAGS %b] flags that are kept" % permanent,
        b"OK [UIDNEXT %d] the next message's UID" % view.mailbox.uid_next,
        b"OK [UIDVALIDITY %d] UIDs are valid" % view.mailbox.uid_validity,
    ]
    return [b"* " + line + b"\r\n" for line in lines]


def _count(mailbox: Mailbox, item: str) -> int:
    if item == "UIDNEXT":
        return mailbox.uid_next
    if item == "UIDVALIDITY":
        return mailbox.uid_validity
    if item == "RECENT":
        return 0
    status = mailbox.status()
    return {"MESSAGES": status.messages, "UNSEEN": status.unseen, "SIZE": status.size}[item]


def list_line(kind: bytes, attributes: str, name: str) -> bytes:
    """Write one line of LIST or LSUB."""
    delimiter, octets = string(DELIMITER.encode()), string(encode_name(name))
    return b"* %b (%b) %b %b\r\n" % (kind, attributes.encode(), delimiter, octets)


def parse_pattern(cursor: Cursor) -> str:
    """Consume what follows LIST or LSUB. Returns: reference and pattern in one, "" for an empty pattern."""
    cursor.space()
    reference = parse_mailbox(cursor, "a reference name")
    cursor.space()
    pattern = decode_name(cursor.list_mailbox())
    cursor.end()
    return reference + pattern if pattern else ""


def parse_append(cursor: Cursor) -> tuple[str, frozenset[str], datetime | None, bytes]:
    """Consume what follows APPEND: mailbox, flags, date and time, message.

    Source: RFC 9051 §9 "append".
    """
    cursor.space()
    name = parse_mailbox(cursor)
    cursor.space()
    flags: frozenset[str] = frozenset()
    if cursor.sees(b"("):
        flags = frozenset(cursor.items(cursor.stored_flag))
        cursor.space()
    date = None
    if cursor.sees(b'"'):
        date = cursor.date_time()
        cursor.space()
    if not cursor.sees(b"{"):
        cursor.fail("the message, as a literal such as {310}")
    raw = cursor.string()
    cursor.end()
    return name, flags, date, raw
