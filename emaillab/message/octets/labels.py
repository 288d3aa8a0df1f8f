"""Which codec reads a charset of this name, as mailers spell it?

The names are those of Python's own codecs and their aliases, and the WHATWG's, which the `webencodings` package keeps:
what mailers write that IANA never registered is in one or the other.

>>> python_codec("iso-8859-1"), python_codec('"UTF_8"-'), python_codec("x-sjis"), python_codec("windows-31j")
('iso8859-1', 'utf-8', 'cp932', 'cp932')
>>> python_codec("x-unknown") is None
True
"""

from __future__ import annotations

import codecs
import encodings
import pkgutil
import re
from encodings.aliases import aliases
from functools import cache, lru_cache

import webencodings

_LONGEST = 80  # characters of a name; a charset's has at most 40 (RFC 2978 §2.3), the longest registered one has 45

# Registered by IANA, or written by mailers, and in neither table. The keys are as `_key` makes them.
_FURTHER = {
    "extendedunixcodepackedformatforjapanese": "euc_jp",
    "jisencoding": "iso2022_jp",
    "iso10646ucs4": "utf_32",
    "ucs4": "utf_32",
    "iso10646": "utf_16",
    "pcmultilingual850euro": "cp858",
    "unicode20utf7": "utf_7",
    "utf8mb4": "utf_8",
    "utf8mb3": "utf_8",
    "cp50220": "iso2022_jp",
    "cp50221": "iso2022_jp",
    "cp50222": "iso2022_jp",
    "cp51932": "euc_jp",
    "macce": "mac_latin2",
    "maccentraleurope": "mac_latin2",
}
# Names in the tables that stand for no codec. The WHATWG's "replacement" hides a whole text, for the sake of scripts in
# web pages; some of Python's modules are none, or none everywhere.
_NO_CODECS = frozenset(("replacement", "x-user-defined", "aliases", "_win_cp_codecs", "undefined", "mbcs", "oem"))
# Codecs that are not charsets of mail; punycode and idna even take quadratic time.
_NOT_FOR_MAIL = frozenset(("idna", "punycode", "unicode-escape", "raw-unicode-escape", "charmap"))

_NOT_IN_KEYS = re.compile(r"[^a-z0-9]+")
_LEADING_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
# The number of a code page, however its maker is called: windows-874, cp-1252, win1251, IBM00858, csPC775Baltic.
_CODE_PAGE = re.compile(r"(?:windows|win|cp|ibm|ms|dos|oem|ansi|ccsid|codepage|pcp?|pc8codepage)([0-9]{3,5})[a-z]*")
# What is added to the name of a charset: by whom it was changed, in which order it is written, a year.
_ADDED = re.compile(r"[-_:.+ ]+(?:ms|win|open|mac|docomo|kddi|softbank|eten|[ei]|(?:19|20)[0-9]{2})\Z")


@lru_cache(maxsize=1024)
def python_codec(charset: str) -> str | None:
    """Name Python's codec for a charset of mail; None when there is none.

    Only letters and digits of a name count, and no leading zeros (Unicode Technical Standard 22, §1.4). QUIRK: quotes
    and hyphens around the name, "x-" and "cs" before it, what a maker or a year adds behind it.

    Returns: the codec's own name, such as "utf-8" or "iso8859-1".
    """
    name = charset.partition(";")[0].strip(" \t\r\n\"'`<>=*-_,").lower()
    if not name or len(name) > _LONGEST or not name.isascii() or not name.isprintable():
        return None
    while True:
        found = _named(_key(name))
        if found is not None:
            return found
        shorter = _ADDED.sub("", name)
        if shorter == name:
            return None
        name = shorter


def _key(label: str) -> str:
    """Give the letters and digits by which two names are the same."""
    return _LEADING_ZEROS.sub("", _NOT_IN_KEYS.sub("", label.lower()))


def _named(key: str) -> str | None:
    for one in (key, key.removeprefix("cs"), key.removeprefix("x"), key.removeprefix("xx"), "iso" + key):
        page = _CODE_PAGE.fullmatch(one)
        for name in (one, f"cp{page[1]}") if page else (one,):
            if codec := _codec(name):
                return codec
    return None


def _codec(key: str) -> str | None:
    """Name the codec of exactly this name: Python's own names count first, being the exact ones."""
    python, whatwg = _known()
    if key in python:
        info = codecs.lookup(python[key])
    elif key in whatwg:
        info = webencodings.lookup(whatwg[key]).codec_info
    else:
        return None
    return info.name if info.name not in _NOT_FOR_MAIL and getattr(info, "_is_text_encoding", True) else None


@cache
def _known() -> tuple[dict[str, str], dict[str, str]]:
    """Gather all names, as `_key` makes them: those of Python's codecs, and the WHATWG's labels."""
    modules = {module.name for module in pkgutil.iter_modules(encodings.__path__)} - _NO_CODECS
    python = {_key(label): name for label, name in aliases.items() if name in modules}
    python |= {_key(name): name for name in modules}
    whatwg = {_key(label): label for label, name in webencodings.LABELS.items() if name not in _NO_CODECS}
    return _FURTHER | python, whatwg
