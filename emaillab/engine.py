"""What do a protocol engine and its driver agree on? Octets in, octets out, and a few words between the two.

An engine knows a protocol and nothing of networks; a driver knows a network and nothing of protocols. This page is all
that they share: the driver feeds octets and pulls what the engine has to say, chunk by chunk. What is pulled is either
octets for the peer or something that the driver must do before it pulls on.

>>> class Parrot(Mute):
...     '''An engine that repeats lines.'''
...     heard = b""
...     def feed(self, data: bytes) -> None: self.heard += data
...     def pull(self) -> Output | None:
...         line, end, rest = self.heard.partition(b"\\n")
...         if not end: return None
...         self.heard = rest
...         return Signal.CLOSE if line == b"bye" else line + end
>>> parrot: Engine = Parrot(); parrot.feed(b"hello\\nbye\\n")
>>> parrot.pull(), parrot.pull(), parrot.pull()
(b'hello\\n', <Signal.CLOSE: 'close'>, None)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

State = str
"""A state's name, in capitals, as the diagrams show it."""


class Outcome(Enum):
    """How a command ended: the one vocabulary behind 250, +OK, NO and their kin."""

    OK = "OK"  # done:            SMTP 2yz, POP3 +OK, IMAP OK
    MORE = "MORE"  # go on:       SMTP 3yz, POP3 +,   IMAP +
    NO = "NO"  # understood, but not done:   SMTP 4yz and 5yz, POP3 -ERR, IMAP NO
    BAD = "BAD"  # not understood, or not now: SMTP 500-504,   POP3 -ERR, IMAP BAD

    __hash__ = object.__hash__  # each is one object; Enum's own hash is a slow one, and every reply asks for it


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


class Signal(Enum):
    """What an engine asks of its driver between two chunks of octets."""

    FLUSH = "flush"  # send what you hold before you pull on: a large body follows, or a segment must end here
    COMMIT = "commit"  # make durable all that was stored, before the next chunk goes out
    START_TLS = "start TLS"  # wrap the octets in TLS from here on, then call `tls_started`
    CLOSE = "close"  # nothing more will come: close the connection

    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Pause:
    """Pull on only after so many seconds on the world's clock. Octets that come meanwhile wait, too."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Do this work where it keeps nobody else waiting, then pull on; a network in memory does it at once.

    The driver feeds nothing while the work goes on. Work that raises is a defect, and costs the connection.
    """

    work: Callable[[], None]


Output = bytes | Signal | Pause | Elsewhere


class Engine(Protocol):
    """A server's end of one session, as a driver sees it."""

    watch: Callable[[Step], None] | None
    """Who is told of each unit as it is served; None: nobody."""

    @property
    def waiting_for(self) -> str:
        """What the engine needs before it can answer, as one clause for a person."""

    def feed(self, data: bytes, /) -> None:
        """Take octets; nothing is done with them before the next `pull`."""

    def pull(self) -> Output | None:
        """Return the next octets for the peer, what the driver has to do, or None: the engine waits for input."""

    def serve(self, data: bytes, /) -> bytes | None:
        """Take octets and return the answer where there is a short way to it; None: `pull` what there is."""

    def wake(self) -> None:
        """Find out what there is to say unasked, such as news of a mailbox; `pull` says it, if it may be said now."""

    def commit_failed(self, reason: str) -> None:
        """Replace the octets that stood behind a commit by a refusal: what they promised could not be kept."""

    def tls_started(self) -> None:
        """Go on inside TLS; octets that came in the clear and were not yet served are forgotten."""

    def end(self, *, idle: bool) -> None:
        """Say good-bye unasked, then close: the peer was silent for too long, or else the server shuts down."""

    def disconnected(self) -> None:
        """Forget the peer, which is gone; whatever it had not confirmed is dropped."""


class Mute:
    """An engine that says nothing: what a small one needs to be no more than, and what there is before there is one."""

    watch: Callable[[Step], None] | None = None
    waiting_for: str = "nothing"

    def feed(self, data: bytes, /) -> None:
        """Take octets."""

    def pull(self) -> Output | None:
        """Return None: there is nothing to say."""
        return None

    def serve(self, data: bytes, /) -> bytes | None:
        """Take octets; there is no short way."""
        self.feed(data)
        return None

    def wake(self) -> None:
        """Do nothing: there is no news."""

    def commit_failed(self, reason: str) -> None:
        """Do nothing: nothing was promised."""

    def tls_started(self) -> None:
        """Do nothing: nothing was learnt in the clear."""

    def end(self, *, idle: bool) -> None:
        """Do nothing: there is no word for it, and the driver closes in any case."""

    def disconnected(self) -> None:
        """Do nothing: nothing was begun."""
