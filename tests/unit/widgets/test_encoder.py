"""Does the bench of encodings show what really becomes of a text, live and where nothing is live?"""

import json
from typing import Any

import pytest

from emaillab.message.mime.dissect import dissect
from emaillab.widgets.encoder import LONGEST, EncodingBench


@pytest.fixture
def bench() -> EncodingBench:
    return EncodingBench("因特网")


def test_typing_changes_the_table_and_the_header(bench: EncodingBench) -> None:
    text, charset, view = bench.widget.children
    assert "5Zug54m5572R" in view.value
    text.value = "hello"
    assert "hello" in view.value
    assert "us-ascii" in view.value
    text.value = "信"
    charset.value = "gb18030"
    assert "=?gb18030?" in view.value


def test_the_octets_are_those_of_the_charset() -> None:
    table = EncodingBench("信", charsets=("utf-8", "gb18030")).table()
    assert table.column("octets") == [3, 9, 6, 3, 3, 2, 6, 6, 2, 2]
    assert table.column("charset") == ["utf-8"] * 5 + ["gb18030"] * 5


def test_a_charset_that_lacks_a_character_is_named(bench: EncodingBench) -> None:
    assert bench.table("镕", ("gb2312",)).note == "Not every character of the text is in gb2312."
    assert "charset=utf-8" in bench.fields("镕", "gb2312")


@pytest.mark.parametrize("text", ["", "hi", "信" * 40, "两行\nlines", " 信 ", "=?utf-8?B?5L+h?="])
def test_the_fields_say_the_text(bench: EncodingBench, text: str) -> None:
    header = dissect(bench.fields(text).replace("\n", "\r\n").encode() + b"\r\n\r\n").header
    assert header.text("Subject") == " ".join(text.split())
    assert bench.view(text, "utf-8")


def test_hostile_and_long_text(bench: EncodingBench) -> None:
    view = bench.view("<script>alert(1)</script>\x07\ud800", "utf-8")
    assert "<script>" not in view
    assert str(LONGEST) in bench.view("x" * (LONGEST + 1), "utf-8")


def test_a_notebook_shows_the_widget_and_keeps_the_table(bench: EncodingBench, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    bench._ipython_display_()
    live, kept = shown
    assert "application/vnd.jupyter.widget-view+json" in live
    assert kept == {"text/plain": str(bench), "text/html": bench.html}
    assert "5Zug54m5572R" in json.dumps(kept)
