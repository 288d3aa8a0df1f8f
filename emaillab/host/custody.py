"""Who answered for which letter, and when? What one host notes of the letters that are in its hands.

A host is responsible for a letter from its 250 after the final dot until the next host says the same, or until it has
given the letter up and told the sender (RFC 5321 §6.1).

>>> from datetime import UTC
>>> log, noon = CustodyLog(), datetime(2026, 3, 2, 12, tzinfo=UTC)
>>> log.took(Custody("crepes.fr", 0.0, noon, "<1@x>", "Q1", "7", Envelope.plain("a@crepes.fr", "b@b.example"), b"hi"))
>>> len(log), log[-1].queue_id, log.cause("Q1"), log.cause("Q2")
(1, 'Q1', '7', None)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from emaillab.protocol.envelope import Envelope


@dataclass(frozen=True, slots=True)
class Custody:
    """A host's note that a letter is now in its hands: with the 250 after the final dot."""

    host: str
    at_s: float  # true time, seconds on the world's clock
    stamped_at: datetime  # what the host's own clock said
    message_id: str
    queue_id: str
    session: str  # the id of the transcript in which it came
    envelope: Envelope
    raw: bytes = field(repr=False)  # with this host's trace field on top
    onward: tuple[str, ...] = ()  # the forward-paths, aliases replaced, for which it has to be handed on


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A host's note that it tries no more: from here on nobody answers for the letter to these recipients."""

    host: str
    queue_id: str
    at_s: float
    forward_paths: tuple[str, ...]
    told: str  # who gets a report; "" when nobody does


@dataclass(frozen=True, slots=True)
class RefusedConnection:
    """A host's note of a vain attempt that left no session behind: no connection came about."""

    host: str
    queue_id: str
    exchange: str
    at_s: float
    why: str


class CustodyLog:
    """All that one host notes, in the order of time; a sequence of its Custody notes.

    Args: keeps: whether anything is noted; a host that serves for years notes nothing.
    """

    def __init__(self, *, keeps: bool = True) -> None:
        self.keeps = keeps
        self.given_up: list[GivenUp] = []
        self.refused: list[RefusedConnection] = []
        self._taken: list[Custody] = []
        self._sessions: dict[str, str] = {}  # queue id → the session in which the letter came

    def __repr__(self) -> str:
        return f"<CustodyLog of {len(self)} letters taken, {len(self.given_up)} given up>"

    def __len__(self) -> int:
        return len(self._taken)

    def __iter__(self) -> Iterator[Custody]:
        return iter(self._taken)

    def __getitem__(self, number: int) -> Custody:
        return self._taken[number]

    def took(self, note: Custody) -> None:
        """Note that the host took a letter."""
        if self.keeps:
            self._taken.append(note)
            self._sessions[note.queue_id] = note.session

    def took_not(self, note: Custody) -> None:
        """Strike a note out: what the host had stored of the letter was undone."""
        if note in self._taken:
            self._taken.remove(note)
            del self._sessions[note.queue_id]

    def gave_up(self, note: GivenUp) -> None:
        """Note that the host gave a letter up."""
        if self.keeps:
            self.given_up.append(note)

    def was_refused(self, note: RefusedConnection) -> None:
        """Note that another host could not be reached."""
        if self.keeps:
            self.refused.append(note)

    def cause(self, queue_id: str) -> str | None:
        """Return the session in which a letter came; None for one that did not come from outside."""
        return self._sessions.get(queue_id)
