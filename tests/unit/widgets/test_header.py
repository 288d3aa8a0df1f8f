"""Does the header inspector show each field as octets, decoded and understood, and the same in its table?"""

import json
from typing import Any

import pytest

from emaillab.message.mime.dissect import dissect
from emaillab.widgets import HeaderInspector

RAW = (
    b"Received: from a by b; now\r\nResent-To: c@d.example\r\nFrom: =?utf-8?B?546L?= <w@b.cn>\r\n"
    b"To: friends: x@y.example, Z <z@y.example>;\r\nDate: 2 Mar 2026\r\n 10:00:00 -0000\r\n"
    b"References: <1@a>\r\n <2@a>\r\nX-Own: <b>\x00\r\n\r\nHi\r\n"
)


@pytest.fixture
def inspector() -> HeaderInspector:
    return HeaderInspector(dissect(RAW))


def test_every_field_is_understood(inspector: HeaderInspector) -> None:
    assert {one.field.name: one.understood for one in inspector.readings} == {
        "Received": "text",
        "Resent-To": "c@d.example",
        "From": "王 at w@b.cn",
        "To": "group friends: x@y.example, Z at z@y.example",
        "Date": "2026-03-02 10:00:00 UTC, zone unknown",
        "References": "2 identifiers",
        "X-Own": "text",
    }


def test_every_field_has_a_rule(inspector: HeaderInspector) -> None:
    rules = {one.field.name: one.rule for one in inspector.readings}
    assert "5322 §3.6.6" in rules["Resent-To"]
    assert rules["From"].endswith("exactly once")
    assert rules["X-Own"].startswith("optional-field")


def test_choosing_a_field_shows_it(inspector: HeaderInspector) -> None:
    choice, view = inspector.widget.children
    for number, one in enumerate(inspector.readings):
        choice.value = number
        assert view.value == inspector.view(number)
        assert one.rule.split(" (")[0].split(" =")[0] in view.value
    assert "<b>" not in view.value
    assert "⟨NUL⟩" in view.value


@pytest.mark.parametrize("raw", [b"", b"\r\nbody", b"no header\r\n", b"A:\r\n" * 3_000 + b"\r\n"])
def test_any_header_can_be_inspected(raw: bytes) -> None:
    inspector = HeaderInspector(dissect(raw))
    assert len(inspector.readings) <= 500
    assert inspector.widget is inspector.widget
    assert "fields in all their forms" in inspector.html


def test_a_field_that_there_is_not(inspector: HeaderInspector) -> None:
    with pytest.raises(IndexError, match="fields 0 to 6, not 7"):
        inspector.reading(7)


def test_a_notebook_shows_the_widget_and_keeps_the_table(
    inspector: HeaderInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    inspector._ipython_display_()
    live, kept = shown
    assert "application/vnd.jupyter.widget-view+json" in live
    assert kept == {"text/plain": str(inspector), "text/html": inspector.html}
    json.dumps(kept)
