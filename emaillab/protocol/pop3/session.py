"""What do all parts of a POP3 server share? The session's states, the maildrop, and how responses are worded.

Commands and extensions are parts of a server, each in a file of its own. A part declares its moves in the table, what
CAPA lists of it, and which lines may be longer than usual.

>>> from emaillab.protocol.backend import EmptyHost, Session
>>> class Weather(Pop3Session):
...     '''An extension that nobody needs.'''
...     MOVES = {ANY: {"SKY": BACK}}
...     CAPABILITIES = ("XSKY",)
...     @verb("SKY", rfc="0 §1")
...     def sky(self, args: bytes) -> Reply:
...         return Reply(OK, "blue")
>>> server = Weather(EmptyHost(), Session("b.example", "192.0.2.7"))
>>> server.receive(b"sky\\r\\nmoon\\r\\n").splitlines()[1:], server.capabilities
([b'+OK blue', b"-ERR 'MOON' is not a command"], ['XSKY'])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from emaillab.engine import Outcome, Signal, State
from emaillab.protocol.backend import Account, MailReader, Session
from emaillab.protocol.framing.framer import Framer, FramingError
from emaillab.protocol.framing.lines import CRLF, LineFramer
from emaillab.protocol.machine import Machine, Refusal, verb
from emaillab.protocol.pop3.grammar import LINE_LIMIT, Reply, refuse, shown
from emaillab.protocol.pop3.maildrop import Maildrop
from emaillab.protocol.table import ANY, BACK, declared, merge

__all__ = ["ANY", "BACK", "Pop3Session", "verb"]

AUTHORIZATION, TRANSACTION = "AUTHORIZATION", "TRANSACTION"
OK, MORE, NO, BAD = Outcome.OK, Outcome.MORE, Outcome.NO, Outcome.BAD


def _announced(part: type) -> Mapping[str, str]:
    """Return the lines that one part adds to the answer to CAPA, by capability."""
    return {line.split()[0]: line for line in vars(part).get("CAPABILITIES", ())}


class Pop3Session(Machine[Reply]):
    """One POP3 session without its commands.

    Parts declare, beside MOVES, MODES and PHASES:
        CAPABILITIES: what CAPA lists; `announcement` fills it in, or leaves it out for now.
        LONGER_LINES: for verbs whose line may be longer than 255 octets, how long; also for the pseudo-verb of a mode.
        and methods marked with `verb`.
    """

    START = AUTHORIZATION
    PHASES: ClassVar[Mapping[str, str]] = {AUTHORIZATION: "authorization", TRANSACTION: "transaction"}
    MAX_BAD_COMMANDS = 20
    USUAL_LINE = LINE_LIMIT - len(CRLF)

    CAPABILITIES: ClassVar[tuple[str, ...]] = ()
    LONGER_LINES: ClassVar[Mapping[str, int]] = {}

    _ANNOUNCED: ClassVar[dict[str, str]] = {}
    _LONGER_LINES: ClassVar[dict[str, int]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._ANNOUNCED = merge(cls, _announced, "announce {}")
        cls._LONGER_LINES = merge(cls, declared("LONGER_LINES"), "say how long the line of {} may be")

    def __init__(self, backend: MailReader, session: Session) -> None:
        self.backend = backend
        self.session = session
        self.maildrop: Maildrop | None = None  # once somebody has logged in
        self._account: Account | None = None  # whose maildrop is locked
        super().__init__(backend.work)
        self.greet(Reply(OK, f"{session.server_name} POP3 server ready"))

    # What parts may add to

    def announcement(self, capability: str) -> str:
        """Return the line that announces a capability just now, "" for none."""
        return self._ANNOUNCED[capability]

    @property
    def capabilities(self) -> list[str]:
        """What CAPA lists, as it applies just now; all but STLS is the same after log-in (RFC 2449 §5, 2595 §4)."""
        return [line for line in map(self.announcement, self._ANNOUNCED) if line]

    # The maildrop

    @property
    def drop(self) -> Maildrop:
        """The maildrop, where the table lets nobody come without one."""
        assert self.maildrop is not None, "the table lets nobody here before log-in"
        return self.maildrop

    def open_maildrop(self, user: str) -> Maildrop:
        """Lock a user's INBOX and take the snapshot that this session works on; only then is the user logged in.

        Raises: Refusal when another session has locked it.
        """
        account = self.backend.account(user)
        if not account.lock_maildrop(self.session.id):
            raise refuse("[IN-USE] another session has locked the maildrop")
        self._account = account
        try:
            inbox = account.mailbox("INBOX")
            if inbox is None:
                raise refuse("[SYS/PERM] the account has no INBOX")
            self.maildrop = Maildrop(inbox)
        except BaseException:
            self.unlock_maildrop()
            raise
        self.session.user = account.name
        return self.maildrop

    def unlock_maildrop(self) -> None:
        """Give the lock back; harmless when it is not held."""
        account, self._account = self._account, None
        if account is not None:
            account.unlock_maildrop(self.session.id)

    def disconnected(self) -> None:
        """End the session without UPDATE: what was marked stays, the lock is given back."""
        super().disconnected()
        self.unlock_maildrop()

    # How the machine speaks POP3

    def say(self, outcome: Outcome, text: str, then: Signal | None = None) -> Reply:
        """Return a response of one line."""
        return Reply(outcome, text, then=then)

    def framer_for(self, state: State) -> Framer:
        """Read lines, as long as the longest that the state takes."""
        mode = self.MODES.get(state)
        taken = [mode] if mode else self._ROWS[state]
        return LineFramer(max([LINE_LIMIT, *(self._LONGER_LINES.get(name, 0) for name in taken)]))

    def check_length(self, name: str, unit: bytes) -> None:
        """Refuse a line that is too long for its verb, though another's may be as long."""
        limit = self._LONGER_LINES.get(name, LINE_LIMIT)
        if len(unit) + len(CRLF) > limit:
            raise Refusal(Reply(BAD, f"line too long, at most {limit} octets are allowed"))

    def unknown(self, name: str) -> Reply:
        """Say that there is no such command."""
        return Reply(BAD, f"{shown(name.encode())} is not a command" if name else "a command is missing")

    def misplaced(self, name: str) -> Reply:
        """Say that a command has its place in another state."""
        return Reply(BAD, f"{self.VERBS[name].syntax.split()[0]} is not allowed in state {self.state}")

    def misframed(self, error: FramingError) -> Reply:
        """Say what was wrong with a line."""
        return Reply(BAD, str(error))

    def exhausted(self) -> Reply:
        """Part from a peer that does not speak POP3, such as a browser sent to the wrong port."""
        return Reply(BAD, "too many bad commands, good-bye", then=Signal.CLOSE)

    def broken(self, error: Exception) -> Reply:
        """Say that the server itself failed."""
        return Reply(NO, "[SYS/TEMP] internal error, please try again")

    def not_kept(self, promise: Reply, reason: str) -> Reply:
        """Say that the marked messages were not removed (RFC 1939 §6)."""
        return Reply(NO, f"[SYS/TEMP] some marked messages were not removed: {' '.join(reason.split())}")


def none(args: bytes) -> None:
    """Refuse an argument where none is expected. Raises: Refusal."""
    if args.strip(b" "):
        raise refuse(f"no argument is expected, {shown(args)} came")
