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

from emaillab.engine import Mute, Signal

MOST = 1 << 14  # octets that are listened to
HEADER_END = b"\r\n\r\n"


class AbsentServer(Mute):
    """A web server without a web: it answers the first request, whatever it asks for, and closes."""

    waiting_for = "a request"

    def __init__(self, why: str) -> None:
        content = f"{why[:1].upper()}{why[1:]}.\n".encode()
        self._heard = b""
        self._say: list[bytes | Signal] = [
            b"HTTP/1.1 501 Not Implemented\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(content), content),
            Signal.CLOSE,
        ]

    def feed(self, data: bytes, /) -> None:
        """Take octets from the peer."""
        self._heard = (self._heard + data)[:MOST]

    def pull(self) -> bytes | Signal | None:
        """Return the answer once a request is there."""
        asked = HEADER_END in self._heard or len(self._heard) == MOST
        return self._say.pop(0) if asked and self._say else None

    def disconnected(self) -> None:
        """Forget the peer."""
        self._say.clear()
