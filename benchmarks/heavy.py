"""What do the worst letters cost a server, and does anybody else have to wait for it?

First every letter of tests/hostile.py is looked at, in one process and without a network: each page of webmail and
each IMAP command, for a letter of so many octets and for one of ten times as many. Then `emaillab serve` gets the
letters whose pages took longest; while a browser opens their pages again and again, another client says NOOP to the
same server over SMTP and takes the time. Nothing fails here: a benchmark is no test.
"""

import argparse
import contextlib
import gc
import http.client
import imaplib
import json
import math
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.hostile import COMMANDS, PAGES, WORKS, WORST, Desk

ITEM_TARGET_S, LINEAR_TARGET, NOOP_TARGET_MS = 1.0, 20.0, 100.0
SHORTEST_S = 0.05  # of shorter work no growth is told: what is done for any letter would be most of it
READY_S = 60
imaplib._MAXLINE = 1 << 30  # type: ignore[attr-defined]  # the outline of 20,000 parts is one line

# --- what each page and each command costs ---


def taken(desk: Desk, work: str) -> float:
    """Measure the processor seconds of a work, with nothing remembered of the one before."""
    desk.webmail._summaries.clear()
    gc.collect()
    begun = time.process_time()
    desk.do(work)
    return time.process_time() - begun


