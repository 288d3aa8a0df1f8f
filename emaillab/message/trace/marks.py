"""Which fields beside Received do servers leave on a letter's way, and at which step?

They stand between the Received fields in the order in which they were written, the newest on top; so the number of
Received fields below one tells after how many hops it was written. None of them is a hop of its own.

>>> raw = b'''Delivered-To: bob@hamburger.edu
... X-Received: by 192.0.2.9 with SMTP id 7; Mon, 3 Mar 2025 12:00:07 +0000
... Received: from crepes.fr by hamburger.edu; Mon, 3 Mar 2025 12:00:05 +0000
... DKIM-Signature: v=1; d=crepes.fr
... Subject: crepes
...
... '''
>>> for mark in marks_of(raw, (0, len(raw))):
...     print(mark.hops, mark.name, mark.value)
0 DKIM-Signature v=1; d=crepes.fr
1 X-Received by 192.0.2.9 with SMTP id 7; Mon, 3 Mar 2025 12:00:07 +0000
1 Delivered-To bob@hamburger.edu
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field as dataclass_field

from emaillab.message.octets.charsets import decode_raw
from emaillab.message.octets.defects import Span
from emaillab.message.octets.patterns import compiled
from emaillab.message.trace.received import Reading, read_tolerantly

# A trace field of another name, or Received itself: a name to the last fold.   RFC 5321 §4.4, 8601, 8617, 7208, 6376
_FIELD = compiled(
    rb"^(?:(received)|(x-received|return-path|delivered-to|x-original-to|envelope-to|delivery-date"
    rb"|arc-(?:seal|message-signature|authentication-results)|authentication-results|received-spf|dkim-signature))"
    rb"[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One field that a server left on the way, and that is not a hop."""

    name: str
    span: Span
    """Where the field stands in the message, from its name to its final line break."""
    hops: int
    """How many hops the letter had made when the field was written: it was at `path[hops - 1].by`."""
    message: bytes = dataclass_field(repr=False, compare=False)

    @property
    def raw(self) -> bytes:
        """Give the field's octets, final line break included."""
        return self.message[self.span[0] : self.span[1]]

    @property
    def value(self) -> str:
        """Give what the field says, on one line."""
        return " ".join(decode_raw(self.raw.partition(b":")[2]).split())

    @property
    def reading(self) -> Reading | None:
        """Read a field X-Received, which has the form of Received; None for all others."""
        if self.name.lower() != "x-received":
            return None
        return read_tolerantly(self.message, self.message.index(b":", self.span[0]) + 1, self.span[1])


def marks_of(raw: bytes, header: Span) -> tuple[Mark, ...]:
    """Find the marks in a message's header, in the order in which they were written."""
    found: list[Mark] = []
    hops = 0
    for field in reversed(list(_FIELD.finditer(raw, *header))):
        if field[1]:
            hops += 1
        else:
            found.append(Mark(decode_raw(field[2]), field.span(), hops, raw))
    return tuple(found)
