"""Does the user agent's pen write letters that every reader understands and no attacker can bend?"""

import email
import io
import re
import smtplib
from datetime import UTC, datetime, timedelta, timezone
from email.headerregistry import Address as StdlibAddress
from email.message import EmailMessage, Message
from email.policy import compat32, default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emaillab.message.header.addresses import Address, parse_addresses
from emaillab.message.header.field_writer import field_octets
from emaillab.message.header.fields import parse_header
from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.source import octets_of
from emaillab.message.mime.writer import Enclosure
from emaillab.message.user_agent.compose import (
    Attachment,
    Envelope,
    compose,
    envelope,
    forward,
    redirect,
    reply,
    to_bytes,
)
from emaillab.message.user_agent.original import Original

NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)
STAMP: dict[str, Any] = {"date": NOON, "message_id": "x@crepes.fr"}
ALICE, BOB = "Alice <alice@crepes.fr>", "bob@hamburger.edu"


def read(octets: bytes) -> EmailMessage:
    return email.message_from_bytes(octets, policy=default)


def body(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text.replace("\r\n", "\n")


def original(extra: str = "", text: str = "Hello\r\n") -> bytes:
    return f"From: {ALICE}\r\nTo: {BOB}\r\nMessage-ID: <2@crepes.fr>\r\n{extra}\r\n{text}".encode()


# --- compose ---


def test_a_plain_letter_is_written_to_the_octet() -> None:
    letter = compose(ALICE, BOB, "crepes", "Do you like crepes?\nOr waffles?", cc=["a@b.org", "c@d.org"], **STAMP)
    assert to_bytes(letter) == (
        b"Date: Mon, 03 Mar 2025 12:00:00 +0000\r\n"
        b"From: Alice <alice@crepes.fr>\r\n"
        b"To: bob@hamburger.edu\r\n"
        b"Cc: a@b.org, c@d.org\r\n"
        b"Subject: crepes\r\n"
        b"Message-ID: <x@crepes.fr>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=us-ascii\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"Do you like crepes?\r\nOr waffles?\r\n"
    )


def test_writing_is_deterministic_and_repeatable() -> None:
    def once() -> bytes:
        letter = compose(ALICE, BOB, "x", "é", html="<p>é</p>", attachments=[("a.bin", b"1")], **STAMP)
        assert to_bytes(letter) == to_bytes(letter)
        return to_bytes(letter)

    assert once() == once()


def test_date_and_message_id_are_made_when_not_given() -> None:
    letters = [compose(ALICE, BOB) for _ in range(2)]
    assert letters[0]["Message-ID"] != letters[1]["Message-ID"]
    assert letters[0]["Message-ID"].endswith("@crepes.fr>")
    assert letters[0]["Date"].datetime.utcoffset() is not None


def test_the_date_keeps_its_zone() -> None:
    beijing = timezone(timedelta(hours=8))
    assert compose(ALICE, BOB, date=NOON.astimezone(beijing))["Date"] == "Mon, 03 Mar 2025 20:00:00 +0800"


@pytest.mark.parametrize(("characters", "words"), [(1, 1), (13, 1), (14, 2), (28, 2), (29, 3)])
def test_chinese_subjects_keep_within_75_and_76_octets(characters: int, words: int) -> None:
    """M25 and SUBJECT 5.3: 13 characters in the first word, 15 in each further one."""
    subject = "天" * characters
    octets = to_bytes(compose(ALICE, BOB, subject, **STAMP))
    found = re.findall(rb"=\?utf-8\?B\?[^?]*\?=", octets)
    assert len(found) == words
    assert all(len(word) <= 75 for word in found)
    assert all(len(line) <= 76 for line in octets.split(b"\r\n"))
    assert read(octets)["Subject"] == subject


def test_latin_subjects_are_written_in_q_and_only_where_needed() -> None:
    octets = to_bytes(compose(ALICE, BOB, "Crêpes for dinner", **STAMP))
    assert b"Subject: =?utf-8?Q?Cr=C3=AApes?= for dinner\r\n" in octets


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-8?B?5L2g?=",
        "a =?x?= b",
        "100 % =?",
        "",
        "  blanks  inside ",
        "a" * 3000,
        "before  é",
        "tab\té \t ß  end",
        "字 " * 60,
    ],
)
def test_any_subject_arrives_as_it_was_meant(subject: str) -> None:
    octets = to_bytes(compose(ALICE, BOB, subject, **STAMP))
    assert read(octets)["Subject"] == subject.strip()
    assert max(map(len, octets.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("written", "name", "spec"),
    [
        ("张三 <zhang@example.cn>", "张三", "zhang@example.cn"),
        ('"Li, Lei" <lilei@crepes.fr>', "Li, Lei", "lilei@crepes.fr"),
        ('"=?utf-8?Q?Eve?=" <eve@example.org>', "=?utf-8?Q?Eve?=", "eve@example.org"),
        ('"a \\" b" <q@example.org>', 'a " b', "q@example.org"),
        ('"john doe"@example.org', "", '"john doe"@example.org'),
        ("bob@[192.0.2.1]", "", "bob@[192.0.2.1]"),
        ("a..b@example.org", "", '"a..b"@example.org'),  # two dots are no dot-atom: RFC 5322 §3.2.3
        ('"a@b"@example.org', "", '"a@b"@example.org'),
        ('"' + "字" * 40 + '" <z@example.org>', "字" * 40, "z@example.org"),
        ('"=?' + "字" * 40 + '" <z@example.org>', "=?" + "字" * 40, "z@example.org"),
    ],
)
def test_names_and_addresses_survive(written: str, name: str, spec: str) -> None:
    octets = to_bytes(compose(ALICE, written, **STAMP))
    (ours,) = parse_addresses(parse_header(octets)["To"].body)
    assert (ours.name, ours.addr_spec) == (name, spec)
    back = read(octets)["To"].addresses[0]
    assert (back.username, back.domain) == (ours.local, ours.domain)
    # The standard library shows a gap where a long name is split, and decodes encoded words in quoted strings.
    if "=?" not in name and len(name) < 15:
        assert back.display_name == name


def test_groups_stay_groups() -> None:
    octets = to_bytes(compose(ALICE, ["friends: a@b.org, c@d.org;", BOB], cc="undisclosed-recipients:;", **STAMP))
    assert b"To: friends: a@b.org, c@d.org;, bob@hamburger.edu\r\n" in octets
    assert b"Cc: undisclosed-recipients:;\r\n" in octets


def test_many_recipients_fold_between_mailboxes() -> None:
    octets = to_bytes(compose(ALICE, [f"Person {n} <p{n}@example.org>" for n in range(40)], **STAMP))
    assert all(len(line) <= 76 for line in octets.split(b"\r\n"))
    assert len(read(octets)["To"].addresses) == 40


def test_international_domains_become_ascii_and_local_parts_ask_for_smtputf8() -> None:
    letter = compose(ALICE, ["张三 <zhang@例子.cn>", "用户@例子.cn"], **STAMP)
    paths = envelope(letter)
    assert paths.forward_paths == ["zhang@xn--fsqu00a.cn", "用户@例子.cn"]
    assert paths.smtputf8
    assert "<zhang@xn--fsqu00a.cn>, 用户@例子.cn\r\n".encode() in to_bytes(letter)
    plain = compose(ALICE, "张三 <zhang@例子.cn>", **STAMP)
    assert not envelope(plain).smtputf8
    assert to_bytes(plain).isascii()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain\n", "7bit"),
        ("Grüße aus München, wo es heute regnet\n", "quoted-printable"),
        ("long " * 300, "quoted-printable"),
        ("\x00\x07", "base64"),
        ("你好,世界\n" * 3, "base64"),
        (".\n..\nFrom me\n", "7bit"),
        ("", "7bit"),
    ],
)
def test_bodies_choose_the_smaller_seven_bit_encoding(text: str, encoding: str) -> None:
    octets = to_bytes(compose(ALICE, BOB, text=text, **STAMP))
    back = read(octets)
    assert back["Content-Transfer-Encoding"] == encoding
    assert octets.isascii()
    assert b"\0" not in octets
    assert all(len(line) <= 76 for line in octets.split(b"\r\n"))
    assert body(back).rstrip("\n") == text.rstrip("\n")


