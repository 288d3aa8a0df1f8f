"""How is a message taken apart in a terminal? `emaillab dissect FILE`, with `-` for the standard input.

>>> parser = argparse.ArgumentParser()
>>> add_arguments(parser)
>>> parser.parse_args(["-", "--part", "1.2"]).part
'1.2'
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emaillab.cli import CommandError
from emaillab.cli.source import note_of_several, printable, read, read_mbox
from emaillab.message.header.encoded_words import decode_words
from emaillab.message.mime.dissect import Field, Part, dissect
from emaillab.message.mime.report import read_report

_SUMMARY = ("From", "To", "Cc", "Subject", "Date")
_WIDTH = 16  # octets in a row
_MOST_DEFECTS = 30
_MOST_NUMBERS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("file", metavar="FILE", help="a file with one message, or - for the standard input")
    view = parser.add_mutually_exclusive_group()
    view.add_argument("--part", metavar="N", help="show the octets of one part, such as 1.2, in hexadecimal")
    view.add_argument(
        "--save",
        nargs=2,
        metavar=("N", "TO"),
        help="write the decoded content of part N to a new file, - for the standard output",
    )
    view.add_argument(
        "--explain", type=_offset, metavar="OFFSET", help="tell what the octet at this offset is, and why"
    )
    view.add_argument("--all", action="store_true", help="take every message of an mbox file apart")
    parser.add_argument("--json", action="store_true", help="print as JSON, with all byte spans")
    parser.epilog = (
        "Parts are numbered as in IMAP, and as the tree shows them; 'message' is the whole message. With --all, the"
        " lines that mbox protected with '>' before 'From ' are given back as they were, and their number is noted."
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for: the tree, a part's octets, an explanation, or every message of a mailbox file."""
    if arguments.all:
        _show_all(arguments)
        return 0
    message = dissect(read(arguments.file))
    if arguments.save is not None:
        return _save(_part(message, arguments.save[0]), arguments.save[1])
    if arguments.explain is not None:
        _show_explanation(message, arguments.explain, as_json=arguments.json)
    elif arguments.part is not None and not arguments.json:
        for line in hex_view(_part(message, arguments.part)):
            print(line)
    elif arguments.json:
        _print_json((message if arguments.part is None else _part(message, arguments.part)).to_json())
    else:
        print(summary(message) + note_of_several(message.raw))
    return 0


def _offset(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected an offset such as 120 or 0x78, not {text!r}") from None


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1))


def _part(message: Part, number: str) -> Part:
    found = message if number in ("", "message") else message.part(number)
    if found is None:
        numbers = [part.number or "message" for part in message.walk()]
        if message.part("1") is message:
            numbers.append("1")  # a message without parts is its own part 1
        more = f" and {len(numbers) - _MOST_NUMBERS} more" if len(numbers) > _MOST_NUMBERS else ""
        raise CommandError(f"there is no part {number!r}; the parts are {', '.join(numbers[:_MOST_NUMBERS])}{more}")
    return found


# --- the tree ---


def summary(message: Part) -> str:
    """Write a message's tree, its main fields, what it reports, and what is wrong with it."""
    lines = [printable(str(message))]
    fields = [field for name in _SUMMARY if (field := message.header.get(name)) is not None]
    if fields:
        lines += ["", *(f"{field.name + ':':9}{printable(_said(field))}" for field in fields)]
    if report := read_report(message):
        lines += ["", printable(str(report))]
    wrong = [(part.number or "message", defect) for part in message.walk() for defect in part.defects]
    if wrong:
        lines += ["", f"{len(wrong)} defect{'s' if len(wrong) > 1 else ''}"]
        shown = wrong[:_MOST_DEFECTS]
        width = max(len(number) for number, _ in shown)
        lines += [
            f"  {number:{width}}  at {defect.at}: {defect.kind} (RFC {defect.rfc}): {printable(defect.done)}"
            for number, defect in shown
        ]
        if len(wrong) > len(shown):
            lines.append(f"  … and {len(wrong) - len(shown)} more")
    return "\n".join(lines)


def _said(field: Field) -> str:
    """Decode a field; QUIRK: where encoded words may not stand (RFC 2047 §5), many programs decode them too."""
    loose = decode_words(field.body)
    return field.text if loose == field.text else f"{field.text}  (many programs show {loose})"


# --- one part ---


def hex_view(part: Part) -> Iterator[str]:
    """Write a part's octets in rows of sixteen, piece by piece: offset, hexadecimal, text."""
    start, end = part.span
    name = f"part {part.number}" if part.number else "message"
    yield printable(f"{name}  {part.content_type}  {part.encoding}  octets {start}-{end}")
    for kind, (piece, stop), owner in part.tiles_of_parts():
        of = "" if owner is part else f" of part {owner.number}"
        yield f"{kind}{of}  octets {piece}-{stop}"
        for at in range(piece, stop, _WIDTH):
            row = part.raw[at : min(at + _WIDTH, stop)]
            shown = "".join(chr(octet) if 32 <= octet < 127 else "." for octet in row)
            yield f"{at:10}  {row[:8].hex(' '):23}  {row[8:].hex(' '):23}  |{shown}|"


def _show_explanation(message: Part, offset: int, *, as_json: bool) -> None:
    try:
        found = message.explain(offset)
    except IndexError as error:
        raise CommandError(str(error)) from None
    if as_json:
        _print_json(asdict(found))
    else:
        print(printable(str(found)))


def _save(part: Part, to: str) -> int:
    """Write a part's decoded octets to exactly that file, which must be new, or to the standard output."""
    decoded = part.decoded
    if to == "-":
        sys.stdout.buffer.write(decoded)
        return 0
    try:
        with Path(to).open("xb") as file:
            file.write(decoded)
    except FileExistsError:
        raise CommandError(f"{to} exists already; name a new file") from None
    print(f"{len(decoded)} octets of {f'part {part.number}' if part.number else 'the message'} written to {to}")
    return 0


# --- a mailbox file ---


def _show_all(arguments: argparse.Namespace) -> None:
    letters = read_mbox(arguments.file)
    if arguments.json:
        nodes = [
            {**dissect(letter.raw).to_json(), "mbox_span": list(letter.span), "unquoted": letter.unquoted}
            for letter in letters
        ]
        _print_json(nodes)
        return
    for number, letter in enumerate(letters, start=1):
        print(f"{'' if number == 1 else chr(10)}== {number} of {len(letters)}: {letter.note}")
        print(summary(dissect(letter.raw)))
