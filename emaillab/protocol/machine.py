"""What does every mail server do, whatever its protocol? It reads a unit, does what the verb says, and replies.

SMTP, POP3 and IMAP servers are all a `Machine`: bytes are fed in, bytes are pulled out, and one table says which
verb may be used in which state and where it leads. The machine obeys the table, the course draws the state diagram
from it, HELP and CAPABILITY read it.

>>> class Lamp(Machine):
...     START, TRANSITIONS = "OFF", {"OFF": {"PRESS": "ON"}, "ON": {"PRESS": "OFF", "READ": "ON"}}
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

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, TypeVar

from emaillab.protocol.wire import Buffer, Framer, FramingError, LineFramer

State = str
"""A state's name, in capitals, as the diagrams show it."""

Table = Mapping[State, Mapping[str | tuple[str, "Outcome"], State]]
"""state → verb → next state. A plain verb moves on OK and MORE; `(verb, outcome)` moves on that outcome alone."""

CLOSED: State = "CLOSED"


class Outcome(Enum):
    """How a command ended: the one vocabulary behind 250, +OK, NO and their kin."""

    OK = "OK"  # done:            SMTP 2yz, POP3 +OK, IMAP OK
    MORE = "MORE"  # go on:       SMTP 3yz, POP3 +,   IMAP +
    NO = "NO"  # understood, but not done:   SMTP 4yz and 5yz, POP3 -ERR, IMAP NO
    BAD = "BAD"  # not understood, or not now: SMTP 500-504,   POP3 -ERR, IMAP BAD

    __hash__ = object.__hash__  # each is one object; Enum's own hash is a slow one, and every reply asks for it


class Signal(Enum):
    """What a machine asks of its driver between two chunks of output."""

    FLUSH = "flush"  # send what you hold before you pull on: a large body follows, or a segment must end here
    COMMIT = "commit"  # make durable all that was stored, before the next chunk goes out
    START_TLS = "start TLS"  # negotiate TLS, then call `tls_started`
    CLOSE = "close"  # nothing more will come: close the connection

    __hash__ = object.__hash__


# Looking a member up on its Enum costs as much as a function call, and the loop below does it for every unit.
_BAD, _COMMIT, _START_TLS, _CLOSE = Outcome.BAD, Signal.COMMIT, Signal.START_TLS, Signal.CLOSE


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to one unit.

    `durable` replies promise that something was kept: the driver commits before they go out. `body` follows the
    reply's own line(s), chunk by chunk, so that a large message is never held twice. `then` is for the driver.
    """

    outcome: Outcome
    text: str = ""
    durable: bool = False
    body: Iterator[bytes] | None = None
    then: Signal | None = None

    def __bytes__(self) -> bytes:
        return f"{self.outcome.value} {self.text}\r\n".encode()


class Refusal(Exception):
    """Raised anywhere below a verb; carries the reply it means."""

    def __init__(self, reply: Any) -> None:
        super().__init__(str(reply))
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Verb:
    """What is known of a verb: its name, its syntax as HELP shows it, the RFC section, the method that does it."""

    name: str
    syntax: str
    rfc: str
    method: str


@dataclass(frozen=True, slots=True)
class Step:
    """One unit served: what a transcript needs to label the lines of a session.

    `consumed` counts the octets of the client's stream up to the end of the unit, `produced` those of the server's
    stream where the reply begins, or the first invitation of a literal before it.
    """

    verb: str
    outcome: Outcome
    before: State
    after: State
    phase: str
    consumed: int
    produced: int


@dataclass(frozen=True, slots=True)
class _Cell:
    """One cell of a table: the method that does the verb, and where each outcome leads."""

    method: Callable[..., Any]
    moves: dict[Outcome, State]


Handler = TypeVar("Handler", bound=Callable[..., Any])


def verb(syntax: str, *, rfc: str, name: str = "") -> Callable[[Handler], Handler]:
    """Mark a method as the one that does a verb; the verb is the syntax's first word unless `name` says otherwise."""

    def mark(method: Handler) -> Handler:
        method.__verb__ = Verb(name or syntax.split()[0], syntax, rfc, method.__name__)  # type: ignore[attr-defined]
        return method

    return mark


