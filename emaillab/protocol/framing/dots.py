"""How can a content hold a line that is just a dot, when such a line ends it? Each dot at a line's start is doubled.

>>> stuff(b".hidden\\r\\n"), unstuff(stuff(b".hidden\\r\\n"))
(b'..hidden\\r\\n', b'.hidden\\r\\n')
"""

from __future__ import annotations

from emaillab.protocol.framing.lines import CRLF

END_OF_CONTENT = b"\r\n.\r\n"
DOT = ord(".")


def stuff(content: bytes) -> bytes:
    """Double the dot of every line that begins with one.

    Source: RFC 5321 §4.5.2; RFC 1939 §3.
    """
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def unstuff(wire: bytes) -> bytes:
    """Remove one dot from every line that begins with one; the inverse of `stuff`."""
    plain = wire.replace(b"\r\n.", b"\r\n")
    return plain[1:] if plain.startswith(b".") else plain


def complete(content: bytes) -> bytes:
    """Return content that ends with CRLF: what a multi-line answer needs before its final dot."""
    return content if not content or content.endswith(CRLF) else content + CRLF
