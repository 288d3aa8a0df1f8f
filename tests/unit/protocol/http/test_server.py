"""Does the web server keep to HTTP/1.1 with any client, and outlive any request and any application?"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from emaillab.engine import Elsewhere, Output, Pause, Signal, Step
from emaillab.protocol.backend import Session
from emaillab.protocol.http.server import MAX_HEADER, HttpServer

GET = b"GET /a HTTP/1.1\r\nHost: b.example\r\n\r\n"


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Say what was asked."""
    content = environ["wsgi.input"].read()
    path = environ["PATH_INFO"].encode("latin-1")
    if path == b"/stored":
        environ["emaillab.session"].user = "stored"
    if path == b"/fails":
        raise ValueError("a secret of the application")
    if path == b"/silent":
        return []
    if path == b"/liar":
        start_response("200 OK", [("Content-Length", "10")])
        return [b"short"]
    if path == b"/injects":
        start_response("200 OK", [("X", "a\r\nSet-Cookie: b")])
        return [b""]
    if path == b"/204":
        start_response("204 NO CONTENT", [])
        return []
    start_response("200 OK", [("Content-Type", "text/plain")])
    if path == b"/pieces":
        return iter([b"one ", b"", b"two"])
    return [environ["REQUEST_METHOD"].encode() + b" " + path + b" " + content]


def server(application: Any = echo, **options: Any) -> HttpServer:
    return HttpServer(application, Session("b.example", "192.0.2.7"), **options)


def pull(engine: HttpServer) -> Output | None:
    """Return what the engine says next, as a driver sees it that does all work at once."""
    item = engine.pull()
    while isinstance(item, Elsewhere):
        item.work()
        item = engine.pull()
    return item


def pulled(engine: HttpServer) -> list[Output]:
    return list(iter(lambda: pull(engine), None))


def bodies(said: bytes) -> list[bytes]:
    """Split responses with Content-Length."""
    found = []
    while said:
        head, _, rest = said.partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        found.append(rest[:size])
        said = rest[size:]
    return found


def test_a_connection_serves_many_requests() -> None:
    engine = server()
    assert bodies(engine.receive(GET)) == bodies(engine.receive(GET)) == [b"GET /a "]


def test_requests_in_one_segment_are_answered_in_order() -> None:
    said = server().receive(GET + GET.replace(b"/a", b"/b") + GET.replace(b"/a", b"/c"))
    assert bodies(said) == [b"GET /a ", b"GET /b ", b"GET /c "]


REQUESTS = (
    GET
    + b"POST /p HTTP/1.1\r\nHost: b.example\r\nContent-Length: 5\r\n\r\nhello"
    + b"POST /q HTTP/1.1\r\nHost: b.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    + b"GET http://b.example/r%C3%A9 HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n"
)


def test_segmentation_does_not_matter() -> None:
    whole = server().receive(REQUESTS)
    engine = server()
    assert b"".join(engine.receive(REQUESTS[at : at + 1]) for at in range(len(REQUESTS))) == whole
    assert bodies(whole) == [b"GET /a ", b"POST /p hello", b"POST /q abcde", "GET /ré ".encode()]
    assert engine.state == "CLOSED"


def test_head_brings_the_header_alone() -> None:
    said = server().receive(GET.replace(b"GET", b"HEAD") + GET)
    first, _, rest = said.partition(b"\r\n\r\n")
    assert b"Content-Length: 8" in first
    assert rest.startswith(b"HTTP/1.1 200 OK")


def test_content_of_unknown_length_comes_in_chunks_or_up_to_the_end() -> None:
    asks = b"GET /pieces HTTP/1.%d\r\nHost: b.example\r\n\r\n"
    assert server().receive(asks % 1).endswith(b"\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n")
    engine = server()
    assert engine.receive(asks % 0).endswith(b"\r\n\r\none two")
    assert engine.state == "CLOSED"


def test_content_is_invited() -> None:
    engine = server()
    asks = b"POST /p HTTP/1.1\r\nHost: b.example\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    assert engine.receive(asks) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert engine.waiting_for == "the rest of 2 octets of content, after 0 octets"
    assert bodies(engine.receive(b"hi")) == [b"POST /p hi"]


