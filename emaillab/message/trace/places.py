"""Where in a Received field does each thing stand that it says?

>>> from emaillab.message.trace.path import trace
>>> letter = b"Received: from crepes.fr (mx.crepes.fr [192.0.2.1]) by b.org; Mon, 3 Mar 2025 12:00:00 +0000\\r\\n\\r\\n"
>>> for name, (start, end) in trace(letter).hops[0].places.items():
...     print(name, letter[start:end].decode())
from crepes.fr
by b.org
from_ip 192.0.2.1
helo crepes.fr
rdns mx.crepes.fr
time Mon, 3 Mar 2025 12:00:00 +0000
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from emaillab.message.header.clauses import Clause, date_span
from emaillab.message.header.dates import parse_date
from emaillab.message.octets.defects import Span
from emaillab.message.octets.patterns import compiled
from emaillab.message.trace.received import Reading

_GREETING = rb"(?:helo|ehlo|lhlo)[ \t\r\n=]+\[?"
_MOST_WORDS = 50  # of a longer value, the place of the first so many is told
_WORD = re.compile(rb"[^\s;]++")


def places_of(reading: Reading, message: bytes, field: Span, clauses: Sequence[Clause]) -> dict[str, Span]:
    """Find the octets of each thing that a Received field says, by the names of `emaillab trace --json`.

    Args: where the field stands in the message, and what its clauses are.
    Returns: spans in the message; what the field does not say, or says in other words, is left out.
    """
    first: dict[str, Clause] = {}
    for clause in clauses:
        first.setdefault(clause.name, clause)
    said = {
        "from": reading.from_,
        "by": reading.by,
        "via": reading.via,
        "with": reading.with_,
        "id": reading.id,
        "for": reading.for_,
    }
    found = {
        name: _find(message, value, _inside(first[name])) for name, value in said.items() if name in first and value
    }
    if "from" in first:
        found |= _peer(reading, message, _inside(first["from"]), found.get("from"))
    if reading.time is not None:
        value = (message.index(b":", field[0]) + 1, field[1])
        gap = date_span(message, clauses, value)
        found["time"] = _time(reading, message, gap) if gap else None
    return {name: span for name, span in found.items() if span is not None}


def _inside(clause: Clause) -> Span:
    return clause.span[0] + len(clause.name), clause.span[1]


def _peer(reading: Reading, message: bytes, inside: Span, from_: Span | None) -> dict[str, Span | None]:
    """Find who the sender was: mostly in a comment, but some write the address, or the name from DNS, first."""
    start, end = inside
    comment = message.find(b"(", start, end)
    behind = (comment if comment >= 0 else end, end)
    greeting = _find(message, reading.helo, inside, _GREETING)
    return {
        "from_ip": _find(message, reading.from_ip, behind) or _find(message, reading.from_ip, inside),
        "helo": greeting or (from_ if reading.helo == reading.from_ else _find(message, reading.helo, inside)),
        "rdns": _find(message, reading.rdns, behind) or _find(message, reading.rdns, inside),
    }


def _find(message: bytes, value: str | None, inside: Span, lead: bytes = b"") -> Span | None:
    """Find a value; where it was folded or has comments in it, from its first word to its last."""
    if not value:
        return None
    for octets in (value.encode("utf-8", "replace"), value.encode("latin-1", "replace")):
        words = [re.escape(word) for word in octets.split(None, _MOST_WORDS)[:_MOST_WORDS]]
        gap = rb"(?:\([^()]*+\)|[ \t\r\n(])++"
        if words and (match := compiled(lead + b"(" + gap.join(words) + b")", re.I).search(message, *inside)):
            return match.span(1)
    return None


def _time(reading: Reading, message: bytes, inside: Span) -> Span | None:
    """Find the date among what stands in no clause, from the first word with which it can be read."""
    start, end = inside
    for word in _WORD.finditer(message, start, end):
        date = parse_date(message[word.start() : end])
        if date and date.utc == reading.time:
            return word.start(), end
    return None
