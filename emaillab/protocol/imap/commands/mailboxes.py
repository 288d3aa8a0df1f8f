"""Which mailboxes are there, what is in one, and how is a message put into it? LIST, STATUS, APPEND.

>>> arguments = Cursor(b' Sent (\\\\Seen) " 7-Feb-1994 21:52:25 -0800" {2}\\r\\nhi')
>>> parse_append(arguments)[:2]
('Sent', frozenset({'\\\\Seen'}))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar

from emaillab.engine import Outcome
from emaillab.protocol.backend import Mailbox
from emaillab.protocol.imap.client_session import ImapClientSession, mailbox_octets
from emaillab.protocol.imap.grammar import Cursor, ImapReply, date_time, flag_list, string
from emaillab.protocol.imap.names import DELIMITER, decode_name, encode_name, listed
from emaillab.protocol.imap.responses import Untagged
from emaillab.protocol.imap.results import ListEntry, Response, words
from emaillab.protocol.imap.session import ImapSession, StatusItem, after_log_in, parse_mailbox, verb
from emaillab.protocol.stream import ProtocolError


def _unseen(mailbox: Mailbox) -> bytes:
    return b"%d" % sum("\\Seen" not in entry.flags for entry in mailbox.entries())


class MailboxCommands(ImapSession):
    """The commands on mailboxes that need not be selected: LIST, STATUS, APPEND.

    Source: RFC 9051 §6.3.9, §6.3.11-12.
    """

    MOVES: ClassVar = after_log_in("LIST", "STATUS", "APPEND")
    STATUS_ITEMS: ClassVar[dict[str, StatusItem]] = {
        "MESSAGES": lambda mailbox: b"%d" % len(mailbox.entries()),
        "RECENT": lambda mailbox: b"0",
        "UIDNEXT": lambda mailbox: b"%d" % mailbox.uid_next,
        "UIDVALIDITY": lambda mailbox: b"%d" % mailbox.uid_validity,
        "UNSEEN": _unseen,
    }

    @verb("LIST reference mailbox-pattern", rfc="9051 §6.3.9")
    def list_(self, args: bytes) -> ImapReply:
        """List the mailboxes whose names match a pattern."""
        pattern = parse_pattern(self.cursor(args))
        lines = [list_line(b"LIST", ["\\Noselect"], "")]  # an empty pattern is a question about the delimiter
        if pattern:
            found = listed(self.logged_in.mailbox_names(), pattern)
            lines = [list_line(b"LIST", self.list_attributes(one), one.name) for one in found]
        return ImapReply(Outcome.OK, "that is all", untagged=tuple(lines))

    @verb("STATUS mailbox (item …)", rfc="9051 §6.3.11")
    def status(self, args: bytes) -> ImapReply:
        """Count a mailbox's messages without opening it."""
        cursor = self.cursor(args)
        cursor.space()
        name = parse_mailbox(cursor)
        cursor.space()
        known = self._STATUS_ITEMS
        items = cursor.items(lambda: cursor.keyword("one of " + " ".join(known), known))
        if not items:
            cursor.after(-1).fail("at least one item")
        cursor.end()
        mailbox = self.existing(name)
        values = b" ".join(b"%b %b" % (item.encode(), known[item](mailbox)) for item in items)
        line = b"* STATUS %b (%b)\r\n" % (string(encode_name(mailbox.name)), values)
        return ImapReply(Outcome.OK, "that is all", untagged=(line,))

    @verb("APPEND mailbox [(flag …)] [date-time] literal", rfc="9051 §6.3.12")
    def append(self, args: bytes) -> ImapReply:
        """Put a message into a mailbox; OK means that it is kept."""
        name, flags, date, raw = parse_append(self.cursor(args))
        mailbox = self.existing(name, code=b"TRYCREATE")
        uid = mailbox.append(raw, flags, date or self.session.now())
        return ImapReply(Outcome.OK, "message kept", code=self.append_code(mailbox, [uid]), durable=True)


def list_line(kind: bytes, attributes: Iterable[str], name: str) -> bytes:
    """Write one line of LIST or LSUB."""
    delimiter, octets = string(DELIMITER.encode()), string(encode_name(name))
    return b"* %b (%b) %b %b\r\n" % (kind, " ".join(attributes).encode(), delimiter, octets)


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


Mailboxes = list[ListEntry]
"""An alias, because the method `list` hides the type inside the class."""


class MailboxClient(ImapClientSession):
    """The client's part of LIST, STATUS and APPEND."""

    def list(self, reference: str = "", pattern: str = "*") -> Mailboxes:
        """List the mailboxes whose names match. Raises: Refused."""
        response = self._data(b"LIST", string(encode_name(reference)), string(encode_name(pattern)))
        return [list_entry(data) for data in response.all("LIST")]

    def status(self, mailbox: str, items: Sequence[str] = ("MESSAGES", "UIDNEXT", "UNSEEN")) -> dict[str, int]:
        """Count a mailbox's messages without opening it. Raises: Refused."""
        response = self._data(b"STATUS", mailbox_octets(mailbox), f"({' '.join(items)})".encode())
        counted: dict[str, int] = {}
        for data in response.all("STATUS"):
            values = data.values[-1] if data.values else ()
            if isinstance(values, tuple):
                pairs = zip(values[::2], values[1::2], strict=False)
                counted |= {str(name).upper(): number for name, number in pairs if isinstance(number, int)}
        return counted

    def append(self, mailbox: str, raw: bytes, flags: Iterable[str] = (), date: datetime | None = None) -> Response:
        """Put a message into a mailbox; `date` is aware. Raises: TypeError for a message that is not octets."""
        if not isinstance(raw, bytes):
            raise TypeError(f"a message is kept as octets, not as {type(raw).__name__}: bytes(letter), text.encode()")
        flags = tuple(flags)
        options = [*([flag_list(flags)] if flags else []), *([date_time(date)] if date else [])]
        return self._say(b"APPEND", mailbox_octets(mailbox), *options, b"{%d}\r\n%b" % (len(raw), raw))


def list_entry(data: Untagged) -> ListEntry:
    """Read an untagged LIST or LSUB. Raises: ProtocolError."""
    if len(data.values) < 3:
        raise ProtocolError(f"a LIST response has 3 values, not {len(data.values)}")
    attributes, delimiter, name = data.values[:3]
    octets = name if isinstance(name, bytes) else str(name).encode()
    separator = delimiter.decode("utf-8", "replace") if isinstance(delimiter, bytes) else ""
    return ListEntry(decode_name(octets), separator, words(attributes))
