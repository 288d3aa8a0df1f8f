"""Which letter answers which? A conversation as a tree, from References and In-Reply-To.

>>> letters = [b"Message-ID: <1@a>\\r\\nSubject: lunch\\r\\n\\r\\n",
...            b"Message-ID: <3@a>\\r\\nSubject: Re: lunch\\r\\nReferences: <1@a> <2@b>\\r\\n\\r\\n",
...            b"Message-ID: <4@c>\\r\\nSubject: Re: lunch\\r\\nIn-Reply-To: <1@a>\\r\\n\\r\\n"]
>>> for thread in threads(letters):
...     print(thread)
lunch  <1@a>
├─ (not here)  <2@b>
│  └─ Re: lunch  <3@a>
└─ Re: lunch  <4@c>
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from emaillab.message.header.dates import parse_date
from emaillab.message.header.fields import parse_header, parse_message_ids
from emaillab.message.octets.columns import printable

_WIDEST = 60  # columns that a picture of a conversation is indented at most
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(slots=True, eq=False)
class Thread:
    """One letter of a conversation and its answers; a letter that is only referred to has no octets."""

    message_id: str
    raw: bytes | None = None
    subject: str = ""
    from_: str = ""
    sent_at: datetime | None = None
    parent: Thread | None = field(default=None, repr=False)
    children: list[Thread] = field(default_factory=list, repr=False)
    depth: int = field(default=0, repr=False)
    """How many letters stand above this one."""

    def walk(self) -> Iterator[Thread]:
        """Visit this letter and all below it, each before its answers."""
        waiting = [self]
        while waiting:
            thread = waiting.pop()
            yield thread
            waiting.extend(reversed(thread.children))

    def __str__(self) -> str:
        lines = []
        waiting = [(self, "", "")]
        while waiting:
            thread, lead, below = waiting.pop()
            subject = printable(thread.subject) if thread.raw is not None else "(not here)"
            lines.append(f"{lead}{subject}  {thread.message_id}".rstrip())
            last = len(thread.children) - 1
            flat = len(below) >= _WIDEST  # deeper than that, answers stand below one another
            waiting.extend(
                (
                    child,
                    below + ("└─ " if place == last else "├─ "),
                    below if flat else below + ("   " if place == last else "│  "),
                )
                for place, child in reversed(list(enumerate(thread.children)))
            )
        return "\n".join(lines)


def threads(messages: Iterable[bytes]) -> list[Thread]:
    """Arrange letters in conversations, each with its answers in order of their dates.

    The last identifier of References is the parent, and each one before it that one's parent; without References, the
    first of In-Reply-To. An identifier that would close a circle is passed over, and a second letter with the same
    identifier stands on its own.

    SIMPLIFIED: equal subjects join nothing; many mail programs guess by them (RFC 5256).

    Source: RFC 5322 §3.6.4.
    """
    known: dict[str, Thread] = {}
    alone: list[Thread] = []
    letters = [_placed(raw, known, alone) for raw in messages]
    forest = _Forest()
    for thread, chain in letters:  # what a letter says of itself counts more than what others say of it
        if chain:
            forest.join(chain[-1], thread)
    for _, chain in letters:
        for above, below in itertools.pairwise(chain):
            if below.parent is None:
                forest.join(above, below)
    everything = [*known.values(), *alone]
    _sort(everything)
    return [thread for thread in everything if thread.parent is None]


def _placed(raw: bytes, known: dict[str, Thread], alone: list[Thread]) -> tuple[Thread, list[Thread]]:
    """Enter a letter and those it answers under their identifiers. Returns: it, and those above it, oldest first."""
    header = parse_header(raw)

    def identifiers(name: str) -> list[str]:
        found = header.get(name)
        return [one.decode("utf-8", "replace") for one in parse_message_ids(found.body)] if found else []

    own = (identifiers("Message-ID") or [""])[0]
    thread = known.setdefault(own, Thread(own)) if own else Thread("")
    if not own or thread.raw is not None:
        thread = Thread(own)
        alone.append(thread)
    date = header.get("Date")
    reading = parse_date(date.body) if date else None
    thread.raw, thread.subject, thread.from_ = raw, header.text("Subject"), header.text("From")
    thread.sent_at = reading.utc if reading else None
    chain = dict.fromkeys(identifiers("References") or identifiers("In-Reply-To")[:1])
    return thread, [known.setdefault(one, Thread(one)) for one in chain if one != own]


class _Forest:
    """Joins letters, and knows at once which two stand in one conversation: no chain of answers is climbed twice."""

    def __init__(self) -> None:
        self._towards: dict[Thread, Thread] = {}

    def join(self, above: Thread, below: Thread) -> None:
        """Change `below`, which answers nothing yet, to answer `above`, unless it stands above it already."""
        root = self._root(above)
        if root is not below:
            self._towards[below] = root
            below.parent = above
            above.children.append(below)

    def _root(self, thread: Thread) -> Thread:
        passed = []
        while thread in self._towards:
            passed.append(thread)
            thread = self._towards[thread]
        for one in passed:
            self._towards[one] = thread
        return thread


def _sort(everything: list[Thread]) -> None:
    """Sort all letters, and the answers to each, by their dates; one that is not here is as old as its first answer."""
    dates: dict[Thread, datetime] = {}
    waiting = [thread for thread in everything if thread.parent is None]
    for thread in waiting:  # the list grows: each stands before its answers
        waiting += thread.children
        thread.depth = 0 if thread.parent is None else thread.parent.depth + 1
    for thread in reversed(waiting):
        answers = [dates[one] for one in thread.children if dates[one] != _LONG_AGO]
        dates[thread] = thread.sent_at or min(answers, default=_LONG_AGO)
    order = {thread: (dates[thread], place) for place, thread in enumerate(everything)}
    for thread in waiting:
        thread.children.sort(key=order.__getitem__)
    everything.sort(key=order.__getitem__)
