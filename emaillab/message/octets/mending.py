"""Where does a text in a charset of several octets for a character go on, when one of its octets is damaged?

A reader that trusts the first octet after the damage takes the second half of one character for the first half of the
next, and all that follows is another text. Here the reading is searched that has the fewest damaged places.

>>> "你好世界".encode("gb2312").replace(b"\\xba", b"\\xff").decode("gb2312", "replace")
'你\ufffd檬澜\ufffd'
>>> mend("你好世界".encode("gb2312").replace(b"\\xba", b"\\xff"), "gb2312")
Mended(text='你\ufffd世界', gaps=1)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

from emaillab.message.octets.patterns import compiled

GAP = "\N{REPLACEMENT CHARACTER}"

# Charsets whose characters have one to four octets, the later of which may be ASCII; with the first octets of those
# characters that most of a text consists of: these tables all begin with the frequent ones.
_LEADS = {
    "gb2312": (0xA1, 0xD7),
    "gbk": (0xA1, 0xD7),
    "gb18030": (0xA1, 0xD7),
    "big5": (0xA1, 0xC6),
    "cp950": (0xA1, 0xC6),
    "big5hkscs": (0xA1, 0xC6),
    "euc_kr": (0xA1, 0xC8),
    "cp949": (0xA1, 0xC8),
    "johab": (0x88, 0xD3),
    "shift_jis": (0x81, 0x97),
    "cp932": (0x81, 0x97),
    "shift_jis_2004": (0x81, 0x97),
    "shift_jisx0213": (0x81, 0x97),
    "euc_jp": (0xA1, 0xCF),
    "euc_jis_2004": (0xA1, 0xCF),
    "euc_jisx0213": (0xA1, 0xCF),
}
# Octets that are the second half of no character: behind them every reader is in step again.
_IN_STEP = re.compile(rb"[\x00-\x2f]+")
# Octets that Python reads in Microsoft's Shift_JIS, though they are left open there.
_LEFT_OPEN = frozenset((b"\x80", b"\xa0", b"\xfd", b"\xfe", b"\xff"))
_PRIVATE = re.compile("[\x80\ue000-\uf8ff]")  # what such octets, and pairs that stand for nothing, become
_MOST_SEARCHED = 65_536  # octets of one text for which the best reading is searched; the rest is read as it comes
_LONGEST_SEARCHED = 4096  # of one stretch without such an octet
# What a reading costs: a place where it stops, each octet it does not use, a character that nobody has defined, one
# that is rare. What is behind an octet that can be in no character was a character with it; "?" may stand for an octet.
_PLACE, _OCTET, _UNDEFINED, _RARE = 3 << 20, 2 << 20, 2 << 20, 1
_NEVER = frozenset((0x80, 0xFF))
_MARK, _AFTER_MARK = 0x3F, 8 * _RARE


class Mended(NamedTuple):
    """A text with U+FFFD for what could not be read, and how often."""

    text: str
    gaps: int


def is_multi_octet(codec: str) -> bool:
    """Tell whether `mend` reads a charset."""
    return codec in _LEADS


def mend(data: bytes, codec: str) -> Mended:
    """Read octets, damaged ones among them, so that as few places as possible are left out.

    QUIRK: EUC-JP may hold the characters that NEC and Microsoft added to JIS X 0208.

    Returns: the text, with one U+FFFD for each damaged place.
    """
    pieces: list[str] = []
    gaps, at, left = 0, 0, _MOST_SEARCHED
    for stop in (*(found.span() for found in _IN_STEP.finditer(data)), (len(data), len(data))):
        stretch = data[at : stop[0]]
        text = _one(stretch, codec)
        if text is not None and not _PRIVATE.search(text):
            pieces.append(text)
        else:
            if len(stretch) <= min(left, _LONGEST_SEARCHED):
                left -= len(stretch)
                mended = _search(stretch, codec)
            else:
                text = stretch.decode(codec, "replace")
                mended = Mended(text, text.count(GAP))
            pieces.append(mended.text)
            gaps += mended.gaps
        pieces.append(data[slice(*stop)].decode("ascii"))
        at = stop[1]
    return Mended("".join(pieces), gaps)


def _search(data: bytes, codec: str) -> Mended:
    """Find the reading of least cost, from the end to the beginning."""
    read, (first, last) = _reader(codec), _LEADS[codec]
    end = len(data)
    whole = [0] * (end + 1)  # the cost from here to the end, the octet before having been used
    broken = [0] * (end + 1)  # the same, the octet before having been left out
    taken = [0] * (end + 1)  # how many octets the next character has; 0 for an octet that is left out
    taken_broken = [0] * (end + 1)
    for at in range(end - 1, -1, -1):
        cost, size = _PLACE + _OCTET + broken[at + 1] - _AFTER_MARK * (at > 0 and data[at - 1] == _MARK), 0
        for length in range(1, min(4, end - at) + 1):
            code = data[at : at + length]
            text = read(code)
            if text is not None and (other := whole[at + length] + _cost(code, text, first, last)) <= cost:
                cost, size = other, length
        whole[at], taken[at] = cost, size
        broken[at], taken_broken[at] = cost, size
        if (other := broken[at + 1] + (0 if at and data[at - 1] in _NEVER else _OCTET)) < cost or not size:
            broken[at], taken_broken[at] = other, 0
    pieces, at, gaps, is_broken = [], 0, 0, False
    while at < end:
        size = taken_broken[at] if is_broken else taken[at]
        if size:
            pieces.append(read(data[at : at + size]) or "")
        elif not is_broken:
            pieces.append(GAP)
            gaps += 1
        is_broken, at = not size, at + max(size, 1)
    return Mended("".join(pieces), gaps)


def _cost(code: bytes, text: str, first: int, last: int) -> int:
    if code[0] < 0x80:
        return 0
    if _PRIVATE.match(text):
        return _UNDEFINED
    return 0 if first <= code[0] <= last and len(code) > 1 else _RARE


@cache
def _reader(codec: str) -> Callable[[bytes], str | None]:
    """Make what reads the octets of one character; it gives None for what is no character, or more than one."""

    @lru_cache(maxsize=8192)
    def read(code: bytes) -> str | None:
        if len(code) == 1:
            return code.decode("ascii") if code.isascii() else None if code in _LEFT_OPEN else _one(code, codec)
        if code.isascii() or code[0] < 0x80 or _one(code[:1], codec) is not None:
            return None  # several characters
        if (text := _one(code, codec)) is not None and not _is_in_two(code, codec):
            return text
        return _one(shift_jis(code), "cp932") if codec == "euc_jp" and len(code) == 2 and code[1] > 0xA0 else None

    return read


def _one(code: bytes, codec: str) -> str | None:
    try:
        return code.decode(codec)
    except UnicodeDecodeError:
        return None


def _is_in_two(code: bytes, codec: str) -> bool:
    """Tell whether three or four octets are read as one character and others."""
    return len(code) > 2 and any(_one(code[:cut], codec) is not None for cut in range(2, len(code)))


def shift_jis(code: bytes) -> bytes:
    """Write two octets of JIS X 0208, in EUC or in 7 bits, as Shift_JIS does; those that are none give no character."""
    row, cell = code[0] & 0x7F, code[1] & 0x7F
    if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):
        return b"\xff"
    lead = (row - 0x21) // 2 + (0x81 if row < 0x5F else 0xC1)
    trail = cell + 0x7E if row % 2 == 0 else cell + 0x1F + (cell >= 0x60)
    return bytes((lead, trail))


def whole_characters(text: str, codec: str) -> int:
    """Count the characters beyond ASCII that a text in this charset is likely to hold, not by chance.

    In a charset of several octets nearly any two make a character; but accented letters of western charsets, taken
    for first octets, make rare ones.
    """
    odd = [character for character in text if character > "\x7f" and character != GAP]
    if codec not in _LEADS:
        return len(odd)
    first, last = _LEADS[codec]
    return sum(len(code) > 1 and first <= code[0] <= last for code in (one.encode(codec, "ignore") for one in odd))


# --- Unicode ---


def byte_order(data: bytes) -> str:
    """Name the codec for UTF-16 by its byte order mark, by its zero octets, or else the big end. Source: RFC 2781 §4.3.

    A mark of which one octet is damaged still tells.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    high, low = data[:4096:2].count(0), data[1:4096:2].count(0)
    if high != low:
        return "utf-16-be" if high > low else "utf-16-le"
    return "utf-16-le" if data[1:2] == b"\xfe" or data[:1] == b"\xff" else "utf-16-be"


