"""What does a client need of the network? Seven calls, whatever carries the octets.

>>> class Echo:
...     def __init__(self) -> None: self.sent = b""
...     def send(self, data: bytes) -> None: self.sent += data
...     def readline(self, limit: int = 8192) -> bytes: return self.sent
...     def read(self, count: int) -> bytes: return self.sent[:count]
...     def ready(self) -> bool: return self.sent.endswith(b"\\n")
...     def allow(self, seconds: float) -> None: ...
...     def start_tls(self) -> None: ...
...     def close(self) -> None: ...
>>> stream: Stream = Echo()
>>> stream.send(b"hi\\r\\n"); stream.readline()
b'hi\\r\\n'
"""

from __future__ import annotations

from typing import Protocol


class ProtocolError(Exception):
    """The peer said something that the protocol does not allow; the sentence says what came and what was expected."""


class Stream(Protocol):
    """One connection, from the client's end; every call returns when it is done."""

    def send(self, data: bytes) -> None:
        """Send octets. Raises: ConnectionError when the connection is gone."""

    def readline(self, limit: int = 8192) -> bytes:
        """Return the next line with its line end, at most `limit` octets.

        Raises: TimeoutError when no line comes, ConnectionError when the peer closed; both say what was missing.
        """

    def read(self, count: int) -> bytes:
        """Return exactly `count` octets. Raises: as readline."""

    def ready(self) -> bool:
        """Return whether a whole line has arrived, so that `readline` would not wait; never waits, moves no time.

        Raises: ConnectionError when the connection broke.
        """

    def allow(self, seconds: float) -> None:
        """Give the peer so long, from now on, for all that is read before the next such call.

        What is sent has so long for each block. Without such a call every read has the stream's own time-out.
        """

    def start_tls(self) -> None:
        """Encrypt the connection from here on. Raises: ConnectionError when the handshake fails."""

    def close(self) -> None:
        """Close the connection; harmless when it is closed."""
