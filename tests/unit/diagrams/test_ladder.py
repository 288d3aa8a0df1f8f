"""The ladder: what is one arrow, and when it leaves and arrives."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from emaillab.diagrams import draw
from emaillab.diagrams.ladder import _place, _Rung, draw_ladder, messages
from emaillab.net.chunk import Chunk
from emaillab.net.transcript import Transcript
from emaillab.world import Internet


@pytest.fixture(scope="module")
def session() -> Transcript:
    net = Internet.textbook(network="memory")
    text = "line\n" * 30
    net.submit(net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", text))
    return net.transcripts[0]


def test_a_reply_of_many_lines_is_one_arrow_and_a_content_too(session: Transcript) -> None:
    labels = [message.label() for message in messages(session)]
    assert labels[1] == "EHLO alice.crepes.fr"
    assert labels[2].startswith("250-crepes.fr greets alice.crepes.fr … +7 lines, ")
    content = next(message for message in messages(session) if message.lines[0].verb == "(content)")
    assert content.label() == f"… {len(content.lines)} lines, {content.octets} octets"
    assert sum(message.octets for message in messages(session)) == session.octets()


def test_pipelined_commands_and_their_replies_are_arrows_of_their_own(session: Transcript) -> None:
    sides = "".join(message.side for message in messages(session))
    assert sides == "SCS" + "CCC" + "SSS" + "CS" + "CS"


def test_what_happens_later_stands_lower(session: Transcript) -> None:
    rungs = [_Rung(message) for message in messages(session)]
    _place(rungs, top=80)
    ends = [(rung.message.sent_s, rung.from_y) for rung in rungs]
    ends += [(rung.message.arrived_s, rung.to_y) for rung in rungs]
    for early_s, early_y in ends:
        for late_s, late_y in ends:
            if late_s > early_s + 1e-9:
                assert late_y > early_y
    assert all(rung.to_y > rung.from_y for rung in rungs)


def test_without_latency_arrows_are_level_and_do_not_touch() -> None:
    net = Internet(network="memory")
    net.host("a.example", users={"u": "p"})
    with net.smtp("a.example") as client:
        client.ehlo("me")
    rungs = [_Rung(message) for message in messages(net.transcripts[0])]
    _place(rungs, top=80)
    heights = [rung.from_y for rung in rungs]
    assert heights == [rung.to_y for rung in rungs]
    assert all(below - above >= 20 for above, below in pairwise(heights))


def test_phases_times_and_states_are_told(session: Transcript) -> None:
    words = str(draw(session)).splitlines()
    assert [line for line in words[1:] if not line.startswith(" ")] == ["handshake", "transfer", "closure"]
    assert "  20 ms → 25 ms  C → S  EHLO alice.crepes.fr   state GREETED → READY" in words


def test_encryption_is_marked_in_words() -> None:
    talk = Transcript(protocol="smtp", client="a", server="b", port=25)
    talk.heard(Chunk("C", b"EHLO a\r\n", 0, 0.1, tls=True))
    assert "[TLS] EHLO a" in "".join(ElementTree.fromstring(draw_ladder(talk).svg).itertext())
