"""What do all parts of an IMAP server share? Who is logged in, which mailbox is selected, and what parts declare.

Commands and extensions are parts of a server, each in a file of its own. A part declares its moves in the table, what
CAPABILITY announces, and what it adds to FETCH, SEARCH and STATUS.

>>> from emaillab.protocol.backend import Session
>>> class Weather(ImapSession):
...     '''An extension that nobody needs.'''
...     MOVES = {ANY: {"SKY": BACK}}
...     CAPABILITIES = {"XSKY": When.ALWAYS}
...     @verb("SKY", rfc="0 §1")
...     def sky(self, args: bytes) -> ImapReply:
...         self.cursor(args).end()
...         return ImapReply(Outcome.OK, "blue")
>>> server = Weather(None, Session(server_name="mail.crepes.fr", peer_ip="192.0.2.7"))
>>> server.receive(b"a1 sky\\r\\na2 NOOP\\r\\n").splitlines()[1:], server.capabilities
([b'a1 OK blue', b"a2 BAD 'NOOP' is not a command of this server"], ['XSKY'])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar

from emaillab.engine import Outcome, State
from emaillab.protocol.backend import Account, Mailbox, MailReader, Session
from emaillab.protocol.framing.framer import Framer
from emaillab.protocol.framing.lines import LineFramer
from emaillab.protocol.framing.literals import LiteralFramer
from emaillab.protocol.imap.grammar import Cursor, ImapReply
from emaillab.protocol.imap.items import FLAGS, UID, FetchItem, ItemParser
from emaillab.protocol.imap.keys import KeyParser
from emaillab.protocol.imap.names import Listed, decode_name
from emaillab.protocol.imap.sets import SequenceSet
from emaillab.protocol.imap.speech import ImapMachine
from emaillab.protocol.imap.view import View
from emaillab.protocol.machine import CLOSED, Refusal, verb
from emaillab.protocol.table import ANY, BACK, Row, Table, declared, merge

__all__ = ["ANY", "BACK", "ImapSession", "When", "verb"]

NOT_AUTHENTICATED, AUTHENTICATED, SELECTED = "NOT_AUTHENTICATED", "AUTHENTICATED", "SELECTED"

LINE_LIMIT = 65536  # octets; clients name hundreds of messages in one line
LITERAL_LIMIT = 64 * 1024 * 1024
LITERAL_LIMIT_BEFORE_LOGIN = 4096  # a name or a password

StatusItem = Callable[[Mailbox], bytes]
"""Returns what STATUS says of a mailbox, as it is written."""


class When(Enum):
    """When a capability is announced: a client that has not logged in can do little with most."""

    ALWAYS = "always"
    BEFORE_LOG_IN = "before log-in"
    AFTER_LOG_IN = "after log-in"


def after_log_in(*verbs: str) -> Table:
    """Return the moves of verbs that are welcome after log-in, whether a mailbox is selected or not."""
    row: Row = dict.fromkeys(verbs, BACK)
    return {AUTHENTICATED: row, SELECTED: row}


class ImapSession(ImapMachine):
    """One IMAP session without its commands: who is logged in, which mailbox is selected, what parts declare.

    Parts declare, beside MOVES, MODES and PHASES:
        CAPABILITIES: what is announced, and when; `announcement` words it, or leaves it out for now.
        FETCH_ITEMS, SEARCH_KEYS, STATUS_ITEMS: by name, what FETCH, SEARCH and STATUS can be asked for.
        LONGEST_LINES, LONGEST_LITERALS: by state, octets of a line, and of all literals of a command.
        NUMBERS_IN_FLIGHT: commands during which no EXPUNGE may be told.
        and methods marked with `verb`.
    A part that keeps something of the session makes it before `super().__init__`, which greets, and so announces.
    """

    START = NOT_AUTHENTICATED
    MOVES: ClassVar[Table] = {NOT_AUTHENTICATED: {}, AUTHENTICATED: {}, SELECTED: {}}
    PHASES: ClassVar[Mapping[str, str]] = {
        NOT_AUTHENTICATED: "not authenticated",
        AUTHENTICATED: "authenticated",
        SELECTED: "selected",
        CLOSED: "logout",
    }
    MAX_BAD_COMMANDS = 20

    CAPABILITIES: ClassVar[Mapping[str, When]] = {}
    FETCH_ITEMS: ClassVar[Mapping[str, ItemParser]] = {}
    SEARCH_KEYS: ClassVar[Mapping[str, KeyParser]] = {}
    STATUS_ITEMS: ClassVar[Mapping[str, StatusItem]] = {}
    LONGEST_LINES: ClassVar[Mapping[State, int]] = {}
    LONGEST_LITERALS: ClassVar[Mapping[State, int]] = {NOT_AUTHENTICATED: LITERAL_LIMIT_BEFORE_LOGIN}
    NUMBERS_IN_FLIGHT: ClassVar[frozenset[str]] = frozenset()

    _CAPABILITIES: ClassVar[dict[str, When]] = {}
    _FETCH_ITEMS: ClassVar[dict[str, ItemParser]] = {}
    _SEARCH_KEYS: ClassVar[dict[str, KeyParser]] = {}
    _STATUS_ITEMS: ClassVar[dict[str, StatusItem]] = {}
    _LONGEST_LINES: ClassVar[dict[State, int]] = {}
    _LONGEST_LITERALS: ClassVar[dict[State, int]] = {}
    _NUMBERS_IN_FLIGHT: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._CAPABILITIES = merge(cls, declared("CAPABILITIES"), "announce {}")
        cls._FETCH_ITEMS = merge(cls, declared("FETCH_ITEMS"), "answer the FETCH item {}")
        cls._SEARCH_KEYS = merge(cls, declared("SEARCH_KEYS"), "answer the SEARCH key {}")
        cls._STATUS_ITEMS = merge(cls, declared("STATUS_ITEMS"), "answer the STATUS item {}")
        cls._LONGEST_LINES = merge(cls, declared("LONGEST_LINES"), "say how long a line may be in {}")
        cls._LONGEST_LITERALS = merge(cls, declared("LONGEST_LITERALS"), "say how long literals may be in {}")
        in_flight = [vars(part).get("NUMBERS_IN_FLIGHT", frozenset()) for part in cls.__mro__]
        cls._NUMBERS_IN_FLIGHT = frozenset().union(*in_flight)

    def __init__(self, backend: MailReader, session: Session) -> None:
        self.backend = backend
        self.session = session
        self.account: Account | None = None
        self.deselect()
        super().__init__()
        self.greet(ImapReply(Outcome.OK, f"{session.server_name} IMAP server ready", code=self.capability_code))

    # What parts may add to

    def announcement(self, capability: str) -> str:
        """Return the words that announce a capability just now, "" for none."""
        return capability

    def deselect(self) -> None:
        """Forget the selected mailbox, and all that parts remember of it; they begin with it, too."""
        self.view: View | None = None

    def opened(self, view: View) -> list[bytes]:
        """Return what else SELECT tells of a mailbox, such as b"OK [CODE 1] text", each a line without its "* "."""
        return []

    def changed_items(self) -> tuple[FetchItem, ...]:
        """Return what a client is told of a message whose flags have changed, beside its UID."""
        return (FLAGS,)

    def list_attributes(self, found: Listed) -> list[str]:
        """Return what LIST tells of a mailbox's name."""
        return [] if found.exists else ["\\Noselect"]

    def append_code(self, mailbox: Mailbox, uids: Sequence[int]) -> bytes:
        """Return the response code that tells where messages were put, b"" for none."""
        return b""

    def copy_code(self, uids: Sequence[int], target: Mailbox, copies: Sequence[int]) -> bytes:
        """Return the response code that tells which copies messages have, b"" for none."""
        return b""

    # What parts may ask

    @property
    def capabilities(self) -> list[str]:
        """What is announced, as it applies just now."""
        not_now = When.AFTER_LOG_IN if self.account is None else When.BEFORE_LOG_IN
        words = [self.announcement(word) for word, when in self._CAPABILITIES.items() if when is not not_now]
        return [word for word in words if word]

    @property
    def capability_code(self) -> bytes:
        """The capabilities, as they stand in a response code."""
        return " ".join(["CAPABILITY", *self.capabilities]).encode()

    @property
    def logged_in(self) -> Account:
        """The user's account."""
        assert self.account is not None, "the table lets nobody here before log-in"
        return self.account

    @property
    def selected(self) -> View:
        """The session's view of the selected mailbox."""
        assert self.view is not None, "the table lets nobody here without a mailbox"
        return self.view

    def existing(self, name: str, code: bytes = b"NONEXISTENT") -> Mailbox:
        """Return a mailbox. Raises: Refusal when there is none of this name."""
        mailbox = self.logged_in.mailbox(name)
        if mailbox is None:
            raise no(code, f"there is no mailbox {name[:60]!a}")
        return mailbox

    def positions(self, numbers: SequenceSet, *, uid: bool) -> list[int]:
        """Return where in the view the messages of a set are. Raises: Refusal for a number that no message has."""
        try:
            return self.selected.positions(numbers, uid=uid)
        except IndexError as error:
            raise Refusal(ImapReply(Outcome.BAD, str(error))) from None

    def check_writable(self) -> None:
        """Refuse to change a mailbox that is open for reading only. Raises: Refusal."""
        if self.selected.read_only:
            raise Refusal(ImapReply(Outcome.NO, "the mailbox is open for reading only"))

    # What a driver calls

    def disconnected(self) -> None:
        """End the session; messages marked \\Deleted stay."""
        super().disconnected()
        self.deselect()

    # What the machine asks

    def framer_for(self, state: State) -> Framer:
        """Read commands with their literals, and lines in a mode."""
        line_limit = self._LONGEST_LINES.get(state, LINE_LIMIT)
        if state in self.MODES:
            return LineFramer(line_limit)
        return LiteralFramer(line_limit, self._LONGEST_LITERALS.get(state, LITERAL_LIMIT))

    def news(self, command: str) -> Iterator[bytes]:
        """Yield what the client must be told of its mailbox; numbers stay where a command goes by them."""
        if self.view is not None:
            may_expunge = command not in self._NUMBERS_IN_FLIGHT
            yield from self.view.news(may_expunge=may_expunge, items=(UID, *self.changed_items()))


def no(code: bytes, text: str) -> Refusal:
    """Return a Refusal that says NO, with a response code."""
    return Refusal(ImapReply(Outcome.NO, text, code=code))


def parse_mailbox(cursor: Cursor, expected: str = "a mailbox name") -> str:
    """Consume a mailbox name; INBOX is INBOX in any case."""
    name = decode_name(cursor.astring(expected))
    return "INBOX" if name.upper() == "INBOX" else name
