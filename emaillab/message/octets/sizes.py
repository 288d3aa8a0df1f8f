"""What does it cost to send this text in that encoding, in octets on the wire?

Each formula stands for what can be measured: the tests lay one beside the other.

>>> b64_size(1_000_000), round(qp_size(1_000_000, share=0.158)), round(QP_CROSSING, 3)
(1368424, 1368640, 0.158)
>>> word_count(14), subject_size(14)
(2, 94)
>>> [(text, best_encoding(text.encode())) for text in ("hello", "Grüße aus Köln, wo es heute regnet", "你好")]
[('hello', '7bit'), ('Grüße aus Köln, wo es heute regnet', 'quoted-printable'), ('你好', 'base64')]
"""

from __future__ import annotations

import math
import re

from emaillab.message.octets.encodings import LINE_LIMIT, needs_escape

BASE64_FACTOR = 78 / 57  # 57 octets become a line of 76 characters and CRLF
QP_LINE_FACTOR = 78 / 75  # 75 characters of a long line are followed by "=" CRLF
QP_CROSSING = (BASE64_FACTOR / QP_LINE_FACTOR - 1) / 2
"""The share of escaped octets at which base64 becomes the smaller: 0.158."""
EIGHT_BIT_SAVING = 1 - 1 / BASE64_FACTOR
"""What 8BITMIME saves against base64: 26.9 %. Source: RFC 6152."""
TEXT_LINE = 998  # RFC 5322 §2.1.1

_BARE_LINE_END = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_DOT_LINE = re.compile(rb"(?:\A|(?<=\r\n))\.")


# --- the body, RFC 2045 §6 ---


def b64_size(n: int) -> int:
    """Compute the octets that `n` octets need in base64, with a CRLF after each line. Source: RFC 2045 §6.8."""
    characters = 4 * math.ceil(n / 3)
    return characters + 2 * math.ceil(characters / LINE_LIMIT)


def encoded_share(data: bytes) -> float:
    """Measure the share of octets that quoted-printable must write as =XX, from 0 to 1."""
    return needs_escape(data) / len(data) if data else 0.0


def qp_size(n: int, share: float) -> float:
    """Estimate the octets that `n` octets on long lines need in quoted-printable.

    Arguments: `share`, from 0 to 1, is the part of the octets that must be written as =XX.

    Source: RFC 2045 §6.7: three octets for an escaped one, and "=" CRLF after 75 characters.
    """
    return n * (1 + 2 * share) * QP_LINE_FACTOR


def qp_short_size(data: bytes) -> int:
    """Compute the octets of quoted-printable for text whose lines stay within 76 characters: 1 + 2f, nothing more."""
    return len(data) + 2 * sum(needs_escape(line) for line in data.split(b"\r\n"))


def best_encoding(data: bytes, *, eight_bit: bool = False, longest: int = TEXT_LINE) -> str:
    """Choose the Content-Transfer-Encoding that costs least: as it is where that is legal, else by the formulas.

    Arguments: `eight_bit` tells that the whole path offers 8BITMIME; `longest` is the most octets of a line to send
    as it is.

    Source: RFC 2045 §2.7-2.9, §6.7, §6.8.
    """
    if is_text(data, longest):
        if data.isascii():
            return "7bit"
        if eight_bit:
            return "8bit"
    text = data.replace(b"\r\n", b"")
    return "quoted-printable" if qp_size(len(text), encoded_share(text)) <= b64_size(len(text)) else "base64"


def is_text(data: bytes, longest: int = TEXT_LINE) -> bool:
    """Tell whether octets are lines: ended by CRLF, none too long, no NUL. Source: RFC 2045 §2.7, §2.8."""
    return (
        b"\0" not in data
        and _BARE_LINE_END.search(data) is None
        and all(len(line) <= longest for line in data.split(b"\r\n"))
    )


def stuffing_size(content: bytes) -> int:
    """Count the octets that dot-stuffing adds: one for each line that begins with a dot.

    Random printable lines begin with one in 1 of 95 cases. Source: RFC 5321 §4.5.2.
    """
    return len(_DOT_LINE.findall(content))


# --- the subject, RFC 2047 §2 ---


def words_room(used: int = len("Subject: "), charset: str = "utf-8") -> tuple[int, int]:
    """Compute how many octets fit into the first encoded word in B, and into each further one.

    A word has 75 octets, a line with one 76; base64 comes in fours. Source: RFC 2047 §2.
    """
    frame = len(f"=?{charset}?B??=")
    first, further = min(75, 76 - used) - frame, 75 - frame
    return first // 4 * 3, further // 4 * 3


def word_count(characters: int, *, octets: int = 3, used: int = len("Subject: ")) -> int:
    """Compute the encoded words for characters of that many octets each: Chinese in UTF-8, unless told otherwise."""
    first, further = (max(room, 0) // octets for room in words_room(used))
    if characters <= first:
        return int(characters > 0)
    return (first > 0) + math.ceil((characters - first) / further)


def subject_size(characters: int, *, octets: int = 3) -> int:
    """Compute the octets of a Subject field of characters of that many octets each, with folds and final CRLF.

    A word of k Chinese characters has 4k + 12 octets; each word is followed by CRLF and led by a blank.
    """
    name = len("Subject:")
    if not characters:
        return name + 2
    per_word = [room // octets for room in words_room()]
    total, left = name, characters
    for word in range(word_count(characters, octets=octets)):
        held = min(left, per_word[word > 0])
        total += 1 + 12 + 4 * math.ceil(held * octets / 3) + 2
        left -= held
    return total
