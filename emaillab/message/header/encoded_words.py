"""How does a header, which is ASCII, carry 你好?

As encoded words, `=?charset?encoding?text?=`, each short, whole and readable on its own.

>>> encode_words("你好")
[b'=?utf-8?B?5L2g5aW9?=']
>>> decode_words(b"=?utf-8?B?5L2g?= =?utf-8?Q?_=E5=A5=BD?= !")
'你 好 !'
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from emaillab.message.octets.charsets import decode_raw, decode_text, python_codec
from emaillab.message.octets.defects import Defect
from emaillab.message.octets.encodings import decode_base64, decode_quoted_printable

WORD_LIMIT = 75  # RFC 2047 §2
LINE_LIMIT = 76  # of a line that holds an encoded word, RFC 2047 §2

# encoded-word := "=?" charset ["*" language] "?" encoding "?" encoded-text "?="     RFC 2047 §2, RFC 2231 §5
# QUIRK: found beside other text too, where §5 wants a blank; a word over 75 octets is read like any other.
_WORD = re.compile(rb"=\?([^?*\s]+)(?:\*([^?\s]*))?\?([BbQq])\?([^?\s]*)\?=")
_GLUE = re.compile(rb"[A-Za-z0-9=?\x80-\xff]")
_BLANK = re.compile(rb"[ \t\r\n]+\Z")
# Octets that Q may leave as they are everywhere, also in a phrase.  RFC 2047 §5 (3)
_Q_LITERAL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


@dataclass(frozen=True, slots=True)
class EncodedWord:
    """One encoded word of a header: where it stands and what it says."""

    span: tuple[int, int]
    charset: str
    language: str
    encoding: str  # "B" or "Q"
    octets: bytes


def find_words(data: bytes) -> list[EncodedWord]:
    """Find the encoded words in header octets, wherever they stand. Source: RFC 2047 §2, RFC 2231 §5."""
    return [
        EncodedWord(
            match.span(),
            match[1].decode("latin-1"),
            (match[2] or b"").decode("latin-1"),
            match[3].decode("ascii").upper(),
            _word_octets(match[3], match[4]),
        )
        for match in _WORD.finditer(data)
    ]


def _word_octets(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"Bb":
        return decode_base64(text)
    return decode_quoted_printable(text.replace(b"_", b"=20"))


def decode_words(data: bytes) -> str:
    """Decode all encoded words in header octets; other octets are read as UTF-8 or else latin-1.

    Blanks between two words are dropped, blanks between a word and other text are kept (RFC 2047 §6.2).
    QUIRK: neighbours of one charset are joined before they are decoded, since mailers split characters; not words of
    UTF-16 that are whole, each of which may have a byte order mark.
    """
    if b"=?" not in data:
        return decode_raw(data)
    pieces: list[str] = []
    octets, charset, at = bytearray(), "", 0
    for word in find_words(data):
        between = data[at : word.span[0]]
        neighbour = charset and (not between or _BLANK.match(between))
        if octets and not (neighbour and word.charset.lower() == charset and not _has_own_order(octets, charset)):
            pieces.append(decode_text(bytes(octets), charset)[0])
            octets.clear()
        if not neighbour:
            pieces.append(decode_raw(between))
        octets += word.octets
        charset, at = word.charset.lower(), word.span[1]
    if octets:
        pieces.append(decode_text(bytes(octets), charset)[0])
    pieces.append(decode_raw(data[at:]))
    return "".join(pieces)


def _has_own_order(octets: bytes | bytearray, charset: str) -> bool:
    """Tell whether whole characters stand here whose order of octets is said within: what follows has its own."""
    codec = python_codec(charset)
    return codec in ("utf-16", "utf-32") and _is_whole(bytes(octets), codec)


def word_defects(data: bytes, at: int = 0, used: int = 0) -> Iterator[Defect]:
    """List what is wrong with encoded words; `at` is the offset of `data`, `used` what stands before it on its line."""
    line_end = -1
    for word in find_words(data):
        start, end = word.span
        if end - start > WORD_LIMIT:
            yield Defect("encoded-word-over-75", at + start, "2047 §2", "decoded all the same")
        if _GLUE.match(data[max(start - 1, 0) : start]) or _GLUE.match(data[end : end + 1]):
            yield Defect(
                "encoded-word-glued", at + start, "2047 §5", "no blank parts it from text; decoded all the same"
            )
        codec = python_codec(word.charset)
        if codec is None:
            yield Defect("encoded-word-charset", at + start, "2047 §6.2", "read as UTF-8 or latin-1")
        elif not _is_whole(word.octets, codec):
            yield Defect(
                "encoded-word-octets", at + start, "2047 §5", "no whole characters; joined with its neighbours"
            )
        if start > line_end:
            line_start = data.rfind(b"\n", 0, start) + 1 or -used
            line_end = data.find(b"\n", end)
            line_end = line_end if line_end >= 0 else len(data)
            if line_end - data.endswith(b"\r", 0, line_end) - line_start > LINE_LIMIT:
                yield Defect("encoded-word-line-over-76", at + line_start, "2047 §2", "read on to its end")


def _is_whole(octets: bytes, codec: str) -> bool:
    try:
        octets.decode(codec)
    except UnicodeError:
        return False
    return True


def word_lengths(text: str, charset: str = "utf-8") -> tuple[int, int]:
    """Count the characters that a text takes in Q and in B, without the frame of the words around them."""
    octets = text.encode(charset)
    return _q_length(octets), _encoded_length(octets)


def encode_words(text: str, *, used: int = 0, charset: str = "utf-8", encoding: str = "B") -> list[bytes]:
    """Encode text as encoded words of whole characters: 75 octets at most each, 76 on a line.

    Arguments: `used` octets already stand on the first line, such as 9 for "Subject: "; each later word begins
    a line of its own after one blank. `encoding` is "B" or "Q".

    Raises: ValueError when a line leaves no room for a single character, UnicodeEncodeError when the charset
    lacks one.
    Source: RFC 2047 §2, §5.
    """
    if encoding not in ("B", "Q"):
        raise ValueError(f"an encoded word is written in B or Q, not {encoding!r}")
    head = b"=?%s?%s?" % (charset.encode("ascii"), encoding.encode("ascii"))
    words: list[bytes] = []
    chunk, cost = b"", 0
    room = min(WORD_LIMIT, LINE_LIMIT - used) - len(head) - 2
    for character in text:
        octets = character.encode(charset)
        grown = _encoded_length(chunk + octets) if encoding == "B" else cost + _q_length(octets)
        if chunk and grown > room:
            words.append(_word(head, encoding, chunk))
            chunk, grown, room = b"", _length(encoding, octets), WORD_LIMIT - len(head) - 2
        if grown > room and not words and not chunk:
            # The first line is full already: the first word moves to the next.
            room = WORD_LIMIT - len(head) - 2
        if grown > room:
            raise ValueError(f"no encoded word of {WORD_LIMIT} octets in {charset} can hold {character!r}")
        chunk, cost = chunk + octets, grown
    if chunk:
        words.append(_word(head, encoding, chunk))
    return words


def _length(encoding: str, octets: bytes) -> int:
    return _encoded_length(octets) if encoding == "B" else _q_length(octets)


def _encoded_length(octets: bytes) -> int:
    return (len(octets) + 2) // 3 * 4


def _q_length(octets: bytes) -> int:
    return sum(1 if octet in _Q_LITERAL or octet == 0x20 else 3 for octet in octets)


def _word(head: bytes, encoding: str, octets: bytes) -> bytes:
    if encoding == "B":
        return head + binascii.b2a_base64(octets, newline=False) + b"?="
    text = b"".join(
        b"_" if octet == 0x20 else bytes((octet,)) if octet in _Q_LITERAL else b"=%02X" % octet for octet in octets
    )
    return head + text + b"?="