def test_base64_text_is_canonical_inside() -> None:
    part = email.message_from_bytes(to_bytes(compose(ALICE, BOB, text="一\n二\r三\r\n", **STAMP)))
    assert part.get_payload(decode=True) == "一\r\n二\r\n三\r\n".encode()


def test_html_and_attachments_make_the_usual_tree(tmp_path: Path) -> None:
    (tmp_path / "figure.png").write_bytes(bytes(range(256)))
    letter = compose(
        ALICE,
        BOB,
        text="look",
        html="<b>look</b>",
        attachments=[
            ("预算.csv", "金额\n".encode()),
            tmp_path / "figure.png",
            Attachment("a", b"\0", "application/x-odd"),
        ],
        **STAMP,
    )
    back = read(to_bytes(letter))
    assert [part.get_content_type() for part in back.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/csv",
        "image/png",
        "application/x-odd",
    ]
    files = list(back.iter_attachments())
    assert [part.get_filename() for part in files] == ["预算.csv", "figure.png", "a"]
    assert files[1].get_payload(decode=True) == bytes(range(256))
    assert files[0].get_payload(decode=True) == "金额\n".encode()


def test_further_headers_are_written_encoded() -> None:
    octets = to_bytes(compose(ALICE, BOB, headers={"X-Mood": "开心", "Sender": "eve@example.org"}, **STAMP))
    assert read(octets)["X-Mood"] == "开心"
    assert octets.isascii()


