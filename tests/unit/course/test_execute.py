"""Is a notebook stored as it would be on any machine, and left alone when it fails?"""

import json
import zlib
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from emaillab.cli import main
from emaillab.course.execute import CellFailed, bare_png, execute, normalised, text_of


def code(source: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None, **more}


def book(*cells: dict[str, Any]) -> dict[str, Any]:
    metadata = {"kernelspec": {"name": "my-venv"}, "widgets": {"state": 1}, "language_info": {"version": "3.12.1"}}
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def stored(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    cells = [
        {"cell_type": "markdown", "id": "title", "source": "# T", "metadata": {"collapsed": True}},
        code("import sys\nprint('a'); sys.stdout.flush(); print('b')\n6 * 7", id="answer", execution_count=9),
        code("raise ValueError('meant')", metadata={"tags": ["raises-exception"], "trusted": True}, id="answer"),
        code("from pathlib import Path\n(Path.cwd() / 'book.ipynb').exists()"),
    ]
    path = tmp_path / "book.ipynb"
    path.write_text(json.dumps(book(*cells)), "utf-8")
    return path


def test_a_notebook_is_run_in_its_folder_and_stored_without_what_is_of_one_machine(notebook: Path) -> None:
    assert execute(notebook)
    ran = stored(notebook)
    assert ran["metadata"]["kernelspec"]["name"] == "python3"
    assert ran["metadata"]["language_info"] == {"name": "python"}
    assert set(ran["metadata"]) == {"kernelspec", "language_info"}
    title, answer, error, where = ran["cells"]
    assert title["metadata"] == {}
    assert [cell["execution_count"] for cell in (answer, error, where)] == [1, 2, 3]
    assert [cell["id"] for cell in ran["cells"]] == ["title", "answer", "cell-3", "cell-4"]
    assert answer["outputs"][0]["text"] == ["a\n", "b\n"]
    assert answer["outputs"][1]["data"]["text/plain"] == ["42"]
    assert error["metadata"] == {"tags": ["raises-exception"]}
    assert error["outputs"][0]["traceback"] == ["ValueError: meant"]
    assert where["outputs"][0]["data"]["text/plain"] == ["True"]
    assert not execute(notebook), "a second run changes nothing"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("1 / 0", "bad.ipynb, cell cell-1: ZeroDivisionError: division by zero"),
        ("import sys\nprint('oh', file=sys.stderr)", "bad.ipynb, cell cell-1: writes to stderr: oh"),
        ("import os\nos._exit(3)", "bad.ipynb, cell cell-1: Kernel died"),
    ],
)
def test_a_failing_cell_is_named_and_the_file_stays(source: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.ipynb"
    path.write_text(before := json.dumps(book(code(source))), "utf-8")
    with pytest.raises(CellFailed) as failure:
        execute(path)
    assert str(failure.value).startswith(said)
    assert path.read_text("utf-8") == before


def test_widgets_leave_their_static_picture_and_images_their_size() -> None:
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/html": ["<b>", "all</b>"]}
    output = {"output_type": "display_data", "data": data, "metadata": {"text/html": {"isolated": True}, "x": 1}}
    [kept] = normalised(book(code("w", outputs=[output])))["cells"][0]["outputs"]
    assert kept["data"] == {"text/html": "<b>all</b>"}
    assert kept["metadata"] == {"text/html": {"isolated": True}}


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def test_a_png_forgets_the_program_that_made_it() -> None:
    head, picture = b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", b"13 octets....") + chunk(b"IDAT", b"x")
    told = head + picture[:25] + chunk(b"tEXt", b"Software\0matplotlib 3.8") + picture[25:] + chunk(b"IEND", b"")
    assert bare_png(told) == head + picture + chunk(b"IEND", b"")
    output = {"output_type": "display_data", "data": {"image/png": b64encode(told).decode()}, "metadata": {}}
    [kept] = normalised(book(code("p", outputs=[output])))["cells"][0]["outputs"]
    assert b64decode(kept["data"]["image/png"]) == bare_png(told)
    assert bare_png(b"not a picture") == b"not a picture"


def test_what_is_normal_stays_as_it_is() -> None:
    once = normalised(book(code("1"), {"cell_type": "markdown", "source": ["a\n", "b"], "metadata": {}, "id": "x"}))
    assert text_of(normalised(json.loads(text_of(once)))) == text_of(once)


@pytest.mark.parametrize("content", ["", "no JSON", "[]", '{"cells": 1}'])
def test_what_is_no_notebook_gets_one_sentence(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(content)
    assert main(["course", "execute", str(path)]) == 2
    assert capsys.readouterr().err == f"emaillab course: {path} is no notebook: expected JSON with cells\n"


def test_the_command_tells_what_it_did(notebook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["course", "execute", str(notebook)]) == 0
    assert capsys.readouterr().out == "book.ipynb: stored afresh\n"
    assert main(["course", "execute", str(notebook)]) == 0
    assert capsys.readouterr().out == "book.ipynb: as it was\n"


def test_a_missing_notebook_and_a_missing_task(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["course", "execute", str(tmp_path / "none.ipynb")]) == 2
    assert "No such file" in capsys.readouterr().err
    assert main(["course"]) == 2
    assert "TASK" in capsys.readouterr().err
