"""Does webmail show every letter, harm nobody, and hand letters on by the rules that hold for all?"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emaillab.engine import Elsewhere, Pause
from emaillab.host.mailhost import MailHost
from emaillab.host.store import StoredMailbox
from emaillab.host.webmail.application import Webmail
from emaillab.host.webmail.logins import LASTS, Logins
from emaillab.host.webmail.markup import read_html
from emaillab.host.webmail.reading import part_at, read
from emaillab.net.clock import VirtualClock
from emaillab.protocol.backend import Session
from emaillab.protocol.http.client import HttpClient
from emaillab.protocol.http.response import Response
from emaillab.protocol.http.server import HttpServer
from emaillab.world import Internet

ROOT = Path(__file__).resolve().parents[4]
CORPUS = sorted([*(ROOT / "data" / "messages").glob("*.eml"), *(ROOT / "data" / "broken").glob("*.eml")])


@pytest.fixture(params=["memory", "tcp"])
def net(request: pytest.FixtureRequest) -> Iterator[Internet]:
    with Internet.textbook(network=request.param) as world:
        yield world


@pytest.fixture
def bob(net: Internet) -> Iterator[HttpClient]:
    with net.http("hamburger.edu") as client:
        assert client.post("/login", {"user": "Bob@hamburger.edu", "password": "secret"}).location == "/mail"
        yield client


def deliver(net: Internet, *letters: bytes) -> None:
    for raw in letters:
        net["hamburger.edu"].store.deliver(["bob"], raw, net.clock.now())


def send(client: HttpClient, **fields: str) -> Response:
    return client.post("/compose", {**client.get("/compose").form, **fields})


def flags(net: Internet, number: int = 0) -> set[str]:
    account = net["hamburger.edu"].store.account("bob")
    assert account is not None
    return set(account.inbox.entries()[number].flags)


def test_a_letter_whose_copy_cannot_be_kept_is_not_sent_either(
    net: Internet, bob: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> int:
        raise OSError("no room for the copy")

    monkeypatch.setattr(StoredMailbox, "append", fail)
    assert send(bob, to="bob@hamburger.edu, alice@crepes.fr", subject="hi", text="hello").status == 500
    host = net["hamburger.edu"]
    assert host.letters("bob") == list(host.custody) == [] and not len(host.queue)
    monkeypatch.undo()
    assert send(bob, to="bob@hamburger.edu", subject="hi", text="hello").status == 303
    assert len(host.letters("bob")) == len(host.letters("bob", "Sent")) == 1


def test_every_letter_of_the_collection_is_shown(net: Internet, bob: HttpClient) -> None:
    deliver(net, *(path.read_bytes() for path in CORPUS))
    for uid, path in enumerate(CORPUS, start=1):
        page = bob.get(f"/mail/{uid}")
        assert (page.status, page.content_type) == (200, "text/html"), path
        assert bob.get(f"/mail/{uid}/source").body == path.read_bytes()
        for file in read(path.read_bytes()).files:
            saved = bob.get(f"/mail/{uid}/part/{file.index}")
            part = part_at(path.read_bytes(), file.index)
            assert part is not None
            assert saved.body == part.decoded, path
            assert saved.headers["content-disposition"].startswith("attachment; filename"), path
            assert saved.content_type in ("application/octet-stream", file.content_type)
            assert saved.content_type not in ("text/html", "image/svg+xml")
        assert bob.get(f"/compose?reply={uid}").ok
    assert bob.get("/mail").text.count("<tr>") + bob.get("/mail").text.count('<tr class="new">') <= 51
    assert bob.get("/mail?page=2").ok


def test_looking_marks_as_seen_and_asking_for_the_header_does_not(net: Internet, bob: HttpClient) -> None:
    deliver(net, b"Subject: hi\r\n\r\nhello\r\n")
    assert '<span class="unseen">Unread: </span>' in bob.get("/mail").text
    bob.head("/mail/1")
    assert flags(net) == set()
    bob.get("/mail/1")
    assert flags(net) == {"\\Seen"}
    assert "Unread: " not in bob.get("/mail").text


def test_other_programs_see_what_was_done(net: Internet, bob: HttpClient) -> None:
    deliver(net, b"From: a@crepes.fr\r\nSubject: 1\r\n\r\n", b"From: a@crepes.fr\r\nSubject: 2\r\n\r\n")
    form = bob.get("/compose?reply=2").form
    assert bob.post("/compose", form).status == 303
    token = {"form_token": form["form_token"]}
    assert bob.post("/mail/1/delete", token).location == "/mail?told=deleted"
    assert bob.post("/mail/1/delete", token).status == 404
    assert net["hamburger.edu"].letters("bob") == [b"From: a@crepes.fr\r\nSubject: 2\r\n\r\n"]
    assert flags(net) == {"\\Answered"}
    with net.imap("hamburger.edu") as imap:
        imap.login("bob", "secret")
        assert imap.select("Sent").ok


def test_a_letter_goes_the_way_of_all_letters(net: Internet, bob: HttpClient) -> None:
    sent = send(
        bob,
        to="Alice <alice@crepes.fr>, bob@hamburger.edu",
        bcc="postmaster@crepes.fr",
        subject="晚饭",
        text="a\r\n.\r\nb",
    )
    assert (sent.status, sent.location) == (303, "/mail?told=sent")
    net.settle()
    (got,) = net["crepes.fr"].letters("alice")
    assert got.startswith(b"Return-Path: <bob@hamburger.edu>\r\n")
    assert b"\r\nReceived: by hamburger.edu (emaillab webmail) with HTTP id " in got
    assert b"From: bob@hamburger.edu\r\n" in got
    assert b"postmaster" not in got
    assert read(got).text == "a\n.\nb"
    assert len(net["crepes.fr"].letters("postmaster")) == len(net["hamburger.edu"].letters("bob")) == 1
    (kept,) = net["hamburger.edu"].letters("bob", "Sent")
    assert b"Bcc: postmaster@crepes.fr\r\n" in kept
    journey = net.journey(next(value for name, value in read(got).fields if name == "Message-ID"))
    assert journey.sessions[0].protocol == "http"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"to": "alice@crepes.fr", "subject": "a\r\nBcc: eve@evil.example"}, "subject holds CR"),
        ({"to": "alice@crepes.fr\nBcc: eve@evil.example"}, "to holds LF"),
        ({"cc": "nonsense"}, "no address"),
        ({"to": ""}, "somebody who gets it"),
        ({"to": "nobody@hamburger.edu"}, "550 5.1.1 no user nobody here"),
    ],
)
def test_what_cannot_be_sent_is_explained_and_nothing_is_sent(
    net: Internet, bob: HttpClient, fields: dict[str, str], why: str
) -> None:
    refused = send(bob, **fields)
    assert refused.status == 400
    assert why in refused.text
    account = net["hamburger.edu"].store.account("bob")
    assert account is not None
    assert account.mailbox_names() == ["INBOX"]
    assert len(net["hamburger.edu"].queue) == 0


def test_a_form_of_somebody_else_does_nothing(net: Internet, bob: HttpClient) -> None:
    deliver(net, b"Subject: stay\r\n\r\n")
    for token in ({}, {"form_token": ""}, {"form_token": "guess"}, {"form_token": "é"}):
        assert bob.post("/mail/1/delete", token).status == 403
        assert bob.post("/compose", {"to": "alice@crepes.fr", **token}).status == 403
    form = bob.get("/compose").form
    stranger = {"Origin": "http://evil.example", "Content-Type": "application/x-www-form-urlencoded"}
    assert bob.request("POST", "/logout", stranger, f"form_token={form['form_token']}".encode()).status == 403
    assert len(net["hamburger.edu"].letters("bob")) == 1


def test_who_is_not_logged_in_sees_nothing(net: Internet, bob: HttpClient) -> None:
    deliver(net, b"Subject: secret\r\n\r\n")
    with net.http("hamburger.edu") as stranger:
        for path in ("/", "/mail", "/mail/1", "/mail/1/source", "/mail/1/part/0", "/compose"):
            assert stranger.get(path).location == "/login"
        assert stranger.post("/mail/1/delete", {}).location == "/login"
        stranger.cookies = dict(bob.cookies)
        assert "secret" in stranger.get("/mail").text
        bob.post("/logout", {"form_token": bob.get("/mail").form["form_token"]})
        assert stranger.get("/mail").location == "/login"


def test_a_mailbox_of_another_user_cannot_be_reached(net: Internet, bob: HttpClient) -> None:
    assert bob.get("/mail?box=nothing").status == 404
    assert bob.get("/mail/99999999999999999999").status == 404
    assert bob.get("/mail/1?box=../INBOX").status == 404
    assert bob.get("/mail?page=-5").ok


def test_pages_forbid_browsers_what_they_do_not_need(net: Internet, bob: HttpClient) -> None:
    for path in ("/mail", "/login", "/nowhere", "/style.css"):
        page = bob.get(path)
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in page.text
        assert "http://" not in page.text.replace('xmlns="http://', "")


def test_a_log_in_in_the_clear_is_refused_where_the_host_says_so() -> None:
    with Internet(network="memory") as net:
        net.host("b.example", users={"bob": "secret"}, require_tls=True)
        with net.http("b.example") as web:
            assert "not encrypted" in web.get("/login").text
            assert web.post("/login", {"user": "bob", "password": "secret"}).status == 403
            assert not web.cookies


def test_who_guesses_passwords_waits_and_nobody_else_does() -> None:
    host = MailHost("b.example", ip="192.0.2.25", clock=VirtualClock())
    host.add_user("bob", "secret")
    webmail = Webmail(host, secret=b"?")

    def log_in(password: bytes) -> list[float]:
        engine = HttpServer(webmail, Session("b.example", "192.0.2.7", now=host.now))
        form = b"user=bob&password=" + password
        engine.feed(b"POST /login HTTP/1.1\r\nHost: b.example\r\nContent-Length: %d\r\n" % len(form))
        engine.feed(b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + form)
        items = []
        while (item := engine.pull()) is not None:
            items.append(item)
            if isinstance(item, Elsewhere):
                item.work()
        assert (b"303 SEE OTHER" in b"".join(i for i in items if isinstance(i, bytes))) == (password == b"secret")
        return [item.seconds for item in items if isinstance(item, Pause)]

    assert [log_in(password) for password in (b"guess", b"", b"secret", b"Secret")] == [[1.0], [2.0], [], [4.0]]
    assert host.failures.note("bob", host.now()) == 4.0  # one limit for all protocols


def test_both_networks_show_the_same_octets() -> None:
    digests = []
    for kind in ("memory", "tcp"):
        with Internet.textbook(network=kind) as net, net.http("hamburger.edu") as bob:  # type: ignore[arg-type]
            bob.post("/login", {"user": "bob", "password": "secret"})
            send(bob, to="alice@crepes.fr", subject="hi")
            bob.get("/mail?box=Sent", follow=True)
            net.settle()
            digests.append([transcript.digest for transcript in net.transcripts])
    assert digests[0] == digests[1]


def test_a_login_ends() -> None:
    """But not with the connection, which a server does not keep open for so long."""
    with Internet.textbook(network="memory") as net:
        with net.http("hamburger.edu") as bob:
            bob.post("/login", {"user": "bob", "password": "secret"})
            cookies = bob.cookies
        for hours, location in ((11, None), (2, "/login")):
            net.advance(hours=hours)
            with net.http("hamburger.edu") as bob:
                bob.cookies |= cookies
                assert bob.get("/mail").location == location


def test_login_numbers_are_all_different() -> None:
    with Internet.textbook(network="memory") as net:
        now = net.clock.now()
    logins = Logins(b"secret")
    opened = [logins.open("bob", now) for _ in range(100)]
    assert len({login.id for login in opened} | {login.form_token for login in opened}) == 200
    logins.open("bob", now + LASTS)
    assert all(logins.find(login.id, now) is None for login in opened)


def test_html_is_read_in_a_time_that_grows_with_its_length() -> None:
    for pieces in ("<", "<!--", "<script>", "<a href='", "&", "<![x[", "</", "<a><b"):
        read_html(pieces * (200_000 // len(pieces)))


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a<br>b<p>c", "a\nb\n\nc"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("<a href='x'>y</a> <a href='#z'>w</a>", "y <x> w"),
        ("<a href=http://a.example/>http://a.example/</a>", "http://a.example/"),
        ("1 < 2 &amp; 3 > 2", "1 < 2 & 3 > 2"),
        ("a<!-- <p>b -->c<style>d</style><title>e</title>", "ac"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("<script>never closed", ""),
        ("<img alt='a cat' src=cid:1>", "[a cat]"),
    ],
)
def test_html_as_words(markup: str, text: str) -> None:
    assert read_html(markup).text == text


def test_without_its_parts_webmail_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['flask'] = None\n"
        "from emaillab import Internet\n"
        "with Internet.textbook(network='memory') as net, net.http('crepes.fr') as web:\n"
        "    page = web.get('/'); print(page.status, page.text)\n"
        "sys.modules['h11'] = None\n"
        "for name in [name for name in sys.modules if '.http.' in name]: del sys.modules[name]\n"
        "try: net.http('crepes.fr')\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines() == [
        '501 Webmail needs flask, which is missing here: pip install "emaillab[web]".',
        "",
        'HTTP needs h11, which is missing here: pip install "emaillab[web]"',
    ], done.stderr


def test_a_world_starts_without_the_parts_of_webmail() -> None:
    code = (
        "import sys\nfrom emaillab import Internet\nInternet.textbook(network='memory')\n"
        "print([name for name in ('flask', 'h11', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr


def test_the_journey_of_a_letter_begins_with_the_form() -> None:
    with Internet.textbook(network="memory") as net:
        with net.http("hamburger.edu") as bob:
            bob.post("/login", {"user": "bob", "password": "secret"})
            send(bob, to="alice@crepes.fr", subject="hi")
        net.settle()
        journey = net.journey(net["hamburger.edu"].custody[0].message_id)
    assert [session.protocol for session in journey.sessions] == ["http", "smtp"]
    told = [event.text for event in journey.events if event.session == journey.sessions[0].id]
    assert "hamburger.edu has the form, keeps the letter and says 303: now it answers for it." in told
    browser, queue, mailbox = journey.stays
    assert (browser.host, browser.ended) == ("bob.hamburger.edu", "handed on")
    assert browser.until_s > queue.since_s
    assert (mailbox.host, mailbox.mailbox) == ("crepes.fr", "alice@crepes.fr")


def test_what_a_page_does_not_show_it_names_and_the_source_has_it(net: Internet, bob: HttpClient) -> None:
    head = b"From: a@crepes.fr\r\nContent-Type: multipart/mixed; boundary=b\r\n" + b"X-A: b\r\n" * 120 + b"\r\n"
    files = b"--b\r\nContent-Type: image/png; name=a.png\r\n\r\nPNG\r\n" * 600
    crowd = b"From: a@crepes.fr\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 10_001
    deliver(net, head + files + b"--b--\r\n", crowd + b"--b--\r\n", b"From: a@crepes.fr\r\n\r\n" + b"long " * 50_000)
    page = bob.get("/mail/1").text
    assert page.count("<li>") == page.count("download=") == 500
    assert 'And 100 more; <a href="/mail/1/source">' in page and "And more; <a" in page
    assert "10,000" not in page and "text is longer" not in page
    assert bob.get("/mail/1/part/500").body == b"PNG"
    crowded = bob.get("/mail/2").text
    assert 'more than 10,000 parts; here are the first of them, and <a href="/mail/2/source">' in crowded
    assert bob.get("/mail/2/source").body == crowd + b"--b--\r\n"
    assert 'The text is longer than what is shown; <a href="/mail/3/source">' in bob.get("/mail/3").text


def test_an_answer_to_very_many_goes_to_the_writer_alone_and_says_so(net: Internet, bob: HttpClient) -> None:
    many = b", ".join(b"u%d@b.example" % number for number in range(1_001))
    folded = many.replace(b", ", b",\r\n ")
    deliver(
        net,
        b"From: a@crepes.fr\r\nTo: " + folded + b"\r\n\r\nhi\r\n",
        b"From: a@crepes.fr\r\nTo: " + b",\r\n ".join([folded] * 8) + b"\r\n\r\nhi\r\n",
        b"Reply-To: " + folded + b"\r\nFrom: a@crepes.fr\r\n\r\nhi\r\n",
        b"From: " + b"(a)" * 50_000 + b" a@crepes.fr\r\n\r\nhi\r\n",
        b"From: a@crepes.fr\r\nTo: c@d.example\r\nSubject: " + b"long " * 400 + b"\r\n\r\nhi\r\n",
    )
    for uid in (1, 2):
        page = bob.get(f"/compose?reply={uid}&all=1")
        assert "it goes to its writer alone" in page.text
        assert (page.form["to"], page.form["cc"]) == ("a@crepes.fr", "")
        assert "its writer alone" not in bob.get(f"/compose?reply={uid}").text
    assert "1,001 addresses" in bob.get("/compose?reply=3").text
    assert "in too many words" in bob.get("/compose?reply=4").text
    page = bob.get("/compose?reply=5&all=1")
    assert page.form["cc"] == "c@d.example" and len(page.form["subject"]) == 1_001


def test_a_list_shows_the_beginning_of_long_fields(net: Internet, bob: HttpClient) -> None:
    people = b",\r\n ".join(b"Ann %d <a@b.example>" % number for number in range(1_000))
    deliver(net, b"From: " + people + b"\r\nSubject: " + b"word " * 1_000 + b"\r\n\r\nhi\r\n")
    page = bob.get("/mail").text
    assert "Ann 0, Ann 1, " in page and "Ann 900" not in page and "\N{HORIZONTAL ELLIPSIS}" in page
    assert len(page) < 10_000


@pytest.mark.parametrize("number", ["9" * 10_000, "0" * 10_000 + "65", "x" + "f" * 10_000, "1114112"])
def test_a_number_too_large_for_a_character_harms_no_page(number: str) -> None:
    assert read_html(f"a&#{number};b").text in ("a\N{REPLACEMENT CHARACTER}b", "aAb")