# --- what compose refuses ---


@pytest.mark.parametrize("control", ["\r\n", "\n", "\r", "\0", "\x0b", "\x85", "\u2028"])
@pytest.mark.parametrize("place", ["subject", "to", "name", "cc", "bcc", "header", "file", "id", "from"])
def test_no_value_can_break_out_of_its_header(control: str, place: str) -> None:
    evil = f"x{control}Bcc: eve@example.org"
    arguments: dict[str, dict[str, Any]] = {
        "subject": {"subject": evil},
        "to": {"to": f"bob@hamburger.edu{control}, eve@example.org"},
        "name": {"to": Address(evil, "bob", "hamburger.edu")},
        "cc": {"cc": [evil]},
        "bcc": {"bcc": Address("", f"bob{control}", "hamburger.edu")},
        "header": {"headers": {"X-Evil": evil}},
        "file": {"attachments": [(evil, b"")]},
        "id": {"message_id": f"<a{control}@b>"},
        "from": {"from_": f'"{evil}" <alice@crepes.fr>'},
    }
    with pytest.raises(ValueError, match=r"holds (CR|LF|NUL|U\+)") as caught:
        compose(**({"from_": ALICE, "to": BOB} | arguments[place]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"to": "bob"}, "to holds 'bob', which is no address: expected local-part@domain"),
        ({"to": "a@b c@d@"}, "no address"),
        ({"to": "<>"}, "no address"),
        ({"to": "a@b.org c@d.org"}, "no address"),
        ({"to": "a@b@c.org"}, "no address"),
        ({"to": "a@b.org."}, "no address"),
        ({"to": ["a@b..c"]}, "no address"),
        ({"from_": "a@b.org, c@d.org"}, "from_ names 2 mailboxes"),
        ({"from_": ()}, "from_ names 0 mailboxes"),
        ({"date": datetime(2025, 1, 1)}, "has no time zone"),
        ({"message_id": "no at sign"}, "message_id 'no at sign' is none"),
        ({"headers": {"X Y": "1"}}, "'X Y' is no field name"),
        ({"headers": {"X:Y": "1"}}, "'X:Y' is no field name"),
        ({"headers": {"subject": "again"}}, "headers holds subject, which compose writes itself"),
        ({"headers": {"Content-Type": "x/y"}}, "headers holds Content-Type"),
    ],
)
def test_wrong_arguments_get_one_clear_sentence(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        compose(**({"from_": ALICE, "to": BOB} | arguments))


def test_a_hand_made_message_cannot_break_out_either() -> None:
    message = Message(policy=compat32)
    message["Subject"] = "hi\nBcc: eve@example.org"
    with pytest.raises(ValueError, match="Subject field holds LF at octet 2"):
        to_bytes(message)
    for fold in ("\n ", "\r\n ", "\r\n\t", "\r "):
        assert field_octets("X", f"folded{fold}value") == f"X: folded\r\n{fold[-1]}value\r\n".encode()
    with pytest.raises(ValueError, match="X field holds CRLF at octet 6"):
        field_octets("X", "folded\r\nBcc: eve@example.org")


@given(st.text(), st.text(), st.text())
def test_whatever_is_accepted_adds_no_field(subject: str, name: str, value: str) -> None:
    try:
        letter = compose(ALICE, Address(name, "bob", "hamburger.edu"), subject, headers={"X-Value": value}, **STAMP)
    except ValueError:
        return
    octets = to_bytes(letter)
    fields = [
        line.partition(b":")[0] for line in octets.partition(b"\r\n\r\n")[0].split(b"\r\n") if line[0] not in b" \t"
    ]
    assert fields == [
        *(b"Date", b"From", b"To", b"Subject", b"Message-ID", b"X-Value"),
        *(b"MIME-Version", b"Content-Type", b"Content-Transfer-Encoding"),
    ]
    assert octets.isascii()
    assert all(len(line) <= 998 for line in octets.split(b"\r\n"))
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", octets)
    assert re.search(rb"\r\n[ \t]+\r\n", octets) is None


# --- envelope and Bcc ---


def test_bcc_is_on_the_envelope_and_never_in_the_letter() -> None:
    letter = compose(ALICE, BOB, bcc=["eve@example.org", "Mallory <m@example.org>"], **STAMP)
    assert envelope(letter) == ("alice@crepes.fr", ["bob@hamburger.edu", "eve@example.org", "m@example.org"])
    assert b"example.org" not in to_bytes(letter)
    assert b"Bcc: eve@example.org, Mallory <m@example.org>\r\n" in to_bytes(letter, keep_bcc=True)
    assert letter["Bcc"] is not None
    assert bytes(letter) == letter.as_bytes() == to_bytes(letter)
    assert letter.as_string().encode() == to_bytes(letter)
    assert "example.org" not in str(letter)
    assert b"eve@" not in dissect(letter).raw


def test_bcc_of_the_writers_own_copy_stays_behind_when_it_is_passed_on() -> None:
    copy = to_bytes(compose(ALICE, BOB, "lunch", bcc="eve@example.org", **STAMP), keep_bcc=True)
    kept = copy.replace(b"Bcc: eve@example.org\r\n", b"")
    assert kept in bytes(forward(copy, from_=ALICE, to=BOB))
    for passed_on in (forward(copy, from_=ALICE, to=BOB), forward(copy, from_=ALICE, to=BOB, as_attachment=False)):
        assert b"eve@" not in bytes(passed_on)
    assert b"eve@" not in bytes(reply(copy, "", from_=BOB, all=True))
    assert envelope(reply(copy, "", from_=BOB, all=True)).forward_paths == ["alice@crepes.fr"]


def test_envelope_takes_each_address_once_and_unpacks() -> None:
    reverse_path, forward_paths = envelope(compose(ALICE, [BOB, "Bob@hamburger.edu"], cc="bob@HAMBURGER.edu"))
    assert reverse_path == "alice@crepes.fr"
    assert forward_paths == ["bob@hamburger.edu", "Bob@hamburger.edu"]  # only domains are without case: RFC 5321 §2.4


def test_envelope_of_parsed_messages() -> None:
    raw = (
        "Sender: sec@crepes.fr\nFrom: a@b.org\nTo: =?utf-8?Q?B=2C?= <b@b.org>, g: c@d.org;\nCC: e@例子.cn\n\n".encode()
    )
    expected = Envelope("sec@crepes.fr", ["b@b.org", "c@d.org", "e@xn--fsqu00a.cn"])
    assert envelope(email.message_from_bytes(raw, policy=default)) == expected
    assert envelope(email.message_from_bytes(raw)) == expected


def test_envelope_without_writer_or_with_a_hostile_address_is_refused() -> None:
    with pytest.raises(ValueError, match="no address in From"):
        envelope(EmailMessage())
    with pytest.raises(ValueError, match="control character"):
        envelope(email.message_from_bytes(b'From: a@b\nTo: "x\0DATA"@b.org\n\n'))


def test_bcc_of_a_letter_that_is_attached_does_not_leak() -> None:
    inner = compose(ALICE, BOB, bcc="eve@example.org")
    assert b"eve@" not in to_bytes(compose(BOB, "carol@example.net", attachments=[inner]))
    assert b"eve@" not in to_bytes(forward(inner, from_=BOB, to="carol@example.net"))


# --- reply ---


def test_reply_goes_to_from_with_references_and_one_re() -> None:
    answer = reply(original("Subject: Re: RE: re[3]: 回复:lunch\r\nReferences: <0@x>\r\n <1@x>\r\n"), "yes", from_=BOB)
    assert answer["To"] == ALICE
    assert answer["Subject"] == "Re: lunch"
    assert answer["In-Reply-To"] == "<2@crepes.fr>"
    assert answer["References"] == "<0@x> <1@x> <2@crepes.fr>"


def test_reply_to_is_honoured() -> None:
    answer = reply(original("Reply-To: list@example.org, b@example.org\r\n"), "yes", from_=BOB)
    assert answer["To"] == "list@example.org, b@example.org"
    assert reply(original("Reply-To: nonsense\r\n"), "yes", from_=BOB)["To"] == ALICE


@pytest.mark.parametrize(
    ("extra", "references"),
    [
        ("", "<2@crepes.fr>"),
        ("In-Reply-To: <1@x>\r\n", "<1@x> <2@crepes.fr>"),
        ("In-Reply-To: <1@x> <1b@x>\r\n", "<2@crepes.fr>"),
        ("References: <2@crepes.fr>\r\n", "<2@crepes.fr>"),
    ],
)
def test_references_follow_rfc_5322(extra: str, references: str) -> None:
    assert reply(original(extra), "", from_=BOB)["References"] == references


def test_reply_without_message_id_has_no_in_reply_to() -> None:
    answer = reply(b"From: a@b.org\nReferences: <1@x>\n\n", "", from_=BOB)
    assert answer["In-Reply-To"] is None
    assert answer["References"] == "<1@x>"
    assert reply(b"From: a@b.org\n\n", "", from_=BOB)["References"] is None


def test_reply_all_leaves_oneself_out_and_names_each_once() -> None:
    raw = (
        b"From: alice@crepes.fr\r\nTo: BOB@Hamburger.edu, carol@example.net\r\n"
        b"Cc: alice@crepes.fr, Dan <dan@example.net>, carol@example.net\r\n\r\nhi"
    )
    answer = reply(raw, "", from_="Bob <bob@hamburger.edu>", all=True)
    assert answer["To"] == "alice@crepes.fr"
    assert answer["Cc"] == "carol@example.net, Dan <dan@example.net>"
    assert reply(raw, "", from_=BOB)["Cc"] is None


def test_an_answer_to_all_goes_where_the_writer_wants_it() -> None:
    raw = original("Mail-Followup-To: list@example.org, bob@hamburger.edu\r\nCc: carol@example.net\r\n")
    answer = reply(raw, "", from_=BOB, all=True)
    assert (answer["To"], answer["Cc"]) == ("list@example.org", None)
    assert reply(raw, "", from_=BOB)["To"] == ALICE
    mine = reply(original("Mail-Followup-To: bob@hamburger.edu\r\nCc: carol@example.net\r\n"), "", from_=BOB, all=True)
    assert (mine["To"], mine["Cc"]) == (ALICE, "carol@example.net")


def test_answers_and_forwards_take_what_compose_takes() -> None:
    more: dict[str, Any] = {"cc": "carol@example.net", "html": "<p>hi</p>", "attachments": [("b.txt", b"b")]}
    answer = reply(original(), "hi", from_=BOB, headers={"X-A": "1"}, **more)
    assert (answer["Cc"], answer["X-A"], answer["In-Reply-To"]) == ("carol@example.net", "1", "<2@crepes.fr>")
    assert [part.content_type for part in dissect(answer).walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/plain",
    ]  # fmt: skip
    passed_on = forward(original(), from_=BOB, to=ALICE, **more)
    names = [part.get_filename() or part.get_content_type() for part in passed_on.iter_attachments()]
    assert names == ["message/rfc822", "b.txt"]


@pytest.mark.parametrize(
    "prefix", ["re:", "Re[2]:", "Re(2) :", "Re^2:", "AW:", "VS:", "RES:", "回复：", "答覆:", "Re: 答复：RE:"]
)
def test_re_stands_once_whatever_stood_there(prefix: str) -> None:
    assert reply(original(f"Subject: {prefix} lunch\r\n"), "", from_=BOB)["Subject"] == "Re: lunch"


@pytest.mark.parametrize("prefix", ["FW:", "Fwd:", "WG:", "TR:", "转发：", "轉發:"])
def test_fwd_stands_once_whatever_stood_there(prefix: str) -> None:
    assert forward(original(f"Subject: {prefix} lunch\r\n"), from_=BOB, to=ALICE)["Subject"] == "Fwd: lunch"


def test_reply_to_ones_own_letter_goes_where_that_went() -> None:
    assert reply(original(), "PS", from_=ALICE)["To"] == BOB
    assert reply(b"From: a@b.org\nTo: a@b.org\n\n", "", from_="a@b.org", all=True)["To"] == "a@b.org"


def test_the_quote_names_its_writer_and_marks_each_line() -> None:
    raw = original("Date: Mon, 03 Mar 2025 12:00:00 +0000\r\n", "Hello\r\n\r\n> older\r\n")
    answer = reply(raw, "Hi", from_=BOB, **STAMP)
    assert body(answer) == (
        "Hi\n\nOn Mon, 03 Mar 2025 12:00:00 +0000, Alice <alice@crepes.fr> wrote:\n> Hello\n>\n>> older\n"
    )
    assert body(reply(raw, "Hi", from_=BOB, quote=False)).strip() == "Hi"


def test_the_quote_is_decoded_and_falls_back_to_html() -> None:
    chinese = compose(ALICE, BOB, "晚饭", "你好\n", html="<p>you do not see me</p>")
    answer = reply(chinese, "好", from_=BOB)
    assert answer["Subject"] == "Re: 晚饭"
    assert "> 你好" in body(answer)
    assert "see me" not in body(answer)
    markup = b"From: a@b.org\nContent-Type: text/html\n\n<style>p{}</style><p>One &amp; <b>two</b></p><p>three</p>"
    assert "> One & two\r\n> three" in to_bytes(reply(markup, "", from_=BOB)).decode()


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<!DOCTYPE html><title>t</title><h1>One</h1>two<br>three", ["One", "two", "three"]),
        ("<!-- a <p>note</p> -->seen<script>if (a < b) c</script><STYLE>p{}</STYLE>!", ["seen!"]),
        ("1 < 2 &lt;3&gt;<script>never closed <p>", ["1 < 2 <3>"]),
    ],
)
def test_a_page_is_quoted_as_its_reader_saw_it(markup: str, text: list[str]) -> None:
    raw = f"From: a@b.org\nContent-Type: text/html\n\n{markup}".encode()
    answer = reply(raw, "", from_=BOB).get_content().splitlines()
    assert answer[answer.index("a@b.org wrote:") + 1 :] == [f"> {line}" for line in text]


