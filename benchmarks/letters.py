"""What does it cost to take letters apart and to read their paths, beside four other libraries?

All figures are processor seconds of this process. In each round every library does every letter once in turn, on a heap
that has just been cleared; ratios are taken within a round, and the median over the rounds is shown. Nothing fails
here: a benchmark is no test. A peer that cannot be imported is named, with the reason, and left out.
"""

import argparse
import base64
import email
import email.message
import gc
import importlib
import json
import logging
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from emaillab.message.mime.dissect import dissect
from emaillab.message.trace.path import trace

Work = Callable[[bytes], object]

STDLIB, OURS = "stdlib email", "emaillab"
TREE_TARGET, NATIVE_TARGET, DECODED_TARGET, TRACE_TARGET, MEMORY_TARGET, LINEAR_TARGET = 5.0, 1.5, 4.0, 10.0, 1.2, 12.0
NATIVE_CASES = ("plain, 2 KB", "80 Received lines")
SHORTEST_S = 0.002  # work is repeated until a reading is at least this long

# --- the letters ---

RECEIVED = (
    b"Received: from mail-%d.example.org (mail-%d.example.org [192.0.2.%d])\r\n"
    b"\tby mx%d.example.net (Postfix) with ESMTPS id 4ZfQ2F4cWjz1f\r\n"
    b"\tfor <bob@hamburger.edu>; Mon, 23 Nov 2026 16:%02d:22 +0000 (UTC)\r\n"
)
HEAD = (
    b"Return-Path: <alice@crepes.fr>\r\n" + RECEIVED % (1, 1, 1, 1, 34) + b"From: Alice <alice@crepes.fr>\r\n"
    b"To: Bob <bob@hamburger.edu>\r\nSubject: Hello\r\nDate: Mon, 23 Nov 2026 16:34:22 +0000\r\n"
    b"Message-ID: <1@crepes.fr>\r\nMIME-Version: 1.0\r\n"
)
TEXT = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
LINE = b"Do you like ketchup? How about pickles?\r\n"


def plain() -> bytes:
    return (HEAD + TEXT + LINE * 50)[:2046] + b"\r\n"


def nested(depth: int) -> bytes:
    """Make a text within `depth` multiparts."""
    begin = b"".join(
        b'Content-Type: multipart/mixed; boundary="=_%05d"\r\n\r\n--=_%05d\r\n' % (n, n) for n in range(depth)
    )
    return HEAD + begin + TEXT + LINE + b"".join(b"\r\n--=_%05d--\r\n" % n for n in reversed(range(depth)))


def forwarded(depth: int) -> bytes:
    """Make a letter forwarded `depth` times as message/rfc822."""
    head = b"From: Alice <alice@crepes.fr>\r\nSubject: Fwd: Hello\r\nContent-Type: message/rfc822\r\n\r\n"
    return head * depth + HEAD + TEXT + LINE


def travelled(hops: int) -> bytes:
    return b"".join(RECEIVED % (n, n, n % 250, n, n % 60) for n in range(hops, 0, -1)) + HEAD + TEXT + LINE


