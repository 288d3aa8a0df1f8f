"""The state diagram says what the table says, and no more."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from emaillab.diagrams.states import draw_states, edges, order
from emaillab.engine import Outcome
from emaillab.protocol.backend import Session
from emaillab.protocol.imap.server import ImapServer
from emaillab.protocol.machine import CLOSED, Machine
from emaillab.protocol.pop3.server import Pop3Server
from emaillab.protocol.smtp.server import SmtpServer
from emaillab.world import Internet

SERVERS = [SmtpServer, Pop3Server, ImapServer]


@pytest.mark.parametrize("machine", SERVERS)
def test_every_move_of_the_table_is_in_the_picture(machine: type[Machine]) -> None:
    told = draw_states(machine).words.split("\n")
    place = {line: number for number, line in enumerate(told) if not line.startswith(" ")}
    for state, row in machine.TRANSITIONS.items():
        lines = told[place[state] + 1 :]
        lines = lines[: next((n for n, line in enumerate(lines) if not line.startswith(" ")), len(lines))]
        for key, after in row.items():
            name = key if isinstance(key, str) else f"{key[0]} [{key[1].value}]"
            wanted = [line for line in lines if line.endswith(f"→ {after}") or (after == state and "stays: " in line)]
            listed = [
                word for line in wanted for word in line.strip().removeprefix("stays: ").partition(" →")[0].split(", ")
            ]
            assert name in listed
    assert sum(len(edge.verbs) for edge in edges(machine)) == sum(map(len, machine.TRANSITIONS.values()))


@pytest.mark.parametrize("machine", SERVERS)
def test_every_label_is_drawn(machine: type[Machine]) -> None:
    drawn = " ".join(node.text or "" for node in ElementTree.fromstring(draw_states(machine).svg).iter())
    for edge in edges(machine):
        assert all(verb in drawn for verb in edge.verbs)


def test_states_stand_in_the_order_in_which_a_session_reaches_them() -> None:
    assert order(Pop3Server)[0] == "AUTHORIZATION"
    for machine in SERVERS:
        assert order(machine)[-1] == CLOSED
        assert set(order(machine)) == set(machine.TRANSITIONS)


def test_a_refusal_that_moves_is_dashed() -> None:
    assert [edge.verbs for edge in edges(Pop3Server) if edge.refusal and edge.before == "UPDATE"] == [
        ("(update) [NO]",)
    ]
    refusals = sum(edge.refusal and edge.before != edge.after for machine in SERVERS for edge in edges(machine))
    dashed = sum(draw_states(machine).svg.count("stroke-dasharray") for machine in SERVERS)
    assert dashed == refusals > 0
    assert Outcome.NO.value == "NO"


def test_a_running_server_shows_where_it_is() -> None:
    net = Internet(network="memory")
    server = SmtpServer(net.host("a.example"), Session(server_name="a.example", peer_ip="192.0.2.1"))
    server.receive(b"EHLO me\r\n")
    diagram = draw_states(server)
    assert "READY (now)" in diagram.svg and "READY (now)" in diagram.words
    assert "(now)" not in draw_states(SmtpServer).svg
