"""How did files travel through mail before MIME? Three octets as four characters, each line led by its length.

>>> decode_uuencode(b"begin 644 cat.txt\\r\\n#0V%T\\r\\n`\\r\\nend\\r\\n")
b'Cat'
>>> [defect.kind for defect in uuencode_defects(b"begin 644 cat.txt\\r\\n#0V%T\\r\\n")]
['uuencode-end-missing']
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from itertools import islice

from emaillab.message.octets.defects import MOST_OF_A_KIND, Defect

# The first line: `begin mode name`.  POSIX, uuencode; no RFC describes it, RFC 2045 §6.3 warns of such encodings
_BEGIN = re.compile(rb"^begin [0-7]{3,6} ?[^\r\n]*\r?\n", re.MULTILINE)
_LINE = re.compile(rb"[^\n]+")
_ODD = bytes(octet for octet in range(256) if not 0x20 <= octet <= 0x60)
_TO_BLANKS = bytes.maketrans(_ODD, b" " * len(_ODD))


def decode_uuencode(data: bytes) -> bytes:
    """Decode a uuencoded file, what stands around it left out; octets without a `begin` line are given as they are."""
    begin = _BEGIN.search(data)
    return b"".join(decoded for _, decoded, _ in _lines(data, begin.end())) if begin else data


def _lines(data: bytes, start: int) -> Iterator[tuple[int, bytes, bool]]:
    """Decode line by line. Returns: where each begins, its octets, and whether it is as it should be."""
    blanks_count = b"`" not in data  # a file has one or the other for zero; blanks at the end of a line may be lost
    for found in _LINE.finditer(data, start):
        line = found[0].rstrip(b"\r")
        if line.rstrip() == b"end":
            return
        length = (line[0] - 0x20) & 0x3F if line else 0
        groups = (length + 2) // 3
        text = line[1 : 4 * groups + 1].translate(_TO_BLANKS).ljust(4 * groups)
        decoded = binascii.a2b_uu(bytes((3 * groups + 0x20,)) + text)[:length]
        is_short = len(line) <= 4 * groups and not blanks_count
        is_long = len(line.rstrip()) > 4 * groups + 2  # a check character may follow
        is_whole = line.translate(None, _ODD) == line and not is_short and not is_long
        yield found.start(), decoded, is_whole or not length


def uuencode_defects(data: bytes, at: int = 0) -> tuple[Defect, ...]:
    """List what a uuencoded text lacks; `at` is the offset of its first octet in the message."""
    begin = _BEGIN.search(data)
    if begin is None:
        return (Defect("uuencode-begin-missing", at, "2045 §6.3", "kept as it stands"),)
    odd = (start for start, _, is_whole in _lines(data, begin.end()) if not is_whole)
    found = [
        Defect("uuencode-line", at + start, "2045 §6.3", "decoded as far as it goes")
        for start in islice(odd, MOST_OF_A_KIND)
    ]
    if re.search(rb"^end[ \t]*\r?$", data[begin.end() :], re.MULTILINE) is None:
        found.append(Defect("uuencode-end-missing", at + len(data), "2045 §6.3", "decoded up to here"))
    return tuple(found)
