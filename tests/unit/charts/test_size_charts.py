"""Do the charts of sizes show what is measured, with the theory beside it?"""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest

from emaillab.charts import describe
from emaillab.charts.carriages import draw_histogram, draw_wire, histogram_table, wire_table
from emaillab.charts.sizes import (
    base64_table,
    crossing_table,
    draw_base64,
    draw_crossing,
    draw_words,
    measured,
    measured_crossing,
    synthetic,
    words_table,
)
from emaillab.message.octets.sizes import QP_CROSSING
from emaillab.message.working.carriages import carriages

TEXTS = {
    "English": "All human beings are born free",
    "Chinese": "人人生而自由",
    "$a$": "Grüße aus Köln, wo es heute den ganzen Tag regnet",
}


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def test_the_staircase_touches_its_line_at_whole_lines() -> None:
    ax = draw_base64(120)
    steps, line = ax.lines[0], ax.lines[1]
    for n, exact in ((57, True), (58, False), (114, True), (115, False)):
        assert bool(steps.get_ydata()[n] == pytest.approx(line.get_ydata()[n])) is exact
    assert "57 become 78, 114 become 156" in describe(ax)


def test_the_formula_of_base64_is_exact() -> None:
    table = base64_table([0, 1, 1000])
    assert [row[1] for row in table.rows] == [row[2] for row in table.rows] == [0, 6, 1372]
    assert "misses by 0 octets" in table.note


def test_the_crossing_is_measured_within_a_thousandth_of_theory() -> None:
    low, high = measured_crossing()
    assert low <= QP_CROSSING <= high
    assert high - low < 0.0011
    assert (synthetic(low).smaller, synthetic(high).smaller) == ("quoted-printable", "base64")


def test_texts_stand_on_their_side_of_the_crossing() -> None:
    table = crossing_table(TEXTS)
    assert table.column("text") == ["English", "$a$", "Chinese"]
    assert table.column("smaller") == ["quoted-printable", "quoted-printable", "base64"]
    assert all(abs(error) < 0.2 for error in table.column("its error") if isinstance(error, float))
    words = describe(draw_crossing(TEXTS))
    assert "they cross at 0.158" in words
    assert "Chinese f = 1.000, base64 is the smaller" in words
    with pytest.raises(ValueError, match="nothing to measure in empty"):
        measured("empty", " ")


def test_words_go_up_at_14_29_44_characters() -> None:
    assert "one more from 14, 29, 44, 59 characters on" in describe(draw_words(60))
    table = words_table(60)
    assert all(row[1] == row[2] and row[3] == row[4] for row in table.rows)
    assert table.note == "13 characters fit into the first word, 15 into each further one."
    assert not words_table(20).note, "not seen there"


def test_every_encoding_has_its_row_of_octets() -> None:
    ways = carriages("因特网", ("utf-8", "gb18030"))
    ax = draw_histogram(ways)
    assert len(ax.get_yticks()) == 10
    assert "utf-8, base64 0 %; utf-8, 8bit 100 %" in describe(ax)
    assert [row[2] + row[3] for row in histogram_table(ways).rows] == [way.size for way in ways.ways]


def test_ways_are_compared_with_the_first() -> None:
    sizes = {"8bit": 1000, "base64": 1368}
    assert wire_table(sizes).column("factor") == [1.0, 1.368]
    ax = draw_wire(sizes)
    assert [bar.get_width() for bar in ax.patches] == [1000, 1368]
    assert describe(ax) == "Bar chart, Octets on the wire: 8bit 1000; base64 1368."
