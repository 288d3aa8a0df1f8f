"""Which characters do these octets stand for, when the label may be missing or wrong?

>>> decode_text("caf\\u00e9".encode("latin-1"), "utf-8")
('café', TextDecoding(declared='utf-8', used='latin-1', step='latin-1', replacements=0))
>>> decode_text("镕".encode("gbk"), "gb2312")[1].step
'superset'
>>> decode_text("áh b".encode() + b"\\xe1h", "utf-8")[0]
'áh b\\ufffdh'
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from emaillab.message.octets import iso2022, mending
from emaillab.message.octets.labels import python_codec
from emaillab.message.octets.mending import GAP, Mended

__all__ = ["TextDecoding", "decode_raw", "decode_text", "python_codec"]

# QUIRK: mailers write the name of the small set and the characters of the large one.
_SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "hz": "gb18030",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "iso2022_jp": "iso2022_jp_ext",
}
# QUIRK: where ISO 8859 has control characters, which no letter means, Windows has quotation marks, dashes and the euro:
# the code page of the same script. Those of the same layout are read by it altogether.
_WINDOWS = {
    "iso8859-1": "cp1252",
    "iso8859-2": "cp1250",
    "iso8859-3": "cp1252",
    "iso8859-4": "cp1257",
    "iso8859-5": "cp1251",
    "iso8859-6": "cp1256",
    "iso8859-7": "cp1253",
    "iso8859-8": "cp1255",
    "iso8859-9": "cp1254",
    "iso8859-10": "cp1257",
    "iso8859-11": "cp874",
    "iso8859-13": "cp1257",
    "iso8859-14": "cp1252",
    "iso8859-15": "cp1252",
    "iso8859-16": "cp1250",
    "tis-620": "cp874",
}
_SAME_LAYOUT = frozenset(("iso8859-1", "iso8859-9", "iso8859-11", "tis-620"))
_WINDOWS_OCTET = re.compile(rb"[\x80-\x9f]")
_NOT_WINDOWS = bytes(octet for octet in range(256) if not 0x80 <= octet <= 0x9F)
_ASCII = bytes(range(128))
_BLANK = re.compile(rb"[\n ]")

# Halves of a character, which UTF-7 can spell and nothing can write.
_SURROGATE = re.compile("[\ud800-\udfff]")
# What Python's codecs let pass: those, escape sequences that they do not know, and octets that Microsoft left open.
_PASSED = {"utf-7": _SURROGATE, "iso2022": re.compile("[\x0e\x0f\x1b]"), "cp932": re.compile("[\x80\ue000-\uf8ff]")}
_ODD = re.compile(f"{GAP}+|[\ue000-\uf8ff]")
_ISO_2022_NAME = re.compile(r"(?:cs)?iso-?2022", re.IGNORECASE)
_MOST_JUDGED = 20_000  # characters by which a damaged text is judged


@dataclass(frozen=True, slots=True)
class TextDecoding:
    """How a text was read: the charset declared, the one used, and the step of the chain that succeeded."""

    declared: str | None
    used: str
    step: str  # "declared", "default", "superset", "utf-8", "damaged" or "latin-1"
    replacements: int


def decode_text(data: bytes, declared: str | None) -> tuple[str, TextDecoding]:
    """Decode octets by the declared charset, its superset, strict UTF-8, and at last latin-1, which cannot fail.

    The superset comes first where the declared charset has nothing but control characters for some octets. Octets
    that fail all strict steps, but hold whole characters of the declared charset, are damaged: they are still read by
    it, with U+FFFD where they are. A charset of 7-bit octets with escape sequences (ISO-2022, HZ) is never taken for
    UTF-8 because it has 7 bits only, and none of those sequences is left in the text.

    Returns: the text, and how it was found.
    """
    codec = python_codec(declared) if declared else "ascii"
    if codec == "utf-8" and (text := _strict(data, codec)) is not None:  # nearly all letters
        return text, TextDecoding(declared, codec, "declared", 0)
    found = _strict_steps(data, declared, codec)
    if found is None and iso2022.is_meant(data, codec, declared is not None and bool(_ISO_2022_NAME.match(declared))):
        found = _by_escapes(data, codec)
    if found is None and _may_be_utf8(data, codec) and (text := _strict(data, "utf-8")) is not None:
        found = text, "utf-8", "utf-8", 0
    if found is None:
        found = _damaged(data, codec) or _latin(data)
    text, used, step, replacements = found
    return text, TextDecoding(declared, used, step, replacements)


_Found = tuple[str, str, str, int]


def _strict_steps(data: bytes, declared: str | None, codec: str | None) -> _Found | None:
    """Read all octets by the declared charset or its superset; None when neither has characters for all of them."""
    if codec in _WINDOWS and _WINDOWS_OCTET.search(data) and (found := _with_windows(data, codec)):
        return (*found, "superset", 0)
    if codec and codec.startswith(("utf-16", "utf-32")) and data.isascii() and _may_be_utf8(data, codec):
        return None
    if (b"\x1b" in data or b"\x0e" in data) and iso2022.is_hidden(data, codec):
        return None
    name = mending.byte_order(data) if codec == "utf-16" else codec
    wider = None if codec == "hz" and b"~" in data else _SUPERSETS.get(codec or "")
    for step, one in (("declared" if declared else "default", name), ("superset", wider)):
        text = _strict(data, one)
        if text is not None and one is not None:
            return text, one, step, 0
    return None


def _may_be_utf8(data: bytes, codec: str | None) -> bool:
    """Tell whether octets in UTF-8 say that the declared charset is wrong: not if ASCII has a meaning of its own there.

    QUIRK: ASCII with blanks and line ends is no UTF-16, whatever was declared.
    """
    if codec is None or not data.isascii():
        return True
    if codec.startswith(("utf-16", "utf-32")):
        return b"\0" not in data and _BLANK.search(data) is not None
    return codec != "utf-7"


def _by_escapes(data: bytes, codec: str | None) -> _Found:
    mended = iso2022.read(data, codec)
    if mended.gaps and not data.isascii() and (text := _strict(data, "utf-8")) is not None:
        return text, "utf-8", "utf-8", 0
    return mended.text, codec or "iso2022_jp", "damaged" if mended.gaps else "superset", mended.gaps


def _damaged(data: bytes, codec: str | None) -> _Found | None:
    """Read octets that hold whole characters of the declared charset, with gaps; of UTF-8, where none is declared."""
    if codec is None or codec == "ascii":
        text = _mostly_utf8(data)
        return None if text is None else (text, "utf-8", "damaged", text.count(GAP) - _gaps_written(data))
    name = _SUPERSETS.get(codec, codec)
    if name == "utf-16":
        name = mending.byte_order(data)
    if mending.is_multi_octet(name):
        mended = mending.mend(data, name)
    elif name == "utf-7":
        mended = mending.mend_utf7(data)
    else:
        text = _SURROGATE.sub(GAP, data.decode(name, "replace"))
        mended = Mended(text, text.count(GAP) - (_gaps_written(data) if name == "utf-8" else 0))
    judged = mended.text[:_MOST_JUDGED]
    if len(_ODD.findall(judged)) <= 2 * mending.whole_characters(judged, name) or _is_cut(data, name):
        return mended.text, name, "damaged" if mended.gaps else "superset", mended.gaps
    return None


def _is_cut(data: bytes, codec: str) -> bool:
    """Tell whether nothing is wrong but that the last character is not all there: two or three octets of UTF-8."""
    try:
        data.decode(codec)
    except UnicodeDecodeError as error:
        return codec == "utf-8" and error.reason == "unexpected end of data" and error.end - error.start > 1
    return False


def _gaps_written(data: bytes) -> int:
    """Count the replacement characters that stand in UTF-8 itself."""
    return data.count(GAP.encode())


def _latin(data: bytes) -> _Found:
    """Read octets of which nothing is known. QUIRK: Windows octets are more likely meant than control characters."""
    text = _strict(data, "cp1252") if _WINDOWS_OCTET.search(data) else None
    return (data.decode("latin-1"), "latin-1", "latin-1", 0) if text is None else (text, "cp1252", "latin-1", 0)


def _with_windows(data: bytes, codec: str) -> tuple[str, str] | None:
    """Read the octets 80 to 9F as Windows has them; None when it has no characters for them.

    Where one of them is a letter, the whole text is Windows's: letters stand in other places there.
    """
    page = _WINDOWS[codec]
    octets = bytes(set(data.translate(None, _NOT_WINDOWS)))
    marks = _strict(octets, page)
    if marks is None:
        return None
    whole = codec in _SAME_LAYOUT or any(mark.isalpha() for mark in marks if mark not in "ƒˆ")
    text = _strict(data, page if whole else codec)
    if text is None or whole:
        return None if text is None else (text, page)
    return text.translate(dict(zip(octets, marks, strict=True))), codec


def decode_raw(data: bytes) -> str:
    """Decode octets that declare no charset: UTF-8, also with gaps where it is damaged, else latin-1.

    QUIRK: octets with the escape sequences of ISO-2022-JP are read by them.

    Source: RFC 6532 §3.2.
    """
    if b"\x1b" in data and iso2022.is_meant(data, None, False):
        return iso2022.read(data).text
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _mostly_utf8(data) or data.decode("latin-1")


def _mostly_utf8(data: bytes) -> str | None:
    """Read UTF-8 that nobody declared with gaps; None when no more of its octets are in whole characters than not."""
    text = data.decode("utf-8", "replace")
    whole = len(text.replace(GAP, "").encode().translate(None, _ASCII))
    odd = len(data.translate(None, _ASCII)) - whole - len(GAP.encode()) * _gaps_written(data)
    return text if whole > odd else None


def _strict(data: bytes, codec: str | None) -> str | None:
    """Read octets that are all in characters; None when some are in none, or Python's codec has let some pass."""
    try:
        text = None if codec is None else data.decode(codec)
    except (UnicodeError, LookupError):
        return None
    passed = _PASSED.get(codec.partition("_")[0]) if codec else None
    return None if passed and text and passed.search(text) else text
