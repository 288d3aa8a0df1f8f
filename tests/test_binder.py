"""Would mybinder.org build this course, and do the notebooks run in what it builds?"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXTRAS_IN_BINDER = ("tls", "trust", "web", "lab")


def run(command: list[str], cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}"
    return done.stdout


def test_requirements_are_those_of_the_lab() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = set(project["dependencies"])
    for extra in EXTRAS_IN_BINDER:
        wanted |= {name for name in project["optional-dependencies"][extra] if not name.startswith("emaillab[")}
    lines = (ROOT / ".binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert {line for line in lines if line and not line.startswith("#")} == wanted


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what a clone would hold: not the caches, not the virtual environment."""
    folder = tmp_path_factory.mktemp("binder") / "emaillab"
    made = (".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "node_modules", ".ipynb_checkpoints")
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*made))
    return folder


@pytest.fixture(scope="module")
def steps(clone: Path) -> list[str]:
    """Ask repo2docker which commands it would run for the files in .binder."""
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--no-run", "--debug", "."]
    printed = run(command, clone)
    return [line.removeprefix("RUN ") for line in printed.splitlines() if line.startswith("RUN ") and ".binder" in line]


def test_repo2docker_accepts_the_files(steps: list[str]) -> None:
    assert steps == [
        '${KERNEL_PYTHON_PREFIX}/bin/pip install --no-cache-dir -r ".binder/requirements.txt"',
        "chmod +x .binder/postBuild",
        "./.binder/postBuild",
    ]


@pytest.mark.slow
def test_its_steps_end_with_the_first_notebook_running(steps: list[str], clone: Path) -> None:
    environment = clone.parent / "env"
    run([sys.executable, "-m", "venv", str(environment)], clone)
    path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    for step in steps:
        cached = step.replace("--no-cache-dir ", "")  # the same files, fetched once
        run(["bash", "-euc", cached], clone, PATH=path, KERNEL_PYTHON_PREFIX=str(environment))
    execute = ["jupyter", "nbconvert", "--to", "notebook", "--execute", "--stdout", "00_start_here.ipynb"]
    away = clone / "notebooks"
    assert away.is_dir(), "there are no notebooks yet"
    run([str(environment / "bin" / execute[0]), *execute[1:]], away, PATH=path)
