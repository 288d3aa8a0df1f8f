"""Which messages hold what somebody looks for? SEARCH, with the answer in numbers or in UIDs.

>>> SearchCommands.TRANSITIONS["SELECTED"]
{'SEARCH': 'SELECTED', 'UID SEARCH': 'SELECTED'}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from emaillab.engine import Outcome
from emaillab.protocol.imap.client_session import ImapClientSession
from emaillab.protocol.imap.grammar import ImapReply, string
from emaillab.protocol.imap.keys import CHARSETS, Keys, Test, any_reads
from emaillab.protocol.imap.letter import StoredMessage
from emaillab.protocol.imap.search import BASIC_KEYS, parse_charset, parse_keys
from emaillab.protocol.imap.session import BACK, SELECTED, ImapSession, verb
from emaillab.protocol.imap.view import HEAVY, View
from emaillab.protocol.machine import Refusal
from emaillab.protocol.table import Table


class SearchCommands(ImapSession):
    """The command that finds messages: SEARCH, and its UID form.

    Source: RFC 9051 §6.4.4, §6.4.9.
    """

    MOVES: ClassVar[Table] = {SELECTED: {"SEARCH": BACK, "UID SEARCH": BACK}}
    SEARCH_KEYS: ClassVar = BASIC_KEYS
    NUMBERS_IN_FLIGHT = frozenset(("SEARCH",))

    @verb("SEARCH [CHARSET charset] key …", rfc="9051 §6.4.4")
    def search(self, args: bytes) -> ImapReply:
        """Find the messages that answer all keys."""
        return self._search(args, uid=False)

    @verb("UID SEARCH [CHARSET charset] key …", rfc="9051 §6.4.9", name="UID SEARCH")
    def uid_search(self, args: bytes) -> ImapReply:
        """Search, with the answer in UIDs."""
        return self._search(args, uid=True)

    def _search(self, args: bytes, *, uid: bool) -> ImapReply:
        cursor = self.cursor(args)
        cursor.space()
        charset = parse_charset(cursor)
        if charset not in CHARSETS:
            code = b"BADCHARSET (%b)" % " ".join(CHARSETS).encode()
            raise Refusal(ImapReply(Outcome.NO, f"no charset {charset!a} here", code=code))
        keys = parse_keys(cursor, charset, self._SEARCH_KEYS)
        for numbers in keys.number_sets():
            self.positions(numbers, uid=False)
        view = self.selected
        slow = any_reads(keys.keys) and view.mailbox.status().size > HEAVY
        return ImapReply(Outcome.OK, "searched", data=_found(view, keys, uid=uid), slow=slow)


def _found(view: View, keys: Keys, *, uid: bool) -> Iterator[bytes]:
    """Yield the line that names the messages found."""
    view.sync()
    test = keys.answered_by()
    found = [b"* SEARCH"]
    for position in range(len(view.uids)):
        message = view.message(position)
        if message is not None and _is_found(message, test):
            found.append(b" %d" % (message.entry.uid if uid else message.number))
    yield b"".join([*found, b"\r\n"])


def _is_found(message: StoredMessage, test: Test) -> bool:
    try:
        return test(message)
    except KeyError:  # removed by another session just now
        return False


class SearchClient(ImapClientSession):
    """The client's part of SEARCH."""

    def search(self, *criteria: str, uid: bool = False) -> list[int]:
        """Find messages: `search("UNSEEN FROM alice")`, `search("SUBJECT", "你好")`. Raises: Refused.

        Each argument goes as it is; one that is not ASCII as a UTF-8 literal, so it must be a string of its own.
        """
        words = [text.encode() if text.isascii() else string(text.encode()) for text in criteria or ("ALL",)]
        charset = [] if all(text.isascii() for text in criteria) else [b"CHARSET UTF-8"]
        response = self._data(b"UID SEARCH" if uid else b"SEARCH", *charset, *words)
        return [number for data in response.all("SEARCH") for number in data.values if isinstance(number, int)]
