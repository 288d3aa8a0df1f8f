"""How do these octets become that text, step by step?

The working of an encoding: its result, made by the same function that mail is written with, and every step to it.

>>> working = base64_working("信!".encode())
>>> working.result
b'5L+hIQ==\\r\\n'
>>> print(working)
base64: 4 octets become 10, line ends counted
line  octets    bits                         values       text  note
   1  E4 BF A1  111001 001011 111110 100001  57 11 62 33  5L+h
   1  21        001000 010000                8 16         IQ==  4 zero bits and 2 '=' fill it up
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from emaillab.message.octets.columns import Cell, fixed_width
from emaillab.message.octets.encodings import (
    decode_base64,
    decode_quoted_printable,
    encode_base64,
    encode_quoted_printable,
)

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
"""The 64 characters of base64, each at the place of its value. Source: RFC 2045 §6.8, table 1."""

MOST_OCTETS = 24
"""How many octets of one step a table shows; the step itself has them all."""

Result = TypeVar("Result")
AnyStep = TypeVar("AnyStep", covariant=True)


@dataclass(frozen=True, slots=True)
class Working(Generic[Result, AnyStep]):
    """A result and the steps that lead to it; prints as a table."""

    title: str
    result: Result
    steps: tuple[AnyStep, ...]
    source: str
    """The RFC and section whose rules these are."""

    @property
    def head(self) -> list[str]:
        """Name the columns of the table."""
        return [field.name.replace("_", " ") for field in fields(self.steps[0])] if self.steps else []  # type: ignore[arg-type]

    @property
    def rows(self) -> list[list[Cell]]:
        """List the steps as the table's rows."""
        return [[cell(getattr(step, field.name)) for field in fields(step)] for step in self.steps]  # type: ignore[arg-type]

    def __str__(self) -> str:
        return "\n".join([self.title, *([fixed_width(self.head, self.rows)] if self.steps else [])])


def cell(value: Any) -> Cell:
    """Show a step's value: octets in hexadecimal, the first of many; several numbers beside one another."""
    if isinstance(value, bytes):
        return value[:MOST_OCTETS].hex(" ").upper() + (" …" if len(value) > MOST_OCTETS else "")
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else ""
    return value if isinstance(value, int | float) else str(value)


# --- base64, RFC 2045 §6.8 ---


@dataclass(frozen=True, slots=True)
class Base64Step:
    """Three octets, the last time perhaps fewer, as four characters."""

    line: int
    octets: bytes
    bits: str
    """24 bits in groups of six; the last group is filled up with zeros."""
    values: tuple[int, ...]
    text: str
    note: str


