"""What becomes of my text on its way? Type it, and see every charset, encoding, size and header field at once.

>>> bench = EncodingBench("信!")
>>> print(bench.table())
信! in 5 encodings
charset  encoding          octets  factor  over 127 (%)  arrives        on the wire
utf-8    7bit                   4    1.00             0  no: not legal  d?!!
utf-8    quoted-printable      10    2.50             0  yes            =E4=BF=A1!
utf-8    base64                10    2.50             0  yes            5L+hIQ==⏎
utf-8    8bit                   4    1.00            75  yes            E4 BF A1 21
utf-8    binary                 4    1.00            75  yes            E4 BF A1 21
>>> print(bench.fields())
Subject: =?utf-8?B?5L+hIQ==?=
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64
"""

from __future__ import annotations

from html import escape
from typing import Any

from emaillab.charts.table import Column, Table, plain
from emaillab.message.header.encoded_words import encode_words
from emaillab.message.octets.sizes import best_encoding
from emaillab.message.working.carriages import Carriage, carriages
from emaillab.widgets.kept import Kept

CHARSETS = ("utf-8", "gb18030", "gbk", "gb2312", "big5")
LONGEST = 2_000  # characters that are looked at
FIRST_OCTETS = 36


class EncodingBench(Kept):
    """A text in every charset and Content-Transfer-Encoding, and as a Subject: live where there is a kernel.

    Args: text: what stands in the field at first. charsets: those to encode it in; one that lacks a character is
    passed over, and said to be.
    """

    run_me = "Every encoding of a text. Run this cell to type one."

    def __init__(self, text: str, charsets: tuple[str, ...] = ("utf-8",)) -> None:
        self.text, self.charsets = text, charsets

    def table(self, text: str | None = None, charsets: tuple[str, ...] | None = None) -> Table:
        """Return all encodings of a text, by default of the bench's own."""
        text, charsets = self.text if text is None else text, charsets or self.charsets
        octets = _canonical(text)
        ways = carriages(octets, charsets).ways
        lacking = [name for name in charsets if name not in {way.charset for way in ways}]
        whole = len(octets.encode())
        rows = tuple(_row(way, octets, whole) for way in ways)
        columns = (
            Column("charset"),
            Column("encoding"),
            Column("octets", "", 0),
            Column("factor", "", 2),
            Column("over 127", "%", 0),
            Column("arrives"),
            Column("on the wire"),
        )
        note = f"Not every character of the text is in {', '.join(lacking)}." if lacking else ""
        return Table(f"{plain(text.replace(chr(10), ' '), 24)} in {len(rows)} encodings", columns, rows, note)

    def fields(self, text: str | None = None, charset: str | None = None) -> str:
        """Return the header fields of a letter with a text: as its Subject, and as its body.

        A charset that lacks a character gives way to utf-8.
        """
        text, charset = self.text if text is None else text, charset or self.charsets[0]
        octets = _canonical(text)
        line = " ".join(octets.split())
        try:
            octets.encode(charset)
        except UnicodeEncodeError:
            charset = "utf-8"
        plainly = line.isascii() and "=?" not in line
        words = [line.encode()] if plainly else encode_words(line, used=len("Subject: "), charset=charset)
        subject = b"\n ".join(words).decode("ascii")
        name, body = "us-ascii" if octets.isascii() else charset, octets.encode(charset)
        return (
            f"Subject: {subject}\nMIME-Version: 1.0\nContent-Type: text/plain; charset={name}\n"
            f"Content-Transfer-Encoding: {best_encoding(body)}"
        )

    # How it is shown

    def view(self, text: str, charset: str) -> str:
        """Return what a text becomes as HTML: a table of its encodings, and its header fields."""
        if len(text) > LONGEST:
            return f"<p>That is a text of {len(text)} characters; up to {LONGEST} are looked at.</p>"
        fields = escape(self.fields(text, charset))
        return (
            f'<div role="status">{_table_html(self.table(text, (charset,)))}'
            '<p style="margin:8px 0 2px">The header fields of such a letter:</p>'
            f'<pre style="margin:0;font-size:12.5px;white-space:pre-wrap">{fields}</pre></div>'
        )

    def _build(self) -> Any:
        import ipywidgets as widgets

        text = widgets.Textarea(self.text, description="Text", rows=3, layout={"width": "560px"})
        charset = widgets.Dropdown(
            options=CHARSETS, value=self.charsets[0], description="Charset", layout={"width": "240px"}
        )
        view = widgets.HTML()

        def show(change: Any = None) -> None:
            view.value = self.view(text.value, charset.value)

        text.observe(show, "value")
        charset.observe(show, "value")
        show()
        return widgets.VBox([text, charset, view])

    def __str__(self) -> str:
        return f"{self.table()}\n{self.fields()}"

    def __repr__(self) -> str:
        return f"<EncodingBench {self.text!r}>"

    @property
    def html(self) -> str:
        """All encodings as a table, folded: what a saved notebook keeps."""
        summary = f'<summary style="cursor:pointer">{escape(self.table().title)}</summary>'
        fields = f'<pre style="white-space:pre-wrap">{escape(self.fields())}</pre>'
        return f"<details>{summary}{_table_html(self.table())}{fields}</details>"


def _canonical(text: str) -> str:
    """Return text with the line ends of mail, and without halves of characters, which nothing can write."""
    return "\r\n".join(text.encode("utf-8", "replace").decode().splitlines())


def _row(way: Carriage, text: str, whole: int) -> tuple[str | int | float, ...]:
    arrives = "no: not legal" if way.arrives is None else "yes" if way.arrives == text else "changed"
    factor = way.size / whole if whole else 0.0
    return way.charset, way.encoding, way.size, factor, 100 * way.over_127, arrives, _shown(way)


def _shown(way: Carriage) -> str:
    """Return the first octets: as characters where they are ASCII, else in hexadecimal."""
    first, more = way.octets[:FIRST_OCTETS], "…" if way.size > FIRST_OCTETS else ""
    if not way.octets.isascii():
        return first[: FIRST_OCTETS // 3].hex(" ").upper() + ("…" if way.size > FIRST_OCTETS // 3 else "")
    return plain(first.decode("ascii").replace("\r\n", "⏎")) + more


def _table_html(table: Table) -> str:
    """Return a table whose columns stand apart, with its octets in a fixed-width font."""
    style = "padding:2px 14px 2px 0;text-align:left"
    heads = "".join(f'<th scope="col" style="{style}">{escape(column.heading)}</th>' for column in table.columns)
    rows = "".join(
        f'<tr><td style="{style}">'
        + f'</td><td style="{style}">'.join(map(escape, cells[:-1]))
        + f'</td><td style="{style};font-family:monospace;white-space:pre">{escape(cells[-1])}</td></tr>'
        for cells in table.texts()
    )
    note = f'<p style="margin:4px 0">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<table style="border-collapse:collapse"><caption style="text-align:left">{escape(table.title)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{note}"
    )
