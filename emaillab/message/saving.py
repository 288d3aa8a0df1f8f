"""Where does a user agent keep its letters? In an mbox file, in a Maildir, or in a mailbox on an IMAP server.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     letter = b"From: a@b.org\\r\\n\\r\\nFrom here on,\\r\\n>From is quoted\\r\\n"
...     save_mbox(letter, Path(folder) / "sent")
...     print((Path(folder) / "sent").read_bytes().split(b"\\n")[3:5])
...     read_mbox(Path(folder) / "sent") == [letter]
[b'>From here on,', b'>>From is quoted']
True
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import Any, Protocol

from .dates import parse_date
from .fields import parse_addresses, parse_header
from .source import Source, octets_of
from .writer import to_bytes

_BARE_LF = re.compile(rb"(?<!\r)\n")
# A From line begins a letter at the file's start or after an empty line.  RFC 4155, appendix A
_SEPARATOR = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\n]*\n")
_FROM = re.compile(rb"^(>*From )", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_PLAIN = re.compile("[!-~]+")
_FLAGS = re.compile(r"[a-zA-Z]*")
_count = itertools.count(1)


def own_copy(letter: Source) -> bytes:
    """Give the octets that a writer keeps: a letter just written keeps its Bcc (RFC 5322 §3.6.3)."""
    return to_bytes(letter, keep_bcc=True) if isinstance(letter, Message) else octets_of(letter)


# --- mbox ---


def save_mbox(letter: Source, path: str | os.PathLike[str]) -> None:
    """Append a letter to an mbox file, its CRLF as LF, and each line that begins with "From " behind one more ">".

    SIMPLIFIED: the file is not locked against other programs.

    Raises: ValueError for a letter that would not come back octet for octet: a bare LF in it, or no CRLF at its end.
    Source: RFC 4155; the quoting is that of mboxrd, which can be undone.
    """
    raw = own_copy(letter)
    if bare := _BARE_LF.search(raw):
        raise ValueError(
            f"the letter holds LF without CR at octet {bare.start()}, which an mbox cannot tell from CRLF: "
            "save it in a Maildir, or make its line ends CRLF first"
        )
    if not raw.endswith(b"\r\n"):
        raise ValueError("the letter does not end in CRLF, and an mbox would add it: save it in a Maildir")
    lines = _FROM.sub(rb">\1", raw.replace(b"\r\n", b"\n"))
    with Path(path).open("ab+") as file:
        file.seek(max(0, file.tell() - 2))
        gap = b"" if file.read() in (b"", b"\n\n") else b"\n"  # another program may have left no empty line
        file.write(gap + _from_line(raw) + lines + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _from_line(raw: bytes) -> bytes:
    """Write the line that begins a letter: From, its sender, the date in UTC as C's asctime. Source: RFC 4155."""
    header = parse_header(raw)
    fields = [field for name in ("Return-Path", "From") for field in header.all(name)]
    specs = [one.addr_spec for field in fields for one in parse_addresses(field.body)]
    sender = specs[0] if specs and _PLAIN.fullmatch(specs[0]) else "MAILER-DAEMON"
    field = header.get("Date")
    read = parse_date(field.body) if field else None
    date = read.utc if read else datetime(1970, 1, 1, tzinfo=UTC)
    return f"From {sender} {date.ctime()}\n".encode("ascii")


def read_mbox(source: str | os.PathLike[str] | bytes) -> list[bytes]:
    """Read the letters of an mbox file, with CRLF at their line ends and one ">" less before each quoted "From ".

    Source: RFC 4155, appendix A.
    """
    octets = source if isinstance(source, bytes) else Path(source).read_bytes()
    starts = list(_SEPARATOR.finditer(octets))
    ends = [found.start() for found in starts[1:]] + [len(octets)]
    letters = []
    for found, end in zip(starts, ends, strict=False):
        lines = octets[found.end() : end].removesuffix(b"\n").removesuffix(b"\r")
        lf = lines.replace(b"\r\n", b"\n") if octets[found.end() - 2 : found.end()] == b"\r\n" else lines
        letters.append(_QUOTED_FROM.sub(rb"\1", lf).replace(b"\n", b"\r\n"))
    return letters


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