@pytest.mark.parametrize("piece", ["<script>", "<", "<p ", "<!--", "</", "<style></style>"])
def test_a_page_of_spite_costs_no_more_than_its_length(piece: str) -> None:
    """Were it the square, each of these would take minutes."""
    assert Original(b"Content-Type: text/html\n\nHi " + piece.encode() * 100_000).text.startswith("Hi")


def test_nobody_to_answer_is_one_clear_sentence() -> None:
    with pytest.raises(ValueError, match="nobody to answer"):
        reply(b"Subject: x\n\n", "", from_=BOB)


@given(st.binary(max_size=300))
def test_no_letter_can_bend_its_answer(noise: bytes) -> None:
    raw = b"From: alice@crepes.fr\r\nSubject: " + noise + b"\r\nMessage-ID: <" + noise + b">\r\n\r\n" + noise
    for made in (reply(raw, "x", from_=BOB, all=True, **STAMP), forward(raw, from_=BOB, to=ALICE, as_attachment=False)):
        octets = to_bytes(made)
        assert octets.isascii()
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", octets)
        assert octets.partition(b"\r\n\r\n")[0].count(b"\r\nSubject:") == 1


def test_an_encoded_line_break_in_a_subject_stays_in_its_line() -> None:
    raw = b"From: a@b.org\nSubject: =?utf-8?Q?x=0D=0ABcc:_eve@example.org?=\n\n"
    assert reply(raw, "", from_=BOB)["Subject"] == "Re: x Bcc: eve@example.org"


