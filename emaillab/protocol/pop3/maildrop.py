"""What does a POP3 session see of a mailbox? A maildrop: the messages of one moment, numbered, some marked as deleted.

Numbers are given at log-in and never shift; marked messages stay in the mailbox until the UPDATE state.

>>> from datetime import UTC, datetime
>>> from emaillab.protocol.backend import Entry
>>> now = datetime.now(UTC)
>>> class Shelf:
...     uid_validity = 7
...     letters = {4: b"one\\r\\n", 9: b"three"}
...     def entries(self):
...         some = self.letters.items()
...         return [Entry(uid, len(raw), now, frozenset(), ended=uid == 4) for uid, raw in some]
...     def raw(self, uid): return self.letters[uid]
>>> drop = Maildrop(Shelf())
>>> bytes(drop.listing()), drop.unique_id(2), drop.octets(2)
(b'2 12', UniqueId(number=2, id='7.9'), 7)
>>> drop.mark(1); bytes(drop.listing()), drop.numbers()
(b'1 7', [2])
"""

from __future__ import annotations

from emaillab.protocol.backend import Mailbox
from emaillab.protocol.pop3.grammar import DropListing, ScanListing, UniqueId, refuse


class Maildrop:
    """The messages of a mailbox as they were when the session logged in.

    Source: RFC 1939 §4, §5.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._entries = tuple(mailbox.entries())
        self._marked: set[int] = set()

    def numbers(self) -> list[int]:
        """Return the numbers of the messages that are not marked."""
        return [number for number in range(1, len(self._entries) + 1) if number not in self._marked]

    def check(self, number: int) -> int:
        """Return the number. Raises: Refusal when there is no such message, or it is marked."""
        if number > len(self._entries):
            raise refuse(f"no such message, the maildrop has {len(self._entries)}")
        if number in self._marked:
            raise refuse(f"message {number} is marked as deleted")
        return number

    def octets(self, number: int) -> int:
        """Return the octets RETR delivers for a message: the last line of one stored by IMAP may lack its CRLF."""
        entry = self._entries[number - 1]
        return entry.size if entry.ended else entry.size + 2

    def listing(self) -> DropListing:
        """Count the messages that are not marked, and their octets."""
        numbers = self.numbers()
        return DropListing(len(numbers), sum(map(self.octets, numbers)))

    def scan_listing(self, number: int) -> ScanListing:
        """Return one message's line of LIST."""
        return ScanListing(number, self.octets(number))

    def unique_id(self, number: int) -> UniqueId:
        """Return one message's line of UIDL: the same in every session, as IMAP's UIDVALIDITY and UID are."""
        return UniqueId(number, f"{self._mailbox.uid_validity}.{self._entries[number - 1].uid}")

    def raw(self, number: int) -> bytes:
        """Return a message's octets. Raises: Refusal when it is gone, marked, or was never there."""
        try:
            return self._mailbox.raw(self._entries[self.check(number) - 1].uid)
        except KeyError:
            raise refuse(f"message {number} has been removed by another session") from None

    def mark(self, number: int) -> None:
        """Change a message to marked. Raises: Refusal."""
        self._marked.add(self.check(number))

    def unmark_all(self) -> None:
        """Change all messages back to not marked."""
        self._marked.clear()

    def update(self) -> int:
        """Remove the marked messages for good. Returns: how many."""
        if self._marked:
            self._mailbox.remove([self._entries[number - 1].uid for number in sorted(self._marked)])
        return len(self._marked)