# A run of base64 in UTF-7, with octets that can only be damaged ones: beyond ASCII, or before more base64 and "-"
_UTF7_RUN = compiled(rb"\+((?:[A-Za-z0-9+/\x80-\xff]|[^\s-](?=[A-Za-z0-9+/]++-))*+)-?")
_UTF7_ODD = re.compile(rb"[^A-Za-z0-9+/]")


def mend_utf7(data: bytes) -> Mended:
    """Read UTF-7, odd octets within its runs of base64, which leave a gap and shift nothing."""
    gaps = 0

    def run(found: re.Match[bytes]) -> bytes:
        nonlocal gaps
        if not found[1]:
            return b"+" if found[0] == b"+-" else found[0]
        text, lost = _utf7_units(found[1])
        gaps += lost
        return text.encode()

    octets = _UTF7_RUN.sub(run, data)
    text = octets.decode("utf-8", "replace")
    return Mended(text, max(gaps, text.count(GAP)))


def _utf7_units(run: bytes) -> tuple[str, int]:
    """Read one run: six bits for each character, sixteen for each unit. Source: RFC 2152."""
    from binascii import a2b_base64

    units = bytearray(a2b_base64(_UTF7_ODD.sub(b"A", run) + b"A" * (-len(run) % 4)))
    del units[len(run) * 6 // 16 * 2 :]
    for odd in _UTF7_ODD.finditer(run):
        first, last = odd.start() * 6 // 16, (odd.start() * 6 + 5) // 16
        for unit in range(first, min(last + 1, len(units) // 2)):
            units[unit * 2 : unit * 2 + 2] = b"\xff\xfd"
    text = units.decode("utf-16-be", "replace")
    lost = len(run) * 6 % 16 >= 6  # what is left over is no padding, but half a unit
    return text + GAP * lost, text.count(GAP) + lost
