"""Where does a command read a message from? A file, the standard input, a mailbox file of many messages.

>>> read("/")
Traceback (most recent call last):
emaillab.cli.CommandError: / is a folder; name a file with one message
>>> [letter.raw for letter in letters_of(b"From a@b Wed Apr  1 09:30:00 2026\\n\\n>From here\\n\\n")]
[b'From a@b Wed Apr  1 09:30:00 2026\\n\\nFrom here\\n']
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from emaillab.cli import CommandError
from emaillab.message.header.fields import parse_header
from emaillab.message.octets.defects import Span
from emaillab.message.user_agent.mbox import QUOTED_FROM, split_mbox

# What no text has: the control characters but BS, TAB, LF, VT, FF, CR and ESC (of ISO-2022 charsets).
_BINARY = re.compile(rb"[\x00-\x07\x0E-\x1A\x1C-\x1F]")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class MboxLetter:
    """One message of a mailbox file."""

    raw: bytes
    """The message as it was before it was stored, but for its "From " line, which it keeps."""
    span: Span
    """Where it stands in the file."""
    unquoted: int
    """From how many lines of its body the ">" was taken that protected a "From " there."""

    @property
    def note(self) -> str:
        """Say where it stands, and what was changed."""
        changed = f", {self.unquoted} lines unquoted (>From)" if self.unquoted > 1 else ", 1 line unquoted (>From)"
        return f"octets {self.span[0]}-{self.span[1]} of the file{changed if self.unquoted else ''}"


def read(name: str) -> bytes:
    """Return the octets of a message. Raises: CommandError, one sentence, when there is no message in them."""
    if name == "-":
        if sys.stdin is None:  # closed by whoever called us
            raise CommandError("the standard input is closed; name a file with one message")
        raw, shown = sys.stdin.buffer.read(), "the standard input"
    elif Path(name).is_dir():
        raise CommandError(f"{name} is a folder; name a file with one message")
    else:
        raw, shown = Path(name).read_bytes(), name
    if not raw:
        raise CommandError(f"{shown} is empty; a message has at least a header")
    # QUIRK: text without any header field is a message that has lost its header, and is shown as one.
    if not len(parse_header(raw)) and (odd := _BINARY.search(raw)):
        raise CommandError(
            f"{shown} is not a message: no header field (Name: value) begins it,"
            f" and the octet {odd[0][0]:02X} at {odd.start()} is not text"
        )
    return raw


def read_mbox(name: str) -> list[MboxLetter]:
    """Return the messages of a mailbox file. Raises: CommandError, one sentence, when it is none."""
    letters = letters_of(read(name))
    if not letters:
        shown = "the standard input" if name == "-" else name
        raise CommandError(f"{shown} is no mbox file: its first line does not begin with 'From '")
    return letters


def note_of_several(raw: bytes) -> str:
    """Say that a file holds more than the one message it is read as; empty when it does not."""
    count = len(split_mbox(raw))
    return f"\na mailbox file of {count} messages, read as if it were one: use --all" if count > 1 else ""


def letters_of(raw: bytes) -> list[MboxLetter]:
    """Split a mailbox file; lines of a body that were quoted with ">" lose one (the form "mboxrd")."""
    letters = []
    for stored, span in split_mbox(raw):
        body = parse_header(stored).span[1]  # in the header such a line is UUCP's and no quotation
        text, unquoted = QUOTED_FROM.subn(b"", stored[body:])
        letters.append(MboxLetter(stored[:body] + text, span, unquoted))
    return letters


def printable(text: str) -> str:
    """Write out the control characters of a text, which could command the terminal that shows it.

    >>> printable("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    return _CONTROL.sub(lambda mark: ascii(mark[0])[1:-1], text)
