"""Do the charts of paths, clocks and loops show what was measured, and say it in words?"""

import re
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import pytest

matplotlib.use("agg")

import matplotlib.pyplot as plt

from emaillab.charts import (
    describe,
    draw_headers,
    draw_inferred,
    draw_loop,
    draw_path,
    draw_stacked,
    headers_table,
    inferred_table,
    loop_table,
    path_table,
    stacked_table,
)
from emaillab.journey import Journey
from emaillab.message.trace.path import trace
from emaillab.worlds import chain, copies_by_content, forwarding_loop, send, topologies

RECEIVED = Path(__file__).resolve().parents[3] / "data" / "received"
MINE = ["imap.hamburger.edu", "mx.hamburger.edu"]


@pytest.fixture(autouse=True)
def clean_desk() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    plt.close("all")


@pytest.fixture
def journey() -> Journey:
    with chain(4, network="memory", latency_s=0.5, handling_s=4, skew_s=[0, 60, -20, 0]) as net:
        return send(net)


def letter(name: str) -> bytes:
    return (RECEIVED / f"{name}.eml").read_bytes()


def words(ax: Any) -> str:
    return "\n".join(text.get_text() for text in ax.texts)


def lines(ax: Any, marker: str) -> list[float]:
    return [line.get_xdata()[0] for line in ax.lines if line.get_marker() == marker]


def test_the_path_shows_stamps_truth_and_skew(journey: Journey) -> None:
    ax = draw_path(journey)
    path = trace(journey.stops[-1].raw)
    assert lines(ax, "o") == list(path.elapsed_s)
    table = path_table(journey)
    true = [stop.at_s - journey.stops[0].at_s for stop in journey]
    found: list[Any] = table.column("true")
    assert [at - found[0] for at in found] == pytest.approx(true)
    assert table.column("clock ahead of the first") == pytest.approx([0, 60, -20, 0], abs=1e-6)
    assert lines(ax, "D") == pytest.approx(found)
    assert "clock +60 s" in words(ax) and "clock −20 s" in describe(ax)
    bars = [bar for bar in ax.containers if type(bar).__name__ == "ErrorbarContainer"]
    assert len(bars) == 4, "each stamp is good to a second either way"


def test_words_stand_where_no_line_is(journey: Journey) -> None:
    ax = draw_path(journey)  # right, +60 s: back to the left: on to the right
    sides = [(text.get_ha(), text.get_va()) for text in ax.texts]
    assert sides == [("left", "bottom"), ("left", "center"), ("right", "center"), ("left", "center")]
    left = ax.texts[2]
    ax.figure.canvas.draw()
    assert left.get_window_extent().x0 > ax.get_window_extent().x0, "inside the axes"


def test_what_is_no_evidence_is_dashed() -> None:
    ax = draw_path(letter("forged-tail-clever"), trusted=MINE)
    ways = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_linewidth() > 2]  # type: ignore[arg-type]
    assert [line.is_dashed() if hasattr(line, "is_dashed") else line.get_linestyle() != "-" for line in ways] == [
        True,
        True,
        False,
    ]
    assert "gw.bank.example 0 s, unverifiable" in describe(ax)
    assert path_table(letter("forged-tail-clever"), trusted=MINE).column("evidence") == ["no", "no", "yes", "yes"]
    assert "unverifiable" not in describe(draw_path(letter("forged-tail-clever")))


def test_a_gap_is_drawn_between_its_bounds() -> None:
    ax = draw_path(letter("unreadable-dates"))
    (bar,) = ax.patches
    assert bar.get_width() == pytest.approx(10 / 60)  # type: ignore[attr-defined]
    assert words(ax).count("cannot be read") == 3


