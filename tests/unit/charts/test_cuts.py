"""Is what is left of a cut letter what its spans foretell, and does the chart show the table's numbers?"""

import numpy as np

from emaillab.charts import describe
from emaillab.charts.cuts import cut_table, draw_cuts, whole_parts

HEAD = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
TEXT = b"--b\r\n\r\nHi Bob\r\n"
BASE64 = b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\nSGk=\r\n"


def test_a_text_is_whole_when_its_delimiter_is_read() -> None:
    raw = HEAD + TEXT + TEXT + b"--b--\r\n"
    table = cut_table(raw)
    assert table.column("error") == [0, 0]
    assert table.column("whole from") == [raw.index(TEXT, len(HEAD) + 9) + 3, len(raw) - 2]


def test_padding_tells_the_end_of_base64_sooner() -> None:
    raw = HEAD + BASE64 + b"--b--\r\n"
    (row,) = cut_table(raw).rows
    assert row[0] == "1"
    assert cut_table(raw).column("whole from") == [raw.index(b"SGk=") + 3]


def test_a_letter_of_one_part() -> None:
    assert whole_parts(b"Subject: x\r\n\r\nHi", 15) == []
    assert whole_parts(b"Subject: x\r\n\r\nHi", 16) == ["1"]
    assert cut_table(b"Subject: x\r\n\r\nHi").column("error") == [0]


def test_the_chart_is_the_table() -> None:
    raw = HEAD + TEXT + BASE64 + b"--b--\r\n"
    ax = draw_cuts(raw)
    measured, foretold = ([*map(int, np.asarray(line.get_ydata()))] for line in ax.get_lines())
    assert measured == [len(whole_parts(raw, cut)) for cut in range(len(raw) + 1)]
    assert max(foretold) == 2
    assert ax.get_xlabel() == "octets that arrived"
    assert "Staircase" in describe(ax)