# --- forward ---


def test_an_original_of_spite_is_passed_on_like_any_other() -> None:
    """The standard library's reader of header fields takes minutes over some of these, and stumbles over others."""
    for piece in (b"(", b'"', b";", b"a=b;", b": "):
        raw = b"From: a@b.org\r\nContent-Type: multipart/mixed; " + piece * 40_000 + b"\r\n\r\nhi\r\n"
        assert raw in bytes(forward(raw, from_=BOB, to=ALICE))
        assert raw in bytes(redirect(raw, from_=BOB, to=ALICE))
        assert b"> hi" not in bytes(reply(raw, "", from_=BOB))  # a multipart without parts has no text


def test_a_text_passed_on_as_a_file_keeps_its_charset() -> None:
    raw = (
        b"From: a@b.org\nContent-Type: text/plain; charset=gbk; name=x.txt\n"
        b"Content-Disposition: attachment\n\n\xc4\xe3\xba\xc3\n"
    )
    (part,) = (part for part in dissect(forward(raw, from_=BOB, to=ALICE, as_attachment=False)).walk() if part.filename)
    assert (part.filename, part.content_type, part.text) == ("x.txt", "text/plain", "你好\n")


ODD_ORIGINALS = [
    b"From: a@b.org\r\nSubject:   odd \r\n\tfolding\r\n\r\nbody without line end",
    b"From: a@b.org\r\n\r\nends with three\r\n\r\n\r\n",
    b"no header at all",
    b"From: a@b.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b \r\n\r\nx\r\n--b--\r\nepilogue",
    b"From: a@b.org\r\nContent-Type: text/plain; charset=gbk\r\n\r\n\xc4\xe3\xba\xc3\r\n",
    "From: 张三 <z@例子.cn>\r\nSubject: 你好\r\n\r\n你好\r\n".encode(),
    b"From: a@b.org\r\n\r\n" + b"x" * 2000 + b"\r\n",
    b"",
]