def test_content_is_asked_for_only_as_the_client_reads() -> None:
    given = []

    def endless(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for number in range(1_000_000):
            given.append(number)
            yield bytes(200_000)

    engine = server(endless)
    engine.feed(GET)
    sizes = [len(pull(engine) or b"") for _ in range(20) if pull(engine) is not Signal.COMMIT]
    assert max(sizes) < 70_000
    assert len(given) < 20
    engine.disconnected()
    assert pull(engine) is None


@pytest.mark.parametrize(
    ("asks", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: b.example\r\n\r\n", 505),
        (b"CONNECT b.example:25 HTTP/1.1\r\nHost: b.example\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: b.example\r\nX: " + b"x" * MAX_HEADER + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: b.example\r\nContent-Length: 1001\r\n\r\n", 413),
        (
            b"POST / HTTP/1.1\r\nHost: b.example\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n"
            + b"x" * 1001
            + b"\r\n0\r\n\r\n",
            413,
        ),
        (
            b"POST / HTTP/1.1\r\nHost: b.example\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
    ],
    ids=["garbage", "no host", "version", "connect", "header", "length", "chunks", "smuggling"],
)
def test_what_is_refused_closes_with_one_sentence(asks: bytes, status: int) -> None:
    for segments in ([asks], [asks[at : at + 1] for at in range(len(asks))]):
        engine = server(max_body=1000)
        said = b"".join(engine.receive(segment) for segment in segments)
        assert said.startswith(b"HTTP/1.1 %d " % status), said
        (sentence,) = bodies(said)
        assert sentence.endswith(b".\n")
        assert sentence.count(b"\n") == 1
        assert engine.state == "CLOSED"
        assert engine.receive(GET) == b""
        assert not engine.errors


@pytest.mark.parametrize("path", ["/fails", "/silent", "/injects"])
def test_an_application_that_fails_costs_one_page(path: str) -> None:
    engine = server()
    said = engine.receive(GET.replace(b"/a", path.encode()))
    assert b"a secret" not in said
    assert b"Set-Cookie" not in said
    assert len(engine.errors) == 1
    assert said.startswith(b"HTTP/1.1 500 ")
    assert bodies(engine.receive(GET)) == [b"GET /a "]


def test_a_response_that_breaks_off_closes_the_connection() -> None:
    engine = server()
    assert engine.receive(GET.replace(b"/a", b"/liar")).endswith(b"short")
    assert engine.state == "CLOSED"
    assert len(engine.errors) == 1


def test_no_content_has_none() -> None:
    said = server().receive(GET.replace(b"/a", b"/204") + GET)
    assert said.partition(b"\r\n\r\n")[2].startswith(b"HTTP/1.1 200 OK")


def test_the_store_commits_before_the_response() -> None:
    engine = server()
    engine.feed(GET.replace(b"/a", b"/stored"))
    out = pulled(engine)
    assert engine.session.user == "stored"
    assert out[0] is Signal.COMMIT
    assert isinstance(out[1], bytes)


def test_a_page_is_made_elsewhere_and_its_store_committed_there() -> None:
    done: list[str] = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        done.append("made")
        start_response("200 OK", [])
        return [b"page"]

    engine = server(application, commit=lambda: done.append("committed"))
    engine.feed(GET)
    work = engine.pull()
    assert isinstance(work, Elsewhere)
    assert done == []
    work.work()
    assert done == ["made", "committed"]
    assert pulled(engine)[0] is Signal.COMMIT


def test_a_browser_that_leaves_while_its_page_is_made_costs_nothing() -> None:
    engine = server()
    engine.feed(GET)
    work = engine.pull()
    assert isinstance(work, Elsewhere)
    engine.disconnected()
    work.work()
    assert engine.pull() is None
    assert engine.errors == []


def test_a_store_that_fails_where_the_page_is_made_is_told() -> None:
    def full() -> None:
        raise OSError("disk full")

    said = server(commit=full).receive(GET)
    assert said.startswith(b"HTTP/1.1 503 ")
    assert bodies(said) == [b"The store failed: disk full; please try again.\n"]


def test_an_application_can_ask_for_its_answer_to_wait() -> None:
    def slow(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/a":
            environ["emaillab.session"].pause_s = 2.0
        return echo(environ, start_response)

    engine = server(slow)
    engine.feed(GET + GET.replace(b"/a", b"/fails") + GET)
    waits = [item for item in pulled(engine) if not isinstance(item, bytes)]
    assert waits == [Signal.COMMIT, Pause(2.0), Signal.COMMIT, Signal.COMMIT]
    assert engine.session.pause_s == 0


def test_what_could_not_be_kept_is_not_confirmed() -> None:
    engine = server()
    engine.feed(GET)
    assert pull(engine) is Signal.COMMIT
    engine.commit_failed("the store failed: disk full")
    said = b"".join(item for item in pulled(engine) if isinstance(item, bytes))
    assert said.startswith(b"HTTP/1.1 503 ")
    assert bodies(said) == [b"The store failed: disk full; please try again.\n"]
    assert bodies(engine.receive(GET)) == [b"GET /a "]


def test_an_application_is_told_when_nobody_reads_any_more() -> None:
    closed = []

    class Content:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x"] * 100)

        def close(self) -> None:
            closed.append(True)
            raise ValueError("even so")

    def application(environ: Any, start_response: Any) -> Content:
        start_response("200 OK", [])
        return Content()

    engine = server(application)
    engine.feed(GET)
    pull(engine)
    pull(engine)
    engine.disconnected()
    assert closed == [True]
    assert len(engine.errors) == 1


def test_each_octet_has_its_phase() -> None:
    steps: list[Step] = []
    engine = server()
    engine.watch = steps.append
    half = b"GET /half"
    said = engine.receive(GET)
    assert [(s.verb, s.phase, s.consumed, s.produced) for s in steps] == [
        ("GET", "request", len(GET), 0),
        ("GET", "response", len(GET), 0),
    ]
    engine.receive(half)
    engine.disconnected()
    assert (steps[-1].phase, steps[-1].after) == ("request", "CLOSED")
    assert (steps[-1].consumed, steps[-1].produced) == (len(GET + half), len(said))


def test_underscores_cannot_pose_as_hyphens() -> None:
    seen: dict[str, Any] = {}

    def application(environ: Any, start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response("200 OK", [])
        return []

    server(application).receive(
        b"GET / HTTP/1.1\r\nHost: b.example\r\nX_User: eve\r\nCookie: a=1\r\nCookie: b=2\r\nAccept: x\r\nAccept: y\r\n\r\n"
    )
    assert "HTTP_X_USER" not in seen
    assert seen["HTTP_COOKIE"] == "a=1; b=2"
    assert seen["HTTP_ACCEPT"] == "x, y"
