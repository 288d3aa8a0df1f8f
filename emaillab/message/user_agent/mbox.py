"""How are many letters kept in one file? An mbox file: each begins with a line that begins with "From ".

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

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from emaillab.message.header.dates import parse_date
from emaillab.message.header.fields import parse_addresses, parse_header
from emaillab.message.mime.source import Source, own_copy
from emaillab.message.octets.defects import Span

_BARE_LF = re.compile(rb"(?<!\r)\n")
# separator := "From " addr-spec SP timestamp, at the file's start or after an empty line     RFC 4155, appendix A
# timestamp := day-of-week SP month SP day SP hour ":" minute [":" second] SP year, as C's asctime has it
# QUIRK: a text may well say "From 10:30 on" after an empty line. There a line counts that is just as above; or one that
# ends in another form of date (without seconds, with zones, as in RFC 5322), if a field follows.
_SEPARATOR = re.compile(
    rb"""
    \AFrom\ [^\n]*
    | (?:(?<=\n\n)|(?<=\n\r\n))From\ (?:
        [^\n\s]+[ ]DAY[ ]MONTH[ ][ \d]\d[ ]\d\d:\d\d:\d\d[ ]\d{4}\r?(?=\n|\Z)
        | (?:[^\n]*?[ \t])??(?:
            DAY[ \t]+MONTH[ \t]+\d{1,2}[ \t]+TIME ZONE [ \t]+\d{4} ZONE
            | DAY,?[ \t]+\d{1,2}[ \t]+MONTH[ \t]+\d{4}[ \t]+TIME ZONE
            | \d{4}-\d\d-\d\d[T \t]TIME (?:Z|[ \t]*[+-]\d\d:?\d\d)?
          )(?:[ \t]+remote[ ]from[ ][^\n]*)?[ \t]*\r?(?:\Z|\n(?=\Z|\r?\n|>?From\ |[!-9;-~]+[ \t]*:))
      )
    """.replace(b"DAY", rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)")
    .replace(b"MONTH", rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)")
    .replace(b"TIME", rb"\d{1,2}:\d\d(?::\d\d)?")
    .replace(b"ZONE", rb"(?:[ \t]+(?:[A-Z]{1,5}|[+-]\d{4}))?"),
    re.VERBOSE,
)
_FROM = re.compile(rb"^(>*From )", re.MULTILINE)
QUOTED_FROM = re.compile(rb"^>(?=>*From )", re.MULTILINE)
"""The ">" that protects a line of a letter which begins with "From "."""
_PLAIN = re.compile("[!-~]+")


class Stored(NamedTuple):
    """One letter of an mbox file, as it stands there."""

    octets: bytes
    """With its "From " line, and without the empty line that ends it."""
    span: Span
    """Where it stands in the file, that empty line included."""


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


def split_mbox(octets: bytes) -> list[Stored]:
    """Find the letters of an mbox file. Returns: nothing when the first line is no "From " line."""
    starts = [line.start() for line in _SEPARATOR.finditer(octets)]
    if not starts or starts[0] != 0:
        return []
    letters = []
    for start, end in zip(starts, [*starts[1:], len(octets)], strict=True):
        stored = octets[start:end]
        for blank in (b"\r\n\r\n", b"\n\n"):
            if stored.endswith(blank):
                stored = stored[: -len(blank) // 2]
        letters.append(Stored(stored, (start, end)))
    return letters


def read_mbox(source: str | os.PathLike[str] | bytes) -> list[bytes]:
    """Read the letters of an mbox file, with CRLF at their line ends and one ">" less before each quoted "From ".

    Source: RFC 4155, appendix A.
    """
    octets = source if isinstance(source, bytes) else Path(source).read_bytes()
    letters = []
    for stored, _ in split_mbox(octets):
        line, _, letter = stored.partition(b"\n")
        if line.endswith(b"\r"):
            letter = letter.replace(b"\r\n", b"\n")
        letters.append(QUOTED_FROM.sub(b"", letter).replace(b"\n", b"\r\n"))
    return letters
