"""How does 你好 get into a header line, into a file name, into the name of an IMAP mailbox, step by step?

>>> print(words_working("你好 世界", used=len("Subject: ")))
encoded words: 5 characters in utf-8, 13 octets; Q would take 37 characters, B takes 20
word  text       octets  written                           word length  line length
   1  你好 世界      13  =?utf-8?B?5L2g5aW9IOS4lueVjA==?=           32           41
>>> words_working("你好").result
[b'=?utf-8?B?5L2g5aW9?=']
>>> parameter_working("filename", "你.txt").result
[b"filename*=utf-8''%E4%BD%A0.txt"]
>>> mailbox_name_working("R&D/草").result
b'R&-D/&g0k-'
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from emaillab.message.header.encoded_words import EncodedWord, decode_words, encode_words, find_words, word_lengths
from emaillab.message.header.parameters import encode_parameter
from emaillab.message.octets.charsets import decode_raw, decode_text
from emaillab.message.octets.utf7 import encode_name, runs
from emaillab.message.working.encodings import Working

# --- encoded words, RFC 2047 ---


@dataclass(frozen=True, slots=True)
class WordStep:
    """One encoded word: whole characters, 75 octets at most, on a line of 76 at most."""

    word: int
    text: str
    octets: int
    written: str
    word_length: int
    line_length: int


def words_working(
    text: str, *, used: int = 0, charset: str | None = None, encoding: str | None = None
) -> Working[list[bytes], WordStep]:
    """Encode text in encoded words, showing how charset and encoding are chosen and where the words end.

    Arguments: `used` octets already stand on the first line; without `charset`, ASCII text needs no word at all and
    other text is written in UTF-8; without `encoding`, the shorter of Q and B is taken.

    Raises: UnicodeEncodeError when the charset lacks a character.
    Source: RFC 2047 §2, §4, §5.
    """
    if charset is None and text.isascii() and "=?" not in text:
        return Working(
            "encoded words: none, the text is ASCII as it is", [text.encode()] if text else [], (), "2047 §2"
        )
    name = charset or "utf-8"
    q, b = word_lengths(text, name)
    chosen = encoding or ("Q" if q <= b else "B")
    result = encode_words(text, used=used, charset=name, encoding=chosen)
    steps, room = [], used
    for number, word in enumerate(result, start=1):
        found = find_words(word)[0]
        moved = number > 1 or room + len(word) > 76
        line = len(word) + (1 if moved else room)
        steps.append(WordStep(number, _text(found), len(found.octets), word.decode("ascii"), len(word), line))
    counts = f"{len(text)} characters in {name}, {len(text.encode(name))} octets"
    lengths = (
        f"Q takes {q} characters, B would take {b}" if chosen == "Q" else f"Q would take {q} characters, B takes {b}"
    )
    return Working(f"encoded words: {counts}; {lengths}", result, tuple(steps), "2047 §2")


def _text(word: EncodedWord) -> str:
    return decode_text(word.octets, word.charset)[0]


@dataclass(frozen=True, slots=True)
class WordReading:
    """A piece of a header value: an encoded word, other text, or a blank between two words."""

    at: int
    written: str
    charset: str
    language: str
    encoding: str
    octets: bytes
    text: str
    note: str


def words_reading(data: bytes) -> Working[str, WordReading]:
    """Decode the encoded words in header octets, showing each piece and the blanks that are dropped.

    Source: RFC 2047 §6.2; RFC 2231 §5 for the language.
    """
    steps: list[WordReading] = []
    at = 0
    for word in find_words(data):
        if word.span[0] > at:
            steps.append(_between(data, at, word.span[0], after_word=at > 0))
        written = data[slice(*word.span)].decode("latin-1")
        note = "" if len(written) <= 75 else "over 75 octets"
        steps.append(
            WordReading(
                word.span[0], written, word.charset, word.language, word.encoding, word.octets, _text(word), note
            )
        )
        at = word.span[1]
    if at < len(data):
        steps.append(WordReading(at, decode_raw(data[at:]), "", "", "", data[at:], decode_raw(data[at:]), ""))
    result = decode_words(data)
    words = len(find_words(data))
    return Working(f"encoded words: {words} in {len(data)} octets", result, tuple(steps), "2047 §6.2")


def _between(data: bytes, start: int, end: int, after_word: bool) -> WordReading:
    octets = data[start:end]
    shown = decode_raw(octets)
    if after_word and not octets.strip(b" \t\r\n"):
        return WordReading(start, shown, "", "", "", octets, "", "blank between two words: dropped")
    return WordReading(start, shown, "", "", "", octets, shown, "")


# --- parameters, RFC 2231 ---


@dataclass(frozen=True, slots=True)
class ParameterStep:
    """One piece of a parameter: its section number, and what of it is percent-encoded."""

    section: str
    charset: str
    language: str
    written: str
    octets: bytes
    length: int
    rule: str


# section = "*" 1*DIGIT;  extended = "*"     RFC 2231 §7
_PIECE = re.compile(rb"[^*=]+(\*\d+)?(\*)?=(.*)", re.DOTALL)
_PERCENT = re.compile(rb"%([0-9A-F]{2})")


def parameter_working(name: str, value: str, language: str = "") -> Working[list[bytes], ParameterStep]:
    """Write a parameter, showing its pieces; see `encode_parameter`. Source: RFC 2045 §5.1, RFC 2231 §3, §4."""
    result = encode_parameter(name, value, language)
    steps = tuple(map(_parameter_step, result))
    return Working(f"parameter {name}: {len(value)} characters in {len(result)} pieces", result, steps, "2231 §3, §4")


def _parameter_step(piece: bytes) -> ParameterStep:
    found = _PIECE.fullmatch(piece)
    section, extended, text = (found[1] or b"", found[2], found[3]) if found else (b"", None, piece)
    written = piece.decode("ascii")
    if extended is None:
        quoted = text.startswith(b'"')
        rule = "quoted string: specials or blanks" if quoted else "token"
        octets = re.sub(rb"\\(.)", rb"\1", text[1:-1]) if quoted else text
        return ParameterStep(section.decode(), "", "", written, octets, len(piece), rule)
    charset = language = b""
    if section in (b"", b"*0"):
        charset, language, text = text.split(b"'", 2)
    octets = _PERCENT.sub(lambda octet: bytes.fromhex(octet[1].decode()), text)
    rule = "charset and language, then %XX" if charset else "%XX, in the first piece's charset"
    return ParameterStep(section.decode(), charset.decode(), language.decode(), written, octets, len(piece), rule)


# --- mailbox names, RFC 3501 §5.1.3 ---


@dataclass(frozen=True, slots=True)
class NameStep:
    """A run of a mailbox name: ASCII as it is, the rest as base64 of UTF-16 between "&" and "-"."""

    text: str
    utf_16: bytes
    bits: str
    written: str
    rule: str


def mailbox_name_working(name: str) -> Working[bytes, NameStep]:
    """Write a mailbox name in modified UTF-7, showing its runs. Source: RFC 3501 §5.1.3."""
    result = encode_name(name)
    steps = tuple(_name_step(run, written.decode("ascii")) for run, written in runs(name))
    return Working(f"modified UTF-7: {len(name)} characters become {len(result)}", result, steps, "3501 §5.1.3")


def _name_step(run: str, written: str) -> NameStep:
    if " " <= run[0] <= "~":
        return NameStep(run, b"", "", written, "'&' is written '&-'" if "&" in run else "ASCII: as it is")
    octets = run.encode("utf-16-be", "surrogatepass")
    bits = "".join(f"{octet:08b}" for octet in octets)
    groups = " ".join(bits[at : at + 6].ljust(6, "0") for at in range(0, len(bits), 6))
    return NameStep(run, octets, groups, written, "base64 of UTF-16, no '=', ',' for '/'")
