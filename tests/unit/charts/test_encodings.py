"""Do the charts of the encodings show what is measured, with the lines of theory where they belong?"""

import warnings
from collections.abc import Iterator

import matplotlib
import pytest

matplotlib.use("agg")

import matplotlib.pyplot as plt

from emaillab.charts import describe
from emaillab.charts.encodings import (
    SAMPLES,
    base64_table,
    crossing_table,
    draw_base64,
    draw_crossing,
    draw_wire_sizes,
    draw_words,
    wire_size_table,
    word_table,
)
from emaillab.message.sizes import b64_size


@pytest.fixture(autouse=True)
def clean_desk() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    plt.close("all")


def test_the_staircase_is_measured_and_touches_its_line() -> None:
    ax = draw_base64(171)
    stairs, line = ax.lines[:2]
    assert list(stairs.get_ydata()) == [b64_size(n) for n in range(172)]
    assert line.get_ydata()[1] == pytest.approx(b64_size(171)) == pytest.approx(171 * 78 / 57)
    assert "57 octets become 78, 58 octets become 84" in describe(ax)
    assert base64_table([1000]).rows == ((1000, 1372, 1.372),)


def test_the_lines_cross_at_0158_and_texts_stand_on_the_rising_one() -> None:
    ax = draw_crossing()
    rising, level = ax.lines[:2]
    (x0, x1), (y0, y1) = rising.get_xdata(), rising.get_ydata()
    crossing = (level.get_ydata()[0] - y0) / (y1 - y0) * (x1 - x0)
    assert crossing == pytest.approx(0.158, abs=0.0005)
    assert {text.get_text() for text in ax.texts} >= {*SAMPLES, "f* = 0.158"}
    assert "They cross at f = 0.158" in describe(ax)


def test_each_text_is_smaller_on_its_side_of_the_crossing() -> None:
    table = crossing_table()
    smaller = dict(zip(table.column("text"), table.column("smaller"), strict=True))
    assert [name for name, way in smaller.items() if way == "quoted-printable"] == [
        "English",
        "German",
        "French",
        "Polish",
    ]
    for share, quoted in zip(table.column("f"), table.column("quoted-printable"), strict=True):
        assert isinstance(share, float) and quoted == pytest.approx((1 + 2 * share) * 1.04, rel=0.02)


def test_wire_sizes_by_path_and_charset() -> None:
    table = wire_size_table()
    sizes = dict(zip(table.column("path"), table.column("wire"), strict=True))
    assert sizes["gb18030, 8bit"] < sizes["gb18030, base64"] < sizes["utf-8, 8bit"]  # type: ignore[operator]
    assert [bar.get_width() for bar in draw_wire_sizes().patches] == list(sizes.values())


def test_words_of_chinese_subjects_by_formula_and_measurement() -> None:
    table = word_table()
    assert table.column("words by formula") == table.column("words")
    assert table.column("octets by formula") == table.column("octets")
    assert "13 characters 1, 14 characters 2, 28 characters 2, 29 characters 3" in describe(draw_words())


def test_they_draw_into_axes_that_are_given() -> None:
    _, axes = plt.subplots(2, 2)
    for draw, ax in zip((draw_base64, draw_crossing, draw_wire_sizes, draw_words), axes.flat, strict=True):
        assert draw(ax=ax) is ax
        assert ax.get_xlabel() and describe(ax) != ax.get_title(loc="left")
