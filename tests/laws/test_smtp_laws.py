"""Laws of SMTP: whatever comes, in whatever state and segments, the server answers, and bounds its memory."""

from hypothesis import given
from hypothesis import strategies as st

from emaillab.engine import Outcome, Signal
from emaillab.protocol.backend import Session
from emaillab.protocol.machine import CLOSED, Refusal
from emaillab.protocol.smtp.grammar import Reply, parse_forward_path, parse_reply, parse_reverse_path, path_command
from emaillab.protocol.smtp.server import SmtpServer
from emaillab.protocol.stream import ProtocolError
from tests.dialogues.fakes import FakeHost

LINES = [
    b"EHLO a.example\r\n",
    b"HELO a\r\n",
    b"MAIL FROM:<alice@a.example>\r\n",
    b"MAIL FROM:<> SIZE=10 BODY=8BITMIME\r\n",
    b"RCPT TO:<bob@b.example>\r\n",
    b"RCPT TO:<nobody@b.example>\r\n",
    b"RCPT TO:<postmaster>\r\n",
    b"DATA\r\n",
    b"hello\r\n",
    b"..\r\n",
    b".\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"VRFY x\r\n",
    b"HELP MAIL\r\n",
    b"STARTTLS\r\n",
    b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n",
    b"AUTH LOGIN\r\n",
    b"YWxpY2U=\r\n",
    b"*\r\n",
    b"BDAT 6\r\nQUIT\r\n",
    b"BDAT 7 LAST\r\nhello\r\n",
    b"BDAT 3 LAST\r\na\nb",
    b"QUIT\r\n",
]
TO_STATE = {
    "GREETED": b"",
    "READY": b"EHLO a\r\n",
    "AUTH": b"EHLO a\r\nAUTH LOGIN\r\n",
    "MAIL": b"EHLO a\r\nMAIL FROM:<>\r\n",
    "RCPT": b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\n",
    "CONTENT": b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\nDATA\r\n",
    "CHUNKS": b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\nBDAT 4\r\nhi\r\n",
    CLOSED: b"QUIT\r\n",
}


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw a line with an octet changed, left out or put in, or one that is far too long."""
    line = draw(st.sampled_from(LINES))
    at = draw(st.integers(0, len(line) - 1))
    put = draw(st.sampled_from([b"", b"\0", b"\r", b"\n", b"<", b" ", b"\xff", b"." * 600, b"A" * 13000]) | st.binary())
    return line[:at] + put + line[at + draw(st.integers(0, 2)) :]


OCTETS = st.lists(st.sampled_from(LINES) | mutated() | st.binary(max_size=40), max_size=25).map(b"".join)


def play(said: list[bytes], state: str = "GREETED", short: bool = False) -> tuple[bytes, SmtpServer, FakeHost]:
    """Return what a server answers to segments from a state on; a handshake succeeds at once."""
    host = FakeHost()
    session = Session("b.example", "192.0.2.7", offers_tls=True)
    server, heard = SmtpServer(host, session), b""
    server.receive(TO_STATE[state])
    assert server.state == state
    for segment in said:
        if short:
            heard += server.serve(segment) or b""
        else:
            server.feed(segment)
        while (item := server.pull()) is not None:
            if isinstance(item, bytes):
                heard += item
            elif item is Signal.START_TLS:
                session.tls = "TLSv1.3"
                server.tls_started()
    return heard, server, host


@given(st.sampled_from(sorted(TO_STATE)), OCTETS)
def test_nothing_that_comes_breaks_a_server(state: str, said: bytes) -> None:
    heard, server, host = play([said], state)
    assert server.errors == []
    assert len(server.buffer) <= 13000
    for line in heard.split(b"\r\n"):
        assert len(line) <= 510
        assert line.isascii()
        assert b"\r" not in line
        assert b"\n" not in line
    for _, content in host.accepted:
        assert len(content) <= host.max_size
        assert b"\n" not in content.replace(b"\r\n", b"")


@given(OCTETS.map(lambda said: said.replace(b"STARTTLS", b"NOOP")), st.integers(1, 9))
def test_segments_do_not_matter(said: bytes, size: int) -> None:
    """STARTTLS is left out: what comes in the same segment is thrown away, what comes later is not."""
    whole, cut = play([said]), play([said[at : at + size] for at in range(0, len(said), size)])
    assert whole[0] == cut[0]
    assert whole[1].state == cut[1].state
    assert whole[2].accepted == cut[2].accepted


SEGMENTS = st.lists(st.sampled_from([*LINES, b"..\r\nhello\r\n.\r\n", b"a\r\n\r\nb\r\n.\r\n"]) | mutated(), max_size=25)


@given(st.sampled_from(sorted(TO_STATE)), SEGMENTS)
def test_the_short_way_leads_to_the_same_answers(state: str, said: list[bytes]) -> None:
    long, short = play(said, state), play(said, state, short=True)
    assert short[0] == long[0]
    assert short[1].state == long[1].state
    assert short[2].accepted == long[2].accepted


@given(st.lists(st.sampled_from(LINES), max_size=15))
def test_every_command_has_one_reply(lines: list[bytes]) -> None:
    heard, server, _ = play([b"".join(lines).replace(b"STARTTLS", b"NOOP")])
    last_lines = [line for line in heard.splitlines() if line[3:4] == b" "]
    assert all(line[:3].isdigit() for line in heard.splitlines())
    assert len(last_lines) <= len(lines)
    if server.state != CLOSED and b"DATA\r\n" not in lines:
        assert len(last_lines) == len(lines)


COMMANDS = [
    b"QUIT\r\n",
    b"MAIL FROM:<>\r\n",
    b"RSET\r\n",
    b"RCPT TO:<alice@b.example>\r\n",
    b".\r\n",
    b"BDAT 4\r\n",
    b"x",
]
LETTER_OF_COMMANDS = st.lists(st.sampled_from(COMMANDS), max_size=12).map(b"".join) | st.just(b"QUIT\r\n" * 200)
STATES_OF_COMMANDS = sorted(set(TO_STATE) - {"CONTENT", CLOSED})


@given(
    st.sampled_from(STATES_OF_COMMANDS),
    st.lists(LETTER_OF_COMMANDS, min_size=1, max_size=3),
    st.sampled_from([b"", b" LAST", b" last ", b" LATS", b" " * 600, b" " * 13000]),
    st.integers(1, 40),
)
def test_no_octet_of_a_chunk_is_read_as_a_command(state: str, letters: list[bytes], end: bytes, size: int) -> None:
    """In whatever state, refused or not, too large or not, cut anywhere, with the next ones right behind it."""
    said = b"".join(b"BDAT %d%b\r\n%b" % (len(letter), end, letter) for letter in letters) + b"NOOP\r\n"
    heard, server, host = play([said[at : at + size] for at in range(0, len(said), size)], state)
    replies = heard.splitlines()
    if end == b" " * 13000:  # no line at all: nobody knows what follows it
        assert server.state == CLOSED
        assert len(replies) == 1
        return
    assert len(replies) == len(letters) + 1
    assert replies[-1] == b"250 2.0.0 ok"
    assert server.state in ("GREETED", "READY", "MAIL", "RCPT", "CHUNKS")
    assert [content for _, content in host.accepted] in ([], [b"hi\r\n" * (state == "CHUNKS") + letters[0]])


def test_table_and_methods_name_each_other() -> None:
    in_table = {key if isinstance(key, str) else key[0] for row in SmtpServer.TRANSITIONS.values() for key in row}
    assert in_table == set(SmtpServer.VERBS)
    targets = {after for row in SmtpServer.TRANSITIONS.values() for after in row.values()}
    assert targets | {SmtpServer.START} == set(SmtpServer.TRANSITIONS)
    assert set(SmtpServer.MODES.values()) == {name for name in in_table if name.startswith("(")}
    assert {row for row in SmtpServer.TRANSITIONS if row not in SmtpServer.PHASES} <= {"AUTH"}
    assert all(verb.rfc and verb.syntax for verb in SmtpServer.VERBS.values())


ENHANCED = st.builds("{}.{}.{}".format, st.sampled_from([2, 4, 5]), st.integers(0, 999), st.integers(0, 999))
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=20)


@given(st.integers(200, 599), ENHANCED | st.just(""), st.lists(TEXT, min_size=1, max_size=4))
def test_a_reply_is_read_as_it_was_written(code: int, enhanced: str, lines: list[str]) -> None:
    if enhanced[:1] != str(code)[:1]:
        enhanced = ""
    if not enhanced and lines[0][1:2] == ".":
        lines[0] = "text"  # it might look like an enhanced code
    reply = Reply(code, enhanced, "\n".join(lines))
    assert parse_reply(bytes(reply)) == reply


@given(st.binary(max_size=60) | st.lists(st.sampled_from([b"250", b"-", b" ", b"\r\n", b"2.0.0", b"x"])).map(b"".join))
def test_a_reply_is_read_or_explained(raw: bytes) -> None:
    try:
        reply = parse_reply(raw)
    except ProtocolError as error:
        assert str(error)
    else:
        assert bytes(reply) == raw
        assert isinstance(reply.outcome, Outcome)


LOCAL = st.from_regex(r"\A[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,8}(\.[a-z]{1,4}){0,2}\Z") | st.from_regex(
    r'\A"(?:[ !#-\[\]-~]|\\["\\]){0,10}"\Z'
)
ADDRESS = st.builds("{}@{}".format, LOCAL, st.sampled_from(["b.example", "[192.0.2.1]", "localhost", "x-1.B.example"]))


@given(ADDRESS)
def test_an_address_is_read_as_it_was_written(address: str) -> None:
    for verb, parse in (("MAIL FROM", parse_reverse_path), ("RCPT TO", parse_forward_path)):
        args = f"{verb[5:]}:<{address}>".encode()
        read, _ = parse(args)
        again = path_command(verb, read, {})[5:]
        assert parse(again) == (read, {})  # written with the least quoting, and then it stays so
        if not address.startswith('"'):
            assert read == address


@given(st.binary(max_size=80) | st.text('<>@a.":\\ ,=[]1', max_size=30).map(lambda text: b"TO:<" + text.encode()))
def test_a_path_is_read_or_refused(args: bytes) -> None:
    for parse in (parse_reverse_path, parse_forward_path):
        try:
            parse(args)
        except Refusal as refusal:
            assert refusal.reply.code == 501
