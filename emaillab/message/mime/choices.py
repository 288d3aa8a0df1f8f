"""Which of several parts should a reader be shown first?

>>> from emaillab.message.mime.dissect import dissect
>>> letter = dissect(b"Content-Type: multipart/alternative; boundary=b\\r\\n\\r\\n--b\\r\\n\\r\\nhi\\r\\n"
...                  b"--b\\r\\nContent-Type: text/html\\r\\n\\r\\n<b>hi</b>\\r\\n--b--\\r\\n")
>>> preferred_alternative(letter, ["text/plain"]).text, preferred_alternative(letter, ["text/*"]).text
('hi', '<b>hi</b>')
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from emaillab.message.mime.part import Part


def preferred_alternative(part: Part, understood: Iterable[str]) -> Part | None:
    """Choose the last alternative of an understood type; alternatives stand in order of growing faithfulness.

    Arguments: `understood` holds types such as "text/plain" or "text/*"; a multipart is judged by its root part.

    Returns: None when no alternative is understood.
    Source: RFC 2046 §5.1.4.
    """
    patterns = [pattern.lower() for pattern in understood]
    for child in reversed(part.children):
        shown: Part | None = child
        while shown is not None and shown.content_type == "multipart/related":
            shown = related_root(shown)
        if shown is not None and any(fnmatchcase(shown.content_type, pattern) for pattern in patterns):
            return child
    return None


def related_root(part: Part) -> Part | None:
    """Find the root of a multipart/related: the part whose Content-ID `start` names, else the first.

    Source: RFC 2387 §3.2.
    """
    start = part.params.get("start", "").strip()
    for child in part.children if start else ():
        field = child.header.get("content-id")
        if field is not None and field.body.decode("latin-1") == start:
            return child
    return part.children[0] if part.children else None
