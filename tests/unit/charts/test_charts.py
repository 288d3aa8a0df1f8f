"""Do the charts show what was measured, beside what is true, and say it in words?"""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("agg")

import matplotlib.pyplot as plt

from emaillab.charts import (
    delay_table,
    describe,
    draw_delays,
    draw_growth,
    draw_octets,
    growth_table,
    octet_table,
)
from emaillab.charts.growth import growth
from emaillab.journey import Journey
from emaillab.world import Internet

ROOT = Path(__file__).resolve().parents[3]


def sent(**offsets_s: float) -> Journey:
    with Internet.textbook(network="memory") as net:
        for name, offset_s in offsets_s.items():
            net.hosts[name.replace("_", ".")].own_clock.offset_s = offset_s
        letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "Do you like crepes?\n")
        net.submit(letter)
        net.settle()
        return net.journey(letter["Message-ID"])


@pytest.fixture(autouse=True)
def clean_desk() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    plt.close("all")


def texts(ax: plt.Axes) -> str:
    return "\n".join(text.get_text() for text in ax.texts)


def test_bars_are_the_stamps_and_diamonds_the_truth() -> None:
    journey = sent()
    ax = draw_delays(journey)
    assert [bar.get_width() for bar in ax.patches] == [0, 2, 7]
    diamonds = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "D"]  # type: ignore[index]
    assert diamonds == pytest.approx([b.at_s - a.at_s for a, b in zip(journey.stops, journey.stops[1:], strict=False)])
    assert "seconds" in ax.get_xlabel()
    assert "0.105 s" in describe(ax)


def test_a_negative_delay_stays_negative_and_is_called_skew() -> None:
    journey = sent(mx_hamburger_edu=-30.0)
    ax = draw_delays(journey)
    assert [bar.get_width() for bar in ax.patches] == [0, -28, 37]
    assert "−28 s (truly 2.405 s): clock skew" in texts(ax)
    table = delay_table(journey)
    assert table.column("skew") == pytest.approx([0, -30, 30])
    assert "In all 9 s" in table.note, "an inner clock does not change the total"


def test_an_unreadable_time_is_a_gap_with_its_bounds() -> None:
    raw = re.sub(rb"(?<= )Mon, [^\r]*04:00:02 -0500", b"yesterday", sent().stops[-1].raw)
    ax = draw_delays(raw)
    assert texts(ax).count("cannot be read") == 2
    assert [box.get_width() for box in ax.patches if box.get_linestyle() == "--"] == [9]
    assert delay_table(raw).column("delay") == [0, None, None]


def test_every_chart_can_be_part_of_a_bigger_one() -> None:
    journey = sent()
    figure, (a, b, c) = plt.subplots(3)
    assert draw_delays(journey, a) is a
    assert draw_growth(journey, b) is b
    assert draw_octets(journey, c) is c
    figure.canvas.draw()


def test_growth_adds_up_to_the_header_and_fits_a_line() -> None:
    journey = sent()
    found = growth(journey)
    assert found.sizes == tuple(found.sizes[0] + sum(found.added[1 : k + 1]) for k in range(5))
    assert found.names[1:] == tuple(stop.host for stop in journey.stops)
    last = journey.stops[-1].raw
    assert found.sizes[-1] == last.index(b"\r\n\r\n") + 4
    assert growth(last).sizes == found.sizes, "one message tells the same as its copies on the way"
    assert abs(found.error(4)) < 0.05
    tops = [text for text in texts(draw_growth(journey)).split("\n") if text.isdigit()]
    assert tops == [str(size) for size in found.sizes]


def test_a_straight_line_is_found_exactly() -> None:
    header = b"Subject: x\r\n\r\n"
    hop = b"Received: by a.example; Mon, 02 Mar 2026 09:00:00 +0000\r\n"
    found = growth([hop * k + header for k in range(30)])
    assert found.per_hop == pytest.approx(len(hop))
    draw_growth([hop * k + header for k in range(30)]).figure.canvas.draw()


def test_growth_needs_a_copy() -> None:
    with pytest.raises(ValueError, match="at least one copy"):
        growth([])


def test_octets_of_sessions_are_those_of_the_transcripts() -> None:
    journey = sent()
    bars = [bar.get_width() for bar in draw_octets(journey).patches]
    assert bars == [t.octets(side) for t in journey.sessions for side in ("C", "S")]  # type: ignore[arg-type]
    assert octet_table(journey.sessions[0]).rows[0][4:6] == tuple(bars[:2])


def test_names_from_a_header_are_taken_literally() -> None:
    field = "Received: by $\\frac{{{0}}}$.面.\x01example; Mon, 02 Mar 2026 09:00:0{0} +0000\r\n"
    raw = "".join(field.format(n) for n in (2, 1)).encode() + b"\r\n"
    draw_delays(raw).figure.canvas.draw()
    draw_growth(raw).figure.canvas.draw()
    assert "\x01" not in str(delay_table(raw))


def test_charts_take_every_letter_of_the_corpus() -> None:
    paths = sorted((ROOT / "data").rglob("*.eml"))
    assert len(paths) >= 40
    for path in paths:
        str(delay_table(path)), str(growth_table(path))
        draw_delays(path), draw_growth(path)
        plt.close("all")


def test_the_same_letter_gives_the_same_picture(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.png", "b.png")]
    for file in files:
        draw_growth(sent()).figure.savefig(file)  # type: ignore[union-attr]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_figure_says_what_it_shows_where_a_notebook_keeps_it() -> None:
    ax = draw_growth(sent())
    data, metadata = ax.figure._repr_mimebundle_()  # type: ignore[union-attr]
    assert data == {"text/plain": describe(ax)} and metadata == {"image/png": {"alt": describe(ax)}}
    assert "octets after 0 hops" in describe(ax)


def test_a_notebook_shows_every_figure() -> None:
    """matplotlib's rc_context once switched the showing off after the first figure."""
    import nbclient
    import nbformat

    chart = "from emaillab.charts import draw_growth\ndraw_growth(b'Subject: x\\r\\n\\r\\n')"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(chart) for _ in range(2)])
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        nbclient.NotebookClient(book, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    for cell in book.cells:
        assert any("image/png" in output.get("data", {}) for output in cell.outputs)
