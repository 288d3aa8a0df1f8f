"""Does Debian's own Python, often an older one than ours, read every letter of the collection as ours does?"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import webencodings

from tests.conftest import IN_CI
from tests.readings import READ_ALL

ROOT = Path(__file__).resolve().parents[2]
DEBIAN_PYTHON = Path("/usr/bin/python3")


def read_all(python: str | Path, packages: Path) -> dict[str, Any]:
    """Return what a Python makes of the whole collection, with the one package that reading needs."""
    shutil.copytree(Path(webencodings.__file__).parent, packages / "webencodings", dirs_exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(packages)}
    run = subprocess.run(
        [python, "-c", READ_ALL], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", env=environment
    )
    assert run.returncode == 0, run.stderr[-2000:]
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_every_letter_is_read_the_same(tmp_path: Path) -> None:
    if not DEBIAN_PYTHON.exists():
        (pytest.fail if IN_CI else pytest.skip)("there is no /usr/bin/python3 (Debian package: python3)")
    version = subprocess.check_output(
        [DEBIAN_PYTHON, "-c", "import sys; print(sys.version_info >= (3, 11))"], text=True
    )
    if version.strip() != "True":
        pytest.skip("the system's Python is older than 3.11")
    ours, other = read_all(sys.executable, tmp_path), read_all(DEBIAN_PYTHON, tmp_path)
    assert len(ours) > 200
    assert {name for name in ours if ours[name] != other.get(name)} == set()
