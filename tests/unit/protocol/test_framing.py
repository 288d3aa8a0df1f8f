"""Framing: the same units however the octets are cut, and memory that stays bounded."""

from collections.abc import Iterator

import pytest

from emaillab.protocol.framing.content import ContentFramer, ContentTooBig
from emaillab.protocol.framing.dots import complete, stuff, unstuff
from emaillab.protocol.framing.framer import Buffer, Framer, FramingError
from emaillab.protocol.framing.lines import LineFramer, LineTooLong
from emaillab.protocol.framing.literals import LiteralFramer, LiteralTooBig
from emaillab.protocol.framing.payload import PayloadFramer, PayloadUnknown


def units(framer: Framer, data: bytes, step: int) -> Iterator[bytes | str]:
    """Yield what comes out of a framer; an error as its sentence."""
    buffer = Buffer()
    for at in range(0, len(data), step):
        buffer.feed(data[at : at + step])
        while True:
            try:
                unit = framer.take(buffer)
            except FramingError as error:
                yield str(error)
                continue
            if unit is None and not framer.invites:
                break
            framer.invites = False
            if unit is not None:
                yield unit


STEPS = (1, 2, 3, 5, 1000)


@pytest.mark.parametrize("step", STEPS)
def test_only_crlf_ends_a_line(step: int) -> None:
    said = b"one\r\n\r\ntwo\nthree\r\nfour\rfive\r\nsix\r\r\n\nseven\r\nei"
    assert list(units(LineFramer(100), said, step)) == [
        b"one",
        b"",
        "bare LF at octet 3 of the line, lines end with CRLF",
        "bare CR at octet 4 of the line, lines end with CRLF",
        "bare CR at octet 3 of the line, lines end with CRLF",
        "bare LF at octet 0 of the line, lines end with CRLF",
    ]


def test_a_bare_line_end_is_reported_at_once_and_its_line_swallowed() -> None:
    """Who ends lines with LF alone, as netcat does, waits for an answer; and the rest of the line is no command."""
    buffer, lines = Buffer(), LineFramer(100)
    buffer.feed(b"EHLO a\n")
    with pytest.raises(FramingError, match="bare LF at octet 6"):
        lines.take(buffer)
    for rest in (b"MAIL FROM:<a@b>\n", b"x" * 1000, b"DATA\r", b"RSET\r", b""):
        buffer.feed(rest)
        assert lines.take(buffer) is None and len(buffer) == 1
        assert LineFramer(100).take(buffer) is None  # as when another state has another reader
    buffer.feed(b"\nNOOP\r\n")
    assert lines.take(buffer) == b"NOOP"


@pytest.mark.parametrize("step", STEPS)
def test_a_bare_line_end_counts_up_to_the_limit(step: int) -> None:
    said = b"123456789\n2345\r\n1234567890\n\r\n123456789\r2345\r\n1234567890\r2\r\nok\r\n"
    assert list(units(LineFramer(10), said, step)) == [
        "bare LF at octet 9 of the line, lines end with CRLF",
        "line too long, at most 10 octets are allowed",
        "bare CR at octet 9 of the line, lines end with CRLF",
        "line too long, at most 10 octets are allowed",
        b"ok",
    ]


@pytest.mark.parametrize("step", STEPS)
def test_a_line_over_the_limit_is_reported_once_and_the_next_is_read(step: int) -> None:
    said = b"x" * 8 + b"\r\n" + b"x" * 9 + b"\r\n" + b"x" * 50 + b"\r\nok\r\n"
    assert list(units(LineFramer(10), said, step)) == [
        b"x" * 8,
        "line too long, at most 10 octets are allowed",
        "line too long, at most 10 octets are allowed",
        b"ok",
    ]


def test_a_line_without_end_costs_no_memory() -> None:
    buffer, lines = Buffer(), LineFramer(512)
    buffer.feed(b"x" * 513)
    with pytest.raises(LineTooLong, match="at most 512 octets"):  # at once: who sent it may wait for an answer
        lines.take(buffer)
    for _ in range(1000):
        buffer.feed(b"x" * 1000)
        assert lines.take(buffer) is None
        assert len(buffer.data) <= 2000
    buffer.feed(b"\r\nNOOP\r\n")
    assert lines.take(buffer) == b"NOOP"


@pytest.mark.parametrize("step", STEPS)
def test_a_line_over_the_limit_may_end_right_there(step: int) -> None:
    for line in (b"x" * 9, b"x" * 10, b"x" * 11):
        said = line + b"\r\nok\r\n"
        assert list(units(LineFramer(10), said, step)) == ["line too long, at most 10 octets are allowed", b"ok"]


