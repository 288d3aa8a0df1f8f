"""Does the user agent play its roles, R1 to R5?"""

from __future__ import annotations

import email
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emaillab.message.header.addresses import parse_addresses
from emaillab.message.header.encoded_words import find_words
from emaillab.message.mime.choices import preferred_alternative
from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.writer import Resent
from emaillab.message.user_agent.compose import compose, envelope, forward, redirect, reply, to_bytes
from emaillab.message.user_agent.mbox import read_mbox, save_mbox
from emaillab.message.user_agent.saving import read_maildir, save_imap, save_maildir
from emaillab.message.working.editions import problems
from emaillab.world import Internet

NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)
STAMP: dict[str, Any] = {"date": NOON, "message_id": "x@crepes.fr"}
ALICE, BOB, CAROL = "Alice <alice@crepes.fr>", "bob@hamburger.edu", "carol@example.net"
RECEIVED = (
    b"Return-Path: <alice@crepes.fr>\r\n"
    b"Received: from crepes.fr by hamburger.edu; Mon, 03 Mar 2025 12:00:00 +0000\r\n"
    b"DKIM-Signature: v=1;  b=odd\r\n\tfolding\r\n"
    b"Date: Mon, 03 Mar 2025 12:00:00 +0000\r\nFrom: Alice <alice@crepes.fr>\r\nTo: bob@hamburger.edu\r\n"
    b"Bcc: eve@example.org\r\nMessage-ID: <1@crepes.fr>\r\nSubject:   crepes  \r\n\r\nHello \r\n"
)


def types(octets: bytes) -> list[str]:
    return [part.content_type for part in dissect(octets).walk()]


# --- R1 compose ---


def test_r1_compose() -> None:
    letter = compose(ALICE, BOB, "你好" * 40, "薄饼\n", cc=CAROL, bcc="eve@example.org", **STAMP)
    octets = to_bytes(letter)
    assert envelope(letter) == ("alice@crepes.fr", [BOB, CAROL, "eve@example.org"])
    assert b"eve@example.org" not in octets and b"Bcc" not in octets
    assert problems(octets) == ()
    assert all(len(line) <= 76 for line in octets.split(b"\r\n"))
    assert all(word.span[1] - word.span[0] <= 75 for word in find_words(octets))


def test_r1_exercise_5_3_the_full_nest() -> None:
    page = "<p>看图 <img src=\"cid:地图.png\"> and <img src='cid:b.gif'></p>"
    letter = compose(
        ALICE,
        BOB,
        "map",
        "see the map",
        html=page,
        images=[("地图.png", b"\x89PNG"), ("b.gif", b"GIF89a")],
        attachments=[("budget.csv", b"1,2\r\n")],
        **STAMP,
    )
    octets = to_bytes(letter)
    assert types(octets) == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "image/gif",
        "text/csv",
    ]
    parts = list(dissect(octets).walk())
    assert {part.encoding for part in parts if part.children} == {"7bit"}
    assert parts[3].params["type"] == "text/html"
    shown = re.findall(r"cid:([^\"']+)", parts[4].text)
    named = [part.header["Content-ID"].body.decode().strip("<>") for part in parts[5:7]]
    assert shown == named == ["1.x@crepes.fr", "2.x@crepes.fr"]
    assert [part.filename for part in parts[5:]] == ["地图.png", "b.gif", "budget.csv"]
    assert [part.decoded for part in parts[5:7]] == [b"\x89PNG", b"GIF89a"]
    assert [part.header["Content-Disposition"].body.split(b";")[0] for part in parts[5:]] == [
        b"inline",
        b"inline",
        b"attachment",
    ]
    assert not [defect for part in parts for defect in part.defects]
    assert octets == to_bytes(letter)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"images": [("a.png", b"")]}, "images stand in an HTML text, and there is none"),
        ({"html": "x", "images": [("a.png", b"")]}, "the HTML does not show a.png"),
        ({"html": '<img src="cid:b">', "images": [("a", b"")]}, "the HTML shows cid:b, and images holds no file"),
        ({"html": '<img src="cid:a">', "images": [EmailMessage()]}, "a message is no image"),
        ({"attachments": [("a", b"", "x/y\r\nBcc: z")]}, "holds CR at character 3"),
    ],
)
def test_r1_pictures_that_nobody_would_see_are_refused(arguments: dict[str, Any], sentence: str) -> None:
    from emaillab.message.user_agent.compose import Attachment

    if "attachments" in arguments:
        arguments = {"attachments": [Attachment(*one) for one in arguments["attachments"]]}
    with pytest.raises(ValueError, match=re.escape(sentence)):
        compose(ALICE, BOB, **arguments)


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_r1_no_file_name_and_no_page_adds_a_field(name: str, page: str) -> None:
    try:
        letter = compose(ALICE, BOB, html=f'<img src="cid:{name}">{page}', images=[(name, b"x")], **STAMP)
    except ValueError:
        return
    octets = to_bytes(letter)
    assert octets.isascii()
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", octets)
    names = [field.name for part in dissect(octets).walk() for field in part.header]
    assert sorted(set(names) - {"Date", "From", "To", "Subject", "Message-ID", "MIME-Version"}) == [
        "Content-Disposition",
        "Content-ID",
        "Content-Transfer-Encoding",
        "Content-Type",
    ]


