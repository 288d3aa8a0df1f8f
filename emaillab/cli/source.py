"""Where does a command read a message from? A file, or the standard input.

>>> read("/")
Traceback (most recent call last):
emaillab.cli.CommandError: / is a folder; name a file with one message
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from emaillab.cli import CommandError
from emaillab.message.fields import parse_header

# What no text has: the control characters but BS, TAB, LF, VT, FF, CR and ESC (of ISO-2022 charsets).
_BINARY = re.compile(rb"[\x00-\x07\x0E-\x1A\x1C-\x1F]")


def read(name: str) -> bytes:
    """Return the octets of a message. Raises: CommandError, one sentence, when there is no message in them."""
    if name == "-":
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
