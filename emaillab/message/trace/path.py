"""Which way did this letter come, and how long did each step take?

Every server writes a Received field above all that is there. So the path is read from below, and a delay is the
difference of two servers' clocks: what it says is only as true as they are.

>>> path = trace(b'''Received: from hamburger.edu by mail.hamburger.edu with LMTP; Mon, 3 Mar 2025 12:00:07 +0000
... Received: from crepes.fr ([192.0.2.1]) by hamburger.edu with ESMTPS; Mon, 3 Mar 2025 13:00:09 +0100
... Received: from [192.0.2.77] by crepes.fr with ESMTPSA; Mon, 3 Mar 2025 13:00:05 +0100
... Subject: crepes
...
... Do you like crepes?
... ''')
>>> print(path)
hop  from           by                  with     time (UTC)           delay  octets
  1  [192.0.2.77]   crepes.fr           ESMTPSA  2025-03-03 12:00:05             86
  2  crepes.fr      hamburger.edu       ESMTPS   2025-03-03 12:00:09   +4 s     100
  3  hamburger.edu  mail.hamburger.edu  LMTP     2025-03-03 12:00:07   -2 s      93
total 2 s over 3 hops
>>> path.hops[1].tls, path.hops[0].authenticated, path.total_s
(True, True, 2.0)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from emaillab.message.header.clauses import Clause, read_clauses
from emaillab.message.header.fields import parse_header
from emaillab.message.mime.source import Source, octets_of
from emaillab.message.octets.defects import Defect, Span
from emaillab.message.octets.patterns import compiled
from emaillab.message.trace.marks import Mark, marks_of
from emaillab.message.trace.places import places_of
from emaillab.message.trace.received import Reading, cipher_of, read_regular, read_tolerantly

# A field from its name to its last fold, as `parse_header` cuts it.   RFC 5322 §2.2
_RECEIVED = compiled(r"^received[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?", re.IGNORECASE | re.MULTILINE)


# QUIRK: `(Authenticated sender: alice)` by Postfix, `(AUTH: PLAIN alice, …)` by Courier, `(SquirrelMail authenticated
# user alice)`; but not `(not authenticated)`.
_AUTHENTICATED = re.compile(r"^[( ]*(?:authenticated|auth: )| authenticated user", re.IGNORECASE)

RESOLUTION_S = 1.0
"""A date-time ends with the second (RFC 5322 §3.3), so a difference of two is off by less than this, either way."""


class Protocol(NamedTuple):
    """What the keyword of a `with` clause implies."""

    esmtp: bool
    tls: bool
    authenticated: bool


# RFC 3848 §1, RFC 6531 §4.3: S for TLS, A for AUTH
PROTOCOLS = {
    base + suffix: Protocol(base in ("ESMTP", "UTF8SMTP"), "S" in suffix, "A" in suffix)
    for base in ("ESMTP", "LMTP", "UTF8SMTP", "UTF8LMTP")
    for suffix in ("", "A", "S", "SA")
} | {
    "SMTP": Protocol(False, False, False),
    "SMTPS": Protocol(False, True, False),  # QUIRK: Exim, in no registry
    "ASMTP": Protocol(True, False, True),  # QUIRK: Exim before RFC 3848
    "HTTPS": Protocol(False, True, False),  # QUIRK: webmail; the browser's link, not a mail server's
}
_UNKNOWN = Protocol(False, False, False)


class Hop(NamedTuple):
    """One step of a letter: a server took it and wrote a Received field. None stands for what is not told."""

    reading: Reading
    delay_s: float | None
    """Seconds since the hop before; negative when the clocks disagree, None when one of the two times is missing."""
    span: Span
    """Where the field stands in the message, from its name to its final line break."""
    message: bytes

    def __repr__(self) -> str:
        return f"Hop({self.reading!r}, delay_s={self.delay_s!r}, span={self.span!r})"

    @property
    def from_(self) -> str | None:
        """Give the name of the sender as written first in the `from` clause."""
        return self.reading.from_

    @property
    def by(self) -> str | None:
        """Give the name of the server that took the letter and wrote the field."""
        return self.reading.by

    @property
    def with_(self) -> str | None:
        """Give the protocol as written, such as ESMTPS or `Microsoft SMTP Server`."""
        return self.reading.with_

    @property
    def id(self) -> str | None:
        """Give the identifier under which the server kept the letter."""
        return self.reading.id

    @property
    def for_(self) -> str | None:
        """Give the recipient, when the server named one."""
        return self.reading.for_

    @property
    def via(self) -> str | None:
        """Give the link, when it was not the Internet."""
        return self.reading.via

    @property
    def time(self) -> datetime | None:
        """Tell when the field was written, by the writer's clock, in UTC; None when it cannot be read."""
        return self.reading.time

    @property
    def zone_known(self) -> bool:
        """Tell whether `time` was written with a zone that says something, unlike `-0000`."""
        return self.reading.zone_known

    @property
    def from_ip(self) -> str | None:
        """Give the address that the letter came from, as the server saw it."""
        return self.reading.from_ip

    @property
    def helo(self) -> str | None:
        """Give what the client called itself; anybody can say anything."""
        return self.reading.helo

    @property
    def rdns(self) -> str | None:
        """Give what DNS calls the client's address."""
        return self.reading.rdns

    @property
    def defects(self) -> tuple[Defect, ...]:
        """List what is wrong with the field."""
        return self.reading.defects

    @property
    def raw(self) -> bytes:
        """Give the field's octets, final line break included."""
        return self.message[self.span[0] : self.span[1]]

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """Read the field's clauses, each with its words, its comments and its span in the message."""
        value_at = self.message.index(b":", self.span[0]) + 1
        return tuple(read_clauses(self.message, value_at, self.span[1])[0])

    @property
    def places(self) -> dict[str, Span]:
        """Tell where in the message each thing stands that the field says, by the names of `to_json`."""
        return places_of(self.reading, self.message, self.span, self.clauses)

    @property
    def cipher(self) -> str | None:
        """Give what is written about TLS, in the writer's words."""
        return cipher_of(self.clauses)

    @property
    def octets(self) -> int:
        """Count the octets that this hop added to the header."""
        return self.span[1] - self.span[0]

    @property
    def protocol(self) -> Protocol:
        """Tell what the `with` keyword implies. Source: RFC 3848 §1, RFC 6531 §4.3."""
        return PROTOCOLS.get(self.with_.partition(" ")[0].upper(), _UNKNOWN) if self.with_ else _UNKNOWN

    @property
    def esmtp(self) -> bool:
        """Tell whether the client spoke ESMTP."""
        return self.protocol.esmtp

    @property
    def tls(self) -> bool:
        """Tell whether the hop was encrypted: by its keyword, or by what a comment says."""
        return self.protocol.tls or self.cipher is not None

    @property
    def authenticated(self) -> bool:
        """Tell whether the client had logged in: by its keyword, or by what a comment says."""
        comments = (comment for clause in self.clauses for comment in clause.comments)
        return self.protocol.authenticated or any(map(_AUTHENTICATED.search, comments))

    def to_json(self) -> dict[str, Any]:
        """Give the hop as plain values."""
        return {
            "from": self.from_,
            "by": self.by,
            "with": self.with_,
            "id": self.id,
            "for": self.for_,
            "time": None if self.time is None else self.time.isoformat()[:19] + "Z",
            "delay_s": self.delay_s,
            "from_ip": self.from_ip,
            "helo": self.helo,
            "span": list(self.span),
            "defects": [{"kind": defect.kind, "at": defect.at} for defect in self.defects],
        }


