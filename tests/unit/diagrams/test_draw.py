"""What holds for every picture: well-formed, deterministic, safe, told in words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from emaillab.diagrams import Diagram, draw
from emaillab.message.mime.dissect import dissect
from emaillab.message.trace.path import trace
from emaillab.net.chunk import Chunk
from emaillab.net.transcript import Label, Transcript
from emaillab.protocol.imap.server import ImapServer
from emaillab.protocol.pop3.server import Pop3Server
from emaillab.protocol.smtp.server import SmtpServer
from emaillab.world import Internet

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>\"'&]]>\x00\x1b\u202e"


def texts(diagram: Diagram) -> list[str]:
    return ["".join(node.itertext()) for node in ElementTree.fromstring(diagram.svg).iter(f"{SVG}text")]


def a_letter() -> bytes:
    field = HOSTILE.encode("utf-8", "surrogatepass")
    return (
        b"Received: from " + field + b" by " + field + b" with SMTP; Mon, 3 Mar 2025 12:00:07 +0000\r\n"
        b"Subject: " + field + b"\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: " + field + b'\r\nContent-Disposition: attachment; filename="' + field + b'"\r\n\r\nx\r\n'
    )


def a_session() -> Transcript:
    talk = Transcript(protocol=HOSTILE, client=HOSTILE, server=HOSTILE, port=25, client_ip=HOSTILE)
    talk.heard(Chunk("S", b"220 " + HOSTILE.encode() + b"\r\n", 0.0, 0.01))
    talk.heard(Chunk("C", HOSTILE.encode(), 0.01, 0.02, tls=True))
    talk.labelled(Label(HOSTILE, "BAD", HOSTILE, "X", HOSTILE, len(HOSTILE.encode()), 1000))
    return talk


def a_world() -> Internet:
    net = Internet.textbook(network="memory")
    letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "Do you like crepes?\n")
    letter.replace_header("Message-ID", "<" + "a&b" + "@crepes.fr>")
    net.submit(letter)
    net.settle()
    with net.pop3("hamburger.edu") as client:
        client.login("bob", "secret")
        client.retr(1)
    return net


THINGS: dict[str, Callable[[], object]] = {
    "session": a_session,
    "empty session": lambda: Transcript(protocol="smtp", client="a", server="b", port=25),
    "smtp": lambda: SmtpServer,
    "pop3": lambda: Pop3Server,
    "imap": lambda: ImapServer,
    "part": lambda: dissect(a_letter()),
    "nothing": lambda: dissect(b""),
    "path": lambda: trace(a_letter()),
    "letter": a_letter,
    "no path": lambda: b"Subject: x\r\n\r\n",
    "world": a_world,
    "empty world": lambda: Internet(network="memory"),
    "journey": lambda: a_world().journey("<a&b@crepes.fr>"),
}


@pytest.mark.parametrize("name", THINGS)
def test_a_picture_is_one_well_formed_named_described_image(name: str) -> None:
    diagram = draw(THINGS[name]())
    root = ElementTree.fromstring(diagram.svg)
    assert root.tag == f"{SVG}svg" and root.get("role") == "img"
    named = [root.find(f"{SVG}title"), root.find(f"{SVG}desc")]
    assert root.get("aria-labelledby") == " ".join(str(node.get("id")) for node in named if node is not None)
    assert all(node is not None and node.text for node in named)
    assert diagram.words.strip()


@pytest.mark.parametrize("name", THINGS)
def test_whatever_a_message_says_it_is_only_text(name: str) -> None:
    diagram = draw(THINGS[name]())
    allowed = {"svg", "title", "desc", "text", "rect", "polyline", "polygon", "circle"}
    assert {node.tag.removeprefix(SVG) for node in ElementTree.fromstring(diagram.svg).iter()} <= allowed
    assert "<script" not in diagram.html
    for octet in ("\x00", "\x1b", "\u202e"):
        assert octet not in diagram.html and octet not in str(diagram)


@pytest.mark.parametrize("name", THINGS)
def test_all_text_stands_inside_the_picture(name: str) -> None:
    root = ElementTree.fromstring(draw(THINGS[name]()).svg)
    width, height = (float(root.get(side, "0")) for side in ("width", "height"))
    for node in root.iter(f"{SVG}text"):
        assert 0 <= float(node.get("x", "-1")) <= width
        assert 0 <= float(node.get("y", "-1")) <= height


def test_a_picture_is_the_same_in_every_run() -> None:
    """Hash seeds order sets anew; a picture must not show it."""
    code = (
        "from emaillab.diagrams import draw\nfrom emaillab.world import Internet\n"
        "from emaillab.protocol.imap.server import ImapServer\n"
        "net = Internet.textbook(network='memory')\n"
        "letter = net.compose('alice@crepes.fr', 'bob@hamburger.edu', 'Hello', 'x\\n')\n"
        "net.submit(letter); net.settle()\n"
        "things = [net, net.transcripts[0], ImapServer, net.journey(letter['Message-ID'])]\n"
        "print(*[draw(thing).html for thing in things])\n"
    )
    root = Path(__file__).parents[3]
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=root, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_both_networks_give_the_same_ladder() -> None:
    drawn = []
    for kind in ("memory", "tcp"):
        with Internet.textbook(network=kind) as net:  # type: ignore[arg-type]
            with net.smtp("crepes.fr") as client:
                client.ehlo("alice.crepes.fr")
            drawn.append(draw(net.transcripts[0]).svg)
    assert drawn[0] == drawn[1]


def test_a_saved_picture_is_a_file_of_its_own(tmp_path: Path) -> None:
    path = draw(SmtpServer).save(tmp_path / "smtp.svg")
    text = path.read_text("utf-8")
    ElementTree.fromstring(text)
    assert "prefers-color-scheme" in text


def test_a_letters_path_is_drawn_from_a_file_too(tmp_path: Path) -> None:
    file = tmp_path / "letter.eml"
    file.write_bytes(a_letter())
    with file.open("rb") as opened:
        assert draw(file).svg == draw(opened).svg == draw(a_letter()).svg


def test_something_without_a_picture_is_refused_in_one_sentence() -> None:
    with pytest.raises(TypeError, match="draw knows a Transcript, .* not list"):
        draw([])
