"""What does an encoding cost, by the formula and by the scales? Base64, quoted-printable, and words in a header.

>>> print(base64_table([1, 57, 58, 5700]))
Base64 on the wire
content (octets)  measured (octets)  formula (octets)  factor  n·78/57 (octets)  its error (%)
               1                  6                 6  6.0000               1.4          -77.2
              57                 78                78  1.3684              78.0            0.0
              58                 84                84  1.4483              79.4           -5.5
            5700               7800              7800  1.3684            7800.0            0.0
The formula 4·ceil(n/3) + 2·lines misses by 0 octets; n·78/57 is right for whole lines.
>>> print(words_table(16))  # doctest: +ELLIPSIS
Encoded words of a Chinese subject
characters  words  formula  field (octets)  formula (octets)
...
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from emaillab.charts.style import BLUE, GREEN, INK, ORANGE, PAPER, RED, drawable, legend, new_axes, title, told
from emaillab.charts.table import Column, Table, plain
from emaillab.message.header.encoded_words import encode_words
from emaillab.message.octets.encodings import encode_base64, encode_quoted_printable
from emaillab.message.octets.sizes import (
    BASE64_FACTOR,
    QP_CROSSING,
    QP_LINE_FACTOR,
    b64_size,
    encoded_share,
    qp_size,
    subject_size,
    word_count,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LENGTHS = (1, 2, 3, 57, 58, 114, 1000, 5700, 100_000, 1_000_000)
SAMPLE = 5700  # octets: enough that the last line does not count
POINTS = tuple(n / 20 for n in range(21))
HAN = "信"

# --- base64 ---


def _measured_base64(n: int) -> int:
    return len(encode_base64(bytes(n)))


def base64_table(lengths: Iterable[int] = LENGTHS) -> Table:
    """Return the octets that contents of these lengths need in base64, measured and computed."""
    columns = (
        Column("content", "octets", 0),
        Column("measured", "octets", 0),
        Column("formula", "octets", 0),
        Column("factor", "", 4),
        Column("n·78/57", "octets", 1),
        Column("its error", "%", 1, signed=True),
    )
    rows, missed = [], 0
    for n in lengths:
        size, line = _measured_base64(n), n * BASE64_FACTOR
        missed = max(missed, abs(size - b64_size(n)))
        rows.append((n, size, b64_size(n), size / n if n else None, line, 100 * (line / size - 1) if size else None))
    note = f"The formula 4·ceil(n/3) + 2·lines misses by {missed} octets; n·78/57 is right for whole lines."
    return Table("Base64 on the wire", columns, tuple(rows), note)


def draw_base64(most: int = 120, ax: Axes | None = None) -> Axes:
    """Draw the octets that 0 to `most` octets need in base64: a staircase, and the line n·78/57 under it.

    Returns: the axes.
    """
    ax = ax or new_axes(height=4.4)
    title(ax, "Base64: a staircase on the line 78/57")
    lengths = range(most + 1)
    sizes = [_measured_base64(n) for n in lengths]
    ax.step(lengths, sizes, where="post", color=BLUE, linewidth=1.8, label="measured: 4 for 3, CRLF after 76")
    ax.plot(lengths, [n * BASE64_FACTOR for n in lengths], color=RED, linestyle="--", label="theory: n·78/57")
    ax.plot(lengths, lengths, color=INK, linewidth=0.8, linestyle=":", label="not encoded: n")
    whole = [n for n in lengths if n and n % 57 == 0]
    ax.plot(whole, [sizes[n] for n in whole], "o", color=GREEN, label="whole lines of 57 octets: exact")
    ax.set_xlabel("content (octets)")
    ax.set_ylabel("on the wire (octets)")
    ax.set_xlim(0, most)
    ax.set_ylim(0)
    legend(ax, 2)
    worst = max((sizes[n] - n * BASE64_FACTOR for n in lengths), default=0.0)
    shown = ", ".join(f"{n} become {sizes[n]}" for n in whole) or f"{most} become {sizes[most]}"
    return told(
        ax,
        f"Staircase of the octets in base64 for 0 to {most} octets: {shown}; at most {worst:.1f} above n times 78/57.",
    )


# --- quoted-printable, and where base64 gets the better of it ---


@dataclass(frozen=True, slots=True)
class Sample:
    """A content, the share of its octets that quoted-printable must escape, and its factors, measured."""

    name: str
    share: float
    qp: float
    base64: float

    @property
    def theory(self) -> float:
        """(1 + 2f)·78/75."""
        return qp_size(1, self.share)

    @property
    def smaller(self) -> str:
        """The encoding that costs less."""
        return "quoted-printable" if self.qp <= self.base64 else "base64"


def measured(name: str, text: str) -> Sample:
    """Measure a text, in UTF-8, laid out in one long line and repeated until its length does not matter.

    Raises: ValueError for a text without a character.
    """
    octets = " ".join(text.split()).encode()
    if not octets:
        raise ValueError(f"there is nothing to measure in {name}: the text is empty")
    return _sample(name, octets * (SAMPLE // len(octets) + 1))


def synthetic(share: float, size: int = SAMPLE) -> Sample:
    """Measure random octets of which a share, from 0 to 1, has to be escaped; the same ones each time."""
    rng = random.Random(6)
    escaped = round(share * size)
    octets = [rng.randrange(128, 256) for _ in range(escaped)] + [rng.randrange(97, 123) for _ in range(size - escaped)]
    rng.shuffle(octets)
    return _sample(f"f = {share:.2f}", bytes(octets))


def _sample(name: str, octets: bytes) -> Sample:
    qp, base64 = len(encode_quoted_printable(octets)), len(encode_base64(octets))
    return Sample(name, encoded_share(octets), qp / len(octets), base64 / len(octets))


def measured_crossing() -> tuple[float, float]:
    """Return the last share of octets at which quoted-printable was the smaller, and the first at which base64 was."""
    last = 0
    for thousandth in range(100, 251):
        if synthetic(thousandth / 1000).smaller == "base64":
            return last / 1000, thousandth / 1000
        last = thousandth
    return last / 1000, 1.0


def crossing_table(texts: Mapping[str, str]) -> Table:
    """Return the measured cost of texts in both encodings, those with the fewest escapes first."""
    columns = (
        Column("text"),
        Column("share f", "", 3),
        Column("quoted-printable", "factor", 3),
        Column("(1 + 2f)·78/75", "factor", 3),
        Column("its error", "%", 1, signed=True),
        Column("base64", "factor", 3),
        Column("smaller"),
    )
    found = sorted((measured(name, text) for name, text in texts.items()), key=lambda sample: sample.share)
    rows = [(plain(s.name), s.share, s.qp, s.theory, 100 * (s.theory / s.qp - 1), s.base64, s.smaller) for s in found]
    low, high = measured_crossing()
    note = f"Theory: base64 is the smaller from f = {QP_CROSSING:.3f} on. Measured: between {low:.3f} and {high:.3f}."
    return Table("Quoted-printable or base64?", columns, tuple(rows), note)


def draw_crossing(texts: Mapping[str, str], ax: Axes | None = None) -> Axes:
    """Draw what both encodings cost against the share of escaped octets: theory, measured points, and texts by name.

    Returns: the axes.
    """
    ax = ax or new_axes(height=4.4)
    title(ax, "Quoted-printable or base64?")
    points = [synthetic(share) for share in POINTS]
    ax.plot([0, 1], [qp_size(1, 0), qp_size(1, 1)], color=BLUE, label="theory: quoted-printable, (1 + 2f)·78/75")
    ax.axhline(BASE64_FACTOR, color=ORANGE, linestyle="--", label="theory: base64, 78/57")
    ax.plot([p.share for p in points], [p.qp for p in points], "o", color=BLUE, markersize=5, label="measured")
    ax.plot([p.share for p in points], [p.base64 for p in points], "s", color=ORANGE, markersize=4, label="measured")
    ax.axvline(QP_CROSSING, color=INK, linewidth=0.9, linestyle=":")
    ax.annotate(
        f"f* = {QP_CROSSING:.3f}", (QP_CROSSING, 2.95), (5, 0), textcoords="offset points", va="center", fontsize=9
    )
    samples = sorted((measured(name, text) for name, text in texts.items()), key=lambda sample: sample.share)
    for place, sample in enumerate(samples):
        ax.plot(sample.share, sample.qp, "D", color=GREEN, markersize=8, label="texts" if place == 0 else "_")
    _name_texts(ax, samples)
    ax.set_xlabel("share f of octets that quoted-printable escapes")
    ax.set_ylabel("factor on the wire")
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(0.7, QP_LINE_FACTOR * 3 + 0.1)
    legend(ax, 3)
    shown = "; ".join(f"{plain(s.name)} f = {s.share:.3f}, {s.smaller} is the smaller" for s in samples)
    return told(
        ax,
        f"Cost of quoted-printable, rising, and of base64, level; they cross at {QP_CROSSING:.3f}. {shown}.",
    )


def _name_texts(ax: Axes, samples: list[Sample]) -> None:
    """Write each text's name beside its mark: below the line where quoted-printable is the smaller, else above it."""
    before, row = -1.0, 0
    for sample in samples:
        row = row + 1 if sample.share - before < 0.02 else 0  # names of texts that lie together stand one by one
        below = sample.smaller == "quoted-printable"
        ax.annotate(
            drawable(plain(sample.name)),
            (sample.share, sample.qp),
            (12, -5 - 13 * row) if below else (-10, 9 + 12 * row),
            textcoords="offset points",
            ha="left" if below else "right",
            va="center",
            fontsize=9,
            parse_math=False,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1},
        )
        before = sample.share


