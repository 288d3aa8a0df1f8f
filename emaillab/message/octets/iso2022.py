r"""Which characters do 7-bit octets stand for, when escape sequences say what they mean from here on?

ISO-2022-JP and its kin, and HZ, which does the same with tildes. Python's codecs give up on a character that NEC or
Microsoft added, and let unknown sequences through; here all sequences end, and what cannot be read becomes U+FFFD.

>>> read(b"\x1b$B$3$s-!\x1b(B!").text, read(b"~{<:Ky2;Nf~}.~~", "hz").text
('こん①!', '己所不捂.~')
>>> read(b"\xff$B$3$s\x1b(B!")
Mended(text='�こん!', gaps=1)
"""

from __future__ import annotations

import re

from emaillab.message.octets.mending import GAP, Mended, mend
from emaillab.message.octets.patterns import compiled

# What stands behind ESC, and the set of characters that it designates.  ISO/IEC 2022; RFC 1468, 1554, 1557, 1922
_DESIGNATED = {
    b"(B": "ascii",
    b"(J": "roman",
    b"(I": "kana",
    b"$@": "euc_jp",
    b"$B": "euc_jp",
    b"$(@": "euc_jp",
    b"$(B": "euc_jp",
    b"$(D": "jisx0212",
    b"$(O": "euc_jis_2004",
    b"$(Q": "euc_jis_2004",
    b"$(P": "jisx0213-2",
    b"$A": "gb2312",
    b"$(A": "gb2312",
    b"$(C": "euc_kr",
}
# The same for what SO shifts to, and for what ESC N takes one character of.
_DESIGNATED_SO = {b"$)A": "gb2312", b"$)C": "euc_kr", b")I": "kana", b"$)G": "", b"$)E": "gb2312"}
_DESIGNATED_N = {b".A": "iso8859-1", b".F": "iso8859-7"}
# Sets of which one character has one octet.
_SINGLE = frozenset(("ascii", "roman", "kana"))
# What these sets need before their octets to be read by Python's codecs for EUC.
_SHIFTED = {"jisx0212": "euc_jp", "jisx0213-2": "euc_jis_2004"}

# What a charset's name says is designated without any sequence.
_BY_NAME = {"iso2022_kr": "euc_kr", "hz": "gb2312"}

_TAILS = b"|".join(
    re.escape(tail) for tail in sorted({**_DESIGNATED, **_DESIGNATED_SO, **_DESIGNATED_N}, key=len, reverse=True)
)
# An escape sequence, or one that is cut off, or of which an octet is damaged; SO, SI; the end of a line.
# QUIRK: `ESC & @`, which announces the JIS X 0208 of 1990, means nothing here.
_TOKEN = re.compile(
    rb"\x1b(?P<tail>" + _TAILS + rb"|&@|N(?P<single>.))|[\x80-\xff](?P<damaged>" + _TAILS + rb")"
    rb"|\x1b(?:[$()&.]{0,2}\Z|(?P<broken>[$(][^\x1b\r\n]|[^$(\x1b\r\n][@BJ]))"
    rb"|(?P<control>[\x0e\x0f\x1b])|(?P<line>\r?\n)",
    re.DOTALL,
)
_MEANT = re.compile(rb"\x1b(?:\$[@AB]|\$\([ABCDOPQ]|\$\)[ACG]|\([IJ])")
_SHIFT = re.compile(rb"[\x1b\x0e\x0f]")
_NOT_TEXT = bytes({*range(0x20), *range(0x7F, 0x100)} - {*b"\t\n\r\x0e\x0f\x1b"})
_HZ = re.compile(rb"([~\x80-\xff])([{}])|~(~|\r?\n|[\x80-\xff])")
_HZ_TAILS = {b"{": b"$A", b"}": b"(B"}
_HIGH = bytes(octet | 0x80 if 0x21 <= octet <= 0x7E else 0xFF if octet >= 0x80 else octet for octet in range(256))
_RETURNS = (b"(B", b"(J")
# Characters of two octets whose beginning or end was not seen, since an octet of the sequence is damaged.
_PRINTABLE = bytes(range(0x21, 0x7F))
_UNSEEN_BEGIN = re.compile(rb"[^\x1b]?\$\(?[@ABC]|[^\x1b]?\{|~[^\x1b]")
_UNSEEN_END = re.compile(rb"((?:[\x21-\x7e]{2})*?)[^\x1b]\([BJ](.*)\Z", re.DOTALL)
_RETURNED = compiled(rb"(?:\A|\x1b\([BJ])([^\x1b]*+)(?=\x1b\([BJ])")


