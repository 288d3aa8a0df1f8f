"""What has this session been told of its mailbox? The numbers 1 to n exist only in that telling.

Other sessions add, flag and remove messages at any time. A session's message numbers change only when it is told so.

>>> from emaillab.protocol.backend import Entry
>>> from datetime import UTC, datetime
>>> class Three:
...     name, uid_validity, uid_next = "INBOX", 1, 13
...     uids = [10, 11, 12]
...     def entries(self): return [Entry(uid, 5, datetime(2026, 1, 1, tzinfo=UTC), frozenset()) for uid in self.uids]
>>> mailbox = Three()
>>> view = View(mailbox, read_only=False)
>>> mailbox.uids = [12, 13]
>>> list(view.news(may_expunge=False)), list(view.news(may_expunge=True)), view.uids
([b'* 4 EXISTS\\r\\n'], [b'* 1 EXPUNGE\\r\\n', b'* 1 EXPUNGE\\r\\n'], [12, 13])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from emaillab.protocol.backend import Entry, Mailbox
from emaillab.protocol.imap.grammar import SYSTEM_FLAGS, flag_list
from emaillab.protocol.imap.sets import SequenceSet


class View:
    """A session's view of its selected mailbox: `told` is what the client knows, `now` what the store holds."""

    def __init__(self, mailbox: Mailbox, *, read_only: bool) -> None:
        self.mailbox, self.read_only = mailbox, read_only
        self._entries = mailbox.entries()
        self.told: list[Entry] = list(self._entries)
        self.now: dict[int, Entry] = {entry.uid: entry for entry in self.told}
        self.uids: list[int] = [entry.uid for entry in self.told]
        self._news = False
        self._keywords = self.keywords()

    def sync(self) -> None:
        """Look what the store holds now; the client is told later."""
        entries = self.mailbox.entries()
        if entries is not self._entries:  # a client that fetches one by one must not cost a comparison of all each time
            self._entries, self._news = entries, True
            self.now = {entry.uid: entry for entry in entries}

    def keywords(self) -> set[str]:
        """Return the keywords in use."""
        return {flag for entry in self.now.values() for flag in entry.flags if not flag.startswith("\\")}

    def flags(self) -> bytes:
        """Return the flags that may be met here: the system's, and the keywords in use."""
        return flag_list([*SYSTEM_FLAGS, *self._keywords])

    def positions(self, numbers: SequenceSet, *, uid: bool) -> list[int]:
        """Return the positions (numbers less one) that a set names.

        Raises: IndexError when a message number is too large; unknown UIDs are passed over.
        """
        if uid:
            return list(numbers.positions(self.uids))
        last = len(self.uids)
        if numbers.largest(last) > last or (not last and numbers.uses_star()):
            raise IndexError(f"there is no message {numbers.largest(last) or '*'}, the mailbox has {last}")
        return [number - 1 for number in numbers.numbers(last)]

    def entry(self, position: int) -> Entry | None:
        """Return a message as the store holds it now, None when it is gone."""
        return self.now.get(self.uids[position])

    @property
    def keywords_known(self) -> set[str]:
        """The keywords that the client has been told of."""
        return self._keywords

    def is_news(self, position: int) -> bool:
        """Tell whether a message's flags are not what the client was told."""
        entry = self.entry(position)
        return entry is not None and entry.flags != self.told[position].flags

    def note(self, position: int) -> None:
        """Note that the client knows a message's flags, or need not be told."""
        entry = self.entry(position)
        if entry is not None:
            self.told[position] = entry

    def news(self, *, may_expunge: bool) -> Iterator[bytes]:
        """Yield what the client must be told, and renumber as it is told.

        Source: RFC 9051 §5.2, §7.5.1: no EXPUNGE while message numbers are in flight.
        """
        self.sync()
        if not self._news:
            return
        gone_left = False
        if may_expunge:
            yield from self._expunges()
        else:
            gone_left = any(uid not in self.now for uid in self.uids)
        last = self.uids[-1] if self.uids else 0
        new = [entry for entry in self.now.values() if entry.uid > last]
        if new:
            self.told += new
            self.uids += [entry.uid for entry in new]
            yield b"* %d EXISTS\r\n" % len(self.uids)
        yield from self._new_flags()
        self._news = gone_left

    def _expunges(self) -> Iterator[bytes]:
        kept: list[Entry] = []
        for entry in self.told:
            if entry.uid in self.now:
                kept.append(entry)
            else:
                yield b"* %d EXPUNGE\r\n" % (len(kept) + 1)  # each one renumbers all that follow at once
        self.told, self.uids = kept, [entry.uid for entry in kept]

    def _new_flags(self) -> Iterator[bytes]:
        keywords = self.keywords()
        if not keywords <= self._keywords:
            self._keywords |= keywords
            yield b"* FLAGS " + self.flags() + b"\r\n"
        for position, known in enumerate(self.told):
            entry = self.now.get(known.uid)
            if entry is not None and entry.flags != known.flags:
                self.told[position] = entry
                yield b"* %d FETCH (UID %d FLAGS %b)\r\n" % (position + 1, entry.uid, flag_list(entry.flags))

    def with_flag(self, flag: str) -> list[int]:
        """Return the UIDs of the messages that carry a flag now."""
        self.sync()
        return [entry.uid for entry in self.now.values() if flag in entry.flags]


def same_flags(flags: Iterable[str], known: Iterable[str]) -> frozenset[str]:
    """Return flags as they are stored: a keyword in another case is the one already there."""
    by_lower = {flag.lower(): flag for flag in known}
    return frozenset(by_lower.get(flag.lower(), flag) for flag in flags)