def test_r1_smtputf8_addresses_are_written_as_they_are_and_asked_for() -> None:
    letter = compose("张三 <张三@例子.cn>", "用户@例子.cn", "你好", **STAMP)
    assert envelope(letter).smtputf8
    assert [one.addr_spec for one in parse_addresses(dissect(to_bytes(letter)).header["From"].body)] == ["张三@例子.cn"]


# --- R2 read ---


def test_r2_read() -> None:
    octets = to_bytes(
        compose(ALICE, BOB, "晚饭", "薄饼?", html="<b>薄饼?</b>", attachments=[("../../菜单.txt", b"1")], **STAMP)
    )
    letter = dissect(octets)
    assert letter.header.text("Subject") == "晚饭"
    text_or_page, file = letter.children
    best = preferred_alternative(text_or_page, ["text/plain", "text/html"])
    plain = preferred_alternative(text_or_page, ["text/plain"])
    assert best is not None and best.text == "<b>薄饼?</b>\r\n"
    assert plain is not None and plain.text == "薄饼?\r\n"
    assert file.filename == "菜单.txt"
    assert letter.raw == octets


# --- R3 reply, reply-all ---


def test_r3_reply() -> None:
    raw = RECEIVED.replace(
        b"Subject:", b"Reply-To: list@example.org\r\nCc: carol@example.net, bob@hamburger.edu\r\nSubject: Re:"
    )
    answer = reply(raw, "好", from_=BOB, **STAMP)
    assert (answer["To"], answer["Cc"], answer["Subject"]) == ("list@example.org", None, "Re: crepes")
    assert answer["In-Reply-To"] == answer["References"] == "<1@crepes.fr>"
    everybody = reply(raw, "好", from_=BOB, all=True, **STAMP)
    assert everybody["Cc"] == CAROL, "oneself is left out"
    again = reply(answer, "?", from_="list@example.org")
    assert again["Subject"] == "Re: crepes"
    assert again["References"] == "<1@crepes.fr> <x@crepes.fr>"


# --- R4 forward, redirect ---


def test_r4_forward_as_attachment_and_inline() -> None:
    whole = to_bytes(forward(RECEIVED, "see", from_=BOB, to=CAROL, **STAMP))
    assert RECEIVED.replace(b"Bcc: eve@example.org\r\n", b"") in whole
    assert b"eve@" not in whole
    assert types(whole) == ["multipart/mixed", "text/plain", "message/rfc822", "text/plain"]
    inline = to_bytes(forward(RECEIVED, "see", from_=BOB, to=CAROL, as_attachment=False, **STAMP))
    assert types(inline) == ["text/plain"]
    assert b"Subject: crepes\r\n" in inline.partition(b"\r\n\r\n")[2]


def test_r4_redirect_sets_a_block_before_the_same_octets() -> None:
    letter = redirect(
        RECEIVED, from_=BOB, to=[CAROL, "dan@example.net"], bcc="mallory@example.org", date=NOON, message_id="2@h.edu"
    )
    block = (
        b"Resent-Date: Mon, 03 Mar 2025 12:00:00 +0000\r\nResent-From: bob@hamburger.edu\r\n"
        b"Resent-To: carol@example.net, dan@example.net\r\nResent-Message-ID: <2@h.edu>\r\n"
    )
    rest = RECEIVED.removeprefix(b"Return-Path: <alice@crepes.fr>\r\n").replace(b"Bcc: eve@example.org\r\n", b"")
    assert to_bytes(letter) == bytes(letter) == block + rest
    assert envelope(letter) == (BOB, [CAROL, "dan@example.net", "mallory@example.org"])
    assert (letter["From"], letter["Subject"].strip(), letter["Resent-From"]) == (ALICE, "crepes", BOB)
    assert b"mallory@" in to_bytes(letter, keep_bcc=True)
    assert [one.kind for one in problems(to_bytes(letter)) if one.must] == []