def is_meant(data: bytes, codec: str | None, is_named: bool) -> bool:
    """Tell whether octets are to be read by escape sequences: the charset says so, or nobody says and they are there.

    Arguments: `is_named` tells that the charset's name says it, whether or not Python has a codec of that name.
    """
    if codec == "hz":
        return b"~" in data
    if is_named or (codec or "").startswith("iso2022"):
        return _SHIFT.search(data) is not None
    return codec in (None, "ascii") and _is_said_within(data)


def _is_said_within(data: bytes) -> bool:
    """Tell whether octets say by themselves that they are to be read by escape sequences.

    QUIRK: the sequences turn up by chance in pictures and archives of some megabytes, whose octets use all eight bits;
    in a text, however damaged, three octets of four are printable ASCII or blanks.
    """
    return _MEANT.search(data) is not None and len(data.translate(None, _NOT_TEXT)) * 4 > len(data) * 3


def is_hidden(data: bytes, codec: str | None) -> bool:
    """Tell whether octets that the codec would take have another meaning: a sequence is there that it does not know.

    That is a return to ASCII where nothing but ASCII is, though two octets seem to be a character; or SO, where nothing
    says what it shifts to.
    """
    if codec == "ascii":
        return _is_said_within(data)
    if codec == "iso2022_kr":
        return b"\x1b$)C" not in data and b"\x0e" in data
    if codec is None or not codec.startswith("iso2022"):
        return False
    return any(_unseen_begin(found[1], tildes=False) for found in _RETURNED.finditer(data))


def _unseen_begin(octets: bytes, tildes: bool) -> tuple[bytes, bytes] | None:
    """Part ASCII from characters of two octets that follow it without a whole sequence, up to the return."""
    start = len(octets.rstrip(_PRINTABLE))
    for begin in _UNSEEN_BEGIN.finditer(octets, max(0, start - 1)):
        if tildes is (b"$" not in begin[0]) and (len(octets) - begin.end()) % 2 == 0 and begin.end() < len(octets):
            return octets[: begin.start()], octets[begin.end() :]
    return None


