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
from emaillab.cli.source import read
from emaillab.message.trace import trace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("file", metavar="FILE", help="a file with a message or its header, or - for the standard input")
    parser.add_argument("--json", action="store_true", help="print the hops as JSON, with all byte spans")
    parser.add_argument(
        "--trust",
        metavar="HOST",
        action="append",
        default=[],
        help="a host whose Received fields you believe, .DOMAIN for all in it; tells where the evidence ends",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the path table."""
    path = trace(read(arguments.file))
    print(json.dumps(path.to_json(), ensure_ascii=False, indent=1) if arguments.json else render(path, arguments.trust))
    return 0
