"""How does a web server work? It reads a request, asks an application for the response, and keeps the connection open.

What HTTP/1.1 allows is h11's knowledge, what a page says is the application's; this engine joins the two and, as the
engines of SMTP, POP3 and IMAP do, is fed with octets and has no socket.

>>> from emaillab.protocol.backend import Session
>>> def hello(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [b"Hello from " + environ["PATH_INFO"].encode()]
>>> server = HttpServer(hello, Session("www.crepes.fr", "192.0.2.7"))
>>> print(server.receive(b"GET /menu HTTP/1.1\\r\\nHost: www.crepes.fr\\r\\n\\r\\n").decode().replace("\\r", ""))
HTTP/1.1 200 OK
Content-Type: text/plain
Content-Length: 16
Date: Thu, 01 Jan 1970 00:00:00 GMT
Server: emaillab
<BLANKLINE>
Hello from /menu
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC
from email.utils import format_datetime

import h11

from emaillab.engine import Outcome, Pause, Signal, Step
from emaillab.protocol.backend import Session
from emaillab.protocol.base import BaseEngine
from emaillab.protocol.http.answer import Answer, Application, ask, plain
from emaillab.protocol.http.environ import environ_of
from emaillab.protocol.machine import CLOSED

MAX_HEADER = 1 << 14  # octets of a request's header
MAX_BODY = 32 << 20  # octets of a request's content
OPEN = "OPEN"
REQUEST, RESPONSE = "request", "response"


class HttpServer(BaseEngine):
    """One HTTP connection: requests in order, each answered before the next is looked at.

    Each response stands behind a commit, which costs nothing when nothing was stored: what the user is told is done
    is kept. Source: RFC 9112; PEP 3333.
    """

    def __init__(self, application: Application, session: Session, *, max_body: int = MAX_BODY) -> None:
        super().__init__()
        self.application, self.session, self.max_body = application, session, max_body
        self.state = OPEN
        self.watch: Callable[[Step], None] | None = None
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEADER)
        self._request: h11.Request | None = None
        self._content = bytearray()
        self._announced = 0  # octets of content that the header announces
        self._answer: Answer | None = None  # what is being said
        self._fed = self._served = 0  # octets: taken, of requests answered

    # What a driver calls

    def feed(self, data: bytes, /) -> None:
        """Take octets from the peer; nothing is done with them before the next `pull`."""
        if self.state != CLOSED and data:
            self._fed += len(data)
            self._http.receive_data(data)

    def commit_failed(self, reason: str) -> None:
        """Say that what was asked could not be kept, instead of the response that stood behind the commit."""
        self._out.clear()
        self._let_go()
        self._queue(plain(503, f"{reason}; please try again"))

    def tls_started(self) -> None:
        """Go on inside TLS; HTTP has no command that would start it."""

    def disconnected(self) -> None:
        """Forget the peer; a request that is not whole has no effect."""
        if self.state != CLOSED and self._answer is None and self._fed > self._served:
            self._label(Outcome.BAD, REQUEST, CLOSED, self._fed)
        self.state = CLOSED
        self._out.clear()
        self._let_go()

    @property
    def waiting_for(self) -> str:
        """Say what the engine needs before it can answer, as one clause for a person."""
        if self._request is not None:
            of = f"{self._announced} octets of" if self._announced else "the"
            return f"the rest of {of} content, after {len(self._content)} octets"
        if self._fed > self._served:
            return "the empty line that ends the request's header"
        return "a request"

    # From a request to its response

    def _go_on(self) -> bool:
        """Take one event of the request; False when more octets are needed."""
        if self.state == CLOSED:
            return False
        try:
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            why, _, _ = str(error).partition(": b")  # what follows are octets, as many as happen to be there
            self._refuse(error.error_status_hint, f"this is no HTTP request: {why}")
            return True
        if isinstance(event, h11.Request):
            self._begin(event)
        elif isinstance(event, h11.Data):
            self._content += event.data
            if len(self._content) > self.max_body:
                self._refuse(413, f"at most {self.max_body} octets of content are taken")
        elif isinstance(event, h11.EndOfMessage):
            self._serve()
        elif self._http.they_are_waiting_for_100_continue:
            self._continue()
        else:
            return False
        return True

    def _begin(self, request: h11.Request) -> None:
        """Look at a request's header, before its content is taken."""
        fields = dict(request.headers)
        length = fields.get(b"content-length", b"")
        self._request, self._announced = request, int(length or 0)
        if self._fed - self._waiting() - self._served > MAX_HEADER + 1:
            self._refuse(431, f"at most {MAX_HEADER} octets of header are taken")
        elif request.http_version not in (b"1.0", b"1.1"):
            self._refuse(505, f"HTTP/{request.http_version.decode()} is not spoken here, HTTP/1.1 is")
        elif length and b"transfer-encoding" in fields:  # two ends: a way to smuggle requests, RFC 9112 §6.1
            self._refuse(400, "Content-Length and Transfer-Encoding both say where the content ends")
        elif request.method == b"CONNECT":
            self._refuse(501, "this is no proxy")
        elif self._announced > self.max_body:
            self._refuse(413, f"at most {self.max_body} octets of content are taken, not {self._announced}")

    def _continue(self) -> None:
        """Invite the content that the client holds back. Source: RFC 9110 §10.1.1."""
        self._label(Outcome.MORE, REQUEST)
        invitation = h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
        self._out.append(self._http.send(invitation) or b"")

    def _serve(self) -> None:
        """Have the application answer a whole request."""
        assert self._request is not None
        environ = environ_of(self._request, bytes(self._content), self.session)
        try:
            self._answer = answer = ask(self.application, environ)
            self._head(answer)
        except Exception as error:  # a defect of ours must cost one page, never the server
            self.errors.append(error)
            self._let_go()
            answer = plain(500, "the server failed to make this page; its other pages still work")
        self._say(answer)

    def _refuse(self, status: int, why: str) -> None:
        """Answer what is no request to be served, and close: where the next one would begin is not known."""
        self._say(plain(status, why, ("Connection", "close")))

    def _say(self, answer: Answer) -> None:
        """Label request and response, and put the response behind a commit, and behind a pause if one is asked for."""
        outcome = Outcome.OK if answer.status < 400 else Outcome.BAD if answer.status == 400 else Outcome.NO
        # Two labels at one place: the first is that of the client's lines, the last that of the server's.
        self._label(outcome, REQUEST)
        self._label(outcome, RESPONSE, CLOSED if self._is_last(answer) else OPEN)
        pause_s, self.session.pause_s = self.session.pause_s, 0.0
        if pause_s:
            self._out.append(Pause(pause_s))
        self._out.append(Signal.COMMIT)
        self._queue(answer)

    def _queue(self, answer: Answer) -> None:
        self._answer = answer
        self._out.append(self._octets(answer))

    def _is_last(self, answer: Answer) -> bool:
        """Tell whether the connection closes after an answer. Source: RFC 9112 §9.3."""
        said = [value.lower() for name, value in answer.headers if name.lower() == "connection"]
        if self._request is None or self._request.http_version == b"1.0":
            return True
        asked = [value.lower() for name, value in self._request.headers if name == b"connection"]
        return "close" in said or b"close" in asked

    def _octets(self, answer: Answer) -> Iterator[bytes]:
        """Give a response's octets, piece by piece as the peer reads, and make ready for the next request."""
        yield self._http.send(self._head(answer)) or b""
        if self._method != "HEAD" and answer.status not in (204, 304):
            for piece in answer:
                yield self._http.send(h11.Data(data=piece)) or b""
        yield self._http.send(h11.EndOfMessage()) or b""
        self._let_go()
        self._finish()

    def _head(self, answer: Answer) -> h11.Response:
        """Return status and header. Raises: h11.LocalProtocolError, ValueError for what no header can hold."""
        fields = {name.lower() for name, _ in answer.headers}
        own = [("Date", format_datetime(self.session.now().astimezone(UTC), usegmt=True)), ("Server", "emaillab")]
        headers = [*answer.headers, *((name, value) for name, value in own if name.lower() not in fields)]
        octets = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
        return h11.Response(status_code=answer.status, reason=answer.reason.encode("latin-1"), headers=octets)

    def _finish(self) -> None:
        """Begin anew on the same connection, or close it."""
        self._served = self._fed - self._waiting()
        self._request = None
        self._content, self._announced = bytearray(), 0
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.state = CLOSED
            self._out.append(Signal.CLOSE)

    # Small things

    @property
    def _method(self) -> str:
        return self._request.method.decode("ascii") if self._request else ""

    def _let_go(self) -> None:
        """Tell the application that nobody reads its answer any more."""
        answer, self._answer = self._answer, None
        if answer is not None:
            try:
                answer.close()
            except Exception as error:
                self.errors.append(error)

    def _waiting(self) -> int:
        """Return how many octets stand behind the request in hand."""
        return len(self._http.trailing_data[0])

    def _label(self, outcome: Outcome, phase: str, after: str = OPEN, consumed: int | None = None) -> None:
        """Tell the watcher what a unit was."""
        if self.watch:
            up_to = self._fed - self._waiting() if consumed is None else consumed
            self.watch(Step(self._method, outcome, OPEN, after, phase, up_to, self._produced))
