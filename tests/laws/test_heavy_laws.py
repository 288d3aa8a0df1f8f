"""Does the work on a stranger's letter grow no faster than the letter, whatever stands in it?

Work is counted in calls, of Python and of C, and never in seconds. One C call can be long: where `re` or `str` could
read the same octets again and again, a letter is large enough for the test's time limit to tell.
"""

from __future__ import annotations

import encodings
import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType

import pytest

from emaillab.host.webmail.reading import read
from emaillab.message.header.values import mailboxes
from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.pieces import pieces
from emaillab.message.octets.charsets import python_codec
from emaillab.message.trace.path import trace
from emaillab.message.user_agent.compose import compose
from emaillab.message.user_agent.original import Original
from emaillab.message.user_agent.threads import threads
from tests.hostile import WORKS, WORST, Desk

SMALL, TIMES = 2_500, 4
STEEP = 2 * TIMES  # of what is quadratic there would be TIMES * TIMES times as much


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    yield Desk()


def calls(work: Callable[[], object]) -> int:
    """Count the calls that a work makes."""
    count = 0
    python_codec.cache_clear()  # nothing is remembered of the work before

    def note(frame: FrameType, event: str, value: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("name", WORST)
def test_pages_and_commands_grow_no_faster_than_the_letter(desk: Desk, name: str) -> None:
    found: dict[str, list[int]] = {}
    for size in (SMALL, SMALL * TIMES):
        desk.put(WORST[name](size))
        for work in WORKS:
            desk.webmail._summaries.clear()
            found.setdefault(work, []).append(calls(partial(desk.do, work)))
    assert not {work: (few, many) for work, (few, many) in found.items() if many > STEEP * few}


LESSONS: dict[str, Callable[[bytes], object]] = {
    "all that a part tells": lambda raw: [(p.defects, p.filename, p.text, p.number) for p in dissect(raw).walk()],
    "tiles": lambda raw: dissect(raw).tiles(),
    "pieces": lambda raw: pieces(dissect(raw)),
    "JSON": lambda raw: dissect(raw).to_json(),
    "an octet explained": lambda raw: [dissect(raw).explain(len(raw) * eighth // 8) for eighth in range(8)],
    "trace": lambda raw: (trace(raw), trace(raw).marks),
    "threads": lambda raw: [one.message_id for thread in threads([raw]) for one in thread.walk()],
    "quotation": lambda raw: Original(raw).quoted(),
}


@pytest.mark.parametrize("name", WORST)
def test_lessons_grow_no_faster_than_the_letter(name: str) -> None:
    small, large = WORST[name](SMALL), WORST[name](SMALL * TIMES)
    found = {kind: (calls(partial(work, small)), calls(partial(work, large))) for kind, work in LESSONS.items()}
    assert not {kind: (few, many) for kind, (few, many) in found.items() if many > STEEP * few}


@pytest.mark.parametrize("name", [name for name in WORST if "240 levels" in name])
def test_a_part_below_many_levels_costs_no_more_for_each(name: str) -> None:
    few, many = (dissect(WORST[name](size)) for size in (20_000, 50_000))
    further = sum(1 for _ in many.walk()) - sum(1 for _ in few.walk())
    assert calls(partial(read, many.raw)) - calls(partial(read, few.raw)) < 100 * further


@pytest.mark.parametrize(
    ("name", "work"),
    [
        ("HTML, one tag", lambda raw: Original(raw).quoted()),
        ("HTML, angles before digits", read),
        ("blanks in quoted-printable", lambda raw: dissect(raw).explain(len(raw) - 10)),
        ("Subject, blanks", lambda raw: bytes(compose("a@b.c", "d@e.f", headers={"X": "ü" + " " * len(raw) + "ü"}))),
        ("To, quoted local parts", lambda raw: mailboxes(raw.partition(b"To: ")[2].splitlines()[0].decode(), "to")),
    ],
)
def test_no_call_reads_the_same_octets_again_and_again(name: str, work: Callable[[bytes], object]) -> None:
    """Each would take many minutes if it did; as it is, all of them take a moment."""
    work(WORST[name](500_000))


def test_names_of_charsets_that_a_stranger_made_up_are_not_kept() -> None:
    read(WORST["Subject, charsets nobody knows"](20_000))  # the first damaged text loads the codecs of Python's own
    known = len(encodings._cache)  # type: ignore[attr-defined]
    read(WORST["Subject, charsets nobody knows"](40_000))
    assert len(encodings._cache) == known  # type: ignore[attr-defined]
