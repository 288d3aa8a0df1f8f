"""Does `emaillab lab` find the course, in a clone and in an installation, and say what is missing?"""

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import pytest

from emaillab.cli import lab, main


class TestLab:
    @pytest.fixture
    def started(self, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
        """What would have been started."""
        commands: list[list[str]] = []

        def start(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
            commands.append(command)
            return subprocess.CompletedProcess(command, 0)

        monkeypatch.setattr(subprocess, "run", start)
        return commands

    @pytest.fixture
    def installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A package as a wheel leaves it, with the course inside."""
        package = tmp_path / "site-packages" / "emaillab"
        for name in ("notebooks/00_start_here.ipynb", "data/messages/plain.eml"):
            file = package / "_course" / name
            file.parent.mkdir(parents=True)
            file.write_text("as released")
        monkeypatch.setattr(lab, "PACKAGE", package)
        monkeypatch.chdir(tmp_path)
        return package

    def test_an_installed_course_is_copied_and_what_a_student_wrote_stays(
        self, installed: Path, started: list[list[str]], tmp_path: Path
    ) -> None:
        assert main(["lab", "--no-browser"]) == 0
        notebook = tmp_path / "emaillab-course" / "notebooks" / "00_start_here.ipynb"
        assert notebook.read_text() == "as released"
        assert (tmp_path / "emaillab-course" / "data" / "messages" / "plain.eml").exists()
        notebook.write_text("my answers")
        assert main(["lab", "--dir", str(tmp_path / "emaillab-course")]) == 0
        assert notebook.read_text() == "my answers"
        assert [f"--ServerApp.root_dir={tmp_path}/emaillab-course" in command for command in started] == [True, True]
        assert ["--no-browser" in command for command in started] == [True, False]

    def test_a_course_that_is_not_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(lab, "PACKAGE", tmp_path / "emaillab")
        assert main(["lab"]) == 2
        assert "the course's notebooks are not here" in capsys.readouterr().err

    def test_without_jupyterlab(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        assert main(["lab"]) == 2
        assert capsys.readouterr().err == 'emaillab lab: JupyterLab is not installed: pip install "emaillab[lab]"\n'

    def test_the_stored_pictures_of_the_course_are_trusted(
        self, started: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from nbformat import read
        from nbformat.sign import NotebookNotary

        monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
        assert main(["lab", "--no-browser"]) == 0
        first = read(lab.notebooks() / lab.FIRST, as_version=4)
        assert NotebookNotary().check_signature(first)
