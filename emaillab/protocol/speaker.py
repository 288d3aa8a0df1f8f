"""How does an engine hand out what it has to say? Chunk by chunk, as its driver pulls: what nobody pulls costs nothing.

>>> class Counter(Speaker):
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

from emaillab.engine import Signal

# Looking a member up on its Enum costs as much as a function call, and the loop below does it for every unit.
_START_TLS = Signal.START_TLS


class Speaker:
    """What the engines of all protocols have in common: octets come in, and chunks and signals are pulled out."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self._out: deque[bytes | Signal | Iterator[bytes]] = deque()
        self._produced = 0  # octets said since the connection began
        self._paused = False  # until the driver has started TLS

    feed: Callable[[bytes], None]
    """Take octets from the peer; nothing is done with them before the next `pull`."""

    def pull(self) -> bytes | Signal | None:
        """Return the next octets for the peer, a Signal for the driver, or None: the engine waits for input."""
        out = self._out
        while True:
            while out:
                head = out[0]
                if isinstance(head, bytes):
                    out.popleft()
                    self._produced += len(head)
                    return head
                if isinstance(head, Signal):
                    out.popleft()
                    self._paused = head is _START_TLS
                    return head
                if chunk := self._next_chunk(head):
                    self._produced += len(chunk)
                    return chunk
            if not self._go_on():
                return None

    def serve(self, data: bytes, /) -> bytes | None:
        """Take octets and return the answer where there is a short way to it; None: `pull` what there is."""
        self.feed(data)
        return None

    def wake(self) -> None:
        """Find out what there is to say unasked; here, nothing."""

    def end(self, *, idle: bool) -> None:
        """End the session of the server's own accord, without a word."""
        self.disconnected()
        self._out.append(Signal.CLOSE)

    def receive(self, data: bytes) -> bytes:
        """Take octets and return all there is to say: `feed` and `pull` in one, for a peer that always reads."""
        self.feed(data)
        out = []
        while (item := self.pull()) is not None:
            if isinstance(item, bytes):
                out.append(item)
        return b"".join(out)

    def disconnected(self) -> None:
        """Tell the engine that the peer is gone; whatever it had not confirmed is dropped."""
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