# --- words of a subject ---


def words_table(most: int = 60) -> Table:
    """Return how many encoded words Chinese subjects of 1 to `most` characters need, and their octets."""
    columns = (
        Column("characters", "", 0),
        Column("words", "", 0),
        Column("formula", "", 0),
        Column("field", "octets", 0),
        Column("formula", "octets", 0),
    )
    rows = []
    for n in (n for n in range(1, most + 1) if n in (1, most) or word_count(n) != word_count(n - 1) or n % 15 == 13):
        words = _words(n)
        rows.append((n, len(words), word_count(n), _field_size(words), subject_size(n)))
    return Table("Encoded words of a Chinese subject", columns, tuple(rows), _jumps(most))


def draw_words(most: int = 75, ax: Axes | None = None) -> Axes:
    """Draw how many encoded words a Chinese subject of 1 to `most` characters needs, measured and by formula.

    Returns: the axes.
    """
    ax = ax or new_axes(height=3.4)
    title(ax, "Encoded words of a Chinese subject")
    lengths = range(1, most + 1)
    counts = [len(_words(n)) for n in lengths]
    ax.step(lengths, [word_count(n) for n in lengths], where="mid", color=RED, label="theory: 1 + ceil((n - 13)/15)")
    ax.plot(lengths, counts, "o", color=BLUE, markersize=4, label="measured")
    ax.set_xlabel("characters")
    ax.set_ylabel("encoded words")
    ax.set_xlim(0, most + 1)
    ax.set_ylim(0, max(counts, default=0) + 0.7)
    legend(ax, 2)
    steps = ", ".join(str(n) for n in lengths if n > 1 and counts[n - 1] > counts[n - 2])
    return told(ax, f"Number of encoded words for 1 to {most} Chinese characters: one more from {steps} characters on.")


def _jumps(most: int) -> str:
    """Say where one more word is needed, as measured."""
    counts = [len(_words(n)) for n in range(1, most + 1)]
    full = [n for n, (count, after) in enumerate(pairwise(counts), start=1) if after > count]
    if len(full) < 2:
        return ""
    return f"{full[0]} characters fit into the first word, {full[1] - full[0]} into each further one."


def _words(characters: int) -> list[bytes]:
    return encode_words(HAN * characters, used=len("Subject: "))


def _field_size(words: list[bytes]) -> int:
    return len(b"Subject: " + b"\r\n ".join(words) + b"\r\n")
