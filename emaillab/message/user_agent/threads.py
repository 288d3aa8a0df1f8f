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

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from emaillab.message.header.dates import parse_date
from emaillab.message.header.fields import parse_header, parse_message_ids
from emaillab.message.octets.columns import printable

MOST_ABOVE = 1_000
"""How many identifiers of one letter's References are looked at; of more, the first and the last ones."""
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

    def walk(self) -> Iterator[Thread]:
        """Visit this letter and all below it, each before its answers."""
        waiting = [self]
        while waiting:
            thread = waiting.pop()
            yield thread
            waiting.extend(reversed(thread.children))

    @property
    def depth(self) -> int:
        """Count the letters above this one."""
        count, above = 0, self.parent
        while above is not None:
            count, above = count + 1, above.parent
        return count

    def __str__(self) -> str:
        lines = []
        waiting = [(self, "", "")]
        while waiting:
            thread, lead, below = waiting.pop()
            subject = printable(thread.subject) if thread.raw is not None else "(not here)"
            lines.append(f"{lead}{subject}  {thread.message_id}".rstrip())
            last = len(thread.children) - 1
            waiting.extend(
                (child, below + ("└─ " if place == last else "├─ "), below + ("   " if place == last else "│  "))
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
    for raw in messages:
        thread, chain = _placed(raw, known, alone)
        above: Thread | None = None
        for message_id in chain:
            one = known.setdefault(message_id, Thread(message_id))
            if above is not None and one.parent is None:
                _join(above, one)
            above = one
        if above is not None and thread.parent is not above:
            _join(above, thread)  # what a letter says of itself counts more than what others said of it
    roots = [thread for thread in (*known.values(), *alone) if thread.parent is None]
    moments = _moments(roots)
    for thread in known.values():
        thread.children.sort(key=moments.__getitem__)
    return sorted(roots, key=moments.__getitem__)


def _placed(raw: bytes, known: dict[str, Thread], alone: list[Thread]) -> tuple[Thread, list[str]]:
    """Enter a letter under its identifier. Returns: it, and the identifiers above it, oldest first."""
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
    chain = list(dict.fromkeys(identifiers("References") or identifiers("In-Reply-To")[:1]))
    if len(chain) > MOST_ABOVE:
        chain = [chain[0], *chain[1 - MOST_ABOVE :]]
    return thread, [one for one in chain if one != own]


def _join(above: Thread, below: Thread) -> None:
    """Change `below` to answer `above`, unless it stands above it already."""
    one: Thread | None = above if below.children else None  # what has no answers stands above nothing
    while one is not None:
        if one is below:
            return
        one = one.parent
    if below.parent is not None:
        below.parent.children.remove(below)
    below.parent = above
    above.children.append(below)


def _moments(roots: Iterable[Thread]) -> dict[Thread, datetime]:
    """Tell when each letter was sent; one that is not here counts as old as the oldest below it."""
    oldest: dict[Thread, datetime | None] = {}
    for thread in reversed([thread for root in roots for thread in root.walk()]):  # answers before what they answer
        below = [moment for child in thread.children if (moment := oldest[child]) is not None]
        own = [] if thread.sent_at is None else [thread.sent_at]
        oldest[thread] = min([*own, *below], default=None)
    return {thread: thread.sent_at or moment or _LONG_AGO for thread, moment in oldest.items()}