@pytest.mark.parametrize("raw", ODD_ORIGINALS)
def test_forwarding_encloses_the_very_octets(raw: bytes) -> None:
    octets = to_bytes(forward(raw, "see below", from_=BOB, to=ALICE, **STAMP))
    boundary = re.search(rb'boundary="([^"]+)"', octets)
    assert boundary is not None
    part = octets.split(b"--" + boundary[1])[2].removesuffix(b"\r\n")
    assert part.partition(b"\r\n\r\n")[2] == raw


def test_forwarding_declares_what_the_octets_need() -> None:
    def types(raw: bytes) -> tuple[str, str | None, str | None]:
        letter = forward(raw, from_=BOB, to=ALICE)
        part = next(iter(letter.iter_attachments()))
        return part.get_content_type(), part["Content-Transfer-Encoding"], letter["Content-Transfer-Encoding"]

    assert types(ODD_ORIGINALS[0]) == ("message/rfc822", None, None)
    assert types(ODD_ORIGINALS[4]) == ("message/rfc822", "8bit", "8bit")
    assert types(ODD_ORIGINALS[5]) == ("message/global", "8bit", "8bit")
    assert types(ODD_ORIGINALS[6]) == ("message/rfc822", "binary", "binary")


def test_a_file_with_unix_line_ends_is_enclosed_in_its_wire_form() -> None:
    octets = to_bytes(forward(b"From: a@b.org\n\none\ntwo\n", from_=BOB, to=ALICE))
    assert b"From: a@b.org\r\n\r\none\r\ntwo\r\n" in octets
    assert not re.search(rb"(?<!\r)\n", octets)


