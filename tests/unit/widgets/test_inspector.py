"""Do tree and octets of the inspector follow each other, and does the table hold the same?"""

import json
from typing import Any

import pytest

from emaillab.message.mime.dissect import dissect
from emaillab.widgets import MessageInspector

RAW = (
    b'Subject: Hi\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\nbefore\r\n--b\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\nSGkh\r\n--b\r\n\r\n<b>Bob</b>\r\n--b--\r\n"
)


@pytest.fixture
def inspector() -> MessageInspector:
    return MessageInspector(dissect(RAW))


def controls(inspector: MessageInspector) -> tuple[Any, Any, Any]:
    tree, right = inspector.widget.children
    slider, view = right.children
    return tree, slider, view


def label(inspector: MessageInspector, tree: Any) -> str:
    return str(inspector.units[tree.value].label.strip())


def test_the_tree_leads_to_the_octets(inspector: MessageInspector) -> None:
    tree, slider, view = controls(inspector)
    for place, unit in enumerate(inspector.units):
        tree.value = place
        assert (tree.value, slider.value) == (place, unit.span[0])
        assert f"{unit.label.strip()}: octets {unit.span[0]} to {unit.span[1]}, {unit.size} in all" in view.value


def test_the_octets_lead_to_the_tree(inspector: MessageInspector) -> None:
    tree, slider, view = controls(inspector)
    slider.value = RAW.index(b"SGkh") + 1
    assert label(inspector, tree) == "body"
    assert "base64 character 2 of a group of 4" in view.value
    slider.value = RAW.index(b"\r\n--b\r\n\r\n")
    assert label(inspector, tree) == "delimiter"
    slider.value = len(RAW) - 1
    assert label(inspector, tree) == "close-delimiter"


def test_all_octets_of_a_piece_are_marked_and_no_other(inspector: MessageInspector) -> None:
    tree, _, view = controls(inspector)
    tree.value = next(n for n, unit in enumerate(inspector.units) if unit.label.strip() == "Subject")
    assert view.value.count("<span style=") == 2 * len(b"Subject: Hi\r\n")
    assert "<b>Bob" not in view.value


@pytest.mark.parametrize("raw", [b"", RAW, b"\r\n", RAW[:-20], b"no header at all\r\n"])
def test_pieces_that_are_no_parts_tile_the_message(raw: bytes) -> None:
    inspector = MessageInspector(dissect(raw))
    pieces = [unit.span for unit in inspector.units if unit.kind != "part"]
    assert b"".join(raw[start:end] for start, end in pieces) == raw
    assert inspector.widget is inspector.widget


def test_an_octet_that_there_is_not(inspector: MessageInspector) -> None:
    with pytest.raises(IndexError, match="there is no 9999"):
        inspector.unit_at(9999)


def test_a_part_by_itself() -> None:
    part = dissect(RAW).part("2")
    assert part is not None
    inspector = MessageInspector(part)
    _, slider, _ = controls(inspector)
    assert (slider.min, slider.max) == (part.span[0], part.span[1] - 1)


def test_a_notebook_shows_the_widget_and_keeps_the_table(
    inspector: MessageInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    inspector._ipython_display_()
    live, kept = shown
    assert "application/vnd.jupyter.widget-view+json" in live
    assert kept == {"text/plain": str(inspector.table()), "text/html": inspector.html}
    assert all(unit.label.strip() in inspector.html for unit in inspector.units)
    assert "<b>Bob" not in inspector.html
    json.dumps(kept)
