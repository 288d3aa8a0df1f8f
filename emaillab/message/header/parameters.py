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

from emaillab.message.header.tokens import comment_end, unfold, unquote
from emaillab.message.octets.charsets import decode_raw, decode_text
from emaillab.message.octets.defects import Defect, limited
from emaillab.message.octets.patterns import compiled

RFC_2231 = "2231 §3"
# How many numbered pieces of one value are joined at most, and how many parameters, or pieces of such, are read.
MOST_PIECES = 10_000
MOST_PARAMETERS = 2 * MOST_PIECES
_PIECE_OCTETS = 60

# parameter := attribute "=" value;  attribute := 1*attribute-char ["*" 1*DIGIT] ["*"]     RFC 2045 §5.1, RFC 2231 §7
_ATTRIBUTE = re.compile(rb"([^\s;=()\"*]+)(?:\*(\d{1,6}))?(\*)?[ \t\r\n]*=[ \t\r\n]*")
_QUOTED = compiled(rb'"(?:[^"\\]|\\.)*+("?)', re.DOTALL)
# QUIRK: blanks and specials in values that should be quoted; a comment begins only after a blank.
_BARE = compiled(rb"[^;\s]*+(?:[ \t\r\n]++(?!\()[^;\s]++)*+")
_BLANKS = re.compile(rb"[ \t\r\n;]+")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_VALUE = compiled(rb"[^;\s(]*+(?:[ \t]*/[ \t]*[^;\s(]++)?+")
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
    defects: list[Defect] = []
    start = _skip(body, 0)
    head = _VALUE.match(body, start)
    value = decode_raw(b"".join(head[0].split())) if head else ""
    pieces = _scan(body, head.end() if head else start, at, defects)
    params = {name: _assemble(name, found, defects) for name, found in pieces.items()}
    return Parameters(value, params, limited(defects))


def _skip(body: bytes, at: int) -> int:
    """Step over blanks, semicolons and comments."""
    while at < len(body):
        blanks = _BLANKS.match(body, at)
        if blanks:
            at = blanks.end()
        elif body[at : at + 1] == b"(":
            at = comment_end(body, at)
        else:
            break
    return at


def _scan(body: bytes, start: int, at: int, defects: list[Defect]) -> dict[str, list[_Piece]]:
    pieces: dict[str, list[_Piece]] = {}
    cursor = _skip(body, start)
    for _ in range(MOST_PARAMETERS):
        if cursor >= len(body):
            break
        attribute = _ATTRIBUTE.match(body, cursor)
        if attribute is None:
            defects.append(Defect("parameter-unreadable", at + cursor, "2045 §5.1", "skipped to the next ';'"))
            semicolon = body.find(b";", cursor)
            cursor = len(body) if semicolon < 0 else _skip(body, semicolon)
            continue
        text, end = _value(body, attribute.end(), at, defects)
        number = None if attribute[2] is None else int(attribute[2])
        name = decode_raw(attribute[1]).lower()
        pieces.setdefault(name, []).append(_Piece(at + cursor, number, attribute[3] is not None, text))
        cursor = _skip(body, end)
    else:
        defects.append(Defect("too-many-parameters", at + cursor, "none; a limit for safety", "the rest is not read"))
    return pieces


def _value(body: bytes, start: int, at: int, defects: list[Defect]) -> tuple[bytes, int]:
    quoted = _QUOTED.match(body, start)
    if quoted:
        if not quoted[1]:
            defects.append(Defect("quoted-string-unclosed", at + start, "5322 §3.2.4", "closed at the field's end"))
        return unquote(quoted[0]), quoted.end()
    bare = _BARE.match(body, start)
    return (unfold(bare[0]), bare.end()) if bare else (b"", start)


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
