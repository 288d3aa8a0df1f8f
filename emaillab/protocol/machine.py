"""What does every mail server do, whatever its protocol? It reads a unit, does what the verb says, and replies.

SMTP, POP3 and IMAP servers are all a `Machine`: bytes are fed in, bytes are pulled out, and one table says which
verb may be used in which state and where it leads. The machine obeys the table, the course draws the state diagram
from it, HELP and CAPABILITY read it. A machine is put together from parts, each a class that declares its own moves.

>>> class Lamp(Machine[Reply]):
...     START, MOVES = "OFF", {"OFF": {"PRESS": "ON"}, "ON": {"PRESS": "OFF", "READ": "ON"}}
...     def say(self, outcome: Outcome, text: str, then: Signal | None = None) -> Reply:
...         return Reply(outcome, text, then=then)
...     @verb("PRESS", rfc="0 §1")
...     def press(self, args: bytes) -> Reply:
...         return Reply(Outcome.OK, "click")
...     @verb("READ", rfc="0 §2")
...     def read(self, args: bytes) -> Reply:
...         return Reply(Outcome.OK, "a page")
>>> lamp = Lamp()
>>> lamp.receive(b"READ\\r\\nPRE"), lamp.state
(b'BAD READ is not allowed in state OFF\\r\\n', 'OFF')
>>> lamp.receive(b"SS\\r\\nread\\r\\n"), lamp.state
(b'OK click\\r\\nOK a page\\r\\n', 'ON')
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast

from emaillab.engine import Outcome, Pause, Signal, State, Step
from emaillab.protocol.backend import Work
from emaillab.protocol.base import BaseEngine
from emaillab.protocol.framing.framer import Buffer, Framer, FramingError
from emaillab.protocol.framing.lines import LineFramer
from emaillab.protocol.table import CLOSED, Cell, Table, Verb, declared, merge, spell_out, table_of, verb, verbs_of

__all__ = ["CLOSED", "AnyReply", "Machine", "Refusal", "Reply", "verb"]


# Looking a member up on its Enum costs as much as a function call, and the loop below does it for every unit.
_NO, _BAD, _COMMIT, _CLOSE = Outcome.NO, Outcome.BAD, Signal.COMMIT, Signal.CLOSE


class AnyReply(Protocol):
    """What the replies of all protocols have in common, so that one machine can send them. Silence is one of them."""

    @property
    def outcome(self) -> Outcome:
        """How the command ended."""

    @property
    def durable(self) -> bool:
        """True when it promises that something was kept: the driver commits before it goes out."""

    @property
    def body(self) -> Iterator[bytes] | None:
        """What follows its own line(s), chunk by chunk, so that a large message is never held twice."""

    @property
    def then(self) -> Signal | None:
        """What the driver has to do after it."""

    @property
    def pause_s(self) -> float:
        """How many seconds pass before it goes out."""

    @property
    def plain(self) -> bool:
        """True when its octets are all there is to it."""

    def __bytes__(self) -> bytes:
        """Return the octets of its own line(s); none is silence."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The simplest reply: an outcome and a text on one line."""

    outcome: Outcome
    text: str = ""
    durable: bool = False
    body: Iterator[bytes] | None = None
    then: Signal | None = None
    pause_s: float = 0.0

    @property
    def plain(self) -> bool:
        """True when its octets are all there is to it."""
        return is_plain(self)

    def __bytes__(self) -> bytes:
        return f"{self.outcome.value} {self.text}\r\n".encode()


def is_plain(reply: AnyReply) -> bool:
    """Tell whether a reply's octets are all there is to it."""
    return not (reply.durable or reply.body is not None or reply.then is not None or reply.pause_s)


AReply = TypeVar("AReply", bound=AnyReply)


class Refusal(Exception):
    """Raised anywhere below a verb; carries the reply it means."""

    def __init__(self, reply: AnyReply) -> None:
        super().__init__(str(reply))
        self.reply = reply