def attached(octets: int) -> bytes:
    """Make a letter with a base64 attachment of `octets` on the wire."""
    data = base64.encodebytes(random.Random(1).randbytes(octets * 57 // 78)).replace(b"\n", b"\r\n")
    return (
        HEAD + b'Content-Type: multipart/mixed; boundary="=_abc"\r\n\r\n--=_abc\r\n' + TEXT + LINE
        + b"\r\n--=_abc\r\nContent-Type: application/pdf; name=x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + data + b"\r\n--=_abc--\r\n"
    )  # fmt: skip


def many(parts: int) -> bytes:
    each = b"".join(b"--=_abc\r\n" + TEXT + b"Hello number %d\r\n" % n for n in range(parts))
    return HEAD + b'Content-Type: multipart/mixed; boundary="=_abc"\r\n\r\n' + each + b"--=_abc--\r\n"


def cases() -> dict[str, bytes]:
    return {
        "plain, 2 KB": plain(),
        "50 nested multiparts": nested(50),
        "50 nested forwards": forwarded(50),
        "80 Received lines": travelled(80),
        "100 KB attachment": attached(100_000),
        "1,000 parts": many(1000),
        "10 MB attachment": attached(10_000_000),
    }


MULTIPART = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
GROWING: dict[str, tuple[Callable[[int], bytes], int]] = {
    "parts": (many, 1000),
    "nested multiparts": (nested, 25),
    "nested forwards": (forwarded, 25),
    "octets": (attached, 1_000_000),
    "boundary look-alikes": (lambda n: MULTIPART + b"\r\n" + b"--bx\r\n" * n, 10_000),
    "delimiters without header": (lambda n: MULTIPART + b"--b\r\n" * n, 2_000),
    "header lines": (lambda n: b"X-A: b\r\n" * n + b"\r\n", 100_000),
    "lines without colon": (lambda n: b"A: b\r\n" + b"junk\r\n" * n + b"\r\n", 100_000),
    "open comments": (lambda n: b"Content-Type: text/plain " + b"(" * n + b"\r\n\r\n", 100_000),
    "addresses": (lambda n: b"To: " + b'"Li, Lei" <li@crepes.fr>, ' * n + b"\r\n\r\n", 5_000),
    "open marks among addresses": (lambda n: b"To: " + b'"(Al <al@a.org>, ' * n + b"\r\n\r\n", 5_000),
    "encoded words": (lambda n: b"Subject: " + b"=?utf-8?B?5L2g?= " * n + b"\r\n\r\n", 10_000),
    "RFC 2231 pieces": (
        lambda n: b"Content-Type: a/b" + b"".join(b";\r\n x*%d=y" % i for i in range(n)) + b"\r\n\r\n",
        900,
    ),
    "base64 junk": (lambda n: b"Content-Transfer-Encoding: base64\r\n\r\n" + b"a!" * n, 100_000),
}  # fmt: skip

# --- the work ---


def our_tree(raw: bytes) -> object:
    return [part.content_type for part in dissect(raw).walk()]


def our_content(raw: bytes) -> object:
    return [part.decoded for part in dissect(raw).walk() if not part.children]


def our_everything(raw: bytes) -> object:
    """Ask for all that can be asked: headers, defects, texts, tiles, the tree as JSON."""
    message = dissect(raw)
    found = [([field.text for field in part.header], part.defects, part.text) for part in message.walk()]
    return found, message.tiles(), message.to_json()


def stdlib_tree(raw: bytes) -> object:
    return [part.get_content_type() for part in email.message_from_bytes(raw).walk()]


def stdlib_content(raw: bytes) -> object:
    return [part.get_payload(decode=True) for part in email.message_from_bytes(raw).walk() if not part.is_multipart()]


def peers() -> tuple[dict[str, dict[str, Work]], dict[str, str]]:
    """Find what each library can do.

    Returns: the work by library and kind, and the libraries left out, with reasons.
    """
    found: dict[str, dict[str, Work]] = {
        OURS: {"parse": dissect, "tree": our_tree, "decoded": our_content, "trace": trace},
        STDLIB: {"parse": email.message_from_bytes, "tree": stdlib_tree, "decoded": stdlib_content},
    }
    missing: dict[str, str] = {}
    for name, kinds in (("fast-mail-parser", _fast), ("mail-parser", _mail_parser), ("flanker", _flanker)):
        try:
            found[name] = kinds()
        except Exception as error:  # an old library may fail in any way
            missing[name] = f"{type(error).__name__}: {error}"
    return found, missing


def _fast() -> dict[str, Work]:
    library = importlib.import_module("fast_mail_parser")
    return {
        "parse": library.parse_email_tree,
        "tree": lambda raw: [part.content_type for part in library.walk(library.parse_email_tree(raw))],
        "decoded": library.parse_email,
    }


def _mail_parser() -> dict[str, Work]:
    library = importlib.import_module("mailparser")
    return {"decoded": library.parse_from_bytes, "trace": lambda raw: library.parse_from_bytes(raw).received}


def _flanker() -> dict[str, Work]:
    logging.disable(logging.WARNING)  # its grammar complains about itself while it is loaded
    mime = importlib.import_module("flanker.mime")
    return {
        "tree": lambda raw: [str(part.content_type) for part in mime.from_string(raw).walk(with_self=True)],
        "decoded": lambda raw: [
            part.body for part in mime.from_string(raw).walk(with_self=True) if not part.content_type.is_multipart()
        ],
    }


# --- measuring ---


def seconds(work: Work, raw: bytes, times: int = 1) -> float:
    """Measure the processor seconds that the work takes once."""
    gc.collect()
    begun = time.process_time()
    for _ in range(times):
        work(raw)
    return (time.process_time() - begun) / times


def times_for(work: Work, raw: bytes) -> int:
    """Tell how often the work must be done for a reading that is long enough."""
    times = 1
    while (taken := seconds(work, raw, times) * times) < SHORTEST_S:
        times = max(times * 2, int(times * SHORTEST_S / max(taken, 1e-6)))
    return times


def compare(works: dict[str, Work], raw: bytes, rounds: int) -> dict[str, list[float]]:
    """Let the libraries do the same work in turn. Returns: each one's seconds, by round; none where it fails."""
    times: dict[str, int] = {}
    for name, work in works.items():
        try:
            times[name] = times_for(work, raw)
        except Exception:
            print(f"({name} fails on this letter)")
    taken: dict[str, list[float]] = {name: [] for name in times}
    for _ in range(rounds):
        for name, count in times.items():
            taken[name].append(seconds(works[name], raw, count))
    return taken


def target_of(kind: str, case: str, peer: str) -> float | None:
    if peer == STDLIB:
        return DECODED_TARGET if kind == "decoded" else TREE_TARGET
    if kind == "trace":
        return TRACE_TARGET
    return NATIVE_TARGET if peer == "fast-mail-parser" and case in NATIVE_CASES and kind == "parse" else None


def races(rounds: int) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Compare all libraries on all letters. Returns: a row for each pair, and the libraries left out."""
    found, missing = peers()
    rows = []
    for case, raw in cases().items():
        for kind in ("parse", "tree", "decoded", "trace"):
            if kind == "trace" and case != "80 Received lines":
                continue
            works = {name: kinds[kind] for name, kinds in found.items() if kind in kinds}
            taken = compare(works, raw, rounds)
            for peer in sorted(taken.keys() - {OURS}):
                ratios = [theirs / ours for theirs, ours in zip(taken[peer], taken[OURS], strict=True)]
                rows.append(
                    {
                        "case": case,
                        "work": kind,
                        "peer": peer,
                        "ours_ms": 1000 * statistics.median(taken[OURS]),
                        "peer_ms": 1000 * statistics.median(taken[peer]),
                        "ratio": statistics.median(ratios),
                        "ratio_least": min(ratios),
                        "target": target_of(kind, case, peer),
                    }
                )
    return rows, missing


def growth(rounds: int) -> list[dict[str, Any]]:
    """Measure what ten times the size costs, everything asked for.

    Both readings are of about the same length: ten small letters, and one large. What the other libraries hold is put
    out of the collector's sight, or its walks through all of that would count as ours.
    """
    rows = []
    gc.collect()
    gc.freeze()
    for case, (make, size) in GROWING.items():
        small, large = make(size), make(10 * size)
        ratios = []
        for _ in range(rounds):
            once = seconds(our_everything, small, times=10)
            ratios.append(seconds(our_everything, large) / once)
        rows.append({"case": case, "from": size, "to": 10 * size, "ratio": statistics.median(ratios)})
    gc.unfreeze()
    return rows


def memory(octets: int) -> float:
    """Measure the most memory held while a large message is taken apart, as a multiple of the message."""
    raw = attached(octets)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    dissect(raw)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return (len(raw) + peak) / len(raw)


# --- the table ---


def verdict(good: bool | None) -> str:
    return "" if good is None else "met" if good else "MISSED"


def show(found: dict[str, Any]) -> str:
    """Return the figures for people."""
    lines = [f"{'letter':22}{'work':9}{'peer':18}{'ours ms':>10}{'peer ms':>11}{'ratio':>8}{'least':>8}{'target':>8}"]
    for row in found["races"]:
        target = row["target"]
        wanted, good = ("", None) if target is None else (f">= {target:g}", row["ratio"] >= target)
        lines.append(
            f"{row['case']:22}{row['work']:9}{row['peer']:18}{row['ours_ms']:10.3f}{row['peer_ms']:11.3f}"
            f"{row['ratio']:8.1f}{row['ratio_least']:8.1f}{wanted:>8} {verdict(good)}".rstrip()
        )
    lines += ["", f"{'ten times as much':30}{'from':>12}{'to':>12}{'costs':>8}{'target':>8}"]
    for row in found["growth"]:
        wanted, good = f"<= {LINEAR_TARGET:g}", row["ratio"] <= LINEAR_TARGET
        sizes = f"{row['from']:12,}{row['to']:12,}"
        lines.append(f"{row['case']:30}{sizes}{row['ratio']:8.1f}{wanted:>8} {verdict(good)}")
    held = found["memory"]
    lines += ["", f"memory for {found['memory_octets'] // 1_000_000} MB, as a multiple of the message: {held:.3f}"]
    lines[-1] += f" (<= {MEMORY_TARGET:g}) {verdict(held <= MEMORY_TARGET)}"
    lines += [f"left out: {name}: {reason}" for name, reason in found["missing"].items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="rounds of each comparison (11)")
    parser.add_argument(
        "--memory", type=int, default=50_000_000, metavar="N", help="octets of the large letter (50 MB)"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    rows, missing = races(options.rounds)
    found = {
        "races": rows,
        "growth": growth(min(options.rounds, 5)),
        "memory": memory(options.memory),
        "memory_octets": options.memory,
        "missing": missing,
    }
    print(json.dumps(found, indent=1) if options.json else show(found))


if __name__ == "__main__":
    main()
