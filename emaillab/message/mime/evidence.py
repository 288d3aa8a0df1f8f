"""Are the lecture notes right about MIME? For each claim S34 to S37, a function that produces its evidence.

>>> letter = b"MIME-Version: 1.0\\r\\nContent-Type: text/html\\r\\n\\r\\n<b>Hi</b>\\r\\n"
>>> [(seen.viewer, seen.type) for seen in two_viewers(letter)]
[('RFC 822', 'text/plain'), ('MIME', 'text/html')]
>>> [(effect.removed, effect.types) for effect in without_each(letter)]
[('nothing', ('text/html',)), ('MIME-Version', ('text/html',)), ('Content-Type', ('text/plain',))]
>>> [(reading.encoding, reading.decoded) for reading in five_encodings(b"SGk=\\r\\n")][-2:]
[('base64', b'Hi'), ('x-unknown', b'SGk=\\r\\n')]
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.part import Part
from emaillab.message.mime.source import Source

ENCODINGS = ("7bit", "8bit", "binary", "quoted-printable", "base64", "x-unknown")
"""The five values of RFC 2045 §6.1, and one that nobody has defined."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one reader makes of a letter's body."""

    viewer: str  # "RFC 822" or "MIME"
    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What is left of a letter without one header field."""

    removed: str  # the part's number, where it has one, and the field's name
    types: tuple[str, ...]  # of all parts, in order
    filenames: tuple[str, ...]
    decoded_size: int  # octets of all leaves, decoded


@dataclass(frozen=True, slots=True)
class Reading:
    """What one value of Content-Transfer-Encoding makes of the same octets."""

    encoding: str
    type: str
    decoded: bytes
    defects: tuple[str, ...]


def two_viewers(source: Source) -> tuple[Seen, Seen]:
    """Read a letter as a program of 1982 does, and as one that knows MIME (S34).

    Without MIME the body is one text in ASCII; with it, the first leaf is read as its header says.
    Source: RFC 2045 §1, §5.2.
    """
    letter = dissect(source)
    body = letter.raw[slice(*letter.body_span)]
    leaf = next(part for part in letter.walk() if not part.children)
    old = Seen("RFC 822", "text/plain", body.decode("ascii", "replace"))
    return old, Seen("MIME", leaf.content_type, leaf.text)


def without_each(source: Source, names: Iterable[str] = ("MIME-Version", "Content-")) -> list[Effect]:
    """Remove the MIME fields of a letter one at a time, and look at what is left (S35).

    Args: names: how the names of the fields begin that are removed.
    Returns: first the letter as it is, then one effect for each field, in the order of the letter.
    Source: RFC 2045 §4, §5.2, §6.1, §7; RFC 2183.
    """
    letter = dissect(source)
    begins = tuple(name.lower() for name in names)
    effects = [_effect("nothing", letter)]
    for part in letter.walk():
        for field in part.header:
            if field.name.lower().startswith(begins):
                start, end = field.span
                rest = dissect(letter.raw[:start] + letter.raw[end:])
                effects.append(_effect(f"{part.number} {field.name}".strip(), rest))
    return effects


def relabelled(source: Source, number: str, types: Iterable[str]) -> dict[str, Part]:
    """Give one part other types, and read it again: the octets stay, what is done with them changes (S36).

    Args: number: of the part, "" for the whole letter.
    Returns: for each type the part as it is read now. Raises: KeyError when there is no such part.
    Source: RFC 2045 §5.
    """
    letter = dissect(source)
    part = letter.part(number) if number else letter
    if part is None:
        raise KeyError(f"the letter has no part {number}")
    found = part.header.get("Content-Type")
    start, end = found.span if found else (part.span[0], part.span[0])
    read = {}
    for label in types:
        field = f"Content-Type: {label}\r\n".encode()
        again = dissect(letter.raw[:start] + field + letter.raw[end:])
        renamed = again.part(number) if number else again
        assert renamed is not None  # only a leaf's or a branch's own type has changed, not its place
        read[label] = renamed
    return read


def five_encodings(body: bytes) -> list[Reading]:
    """Read the same octets under every Content-Transfer-Encoding, and under one that nobody knows (S37).

    Three of the five values say that nothing was encoded.
    Source: RFC 2045 §6.2, §6.4.
    """
    readings = []
    for encoding in ENCODINGS:
        part = dissect(f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body)
        kinds = tuple(dict.fromkeys(defect.kind for defect in part.defects))
        readings.append(Reading(encoding, part.content_type, part.decoded, kinds))
    return readings


def _effect(removed: str, letter: Part) -> Effect:
    parts = list(letter.walk())
    leaves = [part for part in parts if not part.children]
    names = tuple(part.filename for part in leaves if part.filename)
    return Effect(removed, tuple(part.content_type for part in parts), names, sum(len(leaf.decoded) for leaf in leaves))
