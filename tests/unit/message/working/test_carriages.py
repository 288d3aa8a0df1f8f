"""Does the same text arrive in every charset and encoding that may carry it?"""

from __future__ import annotations

import pytest

from emaillab.message.octets.sizes import BASE64_FACTOR
from emaillab.message.working.carriages import carriages


def test_s33_the_same_text_in_five_encodings() -> None:
    """S33: a body can hold other octets than ASCII, and all ways but 7bit bring the text across."""
    ways = carriages("你好世界!" * 20 + "\r\n").ways
    assert [way.encoding for way in ways] == ["7bit", "quoted-printable", "base64", "8bit", "binary"]
    assert [way.over_127 > 0 for way in ways] == [False, False, False, True, True]
    assert [way.arrives is not None for way in ways] == [False, True, True, True, True]
    chinese = carriages("你好" * 100).ways
    assert [way.over_127 for way in chinese] == [0, 0, 0, 1, 1]


def test_gb18030_in_base64_is_smaller_than_utf_8_as_it_is() -> None:
    sizes = {(w.charset, w.encoding): w.size for w in carriages("信" * 5700, ["utf-8", "gb18030", "latin-1"]).ways}
    assert sizes["gb18030", "base64"] / 5700 == pytest.approx(2 * BASE64_FACTOR)
    assert sizes["gb18030", "base64"] < sizes["utf-8", "8bit"] == 3 * 5700
    assert not any(charset == "latin-1" for charset, _ in sizes), "a charset without the characters carries nothing"
