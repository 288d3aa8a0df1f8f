"""Laws of framing: stuffing is undone by unstuffing, and segments do not matter."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emaillab.protocol.framing.content import ContentFramer
from emaillab.protocol.framing.dots import complete, stuff, unstuff
from emaillab.protocol.framing.framer import Buffer, Framer, FramingError
from emaillab.protocol.framing.lines import LineFramer, bare_line_end
from emaillab.protocol.framing.literals import LiteralFramer
from emaillab.protocol.sasl import SaslError, decode, encode

# Octets that framing cares for, and some that it does not.
TROUBLE = st.lists(
    st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"a", b"\r\n.\r\n", b"\r\n..", b"{3}", b"{2+}", b"{99}", b"\0\xff"])
    | st.binary(max_size=6),
    max_size=40,
).map(b"".join)
LINES = st.lists(st.binary(max_size=8).map(lambda b: b.replace(b"\r", b".").replace(b"\n", b".")), max_size=12).map(
    lambda lines: b"".join(line + b"\r\n" for line in lines)
)
CUTS = st.lists(st.integers(1, 9), min_size=1, max_size=20)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at, turn = [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        pieces.append(data[at : at + size])
        at, turn = at + size, turn + 1
    return pieces


def units(framer: Framer, pieces: list[bytes], buffer: Buffer | None = None) -> list[bytes | str | None]:
    """Return all that a framer makes of segments: units, sentences of errors, None for an invitation."""
    buffer, found = Buffer() if buffer is None else buffer, []
    for piece in pieces:
        buffer.feed(piece)
        while True:
            try:
                unit = framer.take(buffer)
            except FramingError as error:
                found.append(str(error))
                continue
            if unit is None and not framer.invites:
                break
            framer.invites = False
            found.append(unit)
    return found


@given(TROUBLE)
def test_unstuffing_undoes_stuffing(content: bytes) -> None:
    assert unstuff(stuff(content)) == content


@given(LINES)
def test_content_survives_the_wire_and_only_its_own_dot_ends_it(content: bytes) -> None:
    assert units(ContentFramer(1000), [stuff(content) + b".\r\n" + b"rest"]) == [content]


@given(LINES, CUTS)
def test_stuffed_content_has_no_end_of_data_inside(content: bytes, sizes: list[int]) -> None:
    assert units(ContentFramer(1000), cut(stuff(content), sizes)) == []


@pytest.mark.parametrize(
    "make",
    [lambda: LineFramer(20), lambda: ContentFramer(30), lambda: LiteralFramer(30, 10)],
    ids=["lines", "content", "literals"],
)
@given(data=TROUBLE, sizes=CUTS)
def test_segments_do_not_matter(make: Callable[[], Framer], data: bytes, sizes: list[int]) -> None:
    assert units(make(), cut(data, sizes)) == units(make(), [data])


@pytest.mark.parametrize(
    "make",
    [lambda: LineFramer(20), lambda: ContentFramer(30), lambda: LiteralFramer(30, 10)],
    ids=["lines", "content", "literals"],
)
@given(before=TROUBLE | st.just(b""), data=TROUBLE | LINES | LINES.map(lambda lines: lines + b".\r\n"))
def test_what_is_whole_is_what_would_be_taken(make: Callable[[], Framer], before: bytes, data: bytes) -> None:
    framer, buffer = make(), Buffer()
    buffer.feed(before)
    units(framer, [b""], buffer)
    if not buffer:
        unit = framer.whole(data)
        assert unit is None or units(framer, [data]) == [unit]


@given(TROUBLE)
def test_a_bare_line_end_is_found_where_it_is(data: bytes) -> None:
    at = bare_line_end(data)
    if at is None:
        assert b"\r" not in data.replace(b"\r\n", b"")
        assert b"\n" not in data.replace(b"\r\n", b"")
    else:
        assert data[at] in b"\r\n"
        assert data[at : at + 2] != b"\r\n"
        assert data[max(at - 1, 0) : at + 1] != b"\r\n"
        assert bare_line_end(data[:at]) is None or data[:at].endswith(b"\r")


@given(TROUBLE)
def test_completing_twice_is_completing_once(content: bytes) -> None:
    assert complete(complete(content)) == complete(content)


@given(st.binary())
def test_base64_is_undone(octets: bytes) -> None:
    assert decode(encode(octets)) == octets


@given(st.binary() | st.text("AQgw=+/ ").map(str.encode))
def test_base64_is_decoded_or_explained(line: bytes) -> None:
    try:
        octets = decode(line)
    except SaslError as error:
        assert "not base64" in str(error)
    else:
        assert encode(octets) == line.strip(b" ")