def test_the_enclosed_message_can_be_looked_at() -> None:
    letter = forward(original("Subject: Fwd: FW: lunch\r\n"), from_=BOB, to=ALICE)
    assert letter["Subject"] == "Fwd: lunch"
    part = next(iter(letter.iter_attachments()))
    assert isinstance(part, Enclosure)
    assert part.get_content()["Subject"] == "Fwd: FW: lunch"


def test_forwards_of_forwards_stay_exact() -> None:
    raw = original("Subject: seed\r\n")
    for _ in range(5):
        outer = to_bytes(forward(raw, from_=BOB, to=ALICE, **STAMP))
        assert raw in outer
        raw = outer


def test_inline_forwarding_shows_the_header_and_keeps_the_files() -> None:
    raw = to_bytes(compose(ALICE, BOB, "Fw: 午饭", "text\n", attachments=[("a.bin", b"\0\1")], **STAMP))
    letter = forward(raw, "FYI", from_=BOB, to="carol@example.net", as_attachment=False, **STAMP)
    assert letter["Subject"] == "Fwd: 午饭"
    text = body(letter)
    assert text.startswith("FYI")
    for line in ("From: Alice <alice@crepes.fr>", "Subject: Fw: 午饭", "To: bob@hamburger.edu", "text"):
        assert line in text.splitlines()
    assert [part.get_payload(decode=True) for part in letter.iter_attachments()] == [b"\0\1"]


