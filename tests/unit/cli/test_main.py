"""Does the `emaillab` command tell its users what they need, in one line when they err, and never with a traceback?"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emaillab import __version__
from emaillab.cli import COMMANDS, main

COMMAND = [sys.executable, "-m", "emaillab"]


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return the one line with which a call is refused."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1), err
    return err


@pytest.mark.parametrize("command", COMMANDS)
class TestEveryCommand:
    def test_help(self, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([command, "--help"]) == 0
        out, err = capsys.readouterr()
        assert out.startswith(f"usage: emaillab {command} ")
        assert COMMANDS[command].capitalize().split()[0] in out
        assert err == ""

    def test_an_unknown_option(self, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        said = refused(capsys, command, "x", "--no-such-option")
        assert said.startswith("emaillab")
        assert "--help" in said


class TestUsage:
    def test_the_list_of_commands(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--help"]) == 0
        out = capsys.readouterr().out
        assert all(f"  {name} " in out and help_ in out for name, help_ in COMMANDS.items())

    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--version"]) == 0
        assert capsys.readouterr().out == f"emaillab {__version__}\n"

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ([], "arguments are required: COMMAND"),
            (["frobnicate"], "invalid choice: 'frobnicate'"),
            (["dissect"], "arguments are required: FILE"),
            (["trace", "one", "two"], "unrecognized arguments: two"),
            (["demo", "--network", "pigeon"], "invalid choice: 'pigeon'"),
            (["demo", "--pcapng"], "expected one argument"),
            (["demo", "--network", "memory", "--pcapng", "/nowhere/x.pcapng"], "/nowhere/x.pcapng: No such file"),
            (["demo", "two\nlines"], "unrecognized arguments: two lines"),
            (["lab", "--port", "eighty"], "'eighty' is not a port"),
        ],
    )
    def test_wrong_usage(self, words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert reason in refused(capsys, *words)


class TestAsAProcess:
    """What a shell sees."""

    LONG = ("dissect", "data/messages/forward-60-deep.eml")

    def test_a_reader_that_has_seen_enough(self, root: Path) -> None:
        """`emaillab dissect … | head -1`"""
        command = subprocess.Popen(
            [*COMMAND, *self.LONG, "--json"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert command.stdout is not None
        assert command.stdout.readline() == b"{\n"
        command.stdout.close()
        assert command.wait(60) == 0
        assert command.stderr is not None
        assert command.stderr.read() == b""
        command.stderr.close()

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
    def test_a_full_disk(self, root: Path) -> None:
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run([*COMMAND, *self.LONG], cwd=root, stdout=full, stderr=subprocess.PIPE, check=False)
        assert (done.returncode, done.stderr) == (2, b"emaillab dissect: No space left on device\n")

    def test_an_interrupt(self) -> None:
        with subprocess.Popen(
            [*COMMAND, "dissect", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as command:
            assert command.stdin is not None and command.stderr is not None
            # More than a pipe holds: when it is all written, the command is reading.
            command.stdin.write(b"Subject: unfinished\r\n" * 10_000)
            command.stdin.flush()
            while command.poll() is None:  # a signal between two system calls is noticed with the next one
                command.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    command.wait(0.5)
            assert command.returncode == 130
            assert command.stderr.read() == b""

    def test_a_terminal_without_the_letters_characters(self, root: Path) -> None:
        words = ["dissect", "data/messages/chinese-utf8.eml"]
        plain = {**os.environ, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run([*COMMAND, *words], cwd=root, env=plain, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert rb"\u83dc\u5355" in done.stdout
