"""Which octets does IMAP's BODY[1.2.MIME] mean?

>>> from emaillab.message.mime.dissect import dissect
>>> letter = dissect(b"From: alice@crepes.fr\\r\\nSubject: Hi\\r\\n\\r\\nDo you like ketchup?\\r\\n")
>>> letter.section("1"), letter.section("HEADER.FIELDS (SUBJECT)"), letter.section("2")
(b'Do you like ketchup?\\r\\n', b'Subject: Hi\\r\\n\\r\\n', None)
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from emaillab.message.mime.entity import Entity
from emaillab.message.mime.outline import AnyOutline

# section-spec := section-msgtext / (section-part ["." section-text])     RFC 9051 §9
# section-part := nz-number *("." nz-number)
_SPEC = re.compile(
    r"(?P<number>[1-9]\d{0,8}(?:\.[1-9]\d{0,8})*)?"
    r"(?:(?:\.|^)(?P<text>HEADER|TEXT|MIME|HEADER\.FIELDS(?P<but>\.NOT)? *\((?P<names>[^()]*)\)))?\Z",
    re.IGNORECASE,
)


def find_part(message: AnyOutline, number: str) -> AnyOutline | None:
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
    part: AnyOutline | None = None
    for step in map(int, number.split(".")):
        inside = message if part is None else part if part.is_multipart else _embedded(part)
        if inside is None:
            return None
        if not inside.is_multipart:
            part = inside if step == 1 else None
        else:
            part = inside.children[step - 1] if step <= len(inside.children) else None
        if part is None:
            return None
    return part


def section(message: Entity, spec: str) -> bytes | None:
    """Give the octets of a section; see `Entity.section`."""
    read = _SPEC.match(spec.strip())
    if read is None or (read["number"] is None and (read["text"] or "").upper() == "MIME"):
        raise ValueError(f"{spec!r} is no section: expected numbers such as 1.2, then HEADER, TEXT, MIME or nothing")
    text = (read["text"] or "").upper()
    part: Entity | None = message
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


def header_fields(part: Entity, names: Iterable[str], *, but: bool = False) -> bytes:
    """Give the fields of these names as they stand, then an empty line; with `but`, all the other fields."""
    wanted = {name.lower() for name in names}
    fields = (field.raw for field in part.header if (field.name.lower() in wanted) is not but)
    return b"".join(raw if raw.endswith(b"\n") else raw + b"\r\n" for raw in fields) + b"\r\n"


def _embedded(part: AnyOutline | None) -> AnyOutline | None:
    if part is None or part.is_multipart or not part.children:
        return None
    return part.children[0]