class _Reader:
    """Reads one text, stretch by stretch, each in the set of characters designated last."""

    def __init__(self, codec: str | None) -> None:
        self.pieces: list[str] = []
        self.gaps = 0
        self.usual = _BY_NAME.get(codec or "", "euc_jp")
        self.designated, self.after_n = "ascii", "iso8859-1"
        self.after_so = "kana" if self.usual == "euc_jp" else self.usual
        self.is_shifted = False
        self.tildes = codec == "hz"

    def add(self, text: str) -> None:
        """Change the text: put something behind it."""
        self.pieces.append(text)

    def gap(self) -> None:
        """Change the text: put a gap behind it, unless there is one."""
        if not self.pieces or not self.pieces[-1].endswith(GAP):
            self.pieces.append(GAP)
            self.gaps += 1

    @property
    def present(self) -> str:
        """Name the set in which the octets stand."""
        return self.after_so if self.is_shifted else self.designated

    def designate(self, tail: bytes) -> None:
        """Change what the octets stand for from here on."""
        if tail in _DESIGNATED:
            self.designated = _DESIGNATED[tail]
            if self.designated not in _SINGLE:
                self.usual = self.designated
        elif tail in _DESIGNATED_SO:
            self.after_so = _DESIGNATED_SO[tail]
        elif tail in _DESIGNATED_N:
            self.after_n = _DESIGNATED_N[tail]

    def broken(self, sequence: bytes) -> None:
        """Change what the octets stand for as a sequence must have done of which an octet is damaged."""
        self.gap()
        begins = sequence[:1] == b"$" or (sequence[:1] != b"(" and self.designated in _SINGLE)
        self.designated = self.usual if begins else "ascii"

    def stretch(self, octets: bytes, returns: bool) -> None:
        """Read octets between two sequences; `returns` tells that ASCII is designated behind them."""
        if not octets:
            return
        if self.present in _SINGLE:
            unseen = _unseen_begin(octets, self.tildes) if returns and self.present == "ascii" else None
            if unseen:
                self.single(unseen[0], "ascii")
                self.gap()
                self.double(unseen[1], self.usual)
            else:
                self.single(octets, self.present)
        elif not returns and (end := _unseen_end(octets)):
            self.double(end[1], self.present)
            self.gap()
            self.designated = "ascii"
            self.single(end[2], "ascii")
        else:
            self.double(octets, self.present)

    def single(self, octets: bytes, name: str) -> None:
        """Read octets of which each is a character. QUIRK: half-width katakana in 8 bits, as Shift_JIS has them."""
        for piece in re.split(rb"([\x80-\xff]+)", octets):
            if piece.isascii():
                text = piece.decode("ascii")
                if name == "kana":
                    text = "".join(chr(ord(mark) - 0x21 + 0xFF61) if "!" <= mark <= "_" else mark for mark in text)
                self.add(text)
            elif piece:
                self.gap()

    def double(self, octets: bytes, name: str) -> None:
        """Read octets of which two are a character; blanks and line ends among them are what they are."""
        if name in _SHIFTED:
            octets = re.sub(rb"([\x21-\x7e]{2})", rb"\x8f\1", octets)
        if not name:
            self.gap()
            return
        high = octets.translate(_HIGH) if name not in _SHIFTED else octets.translate(_HIGH).replace(b"\xff", b"\x8f")
        mended = mend(high, _SHIFTED.get(name, name))
        self.add(mended.text)
        self.gaps += mended.gaps


def _unseen_end(octets: bytes) -> re.Match[bytes] | None:
    """Find the return to ASCII in a stretch that does not read well without one."""
    pairs = octets.translate(None, b" \t\r\n")
    if len(pairs) % 2 == 0 and pairs.isascii() and b" " not in octets:
        return None
    return _UNSEEN_END.match(octets)


def read(data: bytes, codec: str | None = None) -> Mended:
    """Read octets by the escape sequences in them, or by the tildes of HZ. Source: RFC 1468, 1554, 1557, 1843."""
    if codec == "hz":
        data = _HZ.sub(_as_escape, data)
    reader, at = _Reader(codec), 0
    for token in _TOKEN.finditer(data):
        damaged, is_double = token["damaged"], reader.present not in _SINGLE
        if damaged and is_double and (damaged not in _RETURNS or (token.start() - at) % 2):
            continue  # two octets that are a character, behind one that is damaged
        tail = token["tail"] or damaged
        reader.stretch(data[at : token.start()], tail in _RETURNS)
        at = token.end()
        _obey(reader, token, tail)
    reader.stretch(data[at:], False)
    return Mended("".join(reader.pieces), reader.gaps)


def _obey(reader: _Reader, token: re.Match[bytes], tail: bytes | None) -> None:
    """Change the reader as a sequence says."""
    if token["damaged"]:
        reader.gap()
    if token["single"]:
        reader.add(bytes(octet | 0x80 for octet in token["single"]).decode(reader.after_n, "replace"))
    elif tail:
        reader.designate(tail)
    elif token["line"]:  # QUIRK: not all return to ASCII before a line ends, as they must
        reader.designated, reader.is_shifted = "ascii", False
        reader.add(token["line"].decode("ascii"))
    elif token["broken"]:
        reader.broken(token["broken"])
    elif token["control"] in (b"\x0e", b"\x0f"):
        reader.is_shifted = token["control"] == b"\x0e"
    else:
        reader.gap()


def _as_escape(found: re.Match[bytes]) -> bytes:
    if found[3]:
        return b"~" if found[3] == b"~" else b"" if found[3].isascii() else b"\x1b?B"
    return (b"\x1b" if found[1] == b"~" else b"\xff") + _HZ_TAILS[found[2]]
