"""What does it cost to send text as mail, and which encoding costs less?

>>> table = base64_table([0, 1, 57, 58, 5700])
>>> print(table)
Base64: octets on the wire
octets  wire (octets)  factor
     0              0       –
     1              6   6.000
    57             78   1.368
    58             84   1.448
  5700           7800   1.368
Large n tend to 78/57 = 1.368: 57 octets become a line of 76 characters and CRLF.
>>> crossing_table({"Dutch": "geen enkele", "Russian": "ни одной"}).column("smaller")
['quoted-printable', 'base64']
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from emaillab.charts.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, label_rows, legend, new_axes, title, told
from emaillab.charts.table import Column, Table
from emaillab.message.encodings import encode_base64, encode_quoted_printable
from emaillab.message.sizes import (
    BASE64_FACTOR,
    QP_CROSSING,
    QP_LINE_FACTOR,
    b64_size,
    carriages,
    encoded_share,
    subject_size,
    word_count,
)
from emaillab.message.words import encode_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SAMPLES: Mapping[str, str] = {
    "English": "All happy families are alike; each unhappy family is unhappy in its own way.",
    "German": "Die schönen Tage in Aranjuez sind nun zu Ende. Eure königliche Hoheit verlassen es nicht heiterer.",
    "French": "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient.",
    "Polish": "Litwo! Ojczyzno moja! ty jesteś jak zdrowie; ile cię cenić, ten tylko się dowie, kto cię stracił.",
    "Vietnamese": "Trăm năm trong cõi người ta, chữ tài chữ mệnh khéo là ghét nhau.",
    "Russian": "Все счастливые семьи похожи друг на друга.",
    "Chinese": "学而时习之,不亦说乎?有朋自远方来,不亦乐乎?",
}
"""Short texts in UTF-8, from hardly any octet over 127 to nearly all of them."""


# --- base64, a staircase ---


def base64_table(sizes: Iterable[int] = range(121)) -> Table:
    """Return the numbers that `draw_base64` draws, measured by encoding."""
    rows = [(n, len(encode_base64(bytes(n))), len(encode_base64(bytes(n))) / n if n else None) for n in sizes]
    columns = (Column("octets", "", 0), Column("wire", "octets", 0), Column("factor", "", 3))
    note = "Large n tend to 78/57 = 1.368: 57 octets become a line of 76 characters and CRLF."
    return Table("Base64: octets on the wire", columns, tuple(rows), note)


def draw_base64(most: int = 120, ax: Axes | None = None) -> Axes:
    """Draw the octets that base64 needs for up to `most` octets, measured, with the line of 78/57.

    Returns: the axes.
    """
    ax = ax or new_axes(height=4.2)
    title(ax, "Base64 is a staircase")
    sizes = list(range(most + 1))
    measured = [len(encode_base64(bytes(n))) for n in sizes]
    ax.step(sizes, measured, where="post", color=BLUE, label="measured: 4 characters for 3 octets, CRLF after 76")
    ax.plot([0, most], [0, most * BASE64_FACTOR], color=ORANGE, linestyle="--", label="78/57 of the octets")
    ax.plot([0, most], [0, most], color=GREY, linestyle=":", label="the octets as they are")
    for line in range(57, most + 1, 57):
        ax.axvline(line, color=GREY, linewidth=0.6)
        if line + 20 < most:
            ax.annotate("new line", (line + 1, b64_size(line + 1)), (8, -12), textcoords="offset points", fontsize=9)
    ax.set_xlabel("octets to be sent")
    ax.set_ylabel("octets on the wire")
    ax.set_xlim(0, most)
    ax.set_ylim(0, None)
    ax.set_xticks(range(0, most + 1, 57))
    legend(ax, 1)
    exact = ", ".join(f"{n} octets become {b64_size(n)}" for n in (1, 57, 58, 114))
    return told(
        ax,
        f"Staircase of the octets that base64 needs, measured for 0 to {most} octets: four more for every three, two "
        f"more for every full line of 57. It touches the line of slope 78/57 = 1.368 at whole lines. {exact}.",
    )


# --- quoted-printable against base64 ---


def crossing_table(texts: Mapping[str, str] = SAMPLES, octets: int = 60_000) -> Table:
    """Return the numbers that `draw_crossing` draws: each text, repeated on one long line, encoded in both ways."""
    rows = []
    for name, text in texts.items():
        data = _long_line(text, octets)
        quoted, base64 = (len(encode(data)) / len(data) for encode in (encode_quoted_printable, encode_base64))
        rows.append((name, encoded_share(data), quoted, base64, "quoted-printable" if quoted < base64 else "base64"))
    columns = (
        Column("text"),
        Column("f", "share escaped", 3),
        Column("quoted-printable", "factor", 3),
        Column("base64", "factor", 3),
        Column("smaller"),
    )
    note = f"By the formulas they cross at f = {QP_CROSSING:.3f}: (1 + 2f) · 78/75 = 78/57."
    return Table("Quoted-printable and base64, measured", columns, tuple(rows), note)


def draw_crossing(texts: Mapping[str, str] = SAMPLES, ax: Axes | None = None) -> Axes:
    """Draw what both encodings cost against the share of escaped octets: formulas, measurements, named texts.

    Returns: the axes.
    """
    ax = ax or new_axes(height=4.8)
    title(ax, "Quoted-printable or base64?")
    ax.plot([0, 1], [QP_LINE_FACTOR, 3 * QP_LINE_FACTOR], color=BLUE, label="quoted-printable: (1 + 2f) · 78/75")
    ax.plot([0, 1], [BASE64_FACTOR] * 2, color=ORANGE, linestyle="--", label="base64: 78/57")
    shares = [step / 20 for step in range(21)]
    ax.plot(shares, [_measured(share) for share in shares], ".", color=PURPLE, label="measured on random text")
    ax.plot([QP_CROSSING], [BASE64_FACTOR], "o", markerfacecolor="none", markersize=13, color=INK, label="_")
    ax.annotate(
        f"f* = {QP_CROSSING:.3f}",
        (QP_CROSSING, BASE64_FACTOR),
        (18, -26),
        textcoords="offset points",
        arrowprops={"arrowstyle": "-", "color": INK},
    )
    table = crossing_table(texts)
    points = sorted(zip(*(table.column(name) for name in ("f", "quoted-printable", "text")), strict=True))
    ax.plot([p[0] for p in points], [p[1] for p in points], "D", color=GREEN, label="measured on texts, UTF-8")
    _name_points(ax, [(float(share or 0), float(factor or 0), str(name)) for share, factor, name in points])
    ax.set_xlabel("f: share of octets that quoted-printable writes as =XX")
    ax.set_ylabel("octets on the wire per octet")
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(0.9, 3.3)
    legend(ax, 2)
    shown = "; ".join(f"{name} f = {share:.2f}, factor {factor:.2f}" for share, factor, name in points)
    return told(
        ax,
        "Two lines over the share f of escaped octets: quoted-printable rises from 1.04 to 3.12, base64 stays at 1.37. "
        f"They cross at f = {QP_CROSSING:.3f}. Measured texts on the rising line: {shown}.",
    )


def _name_points(ax: Axes, points: list[tuple[float, float, str]]) -> None:
    """Name the points: those on the left above the line, those on the right below it, so that no name meets another."""
    left = [point for point in points if point[0] < 0.2]
    for place, (share, factor, name) in enumerate(points):
        above = place < len(left)
        height = 1.6 + 0.2 * (len(left) - place) if above else factor - 0.2 * (1 + place - len(left))
        side = "left" if share < 0.8 else "right"
        ax.annotate(
            name,
            (share, factor),
            (share, height),
            ha=side,
            va="bottom" if above else "top",
            arrowprops={"arrowstyle": "-", "color": GREY, "relpos": (side == "right", not above)},
        )


def _long_line(text: str, octets: int) -> bytes:
    data = text.encode()
    return data * -(-octets // len(data))


def _measured(share: float, octets: int = 20_000) -> float:
    chooser = random.Random(f"{share}")
    data = bytes(0xE9 if chooser.random() < share else 0x61 for _ in range(octets))
    return len(encode_quoted_printable(data)) / octets


# --- the same text, carried in every way ---

WAYS = (
    ("utf-8", "8bit"),
    ("utf-8", "quoted-printable"),
    ("utf-8", "base64"),
    ("gb18030", "8bit"),
    ("gb18030", "quoted-printable"),
    ("gb18030", "base64"),
)


def wire_size_table(text: str = SAMPLES["Chinese"], repeated: int = 100) -> Table:
    """Return the numbers that `draw_wire_sizes` draws: lines of one text, in two charsets and three encodings."""
    lines = f"{text}\r\n" * repeated
    sizes = {(way.charset, way.encoding): way.size for way in carriages(lines, ["utf-8", "gb18030"]).ways}
    characters = len(lines) - 2 * repeated
    rows = [(", ".join(way), sizes[way], sizes[way] / characters) for way in WAYS]
    columns = (Column("path"), Column("wire", "octets", 0), Column("per character", "octets", 2))
    note = f"{characters:,} characters in {repeated} lines; 8bit needs 8BITMIME on the whole path."
    return Table("One text on six paths", columns, tuple(rows), note)


def draw_wire_sizes(text: str = SAMPLES["Chinese"], repeated: int = 100, ax: Axes | None = None) -> Axes:
    """Draw what one text costs by charset and encoding. Returns: the axes."""
    table = wire_size_table(text, repeated)
    ax = ax or new_axes(height=3.8)
    title(ax, table.title)
    looks = {"8bit": (GREEN, ""), "quoted-printable": (BLUE, "//"), "base64": (ORANGE, "..")}
    most = max(float(size or 0) for size in table.column("wire"))
    for row, (path, size, each) in enumerate(table.rows):
        colour, hatch = looks[str(path).rpartition(" ")[2]]
        ax.barh(row, float(size or 0), 0.66, color=colour, hatch=hatch, edgecolor=INK, linewidth=0.4)
        label = f"{size:,}  ({each:.2f} a character)"
        ax.annotate(label, (float(size or 0), row), (5, 0), textcoords="offset points", va="center", fontsize=9)
    label_rows(ax, [str(name) for name in table.column("path")])
    ax.set_xlim(0, 1.34 * most)
    ax.set_xlabel("octets on the wire")
    shown = "; ".join(f"{name}: {size} octets" for name, size, _ in table.rows)
    return told(ax, f"Bar chart of one text's octets by charset and encoding. {shown}. {table.note}")


# --- encoded words of a Chinese subject ---


def word_table(most: int = 60) -> Table:
    """Return the numbers that `draw_words` draws: subjects of 1 to `most` Chinese characters."""
    rows = []
    for characters in range(1, most + 1):
        words = encode_words("信" * characters, used=len("Subject: "))
        octets = len(b"Subject: " + b"\r\n ".join(words) + b"\r\n")
        rows.append((characters, word_count(characters), len(words), subject_size(characters), octets))
    columns = (
        Column("characters", "", 0),
        Column("words by formula", "", 0),
        Column("words", "measured", 0),
        Column("octets by formula", "", 0),
        Column("octets", "measured", 0),
    )
    note = "13 characters fit into the first word, 15 into each further one: 1 + ⌈(n − 13)/15⌉ words."
    return Table("Encoded words of Chinese subjects", columns, tuple(rows), note)


def draw_words(most: int = 60, ax: Axes | None = None) -> Axes:
    """Draw how many encoded words a Chinese subject takes, by formula and by measurement. Returns: the axes."""
    table = word_table(most)
    ax = ax or new_axes(height=3.8)
    title(ax, table.title)
    lengths = [int(n or 0) for n in table.column("characters")]
    formula = [int(n or 0) for n in table.column("words by formula")]
    measured = [int(n or 0) for n in table.column("words")]
    ax.step(lengths, formula, where="mid", color=ORANGE, label="1, then 1 + ⌈(n − 13)/15⌉")
    ax.plot(lengths, measured, ".", color=BLUE, label="measured")
    for characters in range(13, most + 1, 15):
        words = formula[characters - 1]
        ax.annotate(f"{characters}", (characters, words), (0, 6), textcoords="offset points", ha="right", fontsize=9)
    ax.set_xlabel("Chinese characters in the subject")
    ax.set_ylabel("encoded words, one a line")
    ax.set_yticks(range(max(formula) + 2))
    ax.set_xlim(0, most + 1)
    legend(ax, 2)
    steps = ", ".join(f"{n} characters {formula[n - 1]}" for n in (1, 13, 14, 28, 29) if n <= most)
    return told(ax, f"Staircase of the encoded words in a subject by its Chinese characters: {steps}. {table.note}")