class Bounds(NamedTuple):
    """Between which seconds a delay lies, as far as the clocks agree."""

    low_s: float
    high_s: float


class Gap(NamedTuple):
    """Hops whose delays cannot be told one by one, and the seconds they took together."""

    after: int
    """Index of the last hop before the gap that has a time."""
    before: int
    """Index of the first hop after the gap that has one."""
    total_s: float


@dataclass(frozen=True, slots=True)
class Trace:
    """The path of one letter; hops in travel order, the oldest first."""

    hops: tuple[Hop, ...]
    message: bytes = dataclass_field(default=b"", repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.hops)

    def __iter__(self) -> Iterator[Hop]:
        return iter(self.hops)

    def __getitem__(self, place: int) -> Hop:
        return self.hops[place]

    @property
    def total_s(self) -> float | None:
        """Tell the seconds from the first time that can be read to the last; None when there are not two.

        Clocks in between cancel out: where all delays are known, this is their sum.
        """
        times = [hop.time for hop in self.hops if hop.time is not None]
        return (times[-1] - times[0]).total_seconds() if len(times) > 1 else None

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """List where unreadable times leave delays open, with the bounds that the readable ones give."""
        known = [(place, hop.time) for place, hop in enumerate(self.hops) if hop.time is not None]
        return tuple(Gap(a, b, (end - start).total_seconds()) for (a, start), (b, end) in pairwise(known) if b - a > 1)

    @property
    def elapsed_s(self) -> tuple[float | None, ...]:
        """Tell for each hop the seconds since the first time that can be read; None where the hop's own cannot."""
        start = next((hop.time for hop in self.hops if hop.time is not None), None)
        return tuple(
            None if hop.time is None or start is None else (hop.time - start).total_seconds() for hop in self.hops
        )

    @property
    def bounds(self) -> tuple[Bounds | None, ...]:
        """Tell for each hop between which seconds its delay lies; None where no two times enclose it.

        Stamps that end with the second leave one second either way. Within a gap a delay is at least 0, and at most
        what all of the gap's delays take together.
        """
        found: list[Bounds | None] = [
            None if hop.delay_s is None else Bounds(hop.delay_s - RESOLUTION_S, hop.delay_s + RESOLUTION_S)
            for hop in self.hops
        ]
        for gap in self.gaps:
            within = Bounds(0.0, gap.total_s + RESOLUTION_S) if gap.total_s > -RESOLUTION_S else None
            found[gap.after + 1 : gap.before + 1] = [within] * (gap.before - gap.after)
        return tuple(found)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """List the fields that servers left beside Received, such as Return-Path and ARC-Seal, the oldest first."""
        return marks_of(self.message, parse_header(self.message).span)

    @property
    def defects(self) -> tuple[Defect, ...]:
        """List what is wrong with the Received fields, by offset."""
        return tuple(defect for hop in reversed(self.hops) for defect in hop.defects)

    def to_json(self) -> dict[str, Any]:
        """Give the path as plain values, ready for `json.dumps`."""
        return {"hops": [hop.to_json() for hop in self.hops], "total_s": self.total_s}

    def __str__(self) -> str:
        return path_table(self)


