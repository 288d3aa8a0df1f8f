"""The ready experiments on paths: what they measure must be what the theory says."""

import re
from itertools import pairwise

import pytest

from emaillab.message.header.fields import parse_header
from emaillab.message.trace.credibility import last_credible
from emaillab.message.trace.loops import header_growth, loop_octets
from emaillab.message.trace.path import trace
from emaillab.world import NetworkKind
from emaillab.worlds import LIAR, TRUSTED, chain, copies_by_content, forged_letter, forwarding_loop, send, topologies


@pytest.mark.parametrize("servers", range(1, 13))
def test_s40_a_path_of_n_servers_has_n_received_fields(servers: int) -> None:
    """S40: each server that accepts the letter writes one, whatever their number."""
    with chain(servers, network="memory") as net:
        journey = send(net)
        assert len(net["hamburger.edu"].letters("bob")) == 1
    assert len(trace(journey.stops[-1].raw)) == servers == len(journey.stops)


@pytest.mark.parametrize("network", ["memory", "tcp"])
def test_four_topologies(network: NetworkKind) -> None:
    """S09: the number of Received fields is the number of servers that accepted the letter."""
    ways = topologies(network)
    assert [way.received for way in ways] == [1, 2, 3, 4]
    assert [hop.by for way in ways for hop in way.path] == [server for way in ways for server in way.servers]
    backup = ways[2].path
    assert backup[2].delay_s is not None and backup[2].delay_s >= 1800, "it waited at the backup for the next attempt"


def test_servers_that_take_their_time_show_it_in_every_stamp() -> None:
    for way in topologies("memory", handling_s=120):
        waits = [hop.delay_s for hop in way.path[1:]]
        assert all(wait is not None and (wait >= 1800 or 119 <= wait <= 122) for wait in waits)
        assert sum(wait is not None and wait >= 1800 for wait in waits) == (way.name == "with a backup MX")


def test_s38_every_content_gets_a_field_at_every_server() -> None:
    """S38: with any content, and none the better for MIME."""
    copies = copies_by_content(network="memory")
    added = []
    for name, versions in copies.items():
        assert [len(trace(raw)) for raw in versions] == [0, 1, 2, 3], name
        assert all(after.endswith(before) for before, after in pairwise(versions))
        added.append([len(after) - len(before) for before, after in pairwise(versions)])
    assert added[0] == added[1] == added[2], "three parallel lines"


def test_s39_a_liar_is_seen_through() -> None:
    """S39: the name is claimed, the address is not, and the field that came along fails the chain check."""
    path = trace(forged_letter(network="memory"))
    assert path[1].helo == "mail.bank.example" == path[0].by
    assert path[1].rdns == LIAR
    border = last_credible(path, TRUSTED)
    assert (border.place, border.source_ip) == (1, path[1].from_ip)
    assert "which DNS calls dyn66.isp.example" in border.signs[0]
    fake = b"Received: from nice.example by mx.hamburger.edu with ESMTP id 1; Mon, 2 Mar 2026 08:59:59 +0000\r\n"
    assert last_credible(forged_letter(fake=[fake], network="memory"), TRUSTED).place == 1, "even in a trusted name"


def test_clocks_and_latencies_are_set_hop_by_hop() -> None:
    with chain(4, latency_s=[0.1, 1, 2, 3], skew_s=[0, -30], handling_s=5, network="memory") as net:
        path = trace(send(net).stops[-1].raw)
    assert path[1].delay_s is not None and path[1].delay_s < -15
    with chain(4, latency_s=[0.1, 1, 2, 3], skew_s={"relay1.example": 99}, handling_s=5, network="memory") as net:
        assert trace(send(net).stops[-1].raw).total_s == path.total_s, "an inner clock changes no total"
    for wrong in ({"servers": 0}, {"latency_s": [1.0]}, {"skew_s": [0.0] * 9}):
        with pytest.raises(ValueError):
            chain(**{"servers": 4, "network": "memory"} | wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [9, 25, 50])
def test_a_loop_ends_and_costs_what_the_formula_says(limit: int) -> None:
    """Section 4.4: refused with 554 5.4.6, one report, octets N·S0 + h·N(N-1)/2."""
    loop = forwarding_loop(limit, network="memory")
    assert loop.passes == limit - 1, "the first field is of Carol's server"
    assert re.match(rf"554 5\.4\.6 {limit} hosts", loop.refusal)
    assert len(loop.reports) == 1
    assert loop.octets == pytest.approx(loop.predicted(loop.passes), rel=0.002)
    header = parse_header(loop.reports[0])
    assert header.text("To") == "<carol@c.example>"


def test_the_formulas() -> None:
    assert [loop_octets(n, 1500, 220) for n in (25, 50, 100)] == [103_500, 344_500, 1_239_000]
    assert header_growth(500, 220, 3) == 1160
    assert loop_octets(7, 100, 10) == sum(header_growth(100, 10, k) for k in range(7))


def test_a_legal_long_path_needs_a_large_limit() -> None:
    """Section 4.4: 30 hops are legal; a threshold of 100 lets them pass, one of 25 kills the letter."""
    with chain(30, max_hops=100, network="memory") as net:
        send(net)
        assert len(net["hamburger.edu"].letters("bob")) == 1
    with chain(30, max_hops=25, network="memory") as net:
        send(net)
        assert net["hamburger.edu"].letters("bob") == []
        (report,) = net["crepes.fr"].letters("alice")
        assert b"554 5.4.6 25 hosts" in report
