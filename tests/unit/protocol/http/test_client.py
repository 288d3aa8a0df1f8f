"""Does the web client read every framing, keep cookies, and say clearly what is wrong?"""

import pytest

from emaillab.protocol.http.client import HttpClient
from emaillab.protocol.http.response import Headers, Response
from emaillab.protocol.stream import ProtocolError


class Script:
    """A server that says what it says."""

    def __init__(self, *said: bytes) -> None:
        self.said, self.heard = b"".join(said), b""

    def send(self, data: bytes) -> None:
        self.heard += data

    def readline(self, limit: int = 8192) -> bytes:
        end = self.said.find(b"\n") + 1
        if not end:
            raise ConnectionError("the server closed the connection")
        return self.read(end)

    def read(self, count: int) -> bytes:
        if len(self.said) < count:
            raise ConnectionError("the server closed the connection")
        taken, self.said = self.said[:count], self.said[count:]
        return taken

    def start_tls(self) -> None: ...
    def close(self) -> None: ...


def said(content: bytes, *fields: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + content


def client(*answers: bytes) -> tuple[HttpClient, Script]:
    script = Script(*answers)
    return HttpClient(script, "b.example"), script


@pytest.mark.parametrize(
    "answer",
    [
        said(b"hello\nyou"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello\n\r\n3;x\r\nyou\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello\nyou",
        b"HTTP/1.1 100 Continue\r\n\r\n" + said(b"hello\nyou"),
    ],
    ids=["length", "chunks", "to the end", "interim"],
)
def test_every_framing(answer: bytes) -> None:
    web, _ = client(answer)
    assert web.get("/").text == "hello\nyou"


def test_several_requests_on_one_connection() -> None:
    web, script = client(said(b"a"), b"HTTP/1.1 204 No Content\r\n\r\n", said(b""), said(b"b"))
    assert [web.get("/a").text, web.get("/none").text, web.get("/empty").text, web.get("/b").text] == ["a", "", "", "b"]
    assert script.heard.count(b"Host: b.example\r\n") == 4


def test_head_has_no_content() -> None:
    web, _ = client(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", said(b"x"))
    assert web.head("/").body == b""
    assert web.get("/").body == b"x"


def test_a_form_is_spelt_for_the_wire() -> None:
    web, script = client(said(b""))
    web.post("/p", {"name": "可丽饼 & more", "b": "1"})
    assert script.heard.endswith(b"\r\n\r\nname=%E5%8F%AF%E4%B8%BD%E9%A5%BC+%26+more&b=1")
    assert b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 45\r\n" in script.heard


def test_cookies_are_kept_and_forgotten() -> None:
    web, script = client(
        said(b"", "Set-Cookie: id=1; HttpOnly; Path=/", "Set-Cookie: b=2"),
        said(b"", "Set-Cookie: id=; Max-Age=0"),
        said(b""),
    )
    web.get("/")
    web.get("/")
    web.get("/")
    first, second, third = script.heard.split(b"\r\n\r\n")[:3]
    assert b"Cookie" not in first
    assert b"Cookie: id=1; b=2" in second
    assert b"Cookie: b=2" in third


def test_redirects_are_shown_and_followed_only_when_asked() -> None:
    moved = said(b"", "Location: /b?x=1", status="303 See Other")
    web, script = client(moved, moved, said(b"there"))
    shown = web.get("/a")
    assert (shown.status, shown.location, shown.history) == (303, "/b?x=1", ())
    followed = web.post("/a", {"x": "y"}, follow=True)
    assert (followed.text, [step.status for step in followed.history]) == ("there", [303])
    assert b"GET /b?x=1 HTTP/1.1\r\n" in script.heard


@pytest.mark.parametrize("target", ["https://evil.example/", "/a"])
def test_redirects_lead_nowhere_else_and_not_for_ever(target: str) -> None:
    web, _ = client(*[said(b"", f"Location: {target}", status="302 Found")] * 20)
    with pytest.raises(ProtocolError, match="redirects"):
        web.get("/a", follow=True)


def test_what_is_no_http_is_a_protocol_error() -> None:
    web, _ = client(b"220 b.example ESMTP\r\n\r\n")
    with pytest.raises(ProtocolError, match=r"b\.example did not answer in HTTP"):
        web.get("/")
    with pytest.raises(ProtocolError, match="no HTTP request"):
        client()[0].get("/a b\r\nX: y")


def test_a_closed_connection_says_so() -> None:
    web, _ = client(said(b"", "Connection: close"))
    web.get("/")
    with pytest.raises(ConnectionError, match=r"b\.example closed the connection after its last response"):
        web.get("/")


def test_header_fields_are_found_in_any_case() -> None:
    headers = Headers([("Accept", "a"), ("ACCEPT", "b"), ("X", "y")])
    assert (headers["accept"], headers.get("nothing"), headers.all("Accept")) == ("a, b", None, ["a", "b"])


def test_text_by_its_charset() -> None:
    page = Response(200, "OK", Headers([("Content-Type", "text/html; charset=gb2312")]), "可丽饼".encode("gb2312"))
    assert page.text == "可丽饼"
    page = Response(200, "OK", Headers([("Content-Type", "text/html; charset=nonsense")]), "可丽饼".encode())
    assert page.text == "可丽饼"


def test_a_form_as_it_is_filled_in() -> None:
    page = (
        b'<form><input name=a value="1&lt;2"><input type=hidden name=b value=c><input type=file name=f>'
        b"<textarea name=t>\n\nline &amp; more</textarea><button>Go</button></form>"
    )
    assert Response(200, "OK", Headers(), page).form == {"a": "1<2", "b": "c", "t": "\nline & more"}
