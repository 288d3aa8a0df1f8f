"""Does the core do the same work in a browser's Python (Pyodide, here under node) as it does natively?"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.readings import READ_ALL

ROOT = Path(__file__).resolve().parents[2]
PYODIDE = "pyodide@^314.0.0"
WORK = ["demo", "--network", "memory", "--json"]

pytestmark = pytest.mark.slow

# Reads wheels from its arguments, runs the Python on its standard input, prints what that printed.
RUNNER = """
import { readFileSync } from "node:fs";
import { loadPyodide } from "pyodide";
const printed = [];
let status = 0;
try {
  const python = await loadPyodide({
    stdout: line => printed.push(line),
    stderr: line => process.stderr.write(line + "\\n"),
  });
  for (const wheel of process.argv.slice(2))
    python.unpackArchive(new Uint8Array(readFileSync(wheel)), "wheel"); // node's own Buffer is refused
  await python.runPythonAsync(readFileSync(0, "utf8"));
} catch (error) {
  process.stderr.write(String(error.message || error) + "\\n");
  status = 1;
}
process.stdout.write(printed.join("\\n") + "\\n", () => process.exit(status));
"""


def run(command: list[str], **options: Any) -> str:
    """Run a command and return what it printed; if it fails, show the end of what it said."""
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", **options)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    printed: str = done.stdout
    return printed


@pytest.fixture(scope="module")
def runner(tool: Callable[[str], str], request: pytest.FixtureRequest) -> list[str]:
    """Install Pyodide from npm, once for many test runs, and hand out the command that starts it."""
    node, npm = tool("node"), tool("npm")
    cache = getattr(request.config, "cache", None)
    folder = Path(cache.mkdir("pyodide") if cache else tempfile.mkdtemp(prefix="emaillab-pyodide-"))
    (folder / "package.json").write_text('{"name": "emaillab-in-pyodide", "private": true}')
    if not (folder / "node_modules" / "pyodide" / "python_stdlib.zip").exists():
        run([npm, "install", "--no-audit", "--no-fund", "--no-save", PYODIDE], cwd=folder)
    (folder / "runner.mjs").write_text(RUNNER)
    return [node, str(folder / "runner.mjs")]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Build emaillab's wheel and fetch those of its core dependencies; all must be pure Python."""
    folder = tmp_path_factory.mktemp("wheels")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT)
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    pure = ["--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none"]
    run([sys.executable, "-m", "pip", "download", "--quiet", *pure, "--dest", str(folder), *needed])
    return sorted(map(str, folder.glob("*.whl")))


def test_pyodide_is_told_when_python_fails(runner: list[str]) -> None:
    done = subprocess.run(runner, input="raise SystemError('broken')", capture_output=True, text=True)
    assert done.returncode == 1
    assert "broken" in done.stderr


def test_the_demo_does_the_same_in_a_browser(runner: list[str], wheels: list[str]) -> None:
    code = f"from emaillab.cli import main\nif status := main({WORK!r}): raise SystemExit(status)"
    native = run([sys.executable, "-c", code], cwd=ROOT)
    in_browser = run([*runner, *wheels], input=code)
    assert json.loads(in_browser) == without_webmail(json.loads(native))


def without_webmail(shown: dict[str, Any]) -> dict[str, Any]:
    """Return what the demo shows where Flask and h11 are not installed: webmail is read last, and changes nothing."""
    shown["read"].pop("webmail", None)
    shown["sessions"] = [session for session in shown["sessions"] if session["protocol"] != "http"]
    return shown


def test_every_letter_is_read_the_same_in_a_browser(runner: list[str], wheels: list[str]) -> None:
    """Its Python is newer than ours: what the standard library has changed since shall change no reading."""
    native = json.loads(run([sys.executable, "-c", READ_ALL], cwd=ROOT))
    in_browser = json.loads(run([*runner, *wheels], input=READ_ALL))
    assert len(native) > 200
    assert {name for name in native if native[name] != in_browser.get(name)} == set()


def test_every_core_module_can_be_imported_in_a_browser(runner: list[str], wheels: list[str]) -> None:
    rooms = ("message", "protocol", "net", "host")
    extras = ("emaillab.host.webmail", "emaillab.protocol.http")  # need Flask and h11
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for room in rooms
        for path in sorted((ROOT / "emaillab" / room).rglob("*.py"))
    ]
    names = [name for name in [*names, "emaillab.world"] if not name.startswith(extras)]
    code = f"import importlib\nfor name in {names!r}: importlib.import_module(name)\nprint('all')"
    assert run([*runner, *wheels], input=code).strip() == "all"
