"""What do `text/plain; charset=utf-8` and `filename*0*=utf-8''%E4%BD%A0` say?

>>> parse_parameters(b"attachment; filename*1=\\".txt\\"; filename*0*=utf-8'zh'%E4%BD%A0%E5%A5%BD")[:2]
('attachment', {'filename': '你好.txt'})
>>> encode_parameter("filename", "你好.txt")
[b"filename*=utf-8''%E4%BD%A0%E5%A5%BD.txt"]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from emaillab.message.header.tokens import closed_comments, unfold, unquote
from emaillab.message.octets.charsets import decode_raw, decode_text
from emaillab.message.octets.defects import Defect, limited
from emaillab.message.octets.patterns import compiled

RFC_2231 = "2231 §3"
# How many numbered pieces of one value are joined at most.
MOST_PIECES = 10_000
MOST_PARAMETERS = 2 * MOST_PIECES
_PIECE_OCTETS = 60

# parameter := attribute "=" value;  attribute := 1*attribute-char ["*" 1*DIGIT] ["*"]     RFC 2045 §5.1, RFC 2231 §7
_ATTRIBUTE = compiled(rb"([^\s;=()\"*]++)(?:\*(\d{1,6}+))?+(\*)?+")
_QUOTED = compiled(rb'"(?:[^"\\]|\\.)*+("?)', re.DOTALL)
# QUIRK: blanks and specials in values that should be quoted, but no comment, and no parameter without its semicolon.
_WORD = compiled(rb"[^;\s(]++")
_NEXT_PARAMETER = re.compile(rb"[A-Za-z][A-Za-z-]*(?:\*\d{1,6})?\*?=")
# QUIRK: names of files hold blanks, parentheses and quotation marks, and are not quoted.
_FILE_NAMES = frozenset((b"filename", b"name"))
_UP_TO_SEMICOLON = compiled(rb"[^;]*+")
_BLANKS = re.compile(rb"[ \t\r\n]+")
_SEMICOLONS = re.compile(rb"[ \t\r\n;]+")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
# attribute-char: any ASCII character but SPACE, CTLs, "*", "'", "%" and tspecials     RFC 2231 §7
_ATTRIBUTE_CHARS = frozenset(b"!#$&+-.^_`{|}~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
# Most fields need no more than this: token values and plain quoted strings, all ASCII, each name once.
_SIMPLE = compiled(
    rb"[ \t\r\n]*([!#-'*+\-./0-9A-Z^_`a-z{|}~]++)[ \t]*"
    rb"((?:;[ \t\r\n]*[A-Za-z-]++=(?:\"[ !#-\[\]-~]*+\"|[!#-&+\-.0-9A-Z^_`a-z{|}~]++)[ \t]*)*+);?[ \t\r\n]*"
)
_SIMPLE_PARAMETER = re.compile(r'([A-Za-z-]+)=(?:"([^"]*)"|([^;\s"]+))')


class Parameters(NamedTuple):
    """A field's main value, its parameters by lower-case name, and what was wrong with them."""

    value: str
    params: dict[str, str]
    defects: tuple[Defect, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """One `name=`, `name*=`, `name*1=` or `name*1*=` with its value."""

    at: int
    number: int | None
    extended: bool
    text: bytes


def parse_parameters(body: bytes, at: int = 0) -> Parameters:
    """Read a value and its parameters, as in Content-Type and Content-Disposition; folded or unfolded.

    Arguments: `at` is the offset of `body` in the message, which the defects count from.

    Source: RFC 2045 §5.1, RFC 2183 §2, RFC 2231 §3, §4.
    """
    simple = _SIMPLE.fullmatch(body)
    if simple:
        found = _SIMPLE_PARAMETER.findall(simple[2].decode("ascii"))
        params = {name.lower(): quoted or bare for name, quoted, bare in found}
        if len(params) == len(found):
            return Parameters(simple[1].decode("ascii"), params, ())
    return _Scanner(body, at).read()


class _Scanner:
    """Goes once over a field that is not of the simplest kind."""

    def __init__(self, body: bytes, at: int) -> None:
        self.body, self.at = body, at
        self.cursor = 0
        self.closings = closed_comments(body)
        self.defects: list[Defect] = []

    def read(self) -> Parameters:
        """Read the main value and the parameters. Changes the scanner, which is then at the end."""
        self.skip(_SEMICOLONS)
        value = decode_raw(self.main_value())
        params = {name: _assemble(name, found, self.defects) for name, found in self.pieces().items()}
        return Parameters(value, params, limited(self.defects))

    def note(self, kind: str, at: int, rfc: str, done: str) -> None:
        """Change the scanner: record what is wrong."""
        self.defects.append(Defect(kind, self.at + at, rfc, done))

    def skip(self, blanks: re.Pattern[bytes] = _BLANKS) -> None:
        """Step over blanks and comments, and over semicolons with `_SEMICOLONS`."""
        while self.cursor < len(self.body):
            found = blanks.match(self.body, self.cursor)
            end = found.end() if found else self.closings.get(self.cursor)
            if end is None:
                return
            self.cursor = end

    def begins(self, mark: bytes) -> bool:
        """Tell whether this stands here."""
        return self.body.startswith(mark, self.cursor)

    def main_value(self) -> bytes:
        """Read what stands before the parameters, comments and folds in it left out; nothing, if a parameter stands."""
        if quoted := _QUOTED.match(self.body, self.cursor):  # QUIRK: `"text/plain"`
            self.cursor = quoted.end()
            return unquote(quoted[0]).strip()
        start, words = self.cursor, [b""]
        if self.attribute() is not None:
            self.cursor = start
            return b""
        self.cursor = start
        while word := _WORD.match(self.body, self.cursor):
            words.append(word[0])
            self.cursor = word.end()
            self.skip()
            if not self.begins(b"/") and not word[0].endswith(b"/"):
                break
        return b"".join(words)

    def attribute(self) -> re.Match[bytes] | None:
        """Read a parameter's name, and step over the sign behind it; None where none stands."""
        found = _ATTRIBUTE.match(self.body, self.cursor)
        if found is None:
            return None
        self.cursor = found.end()
        self.skip()
        if not self.begins(b"="):
            return None
        self.cursor += 1
        return found

    def pieces(self) -> dict[str, list[_Piece]]:
        """Read the parameters, each in the pieces in which it is given."""
        pieces: dict[str, list[_Piece]] = {}
        self.skip(_SEMICOLONS)
        for _ in range(MOST_PARAMETERS):
            start = self.cursor
            if start >= len(self.body):
                return pieces
            attribute = self.attribute()
            if attribute is None:
                self.pass_over(start)
                continue
            text = self.value(attribute[1].lower())
            number = None if attribute[2] is None else int(attribute[2])
            piece = _Piece(self.at + start, number, attribute[3] is not None, text)
            pieces.setdefault(decode_raw(attribute[1]).lower(), []).append(piece)
            self.skip(_SEMICOLONS)
        self.note("too-many-parameters", self.cursor, "none; a limit for safety", "the rest is not read")
        return pieces

    def pass_over(self, start: int) -> None:
        """Step over what is no parameter: a parenthesis that is never closed, or all up to the semicolon."""
        if self.body.startswith(b"(", start):
            self.note("unclosed-comment", start, "5322 §3.2.2", "read on as if it did not begin")
            self.cursor = start + 1
            return
        self.note("parameter-unreadable", start, "2045 §5.1", "skipped to the next ';'")
        semicolon = self.body.find(b";", start)
        self.cursor = len(self.body) if semicolon < 0 else semicolon
        self.skip(_SEMICOLONS)

    def value(self, name: bytes) -> bytes:
        """Read a parameter's value; that of a file name as it stands, up to the semicolon."""
        blanks = _BLANKS.match(self.body, self.cursor)
        start = blanks.end() if blanks else self.cursor
        self.skip()
        quoted = _QUOTED.match(self.body, self.cursor)
        if quoted:
            if not quoted[1]:
                self.note("quoted-string-unclosed", self.cursor, "5322 §3.2.4", "closed at the field's end")
            self.cursor = quoted.end()
            return unquote(quoted[0])
        if name in _FILE_NAMES:
            bare = _UP_TO_SEMICOLON.match(self.body, start)
            self.cursor = bare.end() if bare else start
            return unfold(bare[0]).rstrip(b" \t\r\n") if bare else b""
        return self.bare_value()

    def bare_value(self) -> bytes:
        """Read words up to a semicolon, a comment, or another parameter."""
        start = end = self.cursor
        while self.cursor < len(self.body):
            if word := _WORD.match(self.body, self.cursor):
                self.cursor = end = word.end()
            elif self.begins(b"(") and self.cursor not in self.closings:
                self.cursor = end = self.cursor + 1
            elif blanks := _BLANKS.match(self.body, self.cursor):
                self.cursor = blanks.end()
                if _NEXT_PARAMETER.match(self.body, self.cursor):
                    break
            else:
                break
        return unfold(self.body[start:end])


def _assemble(name: str, pieces: list[_Piece], defects: list[Defect]) -> str:
    """Choose among the forms in which one parameter is given: `name*`, then `name*0`…, then `name`.

    RFC 2231 does not say which one to prefer; HTTP does (RFC 6266 §4.3).
    """
    whole = [piece for piece in pieces if piece.number is None]
    extended = [piece for piece in whole if piece.extended]
    plain = [piece for piece in whole if not piece.extended]
    numbered = [piece for piece in pieces if piece.number is not None]
    forms = [form for form in (extended, numbered, plain) if form]
    if len(forms) > 1:
        defects.append(Defect("parameter-in-two-forms", pieces[1].at, RFC_2231, f"took {name}* before {name}"))
    for form in (extended, plain):
        if len(form) > 1:
            defects.append(Defect("parameter-repeated", form[1].at, "2045 §5", "took the first"))
    joined = _in_order(numbered, defects) if forms[0] is numbered else forms[0][:1]
    if not joined:
        return _decode(plain[:1]) if plain else ""
    return _decode(joined)


def _in_order(numbered: list[_Piece], defects: list[Defect]) -> list[_Piece]:
    by_number: dict[int, _Piece] = {}
    for piece in numbered:
        if piece.number is not None and by_number.setdefault(piece.number, piece) is not piece:
            defects.append(Defect("parameter-piece-repeated", piece.at, RFC_2231, f"took the first *{piece.number}"))
    joined = []
    for number in range(min(len(by_number), MOST_PIECES)):
        if number not in by_number:
            break
        joined.append(by_number[number])
    if len(joined) < len(by_number):
        at = joined[-1].at if joined else numbered[0].at
        defects.append(Defect("parameter-piece-missing", at, RFC_2231, f"stopped before *{len(joined)}"))
    return joined


def _decode(pieces: list[_Piece]) -> str:
    if not any(piece.extended for piece in pieces):
        return decode_raw(b"".join(piece.text for piece in pieces))
    charset = None
    octets = bytearray()
    for at, piece in enumerate(pieces):
        text = piece.text
        if piece.extended:
            if at == 0 and text.count(b"'") >= 2:
                label, _, text = text.split(b"'", 2)
                charset = label.decode("latin-1") or None
            text = _PERCENT.sub(lambda octet: bytes.fromhex(octet[1].decode("ascii")), text)
        octets += text
    return decode_text(bytes(octets), charset)[0]


def encode_parameter(name: str, value: str, language: str = "") -> list[bytes]:
    """Write a parameter as one piece, or as several when it is long: token, quoted string or RFC 2231.

    Returns: the pieces, to be joined by "; " or ";" and a fold.
    Raises: ValueError when the value holds CR, LF or NUL.
    Source: RFC 2045 §5.1, RFC 2231 §3, §4.
    """
    if any(mark in value for mark in "\r\n\0"):
        raise ValueError(f"the parameter {name} must not hold CR, LF or NUL: {value!r}")
    key = name.encode("ascii")
    plain = value.isascii() and value.isprintable()
    if plain and len(value) <= _PIECE_OCTETS:
        token = value and all(octet in _ATTRIBUTE_CHARS for octet in value.encode("ascii"))
        return [key + b"=" + (value.encode("ascii") if token else _quote(value.encode("ascii")))]
    prefix = b"utf-8'" + language.encode("ascii") + b"'"
    # No character is split between two pieces: some readers decode each for itself.
    cells = [_percent_encoded(character.encode()) for character in value]
    if len(prefix) + sum(map(len, cells)) <= _PIECE_OCTETS:
        return [key + b"*=" + prefix + b"".join(cells)]
    pieces = [prefix]
    for cell in cells:
        if len(pieces[-1]) + len(cell) > _PIECE_OCTETS:
            pieces.append(b"")
        pieces[-1] += cell
    return [b"%s*%d*=%s" % (key, number, piece) for number, piece in enumerate(pieces)]


def _percent_encoded(octets: bytes) -> bytes:
    return b"".join(bytes((octet,)) if octet in _ATTRIBUTE_CHARS else b"%%%02X" % octet for octet in octets)


def _quote(text: bytes) -> bytes:
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
