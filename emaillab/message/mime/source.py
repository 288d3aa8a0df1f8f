"""Where may a message come from: octets, a file by its name, an open file, a message object?

>>> octets_of(memoryview(b"Subject: Hi\\r\\n\\r\\n"))
b'Subject: Hi\\r\\n\\r\\n'
>>> octets_of("Subject: Hi\\r\\n\\r\\n")
Traceback (most recent call last):
ValueError: a string here names a file; a message is bytes: write b'...' or text.encode()
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from email.message import Message


class SupportsRead(Protocol):
    """An open file."""

    def read(self) -> bytes | str:
        """Read all of it."""


Source: TypeAlias = "bytes | bytearray | memoryview | str | os.PathLike[str] | SupportsRead | Message"
"""A message: its octets, the path of its file, an open file, or a message of the standard library."""


def octets_of(source: Source) -> bytes:
    """Get a message's octets from whatever holds them; a message object is written as it would travel.

    Raises: ValueError for a string that is a message rather than a file name; TypeError for what is no message;
    OSError for a file that cannot be read.
    """
    if isinstance(source, bytes):
        return source
    if isinstance(source, bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str) and "\n" in source:
        raise ValueError("a string here names a file; a message is bytes: write b'...' or text.encode()")
    if isinstance(source, str | os.PathLike):
        return Path(source).read_bytes()
    if hasattr(source, "as_bytes"):
        from emaillab.message.mime.writer import (
            to_bytes,  # needs the standard library's `email`, which most readers do without
        )

        message = cast("Message", source)
        try:
            return to_bytes(message)
        except ValueError:  # a header that no letter of ours may have; to be looked at it need not be sent
            return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
    if hasattr(source, "read"):
        found = source.read()
        return found if isinstance(found, bytes) else found.encode("utf-8", "surrogateescape")
    raise TypeError(f"a message is bytes, a path, an open file or an EmailMessage, not {type(source).__name__}")


def own_copy(letter: Source) -> bytes:
    """Get the octets that a writer keeps: a letter just written keeps its Bcc. Source: RFC 5322 §3.6.3."""
    if not hasattr(letter, "as_bytes"):
        return octets_of(letter)
    from emaillab.message.mime.writer import to_bytes

    return to_bytes(cast("Message", letter), keep_bcc=True)
