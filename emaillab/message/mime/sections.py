"""Which octets does IMAP's BODY[1.2.MIME] mean?

>>> from emaillab.message.mime.dissect import dissect
>>> letter = dissect(b"From: alice@crepes.fr\\r\\nSubject: Hi\\r\\n\\r\\nDo you like ketchup?\\r\\n")
>>> letter.section("1"), letter.section("HEADER.FIELDS (SUBJECT)"), letter.section("2")
(b'Do you like ketchup?\\r\\n', b'Subject: Hi\\r\\n\\r\\n', None)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emaillab.message.mime.part import Part

# section-spec := section-msgtext / (section-part ["." section-text])     RFC 9051 §9
# section-part := nz-number *("." nz-number)
_SPEC = re.compile(
    r"(?P<number>[1-9]\d{0,8}(?:\.[1-9]\d{0,8})*)?"
    r"(?:(?:\.|^)(?P<text>HEADER|TEXT|MIME|HEADER\.FIELDS(?P<but>\.NOT)? *\((?P<names>[^()]*)\)))?\Z",
    re.IGNORECASE,
)


def number(part: Part) -> str:
    """Tell a part's section number; see `Part.number`."""
    lineage = [part]  # outwards, to the message or to the first part whose number is known
    while (outer := lineage[-1].parent) is not None and outer._read().number is None:
        lineage.append(outer)
    for each in reversed(lineage):
        each._read().number = _number_in_parent(each)
    return part._read().number or ""


def _number_in_parent(part: Part) -> str:
    """Tell a part's section number, its parent's being known."""
    outer = part.parent
    if outer is None:
        return ""
    base = (outer.number or "").removesuffix(".TEXT")
    if outer.parent is None and not _is_multipart(outer):
        base = "1"  # a message that is no multipart is its own part 1
    if not _is_embedded(part):
        return f"{base}.{part._index}" if base else str(part._index)
    return base + (".TEXT" if _is_multipart(part) else ".1")


def find_part(message: Part, number: str) -> Part | None:
    """Find a part by its section number; see `Part.part`."""
    if not number:
        return message
    spec = _SPEC.match(number)
    if spec is None or spec["number"] is None:
        return None
    if spec["text"] is not None:
        if spec["text"].upper() != "TEXT":
            return None
        return _embedded(find_part(message, spec["number"]))
    part: Part | None = None
    for step in map(int, number.split(".")):
        inside = message if part is None else part if _is_multipart(part) else _embedded(part)
        if inside is None:
            return None
        if not _is_multipart(inside):
            part = inside if step == 1 else None
        else:
            part = inside.children[step - 1] if step <= len(inside.children) else None
        if part is None:
            return None
    return part


def section(message: Part, spec: str) -> bytes | None:
    """Give the octets of a section; see `Part.section`."""
    read = _SPEC.match(spec.strip())
    if read is None or (read["number"] is None and (read["text"] or "").upper() == "MIME"):
        raise ValueError(f"{spec!r} is no section: expected numbers such as 1.2, then HEADER, TEXT, MIME or nothing")
    text = (read["text"] or "").upper()
    part: Part | None = message
    if read["number"] is not None:
        part = find_part(message, read["number"])
        if text not in ("", "MIME"):
            part = _embedded(part)
    if part is None:
        return None
    if text == "":
        return part.raw[slice(*(part.span if read["number"] is None else part.body_span))]
    if text == "TEXT":
        return part.raw[slice(*part.body_span)]
    if text in ("HEADER", "MIME"):
        return part.header.raw
    return header_fields(part, read["names"].replace('"', " ").split(), but=read["but"] is not None)


def header_fields(part: Part, names: Iterable[str], *, but: bool = False) -> bytes:
    """Give the fields of these names as they stand, then an empty line; with `but`, all the other fields."""
    wanted = {name.lower() for name in names}
    fields = (field.raw for field in part.header if (field.name.lower() in wanted) is not but)
    return b"".join(raw if raw.endswith(b"\n") else raw + b"\r\n" for raw in fields) + b"\r\n"


def _is_multipart(part: Part) -> bool:
    return part._preamble_end >= 0


def _is_embedded(part: Part) -> bool:
    """Tell whether the part is the message inside a message/rfc822 part."""
    return part.parent is not None and not _is_multipart(part.parent)


def _embedded(part: Part | None) -> Part | None:
    if part is None or _is_multipart(part) or not part.children:
        return None
    return part.children[0]
