"""How does a client open, list, count and fill mailboxes? Each method is one command, and reads what answers it.

>>> class Script:  # a server that always says the same
...     def __init__(self, said): self.said = said
...     def send(self, data): print(data)
...     def readline(self, limit=8192): return self.read(self.said.index(b"\\n") + 1)
...     def read(self, count): head, self.said = self.said[:count], self.said[count:]; return head
>>> client = MailboxClient(Script(b'* OK hello\\r\\n* STATUS "Sent" (MESSAGES 2)\\r\\nA1 OK done\\r\\n'))
>>> client.status("Sent", ["MESSAGES"])
b'A1 STATUS Sent (MESSAGES)\\r\\n'
{'MESSAGES': 2}
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from emaillab.protocol.imap.client_session import ImapClientSession
from emaillab.protocol.imap.grammar import astring, date_time, flag_list, string
from emaillab.protocol.imap.names import decode_name, encode_name
from emaillab.protocol.imap.responses import Untagged, Value
from emaillab.protocol.imap.results import ListEntry, Response, words
from emaillab.protocol.stream import ProtocolError

Mailboxes = list[ListEntry]
"""An alias, because the method `list` hides the type inside the class."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What SELECT told of a mailbox."""

    response: Response
    exists: int
    uid_validity: int | None
    uid_next: int | None
    unseen: int | None  # the number of the first unseen message
    flags: frozenset[str]
    permanent_flags: frozenset[str]
    read_only: bool

    @property
    def ok(self) -> bool:
        """True when the mailbox is selected."""
        return self.response.ok

    def __str__(self) -> str:
        return str(self.response)


class MailboxClient(ImapClientSession):
    """The client's part of the commands on mailboxes.

    Source: RFC 9051 §6.3; RFC 3501 §6.3.9.
    """

    def select(self, mailbox: str = "INBOX", readonly: bool = False) -> Selected:
        """Open a mailbox with SELECT, or for reading only with EXAMINE."""
        response = self._say(b"EXAMINE" if readonly else b"SELECT", mailbox_octets(mailbox))
        exists, flags = response.numbers("EXISTS"), response.all("FLAGS")
        permanent = response.coded("PERMANENTFLAGS") or ()
        return Selected(
            response,
            exists[-1] if exists else 0,
            _first_number(response.coded("UIDVALIDITY")),
            _first_number(response.coded("UIDNEXT")),
            _first_number(response.coded("UNSEEN")),
            words(flags[-1].values[0]) if flags and flags[-1].values else frozenset(),
            words(permanent[0]) if permanent else frozenset(),
            response.code == "READ-ONLY",
        )

    def list(self, reference: str = "", pattern: str = "*") -> Mailboxes:
        """List the mailboxes whose names match. Raises: Refused."""
        response = self._data(b"LIST", string(encode_name(reference)), string(encode_name(pattern)))
        return [_list_entry(data) for data in response.all("LIST")]

    def lsub(self, reference: str = "", pattern: str = "*") -> Mailboxes:
        """List the subscriptions whose names match. Raises: Refused."""
        response = self._data(b"LSUB", string(encode_name(reference)), string(encode_name(pattern)))
        return [_list_entry(data) for data in response.all("LSUB")]

    def create(self, mailbox: str) -> Response:
        """Make a mailbox."""
        return self._say(b"CREATE", mailbox_octets(mailbox))

    def delete(self, mailbox: str) -> Response:
        """Remove a mailbox and all that is in it."""
        return self._say(b"DELETE", mailbox_octets(mailbox))

    def rename(self, mailbox: str, to: str) -> Response:
        """Change the name of a mailbox and of those below it."""
        return self._say(b"RENAME", mailbox_octets(mailbox), mailbox_octets(to))

    def subscribe(self, mailbox: str) -> Response:
        """Add a mailbox to those that programs should show."""
        return self._say(b"SUBSCRIBE", mailbox_octets(mailbox))

    def unsubscribe(self, mailbox: str) -> Response:
        """Take a mailbox off those that programs should show."""
        return self._say(b"UNSUBSCRIBE", mailbox_octets(mailbox))

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

    def close_mailbox(self) -> Response:
        """Remove what is marked \\Deleted, and close the mailbox."""
        return self.command("CLOSE")


def mailbox_octets(name: str) -> bytes:
    """Write a mailbox name."""
    return astring(encode_name(name))


def _first_number(values: tuple[Value, ...] | None) -> int | None:
    return values[0] if values and isinstance(values[0], int) else None


def _list_entry(data: Untagged) -> ListEntry:
    if len(data.values) < 3:
        raise ProtocolError(f"a LIST response has 3 values, not {len(data.values)}")
    attributes, delimiter, name = data.values[:3]
    octets = name if isinstance(name, bytes) else str(name).encode()
    separator = delimiter.decode("utf-8", "replace") if isinstance(delimiter, bytes) else ""
    return ListEntry(decode_name(octets), separator, words(attributes))
