"""How do the course's clients talk to servers that are not the course's? Over an ordinary socket.

>>> import socket, threading
>>> from emaillab.net.clock import WallClock
>>> listener = socket.create_server(("127.0.0.1", 0))
>>> def serve():
...     peer, _ = listener.accept()
...     peer.sendall(b"220 somebody else\\r\\n")
...     peer.close()
>>> threading.Thread(target=serve).start()
>>> stream = dial(*listener.getsockname(), WallClock())
>>> stream.readline()
b'220 somebody else\\r\\n'
>>> stream.readline()
Traceback (most recent call last):
ConnectionError: 127.0.0.1 closed the connection
>>> listener.close()
"""

from __future__ import annotations

import contextlib
import socket
import time

from emaillab.net.clock import Clock
from emaillab.net.link import End, Link, Wire
from emaillab.net.network import MemoryNetwork, Stream
from emaillab.net.transcript import Transcript

BLOCK = 1 << 16  # octets that have one time-out on their way out


def dial(
    ip: str,
    port: int,
    clock: Clock,
    *,
    name: str | None = None,
    transcript: Transcript | None = None,
    timeout_s: float = 30.0,
) -> OutsideStream:
    """Open a connection to any server. Args: name: what to call it in sentences.

    Raises: ConnectionError, one sentence.
    """
    try:
        sock = socket.create_connection((ip, port), timeout_s)
    except OSError as error:
        raise ConnectionError(f"cannot connect to {name or ip} port {port}: {error.strerror or error}") from None
    return OutsideStream(sock, End(name or ip, ip), clock, transcript, timeout_s)


class OutsideStream(Stream):
    """The client's end of a connection to a server that is not ours; time is what the clock shows.

    A time-out is one for the whole line or number of octets that is read, or what `allow` says, however slowly the
    octets drip.
    """

    def __init__(
        self, sock: socket.socket, server: End, clock: Clock, transcript: Transcript | None, timeout_s: float
    ) -> None:
        super().__init__(
            MemoryNetwork(clock), End("here", sock.getsockname()[0]), server, Wire(clock, Link(), transcript)
        )
        self._socket, self.timeout_s = sock, timeout_s
        self._until_s = 0.0  # on the monotonic clock
        self._allowed = False

    def allow(self, seconds: float) -> None:
        """Give the peer so long, from now on, for all that is read before the next such call."""
        super().allow(seconds)
        self._allowed, self._until_s = True, time.monotonic() + seconds

    def readline(self, limit: int = 8192) -> bytes:
        """Return the next line with its line end; see Stream."""
        self._begin()
        return super().readline(limit)

    def read(self, count: int) -> bytes:
        """Return exactly `count` octets; see Stream."""
        self._begin()
        return super().read(count)

    def ready(self) -> bool:
        """Return whether a whole line has arrived; see Stream."""
        until_s, self._until_s = self._until_s, time.monotonic() + self.timeout_s  # nothing here is waited for
        try:
            return super().ready()
        finally:
            self._until_s = until_s

    def start_tls(self) -> None:
        """Encrypt the connection from here on; see Stream."""
        self._begin()
        super().start_tls()

    def _begin(self) -> None:
        if not self._allowed:
            self._until_s = time.monotonic() + self.timeout_s

    def _transmit(self, plain: bytes, octets: bytes) -> None:
        self.wire.carry("C", plain, self.network.clock.seconds, len(octets))
        try:
            for start in range(0, len(octets), BLOCK):
                self._socket.settimeout(self.timeout_s)  # for the whole block
                self._socket.sendall(octets[start : start + BLOCK])
        except TimeoutError:
            raise TimeoutError(f"{self.server.name} took no more octets within {self.timeout_s:g} s") from None
        except OSError:
            raise self._gone() from None

    def _receive(self) -> bytes:
        left_s = self._until_s - time.monotonic()
        try:
            if left_s <= 0:
                raise TimeoutError
            self._socket.settimeout(left_s)
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            raise TimeoutError(f"no answer from {self.server.name} within {self.timeout_s:g} s") from None
        except OSError:
            data = b""
        if not data:
            raise self._gone()
        self.wire.carry("S", data, self.network.clock.seconds)
        return data

    def _has_arrived(self) -> bool:
        self._socket.settimeout(0)
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except OSError:  # nothing is there; or the connection is gone, as the next read will say
            return False
        finally:
            self._socket.settimeout(self.timeout_s)

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for octets
        self._socket.close()
