"""What can be done from a terminal? The `emaillab` command.

>>> main(["--version"])
emaillab 0.1.0
0
>>> main(["trace", "/nowhere.eml"])  # one line on the standard error stream
2
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence

from emaillab import __version__

USAGE = 2
"""The exit status for wrong usage and for input that cannot be used."""

COMMANDS = {
    "lab": "open the course in JupyterLab",
    "demo": "send a letter from Alice to Bob and watch every octet",
    "serve": "run one mail host for real mail programs",
    "dissect": "take a message apart, octet by octet",
    "trace": "show the path that a message has come",
    "course": "keep the course: run its notebooks and store what they show",
}
"""Each sub-command is a module of this package, with `add_arguments(parser)` and `run(arguments) -> int`."""


class CommandError(Exception):
    """Something the caller can mend; the sentence says what."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns: the exit status: 0 done, 2 wrong usage or input, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a letter may hold characters that this terminal does not have
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        arguments, unknown = _parser(words).parse_known_args(words)
        if unknown:
            arguments.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        status: int = arguments.run(arguments)
        print(end="", flush=True)
        return status
    except SystemExit as end:  # argparse has said what was wrong, or shown its help
        return int(end.code or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has left, as `head` does
        _drop_unwritable()
        return 0
    except (CommandError, OSError, ValueError) as error:
        _drop_unwritable()
        print(f"emaillab {words[0]}: {_sentence(error)}", file=sys.stderr)
        return USAGE


def port(text: str) -> int:
    """Read an option that is a port number, 0 to 65535."""
    if not (text.isascii() and text.isdecimal()) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535 (0 is any free one)")
    return int(text)


def _sentence(error: Exception) -> str:
    """Say an error in one line."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return " ".join(text.split())


def _drop_unwritable() -> None:
    """Give up output that cannot be written, so that the flush at the interpreter's end does not fail again."""
    try:
        print(end="", flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  it stays open to the end


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser; only the sub-command that is called is imported."""
    parser = _Parser(prog="emaillab", description="A whole Internet mail system that fits in one notebook.")
    parser.add_argument("--version", action="version", version=f"emaillab {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    for name, help_ in COMMANDS.items():
        command = commands.add_parser(name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.")
        if words and words[0] == name:
            module = importlib.import_module(f"emaillab.cli.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run, parser=command)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser that says what was wrong in one line."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(USAGE, f"{self.prog}: {' '.join(message.split())} (see {self.prog} --help)\n")
