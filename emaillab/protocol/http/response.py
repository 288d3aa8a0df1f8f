"""What does a web client get? A status, a header, and content, which may be a page with a form.

>>> page = Response(200, "OK", Headers([("Content-Type", "text/html")]), b'<form><input name="to" value="bob"></form>')
>>> page
<Response 200 OK, text/html, 42 octets>
>>> page.form
{'to': 'bob'}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser


class Headers(Mapping[str, str]):
    """Header fields in their order; looked up in any case, several of one name joined by commas."""

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self.fields = tuple(fields)

    def all(self, name: str) -> list[str]:
        """Return the values of all fields of a name."""
        return [value for known, value in self.fields if known.lower() == name.lower()]

    def __getitem__(self, name: str) -> str:
        found = self.all(name)
        if not found:
            raise KeyError(name)
        return ", ".join(found)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self.fields))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __str__(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in self.fields)

    __repr__ = __str__


@dataclass(slots=True)
class Response:
    """A response, with the redirects that led to it where these were followed."""

    status: int
    reason: str
    headers: Headers
    body: bytes = field(repr=False)
    history: tuple[Response, ...] = ()

    @property
    def ok(self) -> bool:
        """True for success and redirects."""
        return self.status < 400

    @property
    def content_type(self) -> str:
        """The media type, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The content as characters, by the charset that the server declares, else UTF-8."""
        charset = self.headers.get("content-type", "").lower().partition("charset=")[2].strip(' "') or "utf-8"
        try:
            return self.body.decode(charset, "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    @property
    def location(self) -> str | None:
        """Where a redirect points, else None. Source: RFC 9110 §15.4."""
        return self.headers.get("location") if self.status in (301, 302, 303, 307, 308) else None

    @property
    def form(self) -> dict[str, str]:
        """The fields of the page's forms as they are filled in, hidden ones too."""
        reader = _FormReader()
        reader.feed(self.text)
        reader.close()
        return reader.fields

    def __repr__(self) -> str:
        target = f" to {self.location}" if self.location else ""
        about = f", {self.content_type}" if self.content_type else ""
        return f"<Response {self.status} {self.reason}{target}{about}, {len(self.body)} octets>"


class _FormReader(HTMLParser):
    """Reads the names and values of a page's form fields."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._open: str | None = None  # the text area that we are in

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        name = values.get("name")
        if tag == "textarea" and name:
            self._open, self.fields[name] = name, ""
        elif tag == "input" and name and values.get("type") not in ("file", "submit", "checkbox"):
            self.fields[name] = values.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:  # a line break right behind the tag is not content (HTML §13.1.2.5)
            self.fields[self._open] += data if self.fields[self._open] else data.removeprefix("\n")
