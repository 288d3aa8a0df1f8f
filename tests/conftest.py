"""What all tests share: real tools, free ports, a check for things left behind, hypothesis profiles."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}

# "ci" draws the same examples on every run; "thorough" is for a long night: HYPOTHESIS_PROFILE=thorough
settings.register_profile(
    "ci",
    derandomize=True,
    database=None,
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Which Debian package brings which command; a command not named here is its own package.
DEBIAN_PACKAGE = {
    "chromedriver": "chromium-driver",
    "doveadm": "dovecot-core",
    "dovecot": "dovecot-imapd dovecot-pop3d",
    "mbsync": "isync",
    "node": "nodejs",
    "postconf": "postfix",
    "postmap": "postfix",
    "sendmail": "postfix",
    "smtp-sink": "postfix",
    "smtp-source": "postfix",
    "text2pcap": "tshark",
}
# Debian keeps servers out of an ordinary user's PATH.
SERVER_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/postfix/sbin", "/usr/lib/dovecot")


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Find a real mail tool: `tool("swaks")` is its path; a missing one skips, but fails in CI."""

    def find(name: str) -> str:
        path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *SERVER_FOLDERS]))
        if path:
            return path
        missing = f"{name} is not installed (Debian package: {DEBIAN_PACKAGE.get(name, name)})"
        if IN_CI:
            pytest.fail(missing)
        pytest.skip(missing)

    return find


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Name a TCP port on 127.0.0.1 that nobody uses just now."""

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port

    return find


def open_sockets() -> set[str]:
    """Name this process's open sockets; empty where the system does not tell."""
    names = set()
    for entry in Path("/proc/self/fd").glob("*"):
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith("socket:"):
            names.add(target)
    return names


@pytest.fixture
def leaves_nothing() -> Iterator[None]:
    """Fail the test when a thread or a socket that it opened outlives it."""
    threads, sockets = set(threading.enumerate()), open_sockets()
    yield
    give_up_at = time.monotonic() + 5  # closing is asynchronous; being slow is no failure
    while time.monotonic() < give_up_at:
        stray = [t.name for t in threading.enumerate() if t not in threads]
        stray += sorted(open_sockets() - sockets)
        if not stray:
            return
        threading.Event().wait(0.01)
    pytest.fail(f"left behind: {', '.join(stray)}")


@pytest.fixture(scope="session")
def root() -> Path:
    """Point at the top folder of the project."""
    return Path(__file__).resolve().parent.parent
