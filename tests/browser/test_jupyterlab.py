"""Do all cells of every notebook run, and do the widgets answer, in a real JupyterLab in a real browser?"""

import http.client
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted({path.name for path in (ROOT / "notebooks").glob("[!.]*.ipynb")} | {"00_start_here.ipynb"})
PATIENCE_S = 120
RUN_PATIENCE_S = 280  # below the browser's own limit for a script
MOST_PAGES = 60
BROKEN_OUTPUT = ("Error displaying widget", "Error creating widget", "Javascript Error", "Error rendering")

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Lab:
    """A running JupyterLab."""

    port: int
    token: str
    home: Path

    def url(self, notebook: str) -> str:
        return f"http://127.0.0.1:{self.port}/lab/tree/notebooks/{notebook}?reset&token={self.token}"

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", f"/api/status?token={self.token}")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start JupyterLab on a copy of the course, with settings of its own and no word to the outside."""
    home = tmp_path_factory.mktemp("jupyterlab")
    for folder in ("notebooks", "data"):
        if (ROOT / folder).exists():
            shutil.copytree(ROOT / folder, home / folder, ignore=shutil.ignore_patterns(".*"))
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "share",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    settings = {
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        "notebook-extension/tracker": {"scrollPastEnd": False},
    }
    for name, values in settings.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))

    log = home / "jupyterlab.log"
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--LabApp.collaborative=False"]
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": "0",
        "ServerApp.root_dir": str(home),
        "IdentityProvider.token": token,
        "LabApp.expose_app_in_browser": "True",
        "LabApp.news_url": "",
    }
    environment = os.environ | {name: str(home / folder) for name, folder in own.items()}
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield wait_for(server, home, token, log)
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(server: "subprocess.Popen[bytes]", home: Path, token: str, log: Path) -> Lab:
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at and server.poll() is None:
        for told in (home / "runtime").glob("jpserver-*.json"):  # the server writes here which port it took
            try:
                lab = Lab(json.loads(told.read_text())["port"], token, home)
            except (ValueError, KeyError):
                continue  # half written
            if lab.answers():
                return lab
        time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(errors='replace')}")


def in_browser(chromium: webdriver.Chrome, script: str, *arguments: object) -> Any:
    """Run the body of an async JavaScript function; what it throws fails the test."""
    answer = chromium.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        f"(async (...args) => {{ {script} }})(...arguments)"
        ".then(value => done({value}), error => done({error: String(error && error.stack || error)}));",
        *arguments,
    )
    assert "error" not in answer, answer["error"]
    return answer.get("value")


OPEN = """
const app = window.jupyterapp;
await app.restored;
const panel = app.shell.currentWidget;
await panel.context.ready;
await panel.sessionContext.ready;
await app.commands.execute('notebook:clear-all-cell-outputs');
"""

# The command's promise ends with the first error, even one that a cell's tag asks for; so look at the cells.
RUN_ALL = """
const app = window.jupyterapp;
const panel = app.shell.currentWidget;
const cells = () => panel.content.model.sharedModel.toJSON().cells;
const done = cell => cell.cell_type !== 'code' || cell.execution_count !== null;
const fails = cell => (cell.outputs || []).some(output => output.output_type === 'error')
  && !(cell.metadata.tags || []).includes('raises-exception');
const kernel = panel.sessionContext.session.kernel;
app.commands.execute('notebook:run-all-cells').catch(() => null);
const giveUpAt = Date.now() + args[0] * 1000;
while (!(kernel.status === 'idle' && (cells().every(done) || cells().some(fails))) && Date.now() < giveUpAt)
  await new Promise(resolve => setTimeout(resolve, 100));
return {status: kernel.status, cells: cells()};
"""

CHANGE_THEME = """
const app = window.jupyterapp;
await app.commands.execute('apputils:change-theme', {theme: args[0]});
const giveUpAt = Date.now() + 10000;
while (document.querySelector('#jupyterlab-splash') && Date.now() < giveUpAt)  // it lies over the first page
  await new Promise(resolve => setTimeout(resolve, 100));
app.shell.collapseLeft();
const notebook = app.shell.currentWidget.content;
notebook.activeCellIndex = 0;
notebook.deselectAll();
const panel = notebook.node.querySelector('.jp-WindowedPanel-outer');
for (let calm = 0; calm < 5 && Date.now() < giveUpAt; calm++) {  // the notebook may still scroll to its last cell
  if (panel.scrollTop !== 0) [panel.scrollTop, calm] = [0, 0];
  await new Promise(resolve => setTimeout(resolve, 100));
}
"""

# Cells are only drawn when they come into view; so the notebook is looked at page by page.
NEXT_PAGE = """
const panel = window.jupyterapp.shell.currentWidget.content.node.querySelector('.jp-WindowedPanel-outer');
const before = panel.scrollTop;
panel.scrollTop += panel.clientHeight - 50;
await new Promise(resolve => setTimeout(resolve, 300));
return panel.scrollTop > before;
"""

CLOSE = """
const panel = window.jupyterapp.shell.currentWidget;
await panel.context.save();
await panel.sessionContext.shutdown();
"""


