"""How are the course's notebooks kept fresh? `emaillab course execute` runs them and stores what they show.

>>> from emaillab.cli import main
>>> main(["course", "execute", "/nowhere.ipynb"])  # one line on the standard error stream
2
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from emaillab.cli import CommandError
from emaillab.cli.lab import notebooks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    tasks = parser.add_subparsers(title="tasks", metavar="TASK", required=True, dest="task")
    what = "run notebooks from their top and store their outputs, without anything that differs between machines"
    execute = tasks.add_parser("execute", help=what, description=f"{what[0].upper()}{what[1:]}.")
    execute.add_argument(
        "notebook", nargs="*", type=Path, metavar="NOTEBOOK", help="which ones (all of the course, and its picture)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do the task."""
    if importlib.util.find_spec("nbclient") is None:
        raise CommandError('the program that runs notebooks is not installed: pip install "emaillab[lab]"')
    from emaillab.course.execute import execute
    from emaillab.course.picture import PATH, draw_system

    for path in arguments.notebook or sorted(notebooks().glob("[!.]*.ipynb")):
        changed = execute(path)
        print(f"{path.name}: {'stored afresh' if changed else 'as it was'}", flush=True)
    if not arguments.notebook:
        draw_system().save(notebooks() / PATH)
    return 0
