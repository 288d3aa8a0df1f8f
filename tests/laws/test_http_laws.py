"""What must hold for the web server whatever octets come, and in whatever pieces?"""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emaillab.engine import Elsewhere, Signal
from emaillab.host.mailhost import MailHost
from emaillab.host.webmail.application import Webmail
from emaillab.host.webmail.markup import read_html
from emaillab.net.clock import VirtualClock
from emaillab.protocol.backend import Session
from emaillab.protocol.http.server import HttpServer

SEEDS = [
    b"GET / HTTP/1.1\r\nHost: b.example\r\n\r\n",
    b"GET /mail/1?box=INBOX HTTP/1.1\r\nHost: b.example\r\nCookie: webmail-b-example=COOKIE\r\n\r\n",
    b"GET /mail/1/part/0 HTTP/1.1\r\nHost: b.example\r\nCookie: webmail-b-example=COOKIE\r\n\r\n",
    b"HEAD /login HTTP/1.0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: b.example\r\n\r\n",
    b"POST /login HTTP/1.1\r\nHost: b.example\r\nContent-Length: 24\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nuser=bob&password=secret",
    b"POST /compose HTTP/1.1\r\nHost: b.example\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n"
    b"Cookie: webmail-b-example=COOKIE\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
    b"2f\r\nform_token=TOKEN&to=bob@b.example\r\n0\r\n\r\n",
    b"POST /compose HTTP/1.1\r\nHost: b.example\r\nContent-Length: 62\r\nCookie: webmail-b-example=COOKIE\r\n"
    b'Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\nContent-Disposition: form-data; name="to"\r\n\r\nx\r\n--b--',
]
LETTER = b"From: Alice <alice@crepes.fr>\r\nSubject: <script>\r\nContent-Type: text/html\r\n\r\n<p>Hi<img src=x>\r\n"


@pytest.fixture(scope="module")
def webmail() -> Callable[[], tuple[HttpServer, bytes, bytes]]:
    """Make connections to one host's webmail, with the cookie and the token of somebody who is logged in."""
    host = MailHost("b.example", ip="192.0.2.25", clock=VirtualClock())
    host.add_user("bob", "secret")
    host.store.deliver(["bob"], LETTER, host.now())
    application = Webmail(host, secret=b"?")
    login = application.logins.open("bob", host.now())

    def connect() -> tuple[HttpServer, bytes, bytes]:
        session = Session("b.example", "192.0.2.7", now=host.now)
        return HttpServer(application, session), login.id.encode(), login.form_token.encode()

    return connect


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Draw requests, some of them damaged."""
    pieces = []
    for seed in draw(st.lists(st.sampled_from(SEEDS), min_size=1, max_size=4)):
        octets = bytearray(seed)
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, len(octets)))
            octets[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=6))
        pieces.append(bytes(octets))
    return b"".join(pieces) + draw(st.binary(max_size=20))


def play(engine: HttpServer, octets: bytes, cuts: list[int]) -> bytes:
    said = b""
    edges = sorted({0, len(octets), *(cut % (len(octets) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(edges):
        engine.feed(octets[start:end])
        for _ in range(10_000):
            item = engine.pull()
            if item is None:
                break
            said += item if isinstance(item, bytes) else b""
            if isinstance(item, Elsewhere):
                item.work()
            if item is Signal.CLOSE:
                return said
        else:
            pytest.fail("the engine does not come to an end")
    assert engine.waiting_for
    engine.disconnected()
    assert engine.pull() is None
    return said


@given(octets=requests(), cuts=st.lists(st.integers(0, 5000), max_size=5))
@settings(max_examples=150)
def test_nothing_makes_webmail_fail(webmail: Any, octets: bytes, cuts: list[int]) -> None:
    engine, cookie, token = webmail()
    said = play(engine, octets.replace(b"COOKIE", cookie).replace(b"TOKEN", token), cuts)
    assert engine.errors == []
    assert not said or said.startswith(b"HTTP/1.1 ")
    assert b"HTTP/1.1 500" not in said
    assert b"<script>" not in said


@given(octets=requests(), cuts=st.lists(st.integers(0, 5000), max_size=8))
def test_segmentation_does_not_matter(octets: bytes, cuts: list[int]) -> None:
    def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["REQUEST_METHOD"].encode(), environ["wsgi.input"].read()]

    def final(cut: list[int]) -> bytes:  # an invitation comes only to those who wait for it (RFC 9110 §10.1.1)
        said = play(HttpServer(echo, Session("b.example", "192.0.2.7")), octets, cut)
        return said.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")

    assert final(cuts) == final([])


@given(
    st.lists(
        st.sampled_from(["<", ">", "<a href='", '"', "'", "<!--", "-->", "<script>", "</script>", "x", " ", "&lt;"])
    )
)
def test_html_becomes_words_whatever_it_is(pieces: list[str]) -> None:
    markup = "".join(pieces)
    assert isinstance(read_html(markup).text, str)


@given(st.text())
def test_text_survives_as_text(text: str) -> None:
    import html

    words = " ".join(text.split())
    assert " ".join(read_html(f"<p>{html.escape(words)}</p>").text.split()) == words
