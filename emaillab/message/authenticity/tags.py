"""What does a list of tags say, as in a DKIM signature, a key record or a DMARC policy?

>>> parse_tags("v=DMARC1; p=reject;")
{'v': 'DMARC1', 'p': 'reject'}
>>> parse_tags("v=1; v=1")
Traceback (most recent call last):
emaillab.message.authenticity.tags.TagError: the tag v= stands twice
"""

from __future__ import annotations

import re

# tag-spec := [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS];  tag-name := ALPHA *ALNUMPUNC     RFC 6376 §3.2
_TAG = re.compile(r"\s*+([A-Za-z][A-Za-z0-9_]*+)\s*+=(.*)", re.DOTALL)
_BLANKS = re.compile(r"\s+")


class TagError(ValueError):
    """A text that is not a list of tags; the sentence says where."""


def parse_tags(text: str | bytes) -> dict[str, str]:
    """Read a list of tags, folds removed. Raises: TagError. Source: RFC 6376 §3.2."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    specs = text.split(";")
    if not specs[-1].strip():
        specs.pop()
    tags: dict[str, str] = {}
    for spec in specs:
        match = _TAG.fullmatch(spec)
        if not match:
            raise TagError(f"{spec.strip()[:40]!r} is not of the form tag=value")
        if match[1] in tags:
            raise TagError(f"the tag {match[1]}= stands twice")
        tags[match[1]] = match[2].strip()
    return tags


def joined(value: str) -> str:
    """Remove the blanks and folds that may stand inside base64 and lists of names."""
    return _BLANKS.sub("", value)
