"""Letters whose header or parts are damaged, as real mail has them: what belongs to the text stays in it, and is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from emaillab.message.header.fields import parse_header, parse_message_ids
from emaillab.message.mime.dissect import Part, dissect
from emaillab.message.mime.report import read_report
from emaillab.message.user_agent.compose import reply, to_bytes
from emaillab.message.user_agent.mbox import read_mbox
from emaillab.message.user_agent.threads import threads

LETTERS = Path(__file__).parent / "letters"
TWO_PARTS = b"\r\none\r\n--b--\r\n"
MIXED = b"From: a@b.org\r\nContent-Type: multipart/mixed; boundary=b\r\n"


def bodies(root: Part) -> list[bytes]:
    return [part.raw[slice(*part.body_span)] for part in root.walk() if not part.children]


def kinds(root: Part) -> list[str]:
    return [defect.kind for part in root.walk() for defect in part.defects]


# What stands in the letter, and its leaves' bodies.
HEADERS = [
    # the header ends at the delimiter it declares
    (MIXED + b"--b\r\n" + TWO_PARTS, [b"one"]),
    (MIXED + b"To: c@d.org\r\n--b\r\n" + TWO_PARTS, [b"one"]),
    (MIXED + b"--b  \r\n" + TWO_PARTS, [b"one"]),
    (MIXED.replace(b"\r\n", b"\n") + b"--b\n\none\n--b--\n", [b"one"]),
    (MIXED.replace(b"=b", b'="a:b"') + b"--a:b\r\n\r\none\r\n--a:b--\r\n", [b"one"]),
    (MIXED.replace(b"; ", b";\r\n\t") + b"--b\r\nContent-Type: text/plain\r\n" + TWO_PARTS, [b"one"]),
    (MIXED.replace(b"mixed", b"mixed (c)") + b"--b\r\n" + TWO_PARTS, [b"one"]),
    (MIXED + b"This is a letter in several parts.\r\n--b\r\n" + TWO_PARTS, [b"one"]),
    (MIXED + b"*** banner ***\r\nSubject: x\r\n--b\r\n" + TWO_PARTS, [b"one"]),
    (
        MIXED + b"\r\n--b\r\nContent-Type: multipart/related; boundary=c\r\n--c\r\n\r\ntwo\r\n--c--\r\n--b--\r\n",
        [b"two"],
    ),
    (b"Content-Type: message/rfc822\r\n\r\n" + MIXED + b"--b\r\n" + TWO_PARTS, [b"one"]),
    # and not at others
    (MIXED + b"--bb\r\nSubject: x\r\n\r\n--b\r\n" + TWO_PARTS, [b"one"]),
    (b"From: a@b.org\r\n--b\r\nSubject: x\r\n\r\nHi\r\n", [b"Hi\r\n"]),
    # the header ends at a text that no field follows
    (b"From: a@b.org\r\nDear Bob,\r\n\r\nHi\r\n", [b"Dear Bob,\r\n\r\nHi\r\n"]),
    (b"From: a@b.org\nDear Bob,\n\nHi\n", [b"Dear Bob,\n\nHi\n"]),
    (b"From: a@b.org\r\nDear Bob,\r\n so many things\r\n\r\nHi\r\n", [b"Dear Bob,\r\n so many things\r\n\r\nHi\r\n"]),
    (b"From: a@b.org\r\nHello: hello is no field, but may be one\r\nDear Bob,\r\n\r\nHi", [b"Dear Bob,\r\n\r\nHi"]),
    (b"From: a@b.org\r\nDear Bob,\r\nNote: a pen\r\n\r\nHi", [b"Dear Bob,\r\nNote: a pen\r\n\r\nHi"]),
    (b"From: a@b.org\r\nSee\r\nhttps://crepes.fr/menu\r\n\r\nHi", [b"See\r\nhttps://crepes.fr/menu\r\n\r\nHi"]),
    (b"From: a@b.org\r\n<html>\r\n<p style='a:b'>\r\n\r\n</html>", [b"<html>\r\n<p style='a:b'>\r\n\r\n</html>"]),
    (b"From: a@b.org\r\n*** banner ***\r\nX-A: b\r\nDear Bob,\r\n\r\nHi", [b"Dear Bob,\r\n\r\nHi"]),
    (MIXED + b"\r\n--b\r\nContent-Type: text/plain\r\nDear Bob,\r\n\r\nHi\r\n--b--", [b"Dear Bob,\r\n\r\nHi"]),
    (MIXED + b"\r\n--b\r\ncontent-type: text/plain\r\n> quoted\r\n\r\nHi\r\n--b--", [b"> quoted\r\n\r\nHi"]),
    # a banner between two fields is none of the text
    (b"From: a@b.org\r\n*** banner ***\r\nSubject: x\r\n\r\nHi", [b"Hi"]),
    (b"From: a@b.org\r\n*** banner ***\r\nX-Scanned: yes\r\n\r\nHi", [b"Hi"]),
    (b"From: a@b.org\r\n*** banner ***\r\nreceived: by x\r\n\r\nHi", [b"Hi"]),
]


@pytest.mark.parametrize(("raw", "right"), HEADERS)
def test_a_damaged_header_swallows_nothing_of_the_text(raw: bytes, right: list[bytes]) -> None:
    root = dissect(raw)
    assert bodies(root) == right
    assert parse_header(raw).span == root.header_span
    assert b"".join(raw[slice(*span)] for _, span in root.tiles()) == raw


def test_a_banner_between_two_fields_is_named() -> None:
    root = dissect(b"From: a@b.org\r\n*** banner ***\r\nSubject: x\r\n\r\nHi")
    assert (root.header.text("Subject"), kinds(root)) == ("x", ["header-line-without-colon"])
    assert kinds(dissect(HEADERS[0][0])) == ["missing-blank-line"]


def test_given_letters_without_an_empty_line() -> None:
    root = dissect((LETTERS / "no-blank-before-boundary.eml").read_bytes())
    assert [part.text for part in root.children] == ["plain one", "<p>two</p>"]
    root = dissect((LETTERS / "no-blank-in-part.eml").read_bytes())
    assert root.children[0].text == "Dear Bob, come at noon.\r\n\r\nSecond paragraph."


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (b"--b\r\n--b\r\n\r\none\r\n--b--\r\n", 1),
        (b"--b\r\n--b\r\n--b\r\n\r\none\r\n--b--\r\n", 2),
        (b"--b\r\n\r\none\r\n--b\r\n--b--\r\n", 1),
        (b"--b\n--b\n\none\n--b--\n", 1),
        (b"--b\r\n\r\n--b--\r\n", 0),
        (b"--b\r\n\r\none\r\n--b--\r\n", 0),
    ],
)
def test_two_delimiters_in_a_row_are_named(body: bytes, places: int) -> None:
    raw = MIXED + b"\r\n" + body
    found = [defect for defect in dissect(raw).defects if defect.kind == "delimiter-without-line-break"]
    assert len(found) == places
    assert all(raw[defect.at :].startswith(b"--b") for defect in found)
    given = dissect((LETTERS / "two-delimiters-in-a-row.eml").read_bytes())
    assert "delimiter-without-line-break" in kinds(given)


@pytest.mark.parametrize("line", [b">From alice Mon Mar  2 09:00:00 2026", b"From alice", b">From a\r\n>From b"])
def test_a_mailbox_files_line_in_an_enclosed_message_is_part_of_its_header(line: bytes) -> None:
    raw = b"Content-Type: message/rfc822\r\n\r\n" + line + b"\r\nSubject: inside\r\n\r\nhi\r\n"
    inner = dissect(raw).children[0]
    assert (inner.header.text("Subject"), inner.text) == ("inside", "hi\r\n")
    assert raw[slice(*inner.header_span)].startswith(line)
    assert "mbox-line-in-message" in kinds(inner)


def test_the_given_enclosed_message() -> None:
    inner = dissect((LETTERS / "enclosed-with-from-line.eml").read_bytes()).children[0]
    assert inner.header.text("Subject") == "inside"
    assert inner.header.raw.startswith(b">From alice")
    assert "mbox-line-in-message" in kinds(inner)


# --- identifiers ---


@pytest.mark.parametrize(
    ("body", "right"),
    [
        (b"<2026(1)abc@crepes.fr>", [b"<2026(1)abc@crepes.fr>"]),
        (b"<a(b@c> <d)e@f>", [b"<a(b@c>", b"<d)e@f>"]),
        (b"(a comment <no@id>) <a@b>", [b"<a@b>"]),
        (b"<a@b> (was: <no@id>)", [b"<a@b>"]),
        (b"<a@b> (never closed <c@d>", [b"<a@b>", b"<c@d>"]),
        (b"8-( <a@b>", [b"<a@b>"]),
        (b"<a@b>(c)<d(e)f@g>", [b"<a@b>", b"<d(e)f@g>"]),
        (b"<((@b>", [b"<((@b>"]),
    ],
)
def test_identifiers_hold_parentheses(body: bytes, right: list[bytes]) -> None:
    assert parse_message_ids(body) == right


def test_a_reply_to_an_identifier_with_parentheses() -> None:
    answer = reply((LETTERS / "mid-parens.eml").read_bytes(), "hi", from_="bob@hamburger.edu")
    assert parse_header(to_bytes(answer)).text("In-Reply-To") == "<2026(1)abc@crepes.fr>"


# --- bounces ---

BOUNCES = [
    ("Reporting-MTA: dns; mx\nFinal-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.1.1", ["a@b failed 5.1.1"]),
    ("Final-Recipient: rfc822; <a@b>\nAction: failed\nStatus: 5.1.1", ["a@b failed 5.1.1"]),
    ("Final-Recipient: rfc822;<a@b>\nAction: failed (bad)\nStatus: 5.1.1 (no such user)", ["a@b failed 5.1.1"]),
    ("Reporting-MTA: dns; mx\n\nFinal-Recipient: <a@b>\nAction: failed\nStatus: 5.1.1", ["a@b failed 5.1.1"]),
    (
        "Reporting-MTA: dns; mx\nFinal-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.1.1\n"
        "Final-Recipient: rfc822; c@d\nAction: delayed\nStatus: 4.4.1",
        ["a@b failed 5.1.1", "c@d delayed 4.4.1"],
    ),
    (
        "Reporting-MTA: dns; mx\n\nOriginal-Recipient: rfc822; o@p\nFinal-Recipient: rfc822; a@b\nAction: failed\n"
        "Status: 5.1.1\nOriginal-Recipient: rfc822; q@r\nFinal-Recipient: rfc822; c@d\nAction: delayed\nStatus: 4.4.1",
        ["a@b failed 5.1.1", "c@d delayed 4.4.1"],
    ),
    (
        "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@b\nOriginal-Recipient: rfc822; o@p\nAction: failed\n"
        "Status: 5.1.1\n\nFinal-Recipient: rfc822; c@d\nAction: delayed\nStatus: 4.4.1",
        ["a@b failed 5.1.1", "c@d delayed 4.4.1"],
    ),
    ("Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@b\n\nAction: failed\nStatus: 5.1.1", ["a@b failed 5.1.1"]),
    ("Final-Recipient: rfc822; a@b (Al)\nAction: failed\nStatus: 5.1.1", ["a@b failed 5.1.1"]),
]


@pytest.mark.parametrize(("status", "right"), BOUNCES)
def test_bounces_are_read_whatever_their_empty_lines(status: str, right: list[str]) -> None:
    head = "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
    report = read_report(f"{head}{status}\n\n--b--\n".encode())
    assert report is not None
    assert [f"{one.recipient} {one.action} {one.status}" for one in report.recipients] == right
    assert report.reporting_mta == ("mx" if "Reporting" in status else "")


def test_the_given_bounce_in_one_block() -> None:
    report = read_report((LETTERS / "dsn-one-block.eml").read_bytes())
    assert report is not None
    (one,) = report.recipients
    assert (one.recipient, one.action, one.status, one.diagnostic) == (
        "bob@b.org",
        "failed",
        "5.1.1",
        "550 no such user",
    )


# --- mailbox files ---

FIRST = "From a@b Thu Aug  9 18:39:17 2012\nSubject: 1\n\nHi\n\n"


@pytest.mark.parametrize(
    "line",
    [
        "From 10:30 on we are in room 5.\nBring a pen.",
        "From 10:30 to 11:15: lunch\nNote: bring a pen",
        "From Monday at 9:00 we meet\n",
        "From Thu Aug 9 10:30:00 2012 on we meet\nNote: a pen",
        "From now on\nNote: a pen",
        "From 2012 to 10:45\n\nyes",
        "From Mon, 3 Mar 2025 12:00:00 +0100 we are away\nSubject: closed",
        "From Mon Mar 3 12:00 2025\nwe are away",
    ],
)
def test_a_sentence_with_a_time_of_day_splits_no_letter(line: str) -> None:
    assert len(read_mbox((FIRST + line + "\n").encode())) == 1
    assert len(read_mbox((FIRST + line + "\n").replace("\n", "\r\n").encode())) == 1


@pytest.mark.parametrize(
    "line",
    [
        "From c@d Thu Aug  9 18:40:17 2012",
        "From c@d Thu Aug 09 18:40 2012",
        "From c Thu Aug  9 18:40:17 MET 2012",
        "From c Thu Aug  9 18:40:17 2012 +0200",
        "From c Thu Aug  9 18:40:17 2012 remote from crepes",
        "From - Thu Aug 09 18:40:17 2012",
        "From ???@??? Thu Aug 09 18:40:17 2012",
        "From Thu Aug  9 18:40:17 2012",
        "From c@d Thu, 9 Aug 2012 18:40:17 +0200",
        "From c@d 2012-08-09T18:40:17Z",
        '"From "john doe"@d Thu Aug  9 18:40:17 2012'[1:],
    ],
)
def test_a_separator_is_known_in_many_forms(line: str) -> None:
    assert len(read_mbox(f"{FIRST}{line}\nSubject: 2\n\nx\n".encode())) == 2


def test_the_given_mailbox_file() -> None:
    assert len(read_mbox((LETTERS / "mbox-from-sentence-time.eml").read_bytes())) == 2


# --- conversations ---


def test_a_conversation_of_ten_thousand_identifiers_is_one_chain() -> None:
    references = " ".join(f"<{number}@a>" for number in range(10_000))
    (thread,) = threads([f"Message-ID: <own@a>\r\nReferences: {references}\r\n\r\nhi".encode()])
    assert max(one.depth for one in thread.walk()) == 10_000
    assert str(thread).count("\n") == 10_000