def test_r4_a_letter_redirected_twice_goes_by_its_newest_block() -> None:
    once = to_bytes(redirect(RECEIVED, from_=BOB, to=CAROL, date=NOON, message_id="2@h.edu"))
    for middle in (b"", b"Received: by x; Mon, 03 Mar 2025 12:00:00 +0000\r\n"):
        twice = redirect(middle + once, from_=CAROL, to="dan@example.net", date=NOON, message_id="3@e.net")
        assert envelope(twice) == (CAROL, ["dan@example.net"])
        assert to_bytes(twice).endswith(middle + once)
        read = email.message_from_bytes(to_bytes(twice), policy=default)
        assert envelope(read) == (CAROL, ["dan@example.net"])
        assert read.get_all("Resent-From") == [CAROL, BOB]


ODD = [
    b"",
    b"no header at all",
    b"From x Mon Mar  3 12:00:00 2025\nSubject: a\n\nb\n",
    b"Subject: a\r\nnot a field\r\nTo: b\r\n\r\nx",
]


@pytest.mark.parametrize("raw", [*ODD, "Subject: 你好\r\n\r\n你好".encode(), b"\xff\xfe: \r\n\r\n\0"])
def test_r4_redirecting_odd_letters_keeps_them(raw: bytes) -> None:
    octets = to_bytes(redirect(raw, from_=BOB, to=CAROL, date=NOON, message_id="2@h.edu"))
    block = b"Resent-Message-ID: <2@h.edu>\r\n"
    rest = octets[octets.index(block) + len(block) :]
    canonical = re.sub(rb"\r?\n", b"\r\n", raw.removeprefix(b"From x Mon Mar  3 12:00:00 2025\n"))
    assert rest in (canonical, b"\r\n" + canonical)


@given(st.binary(max_size=200))
def test_r4_no_letter_can_bend_the_block_before_it(noise: bytes) -> None:
    letter = redirect(noise, from_=BOB, to=CAROL, date=NOON, message_id="2@h.edu")
    assert isinstance(letter, Resent)
    fields = to_bytes(letter).split(b"\r\n")[:4]
    assert [line.partition(b":")[0] for line in fields] == [
        b"Resent-Date",
        b"Resent-From",
        b"Resent-To",
        b"Resent-Message-ID",
    ]
    assert envelope(letter) == (BOB, [CAROL])


@pytest.mark.parametrize("control", ["\r\n", "\n", "\r", "\0"])
@pytest.mark.parametrize("place", ["from_", "to", "cc", "bcc", "message_id"])
def test_r4_redirect_takes_no_line_breaks(control: str, place: str) -> None:
    arguments: dict[str, Any] = {"from_": BOB, "to": CAROL} | {place: f"a{control}b@example.org"}
    with pytest.raises(ValueError, match="holds (CR|LF|NUL)"):
        redirect(RECEIVED, **arguments)


# --- R5 save ---


def test_r5_save_to_mbox_maildir_and_imap(tmp_path: Path) -> None:
    raw = RECEIVED + b"From here on the text goes on\r\n.\r\n"
    save_mbox(raw, tmp_path / "box")
    save_maildir(raw, tmp_path / "dir", "S")
    assert read_mbox(tmp_path / "box") == list(read_maildir(tmp_path / "dir").values()) == [raw]
    with Internet.textbook(network="memory") as net:
        host = net.hosts["hamburger.edu"]
        with net.imap("hamburger.edu") as client:
            client.login("bob", "secret")
            save_imap(raw, client, "INBOX")
        assert list(host.letters("bob")) == [raw]


def test_an_answer_refers_to_the_first_and_the_latest_of_very_many_letters() -> None:
    chain = b" ".join(b"<%d@b.c>" % number for number in range(1_000))
    answer = reply(
        b"From: a@b.c\r\nMessage-ID: <own@b.c>\r\nReferences: " + chain + b"\r\n\r\nhi\r\n",
        "",
        from_="bob@hamburger.edu",
    )
    references = str(answer["References"]).split()
    assert len(references) == 100
    assert (references[0], references[1], references[-1]) == ("<0@b.c>", "<902@b.c>", "<own@b.c>")
