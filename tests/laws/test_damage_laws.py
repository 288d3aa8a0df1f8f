"""What holds whatever is damaged: nothing of a body is hidden, no octet is read twice, and no list costs its square."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emaillab.message.authenticity.arc import arc
from emaillab.message.authenticity.results import parse_authentication_results
from emaillab.message.authenticity.tags import parse_tags
from emaillab.message.header.addresses import parse_addresses
from emaillab.message.header.clauses import read_clauses
from emaillab.message.header.encoded_words import decode_words, word_defects
from emaillab.message.header.fields import parse_header, parse_message_ids
from emaillab.message.header.parameters import parse_parameters
from emaillab.message.mime.dissect import Part, dissect
from emaillab.message.mime.partial import join_partials
from emaillab.message.mime.pieces import pieces
from emaillab.message.mime.report import read_report
from emaillab.message.octets.charsets import decode_raw, decode_text
from emaillab.message.octets.labels import python_codec
from emaillab.message.octets.uuencode import decode_uuencode, uuencode_defects
from emaillab.message.trace.credibility import last_credible
from emaillab.message.trace.path import trace
from emaillab.message.trace.skew import infer_offsets
from emaillab.message.user_agent.mbox import read_mbox
from emaillab.message.user_agent.original import Original
from emaillab.message.user_agent.threads import threads
from tests.steps import steps_of

# --- nothing of a body is hidden ---

FIELDS = [
    b"From: Alice <a@crepes.fr>",
    b"Subject: lunch",
    b"X-Anything: goes",
    b"MIME-Version: 1.0",
    b"Content-Type: text/plain; charset=utf-8",
    b"Received: from a by b;\r\n Mon, 3 Mar 2025 12:00:00 +0000",
]
# Lines of a text; none could be a field, and none folds one.
LINES = [b"Dear Bob,", b"come at noon.", b"> quoted text", b"1. first", b"(really)", b"<p>yes</p>", b"-- ", b"a b: c"]


def shown(root: Part) -> bytes:
    """Give all octets that are in a body, a preamble, an epilogue, or a line of the header that is named as a defect."""
    found = []
    for part in root.walk():
        spans = [part.preamble_span, part.epilogue_span] if part.is_multipart else [part.body_span]
        found += [span for span in spans if span is not None] if part.is_multipart or not part.children else []
        found += part.header.stray
    return b"".join(root.raw[slice(*span)] for span in sorted(found))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(FIELDS), min_size=1, max_size=5),
    st.lists(st.sampled_from(LINES), min_size=1, max_size=4),
    st.lists(st.sampled_from(LINES), max_size=4),
    st.sampled_from([b"", b"\r\n", b"\r\n\r\n"]),
    st.booleans(),
)
def test_a_text_behind_any_header_is_shown(
    fields: list[bytes], first: list[bytes], then: list[bytes], gap: bytes, enclosed: bool
) -> None:
    """The empty line is there, or missing, or late, or there are two."""
    text = b"\r\n".join(first) + b"\r\n\r\n" + b"".join(line + b"\r\n" for line in then)
    raw = b"".join(field + b"\r\n" for field in fields) + gap + text
    if enclosed:
        raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + raw + b"\r\n--b--\r\n"
    root = dissect(raw)
    assert text in shown(root)
    leaf = root.children[0] if enclosed else root
    assert text.strip() in leaf.raw[slice(*leaf.body_span)]
    assert [field.raw.rstrip() for field in leaf.header] == fields


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*FIELDS, *LINES]), max_size=6),
    st.lists(st.sampled_from(LINES), min_size=1, max_size=3),
    st.sampled_from([b"mixed; boundary=b", b'mixed; boundary="b"', b"mixed (c);\r\n boundary=b"]),
    st.booleans(),
)
def test_parts_behind_any_header_are_found(
    around: list[bytes], text: list[bytes], subtype: bytes, has_empty_line: bool
) -> None:
    """Whatever else stands in the header, and though its empty line may be missing."""
    lines = [b"From: a@b.org", b"Content-Type: multipart/" + subtype, *around]
    body = b"\r\n".join(text)
    raw = b"".join(line + b"\r\n" for line in lines if line != FIELDS[4])
    raw += b"\r\n" * has_empty_line + b"--b\r\n\r\n" + body + b"\r\n--b--\r\n"
    root = dissect(raw)
    assert [part.raw[slice(*part.body_span)] for part in root.children] == [body]
    assert parse_header(raw).span == root.header_span


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*FIELDS, *LINES, b" fold", b"--b", b"--b--", b"", b"x:y", b"Note: a"]), max_size=12))
def test_a_header_is_found_alike_by_both_readers(lines: list[bytes]) -> None:
    raw = b"".join(line + b"\r\n" for line in [b"Content-Type: multipart/mixed; boundary=b", *lines])
    assert parse_header(raw).span == dissect(raw).header_span


# --- charsets ---

CHARSETS = ["utf-8", "gb18030", "gb2312", "hz", "big5", "shift_jis", "euc-jp", "euc-kr", "johab", "utf-7", "utf-16"]
CHARSETS += ["iso-2022-jp", "iso-2022-jp-2", "iso-2022-jp-3", "iso-2022-kr", "iso-2022-cn", "utf-32", "iso-8859-5"]
CHARSETS += ["tis-620", "windows-1253", "x-unknown", "us-ascii"]


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.lists(
            st.sampled_from([b"\x1b$B", b"\x1b(B", b"$3", b"\x0e", b"\x0f", b"~{", b"~}", b"+", b"\xff", b"a"])
        ).map(b"".join),
    ),
    st.sampled_from(CHARSETS),
)
@example(b"\x1b$B$3\xff(B", "iso-2022-jp")
def test_any_octets_are_read_and_no_escape_sequence_is_left(octets: bytes, charset: str) -> None:
    text, how = decode_text(octets, charset)
    assert how.step in ("declared", "superset", "utf-8", "damaged", "latin-1")
    assert how.replacements <= text.count("\ufffd")
    assert not any("\ud800" <= mark <= "\udfff" for mark in text)
    if charset.startswith("iso-2022"):
        assert not set(text) & set("\x1b\x0e\x0f")
    decode_raw(octets)


@given(st.text(max_size=50))
def test_any_name_of_a_charset_is_looked_up(name: str) -> None:
    codec = python_codec(name)
    assert codec is None or isinstance(b"".decode(codec), str)


# --- no list costs its square ---

H = b"From: a@b.c\r\nMessage-ID: <own@a>\r\n"
RECEIVED = b"Received: from m%d.x (m%d.x [192.0.2.1]) by m%d.x with ESMTP id 1; Mon, 23 Nov 2026 16:34:22 +0000\r\n"
MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n"
SEAL = b"ARC-Seal: i=%d; cv=none; a=rsa-sha256; d=x; s=y; b=z\r\n"


def everything(raw: bytes) -> None:
    root = dissect(raw)
    for part in root.walk():
        part.defects, part.text, part.filename, part.number, part.content_type  # noqa: B018
    str(root), root.to_json(), pieces(root)


def conversation(letters: list[bytes]) -> None:
    for thread in threads(letters):
        str(thread)


# What a stranger may make long, by how much; and who reads it.
Making = Callable[[int], Any]
LISTS: dict[str, tuple[Making, Callable[[Any], object]]] = {
    "References": (
        lambda n: [H + b"References: " + b" ".join(b"<%d@a>" % one for one in range(n)) + b"\r\n\r\n"],
        conversation,
    ),
    "letters that answer one": (
        lambda n: [b"Message-ID: <%d@a>\r\nReferences: <r@a>\r\n\r\n" % one for one in range(n)],
        conversation,
    ),
    "letters in a chain, the last first": (
        lambda n: [b"Message-ID: <%d@a>\r\nReferences: <%d@a>\r\n\r\n" % (one, one - 1) for one in range(n, 0, -1)],
        conversation,
    ),
    "letters in circles": (
        lambda n: [b"Message-ID: <%d@a>\r\nReferences: <%d@a>\r\n\r\n" % (one, one * 7 % n) for one in range(n)],
        conversation,
    ),
    "the thread of an answer": (
        lambda n: H + b"References: " + b" ".join(b"<%d@a>" % one for one in range(n)) + b"\r\n\r\n",
        lambda raw: Original(raw).thread,
    ),
    "identifiers and comments": (lambda n: b"(a) <b(c)@d> (" * n, parse_message_ids),
    "parameters": (lambda n: b"a/b; " + b"x=y; (c) " * n, parse_parameters),
    "pieces of a parameter": (
        lambda n: b"a; " + b"; ".join(b"x*%d=y" % one for one in range(n)),
        parse_parameters,
    ),
    "open comments in parameters": (lambda n: b"a; " + b"(" * n, parse_parameters),
    "words of a parameter": (lambda n: b"a; x=" + b"b (" * n, parse_parameters),
    "addresses": (lambda n: b"a@b.c, " * n, parse_addresses),
    "encoded words": (lambda n: b"=?utf-8?B?5L0=?= " * n, decode_words),
    "names of charsets": (lambda n: b"".join(b"=?x%d-%d?Q?a?= " % (n, one) for one in range(n)), decode_words),
    "defects of words": (lambda n: b"=?x?Q?a?=" * n, lambda data: list(word_defects(data))),
    "clauses": (lambda n: b"from a " + b"(b) ; " * n, lambda data: read_clauses(data, 0, len(data))),
    "Received fields": (lambda n: b"".join(RECEIVED % (one, one, one + 1) for one in range(n)) + b"\r\n", trace),
    "clocks": (
        lambda n: b"".join(RECEIVED % (one, one, one + 1) for one in range(n)) + b"\r\n",
        lambda raw: infer_offsets(trace(raw)),
    ),
    "credible hops": (
        lambda n: b"".join(RECEIVED % (one, one, one + 1) for one in range(n)) + b"\r\n",
        lambda raw: last_credible(trace(raw), ["m1.x"]),
    ),
    "parts": (lambda n: MIXED + b"\r\n" + b"--b\r\n\r\nx\r\n" * n, everything),
    "parts without empty lines": (lambda n: MIXED + b"--b\r\nX-A: b\r\nDear Bob\r\n" * n, everything),
    "delimiters": (lambda n: MIXED + b"\r\n" + b"--b\r\n" * n, everything),
    "lines that are no fields": (lambda n: b"From: a\r\n" + b"no field\r\nX-A: b\r\n" * n + b"\r\n", everything),
    "lines with dashes": (lambda n: MIXED + b"--x\r\nX-A: b\r\n" * n + b"\r\n", everything),
    "reports of recipients": (
        lambda n: (
            b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
            + b"Final-Recipient: rfc822; <a@b>\r\nAction: failed\r\n" * n
        ),
        read_report,
    ),
    "fragments": (
        lambda n: [
            b"Content-Type: message/partial; id=1; number=%d; total=%d\r\n\r\nx" % (one, n) for one in range(1, n + 1)
        ],
        join_partials,
    ),
    "letters of a mailbox file": (
        lambda n: b"From a Mon Mar  3 12:00:00 2025\nSubject: x\n\nFrom 10:30 on\n\n" * n,
        read_mbox,
    ),
    "lines of uuencode": (
        lambda n: b"begin 644 x\n" + b"#0V%T\n" * n,
        lambda data: (decode_uuencode(data), uuencode_defects(data)),
    ),
    "escape sequences": (lambda n: b"\x1b$B$3\x1b(B$B" * n + b"\xff", lambda data: decode_text(data, "iso-2022-jp")),
    "tildes": (lambda n: b"{a~}~{" * n, lambda data: decode_text(data, "hz")),
    "damaged octets": (lambda n: b"\xc4\xe3\xff\xba\n" * n, lambda data: decode_text(data, "gb2312")),
    "a damaged line": (lambda n: b"\xc4\xe3\xff" * n, lambda data: decode_text(data, "gb2312")),
    "ARC sets": (lambda n: b"".join(SEAL % one for one in range(n)) + b"\r\n", arc),
    "results": (lambda n: b"x; " + b"spf=pass (c) smtp.mailfrom=a;" * n, parse_authentication_results),
    "tags": (lambda n: b"".join(b"a%d=b;" % one for one in range(n)), parse_tags),
}


@pytest.mark.parametrize("name", LISTS)
def test_work_grows_with_a_strangers_list_and_not_with_its_square(name: str) -> None:
    make, read = LISTS[name]
    small, large = make(100), make(800)
    read(make(50))  # what is made once, such as tables, is made now
    few, many = steps_of(lambda: read(small)), steps_of(lambda: read(large))
    assert many <= 12 * few + 2000, f"8 times as long, {many / few:.1f} times the work"