def held(desk: Desk, work: str) -> int:
    """Measure the most octets that are held at once during a work."""
    tracemalloc.start()
    desk.do(work)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def costs(names: list[str], size: int, with_memory: bool) -> list[dict[str, Any]]:
    """Look at each letter, small and large, in all ways."""
    desk = Desk()
    rows = []
    for name in names:
        desk.put(WORST[name](size // 10))
        small = {work: taken(desk, work) for work in WORKS}
        desk.put(WORST[name](size))
        large = {work: taken(desk, work) for work in WORKS}
        peak = {work: held(desk, work) for work in WORKS} if with_memory else {}
        rows.append({"letter": name, "octets": size, "small_s": small, "large_s": large, "peak_octets": peak})
        print_row(rows[-1])
    return rows


def print_row(row: dict[str, Any]) -> None:
    for kind, works in (("webmail", PAGES), ("IMAP", COMMANDS)):
        work = max(works, key=row["large_s"].__getitem__)
        large, small = row["large_s"][work], row["small_s"][work]
        ratio = f"{large / small:6.1f}" if small and large >= SHORTEST_S else "     -"
        peak = f"{max(row['peak_octets'][one] for one in works) / 1e6:8.1f}" if row["peak_octets"] else ""
        good = large < ITEM_TARGET_S and (large < SHORTEST_S or large / small <= LINEAR_TARGET)
        label = row["letter"] if kind == "webmail" else ""
        print(
            f"{label[:40]:41}{kind:8}{work[:34]:35}{small * 1000:8.0f}{large * 1000:8.0f}{ratio}{peak}"
            f"  {'met' if good else 'MISSED'}",
            file=sys.stderr,
            flush=True,
        )


# --- whether others wait ---


@contextlib.contextmanager
def serving() -> Iterator[dict[str, tuple[str, int]]]:
    """Start a server with one user, and end it afterwards, whatever it is doing. Gives: where its services are."""
    command = ["serve", "--user", "bob:secret", "--smtp", "0", "--imap", "0", "--http", "0", "--json"]
    process = subprocess.Popen([sys.executable, "-m", "emaillab", *command], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())
        yield {name: (ip, port) for name, (ip, port) in found["services"].items()}
    finally:
        process.kill()
        process.wait()


def append(place: tuple[str, int], raw: bytes) -> None:
    """Put a letter into the mailbox."""
    with imaplib.IMAP4(*place, timeout=READY_S) as client:
        client.login("bob", "secret")
        client.append("INBOX", "", "", raw)


def browse(place: tuple[str, int], rounds: int, stop: threading.Event) -> int:
    """Open the pages of the letter again and again. Returns: how many."""
    browser = http.client.HTTPConnection(*place, timeout=READY_S)
    form = urlencode({"user": "bob", "password": "secret"})
    browser.request("POST", "/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = browser.getresponse()
    answer.read()
    cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
    count = 0
    for page in PAGES * rounds:
        if stop.is_set():
            break
        browser.request("GET", page.format(uid=1), headers={"Cookie": cookie})
        browser.getresponse().read()
        count += 1
    browser.close()
    return count


def fetch(place: tuple[str, int], rounds: int, stop: threading.Event) -> int:
    """Give the commands again and again. Returns: how many."""
    with imaplib.IMAP4(*place, timeout=READY_S) as client:
        client.login("bob", "secret")
        client.select("INBOX")
        count = 0
        for command in COMMANDS * rounds:
            if stop.is_set():
                break
            name, _, arguments = command.partition(" ")
            if name == "FETCH":
                client.fetch(*arguments.split(" ", 1))
            else:
                client.search(None, arguments)
            count += 1
        return count


def noops(place: tuple[str, int], busy: Callable[[], bool], seconds: float) -> list[float]:
    """Say NOOP as long as somebody else is busy, and no longer than so many seconds. Returns: the latencies in ms."""
    found = []
    with socket.create_connection(place, READY_S) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(seconds)
        give_up_at = time.monotonic() + seconds
        command = b""  # the greeting is waited for, too
        while (busy() or not found) and time.monotonic() < give_up_at:
            begun = time.perf_counter()
            client.sendall(command)
            with contextlib.suppress(TimeoutError):  # then the time-out is the latency
                while not client.recv(1024).endswith(b"\n"):
                    pass
            found.append(1000 * (time.perf_counter() - begun))
            time.sleep(0.001)
            command = b"NOOP\r\n"
    return found


def waiting(letter: str, size: int, kind: str, rounds: int, seconds: float) -> dict[str, Any]:
    """Take the time of NOOP while a letter is looked at."""
    with serving() as places:
        append(places["imap"], WORST[letter](size))
        stop, count = threading.Event(), 0

        def look() -> None:
            nonlocal count
            with contextlib.suppress(OSError, http.client.HTTPException, imaplib.IMAP4.error):
                count = (browse if kind == "http" else fetch)(places[kind], rounds, stop)

        other = threading.Thread(target=look, daemon=True)
        other.start()
        latencies = sorted(noops(places["smtp"], other.is_alive, seconds))
        stop.set()
        if not other.is_alive():
            other.join()
    at_99 = latencies[min(len(latencies) - 1, math.ceil(0.99 * len(latencies)) - 1)]
    return {
        "letter": letter,
        "while": {"http": "webmail", "imap": "IMAP"}[kind],
        "looked_at": count,
        "noops": len(latencies),
        "median_ms": latencies[len(latencies) // 2],
        "at_99_ms": at_99,
        "largest_ms": latencies[-1],
    }


def show_waiting(row: dict[str, Any]) -> None:
    good = row["largest_ms"] < NOOP_TARGET_MS
    print(
        f"{row['letter'][:40]:41}{row['while']:8}{row['looked_at']:8}{row['noops']:8}{row['median_ms']:10.1f}"
        f"{row['at_99_ms']:10.1f}{row['largest_ms']:10.1f}  {'met' if good else 'MISSED'}",
        file=sys.stderr,
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--octets", type=int, default=1_000_000, metavar="N", help="of each letter (1 MB)")
    parser.add_argument("--letters", type=int, default=5, metavar="N", help="how many of the worst are served (5)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only letters whose name holds this")
    parser.add_argument("--rounds", type=int, default=10, help="how often all is looked at while NOOP is said (10)")
    parser.add_argument("--seconds", type=float, default=20.0, help="the most that one such letter takes (20)")
    parser.add_argument("--memory", action="store_true", help="tell the most megabytes held, too; takes much longer")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    names = [name for name in WORST if options.only in name]
    megabytes = "      MB" if options.memory else ""
    head = f"{'letter':41}{'':8}{'slowest':35}{'ms, 1/10':>8}{'ms':>8} ratio{megabytes}"
    print(head, file=sys.stderr)
    rows = costs(names, options.octets, options.memory)
    worst = sorted(rows, key=lambda row: max(row["large_s"][page] for page in PAGES), reverse=True)
    print(f"\n{'NOOP, while looked at':41}{'by':8}{'times':>8}{'NOOPs':>8}{'median ms':>10}", end="", file=sys.stderr)
    print(f"{'99 % ms':>10}{'most ms':>10}", file=sys.stderr)
    waits = []
    for row in worst[: options.letters]:
        for kind in ("http", "imap"):
            waits.append(waiting(row["letter"], options.octets, kind, options.rounds, options.seconds))
            show_waiting(waits[-1])
    if options.json:
        print(json.dumps({"costs": rows, "waits": waits}, indent=1))


if __name__ == "__main__":
    main()
