"""Is each notebook stored as a notebook of this course should be: fixed, complete, in order, readable?"""

import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[!.]*.ipynb"))
LONGEST_CELL = 15

NOTEBOOK_METADATA = {"kernelspec", "language_info"}
CELL_METADATA = {"deletable", "editable", "emaillab", "nbgrader", "slideshow", "tags"}

# Spelled so that this file does not match itself.
OF_ONE_MACHINE = re.compile(
    r"ipykernel_\d+|site-package[s]|dist-package[s]|/usr/li[b]|/hom[e]/|/roo[t]/|/tm[p]/|/wor[k]/|/User[s]/|[A-Z]:\\\w"
    r"|0x[0-9a-f]{8,}"
)


def test_there_are_notebooks() -> None:
    assert ROOT / "notebooks" / "00_start_here.ipynb" in NOTEBOOKS


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
def notebook(path: Path) -> Any:
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)  # type: ignore[no-untyped-call]


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_format_and_cell_ids(notebook: Any) -> None:
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5), "cell ids need nbformat 4.5"
    twice = [name for name, count in Counter(cell.id for cell in notebook.cells).items() if count > 1]
    assert not twice, f"cell ids used twice: {twice}"


def test_metadata_holds_nothing_volatile(notebook: Any) -> None:
    assert set(notebook.metadata) <= NOTEBOOK_METADATA, "no widget state, no traces of editors"
    assert notebook.metadata.kernelspec.name == "python3"
    assert "version" not in notebook.metadata.get("language_info", {}), "a version changes between machines"
    strange = {cell.id: sorted(set(cell.metadata) - CELL_METADATA) for cell in notebook.cells}
    assert not {name: keys for name, keys in strange.items() if keys}


def test_every_cell_was_run_once_and_in_order(notebook: Any) -> None:
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "execute_result":
                assert output.execution_count == cell.execution_count, cell.id


def test_errors_are_meant(notebook: Any) -> None:
    for cell in code_cells(notebook):
        fails = any(output.output_type == "error" for output in cell.outputs)
        meant = "raises-exception" in cell.metadata.get("tags", [])
        assert fails == meant, f"{cell.id}: an error must be tagged raises-exception, and the tag needs an error"


def test_outputs_are_the_same_everywhere(notebook: Any) -> None:
    for cell in code_cells(notebook):
        for output in cell.outputs:
            text = json.dumps(
                {k: v for k, v in output.get("data", output).items() if not k.startswith("image/png")},
                ensure_ascii=False,
            )
            found = OF_ONE_MACHINE.search(text)
            assert not found, f"{cell.id}: its output knows the machine: …{text[found.start() : found.start() + 60]}…"
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {}), (
                f"{cell.id}: a stored widget without its kernel shows nothing"
            )
            assert output.get("name") != "stderr", f"{cell.id}: writes to stderr"


def test_pictures_are_told_in_words(notebook: Any) -> None:
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert output.metadata.get("image/png", {}).get("alt"), f"{cell.id}: a picture without alternative text"


def test_cells_are_short_and_not_empty(notebook: Any) -> None:
    for cell in notebook.cells:
        assert cell.source.strip(), f"{cell.id} is empty"
    for cell in code_cells(notebook):
        lines = len(cell.source.splitlines())
        assert lines <= LONGEST_CELL, f"{cell.id} has {lines} lines; what the lesson does not need goes to the library"


def headings(notebook: Any) -> list[tuple[int, str]]:
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            prose = re.sub(r"^(```|~~~).*?^\1", "", cell.source, flags=re.MULTILINE | re.DOTALL)
            found += re.findall(r"^(#{1,6}) +(.+)$", prose, flags=re.MULTILINE)
    return [(len(marks), text) for marks, text in found]


def test_headings_form_an_outline(notebook: Any) -> None:
    levels = [level for level, _ in headings(notebook)]
    assert levels[:1] == [1], "a notebook opens with its title"
    assert levels.count(1) == 1, "one title each"
    for above, below in pairwise(levels):
        assert below <= above + 1, f"a heading of level {below} right under one of level {above}"


def test_links_lead_somewhere(path: Path, notebook: Any) -> None:
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for target in re.findall(r"\]\(([^)\s]+)", cell.source):
            if not re.match(r"[a-z]+:|#", target):
                assert (path.parent / target.split("#")[0]).exists(), f"{cell.id}: nothing at {target}"
