"""Where does a command read a message from? A file, or the standard input.

>>> read("/")
Traceback (most recent call last):
emaillab.cli.CommandError: / is a folder; name a file with one message
"""

from __future__ import annotations

import sys
from pathlib import Path

from emaillab.cli import CommandError
from emaillab.message.fields import parse_header


def read(name: str) -> bytes:
    """Return the octets of a message. Raises: CommandError, one sentence, when there is no message in them."""
    if name == "-":
        raw, shown = sys.stdin.buffer.read(), "the standard input"
    elif Path(name).is_dir():
        raise CommandError(f"{name} is a folder; name a file with one message")
    else:
        raw, shown = Path(name).read_bytes(), name
    if not raw.strip():
        raise CommandError(f"{shown} is empty; a message has at least a header")
    if not len(parse_header(raw)):
        raise CommandError(
            f"{shown} is not a message: its first line, {raw.lstrip()[:40]!r}, is no header field (Name: value)"
        )
    return raw
