"""How is a message's path shown in a terminal? `emaillab trace FILE`, with `-` for the standard input.

>>> parser = argparse.ArgumentParser()
>>> add_arguments(parser)
>>> parser.parse_args(["letter.eml", "--trust", "mx.hamburger.edu"]).trust
['mx.hamburger.edu']
"""

from __future__ import annotations

import argparse
import json

from emaillab.cli.path import render
from emaillab.cli.source import note_of_several, read, read_mbox
from emaillab.message.trace.path import trace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("file", metavar="FILE", help="a file with a message or its header, or - for the standard input")
    parser.add_argument("--json", action="store_true", help="print the hops as JSON, with all byte spans")
    parser.add_argument("--all", action="store_true", help="the path of every message of an mbox file")
    parser.add_argument(
        "--trust",
        metavar="HOST",
        action="append",
        default=[],
        help="a host whose Received fields you believe, .DOMAIN for all in it; tells where the evidence ends",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the path table, or that of every message of a mailbox file."""
    if arguments.all:
        _show_all(arguments)
        return 0
    raw = read(arguments.file)
    path = trace(raw)
    if arguments.json:
        print(json.dumps(path.to_json(), ensure_ascii=False, indent=1))
    else:
        print(render(path, arguments.trust) + note_of_several(raw))
    return 0


def _show_all(arguments: argparse.Namespace) -> None:
    letters = read_mbox(arguments.file)
    if arguments.json:
        nodes = [{**trace(letter.raw).to_json(), "mbox_span": list(letter.span)} for letter in letters]
        print(json.dumps(nodes, ensure_ascii=False, indent=1))
        return
    for number, letter in enumerate(letters, start=1):
        print(f"{'' if number == 1 else chr(10)}== {number} of {len(letters)}: {letter.note}")
        print(render(trace(letter.raw), arguments.trust))
