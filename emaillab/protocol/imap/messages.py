"""What can be done with the messages of the selected mailbox? FETCH, STORE, SEARCH, COPY, EXPUNGE, by number or by UID.

>>> numbers, sign, silent, flags = parse_store(Cursor(b" 2:4 +FLAGS.SILENT (\\\\seen Later)"))
>>> bytes(numbers), sign, silent, sorted(flags)
(b'2:4', '+', True, ['Later', '\\\\Seen'])
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from emaillab.engine import Outcome
from emaillab.protocol.backend import Entry
from emaillab.protocol.imap.fetch import FLAGS, UID, fetch_answer
from emaillab.protocol.imap.grammar import Cursor, ImapReply, flag_list
from emaillab.protocol.imap.items import FetchItem, parse_items
from emaillab.protocol.imap.letter import Letter, Octets
from emaillab.protocol.imap.match import Candidate, answers
from emaillab.protocol.imap.search import CHARSETS, Keys, parse_charset, parse_keys
from emaillab.protocol.imap.session import ImapSession, no, parse_mailbox
from emaillab.protocol.imap.sets import SequenceSet, parse_set, set_of
from emaillab.protocol.imap.view import View, same_flags
from emaillab.protocol.machine import Refusal, verb

# store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))      RFC 9051 §9
_STORE_ITEM = re.compile(rb"([+-]?)FLAGS(\.SILENT)?(?= )", re.IGNORECASE)


class MessageCommands(ImapSession):
    """The commands on messages, and their UID forms."""

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

    @verb("SEARCH [CHARSET charset] key …", rfc="9051 §6.4.4")
    def search(self, args: bytes) -> ImapReply:
        """Find the messages that answer all keys."""
        return self._search(args, uid=False)

    @verb("UID SEARCH [CHARSET charset] key …", rfc="9051 §6.4.9", name="UID SEARCH")
    def uid_search(self, args: bytes) -> ImapReply:
        """Search, with the answer in UIDs."""
        return self._search(args, uid=True)

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
        return self._expunge(self._selected.with_flag("\\Deleted"))

    @verb("UID EXPUNGE sequence-set", rfc="4315 §2.1", name="UID EXPUNGE")
    def uid_expunge(self, args: bytes) -> ImapReply:
        """Remove the messages marked \\Deleted that the set names."""
        cursor = self.cursor(args)
        cursor.space()
        numbers = parse_set(cursor)
        cursor.end()
        doomed = self._selected.with_flag("\\Deleted")
        named = {self._selected.uids[position] for position in self._positions(numbers, uid=True)}
        return self._expunge([uid for uid in doomed if uid in named])

    def _positions(self, numbers: SequenceSet, *, uid: bool) -> list[int]:
        try:
            return self._selected.positions(numbers, uid=uid)
        except IndexError as error:
            raise Refusal(ImapReply(Outcome.BAD, str(error))) from None

    def _check_writable(self) -> None:
        if self._selected.read_only:
            raise Refusal(ImapReply(Outcome.NO, "the mailbox is open for reading only"))

    def _fetch(self, args: bytes, *, uid: bool) -> ImapReply:
        cursor = self.cursor(args)
        cursor.space()
        numbers = parse_set(cursor)
        cursor.space()
        items = parse_items(cursor)
        cursor.end()
        view = self._selected
        positions = self._positions(numbers, uid=uid)
        view.sync()
        seen: set[int] = set()
        if not view.read_only and any(item.marks_seen for item in items):
            seen = _change(view, positions, "+", frozenset({"\\Seen"}))
        if uid or UID in items:  # QUIRK: first, because some clients read no further to find it
            items = (UID, *(item for item in items if item != UID))
        return ImapReply(Outcome.OK, "fetched", body=_fetched(view, positions, items, seen), durable=bool(seen))

    def _store(self, args: bytes, *, uid: bool) -> ImapReply:
        numbers, sign, silent, flags = parse_store(self.cursor(args))
        view = self._selected
        self._check_writable()
        positions = self._positions(numbers, uid=uid)
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
        return ImapReply(Outcome.OK, "stored", body=_stored(view, positions, reported, uid=uid), durable=True)

    def _search(self, args: bytes, *, uid: bool) -> ImapReply:
        cursor = self.cursor(args)
        cursor.space()
        charset = parse_charset(cursor)
        if charset not in CHARSETS:
            code = b"BADCHARSET (%b)" % " ".join(CHARSETS).encode()
            raise Refusal(ImapReply(Outcome.NO, f"no charset {charset!a} here", code=code))
        keys = parse_keys(cursor, charset)
        for numbers in keys.number_sets():
            self._positions(numbers, uid=False)
        return ImapReply(Outcome.OK, "searched", body=_found(self._selected, keys, uid=uid))

    def _copy(self, args: bytes, *, uid: bool) -> ImapReply:
        cursor = self.cursor(args)
        cursor.space()
        numbers = parse_set(cursor)
        cursor.space()
        name = parse_mailbox(cursor)
        cursor.end()
        view = self._selected
        uids = [view.uids[position] for position in self._positions(numbers, uid=uid)]
        target = self._existing(name, code=b"TRYCREATE")
        if not uids:  # unknown UIDs are passed over
            return ImapReply(Outcome.OK, "nothing to copy")
        try:
            copies = self._logged_in.copy(view.mailbox, uids, target)
        except KeyError:
            text = "nothing was copied: another session has removed some of the messages"
            raise no(b"EXPUNGEISSUED", text) from None
        code = b"COPYUID %d %b %b" % (target.uid_validity, bytes(set_of(uids)), bytes(set_of(copies)))
        return ImapReply(Outcome.OK, "copied", code=code, durable=True)

    def _expunge(self, doomed: Sequence[int]) -> ImapReply:
        self._check_writable()
        if doomed:
            self._selected.mailbox.remove(doomed)
        return ImapReply(Outcome.OK, "removed what was marked", durable=True)


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


def _fetched(view: View, positions: list[int], items: tuple[FetchItem, ...], seen: set[int]) -> Iterator[Octets]:
    """Yield the answers, each message read from the store only when its turn has come."""
    gone = 0
    for position in positions:
        entry = view.entry(position)
        asked = (*items, FLAGS) if position in seen and FLAGS not in items else items
        try:
            answer = None if entry is None else _answer(view, position, entry, asked)
        except KeyError:  # removed by another session just now
            answer = None
        if answer is None:
            gone += 1
            continue
        if FLAGS in asked:
            view.note(position)
        yield from answer
    if gone:
        _gone(gone)


def _answer(view: View, position: int, entry: Entry, items: tuple[FetchItem, ...]) -> list[Octets]:
    return fetch_answer(position + 1, entry, Letter(lambda: view.mailbox.raw(entry.uid)), items)


def _gone(count: int) -> None:
    """Say that another session has removed messages. Source: RFC 9051 §7.1 "EXPUNGEISSUED"."""
    raise Refusal(ImapReply(Outcome.NO, f"{count} of the messages were removed meanwhile", code=b"EXPUNGEISSUED"))


def _stored(view: View, positions: list[int], reported: list[int], *, uid: bool) -> Iterator[Octets]:
    """Yield the new flags of messages, once they are kept."""
    for position in reported:
        entry = view.entry(position)
        if entry is not None:
            view.note(position)
            number = b"UID %d " % entry.uid if uid else b""
            yield b"* %d FETCH (%bFLAGS %b)\r\n" % (position + 1, number, flag_list(entry.flags))
    gone = sum(view.entry(position) is None for position in positions)
    if gone:
        _gone(gone)


def _found(view: View, keys: Keys, *, uid: bool) -> Iterator[Octets]:
    """Yield the line that names the messages found."""
    view.sync()
    keys = keys.cheapest_first()
    last_number, last_uid = len(view.uids), view.uids[-1] if view.uids else 0
    found = [b"* SEARCH"]
    for position in range(last_number):
        entry = view.entry(position)
        if entry is not None and _is_found(view, keys, position, entry, last_number, last_uid):
            found.append(b" %d" % (entry.uid if uid else position + 1))
    yield b"".join([*found, b"\r\n"])


def _is_found(view: View, keys: Keys, position: int, entry: Entry, last_number: int, last_uid: int) -> bool:
    letter = Letter(lambda: view.mailbox.raw(entry.uid))
    try:
        return answers(keys, Candidate(position + 1, entry, letter, last_number, last_uid))
    except KeyError:  # removed by another session just now
        return False
