"""How is a picture made of nothing but text, the same on every machine, and told in words as well?

>>> canvas = Canvas(120, 40)
>>> canvas.text(10, 20, "C: <HELO>")
>>> picture = canvas.finish("A greeting", ["C says HELO"])
>>> "C: &lt;HELO&gt;" in picture.svg, str(picture)
(True, 'A greeting\\nC says HELO')
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal

# Okabe and Ito's palette, which colour-blind readers can tell apart. As lines, the first four stand out from white and
# from black; the others only tint areas. Text is always in the page's own colour.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, ORANGE, YELLOW, GREY = "#56B4E9", "#E69F00", "#F0E442", "#808080"
TINTS = (SKY, ORANGE, GREEN, PURPLE, YELLOW, BLUE)

MONO_EM = 0.61  # the width of a letter of a fixed-width font, in units of its size
Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Diagram:
    """A picture: SVG for the eye, words for everybody; shown by itself at the end of a notebook's cell."""

    title: str
    words: str
    svg: str

    def save(self, path: str | Path) -> Path:
        """Write the picture as an SVG file of its own and return the path."""
        target = Path(path)
        target.write_text(self.svg.replace("</desc>", f"</desc>{_ALONE}", 1) + "\n", "utf-8")
        return target

    def __str__(self) -> str:
        return f"{self.title}\n{self.words}"

    def __repr__(self) -> str:
        return f"<Diagram {self.title!r}>"

    @property
    def html(self) -> str:
        """The picture for a page, and below it the words, folded.

        Where a page takes out styles and SVG, as JupyterLab does with a notebook it does not trust yet, the picture
        stays hidden, rather than its labels in a heap, and the words are there.
        """
        return (
            f'<figure class="emaillab" style="margin:0"><style>{_SHOWN}</style>'
            f'<div class="emaillab-picture" hidden="hidden">{self.svg}</div>'
            f'<details><summary style="cursor:pointer">{clean(self.title)}: in words</summary>'
            f'<pre style="white-space:pre-wrap">{escape(self.words)}</pre></details></figure>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": str(self)}


_SHOWN = ".emaillab-picture[hidden]{display:block!important;overflow-x:auto}"
# A file of its own takes the reader's light or dark; inside a page, the page says.
_ALONE = (
    "<style>svg{color:#111;background:#fff}@media(prefers-color-scheme:dark){svg{color:#eee;background:#111}}</style>"
)


class Canvas:
    """Collects shapes. Lengths are in pixels, y grows downwards."""

    def __init__(self, width: float, height: float = 0) -> None:
        self.width, self.height = width, height
        self._shapes: list[str] = []
        self._behind: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 13,
        anchor: Anchor = "start",
        bold: bool = False,
        mono: bool = False,
        faint: bool = False,
        turn: float = 0,
    ) -> None:
        """Add a line of text; `turn` is in degrees around (x, y)."""
        facts: dict[str, Any] = {
            "x": x,
            "y": y,
            "font-size": size,
            "text-anchor": anchor if anchor != "start" else None,
        }
        facts |= {"font-weight": "bold" if bold else None, "font-family": "monospace" if mono else None}
        facts |= {"fill-opacity": 0.75 if faint else None, "xml:space": "preserve" if "  " in text else None}
        facts["transform"] = f"rotate({number(turn)} {number(x)} {number(y)})" if turn else None
        self._shapes.append(f"<text{_attributes(facts)}>{clean(text)}</text>")

    def line(self, points: Sequence[Point], colour: str, *, dashed: bool = False, width: float = 1.5) -> None:
        """Add a line through points."""
        way = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        facts = {"points": way, "fill": "none", "stroke": colour, "stroke-width": width}
        facts |= {"stroke-dasharray": "5 4" if dashed else None, "stroke-linejoin": "round"}
        self._shapes.append(f"<polyline{_attributes(facts)}/>")

    def arrow(self, points: Sequence[Point], colour: str, *, dashed: bool = False, width: float = 1.5) -> None:
        """Add a line with a head at its last point."""
        (x0, y0), (x1, y1) = points[-2], points[-1]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        dx, dy = (x1 - x0) / length, (y1 - y0) / length
        size = 7 + width
        base = x1 - size * dx, y1 - size * dy
        self.line([*points[:-1], base], colour, dashed=dashed, width=width)
        half = size / 2.3
        head = [(x1, y1), (base[0] - half * dy, base[1] + half * dx), (base[0] + half * dy, base[1] - half * dx)]
        corners = " ".join(f"{number(x)},{number(y)}" for x, y in head)
        self._shapes.append(f"<polygon{_attributes({'points': corners, 'fill': colour})}/>")

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str | None = None,
        opacity: float = 0.14,
        stroke: str | None = None,
        line_width: float = 1.2,
        round: float = 0,
        behind: bool = False,
        dashed: bool = False,
    ) -> None:
        """Add a rectangle; `behind` puts it below everything else."""
        facts: dict[str, Any] = {"x": x, "y": y, "width": width, "height": height, "rx": round or None}
        facts |= {"fill": fill or "none", "fill-opacity": opacity if fill else None}
        facts |= {"stroke": stroke, "stroke-width": line_width if stroke else None}
        facts["stroke-dasharray"] = "5 4" if dashed else None
        (self._behind if behind else self._shapes).append(f"<rect{_attributes(facts)}/>")

    def badge(self, x: float, y: float, text: str, colour: str) -> None:
        """Add a number in a disc, or in a pill when it is long."""
        width = max(20.0, text_width(text, 12) + 10)
        self.box(x - width / 2, y - 10, width, 20, fill=colour, opacity=0.25, stroke=colour, round=10)
        self.text(x, y + 4.5, text, size=12, anchor="middle", bold=True)

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        """Add a filled circle."""
        self._shapes.append(f"<circle{_attributes({'cx': x, 'cy': y, 'r': radius, 'fill': colour})}/>")

    def finish(self, title: str, words: Iterable[str], summary: str = "") -> Diagram:
        """Return the picture. Args: words: all it shows, line by line; summary: what it shows, in one sentence."""
        body = "".join([*self._behind, *self._shapes])
        told = "\n".join(printable(line) for line in words)
        mark = "d" + hashlib.sha256(f"{title}{body}".encode()).hexdigest()[:10]  # ids that no clock or counter changes
        facts = {"viewBox": f"0 0 {number(self.width)} {number(self.height)}", "width": self.width}
        facts |= {"height": self.height, "font-family": "sans-serif", "fill": "currentColor"}
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{mark}t {mark}d"{_attributes(facts)} '
            'style="max-width:100%;height:auto;color:var(--jp-content-font-color1,currentColor)">'
            f'<title id="{mark}t">{clean(title)}</title><desc id="{mark}d">{clean(summary or told)}</desc>{body}</svg>'
        )
        return Diagram(printable(title), told, svg)


