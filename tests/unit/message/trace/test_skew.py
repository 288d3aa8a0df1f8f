"""What do stamps tell of the clocks? Differences, bounds, and never more than that."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emaillab.message.trace.path import Trace, trace
from emaillab.message.trace.skew import infer_offsets
from emaillab.worlds import chain, send

SKEWED = Path(__file__).resolve().parents[4] / "data" / "received" / "skewed-clocks.eml"
WHOLE = st.integers(-5000, 5000)


def path(stamps: Sequence[int | None]) -> Trace:
    """Write a path of hosts h0, h1 … with stamps in seconds; None is an unreadable one."""
    fields = [
        f"Received: by h{n}; "
        + ("soon" if at is None else f"Mon, 3 Mar 2025 {12 + at // 3600}:{at // 60 % 60:02}:{at % 60:02} +0000")
        for n, at in enumerate(stamps)
    ]
    return trace("\r\n".join([*reversed(fields), "", ""]).encode())


def test_true_delays_tell_differences_only() -> None:
    """Exercise 7.6: who knows all true delays still does not know one offset."""
    found = infer_offsets(path([0, 62, 4, 10]), true_delays=[2, 2, 6])
    assert [clock.state for clock in found] == ["difference"] * 4
    assert [clock.difference_s for clock in found] == [0, 60, 0, 0]
    assert found.determined == ()
    assert [(step.stamped_s, step.true_s) for step in found.steps] == [(62, 2), (-58, 2), (6, 6)]


def test_one_known_clock_fixes_all_that_it_can_be_compared_with() -> None:
    found = infer_offsets(path([0, 62, 4, 10]), true_delays=[2, None, 6], anchors={"h3": 0})
    assert [clock.offset_s for clock in found] == [None, None, 0, 0]
    assert [clock.state for clock in found] == ["difference", "difference", "determined", "determined"]
    assert found[1].against == 0 and found[1].difference_s == 60
    assert found[1].low_s == 58, "at 62 by its clock, it was before 4 by a right one"
    assert found[0].low_s == -2, "for from h0 to h1 it took 2 s, and to h2 no less than nothing"
    assert found[0].high_s is None


def test_known_delays_sharpen_the_bounds() -> None:
    found = infer_offsets(path([0, 62, 4, 10]), true_delays=[None, 5, None], anchors={"h0": 0})
    assert [clock.high_s for clock in found] == [0, 62, -1, 5], "to h2 it took 5 s at least"
    assert [clock.low_s for clock in found] == [0, None, None, None]


def test_causality_bounds_the_clocks_between_two_known_ones() -> None:
    found = infer_offsets(path([0, 62, 4, 10]), anchors={"h0": 0, "h3": 0})
    assert [(clock.low_s, clock.high_s) for clock in found] == [(0, 0), (52, 62), (-6, 4), (0, 0)]
    assert [clock.state for clock in found] == ["determined", "bounded", "bounded", "determined"]
    assert [(step.true_s, step.low_s, step.high_s) for step in found.steps] == [(None, 0, 10)] * 3


def test_nothing_known_tells_nothing() -> None:
    found = infer_offsets(path([0, 62, 4]))
    assert [clock.state for clock in found] == ["open"] * 3
    assert {str(clock) for clock in found} == {"not told"}
    assert [(step.stamped_s, step.true_s, step.high_s) for step in found.steps] == [(62, None, None), (-58, None, None)]


def test_unreadable_stamps_stay_open_and_are_bridged() -> None:
    found = infer_offsets(path([0, None, 70]), true_delays=[4, 6], anchors={0: 0})
    assert [clock.state for clock in found] == ["determined", "open", "determined"]
    assert found[2].offset_s == 60
    assert [(step.start, step.end) for step in found.steps] == [(0, 2)]


@given(st.lists(st.tuples(st.integers(0, 500), WHOLE), min_size=2, max_size=9), st.integers(0, 8))
def test_the_model_is_turned_round(hops: list[tuple[int, int]], anchor: int) -> None:
    """stamp_i = true_i + s_i: with the true delays and any one offset, all offsets come back."""
    anchor %= len(hops)
    true, stamps = 10_000, []
    for delay, skew in hops:
        true += delay
        stamps.append(true + skew)
    found = infer_offsets(path(stamps), [delay for delay, _ in hops[1:]], {anchor: hops[anchor][1]})
    assert [clock.offset_s for clock in found] == [skew for _, skew in hops]
    assert found.total_s == sum(step.stamped_s for step in found.steps) == stamps[-1] - stamps[0]
    bounded = infer_offsets(path(stamps), anchors={0: hops[0][1], len(hops) - 1: hops[-1][1]})
    for clock, (_, skew) in zip(bounded, hops, strict=True):
        assert clock.low_s is not None and clock.high_s is not None
        assert clock.low_s <= skew <= clock.high_s, "the truth is within the bounds"
    for step, (delay, _) in zip(bounded.steps, hops[1:], strict=True):
        assert step.high_s is not None and step.low_s <= delay <= step.high_s


def test_the_letter_of_the_course() -> None:
    """Data: relay2 runs 37 s slow, mx an hour fast: their own delays show it, the total does not."""
    found = infer_offsets(SKEWED.read_bytes(), anchors={"smtp.crepes.fr": 0, "imap.hamburger.edu": 0})
    relay2, mx = found[2], found[3]
    assert relay2.high_s is not None and relay2.high_s < 0, "certainly behind"
    assert mx.low_s is not None and mx.low_s > 3500, "certainly ahead"
    assert found.total_s == 8.0


def test_a_world_confirms_it() -> None:
    skews = [0.0, 120.0, -45.0, 3.0]
    with chain(4, latency_s=0.5, handling_s=4, skew_s=skews, network="memory") as net:
        journey = send(net)
    stops = journey.stops
    delays = [b.at_s - a.at_s for a, b in pairwise(stops)]
    found = infer_offsets(stops[-1].raw, delays, {"hamburger.edu": 3.0})
    for clock, skew in zip(found, skews, strict=True):
        assert clock.offset_s == pytest.approx(skew, abs=1.0), "stamps end with the second"


def test_wrong_arguments_are_told() -> None:
    three = path([0, 1, 2])
    with pytest.raises(ValueError, match="has 2 delays, but 3 are given"):
        infer_offsets(three, [1, 1, 1])
    with pytest.raises(ValueError, match="never negative"):
        infer_offsets(three, [1, -1])
    with pytest.raises(KeyError, match="no hop 'h9' on this path, only h0, h1, h2"):
        infer_offsets(three, anchors={"h9": 0})
    assert infer_offsets(b"").clocks == ()
