"""How does a web client work? It says what it wants, reads status, header and content, and remembers cookies.

>>> class Script:  # a server that always says the same
...     def __init__(self, said): self.said = said
...     def send(self, data): print(data.decode().replace("\\r", ""))
...     def readline(self, limit=8192): return self.read(self.said.find(b"\\n") + 1)
...     def read(self, count): taken, self.said = self.said[:count], self.said[count:]; return taken
>>> said = b"HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: 3\\r\\n\\r\\nhi\\n"
>>> web = HttpClient(Script(said), "crepes.fr")
>>> page = web.get("/menu")
GET /menu HTTP/1.1
Host: crepes.fr
<BLANKLINE>
<BLANKLINE>
>>> page.status, page.reason, page.headers["content-type"], page.text
(200, 'OK', 'text/plain', 'hi\\n')
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import h11

from emaillab.protocol.http.response import Headers, Response
from emaillab.protocol.stream import ProtocolError, Stream

AT_ONCE = 1 << 16  # octets of content that are read at once
MOST_REDIRECTS = 10
FORM = "application/x-www-form-urlencoded"


class HttpClient:
    """One HTTP connection from the client's end, kept open for many requests, with the cookies of one user.

    Args: host: what the Host field says. Source: RFC 9110, 9112, 6265.
    """

    def __init__(self, stream: Stream, host: str = "localhost", *, transcript: Any = None) -> None:
        self.stream, self.host, self.transcript = stream, host, transcript
        self.cookies: dict[str, str] = {}
        self._http = h11.Connection(h11.CLIENT)

    def get(self, path: str, *, follow: bool = False) -> Response:
        """Fetch a page. Args: follow: fetch also what a redirect points to."""
        return self._followed(path, self.request("GET", path), follow)

    def head(self, path: str) -> Response:
        """Ask for the header that `get` would bring."""
        return self.request("HEAD", path)

    def post(self, path: str, form: Mapping[str, str], *, follow: bool = False) -> Response:
        """Send a form. Args: follow: fetch also what a redirect points to, with GET as browsers do."""
        response = self.request("POST", path, {"Content-Type": FORM}, urlencode(form).encode())
        return self._followed(path, response, follow)

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> Response:
        """Send one request and read its response; redirects are shown, not followed.

        Raises: ProtocolError when either side breaks the rules of HTTP, ConnectionError, TimeoutError.
        """
        self._next_cycle()
        fields = [("Host", self.host), *(headers.items() if isinstance(headers, Mapping) else headers)]
        if self.cookies:
            fields.append(("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items())))
        if body:
            fields.append(("Content-Length", str(len(body))))
        try:
            request = h11.Request(method=method, target=path, headers=fields)
            pieces = [self._http.send(event) for event in (request, *_content(body), h11.EndOfMessage())]
        except h11.LocalProtocolError as error:
            raise ProtocolError(f"this is no HTTP request: {error}") from None
        self.stream.send(b"".join(piece for piece in pieces if piece))
        response = self._response(method)
        self._remember(response.headers)
        return response

    def close(self) -> None:
        """Close the connection."""
        self.stream.close()

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self.close()

    # Reading

    def _response(self, method: str) -> Response:
        """Read one response; interim ones are passed over."""
        head = self._event()
        while isinstance(head, h11.InformationalResponse):
            head = self._event()
        assert isinstance(head, h11.Response)
        headers = Headers((name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers.raw_items())
        body = bytearray()
        expected = 0 if method == "HEAD" else int(headers.get("content-length", 0))
        while isinstance(event := self._event(expected - len(body), headers), h11.Data):
            body += event.data
        return Response(head.status_code, head.reason.decode("latin-1"), headers, bytes(body))

    def _event(self, expected: int = 0, headers: Headers | None = None) -> Any:
        """Return the next event of the response, reading what is missing for it."""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise ProtocolError(f"{self.host} did not answer in HTTP: {error}") from None
            if event is not h11.NEED_DATA:
                return event
            self._http.receive_data(self._more(expected, headers))

    def _more(self, expected: int, headers: Headers | None) -> bytes:
        """Read what the framing of the response allows without waiting in vain. Source: RFC 9112 §6.3."""
        if headers is None:  # status line and header: line by line
            return self.stream.readline()
        if expected > 0:  # Content-Length: so many octets
            return self.stream.read(min(expected, AT_ONCE))
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunk()
        try:
            return self.stream.read(1)  # neither: up to the end of the connection
        except ConnectionError:
            return b""

    def _chunk(self) -> bytes:
        """Read one chunk: a line with its size in hexadecimal, then its octets. Source: RFC 9112 §7.1."""
        line = self.stream.readline()
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            return line  # a trailer field, or its end
        return line + (self.stream.read(size + 2) if size else b"")

    def _next_cycle(self) -> None:
        """Make ready for the next request. Raises: ConnectionError when the last response was the connection's end."""
        if self._http.our_state is h11.IDLE:
            return
        try:
            self._http.start_next_cycle()
        except h11.LocalProtocolError:
            raise ConnectionError(
                f"{self.host} closed the connection after its last response; open a new one"
            ) from None

    # What a browser does by itself

    def _followed(self, path: str, response: Response, follow: bool) -> Response:
        """Go where redirects point. Raises: ProtocolError when they lead elsewhere, or nowhere."""
        seen: list[Response] = []
        while follow and response.location is not None:
            path = urljoin(path, response.location)
            if urlsplit(path).netloc not in ("", self.host):
                raise ProtocolError(f"{self.host} redirects to another host: {path}")
            if len(seen) == MOST_REDIRECTS:
                raise ProtocolError(f"{self.host} redirects again and again, at last to {path}")
            seen.append(response)
            response = self.request("GET", path)
        response.history = tuple(seen)
        return response

    def _remember(self, headers: Headers) -> None:
        """Keep cookies. SIMPLIFIED: one connection is one site, so paths, domains and dates are not looked at."""
        for line in headers.all("set-cookie"):
            pair, *attributes = (piece.strip() for piece in line.split(";"))
            name, _, value = pair.partition("=")
            if "max-age=0" in (attribute.lower() for attribute in attributes):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


def _content(body: bytes) -> list[h11.Data]:
    return [h11.Data(data=body)] if body else []
