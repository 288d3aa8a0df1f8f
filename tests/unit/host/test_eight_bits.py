"""What becomes of a letter with 8-bit content on its way to a server without 8BITMIME?"""

import pytest

from emaillab.message.mime.dissect import dissect
from emaillab.world import Internet

HEAD = "Message-ID: <1@a.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
LETTER = f"{HEAD}Content-Transfer-Encoding: 8bit\r\n\r\n因特网\r\n".encode()


def sent(letter: bytes, **options: object) -> Internet:
    with Internet("memory") as net:
        net.host("a.example", users={"alice": "x"}, **options)  # type: ignore[arg-type]
        net.host("b.example", users={"bob": "x"}, without=("8bitmime",))
        with net.smtp("a.example") as client:
            client.ehlo("laptop")
            assert client.send("alice@a.example", ["bob@b.example"], letter).accepted
        net.settle()
        return net


def test_it_comes_back_with_5_6_3() -> None:
    net = sent(LETTER)
    assert net["b.example"].letters("bob") == []
    (report,) = net["a.example"].letters("alice")
    assert b"Status: 5.6.3" in report
    assert b"BODY=8BITMIME" not in net.transcripts[-1].sent_by("C")


def test_a_host_that_converts_encodes_it() -> None:
    (letter,) = sent(LETTER, converts=True)["b.example"].letters("bob")
    assert letter.isascii()
    assert dissect(letter).text == "因特网\r\n"
    assert b"Content-Transfer-Encoding: base64" in letter


def test_a_header_cannot_be_converted() -> None:
    net = sent(b"Subject: " + "因特网".encode() + b"\r\n" + LETTER, converts=True)
    assert net["b.example"].letters("bob") == []
    assert b"Status: 5.6.3" in net["a.example"].letters("alice")[0]


def test_an_extension_that_cannot_be_left_out() -> None:
    with (
        Internet("memory") as net,
        pytest.raises(ValueError, match="without 8BITMIME, AUTH, CHUNKING, PIPELINING, SIZE, STARTTLS, not without X"),
    ):
        net.host("a.example", without=("x",))
