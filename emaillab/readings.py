"""What did a session do? Its units, each with its moments, and what a reader did with a letter in it.

>>> from emaillab.net.chunk import Chunk
>>> from emaillab.net.transcript import Label
>>> talk = Transcript(protocol="pop3", client="bob", server="hamburger.edu", port=110)
>>> talk.heard(Chunk("C", b"RETR 1\\r\\n", 0.0, 0.1))
>>> talk.heard(Chunk("S", b"+OK\\r\\nReturn-Path: <>\\r\\nSubject: hi\\r\\n.\\r\\n", 0.1, 0.2))
>>> talk.labelled(Label("RETR", "OK", "TRANSACTION", "TRANSACTION", "transaction", consumed=8, produced=0))
>>> [(unit.verb, unit.asked, unit.back_s) for unit in units(talk)]
[('RETR', b'RETR 1\\r\\n', 0.2)]
>>> read_by(talk, b"Subject: hi\\r\\n").fetched_s
0.2
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from emaillab.net.chunk import Side
from emaillab.net.transcript import Transcript

NEVER = float("inf")


class Unit(NamedTuple):
    """What the client asked, what the server answered, when it sent that, and when it was back at the client."""

    verb: str
    asked: bytes
    answer: bytes
    sent_s: float
    back_s: float


def units(session: Transcript) -> Iterator[Unit]:
    """Cut a session into the units that the server acted on."""
    asked, answered = session.sent_by("C"), session.sent_by("S")
    starts = [label.produced for label in session.labels[1:]] + [len(answered)]
    begin, clock = 0, _Clock(session, "S")
    for label, end in zip(session.labels, starts, strict=True):
        yield Unit(label.verb, asked[begin : label.consumed], answered[label.produced : end], *clock.at(end))
        begin = label.consumed


class _Clock:
    """Tells when an octet of one side was sent and when it arrived; asked in ascending order."""

    def __init__(self, session: Transcript, side: Side) -> None:
        self._chunks = [chunk for chunk in session.chunks if chunk.side == side]
        self._place = self._end = 0

    def at(self, end: int) -> tuple[float, float]:
        while self._place < len(self._chunks) and self._end + len(self._chunks[self._place].data) < end:
            self._end += len(self._chunks[self._place].data)
            self._place += 1
        if self._place == len(self._chunks):
            return NEVER, NEVER
        return self._chunks[self._place].sent_s, self._chunks[self._place].arrived_s


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader's session did with the letter."""

    fetched_s: float = NEVER
    deleted_s: float = NEVER
    user: str = ""  # "" when the log-in does not say it in plain words

    def reads(self, path: str) -> bool:
        """Tell whether it was the mailbox of this forward-path."""
        return not self.user or self.user.lower() in (path.lower(), path.rpartition("@")[0].lower())


def read_by(session: Transcript, raw: bytes) -> Reading:
    """Find out whether a POP3 or IMAP session fetched and deleted a letter.

    SIMPLIFIED: a letter that one session deletes without having fetched it is taken to be still there.
    """
    return (_read_by_pop3 if session.protocol == "pop3" else _read_by_imap)(session, raw)


def _place_of(raw: bytes, answer: bytes) -> int:
    """Return where a whole letter stands in an answer, or -1: below its Return-Path, and not inside a report."""
    place = answer.find(raw)
    before = answer[:place].removesuffix(b"\r\n").rpartition(b"\n")[2] if place > 0 else b""
    return place if before.startswith(b"Return-Path:") else -1


def _read_by_pop3(session: Transcript, raw: bytes) -> Reading:
    stuffed = raw.replace(b"\r\n.", b"\r\n..")
    found, number, marked = Reading(), b"", False
    for unit in units(session):
        words, good = unit.asked.split(), unit.answer.startswith(b"+OK")
        if unit.verb == "USER" and len(words) > 1:
            found = replace(found, user=words[1].decode("utf-8", "replace"))
        elif unit.verb == "RETR" and _place_of(stuffed, unit.answer) >= 0:
            found, number = replace(found, fetched_s=min(found.fetched_s, unit.back_s)), words[1]
        elif unit.verb == "DELE" and good and words[1] == number:
            marked = True
        elif unit.verb == "RSET" and good:
            marked = False
        elif unit.verb == "(update)" and good and marked:
            found = replace(found, deleted_s=unit.sent_s)
    return found


_SEQUENCE = re.compile(rb"^\* (\d+) (FETCH|EXPUNGE)([^\r\n]*)", re.MULTILINE)


def _read_by_imap(session: Transcript, raw: bytes) -> Reading:
    found, number, marked = Reading(), 0, False
    for unit in units(session):
        words = unit.asked.split()
        if unit.verb == "LOGIN" and len(words) > 2:
            found = replace(found, user=words[2].strip(b'"').decode("utf-8", "replace"))
        place = _place_of(raw, unit.answer)
        for told in _SEQUENCE.finditer(unit.answer):
            which = int(told[1])
            if told[2] == b"FETCH" and told.start() < place:
                number = which
            elif told[2] == b"FETCH" and which == number and b"FLAGS (" in told[3]:
                marked = b"\\Deleted" in told[3]
            elif told[2] == b"EXPUNGE" and which == number:
                return replace(found, deleted_s=unit.sent_s)
            elif told[2] == b"EXPUNGE" and which < number:
                number -= 1
        if unit.verb == "CLOSE" and marked and words[0] + b" OK" in unit.answer:
            return replace(found, deleted_s=unit.sent_s)
        if place >= 0:
            found = replace(found, fetched_s=min(found.fetched_s, unit.back_s))
    return found