def test_a_boundary_never_stands_in_what_it_bounds() -> None:
    inner = to_bytes(compose(ALICE, BOB, html="x", **STAMP))
    outer = read(to_bytes(forward(inner, from_=BOB, to=ALICE, **STAMP)))
    boundaries = [part.get_boundary() for part in outer.walk() if part.get_boundary()]
    assert len(boundaries) == len(set(boundaries)) == 2
    assert [part.get_content_type() for part in outer.walk()][2] == "message/rfc822"


# --- sources and other people's messages ---


def test_originals_come_as_bytes_files_paths_and_messages(tmp_path: Path) -> None:
    raw = original("Subject: lunch\r\n")
    path = tmp_path / "letter.eml"
    path.write_bytes(raw)
    with path.open("rb") as file:
        sources = [raw, path, str(path), file, io.BytesIO(raw), read(raw), email.message_from_bytes(raw)]
        assert {reply(source, "", from_=BOB)["References"] for source in sources} == {"<2@crepes.fr>"}
    with pytest.raises(ValueError, match="a string here names a file"):
        octets_of("From: a@b.org\n\n")
    with pytest.raises(TypeError, match="not int"):
        octets_of(7)  # type: ignore[arg-type]


def test_other_peoples_messages_become_wire_ready_too() -> None:
    message = EmailMessage()
    message["From"] = StdlibAddress("张三", "zhang", "example.cn")
    message["To"] = BOB
    message["Bcc"] = "eve@example.org"
    message["Subject"] = "很长的主题" * 20
    message.set_content("你好\n")
    message.add_attachment("x\n", filename="说明.txt")
    octets = to_bytes(message)
    assert octets == to_bytes(message)
    assert all(len(line) <= 76 for line in octets.partition(b"\r\n\r\n")[0].split(b"\r\n"))
    assert b"eve@" not in octets
    assert not re.search(rb"(?<!\r)\n", octets)
    assert read(octets)["Subject"] == message["Subject"]


def test_a_parsed_message_keeps_its_header_lines() -> None:
    raw = (
        b"Received: from a\n\tby b;  Mon, 03 Mar 2025 12:00:00 +0000\nSubject:  two  blanks\nX-Long: "
        + b"y" * 200
        + b"\n\nx\n"
    )
    assert to_bytes(read(raw)) == raw.replace(b"\n", b"\r\n").replace(b":  two", b": two")


def test_eight_bit_header_lines_of_a_parsed_message_become_ascii() -> None:
    for parsed in (
        read("Subject: 你好\nTo: 张三 <z@b.org>\n\n".encode()),
        email.message_from_bytes("Subject: 你好\n\n".encode()),
    ):
        octets = to_bytes(parsed)
        assert octets.isascii()
        assert read(octets)["Subject"] == "你好"


def test_smtplib_sends_an_enclosed_letter_that_was_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    monkeypatch.setattr(smtplib.SMTP, "ehlo_or_helo_if_needed", lambda self: None)
    monkeypatch.setattr(smtplib.SMTP, "sendmail", lambda self, a, b, octets, *rest: sent.append(octets))
    inner = b"From: a@b.org\r\nSubject: folded\r\n\tonce\r\n\r\nhi\r\n"
    smtplib.SMTP().send_message(forward(inner, from_=BOB, to=ALICE, bcc="eve@example.org"))
    assert inner in sent[0] and b"eve@" not in sent[0]


def test_print_and_smtplib_see_the_same_letter() -> None:
    letter = compose(ALICE, BOB, "晚饭", "hi\n", **STAMP)
    assert "Subject: 晚饭" in str(letter)
    assert bytes(letter) == to_bytes(letter)
