"""How things look: every value of the lab as text for a terminal and as HTML for a notebook.

>>> from emaillab.net.chunk import Chunk
>>> from emaillab.net.transcript import Transcript
>>> talk = Transcript(protocol="smtp", client="alice", server="crepes.fr", port=25)
>>> talk.heard(Chunk("S", b"220 crepes.fr\\r\\n", 0.0, 0.01))
>>> show(talk)
S: 220 crepes.fr
>>> show(talk, octets=True)
S: 220 crepes.fr⟨CRLF⟩
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from emaillab.display.page import Shown

__all__ = ["HOW", "Shown", "show"]

HOW = {
    ("emaillab.net.transcript", "Transcript"): "session.show_session",
    ("emaillab.message.mime.part", "Part"): "things.show_part",
    ("emaillab.message.trace.path", "Trace"): "things.show_trace",
    ("emaillab.world", "Internet"): "things.show_world",
    ("emaillab.journey", "Journey"): "things.show_journey",
    ("emaillab.host.mailhost", "MailHost"): "things.show_host",
    ("emaillab.host.queue", "Queue"): "things.show_queue",
    ("emaillab.protocol.machine", "Reply"): "things.show_reply",
    ("emaillab.protocol.smtp.grammar", "Reply"): "things.show_reply",
    ("emaillab.protocol.pop3.grammar", "Reply"): "things.show_reply",
    ("emaillab.protocol.imap.grammar", "ImapReply"): "things.show_reply",
    ("emaillab.protocol.smtp.client_session", "SendResult"): "things.show_result",
}
"""Which function shows which class: by name, so that nothing is imported before there is something to show."""

# A header field at the very start.   RFC 5322 §2.2
_LETTER = re.compile(rb"[!-9;-~]+:[ \t]")


def show(thing: Any, **options: Any) -> Shown:
    """Return how a thing looks.

    Options for a Transcript: `octets=True` makes line ends, dots, NUL and base64 visible; `fold=12` is the longest
    content shown whole. Raises: TypeError for a thing that the lab does not know.
    """
    found = _how(thing)
    if found is None:
        raise TypeError(f"show knows the lab's values and lists of letters or sessions, not {type(thing).__name__}")
    module, _, name = found.rpartition(".")
    shown: Shown = getattr(import_module(f"emaillab.display.{module}"), name)(thing, **options)
    return shown


def _how(thing: Any) -> str | None:
    for kind in type(thing).__mro__:
        if (kind.__module__, kind.__qualname__) in HOW:
            return HOW[kind.__module__, kind.__qualname__]
    return list_kind(thing)


def list_kind(thing: Any) -> str | None:
    """Return how to show a list of letters or of sessions, None for any other list."""
    if not isinstance(thing, list) or not thing:
        return None
    if all(isinstance(item, bytes) and _LETTER.match(item) for item in thing):
        return "things.show_letters"
    kinds = {(type(item).__module__, type(item).__qualname__) for item in thing}
    return "things.show_sessions" if kinds == {("emaillab.net.transcript", "Transcript")} else None
