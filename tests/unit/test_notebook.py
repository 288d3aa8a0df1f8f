"""What a student sees and leaves behind in a real kernel."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emaillab.net.transcript import Transcript

jupyter_client = pytest.importorskip("jupyter_client")
pytest.importorskip("ipykernel")

PATIENCE_S = 60


class Kernel:
    """A real kernel that runs cells as JupyterLab has it run them: with the cell's id."""

    def __init__(self, root: Path) -> None:
        self.manager = jupyter_client.KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(root))
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE_S)

    def start(self, code: str, cell: str) -> str:
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell})
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def messages(self, id: str) -> Iterator[dict[str, Any]]:
        """Give what the kernel publishes about a request until it is idle again."""
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE_S)
            if message["parent_header"].get("msg_id") != id:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return
            yield message

    def run(self, code: str, cell: str = "") -> dict[str, Any]:
        """Run a cell to its end. Returns: its text, its result by MIME type, the name of its error."""
        found: dict[str, Any] = {"text": "", "data": {}, "error": ""}
        for message in self.messages(self.start(code, cell or uuid.uuid4().hex)):
            content = message["content"]
            if message["msg_type"] == "stream":
                found["text"] += content["text"]
            elif message["msg_type"] == "execute_result":
                found["data"] = content["data"]
            elif message["msg_type"] == "error":
                found["error"] = content["ename"]
        return found


@pytest.fixture(scope="module")
def kernel(root: Path) -> Iterator[Kernel]:
    kernel = Kernel(root)
    prepared = kernel.run(PREPARE)
    assert not prepared["error"], prepared
    yield kernel
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)


PREPARE = """
import json, socket, threading
from emaillab import Internet, dissect, trace, draw
net = Internet.textbook(network="memory")
letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "<script>", "Do you like crepes?\\n")
sent = net.submit(letter)
net.settle()
raw = net.hosts["hamburger.edu"].letters("bob")[0]
"""

SHOWN = {
    "net": "Map of an Internet",
    "net.hosts['hamburger.edu']": "bob",
    "net.hosts['hamburger.edu'].queue": "queue: 0 letters",
    "net.hosts['hamburger.edu'].letters('bob')": "1 letter",
    "net.transcripts": "4 sessions",
    "net.transcripts[0]": "C: EHLO alice.crepes.fr",
    "net.journey(letter['Message-ID'])": "smtp.isp.example",
    "dissect(raw)": "message  text/plain",
    "trace(raw)": "mx.hamburger.edu",
    "draw(net.transcripts[0])": "handshake",
    "sent": "accepted: 250",
    "sent.final": "250 2.0.0 kept as",
}


@pytest.mark.parametrize("code", SHOWN)
def test_a_value_at_the_end_of_a_cell_shows_itself_as_text_and_as_html(kernel: Kernel, code: str) -> None:
    result = kernel.run(code)
    assert not result["error"]
    assert SHOWN[code] in result["data"]["text/plain"]
    page = result["data"]["text/html"]
    assert "emaillab" in page
    assert "<script" not in page


def test_text_in_a_notebook_is_what_text_gives(kernel: Kernel) -> None:
    record = json.loads(kernel.run("print(json.dumps(net.transcripts[1].to_json()))")["text"])
    assert kernel.run("net.transcripts[1]")["data"]["text/plain"] == Transcript.from_json(record).text()


@pytest.mark.parametrize("code", ["[1, [2, 3]]", "[b'no letter', b'at all']", "[]", "[raw, 1][1:]", "'text'"])
def test_other_values_look_as_they_always_did(kernel: Kernel, code: str) -> None:
    assert set(kernel.run(code)["data"]) == {"text/plain"}
    assert kernel.run(code)["data"]["text/plain"] == repr(eval(code, {"raw": b""}))


def test_inside_another_value_a_reply_is_its_repr(kernel: Kernel) -> None:
    assert kernel.run("(sent.final,)")["data"]["text/plain"].startswith("(Reply(code=250")


def test_an_object_shows_the_same_twice(kernel: Kernel) -> None:
    assert kernel.run("net")["data"] == kernel.run("net")["data"]


COUNT = """
import psutil
ports = [c for c in psutil.Process().net_connections("tcp") if c.status == psutil.CONN_LISTEN]
print(json.dumps([len(ports), threading.active_count()]))
"""


def test_a_cell_run_again_leaves_no_port_and_no_thread(kernel: Kernel) -> None:
    make = "world = Internet.textbook(network='tcp')\nalive = globals().setdefault('alive', [])\nalive.append(world)"
    kernel.run(make, "the-cell")
    first = json.loads(kernel.run(COUNT)["text"])
    for _ in range(4):
        assert not kernel.run(make, "the-cell")["error"]
    assert json.loads(kernel.run(COUNT)["text"]) == first
    assert kernel.run("print(world.smtp('crepes.fr').helo('me'), [w.network.running for w in alive])")["text"].endswith(
        "[False, False, False, False, True]\n"
    )


def test_another_cell_leaves_the_world_of_the_first_alone(kernel: Kernel) -> None:
    kernel.run("one = Internet.textbook(network='tcp')", "cell-1")
    kernel.run("two = Internet.textbook(network='tcp')", "cell-2")
    kernel.run("two = Internet.textbook(network='tcp')", "cell-2")
    assert kernel.run("print(one.network.running, two.network.running)")["text"] == "True True\n"


BLOCKED = """
from emaillab.net.clock import WallClock
from emaillab.net.outside import dial
silent = socket.create_server(("127.0.0.1", 0))
stream = dial(*silent.getsockname(), WallClock(), timeout_s=600)
print("waiting", flush=True)
stream.readline()
"""


def test_an_interrupt_frees_a_blocked_cell_and_the_world_goes_on(kernel: Kernel) -> None:
    kernel.run("world = Internet.textbook(network='tcp')", "a-world")
    error = ""
    for message in kernel.messages(kernel.start(BLOCKED, "blocked")):
        if message["msg_type"] == "stream":
            kernel.manager.interrupt_kernel()
        elif message["msg_type"] == "error":
            error = message["content"]["ename"]
    assert error == "KeyboardInterrupt"
    after = kernel.run("stream.close(); silent.close(); print(world.smtp('crepes.fr').helo('me').code)")
    assert after["text"] == "250\n"
