"""How does a client read, mark, find, copy and remove messages? By number or by UID, one or many at once.

>>> class Script:  # a server that always says the same
...     def __init__(self, said): self.said = said
...     def send(self, data): print(data)
...     def readline(self, limit=8192): return self.read(self.said.index(b"\\n") + 1)
...     def read(self, count): head, self.said = self.said[:count], self.said[count:]; return head
>>> client = MessageClient(Script(b"* OK hello\\r\\n* SEARCH 2 3\\r\\nA1 OK done\\r\\n"))
>>> client.search("UNSEEN", uid=True)
b'A1 UID SEARCH UNSEEN\\r\\n'
[2, 3]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from emaillab.protocol.imap.client_mailboxes import mailbox_octets
from emaillab.protocol.imap.client_session import ImapClientSession
from emaillab.protocol.imap.grammar import flag_list, string
from emaillab.protocol.imap.results import FetchResult, Response
from emaillab.protocol.imap.sets import SequenceSet, set_of

Numbers = int | str | Sequence[int] | SequenceSet
"""Which messages: 3, "2:4,9:*", [2, 3, 4]."""


class MessageClient(ImapClientSession):
    """The client's part of the commands on messages.

    Source: RFC 9051 §6.4.
    """

    def fetch(self, numbers: Numbers, items: str | Sequence[str], *, uid: bool = False) -> list[FetchResult]:
        """Fetch items, such as "FLAGS" or "UID BODY.PEEK[]", of messages. Raises: Refused.

        The server may tell of other messages too, when their flags have changed.
        """
        asked = items if isinstance(items, str) else " ".join(items)
        if " " in asked and not asked.startswith("("):
            asked = f"({asked})"
        return self._data(_uid(b"FETCH", uid), set_octets(numbers), asked.encode()).fetched

    def store(
        self, numbers: Numbers, how: str, flags: Iterable[str], *, silent: bool = False, uid: bool = False
    ) -> Response:
        """Change flags: `how` is "FLAGS", "+FLAGS" or "-FLAGS". The new flags are in `.fetched`."""
        item = how.encode() + (b".SILENT" if silent else b"")
        return self._say(_uid(b"STORE", uid), set_octets(numbers), item, flag_list(flags))

    def search(self, *criteria: str, uid: bool = False) -> list[int]:
        """Find messages: `search("UNSEEN FROM alice")`, `search("SUBJECT", "你好")`. Raises: Refused.

        Each argument goes as it is; one that is not ASCII as a UTF-8 literal, so it must be a string of its own.
        """
        words = [text.encode() if text.isascii() else string(text.encode()) for text in criteria or ("ALL",)]
        charset = [] if all(text.isascii() for text in criteria) else [b"CHARSET UTF-8"]
        response = self._data(_uid(b"SEARCH", uid), *charset, *words)
        return [number for data in response.all("SEARCH") for number in data.values if isinstance(number, int)]

    def copy(self, numbers: Numbers, mailbox: str, *, uid: bool = False) -> Response:
        """Copy messages into a mailbox: `.coded("COPYUID")` tells which UIDs they have there."""
        return self._say(_uid(b"COPY", uid), set_octets(numbers), mailbox_octets(mailbox))

    def expunge(self) -> Response:
        """Remove what is marked \\Deleted: `.numbers("EXPUNGE")`."""
        return self.command("EXPUNGE")


def _uid(verb: bytes, uid: bool) -> bytes:
    return b"UID " + verb if uid else verb


def set_octets(numbers: Numbers) -> bytes:
    """Write which messages are meant."""
    if isinstance(numbers, str):
        return numbers.encode()
    if isinstance(numbers, int):
        return b"%d" % numbers
    return bytes(numbers if isinstance(numbers, SequenceSet) else set_of(numbers))
