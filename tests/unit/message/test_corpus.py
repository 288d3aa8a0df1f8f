"""Does every letter of the course come apart, and does every travel log read as people read it?"""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from emaillab.message.mime.dissect import dissect
from emaillab.message.trace.path import trace

DATA = Path(__file__).resolve().parents[3] / "data"
FILES = sorted(str(path.relative_to(DATA)) for path in DATA.rglob("*") if path.is_file() and path.name != "README.md")
README = (DATA / "README.md").read_text(encoding="utf-8")


def sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def read(name: str) -> bytes:
    return (DATA / name).read_bytes()


# --- all of them ---


@pytest.mark.parametrize("name", FILES)
def test_every_octet_is_in_one_tile_and_the_tree_is_json(name: str) -> None:
    raw = read(name)
    letter = dissect(raw)
    assert b"".join(raw[a:b] for _, (a, b) in letter.tiles()) == raw
    shown = json.loads(json.dumps(letter.to_json()))
    for part in letter.walk():
        assert letter.span[0] <= part.header_span[0] <= part.header_span[1]
        assert part.header_span[1] <= part.body_span[0] <= part.body_span[1] <= len(raw)
        assert all(0 <= defect.at <= len(raw) for defect in part.defects)
    assert shown["decoded_sha256"] == sha256(letter.decoded)


@pytest.mark.parametrize("name", FILES)
def test_every_path_reads_in_order_and_is_json(name: str) -> None:
    path = trace(read(name))
    assert json.loads(json.dumps(path.to_json()))["hops"] == [hop.to_json() for hop in path.hops]
    starts = [hop.span[0] for hop in path.hops]
    assert starts == sorted(starts, reverse=True), "the oldest field stands lowest"
    for before, hop in zip(path.hops, path.hops[1:], strict=False):
        if before.time and hop.time:
            assert hop.delay_s == (hop.time - before.time).total_seconds()
        else:
            assert hop.delay_s is None


def test_the_corpus_is_large_described_and_covers_every_point() -> None:
    assert len(FILES) >= 48
    assert sum(len(read(name)) for name in FILES) < 1_000_000
    assert sorted(set(re.findall(r"\]\((\w+/[^)]+)\)", README))) == FILES
    assert {f"M{n:02d}" for n in range(1, 35)} <= set(re.findall(r"M\d\d", README))


def test_the_octets_arrived_as_they_were_written() -> None:
    """Hold that no conversion of line ends touched the files on their way through git."""
    for name in ("messages/plain.eml", "received/postfix.eml", "broken/no-header.eml"):
        assert read(name).count(b"\n") == read(name).count(b"\r\n") > 0
    assert b"\r" not in read("broken/lf-only.eml")
    assert b"\n" not in read("broken/cr-only.eml")
    assert bytes(range(256)) * 4 in read("messages/binary-cte.eml")


def test_only_reserved_addresses_occur() -> None:
    allowed = re.compile(r"192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|127\.0\.0\.1$")
    looks_like_one = {"8.15.1.225", "8.14.42.7", "15.2.1544.4", "15.20.8534", "300.1.2.3"}
    for name in FILES:
        for found in re.findall(rb"[\[(]((?:\d{1,3}\.){3}\d{1,3})[\])]", read(name)):
            address = found.decode()
            assert allowed.match(address) or address in looks_like_one, (name, address)


# --- trees counted by hand ---

NODES = {
    "messages/plain.eml": 1,
    "messages/alternative.eml": 3,
    "messages/related-five-images.eml": 7,
    "messages/mixed-alternative-related.eml": 7,
    "messages/forward-3-deep.eml": 10,
    "messages/forward-60-deep.eml": 181,
    "messages/calendar-invitation.eml": 6,
    "messages/signed-smime.eml": 5,
    "messages/dsn-failed-8bit.eml": 5,
    "messages/dsn-delayed.eml": 4,
    "messages/list-digest.eml": 9,
    "messages/boundaries.eml": 8,
    "messages/external-body.eml": 3,
    "messages/partial-2.eml": 1,
    "messages/binary-cte.eml": 3,
    "broken/missing-close-delimiter.eml": 3,
    "broken/inner-close-missing.eml": 5,
    "broken/boundary-prefix.eml": 5,
    "broken/boundary-prefix-reverse.eml": 4,
    "broken/bare-cr-lf-nul.eml": 3,
    "broken/lf-only.eml": 3,
    "broken/mixed-line-ends.eml": 3,
    "broken/base64-damaged.eml": 9,
    "broken/zero-parts.eml": 1,
    "broken/never-a-delimiter.eml": 1,
    "broken/no-boundary-parameter.eml": 1,
    "broken/multipart-base64.eml": 2,
    "broken/duplicate-content-type.eml": 1,
    "broken/truncated-in-part.eml": 3,
    "broken/many-parts.eml": 4001,
    "broken/empty.eml": 1,
}


