"""What does it cost to import emaillab, beside aiosmtpd, and how soon is the textbook's world up?

Every import is timed in an interpreter of its own, which reports the seconds of the import statement alone; the two
libraries take turns, and the ratio is taken pair by pair. Nothing fails here: a benchmark is no test.
"""

import argparse
import json
import statistics
import subprocess
import sys
from typing import Any

IMPORT = """
import sys, time
begun = time.perf_counter()
import {module}
seconds = time.perf_counter() - begun
heavy = [name for name in ("matplotlib", "ipywidgets", "IPython") if name in sys.modules]
print(__import__("json").dumps([seconds, heavy]))
"""
TEXTBOOK = """
import json, time
import emaillab
begun = time.perf_counter()
Internet = emaillab.Internet
seconds = [time.perf_counter() - begun]
for _ in range({times}):
    begun = time.perf_counter()
    net = Internet.textbook("tcp")
    seconds.append(time.perf_counter() - begun)
    net.close()
print(json.dumps(seconds))
"""
IMPORT_TARGET, TEXTBOOK_TARGET_MS = 0.9, 20.0


def report(program: str) -> Any:
    """Run a program in a fresh interpreter and return what it printed, read as JSON."""
    done = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def imports(pairs: int) -> dict[str, Any]:
    """Time both imports in turn."""
    ours, theirs, heavy = [], [], set()
    for number in range(-1, pairs):  # the first pair writes the bytecode and fills the disk's cache
        mine, unwanted = report(IMPORT.format(module="emaillab"))
        other, _ = report(IMPORT.format(module="aiosmtpd.controller"))
        heavy |= set(unwanted)
        if number >= 0:
            ours.append(mine)
            theirs.append(other)
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        "emaillab_ms": 1000 * statistics.median(ours),
        "aiosmtpd_controller_ms": 1000 * statistics.median(theirs),
        "ratio": statistics.median(ratios),
        "ratio_least": min(ratios),
        "ratio_most": max(ratios),
        "target": IMPORT_TARGET,
        "imports_that_should_not_be": sorted(heavy),
    }


def textbook(processes: int, times: int) -> dict[str, Any]:
    """Time `Internet.textbook()` over TCP: what it imports, the first world in a process, and those after it."""
    runs = [report(TEXTBOOK.format(times=times)) for _ in range(processes)]
    return {
        "imports_ms": 1000 * statistics.median(run[0] for run in runs),
        "cold_ms": 1000 * statistics.median(run[1] for run in runs),
        "warm_ms": 1000 * statistics.median(seconds for run in runs for seconds in run[2:]),
        "target_ms": TEXTBOOK_TARGET_MS,
    }


def table(found: dict[str, Any]) -> str:
    """Return the figures for people."""
    cost, world = found["import"], found["textbook"]
    spread = f"({cost['ratio_least']:.2f}, {cost['ratio_most']:.2f})"
    rows = [
        ("import emaillab", f"{cost['emaillab_ms']:.1f} ms", ""),
        ("import aiosmtpd.controller", f"{cost['aiosmtpd_controller_ms']:.1f} ms", ""),
        ("ratio, median of pairs (least, most)", f"{cost['ratio']:.2f} {spread}", f"<= {cost['target']}"),
        ("heavy parts imported along", ", ".join(cost["imports_that_should_not_be"]) or "none", "none"),
        ("emaillab.Internet, named first", f"{world['imports_ms']:.1f} ms", ""),
        ("Internet.textbook('tcp'), cold", f"{world['cold_ms']:.1f} ms", f"<= {world['target_ms']:.0f} ms"),
        ("Internet.textbook('tcp'), warm", f"{world['warm_ms']:.1f} ms", f"<= {world['target_ms']:.0f} ms"),
    ]
    return "\n".join(f"{what:40}{figure:>22}{target:>12}" for what, figure, target in [("", "", "target"), *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=25, help="pairs of imports (25)")
    parser.add_argument("--processes", type=int, default=9, help="processes that each open worlds (9)")
    parser.add_argument("--times", type=int, default=10, metavar="N", help="worlds in each process (10)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    found = {"import": imports(options.pairs), "textbook": textbook(options.processes, options.times)}
    print(json.dumps(found, indent=1) if options.json else table(found))


if __name__ == "__main__":
    main()
