"""Is what the README shows true of the code?"""

import contextlib
import io
import re
from pathlib import Path

import pytest

from emaillab.course.picture import PATH, draw_system

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def section(name: str) -> str:
    found = re.search(rf"<!-- {name} -->(.*?)<!-- /{name} -->", README, re.DOTALL)
    assert found, f"the README has lost its mark {name}"
    return found[1]


@pytest.mark.parametrize("network", ["tcp", "memory"])
def test_the_example_prints_what_is_shown(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAILLAB_NETWORK", network)
    code, shown = re.findall(r"```\w+\n(.*?)```", section("example"), re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue() == shown


def test_the_picture_is_what_the_code_draws(tmp_path: Path) -> None:
    drawn = draw_system().save(tmp_path / "now.svg").read_text("utf-8")
    assert (ROOT / "notebooks" / PATH).read_text("utf-8") == drawn, "draw it again: make notebooks"


def test_the_map_shows_every_room_and_no_other() -> None:
    rooms = re.findall(r"^  ([\w.]+)(/?) ", section("map"), re.MULTILINE)
    shown = {name for name, _ in rooms}
    there = {path.name for path in (ROOT / "emaillab").iterdir() if not path.name.startswith("_")}
    assert there - {"__init__.py", "notebook.py", "py.typed"} == shown - {"__init__.py"}
    folder = ROOT / "emaillab"
    for indent, names in re.findall(r"^( *)((?:\w+(?:\.py|/) ?)+)", section("map"), re.MULTILINE):
        if len(indent) == 2:
            folder = ROOT / "emaillab" / names.strip()
        for name in names.split() if len(indent) == 4 else ():
            assert (folder / name).exists(), f"the map shows {name} in {folder.name}"


def test_the_letter_passes_only_rooms_that_are_there() -> None:
    stops = re.findall(r"\[`([\w.]+)`\]\(([\w./]+)\)", section("letter"))
    assert len(stops) > 20
    for name, path in stops:
        source = (ROOT / path).read_text("utf-8")
        for word in name.split("."):
            assert re.search(rf"^\s*(def|class) {word}\b", source, re.MULTILINE), f"{path} has no {name}"
