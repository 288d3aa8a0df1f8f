"""Where does a user agent keep its letters? In a Maildir, or in a mailbox on an IMAP server; see also `mbox`.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     kept = save_maildir(b"From: a@b.org\\r\\n\\r\\nHello\\r\\n", folder, flags="S")
...     kept.parent.name, list(read_maildir(folder).values())
('cur', [b'From: a@b.org\\r\\n\\r\\nHello\\r\\n'])
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from emaillab.message.header.dates import parse_date
from emaillab.message.header.fields import parse_header
from emaillab.message.mime.source import Source, own_copy

_FLAGS = re.compile(r"[a-zA-Z]*")
_count = itertools.count(1)


# --- Maildir ---


def save_maildir(letter: Source, path: str | os.PathLike[str], flags: str = "") -> Path:
    """Put a letter into a Maildir, octet for octet: written in `tmp`, then moved, so that nobody ever sees half of it.

    Arguments: `flags` are letters such as "S" for seen and "D" for draft; a letter with flags goes to `cur`, one
    without to `new`.

    Returns: the file.
    Raises: ValueError for a flag that is no letter.
    """
    if not _FLAGS.fullmatch(flags):
        raise ValueError(f"Maildir flags are letters, such as 'S' for seen, not {flags!r}")
    raw, folder = own_copy(letter), Path(path)
    for room in ("tmp", "new", "cur"):
        (folder / room).mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns()}.P{os.getpid()}Q{next(_count)}.emaillab"
    with (folder / "tmp" / name).open("xb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    kept = folder / "cur" / f"{name}:2,{''.join(sorted(flags))}" if flags else folder / "new" / name
    (folder / "tmp" / name).rename(kept)
    return kept


def read_maildir(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Read the letters of a Maildir, old and new, by their file names in the order in which they came."""
    files = [file for room in ("cur", "new") for file in (Path(path) / room).glob("*") if file.is_file()]
    return {file.name: file.read_bytes() for file in sorted(files, key=lambda file: _age(file.name))}


def _age(name: str) -> tuple[int, str]:
    stamp = name.partition(".")[0]
    return int(stamp) if stamp.isdigit() else 0, name


# --- IMAP ---


class Mailboxes(Protocol):
    """An IMAP client, as far as saving needs one."""

    def append(self, mailbox: str, raw: bytes, flags: Iterable[str] = (), date: datetime | None = None) -> Any:
        """Put a message into a mailbox."""


def save_imap(letter: Source, client: Mailboxes, mailbox: str = "Sent", flags: Iterable[str] = ("\\Seen",)) -> Any:
    """Put a letter into a mailbox on an IMAP server, octet for octet; the internal date is the letter's own.

    Returns: what the client says to it.
    Source: RFC 9051 §6.3.12.
    """
    raw = own_copy(letter)
    field = parse_header(raw).get("Date")
    read = parse_date(field.body) if field else None
    return client.append(mailbox, raw, flags, read.utc if read else None)