CONTENTS = [
    b"",
    b".\r\n",
    b"..\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"hello\r\n",
    b"hello\r\n.\r\n..\r\n.x\r\n",
    b"a.\r\n.b\r\n\r\n.\r\n",
]


@pytest.mark.parametrize("step", STEPS)
def test_content_arrives_as_it_was(step: int) -> None:
    wire = b"".join(stuff(content) + b".\r\n" for content in CONTENTS)
    assert list(units(ContentFramer(100), wire, step)) == CONTENTS


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("end", "at", "what"),
    [
        (b"\n.\n", 1, "LF"),
        (b"\n.\r\n", 1, "LF"),
        (b"\r\n.\n", 3, "LF"),
        (b"\r.\r", 1, "CR"),
        (b"\r.\r\n", 1, "CR"),
        (b"\r\n.\r", 3, "CR"),
        (b"\r\r\n.\n", 1, "CR"),
    ],
)
def test_what_others_take_for_the_end_of_content_is_refused_with_its_place(
    end: bytes, at: int, what: str, step: int
) -> None:
    got = list(units(ContentFramer(100), b"x" + end + b"y\r\n.\r\nnext\r\n.\r\n", step))
    assert got == [f"bare {what} at octet {at} of the content, lines end with CRLF", b"next\r\n"]


@pytest.mark.parametrize("step", STEPS)
def test_content_over_the_limit_is_read_to_its_end_and_reported(step: int) -> None:
    said = b"x" * 98 + b"\r\n.\r\n" + b"x" * 99 + b"\r\n.\r\n" + (b"y" * 78 + b"\r\n") * 50 + b".\r\nok\r\n.\r\n"
    assert list(units(ContentFramer(100), said, step)) == [
        b"x" * 98 + b"\r\n",
        "content of 101 octets, at most 100 are allowed",
        "content of 4000 octets, at most 100 are allowed",
        b"ok\r\n",
    ]


def test_stuffed_dots_do_not_count_against_the_limit() -> None:
    content = b".\r\n" * 333
    assert list(units(ContentFramer(len(content)), stuff(content) + b".\r\n", 7)) == [content]


def test_content_that_never_ends_costs_no_memory() -> None:
    buffer, framer = Buffer(), ContentFramer(1000)
    for _ in range(1000):
        buffer.feed(b"x" * 1000)
        assert framer.take(buffer) is None
        assert sum(map(len, framer._chunks)) + len(buffer.data) < 3000
    buffer.feed(b"\r\n.\r\n")
    with pytest.raises(ContentTooBig, match="content of 1000002 octets"):
        framer.take(buffer)


@pytest.mark.parametrize("step", STEPS)
def test_a_command_with_literals_is_one_unit(step: int) -> None:
    said = b"a LOGIN {5}\r\nal\r\nc {6+}\r\nsecret\r\nb NOOP\r\n"
    assert list(units(LiteralFramer(100, 100), said, step)) == [
        b"a LOGIN {5}\r\nal\r\nc {6+}\r\nsecret",
        b"b NOOP",
    ]


def test_a_literal_is_asked_for() -> None:
    buffer, framer = Buffer(), LiteralFramer(100, 100)
    buffer.feed(b"a LOGIN {5}\r\n")
    assert framer.take(buffer) is None
    assert framer.invites
    assert framer.missing(buffer) == "5 more octets of a literal"


@pytest.mark.parametrize("step", STEPS)
def test_a_literal_over_the_limit_is_refused_before_it_is_sent_or_else_skipped(step: int) -> None:
    framer = LiteralFramer(100, 10)
    assert list(units(framer, b"a LOGIN {11}\r\nb NOOP\r\n", step)) == [
        "literal of 11 octets, at most 10 are allowed",
        b"b NOOP",
    ]
    assert list(units(framer, b"a LOGIN {11+}\r\nhello world\r\nb NOOP\r\n", step)) == [
        "literal of 11 octets, at most 10 are allowed",
        b"b NOOP",
    ]


def test_the_unit_of_a_refused_literal_still_tells_its_tag() -> None:
    buffer, framer = Buffer(), LiteralFramer(100, 10)
    buffer.feed(b"a7 LOGIN {11}\r\n")
    with pytest.raises(LiteralTooBig) as caught:
        framer.take(buffer)
    assert caught.value.unit.startswith(b"a7 ")


def test_what_is_missing_is_said() -> None:
    buffer, lines, content = Buffer(), LineFramer(100), ContentFramer(100)
    assert lines.missing(buffer) == "a command"
    buffer.feed(b"HELO a")
    assert lines.missing(buffer) == "CRLF after 'HELO a'"
    content.take(buffer)
    assert content.missing(buffer) == "CRLF '.' CRLF after 6 octets of content"