def test_stacked_delays_keep_their_signs_and_add_up(journey: Journey) -> None:
    ax = draw_stacked(journey)
    delays = [hop.delay_s for hop in trace(journey.stops[-1].raw)][1:]
    assert [bar.get_width() for bar in ax.patches] == delays  # type: ignore[attr-defined]
    assert [bar.get_x() for bar in ax.patches] == [0, 0, delays[0]]  # type: ignore[attr-defined]
    assert lines(ax, "D") == [sum(delay or 0 for delay in delays)]
    table = stacked_table({"a": journey, "b": letter("unreadable-dates"), "c": b"Subject: x\r\n\r\n"})
    assert [row[0] for row in table.rows] == ["a"] * 3 + ["b"] * 3
    assert "c unknown" in table.note
    assert "b: hop 2" in describe(draw_stacked({"b": letter("unreadable-dates"), "c": b""}))


def test_a_short_total_beside_a_long_one_is_told_in_its_own_unit() -> None:
    ways = {way.name: way.path for way in topologies(network="memory")}
    assert words(draw_stacked(ways)).split("\n") == ["total unknown", "total +1 s", "total +30.0 min", "total +2 s"]


def test_stamped_true_and_inferred_stand_side_by_side(journey: Journey) -> None:
    known = inferred_table(journey, true_delays=[8.5, 8.5, 8.5])
    assert known.column("true") == pytest.approx([8.5, 8.5, 8.5])
    assert known.column("inferred") == [8.5, 8.5, 8.5]
    assert [delay for delay in known.column("stamped") if isinstance(delay, float) and delay < 0]
    bounded = inferred_table(journey, anchors={"crepes.fr": 0, "hamburger.edu": 0})
    assert bounded.column("inferred") == [None] * 3
    for low, true, high in zip(*map(bounded.column, ("at least", "true", "at most")), strict=True):
        assert low <= true <= high
    assert "Not determined: the clocks of relay1.example, relay2.example." in bounded.note
    ax = draw_inferred(journey, anchors={"crepes.fr": 0, "hamburger.edu": 0})
    assert len(lines(ax, "D")) == 3
    assert "inferred 0 s to +26 s" in describe(ax)
    assert "not determined" in describe(draw_inferred(journey))


def test_the_parabola_lies_on_the_measurement() -> None:
    loop = forwarding_loop(25, network="memory")
    ax = draw_loop(loop)
    assert [bar.get_height() for bar in ax.patches] == [loop.moved(n) for n in range(1, 25)]  # type: ignore[attr-defined]
    errors = [error for error in loop_table(loop).column("error") if isinstance(error, float)]
    assert max(map(abs, errors)) < 0.5, "per cent"
    assert f"{loop.octets:,} octets" in words(ax) and "554 5.4.6" in describe(ax)


def test_three_headers_grow_in_parallel() -> None:
    table = headers_table(copies_by_content(network="memory"))
    rows: list[Any] = [row[1:] for row in table.rows]
    assert len({tuple(after - before for before, after in pairwise(row)) for row in rows}) == 1
    ax = draw_headers(copies_by_content(network="memory"))
    assert [list(line.get_ydata()) for line in ax.lines] == [list(row) for row in rows]  # type: ignore[arg-type]


def test_one_hop_is_no_hops() -> None:
    table = headers_table(copies_by_content(network="memory"))
    assert [column.name for column in table.columns] == ["letter", "as sent", "1 hop", "2 hops", "3 hops"]


def test_they_take_every_letter_of_the_course_and_none() -> None:
    for path in sorted(RECEIVED.glob("*.eml")):
        for draw in (draw_path, draw_stacked, draw_inferred):
            assert re.search(r"\w", describe(draw(path.read_bytes()))), path.name
            plt.close("all")


def test_names_from_a_header_are_taken_literally() -> None:
    raw = b"Received: by $x_1$\x1b[2J; Mon, 3 Mar 2025 12:00:09 +0000\r\n" * 2
    for draw in (draw_path, draw_stacked, draw_inferred):
        ax = draw(raw)
        ax.get_figure(root=True).canvas.draw()  # type: ignore[union-attr]
        assert "\x1b" not in describe(ax)
    assert "\x1b" not in str(path_table(raw, trusted=["a"])) + str(inferred_table(raw))
