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

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from emaillab.protocol.backend import Entry, Mailbox
from emaillab.protocol.imap.fetch import fetch_answer
from emaillab.protocol.imap.grammar import SYSTEM_FLAGS, flag_list
from emaillab.protocol.imap.items import FLAGS, UID, FetchItem
from emaillab.protocol.imap.letter import Letter, StoredMessage
from emaillab.protocol.imap.sets import SequenceSet

HEAVY = 1 << 16
"""Octets of letters above which looking into them is work that others should not have to wait for."""


class View:
    """A session's view of its selected mailbox: `told` is what the client knows, `now` what the store holds."""

    def __init__(self, mailbox: Mailbox, *, read_only: bool) -> None:
        self.mailbox, self.read_only = mailbox, read_only
        self._entries: Sequence[Entry] = mailbox.entries()
        self.told: list[Entry] = list(self._entries)
        self.uids: list[int] = [entry.uid for entry in self.told]
        self.now: dict[int, Entry] = {entry.uid: entry for entry in self.told}
        self.keywords: set[str] = set().union(*(_keywords(entry) for entry in self.told))
        """The keywords that the client has been told of."""
        self._changed: set[int] = set()  # UIDs of which there may be something to tell
        self._gone: set[int] = set()  # UIDs of removed messages that still have a number

    def sync(self) -> None:
        """Look what the store holds now; the client is told later."""
        entries = self.mailbox.entries()
        if entries is self._entries:
            return
        before, self._entries = self.now, entries
        self.now = {entry.uid: entry for entry in entries}
        self._changed.update([uid for uid, entry in self.now.items() if before.get(uid) is not entry])
        self._gone |= before.keys() - self.now.keys()

    def change(self, entry: Entry, flags: frozenset[str]) -> None:
        """Change a message's flags in the store, as this session's client has asked."""
        self.mailbox.set_flags(entry.uid, flags)
        self.now[entry.uid] = replace(entry, flags=flags)
        self._changed.add(entry.uid)
        self._entries = ()  # whether it will be kept shows only in the store

    def flags(self) -> bytes:
        """Return the flags that may be met here: the system's, and the keywords in use."""
        return flag_list([*SYSTEM_FLAGS, *self.keywords])

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

    def message(self, position: int) -> StoredMessage | None:
        """Return a message with all that can be asked about it, None when it is gone."""
        entry = self.now.get(self.uids[position])
        return None if entry is None else self._message(position, entry)

    def _message(self, position: int, entry: Entry) -> StoredMessage:
        return StoredMessage(position + 1, entry, Letter(lambda: self.mailbox.raw(entry.uid)), self.uids)

    def is_news(self, position: int) -> bool:
        """Tell whether a message's flags are not what the client was told."""
        entry = self.entry(position)
        return entry is not None and entry.flags != self.told[position].flags

    def note(self, position: int) -> None:
        """Note that the client knows a message's flags, or need not be told."""
        entry = self.entry(position)
        if entry is not None:
            self.told[position] = entry

    def news(self, *, may_expunge: bool, items: Sequence[FetchItem] = (UID, FLAGS)) -> Iterator[bytes]:
        """Yield what the client must be told, and renumber as it is told.

        Args: items: what to tell of a message whose flags have changed.
        Source: RFC 9051 §5.2, §7.5.1: no EXPUNGE while message numbers are in flight.
        """
        self.sync()
        if may_expunge and self._gone:
            yield from self._expunges()
        changed, self._changed = sorted(self._changed & self.now.keys()), set()
        last = self.uids[-1] if self.uids else 0
        new = [uid for uid in changed if uid > last]
        if new:
            self.told += [self.now[uid] for uid in new]
            self.uids += new
            yield b"* %d EXISTS\r\n" % len(self.uids)
        yield from self._new_keywords(changed)
        yield from self._new_flags(changed, items)

    def _expunges(self) -> Iterator[bytes]:
        kept: list[Entry] = []
        for entry in self.told:
            if entry.uid not in self._gone:
                kept.append(entry)
            else:
                yield b"* %d EXPUNGE\r\n" % (len(kept) + 1)  # each one renumbers all that follow at once
        self.told, self.uids, self._gone = kept, [entry.uid for entry in kept], set()

    def _new_keywords(self, changed: list[int]) -> Iterator[bytes]:
        keywords = set().union(*(_keywords(self.now[uid]) for uid in changed))
        if not keywords <= self.keywords:
            self.keywords |= keywords
            yield b"* FLAGS " + self.flags() + b"\r\n"

    def _new_flags(self, changed: list[int], items: Sequence[FetchItem]) -> Iterator[bytes]:
        for uid in changed:
            position, entry = bisect_left(self.uids, uid), self.now[uid]
            if entry.flags != self.told[position].flags:
                self.told[position] = entry
                yield b"".join(fetch_answer(self._message(position, entry), items))

    def with_flag(self, flag: str) -> list[int]:
        """Return the UIDs of the messages that carry a flag now."""
        self.sync()
        return [entry.uid for entry in self.now.values() if flag in entry.flags]


def _keywords(entry: Entry) -> set[str]:
    return {flag for flag in entry.flags if not flag.startswith("\\")}


def same_flags(flags: Iterable[str], known: Iterable[str]) -> frozenset[str]:
    """Return flags as they are stored: a keyword in another case is the one already there."""
    by_lower = {flag.lower(): flag for flag in known}
    return frozenset(by_lower.get(flag.lower(), flag) for flag in flags)
