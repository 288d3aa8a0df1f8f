"""Do the notebooks still show what they stored, on both networks, whatever the time zone and hash seed?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# nbval counts a folder without notebooks as "no tests ran"; that must not pass for success.
NO_TESTS_RAN = 5

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("network", "time_zone", "hash_seed"),
    [("tcp", "America/New_York", "1"), ("memory", "Asia/Shanghai", "2")],
    ids=["tcp", "memory"],
)
def test_strict_nbval(network: str, time_zone: str, hash_seed: str) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment |= {"EMAILLAB_NETWORK": network, "TZ": time_zone, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "notebooks/"]
    run = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-p", "no:xdist", "-q", "--color=no"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert run.returncode != NO_TESTS_RAN, f"no notebook cell was run\n{run.stdout}"
    assert run.returncode == 0, run.stdout
