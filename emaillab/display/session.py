"""How does a session read on a page: who said what, in which phase, when, and what did it change?

>>> from emaillab.net.chunk import Chunk
>>> from emaillab.net.transcript import Transcript
>>> talk = Transcript(protocol="smtp", client="alice", server="crepes.fr", port=25)
>>> talk.heard(Chunk("S", b"220 <crepes.fr>\\r\\n", 0.0, 0.01))
>>> "<code>220 &lt;crepes.fr&gt;</code>" in show_session(talk).html
True
>>> print(show_session(talk, octets=True))
S: 220 <crepes.fr>⟨CRLF⟩
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from itertools import groupby

from emaillab.diagrams.ladder import Message, messages
from emaillab.diagrams.svg import clean, seconds
from emaillab.display.page import Shown, page
from emaillab.net.transcript import Line, Transcript, readable

CONTENT = {"C": ("(content)", "APPEND"), "S": ("RETR", "TOP", "FETCH", "UID FETCH")}
NAMES = {0: "NUL", 9: "TAB", 10: "LF", 13: "CR", 27: "ESC", 127: "DEL"}
LEFT = ' style="text-align:left"'  # said again for pages that take the style out

Mark = tuple[str, bool]
"""A piece of a line, and whether it is the name of an octet rather than itself."""


def show_session(transcript: Transcript, fold: int = 12, octets: bool = False) -> Shown:
    """Return how a session looks; contents of more than `fold` lines fold. Args: octets: make line ends, stuffed
    dots, NUL and every other octet that is not plain text visible, and say what base64 in a log-in says."""
    if octets:
        text = "\n".join(f"{line.side}: {''.join(_named(piece) for piece in marks(line))}" for line in transcript.lines)
    else:
        text = transcript.text(fold)
    return Shown(text, page(_table(transcript, fold, octets)))


def _table(transcript: Transcript, fold: int, octets: bool) -> str:
    bodies = []
    for number, (phase, run) in enumerate(groupby(messages(transcript), key=lambda m: m.lines[0].phase)):
        shade = " even" if number % 2 else ""
        rows = "".join(_rows(list(run), transcript.opened_s, fold, octets))
        head = f'<tr class="phase{shade}"><th scope="rowgroup" colspan="4"{LEFT}>{clean(phase) or "session"}</th></tr>'
        bodies.append(f"<tbody>{head}{rows}</tbody>")
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("side", "line", "server's state", "sent, ms"))
    return (
        f'<table class="session"><caption>{clean(heading(transcript))}</caption><thead><tr>{heads}</tr></thead>'
        f"{''.join(bodies)}</table>"
    )


def heading(transcript: Transcript) -> str:
    """Say in one line which session this is."""
    last_s = max((chunk.arrived_s for chunk in transcript.chunks), default=transcript.opened_s)
    cause = f", caused by session {transcript.cause}" if transcript.cause else ""
    return (
        f"{transcript.protocol.upper()} session {transcript.id}{cause}: {transcript.client} [{transcript.client_ip}] "
        f"to {transcript.server} [{transcript.server_ip}] port {transcript.port}; "
        f"{len(transcript.lines)} lines, {transcript.octets()} octets, {transcript.round_trips} round trips, "
        f"{seconds(last_s - transcript.opened_s)}"
    )


def _rows(run: list[Message], opened_s: float, fold: int, octets: bool) -> Iterator[str]:
    for message in run:
        lines = message.lines
        if len(lines) <= fold or lines[0].verb not in CONTENT[message.side]:
            for line in lines:
                yield _row(line, _said(line, octets), opened_s, last=line is lines[-1])
            continue
        first = 0 if message.side == "C" else 1
        for line in lines[:first]:
            yield _row(line, _said(line, octets), opened_s)
        hidden = lines[first:-1]
        size = sum(len(line.data) for line in hidden)
        body = "\n".join(_said(line, octets) for line in hidden)
        summary = f"<summary>… {len(hidden)} lines, {size} octets</summary>"
        yield _row(hidden[0], f"<details>{summary}<pre>{body}</pre></details>", opened_s, code=False)
        yield _row(lines[-1], _said(lines[-1], octets), opened_s, last=True)


def _row(line: Line, said: str, opened_s: float, *, last: bool = False, code: bool = True) -> str:
    """Return a table row; a client's last line of a unit tells the state before and after it."""
    side = "client" if line.side == "C" else "server"
    state = ""
    if last and line.side == "C":
        state = line.before if line.before == line.after else f"{line.before} → <strong>{clean(line.after)}</strong>"
    lock = ' <abbr title="inside TLS">TLS</abbr>' if line.tls else ""
    return (
        f'<tr class="{side}"><th scope="row" class="side"><abbr title="{side}">{line.side}:</abbr>{lock}</th>'
        f"<td{LEFT}>{f'<code>{said}</code>' if code else said}</td><td>{state}</td>"
        f'<td class="number">{(line.sent_s - opened_s) * 1000:,.1f}</td></tr>'
    )


# -- Octets made visible ------------------------------------------------------------------------------


def marks(line: Line) -> list[Mark]:
    """Cut a line into plain text and the names of all octets that one does not see, or that mean something."""
    data, pieces = line.data, []
    body = data.removesuffix(b"\n").removesuffix(b"\r")
    end = data[len(body) :]
    if body.startswith(b".") and line.verb in (*CONTENT["C"], *CONTENT["S"]):
        pieces.append(("." if body != b"." else "final dot", True))
        body = body[1:]
    trailing = len(body) - len(body.rstrip(b" "))
    body = body[: len(body) - trailing]
    for plain, run in groupby(body, key=lambda octet: 32 <= octet < 127):
        octets = bytes(run)
        pieces += [(octets.decode(), False)] if plain else [(NAMES.get(o, f"{o:02X}"), True) for o in octets]
    pieces += [("SP", True)] * trailing
    pieces.append(({b"\r\n": "CRLF", b"\n": "LF"}.get(end, "no line end"), True))
    secret = _log_in(line)
    return [*pieces, (f'base64 of "{secret}"', True)] if secret else pieces


def _log_in(line: Line) -> str:
    """Return what the last word of a line of a log-in says in base64; "" when it is none."""
    if line.verb not in ("AUTH", "AUTHENTICATE", "(response)"):
        return ""
    words = line.data.split()
    if not words or (line.side == "S" and words[0] not in (b"334", b"+")) or len(words[-1]) % 4:
        return ""
    if line.verb == "AUTH" and line.side == "C" and len(words) < 3 and words[0].upper() == b"AUTH":
        return ""
    try:
        return readable(base64.b64decode(words[-1], validate=True))
    except binascii.Error:
        return ""


def _named(piece: Mark) -> str:
    text, named = piece
    return f"⟨{text}⟩" if named else text


def _said(line: Line, octets: bool) -> str:
    """Return a line as HTML."""
    if not octets:
        return clean(line.text)
    return "".join(f"<mark>{clean(text)}</mark>" if named else clean(text) for text, named in marks(line))
