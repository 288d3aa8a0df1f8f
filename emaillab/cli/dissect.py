"""How is a message taken apart in a terminal? `emaillab dissect FILE`, with `-` for the standard input.

>>> parser = argparse.ArgumentParser()
>>> add_arguments(parser)
>>> parser.parse_args(["-", "--json"]).json
True
"""

from __future__ import annotations

import argparse
import json

from emaillab.cli.source import read
from emaillab.message.dissect import dissect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("file", metavar="FILE", help="a file with one message, or - for the standard input")
    parser.add_argument("--json", action="store_true", help="print the part tree as JSON, with all byte spans")


def run(arguments: argparse.Namespace) -> int:
    """Print the part tree."""
    part = dissect(read(arguments.file))
    print(json.dumps(part.to_json(), ensure_ascii=False, indent=1) if arguments.json else part)
    return 0
