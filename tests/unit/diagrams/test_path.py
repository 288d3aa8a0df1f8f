"""The path: hosts in travel order; skewed clocks and gaps are named."""

from __future__ import annotations

from pathlib import Path

from emaillab.diagrams import draw

DATA = Path(__file__).parents[3] / "data" / "received"


def test_negative_delays_are_named_as_skew() -> None:
    diagram = draw((DATA / "skewed-clocks.eml").read_bytes())
    assert "3. to relay2.example, after -35 s: before it was sent, so the clocks disagree" in diagram.words
    assert "-35 s clock skew" in diagram.svg
    assert diagram.svg.count("stroke-dasharray") == 2


def test_unreadable_times_leave_a_gap_with_its_length() -> None:
    diagram = draw((DATA / "unreadable-dates.eml").read_bytes())
    assert "gap: hops 2 to 6 took 10 s together" in diagram.words
    assert "gap: +10 s" in diagram.svg
    assert "delay unknown" in diagram.svg


def test_hosts_stand_in_travel_order() -> None:
    words = draw((DATA / "skewed-clocks.eml").read_bytes()).words.splitlines()
    assert words[0] == "laptop.crepes.fr"
    assert [line.split(" to ")[1].split(",")[0] for line in words[1:]] == [
        "smtp.crepes.fr",
        "relay1.example",
        "relay2.example",
        "mx.hamburger.edu",
        "imap.hamburger.edu",
    ]
