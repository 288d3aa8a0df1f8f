"""Can a table be read, as text and as HTML, by everybody?"""

import re

from emaillab.charts.table import Column, Table

TABLE = Table(
    "大小 <b>",
    (Column("name"), Column("delay", "s", 1, signed=True)),
    (("甲乙", 1.25), ("<script>", -0.04), ("c\x00", None)),
    "A note.",
)


def test_text_lines_up_whatever_the_script() -> None:
    assert str(TABLE).split("\n") == [
        "大小 <b>",
        "name      delay (s)",
        "甲乙           +1.2",
        "<script>        0.0",
        "c\ufffd                –",
        "A note.",
    ]


def test_html_is_accessible_and_safe() -> None:
    html = TABLE.html()
    assert re.search("<caption [^>]*>大小 &lt;b&gt;</caption>", html)
    assert html.count('scope="col"') == 2
    assert html.count('scope="row"') == 3
    assert "<script>" not in html
    assert "delay (s)" in html


def test_a_column_by_name() -> None:
    assert TABLE.column("delay") == [1.25, -0.04, None]
