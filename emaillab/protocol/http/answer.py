"""What does an application answer? A status, header fields, and content that comes piece by piece.

>>> def count(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return (b"%d " % number for number in range(3))
>>> answer = ask(count, {})
>>> answer.status, answer.reason, b"".join(answer)
(200, 'OK', b'0 1 2 ')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

PIECE = 1 << 16  # octets that are handed out at once
Fields = list[tuple[str, str]]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""A WSGI application, as PEP 3333 has it."""


class Answer:
    """A response on its way; its content is asked for only as the client reads."""

    def __init__(self) -> None:
        self.status, self.reason = 0, ""
        self.headers: Fields = []
        self._written: list[bytes] = []  # by the callable that older applications use
        self._content: Iterable[bytes] = ()
        self._pieces: Iterator[bytes] = iter(())
        self._close: Callable[[], None] = lambda: None

    def start(self, status: str, headers: Fields, exc_info: Any = None) -> Callable[[bytes], None]:
        """Take status and header: the application's `start_response`."""
        code, _, self.reason = status.partition(" ")
        self.status, self.headers = int(code), list(headers)
        return self._written.append

    def take(self, content: Iterable[bytes]) -> None:
        """Take the content; when this returns, status and header are known, and the length where it can be."""
        self._content = content
        self._close = getattr(content, "close", self._close)
        rest = iter(content)
        first = next((piece for piece in rest if piece), None)
        if not self.status:
            raise RuntimeError("the application gave no status")
        self._pieces = iter([*self._written, *([] if first is None else [first])])
        size = sum(map(len, self._written)) + len(first or b"")
        self._pieces = _both(self._pieces, rest)
        whole = first is None or (isinstance(content, list | tuple) and len(content) == 1)
        if whole and self.status not in (204, 304) and not self._has("content-length"):
            self.headers.append(("Content-Length", str(size)))

    def _has(self, name: str) -> bool:
        return any(known.lower() == name for known, _ in self.headers)

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            for start in range(0, len(piece), PIECE):
                yield piece[start : start + PIECE]

    def close(self) -> None:
        """Tell the application that its content is asked for no more; once."""
        close, self._close = self._close, lambda: None
        close()


def ask(application: Application, environ: dict[str, Any]) -> Answer:
    """Ask an application. Raises: whatever the application raises before its content begins."""
    answer = Answer()
    try:
        answer.take(application(environ, answer.start))
    except BaseException:
        answer.close()
        raise
    return answer


def plain(status: int, sentence: str, *headers: tuple[str, str]) -> Answer:
    """Return an answer of one sentence."""
    answer = Answer()
    answer.start(f"{status} {HTTPStatus(status).phrase}", [("Content-Type", "text/plain; charset=utf-8"), *headers])
    answer.take([f"{sentence[:1].upper()}{sentence[1:]}.\n".encode()])
    return answer


def _both(first: Iterator[bytes], second: Iterator[bytes]) -> Iterator[bytes]:
    yield from first
    yield from second