def base64_working(data: bytes) -> Working[bytes, Base64Step]:
    """Encode octets in base64, showing each group of 24 bits. Source: RFC 2045 §6.8."""
    steps = tuple(_base64_step(data[at : at + 3], at // 57 + 1) for at in range(0, len(data), 3))
    result = encode_base64(data)
    return Working(f"base64: {len(data)} octets become {len(result)}, line ends counted", result, steps, "2045 §6.8")


def _base64_step(octets: bytes, line: int) -> Base64Step:
    bits = "".join(f"{octet:08b}" for octet in octets)
    groups = [bits[at : at + 6].ljust(6, "0") for at in range(0, len(bits), 6)]
    values = tuple(int(group, 2) for group in groups)
    padding = 3 - len(octets)
    note = f"{padding * 2} zero bits and {padding} '=' fill it up" if padding else ""
    return Base64Step(
        line, octets, " ".join(groups), values, "".join(ALPHABET[v] for v in values) + "=" * padding, note
    )


@dataclass(frozen=True, slots=True)
class Base64Reading:
    """Four characters, the last time perhaps fewer, as three octets; or characters that are passed over."""

    at: int
    text: str
    values: tuple[int, ...]
    bits: str
    """The same bits in groups of eight."""
    octets: bytes
    note: str


_BASE64_PIECE = re.compile(rb"=.*|[A-Za-z0-9+/]|[\r\n]+|[^A-Za-z0-9+/=\r\n]+", re.DOTALL)


def base64_reading(text: bytes) -> Working[bytes, Base64Reading]:
    """Decode base64, showing each group and what is passed over. Source: RFC 2045 §6.8."""
    steps: list[Base64Reading] = []
    group, group_at, end = "", 0, ""
    for piece in _BASE64_PIECE.finditer(text):
        if piece[0][:1] in (b"\r", b"\n"):
            continue
        shown = piece[0].decode("latin-1")
        if shown[0] == "=":
            end = shown
        elif shown not in ALPHABET:
            steps.append(Base64Reading(piece.start(), shown, (), "", b"", "outside the alphabet: passed over"))
        else:
            group_at = group_at if group else piece.start()
            group += shown
            if len(group) == 4:
                steps.append(_base64_reading(group_at, group))
                group = ""
    if group:
        steps.append(_base64_reading(group_at, group, end[: -len(group) % 4]))
    result = decode_base64(text)
    return Working(f"base64: {len(text)} octets become {len(result)}", result, tuple(steps), "2045 §6.8")


def _base64_reading(at: int, group: str, padding: str = "") -> Base64Reading:
    values = tuple(ALPHABET.index(character) for character in group)
    bits = "".join(f"{value:06b}" for value in values)
    whole = len(bits) // 8 * 8
    octets = bytes(int(bits[place : place + 8], 2) for place in range(0, whole, 8))
    note = "" if len(group) == 4 else f"{len(bits) - whole} bits are left over"
    return Base64Reading(
        at, group + padding, values, " ".join(bits[i : i + 8] for i in range(0, len(bits), 8)), octets, note
    )


# --- quoted-printable, RFC 2045 §6.7 ---


@dataclass(frozen=True, slots=True)
class QuotedPrintableStep:
    """Octets that stand for themselves, one octet as =XX, or a line's end."""

    line: int
    octets: bytes
    text: str
    column: int
    """The line's length after this step; a line has at most 76 characters, its end not counted."""
    rule: str


_QP_PIECE = re.compile(rb"=\r\n|\r\n|=[0-9A-F]{2}|[^=\r\n]+")


def quoted_printable_working(data: bytes) -> Working[bytes, QuotedPrintableStep]:
    """Encode octets in quoted-printable, showing which of its rules wrote what. Source: RFC 2045 §6.7."""
    result = encode_quoted_printable(data)
    steps: list[QuotedPrintableStep] = []
    line, column = 1, 0
    for piece in _QP_PIECE.finditer(result):
        text = piece[0].decode("ascii")
        if text.endswith("\n"):
            soft = text[0] == "="
            rule = "(5) soft line break: not data" if soft else "(4) line break of the text"
            steps.append(QuotedPrintableStep(line, b"" if soft else b"\r\n", text, column + soft, rule))
            line, column = line + 1, 0
            continue
        column += len(text)
        octets, rule = (piece[0], "(2) literal") if text[0] != "=" else (bytes.fromhex(text[1:]), "(1) =XX")
        if octets in (b" ", b"\t") and text[0] == "=":
            rule = "(3) blank at the line's end"
        steps.append(QuotedPrintableStep(line, octets, text, column, rule))
    title = f"quoted-printable: {len(data)} octets become {len(result)}"
    return Working(title, result, tuple(steps), "2045 §6.7")


@dataclass(frozen=True, slots=True)
class QuotedPrintableReading:
    """A piece of quoted-printable text and the octets it stands for."""

    at: int
    text: str
    octets: bytes
    rule: str


_QP_READ = re.compile(rb"=[ \t]*(?:\r?\n|\Z)|[ \t]*(?:\r?\n)|[ \t]+\Z|=[0-9A-Fa-f]{2}|=|[^=\r\n \t]+|[ \t]+|\r")


def quoted_printable_reading(text: bytes) -> Working[bytes, QuotedPrintableReading]:
    """Decode quoted-printable, showing what each piece stands for. Source: RFC 2045 §6.7."""
    steps = tuple(_qp_reading(piece) for piece in _QP_READ.finditer(text))
    result = decode_quoted_printable(text)
    return Working(f"quoted-printable: {len(text)} octets become {len(result)}", result, steps, "2045 §6.7")


def _qp_reading(piece: re.Match[bytes]) -> QuotedPrintableReading:
    octets, at, last = piece[0], piece.start(), piece.end() == len(piece.string)
    shown = octets.decode("latin-1")
    kept = octets.lstrip(b" \t")
    if octets[:1] == b"=" and not octets[1:].strip():
        soft = len(octets) > 1 or last
        return QuotedPrintableReading(
            at, shown, b"" if soft else b"=", "(5) soft line break" if soft else "lone '=': kept"
        )
    if octets[:1] == b"=":
        return QuotedPrintableReading(at, shown, bytes.fromhex(shown[1:]), "(1) =XX")
    if octets[-1:] == b"\n":
        return QuotedPrintableReading(at, shown, kept, "(4) line break" if kept == octets else "(3) blanks dropped")
    if not kept and last:
        return QuotedPrintableReading(at, shown, b"", "(3) blanks dropped")
    return QuotedPrintableReading(at, shown, octets, "(2) literal")
