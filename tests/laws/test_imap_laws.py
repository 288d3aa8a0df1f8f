"""What holds for IMAP whatever is said: no exception, no endless buffer, no trace of how octets were cut, no loss."""

from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from emaillab.engine import Signal
from emaillab.protocol.backend import Session
from emaillab.protocol.imap import grammar, names
from emaillab.protocol.imap.client import ImapClient
from emaillab.protocol.imap.grammar import Cursor
from emaillab.protocol.imap.items import FetchItem, Section, parse_items
from emaillab.protocol.imap.responses import parse_response, parse_value
from emaillab.protocol.imap.search import DATE_KEYS, PLAIN_KEYS, SIZE_KEYS, TEXT_KEYS, Key, Keys, parse_keys
from emaillab.protocol.imap.server import ImapServer
from emaillab.protocol.imap.session import LINE_LIMIT
from emaillab.protocol.imap.sets import SequenceSet, parse_set, set_of
from emaillab.protocol.imap.view import View
from emaillab.protocol.stream import ProtocolError
from tests.dialogues.fakes import RECEIVED_AT, FakeHost, FakeMailbox

LETTERS = [
    b"From: Bob <bob@b.example>\r\nSubject: lunch\r\nDate: Wed, 1 May 2024 09:00:00 +0200\r\n\r\nAt noon?\r\n",
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\none\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: in\r\n\r\ninner\r\n--x--\r\n",
    b"Subject: \xff\xfe\r\nTo: a:;,\x00\r\n\r\n\x00\n\r",
    b"",
]
LOGGED_IN = b"a LOGIN alice secret\r\n"
STATES = [
    b"",
    b"a AUTHENTICATE PLAIN\r\n",
    LOGGED_IN,
    LOGGED_IN + b"b SELECT INBOX\r\n",
    LOGGED_IN + b"b EXAMINE INBOX\r\n",
]

# Commands to mutate: each verb, each form of argument.
SEEDS = [
    b"c CAPABILITY\r\n",
    b'c ID ("name" "x" "version" NIL)\r\n',
    b"c LOGIN {5}\r\nalice {6+}\r\nsecret\r\n",
    b"c AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n",
    b'c LIST "" "%/*"\r\n',
    b"c STATUS INBOX (MESSAGES UIDNEXT SIZE)\r\n",
    b'c APPEND Sent (\\Seen Later) " 7-Feb-1994 21:52:25 -0800" {4}\r\na\r\nb\r\n',
    b"c UID FETCH 1:*,3 (UID FLAGS ENVELOPE BODYSTRUCTURE BODY[1.MIME]<0.9> BODY.PEEK[2.HEADER.FIELDS (A {1}\r\nB)])\r\n",
    b"c FETCH 1:* FULL\r\n",
    b"c STORE 1:2 +FLAGS.SILENT (\\Deleted Later)\r\n",
    b"c UID STORE 1:* -FLAGS \\Seen\r\n",
    b"c SEARCH CHARSET UTF-8 OR NOT (FROM bob 1:*) HEADER Subject {2}\r\nin SENTSINCE 1-May-2024 LARGER 3 BODY one\r\n",
    b"c UID SEARCH UID 1:* KEYWORD later TEXT inner UNSEEN\r\n",
    b"c EXPUNGE\r\n",
    b"c UID EXPUNGE 1:2\r\n",
    b"c NOOP\r\n",
    b"c CLOSE\r\n",
    b"c SELECT &g0l6Pw-\r\n",
    b'c CREATE "&g0l6Pw-/a"\r\n',
    b"c DELETE Sent\r\n",
    b"c RENAME INBOX {5}\r\na/b/c\r\n",
    b"c RENAME Sent a\r\n",
    b"c SUBSCRIBE INBOX\r\n",
    b"c UNSUBSCRIBE Sent\r\n",
    b'c LSUB "" %\r\n',
    b"c COPY 1:2 Sent\r\n",
    b"c UID COPY 2:* INBOX\r\n",
]