def is_open(chromium: webdriver.Chrome) -> bool:
    script = "return !!(window.jupyterapp && window.jupyterapp.shell.currentWidget?.content?.widgets)"
    return bool(chromium.execute_script(script))


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_cell_runs(
    notebook: str,
    lab: Lab,
    chromium: webdriver.Chrome,
    screenshots: Path,
    tool: Callable[[str], str],
) -> None:
    assert (ROOT / "notebooks" / notebook).exists(), f"there is no notebooks/{notebook}"
    chromium.get(lab.url(notebook))
    WebDriverWait(chromium, PATIENCE_S).until(is_open)
    in_browser(chromium, OPEN)
    result = in_browser(chromium, RUN_ALL, RUN_PATIENCE_S)

    code = [cell for cell in result["cells"] if cell["cell_type"] == "code"]
    errors = [
        f"{cell['id']}: {output['ename']}: {output['evalue']}"
        for cell in code
        for output in cell["outputs"]
        if output["output_type"] == "error" and "raises-exception" not in cell["metadata"].get("tags", [])
    ]
    assert not errors, "\n".join(errors)
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert result["status"] == "idle"

    shown = ""
    for theme in ("Light", "Dark"):
        in_browser(chromium, CHANGE_THEME, f"JupyterLab {theme}")
        for page in range(1, MOST_PAGES):
            chromium.save_screenshot(str(screenshots / f"{Path(notebook).stem}-{theme.lower()}-{page:02}.png"))
            shown += chromium.execute_script("return document.querySelector('.jp-Notebook').innerText")
            if not in_browser(chromium, NEXT_PAGE):
                break
    print(f"pictures: {screenshots}")
    assert not [failure for failure in BROKEN_OUTPUT if failure in shown]
    in_browser(chromium, CLOSE)


# --- widgets: what a student does, and what the page says then ---

SAMPLE = "dissect('../data/messages/mixed-alternative-related.eml')"
WIDGETS = {
    "WhereIsMyLetter": "from emaillab.worlds import chain, send\nwith chain(2) as net:\n    journey = send(net)\nWhereIsMyLetter(journey)",
    "HeaderInspector": f"from emaillab import dissect\nHeaderInspector({SAMPLE})",
    "MessageInspector": f"from emaillab import dissect\nMessageInspector({SAMPLE})",
    "EncodingBench": "EncodingBench('Hi')",
    "PathBuilder": "PathBuilder(3)",
}


def press(chromium: webdriver.Chrome, name: str) -> None:
    chromium.find_element(By.XPATH, f"//button[normalize-space()='{name}']").click()


def choose(chromium: webdriver.Chrome, label: str, words: str) -> None:
    choices = Select(chromium.find_element(By.XPATH, f"//label[.='{label}']/..//select"))
    choices.select_by_index(next(n for n, option in enumerate(choices.options) if option.text.strip() == words))


def slide(chromium: webdriver.Chrome, label: str, key: str) -> None:
    chromium.find_element(By.XPATH, f"//label[.='{label}']/..//*[@role='slider']").send_keys(key)


def output_of(chromium: webdriver.Chrome) -> str:
    return chromium.find_element(By.CLASS_NAME, "jp-OutputArea").text


def says(chromium: webdriver.Chrome, words: str) -> bool:
    return words in output_of(chromium)


def controls(chromium: webdriver.Chrome) -> bool:
    return bool(chromium.find_elements(By.CLASS_NAME, "jupyter-widgets"))


ANSWERS: dict[str, list[tuple[Callable[[webdriver.Chrome], None], str]]] = {
    "WhereIsMyLetter": [
        (lambda page: press(page, "Next"), "Right after step 2 of"),
        (lambda page: slide(page, "Step", Keys.ARROW_RIGHT), "Right after step 3 of"),
        (lambda page: press(page, "First"), "Right after step 1 of"),
    ],
    "HeaderInspector": [(lambda page: choose(page, "Field", "Subject"), "Subject, octets")],
    "MessageInspector": [
        (lambda page: choose(page, "Piece", "Return-Path"), "Return-Path: octets 0 to 32"),
        (lambda page: slide(page, "Octet", Keys.ARROW_RIGHT), "octet 1 ("),
    ],
    "EncodingBench": [
        (lambda page: page.find_element(By.TAG_NAME, "textarea").send_keys(" 因"), "=E5=9B=A0"),
        (lambda page: choose(page, "Charset", "gb18030"), "=D2=F2"),
    ],
    "PathBuilder": [
        (lambda page: slide(page, "Servers", Keys.ARROW_RIGHT), "by relay2.example"),
        (lambda page: slide(page, "clock ahead (s)", Keys.ARROW_LEFT), "Mon, 02 Mar 2026 08:59:5"),
    ],
}


@pytest.mark.parametrize("widget", WIDGETS)
def test_a_widget_answers(widget: str, lab: Lab, chromium: webdriver.Chrome) -> None:
    source = f"from emaillab.widgets import {widget}\n{WIDGETS[widget]}"
    cell = {"cell_type": "code", "id": "it", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    book = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (lab.home / "notebooks" / f"{widget}.ipynb").write_text(json.dumps(book))
    chromium.get(lab.url(f"{widget}.ipynb"))
    WebDriverWait(chromium, PATIENCE_S).until(is_open)
    in_browser(chromium, OPEN)
    in_browser(chromium, RUN_ALL, RUN_PATIENCE_S)
    WebDriverWait(chromium, PATIENCE_S).until(controls)
    for act, words in ANSWERS[widget]:
        assert words not in output_of(chromium), f"{words} stands there before anything is done"
        act(chromium)
        WebDriverWait(chromium, PATIENCE_S).until(partial(says, words=words))
    in_browser(chromium, CLOSE)