# -- Text ---------------------------------------------------------------------------------------------


def printable(text: str) -> str:
    """Return text in which every control, and whatever else does not print, is a replacement mark."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def clean(text: str) -> str:
    """Return text that is safe in XML and HTML, whatever it says."""
    return escape(printable(text))


def cut(text: str, letters: int) -> str:
    """Return text of at most so many letters; an ellipsis marks what is left out."""
    return text if len(text) <= letters else text[: max(1, letters - 1)] + "…"


def text_width(text: str, size: float = 13, *, mono: bool = False) -> float:
    """Estimate the width of text in pixels, rather too wide: which font there will be nobody knows."""
    em = 0.0
    for c in text:
        if unicodedata.east_asian_width(c) in "WF":
            em += 1.0
        elif mono:
            em += MONO_EM
        elif c in "ijl|.,:;'!()[] tfrI":
            em += 0.36
        else:
            em += 0.74 if c.isupper() or c in "mwMW@_…→" else 0.6
    return em * size


def wrap(words: Sequence[str], letters: int, joint: str = ", ") -> list[str]:
    """Join words to lines of at most so many letters; a line that goes on ends with the joint."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(joint) + len(word) <= letters:
            lines[-1] += joint + word
        else:
            if lines:
                lines[-1] += joint.rstrip()
            lines.append(word)
    return lines


def plural(number: int, noun: str) -> str:
    """Return a number with its noun: "1 letter", "2 letters"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def number(value: float) -> str:
    """Spell a number for SVG: one decimal at most."""
    return (
        f"{value:.1f}".removesuffix(".0").replace("-0", "0") if abs(value) < 0.05 else f"{value:.1f}".removesuffix(".0")
    )


def seconds(value: float) -> str:
    """Spell a time span for people.

    >>> seconds(0.0125), seconds(9.5), seconds(-7190)
    ('12.5 ms', '9.5 s', '-1 h 59 min 50 s')
    """
    size = abs(value)
    if size < 1:
        return f"{value * 1000:.3f}".rstrip("0").rstrip(".") + " ms"
    if size < 120:
        return f"{value:.3f}".rstrip("0").rstrip(".") + " s"
    minutes, rest = divmod(round(size), 60)
    days, minutes = divmod(minutes, 1440)
    units = ((days, "d"), (minutes // 60, "h"), (minutes % 60, "min"), (rest, "s"))
    return ("-" if value < 0 else "") + " ".join(f"{count} {unit}" for count, unit in units if count)


def _attributes(facts: dict[str, Any]) -> str:
    spelt = ((name, number(value) if isinstance(value, float | int) else value) for name, value in facts.items())
    return "".join(f' {name}="{value}"' for name, value in spelt if value is not None)
