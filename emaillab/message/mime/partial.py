"""How do the fragments of a letter that was too long for one become that letter again?

>>> head = b"From: alice@crepes.fr\\r\\nSubject: part\\r\\nContent-Type: message/partial; id=7; number="
>>> first = head + b"1\\r\\n\\r\\nSubject: The long recipe\\r\\nContent-Type: text/plain\\r\\n\\r\\nStir,\\r\\n"
>>> last = head + b"2; total=2\\r\\n\\r\\nand wait.\\r\\n"
>>> join_partials([last, first]).splitlines()
[b'From: alice@crepes.fr', b'Subject: The long recipe', b'Content-Type: text/plain', b'', b'Stir,', b'and wait.']
"""

from __future__ import annotations

from collections.abc import Iterable

from emaillab.message.header.fields import Field, parse_header
from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.part import Part
from emaillab.message.mime.source import Source

# The fields that the letter itself has beside those of its first fragment.
_OF_THE_LETTER = ("subject", "message-id", "encrypted", "mime-version")


def join_partials(fragments: Iterable[Source]) -> bytes:
    """Join the fragments of one letter, whatever their order.

    The letter's header is that of the first fragment, but for the Content fields, Subject, Message-ID, Encrypted and
    MIME-Version, which are those that the letter had inside it.

    Raises: ValueError when one is no fragment, is of another letter, or is missing.
    Source: RFC 2046 §5.2.2.
    """
    numbered: dict[int, Part] = {}
    totals: set[int] = set()
    letters: set[str] = set()
    for fragment in map(dissect, fragments):
        number = _number(fragment, "number")
        if fragment.content_type != "message/partial" or number is None:
            raise ValueError(f"this is no numbered fragment (message/partial), but {fragment.content_type}")
        numbered.setdefault(number, fragment)
        letters.add(fragment.params.get("id", ""))
        if (told := _number(fragment, "total")) is not None:
            totals.add(told)
    if len(letters) > 1:
        raise ValueError(f"the fragments are of {len(letters)} letters: their id differs")
    if len(totals) != 1:
        raise ValueError("the fragments do not agree how many there are" if totals else "no fragment tells their total")
    total = totals.pop()
    missing = next((number for number in range(1, total + 1) if number not in numbered), None)
    if missing is not None or not total:
        raise ValueError(f"of {total} fragments, number {missing or 1} is missing")
    return _joined([numbered[number] for number in range(1, total + 1)])


def _number(fragment: Part, name: str) -> int | None:
    digits = fragment.params.get(name, "").strip()
    return int(digits) if digits.isdecimal() and len(digits) < 10 else None


def _joined(fragments: list[Part]) -> bytes:
    first = fragments[0]
    inside = parse_header(first.decoded)
    kept = [field.raw for field in first.header if not _is_of_the_letter(field)]
    own = [field.raw for field in inside if _is_of_the_letter(field)]
    line_end = b"\r\n" if b"\r\n" in first.header.raw else b"\n"
    body = first.decoded[inside.span[1] :]
    return b"".join([*kept, *own, line_end, body, *(fragment.decoded for fragment in fragments[1:])])


def _is_of_the_letter(field: Field) -> bool:
    name = field.name.lower()
    return name.startswith("content-") or name in _OF_THE_LETTER