def test_stuffing_touches_only_dots_at_the_beginning_of_a_line() -> None:
    assert stuff(b".a\r\nb.c\r\n..d\r\n") == b"..a\r\nb.c\r\n...d\r\n"
    assert unstuff(b"..a\r\nb.c\r\n...d\r\n") == b".a\r\nb.c\r\n..d\r\n"


def test_completing_adds_no_line_where_one_has_ended() -> None:
    assert complete(b"a") == b"a\r\n"
    assert complete(b"a\r\n") == b"a\r\n"
    assert complete(b"") == b""


def test_ordinary_units_are_whole() -> None:
    """Without this the short way would never be gone, and no other test would tell."""
    assert LineFramer(20).whole(b"NOOP\r\n") == b"NOOP"
    assert ContentFramer(30).whole(b"Subject: x\r\n\r\nhi\r\n.\r\n") == b"Subject: x\r\n\r\nhi\r\n"
    assert LiteralFramer(30, 10).whole(b"a NOOP\r\n") == b"a NOOP"


@pytest.mark.parametrize(
    ("framer", "before"),
    [
        (ContentFramer(30), b"half a letter"),
        (LiteralFramer(30, 10), b"a LOGIN {5+}\r\n"),
        (LiteralFramer(30, 10), b"a LOGIN {5+}\r\nali"),
    ],
)
def test_the_rest_of_a_unit_is_none(framer: LineFramer | ContentFramer | LiteralFramer, before: bytes) -> None:
    buffer = Buffer()
    buffer.feed(before)
    assert framer.take(buffer) is None
    assert not buffer
    assert framer.whole(b"QUIT\r\n") is None
    assert framer.whole(b"x\r\n.\r\n") is None


def payloads(limit: int = 20) -> PayloadFramer:
    """Return a reader of lines in which PUT and APPEND announce octets, as "PUT 6" does."""

    def announced(args: bytes) -> int:
        size = args.removeprefix(b" ")
        if not size.isdigit():
            raise ValueError("expected PUT <octets>")
        return int(size)

    return PayloadFramer(LineFramer(60), {"PUT": announced, "APPEND": announced}, limit)


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_a_payload_belongs_to_its_line(step: int) -> None:
    said = b"NOOP\r\nPUT 6\r\nQUIT\r\nput 0\r\nappend 3\r\na\nbPUTS 9\r\nQUIT\r\n"
    assert list(units(payloads(), said, step)) == [
        b"NOOP",
        b"PUT 6\r\nQUIT\r\n",
        b"put 0\r\n",
        b"append 3\r\na\nb",
        b"PUTS 9",
        b"QUIT",
    ]


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_a_payload_over_the_limit_is_swallowed_whole(step: int) -> None:
    said = b"PUT 24\r\n" + b"QUIT\r\n" * 4 + b"NOOP\r\n"
    assert list(units(payloads(), said, step)) == ["24 octets, at most 20 are allowed", b"NOOP"]


def test_a_huge_payload_costs_no_memory() -> None:
    framer, buffer = payloads(), Buffer()
    buffer.feed(b"PUT 99999999999999999999\r\n")
    for _ in range(50):
        buffer.feed(b"x" * 100_000)
        assert framer.take(buffer) is None
    assert len(buffer) == 0
    assert sum(map(len, framer._parts)) < 40


@pytest.mark.parametrize(
    "line", [b"PUT", b"PUT six", b"PUT -6", b"put", b"PUT 6\n", b"PUT 6\rX", b"PUT 6" + b" " * 100, b"PUT\t6"]
)
def test_where_the_payload_ends_nobody_knows(line: bytes) -> None:
    framer, buffer = payloads(), Buffer()
    buffer.feed(line + b"\r\nQUIT\r\n")
    with pytest.raises(PayloadUnknown):
        framer.take(buffer)


def test_what_is_missing_of_a_payload_can_be_told() -> None:
    framer, buffer = payloads(), Buffer()
    buffer.feed(b"PUT 6\r\nQU")
    assert framer.take(buffer) is None
    assert framer.missing(buffer) == "4 more octets after PUT 6"
    buffer.feed(b"IT\r\n")
    assert framer.take(buffer) == b"PUT 6\r\nQUIT\r\n"
    assert framer.missing(buffer) == "a command"


def test_only_a_line_without_payload_goes_the_short_way() -> None:
    framer, buffer = payloads(), Buffer()
    assert framer.whole(b"NOOP\r\n") == b"NOOP"
    assert framer.whole(b"PUT 0\r\n") is None
    buffer.feed(b"PUT 6\r\n")
    assert framer.take(buffer) is None
    assert framer.whole(b"NOOP\r\n") is None  # these are its octets