def trace(source: Source) -> Trace:
    """Read a letter's path from its Received fields, and from no other; whatever is in them, it does not raise.

    Arguments: `source` is bytes, a file name, a path, an open file or an EmailMessage.

    Raises: OSError when a file cannot be read.
    Source: RFC 5321 §4.4.
    """
    raw = octets_of(source)
    hops: list[Hop] = []
    before: datetime | None = None
    begin, end = parse_header(raw).span
    text = raw[:end].decode("latin-1")
    for field in reversed(list(_RECEIVED.finditer(text, begin))):
        start, end = field.span(1)
        reading = read_regular(text, start, end) or read_tolerantly(raw, start, end)
        time = reading.time
        delay_s = None if time is None or before is None else (time - before).total_seconds()
        hops.append(Hop(reading, delay_s, field.span(), raw))
        before = time
    return Trace(tuple(hops), raw)


# --- as text ---

_WIDEST = 30


def path_table(path: Trace, *, widest: int = _WIDEST, bars: int = 0) -> str:
    """Show a path as a table in fixed-width text; `?` marks a time without zone and a delay that cannot be told.

    Arguments: `widest` is where names are cut; `bars` is the width of a column that shows when each step was made,
    from the left to the right: `=` for a delay, `<` for one that runs back, `|` for a moment.
    """
    if not path.hops:
        return "no Received fields: the letter has not travelled yet"
    rows = [("hop", "from", "by", "with", "time (UTC)", "delay", "octets")]
    for number, hop in enumerate(path.hops, start=1):
        names = [shown(name, widest) for name in (hop.from_, hop.by, hop.with_)]
        rows.append((str(number), *names, _time(hop), _delay(hop, number == 1), str(hop.octets)))  # type: ignore[arg-type]
    widths = [max(len(row[column]) for row in rows) for column in range(7)]
    lines: list[str] = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in (0, 5, 6) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells))
    if bars:
        lines = [f"{line}  {bar}" for line, bar in zip(lines, ["when", *time_bars(path, bars)], strict=True)]
    lines = [line.rstrip() for line in lines]
    total = "total unknown" if path.total_s is None else f"total {path.total_s:,.0f} s"
    return "\n".join([*lines, f"{total} over {len(path)} hop{'s' if len(path) != 1 else ''}"])


def time_bars(path: Trace, width: int) -> list[str]:
    """Draw each hop's delay as a bar of characters, all on one axis of time from the earliest stamp to the latest."""
    known = [elapsed for elapsed in path.elapsed_s if elapsed is not None]
    start, end = min(known, default=0.0), max(known, default=0.0)
    step = (end - start) / (width - 1) if end > start else 1.0
    bars, before = [], None
    for elapsed in path.elapsed_s:
        if elapsed is None:
            bars.append("?")
            continue
        at = round((elapsed - start) / step)
        since = at if before is None else before
        left, right = min(at, since), max(at, since)
        bars.append(" " * left + ("|" if left == right else ("=" if at > since else "<") * (right - left + 1)))
        before = at
    return bars


def shown(name: str | None, widest: int = 60) -> str:
    """Make a name from a letter fit to be printed: one short line without control characters."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in (name or "-")[:200])
    return text if len(text) <= widest else text[: widest - 1] + "…"


def _time(hop: Hop) -> str:
    if hop.time is None:
        return "unreadable"
    return hop.time.isoformat(" ")[:19] + ("" if hop.zone_known else " ?")


def _delay(hop: Hop, first: bool) -> str:
    if hop.delay_s is None:
        return "" if first else "?"
    return f"{hop.delay_s:+,.0f} s"
