"""What does an HTML letter say, without being let into the browser? Its words, and where its links lead.

Nothing of the markup is handed on, so nothing in it can run, load or pose as the page around it.

>>> page = read_html('<style>p {color: red}</style><p>Dear <b>Bob</b>,</p><p>see <a href="https://crepes.fr/">us</a>'
...                  '<img src="https://spy.example/pixel?bob"><script>alert(1)</script>')
>>> print(page.text)
Dear Bob,
<BLANKLINE>
see us <https://crepes.fr/>
>>> page.remote
('https://spy.example/pixel?bob',)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from emaillab.message.octets.entities import unescape

SILENT = frozenset(("script", "style", "title", "template"))
"""Elements whose content is not for reading."""
PARAGRAPHS = frozenset(("p", "div", "table", "ul", "ol", "blockquote", "pre", "section", "article", "header", "footer"))
HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
LINES = frozenset(("br", "tr", "li", "dt", "dd", "hr"))

_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9]*)")
_ATTRIBUTE = re.compile(r"([a-zA-Z-]{1,40})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_BLANK = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Page:
    """An HTML text as words."""

    text: str
    remote: tuple[str, ...]  # what a browser would have loaded from elsewhere, telling the sender that it is read


def read_html(markup: str) -> Page:
    """Read an HTML text, whatever state it is in; the time grows with its length alone.

    SIMPLIFIED: a ">" within an attribute's value ends the tag.
    """
    reader = _Reader()
    at, look, end = 0, 0, -1  # where words not yet said begin, where a "<" is looked for, the last ">" found
    last = markup.rfind(">")
    while (begin := markup.find("<", look)) >= 0 and begin < last:
        if markup.startswith("<!--", begin):
            reader.words(markup[at:begin])
            end = markup.find("-->", begin)
            at = look = end + 3 if end >= 0 else len(markup)
            continue
        if end < begin:  # else the next ">" is known: it is looked for once, not for each "<"
            end = markup.find(">", begin)
        name = _NAME.match(markup, begin + 1, end)
        if name is None and markup[begin + 1] not in "!?/":
            look = begin + 1  # a "<" that begins no tag is one of the words
            continue
        reader.words(markup[at:begin])
        at = look = end + 1
        if name is not None:
            reader.tag(name[1].lower(), name[0].startswith("/"), markup[name.end() : end])
    reader.words(markup[at:])
    return reader.page()


class _Reader:
    """Collects words, line breaks and links."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._remote: dict[str, None] = {}
        self._silent = ""  # the element that is being passed over
        self._link, self._link_at = "", 0

    def words(self, text: str) -> None:
        if not self._silent:
            self._said.append(_BLANK.sub(" ", unescape(text)))

    def tag(self, name: str, closes: bool, rest: str) -> None:
        if self._silent or name in SILENT:
            if closes and name == self._silent:
                self._silent = ""
            elif not closes and not self._silent:
                self._silent = name
            return
        if name in PARAGRAPHS or name in HEADINGS:
            self._said.append("\n\n")
        elif name in LINES and not (closes and name != "li"):
            self._said.append("\n- " if name == "li" and not closes else "\n")
        elif name in ("td", "th"):
            self._said.append(" ")
        if not closes and name == "img":
            self._picture(_attributes(rest))
        elif name == "a":
            self._end_link()
            self._link = "" if closes else _attributes(rest).get("href", "").strip()
            self._link_at = len(self._said)

    def _picture(self, attributes: dict[str, str]) -> None:
        source, words = attributes.get("src", "").strip(), attributes.get("alt", "").strip()
        if source.lower().startswith(("http:", "https:", "//")):
            self._remote[source] = None
        if words:
            self._said.append(f"[{words}]")

    def _end_link(self) -> None:
        said = "".join(self._said[self._link_at :]).strip()
        if self._link and not self._link.startswith("#") and self._link != said:
            self._said.append(f" <{self._link}>")
        self._link = ""

    def page(self) -> Page:
        self._end_link()
        lines = [_BLANK.sub(" ", line).strip() for line in "".join(self._said).split("\n")]
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
        return Page(text, tuple(self._remote))


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, *values in _ATTRIBUTE.findall(text[:8192]):
        found.setdefault(name.lower(), unescape("".join(values)))
    return found
