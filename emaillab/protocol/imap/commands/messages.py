"""How are messages read, and marked? FETCH and STORE, by number or by UID.

>>> numbers, sign, silent, flags = parse_store(Cursor(b" 2:4 +FLAGS.SILENT (\\\\seen Later)"))
>>> bytes(numbers), sign, silent, sorted(flags)
(b'2:4', '+', True, ['Later', '\\\\Seen'])
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from emaillab.engine import Outcome
from emaillab.protocol.imap.client_session import ImapClientSession, Numbers, set_octets
from emaillab.protocol.imap.fetch import fetch_answer
from emaillab.protocol.imap.grammar import Cursor, ImapReply, flag_list
from emaillab.protocol.imap.items import BASIC_ITEMS, FLAGS, UID, FetchItem, parse_items
from emaillab.protocol.imap.letter import Octets
from emaillab.protocol.imap.results import FetchResult, Response
from emaillab.protocol.imap.session import BACK, SELECTED, ImapSession, no, verb
from emaillab.protocol.imap.sets import SequenceSet, parse_set
from emaillab.protocol.imap.view import View, same_flags
from emaillab.protocol.table import Table

# store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))      RFC 9051 §9
_STORE_ITEM = re.compile(rb"([+-]?)FLAGS(\.SILENT)?(?= )", re.IGNORECASE)


class MessageCommands(ImapSession):
    """The commands that read messages and mark them: FETCH, STORE, and their UID forms.

    Source: RFC 9051 §6.4.5-6, §6.4.9.
    """

    MOVES: ClassVar[Table] = {SELECTED: dict.fromkeys(("FETCH", "STORE", "UID FETCH", "UID STORE"), BACK)}
    FETCH_ITEMS: ClassVar = BASIC_ITEMS
    NUMBERS_IN_FLIGHT = frozenset(("FETCH", "STORE"))

    @verb("FETCH sequence-set items", rfc="9051 §6.4.5")
    def fetch(self, args: bytes) -> ImapReply:
        """Answer with parts and properties of messages."""
        return self._fetch(args, uid=False)

    @verb("UID FETCH sequence-set items", rfc="9051 §6.4.9", name="UID FETCH")
    def uid_fetch(self, args: bytes) -> ImapReply:
        """Fetch, with the set and the answers in UIDs."""
        return self._fetch(args, uid=True)

    @verb("STORE sequence-set [+|-]FLAGS[.SILENT] flags", rfc="9051 §6.4.6")
    def store(self, args: bytes) -> ImapReply:
        """Set, add or remove flags."""
        return self._store(args, uid=False)

    @verb("UID STORE sequence-set [+|-]FLAGS[.SILENT] flags", rfc="9051 §6.4.9", name="UID STORE")
    def uid_store(self, args: bytes) -> ImapReply:
        """Store, with the set in UIDs."""
        return self._store(args, uid=True)

    def _fetch(self, args: bytes, *, uid: bool) -> ImapReply:
        cursor = self.cursor(args)
        cursor.space()
        numbers = parse_set(cursor)
        cursor.space()
        items = parse_items(cursor, self._FETCH_ITEMS)
        cursor.end()
        view = self.selected
        positions = self.positions(numbers, uid=uid)
        view.sync()
        seen: set[int] = set()
        if not view.read_only and any(item.marks_seen for item in items):
            seen = _change(view, positions, "+", frozenset({"\\Seen"}))
        if uid or UID in items:  # QUIRK: first, because some clients read no further to find it
            items = (UID, *(item for item in items if item != UID))
        asked = [(position, self._with_flags(items) if position in seen else items) for position in positions]
        return ImapReply(Outcome.OK, "fetched", data=_fetched(view, asked), durable=bool(seen))

    def _with_flags(self, items: tuple[FetchItem, ...]) -> tuple[FetchItem, ...]:
        """Add to items what must be told of a message whose flags the FETCH itself has changed."""
        return (*items, *(item for item in self.changed_items() if item not in items))

    def _store(self, args: bytes, *, uid: bool) -> ImapReply:
        numbers, sign, silent, flags = parse_store(self.cursor(args))
        view = self.selected
        self.check_writable()
        positions = self.positions(numbers, uid=uid)
        view.sync()
        news = {position for position in positions if view.is_news(position)}
        _change(view, positions, sign, flags)
        if silent:
            for position in positions:
                if position not in news:  # what others did must still be told
                    view.note(position)
            reported: list[int] = []
        else:
            reported = positions
        items = (*([UID] if uid else []), *self.changed_items())
        return ImapReply(Outcome.OK, "stored", data=_stored(view, positions, reported, items), durable=True)


def parse_store(cursor: Cursor) -> tuple[SequenceSet, str, bool, frozenset[str]]:
    """Consume what follows STORE: set; "+", "-" or ""; silent or not; flags."""
    cursor.space()
    numbers = parse_set(cursor)
    cursor.space()
    item = cursor.match(_STORE_ITEM, "FLAGS, +FLAGS or -FLAGS, with or without .SILENT, and flags")
    cursor.space()
    if cursor.sees(b"("):
        flags = cursor.items(cursor.stored_flag)
    else:
        flags = [cursor.stored_flag()]
        while not cursor.at_end:
            cursor.space()
            flags.append(cursor.stored_flag())
    cursor.end()
    return numbers, item[1].decode(), bool(item[2]), frozenset(flags)


def _change(view: View, positions: Sequence[int], sign: str, flags: frozenset[str]) -> set[int]:
    """Set, add or remove flags in the store. Returns: the positions where that changed something."""
    changed = set()
    for position in positions:
        entry = view.entry(position)
        if entry is None:
            continue
        flags_here = same_flags(flags, entry.flags | view.keywords)
        wanted = {"+": entry.flags | flags_here, "-": entry.flags - flags_here}.get(sign, flags_here)
        if wanted != entry.flags:
            view.change(entry, wanted)
            changed.add(position)
    return changed


def _fetched(view: View, asked: list[tuple[int, tuple[FetchItem, ...]]]) -> Iterator[Octets]:
    """Yield the answers, each message read from the store only when its turn has come."""
    gone = 0
    for position, items in asked:
        message = view.message(position)
        try:
            answer = None if message is None else fetch_answer(message, items)
        except KeyError:  # removed by another session just now
            answer = None
        if answer is None:
            gone += 1
            continue
        if FLAGS in items:
            view.note(position)
        yield from answer
    if gone:
        _gone(gone)


def _gone(count: int) -> None:
    """Say that another session has removed messages. Source: RFC 9051 §7.1 "EXPUNGEISSUED"."""
    raise no(b"EXPUNGEISSUED", f"{count} of the messages were removed meanwhile")


def _stored(view: View, positions: list[int], reported: list[int], items: Sequence[FetchItem]) -> Iterator[Octets]:
    """Yield the new flags of messages, once they are kept."""
    for position in reported:
        message = view.message(position)
        if message is not None:
            view.note(position)
            yield from fetch_answer(message, items)
    gone = sum(view.entry(position) is None for position in positions)
    if gone:
        _gone(gone)


class MessageClient(ImapClientSession):
    """The client's part of FETCH and STORE."""

    def fetch(self, numbers: Numbers, items: str | Sequence[str], *, uid: bool = False) -> list[FetchResult]:
        """Fetch items, such as "FLAGS" or "UID BODY.PEEK[]", of messages. Raises: Refused.

        The server may tell of other messages too, when their flags have changed.
        """
        asked = items if isinstance(items, str) else " ".join(items)
        if " " in asked and not asked.startswith("("):
            asked = f"({asked})"
        return self._data(b"UID FETCH" if uid else b"FETCH", set_octets(numbers), asked.encode()).fetched

    def store(
        self, numbers: Numbers, how: str, flags: Iterable[str], *, silent: bool = False, uid: bool = False
    ) -> Response:
        """Change flags: `how` is "FLAGS", "+FLAGS" or "-FLAGS". The new flags are in `.fetched`."""
        item = how.encode() + (b".SILENT" if silent else b"")
        return self._say(b"UID STORE" if uid else b"STORE", set_octets(numbers), item, flag_list(flags))
