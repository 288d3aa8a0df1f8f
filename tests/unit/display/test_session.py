"""A transcript as HTML: complete, readable without colour, safe, foldable, octets visible."""

from __future__ import annotations

import base64
from html.parser import HTMLParser

import pytest

from emaillab.display import show
from emaillab.net.chunk import Chunk
from emaillab.net.transcript import Label, Transcript
from emaillab.world import Internet


class Page(HTMLParser):
    """Reads a page: its elements, and its text outside styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._open.append(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attributes)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words.append(data)


def session(*said: tuple[str, bytes], verb: str = "X", protocol: str = "smtp") -> Transcript:
    talk = Transcript(protocol=protocol, client="a", server="b", port=25)
    heard = 0
    for number, (side, data) in enumerate(said):
        talk.heard(Chunk(side, data, number / 100, number / 100))  # type: ignore[arg-type]
        if side == "C":
            heard += len(data)
    talk.labelled(Label(verb, "OK", "ONE", "TWO", "phase", heard, 0))
    return talk


@pytest.fixture(scope="module")
def delivery() -> Transcript:
    net = Internet.textbook(network="memory")
    net.submit(net.compose("alice@crepes.fr", "bob@hamburger.edu", "<b>&amp;</b>", ".\n" + "line\n" * 40))
    return net.transcripts[0]


def test_every_line_is_on_the_page_with_side_phase_state_and_time(delivery: Transcript) -> None:
    page = Page(show(delivery).html)
    text = "\n".join(page.words)
    for line in delivery.lines:
        assert line.text in text
    assert [word for word in page.words if word in ("handshake", "transfer", "closure")] == [
        "handshake",
        "transfer",
        "closure",
    ]
    assert "GREETED → " in page.words and "READY" in page.words
    assert "C:" in page.words and "S:" in page.words and "20.0" in page.words


def test_long_contents_fold_and_short_ones_do_not(delivery: Transcript) -> None:
    assert Page(show(delivery).html).tags.count("details") == 1
    assert Page(show(delivery, fold=1000).html).tags.count("details") == 0


def test_the_text_beside_the_page_is_the_folded_text(delivery: Transcript) -> None:
    assert show(delivery).text == delivery.text()


def test_what_a_session_says_is_only_text() -> None:
    evil = b"<script>alert(1)</script><img src=x onerror=y>\"'&<!--\x00\x1b[31m\xe2\x80\xae\xff\r\n"
    talk = session(("S", evil), ("C", evil), verb="<i>")
    for octets in (False, True):
        page = Page(show(talk, octets=octets).html)
        assert not {"script", "img", "i"} & set(page.tags)
        assert "\x00" not in show(talk, octets=octets).html


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"NOOP\r\n", "NOOP⟨CRLF⟩"),
        (b"NOOP\n", "NOOP⟨LF⟩"),
        (b"NOOP", "NOOP⟨no line end⟩"),
        (b"a\x00b\tc\rd\r\n", "a⟨NUL⟩b⟨TAB⟩c⟨CR⟩d⟨CRLF⟩"),
        (b"end  \r\n", "end⟨SP⟩⟨SP⟩⟨CRLF⟩"),
        ("é\r\n".encode(), "⟨C3⟩⟨A9⟩⟨CRLF⟩"),
    ],
)
def test_octets_that_matter_can_be_seen(line: bytes, shown: str) -> None:
    assert show(session(("C", line)), octets=True).text == f"C: {shown}"


def test_stuffed_dots_and_the_final_dot_can_be_seen() -> None:
    talk = session(("C", b"..\r\n.x\r\n.\r\n"), verb="(content)")
    assert show(talk, octets=True).text.splitlines() == [
        "C: ⟨.⟩.⟨CRLF⟩",
        "C: ⟨.⟩x⟨CRLF⟩",
        "C: ⟨final dot⟩⟨CRLF⟩",
    ]
    assert show(session(("C", b".x\r\n")), octets=True).text == "C: .x⟨CRLF⟩"


def test_base64_of_a_log_in_is_read_out() -> None:
    word = base64.b64encode(b"\0alice\0secret")
    said = show(session(("C", b"AUTH PLAIN " + word + b"\r\n"), verb="AUTH"), octets=True).text
    assert said.endswith('⟨CRLF⟩⟨base64 of "\\x00alice\\x00secret"⟩')
    assert "base64" not in show(session(("C", b"AUTH LOGIN\r\n"), verb="AUTH"), octets=True).text


def test_only_known_things_are_shown() -> None:
    with pytest.raises(TypeError, match="not int"):
        show(1)
