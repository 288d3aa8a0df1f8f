"""How many letters a second does `emaillab serve --discard` take, beside aiosmtpd and Postfix's smtp-sink?

All three servers run from the beginning to the end; Postfix's smtp-source drives one at a time, in rounds A B C A B C,
so that whatever else the machine does strikes all three alike. A ratio is taken within each round, and the median of
the rounds' ratios is shown. Nothing fails here: a benchmark is no test.
"""

import argparse
import contextlib
import getpass
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

POSTFIX = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/postfix/sbin"])
OURS, AIOSMTPD, SINK = "emaillab serve --discard", "aiosmtpd", "smtp-sink"
TARGETS = {AIOSMTPD: 4.0, SINK: 0.75}  # our rate, as a multiple of theirs
WARM_UP = 200  # letters before the first round
READY_S = 60


@dataclass
class Server:
    """A running server and what was measured of it."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    rates: list[float] = field(default_factory=list)  # letters a second, one for each round
    cpu_s: list[float] = field(default_factory=list)  # processor seconds for 1000 letters, one for each round

    def used_s(self) -> float:
        """Return the processor seconds used so far, in the process and in the system on its behalf."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def commands(port: int) -> dict[str, list[str]]:
    """Return how each server is started on a port."""
    python = [sys.executable, "-m"]
    # smtp-sink gives up root's rights, and wants to be told for whose.
    user = ["-u", "nobody"] if getpass.getuser() == "root" else []
    return {
        OURS: [*python, "emaillab", "serve", "--discard", "--smtp", str(port)],
        AIOSMTPD: [*python, "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Sink", "-l", f"127.0.0.1:{port}"],
        SINK: [program("smtp-sink"), *user, f"127.0.0.1:{port}", "1024"],
    }


def program(name: str) -> str:
    """Find one of Postfix's programs."""
    path = shutil.which(name, path=POSTFIX)
    if path is None:
        sys.exit(f"{name} is needed; on Debian and Ubuntu it is in the package postfix")
    return path


def free_port() -> int:
    """Return a port that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(name: str) -> Iterator[Server]:
    """Start a server, wait until it greets, and end it afterwards."""
    port = free_port()
    process = subprocess.Popen(commands(port)[name], stdout=subprocess.DEVNULL)
    try:
        wait_for_greeting(name, process, port)
        yield Server(name, process, port)
    finally:
        process.terminate()
        process.wait()


def wait_for_greeting(name: str, process: subprocess.Popen[bytes], port: int) -> None:
    """Return when the server really accepts: it has said 220."""
    give_up_at = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < give_up_at:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as client:
                if client.recv(3) == b"220":
                    client.sendall(b"QUIT\r\n")
                    while client.recv(1024):
                        pass
                    return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{name} does not greet on port {port}")


def drive(server: Server, letters: int, sessions: int, octets: int) -> float:
    """Send letters, many over each connection. Returns: seconds."""
    load = ["-d", "-s", str(sessions), "-l", str(octets), "-m", str(letters), "-f", "a@x.org", "-t", "b@x.org"]
    begun = time.perf_counter()
    subprocess.run([program("smtp-source"), *load, f"127.0.0.1:{server.port}"], check=True)
    return time.perf_counter() - begun


def measure(servers: Sequence[Server], options: argparse.Namespace) -> None:
    """Drive the servers in turn, round after round."""
    for server in servers:
        drive(server, WARM_UP, options.sessions, options.octets)
    for number in range(options.rounds):
        for server in servers:
            before_s = server.used_s()
            seconds = drive(server, options.letters, options.sessions, options.octets)
            server.rates.append(options.letters / seconds)
            server.cpu_s.append((server.used_s() - before_s) * 1000 / options.letters)
        shown = ", ".join(f"{server.name} {server.rates[-1]:.0f}/s" for server in servers)
        print(f"round {number + 1}: {shown}", file=sys.stderr)


def ratios(ours: Server, other: Server) -> list[float]:
    """Return our rate as a multiple of another's, round by round."""
    return [a / b for a, b in zip(ours.rates, other.rates, strict=True)]


def table(servers: Sequence[Server]) -> str:
    """Return what was measured, for people."""
    ours = servers[0]
    rows = [f"{'server':26}{'letters/s':>10}{'CPU s/1000':>12}{'ours is':>10}{'(least, most)':>18}{'target':>10}"]
    for server in servers:
        row = f"{server.name:26}{statistics.median(server.rates):10.0f}{statistics.median(server.cpu_s):12.3f}"
        if server is not ours:
            found, target = ratios(ours, server), TARGETS[server.name]
            middle = statistics.median(found)
            spread = f"({min(found):.2f}, {max(found):.2f})"
            row += f"{middle:9.2f}x{spread:>18}{f'>= {target}x':>10}  {'met' if middle >= target else 'missed'}"
        rows.append(row)
    return "\n".join(rows)


def as_json(servers: Sequence[Server]) -> str:
    """Return what was measured, for programs."""
    ours = servers[0]
    values = {
        server.name: {
            "letters_per_s": server.rates,
            "cpu_s_per_1000": server.cpu_s,
            "ours_as_multiple": None if server is ours else statistics.median(ratios(ours, server)),
            "target": TARGETS.get(server.name),
        }
        for server in servers
    }
    return json.dumps(values, indent=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=5000, help="letters in one round to each server (5000)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds (7)")
    parser.add_argument("--sessions", type=int, default=10, help="sessions at once (10)")
    parser.add_argument("--octets", type=int, default=1024, help="octets of each letter's body (1024)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    with running(OURS) as ours, running(AIOSMTPD) as aiosmtpd, running(SINK) as sink:
        servers = (ours, aiosmtpd, sink)
        measure(servers, options)
        print(as_json(servers) if options.json else table(servers))


if __name__ == "__main__":
    main()
