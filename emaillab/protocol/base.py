"""How does an engine hand out what it has to say? Chunk by chunk, as its driver pulls: what nobody pulls costs nothing.

>>> class Counter(BaseEngine):
...     def _go_on(self) -> bool:
...         self._out.append(iter([b"one ", b"two "]))
...         self._out.append(Signal.CLOSE)
...         return not self._produced
>>> counter = Counter()
>>> counter.pull(), counter.pull(), counter.pull()
(b'one ', b'two ', <Signal.CLOSE: 'close'>)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from emaillab.engine import Elsewhere, Output, Pause, Signal, Step

# Looking a member up on its Enum costs as much as a function call, and the loop below does it for every unit.
_START_TLS = Signal.START_TLS


class BaseEngine:
    """What the engines of all protocols have in common: octets come in, and chunks and signals are pulled out."""

    watch: Callable[[Step], None] | None = None
    """Who is told of each unit as it is served."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self._out: deque[Output | Iterator[bytes]] = deque()
        self._produced = 0  # octets said since the connection began
        self._paused = False  # until the driver has started TLS

    feed: Callable[[bytes], None]
    """Take octets from the peer; nothing is done with them before the next `pull`."""

    def pull(self) -> Output | None:
        """Return the next octets for the peer, what the driver has to do, or None: the engine waits for input."""
        out = self._out
        while True:
            while out:
                head = out[0]
                if isinstance(head, bytes):
                    out.popleft()
                    self._produced += len(head)
                    return head
                if isinstance(head, Signal | Pause | Elsewhere):
                    out.popleft()
                    self._paused = head is _START_TLS
                    return head
                chunk = self._next_chunk(head)
                if chunk:
                    self._produced += len(chunk)
                    return chunk
            if not self._go_on():
                return None

    def serve(self, data: bytes, /) -> bytes | None:
        """Take octets and return the answer where there is a short way to it; None: `pull` what there is."""
        self.feed(data)
        return None

    def receive(self, data: bytes) -> bytes:
        """Take octets and return all there is to say: `feed` and `pull` in one, for a peer that always reads."""
        self.feed(data)
        out = []
        while (item := self.pull()) is not None:
            if isinstance(item, bytes):
                out.append(item)
            elif isinstance(item, Elsewhere):
                item.work()
        return b"".join(out)

    def wake(self) -> None:
        """Find out what there is to say unasked; nothing in most protocols."""

    def end(self, *, idle: bool) -> None:
        """Close the connection of the server's own accord, without a word; half an answer is not completed."""
        self.disconnected()
        self._out.append(Signal.CLOSE)

    def disconnected(self) -> None:
        """Forget the peer, which is gone; whatever it had not confirmed is dropped."""
        raise NotImplementedError

    def _go_on(self) -> bool:
        """Find more to say; False when more octets are needed first."""
        raise NotImplementedError

    def _next_chunk(self, body: Iterator[bytes]) -> bytes:
        """Return the next chunk of the body in hand, none when that was all.

        A body that breaks off ends the session: half said is worse.
        """
        try:
            chunk = next(body, None)
        except Exception as error:
            self.errors.append(error)
            self.disconnected()
            self._out.append(Signal.CLOSE)
            return b""
        if chunk is None:
            self._out.popleft()
        return chunk or b""
