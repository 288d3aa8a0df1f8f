"""The part map: every octet in one piece, every defect where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from emaillab.diagrams import draw
from emaillab.diagrams.part_map import MOST_ROWS, rows
from emaillab.message.mime.dissect import dissect

DATA = Path(__file__).parents[3] / "data"
LETTERS = sorted(DATA.glob("messages/m*.eml")) + sorted(DATA.glob("broken/*.eml"))


@pytest.mark.parametrize("path", LETTERS, ids=lambda path: path.name)
def test_pieces_tile_the_letter_and_no_defect_is_lost(path: Path) -> None:
    part = dissect(path.read_bytes())
    found = list(rows(part))
    assert b"".join(part.raw[slice(*row.span)] for row in found if row.span) == part.raw
    assert sum(row.first for row in found) == sum(1 for _ in part.walk())
    assert sum(len(row.defects) for row in found) == sum(len(each.defects) for each in part.walk())
    for row in found:
        for defect in row.defects:
            assert row.span is None or row.span[0] <= defect.at < row.span[1] or defect.at >= part.span[1]


def test_a_letter_of_very_many_parts_is_cut_short_and_says_so() -> None:
    raw = (DATA / "broken" / "many-parts.eml").read_bytes()
    diagram = draw(dissect(raw))
    hidden = sum(1 for _ in rows(dissect(raw))) - MOST_ROWS
    assert hidden > 0
    assert diagram.words.endswith(f"… and {hidden} more pieces")
    assert f"… and {hidden} more pieces" in diagram.svg


def test_the_map_names_type_offsets_and_defects() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n"
    words = draw(dissect(raw)).words
    assert "1 text/plain 7bit" in words
    assert "header 0-45, 45 octets" in words
    assert f"close-delimiter-missing at {len(raw)}" in words
