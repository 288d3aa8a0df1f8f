"""Recipients and copies, side by side."""

from collections.abc import Iterator

import matplotlib
import pytest

matplotlib.use("agg")

import matplotlib.pyplot as plt

from emaillab.charts import describe
from emaillab.charts.copies import copies_table, draw_copies

COUNTS = {"bob, carol, dave": (3, 2), "sales": (1, 2)}


@pytest.fixture(autouse=True)
def clean_desk() -> Iterator[None]:
    yield
    plt.close("all")


def test_the_bars_are_the_numbers() -> None:
    ax = draw_copies(COUNTS)
    assert [bar.get_width() for bar in ax.patches] == [3, 2, 1, 2]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(COUNTS)
    assert "bob, carol, dave: 3 and 2; sales: 1 and 2" in describe(ax)


def test_the_table_beside_them() -> None:
    table = copies_table(COUNTS)
    assert table.column("RCPT commands") == [3, 1]
    assert table.column("copies stored") == [2, 2]


def test_no_letters() -> None:
    assert not draw_copies({}).patches
