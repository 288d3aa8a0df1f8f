"""How is a message's path shown in a terminal? `emaillab trace FILE`, with `-` for the standard input.

>>> parser = argparse.ArgumentParser()
>>> add_arguments(parser)
>>> parser.parse_args(["letter.eml"]).file
'letter.eml'
"""

from __future__ import annotations

import argparse
import json

from emaillab.cli.source import read
from emaillab.message.trace import trace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("file", metavar="FILE", help="a file with a message or its header, or - for the standard input")
    parser.add_argument("--json", action="store_true", help="print the hops as JSON, with all byte spans")


def run(arguments: argparse.Namespace) -> int:
    """Print the path table."""
    path = trace(read(arguments.file))
    print(json.dumps(path.to_json(), ensure_ascii=False, indent=1) if arguments.json else path)
    return 0
