"""Does `emaillab demo` show the whole system, the same on both networks and on every run?"""

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emaillab.cli import main


def demo(capsys: pytest.CaptureFixture[str], *options: str | Path) -> str:
    assert main(["demo", *map(str, options)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


class TestJson:
    def test_both_networks_tell_the_same(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Hops, octets and transcript digests."""
        by_tcp = demo(capsys, "--json")
        assert by_tcp == demo(capsys, "--network", "tcp", "--json") == demo(capsys, "--network", "memory", "--json")

    def test_the_journey(self, capsys: pytest.CaptureFixture[str]) -> None:
        shown: dict[str, Any] = json.loads(demo(capsys, "--network", "memory", "--json"))
        hosts = [hop["host"] for hop in shown["hops"]]
        assert hosts == ["crepes.fr", "smtp.isp.example", "mx.hamburger.edu", "hamburger.edu"]
        assert [hop["by"] for hop in shown["path"]["hops"]] == hosts
        octets = [hop["octets"] for hop in shown["hops"]]
        assert octets == sorted(set(octets)), "each host adds a field of its own"
        assert len({copy["sha256"] for copy in shown["read"].values()}) == 1
        assert {"pop3", "imap"} <= set(shown["read"])
        digests = [session["sha256"] for session in shown["sessions"]]
        assert len(set(digests)) == len(digests) >= 6
        assert all(len(digest) == len(hashlib.sha256().hexdigest()) for digest in digests)


class TestText:
    def test_what_is_said(self, capsys: pytest.CaptureFixture[str]) -> None:
        shown = demo(capsys)
        assert shown == demo(capsys, "--network", "memory")
        in_this_order = [
            "=== Session 1: SMTP, port 25",
            "S: 220 crepes.fr ESMTP emaillab",
            "C: MAIL FROM:<alice@crepes.fr>",
            "C: RCPT TO:<bob@hamburger.edu>",
            "C: DATA",
            "C: ..A line that begins with a dot arrives as it was sent.",
            "S: 221 2.0.0 crepes.fr closes the connection",
            "crepes.fr speaks to smtp.isp.example, because of session 1",
            "smtp.isp.example speaks to mx.hamburger.edu, because of session 2",
            "mx.hamburger.edu speaks to hamburger.edu, because of session 3",
            "POP3, port 110",
            "C: RETR 1",
            "IMAP, port 143",
            "FETCH 1",
            "=== The path, as the Received fields tell it",
            "over 4 hops",
            "the same octets",
        ]
        places = [shown.find(words) for words in in_this_order]
        assert -1 not in places, in_this_order[places.index(-1)]
        assert places == sorted(places)


def test_wireshark_reads_the_capture(
    tmp_path: Path, tool: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "demo.pcapng"
    demo(capsys, "--pcapng", file)

    def tshark(*options: str) -> list[str]:
        command = [tool("tshark"), "-r", str(file), "-T", "fields", *options]
        done = subprocess.run(command, capture_output=True, check=True, env={"HOME": str(tmp_path), "PATH": "/usr/bin"})
        return done.stdout.decode().splitlines()

    protocols = set(tshark("-e", "_ws.col.Protocol"))
    assert {"SMTP", "POP", "IMAP"} <= {name.partition("/")[0] for name in protocols}
    verbs = tshark("-Y", "smtp.req", "-e", "smtp.req.command")
    assert [verb for line in verbs for verb in line.split(",")].count("MAIL") == 4
    assert any("RETR" in line for line in tshark("-Y", "pop.request", "-e", "pop.request.command"))
    assert any("FETCH" in line for line in tshark("-Y", "imap.request", "-e", "imap.request.command"))
    assert tshark("-Y", "_ws.malformed", "-e", "frame.number") == []
    assert tshark("-Y", "tcp.analysis.flags", "-e", "frame.number") == []
    # A handshake takes as long as the line is: 5 ms one way from Alice to her server, 10 ms from there to the relay.
    assert tshark("-Y", "tcp.ack == 1 and tcp.len == 0 and tcp.seq == 1", "-e", "tcp.analysis.initial_rtt")[:2] == [
        "0.010000000",
        "0.020000000",
    ]
