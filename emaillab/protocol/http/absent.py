"""What does a web server say when the parts it needs are not installed? One sentence, and good-bye.

>>> server = AbsentServer("webmail needs flask")
>>> server.feed(b"GET / HTTP/1.1\\r\\nHost: www.crepes.fr\\r\\n\\r\\n")
>>> print(server.pull().decode().replace("\\r", ""), server.pull(), server.pull())
HTTP/1.1 501 Not Implemented
Content-Type: text/plain; charset=utf-8
Content-Length: 21
Connection: close
<BLANKLINE>
Webmail needs flask.
 Signal.CLOSE None
"""

from __future__ import annotations

from emaillab.engine import Signal
from emaillab.protocol.base import BaseEngine

MOST = 1 << 14  # octets that are listened to
HEADER_END = b"\r\n\r\n"


class AbsentServer(BaseEngine):
    """A web server without a web: it answers the first request, whatever it asks for, and closes."""

    waiting_for = "a request"

    def __init__(self, why: str) -> None:
        super().__init__()
        self._content = f"{why[:1].upper()}{why[1:]}.\n".encode()
        self._heard = b""
        self._listens = True

    def feed(self, data: bytes, /) -> None:
        """Take octets from the peer."""
        self._heard = (self._heard + data)[:MOST]

    def _go_on(self) -> bool:
        """Answer once a request is there."""
        if not (self._listens and (HEADER_END in self._heard or len(self._heard) == MOST)):
            return False
        self._listens = False
        self._out += (
            b"HTTP/1.1 501 Not Implemented\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(self._content), self._content),
            Signal.CLOSE,
        )
        return True

    def end(self, *, idle: bool) -> None:
        """Close the connection; there is nobody to say good-bye to."""
        super().end(idle=idle)
        self._listens = False

    def commit_failed(self, reason: str) -> None:
        """Do nothing: nothing was promised."""

    def tls_started(self) -> None:
        """Do nothing: nothing was learnt before TLS."""

    def disconnected(self) -> None:
        """Forget the peer."""
        self._out.clear()
        self._listens = False
