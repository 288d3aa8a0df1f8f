"""What holds for POP3 whatever the messages are, and whatever a peer sends."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emaillab.engine import Outcome, Signal
from emaillab.protocol.framing.dots import complete, unstuff
from emaillab.protocol.machine import CLOSED
from emaillab.protocol.pop3 import DropListing, Pop3Client, Pop3Server, Reply, ScanListing, UniqueId, grammar
from tests.dialogues.fakes_pop3 import Pop3Host, Wire

LETTERS = [b"Subject: one\r\n\r\n.\r\n", b"Subject: two\r\n\r\nopen", b""]
HOW_TO_REACH = {
    "AUTHORIZATION": b"",
    "USER_GIVEN": b"USER alice\r\n",
    "SASL": b"AUTH PLAIN\r\n",
    "TRANSACTION": b"USER alice\r\nPASS secret\r\n",
}
WORDS = [
    b"alice",
    b"secret",
    b"1",
    b"2",
    b"0",
    b"-1",
    b"99",
    b"PLAIN",
    b"LOGIN",
    b"AGFsaWNlAHNlY3JldA==",
    b"*",
    b"\0",
    b"\xff",
]
LINE_ENDS = st.sampled_from([b"\r\n"] * 6 + [b"\n", b"\r", b"", b"\r\r\n"])

verbs = st.sampled_from([name.encode() for name in Pop3Server.VERBS] + [b"apop", b"", b"GET"])
commands = st.builds(
    lambda verb, words, end: b" ".join([verb, *words]) + end,
    verbs,
    st.lists(st.sampled_from(WORDS), max_size=3),
    LINE_ENDS,
)
nonsense = st.one_of(st.binary(max_size=40), commands, st.integers(200, 300).map(lambda n: b"x" * n + b"\r\n"))
lines = st.sampled_from([b"", b".", b"..", b".x", b"text", b"\r", b"\n", b"x" * 300])
messages = st.one_of(st.lists(lines).map(b"\r\n".join), st.binary(max_size=200))


def reached(state: str, **session: object) -> tuple[Pop3Host, Pop3Server]:
    host = Pop3Host(LETTERS)
    server = host.server(**session)
    server.receive(HOW_TO_REACH[state])
    assert server.state == state
    return host, server


@pytest.mark.parametrize("state", HOW_TO_REACH)
@given(sent=st.lists(nonsense, max_size=25), offers_tls=st.booleans())
def test_no_octets_in_any_state_break_the_server(state: str, sent: list[bytes], offers_tls: bool) -> None:
    host, server = reached(state, offers_tls=offers_tls)
    for data in sent:
        server.feed(data)
        while (item := server.pull()) is not None:
            if item is Signal.START_TLS:
                server.session.tls = "TLSv1.3"
                server.tls_started()
        if server.state != CLOSED:
            assert len(server.buffer) <= len(data) + 300 or server.state == "SASL"
    assert server.errors == []
    server.disconnected()
    assert not host.locked


@pytest.mark.parametrize("state", HOW_TO_REACH)
@given(sent=st.lists(nonsense, max_size=10).map(b"".join), cuts=st.lists(st.integers(0, 400), max_size=10))
def test_segments_make_no_difference(state: str, sent: bytes, cuts: list[int]) -> None:
    _, whole = reached(state)
    _, cut = reached(state)
    borders = [0, *sorted(cuts), len(sent)]
    pieces = [sent[a:b] for a, b in pairwise(borders)] if max(borders) == len(sent) else [bytes([o]) for o in sent]
    assert whole.receive(sent) == b"".join(map(cut.receive, pieces))
    assert whole.state == cut.state


@pytest.mark.parametrize("state", HOW_TO_REACH)
@given(sent=st.lists(nonsense, max_size=25))
def test_the_short_way_leads_to_the_same_answers(state: str, sent: list[bytes]) -> None:
    _, long = reached(state)
    _, short = reached(state)
    for data in sent:
        assert (short.serve(data) or b"") + short.receive(b"") == long.receive(data)
        assert short.state == long.state


@pytest.mark.parametrize("state", Pop3Server.TRANSITIONS)
def test_the_table_names_verbs_and_states_that_exist(state: str) -> None:
    for key, after in Pop3Server.TRANSITIONS[state].items():
        assert (key if isinstance(key, str) else key[0]) in Pop3Server.VERBS
        assert after in Pop3Server.TRANSITIONS
    assert state == CLOSED or state in Pop3Server.PHASES
    assert Pop3Server.MODES.get(state, "STAT") in Pop3Server.VERBS


def test_every_verb_has_its_place_in_the_table() -> None:
    placed = {key if isinstance(key, str) else key[0] for row in Pop3Server.TRANSITIONS.values() for key in row}
    assert placed == set(Pop3Server.VERBS)


def test_every_state_can_be_reached() -> None:
    after = {after for row in Pop3Server.TRANSITIONS.values() for after in row.values()}
    assert after | {Pop3Server.START} == set(Pop3Server.TRANSITIONS)


@given(raw=messages, piece=st.integers(1, 20))
def test_a_message_survives_stuffing_in_pieces_of_any_size(raw: bytes, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grammar, "PIECE", piece)
        wire = b"".join(grammar.stuffed_message(raw))
    assert wire.endswith(b".\r\n")
    assert unstuff(wire[:-3]) == complete(raw)
    assert len(complete(raw)) == grammar.octets_sent(raw)
    assert wire.find(b"\r\n.\r\n") in (-1, len(wire) - 5)  # the end comes once


@given(raw=messages, count=st.integers(0, 5))
def test_top_is_the_beginning_of_the_message(raw: bytes, count: int) -> None:
    end = grammar.top_end(raw, count)
    assert 0 <= end <= len(raw)
    assert end == len(raw) or raw[:end].endswith(b"\r\n")
    assert end <= grammar.top_end(raw, count + 1)


@given(letters=st.lists(st.lists(lines).map(lambda rows: b"".join(row + b"\r\n" for row in rows)), max_size=4))
def test_our_client_gets_what_our_server_holds(letters: list[bytes]) -> None:
    server = Pop3Host(letters).server()
    pop = Pop3Client(Wire(server, server.session))
    assert pop.login("alice", "secret").ok
    assert [pop.retr(n) for n in range(1, len(letters) + 1)] == letters
    assert [listing.octets for listing in pop.list().scan_listings] == list(map(len, letters))
    assert [pop.command(f"RETR {n}").content for n in range(1, len(letters) + 1)] == letters


texts = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30)


@given(outcome=st.sampled_from([Outcome.OK, Outcome.MORE, Outcome.NO]), text=texts)
def test_a_reply_is_read_as_it_was_written(outcome: Outcome, text: str) -> None:
    reply = Reply(outcome, text)
    assert grammar.parse_reply(bytes(reply)) == reply


@given(line=st.binary(max_size=60))
def test_a_reply_that_can_be_read_keeps_its_octets(line: bytes) -> None:
    try:
        reply = grammar.parse_reply(b"+OK " + line + b"\r\n")
    except UnicodeError:
        pytest.fail("octets that are no UTF-8 must not matter")
    assert bytes(reply) == (b"+OK " + line if line else b"+OK") + b"\r\n"


numbers = st.integers(0, 10**12)


@given(
    number=numbers,
    octets=numbers,
    id=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=70),
)
def test_listings_are_read_as_they_were_written(number: int, octets: int, id: str) -> None:
    drop, scan, unique = DropListing(number, octets), ScanListing(number, octets), UniqueId(number, id)
    assert grammar.parse_drop_listing(bytes(drop).decode()) == drop
    assert grammar.parse_scan_listing(bytes(scan).decode()) == scan
    assert grammar.parse_unique_id(bytes(unique).decode()) == unique
