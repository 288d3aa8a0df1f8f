"""What are the smallest pieces of a structured header field: comments, quoted strings, folds?

>>> strip_comments(b"1 (one (uno)) 2")
b'1   2'
>>> unquote(b'"a \\\\"b\\\\""')
b'a "b"'
"""

from __future__ import annotations

import re

from emaillab.message.octets.patterns import compiled

# comment := "(" *([FWS] ccontent) [FWS] ")"     RFC 5322 §3.2.2; inside a comment a quotation mark is text
_COMMENT_BEGINS = compiled(rb'\\.|"(?:[^"\\]|\\.)*+"|\(', re.DOTALL)
_COMMENT_MARK = re.compile(rb"\\.|[()]", re.DOTALL)
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
# QUIRK: RFC 5322 §3.2.1 lets a backslash quote any character, but mailers put Windows paths between quotation marks.
_QUOTED_PAIR = re.compile(rb'\\(["\\])')


def unfold(value: bytes) -> bytes:
    """Remove the line breaks of folding and keep the blanks. Source: RFC 5322 §2.2.3."""
    return _FOLD.sub(b"", value) if b"\n" in value else value


def unquote(text: bytes) -> bytes:
    """Take a quoted string's content; text without quotation marks is returned as it is."""
    if text[:1] != b'"':
        return text
    inner = text[1:-1] if len(text) > 1 and text[-1:] == b'"' else text[1:]
    return _QUOTED_PAIR.sub(rb"\1", unfold(inner))


def comment_end(body: bytes, start: int) -> int:
    """Find the offset after the comment that begins at `start`; the end of `body` when it is never closed."""
    depth = 0
    for mark in _COMMENT_MARK.finditer(body, start):
        if mark[0] == b"(":
            depth += 1
        elif mark[0] == b")":
            depth -= 1
            if depth == 0:
                return mark.end()
    return len(body)


def closed_comments(body: bytes) -> dict[int, int]:
    """Find the offset after each comment that is closed, by the offset where it begins; nested ones too."""
    closings: dict[int, int] = {}
    waiting: list[int] = []
    for mark in _COMMENT_MARK.finditer(body) if b"(" in body else ():
        if mark[0] == b"(":
            waiting.append(mark.start())
        elif mark[0] == b")" and waiting:
            closings[waiting.pop()] = mark.end()
    return closings


def strip_comments(body: bytes) -> bytes:
    """Replace every comment, nested ones too, by one blank. Source: RFC 5322 §3.2.2."""
    if b"(" not in body:
        return body
    kept, at, search_at = [], 0, 0
    while mark := _COMMENT_BEGINS.search(body, search_at):
        search_at = mark.end()
        if mark[0] == b"(":
            kept += [body[at : mark.start()], b" "]
            at = search_at = comment_end(body, mark.start())
    kept.append(body[at:])
    return b"".join(kept)