def start(before: bytes = b"") -> ImapServer:
    session = Session(server_name="b.example", peer_ip="192.0.2.7", now=lambda: RECEIVED_AT)
    server = ImapServer(FakeHost(LETTERS), session)
    server.receive(before)
    return server


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw commands with octets changed, dropped, doubled or put in."""
    said = bytearray(b"".join(draw(st.lists(st.sampled_from(SEEDS), min_size=1, max_size=4))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(said)))
        kind = draw(st.sampled_from(["put", "drop", "change", "double"]))
        if kind == "put":
            said[at:at] = draw(
                st.sampled_from([b"\r\n", b"{3}\r\n", b"{0+}\r\n", b"(", b")", b'"', b" ", b"\x00", b"\xff", b"*"])
            )
        elif kind == "drop":
            del said[at : at + draw(st.integers(1, 5))]
        elif kind == "change" and at < len(said):
            said[at] = draw(st.integers(0, 255))
        elif kind == "double":
            said[at:at] = said[max(0, at - 9) : at]
    return bytes(said)


@given(st.sampled_from(STATES), st.one_of(mutated(), st.binary(max_size=300)))
def test_nothing_said_breaks_the_server(before: bytes, said: bytes) -> None:
    server = start(before)
    answer = server.receive(said)
    assert server.errors == []
    assert answer == b"" or answer.endswith(b"\r\n")
    assert len(server.buffer) <= LINE_LIMIT


@given(st.sampled_from(STATES), st.lists(st.sampled_from(SEEDS) | mutated(), max_size=8))
def test_the_short_way_leads_to_the_same_answers(before: bytes, said: list[bytes]) -> None:
    long, short = start(before), start(before)
    for data in said:
        assert (short.serve(data) or b"") + short.receive(b"") == long.receive(data)


@given(st.sampled_from(STATES), mutated(), st.data())
def test_how_octets_are_cut_makes_no_difference(before: bytes, said: bytes, data: st.DataObject) -> None:
    whole = start(before).receive(said)
    cut, server, at = b"", start(before), 0
    while at < len(said):
        count = data.draw(st.integers(1, 20))
        cut += server.receive(said[at : at + count])
        at += count
    assert cut == whole


@given(st.sampled_from(STATES), mutated())
def test_every_answer_can_be_read_by_our_own_client(before: bytes, said: bytes) -> None:
    answer = start(before).receive(said)
    while answer:
        unit, answer = _one_response(answer)
        parse_response(unit)


def _one_response(said: bytes) -> tuple[bytes, bytes]:
    """Cut the first response off, as the client's reader does."""
    from emaillab.protocol.imap.responses import read_response

    stream = Said(said)
    return read_response(stream), stream.said


class Said:
    """A stream of what a server has said."""

    def __init__(self, said: bytes) -> None:
        self.said = said

    def send(self, data: bytes) -> None: ...

    def readline(self, limit: int = 8192) -> bytes:
        if not self.said:
            raise ConnectionError("the server closed the connection")
        return self.read(min(self.said.find(b"\n") + 1 or len(self.said), limit))

    def read(self, count: int) -> bytes:
        if count > len(self.said):
            raise ConnectionError("the server closed the connection")
        data, self.said = self.said[:count], self.said[count:]
        return data

    def start_tls(self) -> None: ...

    def close(self) -> None: ...


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"* OK hi\r\n", b"* OK hi\r\n* ", b"* OK hi\r\n* 1 FETCH (", b"* OK hi\r\nA1 "]),
)
def test_nothing_a_server_says_breaks_the_client(said: bytes, before: bytes) -> None:
    """Only the errors that are promised come out."""
    try:
        client = ImapClient(Said(before + said))
        response = client.noop()
        for result in response.fetched:
            _ = result.envelope, result.internal_date, result.flags, result.uid, result.body()
    except (ProtocolError, ConnectionError):
        pass


# The table and the methods


def test_every_verb_of_the_table_has_a_method_and_every_method_a_place() -> None:
    in_table = {key if isinstance(key, str) else key[0] for row in ImapServer.TRANSITIONS.values() for key in row}
    assert in_table == set(ImapServer.VERBS)
    reached = {after for row in ImapServer.TRANSITIONS.values() for after in row.values()}
    assert reached | {ImapServer.START} == set(ImapServer.TRANSITIONS)
    assert all(state in ImapServer.PHASES for state in ImapServer.TRANSITIONS)


# What is written is read back