class Machine:
    """A server fed with bytes. Subclasses give the table, the verbs and the wording of errors.

    A verb's method takes the octets after the verb and returns a reply; it never writes and never assigns `state`.
    Input waits while output is pending, so a peer that does not read costs bounded memory.
    """

    START: ClassVar[State]
    TRANSITIONS: ClassVar[Table] = {}
    MODES: ClassVar[Mapping[State, str]] = {}
    """States in which a whole unit goes to one pseudo-verb, such as "(content)": the reader is swapped."""
    PHASES: ClassVar[Mapping[str, str]] = {}
    """The phase of a session by verb, or by state where the verb is not listed."""
    MAX_BAD_COMMANDS: ClassVar[int] = 0
    """So many BAD outcomes in a row end the session with `exhausted`; 0 is no limit."""

    VERBS: ClassVar[dict[str, Verb]] = {}
    _ROWS: ClassVar[dict[State, dict[str, _Cell]]] = {}
    """The table as the loop obeys it: state → verb → what to do and where it leads."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        found = [getattr(getattr(cls, name), "__verb__", None) for name in dir(cls)]
        cls.VERBS = {known.name: known for known in found if known}
        cls._ROWS = {state: _cells(cls, row) for state, row in cls.TRANSITIONS.items()}

    def __init__(self) -> None:
        self.state: State = self.START
        self.buffer = Buffer()
        self.feed = self.buffer.feed
        self.framer: Framer = self.framer_for(self.state)
        self.watch: Callable[[Step], None] | None = None
        self.errors: list[Exception] = []
        self._out: deque[bytes | Signal | Iterator[bytes]] = deque()
        self._promise: Any = None
        self._waits_for_driver = False
        self._produced = 0  # octets of the server's stream since the connection began
        self._invited_at: int | None = None  # where in the server's stream the unit in hand was first asked to go on
        self._bad_commands = 0  # in a row

    # What a driver calls

    feed: Callable[[bytes], None]
    """Take octets from the peer; nothing is done with them before the next `pull`."""

    def pull(self) -> bytes | Signal | None:
        """Return the next octets for the peer, a Signal for the driver, or None: the machine waits for input."""
        out, buffer = self._out, self.buffer
        while True:
            while out:
                head = out[0]
                if isinstance(head, bytes):
                    out.popleft()
                    self._produced += len(head)
                    return head
                if isinstance(head, Signal):
                    out.popleft()
                    self._waits_for_driver = head is _START_TLS
                    return head
                chunk = self._next_chunk(head)
                if chunk is not None:
                    self._produced += len(chunk)
                    return chunk
            if self._waits_for_driver or self.state == CLOSED:
                return None
            if buffer.at == len(buffer.data) and not self.framer.eager:
                return None
            if not self._step():
                return None

    def _next_chunk(self, body: Iterator[bytes]) -> bytes | None:
        """Return the next chunk of the body in hand; a body that breaks off ends the session, half said is worse."""
        try:
            chunk = next(body, None)
        except Exception as error:
            self.errors.append(error)
            self.state = CLOSED
            self._out.clear()
            self._out += (body, _CLOSE)
            chunk = None
        if chunk is None:
            self._out.popleft()
        return chunk

    def receive(self, data: bytes) -> bytes:
        """Take octets and return all there is to say: `feed` and `pull` in one, for a peer that always reads."""
        self.feed(data)
        out = []
        while (item := self.pull()) is not None:
            if isinstance(item, bytes):
                out.append(item)
        return b"".join(out)

    def commit_failed(self, reason: str) -> None:
        """Replace the reply that stood behind a commit by a refusal: what was promised could not be kept."""
        if self._promise is not None:
            self._out.clear()
            self._say(self.not_kept(self._promise, reason))
            if self.state == CLOSED:
                self._out.append(_CLOSE)

    def tls_started(self) -> None:
        """Go on after the TLS handshake: buffered plaintext is thrown away, the session starts anew (RFC 3207 §4.2)."""
        self._waits_for_driver = False
        self.buffer.clear()
        self.reset_for_tls()

    def disconnected(self) -> None:
        """Tell the machine that the peer is gone; whatever it had not confirmed is dropped."""
        self.state = CLOSED
        self._out.clear()

    @property
    def waiting_for(self) -> str:
        """Say what the machine needs before it can answer, as one clause for a person."""
        return self.framer.missing(self.buffer)

    def greet(self, reply: Any) -> None:
        """Queue the greeting; called once by the subclass's constructor."""
        self._say(reply)

    # What a protocol says in its own words

    def framer_for(self, state: State) -> Framer:
        """Return the reader of a state; the same object for the same kind of reading where it can be shared."""
        return LineFramer(998)

    def split(self, unit: bytes) -> tuple[str, bytes]:
        """Split a unit into its verb, in capitals, and the octets after it."""
        word, _, rest = unit.partition(b" ")
        return word.decode("ascii", "replace").upper(), rest

    def render(self, reply: Any) -> bytes:
        """Return the octets of a reply's own line(s)."""
        return bytes(reply)

    def unknown(self, name: str) -> Any:
        """Return the reply to a verb that does not exist."""
        return Reply(Outcome.BAD, f"{name} is not a command")

    def misplaced(self, name: str) -> Any:
        """Return the reply to a verb that is not allowed in this state."""
        return Reply(Outcome.BAD, f"{name} is not allowed in state {self.state}")

    def misframed(self, error: FramingError) -> Any:
        """Return the reply to octets that are no unit at all."""
        return Reply(Outcome.BAD, str(error))

    def broken(self, error: Exception) -> Any:
        """Return the reply when the server itself failed."""
        return Reply(Outcome.NO, "internal error, please try again")

    def not_kept(self, promise: Any, reason: str) -> Any:
        """Return the reply when a durable reply's commit failed."""
        return Reply(Outcome.NO, reason)

    def exhausted(self) -> Any:
        """Return the reply that ends a session of nothing but bad commands."""
        return Reply(Outcome.BAD, "too many bad commands", then=_CLOSE)

    def wants_literal(self) -> Any:
        """Return the reply that invites the literal a framer waits for (IMAP)."""
        return Reply(Outcome.MORE, "")

    def reset_for_tls(self) -> None:
        """Forget all that was learnt before TLS; part of `tls_started`."""

    def phase_of(self, name: str, before: State) -> str:
        """Return the phase of a session in which a verb was used."""
        return self.PHASES.get(name) or self.PHASES.get(before, "")

    # The one loop all protocols share

    def _step(self) -> bool:
        """Serve one unit; False when no whole unit is there."""
        name, cell, before = "", None, self.state
        try:
            unit = self.framer.take(self.buffer)
            if unit is None:
                return self.framer.invites and self._invite()
            mode = self.MODES.get(before)
            name, args = (mode, unit) if mode else self.split(unit)
            cell = self._ROWS[before].get(name)
            reply = cell.method(self, args) if cell else self._refuse(name)
        except Refusal as refusal:
            reply = refusal.reply
        except FramingError as error:
            name = self.MODES.get(before, "")
            cell = self._ROWS[before].get(name)
            reply = self.misframed(error)
        except Exception as error:  # a defect of ours must cost one command, never the server
            self.errors.append(error)
            reply = self.broken(error)
        if reply.outcome is _BAD:
            reply = self._count_bad(reply)
        elif self._bad_commands:
            self._bad_commands = 0
        outcome, then = reply.outcome, reply.then
        after = cell.moves.get(outcome, before) if cell else before
        if then is _CLOSE:
            after = CLOSED  # a server may part at any time, whatever was asked
        if self.watch:
            phase, consumed = self.phase_of(name, before), self.buffer.fed - len(self.buffer)
            produced = self._produced if self._invited_at is None else self._invited_at
            self.watch(Step(name, outcome, before, after, phase, consumed, produced))
            self._invited_at = None
        self._say(reply)
        if after != before:
            self.state = after
            self.framer = self.framer_for(after)
            if after == CLOSED and then is not _CLOSE:
                self._out.append(_CLOSE)
        return True

    def _invite(self) -> bool:
        """Ask for the rest of a unit; the peer waits for that."""
        self.framer.invites = False
        if self._invited_at is None:
            self._invited_at = self._produced
        self._say(self.wants_literal())
        return True

    def _refuse(self, name: str) -> Any:
        return self.misplaced(name) if name in self.VERBS else self.unknown(name)

    def _count_bad(self, reply: Any) -> Any:
        self._bad_commands += 1
        return self.exhausted() if self._bad_commands == self.MAX_BAD_COMMANDS else reply

    def _say(self, reply: Any) -> None:
        if reply.durable:
            self._promise = reply
            self._out.append(_COMMIT)
        self._out.append(self.render(reply))
        if reply.body is not None:
            self._out += (Signal.FLUSH, reply.body)
        if reply.then is not None:
            self._out.append(reply.then)


def _cells(machine: type[Machine], row: Mapping[str | tuple[str, Outcome], State]) -> dict[str, _Cell]:
    """Spell a table's row out. Raises: TypeError when no method does a verb of the table."""
    cells: dict[str, _Cell] = {}
    for key, after in row.items():
        name, outcomes = (key, (Outcome.OK, Outcome.MORE)) if isinstance(key, str) else (key[0], (key[1],))
        if name not in machine.VERBS:
            raise TypeError(f"{machine.__name__}'s table has {name}, but no method does it")
        cell = cells.setdefault(name, _Cell(getattr(machine, machine.VERBS[name].method), {}))
        for outcome in outcomes:
            if isinstance(key, str):
                cell.moves.setdefault(outcome, after)
            else:
                cell.moves[outcome] = after
    return cells
