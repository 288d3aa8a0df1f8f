"""Which characters do these octets stand for, when the label may be missing or wrong?

>>> decode_text("caf\\u00e9".encode("latin-1"), "utf-8")
('café', TextDecoding(declared='utf-8', used='latin-1', step='latin-1', replacements=0))
>>> decode_text("镕".encode("gbk"), "gb2312")[1].step
'superset'
"""

from __future__ import annotations

import codecs
import encodings
import pkgutil
import re
from dataclasses import dataclass
from encodings.aliases import aliases
from functools import cache, lru_cache

# charset names are at most 40 characters (RFC 2978 §2.3)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,39}")

# QUIRK: names that mailers write and Python does not know.
_ALIASES = {
    "x-gbk": "gbk",
    "x-big5": "big5",
    "x-sjis": "shift_jis",
    "x-euc-jp": "euc_jp",
    "x-windows-949": "cp949",
    "x-mac-roman": "mac_roman",
    "gb18030-2000": "gb18030",
    "iso-8859-8-i": "iso8859_8",
    "iso-8859-8-e": "iso8859_8",
    "unicode-1-1-utf-7": "utf_7",
    "x-unicode-2-0-utf-7": "utf_7",
    "us-ascii": "ascii",
    "cp-850": "cp850",
    "utf-8mb4": "utf_8",
}

# QUIRK: mailers write the name of the small set and the characters of the large one.
_SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "hz": "gb18030",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso2022_jp": "iso2022_jp_ext",
}

# QUIRK: where ISO 8859 has control characters, which no letter means, Windows has quotation marks, dashes and the euro.
_WINDOWS_OCTET = re.compile(rb"[\x80-\x9f]")

# Halves of a character, which UTF-7 can spell and nothing can write.
_SURROGATE = re.compile("[\ud800-\udfff]")

# Codecs that are not charsets of mail; punycode and idna even take quadratic time.
_NOT_FOR_MAIL = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"}


@dataclass(frozen=True, slots=True)
class TextDecoding:
    """How a text was read: the charset declared, the one used, and the step of the chain that succeeded."""

    declared: str | None
    used: str
    step: str  # "declared", "default", "superset", "utf-8", "damaged" or "latin-1"
    replacements: int


@lru_cache(maxsize=1000)
def python_codec(charset: str) -> str | None:
    """Name Python's codec for a charset of mail; None when there is none.

    Returns: the codec's own name, such as "utf-8" or "iso8859-1".
    """
    if not _NAME.fullmatch(charset):
        return None
    name = encodings.normalize_encoding(_ALIASES.get(charset.lower(), charset)).lower()
    # Python looks for a file by any name that it is asked for, and never forgets it: no stranger may choose that name.
    if not (name in aliases or name.replace(".", "_") in aliases or name in _codecs_without_alias()):
        return None
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    if info.name in _NOT_FOR_MAIL or not getattr(info, "_is_text_encoding", True):
        return None
    return info.name


@cache
def _codecs_without_alias() -> frozenset[str]:
    """List the modules of Python's codecs, since some of them have no other name."""
    return frozenset(module.name for module in pkgutil.iter_modules(encodings.__path__))


def decode_text(data: bytes, declared: str | None) -> tuple[str, TextDecoding]:
    """Decode octets by the declared charset, its superset, strict UTF-8, and at last latin-1, which cannot fail.

    The superset comes first where the declared charset has nothing but control characters for some octets.
    A text that fails all strict steps but is damaged in less than one place in twenty is still read by its
    declared charset, with U+FFFD in those places: better than to show a whole Chinese letter as latin-1.

    Returns: the text, and how it was found.
    """
    codec = python_codec(declared) if declared else "ascii"
    steps = [("declared" if declared else "default", codec), ("superset", _SUPERSETS.get(codec or ""))]
    if codec and codec.startswith("iso8859") and _WINDOWS_OCTET.search(data):
        steps.reverse()
    for step, name in (*steps, ("utf-8", "utf-8")):
        text = _strict(data, name)
        if text is not None and name is not None:
            return text, TextDecoding(declared, name, step, 0)
    if codec is not None and codec != "ascii":
        name = _SUPERSETS.get(codec, codec)
        text = data.decode(name, "replace")
        text = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
        bad = text.count("\N{REPLACEMENT CHARACTER}")
        if bad * 20 <= len(text):
            return text, TextDecoding(declared, name, "damaged", bad)
    return data.decode("latin-1"), TextDecoding(declared, "latin-1", "latin-1", 0)


def decode_raw(data: bytes) -> str:
    """Decode octets that declare no charset: UTF-8 when they are UTF-8, else latin-1. Source: RFC 6532 §3.2."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _strict(data: bytes, codec: str | None) -> str | None:
    try:
        text = None if codec is None else data.decode(codec)
    except (UnicodeError, LookupError):
        return None
    return None if codec == "utf-7" and text and _SURROGATE.search(text) else text
