"""How do a notebook's outputs become what they would be on any machine? It is run, and what changes is taken out.

>>> book = {"cells": [{"cell_type": "code", "source": "1 + 1", "metadata": {"collapsed": True}, "outputs": []}],
...         "metadata": {"language_info": {"name": "python", "version": "3.11.2"}}, "nbformat": 4, "nbformat_minor": 2}
>>> clean = normalised(book)
>>> clean["metadata"]["language_info"], clean["nbformat_minor"]
({'name': 'python'}, 5)
>>> clean["cells"][0]["id"], clean["cells"][0]["execution_count"]
('cell-1', 1)
"""

from __future__ import annotations

import copy
import json
import re
import struct
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CELL_METADATA = ("deletable", "editable", "emaillab", "nbgrader", "slideshow", "tags")
"""What a cell may remember; all else is an editor's business."""

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
TIMEOUT_S = 120
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

# The chunks of a PNG that make the picture (ISO/IEC 15948 §11.2, §11.3.2); others tell time and program.
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_PICTURE = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS")


class CellFailed(ValueError):
    """A cell raised what its tags do not ask for, or wrote to the error stream."""


def execute(path: Path) -> bool:
    """Run a notebook from its top and store its outputs. Returns: whether the file has changed.

    Raises: CellFailed, and the file stays as it was; ValueError when it is no notebook.
    """
    before = path.read_text("utf-8")
    book = normalised(_run(_notebook(before, path), path))
    for cell in code_cells(book):
        for output in cell["outputs"]:
            if output.get("name") == "stderr":
                raise CellFailed(f"{path.name}, cell {cell['id']}: writes to stderr: {output['text'][-200:]}")
    after = text_of(book)
    if after != before:
        path.write_text(after, "utf-8", newline="\n")
    return after != before


def normalised(book: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook without anything that differs between two machines or two runs."""
    book = copy.deepcopy(book)
    book["metadata"] = {"kernelspec": dict(KERNELSPEC), "language_info": {"name": "python"}}
    book["nbformat"], book["nbformat_minor"] = 4, 5
    _give_ids(book["cells"])
    for cell in book["cells"]:
        cell["source"] = _joined(cell["source"])
        cell["metadata"] = {key: cell["metadata"][key] for key in CELL_METADATA if key in cell["metadata"]}
    for count, cell in enumerate(code_cells(book), start=1):
        cell["execution_count"] = count
        cell["outputs"] = list(_outputs(cell["outputs"], count))
    return book


def text_of(book: dict[str, Any]) -> str:
    """Return a notebook as the text of its file: sources line by line, so that a change shows as lines."""
    book = copy.deepcopy(book)
    for cell in book["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = output["text"].splitlines(keepends=True)
            for kind, value in output.get("data", {}).items():
                if isinstance(value, str) and not kind.startswith("image/png"):
                    output["data"][kind] = value.splitlines(keepends=True)
    return json.dumps(book, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def code_cells(book: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cells that hold code."""
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


# -- Running ------------------------------------------------------------------------------------------


def _notebook(text: str, path: Path) -> dict[str, Any]:
    """Read a notebook's JSON. Raises: ValueError."""
    try:
        book = json.loads(text)
    except ValueError:
        book = None
    if not isinstance(book, dict) or not isinstance(book.get("cells"), list):
        raise ValueError(f"{path} is no notebook: expected JSON with cells")
    return normalised(book)


def _run(book: dict[str, Any], path: Path) -> dict[str, Any]:
    """Run all cells in a fresh kernel, in the notebook's own folder. Raises: CellFailed."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    for cell in code_cells(book):
        cell["outputs"], cell["execution_count"] = [], None
    node = nbformat.from_dict(book)  # type: ignore[no-untyped-call]
    running = ""

    def note(cell: Any, cell_index: int) -> None:
        nonlocal running
        running = cell["id"]

    client = NotebookClient(
        node,
        timeout=TIMEOUT_S,
        kernel_name=KERNELSPEC["name"],
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=note,
    )
    try:
        client.execute(stderr=subprocess.DEVNULL)  # the kernel's own talk; what cells write there comes as output
    except CellExecutionError as error:
        raise CellFailed(f"{path.name}, cell {running}: {error.ename}: {error.evalue}") from None
    except (CellTimeoutError, DeadKernelError) as error:
        raise CellFailed(f"{path.name}, cell {running}: {str(error).splitlines()[0]}") from None
    ran: dict[str, Any] = json.loads(json.dumps(node))
    return ran


# -- What changes between machines --------------------------------------------------------------------


def _give_ids(cells: list[dict[str, Any]]) -> None:
    """Keep each cell's id; give one by its place to a cell that has none, or another's."""
    taken: set[str] = set()
    for place, cell in enumerate(cells, start=1):
        name = cell.get("id", "")
        if not _CELL_ID.fullmatch(name) or name in taken:
            name = f"cell-{place}"
            while name in taken:
                name += "x"
        taken.add(name)
        cell["id"] = name


def _outputs(outputs: list[dict[str, Any]], count: int) -> Iterator[dict[str, Any]]:
    """Give a cell's outputs one by one; what was printed in pieces is one piece."""
    printed: dict[str, Any] | None = None
    for output in outputs:
        if output["output_type"] == "stream":
            text = _joined(output["text"])
            if printed is not None and printed["name"] == output["name"]:
                printed["text"] += text
                continue
            if printed is not None:
                yield printed
            printed = {"name": output["name"], "output_type": "stream", "text": text}
            continue
        if printed is not None:
            yield printed
            printed = None
        if output["output_type"] == "error":
            yield _error(output)
        else:
            yield _rich(output, count)
    if printed is not None:
        yield printed


def _error(output: dict[str, Any]) -> dict[str, Any]:
    """Return an error as its sentence: a traceback names the files of one machine."""
    sentence = _ANSI.sub("", f"{output['ename']}: {output['evalue']}")
    return {"ename": output["ename"], "evalue": output["evalue"], "output_type": "error", "traceback": [sentence]}


def _rich(output: dict[str, Any], count: int) -> dict[str, Any]:
    """Return what was displayed, without widgets, which need their kernel; PNGs without what tells of their making."""
    data = {kind: value for kind, value in output["data"].items() if kind != WIDGET_VIEW}
    for kind, value in data.items():
        if kind == "image/png":
            data[kind] = b64encode(bare_png(b64decode(_joined(value)))).decode() + "\n"
        elif isinstance(value, list):
            data[kind] = _joined(value)
    looks = {kind: look for kind, look in output.get("metadata", {}).items() if kind in data}  # such as a width
    kept = {"data": data, "metadata": looks, "output_type": output["output_type"]}
    return kept | {"execution_count": count} if output["output_type"] == "execute_result" else kept


def bare_png(png: bytes) -> bytes:
    """Return a PNG with the chunks that make its picture, and no other."""
    if not png.startswith(_PNG_HEAD):
        return png
    kept, at = [_PNG_HEAD], len(_PNG_HEAD)
    while at + 12 <= len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind in _PNG_PICTURE:
            kept.append(png[at : at + 12 + length])
        at += 12 + length
    return b"".join(kept)


def _joined(text: str | list[str]) -> str:
    """Return text that a notebook file may hold as a list of lines."""
    return text if isinstance(text, str) else "".join(text)
