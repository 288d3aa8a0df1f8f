"""Are possessive groups turned into atomic groups that read the same, and does every module ask for it?"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emaillab.message.octets.patterns import atomic, compiled

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"a*+b?+[c]++", r"a*+b?+[c]++"),
        (r"(?:a|b)*+", r"(?>(?:a|b)*)"),
        (r"(a(b)?+){2,3}+", r"(?>(a(?>(b)?)){2,3})"),
        (r"\)*+[)]*+[^])]*+(x)+", r"\)*+[)]*+[^])]*+(x)+"),
        (r"(?:[()]\()?+", r"(?>(?:[()]\()?)"),
        (r"(a)*(b)*?", r"(a)*(b)*?"),
    ],
)
def test_groups_become_atomic(pattern: str, expected: str) -> None:
    assert atomic(pattern) == expected


def test_comments_in_verbose_patterns_are_no_groups() -> None:
    pattern = "(?: a [#] \\# )*+  # a smile :)+ and [a set])*+\n (b)?+"
    assert re.compile(atomic(pattern, re.X), re.X).fullmatch("a##a##b")
    assert atomic("(a # :)*+\n)*+", re.X) == "(?>(a # :)*+\n)*)"
    assert atomic("(a#)*+") == "(?>(a#)*)"  # no comment, where none may stand


@given(st.text("ab,. ", max_size=30))
def test_both_ways_read_the_same(text: str) -> None:
    for pattern in (r"(?:a(?: b)*+,)*+(b)?+", r"((?:a|ab)(?:\.a)*+)?+.*", r"(?:(a)(?:b,)?+)++"):
        one, other = compiled(pattern).match(text), re.compile(atomic(pattern)).match(text)
        assert (one and (one.span(), one.groups())) == (other and (other.span(), other.groups()))


EVERY_PATTERN = """
import sys
sys.version_info = (3, 11, 2)
import importlib, pkgutil, re, emaillab
from emaillab.message.octets.patterns import atomic
for floor in ("message", "protocol", "net", "host"):
    package = importlib.import_module(f"emaillab.{floor}")
    for found in pkgutil.walk_packages(package.__path__, f"emaillab.{floor}."):
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                text = value.pattern if isinstance(value.pattern, str) else value.pattern.decode("latin-1")
                if atomic(text, value.flags & re.X) != text and "patterns" not in found.name:
                    print(found.name, name)
"""


def test_every_module_has_its_possessive_groups_compiled_here() -> None:
    """As on a Python before 3.11.5, which reads some of them wrongly."""
    run = subprocess.run([sys.executable, "-c", EVERY_PATTERN], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == ""