octets = st.binary(max_size=40)
atoms = st.from_regex(r"[A-Za-z0-9$.+-]{1,8}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
ends = st.one_of(st.none(), st.integers(1, 30))
sets = st.lists(st.tuples(ends, ends), min_size=1, max_size=5).map(lambda ranges: SequenceSet(tuple(ranges)))
days = st.dates(date(1000, 1, 1))


@given(octets)
def test_strings(value: bytes) -> None:
    assert Cursor(grammar.string(value)).string() == value
    assert Cursor(grammar.astring(value)).astring() == value
    assert Cursor(grammar.nstring(value)).nstring() == value
    assert parse_value(Cursor(grammar.string(value), quoted_8bit=True)) == value


@given(texts)
def test_mailbox_names(name: str) -> None:
    written = names.encode_name(name)
    assert written.isascii()
    assert names.decode_name(written) == name


@given(octets)
def test_any_octets_are_some_mailbox_name(octets: bytes) -> None:
    assert isinstance(names.decode_name(octets), str)


@given(sets)
def test_sets(numbers: SequenceSet) -> None:
    assert parse_set(Cursor(bytes(numbers))) == numbers


@given(sets, st.integers(0, 20))
def test_sets_name_the_same_messages_in_both_ways(numbers: SequenceSet, last: int) -> None:
    wanted = [number for number in range(1, last + 1) if numbers.holds(number, last)]
    assert list(numbers.numbers(last)) == wanted
    assert [position + 1 for position in numbers.positions(range(1, last + 1))] == wanted


@given(st.lists(st.integers(1, 50)))
def test_sets_of_numbers(numbers: list[int]) -> None:
    assert list(set_of(numbers).numbers(50)) == sorted(set(numbers))


@given(st.datetimes(datetime(1000, 1, 1)), st.integers(-23 * 60, 23 * 60))
def test_date_times(at: datetime, offset_minutes: int) -> None:
    aware = at.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert Cursor(grammar.date_time(aware)).date_time() == aware
    assert Cursor(grammar.date_text(at.date())).date() == at.date()


sections = st.builds(
    Section,
    st.lists(st.integers(1, 99), max_size=3).map(tuple),
    st.sampled_from(["", "HEADER", "TEXT"]),
) | st.builds(
    Section,
    st.lists(st.integers(1, 99), min_size=1, max_size=3).map(tuple),
    st.sampled_from(["HEADER.FIELDS", "HEADER.FIELDS.NOT"]),
    st.lists(octets, min_size=1, max_size=3).map(tuple),
)
partials = st.none() | st.tuples(st.integers(0, 2**40), st.integers(1, 2**40))
fetch_items = st.one_of(
    st.sampled_from(["FLAGS", "UID", "ENVELOPE", "INTERNALDATE", "RFC822.SIZE", "BODY", "BODYSTRUCTURE"]).map(
        FetchItem
    ),
    st.builds(FetchItem, st.just("BODY"), sections, st.booleans(), partials),
)


@given(st.lists(fetch_items, min_size=1, max_size=4, unique=True))
def test_fetch_items(items: list[FetchItem]) -> None:
    written = b"(" + b" ".join(map(bytes, items)) + b")"
    assert parse_items(Cursor(written)) == tuple(items)


leaves = st.one_of(
    st.sampled_from(sorted(PLAIN_KEYS)).map(Key),
    st.builds(Key, st.sampled_from(sorted(TEXT_KEYS)), texts),
    st.builds(Key, st.sampled_from(sorted(DATE_KEYS)), days),
    st.builds(Key, st.sampled_from(sorted(SIZE_KEYS)), st.integers(0, 2**40)),
    st.builds(Key, st.sampled_from(["KEYWORD", "UNKEYWORD"]), atoms),
    st.builds(Key, st.sampled_from(["UID", "SET"]), sets),
    st.builds(Key, st.just("HEADER"), texts, field=atoms),
)
search_keys = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Key, st.just("NOT"), keys=st.tuples(inner)),
        st.builds(Key, st.just("OR"), keys=st.tuples(inner, inner)),
        st.builds(Key, st.just("()"), keys=st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@given(st.lists(search_keys, min_size=1, max_size=3))
def test_search_keys(keys: list[Key]) -> None:
    asked = Keys(tuple(keys))
    assert parse_keys(Cursor(bytes(asked)), "UTF-8") == asked


# A view is what the store holds, once all news are told

changes = st.lists(
    st.tuples(st.sampled_from(["append", "flag", "remove", "news", "held back"]), st.integers(0, 9)), max_size=20
)


@given(changes)
def test_a_client_that_does_as_it_is_told_sees_what_the_store_holds(changes: list[tuple[str, int]]) -> None:
    mailbox = FakeMailbox("INBOX", [b"x"] * 5)
    view = View(mailbox, read_only=False)
    known = [(entry.uid, entry.flags) for entry in view.told]  # what a client would keep
    for kind, at in [*changes, ("news", 0)]:
        uids = [entry.uid for entry in mailbox.entries()]
        if kind == "append":
            mailbox.append(b"x", (), datetime(2026, 1, 1, tzinfo=UTC))
        elif kind == "flag" and uids:
            mailbox.set_flags(uids[at % len(uids)], [f"K{at}"])
        elif kind == "remove" and uids:
            mailbox.remove([uids[at % len(uids)]])
        elif kind in {"news", "held back"}:
            for line in view.news(may_expunge=kind == "news"):
                _obey(line, known, view)
            assert len(known) == len(view.uids)
    assert known == [(entry.uid, entry.flags) for entry in mailbox.entries()]


def _obey(line: bytes, known: list[tuple[int, frozenset[str]]], view: View) -> None:
    """Do what a client does with one untagged response."""
    data = parse_response(line.rstrip())
    if data.name == "EXPUNGE":
        del known[data.number - 1]
    elif data.name == "EXISTS":
        assert data.number > len(known), "EXISTS may not shrink"
        known += [(view.uids[at], view.told[at].flags) for at in range(len(known), data.number)]
    elif data.name == "FETCH":
        _, uid, _, flags = data.values[0]
        assert known[data.number - 1][0] == uid
        known[data.number - 1] = (uid, frozenset(flags))


@given(mutated())
def test_a_driver_can_always_go_on(said: bytes) -> None:
    """Pull by pull, commits and all: each item is octets that are not empty, or a signal."""
    server = start(LOGGED_IN + b"b SELECT INBOX\r\n")
    server.feed(said)
    for item in iter(server.pull, None):
        assert isinstance(item, Signal) or item
    assert server.errors == []
