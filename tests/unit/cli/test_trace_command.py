"""Does `emaillab trace` fit its terminal, stay the same in a pipe, and name what is odd?"""

import json
import sys
from pathlib import Path

import pytest

from emaillab.cli import main
from emaillab.cli.path import render
from emaillab.message.trace.path import time_bars, trace

RECEIVED = Path(__file__).resolve().parents[3] / "data" / "received"


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["trace", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def stamps(*seconds: int | None) -> bytes:
    fields = ["Received: by h; " + ("soon" if at is None else f"Mon, 3 Mar 2025 12:00:{at:02} +0000") for at in seconds]
    return "\r\n".join([*reversed(fields), "", ""]).encode()


def test_a_bar_for_each_hop_on_one_axis_of_time() -> None:
    assert time_bars(trace(stamps(5, 10, None, 0, 0)), 11) == [
        "     |",
        "     ======",
        "?",
        "<<<<<<<<<<<",
        "|",
    ]
    assert time_bars(trace(stamps(7, 7)), 11) == ["|", "|"]
    assert time_bars(trace(stamps(None)), 11) == ["?"]


def test_skew_gaps_and_defects_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, RECEIVED / "unreadable-dates.eml")
    assert "hop 2: stamped 7,190 s before hop 1, so the clocks disagree" in shown
    assert "hop 1: zone unknown, taken as UTC" in shown
    assert "hops 3 to 6: 10 s together, for a time cannot be read" in shown
    assert "hop 3: unreadable-date at 574 (RFC 5321 §4.4): the time stays open" in shown


def test_trust_tells_where_the_evidence_ends(capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, RECEIVED / "forged-tail-clever.eml", "--trust", ".hamburger.edu")
    assert "credible from hop 3 of 4 on, by mx.hamburger.edu" in shown
    assert "which DNS calls dyn66.isp.example" in shown


@pytest.mark.parametrize("width", [200, 120, 100, 90])
def test_it_fits_the_terminal(width: int) -> None:
    path = trace((RECEIVED / "exim.eml").read_bytes())
    table = render(path, [], width).splitlines()
    assert max(map(len, table)) <= width
    assert "====" in table[3]


def test_a_pipe_gets_the_same_whatever_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    narrow = printed(capsys, RECEIVED / "exim.eml")
    monkeypatch.setenv("COLUMNS", "200")
    assert printed(capsys, RECEIVED / "exim.eml") == narrow
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "90")
    assert printed(capsys, RECEIVED / "exim.eml") != narrow


def test_all_shows_the_path_of_every_letter_of_a_mailbox_file(capsys: pytest.CaptureFixture[str]) -> None:
    [mbox] = sorted((RECEIVED.parent / "mbox").glob("*.mbox"))[:1]
    assert main(["trace", "--all", "--json", str(mbox)]) == 0
    nodes = json.loads(capsys.readouterr().out)
    raw = mbox.read_bytes()
    assert len(nodes) > 1 and all(raw[slice(*node["mbox_span"])].startswith(b"From ") for node in nodes)
    assert main(["trace", "--all", str(mbox)]) == 0
    assert f"== {len(nodes)} of {len(nodes)}: octets " in capsys.readouterr().out
    assert main(["trace", "--all", str(RECEIVED.parents[1] / "LICENSE")]) == 2
    assert "is no mbox file" in capsys.readouterr().err