@dataclass(slots=True)
class _Place:
    """Where a session stands: a state, what may be said there, and how it is read."""

    state: State
    cells: dict[str, Cell]  # by verb: the state's row of the table
    mode: str  # the pseudo-verb that takes every unit, "" where a unit begins with its verb
    framer: Framer
    waits: bool  # for the peer: False where the server goes on by itself, or parts


class Machine(BaseEngine, Generic[AReply]):
    """A server fed with bytes. Subclasses give moves, verbs and the wording of errors.

    A verb's method takes the octets after the verb and returns a reply; it never writes and never assigns `state`.
    Input waits while output is pending, so a peer that does not read costs bounded memory.
    """

    START: ClassVar[State] = ""
    MOVES: ClassVar[Table] = {}
    """What this part of a machine says of the table; see `emaillab.protocol.table`."""
    MODES: ClassVar[Mapping[State, str]] = {}
    """States in which a whole unit goes to one pseudo-verb, such as "(content)": the reader is swapped. Parts add."""
    PHASES: ClassVar[Mapping[str, str]] = {}
    """The phase of a session by verb, or by state where the verb is not listed. Parts add."""
    MAX_BAD_COMMANDS: ClassVar[int] = 0
    """So many BAD outcomes in a row end the session with `exhausted`; 0 is no limit."""
    USUAL_LINE: ClassVar[int] = 1 << 62
    """Octets of a unit above which `check_length` is asked whether its verb may have so many."""

    TRANSITIONS: ClassVar[Table] = {}
    """The whole table: what all parts declare together."""
    VERBS: ClassVar[dict[str, Verb]] = {}
    _own: ClassVar[Mapping[str, Any]] = {}
    """What this part alone declared in MODES and PHASES, which hold the whole."""
    _ROWS: ClassVar[dict[State, dict[str, Cell]]] = {}
    """The table as the loop obeys it: state → verb → what to do and where it leads."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._own = {name: vars(cls).get(name, {}) for name in ("MODES", "PHASES")}
        cls.VERBS = verbs_of(cls)
        cls.TRANSITIONS = table_of(cls, cls.START or None)
        cls._ROWS = spell_out(cls, cls.TRANSITIONS, cls.VERBS)
        cls.MODES = merge(cls, declared("MODES"), "read the state {}")
        cls.PHASES = merge(cls, declared("PHASES"), "name the phase of {}")

    def __init__(self, begin_work: Callable[[], Work] | None = None) -> None:
        """Begin a session. Args: begin_work: gives each verb its work in the host's store; None: nothing is stored."""
        super().__init__()
        self._begin_work = begin_work
        self._work: Work | None = None  # the latest verb's
        self.buffer = Buffer()
        self.feed = self.buffer.feed
        self._places = {state: self._place(state) for state in self._ROWS}
        self._at = self._places[self.START]
        self._promise: AReply | None = None
        self._invited_at: int | None = None  # where in the server's stream the unit in hand was first asked to go on
        self._bad_commands = 0  # in a row

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._at.state

    @property
    def framer(self) -> Framer:
        """The reader of the state."""
        return self._at.framer

    # What a driver calls

    def serve(self, data: bytes, /) -> bytes | None:
        """Take octets and return the answer where they are one unit and it is one chunk; None: `pull` what there is.

        The short way of nearly all commands. `feed` and `pull` lead to the same answers, whatever comes.
        """
        waits = not (self._out or self.buffer.data or self.watch or self._paused) and self._at.waits
        unit = self._at.framer.whole(data) if waits else None
        if unit is None:
            self.feed(data)
            return None
        reply = self._obey(unit)
        if reply.plain and self._at.waits:
            return self.render(reply)
        self._queue(reply)
        return None

    def commit_failed(self, reason: str) -> None:
        """Replace the reply that stood behind a commit by a refusal: what was promised could not be kept."""
        kept = self._work is not None and self._work.lost == ""  # what was lost is another session's
        if self._promise is not None and not kept:
            self._out.clear()
            self._queue(self.not_kept(self._promise, reason))

    def tls_started(self) -> None:
        """Go on after the TLS handshake: buffered plaintext is thrown away, the session starts anew (RFC 3207 §4.2)."""
        self._paused = False
        self.buffer.clear()
        self.reset_for_tls()

    def wake(self) -> None:
        """Say what there is to say unasked, where the state allows it and nothing else is being said."""
        if not (self._out or self._paused or self.state == CLOSED) and (words := self.unasked()):
            self._out.append(words)

    def end(self, *, idle: bool) -> None:
        """End the session of the server's own accord: the peer was idle for too long, or the server shuts down.

        Half an answer is not completed, and nothing is said into a handshake of TLS.
        """
        listens = not (self._out or self._paused or self.state == CLOSED)
        self._out.clear()
        if listens and (words := self.farewell(idle=idle)):
            self._out.append(words)
        self._out.append(_CLOSE)
        self._at = self._places[CLOSED]

    def disconnected(self) -> None:
        """Tell the machine that the peer is gone; whatever it had not confirmed is dropped."""
        self._at = self._places[CLOSED]
        self._out.clear()

    @property
    def waiting_for(self) -> str:
        """Say what the machine needs before it can answer, as one clause for a person."""
        return self.framer.missing(self.buffer)

    def greet(self, reply: AReply) -> None:
        """Queue the greeting; called once, when a session begins."""
        self._queue(reply)

    # What a protocol says in its own words

    def say(self, outcome: Outcome, text: str, then: Signal | None = None) -> AReply:
        """Return a reply of this protocol."""
        raise NotImplementedError

    def framer_for(self, state: State) -> Framer:
        """Return the reader of a state; asked once for each state when the session begins."""
        return LineFramer(998)

    def split(self, unit: bytes) -> tuple[str, bytes]:
        """Split a unit into its verb, in capitals, and the octets after it."""
        word, _, rest = unit.partition(b" ")
        return word.decode("ascii", "replace").upper(), rest

    def check_length(self, name: str, unit: bytes) -> None:
        """Refuse a unit over USUAL_LINE octets, if its verb may not have so many. Raises: Refusal."""

    def verb_of(self, broken: bytes) -> str:
        """Return the verb of a line that is refused as a whole, "" when it shows none."""
        return ""

    def render(self, reply: AReply) -> bytes:
        """Return the octets of a reply's own line(s); none is silence."""
        return bytes(reply)

    def unknown(self, name: str) -> AReply:
        """Return the reply to a verb that does not exist."""
        return self.say(_BAD, f"{name} is not a command")

    def misplaced(self, name: str) -> AReply:
        """Return the reply to a verb that is not allowed in this state."""
        return self.say(_BAD, f"{name} is not allowed in state {self.state}")

    def misframed(self, error: FramingError) -> AReply:
        """Return the reply to octets that are no unit at all."""
        return self.say(_BAD, str(error))

    def broken(self, error: Exception) -> AReply:
        """Return the reply when the server itself failed."""
        return self.say(Outcome.NO, "internal error, please try again")

    def not_kept(self, promise: AReply, reason: str) -> AReply:
        """Return the reply when a durable reply's commit failed."""
        return self.say(Outcome.NO, reason)

    def exhausted(self) -> AReply:
        """Return the reply that ends a session of nothing but bad commands."""
        return self.say(_BAD, "too many bad commands", _CLOSE)

    def farewell(self, *, idle: bool) -> bytes:
        """Return what is said to a peer that did not ask to part; nothing in most protocols."""
        return b""

    def unasked(self) -> bytes:
        """Return what may be said just now though nobody asked, such as news of a mailbox."""
        return b""

    def wants_literal(self) -> AReply:
        """Return the reply that invites the literal a framer waits for (IMAP)."""
        return self.say(Outcome.MORE, "")

    def reset_for_tls(self) -> None:
        """Forget all that was learnt before TLS; part of `tls_started`."""

    def phase_of(self, name: str, before: State) -> str:
        """Return the phase of a session in which a verb was used."""
        return self.PHASES.get(name) or self.PHASES.get(before, "")

    # The one loop all protocols share

    def _place(self, state: State) -> _Place:
        framer = self.framer_for(state)
        waits = state != CLOSED and not framer.eager
        return _Place(state, self._ROWS[state], self.MODES.get(state, ""), framer, waits)

    def _go_on(self) -> bool:
        """Serve one unit; False when no whole unit is there, or the session pauses or is over."""
        buffer, at = self.buffer, self._at
        if buffer.at == len(buffer.data) and at.waits:
            buffer.clear()
            return False
        return not self._paused and at.state != CLOSED and self._step()

    def _step(self) -> bool:
        """Serve one unit; False when no whole unit is there."""
        try:
            unit = self.framer.take(self.buffer)
        except FramingError as error:
            name = self._at.mode or self.verb_of(error.unit)
            self._queue(self._conclude(name, self._at.cells.get(name), self.misframed(error)))
            return True
        if unit is None:
            return self.framer.invites and self._invite()
        self._queue(self._obey(unit))
        return True

    def _obey(self, unit: bytes) -> AReply:
        """Do what a unit says, and return the reply."""
        at = self._at
        name, args, cell = at.mode, unit, None
        try:
            if not name:
                name, args = self.split(unit)
            cell = at.cells.get(name)
            if len(unit) > self.USUAL_LINE and not at.mode:
                self.check_length(name, unit)
            if cell is None:
                reply = self._refuse(name)
            else:
                reply = cell.method(self, args) if self._begin_work is None else self._keep_whole(cell, args)
        except Refusal as refusal:
            reply = cast(AReply, refusal.reply)
        except Exception as error:  # a defect of ours must cost one command, never the server
            self.errors.append(error)
            reply = self.broken(error)
        return self._conclude(name, cell, reply)

    def _keep_whole(self, cell: Cell, args: bytes) -> AReply:
        """Do a verb; what it stores is kept whole or, where it fails, not at all."""
        assert self._begin_work is not None
        with self._begin_work() as self._work:
            reply: AReply = cell.method(self, args)
            if reply.outcome is _NO or reply.outcome is _BAD:
                self._work.undo()
        return reply

    def _conclude(self, name: str, cell: Cell | None, reply: AReply) -> AReply:
        """Go where the table says that a reply leads, and return the reply."""
        before = self._at.state
        if reply.outcome is _BAD:
            reply = self._count_bad(reply)
        elif self._bad_commands:
            self._bad_commands = 0
        after = cell.moves[reply.outcome] if cell is not None else before
        if reply.then is _CLOSE:
            after = CLOSED  # a server may part at any time, whatever was asked
        if self.watch:
            self._tell(name, reply.outcome, after)
        if after != before:
            self._at = self._places[after]
        return reply

    def _tell(self, name: str, outcome: Outcome, after: State) -> None:
        """Tell the watcher of a unit that was served."""
        assert self.watch is not None
        phase, consumed = self.phase_of(name, self.state), self.buffer.fed - len(self.buffer)
        produced = self._produced if self._invited_at is None else self._invited_at
        self.watch(Step(name, outcome, self.state, after, phase, consumed, produced))
        self._invited_at = None

    def _invite(self) -> bool:
        """Ask for the rest of a unit; the peer waits for that."""
        self.framer.invites = False
        if self._invited_at is None:
            self._invited_at = self._produced
        self._queue(self.wants_literal())
        return True

    def _refuse(self, name: str) -> AReply:
        return self.misplaced(name) if name in self.VERBS else self.unknown(name)

    def _count_bad(self, reply: AReply) -> AReply:
        self._bad_commands += 1
        return self.exhausted() if self._bad_commands == self.MAX_BAD_COMMANDS else reply

    def _queue(self, reply: AReply) -> None:
        """Queue a reply and what the driver has to do before and after it."""
        if reply.pause_s:
            self._out.append(Pause(reply.pause_s))
        self._queue_words(reply)
        if reply.then is not None:
            self._out.append(reply.then)
        elif self._at.state == CLOSED:
            self._out.append(_CLOSE)

    def _queue_words(self, reply: AReply) -> None:
        """Queue what a reply says, behind a commit if it promises something."""
        if reply.durable:
            self._promise = reply
            self._out.append(_COMMIT)
        if words := self.render(reply):
            self._out.append(words)
        if reply.body is not None:
            self._out += (Signal.FLUSH, reply.body)
