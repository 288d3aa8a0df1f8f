"""How does a student open the course? `emaillab lab` starts JupyterLab on the first notebook.

>>> notebooks().name
'notebooks'
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from emaillab.cli import CommandError, port

COPY = "emaillab-course"
FIRST = "00_start_here.ipynb"
PACKAGE = Path(__file__).resolve().parent.parent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("--port", type=port, default=8888, help="JupyterLab's port, or the next free one (8888)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser, print the address")
    parser.add_argument(
        "--dir", type=Path, default=Path("emaillab-course"), help="where an installed course is copied to"
    )


def notebooks() -> Path:
    """Return the folder of the notebooks: in a clone beside the package, in an installation inside it."""
    for folder in (PACKAGE.parent / "notebooks", PACKAGE / "_course" / "notebooks"):
        if (folder / FIRST).exists():
            return folder
    raise CommandError(f"the course's notebooks are not here: {FIRST} was found neither in a clone nor in the package")


def run(arguments: argparse.Namespace) -> int:
    """Start JupyterLab and stay until it ends."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise CommandError('JupyterLab is not installed: pip install "emaillab[lab]"')
    folder = notebooks()
    if folder.is_relative_to(PACKAGE):
        folder = _copied(folder.parent, arguments.dir) / "notebooks"
    _trust(folder)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.parent}", f"--port={arguments.port}"]
    command += [
        f"--LabApp.default_url=/lab/tree/{folder.name}/{FIRST}",
        *(["--no-browser"] if arguments.no_browser else []),
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return subprocess.run(command, check=False).returncode


def _trust(folder: Path) -> None:
    """Sign the course's notebooks, so that their stored pictures show before a student has run anything."""
    from nbformat import read
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary()  # type: ignore[no-untyped-call]
    for path in sorted(folder.glob("*.ipynb")):
        with contextlib.suppress(ValueError, OSError):  # a damaged notebook is JupyterLab's to report
            notary.sign(read(path, as_version=4))  # type: ignore[no-untyped-call]


def _copied(course: Path, target: Path) -> Path:
    """Copy an installed course to where a student may write; what is there already is the student's, and stays."""
    for source in course.rglob("*"):
        copy = target / source.relative_to(course)
        if source.is_file() and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    return target.resolve()