@pytest.mark.parametrize(("name", "nodes"), NODES.items())
def test_the_tree_has_the_parts_a_reader_counts(name: str, nodes: int) -> None:
    assert sum(1 for _ in dissect(read(name)).walk()) == nodes


# --- contents known beforehand ---

DECODED = [
    ("messages/related-five-images.eml", "2", "90e2245450538d3c", b"\x89PNG\r\n\x1a\n"),
    ("messages/winmail-tnef.eml", "2", "54a81111768be3dc", b"\x78\x9f\x3e\x22\x01\x00"),
    ("messages/mixed-alternative-related.eml", "2", "44937c3e08b6af4d", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"),
    ("messages/quoted-printable.eml", "", "6d63de3be6b156db", "Chère Béatrice,\r\n\r\nvoici la carte".encode()),
    ("messages/latin1-8bit.eml", "", "7217762389564b81", "Cher Bob,\r\n\r\nles crêpes flambées".encode("latin-1")),
    ("messages/chinese-gb18030.eml", "1", "cdf767d26db5d860", "爱丽丝：\r\n\r\n你好！".encode("gb18030")),
    ("messages/chinese-big5.eml", "1", "a4bb279a38836f23", "愛麗絲：\r\n\r\n您好！我們帶來許多功夫麵".encode("big5")),
]
EXACT = [
    ("messages/boundaries.eml", "1", b"A"),
    ("messages/boundaries.eml", "2", b"A\r\n"),
    ("messages/boundaries.eml", "4", b""),
    ("messages/boundaries.eml", "5", b""),
    ("messages/binary-cte.eml", "1", bytes(range(256)) * 4),
    ("messages/binary-cte.eml", "2", "Crêpe\r\n".encode("utf-16le")),
    ("messages/winmail-tnef.eml", "1", b"See the attached list.\r\n"),
    ("messages/empty-subject.eml", "", b""),
    ("messages/chinese-gb2312.eml", "2", "荞麦面 十二元\r\n牛肉面 十八元\r\n".encode("gb2312")),
    ("messages/chinese-utf8.eml", "2", "荞麦面 十二元\r\n牛肉面 十八元\r\n".encode()),
    ("messages/smtputf8.eml", "2", "面粉、鸡蛋、牛奶、盐。".encode()),
    ("broken/missing-close-delimiter.eml", "2", b"Second part, and then nothing more.\r\n"),
    ("broken/inner-close-missing.eml", "2", b"This part is safe."),
    ("broken/boundary-prefix.eml", "2", b"outer two"),
    ("broken/lf-only.eml", "2", b"<p>Same.</p>"),
    ("broken/mixed-line-ends.eml", "1", b"CRLF here\r\nLF here"),
    ("broken/base64-damaged.eml", "1", b"Hello, crepes!"),
    ("broken/base64-damaged.eml", "2", b"Hello, crepes!"),
    ("broken/base64-damaged.eml", "4", b"Hello, crepes!"),
    ("broken/base64-damaged.eml", "6", b""),
    ("broken/base64-damaged.eml", "8", b"0123456789" * 120),
    ("broken/quoted-printable-damaged.eml", "1", "lower case é is read".encode()),
    ("broken/quoted-printable-damaged.eml", "2", b"lone = sign, =ZZ, =4, and  soft"),
    ("broken/quoted-printable-damaged.eml", "3", b"trailing blanks\r\nare dropped"),
    ("broken/quoted-printable-damaged.eml", "8", b"\r\n\x00 controls \x7f"),
    ("broken/unknown-cte.eml", "1", b"begin in a tongue unknown"),
    ("broken/unknown-cte.eml", "3", b"Hello"),
    ("broken/gb2312-really-gb18030.eml", "", "李镕先生和𠮷野家：€ 5。\r\n".encode("gb18030")),
    ("broken/multipart-base64.eml", "1", b"I am not base64, whatever the header says."),
]


@pytest.mark.parametrize(("name", "number", "digest", "start"), DECODED)
def test_a_known_part_begins_as_written(name: str, number: str, digest: str, start: bytes) -> None:
    part = dissect(read(name)).part(number)
    assert part is not None
    assert part.decoded.startswith(start)
    assert sha256(part.decoded).startswith(digest)


@pytest.mark.parametrize(("name", "number", "octets"), EXACT)
def test_a_known_part_has_exactly_its_octets(name: str, number: str, octets: bytes) -> None:
    part = dissect(read(name)).part(number)
    assert part is not None
    assert sha256(part.decoded) == sha256(octets), part.decoded


def test_the_pictures_are_whole() -> None:
    letter = dissect(read("messages/related-five-images.eml"))
    ends = {"image/png": b"IEND\xaeB`\x82", "image/gif": b"\x3b", "image/jpeg": b"\xff\xd9"}
    pictures = letter.children[1:]
    assert len(pictures) == 5
    for picture in pictures:
        assert picture.decoded.endswith(ends[picture.content_type])
        declared = re.search(rb"size=(\d+)", picture.raw[slice(*picture.header_span)])
        assert declared is not None and int(declared[1]) == len(picture.decoded)


def test_the_invitation_is_sent_twice_with_the_same_octets() -> None:
    letter = dissect(read("messages/calendar-invitation.eml"))
    inline, attached = letter.part("1.3"), letter.part("2")
    assert inline is not None and attached is not None
    assert inline.decoded == attached.decoded != b""


def test_the_innermost_of_three_forwards_is_grandmas_letter() -> None:
    part = dissect(read("messages/forward-3-deep.eml")).part("2.2.2")
    assert part is not None
    assert part.content_type == "message/rfc822"
    inner = part.raw[slice(*part.body_span)]
    assert inner.startswith(b"From: Grandma <yvonne@crepes.fr>\r\n")
    assert inner.endswith("Une cuillère de rhum. Ne le dis à personne.\r\n".encode())


def test_a_digest_holds_messages_unless_a_part_says_otherwise() -> None:
    digest = dissect(read("messages/list-digest.eml")).children[1]
    assert [part.content_type for part in digest.children] == [
        "message/rfc822",
        "message/rfc822",
        "text/plain",
    ]


def test_three_fragments_join_to_one_message() -> None:
    joined = b"".join(dissect(read(f"messages/partial-{n}.eml")).decoded for n in (1, 2, 3))
    whole = dissect(joined)
    assert whole.content_type == "text/plain"
    assert whole.decoded.count(b"Step ") == 30
    assert not whole.defects


def test_the_file_names_of_every_charset_read_as_written() -> None:
    names = {
        "gb2312": "菜单.txt",
        "gbk": "菜单（镕）.txt",
        "gb18030": "菜单𠮷.txt",
        "big5": "菜單.txt",
        "utf8": "菜单 🍜.txt",
    }
    for charset, name in names.items():
        assert dissect(read(f"messages/chinese-{charset}.eml")).children[1].filename == name


def test_no_file_name_leaves_its_folder() -> None:
    for part in dissect(read("broken/path-traversal-names.eml")).children:
        name = part.filename or ""
        assert not re.search(r"[/\\\x00-\x1f]", name)
        assert name.strip(". ") not in ("", "con.txt")


def test_a_thousand_levels_stop_with_a_defect() -> None:
    kinds = {d.kind for part in dissect(read("broken/nested-1000.eml")).walk() for d in part.defects}
    assert any("depth" in kind or "nest" in kind or "deep" in kind for kind in kinds), kinds


DAMAGED = {
    "broken/missing-close-delimiter.eml": "close-delimiter-missing",
    "broken/inner-close-missing.eml": "close-delimiter-missing",
    "broken/boundary-equal.eml": "boundary-equals-outer",
    "broken/boundary-prefix.eml": "boundary-prefix-of-another",
    "broken/header-only.eml": "missing-blank-line",
    "broken/line-without-colon.eml": "header-line-without-colon",
    "broken/repeated-fields.eml": "repeated-field",
    "broken/eight-bit-headers.eml": "8bit-in-header",
    "broken/bare-cr-lf-nul.eml": "nul-in-body",
    "broken/base64-damaged.eml": "base64-data-after-padding",
    "broken/quoted-printable-damaged.eml": "qp-bad-escape",
    "broken/unknown-cte.eml": "encoding-unknown",
    "broken/unknown-charset.eml": "charset-unknown",
    "broken/multipart-base64.eml": "encoded-multipart",
    "broken/rfc822-base64.eml": "encoded-message",
    "broken/no-boundary-parameter.eml": "boundary-missing",
    "broken/boundary-71.eml": "boundary-over-70",
    "broken/long-lines.eml": "line-over-998",
    "broken/eight-bit-as-7bit.eml": "8bit-octets-in-7bit",
    "broken/wsp-only-line.eml": "fold-of-blanks-only",
    "broken/rfc2231-out-of-order.eml": "parameter-piece-missing",
}


@pytest.mark.parametrize(("name", "kind"), DAMAGED.items())
def test_the_damage_is_named(name: str, kind: str) -> None:
    assert kind in {defect.kind for part in dissect(read(name)).walk() for defect in part.defects}


def test_good_letters_have_no_defect() -> None:
    for stem in (
        "plain",
        "minimal",
        "alternative",
        "related-five-images",
        "chinese-inline-image",
        "calendar-invitation",
        "signed-smime",
    ):
        assert [d for part in dissect(read(f"messages/{stem}.eml")).walk() for d in part.defects] == []


# --- what the README calls genuine ---


@pytest.mark.parametrize("stem", ["plain", "alternative", "latin1-8bit", "chinese-gbk", "list-footer"])
def test_the_dkim_body_hash_is_genuine(stem: str) -> None:
    """Compute `bh` with hashlib alone; the list's footer alone breaks it.

    Source: RFC 6376 §3.4.4.
    """
    raw = read(f"messages/{stem}.eml")
    head, body = raw.split(b"\r\n\r\n", 1)
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    relaxed = b"\r\n".join(lines).rstrip(b"\r\n") + b"\r\n"
    at = head.index(b"DKIM-Signature:")
    claimed = re.search(rb"bh=([^;]+);", head[at:])
    assert claimed is not None
    genuine = base64.b64encode(hashlib.sha256(relaxed).digest()) == claimed[1]
    assert genuine == (stem != "list-footer")


# --- travel logs read by hand ---

HOPS = {
    "postfix": 4, "exim": 3, "sendmail": 3, "qmail": 4, "exchange-onprem": 4, "exchange-365-arc": 4,
    "gmail-style": 3, "dovecot-lmtp": 3, "zimbra": 5, "amazon-ses-style": 1, "webmail-http": 3,
    "twelve-hops": 12, "skewed-clocks": 5, "unreadable-dates": 7, "minus-0000": 3, "two-digit-years": 3,
    "honest": 3, "forged-tail": 4, "forged-tail-clever": 4, "loop-25": 25, "legal-30-hops": 30, "ipv6": 3,
    "no-from": 4, "ident-and-helo": 4, "list-expansion": 4, "fetchmail": 2, "no-received": 0,
}  # fmt: skip
ELSEWHERE = {"messages/plain.eml": 3, "messages/dsn-failed-8bit.eml": 2, "received/block-only.txt": 2}


@pytest.mark.parametrize(
    ("name", "count"), [(f"received/{stem}.eml", n) for stem, n in HOPS.items()] + list(ELSEWHERE.items())
)
def test_the_path_has_as_many_hops_as_received_fields(name: str, count: int) -> None:
    assert len(trace(read(name)).hops) == count


def test_every_travel_log_is_counted() -> None:
    in_folder = {name for name in FILES if name.startswith("received/")}
    assert in_folder == {f"received/{stem}.eml" for stem in HOPS} | {"received/block-only.txt"}


FROM_BY_WITH = [
    ("postfix", 0, "laptop.crepes.fr", "smtp.crepes.fr", "ESMTPSA", "192.0.2.77"),
    ("postfix", 1, "smtp.crepes.fr", "mx.hamburger.edu", "ESMTPS", "192.0.2.25"),
    ("exim", 2, "mail.relay.example", "mx.hamburger.edu", "esmtps", "203.0.113.5"),
    ("sendmail", 0, None, "smtp.crepes.fr", None, None),
    ("sendmail", 1, "smtp.crepes.fr", "gate.hamburger.edu", "ESMTP", "192.0.2.25"),
    ("qmail", 2, "unknown", "mx.hamburger.edu", "SMTP", "192.0.2.25"),
    ("exchange-onprem", 1, "smtp.crepes.fr", "EX02.office.example", "Microsoft SMTP Server", "192.0.2.25"),
    ("exchange-365-arc", 3, "AM9PR01MB1234.eurprd01.prod.cloud.example",
     "VI1PR01MB5678.eurprd01.prod.cloud.example", "HTTPS", "2001:db8:208:1a::10"),
    ("gmail-style", 1, "smtp.crepes.fr", "mx.bigmail.example", "ESMTPS", "192.0.2.25"),
    ("gmail-style", 2, None, "2001:db8:7108:8287:b0:3e3:d0:1a2b", "SMTP", None),
    ("dovecot-lmtp", 1, "mx.hamburger.edu", "director.hamburger.edu", "LMTPS", "198.51.100.10"),
    ("zimbra", 4, "zimbra.hamburger.edu", "zimbra.hamburger.edu", "LMTP", "198.51.100.30"),
    ("amazon-ses-style", 0, "a7-19.smtp-out.eu-west.ses.example", "inbound-smtp.us-east.ses.example",
     "SMTP", "203.0.113.19"),
    ("webmail-http", 0, "kitchen.crepes.fr", "webmail.crepes.fr", "HTTP", "192.0.2.77"),
    ("forged-tail", 2, "mail.bank.example", "mx.hamburger.edu", "SMTP", "203.0.113.66"),
    ("ipv6", 2, "smtp.crepes.fr", "mx.hamburger.edu", "ESMTPS", "2001:db8:25::1"),
    ("no-from", 0, None, "fax.crepes.fr", "X.400", None),
    ("ident-and-helo", 1, "laptop", "from.example", None, "192.0.2.77"),
    ("ident-and-helo", 2, "from.example", "smtp.crepes.fr", "ESMTP", "203.0.113.44"),
    ("fetchmail", 1, "pop.bigmail.example", "homeserver.example", "POP3", "203.0.113.110"),
]  # fmt: skip


@pytest.mark.parametrize(("stem", "nth", "from_", "by", "with_", "ip"), FROM_BY_WITH)
def test_a_hop_reads_as_a_person_reads_it(
    stem: str, nth: int, from_: str | None, by: str, with_: str | None, ip: str | None
) -> None:
    hop = trace(read(f"received/{stem}.eml")).hops[nth]
    assert (hop.from_, hop.by, hop.with_, hop.from_ip) == (from_, by, with_, ip)


def test_helo_for_and_id_are_found_in_their_many_places() -> None:
    exim = trace(read("received/exim.eml")).hops[2]
    assert (exim.helo, exim.id, exim.for_) == ("relay.example", "1u0GhT-00000000ABC-1xYz", "bob@hamburger.edu")
    assert trace(read("received/qmail.eml")).hops[2].helo == "smtp.crepes.fr"
    quoted = trace(read("received/ident-and-helo.eml")).hops[3]
    assert quoted.for_ == '"a user; with by, and for"@hamburger.edu'
    lists = trace(read("received/list-expansion.eml")).hops
    assert [hop.for_ for hop in lists] == [None, "kitchen@lists.example", None, "bob@hamburger.edu"]


DELAYS: dict[str, list[float | None]] = {
    "twelve-hops": [None, 1, 2, 45, 3, 2, 600, 4, 7200, 5, 8, 1],
    "skewed-clocks": [None, 2, -35, 3639, -3598],
    "forged-tail": [None, -7200, -12594, 1],
    "minus-0000": [None, 5, 4],
    "two-digit-years": [None, 30, 270],
    "list-expansion": [None, 2, 158, 1],
    "dovecot-lmtp": [None, 1, 0],
    "loop-25": [None] + [3] * 24,
    "fetchmail": [None, 16199],
}


@pytest.mark.parametrize(("stem", "delays"), DELAYS.items())
def test_delays_keep_their_sign(stem: str, delays: list[float | None]) -> None:
    assert [hop.delay_s for hop in trace(read(f"received/{stem}.eml")).hops] == delays


def test_a_date_nobody_can_read_is_none_and_not_nought() -> None:
    hops = trace(read("received/unreadable-dates.eml")).hops
    assert [hop.time is None for hop in hops] == [False, False, True, True, True, False, False]
    assert [hop.delay_s for hop in hops[2:6]] == [None] * 4
