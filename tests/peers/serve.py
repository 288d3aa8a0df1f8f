"""`emaillab serve` as a process of its own, as real mail programs meet it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ALL = ("--smtp", "0", "--submission", "0", "--pop3", "0", "--imap", "0")
USER, PASSWORD, DOMAIN = "testuser", "secret", "example.org"
ADDRESS = f"{USER}@{DOMAIN}"
START_S = 60  # how long a start may take on a machine that is busy with all the other tests


class Serve:
    """A running `emaillab serve`.

    Args: services: options that name ports; more: further options; read_along: whether what it prints later is read.
    """

    def __init__(self, *more: str | Path, services: Iterable[str] = ALL, read_along: bool = True) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  a file: a pipe that nobody reads stops the server
        command = [sys.executable, "-m", "emaillab", "serve", *services, "--domain", DOMAIN, "--json"]
        command += ["--user", f"{USER}:{PASSWORD}", *map(str, more)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise AssertionError(f"serve did not start: {self.said()}")
        self.announced: dict[str, Any] = json.loads(line)
        # What follows with --record is read along, for the same reason.
        self.printed: list[bytes] = []
        lines = self.process.stdout if read_along else ()
        self._reader = threading.Thread(target=self.printed.extend, args=(lines,), daemon=True)
        self._reader.start()

    def at(self, service: str) -> tuple[str, int]:
        """Return (ip, port)."""
        ip, port = self.announced["services"][service]
        return ip, port

    def port(self, service: str) -> int:
        return self.at(service)[1]

    def said(self) -> str:
        """Return what it wrote on its standard error stream."""
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace")

    def stop(self, with_signal: int = signal.SIGTERM) -> None:
        """End it, and see that it ended well."""
        self.process.send_signal(with_signal)
        status = self.process.wait(60)
        self._reader.join(60)
        said = self.said()
        self.close()
        assert (status, said) == (0, "")

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()
        self._reader.join(60)
        self.close()

    def close(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.errors.close()

    @property
    def gone(self) -> bool:
        return self.process.poll() is not None

    @property
    def resident_octets(self) -> int:
        """How much memory it uses now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def run(*command: str | Path, input: bytes | str | None = None, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end; its output comes back as octets."""
    text = input.encode() if isinstance(input, str) else input
    stdin = {} if text is not None else {"stdin": subprocess.DEVNULL}
    return subprocess.run(
        [str(word) for word in command], input=text, capture_output=True, timeout=120, check=False, **stdin, **options
    )


def emaillab(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the `emaillab` command."""
    return run(sys.executable, "-m", "emaillab", *words, **options)


def without_trace(raw: bytes) -> bytes:
    """Return a delivered letter as it was sent: without Return-Path and the Received field on top."""
    lines = raw.split(b"\r\n")
    assert lines[0].startswith(b"Return-Path: <"), lines[0]
    assert lines[1].startswith(b"Received: from "), lines[1]
    end = next(number for number, line in enumerate(lines) if number > 1 and not line.startswith(b" "))
    return b"\r\n".join(lines[end:])
