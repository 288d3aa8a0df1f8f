"""Does webmail work with curl, as a browser's stand-in: cookies, forms, files, TLS, limits?"""

import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.peers.serve import ADDRESS, DOMAIN, PASSWORD, USER, Serve, run

LETTER = (
    b"From: Alice <alice@crepes.fr>\r\nTo: testuser@example.org\r\nSubject: crepes\r\n\r\nBonjour,\r\n.dot\r\n\xe9\r\n"
)


class Curl:
    """curl with a jar for cookies."""

    def __init__(self, program: str, server: Serve, jar: Path, service: str = "http", *options: str) -> None:
        self.base = f"{service}://localhost:{server.port(service)}"
        self._command = [program, "-sS", "--noproxy", "*", "-b", str(jar), "-c", str(jar), *options]

    def __call__(self, path: str, *options: str) -> bytes:
        done = run(*self._command, *options, self.base + path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self, path: str, *options: str) -> str:
        return self(path, "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", *options).decode()

    def log_in(self, password: str = PASSWORD) -> str:
        return self.status("/login", "-d", f"user={USER}", "-d", f"password={password}")

    def token(self) -> str:
        found = re.search(rb'name="form_token" value="(\w+)"', self("/compose"))
        assert found
        return found[1].decode()


@pytest.fixture
def web_server(start: Callable[..., Serve]) -> Serve:
    return start(services=("--smtp", "0", "--http", "0"))


@pytest.fixture
def curl(tool: Callable[[str], str], web_server: Serve, tmp_path: Path) -> Curl:
    return Curl(tool("curl"), web_server, tmp_path / "jar")


def post(server: Serve, raw: bytes = LETTER) -> None:
    import smtplib

    with smtplib.SMTP(*server.at("smtp"), timeout=60) as client:
        client.sendmail("alice@crepes.fr", [ADDRESS], raw)


def test_a_letter_is_read_octet_by_octet(web_server: Serve, curl: Curl) -> None:
    post(web_server)
    assert curl.status("/mail/1") == f"303 {curl.base}/login"
    assert curl.log_in("guess") == "403 "
    assert curl.log_in() == f"303 {curl.base}/mail"
    assert b"crepes" in curl("/mail")
    assert b"Bonjour" in curl("/mail/1")
    assert curl("/mail/1/source").endswith(b"\r\n" + LETTER)
    assert b"HTTP/1.1 200 OK" in curl("/mail/1/source", "-I")
    assert curl.status("/mail/2") == "404 "
    assert curl.status("/mail/1/delete", "-d", "form_token=guess") == "403 "
    assert curl.status("/mail/1/delete", "-d", f"form_token={curl.token()}").startswith("303 ")
    assert curl.status("/mail/1") == "404 "
    assert curl.status("/logout", "-d", f"form_token={curl.token()}") == f"303 {curl.base}/login?told=out"
    assert curl.status("/mail") == f"303 {curl.base}/login"


def test_a_letter_with_a_file_is_sent(curl: Curl, tmp_path: Path) -> None:
    content = bytes(range(256)) * 8192  # more than curl sends without asking
    file = tmp_path / "可丽饼.bin"
    file.write_bytes(content)
    curl.log_in()
    fields = {"form_token": curl.token(), "to": ADDRESS, "subject": "可丽饼", "text": "here"}
    form = [word for name, value in fields.items() for word in ("-F", f"{name}={value}")]
    assert curl.status("/compose", *form, "-F", f"files=@{file}").startswith("303 ")
    header = curl("/mail/1/source").partition(b"\r\n\r\n")[0]
    assert b"Return-Path: <%b>" % ADDRESS.encode() in header
    assert re.search(rb"\r\nReceived: by example\.org \(emaillab webmail\) with HTTP id \w+\r\n", header)
    assert sha256(curl("/mail/1/part/2")).digest() == sha256(content).digest()


def test_the_envelope_is_the_account_and_header_lines_stay_lines(curl: Curl) -> None:
    curl.log_in()
    token = curl.token()
    evil = [
        "--data-urlencode",
        "subject=Hi\r\nBcc: eve@evil.example",
        "-d",
        f"to={ADDRESS}",
        "-d",
        f"form_token={token}",
    ]
    assert curl.status("/compose", *evil) == "400 "
    good = ["-d", "from=eve@evil.example&sender=eve@evil.example", "-d", f"to={ADDRESS}", "-d", f"form_token={token}"]
    assert curl.status("/compose", *good).startswith("303 ")
    source = curl("/mail/1/source")
    assert source.startswith(b"Return-Path: <%b>\r\n" % ADDRESS.encode())
    assert b"eve" not in source


def test_a_page_of_another_site_sends_nothing(curl: Curl) -> None:
    curl.log_in()
    form = ("-d", f"form_token={curl.token()}&to={ADDRESS}")
    assert curl.status("/compose", *form, "-H", "Origin: http://evil.example") == "403 "
    assert curl.status("/compose", *form, "-H", f"Origin: {curl.base}").startswith("303 ")


def test_requests_that_are_too_much_are_refused_and_the_server_lives(curl: Curl) -> None:
    assert curl.status("/login", "-H", "X: " + "x" * 20_000) == "431 "
    assert curl.status("/login", "-H", "Content-Length: 99999999999") == "413 "
    assert curl.status("/nowhere") == "404 "
    assert curl.status("/login", "-X", "BREW") == "405 "
    assert curl.status("/login", "--http1.0") == "200 "


def test_one_connection_serves_all_requests(curl: Curl) -> None:
    urls = [word for _ in range(5) for word in ("-o", "/dev/null", f"{curl.base}/style.css")]
    assert curl("/style.css", "-o", "/dev/null", *urls, "-w", "%{num_connects}") == b"100000"


def test_https(tool: Callable[[str], str], start: Callable[..., Serve], authority: Path, tmp_path: Path) -> None:
    server = start("--cert-out", authority, "--require-tls", services=("--http", "0", "--https", "0"))
    plain = Curl(tool("curl"), server, tmp_path / "plain")
    assert plain.log_in() == "403 "
    assert b"not encrypted" in plain("/login")
    assert b'type="password"' not in plain("/login")
    secure = Curl(tool("curl"), server, tmp_path / "secure", "https", "--cacert", str(authority))
    assert secure.log_in() == f"303 {secure.base}/mail"
    assert secure.status("/mail") == "200 "
    form = ("-d", f"form_token={secure.token()}&to={ADDRESS}")
    assert secure.status("/compose", *form).startswith("303 ")
    assert b" (emaillab webmail) with HTTPS id " in secure("/mail/1/source")
    assert "TRUE\t0\twebmail-" in (tmp_path / "secure").read_text()  # the cookie is for TLS alone


def test_what_was_sent_is_kept(tool: Callable[[str], str], start: Callable[..., Serve], tmp_path: Path) -> None:
    """The server is killed as soon as it has said 303."""
    options = ("--data", tmp_path / "data")
    server = start(*options, services=("--http", "0"))
    curl = Curl(tool("curl"), server, tmp_path / "jar")
    curl.log_in()
    form = ("-d", f"form_token={curl.token()}&to={ADDRESS}&subject=kept")
    assert curl.status("/compose", *form).startswith("303 ")
    server.kill()
    again = Curl(tool("curl"), start(*options, services=("--http", "0")), tmp_path / "jar")
    assert again.status("/mail").startswith("303 ")  # log-ins are not kept
    again.log_in()
    assert b"kept" in again("/mail")
    assert b"kept" in again("/mail?box=Sent")
    assert DOMAIN.encode() in again("/mail")
