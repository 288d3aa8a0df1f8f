"""A running `emaillab serve` for every test that asks for one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.peers.serve import Serve


@pytest.fixture
def start() -> Iterator[Callable[..., Serve]]:
    """Start servers; those that the test left running must stop well, with nothing on their error stream."""
    running: list[Serve] = []

    def start_one(*more: str | Path, **options: object) -> Serve:
        running.append(Serve(*more, **options))  # type: ignore[arg-type]
        return running[-1]

    yield start_one
    for server in running:
        if not server.process.returncode and not server.gone:
            server.stop()


@pytest.fixture
def server(start: Callable[..., Serve]) -> Serve:
    """Start one server, with all its services in the clear, in memory."""
    return start()


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """Name the file for the certificate of the server's authority."""
    return tmp_path / "authority.pem"


@pytest.fixture
def tls_server(start: Callable[..., Serve], authority: Path) -> Serve:
    """Start one server that writes its authority's certificate."""
    ports = ("--smtp", "0", "--pop3", "0", "--imap", "0", "--smtps", "0", "--pop3s", "0", "--imaps", "0")
    return start("--cert-out", authority, services=ports)
