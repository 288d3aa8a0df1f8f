"""How can a letter hold a line that is just a dot, when such a line ends it?

>>> print(stuffing_working(b"first\\r\\n.\\r\\n..\\r\\n"))
dot-stuffing: 14 octets become 16, and three more end them
line  content  written  extra
   1  first    first        0
   2  .        ..           1
   3  ..       ...          1
"""

from __future__ import annotations

from dataclasses import dataclass

from emaillab.message.octets.charsets import decode_raw
from emaillab.message.working.encodings import Working
from emaillab.protocol.framing.dots import stuff


@dataclass(frozen=True, slots=True)
class StuffingStep:
    """One line of the content and what is written for it."""

    line: int
    content: str
    written: str
    extra: int
    """Octets added: one for a line that begins with a dot."""


def stuffing_working(content: bytes) -> Working[bytes, StuffingStep]:
    """Stuff the dots of a content for DATA, RETR or TOP, showing each line. Source: RFC 5321 §4.5.2, RFC 1939 §3."""
    result = stuff(content)
    lines = content.removesuffix(b"\r\n").split(b"\r\n") if content else []
    steps = []
    for number, line in enumerate(lines, start=1):
        written = stuff(line)
        texts = decode_raw(line), decode_raw(written)
        steps.append(StuffingStep(number, *texts, len(written) - len(line)))
    title = f"dot-stuffing: {len(content)} octets become {len(result)}, and three more end them"
    return Working(title, result, tuple(steps), "5321 §4.5.2")
