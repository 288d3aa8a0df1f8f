"""Do values and octets agree, also where no server of ours would lead?"""

import pytest

from emaillab.engine import Outcome
from emaillab.protocol.machine import Refusal
from emaillab.protocol.pop3 import Reply
from emaillab.protocol.pop3.grammar import parse_auth, parse_reply, parse_top, stuffed_lines
from emaillab.protocol.stream import ProtocolError


def test_lines_of_any_multi_line_response_are_stuffed() -> None:
    """No capability of ours begins with a dot, but the framing does not count on it."""
    assert b"".join(stuffed_lines([b".hidden", b"", b"."])) == b"..hidden\r\n\r\n..\r\n.\r\n"
    assert bytes(Reply(Outcome.OK, "", (b".hidden",))) == b"+OK\r\n..hidden\r\n.\r\n"


def test_a_long_listing_comes_in_chunks() -> None:
    chunks = list(stuffed_lines(b"%d 1" % number for number in range(1000)))
    assert len(chunks) > 5 and b"".join(chunks).count(b"\r\n") == 1001


@pytest.mark.parametrize("line", [b"", b"+OKAY\r\n", b"OK\r\n", b"-NO\r\n", b"* OK ready\r\n", b"\r\n"])
def test_what_is_no_reply(line: bytes) -> None:
    with pytest.raises(ProtocolError, match="a POP3 response begins with"):
        parse_reply(line)


def test_arguments() -> None:
    assert parse_top(b" 1  99999999 ") == (1, 99999999)
    assert parse_auth(b"plain =") == ("PLAIN", b"=") and parse_auth(b"PLAIN") == ("PLAIN", None)
    with pytest.raises(Refusal) as refusal:
        parse_top(b"1 2\x00")
    assert bytes(refusal.value.reply) == b"-ERR a number of lines, 0 or more, is expected, not '2\\x00'\r\n"
